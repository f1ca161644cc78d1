"""Several years: openings follow recurrent allocations, one-off money never does."""

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.pace.path import roll_forward
from capitation.pace.policy import PacePolicy, resolved
from capitation.pace.target import AreaPopulation, AreaWeight, OpeningBaseline, targets
from capitation.pack.parameters import Parameters
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear, financial_years
from capitation.streams.control_total import StreamMoney

MARKS = {"source": "test", "where": "test"}


def frame(schema, rows):
    return schema.validate(pl.DataFrame(rows, schema=schema.dtypes(), orient="row"))


def floor_policy(growth: str) -> PacePolicy:
    rules = {"from": "2016/17", "floor_total": {"value": growth, "unit": "rate", **MARKS}}
    return parse_document({"id": "p", "title": "P", "about": "A policy.", "rules": [rules]}, PacePolicy, "a policy")


def two_years(once: int = 0, openings=None, weights=None, money=None):
    """Areas A and B with equal need; A opens 20% under. 200 grows to 210 and 220 pounds."""
    years = ("2016/17", "2017/18")
    openings = openings or [("2016/17", "ccg", "A", 8_000), ("2016/17", "ccg", "B", 12_000)]
    weights = weights or [(y, "ccg", a, 1.0, 1) for y in years for a in "AB"]
    money = money or [("2016/17", "ccg", 21_000, once), ("2017/18", "ccg", 22_000, 0)]
    return roll_forward(
        frame(OpeningBaseline, openings),
        frame(AreaWeight, weights),
        frame(StreamMoney, money),
        AreaPopulation.empty(),
        floor_policy("0"),
    )


def test_a_year_opens_with_the_recurrent_allocation_of_the_year_before():
    path = two_years()
    got = path.allocations.select("year", "area_code", "opening_pence", "allocation_pence").rows()
    # B keeps 120 in both years; A takes all growth: 80 -> 90 -> 100
    assert got == [
        ("2016/17", "A", 8_000, 9_000),
        ("2016/17", "B", 12_000, 12_000),
        ("2017/18", "A", 9_000, 10_000),
        ("2017/18", "B", 12_000, 12_000),
    ]
    distance = path.allocations.filter(pl.col("area_code") == "A").get_column("closing_dft_share").to_list()
    assert distance == pytest.approx([-15 / 105, -10 / 110])


def test_money_given_once_moves_no_opening_no_target_and_no_distance():
    without, with_once = two_years(), two_years(once=1_001)
    assert without.allocations.equals(with_once.allocations)
    assert without.targets.equals(with_once.targets)
    totals = with_once.totals.filter(pl.col("year") == "2016/17")
    # 10.01 over equal targets: the odd penny to A
    assert totals.select("recurrent_pence", "non_recurrent_pence", "total_pence").rows() == [
        (9_000, 501, 9_501),
        (12_000, 500, 12_500),
    ]


def test_an_area_that_appears_or_disappears_is_told_with_its_year():
    weights = [("2016/17", "ccg", "A", 1.0, 1), ("2016/17", "ccg", "B", 1.0, 1)]
    weights += [("2017/18", "ccg", "A", 1.0, 1), ("2017/18", "ccg", "C", 1.0, 1)]
    with pytest.raises(FrameError, match="2017/18: areas or streams differ") as raised:
        two_years(weights=weights)
    assert [f.where for f in raised.value.faults] == [
        "year 2017/18, stream ccg, area_code B",
        "year 2017/18, stream ccg, area_code C",
    ]


def test_years_with_a_gap_and_openings_of_another_year_are_refused():
    gap = [(y, "ccg", a, 1.0, 1) for y in ("2016/17", "2018/19") for a in "AB"]
    money = [("2016/17", "ccg", 21_000, 0), ("2018/19", "ccg", 22_000, 0)]
    with pytest.raises(FrameError, match="years must follow each other"):
        two_years(weights=gap, money=money)
    with pytest.raises(FrameError, match="openings are needed for the first year"):
        two_years(openings=[("2015/16", "ccg", "A", 8_000), ("2015/16", "ccg", "B", 12_000)])


def test_money_without_weights_is_refused():
    money = [(y, s, 100, 0) for y in ("2016/17", "2017/18") for s in ("ccg", "specialised")]
    with pytest.raises(FrameError, match="weights and money do not cover"):
        two_years(money=money)


def test_five_years_of_the_plan_run_over_three_groups_and_add_to_the_printed_place_totals(pack):
    # the plan's printed money; the three groups open by their published 2015/16 proportions and have equal need per head of 2016/17
    cells = {
        (r["row"], r["column"]): int(r["value"].replace(",", ""))
        for r in pack.printed("blmk-stp-2016", "place_based_allocation").iter_rows(named=True)
        if "/" in r["column"]
    }
    labels = {
        "CCG allocation": "ccg",
        "Primary medical allocation": "primary-medical",
        "Specialised allocation": "specialised",
    }
    years = financial_years(FinancialYear("2016/17"), FinancialYear("2020/21"))
    share = {"04F": 274_687, "06F": 476_405, "06P": 240_564}
    need = {"04F": 294_317, "06F": 480_292, "06P": 234_034}
    whole = {s: cells[label, "2015/16"] * 100_000 for label, s in labels.items()}
    opening = []
    for stream, pence in whole.items():
        parts = [pence * share[a] // sum(share.values()) for a in share]
        parts[0] += pence - sum(parts)
        opening += [("2016/17", stream, a, p) for a, p in zip(share, parts, strict=True)]
    weights = [(y, s, a, float(n), float(n)) for y in years for s in labels.values() for a, n in need.items()]
    money = [(y, s, cells[label, y] * 100_000, 0) for y in years for label, s in labels.items()]
    people = [(y, a, float(n)) for y in ("2015/16", *years) for a, n in need.items()]
    held = resolved(pack.document("policies/blmk-2016-17.toml", PacePolicy), Parameters(pack), years)
    path = roll_forward(
        frame(OpeningBaseline, opening),
        frame(AreaWeight, weights),
        frame(StreamMoney, money),
        frame(AreaPopulation, people),
        held,
    )
    totals = path.allocations.group_by("year").agg(pl.col("allocation_pence").sum()).sort("year")
    printed = [cells["Total place-based allocation", y] * 100_000 for y in years]
    assert totals.get_column("allocation_pence").to_list() == printed
    straight = resolved(pack.document("policies/no-pace.toml", PacePolicy), Parameters(pack), years)
    at_once = roll_forward(
        frame(OpeningBaseline, opening),
        frame(AreaWeight, weights),
        frame(StreamMoney, money),
        frame(AreaPopulation, people),
        straight,
    )
    assert at_once.allocations.filter(pl.col("closing_dft_pence") != 0).is_empty()
    assert targets(frame(AreaWeight, weights), path.summary.select("year", "stream", "quantum_pence")).equals(
        path.targets
    )
