"""Outturns of draws: what each commissioner buys from each provider on each line, in every draw and year at once.

    actual value = sum over localities of plan value x use        actual cost = price x (plan cost + sum of moving cost x variable part x (use - 1))

The rules are those of one outturn (`options/outturn.py`): a line that no activity counts stays at plan. The chance of a
locality's whole budget therefore falls on its counted lines, so that its total varies by cv / sqrt(persons) all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.chance.model import ChanceModel
from capitation.chance.moved import MovedYear
from capitation.records.frames import Frame
from capitation.run.run import Run
from contracts.options.document import PLAN, ContractOptions
from contracts.options.outturn import PlanLine, case_activity, cost_bases, outturn, planned_costs
from contracts.risk.mix import MixInDraws, MixOfYear, mix_of_year

KEY = ["year", "commissioner", "provider", "service", "line"]
"""What a row of an outturn is about."""

STOCHASTIC = ("actual_activity", "actual_value_pence", "actual_cost_pence")
"""Columns of an outturn that differ from draw to draw."""


@dataclass(frozen=True)
class YearOfRows:
    """The rows of one year, ready to be moved."""

    rows: slice
    """Where they stand among all rows."""
    lines: tuple[tuple[int, npt.NDArray[np.intp], Floats, Floats], ...]
    """For each line of the plan: its place in the plan, the rows of it, and by row and locality plan value and the cost whose variable part moves."""
    carried: Floats
    """How many times the counted lines of each locality carry the chance of its whole budget."""
    variable: Floats
    """Variable part of the cost of a row."""
    fixed_value: Floats
    """Value of each row that no draw moves."""
    fixed_cost: Floats
    """Cost of each row as planned."""
    saved: Floats
    """Part of what a locality misses that falls on each row, by row and locality."""
    mix: MixOfYear | None = None
    """A mix that is bought, whose activity the draws move in place of the planned one."""


@dataclass(frozen=True)
class DrawnRows:
    """All rows of the outturn at plan, and how draws move them."""

    at_plan: pl.DataFrame
    """The outturn where everything is as planned, in the order of the key."""
    years: tuple[YearOfRows, ...]

    def moved(self, years: Iterator[MovedYear], draws: slice, answer: float = 0.0) -> dict[str, Floats]:
        """The columns that draws move, by row and draw of a part of a block.

        Args:
            years: the block, moved.
            draws: the part of it.
            answer: how activity answers a contract, as a share of it.
        """
        count = draws.stop - draws.start
        value, cost = np.empty((self.at_plan.height, count)), np.empty((self.at_plan.height, count))
        for mine, year in zip(self.years, years, strict=True):
            _move(mine, year, draws, 1 + answer, (value[mine.rows], cost[mine.rows]))
        np.rint(value, out=value)  # whole pence, as of an outturn: their sums are exact in whatever order they are made
        np.rint(cost, out=cost)
        plan = self.at_plan.get_column("plan_value_pence").to_numpy().astype(float)
        activity = self.at_plan.get_column("plan_activity").cast(pl.Float64).to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(plan[:, None] > 0, value / plan[:, None], 1.0)
        return {"actual_activity": activity[:, None] * ratio, "actual_value_pence": value, "actual_cost_pence": cost}


def drawn_rows(
    model: ChanceModel, document: ContractOptions, run: Run, lines: Frame[PlanLine], mix: MixInDraws | None = None
) -> DrawnRows:
    """The rows of all years of a model, with what each locality puts into each of them, and the mix that moves them."""
    activity = case_activity(run, document.plan_activity, PLAN)
    bases = cost_bases(run, lines)
    plan = outturn(lines, activity, document.variable_ppm(), document.cost_at_plan.value, bases)
    costs = planned_costs(lines, activity, document.variable_ppm(), document.cost_at_plan.value, bases)
    names = [str(book.year) for book in model.books]
    at_plan = plan.filter(pl.col("year").is_in(names)).sort(KEY)
    counted = activity.filter(pl.col("plan_activity") > 0).select("year", "line", "locality_code", counted=pl.lit(True))
    parts = (
        lines.filter(pl.col("year").is_in(names))
        .join(counted, on=["year", "line", "locality_code"], how="left", validate="m:1")
        .join(at_plan.select(*KEY).with_row_index("row"), on=KEY, how="left", validate="m:1")
        .join(costs, on=[*KEY, "locality_code"], how="left", validate="1:1")
        .with_columns(pl.col("counted").fill_null(False))
    )
    years = tuple(_year(model, y, at_plan, parts, document.variable_ppm()) for y in range(len(model.books)))
    if mix is not None:
        years = tuple(replace(year, mix=mix_of_year(mix, book)) for year, book in zip(years, model.books, strict=True))
    return DrawnRows(at_plan, years)


def control_totals(run: Run) -> list[tuple[str, str, str, int]]:
    """Year, role, code and control total of every organisation that has one."""
    known = run.frames.get("organisation_position")
    if known is None or known.is_empty():
        return []
    rows = known.filter(pl.col("control_total_pence").is_not_null())
    return rows.select("year", "role", "organisation_code", "control_total_pence").rows()


def _year(model: ChanceModel, y: int, at_plan: pl.DataFrame, parts: pl.DataFrame, ppm: Mapping[str, int]) -> YearOfRows:
    book, chance = model.books[y], model.chances[y]
    mine = at_plan.with_row_index("row").filter(pl.col("year") == book.year)
    first, count = int(mine["row"].min() or 0), mine.height  # type: ignore[arg-type]  # a whole number
    columns = {code: k for k, code in enumerate(book.localities)}
    value, moved = np.zeros((count, len(columns))), np.zeros((count, len(columns)))
    for row, code, pence, of_cost in (
        parts.filter((pl.col("year") == book.year) & pl.col("counted"))
        .select("row", "locality_code", "plan_value_pence", "moving_cost")
        .rows()
    ):
        value[row - first, columns[code]] += pence
        moved[row - first, columns[code]] += of_cost
    names = mine.get_column("line").to_list()
    groups = []
    for at, line in enumerate(book.lines):
        rows = np.array([k for k, name in enumerate(names) if name == line], dtype=np.intp)
        if len(rows):
            groups.append((at, rows, value[rows], moved[rows]))
    known = {book.lines[at] for at, _, _, _ in groups}
    others = np.array([k for k, name in enumerate(names) if name not in known], dtype=np.intp)
    if len(others) and value[others].any():
        groups.append((-1, others, value[others], moved[others]))
    total = value.sum(axis=0)
    by_line = chance.line_sd.shape[1] > 1
    if by_line:
        spread = np.zeros(len(columns))
        for at, _, moved_value, _ in groups:
            spread += (moved_value.sum(axis=0) * chance.line_sd[:, at]) ** 2
        own = np.sqrt(spread) / book.plan_pence
        carried = np.divide(chance.whole_sd, own, out=np.ones_like(own), where=own > 0)
    else:
        carried = np.divide(book.plan_pence, total, out=np.ones_like(total), where=total > 0)
    saved = np.divide(value, total, out=np.zeros_like(value), where=total > 0) * book.plan_pence
    own_cost = mine.get_column("plan_cost_pence").to_numpy().astype(float)
    own_value = mine.get_column("plan_value_pence").to_numpy().astype(float)
    variable = np.array([ppm.get(name, 0) / 1e6 for name in names])
    return YearOfRows(
        slice(first, first + count), tuple(groups), carried, variable,
        own_value - value.sum(axis=1), own_cost, saved,
    )  # fmt: skip


def _move(mine: YearOfRows, year: MovedYear, draws: slice, times: float, into: tuple[Floats, Floats]) -> None:
    """Fill value and cost of the rows of a year; what a mix fails to save is spent on the rows of its locality by plan."""
    value, cost = into
    value[:] = mine.fixed_value[:, None]
    cost[:] = mine.fixed_cost[:, None]
    for at, rows, planned, moving in mine.lines:
        own = year.own[:, at if year.own.shape[1] > 1 else 0, draws]
        use = 1 + mine.carried[:, None] * (own - 1)
        if year.shared is not None:
            use = use * year.shared[at, draws]
        use = use * times if times != 1 else use
        if mine.mix is not None:
            use = use * mine.mix.use(at, None if year.delivered is None else year.delivered[:, draws])
        value[rows] += _summed(planned, use)
        variable = mine.variable[rows, None]
        cost[rows] += variable * _summed(moving, use - 1)
    if year.missed is not None and mine.mix is None:
        missed = _summed(mine.saved, year.missed[:, draws])
        value += missed
        cost += missed * mine.variable[:, None]
    if year.price is not None:
        cost *= year.price[draws]


def _summed(amounts: Floats, factors: Floats) -> Floats:
    """Amounts by row and locality times factors by locality and draw; locality by locality, so that how many draws are under way changes no bit."""
    out: Floats = amounts[:, :1] * factors[0]
    for k in range(1, len(factors)):
        out += amounts[:, k : k + 1] * factors[k]
    return out


__all__ = ["KEY", "STOCHASTIC", "DrawnRows", "YearOfRows", "control_totals", "drawn_rows"]
