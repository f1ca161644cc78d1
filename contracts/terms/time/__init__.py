"""Clauses that look at periods and at the period before."""
