"""Need by age, sex and an additional-need score, for users who have no published components.

    raw_i = sum over areas a of practice i of  ( sum over ages and sexes of  persons x weight ) x base ^ score_a
    weighted_i = raw_i x ( sum of persons / sum of raw )

The weights are a table and the base is a figure, both of a document in `need/age_sex`. Age and sex are weighted in
each small area and then added up, since the score belongs to the area; without areas the practice is its own area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import polars as pl

from capitation.errors import Faults, FrameError, NothingToShareError, UnknownNameError, suggest
from capitation.pack.rows import Given, raw_table, rows_of
from capitation.pack.sources import DataPack
from capitation.records.columns import (
    AREA_CODE,
    NEED_INDEX,
    PRACTICE,
    REGISTERED_PERSONS,
    SOURCE,
    WEIGHTED_PERSONS,
)
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from capitation.weighting.formula import Trust


class AgeSexWeight(Schema):
    """The weight of one person of a sex and age band."""

    sex = Column(pl.String, "word", "Sex", key=True, one_of=("male", "female"))
    age_band = Column(pl.String, "label", "Age band as printed", key=True)
    age_from = Column(pl.Int64, "years", "Youngest age of the band", ge=0)
    age_to = Column(pl.Int64, "years", "Oldest age of the band; empty where it is open", ge=0, nullable=True)
    weight = Column(pl.Float64, "weight", "Need of one person relative to a boy of 5 to 14", ge=0)
    source = SOURCE.but(unit="id", about="Source of the weight")
    where = Column(pl.String, "locator", "Where the weight stands in it")
    trust = Column(pl.String, "mark", "How far it can be trusted", one_of=("P", "R", "D", "U"))


class AgeSexCount(Schema):
    """Registered persons of a practice by small area, sex and age band."""

    practice_code = PRACTICE
    area_code = AREA_CODE.but(about="Small area where they live, or the practice itself")
    sex = Column(pl.String, "word", "Sex", key=True, one_of=("male", "female"))
    age_band = Column(pl.String, "label", "Age band of the weight table", key=True)
    persons = Column(pl.Float64, "persons", "Registered persons", ge=0)


class AreaScore(Schema):
    """The additional-need score of a small area."""

    area_code = AREA_CODE.but(about="Small area, or a practice that is its own area")
    score = Column(pl.Float64, "score", "Additional-need score; higher is needier")


class AgeSexNeed(Schema):
    """A practice's weighted persons by age, sex and additional need."""

    practice_code = PRACTICE
    registered_persons = REGISTERED_PERSONS.but(about="Sum of the counts")
    raw_weighted = Column(pl.Float64, "weighted persons", "Weighted before normalisation", ge=0)
    weighted_persons = WEIGHTED_PERSONS.but(about="Weighted, adding to the registered persons")
    need_index = NEED_INDEX.but(unit="index")


class AdditionalNeed(Document):
    """The factor for additional need: base ^ score of the area."""

    title: str
    """Name of the score."""
    base: Decimal
    """The number raised to the score; 1 switches additional need off."""
    source: str
    """Id of the source (a folder of sources/)."""
    where: str
    """Where the base stands in it."""
    trust: Trust
    """How far it can be trusted."""


class AgeSexDocument(Document):
    """An age, sex and additional-need formula."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    about: str
    """The formula in words and symbols."""
    weights: str
    """File of the weight table, beside the document."""
    limits: tuple[str, ...] = ()
    """What it leaves out."""
    additional_need: AdditionalNeed
    """The factor for additional need."""


@dataclass(frozen=True)
class AgeSexFormula:
    """An age, sex and additional-need formula with its weight table."""

    document: AgeSexDocument
    weights: Frame[AgeSexWeight]


def age_sex_formula_ids(pack: DataPack) -> tuple[str, ...]:
    """Ids of the age and sex formulas of a data pack."""
    return tuple(pack.documents("need/age_sex", AgeSexDocument))


def age_sex_formula(pack: DataPack, formula_id: str) -> AgeSexFormula:
    """The formula with this id.

    Raises:
        UnknownNameError: no document of `need/age_sex` has this id.
    """
    known = pack.documents("need/age_sex", AgeSexDocument)
    if formula_id not in known:
        raise UnknownNameError("age and sex formula", formula_id, known)
    document = known[formula_id]
    return AgeSexFormula(document, pack.rows(f"need/age_sex/{document.weights}", AgeSexWeight))


def age_sex_need(
    formula: AgeSexFormula, counts: Frame[AgeSexCount], scores: Frame[AreaScore] | None = None
) -> Frame[AgeSexNeed]:
    """Each practice's weighted persons, normalised to the sum of the counts.

    Args:
        formula: weights and base.
        counts: persons by practice, small area, sex and age band.
        scores: additional-need score of each small area; None leaves additional need out (factor 1).

    Raises:
        FrameError: repeated or negative counts, an age band without a weight, an area without a score; all at once.
        NothingToShareError: the weighted counts add to 0.

    Example:
        One boy of 5 to 14 (weight 1) and one woman of 45 to 64 (weight 2.115) in an area of score 0 weigh 3.115.
    """
    persons = AgeSexCount.validate(counts)
    faults = Faults()
    bands = formula.weights.get_column("age_band").unique().to_list()
    for band in persons.filter(~pl.col("age_band").is_in(bands)).get_column("age_band").unique().sort().head(20):
        faults.add(
            "counts: column 'age_band'", repr(band), "an age band of the weight table", suggest(str(band), bands)
        )
    if scores is not None:
        given = AreaScore.validate(scores)
        missing = persons.join(given, on="area_code", how="anti").get_column("area_code").unique().sort()
        for code in missing.head(20):
            near = suggest(str(code), given.get_column("area_code").to_list())
            faults.add(f"area {code}", "persons and no score", "a score for every area with persons", near)
        if len(missing) > 20:
            faults.add("scores", f"{len(missing) - 20} more areas without a score", "none")
        persons_scored = persons.join(given, on="area_code", how="left", validate="m:1", maintain_order="left")
    else:
        persons_scored = persons.with_columns(pl.lit(0.0).alias("score"))
    faults.raise_if_any(FrameError, "counts cannot be weighted")
    base = float(formula.document.additional_need.base)
    weighted = persons_scored.join(
        formula.weights.select("sex", "age_band", "weight"),
        on=["sex", "age_band"],
        how="left",
        validate="m:1",
        maintain_order="left",
    ).with_columns((pl.col("persons") * pl.col("weight") * pl.lit(base).pow(pl.col("score"))).alias("raw"))
    sums = weighted.group_by("practice_code", maintain_order=True).agg(
        pl.col("persons").sum().alias("registered_persons"), pl.col("raw").sum().alias("raw_weighted")
    )
    total = math.fsum(sums.get_column("raw_weighted"))
    if total <= 0:
        raise NothingToShareError("found weighted counts that add to 0; expected some persons to weight")
    scale = math.fsum(sums.get_column("registered_persons")) / total
    result = pl.col("raw_weighted") * scale
    return AgeSexNeed.validate(
        sums.with_columns(
            result.alias("weighted_persons"),
            pl.when(pl.col("registered_persons") > 0).then(result / pl.col("registered_persons")).alias("need_index"),
        )
    )


class AgeSexCountRow(AgeSexCount):
    """A row of a user's count file, where the small area may be left out."""

    area_code = AREA_CODE.but(about="Small area where they live", nullable=True)


def read_counts(given: Given, column_map: dict[str, str] | None = None) -> Frame[AgeSexCount]:
    """The counts of a file; without a column area_code each practice is its own area."""
    table = raw_table(given)
    rows = rows_of(table, AgeSexCountRow, column_map=column_map, keep_extra=True)
    return AgeSexCount.validate(
        rows.with_columns(pl.coalesce("area_code", "practice_code").alias("area_code")), table.where
    )


def read_scores(given: Given) -> Frame[AreaScore]:
    """The scores of a file with columns area_code (or practice_code, lsoa_code) and score."""
    table = raw_table(given)
    available = table.cells.columns
    code = next((name for name in ("area_code", "lsoa_code", "practice_code") if name in available), "area_code")
    return cast("Frame[AreaScore]", rows_of(table, AreaScore, column_map={"area_code": code}, keep_extra=True))
