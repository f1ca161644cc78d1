"""The log as a document that can be kept: found again by the content that it rests on, and said to be stale where that has moved.

RUN/assumptions.json            the log of a written run, under the key of its content
assumptions/SCENARIO.json       a log that ships in a data pack, for whoever cannot wait
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from capitation.pack.sources import DataPack
from capitation.records.documents import Document, Rating, read_document
from capitation.records.identity import canonical, digest
from capitation.records.whole_files import write_text
from capitation.run.run import MADE_ON, Run
from optimiser.links.assumed.inputs import PlanInputs

FILE = "assumptions.json"


class KeptEffect(Document):
    """What one assumption moves of one headline."""

    headline: str
    """Id of the headline."""
    base_pence: int
    """The headline as the plan stands."""
    low_pence: int | None
    """The headline with the assumption at its lowest value; none where no plan can be made there."""
    high_pence: int | None
    """The same at its highest."""
    method: str
    """How it was worked out: "run", "relaxation" or "whole"."""

    @property
    def most_pence(self) -> int:
        """The most that either end moves it by."""
        ends = (self.low_pence, self.high_pence)
        return max((abs(end - self.base_pence) for end in ends if end is not None), default=0)


class KeptAssumption(Document):
    """One assumption of the log."""

    rank: int = Field(ge=1)
    """Place in the log, what moves most first."""
    id: str
    """Its name in the log."""
    part: str
    """What of the plan it belongs to."""
    document: str
    """Document or table that it stands in."""
    place: str
    """Where in it."""
    places: tuple[str, ...]
    """Every place of it."""
    value: Decimal | None
    """Its value; none for a rule in words."""
    unit: str
    """What one of it is."""
    low: Decimal | None
    """Lowest value tested."""
    high: Decimal | None
    """Highest value tested."""
    range_from: str
    """Whether the range is declared by its document or stands in for one."""
    quality: Rating | None
    """Mark of its evidence."""
    impact: Rating | None
    """Mark of its effect, as its owner sees it."""
    owner: str | None
    """Who answers for it."""
    about: str
    """What it rests on."""
    fitted: bool
    """Whether it was set so that a printed figure is hit."""
    effects: tuple[KeptEffect, ...]
    """What it moves."""
    note: str
    """Why an end has no answer."""

    @property
    def largest(self) -> KeptEffect | None:
        """Its effect on the headline that it moves most."""
        moved = [effect for effect in self.effects if effect.most_pence]
        return max(moved, key=lambda effect: effect.most_pence) if moved else None


class AssumptionLog(Document):
    """The assumptions of a plan, ranked by what they move."""

    key: str
    """Digest of all that it rests on."""
    scenario: str
    """Id of the scenario."""
    code: str
    """Digest of the code that made it."""
    stages: tuple[str, ...]
    """Parts of the plan that it covers."""
    inputs: dict[str, str]
    """Checksums of what it rests on."""
    titles: dict[str, str]
    """Titles of the headlines by id."""
    base: dict[str, int]
    """The headlines as the plan stands, in pence."""
    seconds: float
    """How long it took."""
    count: int
    """How many assumptions there are."""
    figures: int
    """How many marked figures they stand for."""
    weak: int
    """How many rest on weak evidence or carry no mark."""
    stand_ins: int
    """How many state no range and are tested within a stand-in one."""
    assumptions: tuple[KeptAssumption, ...]
    """The assumptions in order of rank; all of them, or the first."""


_OF_PLANS = ("options/", "problems/")
"""Folders of documents that a plan reads and no run of a scenario does."""


def rests_on(inputs: PlanInputs, run: Run, log: AssumptionLog | None = None) -> dict[str, str]:
    """Checksums of the files of a run, and of the documents of its options and problem.

    Args:
        inputs: the documents.
        run: the scenario's run, or a run that holds it and more.
        log: the log it is for: of a run that holds more, files that no run of the scenario reads are left out.
    """
    named = run.manifest.inputs
    found = {name: checksum for name, checksum in named.items() if name != MADE_ON}
    if log is not None and any(name == MADE_ON or name.startswith(_OF_PLANS) for name in named):
        found = {name: checksum for name, checksum in found.items() if name in log.inputs}
    for name in ("scenario", "options", "problem"):
        document = inputs.of(name)
        if document is not None:
            found[f"the {name}"] = digest(canonical(document.model_dump_json()))
    return found


def kept_in(folder: Path, key: str) -> AssumptionLog | None:
    """The log kept in a run's folder under a key; none where there is none, or one of other content."""
    path = folder / FILE
    if not path.is_file():
        return None
    log = read_document(path, AssumptionLog)
    return log if log.key == key else None


def keep(log: AssumptionLog, path: Path, most: int | None = None) -> Path:
    """Write a log, or its first assumptions, whole or not at all."""
    shown = log.model_copy(update={"assumptions": log.assumptions[:most]})
    write_text(path, shown.model_dump_json(indent=1) + "\n")
    return path


def shipped_log(pack: DataPack, scenario: str) -> AssumptionLog | None:
    """The log that ships in a pack for a scenario; none where it has none."""
    relative = f"assumptions/{scenario}.json"
    found = pack.files(relative)
    return read_document(found[relative], AssumptionLog) if relative in found else None


def stale_because(log: AssumptionLog, present: Mapping[str, str], base: Mapping[str, int] | None = None) -> list[str]:
    """Why a kept log may say something else than a new one would; nothing where all that it rests on is as it was.

    Args:
        log: the log.
        present: checksums of what a new log would rest on (`rests_on`).
        base: headlines as they stand now, in pence, as far as they are known.
    """
    moved = sorted(name for name in {*log.inputs, *present} if log.inputs.get(name) != present.get(name))
    said = (
        [
            f"{len(moved)} of its {len(log.inputs)} inputs have changed: {', '.join(moved[:5])}{' ...' if len(moved) > 5 else ''}"
        ]
        if moved
        else []
    )
    for name, pence in (base or {}).items():
        if name in log.base and log.base[name] != pence:
            said.append(f"{log.titles.get(name, name)} was {log.base[name]} pence and is {pence}")
    return said


__all__ = [
    "AssumptionLog",
    "KeptAssumption",
    "KeptEffect",
    "keep",
    "kept_in",
    "rests_on",
    "shipped_log",
    "stale_because",
]
