"""Piecewise-linear functions of one amount: the exact form in which a term reaches the optimiser.

A function is a row of pieces from left to right; on each it is `intercept + slope x`. Its kind follows from the pieces:

    linear      one slope throughout
    concave     continuous, slopes fall from left to right
    convex      continuous, slopes rise from left to right
    piecewise   continuous, slopes fall and rise
    curved      not piecewise linear: evaluate it before a programme is written
    jump        somewhere the value leaps, so a linear programme needs a yes-or-no variable there
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["linear", "concave", "convex", "piecewise", "curved", "jump"]

CLOSE = 1e-9
"""Two values of a function meet where they differ by less than this part of their size."""


@dataclass(frozen=True)
class Piece:
    """One stretch of a piecewise-linear function, up to where the next begins.

    Args:
        start: where the stretch begins; minus infinity for the first.
        intercept: value of its line at 0.
        slope: change of value for each unit of the amount.
        holds_at_start: False where the value at `start` itself still belongs to the stretch before.
    """

    start: float
    intercept: float
    slope: float
    holds_at_start: bool = True

    def at(self, x: float) -> float:
        """Value of this stretch's line at `x`."""
        return self.intercept + self.slope * x if self.slope else self.intercept


@dataclass(frozen=True)
class Pieces:
    """A piecewise-linear function of one amount; stretches in order, the first from minus infinity."""

    pieces: tuple[Piece, ...]

    @classmethod
    def line(cls, slope: float, intercept: float = 0.0) -> Pieces:
        """The straight line `intercept + slope x`."""
        return cls((Piece(-math.inf, intercept, slope),))

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]], first_slope: float, last_slope: float) -> Pieces:
        """The continuous function through `points` (rising x), with the slopes given outside them."""
        (x0, y0), out = points[0], []
        out.append(Piece(-math.inf, y0 - first_slope * x0, first_slope))
        for (xa, ya), (xb, yb) in pairwise(points):
            if xb > xa:
                slope = (yb - ya) / (xb - xa)
                out.append(Piece(xa, ya - slope * xa, slope))
        xn, yn = points[-1]
        out.append(Piece(xn, yn - last_slope * xn, last_slope))
        return cls(tuple(out)).simplified()

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Amounts at which the slope changes or the value leaps."""
        return tuple(piece.start for piece in self.pieces[1:])

    @property
    def slopes(self) -> tuple[float, ...]:
        """Slopes from left to right."""
        return tuple(piece.slope for piece in self.pieces)

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """Each amount at which the value leaps, with the size of the leap (after less before)."""
        out = []
        for before, after in pairwise(self.pieces):
            leap = after.at(after.start) - before.at(after.start)
            size = max(abs(after.at(after.start)), abs(before.at(after.start)), abs(after.start), 1.0)
            if abs(leap) > CLOSE * size:
                out.append((after.start, leap))
        return tuple(out)

    @property
    def kind(self) -> Kind:
        """Which of the five kinds the function is."""
        if self.jumps:
            return "jump"
        slopes = self.slopes
        falls = any(b < a - CLOSE for a, b in pairwise(slopes))
        rises = any(b > a + CLOSE for a, b in pairwise(slopes))
        if falls and rises:
            return "piecewise"
        return "concave" if falls else "convex" if rises else "linear"

    def at(self, x: float) -> float:
        """Value of the function at `x`."""
        chosen = self.pieces[0]
        for piece in self.pieces[1:]:
            if x > piece.start or (x == piece.start and piece.holds_at_start):
                chosen = piece
        return chosen.at(x)

    def simplified(self) -> Pieces:
        """The same function with neighbours that share one line joined."""
        out: list[Piece] = []
        for piece in self.pieces:
            if out and out[-1].slope == piece.slope and out[-1].intercept == piece.intercept:
                continue
            out.append(piece)
        return Pieces(tuple(out))


def worst(kinds: Iterable[Kind]) -> Kind:
    """The kind that is hardest for a linear programme among `kinds`: jump, piecewise, then a bent one, then linear."""
    found = set(kinds)
    for kind in ("jump", "piecewise"):
        if kind in found:
            return kind
    if {"concave", "convex"} <= found:
        return "piecewise"
    return "concave" if "concave" in found else "convex" if "convex" in found else "linear"
