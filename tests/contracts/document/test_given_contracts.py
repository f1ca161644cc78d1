"""Contracts at hand go before those of the pack, and the run is named by what they say."""

import pytest

from contracts.document.contract import Contract, read_contract
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options

TWO = ("do-minimum", "blended")


@pytest.fixture(scope="module")
def tried(pack, blmk_run):
    """Tries two options of BLMK with contracts at hand."""
    document = read_options(pack.path("options/blmk.toml"))
    return lambda given=None: evaluate_options(document, pack, run=blmk_run, only=TWO, given=given)


def test_a_contract_at_hand_is_used_and_named_in_the_manifest(pack, tried):
    block = read_contract(pack.path("contracts/blmk-block.toml")).model_copy(update={"title": "Another block"})
    shipped, done = tried(), tried({"blmk-block": block})
    assert done.id != shipped.id
    assert set(done.manifest.inputs) ^ set(shipped.manifest.inputs) == {
        "contracts given/blmk-block",
        "contracts/blmk-block.toml",
    }
    assert done.frame("payment")["term"].str.starts_with("Another block").any()
    assert done.frame("position").equals(shipped.frame("position"))


def test_the_order_of_a_contracts_keys_does_not_name_another_run(pack, tried):
    block = read_contract(pack.path("contracts/blmk-block.toml"))
    turned = Contract.model_construct(block.model_fields_set, **dict(reversed(list(dict(block).items()))))
    assert tried({"blmk-block": block}).id == tried({"blmk-block": turned}).id


def test_a_contract_at_hand_that_no_option_names_changes_nothing(pack, tried):
    assert tried({"mssp": read_contract(pack.path("contracts/mssp.toml"))}).id == tried().id
