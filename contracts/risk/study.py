"""Study: every answer of a simulation of options at once, as the frames of a run by name."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from capitation.chance.scores.sobol import DIMENSIONS
from capitation.chance.simulate import Request, SimulationWork
from contracts.risk.answers import (
    cap_chances,
    carried_chances,
    party_chances,
    party_pools,
)
from contracts.risk.causes import (
    Causes,
    causes,
    party_layers,
    party_wrong_rewards,
    states_of_causes,
)
from contracts.risk.parties import AT_ONCE, PartyModel, PartySimulation, simulate_parties

FEWEST = 1_000
"""Draws of the causes, at least, where as many were asked for."""


def party_risk(
    made: PartyModel, request: Request, work: SimulationWork | None = None, at_once: int = AT_ONCE
) -> tuple[PartySimulation, dict[str, pl.DataFrame]]:
    """The simulation of all parties and every answer; the causes take an eighth of the draws for each layer.

    Progress counts the draws of both. A cancel or an interruption leaves the state file of the simulation, where one is named,
    and one beside it for each layer that was begun; what is run again goes on from all of them and takes them away.
    """
    work = work or SimulationWork()
    few = replace(request, draws=_fewer(request))
    passes = few.draws * (len(made.chance.layers) + (len(made.chance.layers) > 1))
    total, report = request.draws + passes, work.progress
    part = replace(work, is_part=True)
    found = simulate_parties(made, request, replace(part, progress=lambda done, _: report(done, total)), at_once)
    after = found.request.draws
    why = causes(made, few, replace(part, progress=lambda done, _: report(after + done, total)), at_once)
    if work.state is not None and not work.is_part:
        for kept in (work.state, *states_of_causes(made, work.state)):
            kept.unlink(missing_ok=True)
    return found, party_frames(found, why)


def party_frames(found: PartySimulation, why: Causes) -> dict[str, pl.DataFrame]:
    """The frames of a simulation by name; without wrong rewards where chance was not drawn."""
    frames: dict[str, pl.DataFrame] = {
        "cap_chance": cap_chances(found),
        "carried_chance": carried_chances(found),
        "party_chance": party_chances(found),
        "party_layer": party_layers(why),
        "party_pool": party_pools(found),
    }
    if "chance" in why.alone:
        frames["party_wrong_reward"] = party_wrong_rewards(why)
    return frames


def _fewer(request: Request) -> int:
    """An eighth of the draws, a number that Sobol points can have where they are asked for."""
    few = request.draws // 8
    if request.method == "sobol":
        return few if few >= DIMENSIONS else request.draws
    return max(few, min(request.draws, FEWEST))


__all__ = ["party_frames", "party_risk"]
