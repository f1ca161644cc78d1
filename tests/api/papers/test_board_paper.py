"""The board paper of a run: its figures are those of the run, and what the run lacks is said."""

import io
import re
from dataclasses import replace
from decimal import Decimal

import openpyxl
import polars as pl
import pypdf
import pytest
from pptx import Presentation

from api.papers import board_paper
from capitation.errors import ScenarioError
from capitation.money.pence import board_text
from capitation.run.run import load_run, save_run


@pytest.fixture(scope="module")
def small(blmk_run, pack):
    return board_paper(blmk_run, pack)


def test_a_run_without_mix_options_and_simulation_says_which_pages_it_lacks(small):
    lacks = dict(small.lacking)
    assert "capitation plan" in lacks["What should be invested in?"]
    assert "capitation simulate" in lacks["How sure are we, and who bears the risk?"]
    assert "capitation plan" in lacks["Which contract suits whom, and when does that turn?"]
    assert all(section.finding for section in small.sections)


def test_the_table_of_localities_adds_to_the_decision(small, blmk_run):
    total = blmk_run.locality_total.filter(pl.col("year") == "2018/19")["total_pence"].sum()
    assert small.decisions[0].startswith(f"Agree {board_text(total)} for 2018/19, shared between 25 localities")
    *rows, whole = small.sections[0].tables[0].rows
    assert len(rows) == 25
    assert sum(float(row[2]) for row in rows) == pytest.approx(float(whole[2].replace(",", "")), abs=25 * 0.05)
    assert whole[2] == f"{total / 1e8:,.1f}"


def test_the_deficit_is_the_chain_of_the_run(small, blmk_run):
    chain = blmk_run.bridge.filter((pl.col("year") == "2020/21") & (pl.col("level") == "system"))
    left = chain.filter(pl.col("line") == "left")["amount_pence"][0]
    deficit = small.sections[2]
    assert deficit.finding == f"{board_text(left)} of the £203.0m deficit in 2020/21 remains."
    assert len(deficit.tables[0].rows) == chain.height


def test_a_run_of_something_else_is_refused(blmk_run, pack):
    other = blmk_run.__class__(blmk_run.manifest, {"position": pl.DataFrame()})
    with pytest.raises(ScenarioError, match="found no allocation to localities"):
        board_paper(other, pack)


@pytest.mark.deep
def test_the_paper_of_a_whole_plan_is_a_paper_that_a_board_can_read(capitation, tmp_path):
    done = capitation("plan", "blmk", "--options", "blmk", "--problem", "blmk", "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    folder = next(each.parent for each in (tmp_path / "runs").glob("*/frames"))
    names = [tmp_path / f"paper{kind}" for kind in (".pdf", ".html", ".pptx")]
    done = capitation("paper", folder, *(word for name in names for word in ("--out", name)))
    assert done.code == 0, done.err
    assert "capitation simulate" in done.err
    reader = pypdf.PdfReader(io.BytesIO(names[0].read_bytes()))
    assert 8 <= len(reader.pages) <= 12
    text = "".join(page.extract_text() for page in reader.pages)
    deck = Presentation(str(names[2]))
    assert 8 <= len(deck.slides) <= 16
    for shape in (shape for slide in deck.slides for shape in slide.shapes if shape.has_table):
        assert shape.top + sum(row.height for row in shape.table.rows) <= deck.slide_height
    assert capitation("workbook", folder, "--out", tmp_path / "plan.xlsx").code == 0
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert len(book.sheetnames) <= 15
    assert {"Contract options", "Investment mix", "Assumptions"} <= set(book.sheetnames)
    assert re.search(r"assumptions, of \d{3}, that move", book["Assumptions"]["A1"].value)
    run = load_run(folder)
    assert run.id in text
    mine = run.frame("plan_position").filter((pl.col("year") == "2020/21") & (pl.col("role") != "payer"))
    for (_,), rows in mine.group_by("option"):
        assert f"{rows['position_pence'].sum() / 1e8:,.1f}" in text


def test_a_comparison_says_what_it_has_and_lacks_the_pages_on_money(studied_blmk, pack):
    made = board_paper(studied_blmk, pack)
    compared = studied_blmk.frame("position")["option"].n_unique()
    assert made.purpose == "The board is asked to choose a contract option."
    assert made.decisions[0].startswith(f"Choose one of {compared} contract options to apply from 2018/19")
    lacks = dict(made.lacking)
    assert "capitation run" in lacks["How much does each locality get, and why?"]
    assert "capitation run" in lacks["Who is furthest under target, and what would closing half of the gap cost?"]
    assert made.sections[3].figure is not None


def test_an_export_beside_a_run_is_named_as_that(capitation, tmp_path, blmk_run):
    (tmp_path / "abc-csv").mkdir()
    (tmp_path / "abc-csv" / "manifest.json").write_text(blmk_run.manifest.model_dump_json())
    done = capitation("paper", tmp_path / "abc-csv", "--out", tmp_path / "p.pdf")
    assert done.code == 2
    assert f"found an export of run {blmk_run.id}, not the run" in done.err


def test_several_files_are_written_all_or_none(capitation, tmp_path, blmk_run):
    folder = save_run(blmk_run, tmp_path / "runs")
    taken = tmp_path / "taken.html"
    taken.mkdir()
    done = capitation("paper", folder, "--out", tmp_path / "first.html", "--out", taken)
    assert done.code == 2
    assert f"{taken}: cannot be written: a folder has that name" in done.err
    assert {each.name for each in tmp_path.iterdir()} == {"runs", "taken.html"}


def test_each_organisation_has_its_position_from_its_columns(small):
    table = next(each for each in small.sections[2].tables if each.caption.startswith("Organisations' positions"))
    for _, income, fund, cost, position, *_ in table.rows:
        said = [Decimal(each.replace(",", "")) for each in (income, fund, cost, position)]
        assert abs(said[0] + said[1] - said[2] - said[3]) <= Decimal("0.2")  # four roundings


def test_a_paper_without_a_deficit_asks_nothing_about_one(blmk_run, pack):
    frames = {name: frame for name, frame in blmk_run.frames.items() if name != "bridge"}
    made = board_paper(replace(blmk_run, frames=frames), pack)
    assert made.purpose == "The board is asked to agree allocations for 2018/19."
