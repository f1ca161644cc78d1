"""The total loss, exactly: the distribution of a sum of independent losses on a grid of money, by fast Fourier transform.

    characteristic function of a loss f:  phi(t) = sum of f(k) exp(i t k)
    sum of N losses:                      P_N(phi(t)), with P_N the generating function of the count
    Poisson of mean m:                    exp(m (phi - 1));  negative binomial of mean m and dispersion d: (1 + (d - 1)(1 - phi)) ** (-m / (d - 1))

The loss is put on the grid so that its mean stays exact (differences of limited means). Tilting (Gruebel and Hermesmeier,
ASTIN Bulletin 29, 1999) makes what passes the end of the grid go missing, where it is noticed, rather than come round again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from capitation.chance.curves.normal import Floats, below
from capitation.chance.curves.shapes import Loss
from capitation.errors import ScenarioError

TILT = 5.0
"""Tilt over the whole grid: enough that what passes its end goes missing and is noticed, too little to magnify rounding."""

LOST = 1e-9
"""Most probability that may lie beyond the end of the grid."""


@dataclass(frozen=True)
class TotalLoss:
    """A distribution of money on a grid: the chance of each multiple of `step`, from nil upwards."""

    step: float
    chance: Floats

    @cached_property
    def amounts(self) -> Floats:
        """The amounts of the grid."""
        return self.step * np.arange(len(self.chance))

    @property
    def mean(self) -> float:
        """The mean."""
        return float(self.amounts @ self.chance)

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(((self.amounts - self.mean) ** 2) @ self.chance))

    def over(self, level: float) -> float:
        """P(X > level)."""
        return float(self.chance[self.amounts > level * (1 + 1e-12)].sum())

    def quantile(self, share: float) -> float:
        """The least amount not passed with this chance (the value at risk)."""
        found = int(np.searchsorted(np.cumsum(self.chance), share))
        return float(self.amounts[min(found, len(self.chance) - 1)])

    def tail_mean(self, share: float) -> float:
        """Mean of the worst 1 - share of outcomes (the conditional value at risk)."""
        at = self.quantile(share)
        return at + self.layer(at) / (1.0 - share)

    def layer(self, attachment: float, limit: float = np.inf, share: float = 1.0) -> float:
        """E[share x min(max(X - attachment, 0), limit)]."""
        return share * self.expected(lambda x: np.clip(x - attachment, 0.0, limit))

    def expected(self, paid: Callable[[Floats], Floats]) -> float:
        """The mean of what a term pays on each amount."""
        return float(paid(self.amounts) @ self.chance)

    def kept(self, edges: Sequence[float], shares: Sequence[float]) -> float:
        """The mean of what a corridor leaves: from each edge to the next its share, the last one without end."""
        ends = [*edges[1:], np.inf]
        return sum(self.layer(a, b - a, s) for a, b, s in zip(edges, ends, shares, strict=True))


def on_grid(loss: Loss, step: float, points: int, attachment: float = 0.0, limit: float = np.inf) -> Floats:
    """The chances of a loss's layer on a grid of so many points, its mean unchanged.

    Raises:
        ScenarioError: the layer does not fit the grid.
    """
    limit = min(limit, step * (points - 1))
    steps = round(limit / step)
    if abs(steps * step - limit) > 1e-9 * limit or steps >= points:
        message = f"grid: found a limit of {limit:,.2f} on steps of {step:,.2f}; expected a whole number of steps, at most {points - 1:,}"
        raise ScenarioError(message)
    at = attachment + step * np.arange(-1, steps + 1, dtype=float)
    limited = loss.limited_mean(np.maximum(at[1:], 0.0)) - loss.limited_mean(np.array([attachment]))
    slope = np.diff(limited) / step  # mean chance of passing each step
    out = np.zeros(points)
    out[0] = 1.0 - slope[0]
    out[1:steps] = slope[:-1] - slope[1:]
    out[steps] = slope[-1]
    return out


def compound(case: Floats, step: float, mean_count: float, dispersion: float = 1.0) -> TotalLoss:
    """The sum of a random number of cases: Poisson where dispersion is 1, negative binomial above.

    Args:
        case: chances of one case's loss on the grid, from `on_grid`.
        step: money between two points of the grid.
        mean_count: mean number of cases.
        dispersion: variance of the number over its mean.

    Raises:
        ScenarioError: the number's mean is below nil, its dispersion below 1, or the sum passes the end of the grid.
    """
    if mean_count < 0 or dispersion < 1:
        message = (
            f"counts: found a mean of {mean_count} and a dispersion of {dispersion}; expected at least 0 and at least 1"
        )
        raise ScenarioError(message)

    def number(phi: np.ndarray) -> np.ndarray:
        if dispersion == 1.0:
            return np.exp(mean_count * (phi - 1.0))
        more = dispersion - 1.0
        return np.exp(-mean_count / more * np.log(1.0 + more * (1.0 - phi)))

    return _from_transform(len(case), step, lambda tilted: number(tilted(case)))


def added(parts: Sequence[Floats], step: float) -> TotalLoss:
    """The sum of independent amounts, each given by its chances on one grid: a pool of localities."""

    def together(tilted: Callable[[Floats], np.ndarray]) -> np.ndarray:
        out = tilted(parts[0])
        for part in parts[1:]:
            out = out * tilted(part)
        return out

    return _from_transform(len(parts[0]), step, together)


def normal_overspend(sd: float, step: float, points: int, mean: float = 0.0) -> Floats:
    """The chances of max(X, 0) of a normal X on a grid: what a locality draws from a pool that takes no gains."""
    edges = below((step * (np.arange(points) + 0.5) - mean) / sd)
    return np.diff(edges, prepend=0.0)


def pooled_overspend(sds: Sequence[float], points: int = 2**14) -> TotalLoss:
    """What independent normal localities with these sds draw together in a year from a pool that takes no gains."""
    spread = float(np.sqrt(np.square(sds).sum()))
    step = (float(np.sum(sds)) + 12.0 * spread) / points  # the mean is 0.4 of the sum of sds, so nothing passes the end
    return added([normal_overspend(sd, step, points) for sd in sds], step)


def _from_transform(points: int, step: float, of: Callable[[Callable[[Floats], np.ndarray]], np.ndarray]) -> TotalLoss:
    tilt = np.exp(-TILT / points * np.arange(points))
    transformed = of(lambda chances: np.fft.rfft(chances * tilt))
    chance = np.fft.irfft(transformed, points) / tilt
    lost = 1.0 - float(chance.sum())
    if abs(lost) > LOST:
        message = (
            f"grid: found {abs(lost):.1e} of the probability beyond {step * (points - 1):,.0f}; "
            f"expected at most {LOST:.0e}. Take more points or a longer step"
        )
        raise ScenarioError(message)
    return TotalLoss(step, np.maximum(chance, 0.0))
