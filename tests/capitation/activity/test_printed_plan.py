"""The plan as used agrees with the plan as printed: totals, growth, shares and averages are worked out again."""

from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest

from capitation.activity import printed_plan as plan
from capitation.activity.printed_cells import Cells, printed_number
from capitation.activity.reading import reading
from capitation.errors import SourceError
from capitation.pack.layers import shipped_packs
from capitation.pack.sources import DataPack

PLAN = "blmk-stp-2016"


def printed(pack: DataPack, table: str) -> dict[tuple[str, str], str]:
    rows = pack.printed(PLAN, table).select("row", "column", "value").iter_rows()
    return {(row, column): value for row, column, value in rows}


def to_places(value: Decimal, places: str) -> Decimal:
    return value.quantize(Decimal(places), rounding=ROUND_HALF_UP)


def percent(text: str) -> Decimal:
    return Decimal(text.removesuffix("%").removeprefix("+"))


def test_streams_of_each_year_add_to_the_printed_total(pack):
    streams = plan.place_based_allocation(pack).group_by("year").agg(pl.col("total_pence").sum()).sort("year")
    totals = plan.place_based_totals(pack).select("year", "total_pence")
    assert streams.equals(totals)
    assert totals.height == 6


def test_first_and_last_year_are_the_headline_billions(pack):
    # 1,327,911 and 1,672,756 thousand pounds
    totals = dict(plan.place_based_totals(pack).select("year", "total_pence").iter_rows())
    assert totals["2015/16"] == 132_791_100_000
    assert totals["2020/21"] == 167_275_600_000


@pytest.mark.parametrize(
    ("row", "growth"),
    [
        ("Population projection", "6.1"),
        ("CCG allocation", "24.6"),
        ("Primary medical allocation", "25.7"),
        ("Specialised allocation", "32.5"),
        ("Total place-based allocation", "26.0"),
    ],
)
def test_cumulative_growth_agrees_at_its_printed_rounding(pack, row, growth):
    cells = printed(pack, "place_based_allocation")
    first, last = (Decimal(cells[row, year].replace(",", "")) for year in ("2015/16", "2020/21"))
    worked = to_places((last / first - 1) * 100, "0.1")
    assert worked == Decimal(growth) == percent(cells[row, "Total Growth Cum %"])


def test_nine_lines_of_spend_add_to_the_printed_total_at_its_rounding(pack):
    spend = plan.spend_by_service(pack)
    assert spend.height == 9
    total = spend.get_column("spend_pence").sum()
    assert total == 134_210_000_000  # £1,342.1m; the plan prints £1,342
    shown = printed(pack, "spend_by_service_2016_17")["Total", "2016/17 Spend £m"]
    assert to_places(Decimal(total) / 100_000_000, "1") == Decimal(shown.removeprefix("£").replace(",", "")) == 1342


def test_each_share_of_spend_agrees_at_its_printed_rounding(pack):
    spend = dict(plan.spend_by_service(pack).iter_rows())
    cells = printed(pack, "spend_by_service_2016_17")
    total = sum(spend.values())
    shares = {service: to_places(Decimal(pence * 100) / total, "1") for service, pence in spend.items()}
    assert shares == {service: percent(cells[label, "%"]) for label, service in reading(pack).spend.rows.items()}
    assert sum(shares.values()) == 100


def test_growth_and_channel_shift_of_each_point_of_delivery_agree_at_their_printed_rounding(pack):
    cells = printed(pack, "activity")
    rows = {row["point_of_delivery"]: row for row in plan.activity_plan(pack).iter_rows(named=True)}
    assert len(rows) == 10
    for label, code in reading(pack).activity.rows.items():
        base, unmitigated, mitigated = (
            Decimal(rows[code][f"{name}_activity"]) for name in ("baseline", "unmitigated", "mitigated")
        )
        growth = to_places((unmitigated / base - 1) * 100, "1")
        shift = to_places((mitigated / unmitigated - 1) * 100, "1")
        assert growth == percent(cells[label, "Activity Growth by 2020/21 - Current Trends"]), label
        assert shift == percent(cells[label, "Impact of Consolidated Channel Shift Solutions"]), label


def test_channel_shift_adds_contacts_outside_hospital_as_it_takes_them_out(pack):
    moved = plan.activity_plan(pack).with_columns(
        (pl.col("mitigated_activity") - pl.col("unmitigated_activity")).alias("moved")
    )
    change = dict(moved.select("point_of_delivery", "moved").iter_rows())
    # 44,406 + 18,182 + 16,724 + 135,784 + 17,097 fewer in hospital and ambulance
    assert sum(change[c] for c in ("ae", "elective", "non-elective", "outpatient", "ambulance")) == -232_193
    assert change["primary-care"] == 154_636


def test_nhs_and_council_deficits_add_to_the_consolidated_deficit(pack):
    gap = {(year, part): pence for year, part, pence in plan.do_nothing_gap(pack).iter_rows()}
    assert gap["2020/21", "nhs"] + gap["2020/21", "council"] == gap["2020/21", "system"] == 31_100_000_000
    assert gap["2015/16", "nhs"] == 7_560_000_000
    assert gap["2016/17", "nhs"] == 2_440_000_000
    assert gap["2016/17", "ccg-planned"] == -2_190_000_000


def test_distance_is_negative_because_the_system_is_under_target(pack):
    assert dict(plan.distance_from_target(pack).iter_rows()) == {"start": -6_200_000_000, "end": -4_000_000_000}


def test_only_the_fund_of_2020_21_is_recurrent(pack):
    assert plan.sustainability_fund(pack).rows() == [
        ("2016/17", 2_220_000_000, False),
        ("2020/21", 6_250_000_000, True),
    ]


def test_three_ccgs_add_to_the_system_in_practices_gps_and_nurses(pack):
    supply = plan.general_practice_supply(pack)
    ccgs = supply.filter(pl.col("area_code").is_in(["06F", "06P", "04F"])).select("practices", "gps", "nurses").sum()
    system = supply.filter(pl.col("area_code") == "BLMK").select("practices", "gps", "nurses")
    assert ccgs.rows() == system.rows() == [(113, 411, 237)]


def test_averages_of_practice_gp_and_nurse_imply_one_list_within_their_rounding(pack):
    for row in plan.general_practice_supply(pack).drop_nulls("practices").iter_rows(named=True):
        lists = [
            (row["practices"] * row["patients_per_practice"], row["practices"]),
            (row["gps"] * row["patients_per_gp"], row["gps"]),
            (row["nurses"] * row["patients_per_nurse"], row["nurses"]),
        ]
        for persons, count in lists:
            for other, other_count in lists:
                # each average is printed to the patient, so a list is known to half its count
                assert abs(persons - other) <= (count + other_count) / 2, row["area_code"]


def test_staff_each_thousand_patients_do_not_follow_from_the_counts_and_by_how_much(pack):
    """The plan prints other ratios than its own counts give; both are kept, and the misses are these."""
    misses = {}
    for row in plan.general_practice_supply(pack).drop_nulls("gps").iter_rows(named=True):
        patients = Decimal(row["gps"] * row["patients_per_gp"])
        for staff in ("gps", "nurses"):
            worked = to_places(row[staff] * 1000 / patients, "0.01")
            shown = Decimal(str(row[f"{staff}_per_thousand"]))
            if worked != shown:
                misses[row["area_code"], staff] = shown - worked
    assert misses == {
        ("04F", "gps"): Decimal("0.12"),
        ("06F", "gps"): Decimal("0.04"),
        ("06P", "gps"): Decimal("0.07"),
        ("BLMK", "gps"): Decimal("0.06"),
        ("04F", "nurses"): Decimal("0.05"),
        ("06P", "nurses"): Decimal("0.05"),
        ("BLMK", "nurses"): Decimal("0.02"),
    }


def test_clinical_savings_and_their_share_imply_the_hospitals_cost_base(pack):
    rows = {part: (pence, share) for part, pence, share in plan.savings_challenges(pack).iter_rows()}
    pence, share = rows["clinical"]
    assert to_places(Decimal(pence) / Decimal(str(share)) / 100_000_000, "1") == 714  # £m: 25 / 3.5%
    assert [rows[part] for part in ("clinical-support", "non-clinical-support")] == [
        (600_000_000, None),
        (700_000_000, None),
    ]


def test_three_of_nine_solutions_have_a_printed_workforce(pack):
    workforce = plan.solution_workforce(pack)
    assert workforce.height == 9
    known = dict(workforce.drop_nulls("workforce_wte").select("solution", "workforce_wte").iter_rows())
    assert known == {"enhanced-primary-care": 299.0, "complex-care-management": 83.0, "clinical-hub": 94.0}


def test_waiting_times_hold_thirty_results_against_six_standards(pack):
    results = plan.waiting_times(pack)
    assert results.height == 30
    standards = dict(results.select("standard", "standard_share").unique().iter_rows())
    assert standards == {
        "ae-4-hours": 0.95,
        "ambulance-8-minutes": 0.75,
        "rtt-18-weeks": 0.92,
        "cancer-62-days": 0.85,
        "cancer-2-weeks": 0.93,
        "cancer-31-days": 0.96,
    }
    met = results.filter(pl.col("achieved_share") >= pl.col("standard_share"))
    assert met.filter(pl.col("standard") == "ae-4-hours").get_column("organisation").to_list() == ["RC9"]


def test_vacancies_of_social_care_and_of_district_nurses(pack):
    rates = {(group, area): share for group, area, share in plan.vacancy_rates(pack).iter_rows()}
    assert rates["social-care", "E06000032"] == 0.151
    assert rates["district-nursing", "06F"] == 0.25
    assert len(rates) == 14


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,006,288", "1006288"), ("£22.2m", "22.2"), ("-13%", "-13"), ("+8%", "8"), ("24.0", "24.0"), ("£1,342", "1342")],
)
def test_printed_number_keeps_the_digits(text, number):
    assert str(printed_number(text)) == number


@pytest.mark.parametrize("text", ["over 20%", "> 20%", "", "n/a", "12-15", "incl in above", "inf", "nan"])
def test_text_that_is_no_number_is_refused(text):
    with pytest.raises(SourceError, match="not a printed number"):
        printed_number(text)


def test_a_missing_cell_is_named_with_the_near_one(pack):
    cells = Cells(pack, PLAN, "activity")
    with pytest.raises(
        SourceError, match="Mental Healt.*Did you mean 'Mental Health | 16/17 Activity Baseline'".replace("|", r"\|")
    ):
        cells.text("Mental Healt", "16/17 Activity Baseline")


def test_a_count_in_the_wrong_unit_is_not_taken_for_money(pack):
    cells = Cells(pack, PLAN, "activity")
    with pytest.raises(SourceError, match="found the unit 'activity'"):
        cells.pence("Mental Health", "16/17 Activity Baseline")


def test_every_code_of_the_plan_has_one_printed_label(pack):
    found = reading(pack)
    parts = (found.allocation, found.spend, found.activity, found.savings, found.solutions, found.waiting)
    labels = [*(part.rows for part in parts), found.supply.columns, found.waiting.columns, found.vacancies[0].rows]
    for mapping in labels:
        assert len(mapping) > 1
        assert len(set(mapping.values())) == len(mapping)


def test_a_pack_without_a_plan_says_so_where_one_is_asked_for():
    england = DataPack(shipped_packs() / "england")
    with pytest.raises(SourceError, match=r"no source with a reading\.toml"):
        plan.spend_by_service(england)
