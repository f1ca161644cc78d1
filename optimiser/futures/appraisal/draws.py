"""Draws of effects: triangular distributions on low, central and high at even numbers between 0 and 1."""

from __future__ import annotations

import numpy as np

from optimiser.programme.family import Floats

SEED = 20_161_021
"""Seed of the draws, so that the same mix always gets the same score."""

DRAWS = 1_000
"""How many draws a mix is scored on unless its caller says otherwise."""


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
