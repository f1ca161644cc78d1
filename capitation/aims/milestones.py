"""Milestones of a plan: what is due when, as printed, and which solution or body it prepares or starts.

A solution starts no earlier than the first milestone that starts it, and a contract with a body no earlier than the milestone that
establishes the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

import polars as pl

from capitation.aims.due import Due, due
from capitation.errors import DataError, Fault, Faults, SourceError, suggest
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

FILE = "aims/milestones.csv"
TABLE = "critical_path"
"""Table of printed cells in the source that a milestone names: one row a milestone."""

BODY = "accountable-care-body"
"""What a milestone drives that establishes the body which can hold a whole budget."""

ROLES = ("prepares", "starts", "runs on", "informs")


class NamedMilestone(Schema):
    """A milestone of the plan with what it drives; its date, priority and board are cells of its source."""

    number = Column(pl.Int64, "number", "Number in the plan", key=True, ge=1)
    title = Column(pl.String, "words", "What is due, in our words")
    role = Column(pl.String, "label", "What it does to what it drives", one_of=ROLES)
    drives = Column(pl.String, "ids", "Solutions or bodies, by id, with spaces between", nullable=True)
    source = SOURCE
    where = Column(pl.String, "locator", "Table and row of the source")


class Milestone(NamedMilestone):
    """A milestone with its printed date read as months and financial years."""

    priority = Column(pl.String, "label", "Priority of the plan")
    board = Column(pl.String, "label", "Board that answers for it")
    due = Column(pl.String, "as printed", "Date as printed")
    first_month = Column(pl.String, "year-month", "First month it is due in; empty where it is ongoing", nullable=True)
    last_month = Column(pl.String, "year-month", "Last month it is due in", nullable=True)
    year = YEAR.but(about="Financial year of its first month", key=False, nullable=True)


def milestones(pack: DataPack, first_year: FinancialYear | None = None) -> Frame[Milestone]:
    """The milestones of a pack; none where it has no such table.

    Args:
        pack: data pack.
        first_year: first year of the plan; a milestone before it is refused.

    Raises:
        SourceError: a milestone that its source does not print, a date that is none, or one before the plan; all together.
    """
    if FILE not in pack.files(FILE):
        return Milestone.validate(pl.DataFrame(schema=Milestone.dtypes()))
    named = pack.rows(FILE, NamedMilestone)
    rows, faults = [], Faults()
    for row in named.iter_rows(named=True):
        where = f"{FILE}: milestone {row['number']}"
        printed = _printed(pack, row["source"], row["number"])
        if len(printed) < len(_CELLS):
            faults.add(where, f"no row {row['number']} in {row['source']}, {TABLE}", f"cells {', '.join(_CELLS)}")
            continue
        try:
            at = due(printed["Milestone"])
        except DataError as error:
            faults.add(where, error.message.removeprefix("found ").partition(";")[0], "a printed date")
            continue
        if at is not None and first_year is not None and at.year < first_year:
            faults.add(
                where,
                f"due {printed['Milestone']}, in {at.year}",
                f"no milestone before the plan's first year {first_year}",
            )
        rows.append({**row, **_dated(printed, at)})
    faults.raise_if_any(SourceError, "milestones cannot be used")
    return Milestone.validate(pl.DataFrame(rows, schema=Milestone.dtypes()).select(*Milestone.columns()))


_CELLS = ("Priority", "Governance mechanism", "Milestone")


def _printed(pack: DataPack, source: str, number: int) -> dict[str, str]:
    cells = pack.printed(source, TABLE).filter(pl.col("row") == str(number))
    return dict(cells.select("column", "value").iter_rows())


def _dated(printed: Mapping[str, str], at: Due | None) -> dict[str, str | None]:
    return {
        "priority": printed["Priority"],
        "board": printed["Governance mechanism"],
        "due": printed["Milestone"],
        "first_month": None if at is None else at.first_month,
        "last_month": None if at is None else at.last_month,
        "year": None if at is None else str(at.year),
    }


def earliest_starts(found: Frame[Milestone]) -> dict[str, FinancialYear]:
    """The first financial year in which each solution or body can be there, by the milestone that starts it."""
    starts: dict[str, FinancialYear] = {}
    for drives, year in found.filter(pl.col("role") == "starts").select("drives", "year").iter_rows():
        for name in (drives or "").split():
            at = FinancialYear(year) if year is not None else None
            if at is not None and (name not in starts or at < starts[name]):
                starts[name] = at
    return starts


def early_faults(
    found: Frame[Milestone], starts: Mapping[str, str | None], first: FinancialYear | None = None
) -> Iterator[Fault]:
    """Solutions that start before the milestone that starts them.

    Args:
        found: milestones.
        starts: first year of each solution by id; none where it states none and can start in the first.
        first: the first year of all.
    """
    driven = earliest_starts(found)
    for name, year in starts.items():
        stated = first if year is None else FinancialYear(year)
        if name in driven and stated is not None and stated < driven[name]:
            said = f"none, so {stated}, before its milestone" if year is None else f"{stated}, before its milestone"
            yield Fault(
                f"solution {name}: earliest_start", said, f"{driven[name]} or later, by milestone {_numbers(found, name)}",
                "Start it with its milestone, correct the milestone, or say in early_start_because why it starts before.",
            )  # fmt: skip


def order_faults(found: Frame[Milestone]) -> Iterator[Fault]:
    """What starts before it is prepared: a milestone that prepares it begins after the one that starts it has ended."""
    dated = found.filter(pl.col("first_month").is_not_null() & pl.col("drives").is_not_null())
    rows = dated.with_columns(pl.col("drives").str.split(" ")).explode("drives")
    ends = rows.filter(pl.col("role") == "starts").select("drives", "last_month", of="number", at="due")
    late = rows.filter(pl.col("role") == "prepares").join(ends, on="drives", suffix="_of_start")
    for row in (
        late.filter(pl.col("first_month") > pl.col("last_month_of_start")).sort("of", "number").iter_rows(named=True)
    ):
        yield Fault(
            f"{FILE}: milestone {row['of']}", f"due {row['at']}, before {row['drives']} is prepared",
            f"no start before milestone {row['number']} ({row['due']}), which prepares it", "Correct one of the two dates, or what one of them does.",
        )  # fmt: skip


def driven_faults(found: Frame[Milestone], solutions: Set[str]) -> Iterator[Fault]:
    """Milestones that drive no solution of the pack, nor the body.

    Args:
        found: milestones.
        solutions: ids of the solutions.
    """
    known = {*solutions, BODY}
    for number, drives in found.select("number", "drives").iter_rows():
        for name in (drives or "").split():
            if name not in known:
                yield Fault(
                    f"{FILE}: milestone {number}", f"drives {name!r}", "a solution of the pack", suggest(name, known)
                )


def body_fault(found: Frame[Milestone], start: FinancialYear, where: str) -> Fault | None:
    """A contract that begins before the body that holds it is established; none where it does not, or no milestone says."""
    established = next(
        (
            row
            for row in found.filter(pl.col("role") == "starts").iter_rows(named=True)
            if BODY in (row["drives"] or "").split()
        ),
        None,
    )
    if established is None or established["year"] is None or start >= FinancialYear(established["year"]):
        return None
    return Fault(
        where, f"a start in {start}", f"a start in {established['year']} or later: milestone {established['number']} establishes the body",
        f"It is due {established['due']}; a shadow year may come before the contract is live.",
    )  # fmt: skip


def _numbers(found: Frame[Milestone], name: str) -> str:
    mine = found.filter((pl.col("role") == "starts") & pl.col("drives").str.split(" ").list.contains(name))
    return ", ".join(f"{n} ({text})" for n, text in mine.select("number", "due").iter_rows())


__all__ = [
    "BODY",
    "Milestone",
    "NamedMilestone",
    "body_fault",
    "driven_faults",
    "earliest_starts",
    "early_faults",
    "milestones",
    "order_faults",
]
