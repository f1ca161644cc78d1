"""The futures that a document names, with how likely each is."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from capitation.errors import CapitationError, UnknownNameError
from optimiser.problem.document import Problem
from optimiser.programme.core import Future


def named_futures(problem: Problem) -> list[tuple[Future, float]]:
    """The document's futures with their probabilities, equal where none is given.

    Raises:
        CapitationError: it names none, or gives probabilities that do not add to 1.
    """
    if not problem.futures:
        raise CapitationError(
            f"problem {problem.id!r} names no futures: state them as [[futures]] with an id and what is different, "
            'such as effects = "low" or cost_factor = 1.15'
        )
    given = [f.probability for f in problem.futures]
    if all(p is None for p in given):
        return [(f, 1 / len(problem.futures)) for f in problem.futures]
    total = sum(float(p or 0) for p in given)
    if any(p is None for p in given) or abs(total - 1) > 1e-9:
        raise CapitationError(
            f"problem {problem.id!r}: found futures whose probabilities add to {total:g}; expected every future to have one "
            "and their sum to be 1, or none to have one (then all are equally likely)"
        )
    return [(f, float(f.probability or 0)) for f in problem.futures]


def without_futures(problem: Problem, names: Collection[str]) -> Problem:
    """The problem without some of its futures; probabilities of the rest add to 1 again.

    Raises:
        UnknownNameError: it names no such future.
    """
    known = [f.id for f in problem.futures]
    for name in names:
        if name not in known:
            raise UnknownNameError("future", name, known, where=f"problem {problem.id!r}")
    kept = [f for f in problem.futures if f.id not in names]
    total = sum((f.probability or Decimal(0) for f in kept), Decimal(0))
    if total:
        kept = [f.model_copy(update={"probability": (f.probability or Decimal(0)) / total}) for f in kept]
    return problem.model_copy(update={"futures": tuple(kept)})
