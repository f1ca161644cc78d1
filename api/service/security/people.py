"""Whose people are left out of a result: a number is hidden wherever it, or what it follows from, stands, and not in one table alone.

    practices   those with a small number in any year, and those beside them, until whoever subtracts what is shown from the people of
                a locality finds every small number possible (`suppression`)
    areas       their localities, places and the system: weights and amounts a person of an area, less those of its other practices, would
                tell

A practice that is hidden in one year is hidden in all, and the choice rests on numbers of people only, so two runs of the same lists hide
the same practices.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from api.service.records.job_kind import MadeOfPeople
from api.service.security.suppression import MARK, suppressed

MICRO = 1_000_000

_AREAS = ("locality_code", "place_code", "commissioner_code")


@dataclass(frozen=True)
class HiddenPeople:
    """Practices whose people are left out, and the areas that they are in."""

    practices: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()


NOBODY = HiddenPeople()
"""Nobody is left out."""


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
    return HiddenPeople(practices, frozenset(areas_of))


def without_people(frame: pl.DataFrame, made_of: MadeOfPeople, hidden: HiddenPeople) -> pl.DataFrame:
    """A frame without what follows from the people of hidden practices; `is_suppressed` marks rows in which something was left out."""
    if made_of.is_whole_row:
        frame = frame.filter(~pl.col(made_of.code).is_in(sorted(hidden.practices)))
    mark = pl.col(MARK) if MARK in frame.columns else pl.lit(False)
    of_practice = pl.col(made_of.code).is_in(sorted(hidden.practices)) if made_of.of_practice else pl.lit(False)
    of_area = pl.col(made_of.code).is_in(sorted(hidden.areas)) if made_of.of_area else pl.lit(False)

    def left_out(name: str) -> pl.Expr:
        test = pl.lit(False)
        if name in made_of.of_practice:
            test = test | of_practice
        return test | of_area if name in made_of.of_area else test

    names = [name for name in dict.fromkeys((*made_of.of_practice, *made_of.of_area)) if name in frame.columns]
    return frame.with_columns(
        *(pl.when(left_out(name)).then(None).otherwise(pl.col(name)).alias(name) for name in names),
        (mark | of_practice | of_area).alias(MARK),
    )
