"""Activity by year and locality, and the unit costs that give the printed spend back."""

from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.activity.plan import CASES, YearActivity, grown_activity, points_of_delivery, yearly_activity
from capitation.activity.printed_plan import (
    PlannedActivity,
    activity_plan,
    spend_by_service,
)
from capitation.activity.reading import reading
from capitation.activity.spread import ComponentWeight, SpreadWeight, component_weights, spread_activity, spread_weights
from capitation.activity.unit_costs import (
    OTHER_ACUTE,
    activity_cost,
    calibration_factor,
    national_costs,
    other_acute_share,
    relative_costs,
    unit_costs,
)
from capitation.errors import FrameError, NothingToShareError, UnknownNameError
from capitation.money.apportion import split
from capitation.pack.sources import read_raw
from capitation.places.membership import membership
from capitation.records.years import FinancialYear

FIRST, LAST = FinancialYear("2016/17"), FinancialYear("2020/21")


@pytest.fixture(scope="module")
def costs(pack):
    return unit_costs(
        spend_by_service(pack),
        activity_plan(pack),
        points_of_delivery(pack),
        relative_costs(national_costs(pack)),
        other_acute_share(pack, FIRST),
    )


def plan(*rows):
    return PlannedActivity.validate(pl.DataFrame(rows, schema=PlannedActivity.dtypes(), orient="row"))


def weights(**localities):
    rows = [("ae", code, weight) for code, weight in localities.items()]
    return SpreadWeight.validate(pl.DataFrame(rows, schema=SpreadWeight.dtypes(), orient="row"))


def year_of(activity):
    return YearActivity.validate(
        pl.DataFrame([("2016/17", "mitigated", "ae", activity)], schema=YearActivity.dtypes(), orient="row")
    )


def test_the_ten_points_of_delivery_are_those_of_the_plan(pack):
    points = points_of_delivery(pack)
    assert sorted(points.get_column("point_of_delivery")) == sorted(reading(pack).activity.rows.values())
    assert set(points.filter(pl.col("source") == "assumption").get_column("quality")) <= {"red", "amber"}


def test_first_and_last_year_are_exactly_those_printed(pack):
    printed = activity_plan(pack)
    years = yearly_activity(printed, FIRST, LAST)
    assert years.height == 10 * 2 * 5
    for case in CASES:
        for year, column in (("2016/17", "baseline_activity"), ("2020/21", f"{case}_activity")):
            found = years.filter((pl.col("year") == year) & (pl.col("case") == case)).sort("point_of_delivery")
            assert (
                found.get_column("activity").to_list() == printed.sort("point_of_delivery").get_column(column).to_list()
            )


def test_every_year_agrees_with_the_second_way(pack):
    ends = {r["point_of_delivery"]: r for r in activity_plan(pack).iter_rows(named=True)}
    years = ["2016/17", "2017/18", "2018/19", "2019/20", "2020/21"]
    for row in yearly_activity(activity_plan(pack), FIRST, LAST).iter_rows(named=True):
        end = ends[row["point_of_delivery"]]
        wanted = grown_activity(end["baseline_activity"], end[f"{row['case']}_activity"], years.index(row["year"]), 4)
        assert row["activity"] == wanted


def test_growth_is_compound():
    # 100 to 16 x 100 over four years doubles every year; 1,600 down to 100 halves.
    years = yearly_activity(plan(("ae", 100, 1600, 100), ("elective", 1600, 100, 1600)), FIRST, LAST)
    by = years.filter(pl.col("case") == "unmitigated").pivot(on="year", index="point_of_delivery", values="activity")
    assert by.drop("point_of_delivery").rows() == [(100, 200, 400, 800, 1600), (1600, 800, 400, 200, 100)]


def test_growth_from_nothing_is_refused_for_all_at_once():
    with pytest.raises(FrameError) as error:
        yearly_activity(plan(("ae", 0, 10, 0), ("elective", 10, 0, 5)), FIRST, LAST)
    assert "ae, unmitigated: found 0 to 10" in str(error.value)
    assert "elective, unmitigated: found 10 to 0" in str(error.value)
    assert "2 faults" in str(error.value)


def test_nothing_stays_nothing():
    assert yearly_activity(plan(("ae", 0, 0, 0)), FIRST, LAST).get_column("activity").sum() == 0


@given(st.integers(1, 5_000_000), st.integers(1, 5_000_000), st.integers(1, 5_000_000))
def test_any_growth_stays_between_its_ends_and_agrees_with_the_second_way(base, unmitigated, mitigated):
    years = yearly_activity(plan(("ae", base, unmitigated, mitigated)), FIRST, LAST)
    for case, end in (("unmitigated", unmitigated), ("mitigated", mitigated)):
        found = years.filter(pl.col("case") == case).get_column("activity").to_list()
        assert found == sorted(found, reverse=end < base)
        assert (found[0], found[-1]) == (base, end)
        for after, value in enumerate(found):
            exact = Decimal(base) * (Decimal(end) / base) ** (Decimal(after) / 4)
            # The one place where floats enter: they may tip a value only where it lies on the half, to 12 digits.
            on_the_half = abs(exact % 1 - Decimal("0.5")) < exact * Decimal("1e-12")
            assert value == grown_activity(base, end, after, 4) or (on_the_half and abs(value - exact) < 1)


def test_a_localitys_activity_by_hand():
    # 100 attendances over weights 1, 1, 1: 34, 33, 33.
    found = spread_activity(year_of(100), weights(a=1, b=1, c=1))
    assert found.get_column("activity").to_list() == [34, 33, 33]


def test_activity_without_weights_is_refused():
    with pytest.raises(UnknownNameError, match="unknown point of delivery 'ae'"):
        spread_activity(year_of(1), weights(a=1).with_columns(point_of_delivery=pl.lit("ea")))
    with pytest.raises(NothingToShareError):
        spread_activity(year_of(1), weights(a=0))


@given(st.integers(0, 5_000_000), st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**12)))
def test_locality_activity_adds_up_whatever_the_order(total, by_locality):
    if not sum(by_locality.values()):
        return
    spread = weights(**by_locality)
    found = spread_activity(year_of(total), spread)
    assert found.get_column("activity").sum() == total
    assert found.get_column("activity").to_list() == split(total, spread.get_column("weighted_persons").to_list())
    assert spread_activity(year_of(total), spread.reverse()).equals(found)


def test_the_plans_activity_spreads_over_the_localities_of_the_system(pack):
    table = next(t for t in pack.source("nhs-england-ccg-target-2018-19").tables if t.name == "practices")
    raw = read_raw(pack.path(f"sources/nhs-england-ccg-target-2018-19/{table.file}"))
    numbers = raw.select(
        "practice_code",
        pl.col("registered_2018_19").cast(pl.Float64).alias("registered_persons"),
        pl.col("^wp_.*$").cast(pl.Float64),
    )
    spread = spread_weights(component_weights(numbers), membership(pack), points_of_delivery(pack))
    assert spread.height == 10 * 25
    years = yearly_activity(activity_plan(pack), FIRST, LAST)
    found = spread_activity(years, spread)
    keys = ["year", "case", "point_of_delivery"]
    sums = found.group_by(keys).agg(pl.col("activity").sum()).sort(keys)
    assert sums.equals(years.select(*keys, "activity").sort(keys))


def test_a_practice_without_a_weight_is_told_for_every_point_of_delivery(pack):
    rows = ComponentWeight.validate(
        pl.DataFrame([("A", "registered", 5)], schema=ComponentWeight.dtypes(), orient="row")
    )
    members = pl.DataFrame({"practice_code": ["A"], "locality_code": ["x"]})
    with pytest.raises(FrameError) as error:
        spread_weights(rows, members, points_of_delivery(pack))
    assert "ae: component general_acute: found 1 practices without a weight, such as A" in str(error.value)
    assert len(error.value.faults) == 9


def test_relative_costs_by_hand(pack):
    figures = {
        r["figure"]: Decimal(r["cost_pounds"]) / r["activity"] for r in national_costs(pack).iter_rows(named=True)
    }
    # Admitted care £1,681.95; the collection has £1,872.00 elective against £2,338.45 for all admissions.
    every = Decimal(16_772_280_304 + 30_380_721_289) / (8_959_557 + 11_204_992)
    wanted = {
        "ae": figures["patient-level-ae"],
        "ambulance": figures["patient-level-ae"]
        * figures["collection-ambulance"]
        / figures["collection-emergency-care"],
        "elective": figures["patient-level-admitted"] * figures["collection-elective"] / every,
        "non-elective": figures["patient-level-admitted"] * figures["collection-non-elective"] / every,
        "outpatient": figures["patient-level-outpatient"],
    }
    found = dict(relative_costs(national_costs(pack)).iter_rows())
    assert found == {k: int((100 * v).quantize(Decimal(1), ROUND_HALF_UP)) for k, v in wanted.items()}
    assert found == {
        "ae": 19_482,
        "ambulance": 18_912,
        "elective": 134_648,
        "non-elective": 195_020,
        "outpatient": 14_335,
    }


def test_a_missing_national_figure_is_named(pack):
    with pytest.raises(UnknownNameError, match="unknown national figure 'collection-ambulance'"):
        relative_costs(national_costs(pack).filter(pl.col("figure") != "collection-ambulance"))


def test_activity_times_unit_cost_gives_the_printed_spend_to_the_penny(pack, costs):
    printed = dict(spend_by_service(pack).iter_rows())
    found = dict(costs.group_by("service_code").agg(pl.col("spend_pence").sum()).iter_rows())
    assert found == printed
    assert found["acute"] == 59_090_000_000
    assert set(found) == set(reading(pack).spend.rows.values())
    baseline = costs.drop_nulls("baseline_activity").select(
        point_of_delivery="line", activity="baseline_activity", spend_pence="spend_pence"
    )
    costed = activity_cost(baseline, costs)
    assert costed.get_column("cost_pence").to_list() == baseline.get_column("spend_pence").to_list()
    rounded = costs.drop_nulls("baseline_activity").with_columns(
        again=pl.col("baseline_activity") * pl.col("unit_cost_pence") + pl.col("odd_pence")
    )
    assert rounded.get_column("again").to_list() == rounded.get_column("spend_pence").to_list()
    assert (2 * rounded.get_column("odd_pence").abs() <= rounded.get_column("baseline_activity")).all()


def test_acute_spend_by_the_second_way(costs):
    other = split(59_090_000_000, [880_000, 120_000])
    lines = {r["line"]: r for r in costs.filter(pl.col("service_code") == "acute").iter_rows(named=True)}
    assert lines[OTHER_ACUTE]["spend_pence"] == other[1] == 7_090_800_000
    codes = ["ae", "ambulance", "elective", "non-elective", "outpatient"]
    shares = split(other[0], [lines[c]["baseline_activity"] * lines[c]["relative_cost_pence"] for c in codes])
    assert [lines[c]["spend_pence"] for c in codes] == shares
    assert calibration_factor(costs).quantize(Decimal("0.0001")) == Decimal("0.8747")


def test_avoided_activity_saves_what_the_same_activity_costs(costs):
    moved = pl.DataFrame({"point_of_delivery": ["ae", "ae"], "activity": [1_000, -1_000]})
    # £50,320,358.69 x 1,000 / 295,308 = £170,399.58...
    assert activity_cost(moved, costs).get_column("cost_pence").to_list() == [17_039_958, -17_039_958]


def test_activity_without_a_unit_cost_is_refused_for_all_at_once(costs):
    rows = pl.DataFrame({"point_of_delivery": ["pharmacy", "other-acute"], "activity": [1, 1]})
    with pytest.raises(FrameError) as error:
        activity_cost(rows, costs)
    assert len(error.value.faults) == 2


def test_unit_costs_that_cannot_be_calibrated_tell_all_faults(pack):
    with pytest.raises(FrameError) as error:
        unit_costs(
            spend_by_service(pack),
            activity_plan(pack).filter(pl.col("point_of_delivery") != "community"),
            points_of_delivery(pack),
            relative_costs(national_costs(pack)).filter(pl.col("point_of_delivery") != "ae"),
            Decimal("1.2"),
        )
    text = str(error.value)
    assert "found 1.2; expected 0 or more and under 1" in text
    assert "point of delivery community: found no activity" in text
    assert "point of delivery ae: found no relative cost" in text
