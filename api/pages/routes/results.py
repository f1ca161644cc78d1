"""Results that boards choose by: contract options beside each other, and the best mix of investments."""

from __future__ import annotations

from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import ask, caller_of, service_of
from api.pages.rendering import page
from api.pages.seen import run_of
from api.pages.tables import PageTable, asked_file, heading
from api.service.records.failures import ServiceError
from api.service.views.models import moment
from capitation.errors import UnknownNameError
from capitation.money.pence import board_text


def _seen(request: Request, kind: str, result: str, name: str) -> pl.DataFrame:
    """A table of a result as far as the caller sees it."""
    try:
        found = service_of(request).seen(kind, result, name, caller_of(request))
    except UnknownNameError:
        return pl.DataFrame()
    return pl.DataFrame() if found is None else found[0]


def _names(request: Request) -> dict[str, str]:
    """Names of organisations by code, from the newest run; codes stand where there is none."""
    if service_of(request).store.newest("run") is None:
        return {}
    return dict(run_of(request).run.frames["code_name"].select("code", "name").iter_rows())


def _facts(request: Request, kind: str, result: str, address: str) -> list[tuple[str, str, str]]:
    stored = service_of(request).store.result(kind, result)
    if stored is None:
        raise ServiceError("not-found", f"there is no {kind} {result!r}")
    made = moment(stored.created).strftime("%-d %B %Y, %H:%M")
    return [
        (kind.capitalize(), result[:16], f"/v1/{address}/{result}"),
        ("Made", f"{made} by {stored.author}", ""),
        ("Status", "for decision, not approved", ""),
    ]


def comparison(request: Request) -> Response:
    """Contract options beside each other: what each organisation is left with, and how that differs from doing the minimum."""
    result = request.path_params["result"]
    facts = _facts(request, "comparison", result, "comparisons")
    content = ask(request, f"/v1/comparisons/{result}").content
    document: dict[str, Any] = content["content"].get("manifest", {}).get("scenario", {})
    titles = (
        {o["id"]: o.get("title", o["id"]) for o in document.get("options", ())}
        if isinstance(document.get("options"), list)
        else {}
    )
    rows = _seen(request, "comparison", result, "position")
    names = _names(request)
    cases = list(rows["activity_case"].unique().sort()) if "activity_case" in rows.columns else []
    years = list(rows["year"].unique().sort()) if rows.height else []
    case, year = (
        request.query_params.get("case")
        or (document.get("shown_case") if document.get("shown_case") in cases else next(iter(cases), "")),
        request.query_params.get("year") or next(iter(years), ""),
    )
    shown = rows.filter((pl.col("year") == year) & (pl.col("activity_case") == case)) if cases else rows
    options = list(dict.fromkeys(shown["option"])) if shown.height else []
    wide = (
        shown.pivot(on="option", index=["role", "organisation_code"], values="position_pence", aggregate_function="sum")
        if shown.height
        else shown
    )
    if wide.height:
        wide = wide.with_columns(pl.col("organisation_code").replace(names).alias("organisation")).rename(
            {o: f"{o}_pence" for o in options}
        )
    heads = (
        {"organisation": "Organisation", "role": "As", **{f"{o}_pence": titles.get(o, o) for o in options}}
        if wide.height
        else {}
    )
    table = PageTable(
        f"What each organisation is left with, {year}, activity {case}",
        wide,
        heads,
        short=frozenset(f"{o}_pence" for o in options),
        name=f"comparison-{result}",
    )
    file = asked_file(request, table)
    if file is not None:
        return file
    lead = _best(wide, options, titles)
    parts = [
        ("First-year gap between both parties' expected cost", "expected_gap"),
        ("Terms in which the options differ", "option_terms"),
        ("Who pays when activity moves", "who_pays"),
    ]
    more = []
    for caption, name in parts:
        frame = _seen(request, "comparison", result, name).head(60)
        if frame.height:
            for column in frame.columns:
                if column.endswith("_code"):
                    frame = frame.with_columns(pl.col(column).replace(names))
                elif column == "option":
                    frame = frame.with_columns(pl.col(column).replace(titles))
            more.append(
                PageTable(
                    caption,
                    frame,
                    {n: heading(n) for n in frame.columns if frame.schema[n] != pl.List},
                    short=frozenset(n for n in frame.columns if n.endswith("_pence")),
                )
            )
    return page("result.html", request, title="Contract options beside each other", lead=lead, facts=facts, table=table, more=more, lists=(),
                choices=(("year", "Year", years, year), ("case", "Activity", cases, case)), query=f"year={year}&case={case}&")  # fmt: skip


def _best(wide: pl.DataFrame, options: list[str], titles: dict[str, str]) -> str:
    if not wide.height or not options:
        return "None of the positions of this comparison are yours to see."
    said = []
    for role in ("commissioner", "provider"):
        rows = wide.filter(pl.col("role") == role)
        if rows.height:
            sums = {o: int(rows[f"{o}_pence"].sum()) for o in options}
            best = max(sums, key=lambda o: sums[o])
            said.append(f"{role}s are left with most under {titles.get(best, best)} ({board_text(sums[best])})")
    words = "; ".join(said) or "nothing is to be compared"
    return f"{words[0].upper()}{words[1:]}."


def optimisation(request: Request) -> Response:
    """The best mix, what it is worth, and what more of each limit would be worth; or which limits clash."""
    result = request.path_params["result"]
    facts = _facts(request, "optimisation", result, "optimisations")
    content: dict[str, Any] = ask(request, f"/v1/optimisations/{result}").content["content"]
    mix, prices = (_seen(request, "optimisation", result, name) for name in ("mix", "prices"))
    titles = (
        {code: each.get("title", code) for code, each in (content.get("mix") or {}).items()}
        if isinstance(content.get("mix"), dict)
        else {}
    )
    if mix.height and "solution" in mix.columns:
        mix = mix.with_columns(pl.col("solution").replace(titles))
    table = PageTable("The mix", mix, {n: heading(n) for n in mix.columns}, name=f"mix-{result}")
    file = asked_file(request, table)
    if file is not None:
        return file
    goals = content.get("goals") or ()
    worth = "; ".join(
        f"{g['measure']} {g['value']:,.0f} {g['unit']}"
        for g in goals
        if isinstance(g, dict) and isinstance(g.get("value"), int | float)
    )
    lead = f"{str(content.get('status', 'ended')).capitalize()}: {content.get('meaning', '')}".rstrip(": .") + (
        f". The mix reaches {worth}." if worth else "."
    )
    must = (content.get("infeasible") or {}).get("must_give", ()) if isinstance(content.get("infeasible"), dict) else ()
    lists = (
        [
            (
                "These limits cannot all be kept; the smallest change that would do",
                [f"{g['limit']}: {g['must_give']:,.6g} {g['unit']} {g['side']}" for g in must],
            )
        ]
        if must
        else []
    )
    for name, caption in (("knife_edges", "On a knife edge"), ("warnings", "To know")):
        if content.get(name):
            lists.append((caption, [str(each) for each in content[name]]))
    more = (
        [
            PageTable(
                "What one more of each limit is worth",
                prices.head(60),
                {n: heading(n) for n in prices.columns if prices.schema[n] != pl.List},
            )
        ]
        if prices.height
        else []
    )
    return page(
        "result.html",
        request,
        title="The best mix of investments",
        lead=lead,
        facts=facts,
        table=table,
        more=more,
        lists=lists,
        choices=(),
        query="",
    )


ROUTES = [Route("/comparisons/{result}", comparison), Route("/optimisations/{result}", optimisation)]
