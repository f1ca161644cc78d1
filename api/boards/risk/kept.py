"""The paragraph on risk, kept: found again by the content that it rests on, and said to be stale where that has moved.

risk/SCENARIO.json       ships in a data pack, for whoever cannot wait for draws
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from capitation.chance.document import Uncertainty
from capitation.errors import Faults
from capitation.pack.sources import DataPack
from capitation.records.documents import Document, read_document
from capitation.records.identity import canonical, digest
from capitation.records.whole_files import write_text
from capitation.run.run import Run
from contracts.options.document import ContractOptions, read_contracts, with_cost_behaviour

ROOM = "risk"
"""Folder of a data pack in which paragraphs are kept."""

FRAMES = (
    "flow", "locality_activity", "locality_total", "membership", "organisation_account", "organisation_position",
    "population", "provider_allocation", "service_envelope", "service_line", "spendable", "unit_cost",
)  # fmt: skip
"""Frames of a run from which parties and localities are simulated."""


class KeptParagraph(Document):
    """What was said of the risk of every party, and what it rests on."""

    scenario: str
    """Id of the scenario."""
    options: str
    """Id of the contract options."""
    family: str
    """Id of the family of terms that was searched."""
    draws: int
    """Draws of the parties."""
    seed: int
    """Where the draws begin."""
    inputs: dict[str, str]
    """Checksums of what it rests on: frames of the run, documents and contracts."""
    says: str
    """The paragraph."""


def rests_on(
    document: ContractOptions,
    pack: DataPack,
    run: Run,
    uncertainty: Uncertainty,
    family: str,
    folder: Path | None = None,
) -> dict[str, str]:
    """Checksums by content of everything that a paragraph rests on, by name."""
    document = with_cost_behaviour(document, pack)
    found = {f"frame {name}": digest(run.frames[name].write_csv()) for name in FRAMES if name in run.frames}
    contracts, _ = read_contracts(document, pack, folder, Faults())
    found |= {f"contract {name}": _of(contract) for name, contract in contracts.items()}
    found |= {"the options": _of(document), "the uncertainties": _of(uncertainty)}
    path = pack.files(f"families/{family}.toml").get(f"families/{family}.toml")
    return found if path is None else found | {"the family of terms": digest(path.read_text(encoding="utf-8"))}


def _of(document: Document) -> str:
    return digest(canonical(document.model_dump_json(by_alias=True)))


def keep(paragraph: KeptParagraph, path: Path) -> Path:
    """Write a paragraph, whole or not at all."""
    write_text(path, paragraph.model_dump_json(indent=1) + "\n")
    return path


def shipped_paragraph(pack: DataPack, scenario: str) -> KeptParagraph | None:
    """The paragraph that ships in a pack for a scenario; none where it has none."""
    relative = f"{ROOM}/{scenario}.json"
    found = pack.files(relative)
    return read_document(found[relative], KeptParagraph) if relative in found else None


def stale_because(kept: KeptParagraph, present: Mapping[str, str]) -> list[str]:
    """What has changed since it was worked out, by name; nothing where all that it rests on is as it was."""
    return sorted(name for name in {*kept.inputs, *present} if kept.inputs.get(name) != present.get(name))


__all__ = ["FRAMES", "ROOM", "KeptParagraph", "keep", "rests_on", "shipped_paragraph", "stale_because"]
