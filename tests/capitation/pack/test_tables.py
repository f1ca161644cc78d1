"""Ordinary files, as programs and people write them, are read alike or refused with their line."""

import io

import openpyxl
import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.pack.tables import Sheet, read_table, text_table

PLAIN = "code,persons\nE81001,10\nE81002,20\n"
ROWS = [("E81001", "10"), ("E81002", "20")]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        b"\n\n" + PLAIN.encode(),
        PLAIN.replace("\n", ",,\n").encode(),
        PLAIN.replace("E81001", " E81001\u00a0").encode(),
        PLAIN.replace("20\n", "20\n\n\n").encode(),
        PLAIN.replace("\nE81002", "\n\nE81002").encode(),
        (PLAIN + "\nNote: lists of October\nSource: the region\n").encode(),
        PLAIN.replace("code", '"code"').replace("E81001", '"E81001"').encode(),
        PLAIN.rstrip("\n").encode(),
    ],
    ids=["plain", "byte-order mark", "UTF-16", "CRLF", "CR", "semicolons", "tabs", "blank lines above", "separators at the end",
         "spaces", "blank lines below", "a blank line between", "notes below", "quotation marks", "no last line end"],
)  # fmt: skip
def test_the_forms_that_programs_write_are_read_alike(content):
    assert text_table(content, "t.csv").frame.rows() == ROWS


def test_what_is_left_out_is_said_and_lines_stay_those_of_the_file():
    table = text_table(b"\ncode,persons\n\nE81001,10\n\nE81002,20\n\nNote: x\n", "t.csv")
    assert [table.line(row) for row in range(2)] == [4, 6]
    assert table.notes == ("t.csv: 1 line(s) of notes below the table left out",)


def test_a_row_of_one_cell_that_follows_no_blank_line_stays():
    assert text_table(b"code,persons\nE81001,10\nE81002,\n", "t.csv").frame.rows() == [
        ("E81001", "10"),
        ("E81002", None),
    ]
    assert text_table(b"code\nE81001\n\nE81002\n", "t.csv").frame.rows() == [("E81001",), ("E81002",)]


def test_a_cell_over_several_lines_does_not_shift_the_lines_below():
    table = text_table(b'code,about\nA,"one\ntwo"\nB,three\n', "t.csv")
    assert table.frame.rows() == [("A", "one\ntwo"), ("B", "three")]
    assert [table.line(0), table.line(1)] == [2, 4]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no heading line"),
        (b"\n\n", "no heading line"),
        (b"a,b,a\n1,2,3\n", "line 1: found the heading 'a' more than once"),
        (b"a,,c\n1,2,3\n", "no heading over column 2"),
        (b"a,b\n1,2\n3,4,5\n", r"line 3: found 3 cells; expected 2"),
        (b'a,b\n1,2\n"3,4\n', "line 3: found a quotation mark"),
        (b"a,b\n1,2\n\xe93,4\n", "line 3: found byte 0xe9"),
        (b"a,b\n1,2\n3\x00,4\n", "line 3: found a NUL character"),
        (b"a,b\n1,#N/A\n2,=VLOOKUP(A1)\n", "line 2, column 'b': found '#N/A'"),
        (b"a,b\n1,#N/A\n2,=VLOOKUP(A1)\n", r"line 3, column 'b': found '=VLOOKUP\(A1\)'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content, said):
    with pytest.raises(SourceError, match=said):
        text_table(content, "t.csv")


@pytest.mark.parametrize("name", ["x.pdf", "x.xls", "x"])
def test_other_kinds_of_file_are_refused(tmp_path, name):
    (tmp_path / name).write_text(PLAIN)
    with pytest.raises(SourceError, match=r"expected \.csv, \.xlsx or \.parquet"):
        read_table(tmp_path / name)


def test_a_missing_file_suggests_the_near_one(tmp_path):
    (tmp_path / "lists.csv").write_text(PLAIN)
    with pytest.raises(SourceError, match=r"lists\.csv"):
        read_table(tmp_path / "list.csv")


def test_the_ending_may_have_capitals(tmp_path):
    (tmp_path / "LISTS.CSV").write_text(PLAIN)
    assert read_table(tmp_path / "LISTS.CSV").frame.rows() == ROWS


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_as_the_csv_file_it_would_save(tmp_path):
    rows = [["code", "persons", "share"], ["E81001", 10, 0.5], ["E81002", 20.0, None]]
    table = read_table(workbook(tmp_path / "t.xlsx", lists=rows))
    assert table.frame.rows() == [("E81001", "10", "0.5"), ("E81002", "20", None)]
    assert table.line(1) == 3


def test_headings_below_a_title_are_found_and_said(tmp_path):
    rows = [["Lists of October"], [], ["code", "persons"], ["E81001", 10], ["E81002", 20], [], ["Source: the region"]]
    table = read_table(workbook(tmp_path / "t.xlsx", lists=rows))
    assert table.frame.rows() == ROWS
    assert table.line(0) == 4
    assert "headings taken from line 3" in table.notes[0]
    assert "notes below" in table.notes[1]


def test_a_sheet_and_a_line_of_headings_may_be_named(tmp_path):
    path = workbook(
        tmp_path / "t.xlsx",
        cover=[["About"]],
        lists=[["old", "heads"], ["code", "persons"], ["E81001", 10], ["E81002", 20]],
    )
    assert read_table(path, Sheet("lists", 2)).frame.rows() == ROWS
    with pytest.raises(SourceError, match=r"no sheet 'list'.*lists"):
        read_table(path, Sheet("list"))


def test_a_parquet_file_keeps_its_types_and_loses_spaces(tmp_path):
    pl.DataFrame({"code": ["E81001 "], "persons": [10.5]}).write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").frame.rows() == [("E81001", 10.5)]
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(SourceError, match="parquet"):
        read_table(tmp_path / "bad.parquet")


def test_a_large_file_is_read_in_columns():
    text = io.StringIO()
    text.write("code,persons\n")
    text.writelines(f"P{n},{n}\n" for n in range(200_000))
    table = text_table(text.getvalue().encode(), "t.csv")
    assert table.frame.height == 200_000
    assert table.line(199_999) == 200_001


@pytest.mark.parametrize("spoilt", ["a, b", "a ,b", " a,b", "a,b ", "a,\tb", "a,b\t", "a,b\x0b", '"a",b', "a,=b"])
def test_a_table_without_spaces_and_signs_is_read_as_one_that_is_looked_at_cell_by_cell(spoilt):
    def read(line):
        try:
            return text_table(f"code,name\n{line}\nc,d e\n".encode(), "t.csv").frame.rows()
        except SourceError as error:
            return error.faults[0].found

    assert read("a,b") == [("a", "b"), ("c", "d e")]
    assert read(spoilt) == ("'=b'" if "=" in spoilt else read("a,b"))
    assert text_table(b"code;name\na;\n ;d\n", "t.csv").frame.rows() == [("a", None), (None, "d")]


def test_lines_of_one_cell_with_an_empty_line_between_are_read():
    table = text_table(b"code,persons\nhello\n,\nE81001\n", "typed")
    assert table.frame["code"].to_list() == ["hello"]
    assert "1 line(s) of notes below the table left out" in table.notes[-1]
