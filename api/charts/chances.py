"""Chances in words."""

from __future__ import annotations


def in_ten(chance: float) -> str:
    """A chance in words: "about 3 in 10", "about 6 in 100", "less than 1 in 100"."""
    if chance < 0.01:
        return "less than 1 in 100"
    if chance > 0.99:
        return "more than 99 in 100"
    if chance < 0.095 or chance > 0.905:
        return f"about {round(chance * 100)} in 100"
    return f"about {max(1, min(9, round(chance * 10)))} in 10"
