"""The command `simulate`: the localities of the plan, pools, layers, and messages for what cannot be."""

import json
from xml.etree import ElementTree

import polars as pl
import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


def test_localities_and_parties_of_the_scenario_by_its_id(capitation, folder):
    words = ("simulate", "blmk", "--draws", 20_000, "--party-draws", 300, "--seed", 7, "--out", folder, "--json")
    answer = capitation(*words)
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
    assert said["party_draws"] == 300
    assert said["party_layers"] == ["chance", "environment", "list-size", "growth", "price"]
    parties = {(row["option"], row["year"], row["role"], row["organisation_code"]) for row in said["parties"]}
    assert len(parties) == len(said["parties"]) == 5 * 5 * 25
    assert ("capitation-corridor", "2018/19", "provider", "RC9") in parties
    assert len(said["says"]) == 5
    assert all("chance of missing its control total of 2018/19" in sentence for sentence in said["says"])
    assert "NHS Luton CCG" in said["says"][0]
    near = {row["locality_code"]: row for row in said["distances"]}["L-U27128"]
    assert near["band_share"] == pytest.approx(1.645 * 0.0210, rel=0.01)
    assert near["within_chance"] == (abs(near["distance_share"]) < near["band_share"])


def test_the_files_are_tables_and_pictures_with_their_data(folder):
    names = {path.name for path in folder.iterdir()}
    tables = {"cap_chance", "carried_chance", "distance_chance", "locality_chance", "party_chance", "party_layer"}
    assert {f"{name}.csv" for name in tables | {"party_pool", "party_wrong_reward", "pool_size"}} <= names
    assert {"s-curve-06F.svg", "fan-06F-blended.svg", "tornado-06F-do-minimum.svg"} <= names
    assert len([name for name in names if name.startswith("s-curve-")]) == 2  # the largest of each role
    assert not [name for name in names if name.startswith(".")]
    layers = pl.read_csv(folder / "party_layer.csv")
    assert "environment" in layers.get_column("layer")
    for name in names:
        if name.endswith(".svg"):
            picture = (folder / name).read_text(encoding="utf-8")
            root = ElementTree.fromstring(picture)
            assert root.find("{http://www.w3.org/2000/svg}title").text
            assert root.find("{http://www.w3.org/2000/svg}desc").text
    chance = pl.read_csv(folder / "party_chance.csv", schema_overrides={"organisation_code": pl.String})
    fan = (folder / "fan-06F-blended.svg").read_text(encoding="utf-8")
    row = chance.row(
        by_predicate=(pl.col("option") == "blended")
        & (pl.col("year") == "2018/19")
        & (pl.col("organisation_code") == "06F"),
        named=True,
    )
    pounds = next(value for name, value in row.items() if name.startswith("p50") and "error" not in name)
    assert f"£{pounds / 1e6:,.1f}m" in fan


def test_one_party_is_pictured_where_it_is_named(capitation, tmp_path):
    answer = capitation("simulate", "blmk", "--draws", 100, "--layers", "chance", "--party", "RC9", "--out", tmp_path)
    assert answer.code == 0, answer.err
    assert (tmp_path / "s-curve-RC9.svg").is_file()
    assert not (tmp_path / "s-curve-06F.svg").exists()
    assert "pool, gross: £" in answer.out
    assert "Capitation with an alliance pool. A commissioner's chance of missing its control total of" in answer.out
    answer = capitation("simulate", "blmk", "--draws", 100, "--party", "RC99", "--out", tmp_path / "no")
    assert answer.code == 2
    assert "RC99" in answer.err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("blmk", "--draws", 0), "--draws: found 0; expected at least 2"),
        (("blmk", "--draws", 100, "--party-draws", 0), "--party-draws: found 0; expected at least 2"),
        (("blmk", "--draws", 10**12), "which take 186,265 GB at 200 bytes each; expected at most"),
        (("blmk", "--seed", -1), "seed: found -1"),
        (("blmk", "--year", "2031/32"), "year: found 2031/32; expected a year of the scenario"),
        (("blmk", "--layers", "weather"), "unknown layer with figures 'weather'"),
        (("blmk", "--uncertainty", "nowhere.toml"), "nowhere.toml: no such file"),
        (("blmc",), "unknown scenario or options 'blmc'. Did you mean 'blmk'?"),
        (("blmk", "--uncertainty", "blmc"), "unknown uncertainty document 'blmc'. Did you mean 'blmk'?"),
        (("blmk", "--keep", "said.txt"), "--keep: found the ending '.txt'; expected .json"),
        (("blmk", "--problem", "nowhere"), "unknown problem 'nowhere'"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_message(capitation, words, said):
    answer = capitation("simulate", *words)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""


@pytest.mark.deep
def test_a_mix_and_the_contracts_are_drawn_together(capitation):
    words = ("simulate", "blmk", "--draws", 200, "--party-draws", 40, "--problem", "blmk", "--layers", "all", "--json")
    answer = capitation(*words)
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert said["party_layers"][-1] == said["layers"][-1] == "delivery"
    assert len(said["mix"]) > 10
    shares = {
        row["option"]: row["variance_share"]
        for row in said["party_layer"]
        if (row["layer"], row["year"], row["organisation_code"]) == ("delivery", "2020/21", "06F")
    }
    assert len(shares) == 5
    assert max(shares.values()) > 0.1


def test_a_scenario_without_a_document_of_what_is_uncertain_is_said_to_have_none(capitation, pack, tmp_path):
    text = pack.path("scenarios/blmk.toml").read_text(encoding="utf-8")
    path = tmp_path / "other.toml"
    path.write_text(text.replace('id = "blmk"', 'id = "other"', 1), encoding="utf-8")
    answer = capitation("simulate", path, "--draws", 100)
    assert answer.code == 2
    assert "--uncertainty: found none, and no uncertainty/other.toml in the data pack" in answer.err
    assert "capitation schema uncertainty" in answer.err
