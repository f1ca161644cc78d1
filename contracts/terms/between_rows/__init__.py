"""Clauses that look across rows: sums, shares and pools."""
