"""Carry-forward ledger: balances of recoupments and deficits, period by period, in whole pence.

    opening + added - taken = closing          opening of a period = closing of the one before

Balances come from the recoup clauses of a settlement; the next settlement starts from what was carried forward.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from capitation.errors import ContractError, Fault, Faults
from capitation.records.columns import ACCOUNT, CONTRACT, OPENING_PENCE, PERIOD, SCENARIO
from capitation.records.frames import Column, Frame, Schema
from contracts.books.statements import outturns
from contracts.document.models import Contract
from contracts.language.currency import smallest_unit
from contracts.language.rounding import nearest_units, units_per
from contracts.settlement.settle import Settlement
from contracts.terms._base import value
from contracts.terms.time.recoup import Recoup

_ACCOUNT = ["contract", "balance", "scenario", "account"]
_SHOWN = 5


class CarriedBalance(Schema):
    """One balance of one account in one period."""

    contract = CONTRACT
    balance = Column(pl.String, "name", "Clause that carries it", key=True)
    scenario = SCENARIO
    account = ACCOUNT.but(about="Account")
    period = PERIOD
    opening_pence = OPENING_PENCE.but(unit="pence, or cents", about="Balance at the start")
    added_pence = Column(pl.Int64, "pence, or cents", "What the period added, such as a deficit", ge=0)
    taken_pence = Column(pl.Int64, "pence, or cents", "What was recouped", ge=0)
    closing_pence = Column(pl.Int64, "pence, or cents", "Balance at the end", ge=0)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Opening and movements make the closing balance."""
        moved = cls.opening_pence.col + cls.added_pence.col - cls.taken_pence.col
        return {"opening + added - taken = closing": moved == cls.closing_pence.col}


class BroughtForward(Schema):
    """What an account takes into its next period."""

    contract = CONTRACT
    balance = Column(pl.String, "name", "Clause that carries it", key=True)
    scenario = SCENARIO
    account = ACCOUNT.but(about="Account")
    after = Column(pl.String, "year", "Last period that is settled")
    opening_pence = OPENING_PENCE.but(unit="pence, or cents", about="Opening balance of the next period")


def carried(settlement: Settlement) -> Frame[CarriedBalance]:
    """Every balance that the recoup clauses of a settlement carry, one row an account and period.

    Closing balances are rounded to the penny and an opening is the closing before it; what is taken and added makes the
    difference and must lie within a penny of what the clause says.

    Raises:
        ContractError: the contract carries nothing forward, or a movement is more than a penny from its clause.
    """
    contract = settlement.contract
    clauses = [term for term in contract.terms if isinstance(term, Recoup)]
    if not clauses:
        raise ContractError(f"contract {contract.id}: no recoup clause; expected one that carries a balance")
    frame = pl.concat(
        [settlement.values, outturns(settlement).select(pl.exclude("row").name.prefix("="))], how="horizontal"
    )
    parts = [_balances(frame, clause, contract) for clause in clauses]
    found = pl.concat(parts)
    faults = Faults()
    faults.extend(_clause_faults(found))
    faults.raise_if_any(ContractError, f"contract {contract.id}: balances do not agree with their clause")
    return CarriedBalance.validate(found.drop("clause_added", "clause_recouped"), "balances carried")


def carry_on(ledger: Frame[CarriedBalance], later: Frame[CarriedBalance], where: str = "") -> Frame[CarriedBalance]:
    """The ledger with later periods, once each begins where the one before it ended.

    Args:
        ledger: the periods so far.
        later: the periods after them.
        where: a name for messages, such as the file of the later periods.

    Raises:
        ContractError: a period that is there twice, or an opening balance that is not the closing one before it.
    """
    both = pl.concat([ledger, later]).sort(*_ACCOUNT, "period")
    faults = Faults()
    faults.extend(_ledger_faults(both))
    faults.raise_if_any(ContractError, f"{where}: the periods do not follow" if where else "the periods do not follow")
    return CarriedBalance.validate(both, "carry-forward ledger")


def brought_forward(ledger: Frame[CarriedBalance]) -> Frame[BroughtForward]:
    """The opening balance of each account's next period: the closing balance of its last one."""
    last = ledger.sort("period").group_by(_ACCOUNT, maintain_order=True).last()
    found = last.select(*_ACCOUNT, pl.col("period").alias("after"), pl.col("closing_pence").alias("opening_pence"))
    return BroughtForward.validate(found, "brought forward")


def _balances(frame: pl.DataFrame, clause: Recoup, contract: Contract) -> pl.DataFrame:
    per = units_per(smallest_unit(contract.amounts), contract.amounts)
    runs = clause.order_by is not None
    within = [str(name) for name in clause.within]
    order = str(clause.order_by) if runs else "=period"

    def text(name: str) -> pl.Expr:
        whole = frame.schema[name].is_float()
        return (pl.col(name).cast(pl.Int64) if whole else pl.col(name)).cast(pl.String)

    account = pl.concat_str([text(name) for name in within], separator=" / ") if runs and within else pl.col("=account")
    work = frame.select(
        pl.lit(contract.id).alias("contract"),
        pl.lit(clause.step).alias("balance"),
        pl.col("=scenario").alias("scenario"),
        (account if within or not runs else pl.lit("all")).alias("account"),
        (text(order) if runs else pl.col("=period")).alias("period"),
        pl.col(order).alias("__order"),
        nearest_units(value(clause.balance) + 0.0 * pl.col(clause.step), per).alias("__first"),
        nearest_units(value(clause.added) + 0.0 * pl.col(clause.step), per).alias("clause_added"),
        nearest_units(pl.col(f"{clause.step}.recouped"), per).alias("clause_recouped"),
        nearest_units(pl.col(f"{clause.step}.balance"), per).alias("closing_pence"),
    ).sort(*_ACCOUNT, "__order")
    before = pl.col("closing_pence").shift(1).over(_ACCOUNT) if runs else pl.col("__first")
    opening = before.fill_null(pl.col("__first"))
    moved = pl.col("opening_pence") + pl.col("clause_added") - pl.col("closing_pence")
    added = pl.col("closing_pence") + pl.col("taken_pence") - pl.col("opening_pence")
    return (
        work.with_columns(opening.alias("opening_pence"))
        .with_columns(moved.clip(lower_bound=0).alias("taken_pence"))
        .with_columns(added.alias("added_pence"))
        .select(*CarriedBalance.columns(), "clause_added", "clause_recouped")
    )


def _clause_faults(found: pl.DataFrame) -> Iterator[Fault]:
    for ours, theirs, word in (
        ("taken_pence", "clause_recouped", "recouped"),
        ("added_pence", "clause_added", "added"),
    ):
        off = found.filter((pl.col(ours) - pl.col(theirs)).abs() > 1)
        for row in off.head(_SHOWN).iter_rows(named=True):
            yield Fault(
                f"{row['balance']}, {row['account']} {row['period']}",
                f"{row[ours]} pence {word} between balances",
                f"{row[theirs]} pence, as the clause says, within a penny",
            )


def _ledger_faults(both: pl.DataFrame) -> Iterator[Fault]:
    twice = both.filter(pl.struct(*_ACCOUNT, "period").is_duplicated()).unique(
        [*_ACCOUNT, "period"], maintain_order=True
    )
    for row in twice.head(_SHOWN).iter_rows(named=True):
        yield Fault(f"{row['balance']}, {row['account']}", f"period {row['period']} twice", "each period once")
    before = pl.col("closing_pence").shift(1).over(_ACCOUNT)
    broken = both.with_columns(before.alias("__before")).filter(pl.col("__before") != pl.col("opening_pence"))
    for row in broken.head(_SHOWN).iter_rows(named=True):
        yield Fault(
            f"{row['balance']}, {row['account']} {row['period']}",
            f"an opening balance of {row['opening_pence']} pence",
            f"{row['__before']} pence, the closing balance before it",
        )


__all__ = ["BroughtForward", "CarriedBalance", "brought_forward", "carried", "carry_on"]
