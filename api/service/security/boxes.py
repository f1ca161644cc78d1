"""The box beside a small part: two areas, two lines and two providers, of whose eight parts it is one and the other seven are large.

Add one to the small part and take one from each of the three that differ from it in one thing only, and so on by turns round the box: no
total over areas, lines or providers moves, nor what anybody is paid in all at the same price. So whoever sees everything but the eight parts,
in however many results, finds every small number possible. The box of a part depends on which parts are large and on nothing else: not on
what else is small. What several results leave out, each for parts of its own, therefore never gives away a part that all of them leave out.

Where a table is too bare for a box, a chain of other parts does the same: the first large ones, by code, that can move with the small part such
that no total moves (`Chains`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Part = tuple[str, ...]

_AXES = ("locality_code", "line", "provider_code")


@dataclass
class Boxes:
    """What is left out for small parts.

    Args:
        parts: locality, line and provider, the small ones and those beside them.
        cells: commissioner, line and provider of parts whose box has two commissioners, so that what these buy moves with it.
        boxed: small parts that have a box.
        bare: small parts that have none.
        ends: organisations whose whole money moves with a small part, since nobody else buys, or sells, its line.
    """

    parts: set[Part] = field(default_factory=set)
    cells: set[Part] = field(default_factory=set)
    boxed: set[Part] = field(default_factory=set)
    bare: set[Part] = field(default_factory=set)
    ends: set[str] = field(default_factory=set)


def boxes(parts: pl.DataFrame, wanted: pl.Series, smallest_shown: int) -> Boxes:
    """The first box, by code, of each part that is wanted; one of two localities of the same commissioner before all others.

    Args:
        parts: commissioner_code, locality_code, line, provider_code, `low` (the smallest number, 0 among them) and `bought` (the smallest
            number other than 0 that the commissioner buys of the line from the provider).
        wanted: which parts are small.
        smallest_shown: the smallest number other than 0 that is shown.

    Example:
        Of 3 in one line of a locality at a provider, and 900 in all other lines, localities and providers, eight are left out.
    """
    found = Boxes()
    if not wanted.any():
        return found
    codes = [sorted(parts.get_column(name).unique()) for name in _AXES]
    number = [{code: at for at, code in enumerate(each)} for each in codes]
    payer = dict(parts.select("locality_code", "commissioner_code").iter_rows())
    large = np.zeros([len(each) for each in codes], dtype=bool)
    among_large = large.copy()
    rows = list(parts.select(*_AXES, "low", "bought").iter_rows())
    for *key, low, bought in rows:
        large[_at(number, key)] = low >= smallest_shown
        among_large[_at(number, key)] = low > 0 and bought >= smallest_shown
    payers = np.array([payer[code] or "" for code in codes[0]])
    for (*key, _, bought), is_wanted in zip(rows, wanted, strict=True):
        if not is_wanted:
            continue
        here = _at(number, key)
        own = payers == payers[here[0]]
        where = [~own] if bought < smallest_shown else [own, ~own]
        tries = (_ways(large, other, here) & only[:, None, None] for only in where for other in (large, among_large))
        chosen = next((first for ways in tries if (first := _first(ways)) is not None), None)
        found.parts.add(tuple(key))
        if chosen is None:
            found.bare.add(tuple(key))
            continue
        found.boxed.add(tuple(key))
        corners = [
            (codes[0][place], codes[1][line], codes[2][provider])
            for place in (here[0], chosen[0])
            for line in (here[1], chosen[1])
            for provider in (here[2], chosen[2])
        ]
        found.parts.update(corners)
        if not own[chosen[0]]:
            found.cells.update((payer[place], line, provider) for place, line, provider in corners)
    return found


def _at(number: list[dict[str, int]], key: list[str]) -> tuple[int, int, int]:
    place, line, provider = (each[code] for each, code in zip(number, key, strict=True))
    return place, line, provider


def _ways(large: NDArray[np.bool_], other: NDArray[np.bool_], here: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The corners opposite to a part, such that all seven others of the box are large; in another locality, one of a large sum will do."""
    place, line, provider = here
    ways = (
        large
        & other[:, line, provider][:, None, None]
        & large[place, :, provider][None, :, None]
        & large[place, line, :][None, None, :]
        & large[:, :, provider][:, :, None]
        & large[:, line, :][:, None, :]
        & large[place, :, :][None, :, :]
    )
    ways[place, :, :] = ways[:, line, :] = ways[:, :, provider] = False
    return ways


def _first(ways: NDArray[np.bool_]) -> tuple[int, int, int] | None:
    if not ways.any():
        return None
    place, line, provider = np.unravel_index(int(ways.argmax()), ways.shape)
    return int(place), int(line), int(provider)


TINY = 1e-7
"""What is no larger is nothing, in the solution of totals of ones."""

_PAYER, _PLACE, _LINE, _PROVIDER = range(4)

_WHOLE = {(_PAYER, _LINE), (_PLACE, _LINE), (_LINE, _PROVIDER)}
"""Totals that stand in tables also where they have one part; those of a provider, and of the small part, are left out then."""


@dataclass(frozen=True)
class Totals:
    """Totals that somebody may know of parts.

    Args:
        columns: one row a total and one column a part, 1 where the one has the other.
        single: totals of one part: their row, the part, and the organisation whose money moves with it, empty where none does.
    """

    columns: NDArray[np.float64]
    single: list[tuple[int, int, str]]


class Chains:
    """Parts that can move with a small one such that no total moves.

    Args:
        parts: commissioner, locality, line and provider of each part that is not 0.
        large: which of them are large in every year.
    """

    def __init__(self, parts: Sequence[Part], large: Sequence[bool]) -> None:
        self.parts, self._large = parts, large
        self._known: dict[tuple[int, bool], Totals] = {}

    def beside(self, at: int, *, is_bought_small: bool) -> tuple[set[int], set[str]] | None:
        """The parts that move with a small one, itself among them, and organisations whose whole money moves all the same.

        Args:
            at: the small one.
            is_bought_small: whether what the commissioner buys of the line from the provider is small, too, so that it is left out.

        Returns:
            None where every other part is fixed by the totals.
        """
        own = [each for each, part in enumerate(self.parts) if part[_PAYER] == self.parts[at][_PAYER]]
        every = list(range(len(self.parts)))
        tries = [(0, own), (0, every)] if not is_bought_small and len(own) < len(every) else [(0, every)]
        for least, among in [*tries, (1, every), (2, every)]:
            found = self._moving(at, among, self._totals(least, is_bought_small=is_bought_small))
            if found is not None:
                return found
        return None

    def _totals(self, least: int, *, is_bought_small: bool) -> Totals:
        if (least, is_bought_small) not in self._known:
            self._known[least, is_bought_small] = _totals(
                self.parts, _ways_known(least, is_bought_small=is_bought_small)
            )
        return self._known[least, is_bought_small]

    def _moving(self, at: int, among: Sequence[int], totals: Totals) -> tuple[set[int], set[str]] | None:
        here = self.parts[at]
        order = sorted(
            (each for each in among if each != at),
            key=lambda each: (
                not self._large[each],
                sum(a != b for a, b in zip(self.parts[each], here, strict=True)),
                self.parts[each],
            ),
        )
        free = [(row, end) for row, part, end in totals.single if end or part == at]
        columns = np.concatenate([totals.columns[:, [*order, at]], np.zeros((len(totals.columns), len(free)))], axis=1)
        for number, (row, _) in enumerate(free):
            columns[row, len(order) + 1 + number] = 1.0
        columns = columns[np.abs(columns).any(axis=1)]
        used = _first_sum(np.delete(columns, len(order), axis=1), columns[:, len(order)])
        if used is None:
            return None
        ends = {free[each - len(order)][1] for each in used if each >= len(order)} - {""}
        return {at, *(order[each] for each in used if each < len(order))}, ends


def _ways_known(least: int, *, is_bought_small: bool) -> Iterable[tuple[int, ...]]:
    """Totals that somebody may know: all (0); without those of two organisations, which are left out as payments are (1); the least (2)."""
    for size in range(4):
        for way in combinations(range(4), size):
            both = _PROVIDER in way and (_PAYER in way or _PLACE in way)
            if is_bought_small and way in {(_PAYER, _LINE, _PROVIDER), (_PLACE, _LINE, _PROVIDER)}:
                continue
            if least == 0 or (not both and (_LINE in way or least == 1)):
                yield way


def _totals(parts: Sequence[Part], known: Iterable[tuple[int, ...]]) -> Totals:
    groups: dict[tuple[int, ...], None] = {}
    singles: dict[tuple[int, str], None] = {}
    for way in known:
        found: dict[tuple[str, ...], list[int]] = {}
        for number, part in enumerate(parts):
            found.setdefault(tuple(part[axis] for axis in way), []).append(number)
        for key, members in found.items():
            if len(members) > 1:
                groups[tuple(members)] = None
            elif way in _WHOLE:
                singles[members[0], key[1] if way == (_LINE, _PROVIDER) else ""] = None
    columns = np.zeros((len(groups) + len(singles), len(parts)))
    for row, every in enumerate(groups):
        columns[row, list(every)] = 1.0
    for row, (one, _) in enumerate(singles, len(groups)):
        columns[row, one] = 1.0
    return Totals(columns, [(row, part, end) for row, (part, end) in enumerate(singles, len(groups))])


def _first_sum(columns: NDArray[np.float64], wanted: NDArray[np.float64]) -> list[int] | None:
    """The first columns, in order, of which another is a sum with weights; None where there are none."""
    rest, most = wanted.copy(), min(columns.shape)
    basis, chosen = np.zeros((columns.shape[0], most)), list[int]()
    for each in range(columns.shape[1]):
        if float(np.abs(rest).max(initial=0.0)) <= TINY:
            break
        if len(chosen) == most:
            return None
        known, new = basis[:, : len(chosen)], columns[:, each].copy()
        for _ in range(2):
            new -= known @ (known.T @ new)
        size = float(np.linalg.norm(new))
        if size > TINY:
            basis[:, len(chosen)] = new / size
            rest -= basis[:, len(chosen)] * (basis[:, len(chosen)] @ rest)
            chosen.append(each)
    if float(np.abs(rest).max(initial=0.0)) > TINY:
        return None
    known = basis[:, : len(chosen)]
    weights = np.linalg.solve(known.T @ columns[:, chosen], known.T @ wanted) if chosen else np.zeros(0)
    return [each for each, weight in zip(chosen, weights, strict=True) if abs(weight) > TINY]
