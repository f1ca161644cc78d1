"""Payment terms from contracts: the pieces against what the contract settles on a grid, and what is refused by name."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import ContractError
from capitation.pack.layers import shipped_packs
from contracts.document.contract import read_contract
from contracts.language.pieces import Piece, Pieces
from contracts.settlement.settle import settle
from contracts.terms.limits.bands import Bands
from contracts.terms.pay.variable import Variable
from optimiser.answers.optimise import optimise
from optimiser.links.contract_terms import contract_terms, exact_terms, paid_on_cost, term_terms
from optimiser.problem.document import problem_of

PACKS = shipped_packs()
LINE = {"year": "2017/18", "commissioner": "06P", "provider": "RC9", "line": "non-elective"}
PLAN = {**LINE, "plan_value_pence": 5_000_000_00, "plan_cost_pence": 5_000_000_00}


def contract(name):
    pack = "blmk" if name.startswith("blmk-") else "england"
    return read_contract(PACKS / pack / "contracts" / f"{name}.toml")


def paid(document, row, column, values):
    """Everything the contract pays the provider, in pounds, by its settlement of one row after another."""
    outputs = [o for o in document.outputs if o.payer is not None]
    sellers = {p.code for p in document.parties if p.role == "provider"}
    found = []
    for value in values:
        results = settle(document, pl.DataFrame([{**row, column: value}]), where="grid").results
        found.append(sum((1 if str(o.payee) in sellers else -1) * results[o.name][0] for o in outputs) / 100)
    return found


CASES = {
    "blmk-blended": ("actual_value_pence", {**PLAN, "actual_value_pence": 6_000_000_00}, 0.2, "linear"),
    "blmk-payment-by-results": (
        "actual_value_pence",
        {**PLAN, "line": "elective", "actual_value_pence": 6_000_000_00},
        1.0,
        "linear",
    ),
    "marginal-rate-emergency-tariff": (
        "activity_value",
        {"provider": "RC9", "year": "2016/17", "baseline_value": 50_000_000.0, "activity_value": 53_000_000.0},
        0.7,
        "convex",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_provider_loses_is_what_the_contract_settles_less(name):
    varied, row, first, kind = CASES[name]
    document = contract(name)
    terms = contract_terms(document, row, varied, provider="RC9")
    assert terms.kind == kind
    assert float(terms.terms.pieces[0].slope) == pytest.approx(first, abs=1e-9)
    assert bool(terms.flags) == (kind != "linear")
    unit = 100 if document.amounts == "pence" else 1
    done = int(row[varied])
    grid = [done * i // 97 for i in range(98)] + [done - step * unit for step in (0, 1, 50_000_00, 1_000_000)]
    payments = paid(document, row, varied, grid)
    before = paid(document, row, varied, [done])[0]
    for value, payment in zip(grid, payments, strict=True):
        # settled amounts are rounded to the penny, and bends stand at whole pence
        assert terms.income_lost((done - value) / unit) == pytest.approx(before - payment, abs=0.03)


def test_a_block_takes_nothing_back():
    pays = Pieces.line(0.0, 5_000_000.0)
    terms = exact_terms(pays, provider="RYV", done_pounds=5_000_000)
    assert [(p.from_pounds, p.slope) for p in terms.terms.pieces] == [(Decimal("0.00"), Decimal("0.0"))]


def test_a_clause_at_seventy_per_cent_above_plan_bends_at_plan():
    clause = Variable.model_validate({"term": "variable", "step": "paid", "actual": "value", "plan": 100, "above": 0.7})
    terms = term_terms(clause, {"value": 110.0}, provider="RC9", done_pounds=110)
    # the first £10 not done lose 70%, the rest all of it
    assert [(float(p.from_pounds), float(p.slope)) for p in terms.terms.pieces] == [(0, 0.7), (10, 1.0)]
    assert terms.kind == "convex"


def corridor_terms(rate):
    """The corridor of blmk-capitation-corridor at a target of £5m and a cost of £5.4m if nothing is bought."""
    document = contract("blmk-capitation-corridor")
    clause = next(term for term in document.terms if term.step == "commissioners_part")
    edges = {"inner_edge": 0.01, "outer_edge": 0.03, "middle_share": 0.5, "outer_share": 0.8}
    pays = paid_on_cost(clause.pieces({"gain": 0.0, "target": 5_000_000.0, **edges}), 5_000_000.0)
    return exact_terms(pays, provider="RC9", done_pounds=5_400_000, per_tariff_pound=rate, what="corridor")


def test_a_corridor_on_cost_loses_what_the_contract_settles_less():
    document = contract("blmk-capitation-corridor")
    costs = [4_000_000_00 + 1_234_567 * i for i in range(114)] + [
        5_400_000_00,
        5_150_000_00,
        5_050_000_00,
        4_950_000_00,
    ]
    before = paid(document, PLAN, "actual_cost_pence", [5_400_000_00])[0]
    whole = corridor_terms(1.0)
    assert whole.kind == "piecewise"
    for cost, payment in zip(costs, paid(document, PLAN, "actual_cost_pence", costs), strict=True):
        assert whole.income_lost((5_400_000_00 - cost) / 100) == pytest.approx(before - payment, abs=0.03)
    # a pound of tariff value that takes only half a pound of cost with it moves half as far along the corridor
    half = corridor_terms({"ae": 0.5})
    assert half.income_lost(300_000) == pytest.approx(whole.income_lost(150_000), abs=0.01)


def test_points_of_delivery_with_other_cost_behaviour_in_one_pool_are_refused():
    with pytest.raises(ContractError, match=r"corridor: .*ae 0.4, elective 0.6") as error:
        corridor_terms({"ae": 0.4, "elective": 0.6})
    assert len(error.value.faults) == 1


def test_a_contract_that_pools_rows_names_the_clauses_that_do():
    row = {**PLAN, "actual_cost_pence": 5_400_000_00}
    with pytest.raises(ContractError, match=r"step gain \(aggregate\)") as error:
        contract_terms(contract("blmk-capitation-corridor"), row, "actual_cost_pence", provider="RC9")
    assert [f.where.split("step ")[1] for f in error.value.faults] == [
        "gain (aggregate)", "target (aggregate)", "corridor (allocate)"
    ]  # fmt: skip


def test_an_input_that_a_contract_does_not_have_is_named():
    with pytest.raises(ContractError, match="no number input 'actual_value'"):
        contract_terms(contract("blmk-blended"), {**PLAN, "actual_value_pence": 1}, "actual_value", provider="RC9")


def test_a_cliff_is_refused_as_a_leap_with_its_place():
    clause = Bands.model_validate(
        {"term": "bands", "step": "bonus", "amount": "value", "mode": "cliff", "gains": [{"upto": 60, "share": 0.1}, {"share": 0.3}]}
    )  # fmt: skip
    with pytest.raises(ContractError, match=r"bonus.*a leap of £12\.00 where £40\.00 of tariff value is not done"):
        term_terms(clause, {"value": 100.0}, provider="RC9", done_pounds=100)


def test_a_leap_at_what_is_done_now_is_refused_too():
    step = Pieces((Piece(float("-inf"), 0.0, 1.0), Piece(100.0, 5.0, 1.0)))
    with pytest.raises(ContractError, match=r"a leap of £5\.00 where £0\.00"):
        exact_terms(step, provider="RC9", done_pounds=100)


def test_a_payment_that_rises_as_activity_falls_is_refused():
    with pytest.raises(ContractError, match=r"rises by £0\.3000 for each £1 not done from £0\.00 on"):
        exact_terms(Pieces.line(-0.3, 10.0), provider="RC9", done_pounds=100)


@given(
    bends=st.lists(st.integers(1, 199), unique=True, max_size=4),
    slopes=st.lists(st.integers(0, 20), min_size=5, max_size=5),
    done=st.integers(1, 200),
    off=st.floats(0, 1),
)
def test_pieces_turned_round_give_the_payment_less_what_is_left(bends, slopes, done, off):
    points, value = [(0.0, 0.0)], 0.0
    for bend, slope in zip(sorted(bends), slopes, strict=False):
        value += (bend - points[-1][0]) * slope / 10
        points.append((float(bend), value))
    pays = Pieces.through(points, slopes[0] / 10, slopes[-1] / 10)
    terms = exact_terms(pays, provider="h", done_pounds=done)
    gone = off * done
    assert terms.income_lost(gone) == pytest.approx(pays.at(done) - pays.at(done - gone), abs=1e-6)


@pytest.mark.parametrize("name", ["marginal-rate-emergency-tariff", "blmk-blended"])
def test_the_programme_loses_what_the_contract_settles(name):
    varied, row, _, _ = CASES[name]
    document = contract(name)
    terms = contract_terms(document, row, varied, provider="RC9")
    unit = 100 if document.amounts == "pence" else 1
    done = row[varied] / unit
    problem = problem_of(
        {
            "id": "under_terms",
            "title": "one solution under a contract",
            "years": ["2020/21"],
            "providers": [{"id": "RC9"}],
            "activity": [{"point_of_delivery": "admission", "units": done / 1000}],
            "prices": [{"point_of_delivery": "admission", "tariff_pounds": 1000}],
            "payment_terms": [terms.terms.model_dump()],
            "solutions": [
                {
                    "id": "home", "whole": True, "costs": [{"kind": "recurrent", "pounds": 1}],
                    "effects": [{"point_of_delivery": "admission", "central": 0.25}],
                    "savings": [{"pounds": 100_000_000}],
                }
            ],
        },
        "under_terms",
        Path(),
    )  # fmt: skip
    outcome = optimise(problem)
    left = round(row[varied] * 0.75)
    before, after = paid(document, row, varied, [row[varied], left])
    assert outcome.answer.measure("income_lost") == pytest.approx(before - after, abs=0.05)
