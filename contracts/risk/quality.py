"""Payments for quality in draws: what each earns on the position of the draw, such as a fund that is lost with the control total.

The payment's own contract settles it, as in one outturn (`options/quality.py`): where it looks at the position it is settled in
every draw, else once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from capitation.chance.curves.normal import Floats
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, QualityPayment
from contracts.options.quality import QUARTERS, goals_of, in_period, outside_payer, payment_row
from contracts.options.starts.starts import Starts
from contracts.settlement.compile import Steps, compile_contract

Place = tuple[int, int]
"""Number of a year and of a party."""


@dataclass(frozen=True, eq=False)
class DrawnQuality:
    """One payment for quality of one option."""

    option: int
    payment: QualityPayment
    steps: Steps
    places: tuple[Place, ...]
    """Year and provider of each sum that can be earned."""
    rows: Mapping[str, np.ndarray]
    """Inputs of the payment's contract by place and quarter, where the position is nil."""
    by_position: Mapping[str, Floats]
    """Inputs that follow the position: what part of it in pounds stands in each row."""
    payers: tuple[tuple[tuple[int, float], ...], ...]
    """For each place, the commissioners that pay with their parts; nobody of the system where a body outside pays."""

    def add(self, out: Floats, before: Floats) -> None:
        """Add what is earned, paid and spent to positions by year, party and draw.

        Args:
            out: positions to add to.
            before: positions before any payment for quality.
        """
        count = before.shape[2] if self.by_position else 1
        moves, cost = self._amounts(before, count)
        for k, (y, j) in enumerate(self.places):
            out[y, j] += moves[k] - cost[k]
            for payer, part in self.payers[k]:
                out[y, payer] -= part * moves[k]

    def _amounts(self, before: Floats, count: int) -> tuple[Floats, Floats]:
        """What moves between the parties and what earning it costs, by place and draw, in pence."""
        values: dict[str, Any] = {name: np.repeat(each, count) for name, each in self.rows.items()}
        height = len(next(iter(self.rows.values())))
        parts = height // len(self.places)
        for name, share in self.by_position.items():
            own = np.stack([before[y, j, :count] for y, j in self.places]) / 100
            values[name] = (np.repeat(own, parts, axis=0) * share[:, None]).ravel()
        done = self.steps.on_arrays(values, rounded=True)
        earned = self._summed(done[self.payment.earned], parts, count)
        lost = self._summed(done[self.payment.lost], parts, count) if self.payment.lost else np.zeros_like(earned)
        cost = earned * float(self.payment.cost.value) if self.payment.cost else np.zeros_like(earned)
        return (-lost if self.payment.inside_plan else earned), np.rint(cost)

    def _summed(self, amounts: np.ndarray, parts: int, count: int) -> Floats:
        summed: Floats = amounts.astype(float).reshape(len(self.places), parts, count).sum(axis=1)
        return summed


def drawn_quality(
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    plan: Mapping[tuple[str, str], Mapping[str, int]],
    years: Sequence[str],
    providers: Mapping[str, int],
    commissioners: Mapping[str, int],
    starts: Starts | None = None,
) -> tuple[DrawnQuality, ...]:
    """The payments for quality of all options, ready for draws.

    Args:
        document: the options.
        contracts: contracts by the name the payments use.
        plan: planned payments by year and provider, by commissioner.
        years: the years, in order.
        providers: numbers of providers among the parties.
        commissioners: numbers of commissioners among the parties.
        starts: when options begin; until then the payments of the option before hold.
    """
    met = goals_of(document)
    found = []
    for k, option in enumerate(document.options):
        spans = (starts or Starts()).spans(option)
        for span, payment in [(each, paid) for each in spans for paid in each.option.quality]:
            contract = contracts[payment.contract]
            members = set(document.providers_of(payment.groups)) & set(met) & set(providers)
            agreed = [y for y in years if in_period(contract, y) and span.has(y)]
            about = [(y, p) for y in agreed for p in sorted(members) if plan.get((y, p))]
            if about:
                found.append(_quality(k, payment, contract, about, plan, met, years, providers, commissioners))
    return tuple(found)


# Reason: everything that is known of one payment
def _quality(
    option: int,
    payment: QualityPayment,
    contract: Contract,
    about: Sequence[tuple[str, str]],
    plan: Mapping[tuple[str, str], Mapping[str, int]],
    met: Mapping[str, Mapping[str, bool]],
    years: Sequence[str],
    providers: Mapping[str, int],
    commissioners: Mapping[str, int],
) -> DrawnQuality:
    quarters = range(1, QUARTERS + 1) if "quarter" in contract.input_map() else (None,)
    rows = [
        payment_row(payment, met[p], (y, p, sum(plan[y, p].values()), 0), quarter)
        for y, p in about
        for quarter in quarters
    ]
    known = contract.input_map()
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0] if name in known}
    share = np.array([1.0 if q is None else q / QUARTERS for _ in about for q in quarters])
    follows = {name: share for name, source in payment.inputs.items() if source == "position"}
    payers: list[tuple[tuple[int, float], ...]] = []
    for y, p in about:
        weights = {code: max(pence, 0) for code, pence in plan[y, p].items()}
        total = sum(weights.values())
        inside = outside_payer(payment, contract) is None and total > 0
        payers.append(tuple((commissioners[c], w / total) for c, w in weights.items() if w) if inside else ())
    results = [payment.earned, *([payment.lost] if payment.lost else [])]
    places = tuple((years.index(y), providers[p]) for y, p in about)
    steps = compile_contract(contract, results=results)
    kept = {name: column for name, column in columns.items() if name in steps.used or name in contract.key}
    return DrawnQuality(option, payment, steps, places, kept, follows, tuple(payers))


__all__ = ["DrawnQuality", "drawn_quality"]
