"""The meetings with solvers: highspy directly, and PuLP as a face of the same matrix."""
