"""Standard errors: how far each estimate of a simulation may stand from what endless draws would give.

Independent draws: by the usual formulas. Sobol points: from the spread of the 16 scrambles, which are independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.chance.simulate import Request


class Drawn(Protocol):
    """Something that was drawn: which draws were asked for, and how many make a block."""

    @property
    def request(self) -> Request:
        """Which draws were asked for."""

    @property
    def block(self) -> int:
        """Draws in a block; with Sobol points, one scramble."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its standard error."""

    value: float
    error: float


class Estimates:
    """Estimates from the draws of one simulation."""

    def __init__(self, simulation: Drawn, *, errors: bool = True) -> None:
        """Estimates from a simulation.

        Args:
            simulation: its draws.
            errors: whether the standard errors are wanted; without them those of Sobol points are not worked out (NaN).
        """
        is_sobol = simulation.request.method == "sobol"
        self._scramble, self._errors = (simulation.block if is_sobol else None), errors

    def mean(self, values: Floats) -> Estimate:
        """The mean."""
        if self._scramble is not None:
            return self._by_scramble(values, lambda part: float(np.mean(part, dtype=float)))
        count = len(values)
        error = float(np.std(values, dtype=float)) / math.sqrt(count)
        return Estimate(float(np.mean(values, dtype=float)), error)

    def sd(self, values: Floats) -> Estimate:
        """The standard deviation."""
        if self._scramble is not None:
            return self._by_scramble(values, lambda part: float(np.std(part, dtype=float)))
        apart = (values - np.mean(values, dtype=float)) ** 2
        variance = float(np.mean(apart, dtype=float))
        sd = math.sqrt(variance)
        fourth = float(np.mean(apart**2, dtype=float))
        error = math.sqrt(max(fourth - variance**2, 0.0) / len(values)) / (2 * sd) if sd > 0 else 0.0
        return Estimate(sd, error)

    def chance(self, hits: np.ndarray) -> Estimate:
        """The chance of an event; never with an error of nil where it was not seen, or always."""
        if self._scramble is not None:
            return self._by_scramble(hits, lambda part: float(np.mean(part)))
        count, share = len(hits), float(np.mean(hits))
        careful = (share * count + 1) / (
            count + 2
        )  # Laplace's rule, which keeps the error of a rare event from vanishing
        return Estimate(share, math.sqrt(careful * (1 - careful) / count))

    def quantile(self, values: Floats, share: float) -> Estimate:
        """The value not passed with this chance; its error from the order statistics one standard error either side."""
        if self._scramble is not None:
            return self._by_scramble(values, lambda part: float(np.quantile(part, share)))
        aside = math.sqrt(share * (1 - share) / len(values))
        low, at, high = np.quantile(values, [max(share - aside, 0.0), share, min(share + aside, 1.0)])
        return Estimate(float(at), float(high - low) / 2)

    def tail_mean(self, values: Floats, share: float) -> Estimate:
        """The mean of the worst 1 - share of draws (the conditional value at risk)."""

        def of(part: Floats) -> float:
            at = float(np.quantile(part, share))
            return at + float(np.mean(np.maximum(part - at, 0.0), dtype=float)) / (1 - share)

        if self._scramble is not None:
            return self._by_scramble(values, of)
        at = float(np.quantile(values, share))
        beyond = np.maximum(values - at, 0.0)
        return Estimate(of(values), float(np.std(beyond, dtype=float)) / (1 - share) / math.sqrt(len(values)))

    def _by_scramble(self, values: np.ndarray, of: Callable[[Floats], float]) -> Estimate:
        if not self._errors:
            return Estimate(of(values), math.nan)
        parts = np.array([of(part) for part in values.reshape(-1, self._scramble or 1)])
        return Estimate(of(values), float(parts.std(ddof=1)) / math.sqrt(len(parts)))


def with_control(values: Floats, control: Floats, known_mean: float) -> Estimate:
    """The mean of independent draws, helped by another quantity of the same draws whose mean is known.

    values - b x (control - known mean) has the same mean and, with b = cov / var, the least variance.

    Example:
        What is passed on by a corridor, with the position itself as control: the error falls as their correlation rises.
    """
    apart = control.astype(float) - float(np.mean(control, dtype=float))
    spread = float((apart**2).mean())
    slope = float((apart * values).mean()) / spread if spread > 0 else 0.0
    helped = values - slope * (control - known_mean)
    return Estimate(float(np.mean(helped, dtype=float)), float(np.std(helped, dtype=float)) / math.sqrt(len(values)))


def difference(one: Floats, other: Floats) -> Estimate:
    """The mean difference of two options that met the same chances draw by draw (common random numbers)."""
    apart = one.astype(float) - other.astype(float)
    return Estimate(float(apart.mean()), float(apart.std()) / math.sqrt(len(apart)))
