"""Payments for quality and improvement beside the contracts of an option: CQUIN, sustainability funds, improvement schemes.

    printed result of a goal >= its standard -> goal met        goals met / goals = the provider's score
    plan income, score and flags of the goals -> rows of the payment's contract -> earned, not earned
    earned -> payments between payer and provider, and cost of earning it -> positions

What stands beside plan income is gained where it is earned; what is inside it is lost where it is not. The payment's own
contract says who pays: the providers' commissioners, by what they plan to pay each, or a body outside the system. A
control total is looked at before any payment for quality. Results are as printed for one year and taken for every year of
the payment, which the document says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl

from capitation.errors import Faults, suggest
from capitation.money.apportion import apportion
from capitation.money.rounding import nearest
from capitation.pack.stages import Stage, Stages
from capitation.records.columns import CONTRACT, OPTION, PROVIDER, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, QualityPayment
from contracts.options.kept.on_run import written
from contracts.options.kept.settled import settled_once
from contracts.options.outturn import PlanLine
from contracts.options.position import FurtherCost, Payment, Position
from contracts.options.starts.starts import Starts

_GIVEN = ("provider", "year", "quarter")
_NAMES = ("plan_value", "fund", "goals_met", "position")
QUARTERS = 4
_FIRST_TERM = 201
"""Number of the first payment for quality among a commissioner's terms with a provider."""

_SETTLED = {
    "option": pl.String, "activity_case": pl.String, "number": pl.Int64, "contract": pl.String, "term": pl.String,
    "payer": pl.String, "year": pl.String, "provider_code": pl.String, "goals_met": pl.Int64, "goals": pl.Int64,
    "earned_pence": pl.Int64, "moves_pence": pl.Int64, "cost_pence": pl.Int64,
}  # fmt: skip


class QualityEarned(Schema):
    """What one provider earns by a quality or improvement payment in a year, and its position in the shown case with it."""

    option = OPTION
    contract = CONTRACT
    year = YEAR
    provider_code = PROVIDER
    outside_payer = Column(
        pl.String, "code", "Body outside the system that pays; empty where commissioners pay", nullable=True
    )
    goals_met = Column(pl.Int64, "goals", "Goals whose printed result meets the standard", ge=0)
    goals = Column(pl.Int64, "goals", "Goals with a printed result", ge=1)
    earned_pence = Column(pl.Int64, "pence", "Earned")
    moves_pence = Column(
        pl.Int64, "pence", "What is paid to the provider; below 0 where part of plan income is not earned"
    )
    cost_pence = Column(pl.Int64, "pence", "What earning it costs the provider")
    position_pence = Column(pl.Int64, "pence", "Position in the shown case without any payment for quality")
    position_with_pence = Column(
        pl.Int64, "pence", "Position in the shown case with every payment of the option for quality"
    )


@dataclass(frozen=True)
class QualityPayments:
    """The payments for quality of some options, ready to be settled on the positions of any activity.

    Args:
        contracts: contracts by name, those of the payments among them.
        lines: plan values.
        starts: when options begin; until then the payments of the option before hold.
    """

    contracts: Mapping[str, Contract]
    lines: Frame[PlanLine]
    starts: Starts = field(default_factory=Starts)
    _known: dict[tuple[object, ...], list[tuple[int, int, int]]] = field(default_factory=dict, repr=False)

    def settled(self, document: ContractOptions, before: pl.DataFrame) -> pl.DataFrame:
        """What each payment earns, moves and costs, by option, activity case, year and provider.

        Args:
            document: the options.
            before: positions of providers before these payments: option, activity_case, year, provider_code,
                position_pence.

        Raises:
            ContractError: a row that the contract of a payment cannot settle.
        """
        spans = {option.id: self.starts.spans(option) for option in document.options}
        if not any(span.option.quality for each in spans.values() for span in each):
            return pl.DataFrame(schema=_SETTLED)
        met = goals_of(document)
        plan = self._plan(met)
        rows: list[tuple[object, ...]] = []
        for (option_id, case), mine in before.partition_by("option", "activity_case", as_dict=True).items():
            at = {(y, p): v for y, p, v in mine.select("year", "provider_code", "position_pence").rows()}
            agreed = [(span, payment) for span in spans[option_id] for payment in span.option.quality]
            for number, (span, payment) in enumerate(agreed, start=1):
                contract = self.contracts[payment.contract]
                members = set(document.providers_of(payment.groups))
                about = [
                    (y, p, pence, at.get((y, p), 0))
                    for y, p, pence in plan
                    if p in members and in_period(contract, y) and span.has(y)
                ]
                head = (
                    option_id,
                    case,
                    number,
                    contract.id,
                    payment.line or contract.title,
                    outside_payer(payment, contract),
                )
                rows += [
                    (*head, y, p, sum(met[p].values()), len(met[p]), *amounts)
                    for (y, p, _, _), amounts in zip(about, self._amounts(payment, contract, about, met), strict=True)
                ]
        return pl.DataFrame(rows, schema=_SETTLED, orient="row")

    def payments(self, settled: pl.DataFrame) -> pl.DataFrame:
        """What payers pay providers: rows of `Payment`; commissioners by what they plan to pay the provider, odd pence by code."""
        key = ["option", "activity_case", "number", "year", "provider_code"]
        outside = settled.filter(pl.col("payer").is_not_null()).with_columns(
            pl.col("payer").alias("commissioner_code"), pl.col("moves_pence").alias("amount_pence")
        )
        weights = (
            self.lines.group_by("year", provider_code="provider", commissioner_code="commissioner")
            .agg(pl.col("plan_value_pence").sum().clip(0).alias("weight"))
            .filter(pl.col("weight") > 0)
        )
        inside = apportion(
            settled.filter(pl.col("payer").is_null()).join(weights, on=["year", "provider_code"], how="left"),
            total="moves_pence", weight="weight", within=key, order_by=["commissioner_code"], into="amount_pence",
        )  # fmt: skip
        role = pl.when(pl.col("payer").is_null()).then(pl.lit("commissioner")).otherwise(pl.lit("payer"))
        return (
            pl.concat([outside, inside.select(outside.columns)])
            .with_columns(
                (pl.col("number") + (_FIRST_TERM - 1)).alias("term_number"),
                pl.lit("quality").alias("kind"),
                role.alias("payer_role"),
            )
            .select(*Payment.columns())
        )

    def costs(self, settled: pl.DataFrame) -> pl.DataFrame:
        """What earning the payments costs providers: rows of `FurtherCost`."""
        return (
            settled.filter(pl.col("cost_pence") != 0)
            .with_columns(pl.lit("quality").alias("kind"), ("cost of " + pl.col("term")).alias("name"))
            .group_by(FurtherCost.key())
            .agg(pl.col("cost_pence").sum())
            .select(*FurtherCost.columns())
        )

    def _plan(self, met: Mapping[str, object]) -> list[tuple[str, str, int]]:
        sums = self.lines.group_by("year", "provider").agg(pl.col("plan_value_pence").sum()).sort("year", "provider")
        return [row for row in sums.rows() if row[1] in met]

    def _amounts(
        self,
        payment: QualityPayment,
        contract: Contract,
        about: Sequence[tuple[str, str, int, int]],
        met: Mapping[str, Mapping[str, bool]],
    ) -> list[tuple[int, int, int]]:
        """Earned, moved and cost, one for each year and provider; once for the same payment on the same figures."""
        by_position = "position" in payment.inputs.values()
        rows = tuple(row if by_position else (*row[:3], 0) for row in about)
        said = payment.model_dump_json()
        key = (said, rows, tuple(tuple(sorted(met[provider].items())) for _, provider, _, _ in rows))
        if not rows:
            return []
        if key not in self._known:
            mine = {provider: dict(met[provider]) for _, provider, _, _ in rows}
            stage = Stages(None, None).keep("earned", _settled, Stage(payment, said), written(contract), rows, mine)
            self._known[key] = stage.value
        return self._known[key]


def quality_faults(
    document: ContractOptions, contracts: Mapping[str, Contract], commissioners: Collection[str], faults: Faults
) -> None:
    """Add everything in which payments for quality contradict the document or their contracts.

    Args:
        document: the options.
        contracts: contracts by name; those missing are reported elsewhere.
        commissioners: codes of the system's commissioners.
        faults: takes what is wrong.
    """
    for place, payment in _payments(document):
        _check(place, payment, document, contracts.get(payment.contract), faults)
        if payment.paid_by in commissioners:
            faults.add(f"{place}.paid_by", f"{payment.paid_by}, a commissioner of the system", "a body outside it")


def quality_earned(settled: pl.DataFrame, every: Frame[Position], document: ContractOptions) -> Frame[QualityEarned]:
    """What providers earn by the quality payments of every option, in the shown case.

    Args:
        settled: what `QualityPayments.settled` gives.
        every: positions of every option and case, these payments in them.
        document: the options.
    """
    shown = settled.filter(pl.col("activity_case") == document.shown_case)
    positions = every.filter((pl.col("activity_case") == document.shown_case) & (pl.col("role") == "provider")).select(
        "option", "year", provider_code="organisation_code", position_with_pence="position_pence"
    )
    own = pl.col("moves_pence") - pl.col("cost_pence")
    rows = (
        shown.group_by("option", "contract", "year", "provider_code", "goals_met", "goals", outside_payer="payer")
        .agg(pl.col("earned_pence", "moves_pence", "cost_pence").sum())
        .join(positions, on=["option", "year", "provider_code"], how="left", validate="m:1")
        .with_columns(
            (pl.col("position_with_pence") - own.sum().over("option", "year", "provider_code")).alias("position_pence")
        )
    )
    return QualityEarned.validate(rows.select(*QualityEarned.columns()))


def _settled(
    payment: QualityPayment,
    contract: Contract,
    about: Sequence[tuple[str, str, int, int]],
    met: Mapping[str, Mapping[str, bool]],
) -> list[tuple[int, int, int]]:
    quarters = range(1, QUARTERS + 1) if "quarter" in contract.input_map() else (None,)
    rows = [payment_row(payment, met[row[1]], row, quarter) for row in about for quarter in quarters]
    done = settled_once(contract, pl.DataFrame(rows, infer_schema_length=None), f"payment for quality {contract.id}")
    earned = done.results.get_column(payment.earned).to_list()
    lost = done.results.get_column(payment.lost).to_list() if payment.lost else [0] * len(earned)
    out = []
    for i in range(len(about)):
        mine = slice(i * len(quarters), (i + 1) * len(quarters))
        got, missed = sum(earned[mine]), sum(lost[mine])
        cost = nearest(Decimal(got) * payment.cost.value) if payment.cost else 0
        out.append((got, -missed if payment.inside_plan else got, cost))
    return out


def payment_row(
    payment: QualityPayment, goals: Mapping[str, bool], provided: tuple[str, str, int, int], quarter: int | None
) -> dict[str, Any]:
    """One row of the payment's contract."""
    year, provider, plan, position = provided
    parts = QUARTERS if quarter else 1
    pounds = Decimal(plan) / 100
    values: dict[str, Decimal | int] = {
        "plan_value": pounds / parts,
        "fund": pounds * (payment.fund.value if payment.fund else 0) / parts,
        "goals_met": Decimal(sum(goals.values())) / len(goals),
        "position": Decimal(position) / 100 * (quarter or parts) / parts,
        **{f"met {goal}": int(met) for goal, met in goals.items()},
    }
    row: dict[str, Any] = {"provider": provider, "year": year}
    if quarter:
        row["quarter"] = quarter
    for name, source in payment.inputs.items():
        row[name] = float(source if isinstance(source, Decimal) else values.get(source, 0))
    return row


def goals_of(document: ContractOptions) -> dict[str, dict[str, bool]]:
    """Whether each provider met each goal that has a printed result for it."""
    out: dict[str, dict[str, bool]] = {}
    for each in document.goals:
        out.setdefault(each.provider, {})[each.goal] = each.value >= each.standard
    return out


def in_period(contract: Contract, year: str) -> bool:
    """Whether a financial year lies in the period of a contract."""
    if contract.period is None:
        return True
    first = int(year[:4])
    start, end = contract.period.start, contract.period.end
    return start.year <= first and (end is None or first < end.year or (first == end.year and end.month > 3))


def outside_payer(payment: QualityPayment, contract: Contract) -> str | None:
    """The body outside the system that pays; None where the providers' commissioners do."""
    if payment.paid_by is not None:
        return payment.paid_by
    payer = next(o.payer for o in contract.outputs if o.name == payment.earned)
    role = next((p.role for p in contract.parties if p.code == payer), "commissioner")
    return None if role == "commissioner" else payer


def _payments(document: ContractOptions) -> Iterator[tuple[str, QualityPayment]]:
    for option in document.options:
        for number, payment in enumerate(option.quality, start=1):
            yield f"options ({option.id}).quality.{number} ({payment.contract})", payment


def _check(
    place: str, payment: QualityPayment, document: ContractOptions, contract: Contract | None, faults: Faults
) -> None:
    groups = [group.id for group in document.groups]
    for group in payment.groups:
        if group not in groups:
            faults.add(f"{place}.groups", f"unknown group {group!r}", "a group of the document", suggest(group, groups))
    for name, figure in (("fund", payment.fund), ("cost", payment.cost)):
        ends = [] if figure is None else [x for x in (figure.value, figure.low, figure.high) if x is not None]
        if any(not 0 <= x <= 1 for x in ends):
            faults.add(
                f"{place}.{name}", ", ".join(f"{x}" for x in ends), "shares from 0 to 1, and a range within them"
            )
    if payment.inside_plan and payment.lost is None:
        faults.add(place, "inside plan income, and no output that says what is not earned", "its name as `lost`")
    if "fund" in payment.inputs.values() and payment.fund is None:
        faults.add(place, "the input fund, and no fund", "the sum offered, as a part of plan income")
    if contract is None:
        return
    _check_outputs(place, payment, document, contract, faults)
    goals = [f"met {goal}" for goal in dict.fromkeys(each.goal for each in document.goals)]
    known = [*_NAMES, *goals]
    inputs = contract.input_map()
    for name, source in payment.inputs.items():
        if name not in inputs:
            faults.add(f"{place}.inputs", f"unknown input {name!r}", "an input of the contract", suggest(name, inputs))
        if not isinstance(source, Decimal) and source not in known:
            faults.add(
                f"{place}.inputs.{name}",
                repr(source),
                f"a number or one of: {', '.join(known)}",
                suggest(source, known),
            )
    for name, each in inputs.items():
        if each.required and each.default is None and name not in payment.inputs and name not in _GIVEN:
            faults.add(f"{place}.inputs", f"nothing for {name!r}", each.about)


def _check_outputs(
    place: str, payment: QualityPayment, document: ContractOptions, contract: Contract, faults: Faults
) -> None:
    """What is earned is paid in whole pence to the provider, by commissioners or by a body that is none of the system's."""
    outputs = {o.name: o for o in contract.outputs}
    for name in (payment.earned, *([payment.lost] if payment.lost else [])):
        if name not in outputs:
            faults.add(place, f"unknown output {name!r}", "an output of the contract", suggest(name, outputs))
        elif outputs[name].rounded_to != "pence":
            faults.add(place, f"{name!r} in {outputs[name].rounded_to}", "an output rounded to pence")
    earned = outputs.get(payment.earned)
    if earned is None:
        return
    if earned.payer is None and payment.paid_by is None:
        faults.add(place, f"{payment.earned!r}, which names no payer", "an output with a payer, or `paid_by`")
        return
    outside = outside_payer(payment, contract)
    if payment.inside_plan and outside is not None:
        faults.add(
            place, f"inside plan income and paid by {outside}", "one or the other: commissioners pay plan income"
        )
    members = {code for group in document.groups for code in group.providers}
    if outside in members:
        faults.add(f"{place}.paid_by", f"{outside}, a provider of the system", "a body outside it")


__all__ = [
    "QUARTERS",
    "QualityEarned",
    "QualityPayments",
    "goals_of",
    "in_period",
    "outside_payer",
    "payment_row",
    "quality_earned",
    "quality_faults",
]
