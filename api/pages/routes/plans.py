"""A plan on one page: what the mix and the contracts leave of the deficit, where everybody ends, and what is bought; every figure opens."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.choice import Choice
from api.charts.material import Material
from api.pages.drawn import gallery_of
from api.pages.findings import Finding, view_tabs, years_select
from api.pages.outcomes import result_of
from api.pages.seen import set_aside_words
from api.pages.tables import PageTable, figure_link
from capitation.money.pence import board_text
from capitation.sentences import capital

VIEWS = {"ends": "Where everybody ends", "left": "What is left of the deficit", "mix": "What is bought", "payoff": "Who pays when activity moves"}  # fmt: skip
"""Views of a plan."""

_CHARTS = {"ends": "bridge", "left": "bridge", "mix": "mix", "payoff": "payoff"}
_GAINS = {"title": "Solution", "avoided_units": "Activity avoided", "cost_released_pence": "Cost released", "savings_pence": "Savings",
          "spend_pence": "Spend", "gain_pence": "Gain"}  # fmt: skip
_LINES = {"title": "Line", "amount_pence": "Amount"}


def plan(request: Request) -> Response:
    """A plan in the view and the year that are asked for."""
    found = result_of(request, "plans", request.path_params["result"])
    gallery, tables = gallery_of(request, found), found.tables
    material = gallery.charts.material
    rows = _positions(tables)
    years = list(rows["year"].unique().sort()) if rows.height else list(tables["bridge"]["year"].unique().sort())
    asked = request.query_params.get("year", "")
    year = asked if asked in years else (years[-1] if years else "")
    show = request.query_params.get("show", "ends")
    show = show if show in VIEWS else "ends"
    ends = _ends(rows, material, year, found.id)
    table = {"ends": ends, "payoff": ends, "left": _left(tables, year, found.id), "mix": _mix(tables, year, found.id)}[
        show
    ]
    choice = Choice(year=year) if show in {"ends", "left"} else Choice()
    said = _left_words(tables, year)
    return Finding(
        "The whole plan", ends_words(rows, material, year) or (said[0] if said else "You have no access to the positions in this plan."),
        found.facts, said, found.stale, ("/options", "Open its documents and ask for it again"), view_tabs(VIEWS, show, f"&year={year}"),
        years_select(years, year) if show != "payoff" else (), (("show", show),), gallery.picture(_CHARTS[show], choice), table,
        links=[("/plans", "All plans"), ("/options", "Contract options"), ("/problems", "What may be invested in")],
        not_in=set_aside_words(tables),
    ).answer(request)  # fmt: skip


def _positions(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    rows = tables["plan_position"]
    return rows.filter(pl.col("role") != "payer") if rows.height else rows


def ends_words(rows: pl.DataFrame, material: Material, year: str) -> str:
    """Under which option most bodies reach their control total, and by how much the others miss theirs."""
    tested = rows.filter((pl.col("year") == year) & pl.col("is_met").is_not_null()) if rows.height else rows
    if tested.is_empty():
        return ""
    counts = (
        tested.group_by("option")
        .agg(
            met=pl.col("is_met").sum(),
            of=pl.len(),
            short=-pl.col("margin_pence").filter(~pl.col("is_met")).sum(),
        )
        .sort("met", "short", "option", descending=[True, False, False])
    )
    best, worst = counts.row(0, named=True), counts.row(-1, named=True)
    missed = f"; the others miss theirs by {board_text(best['short'])} together" if best["short"] else ""
    head = f"With the mix and {material.short(best['option'])}, {best['met']} of {best['of']} bodies reach their control total in {year}{missed}"
    return (
        f"{head}. Under {material.short(worst['option'])} {worst['met']} do."
        if worst["option"] != best["option"]
        else f"{head}."
    )


def _left_words(tables: Mapping[str, pl.DataFrame], year: str) -> list[str]:
    """What doing nothing leaves, what the mix takes off it, and what is left."""
    lines = _chain(tables, year)
    known = dict(lines.select("line", "amount_pence").iter_rows()) if lines.height else {}
    nothing, left, mix = (
        known.get("printed_do_nothing", known.get("derived_do_nothing")),
        known.get("left"),
        known.get("mix"),
    )
    if nothing is None or left is None:
        return []
    bought = f" The mix takes {board_text(-mix)} of it." if mix else ""
    return [
        f"Doing nothing leaves a gap of {board_text(nothing)} in {year}; {board_text(left)} is left of it before contracts.{bought}"
    ]


def _chain(tables: Mapping[str, pl.DataFrame], year: str) -> pl.DataFrame:
    rows = tables["bridge"]
    return rows.filter((pl.col("year") == year) & (pl.col("level") == "system")).sort("step") if rows.height else rows


def _ends(rows: pl.DataFrame, material: Material, year: str, result: str) -> PageTable:
    """Where each organisation ends a year under every option, beside its control total; each position opens."""
    says, name = f"Positions with the mix under each contract option, {year}", f"positions-{result}"
    mine = rows.filter(pl.col("year") == year) if rows.height else rows
    if mine.is_empty():
        return PageTable(says, pl.DataFrame(), {}, name=name)
    base = material.facts.get("base", "")
    options = sorted(mine["option"].unique(), key=lambda each: (each != base, each))
    wide = mine.pivot(on="option", index=["role", "organisation_code", "control_total_pence"], values="position_pence")
    wide = wide.with_columns(
        pl.col("organisation_code").map_elements(material.name, return_dtype=pl.String).alias("organisation"),
        *(pl.col(o).alias(f"{o}_pence") for o in options),
    ).sort("role", "organisation")
    heads = {"organisation": "Organisation", **{f"{o}_pence": material.name(o) for o in options}, "control_total_pence": "Must reach"}  # fmt: skip
    key = {"year": year, "role": "{role}", "organisation_code": "{organisation_code}"}
    links = {f"{o}_pence": figure_link(result, "plan_position", "position_pence", option=o, **key) for o in options}
    money = frozenset(n for n in heads if n.endswith("_pence"))
    return PageTable(says, wide.drop(options), heads, links, money, name)


def _left(tables: Mapping[str, pl.DataFrame], year: str, result: str) -> PageTable:
    rows = _chain(tables, year)
    key = {n: f"{{{n}}}" for n in ("year", "organisation", "level", "line")}
    links = {"amount_pence": figure_link(result, "bridge", "amount_pence", **key)} if rows.height else {}
    heads = _LINES if rows.height else {}
    return PageTable(f"From doing nothing to what is left, {year}", rows, heads, links, frozenset({"amount_pence"}), f"chain-{result}")  # fmt: skip


def _mix(tables: Mapping[str, pl.DataFrame], year: str, result: str) -> PageTable:
    rows = tables["mix_line"]
    rows = rows.filter(pl.col("year") == year).sort("gain_pence", descending=True) if rows.height else rows
    heads = {n: w for n, w in _GAINS.items() if n in rows.columns}
    money = frozenset(n for n in heads if n.endswith("_pence"))
    return PageTable(capital(f"what each solution avoids, releases, saves and spends, {year}"), rows, heads, short=money, name=f"mix-{result}")  # fmt: skip


ROUTES = [Route("/plans/{result}", plan)]
