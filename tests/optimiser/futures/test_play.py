"""Futures of a document: each one's best mix and regret, robust and CVaR mixes, and the commands that offer them."""

import json
from pathlib import Path

import numpy as np
import pytest

from capitation.errors import CapitationError
from optimiser.answers.optimise import optimise
from optimiser.engines import highs
from optimiser.futures.cvar import extensive_form
from optimiser.futures.named import named_futures, without_futures
from optimiser.futures.play import (
    PLAN,
    cvar_mix,
    mix_in_futures,
    play_futures,
    robust_mix,
)
from optimiser.futures.regret import fix_first_stage
from optimiser.futures.together import alike_futures, allows_no_more, together
from optimiser.futures.whole_wards import carried
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of

TEXT = """
id = "choice"
title = "Sure or bold"
years = ["2020/21"]
budgets = [{ kind = "recurrent", year = "2020/21", pounds = 100 }]

[[solutions]]
id = "sure"
costs = [{ kind = "recurrent", pounds = 100 }]
savings = [{ id = "a", pounds = 200, low_pounds = 190, high_pounds = 200 }]

[[solutions]]
id = "bold"
costs = [{ kind = "recurrent", pounds = 100 }]
savings = [{ id = "b", pounds = 300, low_pounds = 120, high_pounds = 400 }]

[[futures]]
id = "as_planned"

[[futures]]
id = "poor"
effects = "low"
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "choice.toml"
    path.write_text(TEXT)
    return path


def choice(**extra):
    import tomllib

    return problem_of({**tomllib.loads(TEXT), **extra}, "choice", Path())


def test_the_plan_is_best_as_planned_and_regretted_where_effects_are_low():
    # one purse of £100: bold earns 200, or 20 where effects are low; sure earns 100, or 90
    played = play_futures(choice())
    rows = {row["future"]: row for row in played.futures.iter_rows(named=True)}
    assert rows["as_planned"]["best"] == pytest.approx(200)
    assert rows["as_planned"]["regret"] == pytest.approx(0)
    assert rows["poor"]["best"] == pytest.approx(90)
    assert rows["poor"]["plan"] == pytest.approx(20)
    assert rows["poor"]["regret"] == pytest.approx(70)
    table = played.regret.filter(candidate="poor", future="as_planned").row(0, named=True)
    assert (table["value"], table["regret"]) == (pytest.approx(100), pytest.approx(100))
    assert set(played.regret["candidate"]) == {PLAN, "as_planned", "poor"}


def test_a_mix_says_what_it_is_worth_in_every_named_future():
    shown = mix_in_futures(optimise(choice()))
    assert dict(shown.select("future", "value").iter_rows()) == pytest.approx({"as_planned": 200, "poor": 20})


def test_a_future_that_names_no_level_keeps_the_plans():
    low = choice(effects="low")
    assert mix_in_futures(optimise(low))["value"].to_list() == pytest.approx([90, 90])


def test_robust_takes_the_sure_one_where_one_may_disappoint():
    # bold loses 180 where it disappoints, sure 10: worst case of c on bold is 200c - 180c or 100 (1-c) + 200c - ...
    planned = robust_mix(choice(), gamma=0)
    assert planned.as_planned == planned.worst == pytest.approx(200)
    careful = robust_mix(choice(), gamma=2)
    assert careful.outcome.scales() == pytest.approx({"sure": 1, "bold": 0})
    assert (careful.as_planned, careful.worst) == (pytest.approx(100), pytest.approx(90))


def test_cvar_of_the_worst_half_takes_the_sure_one_and_weight_one_optimises_every_future():
    mean = cvar_mix(choice(), alpha=0.5, weight=0)
    assert mean.scales == pytest.approx({"sure": 0, "bold": 1})  # (200 + 20) / 2 against (100 + 90) / 2
    worst = cvar_mix(choice(), alpha=0.5, weight=1)
    assert worst.scales == pytest.approx({"sure": 1, "bold": 0})
    assert worst.values["value"].to_list() == pytest.approx([100, 90])


def test_with_weight_one_the_good_futures_are_worth_what_is_best_there_and_no_less():
    # staff taken on after the first stage: the good future has twice the activity, whose saving follows from the same mix
    problem = choice(
        perspective="system",
        providers=[{"id": "h"}],
        activity=[{"point_of_delivery": "visit", "units": 1000}],
        prices=[{"point_of_delivery": "visit", "tariff_pounds": 10, "variable_cost_pounds": 1}],
        blocks=[{"id": "clinic", "provider": "h", "point_of_delivery": "visit", "units": 100, "saving_pounds": 500,
                 "most": 9, "owner": "test", "quality": "red"}],
        whole_blocks=False,
        solutions=[{"id": "clinic", "effects": [{"point_of_delivery": "visit", "central": "0.2"}],
                    "costs": [{"kind": "recurrent", "pounds": 100}]}],
        futures=[{"id": "bad", "activity_factor": "0.5"}, {"id": "good", "activity_factor": "2"}],
    )  # fmt: skip
    found = cvar_mix(problem, alpha=0.5, weight=1)
    # bad: 100 visits avoided, £100 and one clinic; good: 400 visits, £400 and four clinics
    assert found.values["value"].to_list() == pytest.approx([100 + 500 - 100, 400 + 2000 - 100])
    assert found.found.mean == pytest.approx((500 + 2300) / 2)


def test_futures_are_refused_where_there_are_none_or_their_chances_do_not_add_up():
    with pytest.raises(CapitationError, match="names no futures"):
        named_futures(choice(futures=[]))
    with pytest.raises(CapitationError, match=r"add to 0\.5"):
        named_futures(choice(futures=[{"id": "a", "probability": "0.25"}, {"id": "b", "probability": "0.25"}]))
    with pytest.raises(CapitationError, match="to have one"):
        named_futures(choice(futures=[{"id": "a", "probability": "0.5"}, {"id": "b"}]))


def test_a_future_that_no_mix_survives_is_named():
    hard = choice(
        limits=[{"measure": "npv", "at_least": 95}],
        futures=[{"id": "fair"}, {"id": "ruin", "effects": "low"}],
    )
    with pytest.raises(CapitationError, match="ruin"):
        cvar_mix(hard)


def test_a_future_can_be_left_out_and_the_others_share_its_chance(capitation, file):
    left = without_futures(
        choice(
            futures=[
                {"id": "a", "probability": "0.5"},
                {"id": "b", "probability": "0.25"},
                {"id": "c", "probability": "0.25"},
            ]
        ),
        ["a"],
    )
    assert [(f.id, chance) for f, chance in named_futures(left)] == [("b", 0.5), ("c", 0.5)]
    done = capitation("cvar", file, "--without", "poor", "--json")
    assert [row["future"] for row in json.loads(done.out)["futures"]] == ["as_planned"]
    wrong = capitation("cvar", file, "--without", "pour")
    assert wrong.code == 2
    assert "poor" in wrong.err


def test_losses_count_the_contacts_that_are_saved_with_what_is_not_avoided():
    problem = choice(
        activity=[{"point_of_delivery": "visit", "units": 100}],
        prices=[{"point_of_delivery": "visit", "tariff_pounds": 10}],
        points_of_delivery=[{"id": "call", "contact_cost_pounds": 4}],
        solutions=[
            {
                "id": "line",
                "effects": [{"point_of_delivery": "visit", "low": "0.1", "central": "0.2", "high": "0.2"}],
                "receiving": [{"avoided_at": "visit", "received_at": "call", "contacts_per_unit": 1}],
            }
        ],
        futures=[],
    )
    # 20 visits at £10 less 20 calls at £4; at the low end half of both
    found = robust_mix(problem, gamma=1)
    assert found.as_planned == pytest.approx(120)
    assert found.losses["loss"].to_list() == pytest.approx([60])


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (
            ("appraise", "--draws", 50, "--seed", 3),
            {
                "money",
                "chances",
                "regret",
                "draws",
                "seed",
                "solutions",
                "localities",
                "switching",
                "floors",
                "tornado",
                "green_book",
            },
        ),
        (("futures",), {"futures", "regret", "mix"}),
        (("robust", "--disappoint", 1), {"worst", "as_planned", "losses"}),
        (("cvar", "--worst", 0.5, "--weight", 1), {"futures", "mean", "worst_mean", "weighed", "bound", "gap"}),
    ],
)
def test_every_way_to_use_futures_has_a_command(capitation, file, tmp_path, words, keys):
    first, *rest = words
    done = capitation(first, file, *rest, "--json", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert keys <= set(json.loads(done.out))
    assert list((tmp_path / "out").glob("*.csv"))


def test_optimise_shows_the_mix_in_the_futures_that_the_document_names(capitation, file):
    done = capitation("optimise", file, "--json")
    shown = {row["future"]: row["value"] for row in json.loads(done.out)["futures"]}
    assert shown == pytest.approx({"as_planned": 200, "poor": 20})
    assert programme_matrix(choice()).is_whole is False


def test_returns_fall_in_order_in_every_door():
    """In the first year half must run and only £40,000 may be lost: with returns in order that half avoids 700 units."""
    stated = {
        "id": "order",
        "title": "order",
        "years": ["2026/27", "2027/28"],
        "discount_rate": 0,
        "providers": [{"id": "H"}],
        "activity": [{"point_of_delivery": "ae", "units": 1000}],
        "prices": [{"point_of_delivery": "ae", "tariff_pounds": 100}],
        "stranded_limits": [{"provider": "H", "year": "2026/27", "pounds": 40_000}],
        "solutions": [
            {
                "id": "s",
                "smallest_scale": 0.5,
                "latest_start": "2026/27",
                "returns": [{"scale": 0.5, "effect": 0.7}, {"scale": 1, "effect": 1}],
                "effects": [{"point_of_delivery": "ae", "central": 1}],
            }
        ],
        "futures": [{"id": "same"}, {"id": "again"}],
    }
    problem = problem_of(stated, "order", Path())
    assert optimise(problem).headline.objective == pytest.approx(0, abs=1e-3)
    assert play_futures(problem).futures["best"].to_list() == pytest.approx([0, 0], abs=1e-3)
    assert robust_mix(problem).worst == pytest.approx(0, abs=1e-3)
    assert cvar_mix(problem).found.mean == pytest.approx(0, abs=1e-3)


def test_futures_whose_effects_coincide_are_weighed_with_those_whose_effects_do_not():
    """Two solutions avoid the same share as planned and different ones where effects are low: their overlap has other chords."""
    stated = {
        "id": "overlap",
        "title": "overlap",
        "years": ["2026/27"],
        "activity": [{"point_of_delivery": "ae", "units": 1000}],
        "prices": [{"point_of_delivery": "ae", "tariff_pounds": 100}],
        "solutions": [
            {"id": name, "effects": [{"point_of_delivery": "ae", "low": low, "central": "0.3"}]}
            for name, low in (("a", "0.1"), ("b", "0.2"))
        ],
        "futures": [{"id": "planned"}, {"id": "low", "effects": "low"}],
    }
    problem = problem_of(stated, "overlap", Path())
    shapes = {programme_matrix(problem, future=future).row_count for future in problem.futures}
    assert len(shapes) == 2
    mix = cvar_mix(problem, alpha=0.5, weight=0.5)
    assert dict(mix.values.select("future", "value").iter_rows()) == pytest.approx({"planned": 51_000, "low": 28_000})
    assert mix.found.cvar == pytest.approx(28_000)


CLOSING = {
    "id": "cv",
    "title": "Wards close by whole numbers",
    "years": ["2026/27"],
    "perspective": "system",
    "providers": [{"id": "H"}],
    "activity": [{"point_of_delivery": "ne", "units": 1000}],
    "prices": [{"point_of_delivery": "ne", "tariff_pounds": 1000, "variable_cost_pounds": 100}],
    "blocks": [{"id": "w", "provider": "H", "point_of_delivery": "ne", "units": 50, "saving_pounds": 60000, "most": 4}],
    "futures": [{"id": "bad", "effects": "low"}, {"id": "mid"}, {"id": "good", "effects": "high"}],
    "solutions": [
        {
            "id": "a",
            "effects": [{"point_of_delivery": "ne", "low": 0.06, "central": 0.12, "high": 0.2}],
            "costs": [{"kind": "recurrent", "pounds": 30000}],
        }
    ],
}


def test_a_large_cvar_mix_is_worth_what_whole_wards_bring_in_each_future(monkeypatch):
    monkeypatch.setattr("optimiser.futures.play.MERGE_FROM", 0)
    mix = cvar_mix(problem_of(CLOSING, "cv", Path()), alpha=1 / 3, weight=0.5)
    x = mix.scales["a"]

    def worth(effect):
        gone = 1000 * effect * x
        return 100 * gone + 60_000 * min(4, int(gone / 50 + 1e-9)) - 30_000 * x

    assert mix.values["value"].to_list() == pytest.approx([worth(e) for e in (0.06, 0.12, 0.2)])
    assert mix.found.mean == pytest.approx(mix.values["value"].mean())
    assert (mix.values["with_parts"] >= mix.values["value"] - 1e-6).all()
    assert mix.values["with_parts"].sum() > mix.values["value"].sum()
    assert any("no mix is better" in note for note in mix.notes)
    assert (mix.values["bound"] >= mix.values["value"] - 1e-6).all()
    assert mix.found.answer.best_possible >= mix.weighed - 1e-6
    every = [mixed(e) for e in np.linspace(0, 1, 401)]
    assert max(every) <= mix.found.answer.best_possible + 1e-6
    assert mix.weighed >= max(every) * (1 - 0.005)


def test_a_search_that_is_stopped_still_carries_its_mix_to_whole_wards(monkeypatch):
    monkeypatch.setattr("optimiser.futures.play.MERGE_FROM", 0)
    monkeypatch.setattr(
        "optimiser.futures.whole_wards.Clock.note", lambda clock, answer: setattr(clock, "stopped", True) or answer
    )
    said = []
    mix = cvar_mix(problem_of(CLOSING, "cv", Path()), alpha=1 / 3, weight=0.5, report=said.append)
    assert mix.found.answer.status == "interrupted"
    assert said[-1].startswith("stopped; ")
    x = mix.scales["a"]
    assert mix.weighed <= mixed(x) + 1e-6
    assert mix.weighed <= mix.found.answer.best_possible + 1e-6


def mixed(x):
    """Mean and worst of three futures, equally weighed, at a scale of the one solution of `CLOSING`."""
    goals = [
        100 * 1000 * e * x + 60_000 * min(4, int(1000 * e * x / 50 + 1e-9)) - 30_000 * x for e in (0.06, 0.12, 0.2)
    ]
    return 0.5 * sum(goals) / 3 + 0.5 * min(goals)


def test_futures_that_differ_in_costs_or_staff_alone_are_alike_and_short_staff_allows_no_more():
    group = {"workforce": [{"staff_group": "nurse", "wte": 5}]}
    content = {
        **CLOSING,
        "solutions": [{**CLOSING["solutions"][0], **group}],
        "staff": [{"staff_group": "nurse", "wte": 4}],
        "futures": [
            {"id": "plan"},
            {"id": "good", "effects": "high"},
            {"id": "short", "staff_factor": 0.8},
            {"id": "dear", "cost_factor": 1.2},
        ],
    }
    problem = problem_of(content, "cv", Path())
    plan, good, short, dear = (programme_matrix(problem, future=future).aim("npv") for future in problem.futures)
    assert alike_futures([plan, good, short, dear]) == [0, 1, 0, 0]
    assert allows_no_more(short, plan)
    assert not allows_no_more(plan, short)
    assert not allows_no_more(dear, plan)
    every = together([plan, good, short, dear], [0.25] * 4, alpha=0.5, weight=0.5)
    apart, _, places = extensive_form([plan, good, short, dear], [0.25] * 4, alpha=0.5, weight=0.5)
    assert every.matrix.column_count < apart.column_count
    assert highs.solve(every.matrix, prices=False).objective == pytest.approx(
        highs.solve(apart, prices=False).objective
    )
    assert [len(place) for place in every.places] == [len(place) for place in places]


def test_futures_that_are_stopped_keep_what_was_done_and_say_what_was_not(monkeypatch):
    asked = []

    def stopped(problem, future, **more):
        asked.append(future.id)
        if len(asked) > 2:  # the programme of the plan is put together elsewhere
            raise KeyboardInterrupt
        return programme_matrix(problem, future=future, **more)

    monkeypatch.setattr("optimiser.futures.play.programme_matrix", stopped)
    said = []
    played = play_futures(choice(), report=said.append)
    assert played.futures["future"].to_list() == ["as_planned"]
    assert played.futures["gap"].to_list() == [0]
    assert played.regret["candidate"].to_list() == [PLAN, "as_planned"]
    assert "not played: poor" in " ".join(played.notes)
    assert len(said) == 2


def test_a_mix_of_parts_is_carried_to_one_that_keeps_every_limit_with_whole_wards():
    content = {
        **CLOSING,
        "limits": [{"measure": "avoided", "at_least": 55}],
        "futures": [{"id": "mid"}, {"id": "good", "effects": "high"}],
    }
    problem = problem_of(content, "cv", Path())
    matrices = [programme_matrix(problem, future=future) for future in problem.futures]
    parts = [highs.solve(m.relaxed(), prices=False) for m in matrices]
    found = carried(matrices, [0.5, 0.5], parts[0].values * 0, alpha=0.5, weight=0.5, time_limit=20.0)
    assert found is not None
    mix, goals = found
    for matrix, goal, loose in zip(matrices, goals, parts, strict=True):
        kept = highs.solve(fix_first_stage(matrix, mix), prices=False)
        closed = kept.column("block_released")["value"]
        assert kept.measure("avoided") >= 55 - 1e-6
        assert closed.to_list() == pytest.approx(closed.round().to_list())
        assert goal <= kept.objective + 1e-6 <= loose.objective + 2e-6
