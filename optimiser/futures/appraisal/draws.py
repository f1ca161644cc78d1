"""Draws of effects at even numbers between 0 and 1: curves through low and high as p10 and p90, or triangles between them."""

from __future__ import annotations

import math

import numpy as np

from capitation.chance.curves.shapes import through
from optimiser.programme.family import Floats

SEED = 20_161_021
"""Seed of the draws, so that the same mix always gets the same score."""

DRAWS = 1_000
"""How many draws a mix is scored on unless its caller says otherwise."""


def between_percentiles(even: Floats, low: Floats, central: Floats, high: Floats, most: float) -> Floats:
    """Values of curves whose p10 is low, whose mean is central and whose p90 is high, as near as such a curve can come.

    `even` has a column for each triple, or one for a single triple. Values stay at or above 0 where low is.

    Example:
        At 0.1 a curve on 1, 2 and 3 gives 1; at 0.9 it gives 3.
    """
    ends = np.stack([np.atleast_1d(end) for end in (low, central, high)], axis=1)
    triples, which = np.unique(ends, axis=0, return_inverse=True)
    columns = even[:, None] if even.ndim == 1 else even
    drawn = np.empty((len(even), len(ends)))
    for n, (p10, mean, p90) in enumerate(triples.tolist()):
        mine = np.flatnonzero(which.ravel() == n)
        if p90 <= p10:
            drawn[:, mine] = mean
            continue
        curve = through(p10, mean, p90, 0.0 if p10 >= 0 else -math.inf, most).curve
        drawn[:, mine] = np.interp(columns[:, mine], curve.shares, curve.values)
    return drawn[:, 0] if even.ndim == 1 else drawn


def triangular(even: Floats, low: Floats, central: Floats, high: Floats) -> Floats:
    """Values of triangular distributions at even numbers between 0 and 1; the central value where low and high are one.

    Example:
        At 0.5 a triangle on 0, 1 and 2 gives 1; at 0.125 it gives 0.5.
    """
    span = np.where(high > low, high - low, 1.0)
    split = (central - low) / span
    rising = low + np.sqrt(np.maximum(even * span * (central - low), 0.0))
    falling = high - np.sqrt(np.maximum((1 - even) * span * (high - central), 0.0))
    return np.where(high > low, np.where(even < split, rising, falling), central)
