"""Speed of simulation: draws x 30 localities x 10 services with shared shocks, against generating as many normals alone.

`make bench` times 100,000 draws and `make bench-large` a million (300 million numbers); an ordinary run draws 25,000 once and
checks that threads and chunks change no bit. Ratios are of CPU time.
"""

import resource
import time

import numpy as np
import pytest

from capitation.chance.model import model
from capitation.chance.scores.draws import BLOCK
from capitation.chance.simulate import Request, SimulationWork, simulate
from tests.capitation.chance.places import by_line

LOCALITIES, SERVICES = 30, 10


def _cpu(work):
    """What the work gives, and the CPU seconds of all its threads."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def _normals_alone(draws):
    numbers = np.random.default_rng(1)
    for first in range(0, draws, BLOCK):
        numbers.standard_normal((LOCALITIES * SERVICES, min(BLOCK, draws - first)))


@pytest.mark.benchmark_subject
@pytest.mark.parametrize("draws", [100_000, pytest.param(1_000_000, marks=pytest.mark.large)])
def test_draws_of_thirty_localities_by_ten_services(benchmark, draws):
    draws = draws if benchmark.enabled else 25_000
    plans, document = by_line(np.linspace(30_000, 50_000, LOCALITIES), lines=SERVICES)
    made, request = model([plans], document), Request(draws, 1, is_single=True)
    _, alone = _cpu(lambda: _normals_alone(draws))
    found, ours = _cpu(lambda: simulate(made, request, SimulationWork(threads=2, chunk=2)))
    again = simulate(made, request, SimulationWork(threads=1, chunk=5))
    assert found.positions.shape == (1, LOCALITIES, draws)
    assert found.hash == again.hash
    sd = np.sqrt(
        3.68**2 / plans.persons
        + sum((s * float(k.sd.value)) ** 2 for s, k in zip(plans.line_share[0], document.shocks, strict=True))
    )
    assert found.positions[0].std(axis=1) == pytest.approx(sd, rel=5 / np.sqrt(draws))
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    benchmark.extra_info.update(draws=draws, times_normals_alone=ours / alone, peak_gigabytes=gigabytes)
    print(  # noqa: T201  # the ratios are what this benchmark is read for
        f"\n{draws:,} draws x {LOCALITIES} x {SERVICES}: {ours:.2f} s of CPU, normals alone {alone:.2f} s "
        f"({ours / alone:.2f} times), {gigabytes:.2f} GB at most"
    )
    if benchmark.enabled:
        assert ours / alone < 1.5
        assert gigabytes < 1.0
    benchmark.pedantic(simulate, args=(made, request), rounds=1)
