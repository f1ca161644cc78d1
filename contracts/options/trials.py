"""Trials: the positions of all options on any activity and cost, quick enough to be asked many times.

activity driver    planned activity x (1 + change)
cost driver        what planned activity costs, as a part of plan income
shift driver       how much of the planned channel shift is delivered: 1 is the plan, 0 current trends
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.money.rounding import nearest_quotient
from capitation.records.frames import Frame
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOption, ContractOptions
from contracts.options.each_option.on_run import OnRun, given
from contracts.options.each_option.payments import settle_all
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

PARTY = ["role", "organisation_code"]
_FINE = 1_000_000


@dataclass(frozen=True)
class Trials:
    """Options, contracts and the money of a run, ready to be tried.

    Args:
        contracts: contracts by the name the options and their payments for quality use.
        run: the run of the scenario.
        on: what the options read of it.
    """

    contracts: Mapping[str, Contract]
    run: Run
    on: OnRun

    @property
    def document(self) -> ContractOptions:
        """The options."""
        return self.on.document

    @property
    def lines(self) -> Frame[PlanLine]:
        """Plan values."""
        return self.on.lines.value

    @property
    def money(self) -> Frame[CommissionerMoney]:
        """Allocations of commissioners."""
        return self.on.money.value

    def settle_all(
        self,
        document: ContractOptions,
        contracts: Mapping[str, Contract],
        rows: Frame[OutturnLine],
        case: str,
        faults: Faults,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Payments and notices of all options of a document on one outturn; arguments are those of `payments.settle_all`."""
        return settle_all(self.on.stages, document, contracts, rows, case, faults)

    def by_change(self, change: Decimal) -> Frame[CaseActivity]:
        """Activity a share above or below plan on all lines."""
        return self.on.activity(PLAN, change).value

    def by_case(self, case: str, document: ContractOptions | None = None) -> Frame[CaseActivity]:
        """Activity of a case of the document."""
        return self.on.of_case(case, document).value

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
        """Positions with payments for quality, which look at the position before them."""
        found = positions(paid, outturns, self.money)
        settled = self.quality.settled(document, before_quality(found, self.margin))
        if settled.height:
            both = Payment.validate(pl.concat([paid, self.quality.payments(settled)]))
            found = positions(both, outturns, self.money, FurtherCost.validate(self.quality.costs(settled)))
        kept = found.filter(pl.col("role") != "payer")
        return kept.select("option", *PARTY, "year", "position_pence", "cost_pence")

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
    def quality(self) -> QualityPayments:
        """The payments for quality of the options."""
        return QualityPayments(self.contracts, self.lines)

    def _by_response(
        self, document: ContractOptions, activity: Frame[CaseActivity]
    ) -> list[tuple[tuple[ContractOption, ...], Frame[CaseActivity]]]:
        """Options that answer activity alike, each with the activity that they see."""
        return [(mine, answered(activity, change)) for change, mine in by_response(document).items()]

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


def by_response(document: ContractOptions) -> dict[Decimal, tuple[ContractOption, ...]]:
    """Options by how activity answers their contracts, in their order."""
    groups: dict[Decimal, list[ContractOption]] = {}
    for option in document.options:
        groups.setdefault(option.response.value if option.response else Decimal(0), []).append(option)
    return {change: tuple(mine) for change, mine in groups.items()}


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
    "Trials",
    "before_quality",
    "by_response",
    "first_year_of",
    "ids",
    "without_response",
]
