"""Charts on pages: a picture with its words, its data beside it, what may be chosen of it, and an address of its own.

A chart that cannot be drawn is a sentence on the page that says so, and a line in the log where it is a fault of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import polars as pl
from starlette.requests import Request

from api.charts.choice import Choice
from api.charts.figure import ChartFigure
from api.charts.material import Material, of_run, words_of
from api.charts.registry import Charts, all_charts, charts_of
from api.pages.answers import frames_of, worked_out
from api.pages.asking import service_of
from api.pages.outcomes import SeenResult, newest_of, result_of
from api.pages.seen import SeenRun, run_of
from api.service.records.failures import ServiceError
from api.service.records.pack import Pack
from capitation.errors import CapitationError
from capitation.records.documents import read_mapping
from capitation.records.identity import plain
from capitation.run.run import Run, RunManifest
from capitation.sentences import capital, small

log = logging.getLogger("capitation.pages")

CHOICES = {"year": "Year", "stream": "Money", "option": "Contract option", "party": "Organisation", "case": "Activity"}
"""What can be chosen of a chart, in words."""

OF_THE_MIX = frozenset({"mix", "frontier"})
"""Charts of a run that need the mix that is worked out on it."""

_ROLES = {"commissioner": "All commissioners", "provider": "All providers", "all": "All place-based money"}


@dataclass(frozen=True)
class Select:
    """Something that can be chosen: its name, its words, and its values with theirs."""

    name: str
    words: str
    values: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True)
class Picture:
    """A chart on a page; without a figure where it cannot be drawn, with the reason."""

    name: str
    title: str
    subtitle: str = ""
    source: str = ""
    alt: str = ""
    address: str = ""
    """The figure's own page, with what was chosen."""
    wide: str = ""
    narrow: str = ""
    notes: tuple[str, ...] = ()
    fault: str = ""
    figure: ChartFigure | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Gallery:
    """The charts of one result: where they stand, and what they are drawn from."""

    root: str
    """Address of the result's page."""
    charts: Charts

    def figure(self, name: str, choice: Choice) -> ChartFigure:
        """A chart.

        Raises:
            CapitationError: there is no such chart, no such choice in it, or it cannot be drawn of what the caller sees.
        """
        return self.charts.figure(name, choice)

    def picture(self, name: str, choice: Choice = Choice()) -> Picture:  # noqa: B008  # frozen
        """A chart for a page; where it cannot be drawn, the sentence that says why."""
        try:
            figure = self.figure(name, choice)
        except CapitationError as error:
            return Picture(name, "This chart cannot be drawn", fault=_reason(error))
        except Exception:
            log.exception("the chart %s of %s met a fault", name, self.root)
            said = "This chart could not be drawn; the service's log says why. The table shows the same data."
            return Picture(name, "This chart cannot be drawn", fault=said)
        root, query = f"{self.root}/charts/{name}", query_of(choice)
        return Picture(
            name, figure.title, figure.subtitle, figure.source, figure.alt, f"{root}{query}", f"{root}/drawing-wide.svg{query}",
            f"{root}/drawing-narrow.svg{query}", tuple(figure.notes), figure=figure,
        )  # fmt: skip

    def selects(self, name: str, choice: Choice, *, only: tuple[str, ...] = tuple(CHOICES)) -> list[Select]:
        """What can be chosen of a chart that has more than one value."""
        chart, material = all_charts().get(name), self.charts.material
        if chart is None or chart.lacks(material):
            return []
        found = []
        for key, values in chart.choices(material).items():
            if len(values) > 1 and key in only:
                first = (("", "the most telling one"),) if getattr(choice, key) is None else ()
                words = tuple((v, _ROLES.get(v) or (v if key == "year" else material.name(v))) for v in values)
                found.append(Select(key, CHOICES[key], first + words, getattr(choice, key) or ""))
        return found

    @property
    def names(self) -> list[tuple[str, str, str]]:
        """Every chart that can be drawn: its name, the question it answers, and its address."""
        return [(c.name, c.question, f"{self.root}/charts/{c.name}") for c in self.charts.drawable]


def _reason(error: CapitationError) -> str:
    text = str(error.message)
    if "can be drawn of it" in text:
        return "What this chart is drawn from was not worked out, or is not yours to see."
    return f"{capital(text)}{'' if text.endswith('.') else '.'}"


def choice_of(request: Request) -> Choice:
    """What is chosen in an address."""
    given = {key: request.query_params.get(key) or None for key in CHOICES}
    return Choice(**given)


def query_of(choice: Choice) -> str:
    """A choice as the end of an address."""
    given = {key: value for key in CHOICES if (value := getattr(choice, key))}
    return f"?{urlencode(given)}" if given else ""


@lru_cache(maxsize=4)
def pack_words(pack: Pack) -> Material:
    """Names and coordinates of a data pack, as material without frames; read once."""
    return words_of(pack.opened())


def _known(request: Request, digest: str) -> Material:
    service = service_of(request)
    try:
        return pack_words(service.packs.named(digest) if digest else service.pack)
    except CapitationError:
        return Material("", "", {})


def gallery_of_run(request: Request, seen: SeenRun) -> Gallery:
    """The charts of a run, with the chance bands of the newest draws on its scenario beside its distances."""
    material = of_run(seen.run).joined(_known(request, seen.data_pack))
    drawn = newest_of(request, "chances", str(seen.run.manifest.scenario.get("id", "")))
    if drawn is not None and drawn.content.get("layers") == ["chance"] and not drawn.stale:
        rows = drawn.tables["locality_chance"].select(
            locality_code="code", band_share=(pl.col("p95") - pl.col("p5")) / 2
        )
        material = material.joined(Material("", f"chances {drawn.id[:16]}", {"distance_chance": rows}))
    if not seen.is_whole:
        part = {"is_part": "yes"}
        material = Material(material.title, material.source, {}, facts=part).joined(material)
    frames = frames_of(seen.id) if seen.is_open else {}
    if frames:
        own = Material(material.title, f"the mix worked out on run {seen.id}", frames)
        material = own.joined(material)
    return Gallery(f"/runs/{seen.id}", charts_of(material))


def gallery_of(request: Request, seen: SeenResult) -> Gallery:
    """The charts of a result that is not a run."""
    manifest = seen.content.get("manifest")
    known = _known(request, seen.data_pack)
    if isinstance(manifest, dict) and manifest.get("scenario"):
        made = RunManifest.model_validate({**manifest, "frames": {}})
        material = of_run(Run(made, seen.tables)).joined(known)
    else:
        words = f"{seen.result.kind.replace('_', ' ')} {seen.id[:16]}"
        title = family_title(request, seen) if seen.content.get("family") else words
        material = Material(title, words, seen.tables).joined(known)
    document = _options(request, seen.asked)
    facts, names = _facts(document), _option_names(document)
    return Gallery(
        seen.root, charts_of(Material(material.title, material.source, {}, names, facts=facts).joined(material))
    )


def figure_words(request: Request, seen: SeenResult) -> dict[str, tuple[str, str]]:
    """What the open figures of a design are of, and their units, by name; as the family's document says."""
    try:
        pack = service_of(request).packs.named(seen.data_pack).opened()
        family = read_mapping(pack.path(f"families/{seen.content.get('family', '')}.toml"))
    except CapitationError:
        return {}
    units = {str(each["name"]): str(each.get("unit", "")) for each in family.get("open_figures", ())}
    about = {str(each["name"]): str(each.get("about", "")) for each in family.get("contract", {}).get("parameters", ())}
    return {name: (small(about.get(name) or name.replace("_", " ")), unit) for name, unit in units.items()}


def family_title(request: Request, seen: SeenResult) -> str:
    """The title of the family of terms that a design is of."""
    name = str(seen.content.get("family", ""))
    try:
        pack = service_of(request).packs.named(seen.data_pack).opened()
        return str(read_mapping(pack.path(f"families/{name}.toml")).get("title", name))
    except CapitationError:
        return name


def _options(request: Request, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document of options that a result was asked for with."""
    named = asked.get("options")
    version = named if isinstance(named, Mapping) else {"id": named, "digest": asked.get("digest")}
    name, digest = version.get("id"), version.get("digest")
    if not isinstance(name, str):
        return {}
    found = service_of(request).store.document("options", name, digest if isinstance(digest, str) else None)
    return {} if found is None else plain(found.content)


def _option_names(document: Mapping[str, Any]) -> dict[str, str]:
    rows = [*document.get("options", ()), *document.get("cases", ())]
    return {str(each["id"]): str(each.get("title", each["id"])) for each in rows}


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    said = {key: str(document[key]) for key in ("first_year", "base", "shown_case") if document.get(key)}
    return said | {
        f"group {each['id']}": str(each["title"]) for each in document.get("groups", ()) if each.get("title")
    }


def gallery_at(request: Request, address: str, result: str, name: str) -> tuple[Gallery, SeenRun | SeenResult]:
    """The charts of the result at an address, and the result.

    Raises:
        ServiceError: the chart is of a mix that is still being worked out.
    """
    if address == "runs":
        seen = run_of(request, result)
        if name in OF_THE_MIX and seen.is_open and not worked_out(request, seen).is_over:
            raise ServiceError(
                "not-found", "the mix of investments of this run is being worked out; come back in half a minute"
            )
        return gallery_of_run(request, seen), seen
    found = result_of(request, address, result)
    return gallery_of(request, found), found


__all__ = [
    "CHOICES",
    "Gallery",
    "Picture",
    "Select",
    "choice_of",
    "family_title",
    "figure_words",
    "gallery_at",
    "gallery_of",
    "gallery_of_run",
    "query_of",
]
