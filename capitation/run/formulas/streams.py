"""Formulas of the money: totals of streams, movements of the control total, top-slices of localities."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from capitation.money.pence import pence_of, pounds_text
from capitation.money.rounding import nearest
from capitation.run.formulas.leaves import Row, at, cell, choice, published, scenario_of, share_of
from capitation.run.trace import Context, Worked


@published("stream_total", "total_pence", "the amount of the stream in the year, as its source prints it")
def _stream_total(context: Context, row: Row) -> Worked:
    series = next(s for s in scenario_of(context).money.streams if s.stream == row["stream"])
    amounts = [a for a in series.amounts if a.year == row["year"] and a.recurrence == row["recurrence"]]
    leaves = [cell(context, a.source, a.where, f"{row['stream']} {row['year']}") for a in amounts]
    return Worked(sum(pence_of(a.pounds) for a in amounts), leaves)


@published(
    "control_total_step",
    "amount_pence",
    "the gross amount, or the top-slice's rate times its base, to the nearest penny",
)
def _control_total_step(context: Context, row: Row) -> Worked:
    year, stream = row["year"], row["stream"]
    if row["kind"] == "gross":
        key = {"year": year, "stream": stream, "recurrence": row["recurrence"]}
        return Worked(context.row("stream_total", **key)["total_pence"], [at("stream_total", "total_pence", **key)])
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"} and s.stream == stream)
    steps = sorted(context.rows("control_total_step", year=year, stream=stream), key=lambda r: r["step"])
    before = [s for s in steps if s["step"] < row["step"]]
    leaf = cell(context, piece.source, piece.where, piece.name)
    if row["kind"] == "release":
        taken = next(s for s in reversed(before) if s["name"] == piece.name)
        part = next(r.rate for r in piece.releases if r.year == year and r.recurrence == row["recurrence"])
        return Worked(nearest(part * -taken["amount_pence"]), [leaf, choice("part given back", str(part), piece.where)])
    if piece.pounds is not None:
        return Worked(-pence_of(piece.pounds), [leaf])
    gross = sum(s["amount_pence"] for s in steps if s["kind"] == "gross")
    base = gross if piece.base == "stream total" else before[-1]["balance_pence"]
    exact = (piece.rate or Decimal(0)) * base
    rounded = {
        "nearest": nearest(exact),
        "down": int(exact.to_integral_value(ROUND_FLOOR)),
        "up": int(exact.to_integral_value(ROUND_CEILING)),
    }[piece.rounding]
    words = f"rate {piece.rate} of the {piece.base}, {pounds_text(base)} pounds, {piece.rounding} penny"
    return Worked(-rounded, [leaf, choice("rate", str(piece.rate), f"top-slice {piece.name!r} of the scenario")], words)


@published(
    "locality_slice",
    "amount_pence",
    "the system's top-slice shared by the localities' allocations of the stream, largest remainder",
)
def _locality_slice(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    step = next(s for s in context.rows("control_total_step", **key) if s["step"] == row["step"])
    weights = {r["area_code"]: r["total_pence"] for r in context.rows("locality_total", **key)}
    pence = share_of(step["amount_pence"], weights, row["locality_code"])
    leaf = cell(context, *_slice_source(context, row), row["name"])
    return Worked(pence, [leaf, at("locality_total", "total_pence", **key, area_code=row["locality_code"])])


def _slice_source(context: Context, row: Row) -> tuple[str, str]:
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"})
    return piece.source, piece.where
