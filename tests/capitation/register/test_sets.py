"""Thousands of weight sets at once: the product, what is drawn and read, and how firmly localities stand."""

import numpy as np
import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.register.sets import WeightSets, drawn_sets, products, read_sets, stability
from capitation.register.weigh import by_level, shown, weigh_cells
from capitation.workers.crew import Threads


@pytest.fixture(scope="module")
def weighed(cells, made_tables):
    return weigh_cells(cells, made_tables, Threads(1))


def test_blocks_of_a_product_are_the_whole_product(weighed):
    x = weighed.components()
    sets = drawn_sets(weighed.tables.components, weighed.tables.shares, 300, 0.2, 5)
    whole = np.empty((x.shape[0], 300))
    for rows, block in products(x, sets, largest_bytes=8 * 300 * 3):
        assert block.shape[0] <= 3
        whole[rows] = block
    assert np.allclose(whole, x @ sets.shares.T, rtol=1e-14)


def test_drawn_sets_add_to_one_around_the_formula():
    sets = drawn_sets(("a", "b"), (0.7, 0.3), 20_000, 0.1, 1)
    assert np.allclose(sets.shares.sum(axis=1), 1)
    assert sets.shares[:, 0].mean() == pytest.approx(0.7, abs=0.002)
    assert np.std(sets.shares[:, 0] / sets.shares[:, 1] / (7 / 3)) == pytest.approx(0.1 * 2**0.5, rel=0.05)
    for count, spread in ((0, 0.1), (10, 0.0), (10, 3.0)):
        with pytest.raises(SourceError, match="no weight set was drawn"):
            drawn_sets(("a",), (1.0,), count, spread, 1)


def test_one_set_that_is_the_formula_moves_nothing(weighed):
    own = WeightSets(("own",), weighed.tables.components, np.asarray([weighed.tables.shares]))
    found = stability(weighed, own, "locality")
    assert found.noise_sd == 0
    assert found.rows["moves_up"].to_list() == pytest.approx([0] * found.rows.height, abs=1e-6)
    level = by_level(weighed.practices(), "locality")
    joined = found.rows.join(level, on="locality")
    assert joined["weighted_persons"].to_list() == pytest.approx(joined["weighted_persons_right"].to_list())


def test_ranges_are_those_of_the_sets(weighed):
    sets = drawn_sets(weighed.tables.components, weighed.tables.shares, 500, 0.3, 2)
    found = stability(weighed, sets, "practice_code")
    every = weighed.components() @ sets.shares.T / weighed.sums.persons[:, None]
    row = found.rows.filter(practice_code="S00003")
    mine = np.sort(every[3])
    assert row["index_low"][0] == pytest.approx(mine[int(0.05 * 499)])
    assert row["index_high"][0] == pytest.approx(mine[int(np.ceil(0.95 * 499))])
    assert row["noise_sd"][0] == pytest.approx(every[3].std())
    assert row["is_beyond_noise"][0] == (mine[int(0.05 * 499)] > 1 or mine[int(np.ceil(0.95 * 499))] < 1)
    moves = pl.max_horizontal(pl.col("moves_down").abs(), pl.col("moves_up").abs()) / pl.col("persons")
    assert found.rows.select(moves).to_series().is_sorted(descending=True)
    assert 0 < found.noise_share < 1


def test_sets_of_a_file_are_scaled_to_one_and_checked(tmp_path):
    path = tmp_path / "sets.csv"
    path.write_text("set,a,b\nx,3,1\ny,0,2\n")
    assert read_sets(path, ("a", "b")).shares.tolist() == [[0.75, 0.25], [0, 1]]
    path.write_text("set,a,c\nx,3,1\n")
    with pytest.raises(SourceError) as error:
        read_sets(path, ("a", "b"))
    assert "no column 'b'" in str(error.value)
    assert "'c'" in str(error.value)
    path.write_text("set,a,b\nx,3,-1\nx,zero,2\n")
    with pytest.raises(SourceError) as error:
        read_sets(path, ("a", "b"))
    for words in ("line 3", "line 2", "set x: found more than one row"):
        assert words in str(error.value)


def test_small_numbers_and_what_would_give_them_away_are_left_out():
    frame = pl.DataFrame(
        {
            "practice_code": ["a", "b", "c", "d", "e"],
            "locality": ["l", "l", "l", "m", "n"],
            "persons": [3, 900, 800, 700, 4],
            "weighted_persons": [3.0, 900.0, 800.0, 700.0, 4.0],
        }
    )
    practices = shown(frame, None, 5)
    assert practices.rows.filter(pl.col("persons").is_null())["practice_code"].to_list() == ["a", "b", "e"]
    assert practices.rows.filter(practice_code="b")["weighted_persons"].to_list() == [None]
    assert practices.persons is None  # the locality n is one practice of 4
    places = shown(frame, "locality", 5)
    assert places.rows.filter(pl.col("persons").is_null())["locality"].to_list() == ["l", "n"]
    assert places.persons is None
    assert shown(frame.filter(pl.col("persons") > 10), "locality", 5).left_out == 0
