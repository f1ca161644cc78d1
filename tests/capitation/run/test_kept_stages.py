"""A run made from kept stages is the run made afresh, whatever was changed before it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capitation.pack.layers import default_data_folder
from capitation.pack.parameters import Parameter, Parameters
from capitation.pack.sources import DataPack
from capitation.pack.stages import MEMORY
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario

PACE = "parameters/pace/largest_growth.toml"


def changed(scenario, pack, what):
    if what == "pace":
        parameter = Parameters(pack).parameter("pace.largest_growth")
        values = tuple(v.model_copy(update={"value": Decimal("0.0700")}) for v in parameter.values)
        return scenario, pack.with_reading(PACE, Parameter, parameter.model_copy(update={"values": values}))
    if what == "people":
        totals = scenario.population.totals
        more = totals[-1].model_copy(update={"persons": totals[-1].persons + 1000})
        plan = scenario.population.model_copy(update={"totals": (*totals[:-1], more)})
        return scenario.model_copy(update={"population": plan}), pack
    if what == "money":
        first, *rest = scenario.money.streams
        amount = first.amounts[-1].model_copy(update={"pounds": first.amounts[-1].pounds + 1000})
        series = first.model_copy(update={"amounts": (*first.amounts[:-1], amount)})
        return scenario.model_copy(
            update={"money": scenario.money.model_copy(update={"streams": (series, *rest)})}
        ), pack
    return scenario.model_copy(update={"title": "Another title"}), pack


@pytest.fixture(scope="module")
def plan():
    pack = DataPack(default_data_folder())
    return read_scenario(next(iter(pack.files("scenarios/*.toml").values()))), pack


@pytest.mark.parametrize(
    "what",
    ["pace", *(pytest.param(each, marks=pytest.mark.deep) for each in ("people", "money", "title"))],
)
def test_a_kept_run_is_the_run_made_afresh(plan, what):
    scenario, pack = changed(*plan, what)
    before = evaluate(*plan)
    kept = evaluate(scenario, pack)
    MEMORY.clear()
    fresh = evaluate(scenario, pack)
    assert kept.manifest == fresh.manifest
    assert all(kept.frames[name].equals(frame) for name, frame in fresh.frames.items())
    same = {n for n, f in fresh.manifest.frames.items() if f.sha256 == before.manifest.frames[n].sha256}
    if what == "title":
        assert same == set(fresh.frames)
    else:
        assert {"population" if what == "people" else "allocation", "ledger"}.isdisjoint(same)
        assert before.id != kept.id
    assert {"practice_need", "unit_cost"} <= same
