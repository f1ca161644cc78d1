"""A compiled contract gives on arrays what a settlement gives on rows, for every shipped contract, and refuses by name."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from capitation.errors import ContractError
from contracts import compile_contract, parse_contract, settle
from contracts.document.library import read_library
from contracts.settlement.rows import read_rows
from contracts.terms._base import Name

DEALS = read_library(Path(__file__).parents[3] / "data" / "england" / "contracts")

POOL = parse_contract(
    {
        "id": "pool",
        "version": "1",
        "title": "A loss of all accounts, carried by weight, and a balance that runs through years",
        "key": ["account", "year"],
        "inputs": [
            {"name": "account", "about": "Account", "type": "text"},
            {"name": "year", "about": "Year", "type": "year"},
            {"name": "gain", "about": "Gain", "unit": "pounds"},
            {"name": "weight", "about": "Weight", "default": 1, "default_says": "all alike"},
        ],
        "parameters": [{"name": "rate", "about": "Share kept", "status": "read", "values": [{"value": 0.5}]}],
        "terms": [
            {"step": "kept", "term": "share", "amount": "gain", "rates": ["rate"]},
            {"step": "pool", "term": "aggregate", "of": ["kept"], "within": ["year"]},
            {
                "step": "part",
                "term": "allocate",
                "amount": "pool",
                "weight": "weight",
                "order_by": ["account"],
                "within": ["year"],
            },
            {
                "step": "paid",
                "term": "recoup",
                "amount": "part",
                "balance": 3,
                "order_by": "year",
                "within": ["account"],
            },
            {"step": "other", "term": "gap", "target": "gain", "actual": "kept"},
        ],
        "outputs": [{"name": "paid_pence", "of": "paid", "rounded_to": "pence"}, {"name": "left", "of": "other"}],
    }
)
VALUES = {
    "account": np.array(["b", "a", "a", "b"]),
    "year": np.array([2, 1, 2, 1]),
    "gain": np.array([10.0, 4.01, 9.0, -3.0]),
}


def _cases():
    return [(deal.id, i) for deal in DEALS.values() for i in range(len(deal.cases))]


@pytest.mark.parametrize(("name", "number"), _cases(), ids=[f"{n} {i}" for n, i in _cases()])
def test_arrays_give_what_a_settlement_gives(name, number):
    deal = DEALS[name]
    rows = pl.DataFrame([dict(row) for row in deal.cases[number].rows], infer_schema_length=None)
    rows = rows.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
    settled = settle(deal, rows)
    inputs = read_rows(deal, rows).inputs
    steps = compile_contract(deal)
    values = {
        c: inputs.get_column(c).to_numpy() for c in inputs.columns if inputs.get_column(c).null_count() < len(inputs)
    }
    for _ in range(2):  # compiled once, run again
        found = steps.on_arrays(values, rounded=True)
        assert list(found) == [o.name for o in deal.outputs]
        for output in deal.outputs:
            assert found[output.name].tolist() == settled.results.get_column(output.name).to_list()
    whole = compile_contract(deal, [term.step for term in deal.terms]).on_arrays(values)
    for step, amounts in whole.items():
        assert np.array_equal(amounts, settled.values.get_column(step).to_numpy(), equal_nan=True), step
    assert steps.on_frame(inputs).select(settled.values.columns).equals(settled.values)


def test_rows_come_back_in_their_order_and_only_what_is_asked_is_needed():
    settled = settle(POOL, pl.DataFrame(VALUES)).results
    assert (
        compile_contract(POOL).on_arrays(VALUES, rounded=True)["paid_pence"].tolist() == settled["paid_pence"].to_list()
    )
    only = compile_contract(POOL, ["left"]).on_arrays({"gain": VALUES["gain"]})
    assert list(only) == ["left"]
    assert only["left"] == pytest.approx(VALUES["gain"] / 2)


def test_draws_are_kept_apart_in_clauses_across_rows():
    chance = np.random.default_rng(7)
    draws = [{**VALUES, "gain": np.round(VALUES["gain"] * chance.normal(1, 1, 4), 2)} for _ in range(5)]
    together = {name: np.concatenate([draw[name] for draw in draws]) for name in VALUES}
    mixed = chance.permutation(20)
    many = {name: values[mixed] for name, values in together.items()} | {"draw": np.repeat(np.arange(5), 4)[mixed]}
    found = compile_contract(POOL, apart="draw").on_arrays(many, rounded=True)["paid_pence"]
    each = np.concatenate([settle(POOL, pl.DataFrame(draw)).results["paid_pence"].to_numpy() for draw in draws])
    assert found.tolist() == each[mixed].tolist()
    with pytest.raises(ContractError, match=r"step part \(allocate\)(.|\n)*rows that share a key"):
        compile_contract(POOL).on_arrays(together)


def test_a_parameter_can_be_drawn_and_one_value_serves_all_rows():
    steps = compile_contract(POOL, ["kept"])
    assert steps.on_arrays({"gain": np.full(3, 10.0), "rate": np.array([0.1, 0.2, 0.3])})["kept"] == pytest.approx(
        [1, 2, 3]
    )
    assert steps.on_arrays({"gain": 10})["kept"].tolist() == [5.0]
    assert steps.on_arrays({"gain": np.array([1.0, 2.0]), "rate": 1})["kept"].tolist() == [1.0, 2.0]


def test_an_empty_cell_is_not_a_number_and_takes_the_declared_default():
    kept = compile_contract(POOL, ["kept"]).on_arrays({"gain": np.array([1.0, np.nan])})["kept"]
    assert kept[0] == 0.5
    assert np.isnan(kept[1])
    weighed = {**VALUES, "weight": np.array([np.nan, 1.0, 1.0, 1.0])}
    for rounded in (False, True):
        found = compile_contract(POOL).on_arrays(weighed, rounded=rounded)
        assert (
            found["paid_pence"].tolist()
            == compile_contract(POOL).on_arrays(VALUES, rounded=rounded)["paid_pence"].tolist()
        )


def test_dates_and_dated_parameters_follow_the_rows():
    deal = DEALS["mssp"]
    steps = compile_contract(deal, ["service_date"])
    assert steps.on_arrays({"performance_year": np.array([2023.0, 2019.0])})["service_date"].tolist() == [
        dt.date(2023, 1, 1),
        dt.date(2019, 1, 1),
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gains": np.zeros(2)}, r"found 'gains'; expected an input, a date or a parameter. Did you mean 'gain'"),
        ({"gain": np.zeros(2)}, r"found no 'account'; expected Account(.|\n)*found no 'year'"),
        ({**VALUES, "gain": np.zeros(3)}, r"expected one value a row in each, and as many in all of them"),
        ({**VALUES, "gain": np.zeros((2, 2))}, r"gain \(2, 2\)"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(values, message):
    with pytest.raises(ContractError, match=message):
        compile_contract(POOL).on_arrays(values)


def test_rows_that_a_clause_refuses_are_named_where_checks_are_asked_for():
    twice = {**VALUES, "account": np.array(["a", "a", "a", "b"])}
    alone = tuple(t.model_copy(update={"amount": Name("gain")}) for t in POOL.terms if t.step == "paid")
    deal = POOL.model_copy(update={"terms": alone, "outputs": POOL.outputs[:1]})
    assert compile_contract(deal).on_arrays(twice)["paid_pence"].shape == (4,)
    with pytest.raises(
        ContractError,
        match=r"row 1 \(account a, year 2.0\), step paid \(recoup\): found account a, gain 10, year 2;",
    ):
        compile_contract(deal).on_arrays(twice, checked=True)
    with pytest.raises(ContractError, match=r"values: row 2, column 'gain': found an empty cell"):
        compile_contract(POOL, ["left"]).on_arrays({"gain": np.array([1.0, np.nan])}, rounded=True)


def test_results_and_columns_that_cannot_be_are_refused_when_compiled():
    with pytest.raises(
        ContractError,
        match=r"found 'payd'; expected an output.*Did you mean 'paid'(.|\n)*'gain', a name of the contract",
    ):
        compile_contract(POOL, ["payd"], apart="gain")
