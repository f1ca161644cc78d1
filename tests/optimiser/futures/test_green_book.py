"""The Green Book's questions of a mix, worked out by hand."""

from pathlib import Path

import pytest

from optimiser.answers.optimise import optimise
from optimiser.futures.appraisal.green_book import green_book
from optimiser.problem.document import problem_of


def outcome(**extra):
    """£1,000 of capital at the start, £100 a year, and savings of £700 a year (low: £350), at 10%: two years."""
    return optimise(
        problem_of(
            {
                "id": "one",
                "title": "one",
                "years": ["2019/20", "2020/21", "2021/22"],
                "discount_rate": "0.1",
                "solutions": [
                    {
                        "id": "unit",
                        "whole": True,
                        "latest_start": "2019/20",
                        "costs": [{"kind": "capital", "pounds": 1000}, {"kind": "recurrent", "pounds": 100}],
                        "savings": [{"id": "s", "low_pounds": 350, "pounds": 700, "high_pounds": 700}],
                        "benefits": [{"id": "days", "unit": "bed-days", "amount": 10}],
                    }
                ],
                **extra,
            },
            "one",
            Path(),
        )
    )


ANNUITY = 1 + 1 / 1.1 + 1 / 1.21


def test_ratio_payback_and_switching_values_are_those_worked_by_hand():
    book = green_book(outcome())
    assert book.benefits == pytest.approx(700 * ANNUITY)
    assert book.costs == pytest.approx(1000 + 100 * ANNUITY)
    assert book.npv == pytest.approx(600 * ANNUITY - 1000)
    assert book.bcr == pytest.approx(700 * ANNUITY / (1000 + 100 * ANNUITY))
    # 600 - 1000 = -400; then 545.45 more
    assert book.payback_year == "2020/21"
    fall, rise = book.benefits_may_fall, book.costs_may_rise
    assert (1 - fall) * book.benefits == pytest.approx(book.costs)
    assert (1 + rise) * book.costs == pytest.approx(book.benefits)


def test_what_is_paid_back_before_the_larger_spend_comes_is_not_paid_back():
    late = {"id": "late", "whole": True, "earliest_start": "2020/21", "latest_start": "2020/21"}
    early = {"id": "early", "whole": True, "latest_start": "2019/20", "savings": [{"id": "e", "pounds": 50}]}
    late |= {"costs": [{"kind": "capital", "pounds": 900}], "savings": [{"id": "s", "pounds": 600}]}
    book = green_book(outcome(solutions=[early, late]))
    # 50; then 50 + (50 + 600 - 900) / 1.1 = -177; then 650 / 1.21 = 537 more
    assert book.payback_year == "2021/22"
    assert green_book(outcome(solutions=[early])).payback_year == "2019/20"


def test_bias_tornado_and_benefits_without_a_price():
    book = green_book(outcome(), bias={"capital": 0.5, "recurrent": 0.1, "non_recurrent": 0.0})
    assert book.npv_after_bias == pytest.approx(book.npv - 500 - 10 * ANNUITY)
    rows = {row["what"]: row["change"] for row in book.tornado.iter_rows(named=True)}
    assert rows["unit at the low end"] == pytest.approx(-350 * ANNUITY)
    assert rows["capital spend a tenth higher"] == pytest.approx(-100)
    assert next(iter(rows)) == "unit at the low end"
    (days,) = book.unmonetised.iter_rows(named=True)
    assert days["amount"] == pytest.approx(30)  # ten a year
    assert days["cost_per_unit"] == pytest.approx(1300 / 30)
    assert any("paid back by 2020/21" in sentence for sentence in book.sentences())


def test_do_minimum_is_nothing_unless_a_limit_asks_for_more():
    assert green_book(outcome()).do_minimum["spend"] == pytest.approx(0)
    asked = green_book(outcome(limits=[{"measure": "days", "at_least": 5}])).do_minimum
    assert asked["spend"] == pytest.approx(1300)
    assert asked["npv"] == pytest.approx(600 * ANNUITY - 1000)


def test_bias_on_cost_and_time_is_what_the_document_states():
    book = green_book(
        outcome(optimism_bias={"capital": "0.5", "recurrent": "0.1", "non_recurrent": 0, "late_years": 1})
    )
    rows = {row["purse"]: row["added"] for row in book.optimism.iter_rows(named=True)}
    assert rows["capital"] == pytest.approx(500)
    assert rows["recurrent"] == pytest.approx(10 * ANNUITY)
    # savings of the last two years instead of all three
    assert rows["time"] == pytest.approx(700)
    assert book.npv_after_bias == pytest.approx(book.npv - 1200 - 10 * ANNUITY)
    assert any("bias on costs and time" in sentence for sentence in book.sentences())
