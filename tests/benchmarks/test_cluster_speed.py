"""Speed of a cluster: 400 optimisations of some 3,600 columns on two processes beside one, and what a task costs.

The page docs/at-national-scale.md predicts from these constants; `tests/house/test_scale_study.py` checks its sums.
"""

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from capitation.workers.crew import Scheduler, Threads, crew
from optimiser.futures.batch import BATCH, solve_batches
from tests.benchmarks.scale import two_predicted
from tests.benchmarks.shift_model import build, draw
from tests.local_cluster import started


def futures(matrix, count):
    rng = np.random.default_rng(1)
    for _ in range(count):
        cost = matrix.cost * rng.uniform(0.8, 1.2, matrix.column_count)
        yield replace(matrix, cost=cost, row_upper=matrix.row_upper * rng.uniform(0.97, 1.03, matrix.row_count))


def nothing(n):
    return n


def test_two_processes_on_a_sweep_of_four_hundred(timed, measured, tmp_path):
    count = 400 if timed else 20
    matrix = build(draw("3k6" if timed else "1k"))
    matrices = list(futures(matrix, count))
    seconds, answers, tasks = {}, {}, {}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        local = started(folder, workers)
        try:
            with crew(Scheduler(local.address, seconds=60)) as hands:
                solve_batches(matrices[: BATCH * 2], hands)  # everybody has imported what it takes
                for _ in range(3 if timed else 1):
                    began = time.perf_counter()
                    answers[workers] = solve_batches(matrices, hands)
                    seconds[workers] = min(seconds.get(workers, 1e9), time.perf_counter() - began)
                began = time.perf_counter()
                assert hands.each(nothing, range(200)) == list(range(200))
                tasks[workers] = (time.perf_counter() - began) / 200
        finally:
            local.close()
    here = solve_batches(matrices, Threads(1))
    for found in answers.values():
        assert [a.objective for a in found] == [a.objective for a in here]
    batches = [matrices[i : i + BATCH] for i in range(0, count, BATCH)]
    began = time.perf_counter()
    for batch in batches:
        pickle.dumps((matrix, batch))
    handing = (time.perf_counter() - began) / len(batches)
    known = {"one_s": seconds[1], "two_s": seconds[2], "handing_s": handing, "placing_s": tasks[1]}
    predicted = two_predicted(known, len(batches))
    detail = (
        f"{count} optimisations of {matrix.column_count:,} columns: {seconds[1]:.2f} s and {seconds[2]:.2f} s; an empty task "
        f"{tasks[1] * 1000:.1f} ms, packing a batch {handing * 1000:.1f} ms"
    )
    measured(seconds[2] / seconds[1], "one process", limit="0.625 (1.6 times as fast)", detail=detail)
    measured(
        predicted / seconds[2],
        "what was measured",
        limit="0.8 to 1.2",
        of="the schedule predicted",
        detail=f"{predicted:.2f} s",
    )
    if timed:
        assert seconds[1] / seconds[2] >= 1.6
        assert 0.8 <= predicted / seconds[2] <= 1.2


@pytest.fixture(autouse=True)
def _needs_dask():
    pytest.importorskip("distributed", reason="the extra capitation[cluster] is not installed")
