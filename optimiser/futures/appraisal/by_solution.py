"""Net present value by solution, locality and deprivation fifth: parts that add up to the whole.

    worth of a unit of credit   what it saves at the providers that see it (by contract for a commissioner), and its part of the
                                blocks that close there, by units gone
    benefits[s]                 worth of its credit, its savings, and what it is still worth after the last year
    costs[s]                    its own spend, and contacts received because of it
    npv[s] = benefits[s] - costs[s]

What no one solution causes (staff taken on, room added, support) is a row of its own. A solution started once for several
localities counts in each by persons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from optimiser.answers.optimise import Outcome
from optimiser.blocks.start import reach
from optimiser.blocks.wards import wards
from optimiser.engines.answer import Answer
from optimiser.problem.tables import tables_of
from optimiser.programme.core import ALL
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

_ADDS_UP = ("spend_sum", "income_lost_sum", "tariff_lost_sum", "flow", "received_sum", "avoided_sum")
"""Families of rows that say what a variable is made of, the outermost first."""
_MADE = dict(zip(_ADDS_UP, ("spend", "income_lost", "tariff_lost", "donated", "received", "avoided"), strict=True))
SHARED = {
    "hired": "staff taken on",
    "taken_on": "staff taken on",
    "capacity_added": "room added",
    "support": "support to providers",
}
FIFTHS = ("1 (most deprived)", "2", "3", "4", "5 (least deprived)")


@dataclass(frozen=True)
class Attributed:
    """The net present value of a mix in parts; pounds, discounted."""

    by_solution: pl.DataFrame
    """solution (null for what no one solution causes), title, scale, benefits, of_it_blocks, costs, npv."""
    by_year: pl.DataFrame
    """solution, year, benefits, costs: not discounted, what falls after the last year left out."""
    by_locality: pl.DataFrame
    """locality, title, persons, benefits, costs, npv, benefits_per_head."""
    by_fifth: pl.DataFrame
    """fifth, persons, benefits, costs, npv, benefits_per_head; no row where deprivation is not stated."""


def attributed(outcome: Outcome) -> Attributed:
    """The net present value of the mix of `outcome` in parts that add up to it."""
    table = _leaves(outcome)
    localities = _by_locality(outcome, table)
    return Attributed(
        _by_solution(outcome, table), _by_year(outcome, table), localities, _by_fifth(outcome, localities)
    )


def _leaves(outcome: Outcome) -> pl.DataFrame:
    """family, solution, locality, place, year, benefits, blocks (of benefits), costs: pounds of each variable at the root of it."""
    answer = outcome.answer
    matrix, values = answer.matrix, answer.values
    assert values is not None  # the caller has a mix
    vector = matrix.measures["npv"].vector
    blocks = np.zeros(matrix.column_count)
    if _has(matrix, "block_released"):
        closed = matrix.family("block_released")
        blocks[closed.first : closed.last] = vector[closed.first : closed.last]
    gains, pays = np.maximum(vector, 0.0) - np.maximum(blocks, 0.0), np.minimum(vector, 0.0) - np.minimum(blocks, 0.0)
    parts = {
        "benefits": _at_the_root(matrix, values, gains),
        "blocks": _at_the_root(matrix, values, _on_activity_gone(outcome, answer, blocks)),
        "costs": _at_the_root(matrix, values, pays),
    }
    scale = matrix.measures["npv"].scale
    frames = []
    for family in matrix.columns:
        at = slice(family.first, family.last)
        pounds = {name: part[at] * values[at] * scale for name, part in parts.items()}
        if not any(amount.any() for amount in pounds.values()):
            continue
        named = [
            family.index[name] if name in family.index.columns else pl.lit(None, pl.String).alias(name)
            for name in ("solution", "locality", "place", "year")
        ]
        frame = family.index.select(pl.lit(family.name).alias("family"), *named)
        frames.append(frame.with_columns(**{name: pl.Series(amount) for name, amount in pounds.items()}))
    schema = dict.fromkeys(("family", "solution", "locality", "place", "year"), pl.String)
    empty = pl.DataFrame(schema={**schema, **dict.fromkeys(parts, pl.Float64)})
    return pl.concat([empty, *frames], how="vertical_relaxed").with_columns(
        pl.col("benefits") + pl.col("blocks"), -pl.col("costs")
    )


def _at_the_root(matrix: Matrix, values: Floats, vector: Floats) -> Floats:
    """The same worth on the variables that others are made of, at the mean rate of the mix where there are pieces."""
    worth = vector.astype(np.float64).copy()
    rows = {family.name: family for family in matrix.rows}
    for name in _ADDS_UP:
        if name not in rows or not _has(matrix, _MADE[name]):
            continue
        made, family = matrix.family(_MADE[name]), rows[name]
        for row in range(family.first, family.last):
            place = slice(matrix.start[row], matrix.start[row + 1])
            cols, each = matrix.index[place], matrix.value[place]
            own = (cols >= made.first) & (cols < made.last)
            total = float(each[own] @ values[cols[own]])
            paid = float(worth[cols[own]] @ values[cols[own]])
            rate = paid / total if total else float(np.mean(worth[cols[own]] / each[own])) if own.any() else 0.0
            np.add.at(worth, cols[~own], -each[~own] * rate)
        worth[made.first : made.last] = 0.0
    return worth


def _on_activity_gone(outcome: Outcome, answer: Answer, blocks: Floats) -> Floats:
    """What closed blocks are worth, on the units whose going lets them close (after their lag)."""
    matrix, values = answer.matrix, answer.values
    worth = np.zeros(matrix.column_count)
    if values is None or not blocks.any():
        return worth
    tables = tables_of(outcome.problem, outcome.future)
    closed, gone = matrix.family("block_released"), matrix.family("donated")
    saved = closed.index.select("provider", "block", "year").with_columns(
        pl.Series("pounds", blocks[closed.first : closed.last] * values[closed.first : closed.last])
    )
    on = (
        saved.filter(pl.col("pounds") != 0)
        .join(wards(tables).select("provider", "block", "point_of_delivery", "lag"), on=["provider", "block"])
        .join(tables.dates, on="year")
        .group_by("provider", "point_of_delivery", (pl.col("t") - pl.col("lag")).alias("t"), maintain_order=True)
        .agg(pl.col("pounds").sum())
    )
    units = gone.index.select("provider", "point_of_delivery", "year").with_columns(
        pl.Series("col", np.arange(gone.first, gone.last)), pl.Series("units", values[gone.first : gone.last])
    )
    for col, pounds, left in (
        units.join(tables.dates, on="year")
        .join(on, on=["provider", "point_of_delivery", "t"])
        .select("col", "pounds", "units")
        .iter_rows()
    ):
        worth[col] += pounds / left if left else 0.0
    return worth


def _by_solution(outcome: Outcome, table: pl.DataFrame) -> pl.DataFrame:
    names, scales = {s.id: s.name for s in outcome.problem.solutions}, outcome.scales()
    shared = pl.col("family").replace_strict(SHARED, default="not of one solution", return_dtype=pl.String)
    title = pl.when(pl.col("solution").is_null()).then(shared).alias("title")
    sums = (
        table.with_columns(title)
        .group_by("solution", "title", maintain_order=True)
        .agg(pl.col("benefits", "blocks", "costs").sum())
    )
    found = {(row["solution"], row["title"]): row for row in sums.iter_rows(named=True)}
    rows = []
    for name, title_of in names.items():
        own = found.pop((name, None), {"benefits": 0.0, "blocks": 0.0, "costs": 0.0})
        rows.append(_row(name, title_of, scales.get(name), own))
    rows += [_row(None, title_of, None, own) for (_, title_of), own in found.items()]
    schema = {"solution": pl.String, "title": pl.String}
    return pl.DataFrame(
        rows,
        schema=schema | dict.fromkeys(("scale", "benefits", "of_it_blocks", "costs", "npv"), pl.Float64),
        orient="row",
    )


def _row(name: str | None, title: str, scale: float | None, own: dict[str, float]) -> tuple[object, ...]:
    return name, title, scale, own["benefits"], own["blocks"], own["costs"], own["benefits"] - own["costs"]


def _by_year(outcome: Outcome, table: pl.DataFrame) -> pl.DataFrame:
    discount = tables_of(outcome.problem, outcome.future).years.select("year", "discount")
    dated = table.filter(pl.col("solution").is_not_null()).join(discount, on="year", maintain_order="left")
    return dated.group_by("solution", "year", maintain_order=True).agg(
        (pl.col("benefits") / pl.col("discount")).sum(), (pl.col("costs") / pl.col("discount")).sum()
    )


def _by_locality(outcome: Outcome, table: pl.DataFrame) -> pl.DataFrame:
    problem = outcome.problem
    tables = tables_of(problem, outcome.future)
    where = tables.localities.select("locality", "persons", "weight")
    titles = {p.id: p.title or p.id for p in problem.localities}
    parts = pl.coalesce("locality", pl.when(pl.col("place") != ALL).then(pl.col("place")))
    placed = table.with_columns(parts.alias("locality"))
    sums = [placed.drop_nulls("locality").select("locality", "benefits", "costs")]
    once = placed.filter(pl.col("locality").is_null())
    own = reach(tables).filter(pl.col("place") == ALL).select("solution", "locality", "part")
    sums.append(
        once.drop("locality").join(own, on="solution").select("locality", pl.col("benefits", "costs") * pl.col("part"))
    )
    rest = once.join(own, on="solution", how="anti").select("benefits", "costs").sum()
    sums.append(where.join(rest, how="cross").select("locality", pl.col("benefits", "costs") * pl.col("weight")))
    total = pl.concat(sums).group_by("locality").agg(pl.col("benefits", "costs").sum())
    if not problem.localities:  # nobody is counted, so nothing is by head
        titles[ALL] = "the whole system"
        where = where.with_columns(pl.lit(None, pl.Float64).alias("persons"))
    return (
        where.join(total, on="locality", how="left", maintain_order="left")
        .with_columns(pl.col("benefits", "costs").fill_null(0.0))
        .with_columns(
            pl.col("locality").replace_strict(titles, default=pl.col("locality")).alias("title"),
            (pl.col("benefits") - pl.col("costs")).alias("npv"),
            (pl.col("benefits") / pl.col("persons")).alias("benefits_per_head"),
        )
        .select("locality", "title", "persons", "benefits", "costs", "npv", "benefits_per_head")
    )


def _by_fifth(outcome: Outcome, localities: pl.DataFrame) -> pl.DataFrame:
    """Each locality's amounts in the fifths in which its persons live."""
    rows = [
        (row.locality, fifth, float(persons) / float(sum(row.persons_by_fifth)))
        for row in outcome.problem.deprivation
        for fifth, persons in zip(FIFTHS, row.persons_by_fifth, strict=True)
    ]
    shares = pl.DataFrame(rows, schema={"locality": pl.String, "fifth": pl.String, "share": pl.Float64}, orient="row")
    share = pl.col("persons", "benefits", "costs", "npv") * pl.col("share")
    return (
        shares.join(localities, on="locality", maintain_order="left")
        .group_by("fifth")
        .agg(share.sum())
        .sort("fifth")
        .with_columns((pl.col("benefits") / pl.col("persons")).alias("benefits_per_head"))
    )


def _has(matrix: Matrix, family: str) -> bool:
    return any(f.name == family and f.count for f in matrix.columns)
