"""The workbook for people: few sheets, the summary first, names beside codes, fit to print and to be read aloud."""

import math

import openpyxl
import polars as pl
import pytest

from api.workbooks.assumption_sheets import AssumptionTable
from api.workbooks.beside import assumed, called
from api.workbooks.people_sheets import MOST, people_sheets
from api.workbooks.people_workbook import people_workbook
from capitation.records.documents import Document
from capitation.run.run import make_run, save_run

NAMES = {"ccg": "Commissioning groups", "hub": "Hub"}


@pytest.fixture(scope="module")
def book(blmk_run, tmp_path_factory):
    path = people_workbook(blmk_run, tmp_path_factory.mktemp("book") / "run.xlsx", NAMES)
    return openpyxl.load_workbook(path)


def test_the_contents_lead_to_every_sheet_and_say_what_the_run_lacks(book):
    contents = book["Contents"]
    assert book.sheetnames[:2] == ["Contents", "Summary"]
    assert len(book.sheetnames) <= MOST
    links = [cell.hyperlink.location for row in contents.iter_rows() for cell in row if cell.hyperlink]
    assert links == [f"'{name}'!A1" for name in book.sheetnames[1:]]
    said = " ".join(str(cell.value) for row in contents.iter_rows() for cell in row if cell.value)
    assert "capitation plan" in said


def test_every_sheet_keeps_the_checklist_for_accessible_spreadsheets(book):
    tables = [name for sheet in book for name in sheet.tables]
    assert len(tables) == len(set(tables)) == len(book.sheetnames)
    assert book.properties.title
    for sheet in book:
        assert sheet["A1"].value
        assert not sheet.merged_cells.ranges
        assert sheet.sheet_state == "visible"
        assert not any(d.hidden for d in [*sheet.row_dimensions.values(), *sheet.column_dimensions.values()])
        (table,) = sheet.tables.values()
        heads = [column.name for column in table.tableColumns]
        assert len(set(heads)) == len(heads)
        assert all(heads)
        assert not any("_" in head for head in heads)
        for row in sheet[table.ref]:
            assert any(cell.value not in (None, "") for cell in row), f"{sheet.title}: an empty row in the table"


def test_every_sheet_is_ready_to_print(book):
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (
            "landscape",
            1,
            0,
        )
        assert sheet.oddFooter.center.text.startswith("run ")
        if sheet.title != "Contents":
            assert sheet.freeze_panes == "B5"
            assert sheet.print_title_rows == "$4:$4"
    assert sum(pages(sheet) for sheet in book) <= 40


def pages(sheet):
    """Pages a sheet prints on: 780 points wide and 530 high at the scale at which its columns fit."""
    width = sum((sheet.column_dimensions[c].width or 9) for c in sheet.column_dimensions) * 5.6
    heights = sum(sheet.row_dimensions[row].height or 15 for row in range(1, sheet.max_row + 1))
    return math.ceil(heights * min(1, 780 / width) / 530)


def test_the_figures_are_those_of_the_run_to_the_penny(book, blmk_run):
    sheet = book["Localities"]
    rows = list(sheet.iter_rows(min_row=5, values_only=True))
    total = blmk_run.locality_total.filter(pl.col("year") == "2018/19")["total_pence"].sum()
    assert sum(round(row[3] * 100) for row in rows) == total
    named = dict(blmk_run.code_name.filter(pl.col("kind") == "locality").select("code", "name").iter_rows())
    assert {row[1]: row[0] for row in rows} == named
    assert sheet["D5"].number_format == "#,##0;-#,##0"
    assert sheet["H5"].number_format.endswith("%")
    assert [cell.value for cell in book["Streams"][4]][2] == "Commissioning groups"


def test_the_same_run_gives_the_same_bytes(blmk_run, tmp_path):
    one, two = (people_workbook(blmk_run, tmp_path / name, NAMES).read_bytes() for name in ("1.xlsx", "2.xlsx"))
    assert one == two


def test_a_plan_has_its_options_and_its_mix(blmk_run):
    frames = {
        **blmk_run.frames,
        "plan_position": pl.DataFrame(
            {"option": ["a", "b"], "year": ["2020/21"] * 2, "role": ["provider"] * 2, "organisation_code": ["RC9"] * 2, "position_pence": [-500, 700]}
        ),
        "mix_line": pl.DataFrame(
            {"year": ["2020/21"], "solution": ["hub"], "title": ["Hub"], "avoided_units": [7], "cost_released_pence": [100], "savings_pence": [50],
             "spend_pence": [30], "gain_pence": [120]}
        ),
        "mix_launches": pl.DataFrame({"solution": ["hub", "hub"], "year": ["2019/20", "2020/21"], "start": [0.0, 1.0]}),
    }  # fmt: skip
    sheets, lacks = people_sheets(blmk_run.__class__(blmk_run.manifest, frames), {"a": "Option A", "b": "Option B"})
    by = {sheet.name: sheet for sheet in sheets}
    assert len(sheets) < MOST
    assert not lacks
    assert by["Contract options"].rows.rows() == [
        ("Luton and Dunstable University Hospital NHS Foundation Trust", "RC9", "provider", -500, 700)
    ]
    assert by["Contract options"].rows.columns[3:] == ["Option A", "Option B"]
    assert by["Investment mix"].rows.rows() == [("Hub", "2020/21", 7, 100, 50, 30, 120)]
    assert ("All organisations together under Option B", "2020/21", 700) in by["Summary"].rows.rows()


def test_what_a_board_meets_is_named_in_words(blmk_run, pack):
    rows = [
        ("b", "mix", "2020/21", "provider", 5),
        ("a", "mix", "2020/21", "payer", 0),
        ("a", "mix", "2020/21", "provider", -7),
    ]
    frames = {
        **blmk_run.frames,
        "who_pays": pl.DataFrame(rows, schema=["option", "activity_case", "year", "role", "borne_pence"], orient="row"),
    }  # fmt: skip
    names = {"b": "The second option", "a": "An option", "mix": "With the mix"}
    log = pl.DataFrame(
        [(1, "Cost at plan", "1, tested from 0.9 to 1.1", "weak evidence", "Finance", "what is left", 1, 2, 3)],
        schema=["rank", "assumed", "tested", "evidence", "owner", "headline", "low_pence", "base_pence", "high_pence"],
        orient="row",
    )
    log = AssumptionTable(log, 40)
    by = {s.name: s for s in people_sheets(blmk_run.__class__(blmk_run.manifest, frames), names, log)[0]}
    assert by["Who pays"].rows.rows() == [
        ("The second option", "With the mix", "provider", 5),
        ("An option", "With the mix", "provider", -7),
    ]
    assert by["Assumptions"].title == "The 1 assumptions, of 40, that move a headline most"
    assert by["Assumptions"].rows["Assumption"].to_list() == ["Cost at plan"]


def test_the_assumptions_are_those_of_the_log_that_ships(blmk_run, pack):
    log = assumed(blmk_run, pack)
    assert log.count > 100
    assert log.rows["rank"].to_list() == list(range(1, log.rows.height + 1))
    assert called(blmk_run, pack)["plan-plus-5"] == "Activity 5% above plan"


class Choice(Document):
    """A scenario."""

    title: str
    """Its title."""


def test_the_full_workbook_has_a_sheet_for_every_table(capitation, tmp_path):
    chain = pl.DataFrame(
        {
            "year": ["2016/17"],
            "level": ["system"],
            "step": [1],
            "title": ["What is left"],
            "amount_pence": [12345],
            "source": ["made up"],
        }
    )
    folder = save_run(
        make_run(Choice(title="A test"), {}, {"bridge": chain, "odd": pl.DataFrame({"x": ["=1"]})}), tmp_path
    )
    assert capitation("workbook", folder, "--out", tmp_path / "all.xlsx", "--all").code == 0
    assert capitation("workbook", folder, "--out", tmp_path / "few.xlsx").code == 0
    full, few = (openpyxl.load_workbook(tmp_path / name).sheetnames for name in ("all.xlsx", "few.xlsx"))
    assert full == ["cover", "manifest", "data dictionary", "bridge", "odd"]
    assert few == ["Contents", "Summary", "Deficit", "Words", "Inputs"]
    done = capitation("workbook", folder, "--out", tmp_path / "x.csv")
    assert done.code == 2
    assert "expected .xlsx" in done.err
