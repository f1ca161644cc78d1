"""What a board chooses by: the contracts tried on a run, and the best mix of investments, worked out or asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.chain.stages import ends_table
from api.charts.material import SERVICES
from api.pages.answers import worked_out
from api.pages.asking import ask, service_of
from api.pages.drawn import gallery_of, gallery_of_run
from api.pages.findings import Finding, Start, view_tabs
from api.pages.outcomes import newest_of, result_of
from api.pages.rendering import moved_to
from api.pages.seen import run_of
from api.pages.tables import PageTable, headed, heading
from capitation.sentences import capital, small

_SETTINGS = re.compile(r"\b(ae|non[-_]elective|elective|outpatient|ambulance)\b")
"""Settings of care that sentences of the optimiser name by their codes."""

VIEWS = {"mix": "The mix by year", "frontier": "What we give up"}
"""Views of an investment page."""

_GAINS = {"title": "Solution", "year": "Year", "avoided_units": "Activity avoided", "cost_released_pence": "Cost released",
          "savings_pence": "Savings", "spend_pence": "Spend", "gain_pence": "Gain"}  # fmt: skip


def contracts(request: Request) -> Response:
    """The newest comparison of contract options on a run's scenario, or where one is asked for."""
    seen = run_of(request, request.path_params["run"])
    scenario = str(seen.run.manifest.scenario["id"])
    found = newest_of(request, "comparisons", scenario)
    if found is not None:
        return moved_to(found.root)
    starts = [
        Start("comparisons", f"Compare: {title}", (("options", name),)) for name, title in options_on(request, scenario)
    ]
    worked = worked_out(request, seen) if seen.is_open else None
    said = [] if worked is None else worked.answers.get(3, [])
    table = None
    if worked is not None and "plan_position" in worked.frames:
        rows = worked.frames["plan_position"]
        last = str(rows["year"].max())
        ends = ends_table(rows, {**seen.names("organisation"), **seen.names("provider")}, worked.options, last)
        table = PageTable(
            f"Positions with the mix under each contract option, {last}, £ thousand; surpluses above nothing", ends,
            headed(ends), name=f"positions-{seen.id}",
        )  # fmt: skip
    lead = said[0] if said else "Contract options on this run have not been compared yet."
    if starts:
        said = [
            *(said or [lead]),
            "Compare the options, and each position opens what it is made of, down to the printed cell.",
        ]
    links = [("/options", "Stored contract options"), ("/contracts", "Contracts they may name")]
    return Finding("Which contract suits whom", lead, seen.facts, said[1:], seen.stale, table=table, starts=starts, links=links, not_in=seen.not_in,
                   refresh=None if worked is None or worked.is_over else 3).answer(request)  # fmt: skip


def investment(request: Request) -> Response:
    """What should be invested in, on a run: the mix that was worked out on it."""
    seen = run_of(request, request.path_params["run"])
    show = request.query_params.get("show", "mix")
    show = show if show in VIEWS else "mix"
    links = [
        ("/problems", "What may be invested in, with what money and staff"),
        ("/optimisations", "Mixes requested"),
        ("/plans", "Whole plans: the mix and the contracts together"),
    ]
    if not seen.is_open:
        lead = "Only those who run the system can see this."
        return Finding("What should be invested in", lead, seen.facts, not_in=seen.not_in).answer(request)
    worked = worked_out(request, seen)
    said = worked.answers.get(4, [])
    lines = worked.frames.get("mix_line", pl.DataFrame())
    waits = "Being worked out; this page refreshes by itself."
    lead = said[0] if said else waits
    figure = gallery_of_run(request, seen).picture(show) if lines.height else None
    rows = lines.sort("year", "gain_pence", descending=[True, True]) if lines.height else lines
    table = PageTable("What each solution avoids, releases, saves and spends", rows, {n: w for n, w in _GAINS.items() if n in rows.columns},
                      short=frozenset(n for n in _GAINS if n.endswith("_pence")), name=f"mix-{seen.id}")  # fmt: skip
    plans = _plans(request, str(seen.run.manifest.scenario["id"]))
    made = newest_of(request, "plans", str(seen.run.manifest.scenario["id"]))
    if made is not None:
        links.insert(
            0, (f"{made.root}?show=left", "What the mix takes off the deficit, each figure down to its printed cell")
        )
    elif plans and lines.height:
        said = [*said, "Work out the whole plan, and each figure opens what it is made of, down to the printed cell."]
    if show == "frontier" and figure is not None and figure.figure is not None:
        points = figure.figure.table
        table = PageTable(figure.title, points, {n: n for n in points.columns}, name=f"frontier-{seen.id}")
    return Finding(
        "What should be invested in", lead, seen.facts, said[1:], seen.stale, (f"/scenarios/{seen.run.manifest.scenario['id']}", "Run its scenario again"), tabs=view_tabs(VIEWS, show), figure=figure,
        table=table if lines.height else None, starts=plans, links=links, not_in=seen.not_in,
        refresh=None if worked.is_over else 3,
    ).answer(request)  # fmt: skip


def _plans(request: Request, scenario: str) -> list[Start]:
    """The whole plan of a scenario under each document of options on it, where a problem has the scenario's name."""
    if scenario not in {each["id"] for each in ask(request, "/v1/problems", {"limit": "1000"}).content["items"]}:
        return []
    return [
        Start("plans", f"Work out the whole plan with: {title}", (("scenario", scenario), ("options", name), ("problem", scenario)))
        for name, title in options_on(request, scenario)
    ]  # fmt: skip


def options_on(request: Request, scenario: str) -> list[tuple[str, str]]:
    """Stored contract options on a scenario: their ids and titles."""
    items = ask(request, "/v1/options", {"limit": "1000"}).content["items"]
    return [
        (each["id"], each["title"]) for each in items
        if ask(request, f"/v1/options/{each['id']}").content.get("scenario") == scenario
    ]  # fmt: skip


def optimisation(request: Request) -> Response:
    """The best mix that was asked for, what it is worth, and what more of each limit would be worth; or which limits clash."""
    found = result_of(request, "optimisations", request.path_params["result"])
    content = found.content
    mix, prices = (found.tables[name] if name in found.tables else pl.DataFrame() for name in ("mix", "prices"))
    left_out = 0
    if mix.height:
        places = pl.col("place").map_elements(_places(request), return_dtype=pl.String)
        mix = mix.with_columns(pl.col("solution").replace(_titles(content)), places).sort("start", "solution", "place")
        left_out = mix.filter(pl.col("start").is_null())["solution"].n_unique()
        mix = mix.filter(pl.col("start").is_not_null())
    heads = {"solution": "Solution", "place": "Where", "start": "Starts", "scale": "Part of its full size"}
    table = PageTable("The mix", mix, {n: w for n, w in heads.items() if n in mix.columns}, name=f"mix-{found.id[:16]}")
    credit = found.tables["credit"] if "credit" in found.tables else pl.DataFrame()
    more = []
    if credit.height:
        sums = (
            credit.group_by("solution", "year")
            .agg(pl.col("units").sum())
            .with_columns(pl.col("solution").replace(_titles(content)))
        )
        wide = sums.sort("year").pivot(on="year", index="solution", values="units").sort("solution")
        more.append(
            PageTable("Activity that each solution avoids, by year", wide, {n: heading(n) for n in wide.columns})
        )
    if prices.height:
        named = {"limit": "Limit", "unit": "Unit", "at": "Stands at", "price": "One more is worth", "price_unit": "In"}
        more.append(
            PageTable(
                "What one more of each limit is worth",
                prices.head(60),
                {n: w for n, w in named.items() if n in prices.columns},
            )
        )
    said = [_say(each) for each in content.get("price_sentences") or ()][:3]
    said += (
        [f"{left_out} solutions are not started somewhere or anywhere; the mix below lists those that are."]
        if left_out
        else []
    )
    return Finding(
        "The best mix of investments", _mix_lead(content), found.facts, said, found.stale,
        (f"/problems/{found.asked.get('problem', '')}", "Open the problem and search again"), figure=gallery_of(request, found).picture("avoided") if credit.height else None, table=table, more=more, lists=_clashes(content),
        not_in=[_say(each) for each in content.get("silent") or ()],
    ).answer(request)  # fmt: skip


def _places(request: Request) -> Callable[[str], str]:
    """The name of a place of a mix, as the newest run has it; a mix writes codes with lines below."""
    names = run_of(request).names("locality") if service_of(request).store.newest("run") is not None else {}
    known = {code.replace("-", "_"): name for code, name in names.items()} | {"ALL": "everywhere"}
    return lambda code: known.get(code.replace("-", "_"), code)


def _titles(content: Any) -> dict[str, str]:  # noqa: ANN401  # any JSON
    mix = content.get("mix")
    return {code: each.get("title", code) for code, each in mix.items()} if isinstance(mix, dict) else {}


def _mix_lead(content: Any) -> str:  # noqa: ANN401  # any JSON
    """What the best mix reaches, in a sentence."""
    said = []
    for goal in content.get("goals") or ():
        value = goal.get("value_gbp") or goal.get("value")
        if value is not None:
            amount = (
                f"£{float(value) / 1e6:,.1f}m"
                if goal.get("value_gbp")
                else f"{float(value):,.0f} {goal.get('unit', '')}"
            )
            said.append(f"{_measure(content, str(goal['measure']))} of {amount}")
    must = content.get("infeasible")
    if must:
        return "No mix keeps within every limit; the limits that clash are listed below."
    count = len(_titles(content))
    how = _say(str(content.get("meaning", "")))
    head = f"{count} solutions together reach a {' and '.join(said)}" if said else "The search has ended"
    return f"{head}; {small(how)}" if how else f"{head}."


def _measure(content: Any, name: str) -> str:  # noqa: ANN401  # any JSON
    known = {"npv": "net present value", "avoided": "activity avoided"}
    return known.get(name, name.replace("_", " "))


def _say(text: str) -> str:
    text = _SETTINGS.sub(lambda found: SERVICES[found[0].replace("_", "-")].lower().replace("a&e", "A&E"), text)
    words = text.replace(" npv ", " net present value ").replace("non_recurrent", "non-recurrent").replace("_", " ")
    return f"{capital(words).rstrip('.')}." if words else ""


def _clashes(content: Any) -> list[tuple[str, list[str]]]:  # noqa: ANN401  # any JSON
    found = content.get("infeasible")
    must = found.get("must_give", ()) if isinstance(found, dict) else ()
    lists = []
    if must:
        said = [f"{g['limit']}: {g['must_give']:,.6g} {g['unit']} {g['side']}" for g in must]
        lists.append(("These limits cannot all be met; the smallest change that would suffice", said))
    for name, caption in (("knife_edges", "Finely balanced"),):
        if content.get(name):
            lists.append((caption, [_say(str(each)) for each in content[name]]))
    return lists


def newest(request: Request) -> Response:
    """The page of the newest run."""
    return moved_to(f"/runs/{run_of(request).id}{request.url.path}")


ROUTES = [
    Route("/investment", newest),
    Route("/risk", newest),
    Route("/runs/{run}/contracts", contracts),
    Route("/runs/{run}/investment", investment),
    Route("/optimisations/{result}", optimisation),
]
