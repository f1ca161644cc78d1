"""Excel templates: what the pack says comes back as it was, a changed cell is what changes, and each fault is named by its cell."""

import datetime as dt

import openpyxl
import polars as pl
import pytest

from api.forms.filled import read_template
from api.forms.kinds import TEMPLATES
from api.forms.sheet import WRONG, write_template
from capitation.errors import SourceError
from capitation.pack.layers import default_data_folder
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack


def filled(tmp_path, pack, kind, change, rows=None):
    """A template of the pack with some cells changed."""
    template = TEMPLATES[kind]
    path = write_template(template, list(template.first(pack))[:rows], tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(path)
    for cell, value in change.items():
        book[kind][cell] = value
    book.save(path)
    return path


def test_lists_of_the_pack_come_back_as_they_were(tmp_path, pack):
    (made,) = read_template(filled(tmp_path, pack, "lists", {}, rows=50), tmp_path / "lists.csv", pack)
    kept = pl.read_csv(pack.path("places/practice-lists.csv"), infer_schema=False).head(50)
    assert pl.read_csv(made, infer_schema=False).equals(kept.select("year", "practice_code", "registered_persons"))


def test_a_sheet_formatted_to_its_last_row_reads_like_any_other_and_a_heading_twice_is_named(tmp_path, pack):
    path = filled(tmp_path, pack, "lists", {}, rows=5)
    book = openpyxl.load_workbook(path)
    book["lists"].cell(1_000_000, 3).number_format = "0.00"
    book.save(path)
    (made,) = read_template(path, tmp_path / "lists.csv", pack)
    assert pl.read_csv(made).height == 5
    path = filled(tmp_path, pack, "lists", {"D1": "Registered persons"}, rows=5)
    with pytest.raises(SourceError, match="the column 'Registered persons' 2 times; expected each column once"):
        read_template(path, tmp_path / "lists.csv", pack)


def test_the_map_of_places_comes_back_and_defines_localities(tmp_path, pack, capitation):
    (made,) = read_template(filled(tmp_path, pack, "places", {}), tmp_path / "map.csv", pack)
    ours = pl.read_csv(pack.path("places/membership.csv"), infer_schema=False).select("practice_code", "locality_code")
    assert set(pl.read_csv(made, infer_schema=False).select("practice_code", "locality_code").iter_rows()) == set(
        ours.iter_rows()
    )
    done = capitation(
        "places", "define", pack.path("places/practices-2018-19.csv"), "--from", made, "--out", tmp_path / "new.csv"
    )
    assert done.code == 0, done.err


def test_assumptions_that_are_not_changed_make_no_file_and_a_changed_one_makes_its_own(tmp_path, pack):
    rows = list(TEMPLATES["assumptions"].first(pack))
    assert read_template(filled(tmp_path, pack, "assumptions", {}), tmp_path / "out", pack) == []
    number = next(k for k, row in enumerate(rows) if row["parameter"] == "growth.registered")
    (made,) = read_template(filled(tmp_path, pack, "assumptions", {f"C{number + 2}": 0.0125}), tmp_path / "out", pack)
    assert made == tmp_path / "out/parameters/growth/registered.toml"
    (tmp_path / "out/pack.toml").write_bytes(pack.path("pack.toml").read_bytes())
    changed = Parameters(DataPack(tmp_path / "out")).parameter("growth.registered")
    before = Parameters(pack).parameter("growth.registered")
    assert str(changed.values[0].value) == "0.0125"
    assert changed.values[1:] == before.values[1:]
    assert (changed.about, changed.owner, changed.low) == (before.about, before.owner, before.low)


WRONGS = [
    ("lists", {"A3": "2016/18"}, "cell A3: found '2016/18'; expected a financial year such as 2016/17"),
    ("lists", {"C2": "many"}, "cell C2: found 'many'; expected a number"),
    ("lists", {"C2": -1}, "cell C2: found '-1'; expected a number that is not negative"),
    ("lists", {"B4": None}, "cell B4: found an empty cell; expected something"),
    ("lists", {"B3": "E81001"}, "cell B3: found 'E81001'; expected each year and practice code once; row 2 has it"),
    ("lists", {"C2": "#N/A"}, "cell C2: found '#N/A'; expected a value; the cell contains a spreadsheet error"),
    ("lists", {"C2": "=1+1"}, "cell C2: found '=1+1'; expected a value; open the file in Excel and save it"),
    ("lists", {"C2": True}, "cell C2: found 'True'; expected a word or a number"),
    ("lists", {"C1": "Persons"}, "row 1: found no such column; expected a column 'Registered persons'"),
    ("places", {"C3": "Elsewhere"}, "sheet places, cell C3: found 'Elsewhere'"),
    ("places", {"B2": "two words"}, "cell B2: found 'two words'; expected a code without spaces"),
    ("assumptions", {"I2": "blue"}, "cell I2: found 'blue'; expected red, amber or green"),
    ("assumptions", {"A2": "growth"}, "cell A2: found 'growth'; expected topic.name, such as growth.registered"),
    ("assumptions", {"C2": "1,5"}, "cell C2: found '1,5'; expected a number"),
    (
        "lists",
        {"C2": dt.date(2016, 4, 1)},
        "cell C2: found '2016-04-01 00:00:00'; expected a word or a number; found a date",
    ),
    (
        "lists",
        {"A2": dt.date(2016, 4, 2)},
        "cell A2: found '2016-04-02 00:00:00'; expected a word or a number; found a date",
    ),
    ("lists", {"C2": "#REF!"}, "cell C2: found '#REF!'; expected a value; the cell contains a spreadsheet error"),
    (
        "lists",
        {"C2": "1e30"},
        "cell C2: found '1000000000000000000000000000000'; expected fewer than 1,000,000 persons, the most that one practice",
    ),
    ("lists", {"C2": "12.357,5"}, "cell C2: found '12.357,5'; expected a number"),
    ("lists", {"C2": "x" * 5000}, "... (5000 characters)'; expected a number: found 5000 characters"),
    ("lists", {"B2": "E81 001"}, "cell B2: found 'E81 001'; expected a code without spaces"),
    ("lists", {"B2": "E81\u00a0001"}, "expected a code without spaces"),
    ("lists", {"B2": "E81001\u200b"}, "expected a code without signs that cannot be seen"),
    ("lists", {"B2": "E8100l"}, "cell B2: found 'E8100l'; expected a practice of the data pack. Did you mean 'E81001'"),
    ("lists", {"B2": "e81001"}, "cell B2: found 'e81001'; expected a practice of the data pack. Did you mean 'E81001'"),
    ("lists", {"B2": 81001}, "cell B2: found '81001'; expected a practice of the data pack. Did you mean 'E81001'"),
    (
        "lists",
        {"A14": "2016/17", "B14": "Total", "C14": 9},
        "cell B14: found 'Total'; expected a practice; a row of totals would be counted twice",
    ),
    (
        "lists",
        {"A1": "financial year"},
        "row 1: found no such column; expected a column 'Financial year'. Did you mean 'financial year'?",
    ),
    (
        "lists",
        {"E1": "Notes"},
        "row 1: found a column 'Notes'; expected only Financial year, Practice code, Registered persons",
    ),
    ("places", {"A2": "E81O01"}, "expected a practice of the data pack. Did you mean"),
    ("places", {"C2": "two\nlines"}, "expected a name on one line"),
    ("places", {"C2": "x" * 400}, "expected a name of at most 200 characters"),
    ("places", {"D2": None}, "cell D2: found an empty cell; expected something"),
    (
        "assumptions",
        {"E2": "no-such-source"},
        "cell E2: found 'no-such-source'; expected assumption, or the id of a source of the data pack",
    ),
    ("assumptions", {"A2": "appraisal.discount_rat"}, "expected a parameter of the data pack. Did you mean"),
    ("assumptions", {"G2": 9, "H2": 1}, "cell H2: found '1'; expected a number that is not below the low end, 9"),
    ("assumptions", {"B2": 2016}, "cell B2: found '2016'; expected a financial year such as 2016/17"),
    ("assumptions", {"C2": dt.time(1, 2)}, "cell C2: found '01:02:00'; expected a word or a number; found a date"),
    ("assumptions", {"C2": None}, "cell C2: found an empty cell; expected something"),
    ("assumptions", {"C2": "#DIV/0!"}, "cell C2: found '#DIV/0!'; expected a value"),
]


@pytest.mark.parametrize(
    ("kind", "change", "said"), WRONGS, ids=[f"{k} {next(iter(c))} {next(iter(c.values()))}" for k, c, _ in WRONGS]
)
def test_each_kind_of_bad_cell_is_named_and_nothing_is_written(tmp_path, pack, kind, change, said):
    if kind == "places":
        rows = TEMPLATES[kind].first(pack)
        twice = next(k for k, row in enumerate(rows) if k and row["locality_code"] == rows[0]["locality_code"])
        change = {cell.replace("C3", f"C{twice + 2}"): value for cell, value in change.items()}
        said = said.replace("C3", f"C{twice + 2}")
    path = filled(tmp_path, pack, kind, change, rows=None if kind == "places" else 12)
    before = set(tmp_path.iterdir())
    with pytest.raises(SourceError) as error:
        read_template(path, tmp_path / "out", pack)
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"t-faults.xlsx"}


def test_merged_cells_hidden_rows_blank_rows_and_a_missing_column_are_named_together_each_where_it_stands(
    tmp_path, pack
):
    path = filled(tmp_path, pack, "lists", {"C1": "Persons", "A9": "2016/18", "B30": "E8100l"}, rows=12)
    book = openpyxl.load_workbook(path)
    sheet = book["lists"]
    sheet.merge_cells("A4:A6")
    sheet.row_dimensions[7].hidden = True
    book.save(path)
    with pytest.raises(SourceError) as error:
        read_template(path, tmp_path / "out", pack)
    said = str(error.value)
    assert "row 1: found no such column; expected a column 'Registered persons'" in said
    assert "each cell by itself; cells A4:A6 are merged" in said
    assert "1 hidden row(s) with content: 7" in said
    assert "cell A9: found '2016/18'" in said
    assert "cell A30: found an empty cell" in said  # rows 14 to 29 are blank
    back = openpyxl.load_workbook(tmp_path / "t-faults.xlsx")["lists"]
    assert (back["A9"].value, back["B30"].value) == ("2016/18", "E8100l")
    assert "no such column" in back["D1"].comment.text
    assert "expected a financial year" in back["A9"].comment.text
    assert back["D30"].value == "Financial year: expected something"


def test_a_renamed_or_hidden_sheet_and_two_templates_in_one_workbook_are_named(tmp_path, pack):
    path = filled(tmp_path, pack, "lists", {}, rows=3)
    book = openpyxl.load_workbook(path)
    book["lists"].title = "Sheet1"
    book.save(tmp_path / "renamed.xlsx")
    with pytest.raises(SourceError, match="Sheet Sheet1 has the headings of lists: rename it to lists"):
        read_template(tmp_path / "renamed.xlsx", tmp_path / "o", pack)
    book["Sheet1"].title = "lists"
    book["lists"].sheet_state = "hidden"
    book.save(tmp_path / "hidden.xlsx")
    with pytest.raises(SourceError, match="found a hidden sheet; expected a sheet that is shown"):
        read_template(tmp_path / "hidden.xlsx", tmp_path / "o", pack)
    book["lists"].sheet_state = "visible"
    book.create_sheet("places")
    book.save(tmp_path / "two.xlsx")
    with pytest.raises(SourceError, match="found the sheets lists, places; expected one template a workbook"):
        read_template(tmp_path / "two.xlsx", tmp_path / "o", pack)
    book.remove(book["places"])
    book["lists"].insert_rows(1)
    book.save(tmp_path / "lower.xlsx")
    with pytest.raises(SourceError, match="found the headings in row 2; expected them in row 1"):
        read_template(tmp_path / "lower.xlsx", tmp_path / "o", pack)


def test_codes_of_another_system_are_looked_up_in_its_own_pack_only(tmp_path, capitation):
    book = openpyxl.Workbook()
    book.active.title = "lists"
    for row in (
        ("Financial year", "Practice code", "Registered persons"),
        ("2025/26", "Y00001", 9),
        ("2025/26", "Y00002", 8),
    ):
        book["lists"].append(row)
    book.save(tmp_path / "l.xlsx")
    done = capitation("template", "read", tmp_path / "l.xlsx", "--out", tmp_path / "lists.csv")
    assert done.code == 0, done.err
    assert "none of the 2 practices is in the data pack that ships" in done.err
    done = capitation(
        "template", "read", tmp_path / "l.xlsx", "--out", tmp_path / "o.csv", "--data", default_data_folder()
    )
    assert done.code == 2
    assert "cell B2: found 'Y00001'; expected a practice of the data pack" in done.err
    assert not (tmp_path / "o.csv").exists()


def test_a_template_with_faults_comes_back_with_each_beside_its_cell_and_reads_once_they_are_mended(
    tmp_path, pack, capitation
):
    path = filled(tmp_path, pack, "lists", {"A3": "2016/18", "C5": "many"}, rows=9)
    done = capitation("template", "read", path, "--out", tmp_path / "lists.csv")
    assert done.code == 2
    assert "2 faults" in done.err
    sheet = (back := openpyxl.load_workbook(tmp_path / "t-faults.xlsx"))["lists"]
    assert sheet["D1"].value == WRONG
    assert sheet["D3"].value == "Financial year: expected a financial year such as 2016/17"
    assert "expected a number" in sheet["C5"].comment.text
    assert (sheet["C5"].value, sheet["B5"].value) == (
        "many",
        pl.read_csv(pack.path("places/practice-lists.csv"), infer_schema=False)["practice_code"][3],
    )
    sheet["A3"], sheet["C5"] = "2016/17", 12
    back.save(tmp_path / "mended.xlsx")
    assert capitation("template", "read", tmp_path / "mended.xlsx", "--out", tmp_path / "lists.csv").code == 0
    assert pl.read_csv(tmp_path / "lists.csv", infer_schema=False)["registered_persons"][3] == "12"


def test_a_file_that_is_no_template_is_refused(tmp_path, capitation):
    (tmp_path / "x.xlsx").write_text("no workbook")
    done = capitation("template", "read", tmp_path / "x.xlsx", "--out", tmp_path / "o")
    assert done.code == 2
    assert "found no workbook that can be read" in done.err
    openpyxl.Workbook().save(tmp_path / "y.xlsx")
    done = capitation("template", "read", tmp_path / "y.xlsx", "--out", tmp_path / "o")
    assert "expected one of lists, places, assumptions" in done.err
    assert capitation("template", "write", "lists", "--out", tmp_path / "l.xlsx", "--empty").code == 0
    done = capitation("template", "read", tmp_path / "l.xlsx", "--out", tmp_path / "o")
    assert "found no rows; expected at least one" in done.err
