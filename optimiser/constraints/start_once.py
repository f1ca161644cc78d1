"""A solution starts at most once in a place (physics).

In words: over all years, a solution has at most one start in each place.

    sum over tau of start[s,l,tau] <= 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 10
FAMILIES = ("start_once",)


def apply(p: Programme) -> None:
    """One row for each solution and place."""
    rows = p.rows(
        "start_once",
        p.tables.units,
        ["solution", "place"],
        kind="P",
        unit="starts",
        label="{solution} starts once in {place}",
        upper=1.0,
    )
    p.add(rows.select("row", "solution", "place"), "start", ["solution", "place"])
