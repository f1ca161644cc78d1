"""Several trials worked out together say of each what it says alone, to the penny."""

from decimal import Decimal

import polars as pl
import pytest

from contracts.document.contract import read_contract
from contracts.options.document import read_options
from contracts.options.evaluate import trials_of
from contracts.options.starts import several
from contracts.options.starts.several import positions_of_several
from contracts.settlement.settle import settle, settle_apart

KEY = ["option", "role", "organisation_code", "year"]


@pytest.fixture(scope="module")
def trials(pack, blmk_run):
    return trials_of(read_options(pack.path("options/blmk.toml")), pack, blmk_run)


def test_trials_of_activity_and_cost_together_are_those_alone(trials, monkeypatch):
    monkeypatch.setattr(several, "AT_ONCE", 2)
    document = trials.document
    cost = document.cost_at_plan
    dear = document.model_copy(update={"cost_at_plan": cost.model_copy(update={"value": Decimal("1.03")})})
    tries = [(trials.by_change(Decimal("-0.07")), document), (trials.by_case("unmitigated"), dear), (trials.by_change(Decimal("0.031")), document)]  # fmt: skip
    for together, (activity, options) in zip(positions_of_several(trials, tries), tries, strict=True):
        assert together.sort(KEY).equals(trials.positions(activity, options).sort(KEY))


def test_options_whose_contracts_activity_answers_are_tried_one_by_one(trials):
    first, *rest = trials.document.options
    response = trials.document.options[2].response.model_copy(update={"value": Decimal("-0.01")})
    document = trials.document.model_copy(
        update={"options": (first.model_copy(update={"response": response}), *rest[:1])}
    )
    answering = type(trials)(document, trials.contracts, trials.run, trials.lines, trials.money, trials.settle_all, trials.on, trials.starts)  # fmt: skip
    activity = trials.by_change(Decimal("0.02"))
    for each in positions_of_several(answering, [(activity, document), (activity, document)]):
        assert each.sort(KEY).equals(answering.positions(activity).sort(KEY))


@pytest.mark.parametrize("name", ["blmk-alliance", "blmk-whole-population", "section-75"])
def test_rows_kept_apart_are_settled_as_each_part_by_itself(pack, name):
    contract = read_contract(pack.path(f"contracts/{name}.toml"))
    rows = pl.DataFrame(contract.cases[0].rows, infer_schema_length=None).with_columns(
        pl.col(pl.Decimal, pl.Int64).cast(pl.Float64)
    )
    amounts = [
        each.heading
        for each in contract.inputs
        if each.type == "number" and each.unit.startswith(("pence", "£", "pounds"))
    ]
    dearer = rows.with_columns(pl.col(each) * 1.5 for each in amounts if each in rows.columns)
    parts = {"one": rows, "two": dearer}
    both = pl.concat([part.with_columns(pl.lit(label).alias("part")) for label, part in parts.items()])
    found = settle_apart(contract, both, "part")
    assert found.equals(pl.concat(settle(contract, part).results for part in parts.values()))
