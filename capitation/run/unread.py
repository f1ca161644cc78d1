"""What a pack carries and nothing reads: a change of such a file changes no figure, so it is named before somebody relies on it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from capitation.chain.rules import read_chain
from capitation.chain.sustainability import WEIGHTS
from capitation.errors import CapitationError, Fault, suggest
from capitation.pace.policy import PacePolicy
from capitation.pack.layers import shipped_packs
from capitation.pack.sources import DataPack, sha256_of
from capitation.records.documents import read_document
from capitation.records.years import FinancialYear
from capitation.run.document_checks import DOCUMENTS, TABLES, named_parameters, parameter_names, read_or_faults
from capitation.run.evaluate import practice_table
from capitation.run.run import MANIFEST, Run, RunManifest
from capitation.run.scenario import Scenario
from capitation.weighting.formula import need_catalogue

READ_BY_COMMANDS = (
    "assumptions.range_amber",
    "assumptions.range_red",
    "localities.persons_high",
    "localities.persons_low",
)
"""Parameters that a command reads by name: how far figures without a range are tested, and the band of a locality's size."""

OF_ORGANISATIONS = frozenset(
    {*WEIGHTS.values(), "top_slices.cumulative_surplus", "top_slices.running_cost_pounds_per_head"}
)
"""Parameters that a chain reads which is followed to organisations: conditions of funding, surplus and running costs of commissioners."""

_ROOMS = (
    "need/area_coefficients/",
    "parameters/",
    "sources/",
    "contracts/",
    "options/",
    "problems/",
    "journals/",
    "scenarios/",
    "solutions/",
)


def unread_notes(pack: DataPack) -> list[str]:
    """One sentence for each folder of files, and each table, of the pack's own that no scenario and no command of it uses.

    Files of the layers below serve other systems too and are no concern of this one.
    """
    scenarios = [s for s in (read_or_faults(p, Scenario)[0] for p in pack.files("scenarios/*.toml").values()) if s]
    if not scenarios:
        return []
    notes = []
    unused: dict[str, list[str]] = {}
    for name in sorted(set(parameter_names(pack)) - used_parameters(pack, scenarios) - set(READ_BY_COMMANDS)):
        topic, _, short = name.partition(".")
        unused.setdefault(f"parameters/{topic}", []).append(short)
    policies = set(pack.names("policies")) - {s.policy for s in scenarios}
    formulas = set(pack.names("need/formulas")) - {rule.formula for s in scenarios for rule in s.streams}
    unused |= {"policies": sorted(policies), "need/formulas": sorted(formulas)}
    for folder, every in unused.items():
        names = [name for name in every if _is_own(pack, f"{folder}/{name}.toml")]
        if names:
            notes.append(f"no scenario uses {', '.join(f'{folder}/{name}.toml' for name in names)}")
    texts = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in pack.files("**/*.toml").values())
    for relative in pack.files("**/*.csv"):
        if relative in TABLES or relative.startswith(_ROOMS) or relative.rpartition("/")[0] in DOCUMENTS:
            continue
        if (
            not re.search(rf"\b{re.escape(Path(relative).name)}\b", texts)
            and relative not in _READ_ELSEWHERE
            and _is_own(pack, relative)
        ):
            notes.append(f"nothing reads {relative}")
    return notes


def _is_own(pack: DataPack, relative: str) -> bool:
    """Whether a file stands in the pack itself rather than in a layer below it."""
    return (pack.root / relative).exists()


READABLE = (
    "pack.toml",
    "[activity|evidence|journals|places|plausibility|profiles|providers]/*.csv",
    "[activity|chains|contracts|options|policies|problems|profiles|scenarios|solutions|systems|uncertainty]/*.toml",
    "[contracts|options|problems|scenarios]/*.json",
    "[contracts|options|problems|scenarios]/*.ya?ml",
    "contracts/tables/*.csv",
    "[need|sources]/*/*.csv",
    "[need|parameters|sources]/*/*.toml",
    "problems/*/*.csv",
    "problems/*/*.json",
    "problems/*/*.toml",
)
"""Where in a pack a file must lie, and how its name must end, for something to read it."""

_READABLE = tuple(
    re.compile(re.sub(r"\[(.*?)\]", r"(\1)", each).replace(".", r"\.").replace("*", "[^/]+")) for each in READABLE
)

_WORDS = (".md", ".txt", ".template", "")
"""Endings of texts for people."""


def unread_faults(pack: DataPack) -> list[Fault]:
    """Files of the pack's own folder that nothing can read: in a folder that has no meaning, or with another ending.

    Files that a document names, hidden files and texts for people are none.
    """
    texts = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in pack.files("**/*.toml").values())
    of_others = {p.name for p in shipped_packs().glob("*/*") if p.is_dir()}  # a room of its own that ships is known
    rooms = of_others | {
        word for each in READABLE for word in each.partition("/")[0].strip("[]").split("|") if "/" in each
    }
    found = []
    for path in sorted(p for p in pack.root.rglob("*") if p.is_file()):
        relative = path.relative_to(pack.root)
        if any(part.startswith((".", "_")) for part in relative.parts) or path.suffix in _WORDS:
            continue
        inside = relative.as_posix()
        room = relative.parts[0]
        named = path.name if room in rooms else inside
        only_ships = room in of_others and not any(room in each for each in READABLE)
        if (
            only_ships
            or any(each.fullmatch(inside) for each in _READABLE)
            or re.search(rf"\b{re.escape(named)}\b", texts)
        ):
            continue
        if len(relative.parts) > 1 and room not in rooms:
            near = suggest(room, rooms)
            expected = f"a folder of a data pack: {', '.join(sorted(rooms))}"
            found.append(
                Fault(
                    str(path),
                    f"a file in a folder {room!r} that nothing reads",
                    expected,
                    near if near.startswith("Did") else "",
                )
            )
        else:
            shown = (re.sub(r"\[.*\]", room, each).replace("?", "") for each in READABLE if room in each)
            found.append(Fault(str(path), "a file that nothing reads", " or ".join(shown) or "a folder of a data pack"))
    return found


_READ_ELSEWHERE = ("places/organisations.csv", "places/without-coordinates.csv", "profiles/bank-holidays.csv")


def used_parameters(pack: DataPack, scenarios: list[Scenario]) -> set[str]:
    """Parameters that the policies and chains of the scenarios name; no other reaches a figure of their runs."""
    found: set[str] = set()
    for name in {s.policy for s in scenarios}:
        try:
            policy = pack.document(f"policies/{name}.toml", PacePolicy)
        except CapitationError:
            continue
        found |= {parameter for _, parameter in named_parameters(policy, "")}
    for name in sorted({s.chain for s in scenarios if s.chain is not None}):
        try:
            chain = read_chain(pack, name)
        except CapitationError:
            continue
        found |= {rule.price for rule in chain.rules if rule.price is not None}
        found |= OF_ORGANISATIONS if chain.organisations is not None else frozenset()
    return found


_PARAMETER = re.compile(r"parameters/(.+)/(.+)\.toml")


def unread_parameters(run: Run, pack: DataPack) -> list[str]:
    """Parameters that the run opened and that its policy, chain and money do not name: a change of one changes no figure."""
    scenario = Scenario.model_validate(run.manifest.scenario)
    used = used_parameters(pack, [scenario])
    opened = (_PARAMETER.fullmatch(path) for path in run.manifest.inputs)
    names = (f"{each[1].replace('/', '.')}.{each[2]}" for each in opened if each)
    return sorted(name for name in names if name not in used)


def changed_without_effect(run: Run, runs: Path) -> tuple[str, list[str]] | None:
    """An earlier run of the same scenario in a folder of runs whose every frame is the same, and the files that changed since; else none."""
    found = []
    for path in sorted(runs.glob(f"*/{MANIFEST}"), key=lambda p: -p.stat().st_mtime):
        try:
            before = read_document(path, RunManifest)
        except CapitationError:
            continue
        if before.run_id == run.id or before.scenario.get("id") != run.manifest.scenario.get("id"):
            continue
        found.append(before)
    for before in found[:1]:
        now = run.manifest
        sums, were = ({name: f.sha256 for name, f in m.frames.items()} for m in (now, before))
        files = {*now.inputs, *before.inputs}
        changed = sorted(f for f in files if now.inputs.get(f) != before.inputs.get(f))
        if sums == were and changed:
            return before.run_id, changed
    return None


def edited_tables(pack: DataPack) -> list[str]:
    """One sentence for each printed table of the pack that was edited; a run that reads one is refused, so these change no figure."""
    notes = []
    for source in DataPack(pack.root).sources.values():
        for table in source.tables:
            relative = f"sources/{source.id}/{table.file}"
            path = pack.files(relative).get(relative)
            if path is not None and sha256_of(path) != table.sha256:
                notes.append(
                    f"{relative} was edited, and no figure is read from it: what is quoted from it stands in the scenario and the documents "
                    "beside it, so change it there"
                )
    return notes


def assumed_index_notes(pack: DataPack) -> list[str]:
    """One sentence for each formula of a scenario that knows no cost index of some practices' areas, where 1 is assumed and marked."""
    notes = []
    catalogue = need_catalogue(pack)
    for path in pack.files("scenarios/*.toml").values():
        scenario = read_or_faults(path, Scenario)[0]
        for rule in scenario.streams if scenario is not None else ():
            try:
                blocks = catalogue.formula(rule.formula).terms(FinancialYear(scenario.need_year))
                cells = practice_table(scenario, pack).cells
            except CapitationError:
                continue  # said by the checks of the scenario
            for block in blocks:
                if block.area_level is None or block.area_level not in cells.columns:
                    continue
                lost = cells.filter(
                    ~pl.col(block.area_level).is_in(list(block.area_coefficients)).fill_null(value=False)
                )
                if lost.height:
                    notes.append(
                        f"scenario {scenario.id}, stream {rule.stream}: formula {rule.formula} knows no cost index of "
                        f"{lost.height} of {cells.height} practices; 1 is assumed and marked in the need of each"
                    )
    return notes
