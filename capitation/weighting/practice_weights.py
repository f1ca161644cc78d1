"""Practice weights by stream and year: need of the base year carried along with each practice's projected list.

    raw_is(t) = weighted persons_is(base) x registered_i(t) / registered_i(base) x age index_i(t)
    weight_is(t) = raw_is(t) x sum of registered(t) / sum of raw(t)      where lists or ages move apart; else raw adds to registered as it is

Need per head is that of the base year, moved with the ages of the list where the scenario has them (`places/ages.py`); else only lists move
and the index is 1. Weighted persons of a year add to its registered persons, as those of the base year do: they say who needs more than others,
and what more all need together is for the money of the year. Beside the weight stand the staged weights (registered persons,
then need, inequality, unavoidable cost) from which the waterfall of an allocation is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.money.rounding import MICRO
from capitation.records.columns import NEED_INDEX, PRACTICE, STREAM, WEIGHTED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.weighting.population import ProjectedList
from capitation.weighting.weigh import Need

STAGES = ("registered persons", "need", "inequality", "cost")
"""Stages of a weight in their order; "cost" is the weight itself, with unavoidable cost and normalisation."""


class PracticeWeight(Schema):
    """A practice's weight for one stream in one year."""

    year = YEAR
    stream = STREAM
    practice_code = PRACTICE
    registered_micro = Column(pl.Int64, "millionths of a person", "Projected registered persons, exact", ge=0)
    need_index = NEED_INDEX.but(about="Weighted over registered persons of the base year")
    age_index = Column(
        pl.Float64,
        "index, base year 1",
        "Cost of the practice's ages in the year over the base year; 1 without ages",
        ge=0,
    )
    weighted_persons = WEIGHTED_PERSONS


class StagedWeight(Schema):
    """A practice's weight once each stage of its formula has been taken."""

    year = YEAR
    stream = STREAM
    practice_code = PRACTICE
    stage = Column(pl.String, "word", "Stage taken last", key=True, one_of=STAGES)
    weighted_persons = WEIGHTED_PERSONS.but(about="Weight after the stage")


@dataclass(frozen=True)
class PracticeWeights:
    """Weights of all streams, years and practices, whole and by stage."""

    weights: Frame[PracticeWeight]
    stages: Frame[StagedWeight]


def practice_weights(
    needs: Mapping[str, Need],
    lists: Frame[ProjectedList],
    ages: pl.DataFrame | None = None,
    *,
    lists_move_apart: bool = False,
) -> PracticeWeights:
    """Weights of every stream, year and practice.

    Args:
        needs: the formula of each stream applied to the practices of the base year.
        lists: projected registered persons; they hold the same practices.
        ages: year, practice_code, age_index of every practice and year; none leaves need per head as in the base year.
        lists_move_apart: whether lists do not keep the proportions of the base year.

    Raises:
        FrameError: the practices of the lists and of a need differ, or a practice has need but no registered persons.

    Example:
        A practice of 1,000 persons and 1,100 weighted persons whose list is projected to 1,010 weighs 1,111.
    """
    weights, stages = [], []
    for stream, need in needs.items():
        _require_same_practices(stream, need, lists)
        base = need.practices.select("practice_code", "registered_persons", "weighted_persons", "need_index")
        joined = lists.select("year", "practice_code", "registered_micro").join(
            base, on="practice_code", how="left", validate="m:1"
        )
        if ages is None:
            joined = joined.with_columns(pl.lit(1.0).alias("age_index"))
        else:
            joined = joined.join(ages, on=["year", "practice_code"], how="left", validate="1:1")
        ratio = pl.when(pl.col("registered_persons") > 0).then(
            pl.col("registered_micro") / MICRO / pl.col("registered_persons")
        )
        joined = joined.with_columns((ratio.otherwise(0.0) * pl.col("age_index")).alias("ratio"))
        if ages is not None or lists_move_apart:
            joined = _to_registered(joined)
        weights.append(
            joined.select(
                "year",
                pl.lit(stream).alias("stream"),
                "practice_code",
                "registered_micro",
                "need_index",
                "age_index",
                pl.col("weighted_persons") * pl.col("ratio"),
            )
        )
        stages += _staged(stream, need, joined)
    return PracticeWeights(PracticeWeight.validate(pl.concat(weights)), StagedWeight.validate(pl.concat(stages)))


def _to_registered(moved: pl.DataFrame) -> pl.DataFrame:
    """The rows with `ratio` scaled so that weighted persons of every year add to its registered persons."""
    factors = []
    for (year,), rows in moved.partition_by("year", as_dict=True).items():
        raw = fsum((rows["weighted_persons"] * rows["ratio"]).to_list())
        factors.append((year, int(rows["registered_micro"].sum()) / MICRO / raw if raw else 1.0))
    scale = pl.DataFrame(factors, schema={"year": pl.String, "scale": pl.Float64}, orient="row")
    found = moved.join(scale, on="year", how="left", validate="m:1")
    return found.with_columns(pl.col("ratio") * pl.col("scale")).drop("scale")


def _staged(stream: str, need: Need, lists: pl.DataFrame) -> list[pl.DataFrame]:
    steps = need.waterfall()
    found = []
    for number, stage in enumerate(STAGES):
        if stage == "registered persons":
            persons = lists.select(
                "year", "practice_code", (pl.col("registered_micro") / MICRO).alias("weighted_persons")
            )
        elif stage == "cost":
            persons = lists.select("year", "practice_code", pl.col("weighted_persons") * pl.col("ratio"))
        else:
            taken = steps.filter(pl.col("kind").is_in(STAGES[: number + 1])).sort("practice_code", "step")
            sums = taken.group_by("practice_code", maintain_order=True).agg(pl.col("persons").sum())
            persons = lists.join(sums, on="practice_code", how="left", validate="m:1").select(
                "year",
                "practice_code",
                (pl.col("persons") * pl.col("ratio")).clip(lower_bound=0.0).alias("weighted_persons"),
            )
        found.append(
            persons.select(
                "year",
                pl.lit(stream).alias("stream"),
                "practice_code",
                pl.lit(stage).alias("stage"),
                "weighted_persons",
            )
        )
    return found


def _require_same_practices(stream: str, need: Need, lists: pl.DataFrame) -> None:
    mine, listed = set(need.practices["practice_code"]), set(lists["practice_code"])
    faults = [
        Fault(f"practice {code}", f"need for stream {stream} and no projected list", "both")
        for code in sorted(mine - listed)[:10]
    ]
    faults += [
        Fault(f"practice {code}", f"a projected list and no need for stream {stream}", "both")
        for code in sorted(listed - mine)[:10]
    ]
    barren = need.practices.filter((pl.col("registered_persons") == 0) & (pl.col("weighted_persons") > 0))
    faults += [
        Fault(f"practice {code}", "weighted but no registered persons in the base year", "a list to carry need by")
        for code in barren["practice_code"].head(10)
    ]
    if faults:
        raise FrameError("practice weights cannot be formed", faults)
