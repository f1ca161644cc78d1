"""Contract options side by side: what each organisation is left with, who pays when activity moves, and what matters to that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.localities_under import localities_sentence
from api.charts.choice import Choice
from api.charts.material import Material
from api.pages.drawn import Gallery, Picture, Select, choice_of, gallery_of
from api.pages.findings import Finding, Start, view_tabs
from api.pages.outcomes import SeenResult, result_of
from api.pages.tables import PageTable, figure_link, heading
from capitation.money.pence import board_text
from capitation.sentences import capital, small

VIEWS = {
    "payoff": "Who pays when activity moves",
    "statement": "Statements",
    "localities": "Localities under the body",
    "gap": "What each party expects",
    "matters": "What matters to it",
    "terms": "Terms",
}
"""Views of a comparison."""

RANKED = (
    "Here options are ranked by what each party is left with. The fourth question of Home ranks them by how far a party’s position moves when "
    "activity leaves the plan, so it can name another option."
)
"""What is said of two rankings that differ."""

_CHARTS = {"payoff": "payoff", "statement": "statement", "matters": "tornado"}


def comparison(request: Request) -> Response:
    """A comparison in the view that is asked for."""
    found = result_of(request, "comparisons", request.path_params["result"])
    gallery, choice = gallery_of(request, found), choice_of(request)
    show = request.query_params.get("show", "payoff")
    show = show if show in VIEWS else "payoff"
    material = gallery.charts.material
    positions = found.tables["position"]
    selects, choice = _selects(gallery, positions, choice, show)
    chart = _CHARTS.get(show)
    shown = choice if show == "statement" else Choice(year=choice.year, party=choice.party, option=choice.option)
    drawn = None if chart is None else gallery.picture(chart, shown)
    table = (
        _of_picture(drawn, found, show) if show in {"statement", "matters"} else _TABLES[show](found, material, choice)
    )
    scenario = found.scenario
    links = [(f"/options/{found.asked.get('options', '')}", "Change the options, their contracts and costs")]
    lead = best_words(positions, material, choice)
    if show == "gap":
        lead = gap_words(
            found.tables["expected_gap"] if "expected_gap" in found.tables else pl.DataFrame(), material, choice
        )
    elif show == "localities":
        lead = _localities_words(_localities_of(found, choice), material)
    elif show in {"statement", "matters"} and drawn is not None and drawn.figure is not None:
        lead = f"{drawn.title}."
    return Finding(
        "Contract options side by side", lead, found.facts, [*_sentences(found, material), RANKED] if show == "payoff" and positions.height else (), found.stale,
        links[0], view_tabs(VIEWS, show), selects, (("show", show),), drawn, table,
        starts=[Start("party-chances", "Work out how likely each party is to miss its total", (("options", str(found.asked.get("options", ""))),))],
        links=[*links, (f"/scenarios/{scenario}", "The scenario whose allocation they are tried on")], not_in=_set_aside(found, material),
    ).answer(request)  # fmt: skip


def _selects(gallery: Gallery, rows: pl.DataFrame, choice: Choice, show: str) -> tuple[list[Select], Choice]:
    """What can be chosen in a view, with the year and the activity that count where none is chosen."""
    material = gallery.charts.material
    if rows.is_empty():
        return [], choice
    years, cases = (list(rows[name].unique().sort()) for name in ("year", "activity_case"))
    first, case = material.facts.get("first_year", ""), material.facts.get("shown_case", "")
    made = Choice(
        choice.year if choice.year in years else (first if first in years else years[0]), None, choice.option, choice.party,
        choice.case if choice.case in cases else (case if case in cases else cases[0]),
    )  # fmt: skip
    own = gallery.selects(_CHARTS[show], made) if show in _CHARTS else []
    have = {each.name for each in own}
    if show in {"payoff", "gap", "localities"} and "year" not in have and len(years) > 1:
        own.insert(0, Select("year", "Year", tuple((y, y) for y in years), str(made.year)))
    if show == "gap":
        options = list(rows["option"].unique().sort())
        own.append(
            Select(
                "option",
                "Contract option",
                tuple((o, material.name(o)) for o in options),
                made.option or material.facts.get("base", ""),
            )
        )
    if show in {"payoff", "localities"} and len(cases) > 1:
        own.append(
            Select("case", "Activity of the table", tuple((c, case_words(c, material)) for c in cases), str(made.case))
        )
    return own, made


def case_words(case: str, material: Material) -> str:
    """An activity case in words."""
    return "Activity as planned" if case == "plan" else material.name(case)


def _positions(found: SeenResult, material: Material, choice: Choice) -> PageTable:
    """What each organisation is left with under each option, and the change on doing the minimum."""
    rows = found.tables["position"]
    rows = (
        rows.filter((pl.col("year") == choice.year) & (pl.col("activity_case") == choice.case)) if rows.height else rows
    )
    name = f"comparison-{found.id}"
    if rows.is_empty():
        return PageTable("What each organisation is left with", pl.DataFrame(), {}, name=name)
    base = material.facts.get("base", "")
    options = sorted(rows["option"].unique(), key=lambda each: (each != base, each))
    wide = rows.pivot(
        on="option", index=["role", "organisation_code"], values="position_pence", aggregate_function="sum"
    )
    wide = wide.with_columns(
        pl.col("organisation_code").map_elements(material.name, return_dtype=pl.String).alias("organisation"),
        *(pl.col(o).alias(f"{o}_pence") for o in options),
    ).sort("role", "organisation")
    heads = {"organisation": "Organisation", "role": "As", **{f"{o}_pence": material.name(o) for o in options}}
    says = f"What each organisation is left with, {choice.year}, {case_words(str(choice.case), material).lower()}"
    key = {
        "activity_case": str(choice.case),
        "year": str(choice.year),
        "role": "{role}",
        "organisation_code": "{organisation_code}",
    }
    links = {f"{o}_pence": figure_link(found.id, "position", "position_pence", option=o, **key) for o in options}
    return PageTable(says, wide.drop(options), heads, links, frozenset(f"{o}_pence" for o in options), name)


def _of_picture(drawn: Picture | None, found: SeenResult, show: str) -> PageTable | None:
    """The table of a chart."""
    if drawn is None or drawn.figure is None:
        return None
    frame = drawn.figure.table
    return PageTable(drawn.title, frame, {n: n for n in frame.columns}, name=f"{show}-{found.id}")


def _gap(found: SeenResult, material: Material, choice: Choice) -> PageTable:
    rows = found.tables["expected_gap"]
    option = choice.option or material.facts.get("base", "")
    kept = rows.filter((pl.col("year") == choice.year) & (pl.col("option") == option)) if rows.height else rows
    heads = {"organisation": "Provider", "commissioner_cost_pence": "Cost the commissioner expects",
             "provider_cost_pence": "Cost the provider expects", "cost_gap_pence": "Gap", "provider_shortfall_pence": "Shortfall of the provider"}  # fmt: skip
    key = {"option": option, "year": str(choice.year), "provider_code": "{provider_code}"}
    links = {n: figure_link(found.id, "expected_gap", n, **key) for n in heads if n.endswith("_pence")}
    says = f"What each party expects, {choice.year}, under {material.short(option)}"
    table = _named(kept, material, says, heads, f"expected-{found.id}", "provider_code")
    return replace(table, links=links)


def _localities_of(found: SeenResult, choice: Choice) -> pl.DataFrame:
    """The localities under a body in the year and the activity that are chosen."""
    rows = found.tables["body_locality"] if "body_locality" in found.tables else pl.DataFrame()
    return (
        rows.filter((pl.col("year") == choice.year) & (pl.col("activity_case") == choice.case)) if rows.height else rows
    )


def _localities_words(rows: pl.DataFrame, material: Material) -> str:
    """How many localities need more than their weighted persons bring, and who most."""
    shown = rows.drop_nulls("left_pence") if rows.height else rows
    if shown.is_empty():
        return "No body with localities under it is paid in this year, or you have no access to them."
    return localities_sentence(shown, material.names)


def _localities(found: SeenResult, material: Material, choice: Choice) -> PageTable:
    """Each locality's budget under the body, and the care of its own people."""
    rows, name = _localities_of(found, choice), f"localities-{found.id}"
    says = f"Localities under the body, {choice.year}, {case_words(str(choice.case), material).lower()}"
    if rows.is_empty():
        return PageTable(says, pl.DataFrame(), {}, name=name)
    named = pl.col("locality_code").map_elements(material.name, return_dtype=pl.String).alias("locality")
    frame = rows.with_columns(named).sort("left_pence", "locality_code", descending=[True, False], nulls_last=True)
    heads = {"locality": "Locality", "weighted_persons": "Weighted persons", "budget_pence": "Budget", "care_pence": "Care of its people",
             "left_pence": "Left", "hospitals_pence": "Hospitals' part", "carried_on_pence": "Carried on"}  # fmt: skip
    pence = frozenset(each for each in heads if each.endswith("_pence"))
    key = {"activity_case": str(choice.case), "year": str(choice.year), "option": "{option}", "locality_code": "{locality_code}",
           "organisation_code": "{organisation_code}"}  # fmt: skip
    links = {each: figure_link(found.id, "body_locality", each, **key) for each in sorted(pence)}
    return PageTable(says, frame, heads, links, pence, name)


def gap_words(rows: pl.DataFrame, material: Material, choice: Choice) -> str:
    """By how much the cost that providers expect is above what commissioners expect, and where most."""
    option = choice.option or material.facts.get("base", "")
    rows = rows.filter((pl.col("year") == choice.year) & (pl.col("option") == option)) if rows.height else rows
    if rows.is_empty():
        return "Nothing is said of what each party expects."
    gap, most = int(rows["cost_gap_pence"].sum()), rows.sort("cost_gap_pence").row(-1, named=True)
    side = "more" if gap >= 0 else "less"
    widest = f"; the widest gap is at {material.name(most['provider_code'])}, {board_text(most['cost_gap_pence'])}" if most["cost_gap_pence"] > 0 else ""  # fmt: skip
    short = int(rows.filter(pl.col("provider_shortfall_pence") > 0)["provider_shortfall_pence"].sum())
    return (
        f"In {choice.year} providers expect the care to cost {board_text(abs(gap))} {side} than commissioners do, under {material.short(option)}{widest}. "
        f"{board_text(short)} of what providers expect to spend is not in their price."
    )


def _terms(found: SeenResult, material: Material, _choice: Choice) -> PageTable:
    heads = {"group": "Providers", "option": "Option", "contract_title": "Contract", "pays": "What is paid"}
    rows = found.tables["option_terms"]
    if rows.height:
        group: Callable[[str], str] = lambda each: capital(material.facts.get(f"group {each}", each.replace("-", " ")))  # noqa: E731  # one word for the column
        said = pl.col("pays").map_elements(capital, return_dtype=pl.String)
        rows = rows.with_columns(pl.col("group").map_elements(group, return_dtype=pl.String), said)
    table = _named(rows, material, "Terms in which the options differ", heads, f"terms-{found.id}", "")
    links = {"contract_title": lambda row: f"/contracts/{row['contract']}"}
    return PageTable(table.caption, table.frame, table.headings, links, name=table.name)


def _named(
    rows: pl.DataFrame, material: Material, caption: str, heads: dict[str, str], name: str, code: str
) -> PageTable:
    """A table with names instead of codes; at most 300 rows of it on the page."""
    if rows.is_empty():
        return PageTable(caption, pl.DataFrame(), {}, name=name)
    said = [pl.col(code).map_elements(material.name, return_dtype=pl.String).alias("organisation")] if code else []
    frame = rows.with_columns(*said, pl.col("option").map_elements(material.name, return_dtype=pl.String))
    shown = {n: words for n, words in heads.items() if n in frame.columns}
    return PageTable(caption, frame, shown or {n: heading(n) for n in frame.columns}, short=frozenset(n for n in shown if n.endswith("_pence")), name=name)  # fmt: skip


_TABLES: dict[str, Callable[[SeenResult, Material, Choice], PageTable]] = {
    "payoff": _positions, "localities": _localities, "gap": _gap, "terms": _terms,
}  # fmt: skip


def best_words(rows: pl.DataFrame, material: Material, choice: Choice) -> str:
    """Under which option commissioners and providers are left with most."""
    rows = (
        rows.filter((pl.col("year") == choice.year) & (pl.col("activity_case") == choice.case)) if rows.height else rows
    )
    if rows.is_empty():
        return "You have no access to the positions in this comparison."
    said = []
    for role in ("commissioner", "provider"):
        mine = rows.filter(pl.col("role") == role)
        if mine.height:
            sums = dict(mine.group_by("option").agg(pl.col("position_pence").sum()).sort("option").iter_rows())
            best = max(sums, key=lambda each: sums[each])
            said.append(f"{role}s are left with most under {material.short(best)} ({board_text(sums[best])})")
    words = "; ".join(said) or "nothing is to be compared"
    return f"{capital(words)}, in {choice.year} with {case_words(str(choice.case), material).lower()}."


def _sentences(found: SeenResult, material: Material) -> list[str]:
    rows = found.tables["option_sentence"] if "option_sentence" in found.tables else pl.DataFrame()
    if rows.is_empty():
        return []
    base = material.facts.get("base", "")
    said = {str(o): str(t) for o, t in rows.select("option", "says").iter_rows()}
    return [_with_names(said[o], material) for o in sorted(said, key=lambda each: (each != base, each))]


def _with_names(text: str, material: Material) -> str:
    """A sentence with the names of the codes in it."""
    for code in sorted(material.names, key=len, reverse=True):
        if len(code) >= 3 and code.isupper() and code in text:
            text = text.replace(f"that of {code},", f"that of {material.name(code)},")
    for verb in ("bear", "gain"):
        text = text.replace(f"{verb} £0.0m", f"{verb} nothing")
    for case in ("plan-minus-5", "plan-plus-5", "unmitigated"):
        text = text.replace(
            f"({case})",
            f"({case_words(case, material).lower() if case in material.names else 'activity 5% below plan'})",
        )
    return text


def _set_aside(found: SeenResult, material: Material) -> list[str]:
    rows = found.tables["set_aside"] if "set_aside" in found.tables else pl.DataFrame()
    said = []
    for row in rows.iter_rows(named=True):
        head, mark, line = str(row["subject"]).partition("planned spend on ")
        subject = f"planned spend on {material.name(line).lower()}" if mark and not head else str(row["subject"])
        said.append(f"{capital(subject)}: {small(row['reason'])}")
    return said


ROUTES = [Route("/comparisons/{result}", comparison)]
