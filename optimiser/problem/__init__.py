"""The problem as its author writes it, checked and laid out in tables."""
