"""What a plan says and no figure of the model rests on: themes, goals, phases and boards, declared as context and shown as such."""

from __future__ import annotations

import polars as pl

from capitation.errors import DataError, Faults, SourceError
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

FILE = "aims/context.csv"


class PlanContext(Schema):
    """One thing that the plan says and that nothing is worked out from."""

    kind = Column(pl.String, "label", "What it is", key=True)
    number = Column(pl.Int64, "number", "Place among its kind", key=True, ge=1)
    years = Column(pl.String, "financial years", "First and last year of a phase", nullable=True)
    title = Column(pl.String, "words", "The thing, in our words")
    source = SOURCE
    where = Column(pl.String, "locator", "File and line of the source")


def context(pack: DataPack) -> Frame[PlanContext]:
    """The declared context of a pack; none where it has no such table.

    Raises:
        SourceError: phases whose years are none, end before they begin, or leave a year between them.
    """
    if FILE not in pack.files(FILE):
        return PlanContext.validate(pl.DataFrame(schema=PlanContext.dtypes()))
    rows = pack.rows(FILE, PlanContext)
    faults = Faults()
    before: FinancialYear | None = None
    for number, years in rows.filter(pl.col("kind") == "phase").sort("number").select("number", "years").iter_rows():
        first, _, last = (years or "").partition("-")
        try:
            start, end = FinancialYear(first), FinancialYear(last)
        except DataError:
            faults.add(f"{FILE}: phase {number}", repr(years), "a first and a last year, such as '2017/18-2018/19'")
            continue
        if end < start:
            faults.add(f"{FILE}: phase {number}", repr(years), "an end no earlier than its start")
        elif before is not None and start != before.next:
            faults.add(f"{FILE}: phase {number}", repr(years), f"a start in {before.next}, after the phase before")
        before = end
    faults.raise_if_any(SourceError, "phases cannot be used")
    return rows


def phase_in(rows: Frame[PlanContext], year: FinancialYear) -> str | None:
    """The phase of the plan that a year lies in; none where no phase has it."""
    for title, years in rows.filter(pl.col("kind") == "phase").select("title", "years").iter_rows():
        first, _, last = years.partition("-")
        if first <= year <= last:
            return str(title)
    return None
