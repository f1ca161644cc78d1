"""Risk: what draws of a year's spend do to the positions of all parties, through the very clauses that settle an outturn."""
