"""Allocation down the tree: every level adds up, at once, to the penny."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capitation.allocation.tree import allocate_down, allocate_levels
from capitation.errors import FrameError
from capitation.money.apportion import split

LEVELS = ["place", "locality", "practice"]


def tree(rows, total, stream="ccg", year="2018/19"):
    leaves = pl.DataFrame(
        [
            {
                "year": year,
                "stream": stream,
                "system": "S",
                "place": p,
                "locality": loc,
                "practice": g,
                "weighted_persons": w,
            }
            for p, loc, g, w in rows
        ]
    )
    parents = pl.DataFrame([{"year": year, "stream": stream, "system": "S", "allocation_pence": total}])
    return parents, leaves


def test_a_pound_through_two_levels_by_hand():
    # place A weighs 2 of 3: 66 2/3 -> 67; B 33 1/3 -> 33. A's 67 over two equal leaves: 34 and 33
    parents, leaves = tree([("A", "A1", "g1", 1), ("A", "A1", "g2", 1), ("B", "B1", "g3", 1)], 100)
    pence = {
        (r["level"], r["code"]): r["allocation_pence"]
        for r in allocate_down(parents, leaves, LEVELS).iter_rows(named=True)
    }
    assert pence["place", "A"] == 67
    assert pence["place", "B"] == 33
    assert pence["practice", "g1"] == 34
    assert pence["practice", "g2"] == 33
    assert pence["practice", "g3"] == 33


@st.composite
def hierarchies(draw):
    places = draw(st.integers(1, 5))
    rows, number = [], 0
    for p in range(places):
        for loc in range(draw(st.integers(1, 4))):
            for _ in range(draw(st.integers(1, 5))):
                rows.append((f"P{p}", f"P{p}L{loc}", f"g{number:03d}", draw(st.integers(0, 10**11))))
                number += 1
    return rows


def every_level_equals_the_control_total(rows, total):
    parents, leaves = tree(rows, total)
    found = allocate_down(parents, leaves, LEVELS)
    sums = dict(found.group_by("level").agg(pl.col("allocation_pence").sum()).iter_rows())
    assert set(sums.values()) == {total}
    children = found.filter(pl.col("level") != "system").group_by("parent_code").agg(pl.col("allocation_pence").sum())
    given_to = dict(found.filter(pl.col("level") != "practice").select("code", "allocation_pence").iter_rows())
    assert dict(children.iter_rows()) == given_to
    # the second way: plain Python, level by level
    weights: dict[str, int] = {}
    for p, _, _, w in rows:
        weights[p] = weights.get(p, 0) + w
    names = sorted(weights)
    by_hand = dict(zip(names, split(total, [weights[n] for n in names]), strict=True))
    places = found.filter(pl.col("level") == "place")
    assert dict(places.select("code", "allocation_pence").iter_rows()) == by_hand


RANDOM = hierarchies().filter(lambda rows: any(w for *_, w in rows)), st.integers(-2 * 10**13, 2 * 10**13)


@given(*RANDOM)
def test_every_level_of_random_hierarchies_equals_the_control_total(rows, total):
    every_level_equals_the_control_total(rows, total)


@pytest.mark.deep
@settings(max_examples=1000)
@given(*RANDOM)
def test_every_level_of_a_thousand_random_hierarchies_equals_the_control_total(rows, total):
    every_level_equals_the_control_total(rows, total)


def test_names_and_row_order_never_matter():
    rows = [("A", "A1", "g1", 5), ("A", "A2", "g2", 7), ("B", "B1", "g3", 11), ("B", "B1", "g4", 0)]
    parents, leaves = tree(rows, 1001)
    assert allocate_down(parents, leaves, LEVELS).equals(allocate_down(parents, leaves.reverse(), LEVELS))


def test_a_locality_in_two_places_and_a_missing_total_are_told_together():
    parents, leaves = tree([("A", "L", "g1", 5), ("B", "L", "g2", 7)], 10)
    other = leaves.with_columns(pl.lit("2019/20").alias("year"))
    with pytest.raises(FrameError) as caught:
        allocate_down(parents, pl.concat([leaves, other]), LEVELS)
    assert "places A, B" in str(caught.value)
    assert "no ccg total for 2019/20" in str(caught.value)


def test_money_for_a_place_without_practices_is_refused():
    parents, leaves = tree([("A", "L", "g1", 5)], 10)
    extra = parents.with_columns(pl.lit("T").alias("system"))
    with pytest.raises(FrameError, match="nothing below it"):
        allocate_down(pl.concat([parents, extra]), leaves, LEVELS)


@settings(max_examples=200, deadline=None)
@given(hierarchies(), st.sampled_from(["place", "locality"]), st.integers(0, 10**9))
def test_levels_above_the_given_totals_add_up_and_those_below_are_cut_out(rows, given_level, pence):
    rows = [(p, loc, g, w + 1) for p, loc, g, w in rows]
    path = ["system", *LEVELS]
    _, leaves = tree(rows, 0)
    totals = leaves.select("year", "stream", given_level).unique(maintain_order=True)
    totals = totals.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) + pence).alias("allocation_pence"))
    found = allocate_levels(totals, leaves, path, given=given_level)
    named = found.filter(pl.col("level") == given_level).sort("code")["allocation_pence"].to_list()
    assert named == totals.sort(given_level)["allocation_pence"].to_list()
    sums = found.group_by("level").agg(pl.col("allocation_pence", "weighted_persons").sum())
    assert sums.height == len(path)
    assert set(sums["allocation_pence"]) == {sum(named)}
    assert set(sums["weighted_persons"]) == {leaves["weighted_persons"].sum()}
    below = found.drop_nulls("parent_code").group_by("parent_code").agg(pl.col("allocation_pence").sum())
    parents = found.filter(pl.col("level") != "practice").select("code", own="allocation_pence")
    both = below.join(parents, left_on="parent_code", right_on="code", how="full")
    assert both["allocation_pence"].to_list() == both["own"].to_list()
    assert found.filter(pl.col("parent_code").is_null())["level"].to_list() == ["system"]


def test_totals_of_the_top_level_are_cut_down_as_before():
    parents, leaves = tree([("A", "A1", "g1", 1), ("A", "A1", "g2", 1), ("B", "B1", "g3", 1)], 100)
    again = allocate_levels(parents, leaves, ["system", *LEVELS], given="system")
    assert again.equals(allocate_down(parents, leaves, LEVELS))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_shares_depend_on_the_proportions_of_weights_alone(scale):
    rows = [("A", "a", "g1", 7 * scale), ("A", "a", "g2", 3 * scale), ("B", "b", "g3", 10 * scale)]
    parents, leaves = tree(rows, 1_000)
    found = {(r["level"], r["code"]): r for r in allocate_down(parents, leaves, LEVELS).iter_rows(named=True)}
    assert {code: r["allocation_pence"] for (level, code), r in found.items() if level == "practice"} == {
        "g1": 350,
        "g2": 150,
        "g3": 500,
    }
    assert found["locality", "a"]["weighted_persons"] == pytest.approx(10 * scale, rel=1e-15)


def test_weights_that_print_alike_weigh_alike():
    # 0.1 + 0.2 is 0.3 as printed, though not as floats: the tie goes by code
    parents, leaves = tree([("A", "a", "g1", 0.1), ("A", "a", "g2", 0.2), ("B", "b", "g3", 0.3)], 1)
    found = allocate_down(parents, leaves, LEVELS).filter(pl.col("level") == "place")
    assert dict(found.select("code", "allocation_pence").iter_rows()) == {"A": 1, "B": 0}
    parents, leaves = tree([("A", "a", "g1", 0.3), ("B", "b", "g2", 0.1), ("B", "b", "g3", 0.2)], 1)
    found = allocate_down(parents, leaves, LEVELS).filter(pl.col("level") == "place")
    assert dict(found.select("code", "allocation_pence").iter_rows()) == {"A": 1, "B": 0}


@pytest.mark.parametrize("weight", [None, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    parents, leaves = tree([("A", "a", "g1", 1.0), ("A", "a", "g2", weight)], 100)
    with pytest.raises(FrameError, match=r"practice g2 in 2018/19, stream ccg: found weighted_persons .*0 or more"):
        allocate_down(parents, leaves, LEVELS)
