"""Answers to a problem: the mix, its prices, its explanation, and what must give where there is none."""
