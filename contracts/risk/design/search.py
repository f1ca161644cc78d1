"""Search: the figures of a family that keep the strongest incentive while every limit holds, verified on fresh draws.

What a locality bears rises with the figure of strength, what the pool bears falls. So for given other figures the strongest
terms are where the localities' limits just hold, found by halving, and they are terms at all if the pool's limits hold there.
Other figures are tried on a grid that is drawn closer round the best. If the answer fails on fresh draws by more than their
error, the limits are tightened by what was missing and the search is made again.

Where another way of finding the best terms is given, such as a linear programme, it takes the search's part; all else is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Protocol

import numpy as np

from capitation.chance.estimates import Estimate
from capitation.errors import Fault, InfeasibleError
from contracts.risk.design.family import DesignLimit, OpenFigure, TermFamily
from contracts.risk.design.trial import Figures, Trial

HALVINGS = 14
"""How often the span of the figure of strength is halved."""

ROUNDS = 2
"""How often the grid of the other figures is drawn closer."""

RETRIES = 3
"""How often limits are tightened where fresh draws show that they do not hold."""

LEVELS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Times the level of the first limit, on the trade-off."""


class Finder(Protocol):
    """A way of finding the best terms of a family on one set of draws."""

    @property
    def method(self) -> str:
        """What it is called."""

    def best(self, scales: Sequence[float]) -> Figures | None:
        """The best terms that meet every limit, each level times its scale; None where there are none."""

    def none(self, scales: Sequence[float]) -> InfeasibleError:
        """Why there are none: which limits prevent it, and by how much."""

    def trade_off(self, best: Figures) -> Iterator[tuple[float, float, Figures]]:
        """Other levels of the first limit, the strongest incentive at each, and its figures."""


@dataclass(frozen=True)
class TermSearch:
    """The search as a finder."""

    trial: Trial
    method: str = "search"

    def best(self, scales: Sequence[float]) -> Figures | None:
        """By halving the figure of strength, on a grid of the others."""
        return _best(self.trial, scales)

    def none(self, scales: Sequence[float]) -> InfeasibleError:
        """By terms all over the family."""
        return _none(self.trial, scales)

    def trade_off(self, best: Figures) -> Iterator[tuple[float, float, Figures]]:
        """With the other figures as they were found."""
        return _trade_off(self.trial, best)


@dataclass(frozen=True)
class Designed:
    """Terms that were found."""

    figures: Figures
    incentive: Estimate
    """Part of the next pound saved that a locality keeps, on fresh draws."""
    measures: tuple[Estimate, ...]
    """What each limit is about, on fresh draws, in the order of the limits."""
    trade_off: tuple[tuple[float, float, Figures], ...]
    """Level of the first limit, the strongest incentive at it, and the figures: where there are terms at all."""
    tried: tuple[tuple[Figures, float, float, float], ...]
    """Terms that no other tried ones beat: figures, a locality's worst, the pool's worst, and the incentive."""
    method: str = "search"
    """How they were found."""


def design(
    search: Trial,
    fresh: Trial,
    say: Callable[[str], object] = lambda words: None,
    finder: Callable[[Trial], Finder | None] | None = None,
) -> Designed:
    """The best terms of a family.

    Args:
        search: the family on the draws that are searched.
        fresh: the same on other draws, by which the answer is verified.
        say: called with a word on what is being done.
        finder: another way of finding terms, where it can take this family; the search otherwise.

    Raises:
        InfeasibleError: no terms of the family meet every limit; which limits prevent it, and by how much.
    """
    scales = [1.0] * len(search.family.limits)
    say("searching")
    way: Finder = (None if finder is None else finder(search)) or TermSearch(search)
    found = way.best(scales)
    if found is None:
        raise way.none(scales)
    for _ in range(RETRIES):
        say("verifying on fresh draws")
        tighter = _tighter(fresh, found, scales)
        if tighter == scales:
            break
        scales = tighter
        better = way.best(scales)
        if better is None:
            raise way.none(scales)
        found = better
    measures = fresh.estimated(found)
    say("drawing the trade-off")
    curve, unbeaten = tuple(way.trade_off(found)), tuple(_pareto(search))
    return Designed(found, fresh.incentive(found), measures, curve, unbeaten, way.method)


def _tighter(fresh: Trial, found: Figures, scales: Sequence[float]) -> list[float]:
    """The scales of the limits, tightened where fresh draws show by more than their error that one does not hold."""
    out = list(scales)
    for k, (limit, measure) in enumerate(zip(fresh.family.limits, fresh.estimated(found), strict=True)):
        level = float(limit.level.value)
        if measure.value - 2 * measure.error > level:
            out[k] *= level / measure.value
    return out


def _best(trial: Trial, scales: Sequence[float]) -> Figures | None:
    """The best terms that meet every limit, each level times its scale; None where there are none."""
    family = trial.family
    spans = [(float(each.low), float(each.high)) for each in family.others]
    found: tuple[float, Figures] | None = None
    for step in range(ROUNDS + 1):
        if step and not spans:
            break
        grids = [np.linspace(low, high, each.steps) for (low, high), each in zip(spans, family.others, strict=True)]
        for values in product(*grids):
            fixed = {each.name: float(x) for each, x in zip(family.others, values, strict=True)}
            figures = _strongest(trial, fixed, scales)
            if figures is None:
                continue
            worth = trial.incentive(figures).value if family.aim == "incentive" else -_exposed(trial, figures)
            if found is None or worth > found[0] + 1e-9:
                found = (worth, figures)
        if found is None:
            return None
        spans = [_closer(each, found[1][each.name], span) for each, span in zip(family.others, spans, strict=True)]
    return None if found is None else found[1]


def _closer(each: OpenFigure, at: float, span: tuple[float, float]) -> tuple[float, float]:
    """A span round the best value, one step of the grid to either side."""
    width = (span[1] - span[0]) / (each.steps - 1)
    return max(at - width, float(each.low)), min(at + width, float(each.high))


def _strongest(trial: Trial, fixed: Figures, scales: Sequence[float]) -> Figures | None:
    """The figure of strength at which one party's limits just hold, if the other's hold there too."""
    family = trial.family
    low, high = float(family.first.low), float(family.first.high)
    up = family.aim == "incentive"
    near, far = (low, high) if up else (high, low)
    bounding = "locality" if up else "pool"

    def at(value: float) -> Figures:
        return {family.strength: value, **fixed}

    def holds(value: float, party: str) -> bool:
        measures = trial.measures(at(value))
        return all(
            m <= float(limit.level.value) * scale + 1e-12
            for m, limit, scale in zip(measures, family.limits, scales, strict=True)
            if limit.party == party
        )

    if not holds(near, bounding):
        return None
    if holds(far, bounding):
        near = far
    else:
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            near, far = (middle, far) if holds(middle, bounding) else (near, middle)
    return at(near) if holds(near, "pool" if up else "locality") else None


def _exposed(trial: Trial, figures: Figures) -> float:
    """The mean loss of the worst tenth of years of the locality that bears most."""

    def number() -> Iterator[float]:
        borne = trial.borne(figures)
        yield float(np.sort(borne.locality, axis=1)[:, -borne.locality.shape[1] // 10 :].mean(axis=1).max())

    return trial.remembered("worst tenth", figures, number)[0]


def _none(trial: Trial, scales: Sequence[float]) -> InfeasibleError:
    """Why there are no terms: the limits that fail at the terms that miss them least, and which alone rule out the family.

    Limits that fresh draws have tightened are measured by their tightened levels, so that none is named that would hold.
    """
    family = trial.family
    levels = [float(limit.level.value) * scale for limit, scale in zip(family.limits, scales, strict=True)]
    tried = [(figures, trial.measures(figures)) for figures in _corners(family)]

    def excess(measures: Sequence[float]) -> list[float]:
        return [max(m - level, 0.0) for m, level in zip(measures, levels, strict=True)]

    figures, measures = min(tried, key=lambda pair: sum(excess(pair[1])))
    faults = []
    for k, (limit, over) in enumerate(zip(family.limits, excess(measures), strict=True)):
        least = min(each[k] for _, each in tried)
        alone = least > levels[k] + 1e-12
        found = least if alone else measures[k]
        if over <= 0 and not alone:
            continue
        faults.append(
            Fault(
                f"limit of the {limit.party}, {words_of(limit)}",
                f"{found:.3%} of plan {'at least' if alone else 'where the others hold best'}",
                f"at most {levels[k]:.3%}"
                + ("" if scales[k] == 1 else f", so that fresh draws keep to {float(limit.level.value):.3%}"),
                f"It would have to give {found - levels[k]:.3%}"
                + (", whatever the other limits are." if alone else "."),
            )
        )
    nearest = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    if not faults:
        faults = _between(family, levels, scales)
    return InfeasibleError(f"family {family.id}: no terms meet every limit; the nearest are {nearest}", faults)


def _between(family: TermFamily, levels: Sequence[float], scales: Sequence[float]) -> list[Fault]:
    """Where some terms meet every limit but the search for the strongest, limit by limit, found none: the limits themselves."""
    return [
        Fault(
            f"limit of the {limit.party}, {words_of(limit)}",
            "terms that meet it only where another limit fails",
            f"at most {level:.3%}"
            + ("" if scale == 1 else f", so that fresh draws keep to {float(limit.level.value):.3%}"),
            "Ease one of the limits, or give the open figures more values between their ends.",
        )
        for limit, level, scale in zip(family.limits, levels, scales, strict=True)
    ]


def words_of(limit: DesignLimit) -> str:
    """What a limit is about, in words."""
    years = f"{float(limit.chance):.0%} of years"
    said = {
        "loss": f"loss passed in at most {years}",
        "worst": f"mean loss of the worst {years}",
        "sd": "standard deviation",
        "mean": "mean",
    }
    return said[limit.measure]


def _corners(family: TermFamily) -> Iterator[Figures]:
    """Terms all over the family: every figure from its low to its high end, fewer values the more figures are open."""
    count = {1: 13, 2: 5}.get(len(family.open_figures), 3)
    grids = [np.linspace(float(x.low), float(x.high), count) for x in (family.first, *family.others)]
    names = [family.strength, *(each.name for each in family.others)]
    for values in product(*grids):
        yield dict(zip(names, map(float, values), strict=True))


def _trade_off(trial: Trial, best: Figures) -> Iterator[tuple[float, float, Figures]]:
    """The strongest incentive at other levels of the first limit, with the other figures as they were found."""
    family = trial.family
    level = float(family.limits[0].level.value)
    fixed = {each.name: best[each.name] for each in family.others}
    for times in LEVELS:
        scales = [times, *([1.0] * (len(family.limits) - 1))]
        figures = _strongest(trial, fixed, scales)
        if figures is not None:
            yield level * times, trial.incentive(figures).value, figures


def _pareto(trial: Trial) -> Iterator[tuple[Figures, float, float, float]]:
    """Of terms all over the family, those that no others beat for localities, the pool and the incentive at once."""
    points = []
    for figures in _corners(trial.family):
        locality, pool = trial.remembered("tails", figures, partial(_tails, trial, figures))
        points.append((figures, locality, max(pool, 0.0), trial.incentive(figures).value))
    for mine in points:
        beaten = any(
            other[1] <= mine[1] and other[2] <= mine[2] and other[3] >= mine[3] and other[1:] != mine[1:]
            for other in points
        )
        if not beaten:
            yield mine


def _tails(trial: Trial, figures: Figures) -> tuple[float, float]:
    """The 1-in-20 loss of the locality that bears most, and the 1-in-20 payment of the pool."""
    borne = trial.borne(figures)
    return float(np.quantile(borne.locality, 0.95, axis=1).max()), float(np.quantile(borne.pool, 0.95))


__all__ = ["LEVELS", "Designed", "Finder", "TermSearch", "design", "words_of"]
