"""Charts of places: who stands how far from a fair share, and where."""
