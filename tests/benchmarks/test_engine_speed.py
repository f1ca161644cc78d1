"""The engine beside its limits: the BLMK run and all England's need, each next to the time of just reading the inputs.

`make bench` prints each group with ratios to its fastest member.

Limits set for the product: the whole BLMK scenario, five years, under 2 s of own time; England's practices, one year, under 1 s.
"""

import numpy as np
import polars as pl
import pytest

from capitation.money.apportion import apportion
from capitation.pack.sources import DataPack, read_raw
from capitation.run.evaluate import evaluate
from capitation.run.run import save_run
from capitation.run.scenario import read_scenario
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import read_need_inputs
from capitation.weighting.weigh import need


@pytest.mark.benchmark(group="BLMK, five years, from files to a written run")
def test_blmk_reading_the_inputs_only(benchmark, blmk_run, pack):
    def read():
        for name in blmk_run.manifest.inputs:
            path = pack.path(name)
            if path.suffix == ".csv":
                read_raw(path)
            else:
                path.read_bytes()

    benchmark(read)


@pytest.mark.benchmark(group="BLMK, five years, from files to a written run")
def test_blmk_whole_run(benchmark, pack, tmp_path):
    def run():
        fresh = DataPack(pack.root)
        return save_run(evaluate(read_scenario(fresh.root / "scenarios" / "blmk.toml"), fresh), tmp_path)

    assert benchmark(run).is_dir()


@pytest.mark.benchmark(group="England, 7,325 practices, one year of need")
def test_england_reading_the_inputs_only(benchmark, shared):
    path = shared / "reference" / "ccg_target_inputs_2018_19" / "practice_need_components.parquet"
    assert benchmark(lambda: read_raw(path).height) == 7325


@pytest.mark.benchmark(group="England, 7,325 practices, one year of need")
def test_england_need(benchmark, pack, shared):
    path = shared / "reference" / "ccg_target_inputs_2018_19" / "practice_need_components.parquet"

    def run():
        formula = need_catalogue(DataPack(pack.root)).formula("ccg-core-2018-19")
        inputs = read_need_inputs(path, formula, year="2018/19")
        return need(formula, inputs.components, inputs.year).practices

    assert benchmark(run).height == 7325


MILLION = 1_000_000


@pytest.fixture(scope="module")
def shares():
    return pl.DataFrame({"key": pl.int_range(MILLION, eager=True)}).with_columns(
        pl.lit(2 * 10**13, dtype=pl.Int64).alias("total"), ((pl.col("key") * 7919) % 999_983 + 1).alias("weight")
    )


@pytest.mark.benchmark(group="apportion 200 bn pounds over a million shares")
def test_apportion_in_plain_python_integers(benchmark, shares):
    weights = shares["weight"].to_list()
    total = 2 * 10**13

    def run():
        whole = sum(weights)
        floors = [total * w // whole for w in weights]
        odd = total - sum(floors)
        for i in sorted(range(MILLION), key=lambda i: (-(total * weights[i] % whole), i))[:odd]:
            floors[i] += 1
        return sum(floors)

    assert benchmark.pedantic(run, rounds=1) == total


@pytest.mark.benchmark(group="apportion 200 bn pounds over a million shares")
def test_apportion_exactly_in_frames(benchmark, shares):
    def run():
        return apportion(shares, total="total", weight="weight", order_by=["key"], into="pence")["pence"].sum()

    assert benchmark.pedantic(run, rounds=3) == 2 * 10**13


def test_a_million_shares_exactly_beside_largest_remainder_in_numpy(shares, alternating, measured, timed):
    weights, total = shares["weight"].to_numpy(), 2 * 10**13

    def with_numpy():
        """Floats and a sort of remainders: quick to write, and not exact at this size."""
        quotas = total * (weights / weights.sum())
        floors = np.floor(quotas)
        floors[np.argsort(floors - quotas, kind="stable")[: int(total - floors.sum())]] += 1
        return floors

    def ours():
        return apportion(shares, total="total", weight="weight", order_by=["key"], into="pence")["pence"]

    (numpys, own), results = alternating([with_numpy, ours], 9)
    assert results[1].sum() == total
    assert np.abs(results[0] - results[1].to_numpy()).max() <= 1
    measured(own / numpys, "largest remainder in numpy", limit="0.3", detail=f"{numpys:.3f} s and {own:.3f} s")
    if timed:
        assert own / numpys <= 0.3


def test_blmk_evaluated_with_the_pack_read(pack, alternating, measured, timed):
    scenario = read_scenario(pack.path("scenarios/blmk.toml"))
    evaluate(scenario, pack)
    (seconds,), _ = alternating([lambda: evaluate(scenario, pack)], 5)
    measured(seconds / 0.4, "0.4 s", limit="1", detail=f"{seconds:.3f} s")
    if timed:
        assert seconds <= 0.4
