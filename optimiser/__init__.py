"""Which mix of channel-shift investments to buy: the linear programme, its answer and why."""

from typing import TYPE_CHECKING

from capitation.records.lazily import lazily

if TYPE_CHECKING:
    from optimiser.answers.alternatives import alternatives as alternatives
    from optimiser.answers.frontier import frontier as frontier
    from optimiser.answers.optimise import optimise as optimise
    from optimiser.problem.assemble import programme_matrix as programme_matrix
    from optimiser.problem.document import Problem as Problem
    from optimiser.problem.document import read_problem as read_problem

_HOMES = {
    "Problem": "optimiser.problem.document",
    "alternatives": "optimiser.answers.alternatives",
    "frontier": "optimiser.answers.frontier",
    "optimise": "optimiser.answers.optimise",
    "programme_matrix": "optimiser.problem.assemble",
    "read_problem": "optimiser.problem.document",
}

__all__ = ["Problem", "alternatives", "frontier", "optimise", "programme_matrix", "read_problem"]
__getattr__ = lazily(__name__, _HOMES)
