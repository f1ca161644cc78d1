"""Registers that cannot be used: each fault is named with its file and row, all together, and nothing is written."""

import shutil

import numpy as np
import polars as pl
import pytest

import capitation.register.build as building
from capitation.errors import DocumentError, SourceError
from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import read_formula, tables
from capitation.register.make import make, pseudonyms
from capitation.register.weigh import weigh_persons
from capitation.workers.crew import Threads

ONE = Threads(1)


def changed(folder, number, *columns, **named):
    file = sorted((folder / "persons").glob("*.parquet"))[number]
    rows = pl.read_parquet(file)
    rows.with_columns(*columns, **named).write_parquet(file)


def at(row, value, name):
    return pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(pl.col(name).cast(pl.Int64)).alias(name)


def refused(folder, tmp_path):
    with pytest.raises(SourceError) as error:
        build(read_register(folder), tmp_path / "cells", ONE)
    assert not (tmp_path / "cells").exists()
    assert not list(tmp_path.glob(".*"))
    return str(error.value)


def test_unknown_codes_impossible_ages_and_flags_are_named_together(copied, tmp_path, made_tables):
    changed(copied, 0, at(5, 60_000, "practice"), at(9, 130, "age"))
    changed(
        copied, 2, at(0, 999, "area"), at(1, -4, "age"), at(2, 9, "sex"), at(3, 64, "flags"), at(4, -1, "cost_pence")
    )
    text = refused(copied, tmp_path)
    assert (
        "part-00000.parquet: column 'practice': found 1 row(s) with 60000, the first in row 6; expected a known practice"
        in text
    )
    assert "column 'age': found 1 row(s) with 130, the first in row 10; expected an age from 0 to 120" in text
    for found in ("part-00002.parquet: column 'area'", "999", "-4", "1 (male) or 2 (female)", "64", "whole pence"):
        assert found in text
    with pytest.raises(SourceError, match="an age from 0 to 120"):
        weigh_persons(read_register(copied), made_tables, ONE)


def test_a_register_without_a_person_and_a_table_beside_the_partitions_are_named(copied):
    files = sorted((copied / "persons").glob("*.parquet"))
    pl.read_parquet(files[0]).head(2).write_csv(copied / "persons" / "more.csv")
    for file in files:
        pl.read_parquet(file).head(0).write_parquet(file)
    with pytest.raises(SourceError) as error:
        read_register(copied)
    assert "found no person in the" in str(error.value)
    assert "persons/more.csv: found a table that the register does not name" in str(error.value)


def test_unknown_codes_as_text_are_named(copied, tmp_path):
    for file in (copied / "persons").glob("*.parquet"):
        rows = pl.read_parquet(file).with_columns(pl.lit("S00001").alias("practice"))
        rows.with_columns(
            pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("Z9")).otherwise("practice").alias("practice")
        ).write_parquet(file)
    assert "column 'practice': found 1 row(s) with 'Z9', the first in row 8" in refused(copied, tmp_path)


def test_an_empty_cell_is_named(copied, tmp_path):
    changed(copied, 1, pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("age").alias("age"))
    assert "column 'age': found 1 row(s) with an empty cell, the first in row 4" in refused(copied, tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop("sex"), "found no column 'sex'"),
        (
            lambda rows: rows.rename({"age": "Age"}),
            "found no column 'age'; expected the columns that the register names. Did you",
        ),
        (lambda rows: rows.with_columns(nhs=1), "columns with nhs; expected the columns of the register's other files"),
        (lambda rows: rows.with_columns(pl.col("age").cast(pl.String)), "found text; expected whole numbers, as in"),
        (lambda rows: rows.with_columns(pl.col("age").cast(pl.Float64)), "found double; expected whole numbers, as in"),
    ],
)
def test_a_file_whose_columns_differ_is_named(copied, tmp_path, change, says):
    file = sorted((copied / "persons").glob("*.parquet"))[0]  # the first is no better than the others
    change(pl.read_parquet(file)).write_parquet(file)
    text = refused(copied, tmp_path)
    assert "part-00000.parquet" in text
    assert says in text


def test_a_file_that_is_no_parquet_is_named(copied, tmp_path):
    (copied / "persons" / "part-00001.parquet").write_text("persons")
    assert "part-00001.parquet: found a file that cannot be read" in refused(copied, tmp_path)


def test_duplicates_are_counted_and_listed_by_practice(copied, tmp_path):
    rows = pl.read_parquet(copied / "persons" / "part-00003.parquet").head(12)
    rows.write_parquet(copied / "persons" / "part-00009.parquet")
    built = build(read_register(copied), tmp_path / "cells", ONE)
    assert built.about["duplicates"] == 12
    assert "12 row(s) are of persons already in the register" in built.notes[0]
    listed = pl.read_csv(tmp_path / "cells" / "duplicates.csv")
    assert listed["duplicates"].sum() == 12
    assert set(listed["practice_code"]) <= set(read_register(copied).codes.practices["practice_code"])


def test_too_many_duplicates_are_refused_by_practice(copied, tmp_path):
    shutil.copy(copied / "persons" / "part-00003.parquet", copied / "persons" / "part-00009.parquet")
    text = refused(copied, tmp_path)
    assert "found 6,000 duplicate rows of 30,000 (20.00%) in 4 practice(s); expected at most 0.10%" in text
    assert "practice S00012: found 1,500 row(s) of persons already in the register" in text


def test_duplicates_are_found_in_any_number_of_turns(copied, tmp_path, monkeypatch):
    rows = pl.read_parquet(copied / "persons" / "part-00000.parquet").head(20)
    rows.with_columns(practice=pl.lit(15, pl.UInt16)).write_parquet(copied / "persons" / "part-00009.parquet")
    monkeypatch.setattr("capitation.register.duplicates.AT_ONCE", 5_000)
    build(read_register(copied), tmp_path / "cells", ONE)
    assert pl.read_csv(tmp_path / "cells" / "duplicates.csv").rows() == [("S00015", 20)]


@pytest.mark.parametrize("kind", [pl.UInt64, pl.String])
def test_ids_that_look_like_nhs_numbers_are_refused(copied, tmp_path, kind):
    for file in sorted((copied / "persons").glob("*.parquet")):
        pl.read_parquet(file).with_columns(pl.col("person").cast(kind)).write_parquet(file)
    number = 9434765919 if kind == pl.UInt64 else "943 476 5919"
    value = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(number)).otherwise("person").cast(kind)
    changed(copied, 1, value.alias("person"))
    text = refused(copied, tmp_path)
    assert "column 'person': found 1 id(s) that look like NHS numbers; expected pseudonyms" in text
    assert "943" not in text


def test_ten_digits_that_do_not_check_are_pseudonyms(copied, tmp_path):
    value = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(9434765918)).otherwise("person").cast(pl.UInt64)
    changed(copied, 1, value.alias("person"))
    assert build(read_register(copied), tmp_path / "cells", ONE).about["persons"] == 24_000


def test_stopped_work_goes_on_where_it_was(made, cells, tmp_path, monkeypatch):
    class StopsAfterTwo(Threads):
        def each(self, function, parts, progress=None):
            for part in parts[:2]:
                function(part)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(made, tmp_path / "cells", StopsAfterTwo(1))
    assert not (tmp_path / "cells").exists()
    read = []
    whole = building.people
    monkeypatch.setattr(building, "people", lambda p, c, cost: read.append(p.name) or whole(p, c, cost=cost))
    build(made, tmp_path / "cells", ONE)
    assert read == ["persons/part-00002.parquet", "persons/part-00003.parquet"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells"]
    assert read_cells(tmp_path / "cells").about == cells.about


def test_cells_are_not_written_over_something_else(made, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep")
    with pytest.raises(SourceError, match="something that is no folder of cells"):
        build(made, tmp_path / "mine", ONE)
    assert (tmp_path / "mine" / "note.txt").read_text() == "keep"


def test_tables_of_codes_are_checked(copied, tmp_path):
    with (copied / "practices.csv").open("a") as file:
        file.write("S00001,L0,X0\n")
    with pytest.raises(SourceError, match=r"practice_code: found 'S00001' more than once"):
        read_register(copied)
    with pytest.raises(SourceError, match=r"found no register\.toml"):
        read_register(tmp_path)


def test_a_formula_that_does_not_fit_the_register_says_why(made, made_folder, tmp_path, pack):
    shutil.copytree(made_folder / "weights", tmp_path / "weights")
    text = (made_folder / "formula.toml").read_text()
    text = text.replace("diabetes =", "diabetis =", 1).replace('"factor_community"', '"factor_comunity"')
    (tmp_path / "formula.toml").write_text(text)
    weights = pl.read_csv(tmp_path / "weights" / "maternity.csv").with_columns(
        age_to=pl.when(age_from=0).then(3).otherwise("age_to")
    )
    weights.write_csv(tmp_path / "weights" / "maternity.csv")
    with pytest.raises(DocumentError) as error:
        tables(read_formula(str(tmp_path / "formula.toml"), pack), made.codes)
    for words in (
        "'diabetis'; expected a flag",
        "Did you mean 'diabetes'",
        "'factor_comunity'",
        "ages 0-3 for the register's ages 0-4",
    ):
        assert words in str(error.value)
    with pytest.raises(DocumentError, match="one that weighs persons"):
        read_formula("core-2023-24", pack)


def test_sizes_and_seeds_that_cannot_be_made_are_refused(tmp_path, made_folder):
    with pytest.raises(SourceError, match="1 to 100,000,000"):
        make(0, tmp_path / "a", ONE)
    with pytest.raises(SourceError, match="expected a new folder"):
        make(10, made_folder, ONE)
    assert not list(tmp_path.iterdir())


def test_the_same_seed_makes_the_same_register_and_no_pseudonym_twice(tmp_path):
    files = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make(2_000, tmp_path / name, ONE, seed=seed)
        files.append((tmp_path / name / "persons" / "part-00000.parquet").read_bytes())
    assert files[0] == files[1] != files[2]
    ids = pseudonyms(np.arange(200_000), 5)
    assert len(np.unique(ids)) == 200_000
    assert ids.min() >= 2**63
