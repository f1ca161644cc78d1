"""`capitation run`, `trace` and `check` as their users run them."""

import json
from pathlib import Path

from capitation.pack.layers import put_together, shipped_packs
from capitation.run.run import load_run


def test_a_run_is_written_whole_and_can_be_traced(capitation, pack, tmp_path):
    answer = capitation("run", pack.root / "scenarios" / "blmk.toml", "--out", tmp_path, "--csv", "--xlsx", "--json")
    assert answer.code == 0, answer.err
    shown = json.loads(answer.out)
    run = load_run(tmp_path / shown["run_id"])
    assert run.id == shown["run_id"]
    assert len(shown["written"]) == 3
    figure = "allocation.allocation_pence year=2018/19 stream=ccg level=practice code=E81002"
    text = capitation("trace", tmp_path / run.id, figure, "--depth", "12")
    assert text.code == 0, text.err
    assert "1,156,545" in text.out
    assert "DISAGREES" not in text.out
    tree = json.loads(capitation("trace", tmp_path / run.id, *figure.split(), "--json", "--depth", "1").out)
    assert tree["kind"] == "figure"


def test_a_scenario_that_is_not_there_ends_with_code_2_and_nothing_written(capitation, tmp_path):
    answer = capitation("run", tmp_path / "blmk.toml", "--out", tmp_path / "runs")
    assert answer.code == 2
    assert "no such file" in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_year_that_the_run_does_not_have_is_refused_before_anything_is_written(capitation, pack, tmp_path):
    scenario = pack.root / "scenarios" / "blmk.toml"
    for year, part in (("2028/29", "2016/17"), ("2018-19", "write it as")):
        answer = capitation("run", scenario, "--out", tmp_path / "runs", "--year", year)
        assert (answer.code, part in answer.err) == (2, True)
    assert not (tmp_path / "runs").exists()


def test_the_shipped_pack_has_no_fault(capitation):
    answer = capitation("check")
    assert (answer.code, "0 faults" in answer.out) == (0, True), answer.err


def test_a_pack_at_fault_is_reported_whole(capitation, pack, tmp_path):

    copy = tmp_path / "data"
    put_together(pack.root, copy)
    (copy / "sources" / "hsj-blmk-2016" / "source.toml").write_text("id = 1\n")
    parameter = copy / "parameters" / "appraisal" / "discount_rate.toml"
    parameter.write_text(parameter.read_text().replace("unit", "unti", 1))
    answer = capitation("check", "--data", copy)
    assert answer.code == 2
    assert "hsj-blmk-2016" in answer.err
    assert "discount_rate" in answer.err
    assert json.loads(capitation("check", "--data", copy, "--json").out)["faults"]


def test_help_names_every_command(capitation):
    answer = capitation("--help")
    for word in ("run", "allocate", "need", "trace", "check", "places", "import", "demo"):
        assert word in answer.out, word


def scenario_with(pack, tmp_path, before, after):
    text = (pack.root / "scenarios" / "blmk.toml").read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "blmk.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return path


def test_money_that_grows_tenfold_is_refused_before_anything_is_written_unless_a_reason_is_given(
    capitation, pack, tmp_path
):
    path = scenario_with(pack, tmp_path, "pounds = 1254037000", "pounds = 12540370000")
    refused = capitation("run", path, "--data", pack.root, "--out", tmp_path / "runs")
    assert refused.code == 2
    assert "growth: found" in refused.err
    assert "ccg, 2020/21 over 2019/20" in refused.err
    assert "--accept growth=REASON" in refused.err
    assert not (tmp_path / "runs").exists()
    accepted = capitation(
        "run", path, "--data", pack.root, "--out", tmp_path / "runs", "--accept", "growth=a merger of three systems",
        "--accept", "pounds_per_head=as above", "--json",
    )  # fmt: skip
    assert accepted.code == 0, accepted.err
    notes = load_run(tmp_path / "runs" / json.loads(accepted.out)["run_id"]).manifest.notes
    assert any("Reason given: a merger of three systems" in note for note in notes)


def test_money_that_grows_by_a_quarter_is_named_and_the_run_stands(capitation, pack, tmp_path):
    path = scenario_with(pack, tmp_path, "pounds = 1254037000", "pounds = 1500000000")
    answer = capitation("run", path, "--data", pack.root, "--out", tmp_path / "runs", "--json")
    assert answer.code == 0, answer.err
    (note,) = json.loads(answer.out)["notes"]
    assert note.startswith("implausible: growth: ")
    assert note in answer.err


def test_the_shipped_scenario_is_plausible_throughout(capitation, pack, tmp_path):
    answer = capitation("run", "blmk", "--out", tmp_path, "--json")
    assert json.loads(answer.out)["notes"] == []


def test_a_scenario_of_the_pack_runs_by_its_id(capitation, tmp_path):
    answer = capitation("run", "blmk", "--out", tmp_path, "--json")
    assert answer.code == 0, answer.err
    assert len(list(tmp_path.glob("*/manifest.json"))) == 1


def test_a_scenario_inside_a_pack_belongs_to_it_and_is_not_explained_by_another(capitation, pack, tmp_path):
    own = put_together(pack.root, tmp_path / "own")
    path = own / "parameters/pace/over_target_growth.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("value = 0.00163", "value = 0.009"), encoding="utf-8")
    answer = capitation("run", own / "scenarios/blmk.toml", "--out", tmp_path / "runs", "--json")
    assert answer.code == 0, answer.err
    run = tmp_path / "runs" / json.loads(answer.out)["run_id"]
    figure = "pace.lower_pence year=2018/19 stream=ccg area_code=L-U83511"
    refused = capitation("trace", run, figure)
    assert refused.code == 2
    assert "parameters/pace/over_target_growth.toml" in refused.err
    assert "--data" in refused.err
    shown = capitation("trace", run, figure, "--data", own)
    assert shown.code == 0, shown.err
    assert "cap_growth = 0.009" in shown.out


def test_a_run_says_what_it_did_not_read_and_what_changed_without_moving_a_figure(capitation, tmp_path):
    region, vale = Path(__file__).parents[1] / "cases" / "region", tmp_path / "vale"
    given = [word for name in ("practices", "places", "totals") for word in (f"--{name}", region / f"{name}.csv")]
    assert capitation("new", "vale", *given, "--out", vale).code == 0
    command = ("run", vale / "scenarios" / "vale.toml", "--out", tmp_path / "runs")
    first = json.loads(capitation(*command, "--json").out)
    assert "prices.efficiency" in first["unread_parameters"]
    assert first["changed_without_effect"] == []
    text = (shipped_packs() / "england" / "parameters" / "prices" / "efficiency.toml").read_text(encoding="utf-8")
    own = vale / "parameters" / "prices" / "efficiency.toml"
    own.parent.mkdir(parents=True)
    own.write_text(text + "# of our own\n", encoding="utf-8")
    said = capitation(*command).out
    assert (
        f"no figure moved since run {first['run_id']}, though these inputs changed: parameters/prices/efficiency.toml"
        in said
    )
    document = vale / "scenarios" / "vale.toml"
    document.write_text(
        document.read_text(encoding="utf-8").replace('system_name = "vale"', 'system_name = "The Vale"'),
        encoding="utf-8",
    )
    assert "no figure moved" not in capitation(*command).out
