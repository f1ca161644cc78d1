"""Whose people are left out of a result: a number is hidden wherever it, or what it follows from, stands, and not in one table alone.

    practices   those with a small number in any year, and those beside them, until whoever subtracts what is shown from the people of
                a locality finds every small number possible (`suppression`)
    areas       their localities, places and the system: weights and amounts a person of an area, less those of its other practices, would
                give away

A practice that is hidden in one year is hidden in all, and the choice rests on numbers of people only, so two runs of the same lists hide
the same practices.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from api.service.records.hidden import NOBODY, HiddenPeople
from api.service.records.job_kind import MadeOfPeople, MadeOfRows
from api.service.security.parts import with_parts_beside
from capitation.records.suppression import MARK, suppressed

MICRO = 1_000_000

MOST_WAYS = 5
"""Over how many columns of a settlement there are totals, such as of a line, a party or a year."""

_AREAS = ("locality_code", "place_code", "commissioner_code")


def hidden_people(
    population: pl.DataFrame, membership: pl.DataFrame | None, system: str, smallest_shown: int
) -> HiddenPeople:
    """Whose people are left out of a run.

    Args:
        population: year, practice_code and registered_micro, as in a run.
        membership: practice_code and the codes of its areas; None where a result has none.
        system: code of the system.
        smallest_shown: the smallest number of people other than 0 that is shown.

    Example:
        A locality of practices with 3, 40 and 60 people where 5 is the smallest shown hides the first two.
    """
    counts = population.select("year", "practice_code", "registered_micro")
    within = ["year"]
    if membership is not None:
        areas = membership.select("practice_code", "locality_code").unique("practice_code")
        counts = counts.join(areas, on="practice_code", how="left", validate="m:1").with_columns(
            pl.col("locality_code").fill_null("")
        )
        within = ["year", "locality_code"]
    done = suppressed(
        counts,
        "registered_micro",
        within=within,
        order_by=["practice_code"],
        smallest_shown=smallest_shown * MICRO,
    )
    practices = frozenset(done.rows.filter(MARK).get_column("practice_code"))
    if not practices:
        return NOBODY
    areas_of = {system}
    if membership is not None:
        inside = membership.filter(pl.col("practice_code").is_in(sorted(practices)))
        areas_of |= {code for name in _AREAS if name in inside.columns for code in inside.get_column(name)}
        areas_of |= _another_locality(set(inside.get_column("locality_code")), membership)
    return HiddenPeople(practices, frozenset(areas_of))


def _another_locality(hidden: set[str], membership: pl.DataFrame) -> set[str]:
    """The first other locality where one only is hidden: whoever takes the others from the system's total would find it."""
    others = sorted(set(membership.get_column("locality_code").drop_nulls()) - hidden)
    return set(others[:1]) if len(hidden) == 1 else set()


def _among(column: str, codes: Iterable[str]) -> pl.Expr:
    named = sorted(codes)
    return pl.col(column).is_in(named) if named else pl.lit(False)


def hidden_lines(unit_cost: pl.DataFrame, activity: pl.DataFrame | None, smallest_shown: int) -> frozenset[str]:
    """Lines whose activity of the whole system is small, or would give a locality's away.

    Args:
        unit_cost: line and baseline_activity, as in a run.
        activity: year, case, point_of_delivery, locality_code and activity; None where a result has none.
        smallest_shown: the smallest number of events other than 0 that is shown.
    """
    small = unit_cost.filter(pl.col("baseline_activity").is_between(1, smallest_shown - 1)).get_column("line")
    lines = set(small)
    if activity is not None:
        totals = suppressed(
            activity,
            "activity",
            within=["year", "case", "point_of_delivery"],
            order_by=["locality_code"],
            smallest_shown=smallest_shown,
        ).totals
        lines |= set(totals.filter(MARK).get_column("point_of_delivery"))
    return frozenset(lines)


def hidden_rows(
    counts: pl.DataFrame, amounts: Iterable[str], smallest_shown: int, results: pl.DataFrame | None = None
) -> HiddenPeople:
    """The rows of a settlement with a small count, and enough beside them that no sum gives them away.

    Args:
        counts: row, period, account and count, one line a row and counted input, as in a settlement.
        amounts: outputs of the contract.
        smallest_shown: the smallest number of people or events other than 0 that is shown.
        results: the rows in their order with what names them, such as year, parties and line, over which others may know totals.

    Example:
        Rows with 3, 40 and 60 spells where 5 is the smallest shown: the first two are left out.
    """
    count = pl.col("count").abs()
    least = (
        counts.group_by("row", "period", "account", maintain_order=True)
        .agg((pl.when(count > 0).then(count).min().fill_null(0.0) * MICRO).round().cast(pl.Int64).alias("least"))
        .sort("row")
    )
    marked = suppressed(least, "least", within=(), order_by=["row"], smallest_shown=smallest_shown * MICRO).rows
    keys = [] if results is None else _parting(results, amounts)
    if results is not None and keys and marked.get_column(MARK).any():
        named = results.select(keys).with_row_index("row").with_columns(pl.col("row").cast(least.schema["row"]))
        rows = least.with_columns(marked.get_column(MARK)).join(
            named, on="row", how="left", maintain_order="left", nulls_equal=True
        )
        small = rows.get_column("least").is_between(1, smallest_shown * MICRO - 1)
        beside = with_parts_beside(rows, small, rows.get_column("least") > 0, within=(), parted_by=keys, together=1)
        marked = marked.with_columns(beside.alias(MARK))
    left_out = marked.filter(MARK)
    if not left_out.height:
        return NOBODY
    return HiddenPeople(
        rows=frozenset(left_out.get_column("row")),
        accounts=frozenset(left_out.select("period", "account").iter_rows()),
        amounts=frozenset(amounts),
    )


def _parting(results: pl.DataFrame, amounts: Iterable[str]) -> list[str]:
    """The columns by which the rows of a settlement may be added up: texts that more than one row has, the coarsest first."""
    texts = [name for name in results.columns if results.schema[name] == pl.String and name not in set(amounts)]
    sizes = {name: results.get_column(name).n_unique() for name in texts}
    return sorted((name for name in texts if 1 < sizes[name] < results.height), key=lambda name: (sizes[name], name))[
        :MOST_WAYS
    ]


def without_rows(frame: pl.DataFrame, made_of: MadeOfRows, hidden: HiddenPeople) -> pl.DataFrame:
    """A table of a settlement without what follows from counts that are left out; `is_suppressed` marks its rows."""
    if made_of.by == "account":
        names = [f"{period}\n{account}" for period, account in sorted(hidden.accounts)]
        left_out = pl.concat_str("period", pl.lit("\n"), "account").is_in(names)
    elif made_of.by == "order":
        left_out = pl.int_range(pl.len()).is_in(sorted(hidden.rows))
    elif made_of.by == "any":
        left_out = pl.int_range(pl.len()) >= 0
    else:
        left_out = pl.col("row").is_in(sorted(hidden.rows))
    wanted = (*made_of.columns, *(sorted(hidden.amounts) if made_of.amounts else ()))
    columns = [name for name in dict.fromkeys(wanted) if name in frame.columns]
    return frame.with_columns(
        *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in columns), left_out.alias(MARK)
    )


def without_people(frame: pl.DataFrame, made_of: MadeOfPeople, hidden: HiddenPeople) -> pl.DataFrame:
    """A frame without what follows from the people of hidden practices; `is_suppressed` marks rows in which something was left out."""
    if made_of.is_whole_row:
        frame = frame.filter(~_among(made_of.code, hidden.practices))
    mark = pl.col(MARK) if MARK in frame.columns else pl.lit(False)
    of_practice = _among(made_of.code, hidden.practices if made_of.of_practice else ())
    of_area = _among(made_of.code, hidden.areas if made_of.of_area else ())
    of_line = _among(made_of.code, hidden.lines if made_of.of_line else ())

    def left_out(name: str) -> pl.Expr:
        test = pl.lit(False)
        if name in made_of.of_practice:
            test = test | of_practice
        if name in made_of.of_line:
            test = test | of_line
        return test | of_area if name in made_of.of_area else test

    wanted = (*made_of.of_practice, *made_of.of_area, *made_of.of_line)
    names = [name for name in dict.fromkeys(wanted) if name in frame.columns]
    return frame.with_columns(
        *(pl.when(left_out(name)).then(None).otherwise(pl.col(name)).alias(name) for name in names),
        (mark | of_practice | of_area | of_line).alias(MARK),
    )
