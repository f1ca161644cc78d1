"""Formulas of service envelopes and of what each provider receives."""

from __future__ import annotations

from capitation.activity.printed_cells import printed_number
from capitation.activity.reading import SpendReading
from capitation.allocation.services import service_streams
from capitation.errors import SourceError
from capitation.run.formulas.leaves import (
    Row,
    _cells,
    all_rows,
    at,
    cell,
    choice,
    printed_plan,
    published,
    scenario_of,
    share_of,
)
from capitation.run.trace import Context, FigureAddress, Node, Worked

PENCE_OF_UNIT = {"£": 100, "£'000": 100_000, "£m": 100_000_000}
"""Pence in one of a printed unit of money."""


def service_stream_of(context: Context) -> dict[str, tuple[str, str | None]]:
    """Stream and buyer of each service."""
    if "service streams" not in context.memory:
        rows = service_streams(context.pack, scenario_of(context).files.service_streams).iter_rows(named=True)
        context.memory["service streams"] = {r["service_code"]: (r["stream"], r["commissioner_code"]) for r in rows}
    streams: dict[str, tuple[str, str | None]] = context.memory["service streams"]
    return streams


def printed_spend(context: Context) -> dict[str, int]:
    """Pence printed for each service."""
    if "spend" not in context.memory:
        source, part = spend_reading(context)
        cells = _cells(context, source, part.table)
        found = {code: cells[label, part.column] for label, code in part.rows.items()}
        context.memory["spend"] = {
            code: int(printed_number(c["value"]) * PENCE_OF_UNIT[c["unit"]]) for code, c in found.items()
        }
    spend: dict[str, int] = context.memory["spend"]
    return spend


def spend_reading(context: Context) -> tuple[str, SpendReading]:
    """The source of the printed spend by service, and how it is read."""
    source, plan = printed_plan(context)
    if plan.spend is None:
        raise SourceError(f"source {source}: found no spend by service; expected how the plan prints it")
    return source, plan.spend


def _stream_sums(context: Context, year: str, locality: str) -> dict[tuple[str, str], int]:
    """Spendable pence of a locality by stream and commissioning group."""
    memory = ("stream sums", year, locality)
    if memory not in context.memory:
        buyer = {r["practice_code"]: r["commissioner_code"] for r in all_rows(context, "membership")}
        sums: dict[tuple[str, str], int] = {}
        for row in context.rows("spendable", year=year, parent_code=locality):
            key = (row["stream"], buyer[row["code"]])
            sums[key] = sums.get(key, 0) + row["allocation_pence"]
        context.memory[memory] = sums
    found: dict[tuple[str, str], int] = context.memory[memory]
    return found


@published(
    "service_envelope",
    "allocation_pence",
    "spendable money of the streams that pay for the service, by the printed spend",
)
def _service_envelope(context: Context, row: Row) -> Worked:
    spend, streams = printed_spend(context), service_stream_of(context)
    single: dict[str, str] = {r.stream: r.service for r in scenario_of(context).streams if r.service}
    service, buyer = row["service_code"], row["commissioner_code"]
    total = 0
    for (stream, group), pence in _stream_sums(context, row["year"], row["locality_code"]).items():
        if single.get(stream) == service and group == buyer:
            total += pence
        elif streams[service][0] == stream and (streams[service][1] or group) == buyer:
            weights = {code: spend[code] for code, (of, _) in streams.items() if of == stream}
            total += share_of(pence, weights, service)
    home = {r["practice_code"]: (r["locality_code"], r["commissioner_code"]) for r in all_rows(context, "membership")}
    paying = {streams[service][0], *(s for s, of in single.items() if of == service)}
    parts: list[FigureAddress | Node] = [
        at("spendable", "allocation_pence", year=r["year"], stream=r["stream"], level="practice", code=r["code"])
        for r in context.rows("spendable", year=row["year"], parent_code=row["locality_code"])
        if r["stream"] in paying and (streams[service][1] == buyer or home[r["code"]][1] == buyer)
    ]
    source, part = spend_reading(context)
    label = next((name for name, code in part.rows.items() if code == service), None)
    if label is not None:
        where = f"{part.table}, row {label}, column {part.column}"
        parts.append(cell(context, source, where, f"printed spend on {service}"))
    return Worked(total, parts)


@published(
    "provider_allocation",
    "allocation_pence",
    "the service envelope shared by activity times cost times flow of each line, largest remainder",
)
def _provider_allocation(context: Context, row: Row) -> Worked:
    memory = ("provider weights", row["locality_code"], row["service_code"])
    if memory not in context.memory:
        weights: dict[str, int] = {}
        for line in context.rows("service_line", service_code=row["service_code"]):
            for flow in context.rows("flow", locality_code=row["locality_code"], line=line["line"]):
                worth = line["cost_pence"] * flow["share_ppm"]
                if worth:
                    weights[flow["provider_code"]] = weights.get(flow["provider_code"], 0) + worth
        context.memory[memory] = weights
    key = {k: row[k] for k in ("year", "commissioner_code", "locality_code", "service_code")}
    whole = context.row("service_envelope", **key)["allocation_pence"]
    words = "flows of the place by line: marked assumptions, providers/flows.csv"
    parts: list[FigureAddress | Node] = [
        at("service_envelope", "allocation_pence", **key),
        choice("share of the envelope", f"{row['allocation_pence']} of {whole} pence", words),
    ]
    return Worked(share_of(whole, context.memory[memory], row["provider_code"]), parts)
