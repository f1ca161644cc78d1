"""Net present value in parts, what may move before a solution leaves, delivery in draws: all worked by hand."""

from pathlib import Path

import pytest

from capitation.errors import DocumentError
from optimiser.answers.optimise import optimise
from optimiser.futures.appraisal import appraise
from optimiser.futures.appraisal.by_solution import attributed
from optimiser.futures.appraisal.floors import floors_cost
from optimiser.futures.appraisal.green_book import green_book
from optimiser.futures.appraisal.switching import switching_values
from optimiser.problem.document import problem_of


def outcome(**extra):
    """Two solutions, two localities of 300 and 100 persons, a ward of 50 admissions that saves £100,000; one year.

    `reviews` avoids 20% of 1,000 admissions at £200 of variable cost for £30,000 (place by place); `hub` avoids 10% of the same
    for £40,000. Together 28%: 280 admissions, and five wards.
    """
    content = {
        "id": "two",
        "title": "two",
        "years": ["2020/21"],
        "perspective": "system",
        "localities": [{"id": "A", "persons": 300}, {"id": "B", "persons": 100}],
        "activity": [
            {"point_of_delivery": "admission", "locality": "A", "units": 600},
            {"point_of_delivery": "admission", "locality": "B", "units": 400},
        ],
        "prices": [{"point_of_delivery": "admission", "tariff_pounds": 900, "variable_cost_pounds": 200}],
        "providers": [{"id": "H"}],
        "flows": [{"provider": "H", "point_of_delivery": "admission", "share": 1}],
        "blocks": [
            {
                "id": "ward",
                "provider": "H",
                "point_of_delivery": "admission",
                "units": 50,
                "saving_pounds": 100000,
                "most": 9,
            }
        ],
        "solutions": [
            {
                "id": "reviews",
                "rollout": "locality",
                "whole": True,
                "effects": [{"point_of_delivery": "admission", "low": "0.1", "central": "0.2", "high": "0.3"}],
                "costs": [{"kind": "recurrent", "pounds": 30000}],
            },
            {
                "id": "hub",
                "whole": True,
                "effects": [{"point_of_delivery": "admission", "central": "0.1"}],
                "costs": [{"kind": "recurrent", "pounds": 40000}],
            },
        ],
        **extra,
    }
    return optimise(problem_of(content, "two", Path()))


def test_parts_add_up_to_net_present_value_however_they_are_cut():
    found = outcome()
    npv = 280 * 200 + 5 * 100_000 - 70_000
    assert found.answer.measure("npv") == pytest.approx(npv)
    parts = attributed(found)
    for table in (parts.by_solution, parts.by_locality):
        assert table["npv"].sum() == pytest.approx(npv)
        assert table["benefits"].sum() == pytest.approx(npv + 70_000)
    own = {row["solution"]: row for row in parts.by_solution.iter_rows(named=True)}
    assert own["reviews"]["costs"] == pytest.approx(30_000)
    assert own["hub"]["costs"] == pytest.approx(40_000)
    assert sum(row["of_it_blocks"] for row in own.values()) == pytest.approx(500_000)
    places = {row["locality"]: row for row in parts.by_locality.iter_rows(named=True)}
    # 60% of the admissions are avoided in A; the hub's cost falls by persons, the reviews' too
    assert places["A"]["benefits"] == pytest.approx(0.6 * 556_000)
    assert places["A"]["costs"] == pytest.approx(0.75 * 70_000)


def test_benefits_by_fifth_follow_where_persons_live():
    rows = [
        {"locality": "A", "persons_by_fifth": [1, 0, 0, 0, 0]},
        {"locality": "B", "persons_by_fifth": [50, 0, 0, 0, 150]},
    ]
    fifths = attributed(outcome(deprivation=rows)).by_fifth
    found = dict(fifths.select("fifth", "benefits").iter_rows())
    assert found["1 (most deprived)"] == pytest.approx(556_000 * (0.6 + 0.4 / 4))
    assert found["5 (least deprived)"] == pytest.approx(556_000 * 0.4 * 3 / 4)
    assert fifths["persons"].sum() == pytest.approx(400)
    assert attributed(outcome()).by_fifth.height == 0


def test_switching_values_are_where_the_solution_leaves_the_mix():
    found = outcome(blocks=[])
    moved = {row["solution"]: row for row in switching_values(found, attributed(found)).iter_rows(named=True)}
    # without wards: reviews bring 200 x £200 = £40,000 for £30,000; the hub 100 x £200 for £40,000 is not bought
    assert set(moved) == {"reviews"}
    # place by place: in A they bring £24,000 for £22,500, in B, where they leave last, £16,000 for £7,500
    assert moved["reviews"]["effects_may_fall"] == pytest.approx(1 - 7_500 / 16_000, abs=1e-3)
    assert moved["reviews"]["costs_may_rise"] == pytest.approx(16_000 / 7_500 - 1, abs=1e-3)
    assert moved["reviews"]["start_may_move"] is None or moved["reviews"]["start_may_move"] == 0
    assert moved["reviews"]["basis"] == "solved again"


def test_a_floor_costs_what_the_mix_would_be_worth_without_it():
    asked = outcome(blocks=[], limits=[{"measure": "avoided_admission", "at_least": 250}])
    assert asked.scales()["hub"] == 1
    (row,) = floors_cost(asked).iter_rows(named=True)
    # the hub brings 80 more for £40,000: £24,000 is lost
    assert row["cost"] == pytest.approx(24_000)
    assert any("costs £24,000" in sentence for sentence in green_book(asked).sentences())


def test_delivery_that_never_comes_and_costs_more_is_drawn():
    surely = [{"solution": "hub", "failure_chance": 1}, {"cost_low": "1.1", "cost_central": "1.2", "cost_high": "1.3"}]
    scored = appraise(
        outcome(delivery=surely, blocks=[], limits=[{"measure": "avoided_admission", "at_least": 250}]), draws=400
    )
    layers = {row["layer"]: row for row in scored.layers.iter_rows(named=True)}
    planned = 280 * 200 - 70_000
    assert layers["effects"]["mean"] == pytest.approx(planned, rel=0.15)
    assert layers["delay"]["mean"] == pytest.approx(planned)
    # the hub's part is lost for certain: 200 admissions are left
    assert layers["non-delivery"]["p10"] == pytest.approx(200 * 200 - 70_000)
    # a row of its own beats the general one: the hub's cost stands, the reviews' rises by a fifth
    assert layers["cost"]["mean"] == pytest.approx(planned - 6_000, abs=300)


def test_a_late_solution_brings_its_good_later_and_costs_the_same():
    years = ["2019/20", "2020/21", "2021/22"]
    saved = {"id": "s", "whole": True, "savings": [{"pounds": 1000}], "costs": [{"kind": "recurrent", "pounds": 400}]}
    late = [{"late_chance": 1, "late_years": 2}]
    found = optimise(
        problem_of(
            {"id": "l", "title": "l", "years": years, "discount_rate": 0, "solutions": [saved], "delivery": late},
            "l",
            Path(),
        )
    )
    assert found.answer.measure("npv") == pytest.approx(1800)
    assert appraise(found, draws=3).draws["npv"].to_list() == pytest.approx([1000 - 1200] * 3)


def test_prices_are_said_and_contradictions_refused():
    worth_nothing = {"blocks": [], "prices": []}  # so that nothing is bought, and nothing is tried that would move it
    assert (
        green_book(outcome(**worth_nothing, price_base_year="2016/17")).prices == "Money is at 2016/17 prices (real)."
    )
    assert "nominal" in green_book(outcome(**worth_nothing, price_terms="nominal")).prices
    for wrong, words in (
        ({"delivery": [{"late_chance": 0.1}, {"late_chance": 0.2}]}, "0.1 and 0.2"),
        ({"delivery": [{"solution": "huub"}]}, "hub"),
        ({"deprivation": [{"locality": "C", "persons_by_fifth": [1, 1, 1, 1, 1]}]}, "unknown locality 'C'"),
    ):
        with pytest.raises(DocumentError) as refused:
            outcome(**wrong)
        assert words in str(refused.value)
