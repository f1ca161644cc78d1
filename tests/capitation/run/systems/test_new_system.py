"""Another system in three commands: a made-up region that is kept beside the tests, and real ones where the published tables are at hand."""

import os
import re
import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from api.cli.main import app
from capitation.errors import CapitationError, FrameError, ScenarioError, SourceError, UnknownNameError
from capitation.pack.layers import shipped_packs
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from capitation.run.checks import check_pack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from capitation.run.systems.folder import write_empty_system, write_system
from capitation.run.systems.new_system import WantedSystem, new_system, read_totals
from capitation.run.unread import assumed_index_notes

ROOT = Path(__file__).parents[4]
REGION = ROOT / "tests" / "cases" / "region"
ENGLAND = DataPack(shipped_packs() / "england")
SHARED = Path(os.environ.get("CAPITATION_SHARED", ROOT.parent / "shared")) / "reference"
PUBLISHED = SHARED / "ccg_target_inputs_2018_19" / "practice_need_components.parquet"

published = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published tables of practices are not at hand")


def asked(**given):
    return WantedSystem(
        **{"system": "vale", "practices": REGION / "practices.csv", "places": REGION / "places.csv", **given}
    )


def run_of(made, folder):
    write_system(made, folder, ENGLAND)
    pack = DataPack(folder)
    assert check_pack(pack) == []
    return evaluate(read_scenario(folder / "scenarios" / f"{made.wanted.system}.toml"), pack)


def adds_up(run):
    """Whether every level holds the whole money of every stream and year."""
    whole = run.stream_total.group_by("year", "stream").agg(pl.col("total_pence").sum())
    for level in ("system", "place", "locality", "practice"):
        sums = run.allocation.filter(level=level).group_by("year", "stream").agg(pl.col("allocation_pence").sum())
        both = sums.join(whole, on=["year", "stream"], how="left")
        assert (both["allocation_pence"] == both["total_pence"]).all(), level
        assert both.height == run.allocation.select("year", "stream").unique().height > 0
    return True


def readme_commands():
    """The three commands of the README's second example."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Another system in three commands.*?```\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line) for line in block[1].strip().splitlines()]


def test_the_second_example_of_the_readme_works_as_it_stands(tmp_path, monkeypatch):
    shutil.copytree(REGION, tmp_path / "tests/cases/region")
    monkeypatch.chdir(tmp_path)
    commands = readme_commands()
    assert [words[1] for words in commands] == ["new", "check", "run"]
    for words in commands:
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, done.output
    assert "£120,700 thousand" in done.output  # 107,000,000 + 13,700,000 of totals.csv
    assert "under its national target" not in done.output


def test_money_given_is_shared_to_the_penny_at_every_level(tmp_path):
    made = new_system(asked(totals=REGION / "totals.csv"), ENGLAND)
    run = run_of(made, tmp_path / "vale")
    assert adds_up(run)
    assert run.stream_total.filter(year="2019/20", stream="ccg")["total_pence"].to_list() == [104_250_000_55]
    assert run.allocation["year"].unique().sort().to_list() == ["2018/19", "2019/20", "2020/21"]
    names = dict(run.code_name.filter(kind="locality").select("code", "name").iter_rows())
    assert names == {"V1": "Ashford Vale North", "V2": "Ashford Vale South", "V3": "Brook Coast"}


def test_without_totals_the_formulas_own_targets_stand_in_and_are_marked(tmp_path):
    run = run_of(new_system(asked(), ENGLAND), tmp_path / "vale")
    assert adds_up(run)
    marked = run.assumption.filter(pl.col("about").str.contains("the formula's own target of 2018/19"))
    assert marked.height == 4  # the opening year and three years
    assert set(marked["quality"]) == {"red"}


def test_what_a_system_lacks_is_left_out_and_said(tmp_path):
    run = run_of(new_system(asked(), ENGLAND), tmp_path / "vale")
    for name in ("locality_activity", "unit_cost", "service_envelope", "flow", "provider_allocation"):
        assert run.frame(name).is_empty()
    (row,) = run.set_aside.filter(pl.col("subject").str.ends_with("not modelled")).iter_rows(named=True)
    assert row["subject"] == "activity, unit costs, services and providers not modelled"
    assert "names no printed plan" in row["reason"]
    assert not run.place_distance.is_empty()
    assert not run.ledger.is_empty()


def test_the_years_can_be_chosen(tmp_path):
    run = run_of(new_system(asked(last_year=FinancialYear("2024/25")), ENGLAND), tmp_path / "vale")
    assert run.allocation["year"].n_unique() == 7


def test_a_gap_in_the_map_writes_nothing(tmp_path):
    lines = (REGION / "places.csv").read_text().splitlines(keepends=True)
    (tmp_path / "places.csv").write_text("".join(lines[:-1]))
    with pytest.raises(FrameError, match="X00012"):
        new_system(asked(places=tmp_path / "places.csv"), ENGLAND)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"system": "a b"}, ScenarioError, "letters, digits and hyphens"),
        ({"practices": None}, ScenarioError, "both or neither of --inputs and --practices"),
        ({"practices": None, "inputs": REGION}, ScenarioError, "no --area"),
        ({"practices": None, "inputs": REGION, "area": "X9Z"}, UnknownNameError, "X1A"),
        ({"year": FinancialYear("2031/32")}, UnknownNameError, "year of need components"),
        ({"year": FinancialYear("2026/27")}, SourceError, "found no table of need components of 2026/27"),
        ({"last_year": FinancialYear("2016/17")}, ScenarioError, "--last-year"),
        ({"practices": REGION / "nothing.csv"}, SourceError, "no such file"),
        ({"practices": REGION / "totals.csv"}, SourceError, "no column 'practice_code'"),
    ],
)
def test_each_wrong_wish_has_one_message(given, error, words):
    with pytest.raises(error, match=words):
        new_system(asked(**given), ENGLAND)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("year,stream\n2018/19,ccg\n", "no column 'pounds'"),
        ("year,stream,pounds\n2018,ccg,5\n", "line 2"),
        ("year,stream,pounds\n2018/19,ccg,many\n", "line 2"),
        ("year,stream,pounds\n2018/19,ccg,5\n2018/19,ccg,6\n", "once more"),
    ],
)
def test_totals_that_cannot_be_read_are_refused_with_their_line(tmp_path, text, words):
    (tmp_path / "totals.csv").write_text(text)
    with pytest.raises(SourceError, match=words):
        read_totals(tmp_path / "totals.csv")


def test_totals_with_a_unit_are_read_in_it(tmp_path):
    (tmp_path / "totals.csv").write_text("year,stream,pounds,unit\n2018/19,ccg,1.5,£m\n2019/20,ccg,1500,£'000\n")
    assert read_totals(tmp_path / "totals.csv") == {("ccg", "2018/19"): 150_000_000, ("ccg", "2019/20"): 150_000_000}


def test_totals_without_the_opening_year_are_refused(tmp_path):
    lines = (REGION / "totals.csv").read_text().splitlines(keepends=True)
    (tmp_path / "totals.csv").write_text("".join(line for line in lines if not line.startswith("2017/18,ccg")))
    with pytest.raises(ScenarioError, match="no pounds for 2017/18"):
        new_system(asked(totals=tmp_path / "totals.csv"), ENGLAND)


def test_an_empty_system_is_a_pack_without_faults_and_says_what_to_fill_in(tmp_path):
    folder = write_empty_system("coast", tmp_path / "coast")
    assert check_pack(DataPack(folder)) == []
    assert "capitation new coast --practices practices.csv" in (folder / "README.md").read_text()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ScenarioError, match="expected a new folder"):
        write_empty_system("coast", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "kept"


@published
def test_a_commissioner_is_a_system_too(tmp_path):
    run = run_of(new_system(WantedSystem(system="six", area="06H", inputs=SHARED), ENGLAND), tmp_path / "six")
    assert adds_up(run)
    assert run.code_name.filter(kind="practice").height == 102


@published
def test_a_board_of_2026_27_runs_on_the_core_formula_of_its_years(tmp_path):
    wanted = WantedSystem(system="board", area="QMM", inputs=SHARED, year=FinancialYear("2026/27"))
    run = run_of(new_system(wanted, ENGLAND), tmp_path / "board")
    assert adds_up(run)
    assert run.allocation["year"].unique().sort().to_list() == ["2026/27", "2027/28", "2028/29"]
    assert set(run.practice_need["formula"]) == {"core-2026-27", "primary-medical"}


@published
def test_practices_without_coordinates_are_listed(tmp_path):
    made = new_system(WantedSystem(system="norfolk", area="QMM", inputs=SHARED), ENGLAND)
    folder = write_system(made, tmp_path / "norfolk", ENGLAND)
    listed = pl.read_csv(folder / "places/without-coordinates.csv")
    assert listed.height == 7
    assert set(listed["stands_at"]) <= {"middle of its network", "middle of its commissioner"}


@published
@pytest.mark.deep
def test_all_systems_of_2021_add_up_to_the_penny(tmp_path):
    codes = pl.read_parquet(PUBLISHED)["stp21_code"].unique().sort().to_list()
    assert len(codes) == 42
    for code in codes:
        try:
            run = run_of(new_system(WantedSystem(system=code, area=code, inputs=SHARED), ENGLAND), tmp_path / code)
        except CapitationError as error:
            pytest.fail(f"{code}: {error}")
        assert adds_up(run)
        assert set(run.stream_total["stream"]) == {"ccg", "primary-medical"}


@published
def test_a_formula_that_knows_no_cost_index_of_the_districts_is_named_by_check(tmp_path):
    wanted = WantedSystem(system="icb", area="QMM", inputs=SHARED, year=FinancialYear("2026/27"))
    write_system(new_system(wanted, ENGLAND), tmp_path / "icb", ENGLAND)
    (note,) = assumed_index_notes(DataPack(tmp_path / "icb"))
    assert "stream core: formula core-2026-27 knows no cost index of 105 of 105 practices" in note
    assert assumed_index_notes(DataPack(shipped_packs() / "blmk")) == []
