"""Charts of channel shift: what moves, what it costs, and what more of one goal costs of another."""
