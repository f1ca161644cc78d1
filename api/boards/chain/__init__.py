"""The chain from the opening deficit to each position, as tables and as a picture."""
