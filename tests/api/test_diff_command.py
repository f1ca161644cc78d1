"""`capitation diff`: two runs of options compared figure by figure, and `compare` without a folder."""

import json

import polars as pl
import pytest

TWO = ("--option", "do-minimum", "--option", "blended")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the second run of this module is written, by the first test that asks for it."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def runs(capitation, pack, folder):
    other = folder / "other.toml"
    if not other.exists():
        text = pack.path("options/blmk.toml").read_text(encoding="utf-8")
        other.write_text(text.replace("change = 0.05", "change = 0.04"), encoding="utf-8")
        for options, out in (("blmk", "one"), (other, "two")):
            answer = capitation("compare", options, *TWO, "--out", folder / out)
            assert answer.code == 0, answer.err
    return [next(p for p in (folder / out).iterdir() if (p / "frames").is_dir()) for out in ("one", "two")]


def test_two_runs_differ_in_the_choice_and_the_figures_it_moves(capitation, runs, tmp_path):
    one, two = runs
    out = tmp_path / "moved.csv"
    said = json.loads(capitation("diff", one, two, "--out", out, "--json").out)
    assert said["same"] is False
    assert {"key": "cases.1.change", "before": "0.05", "after": "0.04"} in said["document"]
    frames = {row["frame"]: row for row in said["frames"]}
    assert frames["position"]["rows_moved"] > 0
    assert "commissioner_money" not in frames
    moved = pl.read_csv(out, infer_schema_length=None)
    row = moved.filter((pl.col("frame") == "position") & (pl.col("column") == "position_pence")).row(0, named=True)
    assert float(row["after"]) - float(row["before"]) == row["change"]
    board = capitation("diff", one, two).out
    assert "Choices that differ" in board
    assert "cases.1.change" in board


def test_a_run_is_the_same_as_itself(capitation, runs):
    one, _ = runs
    answer = capitation("diff", one, one)
    assert answer.code == 0
    assert "every frame is the same" in answer.out


def test_compare_as_json_alone_writes_nothing_and_gives_switching_values(capitation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = json.loads(capitation("compare", "blmk", *TWO, "--json").out)
    assert said["written"] == []
    assert {"party", "option_a", "option_b", "driver", "value"} <= set(said["switching"][0])
    assert list(tmp_path.iterdir()) == []


def test_compare_without_a_folder_says_what_it_expects(capitation):
    answer = capitation("compare", "blmk")
    assert answer.code == 2
    assert "no --out" in answer.err


def test_compare_can_show_differences_only(capitation, tmp_path):
    answer = capitation("compare", "blmk", *TWO, "--out", tmp_path, "--differences")
    assert answer.code == 0
    assert "Differences from Do minimum" in answer.out
    assert ": positions, £ thousand" not in answer.out
