"""A written mix: plain Python works its worth and every limit out again from the files alone."""

import csv

import pytest

from capitation.pack.layers import shipped_packs

FOLDER = shipped_packs() / "england" / "problems"
MONEY = ("income", "cost_saved", "savings", "support", "spend")


def read(folder, name):
    path = folder / "mix" / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "name",
    ["whole_wards", "protected_provider", "workforce_bound", "receiving_room", "ramp_and_maturity", "overlap_pair",
     "budget_choice", "contract_price", "equity_floor"],
)  # fmt: skip
def test_worth_and_limits_can_be_worked_out_again_from_the_files(capitation, tmp_path, name):
    done = capitation("optimise", FOLDER / f"{name}.toml", "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    import json

    report = json.loads(done.out)
    npv, perspective = report["measures"]["npv"]["value"], report["measures"]["npv"]["about"]
    assert sum(float(row["pounds"]) for row in read(tmp_path, "worth")) == pytest.approx(npv, abs=0.01)
    positions = read(tmp_path, "positions")
    party = "system" if "(system)" in perspective else "commissioner"
    mine = [row for row in positions if row["party"] == party]
    assert sum(float(row["cash"]) * float(row["discount"]) for row in mine) == pytest.approx(npv, abs=0.01)
    for row in positions:
        assert float(row["cash"]) == pytest.approx(sum(float(row[part]) for part in MONEY), abs=0.01)
    amounts = {row["variable"]: float(row["amount"]) for row in read(tmp_path, "variables")}
    counted = {}
    for row in read(tmp_path, "limit_terms"):
        counted[row["limit"]] = counted.get(row["limit"], 0.0) + float(row["each"]) * amounts.get(row["variable"], 0.0)
    for row in read(tmp_path, "limits"):
        value = float(row["value"])
        assert counted.get(row["limit"], 0.0) == pytest.approx(value, rel=1e-6, abs=1e-4)
        ends = [float(row["at_most"]) - value] if row["at_most"] else []
        ends += [value - float(row["at_least"])] if row["at_least"] else []
        assert float(row["slack"]) == pytest.approx(min(ends), rel=1e-6, abs=1e-4)
        assert min(ends) >= -1e-4 * max(1.0, abs(value))
    for row in read(tmp_path, "spend"):
        if row["budget"]:
            left = float(row["budget"]) + float(row["carried_in"]) - float(row["spend"]) - float(row["carried_out"])
            assert float(row["slack"]) == pytest.approx(left, abs=0.01)


def test_the_screen_shows_what_the_mix_uses_and_where_everyone_stands(capitation):
    done = capitation("optimise", FOLDER / "protected_provider.toml")
    for part in ("Launches by year", "Spend by purse against budget", "position by", "Limits with the least room"):
        assert part in done.out, part
    shown = " ".join(done.out.split())
    assert "│ hospital │ -5,000 │" in shown  # protected to £5,000
    staffed = capitation("optimise", FOLDER / "workforce_bound.toml").out
    assert "Staff against supply" in staffed
    assert "staff group" in staffed
