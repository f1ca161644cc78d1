"""The chain of a scenario: from its opening deficit, by the chain document that it names, to what is left before any mix."""

from __future__ import annotations

from capitation.activity.spread import LocalityActivity
from capitation.activity.unit_costs import UnitCost
from capitation.chain.bridge import BridgeLine, Drivers, do_nothing
from capitation.chain.rules import read_chain
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.records.frames import Frame
from capitation.run.scenario import Scenario
from capitation.streams.control_total import ControlTotal


def bridge_of(
    scenario: Scenario, pack: DataPack, money: ControlTotal, activity: Frame[LocalityActivity], costs: Frame[UnitCost]
) -> Frame[BridgeLine]:
    """The chain from the opening deficit to what is left before any mix; no line where the scenario names no chain."""
    if scenario.chain is None:
        return BridgeLine.empty()
    drivers = Drivers(
        spend=costs,
        activity=activity,
        totals=money.totals,
        persons={str(t.year): t.persons for t in scenario.population.totals},
        parameters=Parameters(pack),
        gaps=scenario.gaps,
    )
    return do_nothing(read_chain(pack, scenario.chain), drivers, scenario.system_code, scenario.years)
