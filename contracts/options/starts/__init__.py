"""When an option begins: what holds before it, how it is settled over both, and its shadow year."""
