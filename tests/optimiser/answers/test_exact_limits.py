"""Overlap at part scale: what is reported first says the exact product, and every limit holds by it or is named."""

import itertools
from pathlib import Path

import pytest

from optimiser.answers.optimise import optimise
from optimiser.answers.report import outcome_report
from optimiser.problem.document import problem_of


def two(**more):
    """Care at home or reviews: 300 and 100 of 1,000 admissions at full scale, and together 370."""
    content = {
        "id": "two",
        "title": "Two on the same patients",
        "years": ["2020/21"],
        "perspective": "system",
        "activity": [{"point_of_delivery": "admission", "units": 3000}],
        "prices": [{"point_of_delivery": "admission", "tariff_pounds": 2000, "variable_cost_pounds": 500}],
        "budgets": [{"kind": "recurrent", "year": "2020/21", "pounds": 400000}],
        "solutions": [
            {
                "id": name,
                "effects": [{"point_of_delivery": "admission", "central": effect}],
                "costs": [{"kind": "recurrent", "pounds": pounds}],
            }
            for name, effect, pounds in (("care", 0.3, 350000), ("reviews", 0.1, 100000))
        ],
    }
    return content | more


def solved(content):
    outcome = optimise(problem_of(content, "two", Path()))
    return outcome, outcome_report(outcome)


def exact_share(scales):
    return 1 - (1 - 0.3 * scales["care"]) * (1 - 0.1 * scales["reviews"])


def test_the_headline_says_the_exact_product_where_the_claim_is_another():
    outcome, report = solved(two())
    by_hand = 1_500_000 * exact_share(outcome.scales()) - 400_000
    assert report["exact_npv"] == pytest.approx(by_hand, abs=1)
    assert f"by the exact product of effects npv is £{by_hand:,.0f}" in report["headline"]
    assert any("another one near it £102,500" in note for note in report["notes"])


def test_where_claim_and_exact_are_the_same_the_headline_says_one_number():
    _, report = solved(two(budgets=[{"kind": "recurrent", "year": "2020/21", "pounds": 450000}]))
    assert report["headline"] == "npv: £105,000"
    assert report["claimed_npv"] == pytest.approx(report["exact_npv"], abs=0.01)


def test_an_exact_mix_is_the_best_of_a_fine_grid_and_claims_what_it_avoids():
    outcome, report = solved(two(overlap={"mode": "exact"}))
    steps = [i / 200 for i in range(201)]
    best = max(
        1_500_000 * exact_share({"care": c, "reviews": r}) - 350_000 * c - 100_000 * r
        for c, r in itertools.product(steps, steps)
        if 350_000 * c + 100_000 * r <= 400_000
    )
    assert report["objective"] == pytest.approx(best, abs=1)
    assert report["claimed_npv"] == pytest.approx(report["exact_npv"], abs=1)
    assert report["bound"] >= report["objective"]
    assert outcome.status == "gap"


LIMITS = {
    "a floor on bed days": (
        {"limits": [{"measure": "bed_days", "at_least": 5000}], "points_of_delivery": [{"id": "admission", "length_of_stay_days": 5}]},
        lambda left: 5 * (3000 - left) >= 5000 - 0.1,
    ),
    "room where the activity is": (
        {"receiving_capacity": [{"point_of_delivery": "admission", "units": 2000}]},
        lambda left: left <= 2000.1,
    ),
    "beds that may be used": (
        {
            "beds": [{"provider": "H", "beds": 50, "occupancy_most": 0.5479452055}],
            "providers": [{"id": "H"}],
            "points_of_delivery": [{"id": "admission", "length_of_stay_days": 5}],
        },
        lambda left: 5 * left / 365 <= 27.4,
    ),
    "a position to reach": (
        {"control_totals": [{"organisation": "system", "year": "2020/21", "baseline_pounds": 0, "target_pounds": 98000}]},
        lambda left: 500 * (3000 - left) - 400_000 >= 97_999,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LIMITS)
def test_every_kind_of_limit_is_named_where_the_claim_alone_keeps_it_or_kept(kind):
    more, keeps = LIMITS[kind]
    outcome, report = solved(two(**more))
    left = 3000 * (1 - exact_share(outcome.scales()))
    assert keeps(left) != any("misses" in warning for warning in report["warnings"])
    assert keeps(left) or kind != "a floor on bed days"


@pytest.mark.parametrize("kind", LIMITS)
def test_every_kind_of_limit_is_kept_by_an_exact_mix(kind):
    more, keeps = LIMITS[kind]
    outcome, report = solved(two(overlap={"mode": "exact"}, **more))
    assert report["status"] in ("optimal", "gap"), report["infeasible"]
    left = 3000 * (1 - exact_share(outcome.scales()))
    assert keeps(left), left
    assert not any("misses" in warning for warning in report["warnings"])


def test_a_limit_that_no_exact_mix_keeps_is_named_with_what_is_missing():
    floor = [{"organisation": "system", "year": "2020/21", "baseline_pounds": 0, "target_pounds": 104000}]
    _, report = solved(two(control_totals=floor))
    assert any(w.startswith("by the exact product of effects the mix misses") and "£" in w for w in report["warnings"])


def test_scales_come_without_the_last_bits_of_a_solver():
    outcome, _ = solved(two())
    assert outcome.scales() == {"care": 0.857142857, "reviews": 1.0}


def test_an_exact_mix_that_was_looked_for_in_vain_says_what_is_missed():
    floor = [{"organisation": "system", "year": "2020/21", "baseline_pounds": 0, "target_pounds": 104000}]
    _, report = solved(two(control_totals=floor, overlap={"mode": "exact"}))
    missed = [w for w in report["warnings"] if w.startswith("by the exact product of effects the mix misses")]
    assert missed
    assert not any("looks for" in warning for warning in missed)


def test_nothing_bought_is_nothing_and_not_below():
    outcome, report = solved(two(budgets=[{"kind": "recurrent", "year": "2020/21", "pounds": 0}]))
    assert [str(scale) for scale in outcome.scales().values()] == ["0.0", "0.0"]
    assert str(report["bound"]) == "0.0"
