"""From a locality's allocation to the services it buys and the providers it flows to, exact at every step.

    stream of a locality   -> services          by the printed spend within the stream
    service of a locality  -> providers         by sum over lines of (cost of the line x provider's share of the line)

A line is a point of delivery, or spend that none counts (`capitation.activity.unit_costs`). Shares are whole parts per million and
add to one million for every line of every area; an area is a locality or, where a locality has no flows of its own, its
place. Each step is a largest-remainder split of whole pence, so rows and columns add up: by locality, commissioner,
service and provider. The flows are marked assumptions in `providers/`.
"""

from __future__ import annotations

import polars as pl

from capitation.activity.unit_costs import UnitCost
from capitation.allocation.services import ServiceEnvelope
from capitation.errors import Faults, FrameError, suggest
from capitation.money.apportion import apportion
from capitation.pack.sources import DataPack
from capitation.places.organisations import ORGANISATIONS_FILE, Organisation
from capitation.records.columns import (
    ALLOCATION_PENCE,
    AREA_CODE,
    COMMISSIONER,
    COST_LINE,
    IMPACT,
    LOCALITY,
    PROVIDER,
    QUALITY,
    SERVICE,
    SOURCE,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema

FLOWS_FILE, ELSEWHERE_FILE = "providers/flows.csv", "providers/elsewhere.csv"
"""Usual files of the flows and of providers taken together, inside the pack."""

WHOLE_PPM = 1_000_000
"""Parts per million in the whole of a line."""


class Flow(Schema):
    """The share of one line of an area's spend that goes to one provider: a marked assumption."""

    area_code = AREA_CODE.but(about="Locality, or place whose localities have no flows of their own")
    line = COST_LINE
    provider_code = PROVIDER
    share_ppm = Column(pl.Int64, "parts per million", "Share of the line", ge=0, le=WHOLE_PPM)
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the share")
    quality = QUALITY
    impact = IMPACT
    low_ppm = Column(pl.Int64, "parts per million", "Lowest share to test within", ge=0, le=WHOLE_PPM)
    high_ppm = Column(pl.Int64, "parts per million", "Highest share to test within", ge=0, le=WHOLE_PPM)
    where = Column(pl.String, "text", "What the share rests on")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The share lies inside its range."""
        return {"the share lies inside its range": pl.col("share_ppm").is_between("low_ppm", "high_ppm")}


class LocalityFlow(Schema):
    """The share of one line of a locality's spend that goes to one provider."""

    locality_code = LOCALITY
    line = COST_LINE
    provider_code = PROVIDER
    share_ppm = Column(pl.Int64, "parts per million", "Share of the line", ge=0, le=WHOLE_PPM)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Shares of each line of each locality add to the whole."""
        return {
            "shares of each line add to 1,000,000": pl.col("share_ppm").sum().over("locality_code", "line") == WHOLE_PPM
        }


class ServiceLine(Schema):
    """The weight of a line inside its service: what it costs."""

    line = COST_LINE
    service_code = SERVICE.but(key=False)
    cost_pence = Column(pl.Int64, "pence", "Activity times unit cost of the line", ge=0)


class ProviderAllocation(Schema):
    """What one provider receives for one service of one locality from one commissioner."""

    year = YEAR
    provider_code = PROVIDER
    commissioner_code = COMMISSIONER
    locality_code = LOCALITY.but(about="Locality whose people are cared for")
    service_code = SERVICE
    allocation_pence = ALLOCATION_PENCE.but(about="Envelope of the provider", ge=None)


class Provider(Schema):
    """Whom money can flow to: an organisation of the pack, or the others of a kind taken together."""

    provider_code = PROVIDER
    provider_name = Column(pl.String, "name", "Name for display")


class ElsewhereProvider(Schema):
    """Providers that the plan does not name, taken together under a code of the pack."""

    code = Column(pl.String, "code", "Code of the pack", key=True)
    name = Column(pl.String, "name", "Name for display")
    about = Column(pl.String, "text", "Who is meant")


def flows(pack: DataPack, file: str = FLOWS_FILE) -> Frame[Flow]:
    """The flows of each place by line and provider."""
    return pack.rows(file, Flow)


def providers(
    pack: DataPack, known_file: str = ORGANISATIONS_FILE, elsewhere_file: str = ELSEWHERE_FILE
) -> Frame[Provider]:
    """All providers that flows may name: the pack's organisations and those taken together as elsewhere, where it has any."""
    found: list[pl.DataFrame] = [Provider.validate(pl.DataFrame(schema=Provider.dtypes()))]
    if pack.files(known_file):
        found.append(pack.rows(known_file, Organisation).select(provider_code="code", provider_name="name"))
    if pack.files(elsewhere_file):
        found.append(pack.rows(elsewhere_file, ElsewhereProvider).select(provider_code="code", provider_name="name"))
    return Provider.validate(pl.concat(found))


def service_lines(costs: Frame[UnitCost]) -> Frame[ServiceLine]:
    """The lines of each service weighed by their spend of the baseline year."""
    return ServiceLine.validate(costs.select("line", "service_code", cost_pence="spend_pence"))


def flow_faults(
    given: Frame[Flow], localities: pl.DataFrame, lines: Frame[ServiceLine], known: Frame[Provider]
) -> Faults:
    """Everything that keeps the flows from being complete, gathered; none where they are.

    Args:
        given: flows by place, and by locality where one has its own.
        localities: locality_code and place_code.
        lines: all lines of all services.
        known: providers that flows may name.

    Returns:
        Faults: an area, line or provider that is not known (near ones named); a line that flows nowhere; shares that do
        not add to one million; an assumption marked green.
    """
    faults = Faults()
    areas = {*localities.get_column("locality_code"), *localities.get_column("place_code")}
    for column, kind, names in (
        ("area_code", "area", areas),
        ("line", "line", set(lines.get_column("line"))),
        ("provider_code", "provider", set(known.get_column("provider_code"))),
    ):
        for code in given.filter(~pl.col(column).is_in(list(names))).get_column(column).unique().sort():
            faults.add(f"flows: {kind} {code}", f"a {kind} that is not known", f"a known {kind}", suggest(code, names))
    sums = given.group_by("area_code", "line").agg(pl.col("share_ppm").sum()).sort("area_code", "line")
    for row in sums.filter(pl.col("share_ppm") != WHOLE_PPM).iter_rows(named=True):
        faults.add(
            f"flows: {row['area_code']}, {row['line']}", f"shares that add to {row['share_ppm']:,}", f"{WHOLE_PPM:,}"
        )
    wanted = localities.select("locality_code", "place_code").join(lines.select("line"), how="cross")
    own = wanted.join(given, left_on=["locality_code", "line"], right_on=["area_code", "line"], how="anti")
    none = own.join(given, left_on=["place_code", "line"], right_on=["area_code", "line"], how="anti")
    for row in none.sort("locality_code", "line").iter_rows(named=True):
        faults.add(f"flows: {row['locality_code']}, {row['line']}", "no provider", "shares for it or for its place")
    marked = given.filter((pl.col("source") == "assumption") & (pl.col("quality") == "green"))
    for row in marked.iter_rows(named=True):
        faults.add(
            f"flows: {row['area_code']}, {row['line']}, {row['provider_code']}",
            "an assumption marked green",
            "red or amber",
        )
    return faults


def locality_flows(
    given: Frame[Flow], localities: pl.DataFrame, lines: Frame[ServiceLine], known: Frame[Provider]
) -> Frame[LocalityFlow]:
    """The flows of every locality: its own for a line where it has any, else those of its place.

    Raises:
        FrameError: the flows are not complete; every fault is reported at once.
    """
    flow_faults(given, localities, lines, known).raise_if_any(FrameError, "flows are not complete")
    shares = given.select("area_code", "line", "provider_code", "share_ppm")
    homes = localities.select("locality_code", "place_code")
    own = homes.select("locality_code").join(shares, left_on="locality_code", right_on="area_code", how="inner")
    placed = homes.join(shares, left_on="place_code", right_on="area_code", how="inner").join(
        own, on=["locality_code", "line"], how="anti"
    )
    columns = list(LocalityFlow.columns())
    return LocalityFlow.validate(pl.concat([own.select(columns), placed.select(columns)]))


def provider_envelopes(
    envelopes: Frame[ServiceEnvelope], shares: Frame[LocalityFlow], lines: Frame[ServiceLine]
) -> Frame[ProviderAllocation]:
    """Each service envelope split over providers; the providers add to the envelope to the penny.

    Args:
        envelopes: what each locality has for each service.
        shares: flows of each locality.
        lines: the lines of each service with their cost: of the baseline year by default, of another year's activity if wanted.

    Returns:
        One row a year, provider, commissioner, locality and service, in key order; providers with no weight are left out.

    Raises:
        FrameError: a service of a locality flows nowhere; all reported together.
        NothingToShareError: a service has money but its lines cost nothing.

    Rule: weight of a provider = sum over lines of cost x share; largest remainder, ties by provider code.

    Example:
        A service of two lines that cost £60 and £40, the first all at A, the second half at A and half at B: A receives
        80% and B 20% of the envelope.
    """
    weights = (
        shares.join(lines, on="line", how="inner", validate="m:1")
        .with_columns(weight=pl.col("cost_pence") * pl.col("share_ppm"))
        .group_by("locality_code", "service_code", "provider_code")
        .agg(pl.col("weight").sum())
        .filter(pl.col("weight") > 0)
    )
    faults = Faults()
    nowhere = envelopes.filter(pl.col("allocation_pence") != 0).join(
        weights, on=["locality_code", "service_code"], how="anti"
    )
    for row in (
        nowhere.unique(["locality_code", "service_code"]).sort("locality_code", "service_code").iter_rows(named=True)
    ):
        faults.add(f"locality {row['locality_code']}, service {row['service_code']}", "no provider", "at least one")
    faults.raise_if_any(FrameError, "money flows nowhere")
    rows = envelopes.rename({"allocation_pence": "whole"}).join(
        weights, on=["locality_code", "service_code"], how="inner"
    )
    shared = apportion(
        rows,
        total="whole",
        weight="weight",
        within=["year", "commissioner_code", "locality_code", "service_code"],
        order_by=["provider_code"],
        into="allocation_pence",
    )
    return ProviderAllocation.validate(shared.select(*ProviderAllocation.columns()))
