"""Straight families: what everyone bears in a draw as a straight function of the open figures, as the compiled clauses show it.

    loss in a draw = loss at the low ends + sum over figures of slope x (figure - low end) / (high end - low end)

Shares of gains and losses, shares by layer with fixed corners, and premiums of a pool are straight; a width or an attachment is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from capitation.chance.curves.normal import Floats
from contracts.risk.design.family import DesignLimit
from contracts.risk.design.trial import Figures, Trial

CLOSE = 1e-9
"""How far, as a share of plan, a draw may stand from the straight line and still be on it."""

ELSEWHERE = (0.5, 0.381966, 0.763932, 0.145898)
"""Where between their ends figures are tried to see whether all is straight, beside every high end at once."""


@dataclass(frozen=True)
class Straight:
    """A family that is straight on one set of draws; figures count from 0 at their low end to 1 at their high end."""

    trial: Trial
    names: tuple[str, ...]
    low: Floats
    span: Floats
    base: Floats
    """What is borne at the low ends, by party (each locality, the pool last) and draw, as a share of plan."""
    slopes: Floats
    """What each figure adds from its low to its high end, by figure, party and draw."""
    kept: Floats
    """Part of the next pound saved that a locality keeps: at the low ends, then what each figure adds."""

    def figures(self, at: Floats) -> dict[str, float]:
        """Figures at such points between their ends."""
        values = self.low + self.span * np.clip(at, 0.0, 1.0)
        return {name: float(f"{value:.12g}") for name, value in zip(self.names, values, strict=True)}

    def parties(self, limit: DesignLimit) -> range:
        """Rows of those whom a limit is about."""
        last = len(self.base) - 1
        return range(last, last + 1) if limit.party == "pool" else range(last)

    def borne(self, party: int, at: Floats) -> Floats:
        """What a party bears in every draw."""
        return np.asarray(self.base[party] + at @ self.slopes[:, party])


def straight(trial: Trial) -> Straight | None:
    """The family as straight functions, or None where some draw is not straight in the open figures."""
    opened = (trial.family.first, *trial.family.others)
    low = np.array([float(each.low) for each in opened])
    span = np.array([float(each.high) for each in opened]) - low
    names, count = tuple(each.name for each in opened), len(opened)

    def figures(at: Floats) -> Figures:
        return dict(zip(names, map(float, low + span * at), strict=True))

    def borne(at: Floats) -> Floats:
        trial.before()
        found = trial.borne(figures(at))
        return np.vstack([found.locality, found.pool])

    ends = np.eye(count)
    base = borne(np.zeros(count))
    slopes = np.stack([borne(end) - base for end in ends])
    for at in _elsewhere(count):
        if np.abs(base + np.tensordot(at, slopes, axes=1) - borne(at)).max() > CLOSE:
            return None
    none = trial.incentive(figures(np.zeros(count))).value
    kept = np.array([none, *(trial.incentive(figures(end)).value - none for end in ends)])
    return Straight(trial, names, low, span, base, slopes, kept)


def _elsewhere(count: int) -> Iterator[Floats]:
    yield np.array([ELSEWHERE[k % len(ELSEWHERE)] for k in range(count)])
    yield np.ones(count)


__all__ = ["Straight", "straight"]
