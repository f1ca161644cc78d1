"""Risk for a board: how likely each party misses its total, what terms it can bear, and the pictures of both."""
