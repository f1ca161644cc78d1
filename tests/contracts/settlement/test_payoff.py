"""The payoff of every shipped contract: whole, quick, in the declared unit, equal to settlements at the same figures."""

import time
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts import parse_contract, settle
from contracts.document.contract import read_contract
from contracts.settlement.payoff import payoff
from contracts.settlement.payoff_values import typed_rows

DATA = Path(__file__).parents[3] / "data"
SHIPPED = sorted(DATA.glob("*/contracts/*.toml"))
PARTIES = [{"code": "a", "name": "A", "role": "member"}, {"code": "b", "name": "B", "role": "member"}]


def deal(terms, outputs, inputs=("x",), **more):
    named = [{"name": name, "about": name, "unit": "pounds"} for name in inputs]
    return parse_contract(
        {"id": "t", "version": "1", "title": "T", "inputs": named, "terms": terms, "outputs": outputs, **more}
    )


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_every_shipped_contract_has_a_payoff_that_its_settlements_give(path):
    contract = read_contract(path)
    rows = typed_rows(contract.cases[0].rows).to_dicts()
    numbers = [i for i in contract.inputs if i.type == "number" and rows[0].get(i.heading)]
    varied = next((i for t in contract.terms for i in numbers if t.before() == i.name), numbers[0])
    middle = float(rows[0][varied.heading])
    began = time.perf_counter()
    low, high = sorted((0.8 * middle, 1.2 * middle))
    curve = payoff(
        contract, rows, varied.name, low, high if varied.at_most is None else min(high, float(varied.at_most))
    )
    assert time.perf_counter() - began < 5
    plain = curve.table.filter(pl.col("note") == "")
    assert plain.height >= 2
    for x, found in plain.select(varied.name, curve.output).rows()[::7]:
        again = [{**rows[0], varied.heading: x}, *rows[1:]]
        try:
            settled = settle(contract, typed_rows(again)).results.get_column(curve.output)[0]
        except ContractError:  # the figure is one and the same on all rows of a pool
            settled = settle(contract, typed_rows([{**r, varied.heading: x} for r in rows])).results[curve.output][0]
        assert found == pytest.approx(settled, abs=1e-6)
        # Sums shared in whole pence lie within a penny of their line.
        assert curve.stated.at(x) == pytest.approx(settled, rel=1e-5, abs=1.01)


def test_a_pool_shared_in_whole_pence_is_drawn_as_its_line_and_says_so():
    contract = deal(
        [
            {"step": "gain", "term": "gap", "target": 5_000_000, "actual": "x"},
            {"step": "part", "term": "distribute", "amount": "gain", "shares": {"a": "0.6", "b": "0.4"}},
        ],
        [{"name": "a_pence", "of": "part.a", "rounded_to": "pence"}],
        parties=PARTIES,
    )
    curve = payoff(contract, {"x": 4e6}, "x", 3e6, 7e6)
    assert curve.pieces.slopes == pytest.approx([-0.6])
    assert curve.kind == "linear"
    assert "whole units of 0.01" in curve.note
    assert curve.table.get_column("a_pence").to_list()[0] == 120_000_000


def test_amounts_are_in_the_declared_unit():
    contract = deal(
        [{"step": "half", "term": "share", "amount": "x", "rates": [0.5]}],
        [{"name": "out_pence", "of": "half", "rounded_to": "pence"}],
    )
    curve = payoff(contract, {"x": 50.0}, "x", 0.0, 100.0)
    assert curve.table.schema["out_pence"] == pl.Int64
    assert curve.table.get_column("out_pence").to_list()[-1] == 5000
    assert curve.unit == "pence"
    assert curve.stated.slopes == (50.0,)
    assert curve.pieces.slopes == (0.5,)


def test_bends_stand_where_the_clauses_put_them():
    contract = deal(
        [
            {"step": "gain", "term": "gap", "target": 1000, "actual": "x"},
            {"step": "kept_in", "term": "collar", "amount": "gain", "floor": "-0.333", "cap": "0.1", "base": 1000},
        ],
        [{"name": "o", "of": "kept_in"}],
    )
    curve = payoff(contract, {"x": 1000.0}, "x", 0.0, 2000.0)
    assert curve.bends == pytest.approx((900.0, 1333.0), abs=1e-9)
    assert curve.pieces.slopes == pytest.approx([0.0, -1.0, 0.0])


def test_a_curve_is_drawn_through_a_bounded_number_of_points():
    contract = deal(
        [{"step": "r", "term": "ratio", "amount": 1, "base": "x"}],
        [{"name": "o", "of": "r"}],
    )
    curve = payoff(contract, {"x": 1.0}, "x", 1.0, 4.0)
    assert curve.kind == "curved"
    assert curve.bends == ()
    assert 100 < len(curve.pieces.pieces) < 400
    assert curve.pieces.at(2.345) == pytest.approx(1 / 2.345, rel=1e-4)


def test_a_figure_that_all_rows_of_a_pool_share_varies_on_all_of_them():
    contract = deal(
        [{"step": "part", "term": "allocate", "amount": "x", "weight": "w", "order_by": ["w"]}],
        [{"name": "o", "of": "part"}],
        ("x", "w"),
    )
    rows = [{"x": 100.0, "w": 1.0}, {"x": 100.0, "w": 3.0}]
    curve = payoff(contract, rows, "x", 50.0, 150.0)
    assert curve.pieces.slopes == pytest.approx([0.25], rel=1e-6)


def test_a_figure_that_cannot_vary_alone_is_refused_in_words():
    contract = deal(
        [{"step": "part", "term": "allocate", "amount": "x", "weight": "w", "order_by": ["w"]}],
        [{"name": "o", "of": "part"}],
        ("x", "w"),
    )
    with pytest.raises(ContractError, match="x cannot vary while the other figures of its rows stay"):
        payoff(contract, [{"x": 100.0, "w": 0.0}, {"x": 100.0, "w": 0.0}], "x", 50.0, 150.0)
