"""What can happen to each party: its worst case against what it can bear, cases below plan, and leaps between years."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import polars as pl

from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.run.run import Run
from contracts.options.document import PLAN, ContractOptions
from contracts.options.position import ROLES, Position
from contracts.options.quality import QualityEarned
from contracts.options.trials import PARTY, Trials

_LEAP = Decimal("0.005")
"""A change of position between two years of at least this part of what passes through the party is a leap."""


class BelowPlan(Schema):
    """A position where activity stays below plan by as much as a case of the document lies above it."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    position_pence = Column(pl.Int64, "pence", "Position; below 0 is a deficit")


class WorstCase(Schema):
    """The lowest position of a party under an option over all cases and years of the new contracts, against what it can bear."""

    option = OPTION
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    activity_case = ACTIVITY_CASE.but(key=False)
    year = YEAR.but(key=False)
    position_pence = Column(pl.Int64, "pence", "Lowest position")
    tolerance_pence = Column(
        pl.Int64, "pence", "Largest deficit it can bear, below 0; empty where none is declared", nullable=True
    )
    bearable = Column(pl.Boolean, "flag", "Whether the lowest position is within it", nullable=True)


class Leap(Schema):
    """A change of position between two neighbouring years of the shown case, and what makes it."""

    option = OPTION
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    year = YEAR.but(about="Later of the two years")
    before_pence = Column(pl.Int64, "pence", "Position in the year before")
    after_pence = Column(pl.Int64, "pence", "Position in the year")
    change_pence = Column(pl.Int64, "pence", "After less before")
    because = Column(pl.String, "words", "The largest movements behind it")


def below_plan(trials: Trials) -> Frame[BelowPlan]:
    """Positions with activity below plan by as much as each case of the document lies above it."""
    document = trials.document
    parts = [BelowPlan.empty().clear()]
    for case in document.cases:
        if case.of != PLAN or case.change <= 0:
            continue
        mirrored = case.model_copy(update={"id": f"{case.id}-below", "change": -case.change})
        extra = document.model_copy(update={"cases": (mirrored,)})
        rows = trials.positions(trials.by_case(mirrored.id, extra), document)
        name = pl.lit(mirrored.id.replace("plus", "minus").removesuffix("-below") if "plus" in case.id else mirrored.id)
        parts.append(rows.with_columns(name.alias("activity_case")).select(*BelowPlan.columns()))
    return BelowPlan.validate(pl.concat(parts))


def worst_cases(
    document: ContractOptions,
    every: Frame[Position],
    below: Frame[BelowPlan],
    reserves: Mapping[tuple[str, str], Decimal] | None = None,
) -> Frame[WorstCase]:
    """The lowest position of each party and option from the first year on, and whether it is bearable.

    Args:
        document: the options, with the tolerances they declare by role.
        every: positions of the document's cases.
        below: positions below plan.
        reserves: what a body that stands between can lose, as a part of its income, by option and code; it goes before its role's.
    """
    names = ["option", "activity_case", "year", *PARTY, "position_pence"]
    rows = pl.concat([every.select(names), below.select(names)]).filter(
        (pl.col("year") >= str(document.first_year)) & (pl.col("role") != "payer")
    )
    size = every.select(
        "option", "activity_case", "year", *PARTY, (pl.col("allocation_pence") + pl.col("income_pence")).alias("size")
    )
    at_plan = size.filter(pl.col("activity_case") == PLAN).drop("activity_case")
    bodies = at_plan.filter(pl.col("size") != 0).select(*PARTY).unique()  # what nobody is shown to bear is no party
    rows = rows.join(bodies, on=PARTY, how="semi")
    lowest = (
        rows.sort("position_pence", "activity_case", "year").group_by("option", *PARTY, maintain_order=True).first()
    )
    parts = {t.role: float(t.value) for t in document.tolerances}
    own = [(option, code, float(part)) for (option, code), part in (reserves or {}).items()]
    kept = pl.DataFrame(own, schema={"option": pl.String, "organisation_code": pl.String, "reserve": pl.Float64}, orient="row")  # fmt: skip
    lowest = lowest.join(kept, on=["option", "organisation_code"], how="left", validate="m:1")
    bears = pl.coalesce("reserve", pl.col("role").replace_strict(parts, default=None, return_dtype=pl.Float64))
    found = (
        lowest.join(at_plan, on=["option", "year", *PARTY], how="left", validate="m:1")
        .with_columns((-(pl.col("size") * bears)).round().cast(pl.Int64).alias("tolerance_pence"))
        .with_columns((pl.col("position_pence") >= pl.col("tolerance_pence")).alias("bearable"))
        .sort("option", *PARTY)
    )
    return WorstCase.validate(found.select(*WorstCase.columns()))


def leaps(trials: Trials, every: Frame[Position], earned: Frame[QualityEarned]) -> Frame[Leap]:
    """Changes of position between neighbouring years that are large for the party, with the movements behind them.

    Args:
        trials: the options, with the run whose streams say which reserves end.
        every: positions of all cases.
        earned: what payments for quality earn in the shown case.
    """
    document, money = trials.document, trials.money
    quality = earned.group_by("option", "year", organisation_code="provider_code").agg(
        pl.col("moves_pence").sum().alias("quality_pence")
    )
    shown = (
        every.filter((pl.col("activity_case") == document.shown_case) & (pl.col("role") != "payer"))
        .join(
            money.select("year", "held_pence", "planned_pence", organisation_code="commissioner_code", role=pl.lit("commissioner")),
            on=["year", *PARTY], how="left", validate="m:1",
        )
        .join(
            quality.with_columns(pl.lit("provider").alias("role")),
            on=["option", "year", *PARTY], how="left", validate="m:1",
        )
        .with_columns(pl.col("quality_pence").fill_null(0))
    )  # fmt: skip
    per = ["option", *PARTY]
    columns = [
        "held_pence",
        "planned_pence",
        "income_pence",
        "paid_pence",
        "cost_pence",
        "allocation_pence",
        "quality_pence",
    ]
    moved = shown.sort(*per, "year").with_columns(
        pl.col("position_pence").shift(1).over(per).alias("before_pence"),
        *((pl.col(c) - pl.col(c).shift(1).over(per)).alias(f"{c}__moved") for c in columns),
    )
    change = pl.col("position_pence") - pl.col("before_pence")
    through = pl.max_horizontal(pl.col("allocation_pence"), pl.col("cost_pence"))
    found = moved.filter(change.abs() * 1000 >= through * int(_LEAP * 1000)).filter(change != 0)
    ended = _ended(trials.run)
    rows = [
        (r["option"], r["role"], r["organisation_code"], r["year"], r["before_pence"], r["position_pence"],
         r["position_pence"] - r["before_pence"], _because(r, ended.get(r["year"], [])))
        for r in found.iter_rows(named=True)
    ]  # fmt: skip
    return Leap.validate(pl.DataFrame(rows, schema=Leap.dtypes(), orient="row"))


def _ended(run: Run) -> dict[str, list[str]]:
    """Reserves of the scenario that end, by the first year without them."""
    years = run.provider_allocation["year"].unique().sort().to_list()
    after = dict(pairwise(years))
    money = cast("dict[str, Any]", run.manifest.scenario.get("money") or {})
    out: dict[str, list[str]] = {}
    for each in money.get("top_slices") or ():
        if "reserve" in str(each.get("kind")) and each.get("until") in after:
            out.setdefault(after[each["until"]], []).append(str(each["name"]))
    return out


def _because(row: dict[str, Any], ended: list[str]) -> str:
    """The movements behind a leap, largest first; a reserve that ends is named."""
    if row["role"] == "commissioner":
        what = {
            "money kept in reserve": row["held_pence__moved"] or 0,
            "planned payments above what is paid": (row["planned_pence__moved"] or 0) - row["paid_pence__moved"],
        }
    else:
        what = {
            "payments for quality": row["quality_pence__moved"],
            "other income": row["income_pence__moved"] - row["quality_pence__moved"],
            "cost of activity": -row["cost_pence__moved"],
        }
    parts = [
        f"{name} {'up' if amount > 0 else 'down'} by £{abs(amount) / 1e8:,.1f}m"
        for name, amount in sorted(what.items(), key=lambda kv: -abs(kv[1]))
        if amount
    ]
    if row["role"] == "commissioner" and (row["held_pence__moved"] or 0) < 0 and ended:
        parts.insert(1, f"reserves that end: {', '.join(ended)}")
    return "; ".join(parts)


__all__ = ["BelowPlan", "Leap", "WorstCase", "below_plan", "leaps", "worst_cases"]
