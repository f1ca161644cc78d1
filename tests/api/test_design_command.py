"""The command `design`: terms, limits and files of a family, and messages for what cannot be."""

import json

import pytest


def test_shares_that_each_locality_can_bear(capitation, tmp_path):
    answer = capitation("design", "shares", "--draws", 4_000, "--out", tmp_path, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert 0.2 < said["terms"]["kept_share"] < 0.3
    assert said["incentive"] == pytest.approx(said["terms"]["kept_share"], rel=0.01)
    assert all(row["holds"] for row in said["limit_met"])
    assert len(said["trade_off"]) > 4
    assert "a locality keeps 26%" in said["says"][0]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "designed_figure.csv", "designed_pool.csv", "limit_met.csv", "pool_payer.csv", "trade_off.csv",
        "trade-off.svg", "unbeaten_terms.csv",
    }  # fmt: skip
    picture = (tmp_path / "trade-off.svg").read_text(encoding="utf-8")
    assert "<title" in picture
    assert "25.7%" in picture


def test_what_no_terms_can_meet_is_said_and_nothing_is_written(capitation, pack, tmp_path):
    text = pack.path("families/shares.toml").read_text(encoding="utf-8")
    strict = text.replace("value = 0.02,", "value = 0.002,")
    path = tmp_path / "strict.toml"
    path.write_text(strict, encoding="utf-8")
    answer = capitation("design", path, "--draws", 1_000, "--out", tmp_path / "out")
    assert answer.code == 2
    assert "limit of the pool, loss passed in at most 5% of years" in answer.err
    assert "would have to give" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "nothing"),
        (("shares", "--draws", 0), "draws: found 0; expected at least 1,000"),
        (("shares", "--seed", -3), "--seed: found -3; expected a whole number from 0 upwards"),
        (("corridors",), "unknown family of terms 'corridors'. Did you mean 'corridor'"),
    ],
)
def test_what_cannot_be_designed_is_said_in_one_message(capitation, words, said):
    answer = capitation("design", *words)
    assert answer.code == 2
    assert said in answer.err
