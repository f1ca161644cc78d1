"""Speed of stating and solving one programme: ours beside PuLP as its text-book has it, linopy, and highspy given finished arrays.

A programme of investments by locality and scheme with a purse a locality and staff a scheme: 40 x 40 columns in the deep suite, 200 x 200
where it is measured. All four find the same worth.
"""

import highspy
import numpy as np
import polars as pl
import pulp
import pytest

from optimiser.engines import highs
from optimiser.programme.builder import Builder


class Drawn:
    def __init__(self, size):
        r = np.random.default_rng(5)
        self.size = size
        self.worth, self.cost, self.staff = (
            r.uniform(low, high, (size, size)) for low, high in ((1, 9), (1, 5), (0, 2))
        )
        self.purse = self.cost.sum(axis=1) * 0.3
        self.supply = self.staff.sum(axis=0) * 0.4


def with_pulp(d):
    """A dictionary of variables, sums in loops, one constraint after the other."""
    problem = pulp.LpProblem("investments", pulp.LpMaximize)
    places = range(d.size)
    x = pulp.LpVariable.dicts("x", (places, places), 0, 1)
    problem += pulp.lpSum(d.worth[i, j] * x[i][j] for i in places for j in places)
    for i in places:
        problem += pulp.lpSum(d.cost[i, j] * x[i][j] for j in places) <= d.purse[i]
    for j in places:
        problem += pulp.lpSum(d.staff[i, j] * x[i][j] for i in places) <= d.supply[j]
    problem.solve(pulp.HiGHS(msg=False))
    return pulp.value(problem.objective)


def with_linopy(d):
    import linopy  # these two take a while, and others collect this file as well
    import pandas as pd

    model = linopy.Model()
    i, j = pd.RangeIndex(d.size, name="i"), pd.RangeIndex(d.size, name="j")
    x = model.add_variables(0, 1, coords=[i, j], name="x")
    model.add_constraints((x * d.cost).sum("j") <= d.purse)
    model.add_constraints((x * d.staff).sum("i") <= d.supply)
    model.add_objective((x * d.worth).sum(), sense="max")
    model.solve("highs", io_api="direct", output_flag=False)
    return model.objective.value


def with_highspy(d):
    n = d.size
    index = np.stack([np.repeat(np.arange(n), n), n + np.tile(np.arange(n), n)], axis=1).reshape(-1).astype(np.int32)
    value = np.stack([d.cost.reshape(-1), d.staff.reshape(-1)], axis=1).reshape(-1)
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.passModel(
        n * n, 2 * n, 2 * n * n, 1, -1, 0.0, d.worth.reshape(-1), np.zeros(n * n), np.ones(n * n), np.full(2 * n, -np.inf),
        np.concatenate([d.purse, d.supply]), np.arange(0, 2 * n * n + 1, 2, dtype=np.int32), index, value,
        np.zeros(n * n, dtype=np.int32),
    )  # fmt: skip
    h.run()
    return h.getInfo().objective_function_value


def with_ours(d):
    n, b = d.size, Builder()
    table = pl.DataFrame(
        {
            "i": np.repeat(np.arange(n, dtype=np.int32), n), "j": np.tile(np.arange(n, dtype=np.int32), n),
            "worth": d.worth.reshape(-1), "cost": d.cost.reshape(-1), "staff": d.staff.reshape(-1),
        }
    )  # fmt: skip
    x = b.columns("x", table, ["i", "j"], unit="scale", label="{j} in {i}", upper=1.0)
    places = pl.DataFrame({"i": np.arange(n, dtype=np.int32), "most": d.purse})
    schemes = pl.DataFrame({"j": np.arange(n, dtype=np.int32), "most": d.supply})
    purse = b.rows("purse", places, ["i"], kind="Q", unit="£", label="purse of {i}", upper="most")
    staff = b.rows("staff", schemes, ["j"], kind="Q", unit="wte", label="staff of {j}", upper="most")
    for rows, key, value in ((purse, "i", "cost"), (staff, "j", "staff")):
        b.terms(x.join(rows.select(key, "row"), on=key).select("row", "col", pl.col(value).alias("value")))
    b.measure("worth", [x.select("col", pl.col("worth").alias("value"))], unit="£", sense="max", label="worth")
    return highs.solve(b.matrix("worth"), prices=False).objective


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_one_programme_stated_and_solved_four_ways(timed, alternating, measured):
    d = Drawn(200 if timed else 40)
    works = [with_highspy, with_ours, with_pulp, with_linopy]
    seconds, worth = alternating([lambda work=work: work(d) for work in works], 3)
    assert worth == pytest.approx([worth[0]] * 4, rel=1e-7)
    names = ["highspy given arrays", "", "PuLP as its text-book has it", "linopy"]
    for i in (0, 2, 3):
        detail = f"{d.size**2:,} columns: {seconds[i]:.3f} s and ours {seconds[1]:.3f} s"
        measured(seconds[1] / seconds[i], names[i], of="a programme stated and solved", detail=detail)
