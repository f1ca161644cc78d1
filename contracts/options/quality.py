"""Payments for quality and improvement beside the contracts of an option: CQUIN, sustainability funds, improvement schemes.

    printed result of a goal >= its standard -> goal met        goals met / goals = the provider's score
    plan income, score and flags of the goals -> rows of the payment's contract -> earned, not earned

What stands beside plan income is gained where it is earned; what is inside it is lost where it is not. Results are as
printed for one year and taken for every year of the payment, which the document says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from capitation.errors import CapitationError, ContractError, Faults, suggest
from capitation.pack.sources import DataPack
from capitation.records.columns import CONTRACT, OPTION, PROVIDER, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, QualityPayment
from contracts.options.position import Position
from contracts.options.trials import Trials
from contracts.settlement.settle import settle

_GIVEN = ("provider", "year", "quarter")
_NAMES = ("plan_value", "fund", "goals_met", "position")
_QUARTERS = 4


class QualityEarned(Schema):
    """What one provider earns by a quality or improvement payment in a year, and its position in the shown case with it."""

    option = OPTION
    contract = CONTRACT
    year = YEAR
    provider_code = PROVIDER
    goals_met = Column(pl.Int64, "goals", "Goals whose printed result meets the standard", ge=0)
    goals = Column(pl.Int64, "goals", "Goals with a printed result", ge=1)
    earned_pence = Column(pl.Int64, "pence", "Earned")
    moves_pence = Column(
        pl.Int64, "pence", "What it adds to the provider's position; below 0 where part of plan income is not earned"
    )
    position_pence = Column(pl.Int64, "pence", "Position in the shown case without it")
    position_with_pence = Column(
        pl.Int64, "pence", "Position in the shown case with every payment of the option for quality"
    )


def quality_earned(trials: Trials, every: Frame[Position], pack: DataPack) -> Frame[QualityEarned]:
    """What providers earn by the quality payments of every option.

    Args:
        trials: the options, ready to be tried.
        every: positions of every option and case.
        pack: data pack with the contracts of the payments.

    Raises:
        ContractError: a payment, goal or contract that does not fit; everything at once.
    """
    document, faults = trials.document, Faults()
    contracts = {name: _contract(name, pack, faults) for name in _named(document)}
    for place, payment in _payments(document):
        _check(place, payment, document, contracts[payment.contract], faults)
    faults.raise_if_any(ContractError, f"options {document.id}: payments for quality cannot be reckoned")
    parts: list[pl.DataFrame] = []
    for option in document.options:
        for payment in option.quality:
            contract = contracts[payment.contract]
            if contract is not None:
                parts.append(_earned(option.id, payment, contract, trials, every))
    found = pl.concat(parts) if parts else pl.DataFrame(schema=QualityEarned.dtypes())
    with_all = pl.col("position_pence") + pl.col("moves_pence").sum().over("option", "year", "provider_code")
    return QualityEarned.validate(
        found.with_columns(with_all.alias("position_with_pence")).select(*QualityEarned.columns())
    )


def _earned(
    option: str, payment: QualityPayment, contract: Contract, trials: Trials, every: Frame[Position]
) -> pl.DataFrame:
    document = trials.document
    shown = every.filter(
        (pl.col("option") == option) & (pl.col("activity_case") == document.shown_case) & (pl.col("role") == "provider")
    )
    positions = {(y, p): v for y, p, v in shown.select("year", "organisation_code", "position_pence").rows()}
    plan = trials.lines.group_by("year", "provider").agg(pl.col("plan_value_pence").sum()).sort("year", "provider")
    met = _goals(document)
    quarters = range(1, _QUARTERS + 1) if "quarter" in contract.input_map() else (None,)
    rows, about = [], []
    for year, provider, pence in plan.rows():
        if (
            provider not in met
            or provider not in document.providers_of(payment.groups)
            or not _in_period(contract, year)
        ):
            continue
        position = positions.get((year, provider), 0)
        about.append((year, provider, position))
        rows += [_row(payment, met[provider], (year, provider, pence, position), quarter) for quarter in quarters]
    if not rows:
        return pl.DataFrame(schema={k: v for k, v in QualityEarned.dtypes().items() if k != "position_with_pence"})
    done = settle(
        contract, pl.DataFrame(rows, infer_schema_length=None), where=f"{contract.id}, option {option}"
    ).results
    lost = pl.col(payment.lost) if payment.lost else pl.lit(0, dtype=pl.Int64)
    sums = (
        done.group_by("year", provider_code="provider")
        .agg(pl.col(payment.earned).sum().alias("earned_pence"), lost.sum().alias("lost"))
        .with_columns((-pl.col("lost") if payment.inside_plan else pl.col("earned_pence")).alias("moves_pence"))
    )
    known = pl.DataFrame(
        about, schema={"year": pl.String, "provider_code": pl.String, "position_pence": pl.Int64}, orient="row"
    )
    counts = {provider: (sum(goals.values()), len(goals)) for provider, goals in met.items()}
    return known.join(sums, on=["year", "provider_code"], how="left", validate="1:1").select(
        pl.lit(option).alias("option"), pl.lit(contract.id).alias("contract"), "year", "provider_code",
        pl.col("provider_code").replace_strict({k: v[0] for k, v in counts.items()}, return_dtype=pl.Int64).alias("goals_met"),
        pl.col("provider_code").replace_strict({k: v[1] for k, v in counts.items()}, return_dtype=pl.Int64).alias("goals"),
        "earned_pence", "moves_pence", "position_pence",
    )  # fmt: skip


def _row(
    payment: QualityPayment, goals: Mapping[str, bool], provided: tuple[str, str, int, int], quarter: int | None
) -> dict[str, Any]:
    """One row of the payment's contract."""
    year, provider, plan, position = provided
    parts = _QUARTERS if quarter else 1
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
        row[name] = float(source if isinstance(source, Decimal) else values[source])
    return row


def _goals(document: ContractOptions) -> dict[str, dict[str, bool]]:
    """Whether each provider met each goal that has a printed result for it."""
    out: dict[str, dict[str, bool]] = {}
    for each in document.goals:
        out.setdefault(each.provider, {})[each.goal] = each.value >= each.standard
    return out


def _in_period(contract: Contract, year: str) -> bool:
    if contract.period is None:
        return True
    first = int(year[:4])
    start, end = contract.period.start, contract.period.end
    return start.year <= first and (end is None or first < end.year or (first == end.year and end.month > 3))


def _named(document: ContractOptions) -> list[str]:
    return list(dict.fromkeys(payment.contract for _, payment in _payments(document)))


def _payments(document: ContractOptions) -> Iterator[tuple[str, QualityPayment]]:
    for option in document.options:
        for number, payment in enumerate(option.quality, start=1):
            yield f"options ({option.id}).quality.{number} ({payment.contract})", payment


def _contract(name: str, pack: DataPack, faults: Faults) -> Contract | None:
    known = pack.names("contracts")
    if name not in known:
        faults.add(f"quality: contract {name!r}", "no such contract", "a contract of the pack", suggest(name, known))
        return None
    try:
        return read_contract(pack.path(f"contracts/{name}.toml"))
    except CapitationError as error:
        faults.add(f"contract {name!r}", error.message, "a contract that can be read")
        return None


def _check(
    place: str, payment: QualityPayment, document: ContractOptions, contract: Contract | None, faults: Faults
) -> None:
    groups = [group.id for group in document.groups]
    for group in payment.groups:
        if group not in groups:
            faults.add(f"{place}.groups", f"unknown group {group!r}", "a group of the document", suggest(group, groups))
    if contract is None:
        return
    outputs = [o.name for o in contract.outputs]
    for name in (payment.earned, *([payment.lost] if payment.lost else [])):
        if name not in outputs:
            faults.add(place, f"unknown output {name!r}", "an output of the contract", suggest(name, outputs))
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


__all__ = ["QualityEarned", "quality_earned"]
