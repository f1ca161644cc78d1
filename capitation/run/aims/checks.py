"""Checks of what a plan aims at: milestones, risks, outcomes and phases stand, and no solution starts before its milestone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from capitation.aims.agreements import disagreements
from capitation.aims.context import context
from capitation.aims.milestones import FILE, driven_faults, early_faults, milestones, order_faults
from capitation.aims.outcomes import outcomes
from capitation.aims.risks import risks
from capitation.errors import CapitationError, DocumentError, Fault, Faults
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from capitation.run.document_checks import read_or_faults
from capitation.run.scenario import Scenario
from capitation.shift.solution import Solution


def aims_stand(pack: DataPack) -> Iterator[Fault]:
    """Milestones before the plan's first year or without a date, risks without a score, outcomes without a value, phases with a gap."""
    first = first_year(pack)
    reads: tuple[Callable[[], object], ...] = (
        lambda: milestones(pack, first),
        lambda: risks(pack),
        lambda: outcomes(pack),
        lambda: context(pack),
    )
    for read in reads:
        try:
            read()
        except CapitationError as error:
            yield from error.faults or (Fault(str(pack.root / "aims"), error.message, "a table that can be used"),)


def starts_that_differ(pack: DataPack) -> Iterator[Fault]:
    """Solutions that start before the milestone that starts them, and milestones that drive nothing known."""
    try:
        found = milestones(pack)
    except CapitationError:
        return  # said by `aims_stand`
    if FILE not in pack.files(FILE):
        return
    read = [read_or_faults(path, Solution)[0] for path in pack.files("solutions/*.toml").values()]
    solutions = [solution for solution in read if solution is not None]
    yield from early_faults(found, _stated(solutions), first_year(pack))
    yield from order_faults(found)
    yield from driven_faults(found, {solution.id for solution in solutions})


def refuse_early_starts(solutions: Iterable[Solution], pack: DataPack, first: FinancialYear | None) -> None:
    """Refuse solutions that start before the milestone of the pack that starts them, unless they say why.

    Args:
        solutions: solutions as a problem has them.
        pack: its pack.
        first: first year of the problem, in which a solution without a stated start can begin.

    Raises:
        DocumentError: solutions start before their milestones; all are named.
        SourceError: a milestone that cannot be used, such as one before the plan's first year.
    """
    faults = Faults()
    faults.extend(early_faults(milestones(pack, first_year(pack)), _stated(solutions), first))
    faults.raise_if_any(DocumentError, "solutions start before their milestones")


def _stated(solutions: Iterable[Solution]) -> dict[str, str | None]:
    """First years of the solutions that give no reason for an earlier start."""
    return {s.id: s.earliest_start for s in solutions if not s.early_start_because}


def shares_that_do_not_follow(pack: DataPack) -> Iterator[Fault]:
    """Printed growth, impact and ratios of a plan that do not follow from the amounts that it prints beside them."""
    try:
        yield from disagreements(pack)
    except CapitationError:
        return  # said by the checks of sources and tables


def first_year(pack: DataPack) -> FinancialYear | None:
    """The first year of the pack's scenarios; none where it has none."""
    scenarios = [read_or_faults(path, Scenario)[0] for path in pack.files("scenarios/*.toml").values()]
    return min((s.years[0] for s in scenarios if s is not None), default=None)
