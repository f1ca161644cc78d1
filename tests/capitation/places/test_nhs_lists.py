"""Registered lists in NHS Digital's long layouts: rows of ALL, single years and bands, held-back counts, other organisations."""

import pytest

from capitation.errors import SourceError
from capitation.pack.layers import default_data_folder
from capitation.pack.rows import parse_raw
from capitation.pack.sources import DataPack
from capitation.places.nhs_lists import read_nhs_lists
from capitation.weighting.age_sex import age_sex_formula

BANDS = age_sex_formula(DataPack(default_data_folder()), "primary-medical-2007").weights
HEAD = "PUBLICATION,EXTRACT_DATE,ORG_TYPE,ORG_CODE,POSTCODE,SEX,AGE_GROUP_5,NUMBER_OF_PATIENTS\n"


def read(tmp_path, rows, head=HEAD, date=None):
    text = head + "".join(f"GP_PRAC,01OCT2019,{row}\n" for row in rows)
    return read_nhs_lists(parse_raw(text.encode(), tmp_path / "lists.csv"), BANDS, date)


def lists(found):
    return dict(found.lists.iter_rows())


def counts(found):
    return {row[:3]: row[3] for row in found.counts.iter_rows()}


def test_rows_of_all_are_compared_and_never_added(tmp_path):
    rows = ["GP,A1,X,ALL,ALL,90", "GP,A1,X,MALE,0_4,30", "GP,A1,X,MALE,95+,10", "GP,A1,X,FEMALE,35_39,50"]
    found = read(tmp_path, rows)
    assert lists(found) == {"A1": 90}
    assert counts(found) == {("A1", "male", "0-4"): 30, ("A1", "male", "85+"): 10, ("A1", "female", "15-44"): 50}
    with pytest.raises(
        SourceError, match="practice A1: found rows by sex and age that add to 89; expected its row ALL, 90"
    ):
        read(tmp_path, [*rows[:-1], "GP,A1,X,FEMALE,35_39,49"])


def test_single_years_fold_into_the_bands_of_the_formula(tmp_path):
    rows = [f"GP,A1,X,FEMALE,{age},1" for age in (*range(95), "95+")]
    found = read(tmp_path, rows, HEAD.replace("AGE_GROUP_5", "AGE"))
    assert lists(found) == {"A1": 96}
    assert counts(found)["A1", "female", "5-14"] == 10
    assert counts(found)["A1", "female", "85+"] == 11


def test_totals_by_practice_alone_and_other_organisations(tmp_path):
    found = read(tmp_path, ["GP,A1,X,ALL,ALL,90", "CCG,06F,X,ALL,ALL,900"])
    assert lists(found) == {"A1": 90}
    assert found.counts.is_empty()
    assert "1 rows of other organisations" in found.notes[0]


def test_one_held_back_count_is_what_remains_and_several_are_set_aside(tmp_path):
    whole = ["GP,A1,X,ALL,ALL,90", "GP,A1,X,MALE,0_4,*", "GP,A1,X,FEMALE,0_4,50"]
    assert counts(read(tmp_path, whole))["A1", "male", "0-4"] == 40
    two = ["GP,A1,X,ALL,ALL,90", "GP,A1,X,MALE,0_4,*", "GP,A1,X,FEMALE,0_4,*", "GP,A1,X,FEMALE,5_9,9"]
    found = read(tmp_path, [*two, "GP,A2,X,MALE,0_4,5"])
    assert lists(found) == {"A1": 90, "A2": 5}
    assert set(counts(found)) == {("A2", "male", "0-4")}
    assert any("set aside: A1" in note for note in found.notes)
    with pytest.raises(SourceError, match="left out, and no row ALL"):
        read(tmp_path, whole[1:])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("GP,A1,X,WOMEN,0_4,5", "line 3, sex: found 'WOMEN'"),
        ("GP,A1,X,MALE,old,5", "line 3, age: found 'old'"),
        ("GP,A1,X,MALE,0_4,many", "line 3, persons: found 'many'"),
        ("GP,A1,X,MALE,0_4,-5", "line 3, persons: found '-5'"),
        ("GP,A1,X,MALE,0_9,5", "age '0_9': found an age group that lies in two bands"),
        ("GP,A1,X,FEMALE,5_9,6", "lines 2, 3: found practice A1 twice"),
    ],
)
def test_what_is_not_of_the_layout_is_refused_by_its_line(tmp_path, row, words):
    with pytest.raises(SourceError, match=words):
        read(tmp_path, ["GP,A1,X,FEMALE,5_9,6", row])


def test_one_extract_is_chosen_where_there_are_several(tmp_path):
    text = HEAD + "P,01OCT2019,GP,A1,X,ALL,ALL,90\nP,01NOV2019,GP,A1,X,ALL,ALL,91\n"
    table = parse_raw(text.encode(), tmp_path / "lists.csv")
    with pytest.raises(SourceError, match="--date"):
        read_nhs_lists(table, BANDS)
    assert lists(read_nhs_lists(table, BANDS, "01NOV2019")) == {"A1": 91}
    with pytest.raises(SourceError, match="no rows of 2020"):
        read_nhs_lists(table, BANDS, "2020")


def test_a_file_without_the_headings_is_refused(tmp_path):
    with pytest.raises(SourceError, match="NUMBER_OF_PATIENTS"):
        read(tmp_path, [], "a,b\n1,2\n")
