"""Opening baselines: what each practice and locality is taken to have had in the year before the first round.

    commissioner_c = opening total x published amount_c / sum of published amounts      (where amounts by commissioner exist)
    practice_i     = commissioner_c x weight_i / sum of weights in c                    (weights: `pace/history.py`)

Nobody published what localities had; what spreads a commissioner's opening over its practices is a choice of the scenario and marked as
one: heads where it says nothing. All of it is exact: commissioners add to the total, practices to their commissioner.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from capitation.errors import DataError, Fault, ScenarioError
from capitation.money.apportion import apportion
from capitation.pace.history import StreamOpening, history_weights
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
    opening_weight = Column(
        pl.Float64,
        "as the scenario's opening says",
        "What the commissioner's opening is shared by: persons in millionths, weighted persons, weighted persons x supply, or printed pence",
        ge=0,
    )
    opening_pence = OPENING_PENCE.but(about="Opening baseline of the practice")


def practice_openings(
    totals: pl.DataFrame,
    practices: pl.DataFrame,
    shares: Mapping[str, CommissionerShares | None],
    pack: DataPack,
    inside: Mapping[str, StreamOpening | None] | None = None,
) -> Frame[PracticeOpening]:
    """The opening baseline of every practice and stream.

    Args:
        totals: year, stream, total_pence: recurrent money of the opening year.
        practices: practice_code, commissioner_code, registered_micro of the opening year; where need or use spread it, a row a stream
            with weighted_persons of the opening year and kilometres.
        shares: by stream, published amounts that split the total between commissioners; None: registered persons do.
        pack: the data pack with the printed amounts.
        inside: by stream, what spreads a commissioner's opening over its practices; None: heads do.

    Raises:
        ScenarioError: published amounts do not cover the commissioners of the practices.
        NothingToShareError: a commissioner has money but nobody registered.

    Example:
        10.00 over commissioners with published 3 and 1: 7.50 and 2.50; the 7.50 over lists of 200 and 100: 5.00 and 2.50.
    """
    once = practices.unique("practice_code", maintain_order=True)
    heads = once.group_by("commissioner_code").agg(pl.col("registered_micro").sum().alias("weight"))
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
    spread = [
        history_weights(stream, (inside or {}).get(stream), mine, _budgets((inside or {}).get(stream), mine, pack))
        for stream, mine in ((s, _of(practices, s)) for s in first["stream"].unique().sort())
    ]
    weighted = pl.concat(
        each.select("stream", "practice_code", "commissioner_code", "opening_weight") for each in spread
    )
    second = apportion(
        first.join(weighted, on=["stream", "commissioner_code"], how="inner"),
        total="commissioner_pence",
        weight="opening_weight",
        within=[*group, "commissioner_code"],
        order_by=["practice_code"],
        into="opening_pence",
    )
    return PracticeOpening.validate(second.select(*PracticeOpening.columns()))


def commissioner_shares(opening: StreamOpening | None) -> CommissionerShares | None:
    """The published amounts that split an opening between commissioners; none where registered persons do."""
    published = None if opening is None else opening.published
    return (
        None if published is None else CommissionerShares(source=published[0], table=published[1], column=published[2])
    )


def _of(practices: pl.DataFrame, stream: str) -> pl.DataFrame:
    """The practices as a stream weights them; every practice once where the table has no streams."""
    return practices.filter(pl.col("stream") == stream) if "stream" in practices.columns else practices


def _budgets(opening: StreamOpening | None, practices: pl.DataFrame, pack: DataPack) -> dict[str, int]:
    """Printed budgets by practice, where an opening rests on them.

    Raises:
        ScenarioError: the table has no amount of some practices.
    """
    if opening is None or opening.budgets is None:
        return {}
    named = opening.budgets
    codes = practices["practice_code"].sort().to_list()
    amounts = printed_pence(
        CommissionerShares(source=named.source, table=named.table, column=named.column), codes, pack
    )
    where = f"source {named.source}, table {named.table}, column {named.column}"
    faults = [Fault(where, f"no amount for {c}", "one for each practice of the map") for c in codes if c not in amounts]
    if faults:
        raise ScenarioError("opening baselines cannot be spread over practices by budgets", faults)
    return amounts


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
