"""Known or refused: a clause has a result on the rows on which every value it uses is known, and on no other.

An empty cell of an input that is not required goes through the clauses as a missing value: what rests on it is missing
too, never 0 and never without a limit. A row whose output is missing is refused by the line and the column of the empty
cell (`contracts/settlement/checks.py`). What an empty cell means is declared by the contract alone: `default` for a value,
`fails_where_empty` for conditions, `optional` for a limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from contracts.document.models import Contract
from contracts.language.condition import names_in
from contracts.terms._base import Row, Term


def meaningful(contract: Contract) -> frozenset[str]:
    """Inputs whose empty cell has a meaning in conditions: a comparison with it does not hold."""
    return frozenset(each.name for each in contract.inputs if each.fails_where_empty)


def empty_in(frame: pl.DataFrame) -> frozenset[str]:
    """Columns that have a missing value on some row."""
    return frozenset(name for name in frame.columns if frame.get_column(name).null_count())


def asked(term: Term) -> frozenset[str]:
    """Names that the conditions of a clause ask about."""
    return frozenset(name for _, text in term.conditions() for name in names_in(text))


def rests_on(term: Term) -> frozenset[str]:
    """Every name that a clause may use on some row."""
    return frozenset(name for _, name, _ in term.references())


def known_rows(term: Term, empty: frozenset[str], fails_where_empty: frozenset[str]) -> pl.Expr | None:
    """True on rows on which the clause has all that it needs (over rows: on which its whole group has); None for all rows."""
    tests = [pl.col(name).is_not_null() for name in term.needs() if name in empty]
    if (asked(term) & empty) - fails_where_empty:
        undecided = term.undecided(fails_where_empty)
        if undecided is not None:
            tests.append(~undecided)
    if not tests:
        return None
    known = pl.all_horizontal(tests)
    if not term.runs_across_rows():
        return known
    group = group_of(term)
    return known.all().over(group) if group else known.all()


def group_of(term: Term) -> list[str]:
    """The columns within whose values a clause over rows works."""
    return [str(name) for name in getattr(term, "within", None) or ()]


def reference_results(
    term: Term, rows: Sequence[Row], tables: Mapping[str, Any], fails_where_empty: frozenset[str]
) -> list[dict[str, float | None]]:
    """A clause on many rows in plain Python, under the same rule."""
    needs = term.needs()
    lacks = [any(_missing(row[name]) for name in needs) or term.undecided_on(row, fails_where_empty) for row in rows]
    if term.runs_across_rows() and any(lacks):
        group = group_of(term)
        spoilt = {tuple(row[name] for name in group) for row, lack in zip(rows, lacks, strict=True) if lack}
        lacks = [tuple(row[name] for name in group) in spoilt for row in rows]
    done = iter(term.reference_rows([row for row, lack in zip(rows, lacks, strict=True) if not lack], tables))
    nothing: dict[str, float | None] = dict.fromkeys(term.outputs())
    return [nothing if lack else {name: _known(x) for name, x in next(done).items()} for lack in lacks]


def _missing(value: Any) -> bool:  # noqa: ANN401  # a cell
    return value is None or (isinstance(value, float) and math.isnan(value))


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


__all__ = ["asked", "empty_in", "group_of", "known_rows", "meaningful", "reference_results", "rests_on"]
