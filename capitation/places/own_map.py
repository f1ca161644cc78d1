"""A map of one's own beside the rule's: its localities with their names, and places that are commissioners instead of districts."""

from __future__ import annotations

import polars as pl

from capitation.places.membership import Locality, Membership, ResolvedPractice, locality_sizes
from capitation.records.frames import Frame


def across_districts(practices: Frame[ResolvedPractice]) -> Frame[ResolvedPractice]:
    """The practices with their commissioner as place, so that a locality may cross the border of a district."""
    place = pl.coalesce("commissioner_code", pl.lit("SYSTEM"))
    return ResolvedPractice.validate(practices.with_columns(place_code=place, place_name=place))


def named_localities(
    members: Frame[Membership],
    given: pl.DataFrame,
    practices: Frame[ResolvedPractice],
    band: tuple[int, int],
    where: str,
) -> Frame[Locality]:
    """The localities of a map that a user gives, named as the map names them, else by their codes.

    Args:
        members: the map, checked.
        given: the rows as the user wrote them: practice_code, and locality_name and place_name where they are given.
        practices: the practices with their places, whose names are used where the map has none.
        band: fewest and most registered persons.
        where: name of the map, for the column that says where a locality comes from.
    """
    names: pl.DataFrame = members.select("practice_code", "locality_code", "place_code")
    for column in (c for c in ("locality_name", "place_name") if c in given.columns):
        text = given.select("practice_code", column).unique("practice_code")
        names = names.join(text, on="practice_code", how="left", validate="1:1")
        names = names.with_columns(pl.col(column).drop_nulls().first().over(column.replace("_name", "_code")))
    usual = practices.group_by("place_code").agg(pl.col("place_name").first().alias("usual"))
    names = names.join(usual, on="place_code", how="left", validate="m:1")
    named = names.unique("locality_code", keep="first", maintain_order=True).select(
        "locality_code",
        pl.coalesce(*(c for c in ("locality_name", "locality_code") if c in names.columns)).alias("locality_name"),
        pl.coalesce(*(c for c in ("place_name", "usual", "place_code") if c in names.columns)).alias("place_name"),
    )
    apart = pl.col("outside_persons")
    homes = (
        locality_sizes(members, practices, *band)
        .join(named, on="locality_code", how="left", validate="1:1")
        .with_columns(
            outside_band=pl.when(apart != 0).then(
                pl.format("{} persons outside the band", apart.round(0).cast(pl.Int64))
            ),
            origin=pl.lit(f"given in {where}"),
        )
    )
    return Locality.validate(homes.select(*Locality.columns()))
