"""What organisations owe each other at the end of each month, and whether both sides say the same.

    owed to the provider = earned to date - paid to date        both are the year's allocation in March, so that nothing is owed then

At the agreement of balances each party gives its own figure; a difference is named with both, and never set aside.
"""

from __future__ import annotations

import polars as pl

from capitation.errors import DataError, Faults, SourceError
from capitation.money.pence import pence_of
from capitation.pack.cells import pounds
from capitation.pack.rows import RawTable
from capitation.records.columns import COMMISSIONER, PROVIDER, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.run.months.monthly import MONTH, MonthlyCash

KEY = ["year", "month", "commissioner_code", "provider_code"]


class _PairMonth(Schema):
    """A commissioner and a provider at the end of a month."""

    year = YEAR
    month = MONTH
    commissioner_code = COMMISSIONER
    provider_code = PROVIDER


class MonthBalance(_PairMonth):
    """What a commissioner owes a provider at the end of a month; below nothing the provider was paid ahead."""

    earned_pence = Column(pl.Int64, "pence", "Earned since April")
    paid_pence = Column(pl.Int64, "pence", "Paid since April")
    owed_pence = Column(pl.Int64, "pence", "Owed to the provider at the end of the month")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The balance is the difference."""
        return {"owed is earned less paid": pl.col("owed_pence") == pl.col("earned_pence") - pl.col("paid_pence")}


class BalanceDifference(_PairMonth):
    """A month's balance of which the two parties say different amounts."""

    ours_pence = Column(pl.Int64, "pence", "Owed to the provider, by the run")
    theirs_pence = Column(pl.Int64, "pence", "Owed to the provider, by the other party")
    difference_pence = Column(pl.Int64, "pence", "Theirs less ours")


def balances(cash: Frame[MonthlyCash]) -> Frame[MonthBalance]:
    """Balances of every pair of organisations at the end of every month."""
    sums = cash.group_by(KEY).agg(pl.col("earned_pence", "paid_pence").sum()).sort(KEY)
    pair = ["year", "commissioner_code", "provider_code"]
    run = sums.with_columns(pl.col("earned_pence", "paid_pence").cum_sum().over(pair, order_by="month"))
    owed = (pl.col("earned_pence") - pl.col("paid_pence")).alias("owed_pence")
    return MonthBalance.validate(run.with_columns(owed).select(*MonthBalance.columns()))


def disagreements(ours: Frame[MonthBalance], theirs: RawTable) -> Frame[BalanceDifference]:
    """Balances of another party's statement that differ from ours.

    Args:
        ours: balances of the run.
        theirs: columns month, commissioner_code, provider_code and owed_pounds.

    Raises:
        SourceError: a column is missing, an amount is none, or a row is of no flow of the run; all together.
    """
    cells, faults = theirs.cells, Faults()
    wanted = ("month", "commissioner_code", "provider_code", "owed_pounds")
    for name in wanted:
        if name not in cells.columns:
            faults.add(f"{theirs.where}: columns", f"no {name}", f"columns {', '.join(wanted)}")
    faults.raise_if_any(SourceError, "the statement cannot be compared")
    known = {
        tuple(row[:3]): row
        for row in ours.select("month", "commissioner_code", "provider_code", "year", "owed_pence").iter_rows()
    }
    rows = []
    for number, (month, commissioner, provider, text) in zip(
        theirs.lines, cells.select(wanted).iter_rows(), strict=True
    ):
        at = known.get((month, commissioner, provider))
        if at is None:
            faults.add(
                f"{theirs.where}: line {number}",
                f"{commissioner} and {provider} in {month}",
                "a flow and month of the run",
            )
            continue
        try:
            amount = pence_of(pounds(str(text), "£"))
        except DataError as error:
            faults.add(f"{theirs.where}: line {number}", repr(text), "an amount in pounds", error.message)
            continue
        if amount != at[4]:
            rows.append((at[3], month, commissioner, provider, at[4], amount, amount - at[4]))
    faults.raise_if_any(SourceError, "the statement cannot be compared")
    return BalanceDifference.validate(pl.DataFrame(rows, schema=BalanceDifference.dtypes(), orient="row"))


__all__ = ["BalanceDifference", "MonthBalance", "balances", "disagreements"]
