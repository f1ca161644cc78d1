"""The money of localities with other growth or another pace, without what the run makes of it further on: services, providers, the chain.

Stages of the run that read nothing of what was moved are kept (`capitation/pack/stages.py`), so that this is there while somebody waits.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from capitation.pace.target import DistanceFromTarget, PlaceDistance, place_distance
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stages
from capitation.records.frames import Frame
from capitation.run.evaluate import (
    distances,
    level_allocations,
    locality_totals,
    paced_path,
    practice_table,
)
from capitation.run.people import (
    moved_apart,
    opening_baselines,
    projected_lists,
    stream_needs,
    system_members,
    weights_by_year,
)
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.streams.control_total import ControlTotal, control_total
from capitation.weighting.weigh import Need

SAME = ("code_name", "membership", "population")
"""Tables that neither growth nor pace changes."""


def localities_moved(scenario: Scenario, pack: DataPack, run: Run) -> Run:
    """A run with the localities' tables of its scenario and pack as they were changed; it has no other tables that these would change.

    Raises:
        CapitationError: as the steps of `evaluate` that make them.
    """
    stages = Stages(scenario, pack.afresh())
    keep, document, opened = stages.keep, stages.document, stages.pack
    money = keep("money", _money, document)
    members = keep("members", system_members, document, opened)
    needs = keep("needs", _needs, document, opened)
    apart = keep("apart", moved_apart, document, needs, members, opened)
    people = keep("people", projected_lists, document, needs, apart)
    weights = keep("weights", weights_by_year, needs, people, apart).part("weights")
    openings = keep("openings", opening_baselines, document, money, people, weights, members, apart, opened)
    path = keep("pace", paced_path, document, money, weights, openings, people, members, opened)
    totals = keep("totals", locality_totals, document, money, weights, members, path)
    distance = keep("distances", distances, path, people, members)
    frames: dict[str, pl.DataFrame] = {name: run.frames[name] for name in SAME}
    frames |= {
        "allocation": keep("allocation", level_allocations, document, totals, weights, members, path).value,
        "locality_total": totals.value,
        "place_distance": keep("place distances", _placed, document, distance).value,
        "distance_from_target": distance.value,
    }
    return replace(run, frames=frames)


def _money(scenario: Scenario) -> ControlTotal:
    return control_total(scenario.money)


def _needs(scenario: Scenario, pack: DataPack) -> dict[str, Need]:
    return stream_needs(scenario, pack, practice_table(scenario, pack))


def _placed(scenario: Scenario, distance: Frame[DistanceFromTarget]) -> Frame[PlaceDistance]:
    return place_distance(DistanceFromTarget.validate(distance.filter(pl.col("stream").is_in(scenario.placed))))


__all__ = ["localities_moved"]
