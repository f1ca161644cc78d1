"""Published files of the Medicare Shared Savings Program, every year by the same two commands, within what they print.

The file of 2023 is in the reference folder; files of other years are looked for beside it, under any name that says their
year, and are skipped where they are not there.
"""

import re

import polars as pl
import pytest

YEARS = range(2013, 2025)


def published_of(folder, year):
    """The public use file of a year as CMS publishes it; None where it is not there."""
    names = [
        p
        for p in sorted(folder.glob("*.csv"))
        if "PUF" in p.name.upper() and re.search(rf"(?<!\d){year}(?!\d)", p.name)
    ]
    return names[0] if names else None


@pytest.mark.parametrize("year", YEARS)
def test_a_published_year_settles_to_what_was_paid_or_its_exceptions_are_named(year, shared, capitation, tmp_path):
    path = published_of(shared / "reference" / "mssp", year)
    if path is None:
        pytest.skip(f"the published file of {year} is not in the reference folder")
    rows, settled = tmp_path / "rows.csv", tmp_path / "settled.parquet"
    done = capitation("import", "mssp", path, "--year", year, "--out", rows)
    assert done.code == 0, done.err
    done = capitation("settle", "mssp", rows, "--out", settled)
    assert done.code == 0, done.err
    given = pl.read_csv(rows, infer_schema_length=None)
    both = given.select("aco_id", "pub_earned", "benchmark_total", "expenditure_total").join(
        pl.read_parquet(settled).select("aco_id", "earned"), on="aco_id", validate="1:1"
    )
    assert both.height == given.height > 200
    # a score or a rate is printed at two decimals of a percent: half of that on the whole gain, and two dollars
    near = 2 + 0.00005 * (pl.col("benchmark_total") - pl.col("expenditure_total")).abs()
    off = both.filter((pl.col("earned") - pl.col("pub_earned").cast(pl.Float64).fill_null(0)).abs() > near)
    # what the product itself says it cannot know: losses that rest on the account's own revenue
    named = {
        code for line in done.err.splitlines() if "revenue_not_known" in line for code in re.findall(r"A\d{3,4}", line)
    }
    assert set(off["aco_id"]) <= named, off
    assert off.height <= 5
