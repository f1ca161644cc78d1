"""Outturn: what each commissioner bought from each provider, line by line, as planned and as it happened or is assumed.

    plan value      the provider's allocation of a service divided over its lines by cost x flow (largest remainder)
    actual value    plan value x actual activity / planned activity, nearest penny
    base cost       what the provider's care costs when nothing is done (the run's chain), divided over its lines by the value of
                    that activity; where the run has no chain, the plan value at planned activity
    cost            base cost + base cost x variable part x (activity - base activity) / base activity, nearest penny

Values stand at the price the plan implies. A line that no point of delivery counts stays at plan. All is worked out by
locality and then added up, so plan values add to the run's provider allocations to the penny.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

import polars as pl

from capitation.chain.accounts import INCOME
from capitation.errors import ContractError, Faults
from capitation.money.apportion import apportion
from capitation.money.rounding import nearest_quotient
from capitation.records.columns import COST_LINE, LOCALITY, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.run.run import Run

_MICRO = 1_000_000
TRENDS, PRICED = "unmitigated", "mitigated"
"""Cases of the run's activity: what the cost of doing nothing is of, and what plan income pays for."""
_ROW = ["year", "provider", "commissioner", "locality_code", "service", "line"]


class LocalityLine(Schema):
    """One line of a service that a provider gives the people of a locality and a commissioner pays for."""

    year = YEAR
    provider = Column(pl.String, "code", "Provider", key=True)
    commissioner = Column(pl.String, "code", "Who pays", key=True)
    locality_code = LOCALITY.but(about="Locality whose people are cared for")
    service = Column(pl.String, "code", "Service", key=True)
    line = COST_LINE


class PlanLine(LocalityLine):
    """The part of a provider's allocation that one line of a service makes up."""

    plan_value_pence = Column(pl.Int64, "pence", "Part of the provider's allocation")


class CostBase(LocalityLine):
    """What one line of a provider's care costs at an activity, from which its cost at any other follows."""

    base_cost_pence = Column(pl.Int64, "pence", "What it costs at the base activity")
    base_activity = Column(
        pl.Int64,
        "units of activity",
        "Activity of the locality that the cost is of; empty where none is counted",
        nullable=True,
        ge=0,
    )


class CaseActivity(Schema):
    """Planned and actual activity at a point of delivery for the people of one locality."""

    year = YEAR
    line = COST_LINE.but(about="Point of delivery")
    locality_code = LOCALITY
    plan_activity = Column(pl.Int64, "units of activity", "Activity that the plan income pays for", ge=0)
    actual_activity = Column(pl.Int64, "units of activity", "Activity that happened or is assumed", ge=0)


class OutturnLine(Schema):
    """What one commissioner bought from one provider on one line in one year; the rows that contracts settle."""

    year = YEAR
    commissioner = Column(pl.String, "code", "Who pays", key=True)
    provider = Column(pl.String, "code", "Who provides", key=True)
    service = Column(pl.String, "code", "Service", key=True)
    line = COST_LINE
    plan_activity = Column(
        pl.Int64, "units of activity", "Planned activity; empty where none is counted", nullable=True
    )
    actual_activity = Column(
        pl.Int64, "units of activity", "Actual activity; empty where none is counted", nullable=True
    )
    plan_value_pence = Column(pl.Int64, "pence", "Value of planned activity: plan income")
    actual_value_pence = Column(pl.Int64, "pence", "Value of actual activity at the price of the plan")
    plan_cost_pence = Column(pl.Int64, "pence", "Cost of planned activity")
    actual_cost_pence = Column(pl.Int64, "pence", "Cost of actual activity")


def plan_lines(run: Run) -> Frame[PlanLine]:
    """Every provider's allocation divided over the lines of its services; the lines add to the allocation.

    A stream that pays for one service whole, such as transformation funding, is a line of its own that no activity
    counts, so that it does not raise the price of activity; the rest of the service is divided over its lines.

    Args:
        run: a run with `provider_allocation`, `service_envelope`, `spendable`, `membership`, `flow`, `service_line`.

    Rule: a stream's part of the envelope, then cost of a line x the provider's share of it in the locality; largest
    remainder, ties by line.
    """
    names = {"provider_code": "provider", "commissioner_code": "commissioner", "service_code": "service"}
    key = [c for c in _ROW if c != "line"]
    rows = run.provider_allocation.rename({"allocation_pence": "whole", **names})
    single = _single_streams(run)
    kept = ["year", "commissioner", "locality_code", "service"]
    counted = (
        run.service_envelope.rename(names, strict=False)
        .join(single.group_by(kept).agg(pl.col("weight").sum()), on=kept, how="left", validate="1:1")
        .select(*kept, pl.lit("").alias("part"), pl.col("allocation_pence") - pl.col("weight").fill_null(0))
        .rename({"allocation_pence": "weight"})
    )
    parts = apportion(
        rows.join(pl.concat([counted, single]), on=kept, how="left").filter(pl.col("weight") != 0),
        total="whole",
        weight="weight",
        within=key,
        order_by=["part"],
        into="part_pence",
    ).drop("weight")
    weights = (
        run.flow.join(run.service_line, on="line", how="inner", validate="m:1")
        .select(
            "locality_code",
            pl.col("provider_code").alias("provider"),
            pl.col("service_code").alias("service"),
            "line",
            weight=pl.col("cost_pence") * pl.col("share_ppm"),
        )
        .filter(pl.col("weight") > 0)
    )
    lines = apportion(
        parts.filter(pl.col("part") == "").join(weights, on=["locality_code", "provider", "service"], how="left"),
        total="part_pence",
        weight="weight",
        within=key,
        order_by=["line"],
        into="plan_value_pence",
    )
    alone = parts.filter(pl.col("part") != "").rename({"part": "line", "part_pence": "plan_value_pence"})
    return PlanLine.validate(pl.concat([lines.select(*PlanLine.columns()), alone.select(*PlanLine.columns())]))


def cost_bases(run: Run, lines: Frame[PlanLine]) -> Frame[CostBase] | None:
    """The cost that each line starts from: the chain's when nothing is done, divided over a provider's lines by the value of that activity.

    None where the run has no chain by organisation; the plan value then stands for the cost of planned activity.
    """
    accounts = run.frames.get("organisation_account")
    if accounts is None or accounts.is_empty():
        return None
    in_system = pl.col("line").is_in(["cost", *(set(INCOME) - {"system", "specialised"})])
    cost = (
        accounts.filter((pl.col("role") == "provider") & in_system)
        .group_by("year", provider="organisation_code")
        .agg((-pl.col("amount_pence").sum()).alias("whole_cost"))
    )
    every = run.locality_activity.rename({"point_of_delivery": "line"})
    key = ["year", "line", "locality_code"]
    trends = every.filter(pl.col("case") == TRENDS).select(*key, base_activity="activity")
    planned = every.filter(pl.col("case") == PRICED).select(*key, planned="activity")
    value = pl.col("plan_value_pence").cast(pl.Int128)
    priced = (pl.col("planned") > 0).fill_null(False) & pl.col("base_activity").is_not_null()
    grown = nearest_quotient(value * pl.col("base_activity"), pl.when(priced).then(pl.col("planned")).otherwise(1))
    rows = (
        lines.join(trends, on=key, how="left", validate="m:1")
        .join(planned, on=key, how="left", validate="m:1")
        .join(cost, on=["year", "provider"], how="inner", validate="m:1")
        .with_columns(pl.max_horizontal(pl.when(priced).then(grown).otherwise(value), 0).cast(pl.Int64).alias("weight"))
    )
    shared = apportion(
        rows, total="whole_cost", weight="weight", within=["year", "provider"],
        order_by=["commissioner", "locality_code", "service", "line"], into="base_cost_pence",
    )  # fmt: skip
    return CostBase.validate(shared.select(*CostBase.columns()))


def _single_streams(run: Run) -> pl.DataFrame:
    """Money of the streams that pay for one service whole: year, commissioner, locality, service, part (the stream), weight."""
    rules = cast("list[dict[str, str | None]]", run.manifest.scenario["streams"])
    pays = {str(rule["stream"]): str(rule["service"]) for rule in rules if rule.get("service") is not None}
    homes = run.membership.select(code="practice_code", home="locality_code", commissioner="commissioner_code")
    return (
        run.spendable.filter(pl.col("stream").is_in(list(pays)) & (pl.col("allocation_pence") != 0))
        .join(homes, on="code", how="left", validate="m:1")
        .group_by(
            "year",
            "commissioner",
            pl.col("home").alias("locality_code"),
            pl.col("stream").replace_strict(pays, default=None, return_dtype=pl.String).alias("service"),
            pl.col("stream").alias("part"),
        )
        .agg(pl.col("allocation_pence").sum().alias("weight"))
    )


def case_activity(
    run: Run, plan_activity: str, of: str, change: Decimal = Decimal(0), lines: Sequence[str] = ()
) -> Frame[CaseActivity]:
    """Planned and actual activity of every point of delivery, locality and year.

    Args:
        run: a run with `locality_activity`.
        plan_activity: the run's case that is planned.
        of: the run's case that actual activity starts from, or "plan".
        change: change against that as a share; whole units, nearest, half up.
        lines: points of delivery that leave plan; all where none are named.
    """
    every = run.locality_activity.rename({"point_of_delivery": "line"})
    key = ["year", "line", "locality_code"]
    plan = every.filter(pl.col("case") == plan_activity).select(*key, plan_activity="activity")
    start = every.filter(pl.col("case") == (plan_activity if of == "plan" else of)).select(*key, start="activity")
    over, under = (1 + change).as_integer_ratio()
    moved = nearest_quotient(pl.col("start").cast(pl.Int128) * over, pl.lit(under, dtype=pl.Int128))
    leaves = pl.col("line").is_in(list(lines)) if lines else pl.lit(True)
    actual = pl.when(leaves).then(moved).otherwise(pl.col("plan_activity"))
    both = plan.join(start, on=key, how="left", validate="1:1")
    return CaseActivity.validate(both.select(*key, "plan_activity", actual_activity=actual))


def answered(activity: Frame[CaseActivity], change: Decimal, since: str = "") -> Frame[CaseActivity]:
    """Activity as it answers a contract: actual activity x (1 + change), whole units, nearest; planned activity stays.

    Args:
        activity: planned and actual activity.
        change: the response, as a share of actual activity.
        since: first year of the contract; every year where none is given.
    """
    if not change:
        return activity
    over, under = (1 + change).as_integer_ratio()
    moved = nearest_quotient(pl.col("actual_activity").cast(pl.Int128) * over, pl.lit(under, dtype=pl.Int128))
    begun = pl.when(pl.col("year") >= since).then(moved).otherwise("actual_activity")
    return CaseActivity.validate(cast("pl.DataFrame", activity).with_columns(begun.alias("actual_activity")))


def outturn(
    lines: Frame[PlanLine],
    activity: Frame[CaseActivity],
    variable_ppm: Mapping[str, int],
    cost_at_plan: Decimal,
    bases: Frame[CostBase] | None = None,
) -> Frame[OutturnLine]:
    """What each commissioner bought from each provider on each line, planned and actual.

    Args:
        lines: plan values by locality.
        activity: planned and actual activity by locality.
        variable_ppm: variable part of unit cost by point of delivery, in parts per million.
        cost_at_plan: factor on the cost that the lines start from.
        bases: that cost, and the activity it is of; none means the plan value at planned activity.

    Raises:
        ContractError: actual activity where none is planned has no price; all at once.

    Example:
        A plan of 1,000 units worth £100.00, of which 60% of cost is variable: 1,050 units are worth £105.00 and cost
        £103.00.
    """
    faults = Faults()
    unpriced = activity.filter((pl.col("plan_activity") == 0) & (pl.col("actual_activity") != 0))
    for row in unpriced.head(10).iter_rows(named=True):
        faults.add(
            f"{row['line']}, {row['locality_code']}, {row['year']}", f"{row['actual_activity']} units and none planned",
            "planned activity, which sets the price",
        )  # fmt: skip
    faults.raise_if_any(ContractError, "activity cannot be valued")
    planned, actual, value = pl.col("plan_whole"), pl.col("actual_whole"), pl.col("plan_value_pence")
    over, under = cost_at_plan.as_integer_ratio()
    rows = _with_bases(lines, bases).join(
        activity.rename({"plan_activity": "plan_whole", "actual_activity": "actual_whole"}),
        on=["year", "line", "locality_code"], how="left", validate="m:1",
    ).with_columns(
        nearest_quotient(pl.col("base_cost_pence").cast(pl.Int128) * over, pl.lit(under)).alias("base_cost"),
        pl.coalesce("base_activity", "plan_whole").alias("base_units"),
        pl.col("line").replace_strict(dict(variable_ppm), default=0, return_dtype=pl.Int64).alias("ppm"),
    )  # fmt: skip
    moves = (planned > 0).fill_null(False)
    rows = rows.with_columns(
        pl.when(moves)
        .then(nearest_quotient(value.cast(pl.Int128) * actual, pl.when(moves).then(planned).otherwise(1)))
        .otherwise(value)
        .alias("actual_value_pence"),
        _cost(planned, moves).alias("plan_cost_pence"),
        _cost(actual, moves).alias("actual_cost_pence"),
    )
    counted = rows.filter(pl.col("plan_whole").is_not_null())
    for whole, part in (("plan_whole", "plan_activity"), ("actual_whole", "actual_activity")):
        counted = apportion(
            counted.with_columns(pl.max_horizontal(value, 0).alias("weight")),
            total=whole, weight="weight", within=["year", "line", "locality_code"],
            order_by=["provider", "commissioner", "service"], into=part,
        )  # fmt: skip
    units = counted.select(*_ROW, "plan_activity", "actual_activity")
    key = OutturnLine.key()
    amounts = [name for name in OutturnLine.columns() if name.endswith("_pence")]
    sums = (
        rows.join(units, on=_ROW, how="left", validate="1:1")
        .group_by(key)
        .agg(
            *(
                pl.when(pl.col(c).is_null().all()).then(None).otherwise(pl.col(c).sum()).alias(c)
                for c in ("plan_activity", "actual_activity")
            ),
            pl.col(amounts).sum(),
        )
    )
    return OutturnLine.validate(sums)


def planned_costs(
    lines: Frame[PlanLine],
    activity: Frame[CaseActivity],
    variable_ppm: Mapping[str, int],
    cost_at_plan: Decimal,
    bases: Frame[CostBase] | None,
) -> pl.DataFrame:
    """What each line costs at planned activity, and what moves with activity: the key of a line, planned_cost, moving_cost (pence).

    cost of planned activity x use = planned_cost + variable part x moving_cost x (use - 1)
    """
    over, under = cost_at_plan.as_integer_ratio()
    units = activity.select("year", "line", "locality_code", plan_whole="plan_activity")
    rows = (
        _with_bases(lines, bases)
        .join(units, on=["year", "line", "locality_code"], how="left", validate="m:1")
        .with_columns(
            nearest_quotient(pl.col("base_cost_pence").cast(pl.Int128) * over, pl.lit(under)).alias("base_cost"),
            pl.coalesce("base_activity", "plan_whole").alias("base_units"),
            pl.col("line").replace_strict(dict(variable_ppm), default=0, return_dtype=pl.Int64).alias("ppm"),
        )
    )
    planned, base = pl.col("plan_whole"), pl.col("base_units")
    moves = (planned > 0).fill_null(False)
    moving = pl.when(moves & (base > 0)).then(pl.col("base_cost") * (planned / base)).otherwise(0.0)
    return rows.select(*_ROW, _cost(planned, moves).alias("planned_cost"), moving.alias("moving_cost"))


def _with_bases(lines: Frame[PlanLine], bases: Frame[CostBase] | None) -> pl.DataFrame:
    if bases is None:
        none = pl.lit(None, dtype=pl.Int64)
        return lines.with_columns(pl.col("plan_value_pence").alias("base_cost_pence"), none.alias("base_activity"))
    both = lines.join(bases, on=_ROW, how="left", validate="1:1")
    return both.with_columns(pl.col("base_cost_pence").fill_null(pl.col("plan_value_pence")))


def _cost(activity: pl.Expr, moves: pl.Expr) -> pl.Expr:
    """What an activity costs: the cost of the base activity, of which the variable part follows activity."""
    wide, base = pl.col("base_cost").cast(pl.Int128) * pl.col("ppm"), pl.col("base_units")
    counted = moves & (base > 0)
    under = pl.when(counted).then(base).otherwise(1).cast(pl.Int128) * _MICRO
    more = nearest_quotient(wide * (activity - base), under)
    return pl.col("base_cost") + pl.when(counted).then(more).otherwise(0)
