"""Whether a clause keeps all that contracts rely on: `check_term(YourTerm)`, in your own tests, for shipped clauses and yours.

complete      a sentence for the clause and each field, its kind, two or more worked cases with their arithmetic
cases         each gives its figures columnar and in plain Python, keeps its promises and contradicts nothing
two ways      columnar and plain Python agree on every result, on the cases and on rows around them
pieces        the exact form agrees with the clause on both sides of every bend and leap, and is of the kind it says
JSON          a clause that is written and read again is the same
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from capitation.errors import CapitationError, ContractError, Faults
from capitation.records.described import sentences
from contracts.language.pieces import worst
from contracts.language.tables import Table
from contracts.terms._base import Case, Term

FACTORS = (0.0, 0.25, 0.5, 0.99, 1.0, 1.0, 1.0, 1.01, 1.5, 2.0, -1.0)
"""What the numbers of a worked case are multiplied by to get rows around it."""

Rows = Sequence[Mapping[str, Any]]


def check_term(term: type[Term], rounds: int = 50) -> None:
    """Check a clause in every way a shipped one is checked.

    Args:
        term: the class of the clause.
        rounds: how many sets of rows around its worked cases the two ways are compared on.

    Raises:
        ContractError: everything that does not hold, each with what was found and expected.

    Example:
        `check_term(Loyalty)` in a test of the package that brings the clause.
    """
    faults = Faults()
    faults.extend(lacking_of(term))
    for case in term.cases:
        for check in (figures_of, ways_of, pieces_of, json_of):
            try:
                faults.extend(check(term, case))
            except Exception as error:  # whatever the clause raises is one of its faults
                faults.add(_where(term, case), f"{type(error).__name__}: {error}", "a clause that runs on its own case")
    if not len(faults):
        chance = random.Random(term.__name__)
        for _ in range(rounds):
            case = chance.choice(term.cases)
            faults.extend(ways_of(term, case, rows_around(built(term, case), case, chance.choice)))
    faults.raise_if_any(ContractError, f"term {name_of(term)}: it does not meet what contracts rely on")


def name_of(term: type[Term]) -> str:
    """The name of a clause in contracts."""
    return str(term.model_fields["term"].default)


def built(term: type[Term], case: Case) -> Term:
    """The clause with the fields of a worked case, its step named `result`."""
    return term.model_validate({"term": name_of(term), "step": "result", **case.fields})


def tables_of(case: Case) -> dict[str, Table]:
    """The look-up tables of a worked case."""
    return {name: Table.model_validate(table) for name, table in case.tables.items()}


def lacking_of(term: type[Term]) -> Faults:
    """What the class itself lacks: words, kind, fields, cases."""
    faults, where = Faults(), f"term {name_of(term)}"
    if len(term.cases) < 2:
        faults.add(where, f"{len(term.cases)} worked cases", "at least two")
    if len(vars(term).get("__doc__") or "") <= 40:
        faults.add(where, "no docstring, or a few words", "what the clause does, in a sentence")
    if "kind" not in vars(term):
        faults.add(where, "no kind", "its own kind: linear, convex, concave, piecewise, curved or jump")
    if term.primary not in term.model_fields:
        faults.add(where, f"no field {term.primary!r}", "the field of the amount it works on, or another `primary`")
    for field, sentence in sentences(term).items():
        if not sentence:
            faults.add(f"{where}: {field}", "no sentence", "a docstring below the field")
    for case in term.cases:
        figures = [x for values in case.expected.values() for x in values]
        if not case.arithmetic or not all(not isinstance(x, float) or math.isfinite(x) for x in figures):
            faults.add(_where(term, case), "no arithmetic, or figures that are not finite", "how to redo it by hand")
    return faults


def figures_of(term: type[Term], case: Case) -> Faults:
    """What differs from the figures of a worked case, either way, and what the clause itself refuses."""
    faults, where = Faults(), _where(term, case)
    one, tables = built(term, case), tables_of(case)
    one.check(faults, where, tables)
    before = pl.DataFrame(list(case.rows), infer_schema_length=None)
    for words, holds in one.before_use(tables).items():
        if not before.select(holds.fill_null(False).all()).item():
            faults.add(where, f"rows it does not work on: {words}", "rows of a worked case that it works on")
            return faults
    frame = one.apply(before, tables)
    rows = one.reference_rows([dict(row) for row in case.rows], tables)
    for part, expected in case.expected.items():
        name = "result" if part == "" else f"result.{part}"
        if name not in one.outputs():
            faults.add(where, f"no result {name!r}", f"one of {', '.join(one.outputs())}")
            continue
        _compare(faults, f"{where}, {name} columnar", frame.get_column(name).to_list(), expected)
        _compare(faults, f"{where}, {name} row by row", [row.get(name) for row in rows], expected)
    for words, holds in one.promises(tables).items():
        if not frame.select(holds.fill_null(False).all()).item():
            faults.add(where, f"a broken promise: {words}", "promises that hold on a worked case")
    if not one.formula().startswith("result"):
        faults.add(where, repr(one.formula())[:60], "a formula that begins with the name of the step")
    return faults


def ways_of(term: type[Term], case: Case, rows: Rows | None = None) -> Faults:
    """Where columnar and plain Python differ, on the rows of a case or on others; rows that a settlement refuses are left."""
    faults = Faults()
    one, tables = built(term, case), tables_of(case)
    given = list(case.rows if rows is None else rows)
    before = pl.DataFrame(given, infer_schema_length=None)
    if rows is not None and not _holds(before, one.before_use(tables)):
        return faults  # a settlement refuses them before the clause works on them
    try:
        frame = one.apply(before, tables)
    except CapitationError:
        if rows is None:
            raise
        return faults  # two totals in one group, or a key twice: refused, so not compared
    if rows is not None and not _kept(one, frame, tables):
        return faults
    plain = one.reference_rows([dict(row) for row in given], tables)
    close = (1e-12, 1e-9) if rows is None else (1e-9, 1e-6)
    for name in one.outputs():
        where = f"{_where(term, case)}, {name} row by row, rows {given!r}"
        _compare(faults, where, [row[name] for row in plain], frame.get_column(name).to_list(), *close)
    return faults


def rows_around(one: Term, case: Case, choose: Callable[[Sequence[float]], float]) -> list[dict[str, Any]]:
    """Rows like those of a worked case, each number times a factor that `choose` takes from `FACTORS`."""
    if one.runs_across_rows():
        # What is the same on every row of a group stays so: each column moves as a whole.
        moved = {name: choose(FACTORS) for row in case.rows for name in row}
        return [{k: v * moved[k] if isinstance(v, float) else v for k, v in row.items()} for row in case.rows]
    return [{k: v * choose(FACTORS) if isinstance(v, float) else v for k, v in row.items()} for row in case.rows]


def pieces_of(term: type[Term], case: Case) -> Faults:
    """Where the exact form of a worked case differs from the clause around its bends and leaps, or is harder than its kind."""
    faults, where = Faults(), _where(term, case)
    one, tables = built(term, case), tables_of(case)
    if (one.pieces(dict(case.rows[0]), tables) is not None) != term.univariate and case is term.cases[0]:
        expected = "pieces, as it is univariate" if term.univariate else "none, as it is not univariate"
        faults.add(where, "no pieces" if term.univariate else "pieces", expected)
    primary = one.before()
    if primary is None:
        return faults
    for row in case.rows:
        pieces = one.pieces(dict(row), tables)
        if pieces is None:
            continue
        points = sorted(_around(pieces.breakpoints, float(row[primary] or 0), _lowest(one, tables)))
        many = pl.DataFrame([{**row, primary: x} for x in points], infer_schema_length=None)
        found = one.apply(many, tables).get_column("result").to_list()
        size = _size(pieces.breakpoints, float(row[primary] or 0))
        _compare(faults, f"{where}, pieces at {points}", [pieces.at(x) for x in points], found, 1e-9, 1e-9 * size)
        if worst([one.kind, pieces.kind]) != one.kind and one.kind != "jump":
            faults.add(where, f"pieces of kind {pieces.kind}", f"{one.kind}, as the clause says, or an easier one")
    return faults


def json_of(term: type[Term], case: Case) -> Faults:
    """What a clause loses when it is written as JSON and read again."""
    faults, one = Faults(), built(term, case)
    again = term.model_validate_json(json.dumps(one.model_dump(mode="json", by_alias=True)))
    if again != one or list(again.references()) != list(one.references()):
        faults.add(f"{_where(term, case)}, read again from JSON", repr(again), repr(one))
    return faults


def _where(term: type[Term], case: Case) -> str:
    return f"term {name_of(term)}, case {case.name!r}"


def _kept(one: Term, frame: pl.DataFrame, tables: dict[str, Table]) -> bool:
    return _holds(frame, one.promises(tables))


def _holds(frame: pl.DataFrame, tests: Mapping[str, pl.Expr]) -> bool:
    return all(frame.select(holds.fill_null(False).all()).item() for holds in tests.values())


def _compare(
    faults: Faults, where: str, found: Sequence[Any], expected: Sequence[Any], rel: float = 1e-12, least: float = 1e-9
) -> None:
    if len(found) != len(expected):
        faults.add(where, f"{len(found)} rows", f"{len(expected)}")
        return
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        same = a is b is None if a is None or b is None else math.isclose(a, b, rel_tol=rel, abs_tol=least)
        if not same:
            faults.add(f"{where}: row {i + 1}", str(a), str(b))


def _size(bends: Sequence[float], own: float) -> float:
    return max([abs(b) for b in bends] + [abs(own), 1.0])


def _around(bends: Sequence[float], own: float, lowest: float) -> Iterator[float]:
    size = _size(bends, own)
    points = {-2 * size, -size, 0.0, size, 2 * size}
    for at in bends:
        points |= {at, at - 1e-6 * size, at + 1e-6 * size, at - 0.01 * size, at + 0.01 * size}
    return (point for point in points if point >= lowest)


def _lowest(one: Term, tables: Mapping[str, Table]) -> float:
    """The lowest amount a clause is defined for: the first band of the table it looks up, if it does."""
    bands = [table.lines()[0][0] for table in tables.values() if table.kind == "bands"]
    return bands[0] if bands and "table" in type(one).model_fields else -math.inf


__all__ = [
    "built",
    "check_term",
    "figures_of",
    "json_of",
    "lacking_of",
    "pieces_of",
    "rows_around",
    "tables_of",
    "ways_of",
]
