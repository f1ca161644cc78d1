"""Clauses that bound, band or gate an amount."""
