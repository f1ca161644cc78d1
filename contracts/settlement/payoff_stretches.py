"""Where a payoff bends and leaps: between the clauses' own bends it is straight, and each stretch is checked to be.

The values of every step on a first grid say between which of its points an amount crosses a bend of its clause; the
crossing is found along the straight line, so that most curves need a handful of runs. What is still not straight (a
condition, a table, a curve) is halved, up to a number of stretches; beyond it the curve is drawn through its points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from capitation.errors import CapitationError
from contracts.language.pieces import Piece, Pieces
from contracts.language.tables import Tables
from contracts.settlement.payoff_values import Settled
from contracts.terms._base import Term

_FIRST, _DEPTH, _MOST, _ROUNDS = 128, 60, 160, 6
_STRAIGHT, _UNEVEN = 1e-11, (math.sqrt(5.0) - 1.0) / 2.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Stretches:
    """The straight stretches of a payoff.

    Args:
        pieces: the stretches.
        bends: where a clause bends or leaps.
        through: how many points a curve is drawn through; 0 where every stretch is straight.
    """

    pieces: Pieces
    bends: tuple[float, ...]
    through: int


def stretches(values: Settled, low: float, high: float) -> Stretches:
    """The straight stretches of the followed step between two values of the figure."""
    # Uneven values, because bends sit on round numbers and a round grid can step over them.
    grid = sorted({low, high, *(low + (high - low) * math.modf(i * _UNEVEN)[0] for i in range(1, _FIRST))})
    frame = values.frame(grid)
    known = {x: float(y) for x, y in zip(grid, frame.get_column(values.step).to_list(), strict=True)}
    size = max(*(abs(y) for y in known.values()), 1e-9)
    corners = _corners(values, grid, frame, (low, high))
    straight, curved = _parts(values, known, sorted({low, high, *corners}), size)
    return _joined(straight, curved, high - low, size)


def _corners(values: Settled, xs: list[float], frame: pl.DataFrame, ends: tuple[float, float]) -> set[float]:
    """Values of the figure at which an amount reaches a bend of its clause."""
    tables = values.contract.table_map()
    terms = [t for t in values.contract.terms if t.univariate and t.before() is not None and not t.runs_across_rows()]
    watched = [(term, k) for term in terms for k in range(8)]
    rows = frame.to_dicts()
    cells: dict[tuple[str, int], list[tuple[Point, Point]]] = {}
    needs = {term.step: [name for _, name, kind in term.references() if kind == "number"] for term in terms}
    distances = {term.step: [_distances(term, needs[term.step], row, tables) for row in rows] for term in terms}
    for term, k in watched:
        mine = [d[k] if len(d) > k else None for d in distances[term.step]]
        for (xa, da), (xb, db) in pairwise(zip(xs, mine, strict=True)):
            if da is not None and db is not None and da * db < 0:
                cells.setdefault((term.step, k), []).append(((xa, da), (xb, db)))
    by_step = {term.step: term for term in terms}
    open_cells = [(key, cell) for key, many in cells.items() for cell in many][:_MOST]
    found: set[float] = set()
    for _ in range(_ROUNDS):
        if not open_cells:
            break
        guesses = [xa + (xb - xa) * da / (da - db) for _, ((xa, da), (xb, db)) in open_cells]
        at = values.frame(guesses).to_dicts()
        waiting = []
        for (key, (a, b)), x, row in zip(open_cells, guesses, at, strict=True):
            many = _distances(by_step[key[0]], needs[key[0]], row, tables)
            d = many[key[1]] if len(many) > key[1] else None
            if d is None or abs(d) <= 1e-12 * max(abs(a[1]), abs(b[1])) or not a[0] < x < b[0]:
                found.add(x)
            elif d * a[1] < 0:
                waiting.append((key, (a, (x, d))))
            else:
                waiting.append((key, ((x, d), b)))
        open_cells = waiting
    found.update(xa + (xb - xa) * da / (da - db) for _, ((xa, da), (xb, db)) in open_cells)
    return {x for x in found if ends[0] < x < ends[1]}


def _distances(term: Term, needs: Sequence[str], row: Mapping[str, Any], tables: Tables) -> list[float]:
    """How far the amount of a clause lies above each of the clause's bends on one row; nothing where a number it needs is missing."""
    amount = row.get(str(term.before()))
    if amount is None or any(row.get(name) is None for name in needs):
        return []
    try:
        pieces = term.pieces(row, tables)
    except (CapitationError, TypeError, ValueError, ZeroDivisionError):
        return []
    return [] if pieces is None else [float(amount) - b for b in pieces.breakpoints]


def _parts(
    values: Settled, known: Mapping[float, float], edges: Sequence[float], size: float
) -> tuple[list[tuple[Point, Point]], list[tuple[Point, Point]]]:
    """Straight parts between the edges, found by checking and else by halving; and the chords of what stays curved."""
    inner = [a + (b - a) * part for a, b in pairwise(edges) for part in (0.03, 0.5, 0.97)]
    at = {**known, **dict(zip(inner, values.followed(inner), strict=True))}
    straight: list[tuple[Point, Point]] = []
    waiting: list[tuple[Point, Point]] = []
    xs = sorted(at)
    for left, right in pairwise(edges):
        margin = (right - left) * 1e-3
        mine = [(x, at[x]) for x in xs if left + margin <= x <= right - margin]
        if _on_line(mine, size):
            (xa, ya), (xb, yb) = mine[0], mine[-1]
            slope = (yb - ya) / (xb - xa)
            straight.append(((left, ya + slope * (left - xa)), (right, ya + slope * (right - xa))))
        else:
            ends = values.followed([left, right])
            waiting += pairwise([(left, ends[0]), *mine, (right, ends[1])])
    for _ in range(_DEPTH):
        if not waiting or len(waiting) > _MOST:
            break
        probes = [a[0] + (b[0] - a[0]) * part for a, b in waiting for part in (0.25, 0.5, 0.75)]
        found = values.followed(probes)
        halves = []
        for i, (a, b) in enumerate(waiting):
            seen: list[Point] = list(zip(probes[3 * i : 3 * i + 3], found[3 * i : 3 * i + 3], strict=True))
            if _on_line([a, *seen, b], size):
                straight.append((a, b))
            elif b[0] - a[0] > (edges[-1] - edges[0]) * 1e-12:
                halves += [(a, seen[1]), (seen[1], b)]
        waiting = halves
    return straight, waiting


def _on_line(points: Sequence[Point], size: float) -> bool:
    (xa, ya), (xb, yb) = points[0], points[-1]
    if xb <= xa:
        return False
    slope = (yb - ya) / (xb - xa)
    return all(abs(ya + slope * (x - xa) - y) <= _STRAIGHT * max(size, abs(y)) for x, y in points[1:-1])


def _joined(
    straight: list[tuple[Point, Point]], curved: list[tuple[Point, Point]], span: float, size: float
) -> Stretches:
    """Neighbouring stretches of one line made one; the wider of them gives the line."""
    chords = {chord[0][0] for chord in curved}
    runs: list[list[tuple[Point, Point]]] = []
    for stretch in sorted([*straight, *curved]):
        drawn = stretch[0][0] in chords
        if runs and not drawn and runs[-1][0][0][0] not in chords and _same_line(runs[-1], stretch, size):
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    # Slivers beside a bend or a leap are narrower than the straight parts they border on.
    wide = [run for run in runs if run[-1][1][0] - run[0][0][0] > span * 1e-6] or runs
    out: list[Piece] = []
    bends: list[float] = []
    for i, run in enumerate(wide):
        (xa, ya), (xb, yb) = run[0][0], run[-1][1]
        slope = (yb - ya) / (xb - xa)
        intercept = ya - slope * xa
        start = -math.inf if i == 0 else xa
        if out:
            before = out[-1]
            crossing = (intercept - before.intercept) / (before.slope - slope) if before.slope != slope else math.inf
            if abs(crossing - xa) <= span * 1e-6:
                start = crossing
            if not (xa in chords and wide[i - 1][0][0][0] in chords):
                bends.append(start)
        out.append(Piece(start, intercept, slope))
    return Stretches(Pieces(tuple(out)), tuple(bends), len(curved) + 1 if curved else 0)


def _same_line(run: list[tuple[Point, Point]], stretch: tuple[Point, Point], size: float) -> bool:
    (xa, ya), (xb, yb) = max(run, key=lambda s: s[1][0] - s[0][0])
    (xc, yc), (xd, yd) = stretch
    slope = (yb - ya) / (xb - xa)
    near = 1e-9 * size
    if xd - xc < xb - xa:
        return abs(ya + slope * (xc - xa) - yc) <= near and abs(ya + slope * (xd - xa) - yd) <= near
    other = (yd - yc) / (xd - xc)
    return abs(yc + other * (xa - xc) - ya) <= near and abs(yc + other * (xb - xc) - yb) <= near


__all__ = ["Stretches", "stretches"]
