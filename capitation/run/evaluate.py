"""The whole chain in one readable function: scenario and data pack in, run out.

    money -> people -> need -> opening -> target -> pace -> allocation -> top-slices -> services -> providers -> ledger

Every step is a public function of its own file; this one only hands frames on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import polars as pl

from capitation.activity.spread import LocalityActivity
from capitation.allocation.commissioners import commissioner_money
from capitation.allocation.ledger import LedgerLine
from capitation.allocation.spendable import Spendable, spendable
from capitation.allocation.top_slices import LocalitySlice, locality_slices
from capitation.allocation.tree import LevelAllocation, add_levels, allocate_levels
from capitation.allocation.waterfalls import area_waterfalls, provider_waterfalls, system_waterfall
from capitation.errors import Faults, FrameError, UnknownNameError, suggest
from capitation.money.apportion import apportion
from capitation.money.rounding import MICRO
from capitation.money.weights import exact_sums
from capitation.pace.opening import PracticeOpening
from capitation.pace.path import PacePath, TotalAllocation, roll_forward
from capitation.pace.policy import PacePolicy, resolved
from capitation.pace.statutory import statutory_of
from capitation.pace.target import (
    AreaAllocation,
    AreaPopulation,
    AreaWeight,
    DistanceFromTarget,
    OpeningBaseline,
    PlaceDistance,
    distance_from_target,
    place_distance,
)
from capitation.pack.assumptions import assumptions
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack, RawTable
from capitation.pack.stages import Stage, Stages, Watched
from capitation.places.membership import Membership
from capitation.records.frames import Frame, content_digest
from capitation.run.parts import (
    ChainFrames,
    Note,
    OptionalParts,
    PaidCare,
    activity_by_locality,
    chain_of,
    code_names,
    delivery,
    optional_parts,
    practice_needs,
    set_aside,
)
from capitation.run.people import (
    moved_apart,
    opening_baselines,
    projected_lists,
    stream_needs,
    system_members,
    weights_by_year,
)
from capitation.run.run import Run, make_run
from capitation.run.scenario import Scenario
from capitation.streams.control_total import ControlTotal, StreamMoney, control_total, gap_bridge
from capitation.weighting.population import ProjectedList
from capitation.weighting.practice_weights import PracticeWeight, StagedWeight
from capitation.weighting.weigh import Need

LEVELS = ("place", "locality", "practice")


def evaluate(scenario: Scenario, pack: DataPack) -> Run:
    """The run of a scenario.

    Raises:
        CapitationError: whatever its steps raise; nothing is written here, so nothing is half done.
    """
    pack = pack.afresh()  # so that the manifest names the files this run opened and no others
    stages = Stages(scenario, pack)
    keep, document = stages.keep, stages.document
    money = keep("money", _money, document)
    members = keep("members", system_members, document, pack)
    needs = keep("needs", _needs, document, pack)
    _require_same_practices(scenario, next(iter(needs.value.values())), members.value)
    apart = keep("apart", moved_apart, document, needs, members, pack)
    people = keep("people", projected_lists, document, needs, apart)
    weights = keep("weights", weights_by_year, needs, people, apart)
    by_weight = weights.part("weights")
    openings = keep("openings", opening_baselines, document, money, people, by_weight, members, apart, pack)
    path = keep("pace", paced_path, document, money, by_weight, openings, people, members, pack)
    totals = keep("totals", locality_totals, document, money, by_weight, members, path)
    slices = keep("slices", _slices, money, totals)
    distance = keep("distances", distances, path, people, members)
    allocation = keep("allocation", level_allocations, document, totals, by_weight, members, path)
    spending = keep("spending", spendable, allocation, slices)
    parts = keep("parts", optional_parts, document, pack)
    activity = keep("activity", _activity, document, members, pack, parts)
    care = keep("care", _care, document, spending.part("practices"), members, pack, parts)
    ledger = keep("ledger", _ledger, document, money, weights.part("stages"), members, totals, slices, allocation, care)
    bought = keep("bought", _Bought, money, activity.item(0), care.item(0), allocation, spending, members)
    chain = keep("chain", _chain, document, pack, bought, parts)
    missing = [*parts.value.notes, *activity.value[1], *care.value[1], *chain.value[1]]
    paid, chained = care.item(0), chain.item(0)
    frames: dict[str, Stage[pl.DataFrame]] = {
        "allocation": allocation,
        "bridge": chained.part("bridge"),
        "assumption": keep("assumptions", _assumptions, document, pack, needs),
        "code_name": keep("names", code_names, document, pack, dict(chained.value.names)),
        "commissioner_allocation": path.part("commissioners"),
        "control_total_step": money.part("steps"),
        "deployable": money.part("deployable"),
        "distance_from_target": distance,
        "flow": paid.part("flow"),
        "gap_bridge": keep("gaps", _gaps, document),
        "held_money": spending.part("held"),
        "ledger": ledger,
        "locality_activity": activity.item(0),
        "locality_slice": slices,
        "locality_total": totals,
        "membership": members,
        "organisation_account": chained.part("accounts"),
        "organisation_position": chained.part("positions"),
        "pace": path.part("allocations"),
        "pace_summary": path.part("summary"),
        "place_distance": keep("place distances", _placed, document, distance),
        "place_lift": path.part("lifts"),
        "population": people,
        "practice_need": keep("practice needs", practice_needs, needs),
        "practice_opening": openings,
        "practice_weight": by_weight,
        "provider_allocation": paid.part("to_providers"),
        "relaxation": path.part("relaxations"),
        "service_envelope": paid.part("envelopes"),
        "service_line": paid.part("lines"),
        "set_aside": keep("set aside", set_aside, document, needs, people, missing),
        "spendable": spending.part("practices"),
        "stream_total": money.part("totals"),
        "sustainability_fund": chained.part("fund"),
        "target": path.part("targets"),
        "total_check": money.part("checks"),
        "unit_cost": paid.part("costs"),
    }
    digests = {name: keep("digest", content_digest, frame).value for name, frame in frames.items()}
    return make_run(scenario, pack.opened, {name: frame.value for name, frame in frames.items()}, digests)


def _money(scenario: Scenario) -> ControlTotal:
    return control_total(scenario.money)


def _needs(scenario: Scenario, pack: DataPack) -> dict[str, Need]:
    return stream_needs(scenario, pack, practice_table(scenario, pack))


def _slices(money: ControlTotal, totals: Frame[TotalAllocation]) -> Frame[LocalitySlice]:
    named = totals.rename({"area_code": "locality_code", "total_pence": "allocation_pence"})
    return locality_slices(money.steps, named)


def _activity(
    scenario: Scenario, members: Frame[Membership], pack: DataPack, parts: OptionalParts
) -> tuple[Frame[LocalityActivity], list[Note]]:
    """Activity by locality, and what is not modelled of it."""
    mine = replace(parts, notes=[])
    return activity_by_locality(scenario, practice_table(scenario, pack), members, pack, mine), mine.notes


def _care(
    scenario: Scenario,
    practices: Frame[LevelAllocation],
    members: Frame[Membership],
    pack: DataPack,
    parts: OptionalParts,
) -> tuple[PaidCare, list[Note]]:
    """Care by who delivers it, and what is not modelled of it."""
    mine = replace(parts, notes=[])
    return delivery(scenario, practices, members, pack, mine), mine.notes


def _ledger(
    scenario: Scenario,
    money: ControlTotal,
    stages: Frame[StagedWeight],
    members: Frame[Membership],
    totals: Frame[TotalAllocation],
    slices: Frame[LocalitySlice],
    allocation: Frame[LevelAllocation],
    care: tuple[PaidCare, list[Note]],
) -> Frame[LedgerLine]:
    lines: list[pl.DataFrame] = [waterfalls(scenario, money, stages, members, totals, slices)]
    if not care[0].to_providers.is_empty():
        lines.append(provider_waterfalls(allocation, care[0].to_providers))
    return LedgerLine.validate(pl.concat(lines))


@dataclass(frozen=True)
class _Bought:
    """All that the chain rests on."""

    money: ControlTotal
    activity: Frame[LocalityActivity]
    care: PaidCare
    allocation: Frame[LevelAllocation]
    spending: Spendable
    members: Frame[Membership]


def _chain(scenario: Scenario, pack: DataPack, bought: _Bought, parts: OptionalParts) -> tuple[ChainFrames, list[Note]]:
    """The chain, and what is not modelled of it."""
    mine, b = replace(parts, notes=[]), bought
    of_commissioners = partial(commissioner_money, b.allocation, b.spending.practices, b.members)
    return chain_of(scenario, pack, b.money, b.activity, b.care, of_commissioners, mine), mine.notes


def _assumptions(scenario: Scenario, pack: DataPack, needs: dict[str, Need]) -> pl.DataFrame:
    """The judgements of the scenario, its policy and its formulas."""
    return assumptions(
        {
            f"scenario {scenario.id}": cast("Watched", scenario).plain(),
            f"policy {scenario.policy}": pace_policy(scenario, pack),
            **{f"formula {n.formula.id}": n.formula.document for n in needs.values()},
        }
    )


def _gaps(scenario: Scenario) -> pl.DataFrame:
    return gap_bridge(scenario.gaps)


def _placed(scenario: Scenario, distance: Frame[DistanceFromTarget]) -> Frame[PlaceDistance]:
    return place_distance(DistanceFromTarget.validate(distance.filter(pl.col("stream").is_in(scenario.placed))))


def paced_path(
    scenario: Scenario,
    money: ControlTotal,
    weights: Frame[PracticeWeight],
    openings: Frame[PracticeOpening],
    people: Frame[ProjectedList],
    members: Frame[Membership],
    pack: DataPack,
) -> PacePath:
    """Targets and allocations of localities in every year by the pace-of-change policy."""
    years, paced = [str(year) for year in scenario.years], scenario.paced
    if not paced:
        return PacePath.empty()
    localities = members.select("practice_code", pl.col("locality_code").alias("area_code"))
    area = ["year", "stream", "area_code"]
    mine = weights.filter(pl.col("stream").is_in(paced) & pl.col("year").is_in(years)).join(
        localities, on="practice_code", how="left", validate="m:1"
    )
    heads = mine.group_by(area).agg((pl.col("registered_micro").sum() / MICRO).alias("registered_persons"))
    by_locality = heads.join(exact_sums(mine, area, "weighted_persons"), on=area, how="left", validate="1:1")
    opening = (
        openings.join(localities, on="practice_code", how="left", validate="m:1")
        .group_by("stream", "area_code")
        .agg(pl.col("opening_pence").sum())
        .select(pl.lit(years[0]).alias("year"), "stream", "area_code", "opening_pence")
    )
    gross, policy = _gross(money), pace_policy(scenario, pack)
    gross = gross.filter(pl.col("stream").is_in(paced) & pl.col("year").is_in(years))
    return roll_forward(
        OpeningBaseline.validate(opening),
        AreaWeight.validate(by_locality),
        StreamMoney.validate(gross),
        _area_populations(people, members),
        policy,
        statutory_of({rule.stream: rule.statutory for rule in scenario.streams}, gross, mine, members, policy, pack),
    )


def pace_policy(scenario: Scenario, pack: DataPack) -> PacePolicy:
    """The pace-of-change policy of the scenario, its parameters put in for every year."""
    return resolved(pack.document(f"policies/{scenario.policy}.toml", PacePolicy), Parameters(pack), scenario.years)


def locality_totals(
    scenario: Scenario, money: ControlTotal, weights: Frame[PracticeWeight], members: Frame[Membership], path: PacePath
) -> Frame[TotalAllocation]:
    """Recurrent and non-recurrent money of each locality: the paced streams, and the others by weighted persons."""
    years = [str(year) for year in scenario.years]
    straight = [rule.stream for rule in scenario.streams if not rule.paced]
    localities = members.select("practice_code", pl.col("locality_code").alias("area_code"))
    mine = weights.filter(pl.col("stream").is_in(straight) & pl.col("year").is_in(years)).join(
        localities, on="practice_code", how="left", validate="m:1"
    )
    rows = exact_sums(mine, ["year", "stream", "area_code"], "weighted_persons").join(
        _gross(money), on=["year", "stream"], how="inner", validate="m:1"
    )
    for part in ("recurrent_pence", "non_recurrent_pence"):
        rows = apportion(
            rows.rename({part: "system_pence"}),
            total="system_pence",
            weight="weighted_persons",
            within=["year", "stream"],
            order_by=["area_code"],
            into=part,
        ).drop("system_pence")
    both = rows.with_columns((pl.col("recurrent_pence") + pl.col("non_recurrent_pence")).alias("total_pence"))
    columns = list(TotalAllocation.columns())
    return TotalAllocation.validate(pl.concat([path.totals.select(columns), both.select(columns)]))


def level_allocations(
    scenario: Scenario,
    totals: Frame[TotalAllocation],
    weights: Frame[PracticeWeight],
    members: Frame[Membership],
    path: PacePath,
) -> Frame[LevelAllocation]:
    """Allocations at every level: practices cut out of their locality, places and the system added up from localities.

    Where commissioners keep their own allocations of a stream, practices have their part of those, and localities are added up.
    """
    homes = members.select(
        "practice_code",
        pl.lit(scenario.system_code).alias("system"),
        pl.col("place_code").alias("place"),
        pl.col("locality_code").alias("locality"),
    )
    leaves = (
        weights.filter(pl.col("year").is_in([str(year) for year in scenario.years]))
        .join(homes, on="practice_code", how="left", validate="m:1")
        .rename({"practice_code": "practice"})
    )
    kept = pl.col("stream").is_in(path.practices.get_column("stream").unique().implode())
    tree, own = ["system", *LEVELS], path.practices.rename({"practice_code": "practice"})
    given = totals.rename({"area_code": "locality", "total_pence": "allocation_pence"})
    cut = allocate_levels(given.filter(~kept), leaves.filter(~kept), tree, given="locality")
    once = given.filter(kept).with_columns(pl.col("non_recurrent_pence").alias("allocation_pence"))
    added = add_levels(own, once, leaves.filter(kept), tree, given="locality")
    return LevelAllocation.validate(pl.concat([cut, added]))


def distances(path: PacePath, people: Frame[ProjectedList], members: Frame[Membership]) -> Frame[DistanceFromTarget]:
    """Opening and closing distance from target of each locality and paced stream in every year."""
    openings = path.allocations.select("year", "stream", "area_code", "opening_pence")
    allocations = path.allocations.select("year", "stream", "area_code", "allocation_pence")
    years = path.targets["year"].unique().implode()
    populations = _area_populations(people, members)
    counted = AreaPopulation.validate(populations.filter(pl.col("year").is_in(years)))
    return distance_from_target(
        OpeningBaseline.validate(openings), path.targets, AreaAllocation.validate(allocations), counted
    )


def waterfalls(
    scenario: Scenario,
    money: ControlTotal,
    stages: Frame[StagedWeight],
    members: Frame[Membership],
    totals: Frame[TotalAllocation],
    slices: Frame[LocalitySlice],
) -> Frame[LedgerLine]:
    """Waterfalls of the system, of each place and of each locality."""
    years = [str(year) for year in scenario.years]
    gross = _gross(money).filter(pl.col("year").is_in(years))
    steps = money.steps.filter(pl.col("year").is_in(years))
    order = (
        steps.filter(pl.col("kind") != "gross").select("year", "stream", "step").unique().sort("year", "stream", "step")
    )
    order = order.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("year").alias("place_in_order"))
    found = [system_waterfall(scenario.system_code, steps)]
    for kind, column in (("locality", "locality_code"), ("place", "place_code")):
        areas = members.select("locality_code", pl.col(column).alias("area_code")).unique()
        by_area = totals.rename({"area_code": "locality_code"}).join(
            areas, on="locality_code", how="left", validate="m:1"
        )
        cut = (
            slices.join(areas, on="locality_code", how="left", validate="m:1")
            .join(order, on=["year", "stream", "step"], how="left", validate="m:1")
            .group_by("year", "area_code", "place_in_order", "name")
            .agg(pl.col("amount_pence").sum())
            .rename({"place_in_order": "step"})
        )
        found.append(
            area_waterfalls(
                gross,
                cast("Frame[StagedWeight]", stages.filter(pl.col("year").is_in(years))),
                members.select("practice_code", "locality_code", pl.col(column).alias("area_code")),
                by_area.group_by("year", "area_code").agg(pl.col("total_pence").sum().alias("allocation_pence")),
                cut,
                kind=kind,
            )
        )
    return LedgerLine.validate(pl.concat(found))


def practice_table(scenario: Scenario, pack: DataPack) -> RawTable:
    """The practices with their need components, as the source that the scenario names prints them."""
    source = pack.source(scenario.practices.source)
    files = {table.name: table.file for table in source.tables}
    if scenario.practices.table not in files:
        raise UnknownNameError("table", scenario.practices.table, files, where=f"source {source.id}")
    return pack.raw(f"sources/{source.id}/{files[scenario.practices.table]}")


def _gross(money: ControlTotal) -> pl.DataFrame:
    amount = pl.col("total_pence")
    return (
        money.totals.group_by("year", "stream")
        .agg(
            amount.filter(pl.col("recurrence") == "recurrent").sum().alias("recurrent_pence"),
            amount.filter(pl.col("recurrence") == "non-recurrent").sum().alias("non_recurrent_pence"),
        )
        .sort("year", "stream")
    )


def _area_populations(people: Frame[ProjectedList], members: Frame[Membership]) -> Frame[AreaPopulation]:
    sums = (
        people.join(members.select("practice_code", "locality_code"), on="practice_code", how="left", validate="m:1")
        .group_by("year", pl.col("locality_code").alias("area_code"))
        .agg(pl.col("registered_micro").sum())
    )
    return AreaPopulation.validate(
        sums.select("year", "area_code", (pl.col("registered_micro") / MICRO).alias("registered_persons"))
    )


def _require_same_practices(scenario: Scenario, first: Need, members: Frame[Membership]) -> None:
    """Refuse a map and a practice table that do not name the same practices, naming what each lacks."""
    listed, mapped = set(first.practices["practice_code"]), set(members["practice_code"])
    faults, where = Faults(), scenario.files.membership
    table = f"source {scenario.practices.source}, table {scenario.practices.table}"
    for codes, place, found, expected, known in (
        (listed - mapped, where, "no row", f"a locality for every practice of {table}", mapped),
        (mapped - listed, table, "no row", f"every practice of {where}", listed),
    ):
        for code in sorted(codes)[:10]:
            faults.add(f"{place}: practice {code}", found, expected, suggest(code, known))
        if len(codes) > 10:
            faults.add(place, f"{len(codes) - 10} more practices like these", expected)
    faults.raise_if_any(FrameError, "the map and the practice table do not name the same practices")
