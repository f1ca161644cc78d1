"""A run knows no system: any stream codes and years, any column of lists, any source of the plan, and parts that are not there."""

import re

import polars as pl
import pytest

from capitation.errors import CapitationError, DocumentError, FrameError, SourceError, UnknownNameError
from capitation.pack.layers import put_together
from capitation.pack.sources import DataPack, sha256_of
from capitation.run.evaluate import evaluate
from capitation.run.formulas import FORMULAS
from capitation.run.run import NO_FILES, Run, inputs_that_differ, require_same_inputs
from capitation.run.scenario import read_scenario
from capitation.run.trace import Context, explain, parse_figure

LISTS = "sources/nhs-england-ccg-target-2018-19/practices.csv"


@pytest.fixture
def own(pack, tmp_path):
    """A pack of one's own to change: all files in one folder."""
    return put_together(pack.root, tmp_path / "own")


def rewritten(folder, name, *changes):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def scenario_text(folder):
    return (folder / "scenarios/blmk.toml").read_text(encoding="utf-8")


def run_of(folder):
    return evaluate(read_scenario(folder / "scenarios/blmk.toml"), DataPack(folder))


def one_stream(text):
    """The scenario with its primary medical stream alone."""
    kept, skip = [], False
    for block in re.split(r"(?m)^(?=\[)", text):
        head = block.split("\n")[0]
        if head in {"[[streams]]", "[[money.streams]]"}:
            skip = 'stream = "primary-medical"' not in block
        elif head.startswith(("[[money.totals]]", "[[money.top_slices]]", "[[gaps")) or head == "[gaps.total]":
            skip = True
        elif head not in {"[streams.opening]", "[streams.statutory]", "[[money.streams.amounts]]"}:
            skip = False
        if not skip:
            kept.append(block)
    return "".join(kept).replace('["ccg", "primary-medical", "specialised"]', '["primary-medical"]')


def test_a_stream_may_have_any_code(own, blmk_run):
    rewritten(own, "scenarios/blmk.toml", ('"ccg"', '"icb-2018.x"'))
    rewritten(own, "providers/service-streams.csv", (",ccg,", ",icb-2018.x,"))
    rewritten(own, "policies/blmk-2016-17.toml", ('"ccg"', '"icb-2018.x"'))
    run = run_of(own)
    was = blmk_run.allocation.with_columns(pl.col("stream").replace("ccg", "icb-2018.x"))
    columns = ["year", "stream", "level", "code"]
    assert run.allocation.sort(columns).equals(was.sort(columns))
    assert run.provider_allocation.equals(blmk_run.provider_allocation)


def test_a_stream_that_pays_for_no_service_is_said_with_its_money(own):
    rewritten(own, "scenarios/blmk.toml", ('"ccg"', '"icb"'))
    (row,) = run_of(own).set_aside.filter(pl.col("subject").str.ends_with("not modelled")).iter_rows(named=True)
    assert row["subject"] == "services of stream icb not modelled"
    assert "names no service that it pays for" in row["reason"]


def test_one_stream_alone_runs(own):
    (own / "scenarios/blmk.toml").write_text(one_stream(scenario_text(own)), encoding="utf-8")
    run = run_of(own)
    assert run.allocation["stream"].unique().to_list() == ["primary-medical"]
    assert run.allocation.filter(level="practice", year="2020/21")["allocation_pence"].sum() == 13_635_800_000
    assert not run.locality_activity.is_empty()


def test_a_year_after_the_plan_is_said_to_have_no_activity(own):
    text = scenario_text(own).replace('last_year = "2020/21"', 'last_year = "2021/22"')
    blocks = []
    for block in re.split(r"(?m)^(?=\[)", text):
        blocks.append(block)
        if block.startswith(("[[population.totals]]", "[[money.streams.amounts]]")) and 'year = "2020/21"' in block:
            more = block.replace('"2020/21"', '"2021/22"').replace("blmk-stp-2016", "assumption")
            marks = 'owner = "me"\nquality = "red"\nwhere =' if block.startswith("[[money") else "where ="
            blocks.append(more.replace("where =", marks))
    (own / "scenarios/blmk.toml").write_text("".join(blocks), encoding="utf-8")
    run = run_of(own)
    assert "2021/22" in run.allocation["year"].to_list()
    assert "2021/22" not in run.locality_activity["year"].to_list()
    said = run.set_aside.filter(subject="activity of 2021/22 not modelled")["reason"].to_list()
    assert said == ["The plan prints activity from 2016/17 to 2020/21 only."]


def test_the_column_of_the_lists_is_the_one_that_the_vintage_names(own):
    before = sha256_of(own / LISTS)
    rewritten(own, LISTS, ("registered_2018_19", "registered_lists"))
    rewritten(own, "sources/nhs-england-ccg-target-2018-19/source.toml", (before, sha256_of(own / LISTS)))
    rewritten(own, "need/vintages/2018-19.toml", ('"registered_2018_19"', '"registered_lists"'))
    context = Context(run_of(own), DataPack(own))
    figure = parse_figure("practice_need.weighted_persons stream=ccg practice_code=E81002", context.run)
    assert explain(context, figure, FORMULAS, depth=2).disagrees == ""
    people = parse_figure("population.registered_micro year=2018/19 practice_code=E81002", context.run)
    assert explain(context, people, FORMULAS, depth=2).disagrees == ""


def test_the_plan_may_be_called_anything(own, blmk_run):
    (own / "sources/blmk-stp-2016").rename(own / "sources/my-plan-2016")
    for path in own.rglob("*"):
        if path.suffix in {".toml", ".csv"} and "blmk-stp-2016" in (text := path.read_text(encoding="utf-8")):
            path.write_text(text.replace("blmk-stp-2016", "my-plan-2016"), encoding="utf-8")
    run = run_of(own)
    assert run.provider_allocation.equals(blmk_run.provider_allocation)
    assert run.locality_activity.equals(blmk_run.locality_activity)


@pytest.mark.parametrize(
    ("lost", "empty", "whole"),
    [
        (
            "providers/flows.csv",
            ["flow", "provider_allocation"],
            ["service_envelope", "unit_cost", "locality_activity"],
        ),
        ("providers/service-streams.csv", ["service_envelope", "flow"], ["unit_cost", "locality_activity"]),
        ("activity/points-of-delivery.csv", ["locality_activity", "unit_cost", "flow"], ["service_envelope"]),
        ("activity/national-costs.csv", ["unit_cost", "flow"], ["locality_activity", "service_envelope"]),
        ("sources/blmk-stp-2016/reading.toml", ["locality_activity", "unit_cost", "service_envelope", "flow"], []),
    ],
)
def test_a_file_that_is_not_there_empties_what_rests_on_it_and_nothing_else(own, blmk_run, lost, empty, whole):
    (own / lost).unlink()
    run = run_of(own)
    assert [name for name in empty if not run.frame(name).is_empty()] == []
    assert [name for name in whole if run.frame(name).is_empty()] == []
    assert run.allocation.equals(blmk_run.allocation)
    assert run.place_distance.equals(blmk_run.place_distance)
    assert run.set_aside.filter(pl.col("subject").str.ends_with("not modelled")).height >= 1


def test_names_are_optional(own, blmk_run):
    for name in (
        "places/localities.csv",
        "places/practices-2018-19.csv",
        "places/organisations.csv",
        "providers/flows.csv",
    ):
        (own / name).unlink()
    run = run_of(own)
    assert set(run.code_name["kind"]) == {"system", "provider"}
    assert run.allocation.equals(blmk_run.allocation)


def test_the_scenario_names_its_own_map(own, blmk_run):
    (own / "places/membership.csv").rename(own / "places/my-map.csv")
    with pytest.raises(CapitationError, match=r"membership\.csv"):
        run_of(own)
    rewritten(own, "scenarios/blmk.toml", ("[practices]", '[files]\nmembership = "places/my-map.csv"\n\n[practices]'))
    assert run_of(own).allocation.equals(blmk_run.allocation)


def test_of_a_map_of_two_years_the_year_of_the_lists_is_taken(own, blmk_run):
    path = own / "places/membership.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    later = [line.replace("2018/19", "2019/20").replace("L-", "M-") for line in lines[1:]]
    path.write_text("".join([*lines, *later]), encoding="utf-8")
    assert run_of(own).membership.equals(blmk_run.membership)
    path.write_text(
        "".join([lines[0], *later, *(line.replace("2019/20", "2020/21") for line in later)]), encoding="utf-8"
    )
    with pytest.raises(FrameError, match="found the years 2019/20, 2020/21; expected one year, or rows of 2018/19"):
        run_of(own)


def test_a_map_and_a_practice_table_name_the_same_practices(own):
    path = own / "places/membership.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("E81002,", "E8100X,"), encoding="utf-8")
    with pytest.raises(FrameError) as error:
        run_of(own)
    assert "practice E81002: found no row" in str(error.value)
    assert "practice E8100X: found no row" in str(error.value)
    assert "Did you mean" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('place_based_streams = ["ccg"', 'place_based_streams = ["cgc"', "names 'cgc', which is no paced stream"),
        ("[practices]", '[activity]\nneed_stream = "cgc"\n\n[practices]', "names 'cgc', which has no rule"),
        ('last_year = "2020/21"', 'last_year = "2015/16"', "must be after the opening year 2015/16"),
    ],
)
def test_a_scenario_that_does_not_hold_together_says_so(own, old, new, words):
    path = rewritten(own, "scenarios/blmk.toml", (old, new))
    with pytest.raises(DocumentError, match=words):
        read_scenario(path)


def test_a_stream_of_no_rule_is_named_and_a_plan_that_is_none_too(own):
    scenario = read_scenario(own / "scenarios/blmk.toml")
    with pytest.raises(UnknownNameError, match="Did you mean 'ccg'"):
        scenario.rule("cccg")
    rewritten(own, "scenarios/blmk.toml", ("policy = ", 'plan = "blmk-stp-2017"\npolicy = '))
    with pytest.raises(UnknownNameError, match="Did you mean 'blmk-stp-2016'"):
        run_of(own)


def test_a_run_is_explained_by_the_pack_that_made_it_and_by_no_other(own, blmk_run, pack):
    require_same_inputs(blmk_run, pack)
    rewritten(own, "parameters/pace/over_target_growth.toml", ("value = 0.00163", "value = 0.009"))
    other = DataPack(own)
    assert inputs_that_differ(run_of(own), other) == []
    assert "parameters/pace/over_target_growth.toml" in inputs_that_differ(blmk_run, other)
    with pytest.raises(SourceError, match=r"over_target_growth\.toml.*give the pack it was made with by --data"):
        require_same_inputs(blmk_run, other)


def test_a_printed_total_that_differs_from_its_streams_is_in_the_report(own, capsys):
    from api.boards.run import show_run

    text = scenario_text(own).replace("pounds = 1672756000", "pounds = 1672756001")
    (own / "scenarios/blmk.toml").write_text(text, encoding="utf-8")
    show_run(run_of(own), DataPack(own), "2020/21")
    said = " ".join(capsys.readouterr().out.split())
    assert "To check: the printed total of 2020/21 is £1,672.8m" in said
    assert "a difference of -£1.00" in said


def test_the_money_of_no_printed_total_is_still_complete(own):
    text = re.sub(r"(?s)\[\[money\.totals\]\].*?(?=\[\[money\.top_slices\]\])", "", scenario_text(own))
    (own / "scenarios/blmk.toml").write_text(text, encoding="utf-8")
    assert run_of(own).total_check.is_empty()


def test_all_streams_straight_to_target_run_without_pace(pack, capsys):
    from api.boards.run import show_run

    scenario = read_scenario(pack.path("scenarios/blmk.toml"))
    straight = tuple(rule.model_copy(update={"paced": False, "statutory": None}) for rule in scenario.streams)
    run = evaluate(scenario.model_copy(update={"streams": straight, "place_based_streams": ()}), pack)
    assert run.pace.is_empty()
    assert run.place_distance.is_empty()
    assert run.allocation.filter(level="system", year="2018/19")["allocation_pence"].sum() == 153_574_100_000
    show_run(run, pack, "2018/19")
    assert "1,535,741" in capsys.readouterr().out


def test_no_stream_straight_to_target_runs_too(pack):
    scenario = read_scenario(pack.path("scenarios/blmk.toml"))
    paced = tuple(rule for rule in scenario.streams if rule.paced)
    kept = tuple(series for series in scenario.money.streams if series.stream in {rule.stream for rule in paced})
    money = scenario.money.model_copy(update={"streams": kept})
    run = evaluate(scenario.model_copy(update={"streams": paced, "money": money}), pack)
    assert run.allocation.filter(level="practice", year="2018/19")["allocation_pence"].sum() == 153_574_100_000


def test_what_a_plan_was_made_from_beside_files_is_not_looked_for_in_the_pack(blmk_run, pack):
    inputs = {**blmk_run.manifest.inputs, **dict.fromkeys(NO_FILES, "0" * 64)}
    require_same_inputs(Run(blmk_run.manifest.model_copy(update={"inputs": inputs}), blmk_run.frames), pack)
