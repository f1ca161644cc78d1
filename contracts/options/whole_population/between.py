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
from capitation.records.frames import content_digest
from capitation.records.identity import canonical, digest
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.options.kept.on_run import READ, written
from contracts.options.kept.settled import settled_once
from contracts.options.position import Payment
from contracts.options.whole_population.accounts import BodyYear, hospital_shares, returned
from contracts.options.whole_population.document import CareBody
from contracts.options.whole_population.settlement import budgets_of, settle_body
from contracts.settlement.settle import settle_apart

ON_ACCOUNT, TRUE_UP, UNEARNED, RETURNED, SHARED, POOLED = 1, 2, 3, 4, 11, 1
"""Numbers of the body's terms: its contract's own, what its improvement loses, what it returns, its hospitals' part, its pools'."""


Pools = dict[tuple[str, str], int]
"""The body's part of what pools overspend, by year and council."""


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
    budgets: pl.DataFrame
    """The same by locality, with its weighted persons and the rate."""
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
        due = [content_digest(self.due), content_digest(self.budgets)]
        said = [self.body.model_dump_json(), written(self.contract).key, pool, due]
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

    def payments(
        self, option: str, case: str, paid: pl.DataFrame, rows: pl.DataFrame, pools: Pools | None = None
    ) -> pl.DataFrame:
        """What commissioners pay the body, and what it pays beside the option's contracts: rows of `Payment`.

        Args:
            option: id of the option.
            case: activity case.
            paid: rows of `Payment` with their `service`, of which the body's are those that it pays.
            rows: the outturn, with the cost of pooled services.
            pools: its part of what pools overspend, where that is worked out already.
        """
        mine = paid.filter(pl.col("payer_role") == "provider")
        bought: dict[str, dict[str, int]] = {}
        sums = mine.group_by("year", "provider_code").agg(pl.col("amount_pence").sum())
        for year, who, pence in sums.sort("year", "provider_code").iter_rows():
            bought.setdefault(year, {})[who] = pence
        own, title = self.contract.id, self.contract.title
        made: list[tuple[object, ...]] = []
        for at, (codes, on_account, true_up) in self._due.items():
            if at < str(self.first):
                continue
            each = self._year(at, bought.get(at, {}), None)
            whole = [sum(both) for both in zip(on_account, true_up, strict=True)]
            shares = hospital_shares(self.body, each)
            back = returned(self.body, each, sum(shares.values()))
            for number, term, amounts in (
                (ON_ACCOUNT, "on account, for planned persons", on_account),
                (TRUE_UP, "true-up to the lists", true_up),
                (UNEARNED, "improvement that is not earned", split(-each.unearned, whole)),
                (RETURNED, "returned of what is left", split(-back, whole)),
            ):
                made += [
                    (at, code, self.body.code, own, number, f"{title}: {term}", "commissioner", pence)
                    for code, pence in zip(codes, amounts, strict=True)
                ]
            made += [
                (at, self.body.code, who, own, SHARED, f"{title}: part of gains and losses", "provider", pence)
                for who, pence in shares.items()
            ]
        if self.pool is not None:
            found = self.pools_by_level(mine, rows).get("", {}) if pools is None else pools
            made += [
                (at, self.body.code, who, self.pool.id, POOLED, f"{self.pool.title}: the body's part of the overspend", "provider", pence)
                for (at, who), pence in found.items()
            ]  # fmt: skip
        kinds = Payment.dtypes()
        frame = pl.DataFrame(made, schema={name: kinds[name] for name in _MADE}, orient="row")
        return frame.with_columns(
            pl.lit(option).alias("option"), pl.lit(case).alias("activity_case"), pl.lit("contract").alias("kind")
        ).select(*Payment.columns())

    def bought(self, paid: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What the body pays each provider for care, and each council for pools: year, provider, paid_pence.

        Args:
            paid: payments of one option and case.
        """
        own = paid.filter(pl.col("commissioner_code") == self.body.code, pl.col("year") >= str(self.first))
        pool = "" if self.pool is None else self.pool.id
        care, pools = own.filter(~pl.col("contract").is_in([self.contract.id, pool])), own.filter(contract=pool)
        sums = [
            rows.group_by("year", provider="provider_code").agg(pl.col("amount_pence").sum().alias("paid_pence"))
            for rows in (care, pools)
        ]
        return sums[0].sort("year", "provider"), sums[1].sort("year", "provider")

    def years(self, care: pl.DataFrame, pools: pl.DataFrame) -> list[BodyYear]:
        """What its account of every paid year rests on, from what it pays."""
        spent: dict[str, dict[str, int]] = {}
        for year, provider, pence in care.iter_rows():
            spent.setdefault(year, {})[provider] = pence
        shared = dict(pools.group_by("year").agg(pl.col("paid_pence").sum()).iter_rows())
        paid = sorted(y for y in set(self.due.get_column("year")) if y >= str(self.first))
        return [self._year(year, spent.get(year, {}), shared.get(year, 0)) for year in paid]

    @cached_property
    def _due(self) -> dict[str, tuple[list[str], list[int], list[int]]]:
        """Commissioners by year, and what each owes on account and as true-up."""
        found: dict[str, tuple[list[str], list[int], list[int]]] = {}
        names = ("year", "commissioner_code", "on_account_pence", "true_up_pence")
        for year, code, on_account, true_up in self.due.select(names).iter_rows():
            codes, accounts, trued = found.setdefault(year, ([], [], []))
            codes.append(code)
            accounts.append(on_account)
            trued.append(true_up)
        return found

    def _year(self, year: str, paid: Mapping[str, int], pool: int | None) -> BodyYear:
        _, on_account, true_up = self._due[year]
        return BodyYear(
            FinancialYear(year), self.persons[year], sum(on_account) + sum(true_up), self.unearned[year], paid, pool
        )

    def pools_by_level(self, paid: pl.DataFrame, rows: pl.DataFrame, level: str | None = None) -> dict[str, Pools]:
        """The body's part of what each council's pools overspend, by level of trial, year and council; one without a name where there are none.

        Args:
            paid: rows of `Payment` with their `service` that the body pays.
            rows: the outturn, with the cost of pooled services.
            level: column that keeps trials apart, which both have; none means one trial.
        """
        pools = [(service, council) for service, councils in self.pools.items() for council in councils]
        if self.pool is None or self.body.pool is None or not pools:
            return {}
        part, apart = float(self.body.pool.body_part.value), [] if level is None else [level]
        services, councils = sorted({each for each, _ in pools}), sorted({each for _, each in pools})
        keys = pl.DataFrame(pools, schema={"service": pl.String, "provider_code": pl.String}, orient="row")
        key = [*apart, "year", "provider_code", "service"]
        mine = pl.col("service").is_in(services) & pl.col("provider_code").is_in(councils)
        budget = paid.filter(mine).group_by(key).agg(pl.col("amount_pence").sum())
        budget = budget.join(keys, on=["service", "provider_code"], how="semi")
        care = rows.filter(pl.col("service").is_in(services)).rename({"provider": "provider_code"})
        cost = care.group_by(key).agg(pl.col("actual_cost_pence").sum())
        both = budget.join(cost, on=key, how="left", validate="1:1").sort(key)
        if both.is_empty():
            return {}
        lines = both.select(
            (pl.col("provider_code") + " " + pl.col("service")).alias("pool_line"), "year",
            pl.lit("variable").alias("line_kind"), (pl.col("amount_pence") / 100).alias("host_budget"),
            pl.lit(0.0).alias("partner_budget"), (pl.col("actual_cost_pence").fill_null(0) / 100).alias("outturn"),
            pl.lit(part).alias("host_share"), pl.lit(1 - part).alias("partner_share"), *apart,
        )  # fmt: skip
        where = f"body {self.body.id}: section 75 pools"
        done = settled_once(self.pool, lines, where).results if level is None else settle_apart(self.pool, lines, level, where)  # fmt: skip
        found: dict[str, Pools] = {}
        over = done.get_column("host_over_pence").to_list()
        names = both.get_column(level).to_list() if level is not None else [""] * both.height
        for name, (year, council), pence in zip(
            names, both.select("year", "provider_code").iter_rows(), over, strict=True
        ):
            own = found.setdefault(name, {})
            own[year, council] = own.get((year, council), 0) + int(pence)
        return found


_MADE = (
    "year",
    "commissioner_code",
    "provider_code",
    "contract",
    "term_number",
    "term",
    "payer_role",
    "amount_pence",
)
"""Columns of `Payment` that the body's own payments differ in."""

_READ = tuple(sorted({*READ, "code_name"} - {"organisation_account", "organisation_position", "sustainability_fund"}))
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
    budgets = budgets_of(done.payments)
    kept = {str(y): (int(u), float(p)) for y, u, p in done.accounts.select("year", "unearned_pence", "listed_persons").iter_rows()}  # fmt: skip
    pool = None if body.pool is None else read_contract(pack.path(f"contracts/{body.pool.contract}.toml"))
    contract = read_contract(pack.path(f"contracts/{body.contract}.toml"))
    unearned, persons = ({y: both[i] for y, both in kept.items()} for i in (0, 1))
    return BodyBetween(body, contract, pool, due, budgets, unearned, persons, body.first_year)  # type: ignore[arg-type]


__all__ = ["BodyBetween", "body_between"]
