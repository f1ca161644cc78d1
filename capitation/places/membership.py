"""Practices, localities and places, and the check that one map of them is a partition.

    system -> place (district) -> locality (30,000 to 50,000 registered persons) -> practice

A place is the district in which a practice stands; the commissioner of a practice is kept beside it, because practices of
one commissioner may stand in the districts of others. `partition_faults` reports everything that keeps a map from being
a partition: practices repeated, in two localities, unknown or left out, localities in two places, sizes outside the
band. Questions the published tables leave open are answered one by one in `places/resolutions.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from capitation.errors import Fault, Faults, FrameError, SourceError, suggest
from capitation.money.rounding import MICRO, micro
from capitation.pack.cells import alike
from capitation.pack.parameters import Parameters
from capitation.pack.rows import Given, raw_table, rows_of
from capitation.pack.sources import DataPack
from capitation.pack.total_rows import table_total_faults
from capitation.records.columns import (
    COMMISSIONER,
    LOCALITY,
    PLACE,
    PRACTICE,
    QUALITY,
    REGISTERED_PERSONS,
    SOURCE,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.inputs import column_names

HEADINGS: dict[str, tuple[str, ...]] = {
    "commissioner_code": ("ccg19_code", "ccg16_code", "ccg_code"),
    "network_code": ("pcn_code",),
    "network_name": ("pcn_name",),
    "district_code": ("lad21_code", "lad22_code", "lad_code"),
    "district_name": ("lad21_name", "lad22_name", "lad_name"),
    "registered_persons": ("registered_projected", "registered"),
    "postcode": ("practice_postcode",),
}
"""Other names under which published files carry the columns of `Practice`, in order of preference."""

_LISTS_OF_A_YEAR = re.compile(r"registered_\d{4}_\d{2}")
"""Heading of the lists of one year in published files, such as registered_2022_23; it goes before the others."""

MEMBERSHIP_FILE, LOCALITIES_FILE = "places/membership.csv", "places/localities.csv"
RESOLUTIONS_FILE, PRACTICES_FILES = "places/resolutions.csv", "places/practices*.csv"
"""Usual files of the map, the localities, the answers and the practices, inside the pack."""

_NO_NETWORK = ("NULL", "U")
"""What published files write in the network column of a practice that has none."""

_SHOWN = 20
"""Faults of one kind that are named one by one; the rest are counted."""


def headings(available: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Other names of the columns of `Practice` in a file with these headings, in order of preference."""
    of_a_year = sorted(name for name in available if _LISTS_OF_A_YEAR.fullmatch(name))
    return {**HEADINGS, "registered_persons": (*of_a_year, *HEADINGS["registered_persons"])}


class Practice(Schema):
    """One general practice in one year, as published."""

    practice_code = PRACTICE
    practice_name = Column(pl.String, "name", "Name of the practice", nullable=True)
    commissioner_code = Column(pl.String, "code", "Clinical commissioning group the practice belongs to", nullable=True)
    network_code = Column(pl.String, "code", "Primary care network, where it has one", nullable=True)
    network_name = Column(pl.String, "name", "Name of the network", nullable=True)
    district_code = Column(pl.String, "code", "District in which the practice stands, where published", nullable=True)
    district_name = Column(pl.String, "name", "Name of the district", nullable=True)
    registered_persons = REGISTERED_PERSONS.but(about="Persons on its list, average of the year")
    postcode = Column(pl.String, "postcode", "Postcode of the practice", nullable=True)
    latitude = Column(pl.Float64, "degrees", "Latitude of the practice, where published", ge=49, le=61, nullable=True)
    longitude = Column(pl.Float64, "degrees", "Longitude of the practice, where published", ge=-9, le=2, nullable=True)


class Resolution(Schema):
    """The written answer to a question that the published tables leave open for one practice."""

    practice_code = PRACTICE.but(about="Practice the question is about")
    question = Column(
        pl.String, "question", "What is open: its network, its district, or its commissioner although it stands elsewhere",
        key=True, one_of=("network", "district", "commissioner"),
    )  # fmt: skip
    resolution = Column(pl.String, "code", "The code that answers the question")
    reason = Column(pl.String, "text", "Why, with the figures it rests on")
    source = SOURCE.but(unit="text", about="Where the figures were read")
    quality = QUALITY


class ResolvedPractice(Practice):
    """A practice whose place is known: the district it stands in, published or resolved."""

    place_code = PLACE.but(about="Place of the practice")
    place_name = Column(pl.String, "name", "Name of the place")


class MembershipRow(Schema):
    """One row of a map that may still be at fault."""

    practice_code = PRACTICE.but(key=False)
    locality_code = LOCALITY.but(about="Locality the practice is put in", key=False)
    place_code = PLACE.but(nullable=True)
    commissioner_code = Column(pl.String, "code", "Commissioner of the practice", nullable=True)
    year = YEAR.but(about="Year of the map", key=False, nullable=True)


class Membership(MembershipRow):
    """Which locality, place and commissioner a practice belongs to in a year."""

    practice_code = PRACTICE
    place_code = PLACE
    commissioner_code = COMMISSIONER.but(about="Commissioner of the practice", key=False)
    year = YEAR.but(about="Year of the map")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """A locality lies in one place in a year."""
        return {"every locality lies in one place": pl.col("place_code").n_unique().over("year", "locality_code") == 1}


class Locality(Schema):
    """A locality: a sum of practices inside one place."""

    locality_code = LOCALITY.but(about="Code of the locality; a code of this product, not a national one")
    locality_name = Column(pl.String, "name", "Name, after the network it grew out of")
    place_code = PLACE
    place_name = Column(pl.String, "name", "Name of the place")
    practices = Column(pl.Int64, "practices", "Practices in it", ge=1)
    registered_persons = REGISTERED_PERSONS.but(about="Persons registered with its practices")
    outside_band = Column(
        pl.String, "statement", "Why its size is outside the band; empty where it is inside", nullable=True
    )
    origin = Column(pl.String, "text", "How it came from the networks, step by step")


class LocalitySize(Schema):
    """The size of one locality of a map against the band."""

    locality_code = LOCALITY
    place_code = PLACE.but(about="Place, where the map gives one", nullable=True)
    practices = Column(pl.Int64, "practices", "Practices in it", ge=0)
    registered_persons = REGISTERED_PERSONS.but(about="Persons registered with its practices")
    outside_persons = Column(
        pl.Float64, "persons", "Persons above the band (positive) or missing to reach it (negative); 0 inside"
    )


def locality_band(pack: DataPack, year: FinancialYear) -> tuple[int, int]:
    """Fewest and most registered persons a locality should have in `year`: 30,000 and 50,000 in the plan.

    Raises:
        ParameterError: the pack has no value for the year.
    """
    values = Parameters(pack)
    return int(values.value("localities.persons_low", year)), int(values.value("localities.persons_high", year))


def practices(pack: DataPack, file: str | None = None) -> Frame[Practice]:
    """The practices of the pack as published: of the file named, else of the one `places/practices*.csv`.

    Raises:
        SourceError: the pack has none, or several and none is named.
    """
    found = list(pack.files(PRACTICES_FILES)) if file is None else [file]
    if len(found) != 1:
        listed = ", ".join(found) or "none"
        raise SourceError(
            f"{pack.root}: found {listed} of {PRACTICES_FILES}; expected one table of practices. Name it in the scenario: files.practices"
        )
    return pack.rows(found[0], Practice)


def resolutions(pack: DataPack) -> Frame[Resolution]:
    """The written answers to what the published tables leave open; none where the pack has no such table."""
    if not pack.files(RESOLUTIONS_FILE):
        return Resolution.validate(pl.DataFrame(schema=Resolution.dtypes()))
    return pack.rows(RESOLUTIONS_FILE, Resolution)


def localities(pack: DataPack, file: str = LOCALITIES_FILE) -> Frame[Locality]:
    """The localities of the pack, such as the rule of `capitation.places.locality_rule` makes of its practices."""
    return pack.rows(file, Locality)


def membership(pack: DataPack, file: str = MEMBERSHIP_FILE) -> Frame[Membership]:
    """Practice to locality, place and commissioner, for every year that the map gives."""
    return pack.rows(file, Membership)


def membership_of(members: Frame[Membership], wanted: Sequence[str], where: str = MEMBERSHIP_FILE) -> Frame[Membership]:
    """The map of one year: its only year, else the first of `wanted` that it has.

    Raises:
        FrameError: the map has several years and none of those wanted.
    """
    years = members.get_column("year").unique().sort().to_list()
    if len(years) <= 1:
        return members
    year = next((year for year in wanted if year in years), None)
    if year is None:
        raise FrameError(
            f"{where}: found the years {', '.join(years)}; expected one year, or rows of {' or '.join(dict.fromkeys(wanted))}. "
            "Keep the rows of the year of the lists"
        )
    return Membership.validate(members.filter(pl.col("year") == year))


def resolved_practices(published: Frame[Practice], answers: Frame[Resolution]) -> Frame[ResolvedPractice]:
    """The practices with the open questions answered: network and district filled from the resolutions.

    Args:
        published: practices as published.
        answers: one row a practice and question.

    Returns:
        One row a practice; `place_code` is the district it stands in.

    Raises:
        FrameError: a resolution for an unknown practice or for a question that is not open, a commissioner that the
            table does not have, or a practice that still has no network or no district; all reported together.
    """
    faults = Faults()
    known = published.get_column("practice_code").to_list()
    for row in answers.filter(~pl.col("practice_code").is_in(known)).iter_rows(named=True):
        faults.add(
            f"resolutions: {row['practice_code']}", "a practice that is not in the table", "a known practice",
            suggest(row["practice_code"], known),
        )  # fmt: skip
    work: pl.DataFrame = published
    for question, column in (("network", "network_code"), ("district", "district_code")):
        answer = answers.filter(pl.col("question") == question).select("practice_code", answer="resolution")
        work = work.join(answer, on="practice_code", how="left", validate="1:1")
        closed = work.filter(pl.col("answer").is_not_null() & pl.col(column).is_not_null())
        for row in closed.iter_rows(named=True):
            faults.add(
                f"resolutions: {row['practice_code']}",
                f"an answer to its {question}",
                f"none: {row[column]} is published",
            )
        work = work.with_columns(pl.coalesce(column, "answer").alias(column)).drop("answer")
        for code in work.filter(pl.col(column).is_null()).get_column("practice_code"):
            faults.add(f"practice {code}", f"no {question}", f"one {question}", "Answer it in resolutions.csv.")
    stated = answers.filter(pl.col("question") == "commissioner").join(published, on="practice_code")
    for row in stated.filter(pl.col("resolution").ne_missing(pl.col("commissioner_code"))).iter_rows(named=True):
        faults.add(
            f"resolutions: {row['practice_code']}", f"commissioner {row['resolution']}", f"{row['commissioner_code']}"
        )
    faults.raise_if_any(FrameError, "the practices cannot be resolved")
    named = published.drop_nulls("district_code").group_by("district_code").agg(pl.col("district_name").min())
    network = published.drop_nulls("network_code").group_by("network_code").agg(pl.col("network_name").min())
    filled = (
        work.drop("district_name", "network_name")
        .join(named, on="district_code", how="left", validate="m:1")
        .join(network, on="network_code", how="left", validate="m:1")
        .with_columns(place_code="district_code", place_name=pl.coalesce("district_name", "district_code"))
    )
    return ResolvedPractice.validate(filled)


def placed_practices(published: Frame[Practice]) -> Frame[ResolvedPractice]:
    """The practices with a place for each, for tables without resolutions: district, else commissioner, else "SYSTEM"."""
    place = pl.coalesce("district_code", "commissioner_code", pl.lit("SYSTEM"))
    return ResolvedPractice.validate(
        published.with_columns(
            place_code=place,
            place_name=pl.when(pl.col("district_code").is_not_null())
            .then(pl.coalesce("district_name", "district_code"))
            .otherwise(place),
        )
    )


def completed_practices(
    published: Frame[Practice], carried: Frame[Practice], answers: Frame[Resolution]
) -> tuple[Frame[ResolvedPractice], tuple[str, ...]]:
    """A user's practices with what their file leaves blank filled from the pack, and notes that say what was filled.

    Args:
        published: practices of a user's file.
        carried: practices the pack carries; only their names, districts, postcodes and coordinates are used.
        answers: the pack's written answers; used only where the file has no network or no district.

    Returns:
        One row a practice, and one note for each kind of thing that was filled. A practice whose district is still not
        known has its commissioner as place, or "SYSTEM"; a practice may still be without a network or coordinates.
    """
    work: pl.DataFrame = published
    notes = []
    fills = ("practice_name", "commissioner_code", "district_code", "district_name", "network_name", "postcode", "latitude",
             "longitude")  # fmt: skip
    known = carried.select("practice_code", *(pl.col(c).alias(f"__{c}") for c in fills))
    work = work.join(known, on="practice_code", how="left", validate="1:1")
    for question, column in (("network", "network_code"), ("district", "district_code")):
        answer = answers.filter(pl.col("question") == question).select("practice_code", __answer="resolution")
        work = work.join(answer, on="practice_code", how="left", validate="1:1")
        if column == "district_code":
            work = work.with_columns(__answer=pl.coalesce("__district_code", "__answer"))
        filled = work.filter(pl.col(column).is_null() & pl.col("__answer").is_not_null()).get_column("practice_code")
        if len(filled):
            shown = f"{', '.join(filled.sort().head(12))}{' ...' if len(filled) > 12 else ''}"
            notes.append(f"{question} of {len(filled)} practice(s) taken from the pack: {shown}")
        work = work.with_columns(pl.coalesce(column, "__answer").alias(column)).drop("__answer")
    placed = work.filter(pl.col("latitude").is_null() & pl.col("__latitude").is_not_null()).height
    if placed:
        notes.append(f"coordinates of {placed} practice(s) taken from the pack")
    work = work.with_columns(pl.coalesce(c, f"__{c}").alias(c) for c in fills).drop(f"__{c}" for c in fills)
    for code, name in (("district_code", "district_name"), ("network_code", "network_name")):
        names = pl.concat([work.select(code, name), carried.select(code, name)]).drop_nulls()
        one = names.group_by(code).agg(pl.col(name).max().alias("__name"))
        work = work.join(one, on=code, how="left", validate="m:1")
        work = work.with_columns(pl.coalesce("__name", name).alias(name)).drop("__name")
    return placed_practices(Practice.validate(work)), tuple(notes)


def read_practices(given: Given) -> Frame[Practice]:
    """Practices from a user's CSV or parquet file: at least `practice_code` and the list; other columns are ignored.

    Columns may go by the names of published files (`HEADINGS`); "NULL" or "U" in the network column is no network.

    Raises:
        SourceError: the file cannot be read as such; every fault is reported at once.
    """
    table = raw_table(given)
    names = column_names(Practice, table.cells.columns, {}, headings(table.cells.columns))
    persons = names.get("registered_persons", "registered_persons")
    faults = Faults()
    faults.extend(table_total_faults(table, [names.get("practice_code", "practice_code"), "practice_name"], [persons]))
    faults.raise_if_any(SourceError, f"{table.where}: some rows are no practice")
    rows = rows_of(table, Practice, column_map=names, keep_extra=True)
    none = [pl.when(~pl.col(c).is_in(_NO_NETWORK)).then(pl.col(c)).alias(c) for c in ("network_code", "district_code")]
    named = pl.when(pl.col("network_code").is_not_null()).then(pl.col("network_name")).alias("network_name")
    return Practice.validate(rows.with_columns(none).with_columns(named))


def read_map(given: Given) -> Frame[MembershipRow]:
    """A map from a user's CSV or parquet file: at least `practice_code` and `locality_code`; rows may still be at fault.

    Raises:
        SourceError: the file cannot be read as such; every fault is reported at once.
    """
    table = raw_table(given)
    rows = rows_of(table, MembershipRow, keep_extra=True)
    faults = Faults()
    for column in ("practice_code", "locality_code", "place_code"):
        for spelt in alike(rows.get_column(column)).values():
            faults.add(
                f"{table.where}: column {column!r}",
                f"{' and '.join(map(repr, spelt))}, which differ only by case or spaces",
                "one spelling of one code",
            )
    faults.raise_if_any(SourceError, f"{table.where}: some codes are written in several ways")
    return rows


def locality_sizes(rows: pl.DataFrame, published: pl.DataFrame, low: float, high: float) -> Frame[LocalitySize]:
    """Practices and registered persons of each locality of a map, and by how many persons it is outside the band.

    Args:
        rows: practice_code, locality_code, and place_code where known; a practice in two localities counts in both.
        published: practice_code and registered_persons; codes that are not in it count no persons.
        low: fewest persons of the band.
        high: most persons of the band.
    """
    lists = published.select("practice_code", micro(pl.col("registered_persons")).alias("micro"))
    sums = (
        rows.unique(["practice_code", "locality_code"])
        .join(lists, on="practice_code", how="left", validate="m:1")
        .group_by("locality_code")
        .agg(
            pl.col("place_code").min(),
            pl.col("micro").is_not_null().sum().cast(pl.Int64).alias("practices"),
            pl.col("micro").sum(),
        )
        .with_columns((pl.col("micro") / MICRO).alias("registered_persons"))
    )
    persons = pl.col("registered_persons")
    outside = pl.when(persons > high).then(persons - high).when(persons < low).then(persons - low).otherwise(0.0)
    return LocalitySize.validate(sums.drop("micro").with_columns(outside.alias("outside_persons")))


def partition_faults(
    rows: pl.DataFrame,
    published: pl.DataFrame,
    *,
    low: float | None = None,
    high: float | None = None,
    where: str = "map",
) -> Faults:
    """Everything that keeps a map from being a partition of the practices, gathered; none where it is one.

    Args:
        rows: a map (columns of `MembershipRow`); all its rows are of one year.
        published: practices (columns of `Practice`).
        low: fewest persons a locality may have; none means that size is not judged.
        high: most persons a locality may have; none means that size is not judged.
        where: the map's name in messages.

    Returns:
        Faults: a practice repeated, in two localities, unknown (near codes named) or left out; a commissioner other
        than the practice's; a locality in two places; a size outside the band.
    """
    faults = Faults()
    known = published.get_column("practice_code").to_list()
    by_practice = (
        rows.group_by("practice_code")
        .agg(pl.col("locality_code").unique().sort().alias("localities"), pl.len().alias("rows"))
        .sort("practice_code")
    )
    two = by_practice.filter(pl.col("localities").list.len() > 1)
    _add(faults, two, lambda r: (
        f"{where}: practice {r['practice_code']}", f"localities {', '.join(r['localities'])}", "one locality",
        "Keep one of the rows.",
    ))  # fmt: skip
    again = by_practice.filter((pl.col("rows") > 1) & (pl.col("localities").list.len() == 1))
    _add(faults, again, lambda r: (
        f"{where}: practice {r['practice_code']}", f"{r['rows']} rows for {r['localities'][0]}", "one row", "",
    ))  # fmt: skip
    unknown = by_practice.filter(~pl.col("practice_code").is_in(known))
    _add(faults, unknown, lambda r: (
        f"{where}: practice {r['practice_code']}", "a code that is not among the practices", "a known practice",
        suggest(r["practice_code"], known),
    ))  # fmt: skip
    gaps = published.join(rows, on="practice_code", how="anti").sort("practice_code")
    _add(faults, gaps, lambda r: (
        f"{where}: practice {r['practice_code']}",
        f"no locality for it and its {r['registered_persons']:,.0f} persons", "one locality", "Add a row for it.",
    ))  # fmt: skip
    if "commissioner_code" in published.columns:
        other = (
            rows.join(published.select("practice_code", theirs="commissioner_code"), on="practice_code", how="inner")
            .filter(pl.col("commissioner_code") != pl.col("theirs"))
            .sort("practice_code")
        )
        _add(faults, other, lambda r: (
            f"{where}: practice {r['practice_code']}", f"commissioner {r['commissioner_code']}", f"{r['theirs']}", "",
        ))  # fmt: skip
    split = (
        rows.filter(pl.col("place_code").is_not_null())
        .group_by("locality_code")
        .agg(pl.col("place_code").unique().sort().alias("places"))
        .filter(pl.col("places").list.len() > 1)
        .sort("locality_code")
    )
    _add(faults, split, lambda r: (
        f"{where}: locality {r['locality_code']}", f"places {', '.join(r['places'])}", "one place", "",
    ))  # fmt: skip
    if low is not None and high is not None:
        sizes = locality_sizes(rows, published, low, high).filter(pl.col("outside_persons") != 0)
        _add(faults, sizes, lambda r: (
            f"{where}: locality {r['locality_code']}", f"{r['registered_persons']:,.0f} persons",
            f"{low:,.0f} to {high:,.0f}", "Merge, split or hand over a practice.",
        ))  # fmt: skip
    return faults


def checked_membership(
    rows: pl.DataFrame, published: pl.DataFrame, year: str, *, where: str = "map"
) -> Frame[Membership]:
    """A map as a partition: one row a practice, with its place and commissioner filled from the practices where it gives none.

    Raises:
        FrameError: the map is not a partition; every fault is reported at once. Sizes are not judged.
    """
    partition_faults(rows, published, where=where).raise_if_any(
        FrameError, f"{where}: not a partition of the practices"
    )
    lists = published.select(
        "practice_code",
        pl.coalesce("district_code", "commissioner_code", pl.lit("SYSTEM")).alias("own_place"),
        pl.coalesce("commissioner_code", pl.lit("SYSTEM")).alias("own_commissioner"),
    )
    filled = rows.join(lists, on="practice_code", how="left", validate="1:1").with_columns(
        place_code=pl.coalesce("place_code", "own_place"),
        commissioner_code=pl.coalesce("commissioner_code", "own_commissioner"),
        year=pl.coalesce("year", pl.lit(year)),
    )
    return Membership.validate(filled.select(*Membership.columns()), where=where)


def _add(faults: Faults, rows: pl.DataFrame, describe: Callable[[dict[str, Any]], tuple[str, str, str, str]]) -> None:
    """Keep one fault for each of the first rows and one that counts the rest."""
    named = [Fault(*describe(row)) for row in rows.head(_SHOWN).iter_rows(named=True)]
    faults.extend(named)
    if rows.height > _SHOWN:
        faults.add(named[0].where.partition(":")[0], f"{rows.height - _SHOWN} more such as {named[0].found!r}", "none")
