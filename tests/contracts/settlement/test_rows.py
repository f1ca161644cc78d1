"""Rows as files bring them: labels, flags, dates, empty marks, defaults and dated parameters."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.document.contract import parse_contract, read_contract
from contracts.language.labels import folded
from contracts.settlement.named_values import parameter_on
from contracts.settlement.rows import read_rows

MSSP = read_contract(Path(__file__).parents[3] / "data" / "england" / "contracts" / "mssp.toml")


def _deal(**more):
    return parse_contract(
        {
            "id": "intake",
            "version": "1",
            "title": "Intake",
            "terms": [{"step": "sum", "term": "fixed", "sum": 1}],
            "outputs": [{"name": "o", "of": "sum"}],
            **more,
        }
    )


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ("1", "TRACK_1"),
        ("1.0", "TRACK_1"),
        ("Track 1", "TRACK_1"),
        ("TRACK_1", "TRACK_1"),
        ("1+", "TRACK_1_PLUS"),
        ("Track 1+", "TRACK_1_PLUS"),
        ("TRACK_1_PLUS", "TRACK_1_PLUS"),
        ("2", "TRACK_2"),
        ("T3", "TRACK_3"),
        ("A", "BASIC_A"),
        ("BASIC A", "BASIC_A"),
        ("basic_e", "BASIC_E"),
        ("E", "BASIC_E"),
        ("EN", "ENHANCED"),
        ("ENHANCED TRACK", "ENHANCED"),
    ],
)
def test_a_track_is_known_as_any_year_prints_it(printed, code):
    table = MSSP.table_map()["track_labels"]
    codes = {folded(label): c for label, c in table.by_label("code").items()}
    assert codes[folded(printed)] == code


def test_a_track_that_is_not_known_names_its_row():
    rows = pl.DataFrame([dict(MSSP.cases[0].rows[0])], infer_schema_length=None).with_columns(
        pl.col(pl.Decimal).cast(pl.Float64), track=pl.lit("BASIC_F")
    )
    with pytest.raises(ContractError, match=r"line 2 .*column 'track': found 'BASIC_F'") as caught:
        read_rows(MSSP, rows)
    assert "Did you mean 'BASIC_" in str(caught.value)


@pytest.mark.parametrize(
    ("printed", "day"),
    [
        ("07/01/2019", dt.date(2019, 7, 1)),
        ("7/1/2019", dt.date(2019, 7, 1)),
        ("2019-07-01", dt.date(2019, 7, 1)),
        ("2019-07-01 00:00:00", dt.date(2019, 7, 1)),
        ("2019-07-01T00:00:00", dt.date(2019, 7, 1)),
    ],
)
def test_a_date_is_read_in_either_form(printed, day):
    deal = _deal(inputs=[{"name": "start", "about": "Start", "type": "date", "month_first": True}])
    assert read_rows(deal, pl.DataFrame({"start": [printed]})).frame.item(0, "start") == day


def test_a_date_with_the_day_first_is_another_date():
    deal = _deal(inputs=[{"name": "start", "about": "Start", "type": "date"}])
    assert read_rows(deal, pl.DataFrame({"start": ["07/01/2019"]})).frame.item(0, "start") == dt.date(2019, 1, 7)


def test_flags_are_read_as_files_write_them():
    deal = _deal(inputs=[{"name": "met", "about": "Met", "type": "flag", "required": False}], empty_marks=["-"])
    rows = pl.DataFrame({"met": ["1", "0", "Y", "no", "TRUE", "False", "1.0", "-", ""]})
    assert read_rows(deal, rows).frame.get_column("met").to_list() == [1, 0, 1, 0, 1, 0, 1, None, None]
    with pytest.raises(ContractError, match="found 'maybe'; expected 1 or 0, yes or no, true or false"):
        read_rows(deal, pl.DataFrame({"met": ["maybe"]}))


def test_a_default_is_taken_only_as_declared_and_counted():
    deal = _deal(
        inputs=[
            {"name": "a", "about": "A"},
            {"name": "b", "about": "B", "default": "a", "default_says": "as A where B is not given"},
        ]
    )
    intake = read_rows(deal, pl.DataFrame({"a": ["1", "2", "3"], "b": ["9", "", ""]}))
    assert intake.frame.get_column("b").to_list() == [9, 2, 3]
    assert [(f.name, f.rows) for f in intake.filled] == [("b", 2)]
    with pytest.raises(ContractError, match="an empty cell"):
        read_rows(deal, pl.DataFrame({"a": ["1", ""], "b": ["9", "9"]}))


DATED = {
    "inputs": [
        {"name": "year", "about": "Year", "type": "financial_year"},
        {"name": "kind", "about": "Kind", "type": "text"},
        {"name": "paid", "about": "Paid on", "type": "date", "required": False},
    ],
    "dates": [
        {"name": "service_date", "about": "first of April", "year": "year"},
        {"name": "payment_date", "about": "payment", "input": "paid", "year": "year", "plus_years": 1, "month": 7},
        {"name": "year_end", "about": "a date early in the calendar year", "year": "year", "month": 3, "day": 28},
    ],
    "parameters": [
        {
            "name": "rate",
            "about": "By kind and service date",
            "status": "read",
            "by": "kind",
            "values": [
                {"from": "2015-04-01", "value": {"x": 0.1, "y": 0.2}},
                {"from": "2016-04-01", "value": {"x": 0.3, "y": 0.4}},
            ],
        },
        {
            "name": "levy",
            "about": "By payment date",
            "status": "read",
            "dated_by": "payment_date",
            "values": [{"value": 0.02}, {"from": "2017-07-01", "value": 0}],
        },
    ],
}


def test_a_parameter_goes_by_each_rows_own_date_and_label_two_ways():
    deal = _deal(**DATED)
    rows = pl.DataFrame(
        {
            "year": ["2015/16", "2015/16", "2016/17", "2016/17"],
            "kind": ["x", "y", "y", "x"],
            "paid": [None, "01/08/2017", None, "30/06/2017"],
        }
    )
    frame = read_rows(deal, rows).frame
    assert frame.get_column("rate").to_list() == [0.1, 0.2, 0.4, 0.3]
    assert frame.get_column("levy").to_list() == [0.02, 0.0, 0.0, 0.02]
    assert frame.get_column("year_end").to_list() == [dt.date(2016, 3, 28)] * 2 + [dt.date(2017, 3, 28)] * 2
    for row in frame.iter_rows(named=True):
        for parameter in deal.parameters:
            assert parameter_on(parameter, row) == row[parameter.name]


def test_a_label_without_a_value_is_named():
    with pytest.raises(ContractError, match="parameter 'rate': found 'no value on 2015-04-01 for z'"):
        read_rows(_deal(**DATED), pl.DataFrame({"year": ["2015/16"], "kind": ["z"]}))


def test_columns_may_have_other_headings_and_limits():
    deal = _deal(inputs=[{"name": "score", "about": "Score", "column": "Quality %", "at_least": 0, "at_most": 100}])
    assert read_rows(deal, pl.DataFrame({"Quality %": ["55"]})).frame.item(0, "score") == 55
    with pytest.raises(ContractError, match=r"found 101\.0; expected at most 100"):
        read_rows(deal, pl.DataFrame({"Quality %": ["101"]}))


BLOCK = read_contract(Path(__file__).parents[3] / "data" / "blmk" / "contracts" / "blmk-block.toml")
ROW = {
    "year": "2017/18",
    "commissioner": "06P",
    "provider": "RYV",
    "line": "community",
    "plan_value_pence": "50000001",
}


@pytest.mark.parametrize("written", ["£5", "£1,000.00", " £ 1,000 ", "(£5)"])
def test_pounds_in_a_column_of_pence_are_refused_and_not_read_as_a_hundredth(written):
    with pytest.raises(ContractError) as caught:
        read_rows(BLOCK, pl.DataFrame([ROW | {"plan_value_pence": written}]))
    (fault,) = caught.value.faults
    assert "(pence)" in fault.expected
    assert fault.remedy.startswith("£ says pounds")
    assert read_rows(BLOCK, pl.DataFrame([ROW | {"plan_value_pence": "1,000"}])).frame["plan_value_pence"][0] == 1000


def test_a_column_that_is_all_but_an_input_which_may_be_left_out_is_refused():
    inputs = [
        {"name": "id", "about": "Row", "type": "text"},
        {"name": "quality_score_2019", "about": "Score", "type": "number", "required": False},
        {"name": "bonus", "about": "Bonus", "type": "number", "default": 0, "default_says": "none"},
    ]
    deal = _deal(key=["id"], inputs=inputs)
    with pytest.raises(ContractError) as caught:
        read_rows(deal, pl.DataFrame({"id": ["a"], "qualty_score_2019": ["0.5"]}))
    assert caught.value.faults[0].remedy == "Name it 'quality_score_2019', or leave it out."
    others = {"id": ["a"], "quality_score_2018": ["0.5"], "bonds": ["7"], "comment": ["x"]}
    assert read_rows(deal, pl.DataFrame(others)).frame.height == 1
