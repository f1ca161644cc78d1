"""The count of what the plan says and where the product has it, worked out from the data, with a reason for what stays out."""

from collections import Counter

import pytest

from tests.data.plan_inventory import ITEMS, STATES, Item, World, frame, inventory

MOST = {"contradicted": 0, "missing": 5, "stored only": 10}
"""No state may have more items than this."""


@pytest.fixture(scope="module")
def found(pack, blmk_run):
    return inventory(World(pack, blmk_run))


def test_the_inventory_has_every_item_of_the_plan(found):
    assert len(found) == len(ITEMS) >= 100
    assert len({(item.area, item.name) for item in ITEMS}) == len(ITEMS)


def test_no_state_has_more_items_than_before(found):
    count = Counter(state for _, state in found)
    assert set(count) <= set(STATES)
    for state, most in MOST.items():
        named = [item.name for item, each in found if each == state]
        assert count[state] <= most, (state, named)


def test_what_stays_out_says_why(found):
    silent = [item.name for item, state in found if state in ("missing", "stored only") and not item.reason]
    assert silent == []


def test_what_is_stored_only_is_declared_as_context(found):
    bare = [item.name for item, state in found if state == "stored only" and not any("aims/context.csv" in words for words, _ in item.kept)]
    assert bare == []


def test_an_item_follows_its_data(pack, blmk_run):
    world = World(pack, blmk_run)
    right = frame("bridge", "amount_pence", 20_300_000_000, line="printed_do_nothing", year="2020/21", level="system")
    wrong = frame("bridge", "amount_pence", 1, line="printed_do_nothing", year="2020/21", level="system")
    assert Item("a", "b").state(world) == "missing"
    assert Item("a", "b", (right,)).state(world) == "stored only"
    assert Item("a", "b", (right,), (wrong,)).state(world) == "stored only"
    assert Item("a", "b", (right,), (right,)).state(world) == "used"
    assert Item("a", "b", (right,), agrees=(wrong,)).state(world) == "contradicted"
    assert Item("a", "b", (wrong,), (right,)).state(world) == "missing"
