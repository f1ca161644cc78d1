"""The inner loop of weighing: each person's weight by class times the factor of the area, added up by practice, in whole numbers.

    sum[p, c] = sum over persons of practice p of  weight[class, c] x factor[area, c] x persons

Weights and factors are whole numbers (`formula`), so the order of adding changes nothing, and the compiled loop (numba, where
capitation[compiled] is installed) gives the same numbers as that of numpy. Sums of a chunk stay below 2^63; those of chunks are kept in
two halves (`Sums`), so the sums of a nation cannot overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, Any]

LOW_BITS = 32
"""Bits of the lower half of a sum."""

_MASK = np.int64(2**LOW_BITS - 1)
_EXACT_BITS = 52
"""Bits of a sum of whole numbers that floats add exactly."""


@dataclass
class Sums:
    """Sums by practice and component in two halves, and persons by practice; sums of sums are exact and in any order the same."""

    high: Numbers
    low: Numbers
    persons: Numbers

    @staticmethod
    def nothing(practices: int, components: int) -> Sums:
        """No person yet."""
        shape = (practices, components)
        return Sums(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(practices, np.int64))

    def add(self, sums: Numbers, persons: Numbers) -> None:
        """Add the sums of a chunk."""
        self.high += sums >> LOW_BITS
        self.low += sums & _MASK
        self.persons += persons

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.high + other.high, self.low + other.low, self.persons + other.persons)

    def whole(self) -> list[list[int]]:
        """The sums as whole numbers of any size, one list a component."""
        high, low = self.high.T.tolist(), self.low.T.tolist()
        return [[(h << LOW_BITS) + v for h, v in zip(hs, vs, strict=True)] for hs, vs in zip(high, low, strict=True)]


Kernel = Callable[[Numbers, Numbers, Numbers, "Numbers | None", Numbers, Numbers, int], tuple[Numbers, Numbers]]
"""Practice, area, class and (or each 1) count of each row, weights, factors and the number of practices; sums and persons."""


def most_rows(weights: Numbers, factors: Numbers) -> int:
    """Rows of one person each whose sum is sure to stay below 2^63."""
    largest = max(1, int(weights.max(initial=0))) * max(1, int(factors.max(initial=0)))
    return (2**63 - 1) // largest


# Reason: the columns of a row and the tables they look into are what the loop is
def with_numpy(
    practice: Numbers,
    area: Numbers,
    group: Numbers,
    count: Numbers | None,
    weights: Numbers,
    factors: Numbers,
    practices: int,
) -> tuple[Numbers, Numbers]:
    """The loop in numpy: a gather a component, and two sums by practice, each of numbers that floats add exactly."""
    sums = np.empty((practices, weights.shape[1]), dtype=np.int64)
    where, place, kind = practice.astype(np.intp), area.astype(np.intp), group.astype(np.intp)
    heads = np.bincount(where, None if count is None else count, practices).astype(np.int64)
    rows = max(1, practice.size)
    cut = max(0, _EXACT_BITS - int(rows).bit_length())
    bits = np.int64(2**cut - 1)
    same: dict[bytes, Numbers] = {}
    for c in range(weights.shape[1]):
        value = weights[:, c].take(kind)
        factor = factors[:, c]
        if bool((factor == factor[0]).all()):
            value *= factor[0]
        else:
            name = factor.tobytes()
            if name not in same:
                same[name] = factor.take(place)
            value *= same[name]
        if count is not None:
            value *= count
        low = np.bincount(where, value & bits, practices).astype(np.int64)
        value >>= cut
        high = np.bincount(where, value, practices).astype(np.int64) if value.any() else 0
        sums[:, c] = low + (high << cut)
    return sums, heads


@cache
def compiled() -> Kernel | None:
    """The compiled loop; None where numba is not installed."""
    if find_spec("numba") is None:
        return None
    import numba

    # Reason: the columns of a row and the tables they look into are what the loop is; numba types it
    @numba.njit(nogil=True, cache=True)
    def loop(practice, area, group, count, weights, factors, sums, persons):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        components = weights.shape[1]
        for i in range(practice.shape[0]):
            p, a, g = practice[i], area[i], group[i]
            n = count[i] if count.shape[0] else 1
            persons[p] += n
            for c in range(components):
                sums[p, c] += weights[g, c] * factors[a, c] * n

    # Reason: as with_numpy
    def run(
        practice: Numbers,
        area: Numbers,
        group: Numbers,
        count: Numbers | None,
        weights: Numbers,
        factors: Numbers,
        practices: int,
    ) -> tuple[Numbers, Numbers]:
        sums, persons = np.zeros((practices, weights.shape[1]), np.int64), np.zeros(practices, np.int64)
        loop(practice, area, group, _NONE if count is None else count, weights, factors, sums, persons)
        return sums, persons

    return run


_NONE = np.empty(0, np.int64)


def kernel(*, may_compile: bool = True) -> Kernel:
    """The fastest loop that is installed."""
    fast = compiled() if may_compile else None
    return with_numpy if fast is None else fast


__all__ = ["Kernel", "Sums", "compiled", "kernel", "most_rows", "with_numpy"]
