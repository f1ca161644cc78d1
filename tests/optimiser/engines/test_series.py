"""A series of solves ends with Ctrl-C or its time limit, says so, and keeps what is done."""

import os
import signal
from pathlib import Path

import pytest

from capitation.errors import CapitationError
from optimiser.answers.alternatives import alternatives
from optimiser.answers.frontier import frontier
from optimiser.answers.optimise import optimise
from optimiser.blocks.start import starts
from optimiser.engines import highs
from optimiser.engines.highs import HighsSession
from optimiser.engines.series import STOPPED, TIME_UP, Series
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of
from optimiser.problem.tables import tables_of

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
