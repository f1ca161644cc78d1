"""What a pack carries and nothing reads: a change of such a file changes no figure, so it is named before somebody relies on it."""

from __future__ import annotations

import re
from pathlib import Path

from capitation.chain.rules import read_chain
from capitation.errors import CapitationError
from capitation.pace.policy import PacePolicy
from capitation.pack.sources import DataPack
from capitation.run.document_checks import DOCUMENTS, TABLES, named_parameters, parameter_names, read_or_faults
from capitation.run.scenario import Scenario

READ_BY_COMMANDS = ("localities.persons_high", "localities.persons_low")
"""Parameters that a command reads by name: the band of a locality's size."""

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
    """One sentence for each folder of files, and each table, that no scenario and no command of this pack uses."""
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
    for folder, names in unused.items():
        if names:
            notes.append(f"no scenario uses {', '.join(f'{folder}/{name}.toml' for name in names)}")
    texts = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in pack.files("**/*.toml").values())
    for relative in pack.files("**/*.csv"):
        if relative in TABLES or relative.startswith(_ROOMS) or relative.rpartition("/")[0] in DOCUMENTS:
            continue
        if not re.search(rf"\b{re.escape(Path(relative).name)}\b", texts) and relative not in _READ_ELSEWHERE:
            notes.append(f"nothing reads {relative}")
    return notes


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
    return found
