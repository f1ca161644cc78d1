"""A series of solves ends with Ctrl-C or its time limit, says so, and keeps what is done."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capitation.errors import CapitationError
from optimiser.answers import in_order
from optimiser.answers.alternatives import alternatives
from optimiser.answers.frontier import frontier
from optimiser.answers.optimise import optimise
from optimiser.blocks.start import starts
from optimiser.engines import highs
from optimiser.engines.answer import STOPPED_AFTER, STOPPED_WITHOUT_MIX
from optimiser.engines.highs import HighsSession
from optimiser.engines.series import STOPPED, TIME_UP, Series
from optimiser.futures import play
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of
from optimiser.problem.tables import tables_of

optimise_module = sys.modules[optimise.__module__]
PURSE = {
    "id": "two_way",
    "title": "two",
    "years": ["2020/21"],
    "budgets": [{"kind": "recurrent", "year": "2020/21", "pounds": 100}],
    "solutions": [
        {"id": "savers", "costs": [{"kind": "recurrent", "pounds": 100}], "savings": [{"pounds": 300}]},
        {
            "id": "carers",
            "costs": [{"kind": "recurrent", "pounds": 100}],
            "savings": [{"pounds": 100}],
            "benefits": [{"id": "days", "unit": "bed-days", "amount": 1000}],
        },
    ],
}


@pytest.fixture
def problem():
    return problem_of(PURSE, "two_way", Path())


@pytest.fixture
def stop_at(monkeypatch):
    """Ctrl-C at the nth solve."""
    real, seen = HighsSession.solve, []

    def at(number):
        def solve(self, **how):
            seen.append(1)
            if len(seen) == number:
                raise KeyboardInterrupt
            return real(self, **how)

        monkeypatch.setattr(HighsSession, "solve", solve)

    return at


def test_a_frontier_that_is_stopped_keeps_its_points(problem, stop_at):
    matrix = programme_matrix(problem)
    whole = frontier(matrix, ("npv", "days"), points=6)
    assert whole.ended == ""
    assert whole.points.height == 6
    stop_at(8)  # the first goal, two for the ends, two at the far end, then points
    part = frontier(matrix, ("npv", "days"), points=6)
    assert part.ended == STOPPED
    assert 0 < part.points.height < 6
    kept = whole.points.filter(whole.points["point"].is_in(part.points["point"].implode()))
    assert part.points["npv"].to_list() == pytest.approx(kept["npv"].to_list())


def test_a_frontier_stopped_before_its_first_answer_says_so(problem, stop_at):
    stop_at(1)
    with pytest.raises(CapitationError, match="stopped by the user"):
        frontier(programme_matrix(problem), ("npv", "days"), points=6)


def test_alternatives_that_are_stopped_keep_the_mixes_found(problem, stop_at):
    matrix = programme_matrix(problem)
    best = highs.solve(matrix)
    weights = starts(tables_of(problem)).select("solution", "place", "weight")
    stop_at(4)
    found = alternatives(matrix, best, weights, within=0.2)
    assert found.ended == STOPPED
    assert found.mixes.height >= 2


def test_a_series_ends_with_its_time_and_begins_nothing_more(problem):
    series = Series(0.0)
    assert series.solve(HighsSession(programme_matrix(problem))) is None
    assert series.ended == TIME_UP
    assert not series.goes_on()


def test_ctrl_c_during_a_linear_solve_keeps_the_goals_reached_and_lists_the_rest(monkeypatch):
    real, seen = highs._QuietHighs.run, []

    def run(self):
        seen.append(1)
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self)

    monkeypatch.setattr(highs._QuietHighs, "run", run)
    outcome = optimise(problem_of({**PURSE, "goals": [{"measure": "npv"}, {"measure": "days"}]}, "two_way", Path()))
    assert outcome.headline.objective == pytest.approx(200)
    assert outcome.scales() == pytest.approx({"savers": 1, "carers": 0})
    assert outcome.not_reached == (("days", "interrupted"),)
    assert outcome.status == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


CURVED = {
    "id": "curved",
    "title": "a dearer part whose effect the system would rather have first",
    "years": ["2020/21", "2021/22"],
    "discount_rate": "0",
    "activity": [{"point_of_delivery": "ne", "units": 1000}],
    "prices": [{"point_of_delivery": "ne", "tariff_pounds": 100, "variable_cost_pounds": 100}],
    "perspective": "system",
    "solutions": [
        {
            "id": "visits",
            "effects": [{"point_of_delivery": "ne", "central": 0.2}],
            "returns": [{"scale": 0.5, "effect": 0.7}, {"scale": 1, "effect": 1}],
        }
    ],
}


def _stopped(answer):
    return replace(answer, notes=(*answer.notes, STOPPED_AFTER))


def test_after_ctrl_c_returns_are_not_put_in_order_by_more_solves_and_the_mix_says_so(monkeypatch):
    problem = problem_of(CURVED, "curved", Path())
    solves = []
    real = optimise_module.solve_whole

    def once(*args):
        solves.append(1)
        return _stopped(real(*args))

    monkeypatch.setattr(optimise_module, "solve_whole", once)
    monkeypatch.setattr(optimise_module, "skipped_segments", lambda *_: frozenset({("visits", "ALL")}))
    outcome = optimise(problem)
    assert len(solves) == 1
    assert any(
        "before returns were put in order: a later part of the curve of visits" in n for n in outcome.answer.notes
    )


def test_what_is_kept_in_order_is_not_worked_out_again_after_ctrl_c(monkeypatch, problem):
    answer = highs.solve(programme_matrix(problem))
    monkeypatch.setattr(in_order, "skipped_segments", lambda _p, _a, done: frozenset({("visits", str(len(done)))}))
    seen = []

    def solve(found):
        def again(forced):
            seen.append(forced)
            return found

        return again

    in_order.kept_in_order(problem, solve(_stopped(answer)), lambda found: [found])
    assert len(seen) == 1
    in_order.kept_in_order(problem, solve(answer), lambda found: [found])
    assert len(seen) > 2


def test_ctrl_c_while_the_plan_is_sought_ends_a_robust_search(monkeypatch, problem):
    monkeypatch.setattr(play, "MERGE_FROM", 0)
    real, seen = optimise_module.solve_whole, []

    def stopped(*args):
        seen.append(1)
        return _stopped(real(*args))

    monkeypatch.setattr(optimise_module, "solve_whole", stopped)
    monkeypatch.setattr(play, "solve_whole", stopped)
    with pytest.raises(CapitationError, match="stopped by the user while the plan's own mix was sought"):
        play.robust_mix(problem, gamma=1)
    assert len(seen) == 1


def test_what_a_status_means_names_what_ended_the_search(problem):
    answer = highs.solve(programme_matrix(problem))
    none = replace(answer, values=None, status="no_solution_by_limit")
    assert "within the time limit" in none.meaning
    assert replace(none, notes=(STOPPED_WITHOUT_MIX,)).meaning.startswith("stopped by the user before a mix")
    near = replace(answer, status="gap", bound=answer.bound * 1.01, asked_gap=0.02)
    assert near.meaning.startswith("proved within the gap asked for")
    assert replace(near, asked_gap=0.0).meaning.startswith("kept by the exact product of effects")
