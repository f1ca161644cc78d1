"""What became of each practice between two lists: continued, merged into another, closed, new, or not explained.

Practice codes come and go: two lists a few years apart never hold the same codes. A lineage table keeps one event a
row (merged into, closed, opened) with its year, its evidence and whether it was published or is inferred from the
lists. `practice_lineage` compares two lists through the table, following a practice through several mergers, and leaves
nothing out: a code for which the table has no event is reported as "unexplained", never guessed.
"""

from __future__ import annotations

import polars as pl

from capitation.errors import Faults, FrameError, SourceError, suggest
from capitation.money.rounding import MICRO, micro
from capitation.pack.rows import Given, raw_table, read_rows, rows_of
from capitation.pack.sources import DataPack
from capitation.pack.total_rows import table_total_faults
from capitation.places.membership import headings
from capitation.records.columns import PRACTICE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.weighting.inputs import column_names
from capitation.weighting.population import PracticeList

OUTCOMES = ("continued", "merged into", "closed", "new", "unexplained")
"""What can become of a practice."""


class DatedPracticeList(PracticeList):
    """The list of one practice in one of the years the pack carries."""

    year = YEAR


class LineageEvent(Schema):
    """One thing that happened to a practice code."""

    practice_code = PRACTICE.but(about="Practice the event is about")
    year = YEAR.but(about="Year in which its list moved, ended or began")
    change = Column(pl.String, "change", "What happened", one_of=("merged into", "closed", "opened"))
    successor_code = Column(pl.String, "code", "Practice that took on its list; only for a merger", nullable=True)
    quality = Column(pl.String, "mark", "Whether it was published or inferred", one_of=("published", "inferred"))
    evidence = Column(pl.String, "text", "Figures or publication it rests on")
    source = Column(pl.String, "text", "Where the evidence was read", nullable=True)
    place_code = Column(
        pl.String, "code", "Place where it stood, for a practice that closed or opened and is on no map", nullable=True
    )

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """A merger, and only a merger, names its successor."""
        return {
            "a merger, and only a merger, names its successor": pl.col("successor_code").is_not_null()
            == (pl.col("change") == "merged into"),
            "no practice merges into itself": pl.col("successor_code").ne_missing(pl.col("practice_code")),
        }


class PracticeLineage(Schema):
    """What became of one practice between two lists."""

    practice_code = PRACTICE.but(about="Practice of the earlier or the later list")
    outcome = Column(pl.String, "outcome", "What became of it", one_of=OUTCOMES)
    successor_code = Column(
        pl.String, "code", "Practice of the later list that now holds its patients; empty unless merged", nullable=True
    )
    old_persons = Column(pl.Float64, "persons", "Its earlier list; empty if it was not on it", ge=0, nullable=True)
    new_persons = Column(pl.Float64, "persons", "Its later list; empty if it is not on it", ge=0, nullable=True)
    quality = Column(pl.String, "mark", "Weakest mark of the events followed; empty where none was", nullable=True)
    evidence = Column(pl.String, "text", "Evidence of the events followed, in order", nullable=True)


class OutcomeTotal(Schema):
    """Practices and persons by outcome."""

    outcome = Column(pl.String, "outcome", "What became of the practices", key=True, one_of=OUTCOMES)
    practices = Column(pl.Int64, "practices", "How many", ge=0)
    old_persons = Column(pl.Float64, "persons", "Persons on their earlier lists", ge=0)
    new_persons = Column(pl.Float64, "persons", "Persons on their later lists", ge=0)


def lineage_events(pack: DataPack) -> Frame[LineageEvent]:
    """The mergers, closures and openings of the pack's system, each with its evidence."""
    return pack.rows("places/lineage.csv", LineageEvent)


def practice_lists(pack: DataPack, year: str) -> Frame[PracticeList]:
    """The practice lists of one year that the pack carries.

    Raises:
        FrameError: the pack carries no lists for the year.
    """
    rows = pack.rows("places/practice-lists.csv", DatedPracticeList)
    found = rows.filter(pl.col("year") == year)
    if found.is_empty():
        years = rows.get_column("year").unique().sort()
        raise FrameError(f"practice lists: found none for {year}; the pack carries {', '.join(years)}")
    return PracticeList.validate(found.drop("year"))


def read_lists(given: Given) -> Frame[PracticeList]:
    """Practice lists from a user's file, under our names or those of published files; other columns are ignored.

    Raises:
        SourceError: the file cannot be read as such; every fault is reported at once.
    """
    table = raw_table(given)
    names = column_names(PracticeList, table.cells.columns, {}, headings(table.cells.columns))
    labels = [names.get("practice_code", "practice_code"), "practice_name"]
    faults = Faults()
    faults.extend(table_total_faults(table, labels, [names.get("registered_persons", "registered_persons")]))
    faults.raise_if_any(SourceError, f"{table.where}: some rows are no practice")
    return rows_of(table, PracticeList, column_map=names, keep_extra=True)


def read_lineage(given: Given) -> Frame[LineageEvent]:
    """Lineage events from a user's file.

    Raises:
        SourceError: the file cannot be read as such; every fault is reported at once.
        FrameError: an event breaks a promise of `LineageEvent`.
    """
    return read_rows(given, LineageEvent)


def practice_lineage(
    old: Frame[PracticeList], new: Frame[PracticeList], events: Frame[LineageEvent]
) -> Frame[PracticeLineage]:
    """What became of every practice of either list.

    Args:
        old: the earlier list.
        new: the later list.
        events: mergers, closures and openings; events about practices of neither list are not looked at.

    Returns:
        One row a practice code of either list. A code on both is "continued" (its events are not looked at). A code
        that ended is followed from merger to merger until a practice of the later list; where the chain ends in a
        closure it is "closed", where an event is missing "unexplained". A code that began is "new" where the table
        has its opening, and "unexplained" where it has not.

    Raises:
        FrameError: mergers that run in a circle, or a practice with more than one event that ends it; all reported
            together.
    """
    later, faults = set(new.get_column("practice_code")), Faults()
    ending: dict[str, dict[str, str]] = {}
    opened: dict[str, dict[str, str]] = {}
    for row in events.iter_rows(named=True):
        code = row["practice_code"]
        if row["change"] == "opened":
            opened[code] = row
        elif code in ending:
            faults.add(f"lineage: {code}", f"endings in {ending[code]['year']} and {row['year']}", "one ending")
        else:
            ending[code] = row
    earlier = old.get_column("practice_code").to_list()
    found: list[tuple[str, str, str | None, str | None, str | None]] = []
    for code in earlier:
        if code in later:
            found.append((code, "continued", None, None, None))
            continue
        outcome, successor, trail = _follow(code, ending, later, faults)
        found.append((code, outcome, successor, _weakest(trail), "; then ".join(e["evidence"] for e in trail) or None))
    for code in sorted(later - set(earlier)):
        event = opened.get(code)
        outcome = "new" if event else "unexplained"
        found.append((code, outcome, None, event["quality"] if event else None, event["evidence"] if event else None))
    faults.raise_if_any(FrameError, "the lineage table contradicts itself")
    columns = ["practice_code", "outcome", "successor_code", "quality", "evidence"]
    rows = pl.DataFrame(found, schema=dict.fromkeys(columns, pl.String), orient="row")
    for side, column in ((old, "old_persons"), (new, "new_persons")):
        lists = side.select("practice_code", pl.col("registered_persons").alias(column))
        rows = rows.join(lists, on="practice_code", how="left", validate="1:1")
    return PracticeLineage.validate(rows)


def outcome_totals(lineage: Frame[PracticeLineage]) -> Frame[OutcomeTotal]:
    """Practices and persons by outcome; the practices add to all codes of both lists, the persons to both lists."""
    exact = [micro(pl.col(c).fill_null(0.0)).alias(c) for c in ("old_persons", "new_persons")]
    sums = (
        lineage.with_columns(exact)
        .group_by("outcome")
        .agg(pl.len().cast(pl.Int64).alias("practices"), pl.col("old_persons", "new_persons").sum())
        .with_columns(pl.col("old_persons", "new_persons") / MICRO)
    )
    return OutcomeTotal.validate(sums)


def unexplained_faults(lineage: Frame[PracticeLineage]) -> Faults:
    """One fault for each practice whose end or beginning the lineage table does not explain."""
    faults = Faults()
    later = lineage.filter(pl.col("new_persons").is_not_null()).get_column("practice_code").to_list()
    for row in lineage.filter(pl.col("outcome") == "unexplained").iter_rows(named=True):
        code = row["practice_code"]
        if row["new_persons"] is None:
            faults.add(
                f"practice {code}",
                f"{row['old_persons']:,.0f} persons on the earlier list and no row on the later",
                "a merger or a closure in the lineage table",
                suggest(code, later) if _is_near(code, later) else "",
            )
        else:
            faults.add(
                f"practice {code}",
                f"{row['new_persons']:,.0f} persons on the later list and no row on the earlier",
                "an opening in the lineage table",
            )
    return faults


def still_listed_faults(lineage: Frame[PracticeLineage], events: Frame[LineageEvent]) -> Faults:
    """One fault for each practice that the table says has merged or closed and that is still on the later list.

    Args:
        lineage: what became of each practice between the two lists.
        events: events that happened by the date of the later list.
    """
    ended = events.filter(pl.col("change") != "opened").unique("practice_code", keep="first", maintain_order=True)
    both = lineage.filter(pl.col("outcome") == "continued").join(ended, on="practice_code", how="inner")
    later = dict(lineage.select("practice_code", "new_persons").iter_rows())
    faults = Faults()
    for row in both.sort("practice_code").iter_rows(named=True):
        into = row["successor_code_right"]
        twice = (
            f", so that its {row['old_persons']:,.0f} persons may stand twice" if later.get(into) is not None else ""
        )
        faults.add(
            f"practice {row['practice_code']}",
            f"{row['change']}{f' {into}' if into else ''} in {row['year']}, and still {row['new_persons']:,.0f} persons "
            f"on the later list{twice}",
            "no row on the later list",
            "Take it out of the later list; if it ended after that list, take the event out.",
        )
    return faults


def _follow(
    code: str, ending: dict[str, dict[str, str]], later: set[str], faults: Faults
) -> tuple[str, str | None, list[dict[str, str]]]:
    """The outcome of a practice that is not on the later list, its last successor, and the events on the way."""
    trail: list[dict[str, str]] = []
    seen, here = [code], code
    while here not in later:
        event = ending.get(here)
        if event is None:
            return "unexplained", None, trail
        trail.append(event)
        if event["change"] == "closed":
            return "closed", None, trail
        here = event["successor_code"]
        if here in seen:
            faults.add(f"lineage: {code}", f"mergers in a circle: {' -> '.join([*seen, here])}", "a chain that ends")
            return "unexplained", None, trail
        seen.append(here)
    return "merged into", here, trail


def _weakest(trail: list[dict[str, str]]) -> str | None:
    marks = {event["quality"] for event in trail}
    return "inferred" if "inferred" in marks else "published" if marks else None


def _is_near(code: str, known: list[str]) -> bool:
    return suggest(code, known).startswith("Did you mean")
