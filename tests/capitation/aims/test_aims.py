"""What a plan aims at: printed dates read, milestones that drive starts, risks, results, context; and what is refused."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from capitation.aims.agreements import counted, disagreements
from capitation.aims.context import context, phase_in
from capitation.aims.due import Due, due
from capitation.aims.milestones import BODY, body_fault, driven_faults, earliest_starts, early_faults, milestones
from capitation.aims.outcomes import outcomes, waiting_results
from capitation.aims.risks import risks
from capitation.errors import DataError, DocumentError, FrameError, SourceError
from capitation.pack.sources import DataPack, sha256_of
from capitation.records.years import FinancialYear
from capitation.run.aims.checks import aims_stand, first_year, refuse_early_starts, starts_that_differ
from capitation.shift.solution import read_solutions

PLAN = "blmk-stp-2016"


@pytest.mark.parametrize(
    ("text", "first", "last", "year"),
    [
        ("Nov 2016", "2016-11", "2016-11", "2016/17"),
        ("Mar 2018", "2018-03", "2018-03", "2017/18"),
        ("Q4 2016/17", "2017-01", "2017-03", "2016/17"),
        ("Q1-Q2 2017/18", "2017-04", "2017-09", "2017/18"),
        ("2017/18", "2017-04", "2018-03", "2017/18"),
        ("2018", "2018-01", "2018-12", "2017/18"),
    ],
)
def test_a_printed_date_is_read_as_months_and_a_financial_year(text, first, last, year):
    at = due(text)
    assert (at.first_month, at.last_month, at.year) == (first, last, year)


def test_a_year_of_the_calendar_reaches_into_the_next_financial_year():
    assert due("2018").last_year == "2018/19"
    assert due("Ongoing") is None
    assert due("Q1 2017/18") == Due(2017 * 12 + 3, 2017 * 12 + 5)


@pytest.mark.parametrize("text", ["soon", "Q5 2017/18", "Q3-Q1 2017/18", "2017/19", "March", ""])
def test_a_date_that_is_none_is_refused(text):
    with pytest.raises(DataError):
        due(text)


def test_the_plan_has_34_milestones_and_no_names_of_persons(pack):
    found = milestones(pack)
    assert found["number"].to_list() == list(range(1, 35))
    assert found.filter(pl.col("year").is_null())["number"].to_list() == [9]
    named = found.filter(pl.col("number") == 33).row(0, named=True)
    assert (named["due"], named["year"], named["priority"], named["board"]) == ("Mar 2018", "2017/18", "P5", "ACSTB")
    assert set(pack.printed(PLAN, "critical_path")["column"]) == {"Priority", "Governance mechanism", "Milestone"}


def test_milestones_drive_the_starts_that_the_plan_prints(pack):
    starts = earliest_starts(milestones(pack))
    assert starts["fracture_liaison_service"] == starts["social_prescribing_hub"] == starts["prevention"] == "2017/18"
    assert starts["non_clinical_support_services"] == "2016/17"
    assert starts[BODY] == "2017/18"


def test_a_solution_before_its_milestone_and_a_milestone_of_nothing_are_named(pack):
    found = milestones(pack)
    known = dict.fromkeys(" ".join(found["drives"].drop_nulls()).split(), "2018/19")
    assert list(early_faults(found, known)) == list(driven_faults(found, set(known))) == []
    early = list(early_faults(found, {**known, "digital_programme": "2016/17"}))
    assert [fault.where for fault in early] == ["solution digital_programme: earliest_start"]
    assert "24 (Q2 2017/18)" in early[0].expected
    known.pop("prevention")
    assert {fault.found for fault in driven_faults(found, set(known))} == {"drives 'prevention'"}
    assert list(starts_that_differ(pack)) == []


def test_a_solution_without_a_start_begins_in_the_first_year_and_so_before_its_milestone(pack):
    found, first = milestones(pack), FinancialYear("2016/17")
    (fault,) = early_faults(found, {"digital_programme": None, "non_clinical_support_services": None}, first)
    assert (fault.where, fault.found) == (
        "solution digital_programme: earliest_start",
        "none, so 2016/17, before its milestone",
    )
    assert list(early_faults(found, {"digital_programme": None})) == []


EARLY = ("solutions/digital_programme.toml", 'earliest_start = "2017/18"', 'earliest_start = "2016/17"')


def test_a_pack_with_a_start_before_its_milestone_is_refused(copy):
    early = copy(*EARLY)
    (fault,) = starts_that_differ(early)
    assert str(fault).startswith(
        "solution digital_programme: earliest_start: found 2016/17, before its milestone; expected 2017/18 or later, by milestone 24"
    )
    with pytest.raises(DocumentError, match="digital_programme: earliest_start"):
        refuse_early_starts(read_solutions(early.root / "solutions"), early, FinancialYear("2016/17"))


def test_a_start_before_its_milestone_stands_with_its_reason(copy):
    table, old, new = EARLY
    excused = copy(table, old, new + '\nearly_start_because = "Two practices share records already."')
    assert list(starts_that_differ(excused)) == []
    refuse_early_starts(read_solutions(excused.root / "solutions"), excused, FinancialYear("2016/17"))


def test_a_contract_begins_no_earlier_than_its_body(pack):
    found = milestones(pack)
    assert body_fault(found, FinancialYear("2017/18"), "option") is None
    fault = body_fault(found, FinancialYear("2016/17"), "option capitation")
    assert fault.where == "option capitation"
    assert "milestone 33" in fault.expected


def test_the_register_has_nine_risks_whose_severity_is_the_product(pack):
    found = risks(pack)
    assert found["risk"].to_list() == ["1", "1a", "1b", "2", "3", "4", "5", "6", "7"]
    assert found["severity"].to_list() == [12, 12, 10, 16, 12, 16, 12, 6, 12]


def test_outcomes_stand_beside_england_with_the_better_way_counted_up(pack):
    found = outcomes(pack)
    assert found["outcome"].n_unique() == 21
    numbers = pack.printed(PLAN, "public_health").filter(pl.col("unit") != "arrow")
    assert numbers.height == 117
    falls = found.filter((pl.col("outcome") == "falls-at-65") & (pl.col("area_code") == "E06000042")).row(0, named=True)
    assert (falls["value"], falls["england"], falls["gap_to_england"], falls["trend"]) == (
        2023.0,
        2125.0,
        102.0,
        "falling",
    )
    gap = found.filter((pl.col("outcome") == "life-gap-male") & (pl.col("area_code") == "E06000032")).row(0, named=True)
    assert (gap["england"], round(gap["reach"], 1)) == (None, 7.1)
    illness = found.filter(pl.col("outcome") == "severe-mental-illness")
    assert dict(illness.select("area_code", "value").iter_rows()) == {"E06000032": 0.95, "E06000042": 0.68}


def test_waiting_times_stand_against_their_standard(pack):
    found = waiting_results(pack, PLAN)
    assert found.height == 30
    missed = found.filter((pl.col("organisation_code") == "RD8") & ~pl.col("met"))["measure"].to_list()
    assert missed == ["18 weeks RTT", "62-day cancer", "A&E waits under 4 hours"]


def test_context_is_themes_goals_phases_and_boards(pack):
    kinds = dict(context(pack).group_by("kind").len().iter_rows())
    assert kinds == {"digital theme": 7, "digital goal": 8, "phase": 3, "board": 7, "other": 8}


def test_the_shares_that_the_plan_prints_follow_from_its_amounts(pack):
    assert list(disagreements(pack)) == []
    assert counted(pack, PLAN) == 38


def test_a_year_lies_in_one_phase(pack):
    said = context(pack)
    assert (
        phase_in(said, FinancialYear("2017/18"))
        == phase_in(said, FinancialYear("2018/19"))
        != phase_in(said, FinancialYear("2016/17"))
    )
    assert phase_in(said, FinancialYear("2030/31")) is None


@pytest.fixture
def copy(pack, tmp_path):
    """A copy of the pack whose tables of aims and plan can be edited, their checksums set anew."""
    root = tmp_path / "blmk"
    shutil.copytree(pack.root, root)

    def edit(relative: str, old: str, new: str) -> DataPack:
        path = root / relative
        text = path.read_text(encoding="utf-8")
        assert old in text
        before = sha256_of(path)
        path.write_text(text.replace(old, new), encoding="utf-8")
        manifest = path.parent / "source.toml"
        if manifest.is_file():
            manifest.write_text(manifest.read_text(encoding="utf-8").replace(before, sha256_of(path)), encoding="utf-8")
        return DataPack(root)

    return edit


def test_a_milestone_before_the_plan_is_refused(copy):
    edited = copy(f"sources/{PLAN}/critical_path.csv", "1,Milestone,Nov 2016", "1,Milestone,Nov 2015")
    with pytest.raises(
        SourceError, match="found due Nov 2015, in 2015/16; expected no milestone before the plan's first year 2016/17"
    ):
        milestones(edited, first_year(edited))
    assert any("milestone 1" in fault.where for fault in aims_stand(edited))


def test_a_start_before_what_prepares_it_is_named(copy):
    edited = copy(f"sources/{PLAN}/critical_path.csv", "\n24,Milestone,Q2 2017/18", "\n24,Milestone,Q3 2016/17")
    faults = [fault for fault in starts_that_differ(edited) if "milestone 24" in fault.where]
    assert [fault.expected for fault in faults] == [
        f"no start before milestone {n} ({due}), which prepares it"
        for n, due in ((21, "Q1 2017/18"), (22, "Q1 2017/18"), (23, "Q2 2017/18"))
    ]


def test_a_milestone_without_a_date_or_a_row_is_named_with_all_others(copy):
    copy(f"sources/{PLAN}/critical_path.csv", "\n2,Milestone,Mar 2017", "\n2,Milestone,soon")
    edited = copy("aims/milestones.csv", "34,Support", "35,Support")
    with pytest.raises(SourceError) as raised:
        milestones(edited)
    assert [fault.where for fault in raised.value.faults] == [f"aims/milestones.csv: milestone {n}" for n in (2, 35)]


def test_a_severity_that_is_not_the_product_is_refused(copy):
    with pytest.raises(FrameError, match="severity is likelihood times impact"):
        risks(copy(f"sources/{PLAN}/risk_register.csv", "6,Severity,6", "6,Severity,9"))


def test_a_phase_that_leaves_a_year_out_is_refused(copy):
    with pytest.raises(SourceError, match="expected a start in 2017/18"):
        context(copy("aims/context.csv", "2017/18-2018/19", "2018/19-2018/19"))


def test_a_result_of_an_area_without_a_code_is_named(copy):
    with pytest.raises(SourceError, match="no code for column 'LBC'"):
        outcomes(copy("aims/areas.csv", "LBC,E06000032\n", ""))


def test_a_pack_without_aims_has_none(tmp_path):
    root = tmp_path / "bare"
    root.mkdir()
    (root / "pack.toml").write_text('id = "bare"\n', encoding="utf-8")
    bare = DataPack(Path(root))
    assert milestones(bare).is_empty()
    assert risks(bare).is_empty()
    assert outcomes(bare).is_empty()
    assert context(bare).is_empty()
    assert list(starts_that_differ(bare)) == []


@pytest.mark.parametrize(
    ("table", "old", "new", "named"),
    [
        (
            "place_based_allocation",
            "Total Growth Cum %,24.6%",
            "Total Growth Cum %,26.4%",
            "CCG allocation, Total Growth Cum %",
        ),
        (
            "activity",
            "Consolidated Channel Shift Solutions,-13%",
            "Consolidated Channel Shift Solutions,-31%",
            "Acute - A&E, Impact of",
        ),
        ("general_practice_supply", "No. of GPs,Luton,82", "No. of GPs,Luton,28", "general_practice_supply: Luton"),
    ],
)
def test_a_share_or_ratio_that_does_not_follow_is_named(copy, table, old, new, named):
    found = list(disagreements(copy(f"sources/{PLAN}/{table}.csv", old, new)))
    assert len(found) == 1
    assert named in found[0].where
