"""What a limit comes to under a straight family, and the row that touches it there.

Mean, standard deviation and mean of the worst are convex in straight losses, so each is the greatest of the rows that touch it:

    mean            the row itself
    worst           mean of the worst draws at a point, which Rockafellar and Uryasev's programme weighs likewise; no mean of as many draws is above it
    sd              covariance of the loss with its standardised value at a point
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from capitation.chance.curves.normal import Floats
from contracts.risk.design.family import DesignLimit
from optimiser.links.terms.straight import Straight

CONVEX = ("mean", "worst", "sd")
"""Measures that a linear programme can limit; the chance of a loss is not one of them."""


@dataclass(frozen=True)
class Touching:
    """A row below a measure that touches it at one point: constant + slopes x figures."""

    limit: int
    constant: float
    slopes: tuple[float, ...]

    def at(self, figures: Floats) -> float:
        """What the row comes to."""
        return self.constant + float(np.dot(self.slopes, figures))


def touching(family: Straight, number: int, limit: DesignLimit, party: int, at: Floats) -> Touching:
    """The row of a limit and a party that touches its measure at a point."""
    return touched(family, number, limit.measure, float(limit.chance), party, at)


# Reason: a row is of a limit, a measure, a chance, a party and a point of a family
def touched(family: Straight, number: int, measure: str, chance: float, party: int, at: Floats) -> Touching:
    """The row that touches a measure of what a party bears, at a point."""
    loss = family.borne(party, at)
    weights = _weights(loss, measure, chance)
    slopes = family.slopes[:, party] @ weights
    return Touching(number, float(family.base[party] @ weights), tuple(map(float, slopes)))


def _weights(loss: Floats, measure: str, chance: float) -> Floats:
    """Weight of each draw, with which the measure is the weighted sum of the losses."""
    draws = len(loss)
    if measure == "mean":
        return np.full(draws, 1 / draws)
    if measure == "sd":
        apart = loss - loss.mean()
        sd = float(np.sqrt((apart**2).mean()))
        return np.asarray(apart / (sd * draws)) if sd > 0 else np.zeros(draws)
    many = chance * draws
    whole = int(many)
    order = np.argpartition(-loss, min(whole, draws - 1))
    weights = np.zeros(draws)
    weights[order[:whole]] = 1 / many
    if whole < draws:
        weights[order[whole]] = (many - whole) / many
    return weights


__all__ = ["CONVEX", "Touching", "touched", "touching"]
