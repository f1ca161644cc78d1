"""Trials of terms: the results of every locality and of the pool under some figures, on one set of draws.

The terms are the compiled clauses of the family's contract, the same that settle an outturn; figures to be tried take the place
of the contract's parameters. All figures meet the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.chance.estimates import Estimate, Estimates
from capitation.chance.simulate import Simulation
from contracts.document.models import Contract
from contracts.risk.design.family import DesignLimit, TermFamily
from contracts.risk.localities import locality_rows, payment_of, settled
from contracts.settlement.compile import Steps

NUDGE = 1e-4
"""Part of plan by which a locality's spend is raised to see what it keeps of the next pound."""

Figures = Mapping[str, float]
"""Values of the open figures."""


@dataclass(frozen=True)
class Borne:
    """What is borne under some figures, as shares of plan."""

    figures: Figures
    locality: Floats
    """Loss of each locality over its plan, by locality and draw; a gain is below nil."""
    passed_pence: Floats
    """What the pool passes to each locality, by locality and draw; below nil it receives."""
    pool: Floats
    """What the pool passes to all together, over the system's plan, by draw."""


@dataclass(frozen=True)
class Trial:
    """A family on the draws of one simulation of its year."""

    family: TermFamily
    contract: Contract
    simulation: Simulation
    memory: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """What was tried already, by what was asked and the figures."""
    before: Callable[[], object] = lambda: None  # reads as what it is
    """Called before anything is tried; raises where the work is to stop."""

    @cached_property
    def _payment(self) -> tuple[Steps, pl.Expr]:
        return payment_of(self.contract)

    @cached_property
    def _rows(self) -> pl.DataFrame:
        return locality_rows(self.simulation, self.contract, self.simulation.draws)

    @cached_property
    def spend(self) -> Floats:
        """Spend in whole pence by locality and draw."""
        plan = self.simulation.model.books[0].plan_pence.astype(float)
        spent: Floats = np.rint(plan[:, None] * (1 + self.simulation.positions[0].astype(float)))
        return spent

    def passed(self, figures: Figures, spend: Floats | None = None) -> Floats:
        """What the pool passes to each locality, by locality and draw.

        Raises:
            ContractError: a clause refuses a draw; its values are shown.
        """
        tried = self._rows.with_columns(pl.lit(value).alias(each) for each, value in figures.items())
        return settled(*self._payment, tried, self.spend if spend is None else spend)

    def borne(self, figures: Figures) -> Borne:
        """What everyone bears under some figures."""
        passed = self.passed(figures)
        plan = self.simulation.model.books[0].plan_pence.astype(float)
        loss = (self.spend - plan[:, None] - passed) / plan[:, None]
        return Borne(figures, loss, passed, passed.sum(axis=0) / plan.sum())

    def remembered(self, asked: str, figures: Figures, work_out: Callable[[], Iterable[float]]) -> tuple[float, ...]:
        """Numbers about some figures, worked out once; what a stopped search has kept is not worked out again."""
        key = f"{asked}: {', '.join(f'{name} {figures[name]!r}' for name in sorted(figures))}"
        if key not in self.memory:
            self.before()
            self.memory[key] = tuple(float(number) for number in work_out())
        return self.memory[key]

    def measures(self, figures: Figures) -> tuple[float, ...]:
        """What each limit is about, in the order of the limits."""

        def numbers() -> Iterable[float]:
            found = self.borne(figures)
            return [max(self._worst(found, limit)[1], 0.0) for limit in self.family.limits]

        return self.remembered("limits", figures, numbers)

    def estimated(self, figures: Figures) -> tuple[Estimate, ...]:
        """What each limit is about with its standard error, in the order of the limits."""

        def numbers() -> Iterable[float]:
            found = self.borne(figures)
            for limit in self.family.limits:
                one = self.measured(found, limit)
                yield from (one.value, one.error)

        flat = self.remembered("limits and errors", figures, numbers)
        return tuple(Estimate(value, error) for value, error in zip(flat[::2], flat[1::2], strict=True))

    def measured(self, found: Borne, limit: DesignLimit) -> Estimate:
        """What a limit is about, of the locality that bears most or of the pool, with its standard error."""
        worst = self._one(Estimates(self.simulation), self._worst(found, limit)[0], limit)
        return Estimate(max(worst.value, 0.0), worst.error)

    def _worst(self, found: Borne, limit: DesignLimit) -> tuple[Floats, float]:
        """The draws of whoever bears most of what a limit is about, and how much that is."""
        estimates = Estimates(self.simulation, errors=False)
        rows = list(found.locality) if limit.party == "locality" else [found.pool]
        return max(((row, self._one(estimates, row, limit).value) for row in rows), key=lambda each: each[1])

    def _one(self, estimates: Estimates, loss: Floats, limit: DesignLimit) -> Estimate:
        share = 1 - float(limit.chance)
        if limit.measure == "loss":
            return estimates.quantile(loss, share)
        if limit.measure == "worst":
            return estimates.tail_mean(loss, share)
        return estimates.sd(loss) if limit.measure == "sd" else estimates.mean(loss)

    def incentive(self, figures: Figures) -> Estimate:
        """The part of the next pound saved that the locality keeps, over all localities and draws.

        In each draw one locality spends a little more, so that what a pool takes from all is not mistaken for its own.
        """
        value, error = self.remembered("incentive", figures, lambda: self._incentive(figures))
        return Estimate(value, error)

    def _incentive(self, figures: Figures) -> tuple[float, float]:
        plan = self.simulation.model.books[0].plan_pence.astype(float)
        draws = np.arange(self.simulation.draws)
        who = draws % len(plan)
        more = self.spend.copy()
        more[who, draws] += np.rint(plan[who] * NUDGE)
        before, after = self.passed(figures), self.passed(figures, more)
        kept = 1 - (after[who, draws] - before[who, draws]) / np.rint(plan[who] * NUDGE)
        return float(kept.mean()), float(kept.std() / np.sqrt(len(kept)))


__all__ = ["Borne", "Figures", "Trial"]
