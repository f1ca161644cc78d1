"""Positions: what every organisation is left with in every year under every option, and the bridge that leads there.

    commissioner    position = allocation - payments to providers
    provider        position = payments received - cost of actual activity - further cost of the option
    body            the same less what it pays: one in force between commissioners and providers, such as an accountable care body
    payer           position = - payments: a body outside the system, such as a national fund, that pays for quality

A payment is a transfer: what one pays another receives, so over all organisations payments add to nothing and the
positions add to allocation less cost. A commissioner's allocation includes what it holds in reserve and contingency.
Payments are of three kinds: those of the contracts on activity as the case has it, what they pay more or less as
activity answers the contract, and those for quality or improvement; each has lines of its own in the bridge.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.allocation.commissioners import CommissionerMoney
from capitation.allocation.commissioners import commissioner_money as money_of_commissioners
from capitation.allocation.services import service_streams
from capitation.pack.sources import DataPack
from capitation.records.columns import (
    ACTIVITY_CASE,
    ALLOCATION_PENCE,
    COMMISSIONER,
    CONTRACT,
    OPTION,
    ORGANISATION,
    PROVIDER,
    TERM_NUMBER,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema
from capitation.run.run import Run
from contracts.options.document import PLAN, ContractOption
from contracts.settlement.compile import ENGINE

FUNDING, FUNDING_TERM = "sustainability-funding", "Sustainability funding earned on its conditions"
"""Under which name sustainability funding stands among the contracts, and what its payments are called."""

ROLES = ("commissioner", "provider", "payer")
"""What an organisation does; one that does both has a position in each. A payer stands outside the system."""

KINDS = ("contract", "response", "quality", "funding", "mix")
"""What a payment or a further cost is for: contracts, activity that answers them, quality, sustainability, a mix that is bought."""


class Payment(Schema):
    """What one commissioner or outside payer pays one provider by one term of a contract; below 0 the provider pays back."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    commissioner_code = COMMISSIONER.but(
        about="Who pays: a commissioner, a body that stands between, or a payer outside"
    )
    provider_code = PROVIDER.but(about="Who receives")
    contract = CONTRACT
    term_number = TERM_NUMBER
    term = Column(pl.String, "words", "What is paid for")
    kind = Column(pl.String, "label", "Of the contract, of activity that answers it, or for quality", one_of=KINDS)
    payer_role = Column(
        pl.String,
        "role",
        "Commissioner, a body that stands between and is paid itself, or a payer outside the system",
        one_of=("commissioner", "provider", "payer"),
    )
    amount_pence = Column(pl.Int64, "pence", "Payment")


class FurtherCost(Schema):
    """Cost of an organisation that an option or a mix adds to that of the activity case; below 0 it takes cost away."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    provider_code = PROVIDER.but(about="Who bears it; of a mix a commissioner too")
    kind = Column(
        pl.String,
        "label",
        "Of activity that answers the contract, of earning a payment for quality, or of a mix that is bought",
        key=True,
        one_of=("response", "quality", "mix"),
    )
    name = Column(pl.String, "words", "What it is for", key=True)
    cost_pence = Column(pl.Int64, "pence", "Cost")


class PartyTransfer(Schema):
    """One side of a payment in the books of one organisation; the other side stands in its counterparty's."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    role = Column(pl.String, "role", "In which role it takes part", key=True, one_of=ROLES)
    organisation_code = ORGANISATION.but(about="In whose books")
    counterparty_code = Column(pl.String, "code", "The other organisation", key=True)
    contract = CONTRACT
    term_number = TERM_NUMBER
    debit_pence = Column(pl.Int64, "pence", "What it pays", ge=0)
    credit_pence = Column(pl.Int64, "pence", "What it receives", ge=0)


class Position(Schema):
    """What an organisation is left with in a year under an option and an activity case."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation of a commissioner; 0 for others", ge=None)
    income_pence = Column(pl.Int64, "pence", "Payments received")
    paid_pence = Column(pl.Int64, "pence", "Payments made")
    cost_pence = Column(
        pl.Int64, "pence", "Cost of actual activity and further cost of the option; of others what no payment moves"
    )
    position_pence = Column(pl.Int64, "pence", "Allocation and income less payments and cost; below 0 is a deficit")
    plan_position_pence = Column(pl.Int64, "pence", "Position under the same option where activity is as planned")
    change_pence = Column(pl.Int64, "pence", "Position less that at plan: what the organisation gains or bears")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The position is what it says it is."""
        left = pl.col("allocation_pence") + pl.col("income_pence") - pl.col("paid_pence") - pl.col("cost_pence")
        change = pl.col("position_pence") - pl.col("plan_position_pence")
        return {
            "position = allocation + income - payments - cost": pl.col("position_pence") == left,
            "change = position - position at plan": pl.col("change_pence") == change,
        }


class PositionBridge(Schema):
    """One line of the way from allocation or plan income to an organisation's position."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    subject_kind = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    subject_code = Column(pl.String, "code", "Organisation", key=True)
    step = Column(pl.Int64, "order", "Order of the line, 0 for the opening line", key=True, ge=0)
    name = Column(pl.String, "words", "What the line is")
    amount_pence = Column(pl.Int64, "pence", "Signed movement; on line 0 the opening sum")
    balance_pence = Column(pl.Int64, "pence", "Sum of this and all earlier lines")


def commissioner_money(run: Run, pack: DataPack) -> Frame[CommissionerMoney]:
    """Each commissioner's allocation by year, what it plans to pay and what it holds; over all it is the control total.

    Args:
        run: a run of a scenario.
        pack: the pack it was made from, which says who commissions the services of a stream.
    """
    money = money_of_commissioners(
        run.allocation, run.spendable, run.membership, run.provider_allocation, service_streams(pack)
    )
    if run.frames.get("organisation_account", pl.DataFrame()).is_empty():
        return money
    mine = (pl.col("role") == "commissioner") & pl.col("line").is_in(["other_cost", "running_costs"])
    other = (
        run.organisation_account.filter(mine)
        .group_by("year", commissioner_code="organisation_code")
        .agg((-pl.col("amount_pence").sum()).alias("other"))
    )
    known = money.join(other, on=["year", "commissioner_code"], how="left", validate="1:1").with_columns(
        pl.col("other").fill_null(0).alias("other_cost_pence")
    )
    columns = list(CommissionerMoney.columns())
    return CommissionerMoney.validate(pl.concat([known.select(columns), _beside(run).select(columns)]))


def _beside(run: Run) -> pl.DataFrame:
    """The fund, which keeps what nobody earns, and what the chain can lay to nobody."""
    whole = run.sustainability_fund.group_by("year").agg(pl.col("offered_pence").sum())
    alone = run.organisation_position.filter(pl.col("role").is_in(["fund", "unshared"])).join(
        whole, on="year", how="left", validate="m:1"
    )
    fund = pl.when(pl.col("role") == "fund").then(pl.col("offered_pence").fill_null(0)).otherwise(0)
    return alone.select(
        "year", pl.col("organisation_code").alias("commissioner_code"), pl.lit(0, dtype=pl.Int64).alias("planned_pence"),
        fund.alias("held_pence"), fund.alias("allocation_pence"), pl.col("cost_pence").alias("other_cost_pence"),
    )  # fmt: skip


def funding(run: Run) -> pl.DataFrame:
    """Who earns the sustainability funding of a run: year, commissioner_code (the fund), provider_code and amount_pence."""
    none = pl.DataFrame(
        schema={c: Payment.dtypes()[c] for c in ("year", "commissioner_code", "provider_code", "amount_pence")}
    )
    if run.frames.get("sustainability_fund", none).is_empty():
        return none
    keeps = run.organisation_position.filter(pl.col("role") == "fund").select(
        "year", commissioner_code="organisation_code"
    )
    return (
        run.sustainability_fund.group_by("year", provider_code="organisation_code")
        .agg(pl.col("earned_pence").sum().alias("amount_pence"))
        .join(keeps, on="year", how="inner", validate="m:1")
        .select(none.columns)
        .sort("year", "provider_code")
    )


def funding_payments(options: Sequence[ContractOption], cases: Sequence[str], fund: pl.DataFrame) -> pl.DataFrame:
    """Payments of what is earned of the sustainability fund, alike under every option and in every case."""
    tries = [(option.id, case) for option in options for case in cases]
    both = pl.DataFrame(tries, schema={"option": pl.String, "activity_case": pl.String}, orient="row")
    return (
        both.join(fund, how="cross")
        .with_columns(
            pl.lit(FUNDING).alias("contract"), pl.lit(1, dtype=pl.Int64).alias("term_number"),
            pl.lit(FUNDING_TERM).alias("term"), pl.lit("funding").alias("kind"), pl.lit("commissioner").alias("payer_role"),
        )
        .select(*Payment.columns())
    )  # fmt: skip


def transfers(payments: Frame[Payment]) -> Frame[PartyTransfer]:
    """Both sides of every payment; over the two the debit of one is the credit of the other."""
    amount = pl.col("amount_pence")
    over, under = pl.max_horizontal(amount, 0), pl.max_horizontal(-amount, 0)
    sides = [
        payments.select(
            "option",
            "activity_case",
            "year",
            role.alias("role"),
            pl.col(own).alias("organisation_code"),
            pl.col(other).alias("counterparty_code"),
            "contract",
            "term_number",
            debit.alias("debit_pence"),
            credit.alias("credit_pence"),
        )
        for role, own, other, debit, credit in (
            (pl.col("payer_role"), "commissioner_code", "provider_code", over, under),
            (pl.lit("provider"), "provider_code", "commissioner_code", under, over),
        )
    ]
    return PartyTransfer.validate(pl.concat(sides))


def positions(
    payments: Frame[Payment],
    outturns: pl.DataFrame,
    money: Frame[CommissionerMoney],
    further: Frame[FurtherCost] | None = None,
    outside: pl.DataFrame | None = None,
) -> Frame[Position]:
    """The position of every organisation in every year, option and activity case.

    Args:
        payments: payments of every option and case, the case "plan" among them.
        outturns: outturn lines of every case, with `activity_case`.
        money: allocations of commissioners.
        further: cost that options add to that of the outturns; nothing where none is given.
        outside: payers outside the system, as `outside_payers` gives them for all options; those of the payments by default.
    """
    every = payments.lazy()
    tries = every.select("option", "activity_case").unique()
    group = ["option", "activity_case", "year"]
    on = [*group, "organisation_code"]
    amount = pl.col("amount_pence").sum()
    paid = every.group_by(*group, role="payer_role", organisation_code="commissioner_code").agg(amount)
    got = every.group_by(*group, organisation_code="provider_code").agg(amount)
    cost = (
        outturns.lazy()
        .group_by("activity_case", "year", organisation_code="provider")
        .agg(pl.col("actual_cost_pence").sum().alias("cost_pence"))
    )
    added = _further(further).lazy().group_by(*group, organisation_code="provider_code")
    more = added.agg(pl.col("cost_pence").sum().alias("further_pence"))
    zero = pl.lit(0, dtype=pl.Int64)
    opening = _openings_of_buyers(money, outside_payers(payments, money) if outside is None else outside)
    buyers = (
        tries.join(opening, how="cross")
        .join(paid, on=[*on, "role"], how="left", validate="1:1")
        .join(more, on=on, how="left", validate="m:1")
        .select(
            *group, "role", "organisation_code", "allocation_pence", zero.alias("income_pence"),
            pl.col("amount_pence").fill_null(0).alias("paid_pence"),
            pl.col("cost_pence") + pl.col("further_pence").fill_null(0),
        )
    )  # fmt: skip
    between = bodies_between(payments, outturns).lazy().select(*on, zero.alias("cost_pence"))
    sold = tries.join(cost, on="activity_case", how="left").select(*on, "cost_pence")
    pays = paid.filter(pl.col("role") == "provider").select(*on, given="amount_pence")
    sellers = (
        pl.concat([sold, between])
        .join(got, on=on, how="left", validate="1:1")
        .join(pays, on=on, how="left", validate="1:1")
        .join(more, on=on, how="left", validate="1:1")
        .select(
            *group, pl.lit("provider").alias("role"), "organisation_code", zero.alias("allocation_pence"),
            pl.col("amount_pence").fill_null(0).alias("income_pence"), pl.col("given").fill_null(0).alias("paid_pence"),
            pl.col("cost_pence") + pl.col("further_pence").fill_null(0),
        )
    )  # fmt: skip
    left = pl.col("allocation_pence") + pl.col("income_pence") - pl.col("paid_pence") - pl.col("cost_pence")
    rows = pl.concat([buyers, sellers]).with_columns(left.alias("position_pence"))
    key = ["option", "year", "role", "organisation_code"]
    at_plan = rows.filter(pl.col("activity_case") == PLAN).select(*key, plan_position_pence="position_pence")
    change = (pl.col("position_pence") - pl.col("plan_position_pence")).alias("change_pence")
    return Position.validate(
        rows.join(at_plan, on=key, how="left", validate="m:1").with_columns(change).collect(engine=ENGINE)
    )


def _openings_of_buyers(money: Frame[CommissionerMoney], outside: pl.DataFrame) -> pl.LazyFrame:
    """What commissioners have and spend before any contract, and payers outside the system, who have nothing."""
    zero = pl.lit(0, dtype=pl.Int64)
    commissioners = money.lazy().select(
        "year", pl.lit("commissioner").alias("role"), "allocation_pence",
        organisation_code="commissioner_code", cost_pence="other_cost_pence",
    )  # fmt: skip
    payers = outside.lazy().select(
        "year", pl.lit("payer").alias("role"), zero.alias("allocation_pence"),
        organisation_code="subject_code", cost_pence=zero,
    )  # fmt: skip
    return pl.concat([commissioners, payers])


def outside_payers(payments: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Payers outside the system and every year: year, subject_code; under each option where one of them pays."""
    codes = payments.filter(pl.col("payer_role") == "payer").select(subject_code="commissioner_code").unique()
    return money.select("year").unique().join(codes, how="cross").sort("year", "subject_code")


def bodies_between(payments: pl.DataFrame, outturns: pl.DataFrame) -> pl.DataFrame:
    """Bodies that pay and give no care themselves: option, activity_case, year, organisation_code, in every year of the outturns."""
    known, years = (sorted(set(outturns.get_column(name).to_list())) for name in ("provider", "year"))
    paying = (pl.col("payer_role") == "provider") & ~pl.col("commissioner_code").is_in(known)
    key = ["option", "activity_case", "commissioner_code"]
    bodies = payments.lazy().filter(paying).select(key).unique().collect(engine=ENGINE)
    rows = [(option, case, year, body) for option, case, body in sorted(bodies.iter_rows()) for year in years]
    names = ("option", "activity_case", "year", "organisation_code")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _further(further: Frame[FurtherCost] | None) -> pl.DataFrame:
    return FurtherCost.empty() if further is None else further


def position_bridge(
    payments: Frame[Payment],
    outturns: pl.DataFrame,
    money: Frame[CommissionerMoney],
    further: Frame[FurtherCost] | None = None,
    outside: pl.DataFrame | None = None,
) -> Frame[PositionBridge]:
    """The way from allocation or plan income to every position: plan, activity, each term of the contracts, further lines.

    A term's line is what it pays beyond what it pays at plan; where the terms at plan pay another sum than the plan
    income, one line says by how much. Further cost, payments as activity answers the contract and payments for quality
    stand whole on lines of their own.

    Args:
        payments: payments of every option and case, the case "plan" among them.
        outturns: outturn lines of every case, with `activity_case`.
        money: allocations of commissioners.
        further: cost that options add to that of the outturns; nothing where none is given.
        outside: payers outside the system, as `outside_payers` gives them for all options; those of the payments by default.
    """
    payers = outside_payers(payments, money) if outside is None else outside
    parts = []
    for role in ROLES:
        openings = _openings(payments, outturns, money, role, payers)
        parts.append(_lines(_movements(payments, money, role, openings, _further(further)), role))
    return PositionBridge.validate(pl.concat(parts))


def _lines(movements: pl.LazyFrame, role: str) -> pl.DataFrame:
    """Movements one after the other, each with the sum of it and all before it."""
    per = ["option", "activity_case", "year", "subject_code"]
    return (
        movements.sort(*per, "place", "contract", "term_number", maintain_order=True)
        .with_columns(
            pl.int_range(pl.len(), dtype=pl.Int64).over(per).alias("step"),
            pl.col("amount_pence").cum_sum().over(per).alias("balance_pence"),
            pl.lit(role).alias("subject_kind"),
        )
        .select(*PositionBridge.columns())
        .collect(engine=ENGINE)
    )


_Openings = tuple[pl.LazyFrame, tuple[tuple[str, str], ...]]


def _movements(
    payments: Frame[Payment], money: Frame[CommissionerMoney], role: str, openings: _Openings, further: pl.DataFrame
) -> pl.LazyFrame:
    """Signed movements of every organisation of a role, with their place in the bridge."""
    sign = 1 if role == "provider" else -1
    cases, fixed = openings
    start = ["option", "activity_case", "year", "subject_code"]
    key = ["option", "year", "subject_code", "contract", "term_number"]
    every = payments.lazy()
    pays = every.filter(pl.col("payer_role") == role).rename({"commissioner_code": "subject_code"})
    if role == "provider":  # a body that stands between pays, too
        names = [*start, "contract", "term_number", "term", "kind", "amount_pence"]
        own = pays.with_columns(-pl.col("amount_pence")).select(names)
        pays = pl.concat([every.rename({"provider_code": "subject_code"}).select(names), own])
    sums = pays.group_by(*start, "contract", "term_number", "term", "kind").agg(pl.col("amount_pence").sum())
    of_contracts = sums.filter(pl.col("kind") == "contract")
    at_plan = of_contracts.filter(pl.col("activity_case") == PLAN).select(*key, at_plan="amount_pence")
    beyond = of_contracts.join(at_plan, on=key, how="left", validate="m:1").with_columns(
        pl.col("amount_pence") - pl.col("at_plan")
    )
    nowhere = [pl.lit("").alias("contract"), pl.lit(0, dtype=pl.Int64).alias("term_number")]
    terms = [
        rows.select(
            *start, pl.lit(place, dtype=pl.Int64).alias("place"), "contract", "term_number",
            pl.col("term").alias("name"), pl.col("amount_pence") * sign,
        )
        for place, rows in (
            (5, beyond),
            (6, sums.filter(pl.col("kind") == "response")),
            (7, sums.filter(pl.col("kind") == "quality")),
            (8, sums.filter(pl.col("kind") == "funding")),
        )
    ]  # fmt: skip
    whole = ["option", "year", "subject_code"]
    planned = cases.select(*start, planned=pl.col("second") * -1 if role == "commissioner" else pl.col("first"))
    differs = (
        planned.join(at_plan.group_by(whole).agg(pl.col("at_plan").sum()), on=whole, how="left", validate="m:1")
        .with_columns(((pl.col("at_plan").fill_null(0) - pl.col("planned")) * sign).alias("amount_pence"))
        .filter(pl.col("amount_pence") != 0)
        .select(
            *start, pl.lit(4, dtype=pl.Int64).alias("place"), *nowhere,
            pl.lit("contracts at plan activity against plan income").alias("name"), "amount_pence",
        )
    )  # fmt: skip
    steps = [
        cases.select(
            *start, pl.lit(i, dtype=pl.Int64).alias("place"), *nowhere, pl.lit(name).alias("name"),
            pl.col(column).alias("amount_pence"),
        )
        for i, (column, name) in enumerate(fixed)
    ]  # fmt: skip
    buyers = money.get_column("commissioner_code").unique().implode()
    of_buyers = pl.col("provider_code").is_in(buyers)
    whose = {"provider": ~of_buyers, "commissioner": of_buyers}.get(role, pl.lit(value=False))
    added = further.lazy().filter(whose).select(
        "option", "activity_case", "year", pl.col("provider_code").alias("subject_code"),
        pl.lit(3, dtype=pl.Int64).alias("place"), pl.col("kind").alias("contract"),
        pl.lit(0, dtype=pl.Int64).alias("term_number"), "name", (-pl.col("cost_pence")).alias("amount_pence"),
    )  # fmt: skip
    return pl.concat([*steps, added, differs, *terms])


def _openings(
    payments: Frame[Payment], outturns: pl.DataFrame, money: Frame[CommissionerMoney], role: str, payers: pl.DataFrame
) -> _Openings:
    """What each organisation of a role begins with in every option and case, and the names of those lines."""
    tries = payments.lazy().select("option", "activity_case").unique()
    if role == "provider":
        cost = (
            outturns.lazy()
            .group_by("activity_case", "year", subject_code="provider")
            .agg(pl.col("plan_value_pence", "plan_cost_pence", "actual_cost_pence").sum())
        )
        plan = cost.with_columns(
            (-pl.col("plan_cost_pence")).alias("second"),
            (pl.col("plan_cost_pence") - pl.col("actual_cost_pence")).alias("third"),
        ).rename({"plan_value_pence": "first"})
        nothing = [pl.lit(0, dtype=pl.Int64).alias(name) for name in ("first", "second", "third")]
        subject = pl.col("organisation_code").alias("subject_code")
        columns = ["option", "activity_case", "year"]
        between = bodies_between(payments, outturns).lazy().select(*columns, subject, *nothing)
        sold = tries.join(plan, on="activity_case", how="left")
        return pl.concat([sold.select(*columns, "subject_code", "first", "second", "third"), between]), (
            ("first", "plan income"), ("second", "cost of planned activity"),
            ("third", "cost of activity that differs from plan"),
        )  # fmt: skip
    if role == "payer":
        zero = pl.lit(0, dtype=pl.Int64)
        outside = payers.lazy().with_columns(zero.alias("first"))
        return tries.join(outside, how="cross"), (("first", "allocation: none in the system"),)
    plan = money.lazy().select(
        "year", subject_code="commissioner_code", first="allocation_pence", second=-pl.col("planned_pence"),
        third=-pl.col("other_cost_pence"),
    )  # fmt: skip
    return tries.join(plan, how="cross"), (
        ("first", "allocation"), ("second", "planned payments to providers"), ("third", "cost that no payment moves"),
    )  # fmt: skip


__all__ = [
    "FUNDING", "FUNDING_TERM", "KINDS", "ROLES", "CommissionerMoney", "FurtherCost", "PartyTransfer", "Payment",
    "Position", "PositionBridge", "bodies_between", "commissioner_money", "funding", "funding_payments",
    "outside_payers", "position_bridge", "positions", "transfers",
]  # fmt: skip
