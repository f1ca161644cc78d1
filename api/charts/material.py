"""What charts are drawn from: the frames of a run, a plan, a comparison, a simulation or a mix, and the names of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.sentences import small

SERVICES = {
    "acute": "Acute hospital care", "community": "Community services", "continuing-care": "Continuing health care",
    "mental-health": "Mental health", "other-programme": "Other programmes", "prescribing": "Prescribing", "primary-care": "Primary care",
    "primary-medical": "Primary medical care", "social-care": "Social care", "specialised": "Specialised services",
    "ae": "A&E attendances", "ambulance": "Ambulance incidents", "elective": "Planned admissions",
    "non-elective": "Emergency admissions", "outpatient": "Outpatient attendances", "other-acute": "Other acute care",
    "fund": "Funds outside that pay for quality", "ccg": "Commissioning groups", "stf": "Sustainability funding",
}  # fmt: skip
"""Services, points of delivery and streams in words, where the data has no name for them."""

_FACTS = ("opening_year", "need_year", "first_year", "base", "shown_case")


@dataclass(frozen=True)
class Material:
    """Frames by name, and what their codes are called."""

    title: str
    """What the frames are of, such as "The system's plan, 2016/17 to 2020/21"."""
    source: str
    """Where the frames come from, such as "run 4bbdc5c4f9d1d211"."""
    frames: Mapping[str, pl.DataFrame]
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of localities, places, practices, organisations, options and solutions by code."""
    coordinates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Latitude and longitude of practices by code, where they are published."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else is known by name: `opening_year`, `need_year`, `first_year`, `base`, `shown_case`."""
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where each frame comes from, where frames of several results are joined."""

    def name(self, code: str) -> str:
        """The name of a code, in words; a code that nobody named is shown with its dashes as spaces."""
        for known in (code, code.replace("_", "-")):
            if known in self.names:
                return self.names[known]
            if known in SERVICES:
                return SERVICES[known]
        return code.replace("_", " ").replace("-", " ") if code.islower() else code

    def short(self, code: str) -> str:
        """The name of an option for the middle of a sentence: up to its colon, without a capital."""
        name = self.name(code).split(":")[0]
        return small(name)

    def origin(self, frame: str) -> str:
        """Where one frame comes from."""
        return self.origins.get(frame, self.source)

    def has(self, frame: str) -> bool:
        """Whether a frame is there and has rows."""
        return frame in self.frames and not self.frames[frame].is_empty()

    def joined(self, other: Material) -> Material:
        """This material with the frames and names of another beside it; its own stand where both have one."""
        return Material(
            self.title,
            self.source if other.source in self.source else f"{self.source} and {other.source}",
            {**other.frames, **self.frames},
            {**other.names, **self.names},
            {**other.coordinates, **self.coordinates},
            {**other.facts, **self.facts},
            {frame: of.origin(frame) for of in (other, self) for frame in of.frames},
        )


def of_run(run: Run, pack: DataPack | None = None) -> Material:
    """The material of a run of any kind: of a scenario, of a plan, or of contract options.

    Args:
        run: the run.
        pack: the data it was made from, for names and coordinates that the run does not carry.
    """
    document = run.manifest.scenario
    names = {} if pack is None else _names_of(pack)
    facts = {key: str(document[key]) for key in _FACTS if document.get(key)}
    if pack is not None and "options" not in document:
        facts = _facts_of(pack, str(document.get("id"))) | facts
    if "code_name" in run.frames:
        names |= dict(run.frames["code_name"].select("code", "name").iter_rows())
    names |= {str(k): str(v) for k, v in _titles(document)}
    for frame in ("mix_line",):
        if frame in run.frames:
            names |= dict(run.frames[frame].select("solution", "title").unique().iter_rows())
    title = str(document.get("title") or document.get("id") or "no title")
    return Material(title, f"run {run.id}", run.frames, names, {} if pack is None else coordinates(pack), facts)


def names_of(run: Run, pack: DataPack | None = None) -> dict[str, str]:
    """Names of all codes of a run: services and streams of money in words, then what the pack and the run itself call them."""
    return {**SERVICES, **of_run(run, pack).names}


def of_frames(frames: Mapping[str, pl.DataFrame], title: str, source: str, pack: DataPack | None = None) -> Material:
    """The material of frames that stand by themselves, such as those of a simulation or a frontier."""
    if pack is None:
        return Material(title, source, frames)
    return Material(title, source, frames, _names_of(pack), coordinates(pack))


def words_of(pack: DataPack) -> Material:
    """The names and coordinates of a pack, as material without frames, to be joined to that of a result."""
    return Material("", "", {}, _names_of(pack), coordinates(pack))


def coordinates(pack: DataPack) -> dict[str, tuple[float, float]]:
    """Latitude and longitude of the practices of a pack whose tables of practices publish them."""
    found = {}
    for path in pack.files("places/practices*.csv").values():
        rows = pl.read_csv(path, infer_schema=False)
        if {"practice_code", "latitude", "longitude"} <= set(rows.columns):
            for code, north, east in rows.select("practice_code", "latitude", "longitude").iter_rows():
                if north and east:
                    found[str(code)] = (float(north), float(east))
    return found


def _names_of(pack: DataPack) -> dict[str, str]:
    from capitation.allocation.providers import providers
    from capitation.chain.book import organisation_names
    from capitation.places.membership import LOCALITIES_FILE, localities
    from contracts.options.document import read_options

    known = dict(providers(pack).select("provider_code", "provider_name").iter_rows()) | organisation_names(pack)
    if pack.files(LOCALITIES_FILE):
        known |= dict(localities(pack).select("locality_code", "locality_name").iter_rows())
    for name in pack.names("options"):
        known |= {option.id: option.title for option in read_options(pack.path(f"options/{name}.toml")).options}
    return known


def _facts_of(pack: DataPack, scenario: str) -> dict[str, str]:
    """What the contract options on a scenario say of years and cases."""
    from contracts.options.document import read_options

    for name in pack.names("options"):
        document = read_options(pack.path(f"options/{name}.toml"))
        if document.scenario == scenario:
            return {"first_year": str(document.first_year), "base": document.base, "shown_case": document.shown_case}
    return {}


def _titles(document: Mapping[str, object]) -> list[tuple[object, object]]:
    """Ids and titles of what a document lists: options and activity cases."""
    found = []
    for key in ("options", "cases"):
        for entry in document.get(key) or ():  # type: ignore[attr-defined]
            if isinstance(entry, dict) and entry.get("id") and entry.get("title"):
                found.append((entry["id"], entry["title"]))
    return found
