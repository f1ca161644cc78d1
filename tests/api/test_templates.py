"""Excel templates: what the pack says comes back as it was, a changed cell is what changes, and each fault is named by its cell."""

import openpyxl
import polars as pl
import pytest

from api.forms.filled import read_template
from api.forms.kinds import TEMPLATES
from api.forms.sheet import WRONG, write_template
from capitation.errors import SourceError
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
    ("lists", {"C2": "#N/A"}, "cell C2: found '#N/A'; expected a value; the cell holds a spreadsheet error"),
    ("lists", {"C2": "=1+1"}, "cell C2: found '=1+1'; expected a value; open the file in Excel and save it"),
    ("lists", {"C2": True}, "cell C2: found 'True'; expected a word or a number"),
    ("lists", {"C1": "Persons"}, "row 1: found no such column; expected a column 'Registered persons'"),
    ("places", {"C3": "Elsewhere"}, "sheet places, cell C3: found 'Elsewhere'"),
    ("places", {"B2": "two words"}, "cell B2: found 'two words'; expected a code without spaces"),
    ("assumptions", {"I2": "blue"}, "cell I2: found 'blue'; expected red, amber or green"),
    ("assumptions", {"A2": "growth"}, "cell A2: found 'growth'; expected topic.name, such as growth.registered"),
    ("assumptions", {"C2": "1,5"}, "cell C2: found '1,5'; expected a number"),
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
    with pytest.raises(SourceError) as error:
        read_template(path, tmp_path / "out", pack)
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


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
