"""What every option reads of a run: plan values, money, cost and activity, kept by the content of the frames that they are made of."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from capitation.pack.sources import DataPack
from capitation.pack.stages import Stage, Stages
from capitation.records.frames import Frame, content_digest
from capitation.records.identity import canonical, digest
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOptions
from contracts.options.outturn import (
    CaseActivity,
    CostBase,
    OutturnLine,
    PlanLine,
    case_activity,
    cost_bases,
    outturn,
    plan_lines,
)
from contracts.options.position import CommissionerMoney, commissioner_money, funding

READ = (
    "allocation",
    "flow",
    "locality_activity",
    "membership",
    "organisation_account",
    "organisation_position",
    "provider_allocation",
    "service_envelope",
    "service_line",
    "spendable",
    "sustainability_fund",
)
"""Frames of a run that options read; no other is given to what works with it."""


class OnRun:
    """A run as contract options read it.

    Args:
        document: the options.
        run: the run of their scenario.
        pack: the pack it was made from.
    """

    def __init__(self, document: ContractOptions, run: Run, pack: DataPack) -> None:
        self.document = document
        self.stages = Stages(document, pack)
        self.run = run_read(run)

    @cached_property
    def lines(self) -> Stage[Frame[PlanLine]]:
        """Plan values."""
        return lines_of(self.run)

    @cached_property
    def money(self) -> Stage[Frame[CommissionerMoney]]:
        """Allocations of commissioners."""
        return self.stages.keep("commissioner money", commissioner_money, self.run, self.stages.pack)

    @cached_property
    def fund(self) -> Stage[pl.DataFrame]:
        """Who earns the sustainability funding."""
        return self.stages.keep("funding", funding, self.run)

    @cached_property
    def bases(self) -> Stage[Frame[CostBase] | None]:
        """The cost that each line starts from when nothing is done; none where the run has no chain."""
        return self.stages.keep("cost bases", cost_bases, self.run, self.lines)

    @cached_property
    def margin(self) -> Stage[pl.DataFrame]:
        """Plan income less the cost of planned activity: year, provider_code, margin_pence; nothing where cost is plan income."""
        if self.bases.value is None:
            none = pl.DataFrame(schema={"year": pl.String, "provider_code": pl.String, "margin_pence": pl.Int64})
            return Stage(none, "none")
        rows = self.outturn(self.of_case(PLAN), self.document.variable_ppm(), Decimal(1))
        return self.stages.keep("margin", _margin, rows)

    def of_case(self, case: str, document: ContractOptions | None = None) -> Stage[Frame[CaseActivity]]:
        """Planned activity and that of a case of the document."""
        named = (document or self.document).case_of(case)
        return self.activity(named.of, named.change, tuple(named.lines))

    def activity(
        self, of: str, change: Decimal = Decimal(0), lines: tuple[str, ...] = ()
    ) -> Stage[Frame[CaseActivity]]:
        """Planned activity, and what becomes of it."""
        return self.stages.keep(
            "case activity", case_activity, self.run, self.document.plan_activity, of, change, lines
        )

    def outturn(
        self, activity: Stage[Frame[CaseActivity]], variable_ppm: Mapping[str, int], cost_at_plan: Decimal
    ) -> Stage[Frame[OutturnLine]]:
        """What was bought and what it costs on an activity, from the cost that the run's chain gives."""
        return self.stages.keep("outturn", outturn, self.lines, activity, dict(variable_ppm), cost_at_plan, self.bases)


def run_read(run: Run) -> Stage[Run]:
    """What options read of a run, known by its content."""
    frames = {name: run.frames[name] for name in READ if name in run.frames}
    says = [run.manifest.scenario["streams"], {name: content_digest(frame) for name, frame in frames.items()}]
    return Stage(Run(run.manifest, frames), digest(canonical(says)))


def lines_of(run: Stage[Run]) -> Stage[Frame[PlanLine]]:
    """Plan values of a run."""
    return Stages(None, None).keep("plan lines", plan_lines, run)


def given(frame: pl.DataFrame) -> Stage[Any]:
    """A frame at hand as a stage: it is known by its content."""
    return Stage(frame, content_digest(frame))


def written(contract: Contract) -> Stage[Contract]:
    """A contract as a stage: it is known by all that it says and by the code of its clauses; worked out once for a contract at hand."""
    number = id(contract)
    known = _WRITTEN.get(number)
    if known is not None and known[0]() is contract:
        return Stage(contract, known[1])
    code = [f"{type(term).__module__}.{type(term).__qualname__}" for term in contract.terms]
    key = digest(canonical([contract.model_dump_json(), code]))
    _WRITTEN[number] = (weakref.ref(contract, lambda _: _WRITTEN.pop(number, None)), key)
    return Stage(contract, key)


_WRITTEN: dict[int, tuple[weakref.ref[Contract], str]] = {}
"""What contracts at hand are known by, by their number in memory; one goes with its contract."""


def _margin(rows: Frame[OutturnLine]) -> pl.DataFrame:
    left = (pl.col("plan_value_pence") - pl.col("plan_cost_pence")).sum().alias("margin_pence")
    return rows.group_by("year", provider_code="provider").agg(left).sort("year", "provider_code")


__all__ = ["READ", "OnRun", "given", "lines_of", "run_read", "written"]
