"""The programme of a problem: the parts of all blocks put together; no solver is called.

    solution s, place l (a locality, or ALL), year t, launch year tau, segment k of the curve of returns,
    point of delivery p, cell c (patients reached by the same solutions), provider h

Each block of `optimiser/blocks/` names its variables and states its inequalities. Money is in thousand pounds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from capitation.errors import DocumentError, Fault, suggest
from optimiser.blocks import all_parts
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.problem.unused import unused_rows
from optimiser.programme.core import PLAIN, Future
from optimiser.programme.matrix import Matrix
from optimiser.programme.programme import Programme


def programme_matrix(
    problem: Problem,
    *,
    objective: str | None = None,
    future: Future = PLAIN,
    in_order: frozenset[tuple[str, str]] = frozenset(),
) -> Matrix:
    """The matrix of `problem`, aimed at its first goal or at `objective`.

    Args:
        problem: the document.
        objective: a measure to aim at instead of the first goal.
        future: how the future turns out.
        in_order: (solution, place) pairs whose segments must be forced to fill in order.

    Raises:
        DocumentError: the document contradicts itself, or aims at a measure it cannot have.
    """
    programme = Programme(tables_of(problem, future), all_parts(), in_order)
    programme.make("variables")
    programme.make("measures")
    _check_measures(problem, programme)
    programme.make("constraint")
    matrix = programme.matrix(objective or problem.goals[0].measure)
    _check_sizes(problem, matrix)
    unused = unused_rows(problem) if future is PLAIN else []  # what the document says is the same in every future
    return replace(matrix, no_effect=(*unused, *_unmoved(matrix), *matrix.no_effect))


LARGEST = 1e14
"""A number of the programme above this is a slip of the pen: no solver takes it, or it would drown every other."""


def _check_sizes(problem: Problem, matrix: Matrix) -> None:
    """Refuse a number too large for any solver, named by its row.

    Raises:
        DocumentError: there is one.
    """
    faults = []
    sizes = np.abs(matrix.value)
    if len(sizes) and not sizes.max() <= LARGEST:
        worst = int(np.argmax(sizes))
        row, column = int(matrix.row_of[worst]), int(matrix.index[worst])
        where = f"{matrix.row_label(row)}: {matrix.column_label(column)}"
        faults.append(_too_large(where, float(matrix.value[worst])))
    for ends in (matrix.row_lower, matrix.row_upper):
        size = np.where(np.isinf(ends), 0.0, np.abs(ends))
        if len(size) and not size.max() <= LARGEST:
            worst = int(np.argmax(size))
            faults.append(_too_large(matrix.row_label(worst), float(ends[worst])))
    costs = np.abs(matrix.cost)
    if len(costs) and not costs.max() <= LARGEST:
        worst = int(np.argmax(costs))
        faults.append(_too_large(f"{matrix.objective}: {matrix.column_label(worst)}", float(matrix.cost[worst])))
    if faults:
        raise DocumentError(f"problem {problem.id!r} has a number that is too large", faults)


def _too_large(where: str, number: float) -> Fault:
    return Fault(where, f"{number:g}", f"a number of at most {LARGEST:g}", "Check the amounts and units it comes from.")


def _unmoved(matrix: Matrix) -> list[str]:
    """A sentence for each family of policy rows of which some can be moved by nothing that may be bought."""
    said = []
    empty = np.diff(matrix.start) == 0
    for family in matrix.rows:
        rows = np.flatnonzero(empty[family.first : family.last])
        if family.kind == "Q" and len(rows):
            more = f" (and {len(rows) - 1:,} more such)" if len(rows) > 1 else ""
            label = family.labels()[int(rows[0])]
            said.append(f"{family.name}: nothing that may be bought moves '{label}'{more}, so it decides nothing")
    return said


def _check_measures(problem: Problem, programme: Programme) -> None:
    known = programme.measure_names()
    wanted = [("goals", m) for m in problem.goal_names()] + [("limits", limit.measure) for limit in problem.limits]
    faults = [
        Fault(where, f"unknown measure {name!r}", "a measure of this problem", suggest(name, known))
        for where, name in wanted
        if name not in known
    ]
    faults += [
        Fault(
            f"measure {name!r}", f"two of that name: {first!r} and {second!r}", "one", "Rename what makes the second."
        )
        for name, first, second in programme.measures_said_twice()
    ]
    if faults:
        raise DocumentError(f"problem {problem.id!r} aims at what it does not measure", faults)
