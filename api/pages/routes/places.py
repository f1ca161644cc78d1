"""Places: which practices make up each locality, whether everybody appears once, and a definition of one's own, checked before it is used."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.choice import Choice
from api.pages.asking import caller_of, form_of, service_of
from api.pages.drawn import gallery_of_run
from api.pages.rendering import page
from api.pages.seen import run_of
from api.pages.tables import PageTable, heading
from api.service.records.pack import Pack
from api.service.security.visibility import EVERYTHING, sees_everything, view_of
from capitation.errors import CapitationError, Fault
from capitation.pack.sources import DataPack
from capitation.places import membership as maps
from capitation.records.years import FinancialYear

_YEAR = "2018/19"


def places(request: Request) -> Response:
    """The map in use, and the form for another."""
    published, band = _read(service_of(request).pack)
    names = _names(request)
    if request.method == "POST":
        form = form_of(request)
        text = form.text("file") or form.text("map")
        members, faults = checked(text, published)
        table = None if members is None else _table(request, members, published, band, names)
        if members is not None and form.text("do") == "file":
            return Response(
                members.write_csv(),
                headers={"Content-Disposition": 'attachment; filename="membership.csv"'},
                media_type="text/csv",
            )
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lead = f"The map has {count}; nothing was changed." if faults else _finding(table)
        if request.headers.get("hx-request"):
            return page("places_part.html", request, lead=lead, table=table, faults=faults)
        return _page(request, lead, table, text, faults, 422 if faults else 200, published)
    text, table, lead = (
        "practice_code,locality_code\n",
        None,
        f"{published.height} practices are on the list. Nothing has been run yet, so no map is in use.",
    )
    if service_of(request).store.newest("run") is not None:
        members = run_of(request).run.frames["membership"]
        table = _table(request, members, published, band, names)
        text = members.select("practice_code", "locality_code").sort("locality_code", "practice_code").write_csv()
        lead = _finding(table)
    return _page(request, lead, table, text, (), 200, published)


def _names(request: Request) -> dict[str, str]:
    """Names of localities and places, as the newest run has them."""
    if service_of(request).store.newest("run") is None:
        return {}
    seen = run_of(request)
    return seen.names("place") | seen.names("locality")


@lru_cache(maxsize=4)
def _read(stored: Pack) -> tuple[pl.DataFrame, tuple[int, int]]:
    """The practices of a data pack, and fewest and most people of a locality; read once."""
    pack = stored.opened()
    return _published(pack), maps.locality_band(pack, FinancialYear(_YEAR))


def _published(pack: DataPack) -> pl.DataFrame:
    return maps.completed_practices(maps.practices(pack), maps.practices(pack), maps.resolutions(pack))[0]


def checked(text: str, published: pl.DataFrame) -> tuple[pl.DataFrame | None, list[tuple[str, str]]]:
    """A map from what was typed, or everything that is wrong with it: practices left out, in two localities, or not known."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "your-map.csv"
        path.write_text(
            text if "locality_code" in text.partition("\n")[0] else f"practice_code,locality_code\n{text}",
            encoding="utf-8",
        )
        try:
            return maps.checked_membership(maps.read_map(path), published, _YEAR, where="your map"), []
        except CapitationError as error:
            given = error.faults or [
                Fault("your map", error.message, "a line for each practice: its code, a comma, its locality's code")
            ]
            return None, [
                (
                    "map",
                    f"{f.where}: found {f.found}; expected {f.expected}. {f.remedy}".replace(f"{folder}/", "").strip(),
                )
                for f in given
            ]


def _shows_people(request: Request, published: pl.DataFrame) -> bool:
    """Whether the caller may see how many people each practice has: a map of one's own would give it away by sums alone."""
    service, caller = service_of(request), caller_of(request)
    if view_of(caller, service.system) == EVERYTHING:
        return True
    people = published["registered_persons"] if "registered_persons" in published.columns else pl.Series([0.0])
    has_small = bool(people.is_between(0, service.settings.smallest_shown, closed="none").any())
    return sees_everything(caller, service.system) and not has_small


def _table(
    request: Request, members: pl.DataFrame, published: pl.DataFrame, band: tuple[int, int], names: dict[str, str]
) -> PageTable:
    """The localities of a map, with their people where the caller may see them."""
    if _shows_people(request, published):
        return _sizes(members, published, band, names)
    counted = members.group_by("locality_code").agg(pl.len().cast(pl.Int64).alias("practices")).sort("locality_code")
    counted = counted.with_columns(name=pl.col("locality_code").replace(names))
    heads = {"name": "Locality", "locality_code": "Locality code", "practices": "Practices"}
    return PageTable("Localities with their practices", counted, heads, name="localities")


def _sizes(members: pl.DataFrame, published: pl.DataFrame, band: tuple[int, int], names: dict[str, str]) -> PageTable:
    sizes: pl.DataFrame = maps.locality_sizes(members, published, *band)
    named = sizes.with_columns(name=pl.col("locality_code").replace(names), where=pl.col("place_code").replace(names))
    heads = {"name": "Locality", "where": "Place", **{n: heading(n) for n in sizes.columns if n != "place_code"}}
    return PageTable("Localities with their registered persons", named, heads, name="localities")


def _finding(table: PageTable | None) -> str:
    if table is None:
        return ""
    outside = [c for c in table.frame.columns if "outside" in c or "short" in c or "over" in c]
    count = (
        table.frame.filter(pl.any_horizontal(pl.col(c).cast(pl.Float64, strict=False) != 0 for c in outside)).height
        if outside
        else 0
    )
    said = f"{table.frame.height} localities; every practice is in one of them, and none in two."
    return (
        f"{said} {count or 'None'} {'is' if count < 2 else 'are'} larger or smaller than the plan's band."
        if outside
        else said
    )


def _page(
    request: Request,
    lead: str,
    table: PageTable | None,
    text: str,
    faults: Sequence[tuple[str, str]],
    status: int,
    published: pl.DataFrame,
) -> Response:
    seen = None if service_of(request).store.newest("run") is None else run_of(request)
    names = [
        c
        for c in ("practice_code", "practice_name", "name", "registered_persons", "district_code")
        if c in published.columns and (c != "registered_persons" or _shows_people(request, published))
    ]
    listing = PageTable(
        "Practices on the list", published.select(names), {n: heading(n) for n in names}, name="practices"
    )
    return page(
        "places.html",
        request,
        status,
        title="Places",
        lead=lead,
        table=table,
        text=text,
        faults=faults,
        practices=listing,
        facts=() if seen is None else seen.facts,
        figure=None if seen is None else gallery_of_run(request, seen).picture("tiles", Choice(year=seen.year(None))),
    )


ROUTES = [Route("/places", places, methods=["GET", "POST"])]
