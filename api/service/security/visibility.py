"""What a caller sees of a frame: their rows, and no small numbers of people unless they make runs.

Small numbers are left out before rows are chosen, since what is left out beside them depends on the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from api.service.security.access import SIGHT, Caller, sees_everything, visible
from api.service.security.suppression import suppressed

EVERYTHING = "everything"
"""Sight of those who make runs: all rows, all numbers."""

MICRO = 1_000_000

_COUNT = "__count"

SYSTEM = "system"
"""Sight of the system's other callers: all rows, no small numbers of people."""


@dataclass(frozen=True)
class People:
    """How a frame counts people, or what happens to them.

    Args:
        count: column with numbers of people or events.
        within: columns that name a group whose total is shown elsewhere.
        order_by: columns that name a row in its group.
        also: columns that would tell the count.
        micro: whether the count is in millionths; a column of fractions is compared in millionths too.
    """

    count: str
    within: tuple[str, ...]
    order_by: tuple[str, ...]
    also: tuple[str, ...] = ()
    micro: bool = False


PEOPLE: dict[str, People] = {
    "population": People("registered_micro", ("year",), ("practice_code",), ("registered_persons",), micro=True),
    "practice_need": People("registered_persons", ("stream",), ("practice_code",), ("weighted_persons",), micro=True),
    "practice_weight": People(
        "registered_micro", ("year", "stream"), ("practice_code",), ("weight_micro",), micro=True
    ),
    "locality_activity": People("activity", ("year", "case", "point_of_delivery"), ("locality_code",)),
}
"""Frames of a run that count people or events; amounts of money are not left out, since every pound is accounted for."""


PARTNERS_SEE: dict[str, frozenset[str]] = {
    "optimisation": frozenset({"problem", "problem_digest", "status", "meaning", "goal", "unit", "gap", "engine"}),
    "simulation": frozenset({"problem", "problem_digest", "status", "meaning", "goal", "unit", "seed", "count"}),
}
"""What partners see of the content of results that name single organisations; of other kinds they see it whole."""


def sight_of(caller: Caller, system: str) -> str:
    """What decides which rows and numbers a caller sees; equal for callers who see the same."""
    if not sees_everything(caller, system):
        return f"organisation {caller.organisation}"
    return EVERYTHING if caller.role == "analyst" else SYSTEM


def seen(
    name: str, frame: pl.DataFrame, caller: Caller, system: str, area: Iterable[str], smallest_shown: int
) -> pl.DataFrame:
    """The rows and numbers of a frame that a caller sees; `is_suppressed` marks rows in which numbers were left out.

    Args:
        name: the frame's name.
        frame: its rows.
        caller: who asks.
        system: code of the organisation that runs the system.
        area: codes of the caller's area.
        smallest_shown: the smallest number of people other than 0 that is shown.

    Raises:
        UnknownNameError: the frame is shown to no partner.
    """
    people = PEOPLE.get(name)
    if people is not None and sight_of(caller, system) != EVERYTHING:
        frame = _without_small_numbers(frame, people, smallest_shown)
    return visible(name, frame, caller, system, area)


def sees_frame(name: str, caller: Caller, system: str) -> bool:
    """Whether a frame is shown to the caller at all."""
    return sees_everything(caller, system) or name in SIGHT


def content_seen(kind: str, content: dict[str, Any], caller: Caller, system: str) -> dict[str, Any]:
    """The content of a result as far as the caller sees it."""
    kept = PARTNERS_SEE.get(kind)
    if kept is None or sees_everything(caller, system):
        return content
    return {name: value for name, value in content.items() if name in kept}


def without_detail(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem without the words that may hold somebody's rows."""
    return {name: value for name, value in problem.items() if name in {"type", "title", "status"}}


def _without_small_numbers(frame: pl.DataFrame, people: People, smallest_shown: int) -> pl.DataFrame:
    count = pl.col(people.count)
    if frame.schema[people.count].is_float():
        count = (count * MICRO).round()
    least = smallest_shown * MICRO if people.micro else smallest_shown
    shown = suppressed(
        frame.with_columns(count.cast(pl.Int64).alias(_COUNT)),
        _COUNT,
        within=people.within,
        order_by=people.order_by,
        smallest_shown=least,
        also=(people.count, *people.also),
    )
    return shown.rows.drop(_COUNT)
