"""Opening baselines: what each practice and locality is taken to have had in the year before the first round.

    commissioner_c = opening total x published amount_c / sum of published amounts      (where amounts by commissioner exist)
    practice_i     = commissioner_c x registered_i / sum of registered in c

Nobody published what localities had; inside a commissioner the opening follows registered persons, which is an assumption. All of it
is exact: commissioners add to the total, practices to their commissioner.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from capitation.errors import DataError, Fault, ScenarioError
from capitation.money.apportion import apportion
from capitation.pack.cells import pounds
from capitation.pack.sources import DataPack
from capitation.records.columns import COMMISSIONER, OPENING_PENCE, PRACTICE, STREAM, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema


class CommissionerShares(Document):
    """Published amounts by commissioner, whose proportions split an opening total."""

    source: str
    """Id of the source."""
    table: str
    """Table of printed cells with one row a commissioner."""
    column: str
    """Column that holds the amounts."""


class PracticeOpening(Schema):
    """The opening baseline of a practice in one stream."""

    year = YEAR
    stream = STREAM
    practice_code = PRACTICE
    commissioner_code = COMMISSIONER.but(about="Commissioner of the practice", key=False)
    commissioner_pence = Column(pl.Int64, "pence", "Opening baseline of the whole commissioner", ge=0)
    opening_pence = OPENING_PENCE.but(about="Opening baseline of the practice")


def practice_openings(
    totals: pl.DataFrame, practices: pl.DataFrame, shares: dict[str, CommissionerShares | None], pack: DataPack
) -> Frame[PracticeOpening]:
    """The opening baseline of every practice and stream.

    Args:
        totals: year, stream, total_pence: recurrent money of the opening year.
        practices: practice_code, commissioner_code, registered_micro of the opening year.
        shares: by stream, published amounts that split the total between commissioners; None: registered persons do.
        pack: the data pack with the printed amounts.

    Raises:
        ScenarioError: published amounts do not cover the commissioners of the practices.
        NothingToShareError: a commissioner has money but nobody registered.

    Example:
        10.00 over commissioners with published 3 and 1: 7.50 and 2.50; the 7.50 over lists of 200 and 100: 5.00 and 2.50.
    """
    heads = practices.group_by("commissioner_code").agg(pl.col("registered_micro").sum().alias("weight"))
    by_commissioner = []
    for year, stream, total in totals.select("year", "stream", "total_pence").iter_rows():
        named = shares.get(stream)
        weights = heads if named is None else _published(named, heads, pack)
        by_commissioner.append(
            weights.select(
                pl.lit(year).alias("year"),
                pl.lit(stream).alias("stream"),
                "commissioner_code",
                pl.lit(total, dtype=pl.Int64).alias("total_pence"),
                "weight",
            )
        )
    group = ["year", "stream"]
    first = apportion(
        pl.concat(by_commissioner),
        total="total_pence",
        weight="weight",
        within=group,
        order_by=["commissioner_code"],
        into="commissioner_pence",
    ).drop("weight", "total_pence")
    second = apportion(
        first.join(
            practices.select("practice_code", "commissioner_code", "registered_micro"),
            on="commissioner_code",
            how="inner",
        ),
        total="commissioner_pence",
        weight="registered_micro",
        within=[*group, "commissioner_code"],
        order_by=["practice_code"],
        into="opening_pence",
    )
    return PracticeOpening.validate(second.select(*PracticeOpening.columns()))


def _published(named: CommissionerShares, heads: pl.DataFrame, pack: DataPack) -> pl.DataFrame:
    codes = heads["commissioner_code"].sort().to_list()
    amounts = printed_pence(named, codes, pack)
    faults = [
        Fault(
            f"source {named.source}, table {named.table}, column {named.column}",
            f"no amount for {code}",
            "one for each commissioner",
        )
        for code in codes
        if code not in amounts
    ]
    if faults:
        raise ScenarioError("opening baselines cannot be split between commissioners", faults)
    pence = [amounts[code] for code in codes]
    return pl.DataFrame({"commissioner_code": codes, "weight": pence}, schema_overrides={"weight": pl.Int64})


def printed_pence(named: CommissionerShares, codes: list[str], pack: DataPack) -> dict[str, int]:
    """What a table prints for each commissioner in its column, in pence; one that it does not print is left out."""
    cells = pack.printed(named.source, named.table).filter(
        (pl.col("column") == named.column) & pl.col("row").is_in(codes)
    )
    return {
        row: int(_amount(row, value, unit, named) * 100)
        for row, value, unit in cells.select("row", "value", "unit").iter_rows()
    }


def _amount(row: str, value: str, unit: str, named: CommissionerShares) -> Decimal:
    """A printed amount in pounds, whatever the unit of its row.

    Raises:
        ScenarioError: it is no amount, or in no unit of money.
    """
    try:
        return pounds(value, unit)
    except DataError as error:
        where = f"source {named.source}, table {named.table}, row {row}, column {named.column}"
        raise ScenarioError(f"{where}: {error.message}") from error
