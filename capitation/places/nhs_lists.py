"""The long layouts in which NHS Digital publishes registered lists: one row a practice, sex and age, read into lists and counts.

    EXTRACT_DATE, ORG_CODE (or CODE), SEX, AGE or AGE_GROUP_5, NUMBER_OF_PATIENTS

Rows of ALL sexes or ALL ages are sums of other rows: they are never added to them, but compared with them. A count that was left out
(`*`) is what remains of its practice's ALL row where it is the only one; otherwise the practice's counts are set aside, and said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from capitation.errors import Faults, SourceError
from capitation.pack.cells import doubt, numbers
from capitation.pack.rows import Given, RawTable, raw_table
from capitation.records.columns import PRACTICE
from capitation.records.frames import Column, Frame, Schema
from capitation.sentences import capital
from capitation.weighting.age_sex import AgeSexWeight
from capitation.weighting.population import PracticeList

HEADINGS = {
    "code": ("ORG_CODE", "CODE", "GP_PRACTICE_CODE", "PRACTICE_CODE"),
    "kind": ("ORG_TYPE", "TYPE"),
    "date": ("EXTRACT_DATE",),
    "sex": ("SEX",),
    "age": ("AGE", "AGE_GROUP_5", "AGE_GROUP", "AGE_BAND"),
    "persons": ("NUMBER_OF_PATIENTS", "PATIENTS"),
}
"""Headings of the published files, in any case."""

_SEXES = {"male": "male", "m": "male", "female": "female", "f": "female", "all": "all", "persons": "all"}
_SUPPRESSED = ("*", "c", "[c]", "..")
_SHOWN = 10


class AgeSexRow(Schema):
    """Registered persons of a practice by sex and age band of a formula."""

    practice_code = PRACTICE
    sex = Column(pl.String, "word", "Sex", key=True, one_of=("male", "female"))
    age_band = Column(pl.String, "label", "Age band of the weight table", key=True)
    persons = Column(pl.Float64, "persons", "Registered persons", ge=0)


@dataclass(frozen=True)
class NhsLists:
    """A published file read: lists, counts by sex and age band, and what was noticed."""

    lists: Frame[PracticeList]
    counts: Frame[AgeSexRow]
    """Empty where the file has rows of ALL sexes or ages only."""
    notes: tuple[str, ...]


def read_nhs_lists(given: Given, bands: Frame[AgeSexWeight], date: str | None = None) -> NhsLists:
    """The lists of a published file.

    Args:
        given: the table.
        bands: age bands by sex that counts are folded into.
        date: the extract date to use, needed where the file has several.

    Raises:
        SourceError: headings, sexes, ages or numbers that are not those of such a file, a row written twice, or rows that
            do not add to their ALL row; every fault at once.
    """
    table = raw_table(given)
    rows, notes = _of_date(_columns(table), table, date)
    faults = Faults()
    rows = _read(rows, table, faults)
    faults.raise_if_any(SourceError, f"{table.where}: not registered lists of NHS Digital")
    rows, more = _against_all(rows, table, faults)
    counts = _folded(rows, bands, table, faults)
    faults.raise_if_any(SourceError, f"{table.where}: the lists cannot be used")
    return NhsLists(_lists(rows), counts, (*table.notes, *notes, *more))


def _columns(table: RawTable) -> pl.DataFrame:
    """The columns wanted under our names, with the line of each row."""
    here = {name.upper(): name for name in table.cells.columns}
    found = {ours: next((here[h] for h in names if h in here), None) for ours, names in HEADINGS.items()}
    faults = Faults()
    for ours in ("code", "persons"):
        if found[ours] is None:
            faults.add(
                table.where,
                f"no column {HEADINGS[ours][0]!r}",
                f"a heading of such a file: {', '.join(HEADINGS[ours])}",
            )
    faults.raise_if_any(SourceError, f"{table.where}: not registered lists of NHS Digital")
    cells = table.cells
    columns = [
        (
            cells.get_column(name).cast(pl.String) if name is not None else pl.repeat("ALL", cells.height, eager=True)
        ).alias(ours)
        for ours, name in found.items()
        if name is not None or ours in {"sex", "age"}
    ]
    return pl.DataFrame(columns).with_columns(pl.Series("line", list(table.lines), dtype=pl.Int64))


def _of_date(rows: pl.DataFrame, table: RawTable, date: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Rows of practices and of one extract."""
    notes = []
    if "kind" in rows.columns:
        practice = pl.col("kind").str.to_lowercase().is_in(["gp", "gp practice", "practice"])
        others = rows.filter(~practice).height
        if others:
            notes.append(f"{table.where}: {others:,} rows of other organisations than practices left out")
        rows = rows.filter(practice)
    if rows.is_empty():
        raise SourceError(f"{table.where}: found no rows of practices; expected at least one")
    if "date" in rows.columns:
        dates = rows.get_column("date").drop_nulls().unique().sort().to_list()
        if date is not None and date not in dates:
            raise SourceError(f"{table.where}: found no rows of {date}; expected one of its dates {', '.join(dates)}")
        if date is None and len(dates) > 1:
            raise SourceError(
                f"{table.where}: found extracts of {', '.join(dates)}; expected one. Choose it with --date, such as --date {dates[-1]}"
            )
        rows = rows.filter(pl.col("date") == date) if date is not None else rows
    return rows, notes


def _read(rows: pl.DataFrame, table: RawTable, faults: Faults) -> pl.DataFrame:
    """Sex, age and persons in one form; what is none of them is a fault with its line."""
    persons = numbers(rows.get_column("persons"))
    left_out = rows.get_column("persons").str.strip_chars().str.to_lowercase().is_in(_SUPPRESSED).fill_null(value=False)
    ages = {text: _ages(text) for text in rows.get_column("age").drop_nulls().unique()}
    sex = rows.get_column("sex").str.to_lowercase().replace_strict(_SEXES, default=None, return_dtype=pl.String)
    read = rows.select(
        practice_code=pl.col("code"),
        sex=sex,
        age=pl.col("age"),
        persons=persons,
        suppressed=left_out,
        line=pl.col("line"),
    ).with_columns(
        pl.col("age")
        .replace_strict({t: a[0] if a else None for t, a in ages.items()}, default=None, return_dtype=pl.Int64)
        .alias("from"),
        pl.col("age")
        .replace_strict({t: a[1] if a else None for t, a in ages.items()}, default=None, return_dtype=pl.Int64)
        .alias("to"),
    )
    for column, bad, expected in (
        ("code", read["practice_code"].is_null(), "the code of a practice"),
        ("sex", read["sex"].is_null(), "MALE, FEMALE or ALL"),
        ("age", read["from"].is_null(), "an age, a band such as 5_9 or 95+, or ALL"),
        (
            "persons",
            (persons.is_null() & ~left_out) | (persons < 0).fill_null(value=False),
            "a number of persons, or * where it was left out",
        ),
    ):
        for row in bad.fill_null(value=True).arg_true().head(_SHOWN):
            cell = rows[column][row]
            said = doubt(str(cell)) if column == "persons" and cell is not None else ""
            faults.add(
                f"{table.where}: line {rows['line'][row]}, {column}",
                repr(cell),
                expected,
                f"{capital(said)}.".lstrip("."),
            )
    twice = read.filter(pl.struct("practice_code", "sex", "from", "to").is_duplicated())
    for code, lines in (
        twice.group_by("practice_code", maintain_order=True).agg(pl.col("line")).head(_SHOWN).iter_rows()
    ):
        faults.add(
            f"{table.where}: lines {', '.join(map(str, lines[:4]))}",
            f"practice {code} twice for one sex and age",
            "one row",
        )
    return read


def _ages(text: str) -> tuple[int, int] | None:
    """First and last year of an age or band; -1 for ALL, 200 for an open end."""
    bare = (
        re.sub(r"^(AGE|AGED)[_ ]*", "", text.strip().upper()).replace(" TO ", "-").replace("_", "-").replace("–", "-")
    )
    if bare in {"ALL", "ALL AGES", "TOTAL"}:
        return -1, -1
    one, band, open_end = (
        re.fullmatch(p, bare) for p in (r"(\d{1,3})", r"(\d{1,3})-(\d{1,3})", r"(\d{1,3})(?:\+|-?PLUS)")
    )
    if open_end:
        return int(open_end[1]), 200
    if one:
        return int(one[1]), int(one[1])
    return (int(band[1]), int(band[2])) if band and int(band[1]) <= int(band[2]) else None


def _against_all(rows: pl.DataFrame, table: RawTable, faults: Faults) -> tuple[pl.DataFrame, list[str]]:
    """Details filled where one was left out, compared with their ALL row, and the practices whose counts are set aside."""
    detail = (pl.col("sex") != "all") & (pl.col("from") >= 0)
    whole = rows.filter((pl.col("sex") == "all") & (pl.col("from") < 0)).select("practice_code", whole="persons")
    sums = (
        rows.filter(detail)
        .group_by("practice_code", maintain_order=True)
        .agg(pl.col("persons").sum().alias("known"), pl.col("suppressed").sum().alias("missing"))
    )
    both = sums.join(whole, on="practice_code", how="left", maintain_order="left")
    for code, known, missing, said in both.select("practice_code", "known", "missing", "whole").iter_rows():
        if said is not None and (known > said or (not missing and known != said)):
            faults.add(
                f"{table.where}: practice {code}",
                f"rows by sex and age that add to {known:,.0f}",
                f"its row ALL, {said:,.0f}",
            )
    one = both.filter((pl.col("missing") == 1) & pl.col("whole").is_not_null()).select(
        "practice_code", left=pl.col("whole") - pl.col("known")
    )
    lost = both.filter((pl.col("missing") > 1) | ((pl.col("missing") == 1) & pl.col("whole").is_null()))
    filled = rows.join(one, on="practice_code", how="left", maintain_order="left").with_columns(
        pl.when(detail & pl.col("suppressed")).then(pl.col("left")).otherwise(pl.col("persons")).alias("persons")
    )
    notes = []
    if one.height:
        notes.append(
            f"{table.where}: one count of each of {one.height} practice(s) was left out and is what remains of its ALL row"
        )
    if lost.height:
        shown = ", ".join(lost["practice_code"].head(5))
        notes.append(
            f"{table.where}: counts by age of {lost.height} practice(s) were left out and are set aside: {shown}"
        )
    unlisted = lost.filter(pl.col("whole").is_null())
    for code in unlisted["practice_code"].head(_SHOWN):
        faults.add(
            f"{table.where}: practice {code}", "counts that were left out, and no row ALL", "its list in a row ALL"
        )
    aside = pl.col("practice_code").is_in(lost["practice_code"].implode()) & detail
    return filled.drop("left").filter(~aside), notes


def _folded(rows: pl.DataFrame, bands: Frame[AgeSexWeight], table: RawTable, faults: Faults) -> Frame[AgeSexRow]:
    """Counts by the bands of a formula; an age group that lies in two of them is a fault."""
    ages = rows.filter((pl.col("sex") != "all") & (pl.col("from") >= 0))
    own = bands.select("sex", "age_band", "age_from", pl.col("age_to").fill_null(200))
    joined = ages.join(own, on="sex", how="inner").filter(
        (pl.col("from") >= pl.col("age_from")) & (pl.col("to") <= pl.col("age_to"))
    )
    astray = ages.join(joined.select("line"), on="line", how="anti")
    for age in astray.get_column("age").unique().sort().head(_SHOWN):
        faults.add(
            f"{table.where}: age {age!r}", "an age group that lies in two bands of the formula", "one inside a band"
        )
    counts = joined.group_by("practice_code", "sex", "age_band").agg(pl.col("persons").sum())
    return AgeSexRow.validate(counts.select(*AgeSexRow.columns()))


def _lists(rows: pl.DataFrame) -> Frame[PracticeList]:
    """Each practice's list: its row ALL, else the sum of its rows by sex, by age, or by both."""
    every_sex, every_age = pl.col("sex") == "all", pl.col("from") < 0
    parts = []
    for order, chosen in enumerate(
        (every_sex & every_age, ~every_sex & every_age, every_sex & ~every_age, ~every_sex & ~every_age)
    ):
        sums = rows.filter(chosen).group_by("practice_code").agg(pl.col("persons").sum().alias("registered_persons"))
        parts.append(sums.with_columns(pl.lit(order).alias("order")))
    first = pl.concat(parts).sort("order").unique("practice_code", keep="first", maintain_order=True)
    return PracticeList.validate(first.select("practice_code", "registered_persons"))
