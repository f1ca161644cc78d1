"""What one row of a table means: a row for its own year or place beats the general one, and two that contradict are refused.

The rule is one for all tables. Rows are never added up, and neither the first nor the last wins: where two rows say the
same thing of the same year and place, or where neither of two is the more special, the document is refused in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from capitation.errors import Faults

EVERY = "ALL"
"""Stands for every place or provider in a field that may be left general, as nothing does for a year."""


@dataclass(frozen=True)
class Meaning:
    """What a row says: its words, the fields that name what it is about, and those that may be left general."""

    words: str
    """What the row gives, such as "{staff_group} supply{in_year}"."""
    value: str
    """The field whose value the row gives first of all."""
    by: tuple[str, ...] = ()
    """Fields that name one thing each."""
    general: tuple[str, ...] = ()
    """Fields that may stand for every year (nothing) or every place or provider (ALL)."""

    def about(self, row: object) -> str:
        """What a row is about, in words."""
        said = {name: getattr(row, name) for name in (*self.by, *self.general)}
        year, provider, locality = (said.get(name) for name in ("year", "provider", "locality"))
        return self.words.format(
            in_year=" in every year" if year is None else f" in {year}",
            at_provider=" at every provider" if provider == EVERY else f" at {provider}",
            in_locality="" if locality == EVERY else f" in {locality}",
            **said,
        )

    def names(self, row: object) -> tuple[Any, ...]:
        """What the row is about as a key."""
        return tuple(getattr(row, name) for name in (*self.by, *self.general))

    def _meet(self, a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """What two rows are both about; None where they are about different things."""
        met = []
        for one, other in zip(a, b, strict=True):
            if one == other or other in (None, EVERY):
                met.append(one)
            elif one in (None, EVERY):
                met.append(other)
            else:
                return None
        return tuple(met)


def contradictions(faults: Faults, where: str, meaning: Meaning, rows: Iterable[object]) -> None:
    """A fault for every two rows that say different things, or the same thing twice, of one year and place."""
    known: dict[tuple[Any, ...], object] = {}
    for row in rows:
        key = meaning.names(row)
        if key in known:
            first, second = _difference(meaning, known[key], row)
            said = f"that two rows give {meaning.about(row)}: {first} and {second}"
            faults.add(where, said, "one row", "Remove one of the two, or give each the year or place it is for.")
        else:
            known[key] = row
    if len(meaning.general) > 1:
        for a, b in _crossing(meaning, known):
            one, other = known[a], known[b]
            said = f"that two rows give {meaning.about(one)} and {meaning.about(other)}: " + " and ".join(
                _difference(meaning, one, other)
            )
            faults.add(where, said, "one of them to be the more special", "Add a row for the year and place of both.")


def _crossing(meaning: Meaning, known: dict[tuple[Any, ...], object]) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """Rows that meet where neither is the more special, that differ, and between which no row decides."""
    by_thing: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for key in known:
        if any(part in (None, EVERY) for part in key[len(meaning.by) :]):
            by_thing.setdefault(key[: len(meaning.by)], []).append(key)
    for keys in by_thing.values():
        for a, b in combinations(keys, 2):
            met = meaning._meet(a, b)
            if met is None or met in (a, b) or met in known or _said(meaning, known[a]) == _said(meaning, known[b]):
                continue
            yield a, b


_GROUNDS = frozenset({"source", "where", "owner", "quality", "impact"})
"""Fields that say where a figure comes from and not what it is."""


def _said(meaning: Meaning, row: object) -> dict[str, Any]:
    named = {*meaning.by, *meaning.general, *_GROUNDS}
    return {name: value for name, value in dict(row).items() if name not in named}  # type: ignore[call-overload]  # a document iterates over its fields


def _difference(meaning: Meaning, one: object, other: object) -> tuple[str, str]:
    """What two rows say, as far as it differs: the value first of all."""
    a, b = _said(meaning, one), _said(meaning, other)
    if a.get(meaning.value) != b.get(meaning.value) or a == b:
        return _text(a.get(meaning.value)), _text(b.get(meaning.value))
    name = next(name for name in a if a[name] != b[name])
    return f"{name} {_text(a[name])}", _text(b[name])


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def in_each_year(dates: pl.DataFrame, given: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows of `given` with the t of each year in which they hold: a year's own row beats the row for every year."""
    dated = given.join(dates, on="year", validate="m:1", maintain_order="left").drop("year")
    every = given.filter(pl.col("year").is_null()).drop("year")
    every = every.join(dates.select("t"), how="cross", maintain_order="left_right")
    rest = every.join(dated, on=[*key, "t"], how="anti", maintain_order="left")
    return pl.concat([rest, dated.select(rest.columns)])
