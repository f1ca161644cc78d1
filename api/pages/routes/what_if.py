"""What if: growth of the money moved by a slider, and the headline with it; nothing is kept."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.questions import WholePlan, how_much, who_is_furthest
from api.boards.run import localities
from api.pages.asking import may, service_of
from api.pages.rendering import page
from api.pages.seen import run_of
from api.pages.tables import PageTable
from api.service.security.access import AccessError
from capitation.money.pence import board_text
from capitation.records.documents import parse_document
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario

LEAST, MOST = Decimal(-3), Decimal(3)


def what_if(request: Request) -> Response:
    """The headline at another growth."""
    if not may(request, "POST", "/v1/runs"):
        raise AccessError("role", "trying out another growth belongs to those who make runs")
    seen = run_of(request)
    typed = request.query_params.get("growth", "0")
    growth, fault = _number(typed)
    year = seen.year(None)
    pack = service_of(request).packs.named(seen.data_pack).opened()
    content: dict[str, Any] = dict(seen.run.manifest.scenario)
    moved = (
        seen.run
        if fault or not growth
        else evaluate(parse_document(_grown(content, growth, year), Scenario, "what if"), pack)
    )
    before, after = localities(seen.run, year), localities(moved, year)
    rows = before.select("name", "area_code", "total_pence").join(
        after.select("area_code", after_pence="total_pence", distance="distance"), on="area_code", how="left", validate="1:1"
    ).with_columns(change_pence=pl.col("after_pence") - pl.col("total_pence")).sort("distance", nulls_last=True)  # fmt: skip
    change = int(rows["change_pence"].sum())
    lines = [*how_much(WholePlan(moved, year, pack))[:1], *who_is_furthest(WholePlan(moved, year, pack))[:1]]
    lead = f"With {growth:+.1f}% on the money of {year} the localities have {board_text(abs(change))} {'more' if change >= 0 else 'less'} than in the run."
    heads = {
        "name": "Locality",
        "total_pence": "In the run",
        "after_pence": "With this growth",
        "change_pence": "Change",
        "distance": "Distance from target",
    }
    table = PageTable(
        f"Money of localities, {year}", rows, heads, short=frozenset({"total_pence", "after_pence", "change_pence"})
    )
    template = "what_if_part.html" if request.headers.get("hx-request") else "what_if.html"
    return page(
        template,
        request,
        422 if fault else 200,
        title="What if",
        lead=lead,
        lines=lines,
        seen=seen,
        table=table,
        growth=typed,
        fault=fault,
        year=year,
    )


def _number(text: str) -> tuple[Decimal, str]:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Decimal(0), f"Found {text[:20]!r}; expected a number of percent such as 1.5"
    if not value.is_finite() or not LEAST <= value <= MOST:
        return Decimal(0), f"Found {text[:20]}; expected a number from {LEAST} to {MOST}"
    return value, ""


def _grown(scenario: dict[str, Any], growth: Decimal, year: str) -> dict[str, Any]:
    """The scenario with so many percent more recurrent money in its placed streams from a year on."""
    factor = 1 + growth / 100
    placed = set(scenario.get("place_based_streams") or ())
    streams = [
        {**stream, "amounts": [_scaled(each, factor) if stream["stream"] in placed and each["year"] >= year else each for each in stream["amounts"]]}
        for stream in scenario["money"]["streams"]
    ]  # fmt: skip
    return {**scenario, "money": {**scenario["money"], "streams": streams}}


def _scaled(amount: dict[str, Any], factor: Decimal) -> dict[str, Any]:
    return {**amount, "pounds": str((Decimal(amount["pounds"]) * factor).quantize(Decimal(1)))}


ROUTES = [Route("/what-if", what_if)]
