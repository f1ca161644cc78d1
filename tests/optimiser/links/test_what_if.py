"""A headline answers a changed corridor or pace by working out again only what reads it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capitation.errors import UnknownNameError
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.what_if import paced, what_if

CORRIDOR = "blmk-capitation-corridor"


@pytest.fixture(scope="module")
def inputs():
    pack = DataPack(default_data_folder())
    options = pack.path("options/blmk.toml")
    return PlanInputs(read_scenario(pack.path("scenarios/blmk.toml")), pack, read_options(options), options)


def test_a_changed_corridor_moves_its_option_and_no_money_in_all(inputs):
    as_it_stands = what_if(inputs)
    wider = what_if(inputs, terms={CORRIDOR: {"inner_edge": Decimal("0.02")}})
    moved = {name: wider[name] - pence for name, pence in as_it_stands.items() if wider[name] != pence}
    assert set(moved) == {"commissioners:capitation-corridor", "providers:capitation-corridor"}
    assert sum(moved.values()) == 0
    assert what_if(inputs, terms={CORRIDOR: {"inner_edge": Decimal("0.01")}}) == as_it_stands


def test_a_changed_pace_moves_localities_and_leaves_the_system(inputs):
    as_it_stands = what_if(inputs)
    slower = what_if(inputs, pace={"pace.largest_growth": Decimal("0.07")})
    assert slower["moved"] > 0 == as_it_stands["moved"]
    assert slower["derived_do_nothing"] == as_it_stands["derived_do_nothing"]
    pace = {"pace.largest_growth": Decimal("0.07")}
    at_hand = evaluate(inputs.scenario, paced(inputs.pack, pace))
    assert what_if(inputs, pace=pace, run=evaluate(inputs.scenario, inputs.pack), moved=at_hand) == slower


def test_unknown_names_are_refused(inputs):
    with pytest.raises(UnknownNameError, match="inner_edge"):
        what_if(inputs, terms={CORRIDOR: {"iner_edge": Decimal("0.02")}})
    with pytest.raises(UnknownNameError, match="contract"):
        what_if(inputs, terms={"no-such": {}})
    with pytest.raises(UnknownNameError, match="parameter"):
        what_if(inputs, pace={"pace.no_such": Decimal("0.02")})
