"""The formulas of a comparison's columns: words, operands and, where it follows from other figures, a recomputation in plain Python."""

from contracts.options.formulas import bodies
from contracts.options.formulas.on_run import FORMULAS, Traceable, joined

__all__ = ["FORMULAS", "Traceable", "bodies", "joined"]
