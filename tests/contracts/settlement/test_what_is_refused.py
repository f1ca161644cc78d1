"""What rows and documents cannot say: labels that are alike, gaps, percentages as numbers, years, sizes; and what sharing gives."""

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.document.contract import parse_contract
from contracts.language.labels import confusable, folded
from contracts.settlement.settle import settle


def _deal(term, inputs, **more):
    kinds = {"id": "text", "year": "financial_year", "grade": "text"}
    return parse_contract(
        {
            "id": "deal", "version": "1", "title": "Deal", "key": ["id"],
            "inputs": [{"name": each, "about": each, "type": kinds.get(each, "number")} for each in ["id", *inputs]],
            "terms": [{"step": "r", **term}],
            "outputs": [{"name": "r_pence", "of": "r", "rounded_to": "pence"}],
            **more,
        }
    )  # fmt: skip


def _fails(deal, **columns):
    rows = pl.DataFrame({"id": ["a", "b", "c"][: len(next(iter(columns.values())))], **columns})
    with pytest.raises(ContractError) as caught:
        settle(deal, rows)
    return str(caught.value)


def _table(rows, **more):
    return [{"name": "t", "about": "A table", "rows": rows, **more}]


def test_labels_keep_their_signs_and_points():
    assert folded(" Basic-E ") == folded("BASIC_E") == folded("basic e")
    assert folded("1.0") == folded("1")
    assert len({folded(label) for label in ("A", "A-", "A+", "-A", "1.5", "15", "A/B", "AB", "A.B")}) == 9
    assert confusable(["A-1", "a1", "B", "B-"]) == [("A-1", "a1")]


def test_a_table_whose_labels_are_alike_is_refused_unless_they_mean_the_same():
    term = {"term": "lookup", "table": "t", "label": "grade", "column": "v"}
    alike = _table([{"g": "A 1", "v": 1}, {"g": "a-1", "v": 2}], kind="labels", label="g")
    with pytest.raises(ContractError, match=r"table t: row 2: found label 'a-1', which is read as 'A 1' \(row 1\)"):
        _deal(term, ["grade"], tables=alike)
    same = _table([{"g": "A 1", "v": 1}, {"g": "a-1", "v": 1}], kind="labels", label="g")
    assert _deal(term, ["grade"], tables=same).id == "deal"


@pytest.mark.parametrize(("x", "right"), [("-1", None), ("0", 1), ("10", 1), ("10.5", None), ("15", None), ("20", 2), ("30", 2), ("31", None)])  # fmt: skip
def test_a_number_in_a_gap_or_past_the_end_of_a_table_has_no_value(x, right):
    bands = _table([{"low": 0, "high": 10, "at_low": 1}, {"low": 20, "high": 30, "at_low": 2}], kind="bands")
    deal = _deal({"term": "lookup", "table": "t", "by": "x"}, ["x"], tables=bands)
    if right is None:
        assert f"line 2 (id a), step r (lookup): found x {x}; expected that table t has a value for x" in _fails(
            deal, x=[x]
        )
    else:
        assert settle(deal, pl.DataFrame({"id": ["a"], "x": [x]})).results["r_pence"].to_list() == [right * 100]


def test_bands_of_whole_numbers_that_follow_each_other_have_no_gap():
    bands = _table([{"low": 0, "high": 9, "at_low": 1}, {"low": 10, "high": None, "at_low": 2}], kind="bands")
    deal = _deal({"term": "lookup", "table": "t", "by": "x"}, ["x"], tables=bands)
    rows = pl.DataFrame({"id": ["a", "b", "c"], "x": ["9", "9.5", "1000000"]})
    assert settle(deal, rows).results["r_pence"].to_list() == [100, 100, 200]


@pytest.mark.parametrize(
    ("term", "place"),
    [
        ({"term": "levy", "amount": "x", "rate": 2}, "rate: found 2; expected a fraction from 0 to 1. 2 per cent is written as 0.02."),
        ({"term": "share", "amount": "x", "rates": [0.5, 60]}, "rates.2: found 60"),
        ({"term": "relief", "amount": "x", "share": 40}, "share: found 40"),
        ({"term": "layer", "amount": "x", "share": 90}, "share: found 90"),
        ({"term": "trend", "amount": "x", "growth": 2.8}, "growth: found 2.8"),
        ({"term": "adjust", "amount": "x", "how": "discount", "by": 3.5}, "by: found 3.5"),
        ({"term": "cap", "amount": "x", "limits": [{"rate": 15, "base": "x"}]}, "limits.1.rate: found 15"),
        ({"term": "gate", "amount": "x", "base": "x", "at_least": 50}, "at_least: found 50"),
        ({"term": "bands", "amount": "x", "gains": [{"upto": 1, "share": 0.5}, {"share": 80}]}, "gains.2.share: found 80"),
        ({"term": "recoup", "amount": "x", "balance": 1, "order_by": "x", "interest": 3}, "interest: found 3"),
    ],
)  # fmt: skip
def test_a_percentage_written_as_a_number_is_named(term, place):
    with pytest.raises(ContractError) as caught:
        _deal(term, ["x"])
    assert place in str(caught.value)


def test_a_figure_lies_in_the_range_of_its_unit_or_of_its_own_limits():
    def rate(**more):
        return [
            {
                "name": "rate",
                "about": "Rate",
                "unit": "share",
                "status": "unverified",
                "values": [{"value": 1.2}],
                **more,
            }
        ]

    term = {"term": "share", "amount": "x", "rates": ["rate"]}
    with pytest.raises(
        ContractError, match=r"parameter rate.values.1: found 1.2 share; expected at least 0 and at most 1"
    ):
        _deal(term, ["x"], parameters=rate())
    assert _deal(term, ["x"], parameters=rate(at_most=2)).id == "deal"
    deal = _deal({"term": "fixed", "sum": "x"}, ["x"])
    for unit, cell in (("share", "60"), ("share", "-0.1"), ("months", "13"), ("persons", "-1")):
        inputs = (deal.inputs[0], deal.inputs[1].model_copy(update={"unit": unit}))
        assert "line 2 (id a), column 'x'" in _fails(deal.model_copy(update={"inputs": inputs}), x=[cell])


@pytest.mark.parametrize("cell", ["93000000000000000", "-93000000000000000", "1e300", "inf", "nan", "1e309"])
def test_a_number_too_large_to_be_exact_is_refused_by_line_and_column(cell):
    assert "line 2 (id a), column 'x'" in _fails(_deal({"term": "fixed", "sum": "x"}, ["x"]), x=[cell])


def test_an_amount_too_large_to_be_exact_to_the_penny_is_refused_by_line():
    said = _fails(_deal({"term": "share", "amount": "x", "rates": ["x"]}, ["x"]), x=["10", "4000000000"])
    assert "line 3 (id b), output 'r_pence'" in said
    assert "up to which amounts are exact" in said


@pytest.mark.parametrize("year", ["2016/18", "2016/99", "0000/01", "2016/2017", "16/17", "2016-17", "9998/99"])
def test_a_year_whose_second_part_does_not_follow_is_refused(year):
    deal = _deal({"term": "fixed", "sum": "x"}, ["year", "x"])
    assert "line 2 (id a), column 'year': found" in _fails(deal, year=[year], x=["1"])


def test_a_period_needs_a_date_that_could_lie_in_it():
    with pytest.raises(ContractError, match="period: found no date that could fall in it"):
        _deal({"term": "fixed", "sum": "x"}, ["x"], period={"start": "2016-04-01"})


def test_weights_of_any_scale_share_to_the_penny_and_never_past_a_rows_own_limit():
    term = {"term": "allocate", "amount": "total", "weight": "w", "order_by": ["id"]}
    for weights, parts in (
        (["0.12345678", "0.87654322"], [1_234_567_800, 8_765_432_200]),
        (["6000000000", "4000000000"], [6_000_000_000, 4_000_000_000]),
        (["1e-9", "3e-9"], [2_500_000_000, 7_500_000_000]),
    ):
        rows = pl.DataFrame({"id": ["a", "b"], "total": ["100000000"] * 2, "w": weights})
        assert settle(_deal(term, ["total", "w"]), rows).results["r_pence"].to_list() == parts
    capped = _deal({**term, "at_most": "loss"}, ["total", "w", "loss"])
    rows = {"total": ["90"] * 3, "w": ["6", "3", "1"]}
    frame = pl.DataFrame({"id": ["a", "b", "c"], **rows, "loss": ["10", "70", "100"]})
    assert settle(capped, frame).results["r_pence"].to_list() == [1000, 6000, 2000]
    assert "expected that the rows together can take total" in _fails(capped, **rows, loss=["10", "20", "30"])
    adding = _deal({**term, "weights_add_to": 1}, ["total", "w"])
    assert "expected that w adds to 1 over its group" in _fails(adding, total=["9", "9"], w=["0.5", "0.6"])


def test_lists_are_counted_from_one_and_forms_are_said_in_words():
    with pytest.raises(ContractError) as caught:
        _deal({"term": "share", "amount": "x", "rates": [0.5, "60%", "1/4"]}, ["x"])
    said = str(caught.value)
    assert "rates.2: found '60%'; expected a number, or the name of an input" in said
    assert "60% is written as 0.6." in said
    assert "rates.3: found '1/4'" in said
    assert "1/4 is written as 0.25." in said
    assert "^[a-z]" not in said
