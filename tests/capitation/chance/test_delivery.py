"""Delivery by solution: percentile curves of effect, cost and delay, in each form, and what cannot be."""

import numpy as np
import pytest

from capitation.chance.book import Book
from capitation.chance.model import model
from capitation.chance.scores.draws import source
from capitation.chance.shared import Shared
from capitation.chance.simulate import Request, simulate
from capitation.errors import DocumentError
from capitation.records.years import FinancialYear
from tests.capitation.chance.places import by_person, figure

NAMES = ("a", "b", "c")
ABOUT = {"unit": "share", "source": "assumption", "where": "a test", "owner": "us", "quality": "green"}


def curve(chances, values):
    return {"percentiles": {"chances": chances, "values": values, **ABOUT}}


def delivery(*solutions, **changed):
    return {
        "effect": {"p10": figure(0.1), "mean": figure(0.5), "p90": figure(0.9)},
        "cost": {"low": figure(0.1), "mode": figure(0.5), "high": figure(2.0)},
        "delay": figure(0.25),
        "failure": figure(0),
        "correlation": figure(0),
        "solutions": list(solutions),
        **changed,
    }


def promises(*solutions, draws=40_000, **changed):
    document = by_person(delivery=delivery(*solutions, **changed))
    drawn = source("monte-carlo", 3, draws, ())
    return Shared(document, ("delivery",), drawn, 0, np.float64).promises(NAMES)


def test_a_solution_is_drawn_from_its_own_curves_and_all_others_from_those_of_all():
    own = {
        "solution": "b",
        "effect": curve([0, 0.1, 0.5, 0.9, 1], [0, 0.2, 0.3, 0.6, 1]),
        "cost": {"p10": figure(0), "mean": figure(0.3), "p90": figure(0.6)},
        "years_late": curve([0, 0.5, 0.8, 0.80001, 1], [0, 0, 0, 2, 2]),
        "failure": figure(0.3),
    }
    found, plain = promises(own), promises()
    assert np.quantile(found.share[1], [0.1, 0.5, 0.9]) == pytest.approx([0.2, 0.3, 0.6], abs=0.01)
    assert np.quantile(found.above[1], [0.1, 0.9]) == pytest.approx([0, 0.6], abs=0.01)
    assert found.above[1].mean() == pytest.approx(0.3, abs=0.01)
    assert (found.late[1] == 0).mean() == pytest.approx(0.8, abs=0.01)
    assert (found.late[1] == 2).mean() == pytest.approx(0.2, abs=0.01)
    assert found.fails[1].mean() == pytest.approx(0.3, abs=0.01)
    for name in ("share", "fails", "late", "above"):
        for k in (0, 2):  # what is said of one moves no other
            assert (getattr(found, name)[k] == getattr(plain, name)[k]).all()
    assert plain.late.mean() == pytest.approx(0.25, abs=0.01)


def test_what_is_not_said_of_a_solution_is_what_is_said_of_all():
    found, plain = promises({"solution": "a", "failure": figure(1)}), promises()
    assert found.fails[0].all()
    assert (found.share[0] == plain.share[0]).all()
    assert (found.late[0] == plain.late[0]).all()


def test_so_many_years_pass_without_effect_from_the_first_of_each_solution():
    two = {"solution": "a", "years_late": curve([0, 1], [2, 2])}
    document = by_person(delivery=delivery(two, delay=figure(0)))
    years = [FinancialYear(year) for year in ("2016/17", "2017/18", "2018/19", "2019/20")]
    books = [
        Book(
            year, ("x",), np.array([40_000.0]), np.array([10**9]), solutions=NAMES, starts=("2017/18", "2016/17", ""),
            saving_share=np.array([[0.02], [0.0], [0.0]]), cost_share=np.zeros((3, 1)),
        )
        for year in years
    ]  # fmt: skip
    found = simulate(model(books, document, ("delivery",)), Request(2_000, 1)).positions[:, 0]
    missed = [(row > 0.02 - 1e-7).all() for row in found]
    assert missed == [False, True, True, False]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"effect": {"p10": figure(0.1), "mean": figure(0.5)}}, "p10, mean and p90, or low, mode and high, or percentiles"),
        ({"effect": {}}, "or percentiles, not nothing"),
        ({"effect": {"p10": figure(0.1), "mean": figure(0.5), "p90": figure(0.9), "low": figure(0)}}, "not p10, mean, p90, low"),
        ({"effect": {"p10": figure(0.6), "mean": figure(0.5), "p90": figure(0.9)}}, "p10 0.6, mean 0.5 and p90 0.9 in that order"),
        ({"effect": curve([0, 1], [0, 1.2])}, "effect between 0 and 1, not 0 to 1.2"),
        ({"cost": {"low": figure(-2), "mode": figure(0), "high": figure(1)}}, "cost of -1 or more, not -2 to 1"),
        ({"effect": curve([0, 0.5, 0.5, 1], [0, 0.1, 0.2, 1])}, "chances that rise from 0 to 1, not 0, 0.5, 0.5, 1"),
        ({"effect": curve([0.1, 0.9], [0, 1])}, "chances that rise from 0 to 1, not 0.1, 0.9"),
        ({"effect": curve([0, 0.5, 1], [0, 0.6, 0.4])}, "values that do not fall"),
        ({"effect": curve([0, 1], [0, 0.5, 1])}, "a value for each chance, not 3 for 2"),
        ({"years_late": curve([0, 1], [0, 2])}, "delay or years_late, not both"),
        ({"delay": None}, "delay or years_late, not neither"),
        ({"years_late": curve([0, 1], [-1, 2]), "delay": None}, "years_late of 0 or more, not -1 to 2"),
        ({"delay": figure(1.5)}, "delay between 0 and 1, not 1.5"),
        ({"solutions": [{"solution": "a"}, {"solution": "a"}]}, "each solution once, not a, a"),
        ({"solutions": [{"solution": "a", "failure": figure(-0.1)}]}, "failure between 0 and 1, not -0.1"),
        ({"solutions": [{"solution": "a", "effect": {"percentiles": {"chances": [0, 1], "values": [0, 1], "unit": "share", "source": "assumption", "where": "x"}}}]}, "needs an owner"),
    ],
)  # fmt: skip
def test_delivery_that_cannot_be_is_refused_in_words(changed, words):
    with pytest.raises(ValueError, match=words):
        by_person(delivery=delivery(**changed))


def test_a_spread_of_one_solution_that_no_curve_meets_says_how_far_off_it_is():
    own = {"solution": "b", "effect": {"p10": figure(0.1), "mean": figure(0.2), "p90": figure(0.8)}}
    ((name, miss),) = by_person(delivery=delivery(own)).misses()
    assert name == "delivery.solutions.b.effect"
    assert miss == pytest.approx(0.105)  # (0 + 0.1) / 20 + (0.1 + 2 x 0.1 + 0.8) / 5 + (0.8 + 1) / 20 less 0.2


def test_a_solution_that_there_is_not_is_named_with_the_one_that_was_meant():
    document = by_person(delivery=delivery({"solution": "bb"}))
    plan = Book(
        FinancialYear("2018/19"), ("x",), np.array([40_000.0]), np.array([10**9]), solutions=NAMES,
        saving_share=np.zeros((3, 1)), cost_share=np.zeros((3, 1)),
    )  # fmt: skip
    with pytest.raises(DocumentError, match=r"delivery.solutions \(bb\): found no such solution"):
        model([plan], document, ("delivery",))
