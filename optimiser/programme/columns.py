"""The variables of the programme: which exist, between what bounds, in what unit, and what each is called in words.

A variable exists only where its index can occur: an effect on activity nobody has, or a year before the earliest start,
makes none. Choices made before the future is known (starts and scale) are marked first stage.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from optimiser.problem.document import ALL

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme


def make_columns(p: Programme) -> None:
    """Create every family of variables that the problem calls for, into `p.columns`."""
    _starts_and_scale(p)
    _avoided(p)
    _received(p)
    _staff_and_money(p)
    _providers(p)


def needs_whole_start(p: Programme) -> set[str]:
    """Solutions whose start must be yes or no: all or nothing, a smallest scale, a cost of starting, or some logic."""
    problem = p.problem
    linked = {s.id for s in problem.solutions if s.excludes or s.requires}
    linked |= {name for s in problem.solutions for name in (*s.excludes, *(q.solution for q in s.requires))}
    counted = bool(problem.start_limits) or "starts" in {*problem.goal_names(), *(x.measure for x in problem.limits)}
    return {
        s.id
        for s in problem.solutions
        if counted or s.whole or s.smallest_scale > 0 or s.id in linked or any(c.basis == "start" for c in s.costs)
    }


def _starts_and_scale(p: Programme) -> None:
    t = p.tables
    whole = needs_whole_start(p)
    years = t.years.select("t", "year")
    per_year = t.units.join(years, how="cross")
    can_start = per_year.filter(pl.col("t").is_between(pl.col("first"), pl.col("last")))
    can_start = can_start.with_columns(pl.col("solution").is_in(sorted(whole)).alias("whole"))
    p.columns["start"] = p.builder.columns(
        "start",
        can_start,
        ["solution", "place", "year"],
        unit="start",
        label="start of {solution} in {place} in {year}",
        upper=1.0,
        integer="whole",
        first_stage=True,
    )
    launch = can_start.join(t.segments, on="solution").with_columns(pl.min_horizontal("width", "step").alias("most"))
    p.columns["launch"] = p.builder.columns(
        "launch",
        launch,
        ["solution", "place", "year", "k"],
        unit="scale",
        label="scale of {solution} added in {place} in {year} (segment {k})",
        upper="most",
        first_stage=True,
    )
    running = per_year.filter(pl.col("t") >= pl.col("first")).with_columns(
        pl.when(pl.col("ceiling") <= 1).then(pl.col("ceiling")).otherwise(pl.lit(math.inf)).alias("most")
    )
    p.columns["in_place"] = p.builder.columns(
        "in_place",
        running,
        ["solution", "place", "year"],
        unit="scale",
        label="scale of {solution} in place in {place} in {year}",
        first_stage=True,
    )
    p.columns["effective"] = p.builder.columns(
        "effective",
        running,
        ["solution", "place", "year"],
        unit="scale",
        label="effective scale of {solution} in {place} in {year}",
        first_stage=True,
    )


def _avoided(p: Programme) -> None:
    t = p.tables
    years = t.years.select("t", "year")
    cells = t.cells
    need = t.need.filter(pl.col("units") > 0)
    acting = (
        t.effects.filter(pl.col("share") > 0)
        .join(cells, on=["point_of_delivery", "cell"])
        .join(t.reach, on="solution")
        .join(need, on=["locality", "point_of_delivery"])
        .with_columns((pl.col("units") * pl.col("cell_share")).alias("eligible"))
        .join(p.columns["in_place"].select("solution", "place", "t"), on=["solution", "place", "t"], how="semi")
        .join(years, on="t")
        .sort("point_of_delivery", "cell", "locality", "t", "solution", "place")
    )
    tops = {s.id: sum(width * slope for width, slope in s.curve) for s in p.problem.solutions}
    top = pl.col("solution").replace_strict(tops, return_dtype=pl.Float64)
    acting = acting.with_columns((pl.col("eligible") * pl.col("share") * top).alias("ceiling"))
    p.columns["credit"] = p.builder.columns(
        "credit",
        acting,
        ["solution", "locality", "point_of_delivery", "cell", "year"],
        unit="units",
        label="{point_of_delivery} avoided by {solution} in {locality} in {year} (cell {cell})",
        upper="ceiling",
    )
    group = ["locality", "point_of_delivery", "cell", "t"]
    shared = (
        acting.group_by([*group, "year"], maintain_order=True)
        .agg(pl.col("eligible").first(), pl.len().alias("solutions"))
        .filter(pl.col("solutions") > 1)
    )
    p.columns["hazard"] = p.builder.columns(
        "hazard",
        shared,
        ["locality", "point_of_delivery", "cell", "year"],
        unit="-ln(1 - share)",
        label="accumulated hazard on {point_of_delivery} in {locality} in {year} (cell {cell})",
    )
    places = acting.select("locality", "point_of_delivery", "t", "year").unique(maintain_order=True)
    places = places.join(need, on=["locality", "point_of_delivery", "t"])
    p.columns["avoided"] = p.builder.columns(
        "avoided",
        places,
        ["locality", "point_of_delivery", "year"],
        unit="units",
        label="{point_of_delivery} avoided in {locality} in {year}",
        upper="units",
    )
    donated = (
        places.join(t.flows.filter(pl.col("flow") > 0), on=["locality", "point_of_delivery"])
        .select("provider", "point_of_delivery", "t", "year")
        .unique(maintain_order=True)
        .sort("provider", "point_of_delivery", "t")
    )
    p.columns["donated"] = p.builder.columns(
        "donated",
        donated,
        ["provider", "point_of_delivery", "year"],
        unit="units",
        label="{point_of_delivery} no longer done at {provider} in {year}",
    )


def _received(p: Programme) -> None:
    t, problem = p.tables, p.problem
    moved = pl.DataFrame(
        [
            (s.id, r.avoided_at, r.received_at, float(r.contacts_per_unit))
            for s in problem.solutions
            for r in s.receiving
        ],
        schema={"solution": pl.String, "point_of_delivery": pl.String, "received_at": pl.String, "rate": pl.Float64},
        orient="row",
    )
    made = pl.DataFrame(
        [(s.id, c.point_of_delivery, float(c.contacts)) for s in problem.solutions for c in s.creates],
        schema={"solution": pl.String, "received_at": pl.String, "contacts": pl.Float64},
        orient="row",
    )
    by_credit = p.columns["credit"].join(moved, on=["solution", "point_of_delivery"])
    by_scale = (
        p.columns["effective"]
        .join(made, on="solution")
        .join(t.reach, on=["solution", "place"])
        .with_columns((pl.col("contacts") * pl.col("weight") * pl.col("part")).alias("rate"))
    )
    columns = ["locality", "received_at", "t", "rate", "col"]
    sources = pl.concat([by_credit.select(columns), by_scale.select(columns)])
    p.columns["_received_from"] = sources.rename({"received_at": "point_of_delivery"})
    places = (
        p.columns["_received_from"]
        .select("locality", "point_of_delivery", "t")
        .unique()
        .sort("locality", "point_of_delivery", "t")
        .join(t.years.select("t", "year"), on="t")
    )
    p.columns["received"] = p.builder.columns(
        "received",
        places,
        ["locality", "point_of_delivery", "year"],
        unit="contacts",
        label="{point_of_delivery} received in {locality} in {year}",
        lower=-math.inf,
    )
    growing = pl.DataFrame(
        [
            (
                r.locality,
                r.point_of_delivery,
                year,
                float(r.expansion_most),
                float(r.expansion_capital_pounds) / 1000,
                float(r.expansion_recurrent_pounds) / 1000,
            )
            for r in problem.receiving_capacity
            for year in t.each_year(r.year)
            if r.expansion_most > 0
        ],
        schema={
            "place": pl.String,
            "point_of_delivery": pl.String,
            "t": pl.Int32,
            "most": pl.Float64,
            "capital": pl.Float64,
            "recurrent": pl.Float64,
        },
        orient="row",
    ).join(t.years.select("t", "year"), on="t")
    p.columns["capacity_added"] = p.builder.columns(
        "capacity_added",
        growing,
        ["place", "point_of_delivery", "year"],
        unit="contacts a year",
        label="capacity for {point_of_delivery} added in {place} in {year}",
        upper="most",
    )


def _staff_and_money(p: Programme) -> None:
    t, problem = p.tables, p.problem
    years = t.years.select("t", "year")
    hiring = t.staff.filter(pl.col("pipeline") > 0).join(years, on="t")
    ever = t.staff.join(hiring.select("staff_group").unique(), on="staff_group", how="semi").join(years, on="t")
    p.columns["hired"] = p.builder.columns(
        "hired",
        ever,
        ["staff_group", "year"],
        unit="WTE",
        label="{staff_group} staff taken on and still there in {year}",
    )
    taken_on = ever.filter(pl.col("pipeline") > 0)
    p.columns["taken_on"] = p.builder.columns(
        "taken_on",
        taken_on,
        ["staff_group", "year"],
        unit="WTE",
        label="{staff_group} staff taken on in {year}",
        upper="pipeline",
    )
    kinds = pl.DataFrame({"kind": ["recurrent", "non_recurrent", "capital"]})
    p.columns["spend"] = p.builder.columns(
        "spend",
        kinds.join(years, how="cross"),
        ["kind", "year"],
        unit="£ thousand",
        label="{kind} spend in {year}",
    )
    carrying = pl.DataFrame(
        [
            (b.kind, t.each_year(b.year)[0], float(b.carry_forward_pounds) / 1000)
            for b in problem.budgets
            if b.carry_forward_pounds > 0
        ],
        schema={"kind": pl.String, "t": pl.Int32, "most": pl.Float64},
        orient="row",
    ).join(years, on="t")
    p.columns["carried"] = p.builder.columns(
        "carried",
        carrying,
        ["kind", "year"],
        unit="£ thousand",
        label="{kind} money carried forward out of {year}",
        upper="most",
    )


def _providers(p: Programme) -> None:
    t, problem = p.tables, p.problem
    years = t.years.select("t", "year")
    paid = (
        p.columns["donated"]
        .join(t.prices, on=["provider", "point_of_delivery", "t"], how="semi")
        .select("provider", "t", "year")
        .unique(maintain_order=True)
        .sort("provider", "t")
    )
    p.columns["income_lost"] = p.builder.columns(
        "income_lost",
        paid,
        ["provider", "year"],
        unit="£ thousand",
        label="income {provider} loses in {year}",
    )
    pieces = pl.DataFrame(
        [
            (
                term.provider,
                i,
                float(piece.from_pounds) / 1000,
                float(term.pieces[i + 1].from_pounds) / 1000 if i + 1 < len(term.pieces) else math.inf,
                float(piece.slope),
            )
            for term in problem.payment_terms
            for i, piece in enumerate(term.pieces)
        ],
        schema={
            "provider": pl.String,
            "piece": pl.Int32,
            "begins": pl.Float64,
            "ends": pl.Float64,
            "slope": pl.Float64,
        },
        orient="row",
    ).with_columns((pl.col("ends") - pl.col("begins")).alias("width"))
    stretches = paid.join(pieces, on="provider").sort("provider", "t", "piece")
    p.columns["tariff_lost"] = p.builder.columns(
        "tariff_lost",
        stretches,
        ["provider", "piece", "year"],
        unit="£ thousand",
        label="tariff value {provider} does not do in {year} (piece {piece} of its terms)",
        upper="width",
    )
    opened = stretches.filter(pl.col("piece") > 0)
    p.columns["piece_reached"] = p.builder.columns(
        "piece_reached",
        opened,
        ["provider", "piece", "year"],
        unit="yes or no",
        label="whether {provider} reaches piece {piece} of its terms in {year}",
        upper=1.0,
        integer=True,
    )
    blocks = pl.DataFrame(
        [
            (
                b.provider,
                b.id,
                b.point_of_delivery,
                float(b.units),
                float(b.saving_pounds) / 1000,
                b.lag_years,
                float(b.most),
                b.staff_group or "",
                float(b.staff_wte),
            )
            for b in problem.blocks
        ],
        schema={
            "provider": pl.String,
            "block": pl.String,
            "point_of_delivery": pl.String,
            "size": pl.Float64,
            "saving": pl.Float64,
            "lag": pl.Int32,
            "most": pl.Float64,
            "staff_group": pl.String,
            "staff_wte": pl.Float64,
        },
        orient="row",
    ).join(years, how="cross")
    p.columns["block_released"] = p.builder.columns(
        "block_released",
        blocks,
        ["provider", "block", "year"],
        unit="blocks",
        label="blocks {block} of {provider} closed by {year}",
        upper="most",
        integer=problem.whole_blocks,
    )
    p.columns["stranded"] = p.builder.columns(
        "stranded",
        paid,
        ["provider", "year"],
        unit="£ thousand",
        label="stranded cost of {provider} in {year}",
        lower=-math.inf,
    )
    funds = pl.DataFrame(
        [(t.each_year(f.year)[0], float(f.pounds) / 1000) for f in problem.transition_funds],
        schema={"t": pl.Int32, "fund": pl.Float64},
        orient="row",
    )
    supported = paid.join(funds, on="t")
    p.columns["support"] = p.builder.columns(
        "support",
        supported,
        ["provider", "year"],
        unit="£ thousand",
        label="transition support to {provider} in {year}",
    )
    totals = pl.DataFrame(
        [(c.organisation, t.each_year(c.year)[0]) for c in problem.control_totals],
        schema={"organisation": pl.String, "t": pl.Int32},
        orient="row",
    ).join(years, on="t")
    if "shortfall" in problem.goal_names():
        p.columns["shortfall"] = p.builder.columns(
            "shortfall",
            totals,
            ["organisation", "year"],
            unit="£ thousand",
            label="shortfall of {organisation} against its control total in {year}",
        )
    wanted = {*problem.goal_names(), *(limit.measure for limit in problem.limits)}
    if "peak_deficit" in wanted:
        p.columns["peak_deficit"] = p.builder.columns(
            "peak_deficit",
            pl.DataFrame({"scope": [ALL]}),
            [],
            unit="£ thousand",
            label="largest deficit of any year",
        )
    if problem.equity is not None:
        p.columns["system_benefit"] = p.builder.columns(
            "system_benefit",
            pl.DataFrame({"scope": [ALL]}),
            [],
            unit="benefit a thousand heads",
            label="benefit per head of the system",
        )
