"""Small numbers stay hidden from somebody who knows the totals, the rule and how to subtract: tried exhaustively."""

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError
from capitation.records.suppression import MARK, suppressed


def hide(counts, t=5):
    frame = pl.DataFrame(
        {"cell": list(range(len(counts))), "persons": list(counts)}, schema_overrides={"persons": pl.Int64}
    )
    return suppressed(frame, "persons", within=(), order_by=["cell"], smallest_shown=t)


def shown(counts, t=5):
    """What is published: the cells, null where left out, and the total."""
    done = hide(counts, t)
    return tuple(done.rows["persons"]), done.totals["persons"][0]


def plain_rule(counts, t):
    """The rule in plain Python: the cells hidden, and whether the total is."""
    small = [i for i, n in enumerate(counts) if 0 < n < t]
    hidden = list(small)
    if not small:
        return hidden, False

    def all_values_possible():
        p, j, s = len(small), len(hidden) - len(small), sum(counts[i] for i in hidden)
        for value in range(1, t):
            rest = s - value  # the other small cells take 1 to t - 1 each, those beside t or more each
            least = (p - 1) + j * t
            most = (p - 1) * (t - 1) if j == 0 else None
            if rest < least or (most is not None and rest > most):
                return False
        return True

    for i, n in enumerate(counts):
        if all_values_possible():
            return hidden, False
        if n >= t:
            hidden.append(i)
    return hidden, not all_values_possible()


counts = st.lists(st.integers(0, 12) | st.integers(0, 2_000), min_size=1, max_size=9)


@given(counts, st.integers(3, 10))
def test_the_columns_do_what_the_rule_in_plain_steps_does(cells, t):
    hidden, is_bare = plain_rule(cells, t)
    done = hide(cells, t)
    assert [i for i, mark in enumerate(done.rows[MARK]) if mark] == sorted(hidden)
    assert done.totals[MARK].to_list() == [is_bare]
    assert done.totals["persons"].to_list() == [None if is_bare else sum(cells)]
    assert done.grand_total == (None if is_bare else sum(cells))


@given(counts, st.integers(3, 10))
def test_no_small_number_is_shown_and_what_is_shown_is_true(cells, t):
    published, _ = shown(cells, t)
    for cell, text in zip(cells, published, strict=True):
        assert text in (None, cell)
        if 0 < cell < t:
            assert text is None
        if cell == 0:
            assert text == 0


@pytest.mark.parametrize(("t", "cells", "largest"), [(3, 3, 9), (4, 3, 11), (5, 3, 14), (3, 4, 6)])
def test_subtracting_never_gives_a_small_number_away_even_to_one_who_knows_the_rule(t, cells, largest):
    """Every table of the size is tried: tables that publish alike must leave each hidden cell at least two values.

    Complete where the total is at most the largest count tried, and where the total is left out, since then no cell
    is above 2 t - 3: small cells and room beside them add to less than p + t - 2.
    """
    assert largest >= 2 * t - 3
    tables = list(itertools.product(range(largest + 1), repeat=cells))
    rows = [(number, i, n) for number, table in enumerate(tables) for i, n in enumerate(table)]
    frame = pl.DataFrame(rows, schema=["table", "cell", "persons"], orient="row")
    done = suppressed(frame, "persons", within=["table"], order_by=["cell"], smallest_shown=t)
    texts = done.rows["persons"].to_list()
    cells_shown = [tuple(texts[i : i + cells]) for i in range(0, frame.height, cells)]
    alike = {}
    for table, published, total in zip(tables, cells_shown, done.totals["persons"], strict=True):
        alike.setdefault((published, total), []).append(table)
    with_total = without = 0
    for (published, total), same in alike.items():
        hidden = [i for i, text in enumerate(published) if text is None]
        if hidden and (total is None or total <= largest):
            with_total, without = with_total + (total is not None), without + (total is None)
            for i in hidden:
                assert len({table[i] for table in same}) > 1, (published, total, same)
    assert with_total > 10
    assert without > 2


def test_a_lone_small_number_takes_the_first_by_key_with_it():
    assert shown([2, 40, 60]) == ((None, None, 60), 102)
    assert shown([40, 60, 2]) == ((None, 60, None), 102)
    assert shown([40, 60, 0]) == ((40, 60, 0), 100)


def test_two_ones_are_not_safe_because_their_sum_tells():
    """1 + 1 = 2 can be nothing else, so a third cell goes; 2 + 3 = 5 leaves 1 to 4 for each, so none does."""
    assert shown([1, 1, 50]) == ((None, None, None), 52)
    assert shown([2, 3, 50]) == ((None, None, 50), 55)
    assert shown([4, 4, 50]) == ((None, None, None), 58)


def test_a_total_that_would_tell_is_left_out_and_the_grand_total_with_it():
    assert shown([3]) == ((None,), None)
    assert shown([3, 0, 0]) == ((None, 0, 0), None)
    frame = pl.DataFrame({"place": ["A", "A", "B"], "cell": [1, 2, 1], "persons": [3, 0, 70]})
    done = suppressed(frame, "persons", within=["place"], order_by=["cell"], smallest_shown=5)
    assert done.totals.rows() == [("A", None, True), ("B", 70, False)]
    assert done.grand_total is None


@given(st.lists(counts, min_size=1, max_size=4), st.randoms())
def test_groups_stand_alone_and_rows_keep_their_order(groups, random):
    rows = [(f"g{g}", i, n) for g, cells in enumerate(groups) for i, n in enumerate(cells)]
    random.shuffle(rows)
    frame = pl.DataFrame(rows, schema={"place": pl.String, "cell": pl.Int64, "persons": pl.Int64}, orient="row")
    done = suppressed(frame, "persons", within=["place"], order_by=["cell"], smallest_shown=5)
    assert done.rows.select("place", "cell").equals(frame.select("place", "cell"))
    for g, cells in enumerate(groups):
        mine = done.rows.filter(place=f"g{g}").sort("cell")["persons"]
        total = done.totals.filter(place=f"g{g}")["persons"].item()
        assert (tuple(mine), total) == shown(cells)


def test_numbers_that_would_tell_the_count_are_left_out_with_it():
    frame = pl.DataFrame({"cell": [1, 2, 3], "persons": [2, 40, 60], "rate": [0.2, 0.4, 0.6], "name": ["a", "b", "c"]})
    done = suppressed(frame, "persons", within=(), order_by=["cell"], smallest_shown=5, also=["rate"])
    assert done.rows["rate"].to_list() == [None, None, 0.6]
    assert done.rows["name"].to_list() == ["a", "b", "c"]
    assert frame["rate"].to_list() == [0.2, 0.4, 0.6]


def test_an_empty_table_stays_empty():
    frame = pl.DataFrame(schema={"place": pl.String, "cell": pl.Int64, "persons": pl.Int64})
    done = suppressed(frame, "persons", within=["place"], order_by=["cell"], smallest_shown=5)
    assert done.rows.height == 0
    assert done.grand_total == 0


def test_counts_that_cannot_be_judged_are_refused_all_at_once():
    frame = pl.DataFrame({"cell": [1, 1, 2], "persons": [-1, None, 3]})
    with pytest.raises(FrameError) as error:
        suppressed(frame, "persons", within=(), order_by=["cell"], smallest_shown=5)
    assert [fault.found for fault in error.value.faults] == [
        "1 empty value(s)",
        "1 below 0, such as -1",
        "a cell twice",
    ]
    with pytest.raises(FrameError, match="expected whole numbers"):
        suppressed(
            frame.with_columns(pl.lit(1.5).alias("persons")), "persons", within=(), order_by=["cell"], smallest_shown=5
        )
    with pytest.raises(FrameError) as error:
        suppressed(frame, "people", within=["place"], order_by=["cell"], smallest_shown=2)
    assert len(error.value.faults) == 3
