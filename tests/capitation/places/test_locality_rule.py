"""The rule that makes localities out of practices."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError
from capitation.places.locality_rule import build_localities, distance_km
from capitation.places.membership import (
    ResolvedPractice,
    localities,
    locality_band,
    membership,
    partition_faults,
    practices,
    resolutions,
    resolved_practices,
)
from capitation.records.years import FinancialYear

BAND = {"year": "2018/19", "low": 30_000, "high": 50_000}


def town(*rows):
    """Practices from (code, network, place, persons, latitude, longitude); a postcode may follow."""
    filled = [(*row, None) if len(row) == 6 else row for row in rows]
    wide = [
        (code, code, "C1", net, net, place, place, float(persons), postcode, lat, lon, place, place)
        for code, net, place, persons, lat, lon, postcode in filled
    ]
    return ResolvedPractice.validate(pl.DataFrame(wide, schema=ResolvedPractice.dtypes(), orient="row"))


def homes(plan):
    return dict(plan.membership.select("practice_code", "locality_code").iter_rows())


def test_the_stored_localities_are_what_the_rule_makes(pack):
    plan = build_localities(resolved_practices(practices(pack), resolutions(pack)), **BAND)
    assert plan.membership.equals(membership(pack))
    assert plan.localities.equals(localities(pack))


def test_the_band_is_that_of_the_plan(pack):
    assert locality_band(pack, FinancialYear("2018/19")) == (30_000, 50_000)


def test_all_25_localities_of_the_system_are_inside_the_band(pack):
    resolved = resolved_practices(practices(pack), resolutions(pack))
    plan = build_localities(resolved, **BAND)
    sizes = plan.localities.get_column("registered_persons")
    assert plan.localities.height == 25
    assert sizes.min() >= 30_000
    assert sizes.max() <= 50_000
    assert plan.localities.get_column("outside_band").null_count() == 25
    assert sum(math.floor(s * 1e6 + 0.5) for s in sizes) == 1_008_643_005_587
    assert texts_of_partition(plan, resolved) == []
    # The steps, read once by hand: Titan lies in two places; Medics (62,576) is the only network that can be halved.
    assert plan.steps.group_by("step").len().sort("step").rows() == [
        ("cut", 2),
        ("divide", 2),
        ("hand over", 4),
        ("take", 8),
    ]


def texts_of_partition(plan, resolved):
    return [str(f) for f in partition_faults(plan.membership, resolved, low=30_000, high=50_000)]


def test_whole_places_divide_into_localities_inside_the_band_too(pack):
    resolved = resolved_practices(practices(pack), resolutions(pack))
    plan = build_localities(resolved, **BAND, start="places")
    assert texts_of_partition(plan, resolved) == []
    assert plan.localities.height == 26


def test_a_network_in_two_places_is_cut():
    plan = build_localities(town(("A", "N", "P", 35_000, 52.0, 0.0), ("B", "N", "Q", 40_000, 52.0, 0.1)), **BAND)
    assert homes(plan) == {"A": "L-N-P", "B": "L-N-Q"}


def test_a_large_network_is_halved_across_its_longer_extent():
    # 70,000 persons along a line from south to north: the even cut is 20,000 + 15,000 on either side.
    plan = build_localities(
        town(
            ("A", "N", "P", 20_000, 52.00, 0.00),
            ("B", "N", "P", 15_000, 52.10, 0.01),
            ("C", "N", "P", 15_000, 52.20, 0.00),
            ("D", "N", "P", 20_000, 52.30, 0.01),
        ),
        **BAND,
    )
    assert homes(plan) == {"A": "L-N-1", "B": "L-N-1", "C": "L-N-2", "D": "L-N-2"}
    assert plan.localities.get_column("locality_name").to_list() == ["N south", "N north"]


def test_a_small_group_takes_the_nearest_practice_of_a_large_one():
    # Small N has 25,000; large M has 55,000 and may give 10,000 or 8,000: the nearer, B, goes.
    plan = build_localities(
        town(
            ("A", "N", "P", 25_000, 52.00, 0.00),
            ("B", "M", "P", 10_000, 52.05, 0.00),
            ("C", "M", "P", 8_000, 52.10, 0.00),
            ("D", "M", "P", 37_000, 52.20, 0.00),
        ),
        **BAND,
    )
    assert homes(plan) == {"A": "L-N", "B": "L-N", "C": "L-M", "D": "L-M"}
    step = plan.steps.row(0, named=True)
    assert (step["step"], step["practice_code"]) == ("take", "B")
    assert step["distance_km"] == pytest.approx(0.05 * 111.195, abs=0.001)


def test_a_small_group_merges_with_the_nearest_that_has_room():
    plan = build_localities(
        town(
            ("A", "N", "P", 12_000, 52.00, 0.0),
            ("B", "M", "P", 45_000, 52.01, 0.0),  # nearest, but 57,000 together
            ("C", "K", "P", 33_000, 52.10, 0.0),
        ),
        **BAND,
    )
    assert homes(plan) == {"A": "L-K", "B": "L-M", "C": "L-K"}
    assert plan.localities.get_column("locality_name").to_list() == ["K and N", "M"]


def test_what_geography_does_not_allow_is_reported_with_its_reason():
    plan = build_localities(
        town(
            ("A", "N", "P", 60_000, 52.0, 0.0),
            ("B", "M", "Q", 9_000, 52.0, 0.1),
            ("C", "K", "R", 9_000, 52.0, 0.2),
            ("D", "J", "R", 45_000, 52.0, 0.3),
        ),
        **BAND,
    )
    reasons = dict(plan.localities.select("locality_code", "outside_band").iter_rows())
    assert reasons == {
        "L-N": "60,000 persons in one practice, which cannot be divided",
        "L-M": "9,000 persons in all of Q, with no neighbour in the same place",
        "L-K": "9,000 persons; every neighbour in R would go over the band or has none to give",
        "L-J": None,
    }


def test_a_practice_without_coordinates_stands_among_its_postcode():
    rows = [
        ("A", "N", "P", 15_000, 52.00, 0.00, "MK40 3DB"),
        ("B", "N", "P", 20_000, 52.20, 0.00, "MK41 1AA"),
        ("C", "N", "P", 18_000, None, None, "MK41 1AB"),  # sector MK41 1: stands with B
        ("D", "N", "P", 17_000, None, None, "MK40 3DB"),  # the same postcode as A
    ]
    plan = build_localities(town(*rows), **BAND)
    assert homes(plan) == {"A": "L-N-1", "B": "L-N-2", "C": "L-N-2", "D": "L-N-1"}


def test_all_that_keeps_localities_from_being_built_is_told_together():
    rows = town(
        ("A", None, "P", 1, 52.0, 0.0), ("B", "N", "P", 1, None, None, "ZZ1 1ZZ"), ("C", "N", "P", 1, None, None)
    )
    with pytest.raises(FrameError) as error:
        build_localities(rows, year="2018/19", low=50_000, high=30_000)
    text = str(error.value)
    assert "band: found 50,000 to 30,000" in text
    assert "practice A: found no network" in text
    assert "practice B: found no coordinates, and postcode 'ZZ1 1ZZ' near no located practice" in text
    assert "practice C: found no coordinates" in text


def test_one_degree_of_latitude():
    # Circumference 2 pi x 6,371.0088 km / 360 = 111.195 km.
    assert distance_km(52, 0, 53, 0) == pytest.approx(2 * math.pi * 6371.0088 / 360, rel=1e-12)
    assert distance_km(52, 0, 52, 0) == 0


practice_rows = st.lists(
    st.tuples(
        st.sampled_from(["N", "M", "K"]),
        st.sampled_from(["P", "Q"]),
        st.integers(0, 30_000),
        st.integers(5_000, 5_400),
        st.integers(-50, 50),
    ),
    min_size=1,
    max_size=14,
)


@given(practice_rows, st.sampled_from(["networks", "places"]), st.randoms())
def test_every_practice_is_in_one_locality_of_its_place_and_order_never_matters(rows, start, random):
    built = [
        (f"E{i}", net, place, persons, lat / 100, lon / 100) for i, (net, place, persons, lat, lon) in enumerate(rows)
    ]
    plan = build_localities(town(*built), **BAND, start=start)
    assert plan.membership.height == len(rows)
    assert plan.localities.get_column("registered_persons").sum() == sum(r[2] for r in rows)
    places = dict(plan.localities.select("locality_code", "place_code").iter_rows())
    for code, _, place, *_ in built:
        assert places[homes(plan)[code]] == place
    outside = plan.localities.filter(pl.col("outside_band").is_not_null()).get_column("registered_persons").to_list()
    assert all(not 30_000 <= size <= 50_000 for size in outside)
    inside = plan.localities.filter(pl.col("outside_band").is_null()).get_column("registered_persons").to_list()
    assert all(30_000 <= size <= 50_000 for size in inside)
    random.shuffle(built)
    again = build_localities(town(*built), **BAND, start=start)
    assert again.membership.equals(plan.membership)
    assert again.localities.equals(plan.localities)
    assert again.steps.equals(plan.steps)
