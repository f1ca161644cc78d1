"""Answers: the study's table of expected values at 100,000 draws, pools, wrong rewards, and variance by layer."""

import math
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from capitation.chance.answers import SYSTEM, TOGETHER, layer_variances, locality_chances, pool_sizes, wrong_rewards
from capitation.chance.book import book_of
from capitation.chance.document import read_uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, simulate
from capitation.errors import ScenarioError
from capitation.records.years import FinancialYear
from tests.capitation.chance.places import book, by_person, figure

EXPECTED = {
    "L-U27128": (0.0210, 0.317, 0.171, 0.077, 0.0087),
    "L-U28178": (0.0182, 0.291, 0.136, 0.050, 0.0030),
    "L-U39446": (0.0167, 0.275, 0.116, 0.037, 0.0014),
}
"""Sd, and the chances of more than 1, 2, 3 and 5% over, of three localities in 2018/19."""

PRINTED = (5e-5, 5e-4, 5e-4, 5e-4, 5e-5)
"""Half a unit of the last printed digit."""


@pytest.fixture(scope="module")
def plans(blmk_run):
    return book_of(blmk_run, FinancialYear("2018/19"))


@pytest.fixture(scope="module")
def chance(plans, pack):
    document = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    return simulate(model([plans], document, ("chance",)), Request(100_000, 1))


@pytest.fixture(scope="module")
def table(chance):
    return {row["code"]: row for row in locality_chances(chance).iter_rows(named=True)}


@pytest.mark.parametrize("code", EXPECTED)
def test_the_table_of_expected_values_within_three_standard_errors(table, code):
    row = table[code]
    for name, wanted, digit in zip(
        ("sd_share", "over_1", "over_2", "over_3", "over_5"), EXPECTED[code], PRINTED, strict=True
    ):
        assert abs(row[name] - wanted) < 3 * row[f"{name}_error"] + digit, name


def test_every_locality_is_the_normal_curve_within_four_standard_errors(table, plans):
    for code, persons in zip(plans.localities, plans.persons, strict=True):
        normal = NormalDist(0, 3.68 / math.sqrt(persons))
        row = table[code]
        for name, level in (("over_1", 0.01), ("over_2", 0.02), ("over_3", 0.03), ("over_5", 0.05)):
            assert abs(row[name] - (1 - normal.cdf(level))) < 4 * row[f"{name}_error"]
        for percent in (5, 10, 25, 50, 75, 90, 95):
            assert abs(row[f"p{percent}"] - normal.inv_cdf(percent / 100)) < 4 * row[f"p{percent}_error"]
        worst = normal.stdev * NormalDist().pdf(NormalDist().inv_cdf(0.95)) / 0.05
        assert abs(row["worst_5"] - worst) < 4 * row["worst_5_error"]


def test_the_system_is_a_fifth_as_uncertain_as_a_locality(table):
    row = table[SYSTEM]
    assert abs(row["sd_share"] - 0.00366) < 3 * row["sd_share_error"] + 1e-5
    assert row["sd_share"] * row["plan_pence"] / 100 == pytest.approx(5.6e6, rel=0.01)
    assert row["persons"] == pytest.approx(1_008_940)


def test_three_or_four_localities_of_25_pass_2_percent_in_a_year(table, chance):
    assert sum(row["over_2"] for code, row in table.items() if code != SYSTEM) == pytest.approx(3.5, abs=0.05)
    assert (chance.positions[0] > 0.02).any(axis=0).mean() == pytest.approx(0.98, abs=0.005)


def test_pools_that_cover_95_years_of_100(chance):
    gross, net = pool_sizes(chance).iter_rows(named=True)
    assert gross["mean_pence"] / 1e8 == pytest.approx(11.2, rel=0.02)
    assert gross["pool_pence"] / 1e8 == pytest.approx(16.9, rel=0.02)
    assert net["pool_pence"] / 1e8 == pytest.approx(9.3, rel=0.02)
    assert gross["above_mean"] == pytest.approx(0.48, abs=0.01)
    assert 0 < gross["mean_error_pence"] < 0.001 * gross["mean_pence"]
    for pool in (gross, net):  # without a draw
        assert pool["exact_mean_pence"] == pytest.approx(pool["mean_pence"], abs=3 * pool["mean_error_pence"])
        assert pool["exact_pool_pence"] == pytest.approx(pool["pool_pence"], abs=3 * pool["pool_error_pence"])
    assert gross["exact_pool_pence"] / 1e8 == pytest.approx(16.9, rel=0.02)
    assert net["exact_pool_pence"] / 1e8 == pytest.approx(9.3, rel=0.02)


def test_a_shared_shock_of_2_percent_triples_the_pool(plans):
    document = by_person(shocks=[{"line": "all", "sd": figure(0.02)}])
    gross = pool_sizes(simulate(model([plans], document), Request(100_000, 1))).row(0, named=True)
    assert gross["exact_pool_pence"] is None  # localities are no longer independent
    assert gross["pool_pence"] / 1e8 == pytest.approx(51, rel=0.03)  # the study says about 51
    # by hand: the same sum with numpy's own numbers
    numbers = np.random.default_rng(2)
    shock, each = 0.02 * numbers.standard_normal(100_000), numbers.standard_normal((25, 100_000))
    moved = (1 + shock) * (1 + 3.68 / np.sqrt(plans.persons)[:, None] * each) - 1
    by_hand = np.quantile(plans.plan_pence @ np.maximum(moved, 0), 0.95)
    assert gross["pool_pence"] == pytest.approx(by_hand, rel=0.01)


@pytest.mark.parametrize(
    ("cv", "few", "many"), [(2.15, 0.255, 0.019), (3.68, 0.350, 0.112)], ids=["older-people", "whole-budget"]
)
def test_a_saving_that_chance_made_is_rewarded_as_published(cv, few, many):
    found = simulate(model([book([5_000.0, 50_000.0])], by_person(cv)), Request(100_000, 1))
    rows = wrong_rewards(found, 0.02).get_column("chance").to_list()
    assert rows == pytest.approx([few, many], abs=0.01)
    exact = [NormalDist().cdf(-0.02 * math.sqrt(n) / cv) for n in (5_000, 50_000)]
    assert rows == pytest.approx(exact, abs=0.005)


def test_a_lognormal_tail_is_a_little_heavier(plans):
    found = simulate(model([plans], by_person(shape="lognormal")), Request(400_000, 1))
    row = locality_chances(found).row(by_predicate=pl.col("code") == "L-U27128", named=True)
    assert abs(row["over_5"] - 0.0098) < 3 * row["over_5_error"] + 5e-5


def test_the_variance_of_independent_layers_is_split_by_their_squares():
    plans = book([30_000.0, 50_000.0])
    document = by_person(
        shocks=[{"line": "all", "sd": figure(0.02)}],
        price={"low": figure(0.97), "mode": figure(1.0), "high": figure(1.05)},
    )
    found = layer_variances(simulate(model([plans], document), Request(100_000, 1)))
    sums = found.group_by("code").agg(pl.col("variance_share").sum())
    assert sums.get_column("variance_share").to_list() == pytest.approx([1.0] * 3)
    for code, chance in (("L00", 3.68**2 / 30_000), ("L01", 3.68**2 / 50_000)):
        parts = {"chance": chance, "environment": 0.02**2, "price": 0.00028}
        parts["price"] = document.price.curve.sd**2
        rows = {row["layer"]: row for row in found.filter(pl.col("code") == code).iter_rows(named=True)}
        for layer, variance in parts.items():
            assert rows[layer]["variance_share"] == pytest.approx(variance / sum(parts.values()), abs=0.01)
            assert rows[layer]["sd_share"] == pytest.approx(math.sqrt(variance), rel=0.01)
        assert abs(rows[TOGETHER]["variance_share"]) < 0.02
        assert (rows["price"]["risk"], rows["chance"]["risk"]) == ("parameter", "process")


def test_sobol_gives_the_same_answers_with_errors_from_its_scrambles(plans):
    found = simulate(model([plans], by_person()), Request(16_384, 4, method="sobol"))
    for row in locality_chances(found).iter_rows(named=True):
        if row["code"] != SYSTEM:
            wanted = 3.68 / math.sqrt(row["persons"])
            assert abs(row["sd_share"] - wanted) < 5 * row["sd_share_error"]
            assert row["mean_share_error"] < 0.1 * wanted / math.sqrt(16_384)
    assert pool_sizes(found).row(0, named=True)["mean_pence"] / 1e8 == pytest.approx(11.2, rel=0.02)


def test_an_event_never_seen_still_has_an_error(chance):
    row = locality_chances(chance).row(by_predicate=pl.col("code") == SYSTEM, named=True)
    assert row["over_5"] == 0.0
    assert 0 < row["over_5_error"] < 1e-4


def test_a_cover_or_a_threshold_that_cannot_be_is_refused(chance):
    with pytest.raises(ScenarioError, match="cover: found 95"):
        pool_sizes(chance, 95)
    with pytest.raises(ScenarioError, match=r"threshold: found -0\.02"):
        wrong_rewards(chance, -0.02)


def test_answers_come_in_whole_pence_and_in_key_order(chance):
    pools = pool_sizes(chance)
    assert all(pools.schema[name] == pl.Int64 for name in pools.columns if name.endswith("_pence"))
    codes = locality_chances(chance).get_column("code").to_list()
    assert codes == sorted(codes)
    assert np.isfinite(locality_chances(chance).get_column("sd_share_error").to_numpy()).all()
