"""The body of every option in every activity case: its account, and the settlement of each locality under it, from what was paid."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from capitation.pack.stages import Stage, Stages
from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION
from capitation.records.frames import Frame
from capitation.records.identity import canonical, digest
from contracts.options.kept.on_run import given
from contracts.options.outturn import CaseActivity, PlanLine
from contracts.options.position import Payment
from contracts.options.whole_population.accounts import BodyAccount, account_rows
from contracts.options.whole_population.between import BodyBetween
from contracts.options.whole_population.localities import (
    LocalityBudget,
    by_service,
    care_of,
    own_use,
    settle_localities,
)

BODY = ORGANISATION.but(about="The body")


class OptionBodyAccount(BodyAccount):
    """The account of a body under an option in one activity case, in the years in which it is paid."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    organisation_code = BODY


class OptionLocality(LocalityBudget):
    """A locality's settlement with the body under an option in one activity case, in the years in which the body is paid."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    organisation_code = BODY


Bodies = tuple[Frame[OptionBodyAccount], Frame[OptionLocality]]


def bodies_under_options(
    bodies: Mapping[str, BodyBetween],
    payments: Frame[Payment],
    keys: Mapping[str, str],
    lines: Stage[Frame[PlanLine]],
    activities: Mapping[str, Frame[CaseActivity]],
) -> dict[str, pl.DataFrame]:
    """The account of every option's body, and of every locality under it, in every activity case, by the name of the frame.

    Args:
        bodies: bodies by option.
        payments: what is paid under every option and case.
        keys: what the payments of each option are kept by.
        lines: plan values by locality.
        activities: activity by locality of every case.
    """
    found: list[Bodies] = [(OptionBodyAccount.empty(), OptionLocality.empty())]
    stages = Stages(None, None)
    uses = (
        [(case, stages.keep("own use", own_use, lines, given(each))) for case, each in activities.items()]
        if bodies
        else []
    )
    for option, between in bodies.items():
        known = Stage(between, digest(canonical(between.rests_on)))
        mine = payments.filter(option=option)
        for case, use in [] if mine.is_empty() else uses:
            paid = Stage(mine.filter(activity_case=case), keys[option])
            found.append(stages.keep("body under an option", _under, option, case, known, paid, use).value)
    accounts, localities = zip(*found, strict=True)
    return {
        "body_account": OptionBodyAccount.validate(pl.concat(accounts)),
        "body_locality": OptionLocality.validate(pl.concat(localities)),
    }


def _under(option: str, case: str, between: BodyBetween, paid: Frame[Payment], use: pl.DataFrame) -> Bodies:
    """The accounts of one option's body and of its localities in one activity case."""
    bought, pools = between.bought(paid)
    years, mine = between.years(bought, pools), use.filter(between.goes_through())
    spent = care_of(by_service(bought, mine), mine)
    pooled = mine.filter(pl.col("service").is_in(list(between.pools)))
    over = care_of(by_service(pools, pooled), pooled)
    accounts = _named(option, case, between, BodyAccount, account_rows(between.body, years)[0])
    localities = settle_localities(between.body, years, between.budgets, spent, over)
    return (
        OptionBodyAccount.validate(accounts),
        OptionLocality.validate(_named(option, case, between, LocalityBudget, localities)),
    )


def _named(
    option: str,
    case: str,
    between: BodyBetween,
    schema: type[BodyAccount] | type[LocalityBudget],
    rows: list[tuple[object, ...]],
) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=schema.dtypes(), orient="row")
    named = {"option": option, "activity_case": case, "organisation_code": between.body.code}
    return frame.with_columns(pl.lit(value).alias(name) for name, value in named.items())


__all__ = ["OptionBodyAccount", "OptionLocality", "bodies_under_options"]
