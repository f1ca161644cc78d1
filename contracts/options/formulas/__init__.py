"""The formulas of a comparison's columns: words, operands and, where it follows from other figures, a recomputation in plain Python."""

from contracts.options.formulas.columns import FORMULAS

__all__ = ["FORMULAS"]
