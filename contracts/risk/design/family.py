"""Families of terms: a contract some of whose figures are left open, within bounds, and what each party can bear.

The contract runs on localities: each has a plan and a spend, and what it is passed by the pool (below nil: passes to it) is the
contract's first output. A locality's result is plan less spend plus that; the pool's is what it passes, taken together.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from capitation.errors import DocumentError, Faults, suggest
from capitation.records.documents import Document, Figure, read_document
from capitation.records.years import FinancialYear
from contracts.document.contract import parse_contract
from contracts.document.models import Contract
from contracts.risk.deals import DRAW
from contracts.risk.localities import INPUTS

STOCHASTIC_INPUT = "spend_pence"

Party = Literal["locality", "pool"]
Measure = Literal["loss", "sd", "mean", "worst"]


class OpenFigure(Document):
    """A figure of the contract that is to be found."""

    name: str
    """Parameter of the contract."""
    low: Decimal
    """Its lowest value."""
    high: Decimal
    """Its highest value."""
    unit: str = ""
    """What one of it is, such as "share of plan"."""
    steps: int = Field(default=5, ge=2, le=25)
    """Values that are tried first between the two, where another figure sets the strength."""


class DesignLimit(Document):
    """What a party can bear."""

    party: Party
    """locality: each of them; pool: whoever stands behind what is passed."""
    measure: Measure
    """loss: a loss not passed but with `chance`; worst: mean loss of the worst of that chance; sd, mean: of the loss."""
    level: Figure
    """The most it can bear, as a share of plan: a locality's own, or the system's for the pool."""
    chance: Decimal = Field(default=Decimal("0.1"), gt=0, lt=1)
    """For loss and worst: 0.1 is one year in ten."""


class TermFamily(Document):
    """Terms of one kind, with what is open in them and what each party can bear."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    about: str
    """How the terms work."""
    scenario: str
    """Id of the scenario whose localities bear the risk."""
    year: FinancialYear
    """Year for which terms are sought."""
    layers: tuple[str, ...] = ("chance", "environment", "list-size")
    """Layers of uncertainty that are drawn."""
    open_figures: tuple[OpenFigure, ...] = Field(min_length=1, max_length=3)
    """The figures to be found."""
    strength: str
    """The open figure by which localities keep more as it rises."""
    aim: Literal["incentive", "safety"] = "incentive"
    """incentive: localities keep as much as every limit allows; safety: they keep as little as every limit allows."""
    limits: tuple[DesignLimit, ...] = Field(min_length=1)
    """What each party can bear."""
    cover: Decimal = Field(default=Decimal("0.95"), gt=0, lt=1)
    """Share of years that the pool is to cover."""
    contract: dict[str, Any]
    """The contract, whole, with a value for every open figure."""

    @property
    def first(self) -> OpenFigure:
        """The open figure that sets the strength."""
        return next(each for each in self.open_figures if each.name == self.strength)

    @property
    def others(self) -> tuple[OpenFigure, ...]:
        """The other open figures."""
        return tuple(each for each in self.open_figures if each.name != self.strength)


def read_family(path: Path) -> tuple[TermFamily, Contract]:
    """A family document and its contract.

    Raises:
        DocumentError: a key is wrong, or the document contradicts its contract; all faults at once.
        ContractError: the contract has faults of its own.
    """
    family = read_document(path, TermFamily)
    contract = parse_contract(family.contract, f"{path}: contract", path.parent)
    faults = Faults()
    family_faults(family, contract, str(path), faults)
    faults.raise_if_any(DocumentError, f"{path}: the family cannot be designed")
    return family, contract


def family_faults(family: TermFamily, contract: Contract, where: str, faults: Faults) -> None:
    """Everything in which a family contradicts its contract."""
    parameters = {p.name for p in contract.parameters}
    names = [each.name for each in family.open_figures]
    for each in family.open_figures:
        if each.name not in parameters:
            faults.add(
                f"{where}: open_figures ({each.name})", "no such parameter", "a parameter of the contract",
                suggest(each.name, parameters),
            )  # fmt: skip
        if not each.low < each.high:
            faults.add(f"{where}: open_figures ({each.name})", f"{each.low} to {each.high}", "a low end below the high")
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add(f"{where}: open_figures ({name})", f"{names.count(name)} times", "each figure once")
    if family.strength not in names:
        faults.add(f"{where}: strength", repr(family.strength), "an open figure", suggest(family.strength, names))
    for limit in family.limits:
        if limit.level.value < 0:
            faults.add(f"{where}: limits ({limit.party}, {limit.measure})", f"{limit.level.value}", "0 or more")
    inputs = contract.input_map()
    for name in inputs:
        if name not in INPUTS:
            faults.add(f"{where}: contract input {name!r}", "nothing that supplies it", f"one of {', '.join(INPUTS)}")
    if STOCHASTIC_INPUT not in inputs:
        faults.add(
            f"{where}: contract {contract.id!r}", "no input that the draws affect", STOCHASTIC_INPUT,
            "A contract that pays whatever happens has no risk to design.",
        )  # fmt: skip
    if len([o for o in contract.outputs if o.payer is not None]) != 1:
        faults.add(f"{where}: contract {contract.id!r}", "not one payment", "one output with a payer: what is passed")
    if DRAW in inputs:
        faults.add(f"{where}: contract input {DRAW!r}", "the name that keeps draws apart", "another name")


__all__ = ["DesignLimit", "OpenFigure", "TermFamily", "family_faults", "read_family"]
