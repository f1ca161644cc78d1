"""Dated parameters: the value of a year, values that end, and what a file of one must say."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DocumentError, ParameterError, UnknownNameError
from capitation.pack.parameters import Parameter, Parameters
from capitation.pack.sources import DataPack
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear


def parameter(years: dict[str, str], **more: object) -> Parameter:
    values = [{"from": year, "value": Decimal(value), "source": "s", "where": "w"} for year, value in years.items()]
    return parse_document({"about": "a", "unit": "u", "values": values, **more}, Parameter, "a test")


def test_a_value_holds_until_the_next_one():
    held = parameter({"2016/17": "0.01", "2018/19": "0.005"})
    assert [held.at(FinancialYear(y)).value for y in ("2016/17", "2017/18", "2018/19", "2030/31")] == [
        Decimal("0.01"),
        Decimal("0.01"),
        Decimal("0.005"),
        Decimal("0.005"),
    ]


def test_a_year_before_the_first_value_has_none():
    with pytest.raises(ParameterError, match=r"no value for 2015/16; it has values from 2016/17\. Add a dated value"):
        parameter({"2016/17": "1"}).at(FinancialYear("2015/16"))


def test_a_retired_parameter_has_no_value_from_then_on():
    ended = parameter({"2016/17": "1"}, retired="2019/20")
    assert ended.at(FinancialYear("2018/19")).value == 1
    with pytest.raises(ParameterError, match="until 2019/20"):
        ended.at(FinancialYear("2019/20"))


def test_values_out_of_order_are_refused():
    with pytest.raises(DocumentError, match="in order of year"):
        parameter({"2018/19": "1", "2016/17": "2"})


@pytest.mark.parametrize(
    "marks", [{}, {"owner": "Finance"}, {"quality": "red"}, {"owner": "Finance", "quality": "green"}]
)
def test_an_assumption_without_an_owner_and_a_weak_mark_is_refused(marks):
    content = {
        "about": "a",
        "unit": "u",
        "values": [{"from": "2016/17", "value": Decimal(1), "source": "assumption", "where": "w"}],
    }
    with pytest.raises(DocumentError, match="owner and a red or amber"):
        parse_document({**content, **marks}, Parameter, "a test")


def test_an_unknown_key_is_refused():
    with pytest.raises(DocumentError, match="uprating"):
        parameter({"2016/17": "1"}, uprating="cpi")


@given(
    starts=st.sets(st.integers(2000, 2030), min_size=1, max_size=8),
    asked=st.integers(1995, 2040),
)
def test_the_value_of_a_year_is_the_latest_that_began_by_then(starts, asked):
    held = parameter({FinancialYear.starting(s): str(s) for s in sorted(starts)})
    begun = [s for s in starts if s <= asked]
    year = FinancialYear.starting(asked)
    if begun:
        assert held.at(year).value == max(begun)
    else:
        with pytest.raises(ParameterError):
            held.at(year)


@given(first=st.integers(2000, 2020), asked=st.integers(2000, 2020))
def test_a_value_added_later_never_changes_an_earlier_year(first, asked):
    before = parameter({FinancialYear.starting(1999): "1"})
    after = parameter({FinancialYear.starting(1999): "1", FinancialYear.starting(first): "2"})
    year = FinancialYear.starting(asked)
    if asked < first:
        assert after.at(year).value == before.at(year).value
    else:
        assert after.at(year).value == 2


def test_parameters_of_the_pack_answer_by_name_and_year(pack):
    parameters = Parameters(pack)
    year = FinancialYear("2016/17")
    assert parameters.value("prices.cost_uplift", year) == Decimal("0.031")
    assert parameters.value("emergency.marginal_rate", year) == Decimal("0.70")
    assert parameters.locator("cquin.total", year).source == "tariff-and-topslices"


def test_the_marginal_rate_ends_where_the_blended_rate_begins(pack):
    parameters = Parameters(pack)
    year = FinancialYear("2019/20")
    assert parameters.value("emergency.blended_variable_rate", year) == Decimal("0.20")
    with pytest.raises(ParameterError, match=r"emergency\.marginal_rate"):
        parameters.value("emergency.marginal_rate", year)


def test_an_unknown_parameter_names_the_near_one(pack):
    with pytest.raises(UnknownNameError, match=r"prices\.cost_uplift"):
        Parameters(pack).value("prices.cost_uplfit", FinancialYear("2016/17"))


def test_a_pack_without_parameters_has_none(tmp_path: Path):
    (tmp_path / "pack.toml").write_text('id = "empty"\n', encoding="utf-8")
    assert list(Parameters(DataPack(tmp_path))) == []
