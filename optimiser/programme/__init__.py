"""The linear programme: variables, rows, matrix and LP text."""
