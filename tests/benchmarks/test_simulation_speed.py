"""Speed of simulation: draws x 30 localities x 10 services with shared shocks, alone and through a contract of four terms, against
generating as many normals alone.

`make bench` times 100,000 draws and `make bench-large` a million (300 million numbers); an ordinary run draws 25,000 once and
checks that threads and chunks change no bit. Ratios are of CPU time.
"""

import hashlib
import time

import numpy as np
import pytest

from capitation.chance.document import read_uncertainty
from capitation.chance.model import model
from capitation.chance.scores.draws import BLOCK
from capitation.chance.simulate import Request, SimulationWork, simulate
from contracts.document.contract import parse_contract
from contracts.options.document import read_options
from contracts.risk.localities import passed
from contracts.risk.parties import party_model
from contracts.risk.study import party_risk
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


def _asked(draws):
    plans, document = by_line(np.linspace(30_000, 50_000, LOCALITIES), lines=SERVICES)
    return plans, document, model([plans], document), Request(draws, 1, is_single=True)


def simulated(draws, threads=2, chunk=2):
    """That many draws of every locality and service."""
    _, _, made, request = _asked(draws)
    return simulate(made, request, SimulationWork(threads=threads, chunk=chunk))


def through_four_terms(draws, threads=2, chunk=2, at_once=BLOCK):
    """The same, and what the contract passes on in each."""
    found = simulated(draws, threads, chunk)
    return found, passed(found, _corridor(), threads=threads, at_once=at_once)


def _check_figures(draws, ours, alone, work, timed, measured, in_a_process):
    """The ratio to normals alone, and the memory of the work in a process of its own, both within their limits."""
    if not timed:
        return
    name = f"draws of {LOCALITIES} x {SERVICES}, {work.__name__.replace('_', ' ')} [{draws:,}]"
    measured(
        ours / alone, "generating as many normals", limit="1.5", detail=f"{ours:.2f} s and {alone:.2f} s of CPU", of=name
    )  # fmt: skip
    code = f"import sys\nfrom tests.benchmarks.test_simulation_speed import {work.__name__}\n{work.__name__}(int(sys.argv[1]))"
    _, gigabytes = in_a_process(code, draws)
    measured(
        gigabytes, "1 GB", limit="1", detail=f"{gigabytes:.2f} GB at most, imports among it", of=f"memory of {name}"
    )
    assert ours / alone < 1.5
    assert gigabytes < 1.0


@pytest.mark.benchmark_subject
@pytest.mark.parametrize("draws", [100_000, pytest.param(1_000_000, marks=pytest.mark.large)])
def test_draws_of_thirty_localities_by_ten_services(draws, timed, measured, in_a_process):
    draws = draws if timed else 25_000
    plans, document, made, request = _asked(draws)
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
    _check_figures(draws, ours, alone, simulated, timed, measured, in_a_process)


def _corridor():
    """Plan less spend, the part that counts, a cap of 2% of plan both ways, and the rest passed: four terms."""
    parties = [
        {"code": "pool", "name": "Pool", "role": "commissioner"},
        {"code": "locality", "name": "Locality", "role": "provider", "named_by": "locality"},
    ]
    inputs = [
        {"name": "locality", "about": "Code", "type": "text"},
        {"name": "plan_pence", "about": "Plan", "unit": "pence", "at_least": 0},
        {"name": "spend_pence", "about": "Spend", "unit": "pence", "at_least": 0},
    ]
    width = {"name": "width", "about": "Cap", "unit": "share", "status": "unverified"}
    terms = [
        {"step": "gain", "term": "gap", "target": "plan_pence", "actual": "spend_pence"},
        {"step": "shared", "term": "share", "amount": "gain", "rates": [0.8]},
        {
            "step": "kept",
            "term": "cap",
            "amount": "shared",
            "limits": [{"base": "plan_pence", "rate": "width"}],
            "side": "both",
        },
        {"step": "passed", "term": "aggregate", "of": ["kept", "gain"], "weights": [1, -1]},
    ]
    return parse_contract(
        {
            "id": "four-terms",
            "version": "1",
            "title": "Four terms",
            "about": "A test",
            "source": "constructed",
            "licence": "own words",
            "amounts": "pence",
            "key": ["locality"],
            "parties": parties,
            "inputs": inputs,
            "parameters": [{**width, "values": [{"value": 0.02, "source": "assumption", "where": "a test"}]}],
            "outputs": [
                {"name": "passed_pence", "of": "passed", "rounded_to": "pence", "payer": "pool", "payee": "locality"}
            ],
            "terms": terms,
        }
    )


@pytest.mark.benchmark_subject
@pytest.mark.parametrize("draws", [100_000, pytest.param(1_000_000, marks=pytest.mark.large)])
def test_draws_of_thirty_localities_by_ten_services_through_a_contract_of_four_terms(
    draws, timed, measured, in_a_process
):
    draws = draws if timed else 25_000
    _, _, made, request = _asked(draws)
    contract = _corridor()

    def whole(threads, chunk, at_once):
        found = simulate(made, request, SimulationWork(threads=threads, chunk=chunk))
        return found, passed(found, contract, threads=threads, at_once=at_once)

    _, alone = _cpu(lambda: _normals_alone(draws))
    (found, ours_passed), ours = _cpu(lambda: whole(2, 2, BLOCK))
    few = found.positions[0, :, -10_000:].astype(float)
    by_hand = np.clip(-0.8 * few, -0.02, 0.02) + few
    assert np.abs(ours_passed[:, -10_000:] - by_hand).max() < 1e-6
    hashes = {hashlib.sha256(np.ascontiguousarray(ours_passed).tobytes()).hexdigest()}
    if draws <= 100_000:
        _, again = whole(1, 5, 10_000)
        hashes.add(hashlib.sha256(np.ascontiguousarray(again).tobytes()).hexdigest())
    assert len(hashes) == 1
    _check_figures(draws, ours, alone, through_four_terms, timed, measured, in_a_process)


@pytest.mark.benchmark_subject
def test_four_options_over_five_years(timed, measured, pack, blmk_run):
    """10,000 draws of all parties with every answer in less than 20 seconds of processor time."""
    document = read_options(pack.path("options/blmk.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    draws = 10_000 if timed else 100
    made = party_model(document, pack, blmk_run, figures)
    (found, frames), seconds = _cpu(lambda: party_risk(made, Request(draws, 1)))
    assert found.draws == draws
    assert frames["party_chance"].height == found.positions[..., 0].size
    measured(seconds / 20, "20 s of processor time", limit="1", detail=f"{draws:,} draws: {seconds:.2f} s")
    if timed:
        assert seconds < 20
