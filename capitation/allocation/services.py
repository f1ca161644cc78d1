"""What each locality has for each service: streams split by the printed spend, and those that pay for one service."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from capitation.activity.printed_plan import PlannedSpend
from capitation.allocation.tree import LevelAllocation
from capitation.errors import Faults, FrameError, suggest
from capitation.money.apportion import apportion
from capitation.pack.sources import DataPack
from capitation.records.columns import (
    ALLOCATION_PENCE,
    COMMISSIONER,
    IMPACT,
    LOCALITY,
    QUALITY,
    SERVICE,
    SOURCE,
    STREAM,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema

SERVICE_STREAMS_FILE = "providers/service-streams.csv"
"""Usual file of the streams that pay for services, inside the pack."""


class ServiceStream(Schema):
    """The money stream a service is paid from, and who commissions it."""

    service_code = SERVICE
    stream = STREAM.but(about="Stream that pays for it", key=False)
    commissioner_code = Column(
        pl.String, "code", "Commissioner; empty where it is the practice's own commissioning group", nullable=True
    )
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the choice")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "What the choice rests on")


class StreamDifference(Schema):
    """A stream's allocation beside the printed spend of the services it pays for."""

    stream = STREAM
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation of the year")
    spend_pence = Column(pl.Int64, "pence", "Printed spend of its services", ge=0)
    difference_pence = Column(pl.Int64, "pence", "Allocation less spend; negative where spend is larger")


class LocalityStream(Schema):
    """What one locality receives of one stream, by the commissioning group of its practices."""

    year = YEAR
    stream = STREAM
    commissioner_code = COMMISSIONER.but(about="Commissioning group of the practices")
    locality_code = LOCALITY
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation", ge=None)


class ServiceEnvelope(Schema):
    """What one locality has for one service, by who commissions it."""

    year = YEAR
    commissioner_code = COMMISSIONER.but(about="Who commissions the service for these people")
    locality_code = LOCALITY
    service_code = SERVICE
    allocation_pence = ALLOCATION_PENCE.but(about="Envelope of the service", ge=None)


def service_streams(pack: DataPack, file: str = SERVICE_STREAMS_FILE) -> Frame[ServiceStream]:
    """Which stream pays for each service, and who commissions it."""
    return pack.rows(file, ServiceStream)


def stream_differences(
    allocation: pl.DataFrame, spend: Frame[PlannedSpend], mapping: Frame[ServiceStream], year: str
) -> Frame[StreamDifference]:
    """Each stream's allocation of `year` beside the printed spend of its services; the two do not agree in the plan."""
    received = allocation.filter(pl.col("year") == year).select("stream", allocation_pence="total_pence")
    spent = (
        spend.join(mapping, left_on="service", right_on="service_code")
        .group_by("stream")
        .agg(pl.col("spend_pence").sum())
    )
    both = received.join(spent, on="stream", how="left").with_columns(pl.col("spend_pence").fill_null(0))
    return StreamDifference.validate(
        both.with_columns(difference_pence=pl.col("allocation_pence") - pl.col("spend_pence"))
    )


def locality_streams(practices: Frame[LevelAllocation], members: pl.DataFrame) -> Frame[LocalityStream]:
    """Allocations of practices added up by stream, commissioning group and locality.

    Args:
        practices: allocations at the level "practice"; other levels are not looked at.
        members: practice_code, locality_code and commissioner_code, one row a practice.

    Raises:
        FrameError: a practice with money has no locality; all reported together.
    """
    rows = practices.filter(pl.col("level") == "practice")
    lost = rows.join(members, left_on="code", right_on="practice_code", how="anti")
    faults = Faults()
    known = members.get_column("practice_code").to_list()
    for row in lost.unique("code").sort("code").iter_rows(named=True):
        faults.add(f"practice {row['code']}", "no locality", "one locality", suggest(row["code"], known))
    faults.raise_if_any(FrameError, "allocations cannot be added up by locality")
    joined = rows.join(members, left_on="code", right_on="practice_code", how="inner", validate="m:1")
    sums = joined.group_by("year", "stream", "commissioner_code", "locality_code").agg(pl.col("allocation_pence").sum())
    return LocalityStream.validate(sums)


def service_envelopes(
    streams: Frame[LocalityStream], spend: Frame[PlannedSpend], mapping: Frame[ServiceStream]
) -> Frame[ServiceEnvelope]:
    """Each locality's streams split into services by the printed spend; the services add to the stream.

    Args:
        streams: allocation of each locality by stream and commissioning group.
        spend: printed spend by service.
        mapping: which stream pays for each service, and who commissions it.

    Raises:
        FrameError: a stream with money pays for no service, or a service of the spend has no stream; all reported together.

    Rule: largest remainder, ties by service code.
    """
    faults = Faults()
    for code in spend.join(mapping, left_on="service", right_on="service_code", how="anti").get_column("service"):
        faults.add(f"service {code}", "no stream", "the stream that pays for it")
    weights = spend.join(mapping, left_on="service", right_on="service_code").select(
        "stream", "spend_pence", service_code="service", buyer="commissioner_code"
    )
    for code in streams.join(weights, on="stream", how="anti").get_column("stream").unique().sort():
        faults.add(f"stream {code}", "no service", "at least one service that it pays for")
    faults.raise_if_any(FrameError, "allocations cannot be split into services")
    keys = ["year", "stream", "commissioner_code", "locality_code"]
    rows = streams.rename({"allocation_pence": "whole"}).join(weights, on="stream", how="inner")
    shared = apportion(
        rows, total="whole", weight="spend_pence", within=keys, order_by=["service_code"], into="allocation_pence"
    )
    bought = shared.with_columns(commissioner_code=pl.coalesce("buyer", "commissioner_code"))
    sums = bought.group_by("year", "commissioner_code", "locality_code", "service_code").agg(
        pl.col("allocation_pence").sum()
    )
    return ServiceEnvelope.validate(sums)


def envelopes_of(
    practices: Frame[LevelAllocation],
    homes: pl.DataFrame,
    single: Mapping[str, str],
    spend: Frame[PlannedSpend],
    streams: Frame[ServiceStream],
) -> Frame[ServiceEnvelope]:
    """Envelopes of every locality: streams split by the printed spend, and those that pay for one service.

    Args:
        practices: what each practice has available.
        homes: locality and commissioner of each practice.
        single: the service of each stream that pays for one service only.
        spend: printed spend by service.
        streams: the stream that each service is paid from.
    """
    split = LevelAllocation.validate(practices.filter(~pl.col("stream").is_in(list(single))))
    shared = service_envelopes(locality_streams(split, homes), spend, streams)
    key = ["year", "commissioner_code", "locality_code", "service_code"]
    direct = (
        practices.filter(pl.col("stream").is_in(list(single)) & (pl.col("allocation_pence") != 0))
        .join(homes, left_on="code", right_on="practice_code", how="left", validate="m:1")
        .with_columns(
            pl.col("stream").replace_strict(single, default=None, return_dtype=pl.String).alias("service_code")
        )
        .group_by(key)
        .agg(pl.col("allocation_pence").sum())
    )
    both = pl.concat([shared.select(*key, "allocation_pence"), direct])
    return ServiceEnvelope.validate(both.group_by(key).agg(pl.col("allocation_pence").sum()))
