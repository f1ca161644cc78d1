"""One expression counts a register wherever its rows are: polars, DuckDB, and Spark where it is installed."""

import shutil
from importlib.util import find_spec

import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.register.anywhere import counts


@pytest.fixture(scope="module")
def rows(cells):
    return pl.read_parquet(cells.files[0])


def test_polars_counts_the_cells_that_build_writes(made, made_folder, rows):
    table = pl.scan_parquet(made_folder / "persons" / "*.parquet")
    assert counts(table, made.codes).equals(rows)


def test_duckdb_counts_the_cells_that_build_writes(made, made_folder, rows):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(made_folder / "persons" / "*.parquet"))
        assert counts(table, made.codes).equals(rows)


@pytest.mark.deep
def test_spark_counts_the_cells_that_build_writes(made, made_folder, rows):
    if shutil.which("java") is None or find_spec("pyspark") is None:
        pytest.skip("Spark needs Java and pyspark, which are not both here")
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        assert counts(session.read.parquet(str(made_folder / "persons")), made.codes).equals(rows)
    finally:
        session.stop()


def test_rows_that_cannot_be_counted_are_named_together(made, made_folder):
    table = pl.scan_parquet(made_folder / "persons" / "*.parquet")
    bad = table.with_columns(age=pl.when(pl.col("age") > 90).then(130).otherwise("age"), sex=pl.lit(3))
    with pytest.raises(SourceError) as error:
        counts(bad, made.codes)
    assert "column 'age'" in str(error.value)
    assert "column 'sex': found 24,000 row(s) outside; expected 1 (male) or 2 (female)" in str(error.value)
    with pytest.raises(SourceError, match="found no column 'flags'"):
        counts(table.drop("flags"), made.codes)
