"""`capitation register`: made, built, weighed; what it prints and writes, and what it refuses."""

import json

import polars as pl
import pytest


@pytest.fixture
def small(capitation, tmp_path):
    """A made-up register of 4,000 persons and its cells."""
    folder, cells = tmp_path / "register", tmp_path / "cells"
    answer = capitation("register", "make", "--people", 4000, "--out", folder, "--seed", 2, "--threads", 1)
    assert answer.code == 0, answer.err
    answer = capitation("register", "build", folder, "--out", cells, "--threads", 1, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["persons"] == 4000
    return folder, cells


def test_make_build_and_weigh_share_a_total_to_the_penny(capitation, small, tmp_path):
    folder, cells = small
    hashes = set()
    for given in (cells, folder):
        out = tmp_path / "out.csv"
        answer = capitation(
            "register",
            "weigh",
            given,
            "--formula",
            folder / "formula.toml",
            "--out",
            out,
            "--total",
            "1,000.01",
            "--json",
        )
        assert answer.code == 0, answer.err
        hashes.add(json.loads(answer.out)["hash"])
        rows = pl.read_csv(out)
        assert rows["persons"].sum() == 4000
        assert round(rows["share_gbp"].sum(), 2) == 1000.01
        assert not {"person", "area"} & set(rows.columns)
    assert len(hashes) == 1
    answer = capitation(
        "register",
        "weigh",
        cells,
        "--formula",
        "primary-medical-2007",
        "--out",
        tmp_path / "o.parquet",
        "--by",
        "system",
    )
    assert answer.code == 0, answer.err
    assert pl.read_parquet(tmp_path / "o.parquet")["persons"].sum() == 4000


def test_sets_say_which_locality_moves_by_how_much(capitation, small, tmp_path):
    folder, cells = small
    answer = capitation(
        "register",
        "sets",
        cells,
        "--formula",
        folder / "formula.toml",
        "--sets",
        50,
        "--out",
        tmp_path / "s.csv",
        "--json",
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["sets"] == 50
    assert {"index_low", "index_high", "moves_down", "moves_up"} <= set(pl.read_csv(tmp_path / "s.csv").columns)


def test_what_cannot_be_weighed_ends_with_2_and_one_message(capitation, small, tmp_path):
    folder, cells = small
    own = folder / "formula.toml"
    for words, says in (
        ((tmp_path, "--formula", own, "--out", tmp_path / "o.csv"), "found no cells.json"),
        (
            (cells, "--formula", "primary-medical-2070", "--out", tmp_path / "o.csv"),
            "Did you mean 'primary-medical-2007'",
        ),
        ((cells, "--formula", own, "--out", tmp_path / "o.txt"), "the ending '.txt'"),
        ((cells, "--formula", own, "--out", tmp_path / "o.csv", "--by", "localty"), "Did you mean 'locality'"),
        ((cells, "--formula", own, "--out", tmp_path / "o.csv", "--total", "1,00"), "not an amount"),
    ):
        answer = capitation("register", "weigh", *words)
        assert answer.code == 2, answer.out
        assert says in answer.err
        assert not list(tmp_path.glob("o.*"))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "expected tcp://HOST:PORT"),
        ("tcp://127.0.0.1:9", "cannot be reached"),
        ("tls://127.0.0.1:8786", "CAPITATION_SCHEDULER_CERTIFICATE"),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_named(capitation, small, tmp_path, monkeypatch, address, says):
    folder, cells = small
    monkeypatch.setenv("CAPITATION_SCHEDULER", address)
    monkeypatch.setenv("CAPITATION_SCHEDULER_SECONDS", "0.3")
    answer = capitation("register", "weigh", cells, "--formula", folder / "formula.toml", "--out", tmp_path / "o.csv")
    assert answer.code == 2
    assert says in answer.err
    assert not (tmp_path / "o.csv").exists()
