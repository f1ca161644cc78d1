"""A design from end to end: the localities of a run drawn twice, the family searched on one set of draws and verified on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import polars as pl

from capitation.chance.book import book_of
from capitation.chance.document import Uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import ContractError, StoppedError
from capitation.records.identity import canonical, digest
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.risk.design.answers import design_frames
from contracts.risk.design.family import TermFamily
from contracts.risk.design.kept import keep_search, resumed_search
from contracts.risk.design.search import Designed, Finder, design
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
    finder: Callable[[Trial], Finder | None] | None = None,
) -> tuple[Designed, dict[str, pl.DataFrame]]:
    """The terms of a family that suit every party, and all answers by name.

    Args:
        family: the family.
        contract: its contract.
        run: a run of its scenario.
        uncertainty: what is uncertain.
        seed: where the draws begin.
        draws: fresh draws by which the answer is verified.
        work: threads, cancel and state file; nothing of it changes an answer.
        say: called with a word on what is being done.
        searched: Sobol points that are searched.
        finder: another way of finding terms than the search, where it can take the family, such as a linear programme.

    Raises:
        ContractError: the run is of another scenario.
        InfeasibleError: no terms meet every limit.
        SourceError: the state file is of another design, or cannot be read or written.
        StoppedError: the work was cancelled; what was tried so far is in the state file, where one was named.
    """
    made = run.manifest.scenario.get("id")
    if made != family.scenario:
        message = f"family {family.id}: found a run of {made!r}; expected one of {family.scenario!r}"
        raise ContractError(message)
    work = work or SimulationWork()
    own = replace(work, state=None)
    drawn = model([book_of(run, family.year)], uncertainty, family.layers)
    stop = partial(_stop, work)
    fresh = Trial(family, contract, simulate(drawn, Request(draws, seed + 1), own), before=stop)
    search = Trial(family, contract, simulate(drawn, Request(searched, seed, "sobol"), own), before=stop)
    if work.state is None:
        found = design(search, fresh, say, finder)
        return found, design_frames(found, fresh)
    about = [family.model_dump_json(by_alias=True), contract.model_dump_json(by_alias=True)]
    name = digest(canonical([drawn.id, *about, draws, seed, searched]))
    resumed_search(work.state, name, (search, fresh))
    try:
        found = design(search, fresh, say, finder)
        frames = design_frames(found, fresh)
    except (KeyboardInterrupt, StoppedError):
        keep_search(work.state, name, (search, fresh))
        raise
    work.state.unlink(missing_ok=True)
    return found, frames


def _stop(work: SimulationWork) -> None:
    """Stop where that is asked for."""
    if work.is_cancelled():
        kept = f"; what was tried is kept in {work.state}: run it again to go on" if work.state is not None else ""
        message = f"stopped on request while searching for terms{kept}"
        raise StoppedError(message)


__all__ = ["SEARCHED", "VERIFIED", "design_family"]
