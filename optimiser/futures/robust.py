"""A mix that stands if some solutions disappoint: the budget of uncertainty.

At most Gamma solutions fall from their planned effect to their low one, whichever hurt most. Of a goal that is maximised,
with loss_s(v) what the goal loses when s disappoints,

    maximise goal(v) - Gamma z - sum over s of p_s        z + p_s >= loss_s(v),   z >= 0,   p_s >= 0

which is exactly the worst case over such sets (Bertsimas and Sim, 2004), and stays linear. Where a block is to close only if its
activity is gone in the worst case too, in each row r that asks for it,

    sum over q of size[q] block_released[h,q,t] <= donated[h,p,t - lag] - Gamma z_r - sum over s of p_rs      z_r + p_rs >= what of it s loses
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from capitation.errors import CapitationError
from optimiser.problem.document import Problem
from optimiser.programme.family import Family, Floats, Ints
from optimiser.programme.matrix import Matrix


def protect(matrix: Matrix, losses: Mapping[str, Floats], gamma: float) -> Matrix:
    """The matrix whose goal is its worst case when at most `gamma` of the named losses happen.

    Args:
        matrix: the programme; its goal is maximised.
        losses: by name, the row of column weights that gives what the goal loses, in the goal's unit in the matrix.
        gamma: how many may happen at once; part of one where it is not whole.

    Raises:
        CapitationError: the goal is minimised, or gamma is negative.
    """
    if matrix.sense != "max" or gamma < 0:
        raise CapitationError("a goal is protected where it is maximised, against a number of losses of 0 or more")
    names = list(losses)
    if not names:
        return matrix
    count = len(names)
    index = pl.DataFrame({"loss": ["any", *names]})
    family = Family("protection", 0, count + 1, index, matrix.unit, "set aside against {loss}")
    none = pl.DataFrame(schema={"row": pl.Int32, "col": pl.Int32, "value": pl.Float64})
    wide = matrix.with_columns(
        family,
        none,
        cost=np.concatenate([[-gamma], -np.ones(count)]),
        lower=np.zeros(count + 1),
        upper=np.full(count + 1, np.inf),
    )
    first = matrix.column_count
    rows, cols, values = [], [], []
    for i, name in enumerate(names):
        used = np.flatnonzero(losses[name])
        rows += [np.full(len(used) + 2, i)]
        cols += [np.concatenate([used, [first, first + 1 + i]])]
        values += [np.concatenate([-losses[name][used], [1.0, 1.0]])]
    terms = pl.DataFrame(
        {
            "row": np.concatenate(rows).astype(np.int32),
            "col": np.concatenate(cols).astype(np.int32),
            "value": np.concatenate(values),
        }
    )
    limits = Family(
        "protection", 0, count, pl.DataFrame({"loss": names}), matrix.unit, "loss if {loss} disappoints", "P"
    )
    made = wide.with_rows(limits, terms, np.zeros(count), np.full(count, np.inf))
    return replace(made, objective=f"{matrix.objective}, worst of {gamma:g} disappointments")


def closures_withstand(matrix: Matrix, drops: Mapping[str, Floats], gamma: float) -> Matrix:
    """The matrix in which a block closes only where its activity is gone when at most `gamma` solutions disappoint.

    Args:
        matrix: the programme, protected or not.
        drops: by solution, the share of each column of credit that its disappointment takes away (shorter than the matrix where columns were added).
        gamma: how many may disappoint at once.
    """
    closing = [f for f in matrix.rows if f.name in ("block_release", "block_release_together")]
    names = [name for name, drop in drops.items() if drop.any()]
    if gamma <= 0 or not names or not any(f.count for f in closing) or not _has(matrix, "donated"):
        return matrix
    left = _credit_donated(matrix)
    asked: list[tuple[int, str, Ints, Floats]] = []
    for row in (row for family in closing for row in range(family.first, family.last)):
        place = slice(matrix.start[row], matrix.start[row + 1])
        gone = [left[col] for col in matrix.index[place].tolist() if col in left]
        if not gone:
            continue
        cols, weights = (np.concatenate(parts) for parts in zip(*gone, strict=True))
        for name in names:
            lost = drops[name][cols] * weights
            if (lost > 0).any():
                asked.append((row, name, cols[lost > 0], lost[lost > 0]))
    return _set_aside(matrix, asked, gamma) if asked else matrix


def _set_aside(matrix: Matrix, asked: list[tuple[int, str, Ints, Floats]], gamma: float) -> Matrix:
    """The matrix with activity set aside in each closing row against the disappointments that take some of it."""
    rows = sorted({row for row, *_ in asked})
    count, first = len(rows), matrix.column_count
    any_of = {row: n for n, row in enumerate(rows)}
    names = [("any", str(row)) for row in rows] + [(name, str(row)) for row, name, *_ in asked]
    index = pl.DataFrame({"loss": [name for name, _ in names], "closing": [row for _, row in names]})
    label = "activity that stays at closing {closing} if {loss} disappoints"
    into = {
        "row": [*rows, *(row for row, *_ in asked)],
        "col": list(range(count + len(asked))),
        "value": [gamma] * count + [1.0] * len(asked),
    }
    wide = matrix.with_columns(
        Family("closing_protection", 0, index.height, index, "units", label),
        pl.DataFrame(into, schema={"row": pl.Int32, "col": pl.Int32, "value": pl.Float64}),
        cost=np.zeros(index.height),
        lower=np.zeros(index.height),
        upper=np.full(index.height, np.inf),
    )
    at, cols, values = [], [], []
    for n, (row, _, mine, lost) in enumerate(asked):
        at.append(np.full(len(mine) + 2, n))
        cols.append(np.concatenate([mine, [first + any_of[row], first + count + n]]))
        values.append(np.concatenate([-lost, [1.0, 1.0]]))
    terms = pl.DataFrame(
        {
            "row": np.concatenate(at).astype(np.int32),
            "col": np.concatenate(cols).astype(np.int32),
            "value": np.concatenate(values),
        }
    )
    about = pl.DataFrame({"loss": [name for _, name, *_ in asked], "closing": [str(row) for row, *_ in asked]})
    family = Family("closing_protection", 0, len(asked), about, "units", label, "P")
    return wide.with_rows(family, terms, np.zeros(len(asked)), np.full(len(asked), np.inf))


def _credit_donated(matrix: Matrix) -> dict[int, tuple[Ints, Floats]]:
    """For each column of what a provider no longer does: the columns of credit that make it up, and the share of each."""
    rows = {family.name: family for family in matrix.rows}

    def made_of(name: str, product: str) -> dict[int, tuple[Ints, Floats]]:
        own, family, found = matrix.family(product), rows[name], {}
        for row in range(family.first, family.last):
            place = slice(matrix.start[row], matrix.start[row + 1])
            cols, values = matrix.index[place], matrix.value[place]
            mine = (cols >= own.first) & (cols < own.last)
            if mine.any():
                found[int(cols[mine][0])] = (cols[~mine], -values[~mine] / values[mine][0])
        return found

    avoided = made_of("avoided_sum", "avoided")
    gone = {}
    for donated, (cols, flows) in made_of("flow", "donated").items():
        parts = [
            (avoided[col], flow) for col, flow in zip(cols.tolist(), flows.tolist(), strict=True) if col in avoided
        ]
        if parts:
            credit = np.concatenate([mine for (mine, _), _ in parts])
            gone[donated] = (credit, np.concatenate([weights * flow for (_, weights), flow in parts]))
    return gone


def worst_case(losses: Floats, gamma: float) -> float:
    """The largest loss when at most `gamma` of `losses` happen: the largest ones, part of the next.

    Example:
        Losses 5, 3, 1 and gamma 1.5: 5 + 0.5 x 3 = 6.5.
    """
    ordered = np.sort(np.maximum(losses, 0.0))[::-1]
    whole = int(np.floor(gamma))
    total = float(ordered[:whole].sum())
    return total + (gamma - whole) * float(ordered[whole]) if whole < len(ordered) else total


def disappointments(
    problem: Problem, matrix: Matrix, low_share: Mapping[str, float] | None = None
) -> dict[str, Floats]:
    """What the goal loses when each solution falls from its planned effect and saving to its low one.

    Args:
        problem: the problem.
        matrix: its programme.
        low_share: by solution, share of every planned effect and saving that a disappointment leaves, in place of the solutions' low ends.

    Losses are counted on the solution's credit (its part of what is avoided together) at the goal's own worth of a unit
    avoided, so they are exact where it acts alone and close where effects overlap.
    """
    losses: dict[str, Floats] = {}
    worth = _worth_of_credit(matrix)
    drops = credit_lost(problem, matrix, low_share)
    for solution in problem.solutions:
        row = drops[solution.id] * worth
        planned_cash = sum(float(v.at(problem.effects)) for v in solution.savings)
        low_cash = (
            sum(float(v.at("low")) for v in solution.savings)
            if low_share is None
            else planned_cash * low_share[solution.id]
        )
        if planned_cash > low_cash:
            block = matrix.family("effective")
            place = np.flatnonzero((block.index["solution"] == solution.id).to_numpy()) + block.first
            row[place] += matrix.cost[place] * (1 - low_cash / planned_cash)
        if row.any():
            losses[solution.id] = row
    return losses


def credit_lost(problem: Problem, matrix: Matrix, low_share: Mapping[str, float] | None = None) -> dict[str, Floats]:
    """By solution: the share of each column of credit that is lost where it falls to its low end; arguments as for `disappointments`."""
    found: dict[str, Floats] = {}
    for solution in problem.solutions:
        row = found[solution.id] = np.zeros(matrix.column_count)
        for effect in solution.effects:
            planned = float(effect.at(problem.effects))
            low = float(effect.at("low")) if low_share is None else planned * low_share[solution.id]
            drop = 0.0 if planned == 0 else 1 - low / planned
            if drop <= 0 or not _has(matrix, "credit"):
                continue
            block = matrix.family("credit")
            mine = (
                (block.index["solution"] == solution.id)
                & (block.index["point_of_delivery"] == effect.point_of_delivery)
                & (block.index["cell"] == effect.cell)
            ).to_numpy()
            row[np.flatnonzero(mine) + block.first] += drop
    return found


def _has(matrix: Matrix, family: str) -> bool:
    return any(f.name == family and f.count for f in matrix.columns)


def _worth_of_credit(matrix: Matrix) -> Floats:
    """What one unit of each credit column is worth to the goal, followed through what adds up from it.

    credit -> avoided -> donated -> income lost (through payment terms), and credit -> received -> spend on contacts: each is
    defined by a row of its own, so the worth flows backwards. Under payment terms in pieces the dearest piece counts,
    so a loss is never made too small.
    """
    worth = matrix.cost.astype(np.float64).copy()
    made = {
        "spend_sum": "spend",
        "income_lost_sum": "income_lost",
        "tariff_lost_sum": "tariff_lost",
        "flow": "donated",
        "received_sum": "received",
        "avoided_sum": "avoided",
    }
    rows = {family.name: family for family in matrix.rows}
    for name, product_name in made.items():
        if name not in rows:
            continue
        product, family = matrix.family(product_name), rows[name]
        for row in range(family.first, family.last):
            place = slice(matrix.start[row], matrix.start[row + 1])
            cols, values = matrix.index[place], matrix.value[place]
            own = (cols >= product.first) & (cols < product.last)
            if own.any():
                np.add.at(worth, cols[~own], -values[~own] * np.max(worth[cols[own]] / values[own]))
    return worth
