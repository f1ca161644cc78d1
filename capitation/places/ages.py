"""Ages that move apart: how the need of a practice follows the ages of its list from year to year.

    cost_i(dated year) = sum over ages of persons_ia x cost per head_a / sum of persons_ia
    cost_i(year)       = in a straight line between two dated years; before the first and after the last as in it
    age index_i(year)  = 1 + follows x (cost_i(year) / cost_i(base year) - 1)
    weighted_i(year)   = weighted persons of the base year x list of the year / list of the base year x age index_i(year)

Only the proportions of the ages count, so persons may be counts or parts of 100,000; the size of a list comes from elsewhere. Ages move a
practice's need from that of its base year, in which they are part of the published components already: the index is 1 there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from capitation.errors import DataError, Faults, suggest
from capitation.pack.rows import RawTable
from capitation.pack.sources import DataPack
from capitation.records.columns import PRACTICE, YEAR
from capitation.records.documents import Figure, Judged
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear, between

_SHOWN = 20
"""Faults of one kind that are named one by one."""

AGE_FROM = Column(pl.Int64, "years", "Youngest age of the band", key=True, ge=0)


class AgeChoice(Judged):
    """Ages by practice and year, and the relative cost by age that need follows."""

    file: str = "places/practice-ages.csv"
    """Persons by practice, year and age band; only their proportions count."""
    costs: str = "need/age_costs/hospital.csv"
    """Cost of a head by age band."""
    follows: Figure
    """How much of the change in cost by age need takes on: 1 all of it, 0 none."""
    about: str
    """Why need follows ages so, and what that rests on."""


class PracticeAge(Schema):
    """Persons of a practice in an age band; only the proportions within a practice and year count."""

    year = YEAR
    practice_code = PRACTICE
    age_from = AGE_FROM
    persons = Column(pl.Int64, "persons", "Persons of the band, or their parts of any number", ge=0)


class AgeCost(Schema):
    """What a head of an age band costs in a year, in relation to other ages."""

    age_from = AGE_FROM
    age_to = Column(pl.Int64, "years", "Oldest age of the band; empty for the last", ge=0, nullable=True)
    pence_per_head = Column(pl.Int64, "pence", "Cost of a head", ge=0)
    evidence = Column(pl.String, "text", "Publications that the figures come from")
    where = Column(pl.String, "text", "How the cost was worked out")


class AgeIndex(Schema):
    """Relative cost of a practice's ages in a year over that of its base year."""

    year = YEAR
    practice_code = PRACTICE
    age_index = Column(pl.Float64, "index, base year 1", "Need per head of the year over that of the base year", ge=0)


def age_indices(
    choice: AgeChoice,
    practices: Sequence[str],
    base_year: FinancialYear,
    years: Sequence[FinancialYear],
    pack: DataPack,
    faults: Faults,
) -> Frame[AgeIndex]:
    """The age index of every practice in each year; no rows where something is at fault.

    Args:
        choice: the tables, and how much of the cost by age need follows.
        practices: every practice of the map.
        base_year: year in which the index is 1.
        years: years wanted.
        pack: the data pack.
        faults: gathers what is wrong with the tables, each with its file and line.

    Example:
        Half under 65 at 500 and half over at 1,500 cost 1,000 a head; two fifths and three fifths cost 1,100: an index of 1.1.
    """
    ages, costs = pack.rows(choice.file, PracticeAge), pack.rows(choice.costs, AgeCost)
    before = len(faults)
    _faults_of(ages, set(costs.get_column("age_from")), set(practices), pack.raw(choice.file), faults)
    if len(faults) > before:
        return AgeIndex.empty()
    per_head = _per_head(ages, costs)
    dated, follows = sorted({year for year, _ in per_head}), float(choice.follows.value)
    base = {code: _at(per_head, code, str(base_year), dated) for code in practices}
    free = [code for code in practices if not base[code]]
    for code in free[:_SHOWN]:
        faults.add(f"{choice.file}: practice {code}", "ages that cost nothing", "a cost above 0 to move need by")
    if free:
        return AgeIndex.empty()
    rows = [
        (year, code, max(0.0, 1.0 + follows * (_at(per_head, code, year, dated) / base[code] - 1.0)))
        for year in map(str, years)
        for code in practices
    ]
    return AgeIndex.validate(pl.DataFrame(rows, schema=AgeIndex.dtypes(), orient="row"))


def _per_head(ages: Frame[PracticeAge], costs: Frame[AgeCost]) -> dict[tuple[str, str], float]:
    """Cost of a head in pence by year and practice, from whole sums."""
    sums = (
        ages.join(costs.select("age_from", "pence_per_head"), on="age_from", how="left", validate="m:1")
        .group_by("year", "practice_code")
        .agg((pl.col("persons") * pl.col("pence_per_head")).sum().alias("cost"), pl.col("persons").sum())
    )
    per = sums.select("year", "practice_code", pl.col("cost") / pl.col("persons"))
    return {(year, code): cost for year, code, cost in per.iter_rows()}


def _at(per_head: Mapping[tuple[str, str], float], code: str, year: str, dated: Sequence[str]) -> float:
    low, high, step, steps = between(year, dated)
    return (per_head[low, code] * (steps - step) + per_head[high, code] * step) / steps


def _faults_of(ages: Frame[PracticeAge], bands: set[int], practices: set[str], table: RawTable, faults: Faults) -> None:
    """Years that are none, practices that are not on the map or lack a year, ages without a cost and lists without persons."""
    where = table.where
    strange = {
        *(year for year in ages.get_column("year").unique() if not _is_year(year)),
        *(set(ages.get_column("practice_code").unique()) - practices),
        *(set(ages.get_column("age_from").unique()) - bands),
    }
    if strange:
        _name_rows(strange, bands, practices, table, faults)
        return
    sums = ages.group_by("year", "practice_code").agg(pl.len().alias("bands"), pl.col("persons").sum())
    known = {(year, code): (n, persons) for year, code, n, persons in sums.iter_rows()}
    if not known:
        faults.add(where, "no rows", "ages of every practice of the map")
    whole = len(bands)
    for year in sorted({year for year, _ in known}):
        for code in sorted(practices):
            number, persons = known.get((year, code), (0, 0))
            if number == whole and persons:
                continue
            if number == 0:
                faults.add(f"{where}: practice {code}", f"no ages of {year}", "ages of every practice in each year")
            elif number != whole:
                faults.add(f"{where}: practice {code}, {year}", f"{number} age bands", f"all of {_listed(bands)}")
            else:
                faults.add(f"{where}: practice {code}, {year}", "0 persons of all ages", "persons in at least one band")


def _name_rows(strange: set[object], bands: set[int], practices: set[str], table: RawTable, faults: Faults) -> None:
    """The first row of each year, practice and age that is not known, with its line."""
    cells = table.cells.select(pl.col("year", "practice_code", "age_from").cast(pl.String).str.strip_chars())
    for row, (year, code, age) in enumerate(cells.iter_rows()):
        for cell, found, expected in (
            (year, f"year {year!r}", "a financial year, such as '2017/18'"),
            (code, f"practice {code!r}", f"a practice of the map. {suggest(code, practices)}"),
            (int(float(age)), f"age_from {age}", f"an age with a cost: {_listed(bands)}"),
        ):
            if cell in strange:
                strange.discard(cell)
                faults.add(f"{table.where}: line {table.line(row)}", found, expected)


def _is_year(text: str) -> bool:
    try:
        FinancialYear(text)
    except DataError:
        return False
    return True


def _listed(bands: set[int]) -> str:
    return ", ".join(str(age) for age in sorted(bands))
