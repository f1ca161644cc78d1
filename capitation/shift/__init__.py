"""Channel shift: what a solution avoids, moves, costs and saves."""
