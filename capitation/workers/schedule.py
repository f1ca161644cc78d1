"""How long a cluster will take: its schedule played through, for sizes that cannot be run to see.

    one client hands parts over one after another (its work on each is serial), a scheduler places each on whoever is free first,
    a worker does it, and the answer takes its way back

Constants are measured on a small cluster (docs/at-national-scale.md); the play says how workers, uneven parts and what is serial add up.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds that a part costs beside its own work."""

    handing: float
    """The client packs it and sends it: one part after another."""
    placing: float
    """The scheduler places it and hears of its end: one part after another."""
    starting: float = 0.0
    """Before the first part: the connection, the versions, and what workers import."""


def makespan(parts: Sequence[float], workers: int, costs: Costs) -> float:
    """Seconds until the last part is done.

    Args:
        parts: seconds of work of each part, in the order they are handed over.
        workers: how many parts are worked on at once.
        costs: what a part costs beside its work.

    Example:
        Ten parts of a second on two workers take five seconds where handing and placing cost nothing.
    """
    if workers < 1:
        raise ValueError(f"found {workers} workers; expected at least 1")
    free = [costs.starting] * min(workers, max(1, len(parts)))
    heapq.heapify(free)
    client = scheduler = end = costs.starting
    for work in parts:
        client += costs.handing
        scheduler = max(scheduler, client) + costs.placing
        done = max(scheduler, heapq.heappop(free)) + work
        heapq.heappush(free, done)
        end = max(end, done)
    return end


__all__ = ["Costs", "makespan"]
