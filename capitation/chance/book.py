"""The plan of a year as the simulation takes it: each locality's persons, money, lines of spend, and what solutions are to save.

Where a line has cases, its spend is cases x cost of a case; what no case explains stands in the line `uncounted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.chance.document import Chance
from capitation.errors import Fault, Faults, ScenarioError
from capitation.records.years import FinancialYear
from capitation.run.run import Run

UNCOUNTED = "uncounted"
"""The line of spend for which the plan counts no cases."""

CLOSE = 0.005
"""How far cases times cost may stand from the plan of a line, as a share of it."""


@dataclass(frozen=True)
class Book:
    """One year's plan by locality."""

    year: FinancialYear
    localities: tuple[str, ...]
    persons: Floats
    """Registered persons of each locality."""
    plan_pence: npt.NDArray[np.int64]
    """Planned spend of each locality."""
    lines: tuple[str, ...] = ("all",)
    """Lines of spend."""
    line_share: Floats = field(default_factory=lambda: np.ones((0, 1)))
    """Share of each line in the plan of each locality (a row a locality); all in one line where it is left out."""
    cases: Floats | None = None
    """Cases of each line in each locality; nil where a line counts none."""
    case_pence: Floats | None = None
    """Cost of a case of each line."""
    solutions: tuple[str, ...] = ()
    """Solutions whose savings the plan has taken out already."""
    saving_share: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Planned saving of each solution (a row each) as a share of each locality's plan."""
    cost_share: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Planned cost of each solution (a row each) as a share of each locality's plan."""
    starts: tuple[str, ...] = ()
    """First year of each solution, which a delay leaves without effect; that from which the uncertainties hold where left out."""

    def __post_init__(self) -> None:
        if not self.line_share.size:
            object.__setattr__(self, "line_share", np.ones((len(self.localities), 1)))

    @property
    def system_share(self) -> Floats:
        """Each locality's share of the system's plan."""
        return self.plan_pence / float(self.plan_pence.sum())


def book_faults(book: Book, chance: Chance) -> list[Fault]:
    """What is wrong with a plan: sizes, persons and money above nil, lines that add up, cases that match the plan, known lines."""
    faults = Faults()
    where = f"plan of {book.year}"
    count, lines = len(book.localities), len(book.lines)
    shapes = {"persons": (count,), "plan_pence": (count,), "line_share": (count, lines)}
    for name, shape in shapes.items():
        if getattr(book, name).shape != shape:
            faults.add(f"{where}: {name}", f"the shape {getattr(book, name).shape}", f"{shape}")
    if len(faults):
        return list(faults)
    for code, persons, pence in zip(book.localities, book.persons, book.plan_pence, strict=True):
        if not persons > 0:
            faults.add(f"{where}: {code}", f"{persons:g} persons", "more than 0")
        if not pence > 0:
            faults.add(f"{where}: {code}", f"a plan of {pence:,} pence", "more than 0")
    for code, total in zip(book.localities, book.line_share.sum(axis=1), strict=True):
        if abs(total - 1) > 1e-9:
            faults.add(f"{where}: {code}", f"lines that add up to {total:.6f} of the plan", "1")
    for each in chance.lines:
        if each.line not in book.lines:
            faults.add(
                f"{where}: chance line {each.line!r}", "no such line in the plan", f"one of {', '.join(book.lines)}"
            )
        elif book.cases is None or not (book.cases[:, book.lines.index(each.line)] > 0).all():
            faults.add(f"{where}: chance line {each.line!r}", "no cases in the plan", "cases and their cost")
    if book.cases is not None and book.case_pence is not None and not len(faults):
        planned = book.line_share * book.plan_pence[:, None]
        counted = book.cases * book.case_pence
        apart = (np.abs(counted - planned) > CLOSE * np.maximum(planned, 1.0)) & (book.cases > 0)
        for row, column in np.argwhere(apart):
            faults.add(
                f"{where}: {book.localities[row]}, {book.lines[column]}",
                f"a mean of {counted[row, column] / 100:,.0f} pounds ({book.cases[row, column]:,.0f} cases of "
                f"{book.case_pence[column] / 100:,.2f})",
                f"the plan's {planned[row, column] / 100:,.0f} pounds, within {CLOSE:.1%}",
                "Give the cases and the cost on which the plan rests.",
            )
    return list(faults)


def book_of(run: Run, year: FinancialYear, case: str = "mitigated") -> Book:
    """The plan of one year of an evaluated scenario.

    Args:
        run: the evaluated scenario.
        year: a year of it.
        case: the activity case on which the plan rests.

    Raises:
        ScenarioError: the run has no allocations in the year, or its cases cost more than a locality's plan.
    """
    plan = (
        run.frame("locality_total")
        .filter(pl.col("year") == year)
        .group_by(pl.col("area_code").alias("locality_code"))
        .agg(pl.col("total_pence").sum())
        .sort("locality_code")
    )
    if plan.is_empty():
        years = run.frame("locality_total").get_column("year").unique().sort().to_list()
        message = f"year: found {year}; expected a year of the scenario: {', '.join(years)}"
        raise ScenarioError(message)
    member = run.frame("membership").select("practice_code", "locality_code").unique()
    people = (
        run.frame("population")
        .filter(pl.col("year") == year)
        .join(member, on="practice_code", how="inner", validate="m:1")
        .group_by("locality_code")
        .agg(pl.col("registered_micro").sum())
    )
    rows = plan.join(people, on="locality_code", how="left", validate="1:1").sort("locality_code")
    codes = rows.get_column("locality_code").to_list()
    pence = rows.get_column("total_pence").to_numpy()
    lines, cases, cost = _counted(run, year, case, codes)
    counted = cases * cost
    rest = pence - counted.sum(axis=1)
    if (rest < 0).any():
        worst = int(np.argmin(rest))
        message = (
            f"year {year}: found cases of {counted[worst].sum() / 100:,.0f} pounds in {codes[worst]}; "
            f"expected at most its plan of {pence[worst] / 100:,.0f}"
        )
        raise ScenarioError(message)
    return Book(
        year=year,
        localities=tuple(codes),
        persons=rows.get_column("registered_micro").to_numpy() / 1e6,
        plan_pence=pence,
        lines=(*lines, UNCOUNTED),
        line_share=np.column_stack([counted, rest]) / pence[:, None],
        cases=np.column_stack([cases, np.zeros(len(codes))]),
        case_pence=np.append(cost, 0.0),
    )


def _counted(run: Run, year: str, case: str, codes: list[str]) -> tuple[list[str], Floats, Floats]:
    activity = run.frame("locality_activity").filter(pl.col("year") == year, pl.col("case") == case)
    costs: Mapping[str, int] = dict(
        run.frame("unit_cost").filter(pl.col("unit_cost_pence") > 0).select("line", "unit_cost_pence").iter_rows()
    )
    lines = sorted(set(activity.get_column("point_of_delivery").unique()) & set(costs))
    out = np.zeros((len(codes), len(lines)))
    rows = {code: k for k, code in enumerate(codes)}
    for line, code, count in activity.select("point_of_delivery", "locality_code", "activity").iter_rows():
        if line in costs and code in rows:
            out[rows[code], lines.index(line)] = count
    return lines, out, np.array([float(costs[line]) for line in lines])
