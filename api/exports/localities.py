"""What one locality is given: the row of it that boards, papers, pages and workbooks show, each in words of its own."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from capitation.run.run import Run


def localities(run: Run, year: str) -> pl.DataFrame:
    """One row a locality: name, persons, money, money a head, growth on the year before, target, gap in pence and share of target."""
    money = run.locality_total.group_by("year", "area_code").agg(pl.col("total_pence").sum())
    homes = run.membership.select("practice_code", area_code="locality_code")
    people = (
        run.population.filter(pl.col("year") == year)
        .join(homes, on="practice_code", how="inner")
        .group_by("area_code")
        .agg(pl.col("registered_persons").sum().alias("persons"))
    )
    years = money["year"].unique().sort().to_list()
    before = money.select(
        pl.col("year").replace_strict(dict(pairwise(years)), default=None, return_dtype=pl.String),
        "area_code",
        before_pence="total_pence",
    )
    names = run.code_name.filter(pl.col("kind") == "locality").select("name", area_code="code")
    distances = run.place_distance.filter(pl.col("year") == year).select(
        "area_code", "target_pence", gap_pence="closing_dft_pence", distance="closing_dft_share"
    )
    return (
        money.filter(pl.col("year") == year)
        .join(people, on="area_code", how="left", validate="1:1")
        .join(before, on=["year", "area_code"], how="left", validate="1:1")
        .join(distances, on="area_code", how="left", validate="1:1")
        .join(names, on="area_code", how="left", validate="1:1")
        .with_columns(
            (pl.col("total_pence") / 100 / pl.col("persons")).alias("head"),
            (pl.col("total_pence") / pl.col("before_pence") - 1).alias("growth"),
        )
        .sort("area_code")
    )


__all__ = ["localities"]
