"""Growth of published allocations: the regimes of 2017/18, the plan's printed growth, and where two accounts differ."""

import csv
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest

from capitation.money.pence import pence_of
from capitation.pace.growth import allocation_differences, annual_growth, cumulative_growth
from capitation.pace.target import AreaAllocation

GROUPS = ("06F", "06P", "04F")


def allocations(rows):
    return AreaAllocation.validate(pl.DataFrame(rows, schema=AreaAllocation.dtypes(), orient="row"))


def percent(rate: float, places: str) -> str:
    return str((Decimal(repr(rate)) * 100).quantize(Decimal(places), rounding=ROUND_HALF_UP))


@pytest.fixture(scope="session")
def cases(shared):
    with (shared / "cases" / "allocation-cases.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def published(cases):
    """Final allocations of every commissioning group."""
    return allocations(
        [
            (r["year"], "ccg", r["area_code"], pence_of(r["value"]) * 1000)
            for r in cases
            if r["case_id"] == "B-CCG-ALLOC"
        ]
    )


@pytest.fixture(scope="session")
def plan_rows(pack):
    """Printed rows of the plan's place-based allocation by label and year."""
    return {
        (r["row"], r["column"]): r["value"]
        for r in pack.printed("blmk-stp-2016", "place_based_allocation").iter_rows(named=True)
    }


def test_growth_of_every_group_is_the_printed_one_to_three_decimals(cases, published):
    got = {(r["year"], r["area_code"]): r["growth_rate"] for r in annual_growth(published).iter_rows(named=True)}
    wanted = [r for r in cases if r["case_id"] == "B-CCG-GROWTH"]
    assert len(wanted) == 420
    for row in wanted:
        assert percent(got[row["year"], row["area_code"]], "0.001") == row["value"]


def test_2017_18_had_five_groups_at_0_163_eighty_seven_at_2_00_and_bedfordshire_highest_at_3_435(published):
    growth = annual_growth(published).filter(pl.col("year") == "2017/18")
    assert growth.height == 209
    rates = [Decimal(repr(g)) for g in growth.get_column("growth_rate")]
    assert sum(percent(float(g), "0.001") == "0.163" for g in rates) == 5
    # "2.00%" holds to a hundredth of a percentage point either way; 85 of the 87 lie together between 2.0026% and 2.0034%
    assert sum(Decimal("0.0199") <= g <= Decimal("0.0201") for g in rates) == 87
    assert sum(Decimal("0.020026") <= g <= Decimal("0.020034") for g in rates) == 85
    highest = growth.sort("growth_rate").row(-1, named=True)
    assert (highest["area_code"], percent(highest["growth_rate"], "0.001")) == ("06F", "3.435")


def test_2014_15_had_137_of_211_groups_at_the_floor_of_2_14(published):
    growth = annual_growth(published).filter(pl.col("year") == "2014/15")
    assert growth.height == 211
    near = growth.filter(pl.col("growth_rate").is_between(0.0214 - 0.00005, 0.0215 + 0.00005))
    assert near.height == 137


def test_the_three_groups_agree_with_the_plan_in_two_years_and_the_other_differences_are_told(published, plan_rows):
    ours = (
        published.filter(pl.col("area_code").is_in(GROUPS))
        .group_by("year", "stream")
        .agg(pl.col("allocation_pence").sum())
    )
    ours = AreaAllocation.validate(
        ours.with_columns(pl.lit("BLMK").alias("area_code")).select(*AreaAllocation.columns())
    )
    plan = allocations(
        [
            (year, "ccg", "BLMK", pence_of(value) * 1000)
            for (row, year), value in plan_rows.items()
            if row.startswith("CCG allocation") and "/" in year
        ]
    )
    rows = allocation_differences(ours, plan)
    got = {r["year"]: r["difference_pence"] for r in rows.iter_rows(named=True) if None not in r.values()}
    # thousand pounds: 991,656 - 1,006,288; equal; equal; 1,166,646 - 1,156,545; 1,237,249 - 1,194,379
    assert got == {
        "2015/16": -14_632 * 100_000,
        "2016/17": 0,
        "2017/18": 0,
        "2018/19": 10_101 * 100_000,
        "2019/20": 42_870 * 100_000,
    }
    assert rows.filter(pl.col("one_pence").is_null()).get_column("year").to_list() == ["2020/21"]


@pytest.mark.parametrize(
    ("label", "printed"),
    [
        ("CCG allocation", "24.6"),
        ("Primary medical allocation", "25.7"),
        ("Specialised allocation", "32.5"),
        ("Total place-based allocation", "26.0"),
    ],
)
def test_cumulative_growth_is_the_percentage_the_plan_prints(plan_rows, label, printed):
    rows = [
        (year, "any", "BLMK", pence_of(value) * 1000)
        for (row, year), value in plan_rows.items()
        if row.startswith(label) and "/" in year
    ]
    assert len(rows) == 6
    row = cumulative_growth(allocations(rows)).row(0, named=True)
    assert (row["first_year"], row["last_year"]) == ("2015/16", "2020/21")
    assert percent(row["growth_rate"], "0.1") == printed


def test_population_of_the_plan_grows_by_the_printed_6_1_per_cent(plan_rows):
    persons = {
        year: int(v.replace(",", ""))
        for (row, year), v in plan_rows.items()
        if row == "Population projection" and "/" in year
    }
    assert percent(persons["2020/21"] / persons["2015/16"] - 1, "0.1") == "6.1"


def test_growth_after_nothing_is_empty_and_a_missing_year_is_not_bridged():
    rows = annual_growth(
        allocations([("2015/16", "ccg", "A", 0), ("2016/17", "ccg", "A", 5), ("2018/19", "ccg", "A", 7)])
    )
    assert rows.select("year", "growth_rate").rows() == [("2016/17", None)]
