"""Causes: which layer a party's risk comes from, and how often it is rewarded or punished for what it did not do.

share of a layer = cov(position with it alone, position with all) / variance of the position with all
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from capitation.chance.answers import TOGETHER
from capitation.chance.document import RISK
from capitation.chance.estimates import Estimates
from capitation.chance.simulate import Request, SimulationWork
from capitation.errors import ScenarioError
from capitation.records.columns import OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.risk.parties import AT_ONCE, PARTY_ROLES, PartyModel, PartySimulation, simulate_parties

ROLE = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=PARTY_ROLES)


class PartyLayer(Schema):
    """What each layer adds to the variance of a party's position."""

    option = OPTION
    year = YEAR
    role = ROLE
    organisation_code = ORGANISATION
    layer = Column(pl.String, "layer", 'Layer, or "together" for what layers do only in combination', key=True)
    risk = Column(
        pl.String,
        "kind",
        "process: falls anew each year; parameter: one truth that is not known; both: in combination",
        one_of=("process", "parameter", "both"),
    )
    sd_pence = Column(pl.Int64, "pence", "Sd of the position were only this layer to vary", ge=0, nullable=True)
    p10_pence = Column(pl.Int64, "pence", "Position not reached in 1 of 10 were only this layer to vary", nullable=True)
    p90_pence = Column(pl.Int64, "pence", "Position reached in 1 of 10 were only this layer to vary", nullable=True)
    variance_share = Column(pl.Float64, "share of variance", "Part of the variance of the position")


class PartyWrongReward(Schema):
    """How often a party is rewarded or punished by an option although nothing that it does has changed: chance alone."""

    option = OPTION
    year = YEAR
    role = ROLE
    organisation_code = ORGANISATION
    threshold = Column(pl.Float64, "share of size", "Change of position from which it counts", ge=0)
    reward = Column(pl.Float64, "chance", "Chance of a position above plan by the threshold or more", ge=0, le=1)
    reward_error = Column(pl.Float64, "share", "Standard error of the chance of a reward", ge=0)
    penalty = Column(pl.Float64, "chance", "Chance of a position below plan by the threshold or more", ge=0, le=1)
    penalty_error = Column(pl.Float64, "share", "Standard error of the chance of a penalty", ge=0)


@dataclass(frozen=True)
class Causes:
    """All layers together and each alone, with the same draws."""

    whole: PartySimulation
    alone: Mapping[str, PartySimulation]


def causes(made: PartyModel, request: Request, work: SimulationWork | None = None, at_once: int = AT_ONCE) -> Causes:
    """Each layer drawn alone and all together, with the same draws.

    Args:
        made: the options, ready.
        request: which draws; a fifth of those of the answers is enough for shares of variance.
        work: threads and cancel; progress counts the draws of all passes, and each pass has a state file of its own beside the
            one that is named.
        at_once: draws that are settled at a time; no more does this.
    """
    work, layers = work or SimulationWork(), made.chance.layers
    request = replace(request, stop_at=None)
    total = request.draws * (len(layers) + 1)

    states = states_of_causes(made, work.state) if work.state is not None else ()

    def pass_number(k: int) -> SimulationWork:
        report, state = work.progress, states[k] if states else None
        return replace(work, state=state, progress=lambda done, _: report(k * request.draws + done, total))

    whole = simulate_parties(made, request, pass_number(0), at_once)
    if len(layers) == 1:
        return Causes(whole, {layers[0]: whole})
    alone = {
        layer: simulate_parties(made.only((layer,)), request, pass_number(k), at_once)
        for k, layer in enumerate(layers, start=1)
    }
    return Causes(whole, alone)


def states_of_causes(made: PartyModel, state: Path) -> tuple[Path, ...]:
    """The files in which the passes of the causes keep their draws: all layers together, then each alone."""
    return tuple(state.with_name(f"{state.name}.{name}") for name in ("together", *made.chance.layers))


def party_layers(found: Causes) -> Frame[PartyLayer]:
    """The variance of every position by layer, and the position's range were only that layer to vary."""
    whole, model = found.whole.positions, found.whole.model
    apart = whole - whole.mean(axis=3, keepdims=True)
    total = (apart**2).mean(axis=3)
    floor = np.maximum(1e-18 * model.sizes**2, 1.0)
    rows: list[tuple[object, ...]] = []
    parts = {}
    for layer, each in found.alone.items():
        own = each.positions - each.positions.mean(axis=3, keepdims=True)
        shared = np.where(total > floor, (own * apart).mean(axis=3) / np.where(total > floor, total, 1.0), 0.0)
        low, high = np.quantile(each.positions, [0.1, 0.9], axis=3)
        parts[layer] = (np.sqrt((own**2).mean(axis=3)), low, high, shared)
    for k, option in enumerate(model.options):
        for y, year in enumerate(model.years):
            for j, (role, code) in enumerate(model.parties):
                left = 1.0 if total[k, y, j] > floor[k, y, j] else 0.0
                for layer, (sd, low, high, shared) in parts.items():
                    share = _steady(shared[k, y, j])
                    left -= share
                    ends = (round(float(v[k, y, j])) for v in (sd, low, high))
                    rows.append((option, str(year), role, code, layer, RISK[layer], *ends, share))
                rows.append((option, str(year), role, code, TOGETHER, "both", None, None, None, _steady(left)))
    return PartyLayer.validate(pl.DataFrame(rows, schema=PartyLayer.dtypes(), orient="row"))


def party_wrong_rewards(found: Causes, threshold: float = 0.01) -> Frame[PartyWrongReward]:
    """The chance that each party gains or loses the threshold or more by chance alone.

    Args:
        found: the layers alone, chance among them.
        threshold: change of position, as a share of allocation or income at plan, from which it counts.

    Raises:
        ScenarioError: the threshold is not above nil, or chance was not drawn.
    """
    if not threshold > 0:
        message = f"threshold: found {threshold}; expected a share above 0, such as 0.01"
        raise ScenarioError(message)
    if "chance" not in found.alone:
        message = f"layers: found {', '.join(found.alone)}; expected chance among them"
        raise ScenarioError(message)
    drawn = found.alone["chance"]
    model, estimates = drawn.model, Estimates(drawn)
    rows = []
    for k, option in enumerate(model.options):
        for y, year in enumerate(model.years):
            for j, (role, code) in enumerate(model.parties):
                change = drawn.positions[k, y, j] - model.at_plan[k, y, j]
                size = max(float(model.sizes[k, y, j]) * threshold, 1.0)
                up, down = estimates.chance(change >= size), estimates.chance(change <= -size)
                figures = (_steady(x) for x in (up.value, up.error, down.value, down.error))
                rows.append((option, str(year), role, code, threshold, *figures))
    return PartyWrongReward.validate(pl.DataFrame(rows, schema=PartyWrongReward.dtypes(), orient="row"))


def _steady(number: float) -> float:
    """Ten significant digits: what every machine agrees on."""
    return float(f"{float(number):.9e}")


__all__ = [
    "Causes",
    "PartyLayer",
    "PartyWrongReward",
    "causes",
    "party_layers",
    "party_wrong_rewards",
    "states_of_causes",
]
