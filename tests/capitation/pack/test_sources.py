"""Files of users and of the data pack: one clear message a fault, all together."""

import polars as pl
import pytest

from capitation.errors import FrameError, SourceError, UnknownNameError
from capitation.pack.sources import DataPack, read_raw, read_rows
from capitation.records.frames import Column, Schema


class Practice(Schema):
    """A practice and its list."""

    practice_code = Column(pl.String, "code", "Practice", key=True)
    registered_persons = Column(pl.Float64, "persons", "Registered list", ge=0)
    branches = Column(pl.Int64, "count", "Branch surgeries", nullable=True)


def write(tmp_path, text, name="practices.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


GOOD = "practice_code,registered_persons,branches\nE81002,8530.5,1\nE81001,3328,\n"


def test_a_good_file_is_read_in_key_order(tmp_path):
    frame = read_rows(write(tmp_path, GOOD), Practice)
    assert frame["practice_code"].to_list() == ["E81001", "E81002"]
    assert frame["branches"].to_list() == [None, 1]


def test_csv_and_parquet_give_the_same_rows(tmp_path):
    frame = read_rows(write(tmp_path, GOOD), Practice)
    frame.write_parquet(tmp_path / "p.parquet")
    assert read_rows(tmp_path / "p.parquet", Practice).equals(frame)


def test_text_in_number_columns_is_told_with_line_and_column(tmp_path):
    bad = "practice_code,registered_persons,branches\nE81001,many,1\nE81002,3,1.5\n"
    with pytest.raises(SourceError) as caught:
        read_rows(write(tmp_path, bad), Practice)
    text = str(caught.value)
    assert "line 2, column 'registered_persons'" in text
    assert "line 3, column 'branches'" in text
    assert "'many'" in text


def test_a_negative_list_and_a_repeated_practice_are_told_together(tmp_path):
    bad = "practice_code,registered_persons,branches\nE81001,-1,1\nE81001,3,1\n"
    with pytest.raises(FrameError) as caught:
        read_rows(write(tmp_path, bad), Practice)
    assert len(caught.value.faults) == 2


def test_wrong_headings_suggest_the_right_ones(tmp_path):
    bad = "practice_cod,registered_persons,beds\nE81001,1,1\n"
    with pytest.raises(SourceError) as caught:
        read_rows(write(tmp_path, bad), Practice)
    assert "'practice_cod'" in str(caught.value)
    assert "'beds'" in str(caught.value)


def test_a_column_map_reads_other_headings(tmp_path):
    other = "code,list\nE81001,5\n"
    frame = read_rows(
        write(tmp_path, other), Practice, column_map={"practice_code": "code", "registered_persons": "list"}
    )
    assert frame["registered_persons"].to_list() == [5.0]


def test_a_map_to_nothing_is_told(tmp_path):
    with pytest.raises(SourceError, match="lst"):
        read_rows(
            write(tmp_path, GOOD), Practice, column_map={"registered_persons": "lst", "practise": "practice_code"}
        )


@pytest.mark.parametrize(
    ("text", "encoding", "part"),
    [
        (GOOD + "Surgery £,1,1\n", "latin-1", "line 4"),
        ("", "utf-8", "no heading line"),
        ("a,b,a\n1,2,3\n", "utf-8", "more than once"),
        ("a,b\n1,2,3,4\n", "utf-8", "line 2: found 4 cells; expected 2"),
    ],
)
def test_files_in_another_form_are_refused_by_name(tmp_path, text, encoding, part):
    with pytest.raises(SourceError, match=part) as caught:
        read_raw(write(tmp_path, text, encoding=encoding))
    assert "practices.csv" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["practices.csv", "PRACTICES.CSV", "practices.txt"])
def test_a_byte_order_mark_and_the_ending_s_case_do_not_matter(tmp_path, encoding, name):
    plain = read_rows(write(tmp_path, GOOD, "plain.csv"), Practice)
    assert read_rows(write(tmp_path, GOOD, name, encoding=encoding), Practice).equals(plain)


def test_codes_that_differ_by_case_or_spaces_are_one_key_written_twice(tmp_path):
    text = "practice_code,registered_persons\nE81001,1\nE81002,1\ne81001,1\n"
    with pytest.raises(SourceError, match=r"lines 2, 4.*'E81001' and 'e81001'"):
        read_rows(write(tmp_path, text), Practice)


@pytest.mark.parametrize(("cell", "said"), [("12,34", "decimal comma"), ("5%", "percentage"), ("*", "held back")])
def test_a_cell_that_could_mean_two_things_says_what_it_might_mean(tmp_path, cell, said):
    text = f'practice_code,registered_persons\nE81001,1\n\nE81002,"{cell}"\n'
    with pytest.raises(SourceError, match=f"line 4, column 'registered_persons'.*{said}"):
        read_rows(write(tmp_path, text), Practice)


def test_a_promise_that_a_row_breaks_is_named_with_its_line(tmp_path):
    with pytest.raises(FrameError, match=r"'E81002'.*\(line 4\)"):
        read_rows(write(tmp_path, "practice_code,registered_persons\nE81001,1\n\nE81002,-1\n"), Practice)


def test_a_missing_file_a_wrong_ending_and_broken_parquet(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(SourceError, match=r"practices\.csv"):
        read_raw(tmp_path / "practice.csv")
    with pytest.raises(SourceError, match="ending"):
        read_raw(write(tmp_path, GOOD, "p.doc"))
    with pytest.raises(SourceError, match="parquet"):
        read_raw(write(tmp_path, GOOD, "p.parquet"))


def test_a_folder_without_a_pack_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"pack\.toml"):
        DataPack(tmp_path)


def test_an_edited_figure_is_noticed(tmp_path):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (tmp_path / "pack.toml").write_text('id = "t"\n')
    (folder / "t.csv").write_text("row,column,value,unit,locator\nr,c,1,persons,p\n")
    (folder / "source.toml").write_text(
        'id="s"\ntitle="t"\npublisher="p"\npublished="2016"\nlicence="facts"\n'
        f'[[tables]]\nname="t"\ntitle="t"\nfile="t.csv"\nsha256="{"0" * 64}"\n'
    )
    pack = DataPack(tmp_path)
    with pytest.raises(SourceError, match="never edited"):
        pack.printed("s", "t")
    with pytest.raises(UnknownNameError, match="cells table"):
        pack.printed("s", "tt")
    with pytest.raises(UnknownNameError, match="source"):
        pack.source("ss")


def test_unreadable_cells_and_broken_rows_are_told_together(tmp_path):
    bad = "practice_code,registered_persons,branches\nE81001,many,1\nE81002,-3,1\nE81002,5,1\n,5,1\n"
    with pytest.raises(SourceError) as caught:
        read_rows(write(tmp_path, bad), Practice)
    told = [f.found for f in caught.value.faults]
    assert (
        len(told) == 4
    )  # a text cell, a negative list, a practice twice, a row without a code; the text cell is not also "empty"
    assert any("'many'" in t for t in told)


@pytest.mark.parametrize("name", ["../outside.toml", "policies/../../outside.toml", "/etc/hostname"])
def test_a_name_that_leads_out_of_the_pack_is_refused(pack, name):
    with pytest.raises(SourceError, match="leads out of the data pack"):
        pack.path(name)
