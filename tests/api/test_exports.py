"""Exports: pounds to the penny, a manifest beside them, a workbook a screen reader can follow."""

import json

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.csv import export_csv
from api.exports.pounds import in_pounds
from api.exports.workbook import export_xlsx
from capitation.errors import SourceError
from capitation.money.pence import decimal_text
from capitation.records.documents import Document
from capitation.records.frames import Column, Schema
from capitation.run.run import make_run


class Choice(Document):
    """A scenario."""

    title: str
    """Its title."""


class Line(Schema):
    """A line."""

    code = Column(pl.String, "code", "Who", key=True)
    allocation_pence = Column(pl.Int64, "pence", "What they receive")


FRAMES = {
    "allocation": pl.DataFrame({"code": ["=A", "B"], "allocation_pence": [123456, -5]}),
    "set_aside": pl.DataFrame(schema={"row": pl.String, "reason": pl.String}),
}


@pytest.fixture
def run():
    return make_run(Choice(title="A test"), {"x.csv": "00"}, FRAMES)


@given(st.lists(st.one_of(st.none(), st.integers(-(10**15), 10**15)), min_size=1, max_size=20))
def test_pence_become_pounds_with_two_decimals(pence):
    frame = pl.DataFrame({"x_pence": pence}, schema={"x_pence": pl.Int64})
    assert in_pounds(frame)["x_gbp"].to_list() == [None if p is None else decimal_text(p) for p in pence]


def test_csv_holds_every_frame_and_the_manifest(run, tmp_path):
    folder = export_csv(run, tmp_path)
    assert (folder / "allocation.csv").read_text() == "code,allocation_gbp\n'=A,1234.56\nB,-0.05\n"
    assert json.loads((folder / "manifest.json").read_text())["run_id"] == run.id


def test_the_workbook_is_accessible(run, tmp_path):
    book = openpyxl.load_workbook(export_xlsx(run, tmp_path / "run.xlsx", {"allocation": Line}))
    assert book.sheetnames == ["cover", "manifest", "data dictionary", "allocation", "set aside"]
    tables = [name for sheet in book for name in sheet.tables]
    assert len(tables) == len(set(tables)) == 4
    for sheet in book:
        assert not sheet.merged_cells.ranges
        assert not any(d.hidden for d in sheet.row_dimensions.values())
        assert sheet.freeze_panes is None
        for table in sheet.tables.values():
            headings = [c.name for c in table.tableColumns]
            assert len(headings) == len(set(headings))
            assert table.ref.startswith("A1:")
    sheet = book["allocation"]
    assert [c.value for c in sheet[2]] == ["=A", 1234.56]
    assert sheet["A2"].data_type == "s"  # a name that starts with "=" stays text
    dictionary = list(book["data dictionary"].iter_rows(values_only=True))
    assert ("allocation", "allocation_gbp", "pounds", "What they receive") in dictionary


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    one = export_xlsx(run, tmp_path / "1.xlsx", {}).read_bytes()
    assert one == export_xlsx(run, tmp_path / "2.xlsx", {}).read_bytes()


def test_a_failed_export_leaves_nothing(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError):
        export_csv(run, tmp_path / "file")
    with pytest.raises(SourceError):
        export_xlsx(run, tmp_path / "file" / "x.xlsx", {})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
