"""The parts of a run that rest on files a system may not have: activity, unit costs, services and providers.

A scenario without a printed plan, providers or activity still runs to allocations, distances, pace and ledger. Each part that
lacks something is left empty, and `set_aside` says which and why; nothing of another system ever stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from capitation.activity.plan import points_of_delivery, yearly_activity
from capitation.activity.printed_plan import PlannedSpend, activity_plan, spend_by_service
from capitation.activity.reading import ActivityReading, plan_source, reading
from capitation.activity.spread import LocalityActivity, component_weights, spread_activity, spread_weights
from capitation.activity.unit_costs import UnitCost, national_costs, other_acute_share, relative_costs, unit_costs
from capitation.allocation.commissioners import CommissionerMoney
from capitation.allocation.providers import (
    LocalityFlow,
    ProviderAllocation,
    ServiceLine,
    flows,
    locality_flows,
    provider_envelopes,
    providers,
    service_lines,
)
from capitation.allocation.services import (
    ServiceEnvelope,
    ServiceStream,
    envelopes_of,
    service_streams,
    stream_differences,
)
from capitation.allocation.tree import LevelAllocation
from capitation.chain.accounts import OrganisationAccount, OrganisationPosition
from capitation.chain.book import read_book
from capitation.chain.bridge import BridgeLine, do_nothing
from capitation.chain.cost import Drivers
from capitation.chain.organisations import Paid, by_organisation
from capitation.chain.rules import read_chain
from capitation.chain.sustainability import SustainabilityFund
from capitation.money.pence import board_text
from capitation.money.rounding import MICRO
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack, RawTable
from capitation.places.membership import PRACTICES_FILES, Membership, localities, practices
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear, financial_years
from capitation.run.scenario import Scenario
from capitation.run.tables import CodeName, PracticeNeed, SetAside
from capitation.streams.control_total import ControlTotal
from capitation.weighting.formula import Formula, need_catalogue
from capitation.weighting.inputs import need_inputs
from capitation.weighting.population import ProjectedList
from capitation.weighting.weigh import Need

Note = tuple[str, float, str, str]
"""Subject, size, unit and reason of something that was not modelled."""


@dataclass(frozen=True)
class OptionalParts:
    """What a scenario has beyond its money, people and need, and what it lacks."""

    plan: str | None
    """Source of the printed plan."""
    activity: ActivityReading | None
    """How the plan's activity is read."""
    spend: Frame[PlannedSpend] | None
    """Printed spend by service."""
    spend_year: FinancialYear | None = None
    """Year of the printed spend."""
    notes: list[Note] = field(default_factory=list)
    """What is not modelled."""

    def lack(self, subject: str, reason: str) -> None:
        """Say that a part is not modelled."""
        self.notes.append((f"{subject} not modelled", 0.0, "none", reason))


@dataclass(frozen=True)
class PaidCare:
    """What localities buy and who delivers it; all empty where it is not modelled."""

    costs: Frame[UnitCost]
    envelopes: Frame[ServiceEnvelope]
    flow: Frame[LocalityFlow]
    lines: Frame[ServiceLine]
    to_providers: Frame[ProviderAllocation]


def plan_of(scenario: Scenario, pack: DataPack) -> str | None:
    """The source of the scenario's printed plan: the one it names, else the one with a reading whose cells its money cites.

    Raises:
        UnknownNameError: it names a source that is not there or has no reading.
    """
    if scenario.plan is not None:
        return plan_source(pack, scenario.plan)
    cited = dict.fromkeys(a.source for series in scenario.money.streams for a in series.amounts)
    return next((source for source in cited if pack.files(f"sources/{source}/reading.toml")), None)


def optional_parts(scenario: Scenario, pack: DataPack) -> OptionalParts:
    """What the scenario's plan prints, and a note for what it does not."""
    source = plan_of(scenario, pack)
    if source is None:
        found = OptionalParts(None, None, None)
        reason = "The scenario names no printed plan (plan = ...), so there is neither activity nor spend by service."
        found.lack("activity, unit costs, services and providers", reason)
        return found
    plan = reading(pack, source)
    spend = None if plan.spend is None else spend_by_service(pack, source)
    found = OptionalParts(source, plan.activity, spend, None if plan.spend is None else plan.spend.year)
    if found.activity is None:
        found.lack("activity", f"The plan {source} prints no activity.")
    if found.spend is None:
        found.lack("unit costs, services and providers", f"The plan {source} prints no spend by service.")
    return found


def activity_by_locality(
    scenario: Scenario, table: RawTable, members: Frame[Membership], pack: DataPack, parts: OptionalParts
) -> Frame[LocalityActivity]:
    """Activity of every point of delivery, year and case, spread to localities by the need that drives it."""
    empty = LocalityActivity.validate(pl.DataFrame(schema=LocalityActivity.dtypes()))
    if parts.activity is None:
        return empty
    file = scenario.files.points_of_delivery
    if not pack.files(file):
        parts.lack("activity", f"The pack has no {file}.")
        return empty
    points = points_of_delivery(pack, file)
    formula = _spreading(scenario, pack, set(points.get_column("spread_by")) - {"registered"})
    if formula is None:
        parts.lack("activity", "No need formula of the year names all the need that spreads it.")
        return empty
    first = scenario.activity.first_year or parts.activity.first_year
    last = scenario.activity.last_year or parts.activity.last_year
    printed = {str(year) for year in financial_years(first, last)}
    parts.notes.extend(
        (f"activity of {year} not modelled", 0.0, "none", f"The plan prints activity from {first} to {last} only.")
        for year in scenario.years
        if year not in printed
    )
    components = need_inputs(table, formula, year=scenario.need_year).components
    weights = spread_weights(component_weights(components), members.select("practice_code", "locality_code"), points)
    return spread_activity(yearly_activity(activity_plan(pack, parts.plan), first, last), weights)


def delivery(
    scenario: Scenario,
    practices: Frame[LevelAllocation],
    members: Frame[Membership],
    pack: DataPack,
    parts: OptionalParts,
) -> PaidCare:
    """Unit costs, service envelopes and provider envelopes, each as far as the system has the files for it."""
    files = scenario.files
    costs = calibrated_costs(scenario, pack, parts)
    lines = service_lines(costs)
    envelopes = ServiceEnvelope.validate(pl.DataFrame(schema=ServiceEnvelope.dtypes()))
    flow = LocalityFlow.validate(pl.DataFrame(schema=LocalityFlow.dtypes()))
    to_providers = ProviderAllocation.validate(pl.DataFrame(schema=ProviderAllocation.dtypes()))
    if parts.spend is not None and not pack.files(files.service_streams):
        parts.lack("services and providers", f"The pack has no {files.service_streams}.")
    elif parts.spend is not None:
        mapping = service_streams(pack, files.service_streams)
        single = {rule.stream: rule.service for rule in scenario.streams if rule.service is not None}
        paying = {*single, *mapping.get_column("stream")} - {
            rule.stream for rule in scenario.streams if not rule.buys_care
        }
        for stream in (rule.stream for rule in scenario.streams if rule.buys_care and rule.stream not in paying):
            mine = practices.filter((pl.col("stream") == stream) & (pl.col("level") == "practice"))
            amount = int(mine.get_column("allocation_pence").sum())
            parts.lack(
                f"services of stream {stream}",
                f"{files.service_streams} names no service that it pays for; {board_text(amount)} of its money over all years "
                "reaches no service and no provider. Add its rows, or give its rule a service.",
            )
        envelopes = envelopes_of(
            LevelAllocation.validate(practices.filter(pl.col("stream").is_in(list(paying)))),
            members.select("practice_code", "locality_code", "commissioner_code"),
            single,
            parts.spend,
            mapping,
        )
        _beyond_the_print(scenario, parts, parts.spend, mapping)
        if costs.is_empty():
            pass
        elif not pack.files(files.flows):
            parts.lack("providers", f"The pack has no {files.flows}.")
        else:
            known = providers(pack, files.organisations, files.elsewhere)
            homes = members.select("locality_code", "place_code").unique()
            flow = locality_flows(flows(pack, files.flows), homes, lines, known)
            to_providers = provider_envelopes(envelopes, flow, lines)
    return PaidCare(costs, envelopes, flow, lines, to_providers)


def _beyond_the_print(
    scenario: Scenario, parts: OptionalParts, spend: Frame[PlannedSpend], mapping: Frame[ServiceStream]
) -> None:
    """Say what the allocations of the year of the printed spend hold beyond it: services share all of it, so none is as printed."""
    year = str(parts.spend_year)
    streams = set(mapping.get_column("stream"))
    given = [
        (year, series.stream, sum(a.pence for a in series.amounts if str(a.year) == year))
        for series in scenario.money.streams
        if series.stream in streams
    ]
    if not sum(pence for *_, pence in given):
        return
    planned = pl.DataFrame(
        given, schema={"year": pl.String, "stream": pl.String, "total_pence": pl.Int64}, orient="row"
    )
    rows = stream_differences(planned, spend, mapping, year).sort("stream")
    whole = int(rows.get_column("difference_pence").sum())
    if not whole:
        return
    by = ", ".join(
        f"{s} {'+' if d >= 0 else '-'}{board_text(abs(d))}"
        for s, d in rows.select("stream", "difference_pence").iter_rows()
    )
    opening = {each.stream: sum(a.pence for a in each.amounts if a.year == scenario.opening_year) for each in scenario.money.streams}  # fmt: skip
    older = [
        f" The printed services of {s} add to {board_text(p)}, near its allocation of {scenario.opening_year} ({board_text(opening[s])}): the column may be money of that year."
        for s, p in rows.select("stream", "spend_pence").iter_rows()
        if opening.get(s) and abs(p - opening[s]) * 1000 < opening[s]
    ]
    parts.notes.append(
        (
            f"allocation not in the printed spend of {year}", whole / 100, "pounds",
            f"Services share the whole allocation in the printed proportions, so that none is as printed: {by}. Reserves, the planned surplus "
            f"of commissioners, repayment and growth are paid out of it; the plan prints no line for them.{''.join(older)}",
        )
    )  # fmt: skip


def calibrated_costs(scenario: Scenario, pack: DataPack, parts: OptionalParts) -> Frame[UnitCost]:
    """Unit costs by point of delivery that reproduce the printed spend by service; empty where a part is missing."""
    empty = UnitCost.validate(pl.DataFrame(schema=UnitCost.dtypes()))
    files = scenario.files
    if parts.spend is None or parts.activity is None or parts.plan is None:
        return empty
    lost = [f for f in (files.points_of_delivery, files.national_costs, files.other_acute_share) if not pack.files(f)]
    if lost:
        parts.lack("unit costs and providers", f"The pack has no {', '.join(lost)}.")
        return empty
    return unit_costs(
        parts.spend,
        activity_plan(pack, parts.plan),
        points_of_delivery(pack, files.points_of_delivery),
        relative_costs(national_costs(pack, files.national_costs)),
        other_acute_share(pack, parts.activity.first_year, files.other_acute_share),
    )


def _spreading(scenario: Scenario, pack: DataPack, wanted: set[str]) -> Formula | None:
    """The formula whose inputs hold all the need that spreads activity: of the stream named, else of the first that does."""
    catalogue = need_catalogue(pack)
    if scenario.activity.need_stream is not None:
        return catalogue.formula(scenario.rule(scenario.activity.need_stream).formula)
    own = [rule.formula for rule in scenario.streams]
    others = [name for name in pack.names("need/formulas") if name not in own]
    for name in (*own, *others):
        formula = catalogue.formula(name)
        covers = wanted <= {c.column.removeprefix("wp_") for c in formula.components()}
        if covers and FinancialYear(scenario.need_year) in formula.document.years:
            return formula
    return None


@dataclass(frozen=True)
class ChainFrames:
    """The chain of the system and of its organisations; empty frames where it is not modelled."""

    bridge: Frame[BridgeLine]
    accounts: Frame[OrganisationAccount]
    positions: Frame[OrganisationPosition]
    fund: Frame[SustainabilityFund]
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of organisations that are no providers."""


def chain_of(
    scenario: Scenario,
    pack: DataPack,
    money: ControlTotal,
    activity: Frame[LocalityActivity],
    care: PaidCare,
    of_commissioners: Callable[[Frame[ProviderAllocation], Frame[ServiceStream]], Frame[CommissionerMoney]],
    parts: OptionalParts,
) -> ChainFrames:
    """The chain from the opening deficit to what is left before any mix; no line where the scenario names none or lacks what it rests on."""
    none = ChainFrames(
        BridgeLine.empty(), OrganisationAccount.empty(), OrganisationPosition.empty(), SustainabilityFund.empty()
    )
    if scenario.chain is None:
        return none
    chain = read_chain(pack, scenario.chain)
    printed = {part.name for gap in scenario.gaps if gap.year == chain.base_year for part in gap.parts}
    if care.costs.is_empty() or activity.is_empty():
        parts.lack("bridge of the deficit", "It rests on activity and unit costs, which are not modelled.")
        return none
    if chain.opening_part not in printed:
        reason = f"The scenario's gaps have no part {chain.opening_part!r} of {chain.base_year}, which chain {chain.id} opens with."
        parts.lack("bridge of the deficit", reason)
        return none
    with_activity = set(activity["year"])
    years = [year for year in scenario.years if year in with_activity]
    drivers = Drivers(
        spend=care.costs,
        activity=activity,
        totals=money.totals,
        persons={str(t.year): t.persons for t in scenario.population.totals},
        parameters=Parameters(pack),
        gaps=scenario.gaps,
    )
    system = do_nothing(chain, drivers, scenario.system_code, years)
    buying = {rule.stream for rule in scenario.streams if rule.buys_care and rule.stream != chain.sustainability_stream}
    reason = ""
    if chain.organisations is None:
        reason = f"Chain {chain.id} names no book of organisations."
    elif care.to_providers.is_empty():
        reason = "Providers are not modelled."
    elif buying != set(chain.streams):
        reason = f"Chain {chain.id} is of the streams {', '.join(sorted(chain.streams))}; the scenario buys care with {', '.join(sorted(buying))}."
    if reason or chain.organisations is None:
        parts.notes.append(("bridge by organisation left out", 0.0, "none", reason))
        return replace(none, bridge=system)
    money_of = of_commissioners(care.to_providers, service_streams(pack, scenario.files.service_streams))
    paid = Paid(money_of, care.to_providers, care.envelopes, care.flow, care.lines, chain.specialised)
    book = read_book(pack, chain.organisations)
    each = by_organisation(chain, drivers, book, paid, system)
    parts.notes.extend(each.notes)
    whole = BridgeLine.validate(pl.concat([system, each.bridge]))
    return ChainFrames(whole, each.accounts, each.positions, each.fund, book.names)


def code_names(scenario: Scenario, pack: DataPack, others: Mapping[str, str]) -> Frame[CodeName]:
    """Names of the system, its places, localities and practices, of providers and of other organisations."""
    files = scenario.files
    found = [
        pl.DataFrame({"kind": ["system"], "code": [scenario.system_code], "name": [scenario.system_name]}),
    ]
    if pack.files(files.localities):
        homes = localities(pack, files.localities)
        found += [
            homes.select(pl.lit("place").alias("kind"), code="place_code", name="place_name").unique(
                "code", keep="first"
            ),
            homes.select(pl.lit("locality").alias("kind"), code="locality_code", name="locality_name"),
        ]
    if files.practices is not None or len(pack.files(PRACTICES_FILES)) == 1:
        named = pl.coalesce("practice_name", "practice_code")
        found.append(
            practices(pack, files.practices).select(pl.lit("practice").alias("kind"), code="practice_code", name=named)
        )
    known = providers(pack, files.organisations, files.elsewhere)
    found.append(known.select(pl.lit("provider").alias("kind"), code="provider_code", name="provider_name"))
    rows = [("organisation", code, name) for code, name in others.items()]
    found.append(pl.DataFrame(rows, schema={"kind": pl.String, "code": pl.String, "name": pl.String}, orient="row"))
    return CodeName.validate(pl.concat(found))


def set_aside(
    scenario: Scenario, needs: dict[str, Need], people: Frame[ProjectedList], missing: Sequence[Note]
) -> Frame[SetAside]:
    """What the run met and did not use, such as the persons between the lists and their projection."""
    base = scenario.population.base_year
    listed = float(next(iter(needs.values())).practices["registered_persons"].sum())
    projected = float(people.filter(pl.col("year") == base)["registered_micro"].sum()) / MICRO
    rows: list[Note] = list(missing)
    if abs(projected - listed) >= 0.5:
        rows.append(
            (
                f"difference between the projection and the lists of {base}",
                round(projected - listed, 3),
                "persons",
                "The plan's printed population is used as the total; in the year of the lists practices keep their share of them.",
            )
        )
    notes = dict.fromkeys(note for n in needs.values() for note in (*n.notes, *n.formula.document.limits))
    rows += [(f"limit of a formula: {note}", 0.0, "none", "Told with every result of the formula.") for note in notes]
    return SetAside.validate(pl.DataFrame(rows, schema=SetAside.dtypes(), orient="row"))


def practice_needs(needs: dict[str, Need]) -> Frame[PracticeNeed]:
    """Every practice's need in the base year, by the formula of each stream."""
    parts = [
        n.practices.select(
            pl.lit(stream).alias("stream"),
            "practice_code",
            pl.lit(n.formula.id).alias("formula"),
            "registered_persons",
            "weighted_persons",
            "need_index",
        )
        for stream, n in needs.items()
    ]
    return PracticeNeed.validate(pl.concat(parts))
