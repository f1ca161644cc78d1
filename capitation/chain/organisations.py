"""The chain by organisation: each one's opening, its growth of cost and of income, its funding and what is left, adding to the system's.

    growth of cost      each line of spend goes to the providers that its base year's money flows to (largest remainder)
    growth of income    a provider's planned payments of the year less those of the base year; a commissioner keeps the growth of its reserves
    not explained       stands with nobody, under a code of its own, until a source shows who bears it

Contracts are not in it: planned payments are as the run has them, and an option moves them between organisations afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.allocation.commissioners import CommissionerMoney
from capitation.allocation.providers import LocalityFlow, ProviderAllocation, ServiceLine
from capitation.allocation.services import ServiceEnvelope
from capitation.chain.accounts import ACCOUNT, INCOME, OrganisationAccount, OrganisationPosition
from capitation.chain.book import OrganisationBook
from capitation.chain.bridge import KEPT, OWN, TITLES, TOTALS, BridgeLine, step_of
from capitation.chain.cost import CostOfDoingNothing, Drivers, stream_total
from capitation.chain.rules import Chain
from capitation.chain.sustainability import SustainabilityFund, sustainability_fund
from capitation.errors import Faults, ScenarioError
from capitation.money.apportion import split
from capitation.money.pence import pounds_text
from capitation.money.rounding import nearest, nearest_fraction
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear

_RUN = "the run's planned payments"


@dataclass(frozen=True)
class Paid:
    """What the run says of commissioners and providers."""

    money: Frame[CommissionerMoney]
    to_providers: Frame[ProviderAllocation]
    envelopes: Frame[ServiceEnvelope]
    flow: Frame[LocalityFlow]
    lines: Frame[ServiceLine]
    specialised: str | None
    """The commissioner of specialised services, whose payments are a source of their own."""


@dataclass(frozen=True)
class ByOrganisation:
    """The chain by organisation, and the accounts behind it."""

    bridge: Frame[BridgeLine]
    accounts: Frame[OrganisationAccount]
    positions: Frame[OrganisationPosition]
    fund: Frame[SustainabilityFund]
    notes: list[tuple[str, float, str, str]]
    """What the accounts leave unexplained, for the frame of things set aside."""


def by_organisation(
    chain: Chain, drivers: Drivers, book: OrganisationBook, paid: Paid, system: Frame[BridgeLine]
) -> ByOrganisation:
    """The chain of every organisation in every year of the system's, exact to the penny.

    Raises:
        ScenarioError: an organisation that money reaches and the book does not name, one without an opening, openings that do not add
            to the printed deficit, or a chain that does not close, with the line and the difference; all together.
    """
    return _Organisations(chain, drivers, book, paid, system).all()


class _Organisations:
    def __init__(
        self, chain: Chain, drivers: Drivers, book: OrganisationBook, paid: Paid, system: Frame[BridgeLine]
    ) -> None:
        self.chain, self.drivers, self.book, self.paid, self.system = chain, drivers, book, paid, system
        self.base = chain.base_year
        self.years = [FinancialYear(y) for y in system.get_column("year").unique().sort()]
        self.planned = _pence(paid.to_providers, "year", "provider_code")
        by_buyer = paid.to_providers.with_columns(pl.col("commissioner_code") == pl.lit(paid.specialised or ""))
        self.bought = _pence(by_buyer, "year", "provider_code", "commissioner_code")
        rows = paid.money.select("year", "commissioner_code", "allocation_pence", "held_pence", "planned_pence")
        self.money = {(y, c): (a, h, p) for y, c, a, h, p in rows.iter_rows()}
        self._check()
        self.openings = self._openings(self.base)
        self.cost = CostOfDoingNothing(chain, drivers)
        self.weights = self._weights()

    def all(self) -> ByOrganisation:
        funds = {y: stream_total(self.drivers.totals, y, self.chain.sustainability_stream) for y in self.years}
        fund = sustainability_fund(self.book, funds, self._income_by_year(), self.drivers.parameters)
        earned = {(y, o): e for y, o, e in fund.group_by("year", "organisation_code").agg(pl.col("earned_pence").sum()).iter_rows()}  # fmt: skip
        rows: list[tuple[object, ...]] = []
        accounts: list[tuple[object, ...]] = []
        positions: list[tuple[object, ...]] = []
        notes: list[tuple[str, float, str, str]] = []
        for year in self.years:
            growth = self._growth(year)
            for who in (*self.book.commissioners, *self.book.providers):
                own = self._chain_of(who, year, growth, earned.get((str(year), who), 0))
                rows += _bridge_rows(str(year), who, own, self._source)
                lines, unpublished = self._account(who, year, growth.get(who, {}), earned.get((str(year), who), 0))
                accounts += [(str(year), who, self._role(who), list(ACCOUNT).index(n) + 1, n, ACCOUNT[n], a, s) for n, a, s in lines]  # fmt: skip
                positions.append(self._position(who, year, lines))
                whole = sum(a for n, a, _ in lines if n in INCOME)
                if year == self.base and unpublished > self.book.most_unpublished * whole:
                    notes.append(
                        (f"income of {who} without a source", round(unpublished / 100, 2), "pounds a year",
                         f"{unpublished / whole:.0%} of its income of {year} is left over from its printed size; at most {self.book.most_unpublished:.0%} should be.")
                    )  # fmt: skip
            unearned = funds[year] - sum(e for (y, _), e in earned.items() if y == str(year))
            self._alone(rows, positions, year, self.book.fund, "sustainability", -unearned)
            self._alone(rows, positions, year, self.book.unshared, "not_explained", self._system(year, "not_explained"))
        bridge = BridgeLine.validate(pl.DataFrame(rows, schema=BridgeLine.dtypes(), orient="row"))
        self._require_closed(bridge)
        return ByOrganisation(
            bridge,
            OrganisationAccount.validate(pl.DataFrame(accounts, schema=OrganisationAccount.dtypes(), orient="row")),
            OrganisationPosition.validate(pl.DataFrame(positions, schema=OrganisationPosition.dtypes(), orient="row")),
            fund,
            notes,
        )

    def _check(self) -> None:
        """Refuse a book that leaves an organisation without income, cost or opening, or adds to other sums than the printed."""
        book, faults, where = self.book, Faults(), f"book {self.book.id}"
        opened = {o for each in book.openings if each.year == self.base for o in each.organisations}
        for who in sorted({str(o) for _, o in self.planned} - {*book.providers}):
            faults.add(
                f"{where}: providers", f"no {who!r}, which the run pays", "every provider of the run, with its opening"
            )
        for who in sorted({o for _, o in self.money} - {*book.commissioners}):
            faults.add(
                f"{where}: commissioners", f"no {who!r}, which holds money in the run", "every commissioner of the run"
            )
        for who in (*book.providers, *book.commissioners):
            if who not in opened:
                faults.add(
                    f"{where}: openings",
                    f"none of {who!r} in {self.base}",
                    "the surplus that it opens with, marked where it is assumed",
                )
        for who in sorted({*book.providers} - {o for _, o in self.planned} - {i.organisation for i in book.income}):
            faults.add(
                f"{where}: providers",
                f"{who!r} without income",
                "a provider that the run pays or that has other income",
            )
        for gap in self.drivers.gaps:
            for part in gap.parts:
                mine = [each.pounds for each in book.openings if each.year == gap.year]
                if part.name in book.printed_parts and mine and sum(mine) != -part.pounds:
                    faults.add(
                        f"{where}: openings of {gap.year}", f"a deficit of {-sum(mine):,} pounds",
                        f"the printed {part.pounds:,} ({part.name}); difference {-sum(mine) - part.pounds:,} pounds",
                    )  # fmt: skip
        faults.raise_if_any(ScenarioError, f"{where}: the chain cannot be made by organisation")

    def _size(self, who: str, year: FinancialYear) -> int:
        """Income of an organisation from the system in a year: an allocation, or planned payments."""
        return self.money[str(year), who][0] if (str(year), who) in self.money else self.planned.get((str(year), who), 0)  # fmt: skip

    def _income_by_year(self) -> dict[tuple[str, str], int]:
        return {(str(y), who): self._size(who, y) for y in self.years for who in self.book.providers}

    def _openings(self, year: FinancialYear) -> dict[str, int]:
        """Surpluses of a year by organisation; several that share one do so by their income of the base year."""
        found: dict[str, int] = {}
        for each in self.book.openings:
            if each.year == year:
                weights = [self._size(o, self.base) for o in each.organisations]
                found |= zip(each.organisations, split(each.pence, weights if sum(weights) else [1] * len(weights)), strict=True)  # fmt: skip
        return found

    def _weights(self) -> dict[str, tuple[list[str], list[int]]]:
        """Providers of each line of spend, with the base year's money that flows to them."""
        base = self.paid.envelopes.filter(pl.col("year") == str(self.base))
        service = base.group_by("locality_code", "service_code").agg(pl.col("allocation_pence").sum())
        rows = (
            self.paid.flow.join(self.paid.lines.select("line", "service_code"), on="line", how="inner", validate="m:1")
            .join(service, on=["locality_code", "service_code"], how="inner", validate="m:1")
            .with_columns((pl.col("allocation_pence").cast(pl.Int128) * pl.col("share_ppm")).alias("weight"))
            .group_by("line", "provider_code")
            .agg(pl.col("weight").sum())
            .sort("line", "provider_code")
        )
        found: dict[str, tuple[list[str], list[int]]] = {}
        for line, who, weight in rows.iter_rows():
            codes, weights = found.setdefault(line, ([], []))
            codes.append(who)
            weights.append(int(weight))
        return found

    def _growth(self, year: FinancialYear) -> dict[str, dict[str, int]]:
        """Growth of cost of every provider by line of the chain."""
        found: dict[str, dict[str, int]] = {}
        for line, step, amount in self.cost.growth(year):
            if line not in self.weights:
                raise ScenarioError(
                    f"book {self.book.id}: cost of {line!r} reaches no provider; expected flows of every line of spend"
                )
            codes, weights = self.weights[line]
            for who, part in zip(codes, split(amount, weights), strict=True):
                mine = found.setdefault(who, {})
                mine[step] = mine.get(step, 0) + part
        return found

    def _chain_of(
        self, who: str, year: FinancialYear, growth: Mapping[str, dict[str, int]], earned: int
    ) -> dict[str, int]:
        """Lines of an organisation's own chain, deficits above nothing."""
        if who in self.book.commissioners:
            risen = self.money[str(year), who][1] - self.money[str(self.base), who][1]
        else:
            risen = self.planned.get((str(year), who), 0) - self.planned.get((str(self.base), who), 0)
        lines = {"opening": -self.openings[who], **{s: growth.get(who, {}).get(s, 0) for s in ("volume", "price", "drugs", "specialised_growth")}}  # fmt: skip
        lines["allocation_growth"] = -risen
        lines["derived_do_nothing"] = sum(lines.values())
        if any(s.organisation == who for s in self.book.standards):
            lines["sustainability"] = -earned
        lines["left"] = lines["derived_do_nothing"] - earned
        return lines

    def _account(
        self, who: str, year: FinancialYear, growth: Mapping[str, int], earned: int
    ) -> tuple[list[tuple[str, int, str]], int]:
        """Lines of an account (line, pence, source), and what of its income has no source."""
        lines: list[tuple[str, int, str]] = []
        unpublished = 0
        if who in self.book.commissioners:
            allocation, _, planned = self.money[str(year), who]
            opening, start = self.openings[who], self.money[str(self.base), who]
            allowance = self._running_costs(who, year)
            lines = [
                ("allocation", allocation, "the scenario's streams by the practices of each commissioner"),
                ("planned_payments", -planned, _RUN),
                ("other_cost", opening - start[1], "opening surplus less the reserves of the base year"),
            ]
            if allowance:
                lines.insert(
                    1, ("running_costs", allowance, "parameter top_slices.running_cost_pounds_per_head; spent in full")
                )
                lines[-1] = (
                    "other_cost",
                    opening - start[1] - allowance,
                    "opening surplus less the reserves of the base year, and running costs",
                )
        else:
            system, special = (self.bought.get((str(year), who, flag), 0) for flag in (False, True))
            others: list[tuple[str, int, str]] = [
                (i.kind, i.pence, f"{i.source}: {i.where}") for i in self.book.income if i.organisation == who
            ]
            size = next((s for s in self.book.sizes if s.organisation == who), None)
            now = self.planned.get((str(self.base), who), 0)
            if size is not None:
                unpublished = size.pence + self.openings[who] - now - sum(p for _, p, _ in others)
                others.append(
                    (
                        "not_published",
                        unpublished,
                        f"{size.source}: {size.where}; less opening deficit and every income with a source",
                    )
                )
            grown = self._prices(year)
            elsewhere = [(kind, nearest_fraction(p * grown), s) for kind, p, s in others]
            cost = now - self.openings[who] + sum(growth.values()) + sum(p for _, p, _ in elsewhere)
            lines = [("system", system, _RUN)] + ([("specialised", special, _RUN)] if special else []) + elsewhere
            lines.append(
                ("cost", -cost, "income of the base year less the opening surplus, and the growth of the chain")
            )
        if any(s.organisation == who for s in self.book.standards):
            lines.append(("sustainability", earned, "frame sustainability_fund"))
        lines.append(("position", sum(p for _, p, _ in lines), "the sum of the lines above"))
        return lines, unpublished

    def _prices(self, year: FinancialYear) -> Fraction:
        factor, at = Fraction(1), self.base
        while at < year:
            at = at.next
            factor *= 1 + Fraction(self.drivers.parameters.value("prices.cost_uplift", at))
        return factor

    def _running_costs(self, who: str, year: FinancialYear) -> int:
        """The allowance of a commissioning group, its share of persons taken by allocation; none of a body that serves all of them."""
        if not self.book.rules.running_costs or who == self.paid.specialised:
            return 0
        mine = [c for c in self.book.commissioners if c != self.paid.specialised]
        head = self.drivers.parameters.value("top_slices.running_cost_pounds_per_head", year)
        whole = nearest(head * Decimal(self.drivers.persons[str(year)]) * 100)
        return split(whole, [self.money[str(year), c][0] for c in mine])[mine.index(who)]

    def _position(self, who: str, year: FinancialYear, lines: list[tuple[str, int, str]]) -> tuple[object, ...]:
        income = sum(a for n, a, _ in lines if n in INCOME)
        funding = sum(a for n, a, _ in lines if n == "sustainability")
        position = lines[-1][1]
        total, source = self._control_total(who, year)
        margin = None if total is None else position - total
        return (
            str(year), who, self._role(who), income, income + funding - position, funding, position, total, margin,
            None if margin is None else margin >= 0, source,
        )  # fmt: skip

    def _control_total(self, who: str, year: FinancialYear) -> tuple[int | None, str | None]:
        """What a body must reach in a year and what it rests on: the book's, or for a commissioner the rules."""
        given = self.book.control_total(who, year)
        if given is not None:
            return given.pence, f"{given.source}: {given.where}"
        if who not in self.book.commissioners or who == self.paid.specialised:
            return None, None
        total, said, repay = 0, [], self.book.rules.repayment
        if self.book.rules.surplus:
            rate = self.drivers.parameters.value("top_slices.cumulative_surplus", year)
            total += nearest(rate * self.money[str(year), who][0])
            said.append("parameter top_slices.cumulative_surplus of its allocation")
        if (
            repay is not None
            and repay.on
            and who in repay.organisations
            and 0 <= year.years_after(repay.first_year) < repay.years
        ):
            yearly = split(nearest(repay.pounds * 100), [1] * repay.years)[year.years_after(repay.first_year)]
            shares = split(yearly, [self.money[str(self.base), o][0] for o in repay.organisations])
            total += shares[repay.organisations.index(who)]
            said.append(f"repayment of the accumulated deficit ({repay.source}: {repay.where})")
        return total, " and ".join(said) or "no rule is switched on"

    def _role(self, who: str) -> str:
        return "commissioner" if who in self.book.commissioners else "provider"

    def _system(self, year: FinancialYear, line: str) -> int:
        mine = self.system.filter((pl.col("year") == str(year)) & (pl.col("line") == line))
        return int(mine.get_column("amount_pence").sum())

    def _alone(
        self, rows: list[tuple[object, ...]], positions: list[tuple[object, ...]], year: FinancialYear, code: str, line: str, amount: int
    ) -> None:  # fmt: skip
        """Rows of a code that no organisation stands behind: one line and what is left."""
        rows += _bridge_rows(str(year), code, {line: amount, "left": amount}, self._source)
        role = "fund" if code == self.book.fund else "unshared"
        income, cost = (-amount, 0) if role == "fund" else (0, amount)
        positions.append((str(year), code, role, income, cost, 0, -amount, None, None, None, None))

    def _source(self, who: str, line: str) -> str:
        if line == "opening":
            each = next(o for o in self.book.openings if o.year == self.base and who in o.organisations)
            return f"{each.source}: {each.where}"
        if line == "allocation_growth":
            return "growth of its reserves" if who in self.book.commissioners else f"growth of {_RUN}"
        if line == "sustainability":
            return "earned by its conditions, or where they are not met kept by the fund (frame sustainability_fund)"
        if line == "not_explained":
            kept = self.chain.not_explained_pounds is not None and who == self.book.unshared
            return f"{KEPT if kept else 'printed less derived'}; no source shows who bears it"
        if line in ("derived_do_nothing", "left"):
            return "the sum of the lines above"
        return "its part of the system's line, by the base year's money for each line of spend"

    def _require_closed(self, bridge: Frame[BridgeLine]) -> None:
        """The organisations add to the system in every line and year; what does not is named with its difference."""
        names = {own: line for line, own in OWN.items()}
        key = ["year", "line"]
        own = (
            bridge.with_columns(pl.col("line").replace(names))
            .group_by(key)
            .agg(pl.col("amount_pence").sum().alias("own"))
        )
        both = self.system.filter(pl.col("line") != "printed_do_nothing").join(own, on=key, how="left").with_columns(pl.col("own").fill_null(0))  # fmt: skip
        faults = Faults()
        for year, line, amount, mine in both.filter(pl.col("own") != pl.col("amount_pence")).select(*key, "amount_pence", "own").iter_rows():  # fmt: skip
            faults.add(
                f"chain {self.chain.id}: {line} of {year}", f"organisations that add to {pounds_text(mine)} pounds",
                f"{pounds_text(amount)}, the system's; difference {pounds_text(mine - amount)}",
            )  # fmt: skip
        faults.raise_if_any(ScenarioError, f"chain {self.chain.id}: the chain does not close by organisation")


def _bridge_rows(
    year: str, who: str, lines: Mapping[str, int], source: Callable[[str, str], str]
) -> list[tuple[object, ...]]:
    named = ((line, OWN.get(line, line), amount) for line, amount in lines.items())
    return [
        (year, who, "organisation", step_of(line), own, TITLES[line], amount, own in TOTALS, source(who, line))
        for line, own, amount in named
    ]


def _pence(frame: pl.DataFrame, *key: str) -> dict[tuple[object, ...], int]:
    sums = frame.group_by(*key).agg(pl.col("allocation_pence").sum())
    return {tuple(row[:-1]): row[-1] for row in sums.select(*key, "allocation_pence").iter_rows()}
