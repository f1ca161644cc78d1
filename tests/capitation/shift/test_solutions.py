"""The solution files: what the plan prints stands in them as printed, expert ranges are the source's, and all else is owned."""

import doctest
import re
from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
import pytest

from capitation.activity.printed_plan import (
    activity_plan,
    savings_challenges,
    solution_workforce,
    spend_by_service,
)
from capitation.activity.reading import reading
from capitation.records.documents import read_mapping
from capitation.records.years import FinancialYear
from capitation.shift.solution import Solution, Sourced, read_solutions

SOLUTIONS = (
    "acute_based_care_management",
    "clinical_hub",
    "clinical_support_services",
    "community_outreach",
    "complex_care_management",
    "digital_programme",
    "enhanced_primary_care",
    "fracture_liaison_service",
    "medicines_optimisation",
    "non_clinical_support_services",
    "prevention",
    "referral_management",
    "single_pathology_service",
    "social_prescribing_hub",
    "specialty_clinical_services",
    "urgent_care_integration",
)


@pytest.fixture(scope="module")
def solutions(pack):
    return {s.id: s for s in read_solutions(pack.root / "solutions")}


def printed(pack, source, table):
    return {(r, c): (v, u) for r, c, v, u, _ in pack.printed(source, table).iter_rows()}


def parts(s: Solution) -> list[Sourced]:
    return [s, *s.effects, *s.costs, *s.savings, *s.workforce, *s.receiving, *s.creates, *s.benefits]


def test_all_sixteen_are_there(solutions):
    assert tuple(sorted(solutions)) == SOLUTIONS


def test_every_solution_the_plan_names_is_one_of_them(solutions, pack):
    names = {code.replace("-", "_") for code in reading(pack).solutions.rows.values()}
    assert names <= set(solutions)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_every_figure_has_a_source_or_an_owner(solutions, pack, name):
    for part in parts(solutions[name]):
        assert part.where.strip(), part
        assert part.owner, part
        assert part.quality is not None
        assert part.impact is not None
        if part.source == "assumption":
            assert part.quality in {"red", "amber"}, part
        else:
            assert part.source in pack.sources, part


@pytest.mark.parametrize("name", SOLUTIONS)
def test_every_locator_leads_to_a_printed_cell(solutions, pack, name):
    """`where` of a sourced part begins with table, row and column; an effect's with its row and three columns."""
    for part in parts(solutions[name]):
        if part.source == "assumption":
            continue
        table, row, rest = re.match(r"(\w+), row (.+?), columns? (.+)", part.where).groups()
        columns = ["p10", "mean", "p90"] if part.source == "nhp-mitigators" else [re.split(r"[:;]", rest)[0].strip()]
        cells = printed(pack, part.source, table)
        known = {c for _, c in cells}
        column = columns[0] if columns[0] in known else next(c for c in known if rest.startswith(c))
        columns = columns if len(columns) == 3 else [column]
        for c in columns:
            assert (row, c) in cells, (name, part.where)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_points_of_delivery_are_the_plans(solutions, pack, name):
    known = {code.replace("-", "_") for code in reading(pack).activity.rows.values()}
    s = solutions[name]
    named = {e.point_of_delivery for e in s.effects} | {r.received_at for r in s.receiving}
    named |= {r.avoided_at for r in s.receiving} | {c.point_of_delivery for c in s.creates}
    assert named <= known


def test_printed_workforce_by_solution_is_met_to_the_post(solutions, pack):
    compared = {}
    for code, _, wte in solution_workforce(pack).iter_rows():
        if wte is not None:
            found = sum(w.wte for w in solutions[code.replace("-", "_")].workforce)
            assert found == Decimal(str(wte)), code
            compared[code] = int(found)
    assert compared == {"enhanced-primary-care": 299, "complex-care-management": 83, "clinical-hub": 94}
    assert sum(compared.values()) == 476


def test_savings_are_the_printed_challenges_and_pathology_is_counted_once(solutions, pack):
    asked = dict(savings_challenges(pack).select("part", "saving_pence").iter_rows())
    assert set(asked) == set(reading(pack).savings.rows.values())

    def saved(name):
        return sum(int(v.pounds * 100) for v in solutions[name].savings)

    assert saved("specialty_clinical_services") == asked["clinical"] == 2_500_000_000
    assert saved("non_clinical_support_services") == asked["non-clinical-support"] == 700_000_000
    pathology = printed(pack, "hsj-blmk-2016", "plan_figures")["Single pathology service", "Expected saving"][0]
    assert pathology == "£4.5m"
    assert saved("single_pathology_service") == 450_000_000
    assert saved("single_pathology_service") + saved("clinical_support_services") == asked["clinical-support"]
    assert sum(asked.values()) == 3_800_000_000


def test_the_split_of_savings_by_hospital_follows_the_run(solutions, blmk_run):
    held = blmk_run.frame("provider_allocation").filter(pl.col("year") == "2016/17")
    income = dict(held.group_by("provider_code").agg(pl.col("allocation_pence").sum()).iter_rows())
    trusts = ["RC1", "RC9", "RD8"]
    whole = sum(income[t] for t in trusts)
    for name in ("specialty_clinical_services", "clinical_support_services", "single_pathology_service"):
        savings = solutions[name].savings
        assert [v.falls_to for v in savings] == trusts
        total = sum(v.pounds for v in savings)
        for v in savings:
            assert abs(v.pounds - total * income[v.falls_to] / whole) < 1000  # whole thousands, by largest remainder


def test_the_digital_programme_costs_what_was_reported(solutions, pack):
    cell = printed(pack, "hsj-blmk-2016", "plan_figures")["Digital programme", "Cost, almost or over"]
    assert cell == ("£52m", "£m")
    capital = [c for c in solutions["digital_programme"].costs if c.kind == "capital"]
    assert [c.pence for c in capital] == [5_200_000_000]


def test_expert_ranges_are_the_sources_to_a_tenth_of_a_percent(solutions, pack):
    cells = printed(pack, "nhp-mitigators", "ranges")
    compared = 0
    for s in solutions.values():
        for e in s.effects:
            if e.source != "nhp-mitigators":
                continue
            row = re.match(r"ranges, row (\S+), columns", e.where).group(1)
            for column, value in (("p10", e.low), ("mean", e.central), ("p90", e.high)):
                share = (Decimal(cells[row, column][0]) / 100).quantize(Decimal("0.001"), ROUND_HALF_EVEN)
                assert value == share, (s.id, e.point_of_delivery, column)
                compared += 1
    assert compared == 3 * 19


def test_carried_ranges_are_the_published_ones(pack, shared):
    table = pl.read_parquet(shared / "reference" / "nhp_mitigators" / "national_elicitation_ranges.parquet")
    known = {r["strategy"]: r for r in table.iter_rows(named=True)}
    cells = pack.printed("nhp-mitigators", "ranges")
    assert cells.height == 3 * 20
    for row, column, value, _, _ in cells.iter_rows():
        assert float(value) == known[row][f"reduction_pct_{column}"], (row, column)


def test_only_ranges_that_a_solution_uses_are_carried(pack, solutions):
    carried = set(pack.printed("nhp-mitigators", "ranges")["row"])
    named = {m for s in solutions.values() for part in parts(s) for m in re.findall(r"row ([\w-]+)", part.where)}
    assert carried <= named


def test_bed_days_are_the_printed_beds_times_the_expert_range(solutions, pack):
    beds = Decimal(
        printed(pack, "blmk-stp-2016", "headlines")["Beds occupied by people medically fit to leave", "BLMK"][0]
    )
    mean = Decimal(printed(pack, "nhp-mitigators", "ranges")["excess_beddays_emergency", "mean"][0]) / 100
    amount = solutions["acute_based_care_management"].benefits[0].amount
    assert abs(amount - beds * 365 * mean) < 1


def test_prescribing_savings_are_the_stated_share_of_printed_spend(solutions, pack):
    spend = dict(spend_by_service(pack).iter_rows())["prescribing"]
    saving = solutions["medicines_optimisation"].savings[0]
    assert [v * 100 for v in (saving.low_pounds, saving.pounds, saving.high_pounds)] == [
        spend * Decimal(share) for share in ("0.01", "0.02", "0.03")
    ]


def test_a_post_costs_what_posts_cost(solutions):
    for s in solutions.values():
        wte = sum(w.wte for w in s.workforce)
        yearly = sum(c.pounds for c in s.costs if c.kind == "recurrent")
        if wte:
            assert 30_000 <= yearly / wte <= 85_000, s.id


def test_every_effect_is_whole_by_the_last_year_of_the_plan(solutions):
    """So that full scale gives the plan's activity of 2020/21: the last step of each has its full effect by then."""
    for s in solutions.values():
        steps = 1 if s.step is None else -(-1 // s.step)
        left = FinancialYear("2020/21").years_after(FinancialYear(s.earliest_start)) - int(steps - 1)
        assert s.matured(left) == 1.0, s.id


def test_effects_together_leave_something_of_every_line(solutions, pack):
    for code in activity_plan(pack)["point_of_delivery"]:
        left = Decimal(1)
        for s in solutions.values():
            for e in s.effects:
                if e.point_of_delivery == code.replace("-", "_"):
                    left *= 1 - e.at("high")
        assert left > Decimal("0.3"), code


def test_files_hold_nothing_but_solutions(pack):
    for path in (pack.root / "solutions").glob("*.toml"):
        assert read_mapping(path)["id"] == path.stem


def test_the_readme_of_the_solutions_holds(pack):
    result = doctest.testfile(str(pack.root / "solutions" / "README.md"), module_relative=False)
    assert result.attempted == 8
    assert result.failed == 0
