"""A problem as long tables: one row for each thing that may happen, absent rows meaning "not allowed".

Sparsity is data here, not code: a solution that reaches no locality, or an effect on activity that nobody has, simply
makes no row. Each block declares its own tables with `@table`; they are made when first asked for and kept. Money is
in thousand pounds from here on, so that coefficients stay near 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any

import polars as pl

from capitation.records.years import FinancialYear
from optimiser.programme.core import ALL, PLAIN, Core, Future, Level

THOUSAND = 1000.0
"""Pounds in the programme's unit of money."""

TEXT, WHOLE, NUMBER = pl.String, pl.Int32, pl.Float64


def long(rows: Sequence[Sequence[Any]], **columns: type[pl.DataType]) -> pl.DataFrame:
    """Rows of plain values as a table with the named columns."""
    return pl.DataFrame(rows, schema=columns, orient="row")


@dataclass(frozen=True)
class ProblemTables:
    """The long tables of one problem under one future."""

    problem: Core
    future: Future = PLAIN
    made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def level(self) -> Level:
        """Which end of effects and savings is used."""
        return self.future.effects or self.problem.effects

    @cached_property
    def years(self) -> pl.DataFrame:
        """t, year, discount (factor of net present value), days."""
        rate = float(self.problem.discount_rate or 0)
        rows = [
            (t, str(y), (1 + rate) ** -t, float((y.end - y.start).days + 1)) for t, y in enumerate(self.problem.years)
        ]
        return long(rows, t=WHOLE, year=TEXT, discount=NUMBER, days=NUMBER)

    @cached_property
    def dates(self) -> pl.DataFrame:
        """t, year."""
        return self.years.select("t", "year")

    @property
    def horizon(self) -> int:
        """How many years."""
        return len(self.problem.years)

    def each_year(self, year: FinancialYear | None) -> list[int]:
        """The t of a year of the problem; all of them where none is given."""
        return [t for t, y in enumerate(self.problem.years) if year in (None, y)]

    @cached_property
    def localities(self) -> pl.DataFrame:
        """locality, persons, weight (share of all persons)."""
        rows = [(p.id, float(p.persons)) for p in self.problem.localities] or [(ALL, 1.0)]
        table = long(rows, locality=TEXT, persons=NUMBER)
        return table.with_columns((pl.col("persons") / pl.col("persons").sum()).alias("weight"))

    @cached_property
    def providers(self) -> list[str]:
        """Providers; ALL alone where none is named."""
        return [p.id for p in self.problem.providers] or [ALL]

    @cached_property
    def stays(self) -> pl.DataFrame:
        """point_of_delivery, days: mean length of stay, where there is one."""
        rows = [(p.id, float(p.length_of_stay_days)) for p in self.problem.points_of_delivery if p.length_of_stay_days]
        return long(list(dict(rows).items()), point_of_delivery=TEXT, days=NUMBER)

    @cached_property
    def contact_costs(self) -> pl.DataFrame:
        """point_of_delivery, each: thousand pounds for one received contact, where it costs something."""
        costs = {p.id: float(p.contact_cost_pounds) / THOUSAND for p in self.problem.points_of_delivery}
        return long([(pod, each) for pod, each in costs.items() if each], point_of_delivery=TEXT, each=NUMBER)

    def factor(self, solution: str) -> float:
        """What the future does to the effects and savings of a solution."""
        return float(self.future.effect_factors.get(solution, 1))


def table(make: Callable[[ProblemTables], pl.DataFrame]) -> Callable[[ProblemTables], pl.DataFrame]:
    """A table of a block: made from the problem when first asked for, then kept with its other tables."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def kept(t: ProblemTables) -> pl.DataFrame:
        if name not in t.made:
            t.made[name] = make(t)
        found: pl.DataFrame = t.made[name]
        return found

    return kept
