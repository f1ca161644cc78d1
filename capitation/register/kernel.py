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
import polars as pl

Numbers = np.ndarray[Any, Any]

LOW_BITS = 32
"""Bits of the lower half of a sum."""

_MASK = np.int64(2**LOW_BITS - 1)


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
    """The loop in columns: a gather a component in numpy, and one grouped sum of whole numbers in polars; a slice at a time."""
    sums, heads = np.zeros((practices, weights.shape[1]), np.int64), np.zeros(practices, np.int64)
    of_class, of_area = (np.ascontiguousarray(table.T, dtype=np.int64) for table in (weights, factors))
    is_plain = [bool((row == row[:1]).all()) for row in of_area]
    for first in range(0, practice.size, SLICE):
        rows = slice(first, first + SLICE)
        place, kind = area[rows].astype(np.intp), group[rows].astype(np.intp)
        columns: dict[str, Numbers] = {"p": practice[rows]}
        for c, (mine, factor) in enumerate(zip(of_class, of_area, strict=True)):
            value = mine.take(kind)
            value *= factor[0] if is_plain[c] else factor.take(place)
            if count is not None:
                value *= count[rows]
            columns[str(c)] = value
        if count is not None:
            columns["n"] = count[rows]
        persons = pl.len().cast(pl.Int64) if count is None else pl.col("n").sum()
        found = pl.DataFrame(columns).group_by("p").agg(pl.all().exclude("n").sum(), persons.alias("n"))
        at = found["p"].to_numpy()
        heads[at] += found["n"].to_numpy()
        sums[at] += found.drop("p", "n").to_numpy()
    return sums, heads


SLICE = 131_072
"""Rows of a slice, whose columns stay in the processor's cache."""

_FITS = 2**32


@cache
def compiled() -> Kernel | None:
    """The compiled loop; None where numba is not installed."""
    if find_spec("numba") is None:
        return None

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
        is_small = int(weights.max(initial=0)) < _FITS and int(factors.max(initial=0)) < _FITS
        kind = np.uint32 if is_small else np.uint64  # half the width is half the memory to look into
        sums, persons = np.zeros((practices, weights.shape[1]), np.uint64), np.zeros(practices, np.int64)
        tables = (np.ascontiguousarray(weights, dtype=kind), np.ascontiguousarray(factors, dtype=kind))
        if count is None:
            _persons_loop(weights.shape[1])(practice, area, group, *tables, sums, persons)
        else:
            _cells_loop(weights.shape[1])(practice, area, group, count, *tables, sums, persons)
        return sums.view(np.int64), persons

    return run


@cache
def _persons_loop(components: int) -> Callable[..., None]:
    """The loop over persons for a number of components, which the compiler then knows."""
    import numba

    # Reason: the columns of a row and the tables they look into are what the loop is; numba types it
    @numba.njit(nogil=True, cache=True)
    def loop(practice, area, group, weights, factors, sums, persons):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        for i in range(practice.shape[0]):
            p, a, g = practice[i], area[i], group[i]
            persons[p] += 1
            for c in range(components):
                sums[p, c] += np.uint64(weights[g, c]) * np.uint64(factors[a, c])

    return loop


@cache
def _cells_loop(components: int) -> Callable[..., None]:
    """The loop over cells, each of some persons."""
    import numba

    # Reason: as above
    @numba.njit(nogil=True, cache=True)
    def loop(practice, area, group, count, weights, factors, sums, persons):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        for i in range(practice.shape[0]):
            p, a, g = practice[i], area[i], group[i]
            persons[p] += count[i]
            for c in range(components):
                sums[p, c] += np.uint64(weights[g, c]) * np.uint64(factors[a, c]) * np.uint64(count[i])

    return loop


@cache
def _classes_loop() -> Callable[..., None] | None:
    if find_spec("numba") is None:
        return None
    import numba

    @numba.njit(nogil=True, cache=True)
    def loop(age, sex, flags, bands, masks, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        for i in range(age.shape[0]):
            out[i] = bands[age[i]] + (np.int64(sex[i]) - 1) * masks + flags[i]

    return loop


def classes(age: Numbers, sex: Numbers, flags: Numbers, bands: Numbers, masks: int) -> Numbers:
    """The class of each person: that of the age's band, then the sex (1 or 2), then the flags."""
    out = np.empty(age.size, np.int32)
    loop = _classes_loop()
    if loop is not None:
        loop(age, sex, flags, bands, masks, out)
        return out
    np.take(bands, age, out=out)
    out += (sex.astype(np.int32) - 1) * np.int32(masks)
    out += flags.astype(np.int32)
    return out


def kernel(*, may_compile: bool = True) -> Kernel:
    """The fastest loop that is installed."""
    fast = compiled() if may_compile else None
    return with_numpy if fast is None else fast


__all__ = ["Kernel", "Sums", "classes", "compiled", "kernel", "most_rows", "with_numpy"]
