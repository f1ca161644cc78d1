"""Answers: what a simulation says to a board, as frames, each estimate with its standard error.

A position is spend over plan less 1: above nil is overspent. Money is in whole pence of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from capitation.chance.curves.compound import pooled_overspend
from capitation.chance.curves.normal import STANDARD, Floats, mean_excess
from capitation.chance.document import RISK
from capitation.chance.estimates import Estimate, Estimates, with_control
from capitation.chance.model import ChanceModel, model
from capitation.chance.simulate import Simulation, SimulationWork, simulate
from capitation.errors import ScenarioError
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Frame, Schema

SYSTEM = "system"
"""Code of the row for all localities together."""

QUANTILES = (5, 10, 25, 50, 75, 90, 95)
"""Percentiles that are given."""

OVER = (1, 2, 3, 5)
"""Overspends, in percent of the plan, whose chance is given."""

TOGETHER = "together"
"""The row for what layers do only in combination."""


def _error(about: str) -> Column:
    return Column(pl.Float64, "share", f"Standard error of {about}", ge=0)


class LocalityChance(Schema):
    """How far a locality's spend of a year may stand from its plan."""

    year = YEAR
    code = Column(pl.String, "code", 'Locality, or "system" for all together', key=True)
    persons = Column(pl.Float64, "persons", "Registered persons", ge=0)
    plan_pence = Column(pl.Int64, "pence", "Planned spend", ge=0)
    mean_share = Column(pl.Float64, "share of plan", "Mean position")
    mean_share_error = _error("the mean")
    sd_share = Column(pl.Float64, "share of plan", "Standard deviation of the position", ge=0)
    sd_share_error = _error("the standard deviation")
    p5 = Column(pl.Float64, "share of plan", "Position not passed in 5 years of 100")
    p5_error = _error("p5")
    p10 = Column(pl.Float64, "share of plan", "Position not passed in 10 years of 100")
    p10_error = _error("p10")
    p25 = Column(pl.Float64, "share of plan", "Position not passed in 25 years of 100")
    p25_error = _error("p25")
    p50 = Column(pl.Float64, "share of plan", "Position passed in every other year")
    p50_error = _error("p50")
    p75 = Column(pl.Float64, "share of plan", "Position not passed in 75 years of 100")
    p75_error = _error("p75")
    p90 = Column(pl.Float64, "share of plan", "Position not passed in 90 years of 100")
    p90_error = _error("p90")
    p95 = Column(
        pl.Float64, "share of plan", "Position not passed in 95 years of 100: the value at risk, a 1-in-20 loss"
    )
    p95_error = _error("p95")
    worst_5 = Column(
        pl.Float64, "share of plan", "Mean position of the worst 5 years of 100: the conditional value at risk"
    )
    worst_5_error = _error("the mean of the worst 5 in 100")
    over_1 = Column(pl.Float64, "chance", "Chance of an overspend above 1% of the plan", ge=0, le=1)
    over_1_error = _error("the chance of more than 1%")
    over_2 = Column(pl.Float64, "chance", "Chance of an overspend above 2% of the plan", ge=0, le=1)
    over_2_error = _error("the chance of more than 2%")
    over_3 = Column(pl.Float64, "chance", "Chance of an overspend above 3% of the plan", ge=0, le=1)
    over_3_error = _error("the chance of more than 3%")
    over_5 = Column(pl.Float64, "chance", "Chance of an overspend above 5% of the plan", ge=0, le=1)
    over_5_error = _error("the chance of more than 5%")


class LayerVariance(Schema):
    """What each layer adds to the variance of a locality's position."""

    year = YEAR
    code = Column(pl.String, "code", 'Locality, or "system" for all together', key=True)
    layer = Column(pl.String, "layer", 'Layer, or "together" for what layers do only in combination', key=True)
    risk = Column(
        pl.String,
        "kind",
        "process: falls anew each year; parameter: one truth that is not known; both: in combination",
        one_of=("process", "parameter", "both"),
    )
    sd_share = Column(
        pl.Float64, "share of plan", "Sd of the position were only this layer to vary", ge=0, nullable=True
    )
    variance_share = Column(pl.Float64, "share of variance", "Part of the variance of the position")


class PoolSize(Schema):
    """The pool that covers the overspends of a year's localities."""

    year = YEAR
    basis = Column(
        pl.String,
        "basis",
        "gross: overspends are paid and gains kept; net: the gains of others pay first",
        key=True,
        one_of=("gross", "net"),
    )
    mean_pence = Column(pl.Int64, "pence", "Mean drawn from the pool in a year", ge=0)
    mean_error_pence = Column(pl.Int64, "pence", "Standard error of the mean", ge=0)
    cover = Column(pl.Float64, "chance", "Share of years the pool covers", ge=0, le=1)
    pool_pence = Column(pl.Int64, "pence", "Pool that covers so many years", ge=0)
    pool_error_pence = Column(pl.Int64, "pence", "Standard error of the pool", ge=0)
    above_mean = Column(pl.Float64, "chance", "Share of years that draw more than the mean", ge=0, le=1)
    exact_mean_pence = Column(
        pl.Int64, "pence", "The mean without a draw; empty where more than normal chance is drawn", ge=0, nullable=True
    )
    exact_pool_pence = Column(
        pl.Int64, "pence", "The pool without a draw, by Fourier transform; empty where the mean is", ge=0, nullable=True
    )


class WrongReward(Schema):
    """How often a saving is rewarded that chance alone made."""

    year = YEAR
    code = Column(pl.String, "code", "Locality", key=True)
    persons = Column(pl.Float64, "persons", "Registered persons", ge=0)
    threshold = Column(pl.Float64, "share of plan", "Saving from which a reward is paid", ge=0)
    chance = Column(pl.Float64, "chance", "Chance of a reward with no true effect", ge=0, le=1)
    chance_error = _error("the chance")


def locality_chances(simulation: Simulation) -> Frame[LocalityChance]:
    """A row a year and locality, and one for the system: mean, spread, percentiles, tail and chances of overspends."""
    estimates, system = Estimates(simulation), simulation.system
    rows = []
    for y, book in enumerate(simulation.model.books):
        named = [*zip(book.localities, book.persons, book.plan_pence, simulation.positions[y], strict=True)]
        named.append((SYSTEM, book.persons.sum(), book.plan_pence.sum(), system[y]))
        for code, persons, pence, values in named:
            row = {"year": str(book.year), "code": code, "persons": float(persons), "plan_pence": int(pence)}
            for name, found in _of_position(estimates, values):
                row |= {name: _steady(found.value), f"{name}_error": _steady(found.error)}
            rows.append(row)
    return LocalityChance.validate(pl.DataFrame(rows, schema=LocalityChance.dtypes()))


def _of_position(estimates: Estimates, values: Floats) -> Iterator[tuple[str, Estimate]]:
    yield "mean_share", estimates.mean(values)
    yield "sd_share", estimates.sd(values)
    for percent in QUANTILES:
        yield f"p{percent}", estimates.quantile(values, percent / 100)
    yield "worst_5", estimates.tail_mean(values, 0.95)
    for percent in OVER:
        yield f"over_{percent}", estimates.chance(values > percent / 100)


def layer_variances(simulation: Simulation, work: SimulationWork | None = None) -> Frame[LayerVariance]:
    """The variance of each position by layer: each layer drawn alone, with the same draws, and what they do together.

    share of a layer = cov(position with it alone, position with all) / variance of the position with all
    """
    request = replace(simulation.request, stop_at=None, draws=simulation.draws)
    work = replace(work or SimulationWork(), state=None)
    whole = _with_system(simulation)
    rows: list[tuple[str, str, str, str, float | None, float]] = []
    alone: dict[str, tuple[Floats, Floats]] = {}
    for layer in simulation.model.layers:
        only = model(simulation.model.books, simulation.model.document, (layer,))
        one = _with_system(simulate(only, request, work))
        alone[layer] = (_covariances(one, one), _covariances(one, whole))
    total = _covariances(whole, whole)
    for y, book in enumerate(simulation.model.books):
        for row, code in enumerate((*book.localities, SYSTEM)):
            left = 1.0
            for layer, (own, shared) in alone.items():
                share = float(shared[y, row] / total[y, row]) if total[y, row] > 0 else 0.0
                left -= share
                rows.append((book.year, code, layer, RISK[layer], _steady(own[y, row] ** 0.5), _steady(share)))
            rows.append((book.year, code, TOGETHER, "both", None, _steady(left)))
    return LayerVariance.validate(pl.DataFrame(rows, schema=LayerVariance.dtypes(), orient="row"))


def _with_system(simulation: Simulation) -> list[list[Floats]]:
    """Positions by year and locality, the system last."""
    return [[*rows, system] for rows, system in zip(simulation.positions, simulation.system, strict=True)]


def _covariances(one: list[list[Floats]], other: list[list[Floats]]) -> Floats:
    """Covariance of two simulations of the same draws, by year and locality."""
    out = np.zeros((len(one), len(one[0])))
    for y, (rows, others) in enumerate(zip(one, other, strict=True)):
        for k, (a, b) in enumerate(zip(rows, others, strict=True)):
            out[y, k] = np.mean((a - np.mean(a, dtype=float)) * (b - np.mean(b, dtype=float)), dtype=float)
    return out


def pool_sizes(simulation: Simulation, cover: float = 0.95) -> Frame[PoolSize]:
    """The pools of each year that cover its overspends in so many years, gross and net of the gains of others.

    The mean is helped by the system's position, whose mean is nil where only chance is drawn. Where chance alone is drawn and is
    normal, mean and pool stand beside it exactly: localities are independent, so what they draw together is a sum of independent amounts.

    Raises:
        ScenarioError: the cover is not between 0 and 1.
    """
    if not 0 < cover < 1:
        message = f"cover: found {cover}; expected a share of years between 0 and 1, such as 0.95"
        raise ScenarioError(message)
    estimates, system = Estimates(simulation), simulation.system
    is_centred = simulation.model.layers == ("chance",) and simulation.request.method == "monte-carlo"
    rows = []
    for y, book in enumerate(simulation.model.books):
        plan = float(book.plan_pence.sum())
        gross = np.zeros(simulation.draws)
        for share, row in zip(book.system_share, simulation.positions[y], strict=True):
            gross += share * np.maximum(row, 0.0)
        exact = _exact_pools(simulation.model, y, cover)
        for basis, drawn in (("gross", gross), ("net", np.maximum(system[y], 0.0))):
            mean = with_control(drawn, system[y], 0.0) if is_centred else estimates.mean(drawn)
            pool = estimates.quantile(drawn, cover)
            pence = [round(plan * figure) for figure in (mean.value, mean.error, pool.value, pool.error)]
            above = float((drawn > mean.value).mean())
            rows.append((book.year, basis, *pence[:2], cover, *pence[2:], above, *exact[basis]))
    return PoolSize.validate(pl.DataFrame(rows, schema=PoolSize.dtypes(), orient="row"))


def _exact_pools(model: ChanceModel, year: int, cover: float) -> dict[str, tuple[int | None, int | None]]:
    """Mean and pool of each basis in pence, without a draw; None where localities are not normal and independent."""
    if model.layers != ("chance",) or model.document.chance.shape != "normal":
        return {"gross": (None, None), "net": (None, None)}
    book, sd = model.books[year], model.chances[year].line_sd
    weights = book.line_share if sd.shape[1] > 1 else 1.0
    sds = np.sqrt(np.square(sd * weights).sum(axis=1)) * book.plan_pence
    together = float(np.sqrt(np.square(sds).sum()))
    pool = pooled_overspend([each for each in sds.tolist() if each > 0] or [1e-9])
    net = mean_excess(0.0, together, 0.0), max(0.0, STANDARD.inv_cdf(cover) * together)
    return {"gross": (round(pool.mean), round(pool.quantile(cover))), "net": (round(net[0]), round(net[1]))}


def wrong_rewards(simulation: Simulation, threshold: float) -> Frame[WrongReward]:
    """The chance that each locality is rewarded for a saving of the threshold or more, although nothing has changed.

    Args:
        simulation: one whose layers are chance and whatever else no party can influence.
        threshold: saving, as a share of the plan, from which a reward is paid.

    Raises:
        ScenarioError: the threshold is below nil.
    """
    if threshold < 0:
        message = f"threshold: found {threshold}; expected a share of the plan from 0 upwards, such as 0.02"
        raise ScenarioError(message)
    estimates = Estimates(simulation)
    rows = []
    for y, book in enumerate(simulation.model.books):
        for code, persons, values in zip(book.localities, book.persons, simulation.positions[y], strict=True):
            found = estimates.chance(values <= -threshold)
            rows.append((book.year, code, float(persons), threshold, found.value, _steady(found.error)))
    return WrongReward.validate(pl.DataFrame(rows, schema=WrongReward.dtypes(), orient="row"))


def _steady(value: float) -> float:
    """Ten significant digits: what every machine agrees on, whatever the last digit of its exponentials and sums."""
    return float(f"{value:.9e}")
