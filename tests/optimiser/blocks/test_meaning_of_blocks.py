"""What single blocks mean where a reader would do the sum by hand: starts, costs below nothing, relief, order, terms, ends."""

from pathlib import Path

import pytest

from capitation.errors import DocumentError
from optimiser.answers.explain import why_not
from optimiser.answers.optimise import optimise
from optimiser.answers.prices import price_report
from optimiser.answers.report import outcome_report
from optimiser.futures.appraisal import appraise
from optimiser.problem.document import problem_of

ENGINES = pytest.mark.parametrize("engine", ["highs", "pulp"])


def solved(engine="highs", **changes):
    content = {
        "id": "p",
        "title": "p",
        "years": ["2026/27"],
        "activity": [{"point_of_delivery": "ae", "units": 1000}],
        "prices": [{"point_of_delivery": "ae", "tariff_pounds": 100}],
        **changes,
    }
    return optimise(problem_of(content, "p.toml", Path()), engine=engine)


def kits(**changes):
    return {
        "id": "kits",
        "no_largest_scale": True,
        "savings": [{"pounds": 1000}],
        "costs": [{"kind": "non_recurrent", "pounds": 6000, "basis": "start"}],
        "workforce": [{"staff_group": "fitter", "wte": 1}],
        **changes,
    }


@ENGINES
@pytest.mark.parametrize(("fitters", "best", "bought"), [(5, 0, 0), (6.5, 500, 6.5), (20, 14_000, 20)])
def test_a_start_is_paid_for_without_a_largest_scale(engine, fitters, best, bought):
    outcome = solved(engine, solutions=[kits()], staff=[{"staff_group": "fitter", "wte": fitters}])
    assert outcome.headline.objective == pytest.approx(best, abs=1e-4)
    assert outcome.scales()["kits"] == pytest.approx(bought, abs=1e-6)


def test_staff_taken_on_and_freed_leave_room_for_a_start():
    """5 fitters, 2 taken on, and 4 freed by a block that 100 units avoided close: 11 kits."""
    triage = {"id": "triage", "effects": [{"point_of_delivery": "ae", "central": 0.1}]}
    outcome = solved(
        solutions=[kits(), triage],
        staff=[{"staff_group": "fitter", "wte": 5, "pipeline_wte": 2}],
        providers=[{"id": "H"}],
        blocks=[
            {
                "id": "w",
                "provider": "H",
                "point_of_delivery": "ae",
                "units": 100,
                "saving_pounds": 0,
                "staff_group": "fitter",
                "staff_wte": 4,
            }
        ],
    )
    assert outcome.scales()["kits"] == pytest.approx(11)
    assert outcome.headline.objective == pytest.approx(11_000 - 6_000 + 10_000)


@pytest.mark.parametrize(
    ("changes", "limits", "best"),
    [
        ({"step": 9}, {}, 3_000),
        (
            {"costs": [{"kind": "recurrent", "pounds": 500}, {"kind": "capital", "pounds": 2500, "basis": "start"}]},
            {"budgets": [{"kind": "recurrent", "year": "2026/27", "pounds": 4000}]},
            8 * 500 - 2_500,
        ),
    ],
)
def test_a_step_or_a_budget_bounds_what_a_start_opens(changes, limits, best):
    assert solved(solutions=[kits(workforce=[], **changes)], **limits).headline.objective == pytest.approx(best)


def test_a_start_that_counts_and_a_scale_without_end_are_refused():
    with pytest.raises(DocumentError, match=r"no largest scale, and a start that counts"):
        solved(solutions=[kits(workforce=[])])


def test_a_smallest_scale_holds_without_a_largest():
    outcome = solved(
        solutions=[kits(smallest_scale=1, costs=[])],
        staff=[{"staff_group": "fitter", "wte": 0.5}],
    )
    assert outcome.scales()["kits"] == 0


@ENGINES
def test_contacts_and_costs_below_nothing_are_money(engine):
    rounds = {
        "id": "rounds",
        "creates": [{"point_of_delivery": "community", "contacts": -1000}],
        "costs": [{"kind": "recurrent", "pounds": 20_000}],
    }
    grant = {"id": "grant", "costs": [{"kind": "capital", "pounds": -7_000}]}
    places = [{"id": "community", "contact_cost_pounds": 50}]
    outcome = solved(engine, solutions=[rounds, grant], points_of_delivery=places)
    assert outcome.headline.objective == pytest.approx(30_000 + 7_000)
    assert outcome.headline.measure("investment") == pytest.approx(-37_000)


def test_no_more_contacts_are_taken_away_than_there_are():
    """1,000 contacts of 50 pounds would go at full scale, of 800 that there are, half of which triage avoids."""
    rounds = {"id": "rounds", "creates": [{"point_of_delivery": "community", "contacts": -1000}]}
    triage = {"id": "triage", "whole": True, "effects": [{"point_of_delivery": "community", "central": 0.5}]}
    outcome = solved(
        solutions=[rounds, triage],
        points_of_delivery=[{"id": "community", "contact_cost_pounds": 50}],
        activity=[{"point_of_delivery": "community", "units": 800}],
        prices=[{"point_of_delivery": "community", "tariff_pounds": 70}],
    )
    assert outcome.headline.objective == pytest.approx(400 * 70 + 400 * 50)
    assert outcome.scales() == pytest.approx({"rounds": 0.4, "triage": 1})


@ENGINES
def test_activity_avoided_where_contacts_are_received_frees_room(engine):
    """5,000 seen where 4,900 fit; relief takes 500 away; 400 contacts of the hub then fit at a unit each."""
    triage = {
        "id": "triage",
        "effects": [{"point_of_delivery": "gp", "central": 0.1}],
        "costs": [{"kind": "recurrent", "pounds": 100}],
    }
    hub = {
        "id": "hub",
        "effects": [{"point_of_delivery": "ae", "central": 0.5}],
        "receiving": [{"avoided_at": "ae", "received_at": "gp", "contacts_per_unit": 1}],
    }
    activity = [{"point_of_delivery": "ae", "units": 1000}, {"point_of_delivery": "gp", "units": 5000}]
    room = [{"point_of_delivery": "gp", "units": 4900}]
    outcome = solved(engine, solutions=[triage, hub], activity=activity, receiving_capacity=room)
    assert outcome.status == "optimal"
    assert outcome.headline.objective == pytest.approx(400 * 100 - 100)
    assert solved(engine, solutions=[hub], activity=activity, receiving_capacity=room).status == "infeasible"


def test_a_dear_segment_is_not_used_before_a_cheap_one_in_any_year():
    """In the first year half must run and only 40,000 pounds may be lost: with returns in order that half avoids 700 units."""
    solution = {
        "id": "s",
        "smallest_scale": 0.5,
        "latest_start": "2026/27",
        "returns": [{"scale": 0.5, "effect": 0.7}, {"scale": 1, "effect": 1}],
        "effects": [{"point_of_delivery": "ae", "central": 1}],
    }
    limits = {
        "years": ["2026/27", "2027/28"],
        "discount_rate": 0,
        "providers": [{"id": "H"}],
        "stranded_limits": [{"provider": "H", "year": "2026/27", "pounds": 40_000}],
    }
    outcome = solved(solutions=[solution], **limits)
    assert outcome.headline.objective == pytest.approx(0, abs=1e-3)
    free = solved(solutions=[solution], **{**limits, "stranded_limits": []})
    assert free.headline.objective == pytest.approx(200_000)


TERMS = [
    {
        "provider": "H",
        "points_of_delivery": ["ae"],
        "pieces": [{"from_pounds": 0, "slope": 0.5}, {"from_pounds": 20_000, "slope": 0.25}],
    },
    {"provider": "H", "pieces": [{"from_pounds": 0, "slope": 0}, {"from_pounds": 30_000, "slope": 1}]},
]


@ENGINES
@pytest.mark.parametrize("order", [1, -1])
def test_two_payment_terms_of_one_provider_are_solved(engine, order):
    """A&E loses 50,000: half of 20,000 and a quarter of 30,000. Elective loses 40,000: nothing of 30,000, all of 10,000."""
    both = {
        "id": "s",
        "whole": True,
        "effects": [
            {"point_of_delivery": "ae", "central": 0.5},
            {"point_of_delivery": "elective", "central": 0.4},
        ],
    }
    outcome = solved(
        engine,
        providers=[{"id": "H"}],
        solutions=[both],
        activity=[{"point_of_delivery": pod, "units": 1000} for pod in ("ae", "elective")],
        prices=[{"point_of_delivery": pod, "tariff_pounds": 100} for pod in ("ae", "elective")],
        payment_terms=TERMS[::order],
    )
    assert outcome.headline.objective == pytest.approx(10_000 + 7_500 + 10_000)
    assert outcome.exact.npv == pytest.approx(27_500)
    plan = appraise(outcome, draws=3)
    assert plan.money.filter(measure="npv")["as_planned"].item() == pytest.approx(27_500)


def test_two_payment_terms_for_the_same_activity_are_refused():
    with pytest.raises(DocumentError, match="two payment terms of H are for ae"):
        solved(providers=[{"id": "H"}], solutions=[{"id": "s"}], payment_terms=[TERMS[0], TERMS[0]])


def test_a_price_is_in_the_unit_of_its_own_limit():
    """20 more pounds of npv for one more unit, and 0.5 QALYs a pound lost: limits on money and on units side by side."""
    solution = {
        "id": "s",
        "effects": [{"point_of_delivery": "ae", "central": 0.5}],
        "costs": [{"kind": "recurrent", "pounds": 40_000}],
    }
    limits = [{"measure": "avoided", "at_most": 100}, {"measure": "investment", "at_most": 30_000}]
    outcome = solved(solutions=[solution], limits=limits)
    report = price_report(outcome.headline)
    assert report.select("unit", "at", "price").rows() == [("units", 100.0, pytest.approx(20))]
    tighter = [{"measure": "avoided", "at_most": 400}, {"measure": "investment", "at_most": 20_000}]
    report = price_report(solved(solutions=[solution], limits=tighter).headline)
    assert report.select("unit", "at", "price").rows() == [("£", pytest.approx(20_000), pytest.approx(0.25))]


RECORDS = {
    "id": "records",
    "whole": True,
    "costs": [{"kind": "capital", "pounds": 400_000, "basis": "start", "years": 4}],
    "savings": [{"pounds": 150_000}],
}
TWO = {"years": ["2026/27", "2027/28"], "discount_rate": 0}


@ENGINES
def test_instalments_after_the_years_are_counted(engine):
    outcome = solved(engine, solutions=[RECORDS], **TWO)
    assert outcome.headline.objective == pytest.approx(0, abs=1e-6)
    bought = solved(engine, solutions=[{**RECORDS, "savings": [{"pounds": 250_000}]}], **TWO)
    assert bought.headline.objective == pytest.approx(100_000)
    assert bought.headline.measure("owed_after") == pytest.approx(200_000)
    assert bought.headline.measure("value_after") == pytest.approx(-200_000)


def test_instalments_are_counted_by_launch_and_discounted():
    """Scale added in the last of two years at 10%, paid over two: half then, half a year later."""
    later = {
        "id": "later",
        "earliest_start": "2027/28",
        "costs": [{"kind": "non_recurrent", "pounds": 1000, "years": 2}],
        "savings": [{"pounds": 2000}],
    }
    outcome = solved(solutions=[later], years=TWO["years"], discount_rate=0.1)
    assert outcome.headline.objective == pytest.approx((2000 - 500) / 1.1 - 500 / 1.21)


def test_a_document_may_leave_them_out_and_says_so():
    outcome = solved(solutions=[RECORDS], after_horizon={"instalments": "left_out"}, **TWO)
    assert outcome.headline.objective == pytest.approx(100_000)
    assert outcome.headline.measure("owed_after") == pytest.approx(200_000)
    assert any("left out of npv" in said for said in outcome.answer.matrix.no_effect)


@pytest.mark.parametrize(("pounds", "best"), [(110_000, 10_000), (90_000, 0)])
def test_a_residual_value_counts(pounds, best):
    outcome = solved(solutions=[RECORDS], residual_values=[{"solution": "records", "pounds": pounds}], **TWO)
    assert outcome.headline.objective == pytest.approx(best, abs=1e-6)
    scored = appraise(outcome, draws=2)
    assert scored.money.filter(measure="npv")["as_planned"].item() == pytest.approx(best, abs=1e-6)
    assert scored.money.filter(measure="npv")["p10"].item() == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"earliest_start": "2030/31"}, "its earliest start 2030/31 is after the last year 2026/27"),
        ({"latest_start": "2020/21"}, "its latest start 2020/21 is before the first year 2026/27"),
    ],
)
def test_a_solution_that_cannot_start_inside_the_years_says_so(window, says):
    outcome = solved(solutions=[{"id": "late", "savings": [{"pounds": 1}], **window}, {"id": "other"}])
    assert outcome.status == "optimal"
    assert any(says in said for said in outcome.answer.matrix.no_effect)
    assert why_not(outcome, "late").sentence == f"late cannot start: {says}"
    assert outcome.scales()["late"] == 0
    assert outcome.mix().filter(solution="late").rows() == [("late", "ALL", None, 0.0)]
    report = outcome_report(outcome)
    assert report["mix"]["late"] == {
        "title": "late",
        "scale": 0,
        "starts": {},
        "cannot_start": f"late cannot start: {says}",
    }
    assert [name for name, found in report["mix"].items() if "cannot_start" in found] == ["late"]


@pytest.mark.parametrize(
    ("solutions", "reason"),
    [
        (
            [{"id": "a", "requires": [{"solution": "b", "years_before": 2}]}, {"id": "b"}],
            "it requires b 2 year(s) before it",
        ),
        (
            [{"id": "a", "requires": [{"solution": "b"}]}, {"id": "b", "earliest_start": "2030/31"}],
            "it requires b, which comes too late",
        ),
        (
            [
                {"id": "a", "requires": [{"solution": "b"}, {"solution": "c"}]},
                {"id": "b", "excludes": ["c"]},
                {"id": "c"},
            ],
            "it needs both b and c, which exclude each other",
        ),
    ],
)
def test_a_chain_that_can_never_be_bought_is_said_so_with_the_reason(solutions, reason):
    outcome = solved(solutions=solutions)
    assert any(
        said.startswith("start: a cannot start: ") and reason in said for said in outcome.answer.matrix.no_effect
    )
    assert reason in why_not(outcome, "a").sentence
    assert not why_not(outcome, "b").because or "2030/31" in why_not(outcome, "b").because
