"""Robust mixes with wards, by hand: a ward closes for good only where its patients are gone whoever disappoints."""

from pathlib import Path

import pytest

from optimiser.futures.play import robust_mix
from optimiser.futures.robust import closures_withstand, credit_lost
from optimiser.futures.withstood import _sets
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of


def care(name, central, low, pounds=10000):
    effect = {"point_of_delivery": "ne", "low": low, "central": central, "high": central}
    return {"id": name, "whole": True, "effects": [effect], "costs": [{"kind": "recurrent", "pounds": pounds}]}


def problem(*solutions, units=100, **extra):
    return problem_of(
        {
            "id": "wards",
            "title": "wards",
            "years": ["2020/21"],
            "perspective": "system",
            "providers": [{"id": "h"}],
            "activity": [{"point_of_delivery": "ne", "units": 1000}],
            "blocks": [
                {
                    "id": "ward",
                    "provider": "h",
                    "point_of_delivery": "ne",
                    "units": units,
                    "saving_pounds": 50000,
                    "owner": "x",
                }
            ],
            "solutions": list(solutions),
            **extra,
        },
        "wards",
        Path(),
    )


SURE = {
    "id": "sure",
    "whole": True,
    "costs": [{"kind": "recurrent", "pounds": 10000}],
    "savings": [{"pounds": 20000, "low_pounds": 15000, "high_pounds": 20000}],
}
ONE_OF_THEM = [{"kind": "recurrent", "year": "2020/21", "pounds": 10000}]


def test_a_ward_that_one_disappointment_opens_again_is_no_robust_saving():
    # the ward brings 50,000 - 10,000, and -10,000 where its patients stay; the sure one 10,000, and 5,000 at its low end
    both = problem(care("ward_care", 0.1, 0.05), SURE, budgets=ONE_OF_THEM)
    planned = robust_mix(both, gamma=0)
    assert planned.outcome.scales() == pytest.approx({"ward_care": 1, "sure": 0})
    assert planned.worst == planned.as_planned == pytest.approx(40000)
    careful = robust_mix(both, gamma=1)
    assert careful.outcome.scales() == pytest.approx({"ward_care": 0, "sure": 1})
    assert (careful.as_planned, careful.worst) == (pytest.approx(10000), pytest.approx(5000))
    assert careful.exact.solutions == ("sure",)
    assert careful.outcome.headline.best_possible >= 5000 - 1e-6


def test_a_ward_whose_patients_are_gone_whoever_disappoints_is_one():
    # together 1 - 0.9 x 0.95 = 145 fewer; at the low end of the first 1 - 0.95 x 0.95 = 97.5
    first, second = care("first", 0.1, 0.05, 5000), care("second", 0.05, 0.05, 5000)
    stands = robust_mix(problem(first, second, units=97), gamma=1)
    assert (stands.as_planned, stands.worst) == (pytest.approx(40000), pytest.approx(40000))
    falls = robust_mix(problem(first, second, units=98), gamma=1)
    assert falls.worst == pytest.approx(0)  # buying nothing: a ward that opens again costs 5,000 or 10,000
    assert sum(falls.outcome.scales().values()) == pytest.approx(0)


def test_what_is_printed_is_not_better_than_the_worst_that_can_happen():
    # with part scales the programme claims a little too much, and a ward is planned with nothing to spare
    parts = [{**care(name, 0.2, low, 4000), "whole": False} for name, low in (("a", 0.1), ("b", 0.15), ("c", 0.2))]
    mix = robust_mix(problem(*parts, units=150), gamma=1)
    scale = mix.outcome.scales()
    low = {"a": 0.1, "b": 0.15, "c": 0.2}

    def worth(fallen):
        left = 1.0
        for name, at in scale.items():
            left *= 1 - (low[name] if name == fallen else 0.2) * at
        closed = 1 if 1000 * (1 - left) >= 150 * (1 - 1e-6) else 0
        return 50000 * closed * (mix.outcome.answer.column("block_released")["value"][0] > 0.5) - 4000 * sum(
            scale.values()
        )

    assert mix.worst == pytest.approx(min(worth(name) for name in (None, *scale)), abs=1)
    assert mix.worst > 30000


def test_sets_of_disappointments_and_a_programme_that_needs_no_protection():
    assert _sets(["a", "b", "c"], 2) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert _sets(["a", "b"], 5) == [("a", "b")]
    assert _sets(["a", "b"], 1.5) == [("b", "a"), ("a", "b")]
    assert _sets(["a"], 0) == _sets([], 3) == []
    wards = problem(care("a", 0.1, 0.05))
    matrix = programme_matrix(wards)
    drops = credit_lost(wards, matrix)
    assert closures_withstand(matrix, drops, 0) is matrix
    assert closures_withstand(matrix, {"a": drops["a"] * 0}, 1) is matrix
    assert closures_withstand(matrix, drops, 1).row_count == matrix.row_count + 1
