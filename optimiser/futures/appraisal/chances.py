"""A chosen mix on a thousand fresh draws of its effects: what it avoids, what it is worth, and whether it keeps its promise.

    u[d,s]        = one even number between 0 and 1 for each draw and solution
    effect        = the curve through low (p10) and high (p90) with the central value as its mean, at u, the same u for every
                    effect and saving of s; `effect_ends = "limits"` takes low and high as the ends of a triangle
    avoided[d]    = eligible x (1 - product over s of (1 - effect_s effective_s)), exact, no chords
    delivery      = years late, failure and cost of each solution where the document states `delivery` (`delivery.py`)
    npv[d]        = discounted cash with income lost, variable cost, blocks and contacts received following avoided[d]

A scheme that disappoints is taken to do so everywhere at once, schemes independently of each other. Starts, scale, staff,
added capacity and support stay as bought; blocks planned to close do so only as far as the activity has really gone; contacts
follow each solution's exact credit (Shapley value). No programme is solved. Doing nothing is worth 0 in every draw, so the
regret of the mix is what it loses there, and the regret of doing nothing what the mix earns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.chance.document import Uncertainty
from capitation.errors import CapitationError, UnknownNameError
from optimiser.answers.optimise import Outcome
from optimiser.futures.appraisal.delivery import LAYERS, Delivered, draw_delivery
from optimiser.futures.appraisal.documented import documented
from optimiser.futures.appraisal.draws import DRAWS, SEED
from optimiser.futures.appraisal.score import Model
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import COMMISSIONER, SYSTEM
from optimiser.programme.family import Floats
from optimiser.programme.tables import THOUSAND

_CHUNK = 100
_HAIR = 1e-6
"""A promise is kept where it is missed by no more than this part of it: chords and tolerances of solvers are no failure."""

MONEY = ("npv", "commissioner_npv", "system_npv", "avoided_at_contract", "avoided_at_tariff")


@dataclass(frozen=True)
class Appraisal:
    """How a mix does over many draws of its effects."""

    draws: pl.DataFrame
    """draw, npv, commissioner_npv, system_npv, avoided_at_contract, avoided_at_tariff (pounds), avoided (units, all years)."""
    money: pl.DataFrame
    """measure, as_planned, mean, p10, p50, p90, worst, best: pounds."""
    organisations: pl.DataFrame
    """organisation, mean, p10, p50, p90, worst, best: discounted cash in pounds; all but the system's add to it."""
    activity: pl.DataFrame
    """point_of_delivery, as_planned, mean, p10, p50, p90, worst, best: units avoided in the last year."""
    chances: pl.DataFrame
    """promise, about, at, unit, chance: share of draws in which the mix keeps it."""
    regret: pl.DataFrame
    """choice (the mix, nothing), mean, largest (pounds), best_in (share of draws in which it is the better choice)."""
    layers: pl.DataFrame
    """layer, mean, p10, p50, p90 (pounds of npv): each thing drawn by itself, and all together; no row where delivery is not stated."""
    seed: int

    @property
    def count(self) -> int:
        """How many draws."""
        return self.draws.height

    def chance(self, promise: str, about: str = "") -> float:
        """The share of draws in which one promise is kept.

        Raises:
            UnknownNameError: there is no such promise.
        """
        found = self.chances.filter((pl.col("promise") == promise) & (pl.col("about") == about))
        if not found.height:
            known = [f"{p} {a}".strip() for p, a in self.chances.select("promise", "about").iter_rows()]
            raise UnknownNameError("promise", f"{promise} {about}".strip(), known, where="appraisal")
        return float(found["chance"][0])


def appraise(
    outcome: Outcome,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
    plan: Mapping[str, float] | None = None,
    uncertainty: Uncertainty | None = None,
) -> Appraisal:
    """The mix of `outcome` scored on fresh draws of its effects and savings.

    Args:
        outcome: a problem and its mix.
        draws: how many.
        seed: of the draws; the same seed gives the same draws.
        plan: units that a published plan avoids in the last year by point of delivery, whose chance is shown beside
            the chance of what the mix itself promises.
        uncertainty: what is uncertain of delivery, in place of the ends of the solutions and the problem's `delivery`: the draws
            are those of a simulation of contracts with the same document and seed.

    Raises:
        CapitationError: there is no mix, fewer than one draw, or an uncertainty document without delivery.
        UnknownNameError: the plan names a point of delivery at which the mix avoids nothing.

    Example:
        One solution avoids 10%, 20% or 30% (low, central, high) of 100 attendances: one draw in ten avoids fewer than 10,
        one in ten more than 30, and the mean is 20.
    """
    if not outcome.answer.has_mix:
        raise CapitationError(f"there is no mix to appraise: {outcome.answer.meaning}")
    if draws < 1:
        raise CapitationError(f"a mix is scored on at least one draw, not {draws}")
    model = Model(outcome.problem, outcome.answer, tables_of(outcome.problem, outcome.future))
    drawn = _drawn(outcome.problem, draws, seed, uncertainty)
    parts = [drawn.score(model, i) for i in range(0, draws, _CHUNK)]
    score = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    shown = outcome.problem.delivery or uncertainty is not None
    layers = _layers(model, drawn, score["npv"]) if shown else {}
    return _appraisal(outcome, model, score, seed, dict(plan or {}), layers)


@dataclass(frozen=True)
class _Drawn:
    """The draws: even numbers for effects between their ends, or the share of them that comes."""

    delivered: Delivered
    even: Floats | None = None
    share: Floats | None = None

    def score(self, model: Model, first: int, layer: str | None = None) -> dict[str, Floats]:
        """What a chunk of the draws is worth; with one layer alone drawn where it is named, all else as planned."""
        mine = slice(first, first + _CHUNK)
        delivered = self.delivered[mine] if layer is None else self.delivered[mine].only(layer)
        moves = layer in {None, "effects"}
        if moves and self.even is not None:
            return model.score(self.even[mine], delivered)
        count = len(delivered.late)
        share = np.ones((count, len(model.ids))) if self.share is None or not moves else self.share[mine]
        effects = model.planned_effects() * share[:, model.acting["s"].to_numpy()]
        owner = [i for i, s in enumerate(model.problem.solutions) for _ in s.savings]
        savings = [saving * share[:, i] for i, saving in zip(owner, model.planned_savings(), strict=True)]
        return model.score_at(effects, savings, delivered)


def _drawn(problem: Problem, draws: int, seed: int, uncertainty: Uncertainty | None) -> _Drawn:
    if uncertainty is not None:
        found = documented(problem, uncertainty, draws, seed)
        return _Drawn(found.delivered, share=found.share)
    generator = np.random.default_rng(seed)
    even = generator.random((draws, len(problem.solutions)))
    return _Drawn(draw_delivery(problem, draws, generator), even=even)


def _layers(model: Model, drawn: _Drawn, every: Floats) -> dict[str, Floats]:
    """Net present value by draw with one thing drawn and all else as planned, and with everything drawn."""
    chunks = range(0, len(drawn.delivered.late), _CHUNK)
    found = {layer: np.concatenate([drawn.score(model, i, layer)["npv"] for i in chunks]) for layer in LAYERS}
    return {**found, "all together": every}


def _appraisal(
    outcome: Outcome,
    model: Model,
    score: Mapping[str, Floats],
    seed: int,
    plan: Mapping[str, float],
    layers: Mapping[str, Floats],
) -> Appraisal:
    answer, problem = outcome.answer, outcome.problem
    pods = model.last_year[0]
    for name in plan:
        if name not in pods:
            raise UnknownNameError("point of delivery", name, pods, where="plan")
    money = {name: score[name] * THOUSAND for name in MONEY}
    draws = pl.DataFrame({"draw": np.arange(1, len(score["npv"]) + 1), **money, "avoided": score["avoided"]})
    claimed = answer.column("avoided").filter(pl.col("year") == str(problem.years[-1]))
    promised = dict(claimed.group_by("point_of_delivery").agg(pl.col("value").sum()).iter_rows())
    measures = answer.matrix.measures
    planned = {name: answer.measure(name) if name in measures else 0.0 for name in MONEY}
    by_pod = score["by_place"]
    worth = pl.DataFrame([_spread(name, planned[name], money[name], "measure") for name in MONEY])
    units = [_spread(pod, promised.get(pod, 0.0), by_pod[:, k], "point_of_delivery") for k, pod in enumerate(pods)]
    schema = {"point_of_delivery": pl.String, **dict.fromkeys(_COLUMNS, pl.Float64)}
    chances = [
        _chance("better than nothing", "", 0.0, "£", score["npv"] >= 0.0),
        _chance("npv as promised", "", planned["npv"], "£", _reaches(money["npv"], planned["npv"])),
    ]
    kept = np.ones(len(draws), dtype=bool)
    for k, pod in enumerate(pods):
        hit = _reaches(by_pod[:, k], promised.get(pod, 0.0))
        kept &= hit
        chances.append(_chance("avoided as promised", pod, promised.get(pod, 0.0), "units", hit))
    chances.append(_chance("avoided as promised", "everywhere", float("nan"), "units", kept))
    reached = np.ones(len(draws), dtype=bool)
    for pod, units_planned in plan.items():
        hit = _reaches(by_pod[:, pods.index(pod)], units_planned)
        reached &= hit
        chances.append(_chance("avoided as in the plan", pod, units_planned, "units", hit))
    if plan:
        chances.append(_chance("avoided as in the plan", "everywhere", float("nan"), "units", reached))
    chances += _limits(problem, score)
    parties = [
        _spread(name, 0.0, score[f"npv:{name}"] * THOUSAND, "organisation")
        for name in (COMMISSIONER, *model.providers, SYSTEM)
    ]
    return Appraisal(
        draws=draws,
        money=worth,
        organisations=pl.DataFrame(parties).drop("as_planned"),
        activity=pl.DataFrame(units, schema=schema),
        chances=pl.DataFrame(chances, schema_overrides={"at": pl.Float64}).with_columns(pl.col("at").fill_nan(None)),
        regret=_regret(money["npv"]),
        layers=_spread_of_layers(layers),
        seed=seed,
    )


_COLUMNS = ("as_planned", "mean", "p10", "p50", "p90", "worst", "best")


def _spread(name: str, planned: float, values: Floats, key: str) -> dict[str, str | float]:
    p10, p50, p90 = (float(q) for q in np.quantile(values, [0.1, 0.5, 0.9]))
    found = (planned, float(values.mean()), p10, p50, p90, float(values.min()), float(values.max()))
    return {key: name, **dict(zip(_COLUMNS, found, strict=True))}


def _spread_of_layers(layers: Mapping[str, Floats]) -> pl.DataFrame:
    rows = [_spread(name, 0.0, values * THOUSAND, "layer") for name, values in layers.items()]
    schema = {"layer": pl.String, **dict.fromkeys(("mean", "p10", "p50", "p90"), pl.Float64)}
    return pl.DataFrame(rows).select(*schema) if rows else pl.DataFrame(schema=schema)


def _reaches(values: Floats, promised: float) -> npt.NDArray[np.bool_]:
    reached: npt.NDArray[np.bool_] = values >= promised - _HAIR * max(1.0, abs(promised))
    return reached


def _chance(promise: str, about: str, at: float, unit: str, hit: npt.NDArray[np.bool_]) -> dict[str, str | float]:
    return {"promise": promise, "about": about, "at": at, "unit": unit, "chance": float(hit.mean())}


def _limits(problem: Problem, score: Mapping[str, Floats]) -> list[dict[str, str | float]]:
    """Chances of control totals and of limits on stranded cost; shortfalls admitted by the mix count as missed."""
    out = []
    index = {year: t for t, year in enumerate(problem.years)}
    for c in problem.control_totals:
        gap = float(c.target_pounds - c.baseline_pounds)
        values = score[f"cash:{c.organisation}"][:, index[c.year]] * THOUSAND
        out.append(
            _chance("control total", f"{c.organisation} {c.year}", float(c.target_pounds), "£", _reaches(values, gap))
        )
    for limit in problem.stranded_limits:
        for year, t in index.items():
            if limit.year in (None, year):
                values = -score[f"stranded:{limit.provider}"][:, t] * THOUSAND
                hit = _reaches(values, -float(limit.pounds))
                out.append(_chance("stranded cost", f"{limit.provider} {year}", float(limit.pounds), "£", hit))
    return out


def _regret(npv: Floats) -> pl.DataFrame:
    rows = []
    for choice, loss, best in (
        ("the mix", np.maximum(-npv, 0.0), npv >= 0),
        ("nothing", np.maximum(npv, 0.0), npv < 0),
    ):
        rows.append(
            {
                "choice": choice,
                "mean": float(loss.mean()),
                "largest": float(loss.max()),
                "best_in": float(best.mean()),
            }
        )
    return pl.DataFrame(rows)
