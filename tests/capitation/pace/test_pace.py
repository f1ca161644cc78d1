"""Pace of change: the promises of the method, each as a property, against a slow plain-Python second way."""

# Reason: one rule and one file: its sums by hand, its laws and its bad input are read side by side.

import csv
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capitation.errors import FrameError, InfeasibleError, ParameterError
from capitation.money.pence import pence_of
from capitation.pace.policy import FromParameter, PacePolicy, PaceRules
from capitation.pace.round import PaceResult, pace_of_change
from capitation.pace.target import AreaPopulation, AreaWeight, OpeningBaseline, StreamQuantum, targets
from capitation.records.documents import Figure

YEAR = "2016/17"
ALL_SHORTFALL = ("max_under", "bands", "floors")
ALL_SURPLUS = ("target_ceiling", "max_growth", "over_target_cap")
MARKS = {"source": "test", "where": "test"}


def figure(value: str | Decimal) -> Figure:
    return Figure(value=Decimal(value), unit="rate", **MARKS)


def policy_of(*, since: str = YEAR, **rules: object) -> PacePolicy:
    filled = {
        name: figure(value) if name not in {"relaxation", "surplus_relaxation", "method", "bands"} else value
        for name, value in rules.items()
        if value is not None
    }
    return PacePolicy(
        id="p", title="P", about="A policy.", rules=(PaceRules.model_validate({"from": since, **filled}),)
    )


def bands(mode: str, *lines: tuple[str, str]) -> dict[str, object]:
    return {"mode": mode, "lines": [{"opening_dft": at, "minimum_growth": g} for at, g in lines], **MARKS}


def codes(count: int) -> list[str]:
    return [f"A{i:03}" for i in range(count)]


def openings_of(amounts: list[int], names: list[str]) -> pl.DataFrame:
    rows = [(YEAR, "ccg", n, a) for n, a in zip(names, amounts, strict=True)]
    return OpeningBaseline.validate(pl.DataFrame(rows, schema=OpeningBaseline.dtypes(), orient="row"))


def targets_of(weights: list[int], quantum: int, names: list[str]) -> pl.DataFrame:
    rows = [(YEAR, "ccg", n, 1.0, w) for n, w in zip(names, weights, strict=True)]
    quanta = pl.DataFrame([(YEAR, "ccg", quantum)], schema=StreamQuantum.dtypes(), orient="row")
    return targets(AreaWeight.validate(pl.DataFrame(rows, schema=AreaWeight.dtypes(), orient="row")), quanta)


def people_of(before: list[int], now: list[int], names: list[str]) -> pl.DataFrame:
    rows = [("2015/16", n, float(p)) for n, p in zip(names, before, strict=True)]
    rows += [(YEAR, n, float(p)) for n, p in zip(names, now, strict=True)]
    return AreaPopulation.validate(pl.DataFrame(rows, schema=AreaPopulation.dtypes(), orient="row"))


def pace(
    opening: list[int], weights: list[int], quantum: int, policy: PacePolicy, people: pl.DataFrame | None = None
) -> PaceResult:
    names = codes(len(opening))
    populations = AreaPopulation.empty() if people is None else people
    return pace_of_change(
        openings_of(opening, names), targets_of(weights, quantum, names), populations, quantum, policy
    )


def amounts(result: PaceResult) -> list[int]:
    return result.allocations.get_column("allocation_pence").to_list()


def rounding_pence(*results: PaceResult) -> float:
    """A penny for the allocation, and a penny of the target times how far above target areas are lifted (at least once)."""
    above = pl.concat([r.allocations for r in results]).filter(pl.col("allocation_pence") > pl.col("lower_pence"))
    level = (
        above.filter(pl.col("target_pence") > 0)
        .select((pl.col("allocation_pence") / pl.col("target_pence")).max())
        .item()
    )
    return 1 + max(1.0, level or 0.0)


# --- what hypothesis draws --------------------------------------------------------------------------------------------------------

AREAS = st.lists(st.tuples(st.integers(10_000, 10_000_000), st.integers(100, 100_000)), min_size=2, max_size=8)
GROWTH = st.integers(-300, 1_500)
"""Growth of the quantum in basis points."""

STEP = bands("step", ("-0.10", "0.06"), ("-0.05", "0.04"), ("-0.02", "0.025"))
LINEAR = bands("linear", ("-0.10", "0.06"), ("-0.05", "0.04"), ("0.00", "0.01"))


@st.composite
def policies(draw: st.DrawFn, *, growth_limit: bool = True, steps: bool = True) -> PacePolicy:
    """Policies in which every rule may stand or be missing, and all may give way."""
    capped = draw(st.booleans())
    tables = [None, STEP, LINEAR] if steps else [None, LINEAR]
    return policy_of(
        floor_total="0.01" if capped else draw(st.sampled_from([None, "-0.02", "0", "0.01", "0.02"])),
        cap_threshold="0.10" if capped else None,
        cap_growth=draw(st.sampled_from(["-0.01", "0", "0.0016"])) if capped else None,
        cap_from=draw(st.sampled_from([None, "0", "0.05", "0.09999999"])) if capped else None,
        max_under=draw(st.sampled_from([None, "0.05", "0.025", "0.1"])),
        max_growth=draw(st.sampled_from([None, "0.05", "0.12"])) if growth_limit else None,
        bands=draw(st.sampled_from(tables)),
        method=draw(st.sampled_from(["water-fill", "pro-rata"])),
        relaxation=ALL_SHORTFALL,
        surplus_relaxation=ALL_SURPLUS,
    )


def quantum_after(areas: list[tuple[int, int]], growth: int) -> int:
    return sum(b for b, _ in areas) * (10_000 + growth) // 10_000


# --- promises ---------------------------------------------------------------------------------------------------------------------


@given(areas=AREAS, growth=GROWTH, policy=policies())
def test_allocations_add_to_the_quantum_and_no_bound_is_broken_without_a_relaxation(areas, growth, policy):
    quantum = quantum_after(areas, growth)
    result = pace([b for b, _ in areas], [w for _, w in areas], quantum, policy)
    assert sum(amounts(result)) == quantum
    gave_way = set(result.relaxations.get_column("rule"))
    for row in result.allocations.iter_rows(named=True):
        if not gave_way & set(ALL_SHORTFALL):
            assert row["allocation_pence"] >= row["lower_pence"]
        if row["allocation_pence"] < row["floor_pence"]:
            assert gave_way & {"bands", "floors"}
        if not gave_way & set(ALL_SURPLUS) and row["upper_pence"] is not None:
            assert row["allocation_pence"] <= row["upper_pence"]
        if row["held_by"] == "over_target_cap":
            assert row["opening_dft_share"] > 0.10
        assert row["lower_pence"] >= row["floor_pence"]


@given(areas=AREAS, growth=GROWTH, policy=policies(growth_limit=False))
def test_no_area_is_lifted_past_its_target_unless_the_cap_holds_others_below_theirs(areas, growth, policy):
    result = pace([b for b, _ in areas], [w for _, w in areas], quantum_after(areas, growth), policy)
    rows = result.allocations
    assume(rows.filter(pl.col("is_capped") & (pl.col("allocation_pence") < pl.col("target_pence"))).is_empty())
    lifted = rows.filter(pl.col("allocation_pence") > pl.col("lower_pence"))
    assert lifted.filter(pl.col("allocation_pence") > pl.col("target_pence")).is_empty()


@given(areas=AREAS, growth=GROWTH, policy=policies(), more=st.integers(1, 5_000), which=st.integers(0, 7))
def test_more_need_never_means_less_money(areas, growth, policy, more, which):
    # targets and allocations are each rounded once, so an amount may fall by that much and no more
    which %= len(areas)
    quantum, opening = quantum_after(areas, growth), [b for b, _ in areas]
    weights = [w for _, w in areas]
    before = pace(opening, weights, quantum, policy)
    weights[which] += more
    after = pace(opening, weights, quantum, policy)
    assert amounts(after)[which] >= amounts(before)[which] - rounding_pence(before, after)


@given(areas=AREAS, growth=GROWTH, policy=policies(), seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(areas, growth, policy, seed):
    names, quantum = codes(len(areas)), quantum_after(areas, growth)
    opening = openings_of([b for b, _ in areas], names)
    target = targets_of([w for _, w in areas], quantum, names)
    order = list(range(len(areas)))
    seed.shuffle(order)
    straight = pace_of_change(opening, target, AreaPopulation.empty(), quantum, policy)
    shuffled = pace_of_change(opening[order], target[order[::-1]], AreaPopulation.empty(), quantum, policy)
    assert straight.allocations.equals(shuffled.allocations)
    assert straight.relaxations.equals(shuffled.relaxations)


@given(areas=AREAS, growth=GROWTH, policy=policies())
def test_names_of_areas_decide_only_the_odd_penny(areas, growth, policy):
    quantum = quantum_after(areas, growth)
    opening, weights = [b for b, _ in areas], [w for _, w in areas]
    one = pace(opening, weights, quantum, policy)
    other = pace(opening[::-1], weights[::-1], quantum, policy)
    slack = rounding_pence(one, other)
    assert all(abs(a - b) <= slack for a, b in zip(amounts(one), amounts(other)[::-1], strict=True))


@given(areas=AREAS, growth=st.integers(0, 1_500), policy=policies(), scale=st.sampled_from([10, 100, 10_000]))
def test_money_in_other_units_moves_in_proportion(areas, growth, policy, scale):
    # the quantum is a multiple of the weights, so that targets are whole at either scale; openings follow as whole pence
    weights = [w for _, w in areas]
    per_weight = max(1, quantum_after(areas, growth) // sum(weights))
    quantum, opening = per_weight * sum(weights), [b for b, _ in areas]
    small = amounts(pace(opening, weights, quantum, policy))
    large = amounts(pace([b * scale for b in opening], weights, quantum * scale, policy))
    # each bound and each share is rounded to a penny at the small scale: one each for the area and for those it shares with
    slack = (len(areas) + 1) * scale
    assert all(abs(a * scale - b) <= slack for a, b in zip(small, large, strict=True))


@given(areas=AREAS, growth=GROWTH)
def test_without_rules_every_area_stands_at_its_target_at_once(areas, growth):
    quantum = quantum_after(areas, growth)
    result = pace([b for b, _ in areas], [w for _, w in areas], quantum, policy_of(relaxation=()))
    assert amounts(result) == result.allocations.get_column("target_pence").to_list()


@given(areas=AREAS)
def test_a_standstill_quantum_still_converges_where_floors_allow_a_fall(areas):
    # the sum of openings again each year, every area protected to 98% of its opening: the furthest distance never grows
    quantum = sum(b for b, _ in areas)
    weights, opening = [w for _, w in areas], [b for b, _ in areas]
    policy, furthest = policy_of(floor_total="-0.02"), []
    for _ in range(3):
        result = pace(opening, weights, quantum, policy)
        assert result.relaxations.is_empty()
        opening = amounts(result)
        target = result.allocations.get_column("target_pence")
        gap = sum(abs(a - t) for a, t in zip(opening, target, strict=True))
        furthest.append(gap)
    assert all(two <= one for one, two in pairwise(furthest))
    assert furthest[-1] < furthest[0] or furthest[0] <= len(areas)


# --- a second way -----------------------------------------------------------------------------------------------------------------


def slowly(opening, target, quantum, floor_rate, cap_from, cap_edge, cap_rate, max_under, max_growth):
    """Unrounded amounts, lower-bound cost and level, by bisection in fractions; max_under gives way if it must."""
    whole = sum(opening)
    lower, floors, upper = [], [], []
    for b, t in zip(opening, target, strict=True):
        distance = Fraction(b * quantum, whole * t) - 1
        least = ceil(b * (1 + floor_rate))
        if cap_edge is not None and distance > cap_edge:
            fixed = floor(b * (1 + cap_rate))
            floors.append(fixed)
            lower.append(fixed)
            upper.append(fixed)
            continue
        if cap_from is not None and distance > cap_from:
            # a straight line from the floor at the distance where the cap begins to the amount of a capped area
            fixed = floor(b * (1 + cap_rate))
            least = ceil(least - (least - fixed) * (distance - cap_from) / (cap_edge - cap_from))
        top = None if max_growth is None else max(least, min(floor(b * (1 + max_growth)), t))
        under = ceil((1 - max_under) * t)
        floors.append(least)
        lower.append(max(least, under if top is None else min(under, top)))
        upper.append(top)

    def at(level, bounds):
        amounts_now = []
        for t, lo, hi in zip(target, bounds, upper, strict=True):
            amount = max(level * t, Fraction(lo))
            amounts_now.append(amount if hi is None else min(amount, Fraction(hi)))
        return amounts_now

    def bisect(bounds):
        low, high = Fraction(0), Fraction(10**9)
        for _ in range(160):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(at(middle, bounds)) < quantum else (low, middle)
        return at(high, bounds)

    cost = sum(lower)
    if cost <= quantum:
        most = None if None in upper else sum(upper)
        return (bisect(lower), cost) if most is None or most >= quantum else (None, cost)
    return (bisect(floors), cost) if sum(floors) <= quantum else (None, cost)


@given(
    areas=AREAS,
    growth=GROWTH,
    floor_rate=st.sampled_from(["-0.02", "0", "0.01", "0.0214"]),
    cap=st.sampled_from([None, "-0.01", "-0.02"]),
    cap_from=st.sampled_from([None, "0.05", "0.02"]),
    max_under=st.sampled_from(["0.05", "0.02", "0.0333"]),
    max_growth=st.sampled_from([None, "0.05", "0.1"]),
)
def test_amounts_lie_within_a_penny_of_bisection_in_fractions(
    areas, growth, floor_rate, cap, cap_from, max_under, max_growth
):
    cap_from = cap_from if cap else None
    assume(cap is None or Decimal(cap) <= Decimal(floor_rate))
    quantum, opening, weights = quantum_after(areas, growth), [b for b, _ in areas], [w for _, w in areas]
    target = targets_of(weights, quantum, codes(len(areas))).get_column("target_pence").to_list()
    assume(all(target))
    policy = policy_of(
        floor_total=floor_rate,
        cap_threshold="0.1" if cap else None,
        cap_growth=cap,
        cap_from=cap_from,
        max_under=max_under,
        max_growth=max_growth,
        relaxation=("max_under",),
    )
    cap_edge = Fraction("0.1") if cap else None
    limit = None if max_growth is None else Fraction(max_growth)
    phased = Fraction(cap_from) if cap_from else None
    wanted, cost = slowly(
        opening, target, quantum, Fraction(floor_rate), phased, cap_edge, Fraction(cap or 0), Fraction(max_under), limit
    )
    if wanted is None:
        with pytest.raises(InfeasibleError):
            pace(opening, weights, quantum, policy)
        return
    result = pace(opening, weights, quantum, policy)
    # the line of a phased cap is drawn through distances in floating point: a penny an area
    assert abs(result.summary.get_column("lower_bounds_pence")[0] - cost) <= (len(areas) if cap_from else 0)
    most = len(areas) + 1 if cap_from else 1
    assert all(abs(a - w) < most for a, w in zip(amounts(result), wanted, strict=True))


# --- rules one by one -------------------------------------------------------------------------------------------------------------


def test_floors_total_per_head_and_band_each_bind_where_they_are_highest():
    # openings of 100.00; A grows by 6% in persons, B not at all, C is 17% under target and has a band of 4%, D is like B
    names = codes(4)
    policy = policy_of(floor_total="0.02", floor_per_head="0.01", bands=bands("step", ("-0.15", "0.04")), relaxation=())
    result = pace([10_000] * 4, [100, 100, 130, 100], 46_000, policy, people_of([100] * 4, [106, 100, 100, 100], names))
    rows = {r["area_code"]: r for r in result.allocations.iter_rows(named=True)}
    # 100.00 x 1.01 x 1.06 = 107.06; 102.00; 104.00; 102.00
    assert [rows[n]["floor_pence"] for n in names] == [10_706, 10_200, 10_400, 10_200]
    assert [rows[n]["floor_set_by"] for n in names] == ["floor_per_head", "floor_total", "band", "floor_total"]


def test_the_rule_that_holds_each_area_is_named():
    # targets 300, 230, 250, 220 of 1,000. A (33% over) is capped at 380 x 1.01 = 383.80; B (14% over) keeps 250 x 1.02 = 255;
    # D may grow to 140 x 1.2 = 168; C takes the rest: 193.20
    policy = policy_of(
        floor_total="0.02", cap_threshold="0.2", cap_growth="0.01", max_under="0.25", max_growth="0.2", relaxation=()
    )
    result = pace([38_000, 25_000, 18_000, 14_000], [30, 23, 25, 22], 100_000, policy)
    assert amounts(result) == [38_380, 25_500, 19_320, 16_800]
    assert result.allocations.get_column("held_by").to_list() == [
        "over_target_cap",
        "floor_total",
        "common_distance",
        "max_growth",
    ]
    # 75% of the targets of C and D is above their floors: 187.50 and 165
    assert result.allocations.get_column("lower_pence").to_list() == [38_380, 25_500, 18_750, 16_500]
    assert result.summary.get_column("common_closing_dft_share")[0] == pytest.approx(193.2 / 250 - 1)


def test_an_area_held_back_by_the_growth_limit_is_reported_with_the_missing_amount():
    # A: target 50.00, opening 30.00, growth at most 10%: 33.00 against 95% of 50.00 = 47.50, so 14.50 is missing
    policy = policy_of(max_under="0.05", max_growth="0.1", surplus_relaxation=("target_ceiling", "max_growth"))
    result = pace([3_000, 6_000], [50, 50], 10_000, policy)
    row = result.relaxations.row(0, named=True)
    assert (row["rule"], row["area_code"], row["shortfall_pence"]) == ("max_under", "A000", 1_450)
    assert (row["asked"], row["reached"]) == (4_750, 3_300)


def test_money_that_limits_cannot_hold_is_infeasible_and_says_how_much():
    policy = policy_of(floor_total="0", max_growth="0.05")
    with pytest.raises(InfeasibleError, match=r"upper bounds hold 21\.00 pounds.*1\.00 pounds cannot be placed"):
        pace([1_000, 1_000], [1, 1], 2_200, policy)


def test_limits_give_way_in_their_declared_order():
    # growth of 10% against a limit of 5%: targets are 11.00 each, so the ceiling does not help and the limit must give
    policy = policy_of(floor_total="0", max_growth="0.05", surplus_relaxation=("target_ceiling", "max_growth"))
    result = pace([1_000, 1_000], [1, 1], 2_200, policy)
    assert amounts(result) == [1_100, 1_100]
    assert result.relaxations.select("rule", "shortfall_pence", "relieved_pence").rows() == [
        ("target_ceiling", 100, 0),
        ("max_growth", 100, 100),
    ]


def test_bands_give_way_by_one_common_part_and_floors_stay_whole():
    # openings 100 each; A is 20% under and has a band of 10%: floors cost 102 + 110 = 212 against 209
    policy = policy_of(floor_total="0.02", bands=bands("step", ("-0.15", "0.1")), relaxation=("bands",))
    result = pace([10_000, 10_000], [625, 375], 20_900, policy)
    assert amounts(result) == [10_700, 10_200]
    row = result.relaxations.row(0, named=True)
    # the band adds 8.00 above the floor of A; 5.00 of it fits
    assert (row["rule"], row["shortfall_pence"], row["reached"]) == ("bands", 300, 5 / 8)
    assert result.allocations.get_column("held_by").to_list() == ["relaxed_bands", "floor_total"]


def test_floors_give_way_last_and_by_one_common_part():
    # floors of 102 and 204 against a quantum of 300: each keeps 300 / 306 of its floor
    policy = policy_of(floor_total="0.02", relaxation=("floors",))
    result = pace([10_000, 20_000], [1, 1], 30_000, policy)
    assert amounts(result) == [10_000, 20_000]
    row = result.relaxations.row(0, named=True)
    assert (row["rule"], row["shortfall_pence"]) == ("floors", 600)
    assert row["reached"] == pytest.approx(300 / 306)


def test_each_rule_that_gave_way_has_its_own_row_in_order():
    policy = policy_of(
        floor_total="0.02", max_under="0.05", bands=bands("step", ("-0.15", "0.1")), relaxation=ALL_SHORTFALL
    )
    result = pace([10_000, 10_000], [625, 375], 20_000, policy)
    assert result.relaxations.get_column("rule").to_list() == ["max_under", "bands", "floors"]
    # lower bounds 118.75 + 102; without max_under 110 + 102; without bands 102 + 102; the quantum is 200
    assert result.relaxations.get_column("shortfall_pence").to_list() == [2_075, 1_200, 400]
    assert result.relaxations.get_column("relieved_pence").to_list() == [875, 800, 400]
    assert amounts(result) == [10_000, 10_000]


def test_a_shortfall_beyond_the_declared_order_says_what_each_remaining_rule_costs():
    policy = policy_of(floor_total="0.02", max_under="0.05", relaxation=("max_under",))
    with pytest.raises(InfeasibleError) as raised:
        pace([10_000, 10_000], [1, 1], 20_000, policy)
    assert (
        "lower bounds cost 204.00 pounds against a quantum of 200.00: short by 4.00 pounds after relaxing max_under"
        in str(raised.value)
    )
    assert [f.where for f in raised.value.faults] == ["ccg 2016/17: floors"]


def test_pro_rata_shares_by_what_each_area_lacks():
    # floors 102 and 51; targets 120 and 80 of 200: lacking 18 and 29; 47 are left, all of it
    straight = pace([10_000, 5_000], [120, 80], 20_000, policy_of(floor_total="0.02", method="pro-rata"))
    assert amounts(straight) == [12_000, 8_000]
    # three areas, one 30 over its target: openings 100, 50, 130 and targets 120, 80, 100 of 300; floors 102, 51, 132.60
    shared = pace([10_000, 5_000, 13_000], [120, 80, 100], 30_000, policy_of(floor_total="0.02", method="pro-rata"))
    # 14.40 over 18 : 29 is 5.5149 and 8.8851
    assert amounts(shared) == [10_200 + 551, 5_100 + 889, 13_260]
    assert shared.allocations.get_column("held_by").to_list() == ["pro_rata", "pro_rata", "floor_total"]


def test_a_step_table_leaps_at_its_edge_and_a_linear_table_does_not():
    # a weight just short of and just past an opening distance of -5% (-4.87% and -5.10%)
    def growth_either_side(table):
        policy = policy_of(floor_total="0", bands=table, relaxation=())
        got = []
        for weight in (107_600, 108_000):
            result = pace([9_975_000, 20_000_000], [weight, 200_000], 33_000_000, policy)
            got.append(result.allocations.row(0, named=True))
        assert got[0]["opening_dft_share"] > -0.05 > got[1]["opening_dft_share"]
        return got[1]["floor_pence"] - got[0]["floor_pence"]

    step = growth_either_side(bands("step", ("-0.05", "0.04"), ("0.5", "0.01")))
    linear = growth_either_side(bands("linear", ("-0.05", "0.04"), ("0.05", "0.01")))
    assert step == 299_250  # three per cent of 99,750.00
    assert 0 <= linear < 29_925  # under three tenths of a per cent


def test_a_linear_table_is_level_outside_its_lines_and_straight_between_them():
    table = bands("linear", ("-0.10", "0.06"), ("0.00", "0.02"))
    policy = policy_of(bands=table, relaxation=("bands",))
    # targets 100, 100, 200; openings 80 (-20%), 95 (-5%), 225 (+12.5%): growth of 6%, 4%, 2%
    result = pace([8_000, 9_500, 22_500], [1, 1, 2], 40_000, policy)
    assert result.allocations.get_column("floor_pence").to_list() == [8_480, 9_880, 22_950]


def test_the_cap_starts_above_its_threshold_and_not_on_it():
    policy = policy_of(floor_total="0.01", cap_threshold="0.1", cap_growth="0")
    # openings 110 and 90 of 200 against equal targets: exactly +10%
    assert not pace([11_000, 9_000], [1, 1], 20_500, policy).allocations.get_column("is_capped").any()
    assert pace([11_001, 8_999], [1, 1], 20_500, policy).allocations.get_column("is_capped").to_list() == [True, False]


@pytest.mark.parametrize(
    ("opening", "wanted", "by"),
    [
        (10_500, 10_605, "floor_total"),  # 5% over: its floor of 1% stands
        (10_750, 10_804, "phased_cap"),  # 7.5% over, half way: 0.5%, 108.0375 rounded up
        (11_000, 11_000, "phased_cap"),  # 10% over: nothing of the floor is left
        (11_001, 11_001, "over_target_cap"),
    ],
)
def test_the_cap_is_phased_in_from_five_per_cent_over_target(opening, wanted, by):
    policy = policy_of(floor_total="0.01", cap_from="0.05", cap_threshold="0.1", cap_growth="0")
    # both targets are half of the openings, so the first is as far over target as it is above 100.00
    row = pace([opening, 20_000 - opening], [1, 1], 20_500, policy).allocations.row(0, named=True)
    assert (row["floor_pence"], row["floor_set_by"]) == (wanted, by)


def test_a_new_area_without_an_opening_is_lifted_and_has_no_growth():
    policy = policy_of(floor_total="0", max_under="0.05", max_growth="0.2", relaxation=("max_under",))
    result = pace([0, 10_000], [1, 9], 11_500, policy)
    row = result.allocations.row(0, named=True)
    assert (row["growth_rate"], row["upper_pence"], row["opening_dft_share"]) == (None, None, -1.0)
    assert row["allocation_pence"] >= 1_093  # 95% of 11.50


def test_an_area_without_need_keeps_its_floor_and_has_no_distance():
    result = pace([5_000, 5_000], [0, 1], 10_200, policy_of(floor_total="0.01"))
    row = result.allocations.row(0, named=True)
    assert (row["allocation_pence"], row["opening_dft_share"], row["closing_dft_share"]) == (5_050, None, None)


def test_a_change_of_formula_moves_targets_at_once_and_money_slowly(shared):
    # as for 2011/12 the inequality weight goes from 15% to 10%, growth is 3.0% and the least growth 2.5%. Published then: 718m of
    # targets moved and 55.9m of money in the first year (7.8%). Here real openings meet a plain need formula without a cost index
    practices = pl.read_parquet(shared / "reference/ccg_target_inputs_2018_19/practice_need_components.parquet")
    with (shared / "cases" / "allocation-cases.csv").open(encoding="utf-8") as file:
        published = {
            r["area_code"]: pence_of(r["value"]) * 1000
            for r in csv.DictReader(file)
            if r["case_id"] == "B-CCG-ALLOC" and r["year"] == "2018/19"
        }
    groups = (
        practices.group_by("ccg19_code")
        .agg(pl.col("wp_general_acute", "wp_avoidable_mortality").sum())
        .filter(pl.col("ccg19_code").is_in(list(published)))
        .sort("ccg19_code")
    )
    names = groups.get_column("ccg19_code").to_list()
    assert len(names) == 191

    def weights(inequality: int) -> list[int]:
        blend = pl.col("wp_general_acute") * (100 - inequality) + pl.col("wp_avoidable_mortality") * inequality
        return groups.select((blend * 10_000).round().cast(pl.Int64)).to_series().to_list()

    opening = openings_of([published[n] for n in names], names)
    quantum = sum(published[n] for n in names) * 103 // 100
    policy = policy_of(floor_total="0.025", max_under="0.05", relaxation=("max_under",))
    old, new = (targets_of(weights(h), quantum, names) for h in (15, 10))
    paced = [pace_of_change(opening, t, AreaPopulation.empty(), quantum, policy) for t in (old, new)]

    def moved(one: pl.Series, other: pl.Series) -> int:
        return (one - other).abs().sum() // 2

    targets_moved = moved(old.get_column("target_pence"), new.get_column("target_pence"))
    money_moved = moved(*(p.allocations.get_column("allocation_pence") for p in paced))
    assert targets_moved > 40_000_000_000  # 440m of 75bn
    assert 0 < money_moved < targets_moved / 5  # 79m: 17.9%


def test_every_practice_of_england_is_paced_at_once_and_adds_to_the_penny(shared):
    practices = pl.read_parquet(shared / "reference/ccg_target_inputs_2018_19/practice_need_components.parquet")
    names = practices.get_column("practice_code").to_list()
    assert len(names) == 7_325
    weights = practices.select((pl.col("wp_general_acute") * 1_000_000).round().cast(pl.Int64)).to_series().to_list()
    opening = practices.select((pl.col("registered_2018_19") * 118_000).round().cast(pl.Int64)).to_series().to_list()
    quantum = sum(opening) * 103 // 100
    policy = policy_of(
        floor_total="0.01", cap_threshold="0.1", cap_growth="0.001", max_under="0.05", relaxation=ALL_SHORTFALL
    )
    result = pace_of_change(
        openings_of(opening, names), targets_of(weights, quantum, names), AreaPopulation.empty(), quantum, policy
    )
    assert sum(amounts(result)) == quantum
    assert result.allocations.height == 7_325


# --- what is refused --------------------------------------------------------------------------------------------------------------


def test_two_streams_or_years_at_once_are_refused():
    target = pl.concat(
        [targets_of([1], 100, ["A"]), targets_of([1], 100, ["A"]).with_columns(pl.lit("x").alias("stream"))]
    )
    with pytest.raises(FrameError, match="one stream and one year"):
        pace_of_change(openings_of([100], ["A"]), target, AreaPopulation.empty(), 100, policy_of())


def test_targets_of_another_quantum_are_refused():
    with pytest.raises(FrameError, match=r"targets add to 1\.00 pounds; expected the quantum of 2\.00"):
        pace_of_change(openings_of([100], ["A"]), targets_of([1], 100, ["A"]), AreaPopulation.empty(), 200, policy_of())


def test_a_floor_per_head_without_populations_names_the_areas():
    with pytest.raises(FrameError) as raised:
        pace([100, 100], [1, 1], 210, policy_of(floor_per_head="0"))
    assert len(raised.value.faults) == 4
    people = people_of([0, 10], [5, 10], codes(2))
    with pytest.raises(FrameError, match="0 persons and an opening allocation"):
        pace([100, 100], [1, 1], 210, policy_of(floor_per_head="0"), people)


def test_a_year_before_the_rules_start_is_refused():
    with pytest.raises(ParameterError, match="its rules start in 2017/18"):
        pace([100], [1], 100, policy_of(since="2017/18"))


def test_a_named_parameter_without_its_value_is_refused():
    rules = PaceRules.model_validate({"from": YEAR, "floor_total": FromParameter(parameter="pace.floor_growth")})
    policy = PacePolicy(id="p", title="P", about="A policy.", rules=(rules,))
    with pytest.raises(ParameterError, match="put parameters in with resolved"):
        pace([100], [1], 100, policy)
