"""One log of every assumption: what is in it, what each end moves, how it is ranked, kept and said."""

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from capitation.allocation.providers import WHOLE_PPM, flows
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from optimiser.links.assumed.collect import entries_of
from optimiser.links.assumed.entries import LoggedFigure, StandIns
from optimiser.links.assumed.headlines import Headlines
from optimiser.links.assumed.inputs import inputs_of
from optimiser.links.assumed.kept import keep, kept_in, rests_on, stale_because
from optimiser.links.assumed.log import (
    Logged,
    Measured,
    MovedHeadline,
    effects_of,
    largest_of_mix,
    on_reported,
    ranked,
    searched_again,
)
from optimiser.links.assumed.shown import foremost
from optimiser.links.assumed.study import study
from optimiser.links.assumed.words import sentences


@pytest.fixture(scope="module")
def plan(blmk_run, pack):
    inputs = inputs_of(blmk_run, pack)
    headlines = Headlines(inputs, blmk_run)
    return Measured(headlines, entries_of(headlines.inputs))


def test_the_log_covers_every_part_of_the_plan_and_what_was_fitted(plan):
    parts = {entry.part for entry in plan.entries.values()}
    assert {
        "scenario",
        "parameter",
        "chain",
        "flows",
        "services",
        "cost behaviour",
        "options",
        "solutions",
        "problem",
    } <= parts
    fitted = {entry.id: entry.value for entry in plan.entries.values() if entry.fitted}
    assert round(fitted["fit of community to the plan"], 2) == Decimal("2.19")
    assert round(fitted["fit of ae to the plan"], 2) == Decimal("0.68")
    assert round(fitted["fit of ambulance to the plan"], 2) == Decimal("0.58")
    assert any(name.startswith("flow of other-acute") for name in fitted)
    assert any("floor on" in name for name in fitted)


def test_every_marked_flow_of_the_pack_is_a_place_of_an_entry(plan, pack):
    in_log = sum(len(entry.places) for entry in plan.entries.values() if entry.part == "flows")
    assert in_log == flows(pack).filter(pl.col("source") == "assumption").height == 128


def test_an_entry_with_a_value_has_a_range_that_holds_it(plan):
    for entry in plan.entries.values():
        if entry.value is not None:
            assert entry.low is not None, entry.id
            assert entry.high is not None, entry.id
            assert entry.low <= entry.value <= entry.high, entry.id


def test_a_stand_in_range_follows_the_evidence_and_keeps_shares_between_nothing_and_all():
    bare = LoggedFigure(
        "e", "problem", "d", "p", ("p",), Decimal("0.9"), "share of posts", None, None, "none", "red", None, None, ""
    )
    stand_ins = StandIns(red=Decimal("0.3"), amber=Decimal("0.15"))
    assert stand_ins.range_of(bare).high == 1
    assert stand_ins.range_of(bare).range_from == "stand-in"
    assert stand_ins.range_of(replace(bare, quality="amber", unit="pounds")).low == Decimal("0.765")


def test_a_parameter_at_its_end_gives_what_a_run_of_the_changed_pack_gives(plan, blmk_run):
    entry = plan.entries["parameter pace.over_target_threshold from 2016/17"]
    changed = entry.change(plan.headlines.inputs, entry.high)
    run = evaluate(changed.scenario, changed.pack)
    assert run.manifest.inputs["parameters/pace/over_target_threshold.toml"] == "varied"
    assert not run.locality_total.equals(blmk_run.locality_total)
    moved = {e.headline: e.at_high for e in effects_of(entry, plan).effects}
    both = blmk_run.locality_total.join(run.locality_total, on=["year", "stream", "area_code"], suffix="_now")
    need = (
        both.filter(pl.col("year") == "2018/19")
        .group_by("area_code")
        .agg(pl.col("total_pence", "total_pence_now").sum())
    )
    assert moved["moved"] == (need["total_pence"] - need["total_pence_now"]).abs().sum() // 2 > 0


def test_a_flow_set_anew_leaves_every_line_whole_and_all_money_in_place(plan):
    entry = plan.entries["flow of ae to X-ACUTE"]
    changed = entry.change(plan.headlines.inputs, entry.high)
    sums = flows(changed.pack).group_by("area_code", "line").agg(pl.col("share_ppm").sum())
    assert sums["share_ppm"].unique().to_list() == [WHOLE_PPM]
    run = plan.headlines.run_of(changed)
    assert (
        run.provider_allocation["allocation_pence"].sum()
        == plan.headlines.run.provider_allocation["allocation_pence"].sum()
    )
    assert run.provider_allocation.equals(evaluate(changed.scenario, changed.pack).provider_allocation)


def test_cost_at_plan_moves_positions_and_no_allocation(plan):
    entry = next(e for name, e in plan.entries.items() if name.endswith("cost_at_plan"))
    moved = {e.headline for e in effects_of(entry, plan).effects}
    assert "providers:do-minimum" in moved
    assert not moved & {"left", "moved", "furthest_under", "npv"}


def test_a_floor_set_to_nothing_never_lowers_the_value_of_the_mix(plan):
    effects = {e.headline: e for e in effects_of(plan.entries["problem blmk: floor on avoided_ae"], plan).effects}
    assert effects["npv"].at_low > effects["npv"].base == effects["npv"].at_high
    assert effects["npv"].method == "relaxation"


def test_an_end_at_which_no_plan_can_be_made_says_why(plan):
    logged = effects_of(plan.entries["parameter pace.floor_growth from 2016/17"], plan)
    assert logged.note.startswith("at 0: ")
    assert {effect.at_low for effect in logged.effects} == {None}


def test_the_most_moving_stand_first_and_the_mix_keeps_its_ten():
    entry = LoggedFigure(
        "a", "problem", "d", "p", ("p",), Decimal(1), "", Decimal(0), Decimal(2), "declared", "red", "red", "x", ""
    )
    small = Logged(replace(entry, id="small"), (MovedHeadline("npv", 100, 90, 110, "relaxation"),))
    large = Logged(replace(entry, id="large"), (MovedHeadline("left", 100, 100, 400, "run"),))
    still = Logged(replace(entry, id="still"))
    assert [each.entry.id for each in ranked([still, small, large])] == ["large", "small", "still"]
    assert [each.entry.id for each in largest_of_mix([still, small, large])] == ["small"]
    assert on_reported(small, {"npv": 80}).effects == (MovedHeadline("npv", 80, 70, 90, "relaxation"),)
    searched = Logged(entry, (MovedHeadline("npv", 100, 90, None, "whole"), MovedHeadline("left", 1, 2, 3, "run")))
    shown = on_reported(searched, {"npv": 80, "left": 9})
    assert shown.effects == (MovedHeadline("npv", 80, 70, None, "whole"), MovedHeadline("left", 1, 2, 3, "run"))


def test_a_log_of_a_scenario_alone_is_made_kept_and_found_stale_when_its_inputs_move(
    plan, blmk_run, tmp_path, monkeypatch
):
    inputs = replace(plan.headlines.inputs, options=None, options_file=None, problem=None, problem_file=None)
    chosen = [
        e for name, e in plan.entries.items() if name.startswith(("flow of ae", "parameter pace.over_target_threshold"))
    ]
    monkeypatch.setattr("optimiser.links.assumed.study.entries_of", lambda _: chosen)
    log = study(inputs, blmk_run)
    assert log.stages == ("allocations",)
    assert [each.rank for each in log.assumptions] == [1, 2, 3, 4, 5]
    most = [each.largest.most_pence if each.largest else 0 for each in log.assumptions]
    assert most == sorted(most, reverse=True)
    assert most[0] > 0
    keep(log, tmp_path / "assumptions.json")
    assert kept_in(tmp_path, inputs.content_key(blmk_run)) == log
    assert kept_in(tmp_path, "another") is None
    present = rests_on(inputs, blmk_run)
    assert stale_because(log, present, log.base) == []
    moved = {**present, "providers/flows.csv": "other"}
    assert stale_because(log, moved)[0].startswith("1 of its ")
    assert "was" in stale_because(log, present, {"left": 1})[0]
    said = sentences(log, {"X-ACUTE": "Other acute providers"})
    assert len(said) == 5
    assert all(text.endswith(".") for text in said)


def test_what_is_not_reached_in_time_says_so(plan, blmk_run, monkeypatch):
    inputs = replace(plan.headlines.inputs, options=None, options_file=None, problem=None, problem_file=None)
    monkeypatch.setattr("optimiser.links.assumed.study.entries_of", lambda _: list(plan.entries.values())[:3])
    log = study(inputs, blmk_run, seconds=0.0)
    assert {each.note for each in log.assumptions} == {"not run: the time was up"}


@pytest.mark.deep
def test_a_search_that_has_no_time_leaves_the_relaxation_and_says_so(plan):
    logged = effects_of(plan.entries["problem blmk: floor on avoided_ae"], plan)
    again = searched_again(logged, plan, 4.0)
    assert again.effects == logged.effects
    assert again.note.endswith("so that the relaxation stands")


@pytest.mark.parametrize(("most", "method"), [(102, "whole"), (103, "relaxation"), (None, "relaxation")])
def test_a_search_near_what_no_mix_can_pass_takes_the_place_of_the_relaxation(plan, monkeypatch, most, method):
    """A mix worth 100 where none can pass 102 says what an end is worth; where one might be worth 103, a better one may be missed."""
    entry = plan.entries["problem blmk: floor on avoided_ae"]
    logged = Logged(
        entry, (MovedHeadline("npv", 90, 80, 95, "relaxation"), MovedHeadline("mix_last_year", 9, 8, 9, "relaxation"))
    )
    worth = {"npv": 100, "mix_last_year": 10}
    monkeypatch.setattr(Headlines, "whole", lambda *_: (worth, most))
    monkeypatch.setattr("optimiser.links.assumed.log.whole_base", lambda _: {"npv": 99, "mix_last_year": 9})
    again = searched_again(logged, plan, 12.0)
    assert {each.method for each in again.effects} == {method}
    assert ("that the relaxation stands" in again.note) == (method == "relaxation")
    if method == "whole":
        assert again.effects[0] == MovedHeadline("npv", 99, 100, 99, "whole")


def test_a_screen_reads_what_is_kept_and_says_why_it_may_be_stale(plan, blmk_run, tmp_path, monkeypatch):
    inputs = replace(plan.headlines.inputs, options=None, options_file=None, problem=None, problem_file=None)
    monkeypatch.setattr("optimiser.links.assumed.study.entries_of", lambda _: list(plan.entries.values())[:3])
    log = study(inputs, blmk_run)
    keep(log, tmp_path / "assumptions.json")
    kept = foremost(blmk_run, inputs, tmp_path, most=2)
    assert (len(kept.sentences), kept.stale, kept.count) == (2, (), 3)
    monkeypatch.setattr("optimiser.links.assumed.shown.shipped_log", lambda *_: log.model_copy(update={"inputs": {}}))
    other = foremost(blmk_run, inputs)
    assert other.stale[0].endswith("...")
    assert "capitation assumptions RUN" in other.stale[-1]
    monkeypatch.setattr("optimiser.links.assumed.shown.shipped_log", lambda *_: None)
    assert foremost(blmk_run, inputs).sentences == ()


def test_a_run_of_a_plan_names_its_documents_and_its_chain_is_followed_before_the_mix(blmk_run, pack):
    named = {**blmk_run.manifest.inputs, "options/blmk.toml": "", "problems/blmk.toml": ""}
    frames = {**blmk_run.frames, "mix_line": pl.DataFrame(), "bridge": blmk_run.bridge.head(0)}
    whole = Run(blmk_run.manifest.model_copy(update={"inputs": named}), frames)
    inputs = inputs_of(whole, pack)
    assert inputs.options_file == pack.path("options/blmk.toml")
    assert inputs.problem_file == pack.path("problems/blmk.toml")
    bare = replace(inputs, options=None, options_file=None, problem=None, problem_file=None)
    assert Headlines(bare, whole).run.bridge.equals(blmk_run.bridge)
