"""Tiny random problems against going through every mix in plain Python: the second way to each optimum."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimiser.answers.optimise import optimise
from optimiser.problem.document import problem_of

pytestmark = pytest.mark.slow

PODS = ["admission", "attendance"]
YEAR = "2020/21"


@st.composite
def tiny_problems(draw):
    count = draw(st.integers(1, 5))
    names = [f"s{i}" for i in range(count)]
    whole = st.integers(0, 40)
    solutions = []
    for i, name in enumerate(names):
        solution = {
            "id": name,
            "whole": True,
            "effects": [
                {"point_of_delivery": pod, "central": draw(st.integers(1, 60)) / 100}
                for pod in PODS
                if draw(st.booleans())
            ],
            "costs": [{"kind": "recurrent", "pounds": draw(whole) * 500}],
            "workforce": [{"staff_group": "nurse", "wte": draw(st.integers(0, 6))}],
            "savings": [{"pounds": draw(whole) * 200}],
        }
        if i and draw(st.integers(0, 3)) == 0:
            solution["requires"] = [{"solution": names[draw(st.integers(0, i - 1))]}]
        elif i and draw(st.integers(0, 3)) == 0:
            solution["excludes"] = [names[draw(st.integers(0, i - 1))]]
        solutions.append(solution)
    return {
        "id": "tiny",
        "title": "tiny",
        "years": [YEAR],
        "overlap": {"pieces": 31},
        "activity": [{"point_of_delivery": pod, "units": draw(st.integers(0, 900))} for pod in PODS],
        "prices": [{"point_of_delivery": pod, "tariff_pounds": draw(st.integers(1, 90))} for pod in PODS],
        "budgets": [{"kind": "recurrent", "year": YEAR, "pounds": draw(whole) * 1000}],
        "staff": [{"staff_group": "nurse", "wte": draw(st.integers(0, 14)), "owner": "test", "quality": "red"}],
        "solutions": solutions,
    }


def worth(content, chosen):
    """Net worth in pounds of a set of solutions, or None where it breaks a limit."""
    bought = [s for s in content["solutions"] if s["id"] in chosen]
    cost = sum(s["costs"][0]["pounds"] for s in bought)
    if cost > content["budgets"][0]["pounds"]:
        return None
    if sum(s["workforce"][0]["wte"] for s in bought) > content["staff"][0]["wte"]:
        return None
    for s in bought:
        if any(need["solution"] not in chosen for need in s.get("requires", [])):
            return None
        if any(other in chosen for other in s.get("excludes", [])):
            return None
    value = sum(s["savings"][0]["pounds"] for s in bought) - cost
    for activity, price in zip(content["activity"], content["prices"], strict=True):
        left = 1.0
        for s in bought:
            for effect in s["effects"]:
                if effect["point_of_delivery"] == activity["point_of_delivery"]:
                    left *= 1 - effect["central"]
        value += activity["units"] * price["tariff_pounds"] * (1 - left)
    return value


@given(tiny_problems())
def test_the_best_mix_is_the_best_of_all_mixes(content):
    names = [s["id"] for s in content["solutions"]]
    values = [worth(content, set(chosen)) for n in range(len(names) + 1) for chosen in itertools.combinations(names, n)]
    best = max(v for v in values if v is not None)
    problem = problem_of(content, "tiny", Path())
    outcome = optimise(problem)
    assert outcome.status == "optimal"
    assert outcome.headline.objective == pytest.approx(best, rel=1e-6, abs=1e-4)
    chosen = {name for name, scale in outcome.scales().items() if scale > 0.5}
    assert worth(content, chosen) == pytest.approx(best, rel=1e-6, abs=1e-4)
    assert outcome.exact.npv == pytest.approx(outcome.exact.claimed_npv, rel=1e-6, abs=1e-4)
    assert outcome.headline.prices.certificate.holds


@given(tiny_problems())
def test_both_engines_agree(content):
    problem = problem_of(content, "tiny", Path())
    one, two = optimise(problem), optimise(problem, engine="pulp")
    assert one.status == two.status
    assert two.headline.objective == pytest.approx(one.headline.objective, rel=1e-6, abs=1e-6)


@settings(max_examples=settings().max_examples // 2)
@given(tiny_problems(), st.integers(1, 40))
def test_a_larger_budget_never_does_worse(content, more):
    less = optimise(problem_of(content, "tiny", Path())).headline.objective
    richer = {**content, "budgets": [{**content["budgets"][0], "pounds": content["budgets"][0]["pounds"] + more * 500}]}
    assert optimise(problem_of(richer, "tiny", Path())).headline.objective >= less - 1e-4


@settings(max_examples=settings().max_examples // 2)
@given(tiny_problems(), st.randoms())
def test_order_and_names_of_solutions_do_not_matter(content, random):
    best = optimise(problem_of(content, "tiny", Path())).headline.objective
    new = {s["id"]: f"other_{i}" for i, s in enumerate(content["solutions"])}
    renamed = [
        {
            **s,
            "id": new[s["id"]],
            "requires": [{"solution": new[q["solution"]]} for q in s.get("requires", [])],
            "excludes": [new[x] for x in s.get("excludes", [])],
        }
        for s in content["solutions"]
    ]
    random.shuffle(renamed)
    again = optimise(problem_of({**content, "solutions": renamed}, "tiny", Path())).headline.objective
    # the solver keeps rows within 1e-7 of their unit, a thousand pounds: 1e-4 pounds is all that column order may move
    assert again == pytest.approx(best, rel=1e-9, abs=1e-4)
