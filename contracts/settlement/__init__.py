"""Rows in, steps, checks and rounded results out, columnar and row by row."""
