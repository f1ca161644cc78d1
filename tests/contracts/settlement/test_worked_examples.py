"""The twenty worked examples of risk-share contracts, each as a document, to the penny, columnar and in plain Python."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import lognorm, norm

from contracts.document.contract import parse_contract, read_contract
from contracts.settlement.payoff import payoff
from contracts.settlement.settle import settle
from contracts.settlement.worked_cases import run_cases
from contracts.terms.limits.layer import Layer

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "cases" / "contracts"
FILES = sorted(FOLDER.glob("example-*.toml"))


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_an_example_gives_its_figures_two_ways(path):
    contract = read_contract(path)
    assert run_cases(contract) == [case.name for case in contract.cases]
    assert contract.cases


def test_every_example_has_its_test():
    numbers = {int(path.stem.split("-")[1]) for path in FILES}
    published_in_mssp, in_python = {1, 2, 3}, {14, 18}
    assert numbers | published_in_mssp | in_python == set(range(1, 21))
    names = " ".join(case.name for case in read_contract(ROOT / "data/england/contracts/mssp.toml").cases)
    assert all(f"Example {n}:" in names for n in published_in_mssp)


@pytest.mark.parametrize(
    ("persons", "printed"),
    [
        (2500, "5.923612%"),
        (5000, "3.900000%"),
        (5905, "3.628228%"),
        (9500, "3.049950%"),
        (12_345, "2.859272%"),
        (20_000, "2.500000%"),
        (35_000, "2.349995%"),
        (59_999, "2.000000%"),
        (60_000, "2.000000%"),
    ],
)
def test_example_5_prints_the_table(persons, printed):
    contract = read_contract(FOLDER / "example-05-minimum-savings-rate.toml")
    done = settle(contract, pl.DataFrame({"persons": [float(persons)], "gain": [0.0]}))
    assert f"{done.values.item(0, 'msr'):.6%}" == printed


# Example 14: Poisson 200 claims, lognormal(7.5, 1.6); 150,000 above 50,000 each.

CLAIMS, MU, SIGMA = 200.0, 7.5, 1.6
EACH = Layer(step="ceded", amount="claim", attachment=50_000, limit=150_000)
ALL = Layer(step="ceded", amount="total", attachment=100_000, limit=300_000)


def _partial_moment(k: int, low: float, high: float) -> float:
    """E[X^k; low < X <= high] of the lognormal, in closed form."""

    def below(x: float) -> float:
        return 1.0 if math.isinf(x) else 0.0 if x <= 0 else norm.cdf((math.log(x) - MU) / SIGMA - k * SIGMA)

    return math.exp(k * MU + 0.5 * k * k * SIGMA * SIGMA) * (below(high) - below(low))


def test_example_14_closed_form_over_the_pieces_of_the_layer():
    pieces = EACH.pieces({}).pieces
    ends = [*(p.start for p in pieces[1:]), math.inf]
    first = second = 0.0
    for piece, end in zip(pieces, ends, strict=True):
        a, b, low = piece.intercept, piece.slope, piece.start
        m0, m1, m2 = (_partial_moment(k, low, end) for k in (0, 1, 2))
        first += a * m0 + b * m1
        second += a * a * m0 + 2 * a * b * m1 + b * b * m2
    assert CLAIMS * first == pytest.approx(171_292.34, abs=0.005)
    assert math.sqrt(CLAIMS * second) == pytest.approx(125_413.42, abs=0.005)


def test_example_14_an_aggregate_layer_on_top_by_fast_fourier_transform():
    span, size = 100.0, 2**15
    edges = (np.arange(2**11) + 0.5) * span
    claims = 50_000 + np.concatenate([[0.0], edges])
    # Probability that the ceded amount lies within half a step of each grid point; the layer's cap collects the tail.
    cdf = lognorm.cdf(claims, SIGMA, scale=math.exp(MU))
    grid = np.arange(2**11) * span
    ceded = np.asarray(
        pl.DataFrame({"claim": grid + 50_000.0}).select(**EACH.evaluate({})).get_column("ceded").to_list()
    )
    assert ceded.max() == 150_000.0
    mass = np.zeros(size)
    top = int(150_000 / span)
    mass[0] = cdf[1]
    mass[1:top] = np.diff(cdf[1 : top + 1])
    mass[top] = 1.0 - mass[:top].sum()
    total = np.fft.irfft(np.exp(CLAIMS * (np.fft.rfft(mass) - 1.0)), size)
    sums = pl.DataFrame({"total": np.arange(size) * span})
    taken = sums.select(**ALL.evaluate({})).get_column("ceded").to_numpy()
    assert float(total @ sums.get_column("total").to_numpy()) == pytest.approx(171_292.34, rel=2e-5)
    assert float(total @ taken) == pytest.approx(84_621.0, abs=0.05)


# Example 18: the gain rate is Normal(0, 2%); threshold 2% both ways, gains 75% x .98, losses 40%, no caps.


def _symmetric_gate(threshold: float):
    return parse_contract(
        {
            "id": "example-18",
            "version": "1",
            "title": "Value of the gate's asymmetry",
            "amounts": "dollars",
            "inputs": [{"name": "gain", "about": "Gain as a part of a benchmark of 1"}],
            "terms": [
                {"step": "won", "term": "gate", "amount": "gain", "at_least": threshold, "when": "positive"}
                if threshold
                else {"step": "won", "term": "floor", "amount": "gain", "limits": [{"base": 0}]},
                {"step": "won_share", "term": "share", "amount": "won", "rates": [0.75]},
                {"step": "paid", "term": "levy", "amount": "won_share", "rate": 0.02},
                {"step": "lost", "term": "gate", "amount": "gain", "at_most": -threshold},
                {"step": "owed", "term": "share", "amount": "lost", "rates": [0.4]},
                {"step": "net", "term": "aggregate", "of": ["paid", "owed"]},
            ],
            "parameters": [{"name": "positive", "about": "always", "status": "read", "values": [{"value": True}]}],
            "outputs": [{"name": "net", "of": "net"}, {"name": "paid", "of": "paid"}, {"name": "owed", "of": "owed"}],
        }
    )


def _expected_over_normal(contract, output: str, sd: float) -> float:
    """E[output] for gain ~ Normal(0, sd), exactly over the straight stretches of the payoff curve."""
    curve = payoff(contract, {"gain": 0.0}, "gain", -0.1, 0.1, output=output)
    pieces = curve.pieces.pieces
    starts = [p.start / sd for p in pieces] + [math.inf]
    total = 0.0
    for piece, low, high in zip(pieces, starts, starts[1:], strict=False):
        total += piece.intercept * (norm.cdf(high) - norm.cdf(low)) + piece.slope * sd * (
            norm.pdf(low) - norm.pdf(high)
        )
    return total


def test_example_18_value_of_a_gate_with_no_true_saving():
    gated = _symmetric_gate(0.02)
    assert norm.sf(1.0) == pytest.approx(0.15866, abs=5e-6)
    assert _expected_over_normal(gated, "paid", 0.02) == pytest.approx(0.00355697, abs=5e-9)
    assert _expected_over_normal(gated, "owed", 0.02) == pytest.approx(-0.00193577, abs=5e-9)
    assert _expected_over_normal(gated, "net", 0.02) == pytest.approx(0.00162120, abs=5e-9)
    assert _expected_over_normal(_symmetric_gate(0.0), "net", 0.02) == pytest.approx(0.00267291, abs=5e-9)
