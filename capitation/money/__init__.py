"""Whole pence: reading and printing them, rounding them, and sharing them so that parts add to the whole."""
