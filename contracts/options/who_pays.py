"""Who pays: when activity leaves plan, which organisation bears what part of the extra cost under each option.

    extra cost    = cost of actual activity - cost of planned activity, over all providers
    borne by each = its position at plan - its position now

Payments cancel between the parties, so what all bear is the extra cost, to the penny. A share above 1 means that a
party pays more than the extra cost and another gains; below 0, that it gains.
"""

from __future__ import annotations

import polars as pl

from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.options.document import PLAN
from contracts.options.position import ROLES, Position


class WhoPays(Schema):
    """What one organisation bears of the extra cost of an activity case in a year under an option."""

    option = OPTION
    activity_case = ACTIVITY_CASE.but(about="Activity case, other than the plan")
    year = YEAR
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    borne_pence = Column(pl.Int64, "pence", "What it bears; below 0 is what it gains")
    extra_cost_pence = Column(pl.Int64, "pence", "Extra cost of the whole system; what all bear adds to it")
    share = Column(
        pl.Float64, "share of extra cost", "What it bears over the extra cost; empty where there is none", nullable=True
    )

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Nothing of the extra cost is lost."""
        borne = pl.col("borne_pence").sum().over("option", "activity_case", "year")
        return {"what all bear adds to the extra cost": borne == pl.col("extra_cost_pence")}


def who_pays(every: Frame[Position]) -> Frame[WhoPays]:
    """What every organisation bears of the extra cost, by option, activity case and year.

    Args:
        every: positions of every option and case, the case "plan" among them.

    Example:
        A provider's cost rises by £3 and its income by £5: commissioners bear £5 (5/3), the provider -£2.
    """
    group = ["option", "activity_case", "year"]
    cost = every.group_by(group).agg(pl.col("cost_pence").sum())
    at_plan = cost.filter(pl.col("activity_case") == PLAN).select("option", "year", plan_pence="cost_pence")
    extra = cost.join(at_plan, on=["option", "year"], how="left", validate="m:1").select(
        *group, (pl.col("cost_pence") - pl.col("plan_pence")).alias("extra_cost_pence")
    )
    rows = every.filter(pl.col("activity_case") != PLAN).join(extra, on=group, how="left", validate="m:1")
    borne = rows.with_columns((-pl.col("change_pence")).alias("borne_pence"))
    whole = pl.col("extra_cost_pence")
    share = pl.when(whole != 0).then(pl.col("borne_pence") / whole)
    return WhoPays.validate(borne.with_columns(share.alias("share")).select(*WhoPays.columns()))
