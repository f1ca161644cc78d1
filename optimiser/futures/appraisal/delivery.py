"""Draws of delivery: solutions that come late, that never come, and that cost more or less than stated.

One even number for each draw and solution says whether it fails (below `failure_chance`), comes late (the next `late_chance`)
or is on time; another where on its range of costs it falls. Costs are paid as planned whether or not it delivers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimiser.futures.appraisal.draws import between_percentiles
from optimiser.problem.appraised import delivery_of
from optimiser.problem.document import Problem
from optimiser.programme.family import Floats

Flags = npt.NDArray[np.bool_]
LAYERS = ("effects", "delay", "non-delivery", "cost")
"""What is drawn, each shown by itself."""


@dataclass(frozen=True)
class Delivered:
    """How each solution is delivered in each draw."""

    late: npt.NDArray[np.int64]
    """Years late, by draw and solution."""
    comes: Flags
    """Whether it comes at all."""
    cost: Floats
    """Its own costs times this."""

    def only(self, layer: str) -> Delivered:
        """The draws of one layer, all else as planned."""
        return Delivered(
            self.late if layer == "delay" else np.zeros_like(self.late),
            self.comes if layer == "non-delivery" else np.ones_like(self.comes),
            self.cost if layer == "cost" else np.ones_like(self.cost),
        )

    def __getitem__(self, draws: slice) -> Delivered:
        return Delivered(self.late[draws], self.comes[draws], self.cost[draws])


def as_planned(problem: Problem, count: int) -> Delivered:
    """Everything on time and at its cost."""
    shape = (count, len(problem.solutions))
    return Delivered(np.zeros(shape, np.int64), np.ones(shape, bool), np.ones(shape))


def draw_delivery(problem: Problem, count: int, generator: np.random.Generator) -> Delivered:
    """How each solution is delivered in each of `count` draws; as planned where the document says nothing."""
    planned = as_planned(problem, count)
    if not problem.delivery:
        return planned
    luck, price = generator.random((2, count, len(problem.solutions)))
    late, comes, cost = planned.late.copy(), planned.comes.copy(), planned.cost.copy()
    for i, s in enumerate(problem.solutions):
        row = delivery_of(problem.delivery, s.id)
        if row is None:
            continue
        fails, slips = float(row.failure_chance), float(row.late_chance)
        comes[:, i] = luck[:, i] >= fails
        late[:, i] = np.where(comes[:, i] & (luck[:, i] < fails + slips), row.late_years, 0)
        low, mean, high = (np.asarray(float(end)) for end in (row.cost_low, row.cost_central, row.cost_high))
        cost[:, i] = between_percentiles(price[:, i], low, mean, high, np.inf)
    return Delivered(late, comes, cost)
