"""Every source of the pack loads, is unedited, and says for each cell where it stands."""

import re
import shutil

import pytest

from capitation.errors import SourceError, UnknownNameError
from capitation.pack.layers import default_data_folder, alone
from capitation.pack.sources import DataPack, read_raw, sha256_of

PACK = DataPack(default_data_folder())
TABLES = [(s.id, t.name) for s in PACK.sources.values() for t in s.tables]
CELLS = [(s.id, t.name) for s in PACK.sources.values() for t in s.tables if t.layout == "cells"]

OURS = {
    "blmk-briefing-2016-05": {"partners", "work_streams"},
    "blmk-news-2016-07": {"partners", "priorities"},
    "blmk-news-2016-08": {"healthcare_review"},
    "blmk-stp-2016": {
        "activity",
        "distance_from_target",
        "do_nothing",
        "general_practice_supply",
        "headlines",
        "place_based_allocation",
        "secondary_care_savings",
        "social_care",
        "solutions",
        "spend_by_service_2016_17",
        "stf",
        "vacancies",
        "waiting_times",
        "workforce_by_solution",
    },
    "chance-of-local-budgets": {"published"},
    "health-inequality-weights": {"weights"},
    "hm-treasury-green-book": {"discount_rate"},
    "hsj-blmk-2016": {"plan_figures"},
    "national-quantum-2016": {"quantum"},
    "nhs-england-ae-attendances": {"trust_years"},
    "nhs-england-ccg-allocations": {"programme_allocation"},
    "nhs-england-ccg-target-2018-19": {"formula_parameters", "practices"},
    "pace-of-change-rounds": {"rounds", "running_costs"},
    "planning-guidance-2020-21": {"bed_occupancy"},
    "primary-medical-need-weights": {"weights"},
    "target-2013-14": {"targets"},
    "tariff-and-topslices": {"bcf", "cost_base", "cost_inflation", "cquin", "stf", "tariff", "topslices"},
}
"""Sources and tables that the engine's parameters and cases rest on: none may go missing."""


@pytest.mark.parametrize("source", OURS)
def test_no_source_or_table_went_missing(source):
    assert {t.name for t in PACK.source(source).tables} >= OURS[source]


@pytest.mark.parametrize(("source", "table"), TABLES)
def test_the_file_of_each_table_is_the_one_that_was_printed(source, table):
    entry = next(t for t in PACK.source(source).tables if t.name == table)
    path = PACK.path(f"sources/{source}/{entry.file}")
    assert sha256_of(path) == entry.sha256
    assert read_raw(path).height > 0


@pytest.mark.parametrize(("source", "table"), CELLS)
def test_each_cell_has_a_value_a_unit_and_a_place(source, table):
    cells = PACK.printed(source, table)
    for row, column, value, unit, locator in cells.iter_rows():
        for text in (row, column, value, unit, locator):
            assert text == text.strip() != "", (row, column)
        assert len(locator) >= 8, (row, column, locator)


@pytest.mark.parametrize("source", [s for s in OURS if s.startswith(("blmk", "hsj"))])
def test_locators_of_a_text_name_its_file_a_heading_and_a_line(source):
    file = PACK.source(source).file
    for table in PACK.source(source).tables:
        for locator in PACK.printed(source, table.name).get_column("locator"):
            assert re.fullmatch(rf"{re.escape(file)}, .{{5,}}, line [1-9]\d*", locator), locator


@pytest.mark.parametrize("source", sorted(PACK.sources))
def test_each_source_says_who_when_and_under_what_licence(source):
    manifest = PACK.source(source)
    for text in (manifest.title, manifest.publisher, manifest.published, manifest.licence):
        assert text.strip()


@pytest.fixture
def copied(tmp_path):
    target = tmp_path / "pack"
    (target / "sources").mkdir(parents=True)
    (target / "pack.toml").write_bytes(alone((PACK.root / "pack.toml").read_bytes()))
    shutil.copytree(PACK.root / "sources" / "blmk-stp-2016", target / "sources" / "blmk-stp-2016")
    return DataPack(target)


def test_an_edited_figure_is_noticed(copied):
    path = copied.root / "sources" / "blmk-stp-2016" / "stf.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("62.5", "62.6"), encoding="utf-8")
    with pytest.raises(SourceError, match="Printed figures are never edited"):
        copied.printed("blmk-stp-2016", "stf")


def test_a_table_that_is_not_there_names_the_near_one(copied):
    with pytest.raises(UnknownNameError, match="Did you mean 'activity'"):
        copied.printed("blmk-stp-2016", "activities")
