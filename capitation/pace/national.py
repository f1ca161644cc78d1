"""How far localities stand from their fair share of the nation's money, beside their distance from a share of the system's own.

Targets of a run share what the system has, so that the system itself stands at none. A national formula whose unit is pounds gives each
practice its target from England's money in the formula's year; carried into localities it says whether all of them are short together.
"""

from __future__ import annotations

import polars as pl

from capitation.pack.sources import DataPack
from capitation.pack.stages import Stages
from capitation.records.columns import LOCALITY
from capitation.records.frames import Column, Frame, Schema
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import read_need_inputs
from capitation.weighting.weigh import need


class NationalDistance(Schema):
    """One locality against its target by a national formula, in the formula's year."""

    locality_code = LOCALITY
    target_pence = Column(pl.Int64, "pence", "Its practices' targets by the national formula, to whole pence", ge=0)
    allocation_pence = Column(pl.Int64, "pence", "Its money for the same services", ge=0)
    distance_pence = Column(pl.Int64, "pence", "Money less target")
    distance_share = Column(pl.Float64, "share of target", "Money over target, less 1")


def national_targets(pack: DataPack, formula: str, practices: str, year: str) -> pl.DataFrame | None:
    """Targets of practices in pence by a formula in pounds; None where its unit is not pounds.

    Args:
        pack: data pack.
        formula: id of the formula.
        practices: path of the table of need components in the pack.
        year: the year of the formula and the table.

    Raises:
        CapitationError: the table does not go with the formula.
    """
    chosen = need_catalogue(pack).formula(formula)
    if not chosen.is_in_pounds:
        return None
    inputs = read_need_inputs(pack.path(practices), chosen, year=year)
    found = need(chosen, inputs.components, inputs.year).practices
    return found.select("practice_code", target_pence=(pl.col("target_gbp") * 100).round().cast(pl.Int64))


def national_distance(
    pack: DataPack, formula: str, practices: str, allocation: pl.DataFrame, membership: pl.DataFrame
) -> Frame[NationalDistance] | None:
    """Localities against the nation; None where the formula gives no pounds.

    Args:
        pack: data pack.
        formula: id of the formula of the stream.
        practices: path of its table of need components in the pack.
        allocation: money of practices (`allocation`) of one year and stream, the formula's.
        membership: which practice is in which locality.

    Raises:
        CapitationError: the table does not go with the formula.
    """
    years = allocation.get_column("year").unique().to_list()
    if len(years) != 1:
        return None
    targets = Stages(None, pack).keep("national targets", national_targets, pack, formula, practices, years[0]).value
    if targets is None:
        return None
    both = (
        membership.select("practice_code", "locality_code")
        .join(targets, on="practice_code", how="inner", validate="1:1")
        .join(
            allocation.select(practice_code="code", allocation_pence="allocation_pence"),
            on="practice_code",
            how="inner",
        )
        .group_by("locality_code")
        .agg(pl.col("target_pence").sum(), pl.col("allocation_pence").sum())
    )
    gap = pl.col("allocation_pence") - pl.col("target_pence")
    made = both.with_columns(distance_pence=gap, distance_share=gap / pl.col("target_pence"))
    return NationalDistance.validate(made.select(*NationalDistance.columns()))


__all__ = ["NationalDistance", "national_distance", "national_targets"]
