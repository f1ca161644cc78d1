"""Chances in words."""

from __future__ import annotations


def in_ten(chance: float) -> str:
    """A chance in words: "about 3 in 10", "less than 1 in 100", "almost certain"."""
    if chance < 0.01:
        return "less than 1 in 100"
    if chance > 0.99:
        return "more than 99 in 100"
    if chance < 0.05 or chance > 0.95:
        return f"about {round(chance * 100)} in 100"
    return f"about {max(1, min(9, round(chance * 10)))} in 10"
