"""The chain of a scenario: from its opening deficit, by the chain document that it names, to what is left before any mix."""

from __future__ import annotations

from capitation.activity.spread import LocalityActivity
from capitation.activity.unit_costs import UnitCost
from capitation.chain.bridge import BridgeLine, Drivers, do_nothing
from capitation.chain.rules import read_chain
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.records.frames import Frame
from capitation.run.parts import OptionalParts
from capitation.run.scenario import Scenario
from capitation.streams.control_total import ControlTotal


def bridge_of(
    scenario: Scenario,
    pack: DataPack,
    money: ControlTotal,
    activity: Frame[LocalityActivity],
    costs: Frame[UnitCost],
    parts: OptionalParts,
) -> Frame[BridgeLine]:
    """The chain from the opening deficit to what is left before any mix; no line where the scenario names no chain or lacks what it rests on."""
    if scenario.chain is None:
        return BridgeLine.empty()
    chain = read_chain(pack, scenario.chain)
    printed = {part.name for gap in scenario.gaps if gap.year == chain.base_year for part in gap.parts}
    if costs.is_empty() or activity.is_empty():
        parts.lack("bridge of the deficit", "It rests on activity and unit costs, which are not modelled.")
        return BridgeLine.empty()
    if chain.opening_part not in printed:
        reason = f"The scenario's gaps have no part {chain.opening_part!r} of {chain.base_year}, which chain {chain.id} opens with."
        parts.lack("bridge of the deficit", reason)
        return BridgeLine.empty()
    with_activity = set(activity["year"])
    years = [year for year in scenario.years if year in with_activity]
    drivers = Drivers(
        spend=costs,
        activity=activity,
        totals=money.totals,
        persons={str(t.year): t.persons for t in scenario.population.totals},
        parameters=Parameters(pack),
        gaps=scenario.gaps,
    )
    return do_nothing(chain, drivers, scenario.system_code, years)
