"""Need: each practice's weighted persons by a formula, and why they differ from its registered persons.

    raw_i = sum over blocks b of  coefficient_b x m_bi x sum over c of  share_bc x W_ic
    weighted_i = raw_i x scale

`m_bi` is the product of the block's cost indices. `scale` is 1 where the coefficients already carry England's
normalisation; otherwise it makes the weighted persons of the base add to its registered persons. With K the sum of the
coefficients the same number is shown as a waterfall from heads to weighted heads:

    weighted_i = P_i + sum over c of  s_c (W_ic - P_i)                      need of each component, inequality among them
                     + sum over b of  coefficient_b / K x (m_bi - 1) x sum over c of  share_bc x W_ic        cost index
                     + raw_i x (scale - 1 / K) - P_i x (1 - sum of s_c)                             normalisation
    with s_c = sum over b of  coefficient_b x share_bc / K, which add to 1 but for the last printed digit of the weights
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from capitation.errors import DataError, Faults, NothingToShareError, UnknownNameError
from capitation.records.columns import NEED_INDEX, PRACTICE, REGISTERED_PERSONS, WEIGHTED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.area_coefficients import CARRIED, RECOVERED
from capitation.weighting.formula import BlockTerms, Formula
from capitation.weighting.inputs import AREA_COLUMNS, GivenCostIndices, NeedComponents, components_schema

ASSUMED, GIVEN, NOT_BY_AREA = "assumed 1", "given", "in the input"


class WeightedPractice(Schema):
    """A practice's weighted persons by one formula in one year."""

    practice_code = PRACTICE
    year = YEAR.but(key=False)
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons of the population base")
    weighted_persons = WEIGHTED_PERSONS
    need_index = NEED_INDEX.but(
        unit="index", about="Weighted over registered persons; empty without registered persons"
    )
    cost_index_basis = Column(
        pl.String,
        "word",
        "How the practice's area cost index is known",
        one_of=(RECOVERED, CARRIED, ASSUMED, GIVEN, NOT_BY_AREA),
    )
    target_gbp = Column(
        pl.Float64, "£", "Target in pounds, unrounded, where the formula has prices", ge=0, nullable=True
    )


class ComponentContribution(Schema):
    """What one component of one block adds to a practice's weighted persons, cost index and normalisation included."""

    practice_code = PRACTICE
    block = Column(pl.String, "id", "Block of the formula", key=True)
    component = Column(pl.String, "id", "Component of the block", key=True)
    contribution = Column(pl.Float64, "weighted persons", "Part of the practice's weighted persons", ge=0)


class NeedStep(Schema):
    """One step of the waterfall from a practice's registered to its weighted persons."""

    practice_code = PRACTICE
    step = Column(pl.Int64, "order", "Place in the waterfall", key=True)
    kind = Column(
        pl.String,
        "word",
        "What the step stands for",
        one_of=("registered persons", "need", "inequality", "cost index", "normalisation"),
    )
    component = Column(pl.String, "id", "Component of a need or inequality step, block of a cost step, else empty")
    persons = Column(
        pl.Float64, "weighted persons", "What the step adds; the steps of a practice add to its weighted persons"
    )


@dataclass(frozen=True)
class Need:
    """A formula applied to the practices of one year."""

    formula: Formula
    year: FinancialYear
    practices: Frame[WeightedPractice]
    areas: pl.DataFrame
    """Area codes of the practices, one row a practice, in the order of `practices`."""
    scale: float
    """What the raw result was multiplied by."""
    notes: tuple[str, ...]
    """What was assumed, filled, left out or set aside."""
    _raw: pl.DataFrame
    _blocks: tuple[BlockTerms, ...]

    def contributions(self) -> Frame[ComponentContribution]:
        """What each component adds to each practice's weighted persons; they add to it (to float precision)."""
        parts = [
            self._raw.select(
                "practice_code",
                pl.lit(block.id).alias("block"),
                pl.lit(term.component).alias("component"),
                (block.coefficient * pl.col(f"index:{block.id}") * term.share * pl.col(term.column) * self.scale).alias(
                    "contribution"
                ),
            )
            for block in self._blocks
            for term in block.terms
        ]
        return ComponentContribution.validate(pl.concat(parts))

    def waterfall(self) -> Frame[NeedStep]:
        """The steps from registered to weighted persons of each practice: need, inequality, cost index, normalisation."""
        whole = sum(block.coefficient for block in self._blocks)
        shares: dict[str, tuple[str, str, float]] = {}
        for block in self._blocks:
            for term in block.terms:
                kind = "inequality" if term.kind == "inequality" else "need"
                before = shares.get(term.component, (kind, term.column, 0.0))[2]
                shares[term.component] = (kind, term.column, before + block.coefficient * term.share / whole)
        steps: list[tuple[str, str, pl.Expr]] = [("registered persons", "", pl.col("registered_persons"))]
        for component, (kind, column, share) in sorted(shares.items(), key=lambda item: item[1][0] == "inequality"):
            steps.append((kind, component, share * (pl.col(column) - pl.col("registered_persons"))))
        for block in self._blocks:
            if block.area_level is not None or block.index_columns:
                effect = block.coefficient / whole * (pl.col(f"index:{block.id}") - 1.0) * _blend(block)
                steps.append(("cost index", block.id, effect))
        missed = 1.0 - math.fsum(share for _, _, share in shares.values())
        to_base = pl.col("raw") * (self.scale - 1.0 / whole) - pl.col("registered_persons") * missed
        steps.append(("normalisation", "", to_base))
        parts = [
            self._raw.select(
                "practice_code",
                pl.lit(place, dtype=pl.Int64).alias("step"),
                pl.lit(kind).alias("kind"),
                pl.lit(component).alias("component"),
                persons.alias("persons"),
            )
            for place, (kind, component, persons) in enumerate(steps)
        ]
        return NeedStep.validate(pl.concat(parts))

    def by_area(self, column: str) -> pl.DataFrame:
        """Sums by an area column: practices, registered and weighted persons, need index and target, in code order.

        Raises:
            UnknownNameError: the input had no such area column.
        """
        known = [name for name in self.areas.columns if self.areas.get_column(name).null_count() < self.areas.height]
        if column not in known or column == "practice_code":
            raise UnknownNameError("area column", column, [k for k in known if k != "practice_code"])
        joined = self.practices.join(
            self.areas.select("practice_code", column), on="practice_code", validate="1:1", maintain_order="left"
        )
        sums = joined.group_by(column, maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("practices"),
            pl.col("registered_persons", "weighted_persons", "target_gbp").sum(),
            pl.col("target_gbp").null_count().alias("unpriced"),
        )
        return sums.select(
            column,
            "practices",
            "registered_persons",
            "weighted_persons",
            (pl.col("weighted_persons") / pl.col("registered_persons")).alias("need_index"),
            pl.when(pl.col("unpriced") == 0).then(pl.col("target_gbp")).alias("target_gbp"),
        ).sort(column, nulls_last=True)


def weighted_persons(
    formula: Formula, components: Frame[NeedComponents], year: FinancialYear, base: str = "published"
) -> Frame[WeightedPractice]:
    """Each practice's weighted persons, need index, target and exact weight: `need(...)` without the explanation.

    Example:
        With one block of coefficient 1 and components a, b of weights 0.75, 0.25, a practice with W_a = 120 and
        W_b = 80 has 0.75 x 120 + 0.25 x 80 = 110 weighted persons.
    """
    return need(formula, components, year, base=base).practices


def need(
    formula: Formula,
    components: Frame[NeedComponents],
    year: FinancialYear,
    *,
    base: str = "published",
    cost_index: GivenCostIndices | None = None,
    contains: tuple[str, ...] | None = None,
) -> Need:
    """A formula applied to the practices of one year.

    Args:
        formula: the formula.
        components: one row a practice, with the columns the formula reads (`components_schema`).
        year: the year whose figures are used.
        base: what the weighted persons are normalised to. "published": as the formula's document says. "file": the
            registered persons of all rows. An area code found in `components`: the rows of that area only are kept,
            and normalised to their registered persons.
        cost_index: cost indices to use in place of those the formula carries or assumes.
        contains: ids of cost indices the columns already contain, where it is not what the vintage of the year says.

    Raises:
        DataError: the formula was not made for the year, would count a cost index twice or leave it out, or rows of
            other years are mixed in.
        FrameError: rows break the schema; every fault at once.
        NothingToShareError: there is no need to normalise.
        UnknownNameError: `base` is no area of the rows.
    """
    faults = Faults()
    formula.check_year(year, faults)
    formula.check_contents(year, contains, faults)
    faults.raise_if_any(DataError, f"formula {formula.id} cannot be applied to these rows")
    rows = components_schema(formula).validate(components, where="need components")
    others = rows.filter(pl.col("year") != str(year)).get_column("year").unique().sort().to_list()
    if others:
        raise DataError(
            f"need components: found rows of {', '.join(others)}; expected rows of {year} alone. Columns of different "
            "years count different populations and need not hold the same cost indices; keep the rows of one year"
        )
    notes: list[str] = []
    kept = _rows_of_base(rows, base, notes)
    blocks = formula.terms(year)
    raw, notes_of_index = _with_indices(kept, blocks, cost_index)
    notes += notes_of_index
    raw = raw.with_columns(
        sum(
            (block.coefficient * pl.col(f"index:{block.id}") * _blend(block) for block in blocks), start=pl.lit(0.0)
        ).alias("raw")
    )
    to_population = base != "published" or formula.document.normalisation != "in the coefficients"
    scale = _scale(raw) if to_population else 1.0
    empty = raw.filter(pl.col("registered_persons") == 0).height
    if empty:
        notes.append(f"{empty} practice(s) without registered persons have no need index")
    basis = pl.col("basis") if formula.takes_area_index else pl.lit(NOT_BY_AREA)
    practices = raw.select(
        "practice_code",
        "year",
        "registered_persons",
        (pl.col("raw") * scale).alias("weighted_persons"),
        pl.when(pl.col("registered_persons") > 0)
        .then(pl.col("raw") * scale / pl.col("registered_persons"))
        .alias("need_index"),
        basis.alias("cost_index_basis"),
        (pl.col("raw") if formula.is_in_pounds else pl.lit(None, dtype=pl.Float64)).alias("target_gbp"),
    )
    return Need(
        formula=formula,
        year=year,
        practices=WeightedPractice.validate(practices, where=f"weighted persons by {formula.id}"),
        areas=raw.select("practice_code", *AREA_COLUMNS),
        scale=scale,
        notes=tuple(notes),
        _raw=raw,
        _blocks=blocks,
    )


def _blend(block: BlockTerms) -> pl.Expr:
    """The block's weighted population before indices: the sum of share x W over its components."""
    return sum((term.share * pl.col(term.column) for term in block.terms), start=pl.lit(0.0))


def _rows_of_base(rows: pl.DataFrame, base: str, notes: list[str]) -> pl.DataFrame:
    """All rows, or those of the area that `base` names, with a note on how many were left aside."""
    if base in {"published", "file"}:
        return rows
    for column in AREA_COLUMNS:
        mine = rows.filter(pl.col(column) == base)
        if mine.height:
            notes.append(
                f"{rows.height - mine.height} of {rows.height} practices lie outside {column} {base} and are set aside"
            )
            return mine
    known = {str(code) for column in AREA_COLUMNS for code in rows.get_column(column).drop_nulls().unique()}
    raise UnknownNameError("base", base, {"published", "file", *known})


def _with_indices(
    rows: pl.DataFrame, blocks: tuple[BlockTerms, ...], given: GivenCostIndices | None
) -> tuple[pl.DataFrame, list[str]]:
    """`rows` with the index of each block, and the basis of the area index where a block has one."""
    notes: list[str] = []
    if given is not None:
        if not any(block.area_level for block in blocks):
            raise DataError(
                "a cost index was given, but the formula takes its indices from columns of the input; leave it out"
            )
        table = given.values.rename({"code": given.level, "cost_index": "given_index"})
        unused = table.join(rows, on=given.level, how="anti").height
        if unused:
            notes.append(f"{unused} of {table.height} given cost indices are for a {given.level} that no practice has")
        rows = rows.join(table, on=given.level, how="left", validate="m:1", maintain_order="left")
    else:
        rows = rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("given_index"))
    for block in blocks:
        index = math.prod((pl.col(name) for name in block.index_columns), start=pl.lit(1.0))
        if block.area_level is not None:
            known = {area: k / block.coefficient for area, k in block.area_coefficients.items()}
            recovered = pl.col(block.area_level).replace_strict(known, default=None, return_dtype=pl.Float64)
            index = index * pl.coalesce(pl.col("given_index"), recovered, pl.lit(1.0))
            mark = pl.col(block.area_level).replace_strict(block.area_marks, default=None, return_dtype=pl.String)
            basis = pl.when(pl.col("given_index").is_not_null()).then(pl.lit(GIVEN)).otherwise(mark.fill_null(ASSUMED))
            rows = rows.with_columns(basis.alias("basis"))
            carried = rows.filter(pl.col("basis") == CARRIED).height
            if carried:
                notes.append(
                    f"{carried} of {rows.height} practices take a cost index that was not published for this year, "
                    f"marked '{CARRIED}': the formula's limits say where it comes from"
                )
            assumed = rows.filter(pl.col("basis") == ASSUMED)
            if assumed.height:
                notes.append(
                    f"{assumed.height} of {rows.height} practices have no known cost index: 1 is assumed and marked "
                    f"'{ASSUMED}'. Give a file with --cost-index to replace it"
                )
        rows = rows.with_columns(index.alias(f"index:{block.id}"))
    return rows, notes


def _scale(raw: pl.DataFrame) -> float:
    """What makes the raw results add to the registered persons; sums are exact, so row order cannot matter."""
    persons = math.fsum(raw.get_column("registered_persons"))
    total = math.fsum(raw.get_column("raw"))
    if total <= 0:
        raise NothingToShareError(
            "found components that add to 0; expected some need to normalise to the registered persons"
        )
    return persons / total
