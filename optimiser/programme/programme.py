"""The programme of a problem: variables, the constraints found in the folder, and the measures; no solver is called.

    solution s, place l (a locality, or ALL), year t, launch year tau, segment k of the curve of returns,
    point of delivery p, cell c (patients reached by the same solutions), provider h

    start[s,l,tau]     1 if it starts in tau                 launch[s,l,tau,k]   scale added in tau on segment k
    in_place[s,l,t]    scale in place                        effective[s,l,t]    scale x maturity x returns
    credit[s,l,p,c,t]  units avoided, by solution            hazard[l,p,c,t]     accumulated -ln(1 - effect)
    avoided[l,p,t]     units avoided                         donated[h,p,t]      of them, at provider h
    received[l,p,t]    contacts that appear elsewhere        capacity_added, hired, spend, carried, income_lost,
    block_released, stranded, support, shortfall, peak_deficit, system_benefit: see the constraint of each

Money is in thousand pounds. Each constraint is a file of `optimiser/constraints`, which says its inequality.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

import polars as pl

import optimiser.constraints
from capitation.errors import DocumentError, Fault, suggest
from optimiser.problem.document import Future, Problem
from optimiser.problem.tables import PLAIN, Tables, tables_of
from optimiser.programme import measures
from optimiser.programme.columns import make_columns
from optimiser.programme.matrix import Builder, Kind, Matrix


@dataclass
class Programme:
    """A problem on its way to a matrix: its tables, its variables by family, and the builder that takes the rows."""

    tables: Tables
    in_order: frozenset[tuple[str, str]] = frozenset()
    """(solution, place) pairs whose segments must be forced to fill in order though their returns fall."""
    builder: Builder = field(default_factory=Builder)
    columns: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The problem document."""
        return self.tables.problem

    def has(self, family: str) -> bool:
        """Whether the programme has variables of that family."""
        return family in self.columns and self.columns[family].height > 0

    def rows(
        self,
        name: str,
        frame: pl.DataFrame,
        index: Sequence[str],
        *,
        kind: Kind,
        unit: str,
        label: str,
        group: str = "",
        lower: float | str = float("-inf"),
        upper: float | str = float("inf"),
    ) -> pl.DataFrame:
        """A family of limits, one for each row of `frame`; see `Builder.rows`."""
        return self.builder.rows(
            name, frame, index, kind=kind, unit=unit, label=label, group=group, lower=lower, upper=upper
        )

    def add(
        self, rows: pl.DataFrame, family: str | pl.DataFrame, on: Sequence[str], value: float | pl.Expr = 1.0
    ) -> None:
        """Terms: every variable of `family` that meets a row on `on`, with coefficient `value`."""
        if isinstance(family, str):
            if not self.has(family):
                return
            table = self.columns[family]
        else:
            table = family
        joined = rows.join(table, on=list(on), how="inner") if on else rows.join(table, how="cross")
        number = value if isinstance(value, pl.Expr) else pl.lit(float(value))
        self.builder.terms(joined.select("row", "col", number.cast(pl.Float64).alias("value")))

    def nothing(self, name: str, reason: str) -> None:
        """Say that a constraint applies to nothing here."""
        self.builder.applies_to_nothing(name, reason)


def constraint_modules() -> dict[str, ModuleType]:
    """The constraints found in the folder, in the order in which their rows stand in the matrix."""
    names = sorted(m.name for m in pkgutil.iter_modules(optimiser.constraints.__path__) if not m.name.startswith("_"))
    found = {name: importlib.import_module(f"optimiser.constraints.{name}") for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))


def programme_matrix(
    problem: Problem,
    *,
    objective: str | None = None,
    future: Future = PLAIN,
    in_order: frozenset[tuple[str, str]] = frozenset(),
) -> Matrix:
    """The matrix of `problem`, aimed at its first goal or at `objective`.

    Args:
        problem: the document.
        objective: a measure to aim at instead of the first goal.
        future: how the future turns out.
        in_order: (solution, place) pairs whose segments must be forced to fill in order.

    Raises:
        DocumentError: the document contradicts itself, or aims at a measure it cannot have.
    """
    tables = tables_of(problem, future)
    programme = Programme(tables, in_order)
    make_columns(programme)
    measures.define(programme)
    _check_measures(programme)
    for module in constraint_modules().values():
        module.apply(programme)
    return programme.builder.matrix(objective or problem.goals[0].measure)


def _check_measures(programme: Programme) -> None:
    known = programme.builder.measure_names()
    problem = programme.problem
    wanted = [("goals", m) for m in problem.goal_names()] + [("limits", limit.measure) for limit in problem.limits]
    faults = [
        Fault(where, f"unknown measure {name!r}", "a measure of this problem", suggest(name, known))
        for where, name in wanted
        if name not in known
    ]
    if faults:
        message = f"problem {problem.id!r} aims at what it does not measure"
        raise DocumentError(message, faults)
