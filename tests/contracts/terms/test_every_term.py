"""Every registered term: worked cases two ways, pieces at each threshold, words, and a round trip through JSON."""

import json
from typing import ClassVar, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import ContractError
from contracts.document.schema import any_term
from contracts.language.pieces import Kind, Pieces
from contracts.terms import Term, all_terms
from contracts.terms._base import Amount, Case, number, said, value
from contracts.testing import FACTORS, built, check_term, pieces_of, rows_around, ways_of

TERMS = all_terms()
CASES = [(name, case) for name, term in TERMS.items() for case in term.cases]


@pytest.mark.parametrize("name", TERMS)
def test_a_term_keeps_what_contracts_rely_on(name):
    check_term(TERMS[name])


@pytest.mark.parametrize("name", TERMS)
@given(data=st.data())
def test_two_ways_agree_on_rows_around_the_worked_cases(name, data):
    term = TERMS[name]
    case = data.draw(st.sampled_from(term.cases))
    factors = st.sampled_from(FACTORS)
    rows = rows_around(built(term, case), case, lambda _: data.draw(factors))
    assert list(ways_of(term, case, rows)) == []


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}: {c.name}" for n, c in CASES])
def test_a_term_told_apart_by_its_name_survives_json(name, case):
    term = any_term().validate_python({"term": name, "step": "result", **case.fields})
    assert type(term) is TERMS[name]
    again = any_term().validate_json(json.dumps(term.model_dump(mode="json", by_alias=True)))
    assert again == term
    assert list(again.references()) == list(term.references())


class Doubled(Term):
    """Twice an amount: a clause that keeps all that is promised, for the kit to be tried on."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["doubled"] = "doubled"
    """Which clause this is."""
    amount: Amount
    """What is doubled."""

    def evaluate(self, tables):
        return {self.step: value(self.amount) * 2.0}

    def reference(self, row, tables):
        return {self.step: number(self.amount, row) * 2.0}

    def pieces(self, at, tables=None):
        return Pieces.line(2.0)

    def formula(self):
        return f"{self.step} = 2 x {said(self.amount)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case("ten", {"amount": "x"}, [{"x": 10.0}], {"": [20.0]}, "2 x 10"),
        Case("a loss", {"amount": "x"}, [{"x": -3.0}, {"x": 0.0}], {"": [-6.0, 0.0]}, "2 x -3; 0"),
    )


def test_the_kit_passes_a_clause_that_is_right():
    check_term(Doubled)


def _reads_otherwise(self, row, tables):
    return {self.step: min(number(self.amount, row), 15.0) * 2.0}  # right on its cases, wrong at twice ten


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cases": Doubled.cases[:1]}, "found 1 worked cases; expected at least two"),
        (
            {"cases": (*Doubled.cases, Case("x", {"amount": "x"}, [{"x": 1.0}], {"": [3.0]}, "?"))},
            "found 2.0; expected 3.0",
        ),
        (
            {"cases": (*Doubled.cases, Case("x", {"amount": "x"}, [{"x": 1.0}], {"": [2.0]}, ""))},
            "how to redo it by hand",
        ),
        (
            {"cases": (*Doubled.cases, Case("x", {"amount": "x"}, [{"y": 1.0}], {"": [2.0]}, "?"))},
            "runs on its own case",
        ),
        (
            {"cases": (*Doubled.cases, Case("x", {"amount": "x"}, [{"x": 1.0}], {"up": [2.0]}, "?"))},
            "no result 'result.up'",
        ),
        ({"reference": _reads_otherwise}, "row by row, rows"),
        ({"pieces": lambda *_: Pieces.line(2.5)}, "pieces at"),
        ({"pieces": lambda *_: None}, "found no pieces; expected pieces, as it is univariate"),
        ({"promises": lambda *_: {"never": pl.lit(value=False)}}, "a broken promise: never"),
        ({"formula": lambda _: "twice"}, "a formula that begins with the name of the step"),
        ({"primary": "sum"}, "no field 'sum'"),
    ],
)
def test_the_kit_names_what_a_clause_does_not_keep(changed, message):
    wrong = type("Wrong", (Doubled,), {"__doc__": Doubled.__doc__, "kind": "linear", "__module__": __name__, **changed})
    with pytest.raises(ContractError, match=message):
        check_term(wrong)


def test_pieces_harder_than_the_kind_of_the_clause_are_named():
    bent = Pieces.through([(0.0, 0.0)], 1.0, 2.0)
    wrong = type("Wrong", (Doubled,), {"kind": "linear", "__module__": __name__, "pieces": lambda *_: bent})
    assert any("pieces of kind convex" in str(fault) for fault in pieces_of(wrong, wrong.cases[0]))
