"""Curves: the distributions a quantity of the world may follow, each with its mean, its spread and its quantiles.

Every curve answers `at_score(z)`, the value at a normal score z, so that one normal draw serves any curve and correlations
are set on the scores; and those of losses answer `limited_mean(x)` = E[min(X, x)], from which layers are priced exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from capitation.chance.curves.normal import Floats, below

SCORES = np.linspace(-7.0, 7.0, 5601)
"""Normal scores at which the quantiles of a curve without a closed inverse are tabled; between them a straight line."""


LIKE_NORMAL = 100.0
"""Shape from which a gamma is near enough to the normal for Newton's steps."""


class Curve(Protocol):
    """What every curve can say."""

    @property
    def mean(self) -> float:
        """The mean."""

    @property
    def sd(self) -> float:
        """The standard deviation."""

    def at_score(self, z: Floats) -> Floats:
        """The values whose chance of not being passed is that of the normal scores z."""


class Loss(Curve, Protocol):
    """A curve of amounts from nil upwards, whose layers can be priced."""

    def limited_mean(self, x: Floats) -> Floats:
        """E[min(X, x)]."""


@dataclass(frozen=True)
class Normal:
    """The bell curve: what sums of many small things tend to."""

    mean: float
    sd: float

    def at_score(self, z: Floats) -> Floats:
        """Mean plus so many standard deviations."""
        return self.mean + self.sd * z


@dataclass(frozen=True)
class Lognormal:
    """A curve of positive amounts with a long right tail: exp of a normal with mean `mu` and deviation `sigma`."""

    mu: float
    sigma: float

    @classmethod
    def of(cls, mean: float, sd: float) -> Lognormal:
        """The lognormal of a mean and a standard deviation."""
        variance = math.log1p((sd / mean) ** 2)
        return cls(math.log(mean) - variance / 2, math.sqrt(variance))

    @property
    def mean(self) -> float:
        """exp(mu + sigma squared / 2)."""
        return math.exp(self.mu + self.sigma**2 / 2)

    @property
    def sd(self) -> float:
        """Mean times the root of exp(sigma squared) - 1."""
        return self.mean * math.sqrt(math.expm1(self.sigma**2))

    def at_score(self, z: Floats) -> Floats:
        """exp(mu + sigma z)."""
        values: Floats = np.exp(self.mu + self.sigma * z)
        return values

    def limited_mean(self, x: Floats) -> Floats:
        """E[min(X, x)], in closed form."""
        out = np.zeros_like(np.asarray(x, dtype=float))
        up = x > 0
        scores = (np.log(x[up]) - self.mu) / self.sigma
        out[up] = self.mean * below(scores - self.sigma) + x[up] * (1.0 - below(scores))
        return out


@dataclass(frozen=True)
class Gamma:
    """A curve of positive amounts with a lighter right tail than the lognormal."""

    shape: float
    scale: float

    @classmethod
    def of(cls, mean: float, sd: float) -> Gamma:
        """The gamma of a mean and a standard deviation."""
        return cls((mean / sd) ** 2, sd**2 / mean)

    @property
    def mean(self) -> float:
        """Shape times scale."""
        return self.shape * self.scale

    @property
    def sd(self) -> float:
        """Root of shape, times scale."""
        return math.sqrt(self.shape) * self.scale

    def at_score(self, z: Floats) -> Floats:
        """Quantiles, read from a table at 5,601 scores."""
        return np.interp(z, SCORES, self._table)

    def limited_mean(self, x: Floats) -> Floats:
        """E[min(X, x)] from two incomplete gamma functions."""
        y = np.asarray(x, dtype=float) / self.scale
        return self.mean * gamma_below(self.shape + 1, y) + x * (1.0 - gamma_below(self.shape, y))

    @cached_property
    def _table(self) -> Floats:
        """Quantiles at SCORES, by Newton's steps from Wilson and Hilferty's, or by halving an interval on the logarithm."""
        wanted = below(SCORES)
        if self.shape >= LIKE_NORMAL:
            ninth = 1.0 / (9.0 * self.shape)
            found = self.shape * (1.0 - ninth + SCORES * math.sqrt(ninth)) ** 3
            for _ in range(3):
                height = np.exp((self.shape - 1.0) * np.log(found) - found - math.lgamma(self.shape))
                found = found - (gamma_below(self.shape, found) - wanted) / height
            return found * self.scale
        top = math.log(self.shape + 12.0 * math.sqrt(self.shape) + 60.0)
        low, high = np.full_like(wanted, top - 1500.0 / max(self.shape, 1.0) - 40.0), np.full_like(wanted, top)
        for _ in range(70):
            middle = (low + high) / 2
            under = gamma_below(self.shape, np.exp(middle)) < wanted
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return np.exp((low + high) / 2) * self.scale


@dataclass(frozen=True)
class Triangular:
    """Straight sides from `low` up to `mode` and down to `high`."""

    low: float
    mode: float
    high: float

    @property
    def mean(self) -> float:
        """A third of the three added up."""
        return (self.low + self.mode + self.high) / 3

    @property
    def sd(self) -> float:
        """From the three corners."""
        a, b, c = self.low, self.mode, self.high
        return math.sqrt(max(a * a + b * b + c * c - a * b - a * c - b * c, 0.0) / 18)

    def at_score(self, z: Floats) -> Floats:
        """Quantiles, read from a table at 5,601 scores."""
        return np.interp(z, SCORES, self._table)

    @cached_property
    def _table(self) -> Floats:
        u, span = below(SCORES), self.high - self.low
        if span == 0.0:
            return np.full_like(u, self.low)
        left = self.low + np.sqrt(u * span * (self.mode - self.low))
        right = self.high - np.sqrt((1.0 - u) * span * (self.high - self.mode))
        values: Floats = np.where(u * span < self.mode - self.low, left, right)
        return values


@dataclass(frozen=True)
class Empirical:
    """Quantiles at given shares with straight lines between them, such as a published percentile curve."""

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Area under the line of quantiles."""
        s, v = np.asarray(self.shares), np.asarray(self.values)
        return float((np.diff(s) * (v[1:] + v[:-1]) / 2).sum())

    @property
    def sd(self) -> float:
        """From the second moment of each straight piece."""
        s, v = np.asarray(self.shares), np.asarray(self.values)
        second = float((np.diff(s) * (v[1:] ** 2 + v[1:] * v[:-1] + v[:-1] ** 2) / 3).sum())
        return math.sqrt(max(second - self.mean**2, 0.0))

    def at_score(self, z: Floats) -> Floats:
        """Quantiles, read from a table at 5,601 scores."""
        return np.interp(z, SCORES, self._table)

    def limited_mean(self, x: Floats) -> Floats:
        """E[min(X, x)], adding up the straight pieces."""
        s, v = np.asarray(self.shares), np.asarray(self.values)
        out = np.zeros_like(np.asarray(x, dtype=float))
        for width, a, b in zip(np.diff(s), v[:-1], v[1:], strict=True):
            part = np.clip((x - a) / (b - a), 0.0, 1.0) if b > a else (x >= b).astype(float)
            top = a + part * (b - a)
            out += width * (part * (a + top) / 2 + (1.0 - part) * np.minimum(x, b))
        return out

    @cached_property
    def _table(self) -> Floats:
        return np.interp(below(SCORES), self.shares, self.values)


@dataclass(frozen=True)
class Fitted:
    """A curve through a p10 and a p90, with a mean as near the printed one as such a curve can have."""

    curve: Empirical
    miss: float
    """The curve's mean less the printed one; nil where the three can be met."""


def through(p10: float, mean: float, p90: float, least: float, most: float) -> Fitted:
    """The curve of straight pieces through p10 and p90 between two bounds, bent at its median to meet the mean.

    The tails reach half as far beyond p10 and p90 as these stand apart, within the bounds. Where no median between p10 and
    p90 gives the mean, the tail on the side of the mean is stretched or drawn in as well; where that is not enough, the
    nearest curve comes back with how far off it is.

    Example:
        >>> found = through(0.03, 0.25, 0.48, 0.0, 1.0)
        >>> round(found.curve.mean, 6), found.miss
        (0.25, 0.0)
    """
    reach = (p90 - p10) / 2
    ends = [max(p10 - reach, least), min(p90 + reach, most)]

    def mean_of(low: float, median: float, high: float) -> float:
        return 0.1 * (low + p10) / 2 + 0.2 * (p10 + 2 * median + p90) + 0.1 * (p90 + high) / 2

    wanted = (mean - mean_of(ends[0], 0.0, ends[1])) / 0.4
    median = min(max(wanted, p10), p90)
    rest = mean - mean_of(ends[0], median, ends[1])
    if rest > 0.0:
        low = min(ends[0] + rest / 0.05, p10)
        rest -= (low - ends[0]) * 0.05
        ends = [low, min(ends[1] + rest / 0.05, most)]
    elif rest < 0.0:
        high = max(ends[1] + rest / 0.05, p90)
        rest -= (high - ends[1]) * 0.05
        ends = [max(ends[0] + rest / 0.05, least), high]
    curve = Empirical((0.0, 0.1, 0.5, 0.9, 1.0), (ends[0], p10, median, p90, ends[1]))
    miss = curve.mean - mean
    return Fitted(curve, 0.0 if abs(miss) < 1e-12 * max(1.0, abs(mean)) else miss)


def gamma_below(shape: float, x: npt.ArrayLike) -> Floats:
    """P(X <= x) of a gamma with this shape and scale 1: a series below shape + 1, Lentz's continued fraction above."""
    y = np.atleast_1d(np.asarray(x, dtype=float))
    out = np.zeros_like(y)
    front = np.exp(np.where(y > 0, -y + shape * np.log(np.where(y > 0, y, 1.0)) - math.lgamma(shape), -np.inf))
    few = (y > 0) & (y < shape + 1)
    out[few] = front[few] * _series(shape, y[few])
    many = y >= shape + 1
    out[many] = 1.0 - front[many] * _fraction(shape, y[many])
    return out.reshape(np.shape(x))


def _series(shape: float, y: Floats) -> Floats:
    term = np.full_like(y, 1.0 / shape)
    total, n = term.copy(), shape
    while term.size and (term > total * 1e-16).any():
        n += 1.0
        term = term * y / n
        total += term
    return total


def _fraction(shape: float, y: Floats) -> Floats:
    b = y + 1.0 - shape
    c, d = np.full_like(y, 1e300), 1.0 / b
    value = d.copy()
    for n in range(1, 100_000):
        step = -n * (n - shape)
        b = b + 2.0
        d = 1.0 / (step * d + b)
        c = b + step / c
        value = value * c * d
        if (np.abs(c * d - 1.0) < 1e-15).all():
            break
    return value
