"""A PuLP problem brought back into a matrix: what an analyst added or changed in PuLP's own words.

Special ordered sets are refused by name: PuLP drops them on the way to HiGHS and CBC without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pulp

from capitation.errors import Fault, Faults, SolverError
from optimiser.programme.family import Family, Floats, Measure, Sense
from optimiser.programme.matrix import Matrix

CHANGED = "objective_of_pulp"
"""Name of an objective that was changed in PuLP."""


@dataclass(frozen=True)
class Returned:
    """A matrix brought back from PuLP, and what an analyst added or changed there."""

    matrix: Matrix
    added_rows: tuple[str, ...]
    added_columns: tuple[str, ...]
    changed_rows: tuple[str, ...]


def from_pulp(problem: pulp.LpProblem, matrix: Matrix) -> Returned:
    """The matrix of `problem`, which was made from `matrix` by `to_pulp` and may have been added to since.

    Added constraints become policy rows under their PuLP names; added variables become columns; constraints whose
    limits or coefficients were changed are taken as they now stand; the objective and its sense are taken as they now
    stand, under a name of their own where they were changed.

    Raises:
        SolverError: special ordered sets, or rows or columns of ours that are no longer there.
    """
    refuse_ordered_sets(problem)
    names = {name: i for i, name in enumerate(matrix.names("columns", numbered=True))}
    variables = list(problem.variables())
    new = [v for v in variables if v.name not in names]
    faults = Faults()
    for gone in sorted(set(names) - {v.name for v in variables}):
        faults.add(f"column {gone}", "nothing in the PuLP problem", "every column of the programme")
    columns = {**names, **{v.name: matrix.column_count + i for i, v in enumerate(new)}}
    at = {v.name: v for v in variables}
    rows = _pulp_rows(problem, columns)
    expected = _row_names(matrix)
    found = {row.name for row in rows}
    for gone in sorted(set(expected) - found):
        faults.add(f"row {gone}", "nothing in the PuLP problem", "every row of the programme", "Relax it instead.")
    faults.raise_if_any(SolverError, "the PuLP problem lost parts of the programme")
    count = matrix.column_count + len(new)
    sign_names = list(columns)
    lower = np.array([_bound(at[n].lowBound, -np.inf) for n in sign_names])
    upper = np.array([_bound(at[n].upBound, np.inf) for n in sign_names])
    whole = np.array([at[n].cat != pulp.LpContinuous for n in sign_names], dtype=bool)
    cost = np.zeros(count)
    for variable, coefficient in (problem.objective or {}).items():
        cost[columns[variable.name]] += coefficient
    mine = {row.name: row for row in rows if row.name in expected}
    added = [row for row in rows if row.name not in expected]
    row_lower, row_upper, terms, changed = _rows_as_they_stand(matrix, mine)
    first = matrix.row_count
    for k, row in enumerate(added):
        terms += [(first + k, j, v) for j, v in row.terms.items()]
    families = list(matrix.rows)
    if added:
        index = pl.DataFrame({"rule": [row.name for row in added]})
        families.append(
            Family("added_in_pulp", first, len(added), index, "", "rule '{rule}' added in PuLP", "Q", "added")
        )
    column_families = list(matrix.columns)
    if new:
        index = pl.DataFrame({"name": [v.name for v in new]})
        column_families.append(
            Family("added_in_pulp", matrix.column_count, len(new), index, "", "'{name}' added in PuLP")
        )
    start, order, value = _compress(terms, first + len(added))
    pad = np.zeros(len(new))
    aim = _objective(problem, matrix, cost)
    measures = {n: replace(m, vector=np.concatenate([m.vector, pad])) for n, m in matrix.measures.items()}
    back = replace(
        matrix,
        cost=cost,
        constant=aim.constant,
        sense=aim.sense,
        objective=aim.name,
        unit=aim.unit,
        lower=lower,
        upper=upper,
        integer=whole,
        row_lower=np.concatenate([row_lower, [row.low for row in added]]),
        row_upper=np.concatenate([row_upper, [row.high for row in added]]),
        start=start,
        index=order,
        value=value,
        rows=tuple(families),
        columns=tuple(column_families),
        measures={aim.name: aim, **measures},
    )
    return Returned(back, tuple(r.name for r in added), tuple(v.name for v in new), tuple(changed))


def _objective(problem: pulp.LpProblem, matrix: Matrix, cost: Floats) -> Measure:
    """What the problem aims at: the measure it was made for, or an objective of its own where that was changed in PuLP."""
    constant = 0.0 if problem.objective is None else float(problem.objective.constant or 0.0)
    sense: Sense = "max" if problem.sense == pulp.LpMaximize else "min"
    count = matrix.column_count
    same = np.array_equal(cost[:count], matrix.cost) and not cost[count:].any() and constant == matrix.constant
    if same and sense == matrix.sense:
        label = matrix.measures[matrix.objective].label if matrix.objective in matrix.measures else matrix.objective
        return Measure(matrix.objective, cost, constant, matrix.unit, sense, label, matrix.scale)
    unit = matrix.unit if same else f"{matrix.scale:g} times the objective written in PuLP"
    return Measure(CHANGED, cost, constant, unit, sense, "objective changed in PuLP", matrix.scale)


@dataclass(frozen=True)
class _PulpRow:
    name: str
    terms: dict[int, float]
    low: float
    high: float


def _rows_as_they_stand(
    matrix: Matrix, mine: dict[str, _PulpRow]
) -> tuple[Floats, Floats, list[tuple[int, int, float]], list[str]]:
    """Floors, ceilings and terms of our rows as they now stand, and the labels of those that were changed."""
    row_lower, row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    terms: list[tuple[int, int, float]] = []
    changed: list[str] = []
    for i, label in enumerate(matrix.names("rows", numbered=True)):
        parts = [mine[n] for n in (label, f"{label}.floor") if n in mine]
        if not parts:
            continue
        low = max((p.low for p in parts), default=-np.inf)
        high = min((p.high for p in parts), default=np.inf)
        place = slice(matrix.start[i], matrix.start[i + 1])
        ours = dict(zip(matrix.index[place].tolist(), matrix.value[place].tolist(), strict=True))
        same = all(p.terms == ours for p in parts)
        if low != row_lower[i] or high != row_upper[i] or not same:
            changed.append(label)
            row_lower[i], row_upper[i] = low, high
        terms += [(i, j, v) for j, v in (ours if same else parts[0].terms).items()]
    return row_lower, row_upper, terms, changed


def _pulp_rows(problem: pulp.LpProblem, columns: dict[str, int]) -> list[_PulpRow]:
    rows: list[_PulpRow] = []
    for constraint in problem.constraints():
        limit = -float(constraint.constant)
        terms = {columns[v.name]: float(c) for v, c in constraint.items() if c}
        low = -np.inf if constraint.sense == pulp.LpConstraintLE else limit
        high = np.inf if constraint.sense == pulp.LpConstraintGE else limit
        rows.append(_PulpRow(constraint.name or f"unnamed_{len(rows)}", terms, low, high))
    return rows


def _row_names(matrix: Matrix) -> set[str]:
    """The constraint names that `to_pulp` gives to the rows."""
    out = set()
    for i, label in enumerate(matrix.names("rows", numbered=True)):
        floor, ceiling = matrix.row_lower[i], matrix.row_upper[i]
        if np.isfinite(ceiling) or np.isfinite(floor):
            out.add(label)
        if np.isfinite(ceiling) and np.isfinite(floor) and floor != ceiling:
            out.add(f"{label}.floor")
    return out


def _compress(terms: list[tuple[int, int, float]], rows: int) -> tuple[Any, Any, Floats]:
    if not terms:
        return np.zeros(rows + 1, np.int32), np.zeros(0, np.int32), np.zeros(0)
    ordered = sorted(terms)
    row = np.array([t[0] for t in ordered])
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int32)
    return start, np.array([t[1] for t in ordered], dtype=np.int32), np.array([t[2] for t in ordered])


def _bound(value: float | None, missing: float) -> float:
    return missing if value is None else float(value)


def refuse_ordered_sets(problem: pulp.LpProblem) -> None:
    """Raise where the problem has special ordered sets."""
    faults = [
        Fault(
            f"{kind} '{name}'",
            "a special ordered set",
            "whole-number variables and constraints",
            "PuLP drops such sets on the way to HiGHS and CBC without a word; write the choice with binaries.",
        )
        for kind, name in _ordered_sets(problem)
    ]
    if faults:
        raise SolverError("the PuLP problem has special ordered sets, which its solvers would ignore", faults)


def _ordered_sets(problem: pulp.LpProblem) -> list[tuple[str, str]]:
    """Kind and name of each special ordered set: dictionaries in PuLP 3, kept by the core (named by members) in PuLP 4."""
    if hasattr(problem, "has_sos"):
        if not problem.has_sos():
            return []
        content = problem.toDict()
        return [(kind.upper(), ", ".join(members)) for kind in ("sos1", "sos2") for members in content.get(kind) or []]
    return [(kind.upper(), str(name)) for kind in ("sos1", "sos2") for name in (getattr(problem, kind, None) or {})]
