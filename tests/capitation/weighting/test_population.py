"""Population by year: totals are met to the millionth of a person, and need per head goes with the practice."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DataError, FrameError
from capitation.money.apportion import split
from capitation.money.rounding import MICRO
from capitation.records.years import FinancialYear
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import components_schema
from capitation.weighting.population import (
    ListBase,
    PracticeList,
    ProjectedTotal,
    carry_components,
    grown_totals,
    project_lists,
)

BASE = ListBase(
    title="Registered lists, 12-month average",
    counted_on=dt.date(2016, 3, 31),
    year=FinancialYear("2016/17"),
    source="assumption",
    where="test",
)


def lists(numbers):
    rows = {"practice_code": [f"P{i}" for i in range(len(numbers))], "registered_persons": [float(n) for n in numbers]}
    return PracticeList.validate(pl.DataFrame(rows))


def test_lists_grow_in_proportion_to_the_projected_total():
    # 600 and 400 with a total of 1,100: 660 and 440
    found = project_lists(
        lists([600, 400]),
        BASE,
        ProjectedTotal.validate(pl.DataFrame({"year": ["2017/18"], "registered_persons": [1100.0]})),
    )
    assert found["registered_persons"].to_list() == [660.0, 440.0]
    assert found["base"].unique().to_list() == ["Registered lists, 12-month average, 2016-03-31"]


def test_growth_compounds_from_the_base_year():
    found = grown_totals(lists([1000]), BASE, 0.01, [FinancialYear("2016/17"), FinancialYear("2018/19")])
    assert found["registered_persons"].to_list() == pytest.approx([1000.0, 1020.1])


def test_a_year_before_the_base_and_an_impossible_rate_are_refused():
    with pytest.raises(DataError, match="2015/16"):
        grown_totals(lists([1000]), BASE, 0.01, [FinancialYear("2015/16")])
    with pytest.raises(DataError, match="growth rate"):
        grown_totals(lists([1000]), BASE, -1.5, [FinancialYear("2017/18")])


@given(numbers=st.lists(st.integers(0, 60_000), min_size=1, max_size=15).filter(any), total=st.integers(1, 2_000_000))
def test_the_practices_of_a_year_add_exactly_to_its_total(numbers, total):
    wanted = ProjectedTotal.validate(pl.DataFrame({"year": ["2017/18"], "registered_persons": [float(total)]}))
    found = project_lists(lists(numbers), BASE, wanted)
    assert found["registered_micro"].sum() == total * MICRO
    order = sorted(range(len(numbers)), key=lambda i: f"P{i}")
    assert found["registered_micro"].to_list() == split(total * MICRO, [numbers[i] * MICRO for i in order])


def components(pack):
    formula = need_catalogue(pack).formula("primary-medical")
    schema = components_schema(formula)
    rows = pl.DataFrame(
        {
            "practice_code": ["P0", "P1"],
            "year": ["2023/24", "2023/24"],
            "registered_persons": [600.0, 400.0],
            "wp_primary_medical_care_need": [660.0, 340.0],
            "wp_health_inequalities": [300.0, 700.0],
        }
    ).with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in ("lad_code", "icb_code", "ccg19_code", "stp21_code"))
    return schema.validate(rows.select(*schema.columns()))


COLUMNS = ["wp_primary_medical_care_need", "wp_health_inequalities"]


def test_need_per_head_is_carried_to_another_population(pack):
    wanted = ProjectedTotal.validate(pl.DataFrame({"year": ["2024/25"], "registered_persons": [1100.0]}))
    moved = carry_components(
        components(pack), COLUMNS, project_lists(lists([600, 400]), BASE, wanted), FinancialYear("2024/25")
    )
    assert moved["registered_persons"].to_list() == [660.0, 440.0]
    assert moved["wp_primary_medical_care_need"].to_list() == pytest.approx([726.0, 374.0])
    assert moved["year"].unique().to_list() == ["2024/25"]


def test_a_practice_without_a_projected_list_is_refused(pack):
    wanted = ProjectedTotal.validate(pl.DataFrame({"year": ["2024/25"], "registered_persons": [600.0]}))
    with pytest.raises(FrameError, match="practice P1: found no projected list"):
        carry_components(components(pack), COLUMNS, project_lists(lists([600]), BASE, wanted), FinancialYear("2024/25"))
