"""Random numbers: they depend on seed, layer, stream and block alone, and Sobol points are scipy's, scrambled."""

import numpy as np
import pytest
from scipy.stats import qmc

from capitation.chance.scores.draws import BLOCK, SCRAMBLES, MonteCarlo, Sobol, source
from capitation.chance.scores.sobol import DIMENSIONS, directions, points, scrambled
from capitation.errors import ScenarioError


def test_a_stream_has_its_own_numbers_whatever_else_is_drawn():
    chance = MonteCarlo(1, 10_000)
    one = chance.scores("chance", "L01 2018/19", 3, 7, np.float64)
    assert one.shape == (3, BLOCK)
    assert np.array_equal(one, MonteCarlo(1, 99).scores("chance", "L01 2018/19", 3, 7, np.float64))
    assert np.array_equal(one[:2], chance.scores("chance", "L01 2018/19", 2, 7, np.float64))
    others = [
        MonteCarlo(2, 10_000).scores("chance", "L01 2018/19", 3, 7, np.float64),
        chance.scores("list-size", "L01 2018/19", 3, 7, np.float64),
        chance.scores("chance", "L02 2018/19", 3, 7, np.float64),
        chance.scores("chance", "L01 2018/19", 3, 8, np.float64),
    ]
    for other in others:
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(one.size)


def test_the_first_numbers_of_a_seed_are_those_of_every_machine():
    first = MonteCarlo(1, 1).scores("chance", "L01 2018/19", 1, 0, np.float64)[0, :3]
    assert first == pytest.approx(FIRST, rel=1e-12)


FIRST = [-0.020606607331635544, -0.9673263950926757, -0.8698245026194981]


def test_the_points_are_scipys_in_another_order():
    count = 512
    theirs = qmc.Sobol(DIMENSIONS, scramble=False, bits=32).random(count)
    number = np.arange(count)
    gray = number ^ (number >> 1)
    for dimension in range(DIMENSIONS):
        ours = points(0, count, directions()[dimension]) - 0.5 / 2**32
        assert np.array_equal(ours[gray], theirs[:, dimension])


@pytest.mark.parametrize("dimension", [0, 1, 17, 159])
def test_a_scramble_keeps_one_point_in_every_slice(dimension):
    rows, shift = scrambled(dimension, np.random.default_rng(5))
    found = points(0, 1024, rows, shift)
    assert np.array_equal(np.sort((found * 1024).astype(int)), np.arange(1024))
    assert not np.array_equal(found, points(0, 1024, directions()[dimension]))


def test_two_scrambled_dimensions_keep_one_point_in_every_box():
    (a, s), (b, t) = (scrambled(d, np.random.default_rng(d)) for d in (0, 1))
    boxes = (points(0, 1024, a, s) * 32).astype(int) * 32 + (points(0, 1024, b, t) * 32).astype(int)
    assert len(set(boxes.tolist())) == 1024


def test_streams_beyond_the_table_are_drawn_independently():
    chance = Sobol(3, SCRAMBLES * 1024, (("a", "x", DIMENSIONS), ("b", "y", 2)))
    beyond = chance.scores("b", "y", 2, 0, np.float64)
    assert abs(np.corrcoef(beyond)[0, 1]) < 0.2
    assert abs(beyond.mean()) > 1e-4  # a Sobol dimension's mean would be nil to four digits


@pytest.mark.parametrize(
    ("method", "seed", "draws", "words"),
    [
        ("monte-carlo", 1, 0, "draws: found 0; expected at least 2"),
        ("monte-carlo", 1, 1, "draws: found 1; expected at least 2"),
        ("monte-carlo", -1, 10, "seed: found -1"),
        ("sobol", 1, 10_000, "expected 16 times a power of two with Sobol points, such as"),
    ],
)
def test_draws_that_cannot_be_are_refused(method, seed, draws, words):
    with pytest.raises(ScenarioError, match=words):
        source(method, seed, draws, ())
