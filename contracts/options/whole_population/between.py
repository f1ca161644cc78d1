"""A body among contract options: from its first paid year commissioners pay it, and it pays in their place for the care in scope.

    commissioner -> body    weighted persons x rate, trued up; less improvement that is not earned; less what it returns
    body -> provider        what the option's contracts pay for care in scope, whatever activity does
    body -> hospital        its part of what is left, gain or loss
    body -> council         the body's part of what a section 75 pool overspends

The body's position is what it carries on. Where its contract is not paid yet, commissioners pay as under the option that holds before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from capitation.money.apportion import split
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stage, Stages
from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION
from capitation.records.frames import Frame, content_digest
from capitation.records.identity import canonical, digest
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.options.kept.on_run import given, written
from contracts.options.kept.settled import settled_once
from contracts.options.position import Payment
from contracts.options.whole_population.accounts import BodyAccount, BodyYear, account_rows, hospital_shares, returned
from contracts.options.whole_population.document import CareBody
from contracts.options.whole_population.settlement import settle_body

ON_ACCOUNT, TRUE_UP, UNEARNED, RETURNED, SHARED, POOLED = 1, 2, 3, 4, 11, 1
"""Numbers of the body's terms: its contract's own, what its improvement loses, what it returns, its hospitals' part, its pools'."""


class OptionBodyAccount(BodyAccount):
    """The account of a body under an option in one activity case, in the years in which it is paid."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    organisation_code = ORGANISATION.but(about="The body")


@dataclass(frozen=True)
class BodyBetween:
    """A body's contract on a run, ready to stand between the commissioners and the providers of an option."""

    body: CareBody
    contract: Contract
    """What it is paid under."""
    pool: Contract | None
    """What its pools are settled under."""
    due: pl.DataFrame
    """year, commissioner_code, on_account_pence, true_up_pence."""
    unearned: Mapping[str, int]
    """Improvement payment that is not earned, by year."""
    persons: Mapping[str, float]
    """Weighted persons of the lists, by year."""
    first: FinancialYear
    """First year in which it is paid."""

    @cached_property
    def rests_on(self) -> list[object]:
        """All that it is, as plain content, for what is kept by it."""
        pool = None if self.pool is None else written(self.pool).key
        said = [self.body.model_dump_json(), written(self.contract).key, pool, content_digest(self.due)]
        return [*said, dict(self.unearned), dict(self.persons), str(self.first)]

    @property
    def inside(self) -> list[str]:
        """Services whose money goes through it."""
        return [row.service for row in self.body.scope if row.in_scope]

    @property
    def pools(self) -> dict[str, tuple[str, ...]]:
        """Councils of the pools by service."""
        return {row.service: row.pooled_with for row in self.body.scope if row.in_scope and row.pooled_with}

    def goes_through(self) -> pl.Expr:
        """Which rows of an outturn the body pays for."""
        return (pl.col("year") >= str(self.first)) & pl.col("service").is_in(self.inside)

    def payments(self, option: str, case: str, paid: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """What commissioners pay the body, and what it pays beside the option's contracts: rows of `Payment`.

        Args:
            option: id of the option.
            case: activity case.
            paid: rows of `Payment` with their `service`, of which the body's are those that it pays.
            rows: the outturn, with the cost of pooled services.
        """
        mine = paid.filter(pl.col("payer_role") == "provider")
        pools = self._pools(mine, rows)
        made: list[tuple[object, ...]] = []
        for year, due in self.due.filter(pl.col("year") >= str(self.first)).partition_by("year", as_dict=True).items():
            at = str(year[0])
            bought = mine.filter(year=at).group_by("provider_code").agg(pl.col("amount_pence").sum())
            each = self._year(at, dict(bought.iter_rows()), None)
            codes = due.get_column("commissioner_code").to_list()
            parts = due.select("on_account_pence", "true_up_pence").iter_rows()
            whole = [on_account + true_up for on_account, true_up in parts]
            shares = hospital_shares(self.body, each)
            back = returned(self.body, each, sum(shares.values()))
            for number, term, amounts in (
                (ON_ACCOUNT, "on account, for planned persons", due.get_column("on_account_pence").to_list()),
                (TRUE_UP, "true-up to the lists", due.get_column("true_up_pence").to_list()),
                (UNEARNED, "improvement that is not earned", split(-each.unearned, whole)),
                (RETURNED, "returned of what is left", split(-back, whole)),
            ):
                made += [
                    (at, code, self.body.code, self.contract.id, number, f"{self.contract.title}: {term}", "commissioner", pence)
                    for code, pence in zip(codes, amounts, strict=True)
                ]  # fmt: skip
            made += [
                (at, self.body.code, who, self.contract.id, SHARED, f"{self.contract.title}: part of gains and losses", "provider", pence)
                for who, pence in shares.items()
            ]  # fmt: skip
        if self.pool is not None:
            made += [
                (at, self.body.code, who, self.pool.id, POOLED, f"{self.pool.title}: the body's part of the overspend", "provider", pence)
                for (at, who), pence in pools.items()
            ]  # fmt: skip
        kinds = Payment.dtypes()
        names = [
            "year",
            "commissioner_code",
            "provider_code",
            "contract",
            "term_number",
            "term",
            "payer_role",
            "amount_pence",
        ]
        frame = pl.DataFrame(made, schema={name: kinds[name] for name in names}, orient="row")
        return frame.with_columns(
            pl.lit(option).alias("option"), pl.lit(case).alias("activity_case"), pl.lit("contract").alias("kind")
        ).select(*Payment.columns())

    def accounts(self, paid: pl.DataFrame) -> list[tuple[object, ...]]:
        """Rows of `BodyAccount` from the payments of one option and case."""
        own = paid.filter(pl.col("commissioner_code") == self.body.code)
        pool = "" if self.pool is None else self.pool.id
        care = own.filter(~pl.col("contract").is_in([self.contract.id, pool]))
        shared = own.filter(contract=pool).group_by("year").agg(pl.col("amount_pence").sum())
        pools = dict(shared.iter_rows())
        years = []
        for year in sorted(y for y in set(self.due.get_column("year")) if y >= str(self.first)):
            bought = care.filter(year=year).group_by("provider_code").agg(pl.col("amount_pence").sum())
            years.append(self._year(year, dict(bought.iter_rows()), pools.get(year, 0)))
        return account_rows(self.body, years)[0]

    def _year(self, year: str, paid: Mapping[str, int], pool: int | None) -> BodyYear:
        due = self.due.filter(year=year)
        income = sum(a + b for a, b in due.select("on_account_pence", "true_up_pence").iter_rows())
        return BodyYear(FinancialYear(year), self.persons[year], income, self.unearned[year], paid, pool)

    def _pools(self, mine: pl.DataFrame, rows: pl.DataFrame) -> dict[tuple[str, str], int]:
        """The body's part of what each council's pools overspend, by year and council."""
        if self.pool is None or self.body.pool is None:
            return {}
        part = float(self.body.pool.body_part.value)
        found: dict[tuple[str, str], int] = {}
        pools = [(service, council) for service, councils in self.pools.items() for council in councils]
        keys = pl.DataFrame(pools, schema={"service": pl.String, "provider_code": pl.String}, orient="row")
        key = ["year", "provider_code", "service"]
        budget = (
            mine.group_by(key).agg(pl.col("amount_pence").sum()).join(keys, on=["service", "provider_code"], how="semi")
        )
        cost = rows.rename({"provider": "provider_code"}).group_by(key).agg(pl.col("actual_cost_pence").sum())
        both = budget.join(cost, on=key, how="left", validate="1:1").sort(key)
        if both.is_empty():
            return {}
        lines = both.select(
            (pl.col("provider_code") + " " + pl.col("service")).alias("pool_line"), "year",
            pl.lit("variable").alias("line_kind"), (pl.col("amount_pence") / 100).alias("host_budget"),
            pl.lit(0.0).alias("partner_budget"), (pl.col("actual_cost_pence").fill_null(0) / 100).alias("outturn"),
            pl.lit(part).alias("host_share"), pl.lit(1 - part).alias("partner_share"),
        )  # fmt: skip
        done = settled_once(self.pool, lines, f"body {self.body.id}: section 75 pools").results
        over = done.get_column("host_over_pence").to_list()
        for (year, council, _), pence in zip(both.select(key).iter_rows(), over, strict=True):
            found[year, council] = found.get((year, council), 0) + int(pence)
        return found


_READ = ("allocation", "code_name", "membership", "provider_allocation", "service_envelope")
"""Frames of a run that a body's contract reads; no other is given to it."""


def body_between(body: CareBody, pack: DataPack, run: Run) -> BodyBetween:
    """A body's contract on a run, ready for an option; kept by what it reads.

    Raises:
        ContractError: as `settle_body`.
    """
    frames = {name: run.frames[name] for name in _READ if name in run.frames}
    says = [run.manifest.scenario, {name: content_digest(frame) for name, frame in frames.items()}]
    of_run = Stage(Run(run.manifest, frames), digest(canonical(says)))
    return Stages(None, pack).keep("body between", _between, body, pack, of_run).value


def _between(body: CareBody, pack: DataPack, run: Run) -> BodyBetween:
    done = settle_body(body, pack, run)
    amounts = pl.col("on_account_pence", "true_up_pence").sum()
    due = done.payments.group_by("year", "commissioner_code").agg(amounts).sort("year", "commissioner_code")
    kept = {str(y): (int(u), float(p)) for y, u, p in done.accounts.select("year", "unearned_pence", "listed_persons").iter_rows()}  # fmt: skip
    pool = None if body.pool is None else read_contract(pack.path(f"contracts/{body.pool.contract}.toml"))
    contract = read_contract(pack.path(f"contracts/{body.contract}.toml"))
    unearned, persons = ({y: both[i] for y, both in kept.items()} for i in (0, 1))
    return BodyBetween(body, contract, pool, due, unearned, persons, body.first_year)  # type: ignore[arg-type]


def option_accounts(bodies: Mapping[str, BodyBetween], payments: Frame[Payment]) -> Frame[OptionBodyAccount]:
    """The account of every option's body in every activity case."""
    parts = [OptionBodyAccount.empty()]
    for option, between in bodies.items():
        known = Stage(between, digest(canonical(between.rests_on)))
        mine = given(payments.filter(option=option))
        parts.append(Stages(None, None).keep("body account", _account, option, known, mine).value)
    return OptionBodyAccount.validate(pl.concat(parts))


def _account(option: str, between: BodyBetween, payments: Frame[Payment]) -> Frame[OptionBodyAccount]:
    """The account of one option's body in every activity case."""
    rows = [
        (option, case, between.body.code, *row)
        for (case,), paid in payments.partition_by("activity_case", as_dict=True).items()
        for row in between.accounts(paid)
    ]
    names = ["option", "activity_case", "organisation_code", *BodyAccount.columns()]
    kinds = OptionBodyAccount.dtypes()
    frame = pl.DataFrame(rows, schema={name: kinds[name] for name in names}, orient="row")
    return OptionBodyAccount.validate(frame.select(*OptionBodyAccount.columns()))


__all__ = ["BodyBetween", "OptionBodyAccount", "body_between", "option_accounts"]
