"""Labels that a contract names in tables, parameters and conditions: read however they are written, and refused where two are one."""

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts import parse_contract, settle
from contracts.language.condition import texts_in
from contracts.settlement.reference import reference_settle

INPUTS = [{"name": "track", "about": "Track", "type": "text"}, {"name": "x", "about": "Amount", "unit": "pounds"}]


def deal(terms, **more):
    content = {
        "id": "t",
        "version": "1",
        "title": "T",
        "inputs": INPUTS,
        "terms": terms,
        "outputs": [{"name": "o", "of": "r"}],
    }
    return parse_contract(content | more)


def by_condition(when):
    return [{"step": "r", "term": "choose", "branches": [{"when": when, "value": "x"}], "otherwise": 0}]


def rates(*labels):
    values = [{"value": {label: i / 10 for i, label in enumerate(labels, start=1)}}]
    return {"name": "rate", "about": "Rate", "unit": "share", "status": "read", "by": "track", "values": values}


def table(*labels):
    rows = [{"name": label, "value": i} for i, label in enumerate(labels, start=1)]
    return {"name": "grades", "about": "Grades", "kind": "labels", "label": "name", "rows": rows}


LOOK_UP = [{"step": "r", "term": "lookup", "table": "grades", "label": "track", "column": "value"}]
SHARE = [{"step": "r", "term": "share", "amount": "x", "rates": ["rate"]}]
ROWS = pl.DataFrame({"track": ["Basic A", "basic_a", "BASIC-A", "A-", "a-", "A"], "x": ["10"] * 6})


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        (deal(by_condition("track == 'BASIC A'")), [10, 10, 10, 0, 0, 0]),
        (deal(by_condition("track in ('A-', 'B')")), [0, 0, 0, 10, 10, 0]),
        (deal(by_condition("track != 'A'")), [10, 10, 10, 10, 10, 0]),
        (deal(SHARE, parameters=[rates("Basic A", "A-", "A")]), [1, 1, 1, 2, 2, 3]),
        (deal(LOOK_UP, tables=[table("A", "A-", "BASIC_A")]), [3, 3, 3, 2, 2, 1]),
    ],
    ids=["condition", "in", "unequal", "parameter", "table"],
)
def test_a_label_is_read_however_it_is_written(contract, expected):
    assert settle(contract, ROWS).results["o"].to_list() == pytest.approx(expected)
    assert [row["o"] for row in reference_settle(contract, ROWS)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("terms", "more", "place"),
    [
        (by_condition("track == 'Large' or track == 'large'"), {}, "terms.1 (r).branches.1.when"),
        (SHARE, {"parameters": [rates("A B", "AB")]}, "parameter rate.values.1"),
        (LOOK_UP, {"tables": [table("A B", "AB")]}, "table grades: row 2"),
        (
            [*SHARE, {"step": "s", "term": "choose", "branches": [{"when": "track == 'a'", "value": 1}], "otherwise": 0}],
            {"parameters": [rates("A", "B")]}, "terms.2 (s).branches.1.when",
        ),
    ],
    ids=["conditions", "parameter", "table", "condition-and-parameter"],
)  # fmt: skip
def test_two_labels_that_are_one_are_refused_by_their_place(terms, more, place):
    with pytest.raises(ContractError) as caught:
        deal(terms, **more)
    assert place in str(caught.value)
    assert "which is read as" in str(caught.value)


def test_a_condition_with_a_text_that_no_code_of_the_table_is_is_refused():
    codes = {"name": "tracks", "about": "Tracks", "kind": "labels", "label": "printed",
             "rows": [{"printed": "Track 1", "code": "TRACK_1"}, {"printed": "Track 2", "code": "TRACK_2"}]}  # fmt: skip
    inputs = [{**INPUTS[0], "table": "tracks"}, INPUTS[1]]
    with pytest.raises(ContractError, match="track compared with 'Track 2'; expected a code of table tracks"):
        deal(by_condition("track == 'Track 2'"), tables=[codes], inputs=inputs)
    done = settle(deal(by_condition("track == 'TRACK_2'"), tables=[codes], inputs=inputs),
                  pl.DataFrame({"track": ["track 2", "Track 1"], "x": ["5", "6"]}))  # fmt: skip
    assert done.results["o"].to_list() == [5, 0]


def test_texts_of_a_condition_are_found_and_dates_are_none():
    found = texts_in("not (track in ('A', 'B')) and paid >= '2024-01-01' and 'C' == track and x > 3")
    assert found == (("track", "A"), ("track", "B"), ("track", "C"))


def test_losses_with_limits_of_their_own_are_limited_whether_or_not_a_side_is_named():
    cap = {
        "step": "r",
        "term": "cap",
        "amount": "x",
        "limits": [{"rate": 0.1, "base": 100}],
        "loss_limits": [{"rate": 0.05, "base": 100}],
    }
    rows = pl.DataFrame({"track": ["a"] * 4, "x": ["20", "9", "-4", "-20"]})
    for terms in ([cap], [cap | {"side": "both"}]):
        assert settle(deal(terms), rows).results["o"].to_list() == [10, 9, -4, -5]
    with pytest.raises(ContractError, match="expected 'both', as losses have limits of their own"):
        deal([cap | {"side": "gains"}])


def test_one_broken_promise_of_a_clause_is_one_fault_a_row():
    inputs = [INPUTS[0], INPUTS[1], {"name": "w", "about": "Weight", "unit": "persons"}]
    shift = {"step": "r", "term": "neutralise", "amount": "x", "to": 0, "how": "shift", "weight": "w"}
    rows = pl.DataFrame({"track": ["a", "b"], "x": ["10", "-4"], "w": ["0", "0"]})
    with pytest.raises(ContractError) as caught:
        settle(deal([shift], inputs=inputs), rows)
    assert len(caught.value.faults) == 2
    assert "do not add to 0" in str(caught.value)
    assert "nan" not in str(caught.value)
