"""A mix valued without an optimiser: by hand, against plain Python, and against the optimiser's own exact results."""

import math
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.activity.printed_plan import activity_plan
from capitation.activity.spread import LocalityActivity
from capitation.errors import FrameError
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear
from capitation.shift.calibration import calibrate
from capitation.shift.channel_shift import channel_shift, full_mix
from capitation.shift.costs import mix_costs
from capitation.shift.effects import CellShare, Launch, ScaleInPlace, ShiftLocality, programme_name
from capitation.shift.solution import Solution, read_solutions
from optimiser.answers.exact import exact_avoided
from optimiser.links.from_run import RunRows, parts_of_run, shift_localities
from optimiser.problem.document import problem_of
from optimiser.problem.tables import tables_of

YEARS = ["2016/17", "2017/18", "2018/19"]


def solution(name, **keys):
    return parse_document({"id": name, **keys}, Solution, "test")


def activity(units, years=YEARS, pods=("ae",), places=("north", "south")):
    rows = [(y, "unmitigated", p, q, units) for y in years for p in pods for q in places]
    return LocalityActivity.validate(pl.DataFrame(rows, schema=LocalityActivity.dtypes(), orient="row"))


def localities(**persons):
    rows = list((persons or {"north": 30_000, "south": 10_000}).items())
    return ShiftLocality.validate(pl.DataFrame(rows, schema=ShiftLocality.dtypes(), orient="row"))


def mix(*rows):
    return Launch.validate(pl.DataFrame(rows, schema=Launch.dtypes(), orient="row"))


def effect(pod, share, **keys):
    return {"point_of_delivery": pod, "central": Decimal(str(share)), **keys}


def test_two_solutions_on_the_same_attendances_multiply():
    hub = solution("hub", effects=[effect("ae", 0.3)])
    team = solution("team", effects=[effect("ae", 0.2)])
    found = channel_shift(
        [hub, team], mix(("hub", "ALL", "2016/17", 1.0), ("team", "ALL", "2016/17", 1.0)), activity(100), localities()
    )
    assert found.activity["avoided"].unique().to_list() == [44]
    assert found.activity["mitigated"].unique().to_list() == [56]
    assert found.activity["added_up"].unique().to_list() == pytest.approx([50.0])
    # hub (0.3 + 0.3 x 0.8) / 2 = 27, team (0.2 + 0.2 x 0.7) / 2 = 17
    assert dict(
        found.avoided.filter(year="2016/17", locality_code="north").select("solution", "avoided").iter_rows()
    ) == {
        "hub": 27,
        "team": 17,
    }


def test_scale_matures_by_the_age_of_each_launch():
    hub = solution("hub", effects=[effect("ae", 0.5)], maturity=[Decimal("0.5"), Decimal(1)])
    launches = mix(("hub", "ALL", "2016/17", 0.4), ("hub", "ALL", "2017/18", 0.6))
    found = channel_shift([hub], launches, activity(1000), localities())
    scales = found.scales.filter(locality_code="north").sort("year")
    assert scales["scale"].to_list() == pytest.approx([0.4, 1.0, 1.0])
    assert scales["effective_scale"].to_list() == pytest.approx([0.2, 0.7, 1.0])
    assert found.activity.filter(locality_code="north").sort("year")["avoided"].to_list() == [100, 350, 500]


def test_a_bent_curve_of_returns_is_walked_in_the_order_of_launches():
    returns = [{"scale": Decimal("0.5"), "effect": Decimal("0.8")}, {"scale": 1, "effect": 1}]
    hub = solution("hub", effects=[effect("ae", 0.5)], returns=returns)
    launches = mix(("hub", "ALL", "2016/17", 0.25), ("hub", "ALL", "2017/18", 0.5))
    found = channel_shift([hub], launches, activity(1000), localities())
    effective = found.scales.filter(locality_code="north").sort("year")["effective_scale"].to_list()
    assert effective == pytest.approx([0.4, 0.9, 0.9])


def test_contacts_follow_what_is_avoided_and_are_created():
    hub = solution(
        "hub",
        effects=[effect("ae", 0.3)],
        receiving=[{"avoided_at": "ae", "received_at": "primary_care", "contacts_per_unit": 2}],
        creates=[{"point_of_delivery": "primary_care", "contacts": 400}],
    )
    found = channel_shift(
        [hub], mix(("hub", "ALL", "2016/17", 1.0)), activity(100, pods=("ae", "primary-care")), localities()
    )
    first = found.activity.filter(year="2016/17", point_of_delivery="primary-care")
    # 30 avoided in each place give 60 contacts; 400 created by persons, 300 and 100
    assert dict(first.select("locality_code", "received").iter_rows()) == {"north": 360, "south": 160}
    assert first["mitigated"].to_list() == [460, 260]
    assert found.received["received"].sum() == found.activity["received"].sum()


def test_costs_savings_and_staff_by_hand():
    hub = solution(
        "hub",
        costs=[
            {"kind": "recurrent", "pounds": 100_000},
            {"kind": "capital", "pounds": Decimal("30000.01"), "years": 2},
            {"kind": "non_recurrent", "pounds": 700, "basis": "start"},
        ],
        savings=[{"id": "cash", "pounds": 5_000, "falls_to": "RC1"}],
        workforce=[{"staff_group": "nurse", "wte": 8}],
        maturity=[Decimal("0.5"), Decimal(1)],
    )
    launches = mix(("hub", "north", "2017/18", 0.5), ("hub", "south", "2018/19", 1.0))
    hub = hub.model_copy(update={"rollout": "locality"})
    found = channel_shift([hub], launches, activity(10), localities())
    costs = {(y, k, p): pence for y, _, k, p, pence in found.costs.iter_rows()}
    assert costs["2017/18", "recurrent", "north"] == 3_750_000  # 100,000 x 0.5 x 3/4
    assert costs["2018/19", "recurrent", "north"] == 3_750_000
    assert costs["2018/19", "recurrent", "south"] == 2_500_000  # 100,000 x 1 x 1/4
    # capital 30,000.01 x 0.5 x 3/4 over two years: £5,625.001875 a year; the south's over 2018/19 and 2019/20
    assert costs["2017/18", "capital", "north"] == 562_500
    assert (
        costs["2018/19", "capital", "north"] + costs["2018/19", "capital", "south"] == 937_500
    )  # nearest to 937,500.3
    assert costs["2017/18", "non_recurrent", "north"] == 52_500
    assert costs["2018/19", "non_recurrent", "south"] == 17_500
    assert ("2018/19", "non_recurrent", "north") not in costs
    saved = {y: pence for y, _, _, _, pence in found.savings.iter_rows()}
    assert saved == {"2017/18": 93_750, "2018/19": 250_000}  # 5,000 x 0.1875; 5,000 x (0.375 + 0.125)
    staff = {y: wte for y, _, _, wte in found.workforce.iter_rows()}
    assert staff == pytest.approx({"2017/18": 3.0, "2018/19": 5.0})


def test_groups_of_patients_are_told_apart():
    cells = CellShare.validate(
        pl.DataFrame({"point_of_delivery": ["ae", "ae"], "cell": ["old", "young"], "share": [0.3, 0.7]})
    )
    hub = solution("hub", effects=[effect("ae", 0.5, cell="old")])
    team = solution("team", effects=[effect("ae", 0.5, cell="young")])
    launches = mix(("hub", "ALL", "2016/17", 1.0), ("team", "ALL", "2016/17", 1.0))
    found = channel_shift([hub, team], launches, activity(100), localities(), cells=cells)
    assert found.activity["avoided"].unique().to_list() == [50]  # 15 + 35: no overlap, the groups are different people


shares = st.floats(0, 1)


@given(
    st.lists(st.tuples(shares, shares), min_size=1, max_size=6), st.lists(st.integers(0, 5000), min_size=3, max_size=3)
)
def test_whole_units_are_the_exact_product_and_never_more_than_there_is(pairs, units):
    solutions = [solution(f"s{i}", effects=[effect("ae", round(e, 6))]) for i, (e, _) in enumerate(pairs)]
    launches = mix(*((f"s{i}", "ALL", "2016/17", scale) for i, (_, scale) in enumerate(pairs)))
    places = ["a", "b", "c"]
    rows = [("2016/17", "unmitigated", "ae", p, n) for p, n in zip(places, units, strict=True)]
    before = LocalityActivity.validate(pl.DataFrame(rows, schema=LocalityActivity.dtypes(), orient="row"))
    found = channel_shift(solutions, launches, before, localities(a=1, b=1, c=1))
    left = math.prod(1 - float(s.effects[0].central) * scale for s, (_, scale) in zip(solutions, pairs, strict=True))
    exact = sum(units) * (1 - left)
    assert abs(found.activity["avoided"].sum() - exact) <= 0.5 + 1e-4
    assert (found.activity["avoided"] <= found.activity["activity"]).all()
    assert (found.activity["avoided"].cast(pl.Float64) <= found.activity["added_up"] + 1 + 1e-4).all()
    for place, n, avoided in zip(places, units, found.activity.sort("locality_code")["avoided"], strict=True):
        assert abs(avoided - n * (1 - left)) < 1 + 1e-4, place
    assert found.avoided["avoided"].sum() == found.activity["avoided"].sum()


@given(shares, shares, st.integers(0, 10_000))
def test_more_scale_never_moves_less(one, other, units):
    low, high = sorted([one, other])
    hub = solution("hub", effects=[effect("ae", 0.37)])
    team = solution("team", effects=[effect("ae", 0.21)])

    def avoided(scale):
        launches = mix(("hub", "ALL", "2016/17", scale), ("team", "ALL", "2016/17", 0.5))
        return channel_shift([hub, team], launches, activity(units), localities()).activity["avoided"].sum()

    assert avoided(low) <= avoided(high)


def test_low_and_high_ends_stand_on_either_side():
    hub = solution("hub", effects=[effect("ae", 0.3, low=Decimal("0.1"), high=Decimal("0.6"))])
    launches = mix(("hub", "ALL", "2016/17", 1.0))
    low, central, high = (
        channel_shift([hub], launches, activity(100), localities(), level=level).activity["avoided"].sum()
        for level in ("low", "central", "high")
    )
    assert (low, central, high) == (60, 180, 360)


def test_the_full_mix_goes_step_by_step_from_the_first_year_it_can():
    hub = solution("hub", step=Decimal("0.4"), earliest_start="2017/18")
    rows = full_mix([hub], FinancialYear("2016/17")).rows()
    assert [(y, pytest.approx(x)) for _, _, y, x in rows] == [("2017/18", 0.4), ("2018/19", 0.4), ("2019/20", 0.2)]


def test_every_fault_of_a_mix_is_told_at_once():
    hub = solution("hub", whole=True, earliest_start="2017/18", effects=[effect("ea", 0.3)], excludes=["rival"])
    rival = solution("rival", smallest_scale=Decimal("0.5"), step=Decimal("0.6"), rollout="locality")
    after = solution("after", requires=[{"solution": "hub", "years_before": 1}])
    launches = mix(
        ("hub", "ALL", "2016/17", 0.5),
        ("rival", "north", "2016/17", 0.2),
        ("rival", "north", "2017/18", 0.9),
        ("after", "west", "2016/17", 1.0),
        ("hbu", "ALL", "2030/31", 1.0),
    )
    with pytest.raises(FrameError) as error:
        channel_shift([hub, rival, after], launches, activity(10), localities())
    text = str(error.value)
    for part in (
        "unknown point of delivery 'ea'",
        "a launch before its earliest start",
        "it is all or nothing",
        "they exclude each other",
        "a first scale of 0.2",
        "0.9 added in one year",
        "a scale of 1.1 in all",
        "locality 'west'",
        "unknown solution 'hbu'",
        "hub started 1 year(s) before",
    ):
        assert part in text, part


def test_the_plan_is_valued_as_the_optimiser_values_it(pack, blmk_run):
    """The same mix through both: exact product per locality, year and line, within the unit that rounding may move."""
    years = tuple(FinancialYear(y) for y in ("2016/17", "2017/18", "2018/19", "2019/20", "2020/21"))
    calibration = calibrate(read_solutions(pack.root / "solutions"), activity_plan(pack))
    launches = full_mix(calibration.solutions, years[0])
    places = shift_localities(blmk_run, "2016/17")
    ours = channel_shift(calibration.solutions, launches, blmk_run.frame("locality_activity"), places)
    spec = RunRows(scenario="-", contract="payment_by_results")
    content = {"id": "full", "title": "full", "years": list(years), "discount_rate": Decimal("0.035")}
    content |= parts_of_run(spec, years, blmk_run, calibration, pack)
    tables = tables_of(problem_of(content, "test", pack.root))
    by_name = (
        pl.col("locality_code").replace_strict({c: programme_name(c) for c in places["locality_code"]}).alias("place")
    )
    effective = ours.scales.select("solution", by_name, "year", pl.col("effective_scale").alias("effective"))
    system = {s.id for s in calibration.solutions if s.rollout == "system"}
    wide = pl.col("solution").is_in(list(system))
    effective = pl.concat(
        [effective.filter(~wide), effective.filter(wide).with_columns(pl.lit("ALL").alias("place")).unique()]
    )
    theirs = exact_avoided(tables, effective).join(tables.years.select("t", "year"), on="t")
    names = {c: programme_name(c) for c in ours.activity["point_of_delivery"].unique()}
    both = (
        ours.activity.with_columns(pl.col("point_of_delivery").replace_strict(names), by_name)
        .join(
            theirs.rename({"locality": "place"}),
            on=["year", "point_of_delivery", "place"],
            how="left",
        )
        .with_columns(pl.col("exact").fill_null(0.0))
    )
    assert both.height == 25 * 10 * 5
    assert both.select((pl.col("avoided") - pl.col("exact")).abs().max()).item() < 1 + 1e-4
    assert both["avoided"].sum() == pytest.approx(both["exact"].sum(), abs=25)


def test_a_mix_that_buys_nothing_costs_nothing():
    nobody = mix_costs([], Launch.empty(), ScaleInPlace.empty(), ShiftLocality.empty())
    assert nobody.is_empty()
