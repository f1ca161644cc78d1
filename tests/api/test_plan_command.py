"""`capitation plan --who-gains`: the mix under every option as the library works it out, beside the plan."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.deep]


def test_who_gains_by_the_mix_is_said_with_the_plan(capitation, blmk_mix, tmp_path, monkeypatch):
    monkeypatch.setattr("optimiser.links.mix_to_buy.optimise", lambda *_, **__: blmk_mix.outcome)
    words = ("plan", "blmk", "--options", "blmk", "--problem", "blmk", "--out", tmp_path, "--who-gains")
    said = json.loads(capitation(*words, "--json").out)
    own = [row for row in said["gains"] if row["role"] != "system"]
    for row in (each for each in said["gains"] if each["role"] == "system"):
        mine = [float(r["net_gbp"]) for r in own if (r["option"], r["year"]) == (row["option"], row["year"])]
        assert sum(mine) == pytest.approx(float(row["net_gbp"]), abs=0.005)
        assert float(row["payments_gbp"]) == 0
    assert {row["option"] for row in said["worth"]} == {row["option"] for row in said["positions"]}
    shown = " ".join(capitation(*words).out.split())
    assert "Gains by the mix under do-minimum, 2020/21, £ thousand" in shown
    assert "What the activity it moves is worth, 2020/21, £ thousand" in shown
