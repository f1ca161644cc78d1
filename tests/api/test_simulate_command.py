"""The command `simulate`: the localities of the plan, pools, layers, and messages for what cannot be."""

import json

import polars as pl
import pytest


def test_localities_of_the_scenario_by_its_id(capitation):
    answer = capitation("simulate", "blmk", "--draws", 20_000, "--seed", 7, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["year"], said["layers"], said["draws"]) == ("2018/19", ["chance"], 20_000)
    rows = {row["code"]: row for row in said["localities"]}
    assert len(rows) == 25
    row = rows["L-U27128"]
    assert row["persons"] == 30_665
    for name, wanted in (
        ("sd_share", 0.0210),
        ("over_1", 0.317),
        ("over_2", 0.171),
        ("over_3", 0.077),
        ("over_5", 0.0087),
    ):
        assert abs(row[name] - wanted) < 4 * row[f"{name}_error"] + 1e-3
    assert said["system"]["persons"] == 1_008_940
    assert {pool["basis"] for pool in said["pools"]} == {"gross", "net"}
    assert "parties" not in said


def test_all_layers_and_the_files(capitation, tmp_path):
    answer = capitation("simulate", "blmk", "--draws", 2_000, "--layers", "all", "--out", tmp_path)
    assert answer.code == 0, answer.err
    assert "What the system's variance is made of" in answer.out
    assert "pool, gross: £" in answer.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "layer_variance.csv",
        "locality_chance.csv",
        "pool_size.csv",
    ]
    layers = pl.read_csv(tmp_path / "layer_variance.csv").filter(pl.col("code") == "system")
    assert layers.get_column("layer").to_list() == ["chance", "environment", "growth", "list-size", "price", "together"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("blmk", "--draws", 0), "draws: found 0; expected at least 1"),
        (("blmk", "--seed", -1), "seed: found -1"),
        (("blmk", "--year", "2031/32"), "year: found 2031/32; expected a year of the scenario"),
        (("blmk", "--layers", "weather"), "unknown layer with figures 'weather'"),
        (("blmk", "--uncertainty", "nowhere.toml"), "nowhere.toml: no such file"),
        (("blmc",), "blmc"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_message(capitation, words, said):
    answer = capitation("simulate", *words)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""
