"""Localities under a body: each settles its weighted persons at the rate against the activity of its own people.

    budget     = what commissioners owe the body for its people: on account and true-up, by its weighted persons on the lists
    care       = what the body pays a provider for a service, by what the locality's people had of it: units x the line's price
    left       = budget - its part of improvement that is not earned - care: the locality's gain, below nothing its loss
    carried on = left - hospitals' part - returned - pools, by the rules of the body's account (`accounts.py`)

Within a line every unit costs the same, whoever had it; where no point of delivery counts a line, its planned value by locality says who had
it. Budget, care, left and all that becomes of it add up to the body's account to the penny.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import polars as pl

from capitation.money.apportion import apportion, split
from capitation.money.rounding import MICRO, nearest, nearest_quotient
from capitation.records.columns import LOCALITY, WEIGHTED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.options.outturn import CaseActivity, PlanLine
from contracts.options.whole_population.accounts import IS_SHADOW, BodyYear, hospital_shares
from contracts.options.whole_population.document import CareBody


class LocalityBudget(Schema):
    """A locality's budget under the body, what its own people's care takes of it, and what becomes of the rest."""

    year = YEAR
    locality_code = LOCALITY
    is_shadow = IS_SHADOW
    weighted_persons = WEIGHTED_PERSONS.but(about="Weighted persons of its lists")
    rate_pence = Column(pl.Int64, "pence per weighted person and year", "Rate", ge=0)
    on_account_pence = Column(pl.Int64, "pence", "Paid for planned persons")
    true_up_pence = Column(pl.Int64, "pence", "Paid or taken back for those listed beyond the plan")
    budget_pence = Column(pl.Int64, "pence", "Weighted persons at the rate: on account and true-up")
    unearned_pence = Column(pl.Int64, "pence", "Its part of improvement payment that is not earned, by budget", ge=0)
    care_pence = Column(pl.Int64, "pence", "Care in scope of its people, by their own activity")
    left_pence = Column(
        pl.Int64, "pence", "Its gain, below nothing its loss: budget less what is not earned and less care"
    )
    hospitals_pence = Column(pl.Int64, "pence", "Part of it that the hospitals take or bear")
    returned_pence = Column(pl.Int64, "pence", "Part of the rest that goes back to commissioners, or that they bear")
    pool_pence = Column(
        pl.Int64,
        "pence",
        "Its part of what section 75 pools overspend; empty where no activity is settled",
        nullable=True,
    )
    carried_in_pence = Column(pl.Int64, "pence", "Carried in from the year before")
    carried_on_pence = Column(pl.Int64, "pence", "Carried into the next year")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Budget and what is left are what they say they are."""
        left = pl.col("budget_pence") - pl.col("unearned_pence") - pl.col("care_pence")
        return {
            "budget = on account + true-up": pl.col("budget_pence") == pl.col("on_account_pence") + pl.col("true_up_pence"),
            "left = budget - not earned - care": pl.col("left_pence") == left,
        }  # fmt: skip


BUDGETS = ("year", "locality_code", "weighted_persons", "rate_pence", "on_account_pence", "true_up_pence")
"""What the budget of a locality is, before care."""
_OF = ["year", "provider", "service"]


def own_use(lines: Frame[PlanLine], activity: Frame[CaseActivity]) -> pl.DataFrame:
    """What the people of each locality had of every provider's services, in pence.

    Args:
        lines: plan values by locality.
        activity: planned and actual activity by locality; providers share a locality's units by the value of their plan.

    Returns:
        year, provider, service, locality_code, weight (its units at the price of each line), worth (of all its lines in the outturn).
    """
    value = pl.max_horizontal("plan_value_pence", 0)
    at_line = ["year", "line", "locality_code"]
    rows = (
        lines.group_by(*_OF, "locality_code", "line")
        .agg(value.sum().alias("value"))
        .join(activity, on=at_line, how="left", validate="m:1")
        .with_columns(pl.col("value").sum().over(at_line).alias("of_all"))
    )
    worth, counted = (
        pl.col("value").cast(pl.Int128) * pl.col("actual_activity"),
        pl.col("actual_activity").is_not_null(),
    )
    planned, of_all = pl.col("plan_activity") > 0, pl.col("of_all") > 0
    at = [*_OF, "line"]
    rows = rows.with_columns(
        pl.when(counted & planned)
        .then(nearest_quotient(worth, pl.when(planned).then("plan_activity").otherwise(1)))
        .otherwise("value")
        .alias("worth"),
        pl.when(counted & of_all)
        .then(nearest_quotient(worth * MICRO, pl.when(of_all).then("of_all").otherwise(1)))
        .otherwise(0)
        .alias("units"),
    ).with_columns(
        pl.col("worth").sum().over(at).alias("line_worth"), pl.col("units").sum().over(at).alias("line_units")
    )
    had = pl.col("line_units") > 0
    price = nearest_quotient(
        pl.col("line_worth").cast(pl.Int128) * pl.col("units"), pl.when(had).then("line_units").otherwise(1)
    )
    return (
        rows.group_by(*_OF, "locality_code")
        .agg(pl.when(had).then(price).otherwise("worth").sum().alias("weight"), pl.col("worth").sum())
        .sort(*_OF, "locality_code")
    )


def care_of(paid: pl.DataFrame, use: pl.DataFrame) -> pl.DataFrame:
    """What the body pays a provider for a service, shared by what each locality's people had of it.

    Args:
        paid: year, provider, service, paid_pence.
        use: as `own_use` gives it.

    Returns:
        year, provider, service, locality_code, paid_pence.
    """
    rows = paid.rename({"paid_pence": "whole"}).join(use, on=_OF, how="inner", validate="1:m")
    return apportion(
        _weighed(rows, _OF), total="whole", weight="weight", within=_OF, order_by=["locality_code"], into="paid_pence"
    ).select(*_OF, "locality_code", "paid_pence")


def by_service(paid: pl.DataFrame, use: pl.DataFrame) -> pl.DataFrame:
    """What a provider is paid in a year, divided over its services by the value of what was done.

    Args:
        paid: year, provider, paid_pence.
        use: as `own_use` gives it, of the services in scope.

    Returns:
        year, provider, service, paid_pence.
    """
    services = use.group_by(_OF).agg(pl.col("worth").sum().alias("weight"))
    rows = paid.rename({"paid_pence": "whole"}).join(services, on=["year", "provider"], how="inner", validate="1:m")
    per = ["year", "provider"]
    return apportion(
        _weighed(rows, per), total="whole", weight="weight", within=per, order_by=["service"], into="paid_pence"
    ).select(*_OF, "paid_pence")


def _weighed(rows: pl.DataFrame, within: list[str]) -> pl.DataFrame:
    """Equal weights where nobody had anything, so that a fixed payment still falls on somebody."""
    none = pl.col("weight").sum().over(within) == 0
    return rows.with_columns(pl.when(none).then(1).otherwise("weight").alias("weight"))


def settle_localities(
    body: CareBody, years: Sequence[BodyYear], budgets: pl.DataFrame, care: pl.DataFrame, pools: pl.DataFrame | None
) -> list[tuple[object, ...]]:
    """Rows of `LocalityBudget`: the body's account of every year, locality by locality.

    Args:
        body: the body.
        years: what its account rests on, in order.
        budgets: columns `BUDGETS`, in order of locality.
        care: year, locality_code, paid_pence.
        pools: year, locality_code, paid_pence: the body's part of what pools overspend; none where no activity is settled.
    """
    rows: list[tuple[object, ...]] = []
    carried: dict[str, int] = {}
    spent, pooled = _by_year(care), {} if pools is None else _by_year(pools)
    parts = {str(key[0]): part for key, part in budgets.partition_by("year", as_dict=True).items()}
    for each in years:
        year, shadow = str(each.year), each.year in body.shadow_years
        mine = parts[year].select(*BUDGETS[1:]).rows()
        due = [on_account + true_up for _, _, _, on_account, true_up in mine]
        missed = split(each.unearned, due) if any(due) else [0] * len(due)
        left = [
            budget - lost - spent.get(year, {}).get(code, 0)
            for (code, *_), budget, lost in zip(mine, due, missed, strict=True)
        ]
        part = body.sharers_part.value if sum(hospital_shares(body, each).values()) else Decimal(0)
        shared = _running(left, part)
        rest = [whole - taken for whole, taken in zip(left, shared, strict=True)]
        kept_back = _running(rest, body.carried_forward.value)
        for number, (code, persons, rate, on_account, true_up) in enumerate(mine):
            pool = pooled.get(year, {}).get(code, 0)
            keeps = kept_back[number] - pool
            before = 0 if shadow else carried.get(code, 0)
            carried[code] = carried.get(code, 0) + (0 if shadow else keeps)
            rows.append(
                (year, code, shadow, persons, rate, on_account, true_up, due[number], missed[number],
                 due[number] - missed[number] - left[number], left[number], shared[number], rest[number] - kept_back[number],
                 None if pools is None else pool, before, keeps if shadow else carried[code])
            )  # fmt: skip
    return rows


def _by_year(rows: pl.DataFrame) -> Mapping[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for year, code, pence in rows.select("year", "locality_code", "paid_pence").iter_rows():
        mine = found.setdefault(year, {})
        mine[code] = mine.get(code, 0) + pence
    return found


def _running(amounts: Sequence[int], part: Decimal) -> list[int]:
    """A part of each amount in whole pence, so that the parts add to the part of their sum, rounded once."""
    found, whole, before = [], 0, 0
    for amount in amounts:
        whole += amount
        now = nearest(Decimal(whole) * part)
        found.append(now - before)
        before = now
    return found


__all__ = ["BUDGETS", "LocalityBudget", "by_service", "care_of", "own_use", "settle_localities"]
