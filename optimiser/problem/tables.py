"""The long tables of a problem document, once every name and limit of it agrees with the others."""

from __future__ import annotations

from capitation.errors import DocumentError, Faults
from optimiser.problem.document import Problem
from optimiser.problem.names import check_names
from optimiser.programme.core import PLAIN, Future
from optimiser.programme.tables import ProblemTables


def tables_of(problem: Problem, future: Future = PLAIN) -> ProblemTables:
    """The long tables of `problem` under `future`, once every name and limit agrees with the others.

    Raises:
        DocumentError: every fault of the document, all together.
    """
    faults = Faults()
    check_names(problem, faults)
    faults.raise_if_any(DocumentError, f"problem {problem.id!r} contradicts itself")
    return ProblemTables(problem, future)
