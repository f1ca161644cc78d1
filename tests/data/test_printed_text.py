"""Each printed cell against the text it was taken from: the figure stands on the line that its locator names."""

import csv
import re

import polars as pl
import pytest

from capitation.activity import printed_plan as plan
from capitation.activity.reading import reading

TEXTS = {
    "blmk-stp-2016": 579,
    "hsj-blmk-2016": 3,
    "blmk-briefing-2016-05": 48,
    "blmk-news-2016-07": 25,
    "blmk-news-2016-08": 6,
}
"""How many cells of each source are compared with its text: none may drop out unseen."""

OWN = {"own words", "as classed by us", "no figure"}
"""Units of cells whose value is ours and not a text of the source ("no figure" may be either)."""


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def stands_in(value: str, line: str) -> bool:
    """True where the value stands in the line as a whole: "16" does not stand in "2016"."""
    before = r"(?<![\d.,])" if value[0].isdigit() else ""
    after = r"(?!\d|[.,]\d)" if value[-1].isdigit() else ""
    return re.search(f"{before}{re.escape(squeezed(value))}{after}", squeezed(line)) is not None


def test_a_part_of_a_longer_number_does_not_count_as_the_number():
    assert stands_in("16", "the 16 partners")
    assert not stands_in("16", "in 2016")
    assert not stands_in("6.1%", "26.1%")
    assert not stands_in("1,006", "1,006,288")


@pytest.mark.parametrize("source", TEXTS)
def test_each_cell_stands_on_its_line_and_under_its_heading(pack, shared, source):
    manifest = pack.source(source)
    text = (shared / "seeds" / manifest.file).read_text(encoding="utf-8")
    lines, whole = text.split("\n"), squeezed(text)
    compared = 0
    for table in manifest.tables:
        for row, column, value, unit, locator in pack.printed(source, table.name).iter_rows():
            file, heading, line = re.fullmatch(r"([^,]+), (.+), line (\d+)", locator).groups()
            assert file == manifest.file
            assert heading in whole or heading == "news report", heading
            if unit in OWN:
                continue
            assert stands_in(value, lines[int(line) - 1]), (table.name, row, column, value, lines[int(line) - 1])
            compared += 1
    assert compared == TEXTS[source]


def test_activity_is_printed_alike_on_both_slides(pack, shared):
    """The first slide prints the same baseline and trend with gaps inside its numbers; gaps taken out, they agree."""
    text = (shared / "seeds" / pack.source("blmk-stp-2016").file).read_text(encoding="utf-8").split("\n")
    for line, column in ((1283, "baseline_activity"), (1285, "unmitigated_activity")):
        digits = re.sub(r"[^\d]", "", text[line - 1].split("eli" if "eli" in text[line - 1] else "Acti vi ty", 1)[1])
        frame = plan.activity_plan(pack)
        order = list(reading(pack).activity.rows.values())
        values = dict(frame.select("point_of_delivery", column).iter_rows())
        assert digits == "".join(str(values[code]) for code in order)


def cases(shared, *ids):
    with (shared / "cases" / "allocation-cases.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["case_id"] in ids]


COPIED = [
    ("nhs-england-ccg-allocations", "programme_allocation", "B-CCG-ALLOC", 21),
    ("national-quantum-2016", "quantum", "D-NATIONAL-QUANTUM", 54),
    ("tariff-and-topslices", "tariff", "K-TARIFF", 8),
    ("tariff-and-topslices", "cost_inflation", "K-COST-INFLATION", 30),
    ("tariff-and-topslices", "cost_base", "K-COST-BASE", 5),
    ("tariff-and-topslices", "cquin", "K-CQUIN", 6),
    ("tariff-and-topslices", "topslices", "L-TOPSLICE", 10),
    ("tariff-and-topslices", "stf", "L-STF", 8),
    ("tariff-and-topslices", "bcf", "L-BCF", 13),
    ("primary-medical-need-weights", "weights", "M-PMC-WEIGHT", 15),
    ("target-2013-14", "targets", "C-2013-14-TARGET", 129),
    ("pace-of-change-rounds", "rounds", "J-POC", 41),
    ("pace-of-change-rounds", "running_costs", "J-RUNNING-COST", 2),
    ("health-inequality-weights", "weights", "J-HI-WEIGHT", 8),
]


@pytest.mark.parametrize(("source", "table", "case", "count"), COPIED)
def test_each_national_figure_is_the_one_on_record(pack, shared, source, table, case, count):
    """Every row on record is a cell with its value and its source text; the three CCGs for allocations."""
    found = pack.printed(source, table).filter(pl.col("column") != "area_name")
    carried = {(locator, value) for value, locator in found.select("value", "locator").iter_rows()}
    rows = [r for r in cases(shared, case) if case != "B-CCG-ALLOC" or r["area_code"] in {"06F", "06P", "04F"}]
    expected = {(f"{r['source']}; {r['measure']}, {r['area_code']}, {r['year']}", r["value"]) for r in rows}
    assert carried == expected
    assert found.height == len(rows) == count


def test_the_plan_on_record_agrees_with_the_plan_as_used(pack, shared):
    names = {
        "ccg_allocation": "ccg",
        "primary_medical_allocation": "primary-medical",
        "specialised_allocation": "specialised",
    }
    frame = plan.place_based_allocation(pack)
    used = {(stream, year): pence for year, stream, pence, _ in frame.iter_rows()}
    record = {
        (names[r["measure"]], r["year"]): int(r["value"]) * 100_000
        for r in cases(shared, "A-BLMK-SEED")
        if r["measure"] in names
    }
    assert used == record


def test_practices_are_the_published_file_byte_for_byte(pack, shared):
    carried = pack.root / "sources" / "nhs-england-ccg-target-2018-19" / "practices.csv"
    assert carried.read_bytes() == (shared / "cases" / "blmk-practices-2018-19.csv").read_bytes()


def test_practice_columns_agree_with_the_england_file(pack, shared):
    carried = pl.read_csv(pack.root / "sources" / "nhs-england-ccg-target-2018-19" / "practices.csv")
    england = pl.read_parquet(
        shared / "reference" / "ccg_target_inputs_2018_19" / "practice_need_components.parquet"
    ).filter(pl.col("stp21_code") == "QHG")
    numbers = [name for name, kind in england.schema.items() if kind == pl.Float64]
    assert len(numbers) == 9
    both = carried.join(england, on="practice_code", how="inner", suffix="_england", validate="1:1")
    assert both.height == carried.height == england.height == 106
    for name in numbers:
        # the file prints nine significant decimals of the published float
        assert (both[name] - both[f"{name}_england"]).abs().max() <= 1e-6, name


def test_attendances_of_the_trusts_agree_with_their_months(pack, shared):
    months = pl.read_parquet(shared / "reference" / "ae_attendances" / "ae_monthly_by_provider_2016_19.parquet")
    for row, column, value, *_ in pack.printed("nhs-england-ae-attendances", "trust_years").iter_rows():
        trust, measure = row.split(" ")
        first = int(column[:4])
        in_year = months.filter(
            (pl.col("org_code") == trust)
            & (pl.col("period") >= pl.date(first, 4, 1))
            & (pl.col("period") <= pl.date(first + 1, 3, 31))
        )
        assert in_year.get_column(measure).sum() == int(value)
