"""A design from end to end: the localities of a run drawn twice, the family searched on one set of draws and verified on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from capitation.chance.book import book_of
from capitation.chance.document import Uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import ContractError
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.risk.design.answers import design_frames
from contracts.risk.design.family import TermFamily
from contracts.risk.design.search import Designed, design
from contracts.risk.design.trial import Trial

SEARCHED = 8_192
"""Sobol points that are searched."""

VERIFIED = 50_000
"""Independent draws by which the answer is verified, unless the caller says otherwise."""


# Reason: a run and a family come with a contract and uncertainties, and the work has a seed, a size and someone who watches
def design_family(
    family: TermFamily,
    contract: Contract,
    run: Run,
    uncertainty: Uncertainty,
    seed: int = 1,
    draws: int = VERIFIED,
    work: SimulationWork | None = None,
    say: Callable[[str], object] = lambda words: None,
    *,
    searched: int = SEARCHED,
) -> tuple[Designed, dict[str, pl.DataFrame]]:
    """The terms of a family that suit every party, and all answers by name.

    Raises:
        ContractError: the run is of another scenario.
        InfeasibleError: no terms meet every limit.
    """
    made = run.manifest.scenario.get("id")
    if made != family.scenario:
        message = f"family {family.id}: found a run of {made!r}; expected one of {family.scenario!r}"
        raise ContractError(message)
    work = replace(work or SimulationWork(), state=None)
    drawn = model([book_of(run, family.year)], uncertainty, family.layers)
    fresh = Trial(family, contract, simulate(drawn, Request(draws, seed + 1), work))
    search = Trial(family, contract, simulate(drawn, Request(searched, seed, "sobol"), work))
    found = design(search, fresh, say)
    return found, design_frames(found, fresh)


__all__ = ["SEARCHED", "VERIFIED", "design_family"]
