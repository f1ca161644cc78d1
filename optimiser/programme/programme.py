"""What a block writes to: a builder that knows the problem, and the parts a block is made of.

    @variables    families of columns, one for each index that can occur
    @constraint   families of rows; its docstring states the inequality in words and symbols
    @charge       what variables cost each purse in each year: columns kind, t, col, each (thousand pounds)
    @measures     named linear expressions: goals, limits, lines of the report

`order` says where a part's columns, rows or measures stand; a part whose order is taken comes after in order of name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from optimiser.programme.builder import Builder
from optimiser.programme.core import Core
from optimiser.programme.family import Sense
from optimiser.programme.tables import THOUSAND, ProblemTables

PartKind = Literal["variables", "constraint", "charge", "measures"]


@dataclass(frozen=True)
class Part:
    """One thing that a block does to the programme."""

    kind: PartKind
    name: str
    order: int
    make: Callable[[Programme], pl.DataFrame | None]
    families: tuple[str, ...] = ()
    """The row families that a constraint makes."""

    @property
    def words(self) -> str:
        """What it states, in words and symbols."""
        return self.make.__doc__ or ""


class Programme(Builder):
    """A problem on its way to a matrix: its tables, its variables by family, and the builder that takes the rows."""

    def __init__(
        self, tables: ProblemTables, parts: Sequence[Part], in_order: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        super().__init__()
        self.tables, self.parts, self.in_order = tables, tuple(parts), in_order
        """`in_order`: (solution, place) pairs whose segments must be forced to fill in order though returns fall."""

    @property
    def problem(self) -> Core:
        """The problem document."""
        return self.tables.problem

    def make(self, kind: PartKind) -> list[pl.DataFrame]:
        """Let every part of a kind do its work, in order; what charges return."""
        made = [part.make(self) for part in self.parts if part.kind == kind]
        return [frame for frame in made if frame is not None]

    def add(
        self, rows: pl.DataFrame, family: str | pl.DataFrame, on: Sequence[str], value: float | pl.Expr = 1.0
    ) -> None:
        """Terms: every variable of `family` that meets a row on `on`, with coefficient `value`."""
        if isinstance(family, str):
            if not self.has(family):
                return
            family = self[family]
        joined = rows.join(family, on=list(on), how="inner") if on else rows.join(family, how="cross")
        self.put(joined, value)

    def put(self, joined: pl.DataFrame, value: float | pl.Expr = 1.0, *, col: str = "col") -> None:
        """Terms of a frame that has `row` and `col` side by side, with coefficient `value`."""
        number = value if isinstance(value, pl.Expr) else pl.lit(float(value))
        self.terms(joined.select("row", pl.col(col).alias("col"), number.cast(pl.Float64).alias("value")))

    def sums(self, name: str, family: str, index: Sequence[str], *, unit: str, label: str) -> pl.DataFrame:
        """Rows that say what each variable of `family` adds up to: the variable itself is in, its parts come with -."""
        own = self[family].rename({"col": "own"})
        rows = self.rows(name, own, index, kind="P", unit=unit, label=label, lower=0.0, upper=0.0)
        self.put(rows, col="own")
        return rows

    def years_without(self, name: str, what: str, stated: pl.DataFrame) -> None:
        """Say which years of the problem have no limit on `what`, where `stated` (with t) has it for some years only."""
        years = self.tables.dates.join(stated, on="t", how="anti", maintain_order="left")["year"].to_list()
        if stated.height and years:
            self.without_effect(name, f"no limit on {what} is stated for {', '.join(years)}; nothing limits it then")

    def money(self, name: str, terms: pl.DataFrame, sense: Sense, label: str) -> None:
        """A measure in pounds of terms in thousand pounds (col and value, or col alone for 1 each)."""
        self.measure(name, [_valued(terms)], unit="£", sense=sense, label=label, scale=THOUSAND)

    def count(self, name: str, terms: pl.DataFrame, unit: str, sense: Sense, label: str) -> None:
        """A measure in another unit (col and value, or col alone for 1 each)."""
        self.measure(name, [_valued(terms)], unit=unit, sense=sense, label=label)


def _valued(terms: pl.DataFrame) -> pl.DataFrame:
    return terms.select("col", "value" if "value" in terms.columns else pl.lit(1.0).alias("value"))


Make = Callable[[Programme], None]


def variables(order: int) -> Callable[[Make], Part]:
    """Families of columns that the problem calls for."""
    return lambda make: Part("variables", make.__name__, order, make)


def constraint(order: int, *families: str) -> Callable[[Make], Part]:
    """Families of rows; the function says so where they have no effect."""
    return lambda make: Part("constraint", make.__name__, order, make, families)


def charge(order: int) -> Callable[[Callable[[Programme], pl.DataFrame]], Part]:
    """What variables cost: a frame of kind, t, col, each."""
    return lambda make: Part("charge", make.__name__, order, make)


def measures(order: int) -> Callable[[Make], Part]:
    """Named linear expressions."""
    return lambda make: Part("measures", make.__name__, order, make)
