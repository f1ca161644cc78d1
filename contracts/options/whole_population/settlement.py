"""A body's contract on a run: what it is paid for weighted persons, what it pays for care, and what is left to whom.

    on account   = planned persons x rate                by quarter, commissioner and locality by weighted persons
    true-up      = (listed - planned persons) x rate     every quarter, by the lists of the run
    unearned     = what the improvement payment keeps back and the plan's printed results do not earn
    left         = paid - unearned - care in scope       in paid years; shadow years are worked out and not paid (`accounts.py`)
    localities   = each one's budget against the activity of its own people (`localities.py`)

Need weighs who gets which part; over the system weighted persons are persons, so a person more is worth one rate. Every sum is whole
pence, and parts add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from capitation.aims.outcomes import waiting_results
from capitation.errors import ContractError, Faults, suggest
from capitation.money.pence import pounds_text
from capitation.money.rounding import nearest
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stages
from capitation.records.columns import COMMISSIONER, LOCALITY, PROVIDER, SERVICE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.document.contract import read_contract
from contracts.options.document import PLAN as PLANNED
from contracts.options.kept.on_run import lines_of, run_read
from contracts.options.kept.settled import settled_once
from contracts.options.outturn import PRICED, case_activity
from contracts.options.whole_population.accounts import IS_SHADOW, BodyAccount, BodyYear, HospitalShare, accounts
from contracts.options.whole_population.document import CareBody
from contracts.options.whole_population.localities import BUDGETS, LocalityBudget, care_of, own_use, settle_localities
from contracts.options.whole_population.start import scope_faults, start_faults

QUARTERS = 4


class BodyScope(Schema):
    """The money of one service in one year: in from commissioners, out to providers, and whether the body stands between."""

    year = YEAR
    service_code = SERVICE
    in_scope = Column(pl.Boolean, "true or false", "Whether the money goes through the body")
    pooled_with = Column(pl.String, "codes", "Councils of a section 75 pool, with spaces between")
    money_in_pence = Column(pl.Int64, "pence", "What commissioners plan for it")
    money_out_pence = Column(pl.Int64, "pence", "What providers receive for it")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """No money is left nowhere."""
        return {"what goes in comes out": pl.col("money_in_pence") == pl.col("money_out_pence")}


class BodyPayment(Schema):
    """What one commissioner owes the body for one locality's weighted persons in a quarter."""

    year = YEAR
    quarter = Column(pl.Int64, "quarter", "Quarter of the financial year", key=True, ge=1, le=QUARTERS)
    commissioner_code = COMMISSIONER
    locality_code = LOCALITY
    is_shadow = IS_SHADOW
    weighted_persons = Column(pl.Float64, "weighted persons", "Weighted persons of the lists", ge=0)
    rate_pence = Column(pl.Int64, "pence per weighted person and year", "Rate", ge=0)
    on_account_pence = Column(pl.Int64, "pence", "Paid for planned persons")
    true_up_pence = Column(pl.Int64, "pence", "Paid or taken back for those listed beyond the plan")
    due_pence = Column(pl.Int64, "pence", "Both together")


class BodySupply(Schema):
    """What the body pays a provider for a service of a locality."""

    year = YEAR
    provider_code = PROVIDER
    locality_code = LOCALITY
    service_code = SERVICE
    is_elsewhere = Column(
        pl.Boolean, "true or false", "Whether its patients are treated outside the system's own providers"
    )
    paid_pence = Column(pl.Int64, "pence", "Payment")


@dataclass(frozen=True)
class BodySettlement:
    """Everything that a body's contract says of a run."""

    body: CareBody
    scope: Frame[BodyScope]
    payments: Frame[BodyPayment]
    supply: Frame[BodySupply]
    localities: Frame[LocalityBudget]
    hospitals: Frame[HospitalShare]
    accounts: Frame[BodyAccount]


def settle_body(body: CareBody, pack: DataPack, run: Run) -> BodySettlement:
    """The contract of a body on the lists and the money of a run.

    Raises:
        ContractError: a contract that starts before its body exists, a scope that leaves money nowhere or names what is not there, a year
            without planned persons, a run of another scenario; all together.

    Example:
        A rate of £1,129.10 and 51,610 persons more in a year are £58,272,851.00 more.
    """
    years = [y for y in _years(run) if y in body.shadow_years or y >= body.first_year]
    _check(body, pack, run, years)
    payments = _payments(body, pack, run, years)
    supply = _supply(body, run, years)
    each = _years_of(body, pack, payments, supply, years)
    shares, found = accounts(body, each)
    localities = _localities(body, each, payments, supply)
    return BodySettlement(body, _scope(body, run, years), payments, supply, localities, shares, found)


def _years(run: Run) -> list[FinancialYear]:
    return [FinancialYear(y) for y in run.service_envelope.get_column("year").unique().sort()]


def _check(body: CareBody, pack: DataPack, run: Run, years: list[FinancialYear]) -> None:
    faults, where = Faults(), f"body {body.id}"
    scenario = run.manifest.scenario.get("id")
    if scenario != body.scenario:
        faults.add(f"{where}: scenario", f"a run of {scenario!r}", f"a run of {body.scenario!r}")
    faults.extend(start_faults(body, pack, _years(run)))
    services = set(run.service_envelope.get_column("service_code"))
    faults.extend(
        scope_faults(body, services, f"{where}: scope", "every service of the run, once", "a service of the run")
    )
    streams = set(run.allocation.get_column("stream"))
    if body.stream not in streams:
        faults.add(f"{where}: stream", repr(body.stream), "a stream of the run", suggest(body.stream, streams))
    paid = set(run.provider_allocation.get_column("provider_code"))
    councils = [code for row in body.scope for code in row.pooled_with]
    for code in sorted({*body.sharers, *councils} - paid):
        faults.add(
            f"{where}: sharers and pools",
            f"{code!r}, which the run does not pay",
            "a provider of the run",
            suggest(code, paid),
        )
    planned = {each.year for each in body.planned_persons}
    for year in years:
        if year not in planned:
            faults.add(
                f"{where}: planned_persons",
                f"none of {year}",
                "the planned persons for whom each year is paid on account",
            )
    if body.contract not in pack.names("contracts"):
        faults.add(
            f"{where}: contract",
            f"no contract {body.contract!r}",
            "a contract of the pack",
            suggest(body.contract, pack.names("contracts")),
        )
    faults.raise_if_any(ContractError, f"{where}: its contract cannot be settled")


def _payments(body: CareBody, pack: DataPack, run: Run, years: list[FinancialYear]) -> Frame[BodyPayment]:
    homes = run.membership.select(code="practice_code", locality="locality_code", commissioner="commissioner_code")
    weighed = (
        run.allocation.filter(
            (pl.col("level") == "practice")
            & (pl.col("stream") == body.stream)
            & pl.col("year").is_in([str(y) for y in years])
        )
        .join(homes, on="code", how="left", validate="m:1")
        .group_by("year", "commissioner", "locality")
        .agg(pl.col("weighted_persons").sum())
        .with_columns(pl.col("weighted_persons").sum().over("year").round(6).alias("listed_persons"))
    )
    planned = {str(each.year): float(each.value) for each in body.planned_persons}
    rates = {str(y): nearest(body.rate(y)) for y in years}
    rows = weighed.join(pl.DataFrame({"quarter": range(1, QUARTERS + 1)}), how="cross").with_columns(
        pl.lit(body.code).alias("body"),
        pl.col("year").replace_strict(planned, return_dtype=pl.Float64).alias("planned_persons"),
        pl.col("year").replace_strict(rates, return_dtype=pl.Int64).alias("rate_pence"),
    )
    rows = rows.sort("year", "quarter", "commissioner", "locality")
    contract = read_contract(pack.path(f"contracts/{body.contract}.toml"))
    done = settled_once(contract, rows, f"body {body.id}").results
    parts = rows.with_columns(done.get_column(name) for name in ("on_account_pence", "true_up_pence"))
    due = pl.col("on_account_pence") + pl.col("true_up_pence")
    return BodyPayment.validate(
        parts.with_columns(_shadow(body), due.alias("due_pence"), pl.col("quarter").cast(pl.Int64))
        .rename({"commissioner": "commissioner_code", "locality": "locality_code"})
        .select(*BodyPayment.columns())
    )


def _shadow(body: CareBody) -> pl.Expr:
    return pl.col("year").is_in([str(y) for y in body.shadow_years]).alias("is_shadow")


def _scope(body: CareBody, run: Run, years: list[FinancialYear]) -> Frame[BodyScope]:
    key, amount = ["year", "service_code"], pl.col("allocation_pence").sum()
    given = run.service_envelope.group_by(key).agg(amount.alias("money_in_pence"))
    taken = run.provider_allocation.group_by(key).agg(amount.alias("money_out_pence"))
    rows = pl.DataFrame(
        [(row.service, row.in_scope, " ".join(row.pooled_with)) for row in body.scope],
        schema={"service_code": pl.String, "in_scope": pl.Boolean, "pooled_with": pl.String}, orient="row",
    )  # fmt: skip
    both = (
        given.filter(pl.col("year").is_in([str(y) for y in years]))
        .join(taken, on=key, how="left", validate="1:1")
        .with_columns(pl.col("money_out_pence").fill_null(0))
        .join(rows, on="service_code", how="left", validate="m:1")
    )
    faults = Faults()
    for year, service, inside, out in both.filter(pl.col("money_in_pence") != pl.col("money_out_pence")).select(*key, "money_in_pence", "money_out_pence").iter_rows():  # fmt: skip
        faults.add(
            f"body {body.id}: {service} of {year}",
            f"£{pounds_text(inside)} in and £{pounds_text(out)} out",
            "as much out as in",
        )
    faults.raise_if_any(ContractError, f"body {body.id}: its scope leaves money nowhere")
    return BodyScope.validate(both.select(*BodyScope.columns()))


def _supply(body: CareBody, run: Run, years: list[FinancialYear]) -> Frame[BodySupply]:
    """What the run plans for care in scope, by provider and service, shared by the activity of each locality's own people."""
    inside = [row.service for row in body.scope if row.in_scope]
    own = set(run.code_name.filter(kind="organisation").get_column("code"))
    mine = pl.col("service").is_in(inside) & pl.col("year").is_in([str(y) for y in years])
    paid = (
        run.provider_allocation.rename({"provider_code": "provider", "service_code": "service"})
        .filter(mine)
        .group_by("year", "provider", "service")
        .agg(pl.col("allocation_pence").sum().alias("paid_pence"))
    )
    of_run = run_read(run)
    activity = Stages(None, None).keep("case activity", case_activity, of_run, PRICED, PLANNED, Decimal(0), ())
    use = Stages(None, None).keep("own use", own_use, lines_of(of_run), activity).value
    elsewhere = pl.col("provider_code").str.starts_with("X-") | ~pl.col("provider_code").is_in(list(own))
    rows = care_of(paid, use.filter(mine)).rename({"provider": "provider_code", "service": "service_code"})
    return BodySupply.validate(rows.with_columns(elsewhere.alias("is_elsewhere")).select(*BodySupply.columns()))


def budgets_of(payments: Frame[BodyPayment]) -> pl.DataFrame:
    """The budget of every locality over the quarters and commissioners of a year: columns `BUDGETS`, in order."""
    quarters = payments.select("quarter").n_unique() or 1
    sums = payments.group_by("year", "locality_code").agg(
        pl.col("weighted_persons").sort_by("commissioner_code", "quarter").sum() / quarters,
        pl.col("rate_pence").first(), pl.col("on_account_pence", "true_up_pence").sum(),
    )  # fmt: skip
    return sums.select(*BUDGETS).sort("year", "locality_code")


def _localities(
    body: CareBody, years: list[BodyYear], payments: Frame[BodyPayment], supply: Frame[BodySupply]
) -> Frame[LocalityBudget]:
    rows = settle_localities(body, years, budgets_of(payments), supply, None)
    return LocalityBudget.validate(pl.DataFrame(rows, schema=LocalityBudget.dtypes(), orient="row"))


def unearned(body: CareBody, pack: DataPack, income: Mapping[str, int]) -> dict[str, int]:
    """What the body does not earn of its improvement payment, by year; nothing where its contract has none.

    Args:
        body: the body.
        pack: data pack with the contract of the payment and the plan's waiting-time results.
        income: what commissioners owe it by year, in pence.

    Raises:
        ContractError: a measure that the source does not print for a hospital.
    """
    terms = body.improvement
    if terms is None:
        return dict.fromkeys(income, 0)
    found = waiting_results(pack, terms.source).filter(pl.col("organisation_code").is_in(list(body.sharers)))
    faults = Faults()
    for measure in terms.measures:
        lacking = sorted(set(body.sharers) - set(found.filter(measure=measure).get_column("organisation_code")))
        if lacking:
            known = sorted(set(found.get_column("measure")))
            faults.add(
                f"body {body.id}: improvement.measures", f"no {measure!r} of {', '.join(lacking)} in {terms.source}",
                "a printed result of each hospital", suggest(measure, known),
            )  # fmt: skip
    faults.raise_if_any(ContractError, f"body {body.id}: its improvement payment cannot be settled")
    mine = found.filter(pl.col("measure").is_in(list(terms.measures)))
    score = int(mine.get_column("met").sum()) / mine.height
    rows = pl.DataFrame(
        [(body.code, year, float(Decimal(pence) * terms.part.value / 100), score) for year, pence in income.items()],
        schema=["provider", "year", "annual_sum", "outcome_score"], orient="row",
    )  # fmt: skip
    contract = read_contract(pack.path(f"contracts/{terms.contract}.toml"))
    done = settled_once(contract, rows, f"body {body.id}: improvement payment").results
    return dict(zip(income, done.get_column("not_earned_pence").to_list(), strict=True))


def _years_of(
    body: CareBody, pack: DataPack, payments: Frame[BodyPayment], supply: Frame[BodySupply], years: list[FinancialYear]
) -> list[BodyYear]:
    income = {str(y): int(payments.filter(year=str(y)).get_column("due_pence").sum()) for y in years}
    missed = unearned(body, pack, income)
    found = []
    for year in years:
        weighed = payments.filter(year=str(year), quarter=1).get_column("weighted_persons").sum()
        bought = supply.filter(year=str(year)).group_by("provider_code").agg(pl.col("paid_pence").sum())
        key = str(year)
        found.append(BodyYear(year, round(float(weighed), 6), income[key], missed[key], dict(bought.iter_rows())))
    return found


__all__ = [
    "BodyPayment",
    "BodyScope",
    "BodySettlement",
    "BodySupply",
    "LocalityBudget",
    "budgets_of",
    "settle_body",
    "unearned",
]
