"""When no mix keeps every limit: which policy limits would have to give, and by how much.

Every policy row may give at a price; physics may not. The smallest weighted sum of what is given, each in proportion to
its family's size, is the answer: "2.1 WTE more nurses in 2018/19, or nothing works".

    minimise sum over policy rows i of give_i / size_i        lower_i - give_i <= (A v)_i <= upper_i + give_i
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.engines.highs import HighsSession
from optimiser.programme.family import Family, Floats, Ints
from optimiser.programme.matrix import Matrix

_SMALLEST = 1e-7
_INTERIOR_POINT_FROM = 5_000
_MANY = 0.1
"""The share of all columns from which on a limit counts as one on a total."""


@dataclass(frozen=True)
class Concessions:
    """What policy would have to give for a mix to exist."""

    answer: Answer
    gives: pl.DataFrame
    """row, label, group, unit, limit, side ("more" of a ceiling, "less" of a floor), give, share_of_limit."""
    physics_conflict: tuple[str, ...] = ()
    """Where even policy that gives without end leaves no mix: the physical rows that contradict each other."""

    @property
    def sentences(self) -> list[str]:
        """Each limit and what it must give, in words."""
        return [
            f"{r['label']}: {r['give']:,.6g} {r['unit']} {r['side']} than {r['limit']:,.6g}"
            for r in self.gives.iter_rows(named=True)
        ]


def stretched_matrix(matrix: Matrix, rows: Ints | None = None) -> tuple[Matrix, Ints, Floats]:
    """The matrix in which policy rows (or `rows`) may give, the row of each giving column, and its side (+1 up, -1 down)."""
    rows = matrix.policy_rows if rows is None else rows
    up = rows[np.isfinite(matrix.row_upper[rows])]
    down = rows[np.isfinite(matrix.row_lower[rows])]
    which = np.concatenate([up, down]).astype(np.int32)
    side = np.concatenate([np.ones(len(up)), -np.ones(len(down))])
    size = _sizes(matrix)
    labels = matrix.row_labels()
    family = Family(
        "give", 0, len(which), pl.DataFrame({"limit": [labels[r] for r in which]}), "the limit's", "give of {limit}"
    )
    terms = pl.DataFrame({"row": which, "col": np.arange(len(which), dtype=np.int32), "value": -side})
    start = replace(matrix, cost=np.zeros(matrix.column_count), constant=0.0, sense="min", measures={})
    stretched = start.with_columns(
        family,
        terms,
        cost=1.0 / size[which] if len(which) else np.zeros(0),
        lower=np.zeros(len(which)),
        upper=np.full(len(which), np.inf),
    )
    return replace(stretched, objective="give", unit="weighted share of limits", scale=1.0), which, side


def quickest(matrix: Matrix) -> dict[str, str]:
    """Solver options for a stretched programme: from some thousand columns on interior point finds the gives sooner."""
    return {} if matrix.is_whole or matrix.column_count < _INTERIOR_POINT_FROM else {"solver": "ipx"}


def _sizes(matrix: Matrix) -> Floats:
    """For each row the size of its family's limits (middle of those not nothing), so that gives can be compared."""
    size = np.ones(matrix.row_count)
    for family in matrix.rows:
        block = slice(family.first, family.last)
        limits = np.abs(np.concatenate([matrix.row_lower[block], matrix.row_upper[block]]))
        limits = limits[np.isfinite(limits) & (limits > 0)]
        if len(limits):
            size[block] = float(np.median(limits))
    return size


def relax(matrix: Matrix, *, gap: float = 1e-4, time_limit: float | None = None) -> Concessions:
    """What the policy rows of `matrix` would have to give for a mix to exist; empty where one exists already."""
    stretched, which, side = stretched_matrix(matrix)
    total = _largest_total(matrix, which) if quickest(stretched) else None
    answer = None if total is None else _by_total(stretched, which, side, total, time_limit)
    if answer is None:
        answer = highs.solve(stretched, gap=gap, time_limit=time_limit, prices=False, options=quickest(stretched))
    if answer.values is None:
        return Concessions(answer, _gives(matrix, which, side, np.zeros(len(which))), _physics(matrix))
    given = answer.values[matrix.column_count :]
    return Concessions(answer, _gives(matrix, which, side, given))


def _largest_total(matrix: Matrix, which: Ints) -> int | None:
    """The place in `which` of the limit on most columns, where it is on many and has one side; None where there is none such."""
    if not len(which):
        return None
    terms = np.diff(matrix.start)[which]
    most = int(np.argmax(terms))
    if terms[most] < _MANY * matrix.column_count or int((which == which[most]).sum()) > 1:
        return None
    return most


def _by_total(stretched: Matrix, which: Ints, side: Floats, total: int, time_limit: float | None) -> Answer | None:
    """The least that must give, where one limit is on a large part of all columns; None where it was not found so.

    A row of that many terms makes every step of the simplex method slow. While that limit gives, it need not be a row: what it
    gives is the distance between it and the total, which stands in the objective. Where the total then reaches the limit, the limit
    is set again and the search goes on from there; otherwise the answer is that of the whole.
    """
    row, first = int(which[total]), stretched.column_count - len(which)
    give, block = first + total, slice(int(stretched.start[row]), int(stretched.start[row + 1]))
    size = 1.0 / float(stretched.cost[give])
    low, high = stretched.row_lower.copy(), stretched.row_upper.copy()
    limit = float(high[row] if side[total] > 0 else low[row])
    low[row], high[row] = -np.inf, np.inf
    cost, upper = stretched.cost * size, stretched.upper.copy()
    cost[give], upper[give] = 0.0, 0.0
    cost[stretched.index[block]] += np.where(stretched.index[block] == give, 0.0, side[total] * stretched.value[block])
    session = HighsSession(
        replace(stretched, cost=cost, upper=upper, row_lower=low, row_upper=high),
        {"solver": "simplex", "simplex_update_limit": 150},
    )
    found = session.solve(time_limit=time_limit, prices=False)
    if found.status != "optimal" or found.values is None:
        return None
    values = found.values.copy()
    gives = side[total] * (float(stretched.product(values)[row]) - limit)
    if gives <= 0.0:
        session.change(replace(stretched, cost=stretched.cost * size))
        session.use("simplex", primal=True)
        found = session.solve(time_limit=time_limit, prices=False)
        if found.status != "optimal" or found.values is None:
            return None
        values = found.values
    else:
        values[give] = gives
    return replace(found, matrix=stretched, values=values, bound=float(stretched.cost @ values))


def _gives(matrix: Matrix, which: Ints, side: Floats, given: Floats) -> pl.DataFrame:
    rows = []
    for row, direction, give in zip(which.tolist(), side.tolist(), given.tolist(), strict=True):
        limit = float(matrix.row_upper[row] if direction > 0 else matrix.row_lower[row])
        if give <= _SMALLEST * max(1.0, abs(limit)):
            continue
        family = matrix.row_family(row)
        rows.append(
            {
                "row": row,
                "label": matrix.row_label(row),
                "group": family.group,
                "unit": family.unit,
                "limit": limit,
                "side": "more" if direction > 0 else "less",
                "give": give,
                "share_of_limit": give / abs(limit) if limit else None,
            }
        )
    schema = {
        "row": pl.Int32,
        "label": pl.String,
        "group": pl.String,
        "unit": pl.String,
        "limit": pl.Float64,
        "side": pl.String,
        "give": pl.Float64,
        "share_of_limit": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def _physics(matrix: Matrix) -> tuple[str, ...]:
    """Labels of physical rows that would have to give though all policy is lifted."""
    everything = np.arange(matrix.row_count, dtype=np.int32)
    lifted = replace(matrix, row_lower=matrix.row_lower.copy(), row_upper=matrix.row_upper.copy())
    low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
    low[matrix.policy_rows], high[matrix.policy_rows] = -np.inf, np.inf
    lifted = replace(lifted, row_lower=low, row_upper=high)
    stretched, which, side = stretched_matrix(lifted, everything)
    answer = highs.solve(stretched, prices=False, gap=1e-3, time_limit=30.0)
    if answer.values is None:
        return ("bounds of the variables contradict each other",)
    gives = _gives(lifted, which, side, answer.values[matrix.column_count :])
    return tuple(gives["label"].unique(maintain_order=True).to_list())
