"""What an actuary asks of any figures of risk: order, sums, limits, what pools away, what adds up over years, and what a repair keeps."""

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from capitation.chance.answers import locality_chances, pool_sizes, wrong_rewards
from capitation.chance.curves.compound import compound, on_grid
from capitation.chance.curves.correlation import correlation_faults, factor, nearest_correlation
from capitation.chance.curves.normal import mean_kept
from capitation.chance.curves.shapes import Lognormal
from capitation.chance.model import model
from capitation.chance.simulate import Request, simulate
from tests.capitation.chance.places import book, by_person, figure

PERSONS = [20_000.0, 30_000.0, 50_000.0, 90_000.0, 150_000.0, 300_000.0]
YEARS = ("2017/18", "2018/19", "2019/20", "2020/21")


@pytest.fixture(scope="module")
def chance():
    return simulate(model([book(PERSONS)], by_person()), Request(16_384, 5))


@pytest.fixture(scope="module")
def total():
    return compound(on_grid(Lognormal(7.5, 1.6), 50.0, 2**16, 50_000.0, 150_000.0), 50.0, 200.0)


def test_percentiles_tails_and_chances_stand_in_order(chance):
    for row in locality_chances(chance).iter_rows(named=True):
        ladder = [row[f"p{percent}"] for percent in (5, 10, 25, 50, 75, 90, 95)] + [row["worst_5"]]
        assert ladder == sorted(ladder)  # the value at risk is below the mean of what lies beyond it
        chances = [row[f"over_{percent}"] for percent in (1, 2, 3, 5)]
        assert chances == sorted(chances, reverse=True)
        assert row["worst_5"] == pytest.approx(row["mean_share"] + 2.0627 * row["sd_share"], rel=0.04)  # normal


def test_larger_places_are_safer_and_a_thousand_small_ones_are_one_large_one(chance):
    sds = locality_chances(chance).filter(pl.col("code") != "system").get_column("sd_share").to_numpy()
    assert (np.diff(sds) < 0).all()
    assert sds * np.sqrt(PERSONS) == pytest.approx(3.68, rel=0.02)
    pooled = simulate(model([book([10_000.0] * 30)], by_person()), Request(4_096, 5)).system[0]
    assert pooled.std() == pytest.approx(3.68 / np.sqrt(300_000), rel=0.05)


def test_layers_follow_their_deductible_limit_and_share(total):
    gross = total.layer(0.0)
    assert gross == pytest.approx(total.mean)
    means = [total.layer(attachment) for attachment in (0, 50_000, 100_000, 200_000, 400_000)]
    assert means == sorted(means, reverse=True)
    limits = [total.layer(100_000, limit) for limit in (0.0, 50_000, 100_000, 300_000)]
    assert limits == sorted(limits)
    assert limits[0] == 0.0
    assert total.layer(100_000, 300_000, 0.4) == pytest.approx(0.4 * limits[-1])
    ceded, net = total.layer(100_000, 300_000), total.expected(lambda x: x - np.clip(x - 100_000, 0, 300_000))
    assert ceded + net == pytest.approx(gross)
    assert total.layer(0, 100_000) + total.layer(100_000, 300_000) + total.layer(400_000) == pytest.approx(gross)


def test_what_lies_beyond_is_at_least_the_value_at_risk_and_rises_with_it(total):
    shares = (0.5, 0.75, 0.9, 0.95, 0.99)
    values, tails = [total.quantile(s) for s in shares], [total.tail_mean(s) for s in shares]
    assert values == sorted(values)
    assert tails == sorted(tails)
    assert all(tail >= value for tail, value in zip(tails, values, strict=True))
    assert total.tail_mean(0.0) == pytest.approx(total.mean)


def test_what_is_kept_and_what_is_passed_of_a_corridor_add_to_the_overspend():
    edges = (0.0, 0.01, 0.03)
    kept = mean_kept(0.0182, edges, (1.0, 0.5, 0.2))
    passed = mean_kept(0.0182, edges, (0.0, 0.5, 0.8))
    assert kept + passed == pytest.approx(0.398942 * 0.0182, rel=1e-5)
    assert round(0.6366e8 * kept / 1e6, 3) == pytest.approx(
        0.349, abs=0.002
    )  # £m of £63.66m: the bearer keeps these shares


def test_a_pool_grows_with_its_cover_and_covers_it_on_other_draws(chance):
    pools = [
        pool_sizes(chance, cover).filter(pl.col("basis") == "gross").row(0, named=True) for cover in (0.5, 0.8, 0.95)
    ]
    sizes = [pool["pool_pence"] for pool in pools]
    assert sizes == sorted(sizes)
    net = pool_sizes(chance).filter(pl.col("basis") == "net").row(0, named=True)
    assert net["pool_pence"] <= sizes[-1]
    assert net["mean_pence"] <= pools[-1]["mean_pence"]
    fresh = simulate(model([book(PERSONS)], by_person()), Request(16_384, 99))
    drawn = (fresh.model.books[0].plan_pence[:, None] * np.maximum(fresh.positions[0], 0.0)).sum(axis=0)
    assert (drawn <= sizes[-1]).mean() == pytest.approx(0.95, abs=0.01)


def test_chance_rewards_less_the_larger_the_place_and_the_higher_the_threshold(chance):
    levels = [wrong_rewards(chance, level).get_column("chance").to_numpy() for level in (0.0, 0.01, 0.02, 0.03)]
    assert levels[0] == pytest.approx(0.5, abs=0.02)
    for lower, higher in pairwise(levels):
        assert (higher <= lower).all()
    assert (np.diff(levels[2]) <= 0).all()


@pytest.mark.parametrize(
    ("parts", "layer", "power"),
    [
        ({}, "chance", 0.5),
        ({"shocks": [{"line": "all", "sd": figure(0.02)}]}, "environment", 0.5),
        ({"price": {"low": figure(0.97), "mode": figure(1), "high": figure(1.05)}}, "price", 1.0),
    ],
)
def test_what_falls_anew_each_year_adds_up_by_the_root_of_years_and_what_is_one_truth_by_years(parts, layer, power):
    """Four years carried forward vary twice as much as one where each falls anew, and four times where one truth holds."""
    drawn = simulate(
        model([book([40_000.0], year=year) for year in YEARS], by_person(**parts), [layer]), Request(16_384, 3)
    )
    carried = drawn.positions[:, 0].sum(axis=0)
    assert carried.std() / drawn.positions[0, 0].std() == pytest.approx(4**power, rel=0.03)
    between = np.corrcoef(drawn.positions[:, 0])[0, 3]
    assert between == pytest.approx(1.0 if power == 1 else 0.0, abs=0.03)


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]],
        [[1, 0.99, 0.1], [0.99, 1, -0.9], [0.1, -0.9, 1]],
        [[1, 1, 0], [1, 1, 0.5], [0, 0.5, 1]],
    ],
)
def test_the_nearest_matrix_that_is_offered_is_taken_and_nearer_than_others(rows):
    names = ["a", "b", "c"]
    (fault,) = correlation_faults(names, rows, "here")
    offered = np.array(json.loads(fault.remedy.split(" is ")[1].rstrip(".")))  # as a reader would copy it
    assert correlation_faults(names, offered.tolist(), "here") == []
    given = np.array(rows, dtype=float)
    assert np.abs(factor(offered) @ factor(offered).T - offered).max() < 1e-9
    apart = np.linalg.norm(offered - given)
    for towards in np.linspace(0.05, 1.0, 20):
        other = given + towards * (np.eye(3) - given)
        if np.linalg.eigvalsh(other)[0] > 0:
            assert apart <= np.linalg.norm(other - given) + 1e-3
    good = np.array([[1, 0.3, 0], [0.3, 1, 0.2], [0, 0.2, 1.0]])
    assert np.abs(nearest_correlation(good) - good).max() < 1e-9


def test_an_early_stop_has_the_error_that_was_asked_for():
    made = model([book(PERSONS)], by_person())
    found = simulate(made, Request(500_000, 2, stop_at=2e-5))
    error = found.system[0].std() / np.sqrt(found.draws)
    assert found.draws < 500_000
    assert error <= 2e-5
    assert error * np.sqrt(found.draws / (found.draws - found.block)) > 2e-5  # a block fewer was not enough
