"""Targets and distance from target, first against the sixteen rows NHS England printed for 2013/14."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError, NothingToShareError
from capitation.money.apportion import split
from capitation.money.pence import pence_of
from capitation.pace.target import (
    AreaAllocation,
    AreaPopulation,
    AreaTarget,
    AreaWeight,
    OpeningBaseline,
    StreamQuantum,
    distance_from_target,
    place_distance,
    target_pence_per_weighted_person,
    target_shares,
    targets,
)

AREA_TEAMS = {"Q44", "Q45"}
SUBTOTALS = {"Q44": ["01C", "01R", "02D", "02E", "02F", "12F"], "Q45": ["00C", "00D", "00J", "00K", "00M"]}


@pytest.fixture(scope="session")
def printed(pack):
    """Printed 2013/14 values by area and measure; the national row is left out."""
    found: dict[str, dict[str, str]] = {}
    for row in pack.printed("target-2013-14", "targets").iter_rows(named=True):
        found.setdefault(row["row"], {})[row["column"]] = row["value"]
    return {area: values for area, values in found.items() if "allocation" in values}


def thousand(text: str) -> int:
    return pence_of(text) * 1000


def frame(schema, rows):
    return schema.validate(pl.DataFrame(rows, schema=schema.dtypes(), orient="row"))


def as_printed(value: float, places: str) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(places), rounding=ROUND_HALF_UP)


def keys(printed):
    return [("2013/14", "ccg", area) for area in printed]


def printed_distance(printed):
    """Distance of the printed allocations from the printed targets; the openings are the allocations themselves."""
    target = frame(
        AreaTarget,
        [
            (*k, float(v["weighted_population"]), 0.0, thousand(v["target_allocation"]))
            for k, v in zip(keys(printed), printed.values(), strict=True)
        ],
    )
    money = [(*k, thousand(v["allocation"])) for k, v in zip(keys(printed), printed.values(), strict=True)]
    people = [("2013/14", area, float(v["registered_population"])) for area, v in printed.items()]
    return distance_from_target(
        frame(OpeningBaseline, money), target, frame(AreaAllocation, money), frame(AreaPopulation, people)
    )


def test_distance_in_pounds_per_cent_and_per_head_is_as_printed_on_all_sixteen_rows_of_2013_14(printed):
    assert len(printed) == 16
    distance = {r["area_code"]: r for r in printed_distance(printed).iter_rows(named=True)}
    for area, cells in printed.items():
        row = distance[area]
        assert row["closing_dft_pence"] == thousand(cells["distance_from_target"])
        assert as_printed(row["closing_dft_share"] * 100, "0.01") == Decimal(cells["distance_from_target_pct"])
        persons = int(cells["registered_population"])
        assert as_printed(row["allocation_pence"] / 100 / persons, "1") == Decimal(cells["allocation_per_head"])
        assert as_printed(row["target_pence"] / 100 / persons, "1") == Decimal(cells["target_per_head"])
        assert row["closing_dft_pence_per_person"] == pytest.approx(row["closing_dft_pence"] / persons, rel=1e-15)


def test_targets_from_printed_weighted_populations_are_within_half_a_weighted_person_of_the_printed_targets(printed):
    # weighted populations are printed to one person, targets to a thousand pounds: half of each is all the slack there is
    areas = {a: v for a, v in printed.items() if a not in AREA_TEAMS}
    weights = frame(
        AreaWeight,
        [
            (*k, float(v["registered_population"]), float(v["weighted_population"]))
            for k, v in zip(keys(areas), areas.values(), strict=True)
        ],
    )
    quantum = sum(thousand(v["target_allocation"]) for v in areas.values())
    got = targets(weights, frame(StreamQuantum, [("2013/14", "ccg", quantum)]))
    assert got.get_column("target_pence").sum() == quantum
    per_head = target_pence_per_weighted_person(got).get_column("target_pence_per_weighted_person")[0]
    assert as_printed(per_head / 100, "0.01") == Decimal("1135.41")
    misses = [
        abs(row["target_pence"] - thousand(areas[row["area_code"]]["target_allocation"]))
        for row in got.iter_rows(named=True)
    ]
    assert max(misses) <= 50_000 + per_head / 2


def test_each_of_the_sixteen_rows_has_the_printed_target_per_weighted_head_within_its_own_rounding(printed):
    for cells in printed.values():
        target, weight = Fraction(cells["target_allocation"]) * 1000, Fraction(cells["weighted_population"])
        lowest, highest = (target - 500) / (weight + Fraction(1, 2)), (target + 500) / (weight - Fraction(1, 2))
        assert lowest <= Fraction("1135.415")
        assert highest >= Fraction("1135.405")


@pytest.mark.parametrize("team", sorted(SUBTOTALS))
def test_an_area_team_is_the_sum_of_its_groups_and_its_distance_is_not_their_mean(printed, team):
    parts = [printed[a] for a in SUBTOTALS[team]]
    for measure in ("allocation", "target_allocation", "distance_from_target"):
        summed = sum(int(p[measure]) for p in parts)
        # printed in thousands, so that a sum of n rounded parts may differ from the rounded sum by n / 2
        assert abs(summed - int(printed[team][measure])) <= len(parts) / 2
    mean = sum(Decimal(p["distance_from_target_pct"]) for p in parts) / len(parts)
    assert as_printed(float(mean), "0.01") != Decimal(printed[team]["distance_from_target_pct"])


def test_opening_distances_share_the_quantum_and_add_to_nil(printed):
    areas = {a: v for a, v in printed.items() if a not in AREA_TEAMS}
    distance = printed_distance(areas)
    assert distance.get_column("opening_dft_pence").sum() == 0
    # (B / sum B) / tau - 1 in plain numbers
    money = sum(int(v["allocation"]) for v in areas.values())
    fair = sum(int(v["target_allocation"]) for v in areas.values())
    for row in distance.iter_rows(named=True):
        cells = areas[row["area_code"]]
        by_hand = (int(cells["allocation"]) / money) / (int(cells["target_allocation"]) / fair) - 1
        assert row["opening_dft_share"] == pytest.approx(by_hand, abs=1e-9)


def test_place_distance_is_sums_over_sums_and_not_a_mean_of_percentages():
    # core 90 of 100 (-10%), specialised 20 of 20 (0%): 110 of 120 is -8.33%
    rows = [("2016/17", "ccg", "A", 9_000, 10_000), ("2016/17", "specialised", "A", 2_000, 2_000)]
    target = frame(AreaTarget, [(y, s, a, 1, 1.0, t) for y, s, a, _, t in rows])
    money = [(y, s, a, m) for y, s, a, m, _ in rows]
    people = frame(AreaPopulation, [("2016/17", "A", 10.0)])
    distance = distance_from_target(frame(OpeningBaseline, money), target, frame(AreaAllocation, money), people)
    row = place_distance(distance).row(0, named=True)
    assert (row["streams"], row["closing_dft_pence"]) == (2, -1_000)
    assert row["closing_dft_share"] == pytest.approx(-1 / 12)


@given(weights=st.lists(st.integers(0, 10**13), min_size=1, max_size=12).filter(any), quantum=st.integers(0, 10**13))
def test_targets_add_to_the_quantum_and_equal_plain_largest_remainder(weights, quantum):
    given_rows = [("2016/17", "ccg", f"{i:02}", 1.0, w) for i, w in enumerate(weights)]
    got = targets(frame(AreaWeight, given_rows), frame(StreamQuantum, [("2016/17", "ccg", quantum)]))
    assert got.get_column("target_pence").to_list() == split(quantum, weights)
    assert sum(got.get_column("target_share")) == pytest.approx(1)


def test_an_area_without_need_has_no_target_and_no_percentage():
    weights = frame(AreaWeight, [("2016/17", "ccg", "A", 1.0, 5), ("2016/17", "ccg", "B", 0.0, 0)])
    target = targets(weights, frame(StreamQuantum, [("2016/17", "ccg", 100)]))
    money = [("2016/17", "ccg", "A", 90), ("2016/17", "ccg", "B", 10)]
    people = frame(AreaPopulation, [("2016/17", "A", 1.0), ("2016/17", "B", 0.0)])
    distance = distance_from_target(frame(OpeningBaseline, money), target, frame(AreaAllocation, money), people)
    row = distance.row(1, named=True)
    assert (row["target_pence"], row["closing_dft_pence"]) == (0, 10)
    assert row["closing_dft_share"] is None
    assert row["closing_dft_pence_per_person"] is None


def test_a_stream_without_any_need_is_refused():
    with pytest.raises(FrameError, match="no area of the stream has any need"):
        target_shares(frame(AreaWeight, [("2016/17", "ccg", "A", 1.0, 0)]))


def test_weights_and_quanta_that_do_not_match_are_all_told_at_once():
    weights = frame(AreaWeight, [("2016/17", "ccg", "A", 1.0, 1), ("2017/18", "ccg", "A", 1.0, 1)])
    quanta = frame(StreamQuantum, [("2016/17", "ccg", 1), ("2016/17", "specialised", 1)])
    with pytest.raises(FrameError) as raised:
        targets(weights, quanta)
    assert [f.where for f in raised.value.faults] == ["year 2017/18, stream ccg", "year 2016/17, stream specialised"]


def test_an_area_without_an_opening_or_a_population_is_named():
    target = frame(AreaTarget, [("2016/17", "ccg", "A", 1, 0.5, 50), ("2016/17", "ccg", "B", 1, 0.5, 50)])
    both = [("2016/17", "ccg", "A", 50), ("2016/17", "ccg", "B", 50)]
    people = frame(AreaPopulation, [("2016/17", "A", 1.0)])
    with pytest.raises(FrameError, match="openings and targets do not cover") as raised:
        distance_from_target(frame(OpeningBaseline, both[:1]), target, frame(AreaAllocation, both), people)
    assert "area_code B" in str(raised.value)
    with pytest.raises(FrameError, match="areas without a population"):
        distance_from_target(frame(OpeningBaseline, both), target, frame(AreaAllocation, both), people)


def test_openings_of_nothing_have_no_average_growth():
    target = frame(AreaTarget, [("2016/17", "ccg", "A", 1, 1.0, 50)])
    people = frame(AreaPopulation, [("2016/17", "A", 1.0)])
    nothing = [("2016/17", "ccg", "A", 0)]
    with pytest.raises(NothingToShareError):
        distance_from_target(frame(OpeningBaseline, nothing), target, frame(AreaAllocation, nothing), people)
