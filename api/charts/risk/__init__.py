"""Charts of risk: how far a position may move, and what moves it."""
