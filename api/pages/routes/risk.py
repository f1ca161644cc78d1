"""Risk: how likely each party, and each locality, is to miss its total, in words, and what drives it."""

from __future__ import annotations

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.chances import in_ten
from api.charts.choice import Choice
from api.charts.material import Material
from api.pages.answers import worked_out
from api.pages.asking import ask
from api.pages.drawn import choice_of, gallery_of, gallery_of_run
from api.pages.findings import Finding, Start, view_tabs
from api.pages.outcomes import SeenResult, newest_of, result_of
from api.pages.seen import SeenRun, run_of
from api.pages.tables import PageTable
from capitation.chance.document import LAYERS
from capitation.money.pence import board_text

VIEWS = {
    "parties": "Chance of missing a total",
    "spread": "How far positions may move",
    "drivers": "What drives it",
    "localities": "Localities",
}
"""Views of the page: chances of parties, their spread by year, what drives it, and chances of localities."""

_OF_LOCALITIES = "How likely is each locality to spend over its plan"

_UNQUANTIFIED = "These chances leave out anything no figure is drawn for: a service that closes, a change in the law, a plan that is not carried out."


def risk(request: Request) -> Response:
    """The risk of a run: the newest chances that were drawn for its scenario."""
    seen = run_of(request, request.path_params["run"])
    scenario = str(seen.run.manifest.scenario["id"])
    if request.query_params.get("show") == "localities":
        return _localities(request, newest_of(request, "chances", scenario), seen)
    return _parties(request, newest_of(request, "party-chances", scenario), seen)


def of_parties(request: Request) -> Response:
    """Chances of parties that were drawn."""
    return _parties(request, result_of(request, "party-chances", request.path_params["result"]), None)


def of_localities(request: Request) -> Response:
    """Chances of localities that were drawn."""
    return _localities(request, result_of(request, "chances", request.path_params["result"]), None)


def _starts(request: Request, scenario: str) -> list[Start]:
    """What can be drawn: the parties under each document of options on the scenario, and the localities."""
    found = []
    for each in ask(request, "/v1/options", {"limit": "1000"}).content["items"]:
        if ask(request, f"/v1/options/{each['id']}").content.get("scenario") == scenario:
            found.append(
                Start(
                    "party-chances",
                    f"Work out how likely each organisation is to miss its total: {each['title']}",
                    (("options", each["id"]),),
                )
            )
    fields = (("scenario", scenario), ("draws", "20000"))
    return [*found, Start("chances", "Work out how likely each locality is to spend over its plan", fields)]


def _none(request: Request, seen: SeenRun, show: str, what: str) -> Response:
    scenario = str(seen.run.manifest.scenario["id"])
    of_parties = what == "organisations"
    wants = "miss their totals" if of_parties else "spend over their plans"
    lead = f"How likely {what} are to {wants} has not been worked out for this scenario yet."
    takes = "It takes about half a minute; you may close this page in the meantime."
    worked = worked_out(request, seen) if seen.is_open and of_parties else None
    kept = () if worked is None else worked.risk
    if kept:
        lead, takes = (
            kept[0],
            f"These sentences are kept with the data; draw the chances for their charts and tables. {takes}",
        )
    starts = _starts(request, scenario)
    lacks = () if len(starts) > 1 or not of_parties else (
        "Organisations need contract options on this scenario: copy a set of options, and name the scenario in the copy.",
    )  # fmt: skip
    return Finding(
        "How likely is each to miss its total" if of_parties else _OF_LOCALITIES, lead, seen.facts, (*kept[1:], takes, *lacks),
        tabs=() if kept else view_tabs(VIEWS, show), starts=starts, not_in=seen.not_in,
        links=[(f"/runs/{seen.id}/risk?show=localities", "Chances of localities")] if kept else [],
        refresh=3 if worked is not None and not worked.is_over and not kept else None,
    ).answer(request)  # fmt: skip


def _parties(request: Request, found: SeenResult | None, seen: SeenRun | None) -> Response:
    show = request.query_params.get("show", "parties")
    show = show if show in VIEWS else "parties"
    if found is None:
        assert seen is not None  # a result that is named is there
        return _none(request, seen, show, "organisations")
    gallery, choice = gallery_of(request, found), choice_of(request)
    material, rows = gallery.charts.material, found.tables["party_chance"]
    if rows.is_empty():
        return Finding(
            "How likely is each to miss its total", "You have no access to any of these chances.", found.facts
        ).answer(request)
    years = list(rows["year"].unique().sort())
    first = material.facts.get("first_year", "")
    year = str(choice.year if choice.year in years else (first if first in years else years[0]))
    wide = party_table(rows.filter(pl.col("year") == year), material)
    lead, drivers, likeliest = party_words(rows.filter(pl.col("year") == year), material, year)
    table = PageTable(
        f"Chance of a deficit, {year}: the share of drawn years in which a party misses its total", wide,
        {"party": "Organisation", "role": "As", **{o: material.name(o) for o in wide.columns if o not in {"party", "role"}}},
        name=f"chances-{found.id[:16]}",
    )  # fmt: skip
    chart = {"parties": "s-curve", "spread": "fan", "drivers": "layers"}.get(show, "s-curve")
    selects = gallery.selects(chart, Choice(year, party=choice.party or likeliest, option=choice.option))
    shown = Choice(
        year=None if chart == "fan" else year,
        party=choice.party or likeliest,
        option=None if chart == "s-curve" else choice.option,
    )
    tabs = view_tabs(
        VIEWS if seen is not None else {k: v for k, v in VIEWS.items() if k != "localities"}, show, f"&year={year}"
    )
    undrawn = [each for each in LAYERS if each not in found.content.get("layers", LAYERS)]
    apart = [f"Not drawn: {', '.join(each.replace('-', ' ') for each in undrawn)}."] if undrawn else []
    return Finding(
        "How likely is each to miss its total", lead, [*(seen.facts[:1] if seen else []), *found.facts], drivers, found.stale,
        (f"/options/{found.asked.get('options', '')}", "Open the options and draw again"), tabs, selects, (("show", show),),
        gallery.picture(chart, shown), table, starts=_starts(request, found.scenario) if found.stale else (),
        links=[(found.root, "The draws of these chances")] if seen else [], not_in=[_UNQUANTIFIED, *apart],
    ).answer(request)  # fmt: skip


def party_table(rows: pl.DataFrame, material: Material) -> pl.DataFrame:
    """A row a party and a column an option with the chance of a deficit in percent and in words; the likeliest first."""
    base = material.facts.get("base", "")
    options = sorted(rows["option"].unique(), key=lambda each: (each != base, each))
    sized = rows.group_by("role", "organisation_code").agg(pl.col("miss").max().alias("most"))
    known = {(r["organisation_code"], r["role"], r["option"]): r["miss"] for r in rows.iter_rows(named=True)}
    made = []
    for role, code, most in sized.select("role", "organisation_code", "most").sort("most", "organisation_code", descending=[True, False]).iter_rows():  # fmt: skip
        cells = {option: chance_words(known.get((code, role, option))) for option in options}
        made.append({"party": material.name(code), "role": role, "most": most, **cells})
    return pl.DataFrame(made).drop("most")


def chance_words(chance: float | None) -> str:
    """A chance as a percentage and in words: "31%, about 3 in 10"."""
    if chance is None:
        return "–"
    return f"{chance:.0%}, {in_ten(chance)}" if 0.01 <= chance <= 0.99 else in_ten(chance)


def party_words(rows: pl.DataFrame, material: Material, year: str) -> tuple[str, list[str], str]:
    """Who is likeliest to miss a total as things are, how that differs between options, and the code of who."""
    base = material.facts.get("base", "")
    base = base if base in rows["option"] else str(rows["option"].sort()[0])
    now = rows.filter(pl.col("option") == base).sort(
        "miss", "p50_pence", "organisation_code", descending=[True, False, False]
    )
    worst = now.row(0, named=True)
    lead = (
        f"{material.name(worst['organisation_code'])} is most likely to miss its total in {year}: {in_ten(worst['miss'])} under "
        f"{material.short(base)}, with a position between {board_text(worst['p10_pence'])} and {board_text(worst['p90_pence'])} in eight years of ten "
        f"and {board_text(worst['p50_pence'])} in the middle."
    )
    said = []
    for role in ("commissioner", "provider"):
        mine = rows.filter(pl.col("role") == role, (pl.col("size_pence") > 0) | (pl.col("sd_pence") > 0))
        if mine.is_empty():
            continue
        counts = [(option, int((mine.filter(pl.col("option") == option)["miss"] > 0.5).sum()), mine.filter(pl.col("option") == option).height)
                  for option in mine["option"].unique().sort()]  # fmt: skip
        if len({n for _, n, _ in counts}) == 1:
            said.append(
                f"{counts[0][1]} of {counts[0][2]} {role}s are more likely than not to miss it, whatever the option."
            )
            continue
        words = "; ".join(f"{n} of {of} under {material.short(option)}" for option, n, of in counts)
        said.append(f"More likely than not to miss it among {role}s: {words}.")
    return lead, said, str(worst["organisation_code"])


def _localities(request: Request, found: SeenResult | None, seen: SeenRun | None) -> Response:
    if found is None:
        assert seen is not None  # a result that is named is there
        return _none(request, seen, "localities", "localities")
    shown = seen or run_of(request)
    names = {"system": "All localities together", **shown.names("locality")}
    rows = found.tables["locality_chance"].with_columns(name=pl.col("code").replace(names))
    heads = {"name": "Locality", "year": "Year", "spread": "A year differs by"}
    heads |= {f"over_{n}_words": f"More than {n}% over" for n in (1, 2, 3)}
    rows = rows.with_columns(
        pl.col(f"over_{n}").map_elements(chance_words, return_dtype=pl.String).alias(f"over_{n}_words") for n in (1, 2, 3)
    ).with_columns(spread=pl.format("{}%", (pl.col("sd_share") * 100).round(1))).sort("over_1", descending=True)  # fmt: skip
    table = PageTable("Chance that a locality overspends its plan", rows, heads, name=f"chances-{found.id[:16]}")
    whole = rows.filter(pl.col("code") != "system")
    lead = "You have no access to any of these chances."
    if whole.height:
        top = whole.row(0, named=True)
        lead = f"By chance alone {top['name']} is likeliest to spend more than 1% over its plan in {top['year']}: {in_ten(top['over_1'])}."
    pools = found.tables["pool_size"] if "pool_size" in found.tables else pl.DataFrame()
    drivers = [
        f"A pool of {board_text(r['pool_pence'])} covers {r['cover']:.0%} of years where "
        + ("gains stay where they fall." if r["basis"] == "gross" else "some localities' gains pay for others' losses.")
        for r in pools.iter_rows(named=True)
    ]  # fmt: skip
    drawn = ", ".join(each.replace("-", " ") for each in found.content.get("layers", ()))
    return Finding(
        _OF_LOCALITIES, lead, [*(seen.facts[:1] if seen else []), *found.facts], drivers, found.stale,
        (f"/scenarios/{found.scenario}", "Open the scenario and draw again"), view_tabs(VIEWS, "localities") if seen else (),
        figure=gallery_of_run(request, shown).picture("distances"), table=table, not_in=[f"Drawn: {drawn}.", _UNQUANTIFIED],
    ).answer(request)  # fmt: skip


ROUTES = [
    Route("/runs/{run}/risk", risk),
    Route("/party-chances/{result}", of_parties),
    Route("/chances/{result}", of_localities),
]
