"""What one option pays: its contracts settled on an outturn, and added up over lines to payments from one party to another.

A contract is settled once for all options and calls where what it says and what it reads of the rows are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import polars as pl

from capitation.errors import CapitationError, ContractError, Faults
from capitation.pack.stages import Stages
from capitation.records.columns import ACTIVITY_CASE, CONTRACT, OPTION
from capitation.records.frames import Column, Frame, Schema
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOption, ContractOptions
from contracts.options.each_option.on_run import given, written
from contracts.options.outturn import OutturnLine
from contracts.options.position import Payment
from contracts.settlement.settle import Settlement, settle


class ContractNotice(Schema):
    """Something that a contract says of the rows it settled, such as a clause that changed none of them."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    contract = CONTRACT
    name = Column(pl.String, "name", "Short name of the notice", key=True)
    rows = Column(pl.Int64, "rows", "Number of rows it is about", ge=1)
    says = Column(pl.String, "words", "The sentence")


_ANSWERS = 100
"""Added to the number of a term for what it pays as activity answers the contract."""

Settled = dict[tuple[str, tuple[str, ...]], Settlement | None]


def settle_all(
    stages: Stages | None,
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    rows: Frame[OutturnLine],
    case: str,
    faults: Faults,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Payments and notices of all options of a document on one outturn.

    Args:
        stages: where settlements are kept; none means nowhere.
        document: the options.
        contracts: contracts by the name that the options use.
        rows: the outturn.
        case: id of the activity case, carried into the result.
        faults: takes rows that cannot be settled, those of the same contract and providers once.
    """
    once: Settled = {}
    both = [
        _settle_option(option, document, contracts, (rows, case), faults, once, stages) for option in document.options
    ]
    return pl.concat([paid for paid, _ in both]), pl.concat([notices for _, notices in both])


def payments_of(
    option: ContractOption,
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    rows: Frame[OutturnLine],
    case: str = PLAN,
) -> Frame[Payment]:
    """What an option pays on an outturn, by commissioner, provider and term of contract.

    Args:
        option: the option.
        document: the document it stands in, which says who is in each group.
        contracts: contracts by the name that the option uses.
        rows: the outturn.
        case: id of the activity case, carried into the result.

    Raises:
        ContractError: rows that a contract cannot settle; those of all contracts at once.
    """
    faults = Faults()
    paid, _ = _settle_option(option, document, contracts, (rows, case), faults, {}, None)
    faults.raise_if_any(ContractError, f"option {option.id}: some rows cannot be settled")
    return Payment.validate(paid)


def _settle_option(
    option: ContractOption,
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    tried: tuple[Frame[OutturnLine], str],
    faults: Faults,
    once: Settled,
    stages: Stages | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows, case = tried
    paid: list[pl.DataFrame] = [Payment.empty()]
    notices: list[pl.DataFrame] = [ContractNotice.empty()]
    for each in option.contracts:
        contract, providers = contracts[each.contract], tuple(document.providers_of(each.groups))
        mine = cast("Frame[OutturnLine]", rows.filter(pl.col("provider").is_in(list(providers))))
        if (each.contract, providers) not in once:
            try:
                once[each.contract, providers] = _settled(contract, each.contract, mine, case, stages)
            except CapitationError as error:
                faults.extend(error.faults)
                if not error.faults:
                    faults.add(f"contract {each.contract!r}, activity case {case}", error.message, "rows it can settle")
                once[each.contract, providers] = None
        done = once[each.contract, providers]
        if done is not None:
            paid.append(_payments(option.id, case, contract, mine, done))
            notices.append(_notices(option.id, case, contract, done))
    return _added(pl.concat(paid)), pl.concat(notices).unique(ContractNotice.key(), maintain_order=True)


def _settled(contract: Contract, name: str, rows: Frame[OutturnLine], case: str, stages: Stages | None) -> Settlement:
    """What a contract pays on rows; settled once where what it says and what it reads of them is the same."""
    reads = {each.heading for each in contract.inputs}
    used = rows.select(column for column in rows.columns if column in reads)
    if stages is not None:
        try:
            return stages.keep("settled", settle, written(contract), given(used)).value
        except CapitationError:
            pass  # refused below, with its name and the case
    return settle(contract, rows, where=f"{name}, activity case {case}")


def _payments(option: str, case: str, contract: Contract, rows: Frame[OutturnLine], done: Settlement) -> pl.DataFrame:
    roles = {party.code: party.role for party in contract.parties}
    paid = [o for o in contract.outputs if o.payer is not None]
    return pl.concat(
        [
            rows.select(
                pl.lit(option).alias("option"),
                pl.lit(case).alias("activity_case"),
                "year",
                pl.col("commissioner").alias("commissioner_code"),
                pl.col("provider").alias("provider_code"),
                pl.lit(contract.id).alias("contract"),
                pl.lit(number, dtype=pl.Int64).alias("term_number"),
                pl.lit(f"{contract.title}: {output.about or output.name}").alias("term"),
                pl.lit("contract").alias("kind"),
                pl.lit("commissioner").alias("payer_role"),
                done.results.get_column(output.name).alias("amount_pence")
                * (1 if roles[str(output.payer)] == "commissioner" else -1),
            )
            for number, output in enumerate(paid, start=1)
        ]
    )


def _added(paid: pl.DataFrame) -> pl.DataFrame:
    """Payments added up over lines, and over groups that have the same contract apart."""
    key = [*Payment.key(), "term", "kind", "payer_role"]
    return paid.group_by(key).agg(pl.col("amount_pence").sum()).select(*Payment.columns())


def _notices(option: str, case: str, contract: Contract, done: Settlement) -> pl.DataFrame:
    return done.notices.select(
        pl.lit(option).alias("option"),
        pl.lit(case).alias("activity_case"),
        pl.lit(contract.id).alias("contract"),
        "name",
        "rows",
        "says",
    )


def beyond(after: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Payments less those of the same terms without an answer, as terms of their own."""
    was = before.select(*Payment.key(), was="amount_pence")
    return (
        after.join(was, on=Payment.key(), how="left", validate="1:1")
        .with_columns(
            pl.col("amount_pence") - pl.col("was").fill_null(0),
            pl.col("term_number") + _ANSWERS,
            pl.lit("response").alias("kind"),
            (pl.col("term") + ", as activity answers the contract").alias("term"),
        )
        .filter(pl.col("amount_pence") != 0)
        .select(*Payment.columns())
    )


__all__ = ["ContractNotice", "beyond", "payments_of", "settle_all"]
