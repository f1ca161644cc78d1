"""Every parameter says what it is, where it was read and, if it is a judgement, whose; values agree with their cells."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest

from capitation.pack.parameters import Parameters
from capitation.activity.printed_cells import printed_number
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack

PLAN = "blmk-stp-2016"
PACK = DataPack(default_data_folder())
PARAMETERS = Parameters(PACK)
VALUES = [(name, dated.since) for name in PARAMETERS for dated in PARAMETERS.parameter(name).values]

ONE_CELL = re.compile(r"(?P<table>\w+), row (?P<row>.+), column (?P<column>.+)")
TWO_ROWS = re.compile(r"(?P<table>\w+), row (?P<row>.+) less row (?P<less>.+), column (?P<column>.+)")
GROWTH = re.compile(r"(?P<table>\w+), row (?P<row>.+), (?P<year>\d{4}/\d\d) over (?P<before>\d{4}/\d\d), less 1")


def dated(name, year):
    return next(v for v in PARAMETERS.parameter(name).values if v.since == year)


def cell(source, table, row, column):
    """The number in a printed cell: a percentage as a share, any other as it is."""
    rows = PACK.printed(source, table).rows(named=True)
    found = [r for r in rows if r["row"] == row and r["column"] == column]
    assert len(found) == 1, (source, table, row, column)
    number = printed_number(found[0]["value"])
    return number / 100 if found[0]["unit"].startswith("%") or found[0]["unit"] == "%" else number


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_each_parameter_says_what_it_is_and_in_what_unit(name):
    parameter = PARAMETERS.parameter(name)
    assert len(parameter.about) > 20
    assert parameter.about.endswith(".")
    assert parameter.unit.strip()


@pytest.mark.parametrize(("name", "year"), VALUES)
def test_each_value_has_a_source_of_the_pack_and_a_place_in_it(name, year):
    value = dated(name, year)
    assert value.source == "assumption" or value.source in PACK.sources
    assert len(value.where) >= 8


@pytest.mark.parametrize(
    "name",
    [n for n in PARAMETERS if any(v.source == "assumption" for v in PARAMETERS.parameter(n).values)],
)
def test_each_assumption_has_an_owner_marks_and_a_range_that_holds_its_values(name):
    parameter = PARAMETERS.parameter(name)
    assert parameter.owner
    assert parameter.quality in {"red", "amber"}
    assert parameter.impact in {"red", "amber", "green"}
    assert parameter.low is not None
    assert parameter.high is not None
    assert parameter.low < parameter.high
    for value in parameter.values:
        if value.source == "assumption":
            assert parameter.low <= value.value <= parameter.high


@pytest.mark.parametrize(("name", "year"), [(n, y) for n, y in VALUES if dated(n, y).source != "assumption"])
def test_each_published_value_is_the_printed_cell_it_names(name, year):
    """A share is its percentage over a hundred; growth is one cell over another; a net rate is one row less another."""
    value = dated(name, year)
    if match := GROWTH.fullmatch(value.where):
        now, before = (cell(value.source, match["table"], match["row"], match[y]) for y in ("year", "before"))
        assert value.value == (now / before - 1).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
        assert match["year"] == year
    elif match := TWO_ROWS.fullmatch(value.where):
        first, second = (cell(value.source, match["table"], match[r], match["column"]) for r in ("row", "less"))
        assert value.value == first - second
    else:
        match = ONE_CELL.fullmatch(value.where)
        assert match, value.where
        printed = cell(value.source, match["table"], match["row"], match["column"])
        # how far under target an area may be is printed as -5 percent and held as 0.05
        assert value.value == (abs(printed) if name.startswith("pace.max_under") else printed)


def test_growth_of_the_plan_compounds_to_its_printed_growth():
    for name, row in (
        ("registered", "Population projection"),
        ("ccg_allocation", "CCG allocation"),
        ("primary_medical_allocation", "Primary medical allocation"),
        ("specialised_allocation", "Specialised allocation"),
    ):
        whole = Decimal(1)
        for value in PARAMETERS.parameter(f"growth.{name}").values:
            whole *= 1 + value.value
        worked = ((whole - 1) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
        assert worked == cell(PLAN, "place_based_allocation", row, "Total Growth Cum %") * 100


def test_the_better_care_share_is_the_national_minimum_over_national_allocations():
    minimum = cell("tariff-and-topslices", "bcf", "bcf_ccg_minimum, England", "2016/17")
    allocations = cell("national-quantum-2016", "quantum", "ccg", "2016/17")
    worked = (minimum / allocations).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
    assert worked == dated("top_slices.better_care_fund", "2016/17").value


def test_what_was_not_found_is_never_marked_as_published():
    """Floors and caps of 2016/17, the specialised inequality weight, bands and contingency were read in no source."""
    for name in (
        "pace.floor_growth",
        "pace.floor_growth_per_head",
        "pace.max_growth",
        "pace.over_target_threshold",
        "pace.over_target_growth",
        "inequality.specialised_weight",
        "inequality.band_count",
        "inequality.band_ratio",
    ):
        values = {v.since: v.source for v in PARAMETERS.parameter(name).values}
        assert values.get("2016/17", values.get("2014/15")) == "assumption", name
    assert dated("top_slices.contingency", "2015/16").source == "assumption"
