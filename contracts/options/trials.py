"""Trials: the positions of all options on any activity and cost, quick enough to be asked many times.

activity driver    planned activity x (1 + change)
cost driver        what planned activity costs, as a part of plan income
shift driver       how much of the planned channel shift is delivered: 1 is the plan, 0 current trends
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Generic, TypeVar

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.money.rounding import nearest_quotient
from capitation.records.frames import Frame
from capitation.records.identity import digest
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOption, ContractOptions
from contracts.options.kept.on_run import OnRun, given
from contracts.options.outturn import CaseActivity, CostBase, OutturnLine, PlanLine, answered
from contracts.options.position import (
    CommissionerMoney,
    FurtherCost,
    Payment,
    Position,
    funding_payments,
    positions,
)
from contracts.options.quality import QualityPayments
from contracts.options.starts.starts import Starts

PARTY = ["role", "organisation_code"]
_FINE = 1_000_000
_KEPT = 8
"""How many results are kept for each name: what is tried differs in one figure, so that most of it was worked out just before."""

V = TypeVar("V")


class Kept(Generic[V]):
    """The last results by name and by the rows they were worked out from, which are compared cell by cell."""

    def __init__(self) -> None:
        self._known: dict[object, list[tuple[pl.DataFrame, V]]] = {}

    def of(self, name: object, rows: pl.DataFrame, work_out: Callable[[], V]) -> V:
        """The result for some rows: the one kept, or else worked out and kept.

        Args:
            name: everything else that the result rests on.
            rows: the rows.
            work_out: gives the result; where it raises nothing is kept.
        """
        known = self._known.setdefault(name, [])
        number = next((i for i, (seen, _) in enumerate(known) if seen.equals(rows)), None)
        found = (rows, work_out()) if number is None else known.pop(number)
        known.insert(0, found)
        del known[_KEPT:]
        return found[1]


SettleAll = Callable[
    [ContractOptions, Mapping[str, Contract], Frame[OutturnLine], str, Faults], tuple[pl.DataFrame, pl.DataFrame]
]
"""Payments and notices of all options on one outturn."""


@dataclass(frozen=True)
class Trials:
    """Options, contracts and the money of a run, ready to be tried.

    Args:
        document: the options.
        contracts: contracts by the name the options and their payments for quality use.
        run: the run of the scenario.
        lines: plan values.
        money: allocations of commissioners.
        settle_all: how the options are settled.
        on: what the options read of the run, kept by content.
        starts: when they begin, and their bodies.
    """

    document: ContractOptions
    contracts: Mapping[str, Contract]
    run: Run
    lines: Frame[PlanLine]
    money: Frame[CommissionerMoney]
    settle_all: SettleAll
    on: OnRun
    starts: Starts = field(default_factory=Starts)

    def by_change(self, change: Decimal) -> Frame[CaseActivity]:
        """Activity a share above or below plan on all lines."""
        return self.on.activity(PLAN, change).value

    def by_case(self, case: str, document: ContractOptions | None = None) -> Frame[CaseActivity]:
        """Activity of a case of the document."""
        named = (document or self.document).case_of(case)
        return self.on.activity(named.of, named.change, tuple(named.lines)).value

    def by_shift(self, trends: str, delivered: Decimal) -> Frame[CaseActivity]:
        """Activity where a part of the planned shift away from a case of current trends is delivered."""
        rows = self.on.activity(trends).value
        part = int(delivered * _FINE)
        moved = (
            pl.col("actual_activity").cast(pl.Int128) * (_FINE - part) + pl.col("plan_activity").cast(pl.Int128) * part
        )
        actual = nearest_quotient(moved, pl.lit(_FINE, dtype=pl.Int128))
        return CaseActivity.validate(rows.with_columns(actual.alias("actual_activity")))

    def positions(self, activity: Frame[CaseActivity], document: ContractOptions | None = None) -> pl.DataFrame:
        """Positions of the system's organisations by option and year on an activity, which answers each option's contract.

        Args:
            activity: planned and actual activity.
            document: the options with some figure changed; as they are where none is given.

        Returns:
            option, role, organisation_code, year, position_pence, cost_pence; payments for quality are in them.

        Raises:
            ContractError: rows that a contract cannot settle.
        """
        used = document or self.document
        faults = Faults()
        parts: list[pl.DataFrame] = []
        for options, seen in self._by_response(used, activity):
            rows = self.outturn(seen, used)
            mine = used.model_copy(update={"options": options})
            paid, _ = self.settle_all(mine, self.contracts, rows, PLAN, faults)
            faults.raise_if_any(ContractError, f"options {used.id}: some rows cannot be settled")
            outturns = rows.with_columns(pl.lit(PLAN).alias("activity_case"))
            both = pl.concat([paid, funding_payments(mine.options, [PLAN], self.fund)])
            parts.append(self._positions(mine, Payment.validate(both), outturns))
        return pl.concat(parts)

    def _positions(self, document: ContractOptions, paid: Frame[Payment], outturns: pl.DataFrame) -> pl.DataFrame:
        found = self.with_quality(document, paid, outturns).filter(pl.col("role") != "payer")
        return found.select("option", *PARTY, "year", "position_pence", "cost_pence")

    def with_quality(self, document: ContractOptions, paid: Frame[Payment], outturns: pl.DataFrame) -> Frame[Position]:
        """Positions with payments for quality, which look at the position before them."""
        found = positions(paid, outturns, self.money)
        settled = self.quality.settled(document, before_quality(found, self.margin))
        if settled.height:
            both = Payment.validate(pl.concat([paid, self.quality.payments(settled)]))
            found = positions(both, outturns, self.money, FurtherCost.validate(self.quality.costs(settled)))
        return found

    def outturn(self, activity: Frame[CaseActivity], document: ContractOptions | None = None) -> Frame[OutturnLine]:
        """What was bought and what it costs on an activity, from the cost that the run's chain gives."""
        used = document or self.document
        return self.on.outturn(given(activity), used.variable_ppm(), used.cost_at_plan.value).value

    @property
    def fund(self) -> pl.DataFrame:
        """Who earns the sustainability funding of the run."""
        return self.on.fund.value

    @property
    def bases(self) -> Frame[CostBase] | None:
        """The cost that each line starts from when nothing is done; none where the run has no chain."""
        return self.on.bases.value

    @property
    def margin(self) -> pl.DataFrame:
        """Plan income less the cost of planned activity: year, provider_code, margin_pence; nothing where cost is plan income."""
        return self.on.margin.value

    @cached_property
    def said(self) -> str:
        """A digest of all that the document says."""
        return digest(self.document.model_dump_json())

    @cached_property
    def quality(self) -> QualityPayments:
        """The payments for quality of the options."""
        return QualityPayments(self.contracts, self.lines, self.starts)

    def _by_response(
        self, document: ContractOptions, activity: Frame[CaseActivity]
    ) -> list[tuple[tuple[ContractOption, ...], Frame[CaseActivity]]]:
        """Options that answer activity alike, each with the activity that they see."""
        groups = by_response(document, self.starts)
        return [(mine, answered(activity, change, since)) for (change, since), mine in groups.items()]

    def without_response(self) -> ContractOptions:
        """The options with no response of activity to their contracts."""
        return without_response(self.document)


def without_response(document: ContractOptions) -> ContractOptions:
    """A document whose options leave activity as its cases have it."""
    plain = tuple(option.model_copy(update={"response": None}) for option in document.options)
    return document.model_copy(update={"options": plain})


def first_year_of(document: ContractOptions, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the first year of the new contracts."""
    return rows.filter(pl.col("year") == str(document.first_year))


def by_response(document: ContractOptions, starts: Starts) -> dict[tuple[Decimal, str], tuple[ContractOption, ...]]:
    """Options by how activity answers their contracts and since when, in their order."""
    groups: dict[tuple[Decimal, str], list[ContractOption]] = {}
    for option in document.options:
        change = option.response.value if option.response else Decimal(0)
        groups.setdefault((change, str(starts.since.get(option.id, "")) if change else ""), []).append(option)
    return {key: tuple(mine) for key, mine in groups.items()}


def before_quality(every: Frame[Position], margin: pl.DataFrame) -> pl.DataFrame:
    """Positions of providers, as payments for quality look at them: beyond the one that plan income and planned cost give.

    Args:
        every: positions.
        margin: year, provider_code, margin_pence: plan income less the cost of planned activity, which a body is planned to reach.
    """
    mine = every.filter(pl.col("role") == "provider").rename({"organisation_code": "provider_code"})
    both = mine.join(margin, on=["year", "provider_code"], how="left", validate="m:1")
    beyond = pl.col("position_pence") - pl.col("margin_pence").fill_null(0)
    return both.select("option", "activity_case", "year", "provider_code", beyond.alias("position_pence"))


def ids(options: Sequence[ContractOption]) -> list[str]:
    """Ids of options in order."""
    return [option.id for option in options]


__all__ = [
    "PARTY",
    "Kept",
    "Trials",
    "before_quality",
    "by_response",
    "first_year_of",
    "ids",
    "without_response",
]
