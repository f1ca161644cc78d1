"""Worked cases of pace of change: five areas, once with enough money for the five per cent rule and once without."""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import InfeasibleError
from capitation.money.pence import pence_of
from capitation.pace.policy import PacePolicy, PaceRules
from capitation.pace.round import PaceResult, pace_of_change
from capitation.pace.target import AreaPopulation, AreaTarget, OpeningBaseline
from capitation.records.documents import Figure

CASES = ("P-POC-EXAMPLE-P1", "P-POC-EXAMPLE-P2")


def figure(value: str) -> Figure:
    return Figure(value=Decimal(value), unit="rate", source="test", where="test")


def five_areas_policy(*, relaxation: tuple[str, ...]) -> PacePolicy:
    """Floor 2.00%, growth of 0.16% above an opening distance of +10%, five per cent rule."""
    rules = PaceRules.model_validate(
        {
            "from": "2016/17",
            "floor_total": figure("0.02"),
            "cap_threshold": figure("0.10"),
            "cap_growth": figure("0.0016"),
            "max_under": figure("0.05"),
            "relaxation": relaxation,
        }
    )
    return PacePolicy(id="five-areas", title="Five areas", about="A worked case.", rules=(rules,))


def read_case(shared: Path, case: str) -> dict[str, dict[str, str]]:
    """Printed values by area and measure."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with (shared / "cases" / "allocation-cases.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["case_id"] == case:
                found[row["area_code"]][row["measure"]] = row["value"]
    return found


def thousand(text: str) -> int:
    return pence_of(Decimal(text) * 1000)


def run(case: dict[str, dict[str, str]], policy: PacePolicy) -> PaceResult:
    areas = sorted(set(case) - {"ALL"})
    key = {"year": ["2016/17"] * 5, "stream": ["ccg"] * 5, "area_code": areas}
    openings = pl.DataFrame(
        {**key, "opening_pence": [thousand(case[a]["baseline"]) for a in areas]}, schema=OpeningBaseline.dtypes()
    )
    shares = [Decimal(case[a]["target_share"]) for a in areas]
    quantum = thousand(case["ALL"]["quantum"])
    target = pl.DataFrame(
        {
            **key,
            "weighted_persons": [float(s) for s in shares],
            "target_share": [float(s) for s in shares],
            "target_pence": [int(s * quantum) for s in shares],
        },
        schema=AreaTarget.dtypes(),
    )
    return pace_of_change(openings, target, AreaPopulation.empty(), quantum, policy)


@pytest.mark.parametrize("name", CASES)
def test_every_printed_figure_of_the_five_area_cases_is_met_to_its_last_digit(shared, name):
    case = read_case(shared, name)
    assert len(case) == 6, "five areas and their total"
    result = run(case, five_areas_policy(relaxation=("max_under",)))
    summary = result.summary.row(0, named=True)
    whole = case["ALL"]
    assert summary["lower_bounds_pence"] == thousand(whole["sum_of_lower_bounds"])
    assert summary["are_lower_bounds_affordable"] == (whole["minus_5pct_rule_affordable"] == "1")
    assert f"{summary['common_closing_dft_share']:.4%}" == f"{whole['common_closing_dft_of_lifted_areas']}%"
    assert result.allocations.get_column("allocation_pence").sum() == thousand(whole["quantum"])
    for row in result.allocations.iter_rows(named=True):
        printed = case[row["area_code"]]
        assert row["opening_pence"] == thousand(printed["baseline"])
        assert row["target_pence"] == thousand(printed["target"])
        assert f"{row['opening_dft_share'] * 100:.4f}" == printed["opening_dft"]
        assert f"{row['allocation_pence'] / 100_000:.1f}" == printed["allocation"]
        assert f"{row['growth_rate'] * 100:.4f}" == printed["growth"]
        assert f"{row['closing_dft_share'] * 100:.4f}" == printed["closing_dft"]


def test_enough_money_lifts_three_areas_to_one_distance_and_says_what_holds_each(shared):
    result = run(read_case(shared, "P-POC-EXAMPLE-P1"), five_areas_policy(relaxation=()))
    # A, C and D are lifted past the five per cent rule to -4.8263%; B (7.1% over) keeps its floor; E (42.9% over) is capped
    assert result.allocations.get_column("held_by").to_list() == [
        "common_distance",
        "floor_total",
        "common_distance",
        "common_distance",
        "over_target_cap",
    ]
    assert result.relaxations.is_empty()
    assert result.summary.select("areas_capped", "areas_lifted").row(0) == (1, 3)


def test_too_little_money_for_the_five_per_cent_rule_reports_the_shortfall_and_the_distance_reached(shared):
    result = run(read_case(shared, "P-POC-EXAMPLE-P2"), five_areas_policy(relaxation=("max_under", "floors")))
    assert result.relaxations.height == 1
    row = result.relaxations.row(0, named=True)
    # lower bounds cost 419,344 thousand against 416,000 thousand
    assert (row["rule"], row["shortfall_pence"], row["relieved_pence"]) == ("max_under", 334_400_000, 334_400_000)
    assert row["asked"] == -0.05
    assert f"{row['reached']:.4%}" == "-6.2367%"


def test_an_unrelaxed_five_per_cent_rule_is_infeasible_and_says_by_how_much(shared):
    with pytest.raises(InfeasibleError, match=r"419,344,000\.00 pounds against a quantum of 416,000,000\.00") as raised:
        run(read_case(shared, "P-POC-EXAMPLE-P2"), five_areas_policy(relaxation=()))
    assert "short by 3,344,000.00 pounds" in raised.value.message
    assert any("max_under" in fault.where for fault in raised.value.faults)
