"""A problem document of any number of solutions and localities over five years, for the speed of the whole search."""

import random
from pathlib import Path

from optimiser.problem.document import Problem, problem_of

YEARS = ("2026/27", "2027/28", "2028/29", "2029/30", "2030/31")
PODS = tuple(f"pod_{i}" for i in range(10))
HOSPITALS = tuple(f"h{i}" for i in range(6))


def large_problem(solutions: int, localities: int, seed: int = 5) -> Problem:
    """Solutions rolled out place by place with a smallest scale; one effect each; purses and staff for about a third of them."""
    r = random.Random(seed)
    places = [f"l{i}" for i in range(localities)]
    shares = [r.sample(HOSPITALS, 2) for _ in range(5)]
    made = [
        {
            "id": f"s{i}",
            "rollout": "locality",
            "smallest_scale": 0.5,
            "maturity": [0.5, 1],
            "effects": [
                {"point_of_delivery": PODS[i % len(PODS)], "eligible": 0.1, "central": round(r.uniform(0.05, 0.4), 3)}
            ],
            "costs": [
                {"kind": "recurrent", "pounds": r.randint(20, 120) * 1000 * localities},
                {"kind": "capital", "pounds": r.randint(5, 60) * 1000 * localities},
            ],
            "workforce": [{"staff_group": "nurse", "wte": r.randint(1, 5) * localities / 10}],
        }
        for i in range(solutions)
    ]
    spend = sum(s["costs"][0]["pounds"] for s in made)
    return problem_of(
        {
            "id": "large",
            "title": f"{solutions} solutions in {localities} localities",
            "years": list(YEARS),
            "discount_rate": 0.035,
            "overlap": {"pieces": 4},
            "localities": [{"id": p, "persons": r.randint(30, 50) * 1000} for p in places],
            "providers": [{"id": h} for h in HOSPITALS],
            "activity": [
                {"locality": p, "point_of_delivery": pod, "units": r.randint(4, 20) * 1000}
                for p in places
                for pod in PODS
            ],
            "flows": [
                {"locality": p, "provider": h, "point_of_delivery": pod, "share": share}
                for i, p in enumerate(places)
                for pod in PODS
                for h, share in zip(shares[i % len(shares)], (0.7, 0.3), strict=True)
            ],
            "prices": [{"point_of_delivery": pod, "tariff_pounds": r.randint(300, 2000)} for pod in PODS],
            "budgets": [
                {"kind": "recurrent", "year": y, "pounds": round(spend * 0.1 * (t + 1) / 5)}
                for t, y in enumerate(YEARS)
            ],
            "staff": [{"staff_group": "nurse", "wte": sum(s["workforce"][0]["wte"] for s in made) * 0.15}],
            "solutions": made,
        },
        "large",
        Path(),
    )
