"""What a mix is worth in doubt: over draws of its effects, and in other futures; and terms that are designed for what each can bear."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.chances import in_ten
from api.charts.material import Material
from api.pages.asking import service_of
from api.pages.drawn import family_title, figure_words, gallery_of
from api.pages.findings import Finding
from api.pages.outcomes import SeenResult, result_of
from api.pages.seen import run_of, set_aside_words
from api.pages.tables import PageTable
from capitation.money.pence import board_text
from capitation.sentences import capital

_MEASURES = {
    "npv": "Net present value", "commissioner_npv": "To the commissioner", "system_npv": "To the system",
    "avoided_at_contract": "Activity avoided, at contract prices", "avoided_at_tariff": "Activity avoided, at tariff",
}  # fmt: skip
_SPREAD = {"as_planned": "As planned", "mean": "On average", "p10": "1 in 10 is below", "p50": "In the middle", "p90": "1 in 10 is above",
           "worst": "Worst draw", "best": "Best draw"}  # fmt: skip
_PROMISES = {"better than nothing": "Better than doing nothing", "npv as promised": "The net present value it promises", "avoided as promised": "The activity avoided that it promises"}  # fmt: skip


def simulation(request: Request) -> Response:
    """A mix over draws of its effects and its delivery."""
    found = result_of(request, "simulations", request.path_params["result"])
    gallery, tables = gallery_of(request, found), found.tables
    material = gallery.charts.material
    chances = {str(p): float(c) for p, about, c in tables["chances"].select("promise", "about", "chance").rows() if not about}  # fmt: skip
    money, count = tables["money"], found.content.get("count", 0)
    worth = {str(row["measure"]): row for row in money.iter_rows(named=True)}
    lead = "You have no access to what was drawn."
    if npv := worth.get("npv"):
        lead = f"In {count:,} draws the mix is worth {board_text(npv['p10_pence'])} to {board_text(npv['p90_pence'])} in 8 out of 10, {board_text(npv['mean_pence'])} on average"
        promised = npv.get("as_planned_pence")
        reached = chances.get("npv as promised")
        lead += (
            f"; the {board_text(promised)} it promises is reached in {in_ten(reached)}."
            if promised is not None and reached is not None
            else "."
        )
    drivers = (
        [f"It is better than doing nothing in {in_ten(chances['better than nothing'])}."]
        if "better than nothing" in chances
        else []
    )
    table = _spread(
        money.with_columns(pl.col("measure").replace(_MEASURES)),
        "measure",
        "Measure",
        "What the mix is worth over the draws",
        found,
    )
    bodies = tables["organisations"] if "organisations" in tables else pl.DataFrame()
    if bodies.height:
        bodies = _named(
            bodies.with_columns(pl.col("organisation").replace({"ALL": "all providers together"})),
            "organisation",
            material,
        )
    activity = _named(tables["activity"], "point_of_delivery", material) if "activity" in tables else pl.DataFrame()
    more = [_spread(bodies, "organisation", "Organisation", "What each organisation gains over the draws", found),
            _spread(activity, "point_of_delivery", "Activity", "Activity avoided over the draws", found), _promises(tables["chances"], material)]  # fmt: skip
    return Finding(
        "What the mix is worth in doubt", lead, found.facts, drivers, found.stale, _again(found), figure=gallery.picture("worth"), table=table,
        more=[each for each in more if each.frame.height],
        links=[(f"/problems/{_problem(found)}", "What may be invested in, with what money and staff")], not_in=_not_drawn(found),
    ).answer(request)  # fmt: skip


def future(request: Request) -> Response:
    """A problem in its futures: the mix of each beside the plan's, a mix that some may disappoint, or one that shuns the worst."""
    found = result_of(request, "futures", request.path_params["result"])
    gallery, content = gallery_of(request, found), found.content
    rows = found.tables["futures"] if "futures" in found.tables else pl.DataFrame()
    figure = gallery.picture("futures") if rows.height and _has_money(rows) else None
    said = {"robust": _robust_words, "cvar": _cvar_words}.get(str(content.get("ask")), _each_words)(
        found, gallery.charts.material
    )
    heads = {"future": "Future", "probability": "Chance", "plan_pence": "The planned mix is worth", "best_pence": "The best mix there is worth", "bound_pence": "No mix exceeds",
             "regret_pence": "Lost", "value_pence": "Worth", "with_parts_pence": "With parts of its solutions"}  # fmt: skip
    caption = "The mix in each future"
    if rows.is_empty() and "losses" in found.tables:
        rows = found.tables["losses"].with_columns(
            pl.col("solution").replace(_titles(found)).map_elements(capital, return_dtype=pl.String)
        )
        heads, caption = (
            {"solution": "Solution", "loss_pence": "Lost if it disappoints"},
            "What is lost where a solution disappoints",
        )
    elif rows.height:
        rows = _named(rows, "future", gallery.charts.material)
        if "probability" in rows.columns:
            rows = rows.with_columns(pl.col("probability").map_elements(lambda v: f"{v:.0%}", return_dtype=pl.String))
    shown = {n: w for n, w in heads.items() if n in rows.columns and rows[n].null_count() < rows.height}
    table = PageTable(
        caption, rows, shown, short=frozenset(n for n in shown if n.endswith("_pence")), name=f"futures-{found.id[:16]}"
    )
    return Finding(
        "If the future is another", said[0], found.facts, said[1:], found.stale, _again(found), figure=figure, table=table,
        lists=[("Notes", [capital(str(n)) for n in content["notes"]])] if content.get("notes") else (),
        links=[(f"/problems/{_problem(found)}", "The problem and its futures")], not_in=_not_drawn(found),
    ).answer(request)  # fmt: skip


def _has_money(rows: pl.DataFrame) -> bool:
    return any(n in rows.columns and rows[n].null_count() < rows.height for n in ("plan_pence", "value_pence"))


def _each_words(found: SeenResult, material: Material) -> list[str]:
    every = found.tables["futures"] if "futures" in found.tables else pl.DataFrame()
    if not {"regret_pence", "plan_pence", "best_pence"} <= set(every.columns):
        return ["The futures were played; the table says what the mix gives in each."]
    said = []
    stopped = every.filter(pl.col("plan_pence").is_null())
    if stopped.height:
        other = _futures(stopped.filter(pl.col("best_pence").is_not_null()), material)
        none = _futures(stopped.filter(pl.col("best_pence").is_null()), material)
        parts = [f"in {other} another mix is needed"] if other else []
        parts += [f"in {none} no mix keeps every limit"] if none else []
        said = [
            f"The planned mix can be carried out in {every.height - stopped.height} of {every.height} futures; {', and '.join(parts)}."
        ]
    rows = every.drop_nulls("regret_pence").sort("regret_pence", descending=True)
    if rows.height:
        most = rows.row(0, named=True)
        alike = rows.filter(pl.col("regret_pence") <= 0).height
        said.append(f"The planned mix loses most in the future “{material.name(most['future'])}”: {board_text(most['regret_pence'])} against the best mix there.")  # fmt: skip
        if alike:
            said.append(f"It is the best in {alike} of {rows.height} futures.")
    return said


def _futures(rows: pl.DataFrame, material: Material) -> str:
    """Names of futures in a sentence: "low effects and higher demand"."""
    names = [f"“{material.name(code)}”" for code in rows["future"]]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _robust_words(found: SeenResult, _material: Material) -> list[str]:
    content = found.content
    count = float(content.get("disappoint") or 0)
    who = (
        "the solution that matters most disappoints"
        if count == 1
        else f"the {count:g} solutions that matter most disappoint"
    )
    return [
        f"If {who}, this mix is still worth {_gbp(content, 'worst_case')}; as planned it is worth {_gbp(content, 'as_planned')}.",
        "No other mix is worth more in its own worst case, within the gap that was asked for.",
    ]


def _cvar_words(found: SeenResult, _material: Material) -> list[str]:
    content = found.content
    return [f"On average over the futures this mix is worth {_gbp(content, 'mean')}; in the worst {float(content.get('worst_share', 0)):.0%} of them {_gbp(content, 'worst_mean')}."]  # fmt: skip


def _gbp(content: object, name: str) -> str:
    value = content.get(f"{name}_gbp") if isinstance(content, dict) else None
    other = content.get(name) if isinstance(content, dict) else None
    return (
        board_text(round(float(str(value).replace(",", "")) * 100))
        if value is not None
        else f"{float(other or 0):,.0f}"
    )


def design(request: Request) -> Response:
    """Terms that were designed: what they are, what they leave of the incentive, which limit binds, and the pool behind them."""
    found = result_of(request, "designs", request.path_params["result"])
    gallery, tables, content = gallery_of(request, found), found.tables, found.content
    material, title = gallery.charts.material, family_title(request, found)
    said = figure_words(request, found)
    figures = [_figure_words(str(r["name"]), float(r["value"]), said) for r in tables["designed_figure"].iter_rows(named=True)]  # fmt: skip
    lead = f"{title}, {content.get('year', '')}: {', '.join(figures)}; of the next pound saved a locality keeps {float(content.get('incentive') or 0):.0%}."
    limits = tables["limit_met"].with_columns(pl.col("party", "measure").map_elements(capital, return_dtype=pl.String))
    bound = [
        f"the {party}’s {measure}"
        for party, measure in tables["limit_met"].filter("binds").select("party", "measure").rows()
    ]
    drivers = [
        f"What binds: {' and '.join(bound)}."
        if bound
        else "No limit binds: the figures stand at the end of their range."
    ]
    for row in tables["designed_pool"].filter(pl.col("basis") == "net").iter_rows(named=True):
        drivers.append(
            f"A pool of {board_text(row['pool_pence'])} covers {row['cover']:.0%} of years where gains pay for losses."
        )
    names = run_of(request).names("locality") if service_of(request).store.newest("run") is not None else {}
    material = material.joined(Material("", material.source, {}, names))
    payers = _named(tables["pool_payer"], "locality_code", material).sort("by_risk_pence", descending=True)
    heads = {"locality_code": "Locality", "drawn_pence": "Draws from the pool", "by_risk_pence": "Pays by its risk", "by_plan_pence": "Pays by its plan", "difference_pence": "Difference"}  # fmt: skip
    table = PageTable(
        "Who pays into the pool",
        payers,
        heads,
        short=frozenset(n for n in heads if n.endswith("_pence")),
        name=f"design-{found.id[:16]}",
    )
    met = {
        "party": "Who bears",
        "measure": "What is limited",
        "level": "At most",
        "found": "Found in fresh draws",
        "holds": "Holds",
        "binds": "Binds",
    }
    shares = limits.with_columns(
        *(pl.col(n).map_elements(lambda v: f"{v:.2%}", return_dtype=pl.String) for n in ("level", "found"))
    )
    others = tables["unbeaten_terms"] if "unbeaten_terms" in tables else pl.DataFrame()
    more = [PageTable("The limits, in fresh draws", shares, met)]
    if others.height:
        more.append(_unbeaten(others, said))
    return Finding(
        "Terms for what each can bear", lead, found.facts, drivers, found.stale, (f"/scenarios/{found.scenario}", "Open its scenario and design again"),
        figure=gallery.picture("trade-off"), table=table, more=more, links=[("/designs", "All designs"), ("/contracts", "Contracts")], not_in=_not_drawn(found),
    ).answer(request)  # fmt: skip


def _figure_words(name: str, value: float, said: Mapping[str, tuple[str, str]]) -> str:
    """A designed figure with what it is of: "half width of the corridor, as a part of plan 1.0%"."""
    about, unit = said.get(name, (name.replace("_", " "), ""))
    return f"{about} {_value(str(value), unit)}"


def _unbeaten(rows: pl.DataFrame, said: Mapping[str, tuple[str, str]]) -> PageTable:
    """Other terms that none beats, with a column for each figure of terms such as "width 0.01, beyond_share 0.5"."""
    parts = [dict(each.rsplit(" ", 1) for each in terms.split(", ")) for terms in rows["terms"]]
    names = list(dict.fromkeys(name for each in parts for name in each))
    shown = [
        pl.Series(name, [_value(each.get(name, ""), said.get(name, ("", ""))[1]) for each in parts]) for name in names
    ]
    shares = {"locality_loss": "Locality bears", "pool_loss": "Pool bears", "incentive": "Kept of the next pound"}
    frame = rows.with_columns(*shown, *(pl.col(n).map_elements(lambda v: f"{v:.2%}", return_dtype=pl.String) for n in shares))  # fmt: skip
    heads = {name: capital(said.get(name, (name.replace("_", " "), ""))[0]) for name in names} | shares
    return PageTable("Other terms that none beats", frame, heads)


def _value(text: str, unit: str) -> str:
    try:
        return f"{float(text):.1%}" if unit.startswith("share") else f"{float(text):,.4g}"
    except ValueError:
        return text


def _named(rows: pl.DataFrame, column: str, material: Material) -> pl.DataFrame:
    """Rows with names in place of the codes of a column."""
    if rows.is_empty():
        return rows
    name: Callable[[str], str] = lambda code: capital(material.name(code))  # noqa: E731  # one word for the column
    return rows.with_columns(pl.col(column).map_elements(name, return_dtype=pl.String))


def _spread(rows: pl.DataFrame, first: str, heading: str, caption: str, found: SeenResult) -> PageTable:
    """A table of what is drawn: in the middle, in one of ten, at worst and at best."""
    heads = {first: heading}
    for name, words in _SPREAD.items():
        heads |= {column: words for column in (f"{name}_pence", name) if column in rows.columns}
    return PageTable(
        caption, rows, heads, short=frozenset(n for n in heads if n.endswith("_pence")), name=f"{first}-{found.id[:16]}"
    )


def _promises(rows: pl.DataFrame, material: Material) -> PageTable:
    said = [
        (_PROMISES.get(r["promise"], capital(str(r["promise"]))) + (f": {material.name(r['about']).lower()}" if r["about"] else ""), f"{r['chance']:.0%}, {in_ten(r['chance'])}")
        for r in rows.iter_rows(named=True)
        if r["promise"] in _PROMISES
    ]  # fmt: skip
    frame = pl.DataFrame(said, schema=["promise", "chance"], orient="row")
    return PageTable(
        "How likely what is promised is", frame, {"promise": "Promise", "chance": "Reached in so many draws"}
    )


def _titles(found: SeenResult) -> dict[str, str]:
    mix = found.content.get("mix")
    return (
        {code: str(each.get("title", code.replace("_", " "))) for code, each in mix.items()}
        if isinstance(mix, dict)
        else {}
    )


def _problem(found: SeenResult) -> str:
    return str(found.asked.get("problem", ""))


def _again(found: SeenResult) -> tuple[str, str]:
    return f"/problems/{_problem(found)}", "Open the problem and ask again"


def _not_drawn(found: SeenResult) -> list[str]:
    """What no draw and no future has in it."""
    return [*set_aside_words(found.tables), "Anything no range or future is stated for: a service that closes, a change in the law, a plan that is not carried out."]  # fmt: skip


ROUTES = [
    Route("/simulations/{result}", simulation),
    Route("/futures/{result}", future),
    Route("/designs/{result}", design),
]
