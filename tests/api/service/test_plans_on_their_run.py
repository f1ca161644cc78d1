"""A plan that the service makes stands its problem on the run at hand, as the command line does: a quantity has one value in both."""

import polars as pl

from api.service.kinds import plan as plan_kind
from capitation.errors import SolverError
from capitation.run.run import Run
from optimiser.problem.document import read_problem

PLAN = {"scenario": "blmk", "options": "blmk-contract-options", "problem": "blmk"}


def test_a_plan_takes_prices_of_its_problem_from_the_run_of_its_scenario(served, blmk_run, pack, monkeypatch):
    dearer = blmk_run.unit_cost.with_columns(unit_cost_pence=(pl.col("unit_cost_pence") * 11) // 10)
    run = Run(blmk_run.manifest, {**blmk_run.frames, "unit_cost": dearer})
    bought = []

    def mix_to_buy(problem, former):
        bought.append((problem, former))
        raise SolverError("the search is not what is tried here")

    monkeypatch.setattr(plan_kind, "evaluated", lambda *_: run)
    monkeypatch.setattr(plan_kind, "mix_to_buy", mix_to_buy)
    sent = served.client.post("/v1/plans", json=PLAN, headers={"Idempotency-Key": "dearer"})
    served.work()
    job = served.client.get(sent.headers["location"]).json()
    assert "the search is not what is tried here" in job["problem"]["detail"]
    ((problem, former),) = bought
    written = read_problem(pack.path("problems/blmk.toml"))
    before = {(p.point_of_delivery, p.year): p.tariff_pounds for p in written.prices}
    after = {(p.point_of_delivery, p.year): p.tariff_pounds for p in problem.prices}
    assert {key: round(float(after[key] / before[key]), 3) for key in before} == dict.fromkeys(before, 1.1)
    assert problem.solutions == written.solutions
    assert former is not None
