"""Simulation: the same positions whatever the threads, chunks and interruptions; layers add up; a state is whole or absent."""

import math
from dataclasses import replace

import numpy as np
import pytest

from capitation.chance.curves.normal import mean_excess
from capitation.chance.estimates import Estimates, difference, with_control
from capitation.chance.model import model
from capitation.chance.scores.draws import BLOCK
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import DocumentError, ScenarioError, SourceError, StoppedError, UnknownNameError
from tests.capitation.chance.places import book, by_line, by_person, figure

DRAWS = 5 * BLOCK + 100


@pytest.fixture(scope="module")
def lines():
    return model(*_listed(by_line(np.linspace(30_000, 50_000, 4), lines=3)))


def _listed(pair):
    return [pair[0]], pair[1]


class Stop:
    """Says stop when it is asked for the n-th time."""

    def __init__(self, after):
        self.left = after

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("is_single", [False, True])
def test_threads_chunks_and_interruptions_change_no_bit(lines, tmp_path, is_single):
    request = Request(DRAWS, 11, is_single=is_single)
    once = simulate(lines, request).hash
    for work in (
        SimulationWork(threads=2, chunk=1),
        SimulationWork(threads=1, chunk=3),
        SimulationWork(threads=2, chunk=2),
    ):
        assert simulate(lines, request, work).hash == once
    state = tmp_path / "kept" / "draws.npz"
    with pytest.raises(StoppedError, match=rf"after {2 * BLOCK:,} of {DRAWS:,} draws; they are kept in .*draws\.npz"):
        simulate(lines, request, SimulationWork(chunk=1, is_cancelled=Stop(2), state=state))
    assert [path.name for path in state.parent.iterdir()] == ["draws.npz"]
    seen = []
    again = simulate(
        lines, request, SimulationWork(threads=2, chunk=1, state=state, progress=lambda done, of: seen.append(done))
    )
    assert again.hash == once
    assert seen[0] > 2 * BLOCK
    assert seen[-1] == DRAWS
    assert list(state.parent.iterdir()) == []
    assert simulate(lines, replace(request, seed=12)).hash != once


def test_a_key_stroke_in_the_midst_keeps_whole_blocks_only(lines, tmp_path):
    state, request = tmp_path / "draws.npz", Request(DRAWS, 11)

    def stop(done, of):
        if done >= 2 * BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(lines, request, SimulationWork(chunk=1, state=state, progress=stop))
    assert np.load(state)["positions"].shape == (1, 4, 2 * BLOCK)
    assert simulate(lines, request, SimulationWork(state=state)).hash == simulate(lines, request).hash


def test_a_state_of_another_simulation_or_no_state_at_all_is_refused(lines, tmp_path):
    state = tmp_path / "draws.npz"
    with pytest.raises(StoppedError):
        simulate(lines, Request(DRAWS, 11), SimulationWork(chunk=1, is_cancelled=Stop(1), state=state))
    with pytest.raises(SourceError, match="found the state of another simulation"):
        simulate(lines, Request(DRAWS, 12), SimulationWork(state=state))
    state.write_bytes(state.read_bytes()[:200])
    with pytest.raises(SourceError, match="remove the file to start again"):
        simulate(lines, Request(DRAWS, 11), SimulationWork(state=state))
    with state.open("wb") as file:
        np.savez(file, about=np.array('{"draws": 1}'), positions=np.zeros((1, 4, 1)))
    with pytest.raises(SourceError, match="remove the file to start again"):
        simulate(lines, Request(DRAWS, 11), SimulationWork(state=state))
    with pytest.raises(SourceError, match="found a folder; expected a file for the state"):
        simulate(lines, Request(DRAWS, 11), SimulationWork(state=tmp_path))


def test_a_stop_before_the_first_draw_without_a_state_leaves_nothing(lines):
    with pytest.raises(StoppedError, match=r"after 0 of .* draws$"):
        simulate(lines, Request(DRAWS, 11), SimulationWork(is_cancelled=lambda: True))


def test_it_stops_early_at_the_same_draw_however_the_work_is_cut(lines):
    one = simulate(lines, Request(1_000_000, 11))
    error = float(one.system[0].std()) / math.sqrt(3.5 * BLOCK)
    stopped = [
        simulate(lines, Request(1_000_000, 11, stop_at=error), work)
        for work in (SimulationWork(chunk=1), SimulationWork(threads=2, chunk=7))
    ]
    assert [s.draws for s in stopped] == [4 * BLOCK, 4 * BLOCK]
    assert stopped[0].hash == stopped[1].hash
    assert np.array_equal(stopped[0].positions, one.positions[:, :, : 4 * BLOCK])
    assert Estimates(stopped[0]).mean(stopped[0].system[0]).error <= error


@pytest.mark.parametrize("shape", ["normal", "lognormal", "gamma"])
@pytest.mark.parametrize("is_single", [False, True])
def test_each_shape_has_the_mean_and_the_sd_it_is_calibrated_to(shape, is_single):
    plans = book([5_000.0, 40_000.0])
    found = simulate(model([plans], by_person(shape=shape)), Request(200_000, 3, is_single=is_single))
    estimates = Estimates(found)
    for persons, values in zip(plans.persons, found.positions[0], strict=True):
        mean, sd = estimates.mean(values), estimates.sd(values)
        assert abs(mean.value) < 4 * mean.error
        assert abs(sd.value - 3.68 / math.sqrt(persons)) < 4 * sd.error


@pytest.mark.parametrize("shape", ["normal", "lognormal", "gamma"])
def test_lines_of_every_shape_add_up_to_the_whole(shape):
    plans, document = by_line([30_000.0, 50_000.0], lines=3)
    document = document.model_copy(update={"chance": document.chance.model_copy(update={"shape": shape})})
    found = simulate(model([plans], document, ("chance",)), Request(100_000, 3))
    for persons, values in zip(plans.persons, found.positions[0], strict=True):
        sd = Estimates(found).sd(values)
        assert abs(sd.value - 3.68 / math.sqrt(persons)) < 4 * sd.error


def test_a_shared_shock_does_not_pool_away_and_is_the_same_for_all():
    plans = book([30_000.0] * 25)
    document = by_person(shocks=[{"line": "all", "sd": figure(0.02)}])
    found = simulate(model([plans], document, ("environment",)), Request(50_000, 3))
    assert np.array_equal(found.positions[0, 0], found.positions[0, 24])
    assert found.system[0].std() == pytest.approx(0.02, rel=0.02)
    alone = simulate(model([plans], document, ("chance",)), Request(50_000, 3))
    assert alone.system[0].std() == pytest.approx(3.68 / math.sqrt(25 * 30_000), rel=0.02)


def test_shocks_of_two_lines_have_the_correlation_that_is_given():
    plans, _ = by_line([30_000.0], lines=2)
    rows = [[figure(1), figure(0.6)], [figure(0.6), figure(1)]]
    names = plans.lines
    both = by_person(
        shocks=[{"line": name, "sd": figure(0.05)} for name in names],
        correlation={"lines": names[::-1], "matrix": rows},
    )
    plans = replace(plans, cases=None, case_pence=None)
    system = simulate(model([plans], both, ("environment",)), Request(200_000, 3)).system[0]
    share = plans.line_share[0]
    sd = 0.05 * math.sqrt((share**2).sum() + 2 * 0.6 * share.prod())
    assert system.std() == pytest.approx(sd, rel=0.01)


def test_growth_builds_up_over_years_and_is_one_truth_while_chance_falls_anew():
    rate = {"low": figure(0.0), "mode": figure(0.01), "high": figure(0.02)}
    document = by_person(growth={"rate": rate})
    plans = [book([40_000.0], year=f"20{y}/{y + 1}") for y in (16, 18, 20)]
    grown = simulate(model(plans, document, ("growth",)), Request(20_000, 5)).positions[:, 0]
    assert grown[0] == pytest.approx(0.0, abs=1e-12)
    assert (1 + grown[1]) ** 2 == pytest.approx(1 + grown[2])
    assert grown[1].mean() == pytest.approx(0.0201, rel=0.01)
    chance = simulate(model(plans, document, ("chance",)), Request(20_000, 5)).positions[:, 0]
    assert abs(np.corrcoef(chance)[0, 1:]).max() < 0.03


def test_price_and_list_size_have_their_own_mean_and_spread():
    document = by_person(
        price={"low": figure(0.97), "mode": figure(1.0), "high": figure(1.05)},
        list_size={"p10": figure(-0.017), "mean": figure(0.0), "p90": figure(0.027)},
    )
    plans = book([40_000.0, 50_000.0])
    price = simulate(model([plans], document, ("price",)), Request(100_000, 5)).positions[0]
    assert np.array_equal(price[0], price[1])
    assert price[0].mean() == pytest.approx(0.02 / 3, abs=2e-4)
    lists = simulate(model([plans], document, ("list-size",)), Request(100_000, 5)).positions[0]
    assert np.quantile(lists[0], [0.1, 0.9]) == pytest.approx([-0.017, 0.027], abs=4e-4)
    assert abs(lists[0].mean()) < 2e-4
    assert abs(np.corrcoef(lists)[0, 1]) < 0.02


def delivery(correlation, delay=0.0, failure=0.0):
    return {
        "effect": {"p10": figure(0.1), "mean": figure(0.5), "p90": figure(0.9)},
        "cost": {"low": figure(0.1), "mode": figure(0.5), "high": figure(2.0)},
        "delay": figure(delay),
        "failure": figure(failure),
        "correlation": figure(correlation),
    }


def with_solutions(year="2016/17"):
    return replace(
        book([40_000.0], year=year),
        solutions=("a", "b"),
        saving_share=np.full((2, 1), 0.02),
        cost_share=np.zeros((2, 1)),
    )


@pytest.mark.parametrize(("correlation", "times"), [(0.0, 1.0), (0.5, None), (1.0, 2.0)])
def test_solutions_that_turn_out_alike_spread_the_result_wider(correlation, times):
    found = simulate(
        model([with_solutions()], by_person(delivery=delivery(correlation)), ("delivery",)), Request(100_000, 5)
    )
    missed = found.positions[0, 0]
    assert missed.mean() == pytest.approx(0.02, abs=3e-4)  # half of 4% is not saved
    one = by_person(delivery=delivery(0.0)).delivery.effect.curve(0.0, 1.0).sd * 0.02
    if times is None:
        assert one * math.sqrt(2.1) < missed.std() < one * 1.95
    else:
        assert missed.std() == pytest.approx(one * math.sqrt(2 * times), rel=0.01)


def test_delay_loses_the_first_year_and_failure_every_year():
    document = by_person(delivery=delivery(1.0, delay=0.25, failure=0.1))
    plans = [with_solutions(year) for year in ("2016/17", "2017/18")]
    found = simulate(model(plans, document, ("delivery",)), Request(100_000, 5)).positions[:, 0]
    # nothing delivered: 1 - 0.9 x 0.75 in the first year, one in ten after it
    assert (found[0] > 0.04 - 1e-9).mean() == pytest.approx(1 - 0.9 * 0.75, abs=0.01)
    assert (found[1] > 0.04 - 1e-9).mean() == pytest.approx(0.1, abs=0.01)


def test_cost_above_plan_is_added():
    plans = replace(with_solutions(), saving_share=np.zeros((2, 1)), cost_share=np.full((2, 1), 0.01))
    found = simulate(model([plans], by_person(delivery=delivery(0.0)), ("delivery",)), Request(100_000, 5)).positions[
        0, 0
    ]
    assert found.mean() == pytest.approx(2 * 0.01 * 2.6 / 3, rel=0.01)


def test_two_plans_meet_the_same_chances_so_their_difference_is_known_far_better():
    few, many = book([30_000.0]), book([33_000.0])
    one, other = (simulate(model([plans], by_person()), Request(20_000, 5)).positions[0, 0] for plans in (few, many))
    apart = np.maximum(one, 0) - np.maximum(other, 0)
    true = mean_excess(0, 3.68 / math.sqrt(30_000), 0) - mean_excess(0, 3.68 / math.sqrt(33_000), 0)
    found = difference(np.maximum(one, 0), np.maximum(other, 0))
    assert found.error == pytest.approx(apart.std() / math.sqrt(20_000))
    assert abs(found.value - true) < 4 * found.error
    another = simulate(model([many], by_person()), Request(20_000, 6)).positions[0, 0]
    assert found.error < 0.1 * difference(np.maximum(one, 0), np.maximum(another, 0)).error


def test_a_control_with_a_known_mean_makes_the_error_smaller_and_the_mean_no_worse():
    found = simulate(model([book([30_000.0])], by_person()), Request(50_000, 5))
    values = found.positions[0, 0]
    kept = np.minimum(values, 0.03)
    plain, helped = Estimates(found).mean(kept), with_control(kept, values, 0.0)
    true = -mean_excess(0.0, 3.68 / math.sqrt(30_000), 0.03)
    assert helped.error < 0.3 * plain.error
    assert abs(helped.value - true) < 4 * helped.error


def test_sobol_needs_a_tenth_of_the_draws_for_the_error_of_the_mean_position(lines):
    even = simulate(lines, Request(8_192, 3, method="sobol"))
    chance = simulate(lines, Request(98_304, 3))
    for row in (0, 3):
        ours = Estimates(even).mean(even.positions[0, row])
        theirs = Estimates(chance).mean(chance.positions[0, row])
        assert ours.error < theirs.error
        assert abs(ours.value) < 5 * ours.error + 1e-5


@pytest.mark.parametrize(
    ("of", "error", "words"),
    [
        (lambda m: simulate(m, Request(0, 1)), ScenarioError, "draws: found 0"),
        (
            lambda m: simulate(m, Request(10**11, 1)),
            ScenarioError,
            "found 100,000,000,000, which take .* expected at most",
        ),
        (lambda m: simulate(m, Request(10, 1, stop_at=0.0)), ScenarioError, "standard error: found 0.0"),
        (lambda m: simulate(m, Request(8_192, 1, "sobol", stop_at=0.1)), ScenarioError, "monte-carlo only"),
        (lambda m: simulate(m, Request(10, 1), SimulationWork(threads=0)), ScenarioError, "found 0 threads"),
        (lambda m: model(m.books, m.document, ("weather",)), UnknownNameError, "unknown layer with figures 'weather'"),
        (
            lambda m: model(m.books, m.document, ()),
            ScenarioError,
            "layers: found none; expected at least one of chance",
        ),
        (lambda m: model([*m.books, book([1.0])], m.document), ScenarioError, "that do not share localities"),
        (lambda m: model([], m.document), ScenarioError, "found 0"),
        (
            lambda m: model([book([30_000.0])], by_person(delivery=delivery(0.0)), ("delivery",)),
            ScenarioError,
            "delivery: found no solutions in the plan",
        ),
        (
            lambda m: model([book([30_000.0])], by_person(shocks=[{"line": "ae", "sd": figure(0.1)}])),
            DocumentError,
            "shocks: ae: found a line the plan does not have; expected one of all",
        ),
        (
            lambda m: model([book([30_000.0], year="2015/16")], by_person()),
            DocumentError,
            "plan of 2015/16: found a year before the figures hold; expected 2016/17 or later",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(lines, of, error, words):
    with pytest.raises(error, match=words):
        of(lines)
