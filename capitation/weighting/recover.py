"""Cost coefficients recovered: what a formula's cost-adjusted block counts in each area, from a published overall column.

NHS England publishes each practice's components and overall weighted persons, but not the cost index of its area. With the
formula's national weights known, one number an area is left:

    published_i = k_L x B_i + R_i        B_i = sum over c of share_c x W_ic of the block that takes the cost index
                                         R_i = what the other blocks add: prescribing, inequality
    k_i = (published_i - R_i) / B_i      the coefficient that would fit practice i alone
    k_L = median of k_i over the practices of area L;   index_L = k_L / national coefficient

The median is the fit with the least sum of |k_L - k_i|. Least squares gives way to the few practices of another
commissioner, which has another cost: in 2023/24 the median puts 6,015 of 6,553 practices within 0.1% of the published
figure, least squares 5,944. How far each practice is from what its area's coefficient gives is kept beside the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.errors import DataError, Faults, UnknownNameError
from capitation.records.columns import AREA_CODE, PRACTICE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.formula import BlockTerms, Formula
from capitation.weighting.inputs import AREA_COLUMNS, NeedComponents, components_schema
from capitation.weighting.published import PublishedOverall

LIKELY_INDEX = (0.5, 2.0)
"""A cost index outside these says that the column is not the overall of this formula and year."""

NEAR, CLOSE = 0.001, 0.01
"""Relative differences from the published figure by which a fit is judged."""


class RecoveredCoefficient(Schema):
    """The coefficient of the cost-adjusted block in one area, and how well it fits the practices of the area."""

    area_code = AREA_CODE
    coefficient = Column(pl.Float64, "share", "Median over the area's practices of what would fit each", ge=0)
    cost_index = Column(pl.Float64, "index, England about 1", "Coefficient over the national one", ge=0)
    practices = Column(pl.Int64, "practices", "Practices it was recovered from", ge=1)
    within_0_1_percent = Column(pl.Int64, "practices", "Practices it puts within 0.1% of the published figure", ge=0)
    within_1_percent = Column(pl.Int64, "practices", "Practices it puts within 1% of the published figure", ge=0)
    largest_difference = Column(
        pl.Float64, "share", "Largest difference of a practice, over its published figure", ge=0
    )


class RecoveredPractice(Schema):
    """What the recovered coefficient of its area gives a practice, beside what was published."""

    practice_code = PRACTICE
    year = YEAR.but(key=False)
    area_code = AREA_CODE.but(key=False)
    published_persons = Column(pl.Float64, "weighted persons", "Overall weighted persons as published", ge=0)
    fitted_persons = Column(pl.Float64, "weighted persons", "By the coefficient of its area", ge=0)
    difference = Column(pl.Float64, "share", "Fitted less published, over published")
    own_coefficient = Column(pl.Float64, "share", "The coefficient that would fit this practice alone")


@dataclass(frozen=True)
class Recovery:
    """Coefficients recovered for every area of a published column."""

    formula: Formula
    year: FinancialYear
    level: str
    """The area column the coefficients follow."""
    areas: Frame[RecoveredCoefficient]
    practices: Frame[RecoveredPractice]
    notes: tuple[str, ...]
    """What was left out, and which coefficients no second practice confirms."""

    def within(self, share: float) -> int:
        """How many practices come within this share of their published figure."""
        return self.practices.filter(pl.col("difference").abs() <= share).height


def recover(
    formula: Formula,
    components: Frame[NeedComponents],
    published: Frame[PublishedOverall],
    year: FinancialYear,
    *,
    level: str | None = None,
) -> Recovery:
    """The coefficient of the cost-adjusted block in each area, from the published overall of its practices.

    Args:
        formula: a formula with one block that takes a cost index by area.
        components: one row a practice, with the columns the formula reads and its area.
        published: the published overall of practices; those without components are counted in a note.
        year: the year of both.
        level: the area column to follow; that of the formula, or the district, by default.

    Raises:
        DataError: the formula takes no cost index by area, no practice has both figures, an area has no need to divide
            by, or a coefficient is none a cost index could give; every fault at once.
        UnknownNameError: `level` is no area column.
    """
    block, others = _blocks(formula, year)
    column = level or block.area_level or next(iter(AREA_COLUMNS))
    if column not in AREA_COLUMNS:
        raise UnknownNameError("area column", column, AREA_COLUMNS)
    rows = components_schema(formula).validate(components, where="need components")
    joined = rows.join(published, on="practice_code", how="inner", validate="1:1", maintain_order="left")
    notes = [
        f"{left} of {all_rows} practices {what} and are left out"
        for left, all_rows, what in (
            (published.height - joined.height, published.height, "with a published overall have no components"),
            (rows.height - joined.height, rows.height, "have no published overall"),
        )
        if left
    ]
    if joined.is_empty():
        message = "found no practice with both components and a published overall; expected the practices of one year"
        raise DataError(message)
    usable = _usable(joined, block, others, column, notes)
    fitted = usable.with_columns(pl.col("own_coefficient").median().over("area_code").alias("coefficient"))
    fitted = fitted.with_columns((pl.col("coefficient") * pl.col("blend") + pl.col("rest")).alias("fitted_persons"))
    fitted = fitted.with_columns(
        ((pl.col("fitted_persons") - pl.col("published_persons")) / pl.col("published_persons")).alias("difference")
    )
    size = pl.col("difference").abs()
    areas = (
        fitted.group_by("area_code")
        .agg(
            pl.col("coefficient").first(),
            (pl.col("coefficient").first() / block.coefficient).alias("cost_index"),
            pl.len().cast(pl.Int64).alias("practices"),
            (size <= NEAR).sum().cast(pl.Int64).alias("within_0_1_percent"),
            (size <= CLOSE).sum().cast(pl.Int64).alias("within_1_percent"),
            size.max().alias("largest_difference"),
        )
        .sort("area_code")
    )
    _refuse_unlikely(areas, formula, year)
    alone = areas.filter(pl.col("practices") == 1).get_column("area_code").to_list()
    if alone:
        notes.append(
            f"{len(alone)} area(s) have one practice, which its coefficient fits by construction and no other confirms: "
            f"{', '.join(alone[:12])}{' ...' if len(alone) > 12 else ''}"
        )
    practices = fitted.with_columns(pl.lit(str(year)).alias("year")).select(*RecoveredPractice.columns())
    return Recovery(
        formula,
        year,
        column,
        RecoveredCoefficient.validate(areas, where="recovered coefficients"),
        RecoveredPractice.validate(practices.sort("practice_code"), where="fitted practices"),
        tuple(notes),
    )


def _blocks(formula: Formula, year: FinancialYear) -> tuple[BlockTerms, tuple[BlockTerms, ...]]:
    """The block that takes the cost index by area, and the others."""
    adjusted = {b.id for b in formula.document.blocks if b.adjusts_for}
    terms = formula.terms(year)
    mine = [b for b in terms if b.id in adjusted]
    if len(mine) != 1 or any(b.index_columns for b in terms) or formula.document.normalisation != "in the coefficients":
        message = (
            f"formula {formula.id}: found {len(mine)} blocks with a cost index by area; expected one, no index read from "
            "the input, and England's normalisation in the coefficients"
        )
        raise DataError(message)
    return mine[0], tuple(b for b in terms if b.id not in adjusted)


def _usable(
    joined: pl.DataFrame, block: BlockTerms, others: tuple[BlockTerms, ...], column: str, notes: list[str]
) -> pl.DataFrame:
    """Practices with an area, need and a published figure, with the coefficient that would fit each alone."""
    measured = joined.with_columns(
        pl.col(column).alias("area_code"),
        sum((term.share * pl.col(term.column) for term in block.terms), start=pl.lit(0.0)).alias("blend"),
        sum(
            (b.coefficient * term.share * pl.col(term.column) for b in others for term in b.terms),
            start=pl.lit(0.0),
        ).alias("rest"),
    )
    faults = Faults()
    nowhere = measured.filter(pl.col("area_code").is_null())
    if nowhere.height == measured.height:
        names = " or ".join(AREA_COLUMNS[column])
        found = f"no code in any of {measured.height} rows"
        faults.add(f"need components: column {column!r}", found, f"the area of each practice, as {names}")
    elif nowhere.height:
        notes.append(f"{nowhere.height} practice(s) have no {column} and are left out")
    placed = measured.filter(pl.col("area_code").is_not_null())
    usable = placed.filter((pl.col("blend") > 0) & (pl.col("published_persons") > 0))
    if usable.height < placed.height:
        notes.append(
            f"{placed.height - usable.height} practice(s) have no need or no published persons and are left out"
        )
    lost = placed.join(usable, on="area_code", how="anti").get_column("area_code").unique().sort()
    for area in lost.head(20):
        found = "no practice with need and published persons"
        faults.add(f"{column} {area}", found, "at least one", "Leave its practices out, or give their figures.")
    faults.raise_if_any(DataError, "coefficients cannot be recovered for every area")
    return usable.with_columns(
        ((pl.col("published_persons") - pl.col("rest")) / pl.col("blend")).alias("own_coefficient")
    )


def _refuse_unlikely(areas: pl.DataFrame, formula: Formula, year: FinancialYear) -> None:
    low, high = LIKELY_INDEX
    odd = areas.filter(~pl.col("cost_index").is_between(low, high))
    faults = Faults()
    for row in odd.head(20).iter_rows(named=True):
        faults.add(
            f"area {row['area_code']}",
            f"a cost index of {row['cost_index']:.4g} over {row['practices']} practice(s)",
            f"{low:g} to {high:g}",
            f"Is the column the overall of {formula.document.title}, and of {year}?",
        )
    message = f"the published column does not follow formula {formula.id}: {odd.height} of {areas.height} areas"
    faults.raise_if_any(DataError, message)
