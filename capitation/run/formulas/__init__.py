"""The formulas of a run's published columns: words, operands and a plain-Python recomputation of each.

Every formula is a second implementation: integers, fractions and `money.split`, no frames. A test recomputes every row of
every column and compares it with the engine's, so the trace cannot drift from the numbers it explains. One file a room;
a formula enters the register when its file is imported, which this package does.
"""

from capitation.run.formulas import (
    allocation,
    care,
    chain,
    deficit,
    derived,
    given_way,
    need,
    pace,
    providers,
    rounds,
    streams,
)
from capitation.run.formulas.leaves import FORMULAS

ROOMS = (streams, need, pace, allocation, providers, derived, rounds, care, given_way, deficit, chain)

__all__ = ["FORMULAS"]
