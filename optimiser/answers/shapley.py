"""Credit by solution that adds up: each solution's average contribution over every order of adding the chosen ones.

For the exact product of effects, v(S) = eligible x (1 - product over s in S of (1 - e_s)), and the Shapley value of s is

    credit_s = sum over sets S without s of  |S|! (n - |S| - 1)! / n!  x  (v(S with s) - v(S))

The parts add to the whole exactly; stand-alone effects added up would claim more than the whole. Where many solutions meet the
same value is the integral over x from 0 to 1 of e_s times the product over the others of (1 - x e_s), a polynomial, which
Gauss's points integrate exactly.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from optimiser.answers.exact import acting_effects
from optimiser.programme.family import Floats
from optimiser.programme.tables import ProblemTables

MOST = 16
"""Most solutions on one cell for which every set is gone through (65,536 sets); beyond, the integral is taken."""


def shapley(effects: Floats) -> Floats:
    """Credit of each solution as a share of eligible activity.

    Args:
        effects: one row a cell, one column a solution: the share each avoids by itself.

    Returns:
        The same shape; each row adds to 1 - product of (1 - effect).

    Example:
        Two solutions of 0.5 each avoid 0.75 together, 0.375 each.
    """
    table = np.atleast_2d(np.asarray(effects, dtype=np.float64))
    n = table.shape[1]
    if n > MOST:
        return _integrated(table)
    sets = np.arange(2**n)
    members = ((sets[:, None] >> np.arange(n)) & 1).astype(bool)
    size = members.sum(axis=1)
    weight = np.array([math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)])
    left = np.ones((len(table), 2**n))
    for s in range(n):
        left[:, members[:, s]] *= 1 - table[:, [s]]
    credit = np.empty_like(table)
    for s in range(n):
        without = sets[~members[:, s]]
        # v(S with s) - v(S) = effect_s x what the others leave
        credit[:, s] = (left[:, without] * weight[size[without]]).sum(axis=1) * table[:, s]
    return credit


def _integrated(table: Floats) -> Floats:
    points, weights = np.polynomial.legendre.leggauss((table.shape[1] + 1) // 2)
    credit = np.zeros_like(table)
    for x, w in zip((points + 1) / 2, weights / 2, strict=True):
        left = 1 - x * table
        # all but one: the products before it times those after it, for an effect of 1 leaves nothing to divide by
        ones = np.ones((len(table), 1))
        before = np.cumprod(np.hstack([ones, left[:, :-1]]), axis=1)
        after = np.cumprod(np.hstack([ones, left[:, :0:-1]]), axis=1)[:, ::-1]
        credit += w * table * before * after
    return credit


def credit_by_solution(tables: ProblemTables, effective: pl.DataFrame) -> pl.DataFrame:
    """solution, locality, point_of_delivery, cell, year, units: exact credit of each solution at the scales given."""
    eligible = (pl.col("units") * pl.col("cell_share")).alias("eligible")
    acting = acting_effects(tables, effective).with_columns(eligible).filter(pl.col("effect") > 0)
    cell = ["locality", "point_of_delivery", "cell", "year"]
    acting = acting.sort(*cell, "solution")
    groups = acting.with_columns(pl.len().over(cell).alias("n"))
    parts = []
    for (n,), group in groups.group_by("n", maintain_order=True):
        shares = shapley(group["effect"].to_numpy().reshape(-1, int(str(n))))
        units = shares.reshape(-1) * group["eligible"].to_numpy()
        parts.append(group.select("solution", *cell).with_columns(pl.Series("units", units)))
    empty = pl.DataFrame(schema={"solution": pl.String, **dict.fromkeys(cell, pl.String), "units": pl.Float64})
    return pl.concat([empty, *parts]).sort(*cell, "solution")
