"""Documents to begin from."""
