"""A written problem on a run at hand: what it takes from a run is taken from this one, so that a quantity has one value in both.

A problem is written once from its policy and a run. Where a price, a flow or how cost follows activity has changed since, the mix
would go on with the old figures while contracts and the chain have the new ones; here it gets the new ones, and says so. So it does where
its policy or a solution of its pack has changed since; a problem that was changed by hand keeps what it says itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from capitation.pack.sources import DataPack
from capitation.run.aims.checks import refuse_early_starts
from capitation.run.run import Run
from optimiser.links.from_run import read_policy
from optimiser.links.written import is_as_written
from optimiser.problem.document import Problem, policy_of

FROM_RUN = (
    "prices",
    "providers",
    "flows",
    "receiving_capacity",
    "stranded_limits",
    "control_totals",
    "activity",
    "points_of_delivery",
)
"""Fields of a problem that it takes from a run, besides its localities and solutions."""
_FACTS = ("activity", "flows", "points_of_delivery", "prices")
"""Those of them that are the run's alone, by which it is known whether a problem was made from another run."""


@dataclass(frozen=True)
class ProblemOnRun:
    """A problem as it stands on a run."""

    problem: Problem
    """The problem, with what it takes from a run taken from this one."""
    says: tuple[str, ...] = ()
    """What was taken anew, and what the problem still has otherwise than its pack; nothing where all is as written."""


def on_run(problem: Problem, file: Path, run: Run, pack: DataPack) -> ProblemOnRun:
    """A problem on a run at hand: the same quantity has one value in both.

    A problem without a policy beside it (`NAME/policy.toml`) stays as it is. What differs from its policy is taken anew where the file still
    is what was written, and kept where it was changed by hand.

    Args:
        problem: the problem as it is written.
        file: the file it was read from.
        run: the run that it is to stand on.
        pack: the pack of that run.

    Raises:
        DocumentError: the problem's policy names what the run does not have, or a solution starts before its milestone.
    """
    refuse_early_starts(problem.solutions, pack, min(problem.years, default=None))
    policy = policy_of(file)
    read = None if policy is None else read_policy(policy)
    if read is None:
        return ProblemOnRun(problem)
    fresh = read.on(run, pack, problem.years)
    moved = [name for name in FROM_RUN if getattr(fresh, name) != getattr(problem, name)]
    own = [n for n in type(problem).model_fields if n not in FROM_RUN and getattr(fresh, n) != getattr(problem, n)]
    remake, said, taken = f"`capitation problem write {policy}` writes it again", list[str](), list[str]()
    if any(name in moved for name in _FACTS):
        said.append(f"{file.name} was written from another run: {_named(moved)} are taken from this one; {remake}")
        taken += moved
    else:
        own = [*own, *moved]
    if own and is_as_written(file):
        said.append(
            f"{file.name} is older than its policy or the files of its pack: {_named(own)} are taken from them; {remake}"
        )
        taken += own
    elif own:
        said.append(
            f"{file.name} has other {_named(own)} than its policy and the files of its pack, and keeps its own; {remake}"
        )
    if not taken:
        return ProblemOnRun(problem, tuple(said))
    return ProblemOnRun(problem.model_copy(update={name: getattr(fresh, name) for name in taken}), tuple(said))


def _named(fields: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in fields)


__all__ = ["FROM_RUN", "ProblemOnRun", "on_run"]
