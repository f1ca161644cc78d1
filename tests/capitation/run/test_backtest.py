"""The plan against what happened: printed counts and allocations beside the plan's own growth."""

import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.run.aims.backtest import OutturnCell, backtest, paragraph


def at(rows, measure, year, column):
    return rows.filter((pl.col("measure") == measure) & (pl.col("year") == year))[column][0]


def test_attendances_and_admissions_grew_as_counted_and_not_as_planned(pack, blmk_run):
    rows = backtest(pack, blmk_run)
    assert [at(rows, "ae", year, "happened") for year in ("2016/17", "2017/18", "2018/19")] == [361356, 370673, 379009]
    assert [at(rows, "emergency-admissions", year, "happened") for year in ("2016/17", "2017/18", "2018/19")] == [
        68085,
        71529,
        79396,
    ]
    assert round(at(rows, "ae", "2018/19", "happened_growth"), 3) == 0.049
    assert round(at(rows, "emergency-admissions", "2018/19", "happened_growth"), 3) == 0.166
    assert round(at(rows, "ae", "2018/19", "plan_growth"), 3) == 0.025
    assert round(at(rows, "emergency-admissions", "2018/19", "plan_growth"), 3) == 0.028
    assert round(at(rows, "ae", "2018/19", "straight_trend_growth"), 3) == 0.101


def test_the_plan_in_the_back_test_is_the_plan_of_the_run(pack, blmk_run):
    rows = backtest(pack, blmk_run)
    activity = blmk_run.locality_activity.filter(
        (pl.col("case") == "mitigated") & (pl.col("point_of_delivery") == "ae") & (pl.col("year") == "2018/19")
    )
    assert at(rows, "ae", "2018/19", "planned") == activity["activity"].sum()


def test_published_allocations_are_the_plans_own_in_two_years_and_higher_later(pack, blmk_run):
    rows = backtest(pack, blmk_run)
    for year in ("2016/17", "2017/18"):
        assert at(rows, "ccg-allocation", year, "happened") == at(rows, "ccg-allocation", year, "planned")
    assert (
        at(rows, "ccg-allocation", "2018/19", "happened") - at(rows, "ccg-allocation", "2018/19", "planned")
        == 10_101_000
    )


def test_the_paragraph_has_a_sentence_for_each_measure(pack, blmk_run):
    said = paragraph(backtest(pack, blmk_run))
    assert len(said) == 3
    assert said[0].startswith(
        "A&E attendances at the three hospitals grew by +4.9% from 2016/17 to 2018/19; the plan has +10.1%"
    )


def test_a_row_that_no_table_prints_is_named(pack, blmk_run):
    named = pack.rows("aims/outturn.csv", OutturnCell)
    changed = named.with_columns(pl.col("row").str.replace("RC1", "RC2"))
    varied = pack.with_reading("aims/outturn.csv", OutturnCell, changed)
    with pytest.raises(SourceError, match="RC2 attendances"):
        backtest(varied, blmk_run)
