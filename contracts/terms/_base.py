"""What every term of a contract provides: fields, two ways to its value, its exact pieces, words and worked cases.

A term is one clause. It reads amounts that have been named before it (inputs, parameters, earlier steps) and names
its own result with `step`. A term that gives several results names the others `step.part`, such as `layer.net`.

    evaluate    the value of many rows at once, as polars expressions
    reference   the same on one row in plain Python; tests compare the two
    pieces      the exact piecewise-linear form in the amount it works on, for the optimiser
    formula     the clause in words and symbols, as it could stand in a contract
    cases       worked cases with their arithmetic; tests run them all
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, Field

from capitation.errors import Faults
from capitation.records.documents import Document
from contracts.language.condition import ConditionText, names_in, undecided, undecided_on
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables

NAME = r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)?$"
"""How names are written: small letters, digits and underscores; a part of a step, or a party, follows a full stop."""

Row = Mapping[str, Any]
"""One row's named values in plain Python: numbers as float, texts as str, dates as date."""

Mark = Literal["published", "read", "unverified"]


class Name(str):
    """A text that refers to a named number: an input, a parameter or an earlier step."""

    __slots__ = ()


class ColumnName(str):
    """A text that refers to a column by which rows are grouped or ordered."""

    __slots__ = ()


class DateName(str):
    """A text that refers to a date of each row."""

    __slots__ = ()


Amount = Decimal | Annotated[str, Field(pattern=NAME), AfterValidator(Name)]
"""What a term works on: a number written in the contract, or the name of one."""

KeyColumn = Annotated[str, Field(pattern=NAME), AfterValidator(ColumnName)]
"""The name of an input that groups or orders rows."""

DateColumn = Annotated[str, Field(pattern=NAME), AfterValidator(DateName)]
"""The name of a date of each row."""

Needs = Literal["number", "date", "any"]
"""What kind of value a reference needs."""

Side = Literal["gains", "losses", "both"]
"""The amounts a clause works on: above 0, below 0, or all."""


@dataclass(frozen=True)
class Case:
    """A worked case of a term: a sentence, its fields, rows in, results out, and the arithmetic in a line.

    Args:
        name: what the case shows.
        fields: the term's fields as a contract would give them (without `term` and `step`).
        rows: named values, one mapping a row.
        expected: result by output name ("" is the step itself, others are parts), one value a row.
        arithmetic: how to redo it by hand.
    """

    name: str
    fields: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    expected: Mapping[str, Sequence[float]]
    arithmetic: str
    tables: Mapping[str, Any] = field(default_factory=dict)


class Term(Document):
    """One clause of a contract: what it works on, what it gives, where it is written."""

    kind: ClassVar[Kind]
    """Hardest kind the clause can take as a function of the amount it works on."""
    primary: ClassVar[str] = "amount"
    """The field that holds the amount the clause works on; the others are its terms."""
    univariate: ClassVar[bool] = True
    """True where the clause is a function of one amount once its other terms are known, so that it has pieces."""
    cases: ClassVar[tuple[Case, ...]] = ()
    """Worked cases."""

    parts_of_one: ClassVar[tuple[str, ...]] = ()
    """Fields that are a part of something: from 0 to 1 wherever they stand."""

    term: str
    """Which clause this is: the name of a file of contracts/terms."""
    step: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the result; later steps and outputs refer to it."""
    about: str = ""
    """What the step does in this contract, in a sentence."""
    clause: str = ""
    """The clause, schedule or regulation that says so."""
    source: str = ""
    """The document in which the clause was read."""
    status: Mark | None = None
    """How sure we are: "published" checked against published figures, "read" in the cited text, "unverified"."""

    def runs_across_rows(self) -> bool:
        """True where one row's result depends on other rows, so that rows are put in key order first."""
        return False

    def parts(self) -> tuple[str, ...]:
        """Names of further results, such as ("net",) for `step.net`."""
        return ()

    def outputs(self) -> tuple[str, ...]:
        """Full names of all results, the step itself first."""
        return (self.step, *(f"{self.step}.{part}" for part in self.parts()))

    def parties(self) -> tuple[str, ...]:
        """Codes of the parties that the clause names."""
        return ()

    def may_be_idle(self) -> bool:
        """True for a clause that limits or corrects an amount, so that one which changed no row is worth reporting."""
        return False

    def before(self) -> str | None:
        """Name of the amount the clause changes, where it works on a named one."""
        value = getattr(self, self.primary, None)
        return str(value) if isinstance(value, Name) else None

    def references(self) -> Iterator[tuple[str, str, Needs]]:
        """Each name the term refers to: its place in the term, the name, and what kind of value it must be."""
        yield from _references(self, "")

    def conditions(self) -> Iterator[tuple[str, str]]:
        """Each condition of the term, with its place in the term."""
        yield from _conditions(self, "")

    def needs(self) -> tuple[str, ...]:
        """Names without whose value a row has no result; the names of conditions are asked for by `undecided`.

        All that the clause refers to, unless it says otherwise: one that works on one of several names, such as the
        branch that is chosen, or that gives a missing value a meaning, names the others only.
        """
        conditions = {place for place, _ in self.conditions()}
        return tuple(dict.fromkeys(name for place, name, _ in self.references() if place not in conditions))

    def undecided(self, fails_where_empty: frozenset[str]) -> pl.Expr | None:
        """True on rows on which a missing value leaves a condition open; None for a clause without conditions."""
        open_ = [undecided(text, fails_where_empty) for _, text in self.conditions()]
        return pl.any_horizontal(open_) if open_ else None

    def undecided_on(self, row: Row, fails_where_empty: frozenset[str]) -> bool:
        """The same on one row in plain Python."""
        return any(undecided_on(text, row, fails_where_empty) for _, text in self.conditions())

    def can_lack(self) -> bool:
        """True where a row may have no result though all that it refers to is known, such as a label without an entry."""
        return False

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        """What must hold of a row before the clause can work on it at all, in words; the clause is not run on others."""
        return {}

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        """Add a fault for each contradiction that can be seen without rows."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Results by full name, as expressions over the names before this step."""
        raise NotImplementedError

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with the results as further columns; only a term that needs exact sharing over rows overrides it."""
        return frame.with_columns(**self.evaluate(tables))

    def works_on_frames(self) -> bool:
        """True where the clause cannot be written as expressions over a row and its group, so that `apply` is its own."""
        return type(self).apply is not Term.apply

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        """Results by full name on one row, in plain Python."""
        raise NotImplementedError

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        """Results on many rows in plain Python; a term that works across rows overrides it."""
        return [self.reference(row, tables) for row in rows]

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        """What must hold on every row, in words, each with an expression that is true where it does."""
        return {}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """The clause as an exact piecewise-linear function of its amount, other names taking the values `at`.

        None where the clause is not a function of one amount.
        """
        return None

    def formula(self) -> str:
        """The clause in words and symbols, as it could be pasted into a contract."""
        raise NotImplementedError


def value(amount: Amount) -> pl.Expr:
    """An amount as an expression: a literal, or the column of its name."""
    return pl.col(str(amount)) if isinstance(amount, Name) else pl.lit(float(amount))


def number(amount: Amount, row: Row) -> float:
    """An amount on one row; not-a-number where the row has none."""
    if isinstance(amount, Name):
        found = row[amount]
        return math.nan if found is None else float(found)
    return float(amount)


def said(amount: Amount) -> str:
    """An amount as it reads in a formula."""
    return str(amount) if isinstance(amount, Name) else f"{Decimal(amount).normalize():f}"


def literal(amount: Amount | None) -> float | None:
    """The number written in the contract, or None where it is a name."""
    return None if amount is None or isinstance(amount, Name) else float(amount)


def check_part(faults: Faults, place: str, amount: Amount | None, low: float = 0.0, high: float = 1.0) -> None:
    """Add a fault where a number written in the contract is no part of something, such as 60 for 60 per cent."""
    written = literal(amount)
    if written is not None and not low <= written <= high:
        remedy = f"{written:g} per cent is written as {written / 100:g}." if 1.5 < abs(written) <= 100.0 else ""
        faults.add(place, f"{written:g}", f"a fraction from {low:g} to {high:g}", remedy)


def check_times(faults: Faults, place: str, amount: Amount | None, of: Amount | None = None) -> None:
    """Add a fault where a number by which something is multiplied looks like a percentage written as a number.

    Args:
        faults: where faults are gathered.
        place: where the number stands.
        amount: the number, or a name.
        of: what it is a part of; a part of 1 is an amount itself, and can be any number.
    """
    written = literal(amount)
    if written is None or (of is not None and literal(of) is not None):
        return
    if _PERCENTAGES[0] < abs(written) <= _PERCENTAGES[1]:
        faults.add(
            place,
            f"{written:g}, which would be {written:g} times as much",
            "a fraction such as 0.6, or a factor up to 12",
            f"{written:g} per cent is written as {written / 100:g}; a price is a parameter with its unit.",
        )


_PERCENTAGES = (12.0, 100.0)
"""Factors above the first and up to the second are percentages written as numbers, as far as contracts go."""


def on_side(side: Side, amount: pl.Expr, changed: pl.Expr) -> pl.Expr:
    """`changed` for the amounts of the side, `amount` for the others."""
    if side == "both":
        return changed
    hit = amount > 0 if side == "gains" else amount < 0
    return pl.when(hit).then(changed).otherwise(amount)


def is_on_side(side: Side, amount: float) -> bool:
    """Whether one amount belongs to the side."""
    return side == "both" or (amount > 0 if side == "gains" else amount < 0)


def side_said(side: Side) -> str:
    """The side as it reads in a formula."""
    return {"both": "", "gains": " (gains only)", "losses": " (losses only)"}[side]


def _references(thing: Any, place: str) -> Iterator[tuple[str, str, Needs]]:  # noqa: ANN401  # walks any field
    if isinstance(thing, Name):
        yield place, str(thing), "number"
    elif isinstance(thing, ColumnName):
        yield place, str(thing), "any"
    elif isinstance(thing, DateName):
        yield place, str(thing), "date"
    elif isinstance(thing, ConditionText):
        for name in names_in(thing):
            yield place, name, "any"
    elif isinstance(thing, BaseModel):
        for key in type(thing).model_fields:
            yield from _references(getattr(thing, key), f"{place}.{key}" if place else key)
    elif isinstance(thing, tuple):
        for i, item in enumerate(thing, start=1):
            yield from _references(item, f"{place}.{i}")
    elif isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from _references(item, f"{place}.{key}")


def _conditions(thing: Any, place: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # walks any field
    if isinstance(thing, ConditionText):
        yield place, str(thing)
    elif isinstance(thing, BaseModel):
        for key in type(thing).model_fields:
            yield from _conditions(getattr(thing, key), f"{place}.{key}" if place else key)
    elif isinstance(thing, tuple):
        for i, item in enumerate(thing, start=1):
            yield from _conditions(item, f"{place}.{i}")


__all__ = [
    "NAME",
    "Amount",
    "Case",
    "ColumnName",
    "DateColumn",
    "KeyColumn",
    "Mark",
    "Name",
    "Row",
    "Side",
    "Term",
    "check_part",
    "check_times",
    "is_on_side",
    "literal",
    "number",
    "on_side",
    "said",
    "side_said",
    "value",
]
