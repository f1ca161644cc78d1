"""The document of an accountable care body: when it exists, what its contract covers, its rate, and who shares what it gains.

Bodies are files of bodies/ in a data pack. What the body is paid is settled under a contract of contracts/.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, model_validator

from capitation.pack.sources import DataPack
from capitation.records.documents import Document, Figure, Judged
from capitation.records.years import FinancialYear


class ScopeRow(Document):
    """One service of the run, and whether its money goes through the body."""

    service: str
    """Code of the service."""
    in_scope: bool
    """True: commissioners pay the body and the body pays providers. False: commissioners pay providers as before."""
    pooled_with: tuple[str, ...] = ()
    """Codes of councils with whom the service is a pool under section 75."""
    about: str
    """Why, in a sentence."""


class YearFigure(Figure):
    """A figure of one year."""

    year: FinancialYear
    """The year."""


class Improvement(Document):
    """A payment for improvement in the body's contract: part of its income is kept back and earned by printed results."""

    contract: str
    """Id of a contract of contracts/ with an annual sum and a score of outcomes, such as "improvement-payment"."""
    part: Figure
    """The annual sum of that contract, as a part of the body's income."""
    source: str
    """Source of the plan's waiting-time results."""
    measures: tuple[str, ...] = Field(min_length=1)
    """Standards as printed; the score is the part of them that the sharing hospitals meet."""


class Pool(Document):
    """How the body and a council share what a section 75 pool over- or underspends."""

    contract: str
    """Id of a contract of contracts/ with lines, budgets and shares, such as "section-75"."""
    body_part: Figure
    """The body's part; the council bears the rest."""


class BodyFlags(Judged):
    """What must be settled before a contract is signed, and is not worked out here."""

    vat_can_be_recovered: bool
    """Whether the body can recover value added tax on what it buys, as NHS bodies can."""
    parent_guarantee: bool
    """Whether its owners stand behind its losses."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """What the answers rest on."""


class CareBody(Document):
    """An accountable care body with its whole-population contract."""

    id: str
    """Name of the body, the file's own."""
    title: str
    """Display name."""
    about: str
    """What it rests on."""
    code: str
    """Code of the body."""
    scenario: str
    """Id of the scenario whose lists and money it is tried on."""
    milestone: str
    """What a milestone of the plan drives when it establishes the body."""
    contract: str
    """Id of the contract of contracts/ that it is paid under."""
    shadow_years: tuple[FinancialYear, ...] = ()
    """Years in which the contract is worked out and not paid: the old contracts hold."""
    first_year: FinancialYear
    """First year in which it is paid."""
    stream: str
    """Stream whose need weighs the persons."""
    base_rate_pence: Figure
    """Rate of the base year: pence for one weighted person and year."""
    base_year: FinancialYear
    """Year of the base rate."""
    growth: tuple[YearFigure, ...]
    """Growth of the rate in each later year, as a share: the growth rule."""
    rebased_every: int = Field(ge=1)
    """Years after the first paid one until the rate is agreed anew from what care then costs; until then the growth rule holds."""
    planned_persons: tuple[YearFigure, ...]
    """Persons on whom payment goes on account; the lists of the run settle it every quarter."""
    scope: tuple[ScopeRow, ...] = Field(min_length=1)
    """Every service of the run, once."""
    sharers: tuple[str, ...] = Field(min_length=1)
    """Codes of the hospitals that share gains and losses."""
    sharers_part: Figure
    """Their part of what the body is left with, gain or loss."""
    carried_forward: Figure
    """Part of what is left that goes into the next year; the rest goes back to the commissioners."""
    reserve: Figure
    """What the body can lose in all, as a part of its income of the year."""
    improvement: Improvement | None = None
    """Its improvement payment; none where the budget has none."""
    pool: Pool | None = None
    """How pools of the scope are settled; none leaves what a pool over- or underspends with the council."""
    flags: BodyFlags
    """Tax and guarantee."""

    @model_validator(mode="after")
    def _holds(self) -> CareBody:
        services = [row.service for row in self.scope]
        wrong = [
            f"scope: service {s!r} is counted {services.count(s)} times; expected once"
            for s in sorted({s for s in services if services.count(s) > 1})
        ]
        if not any(row.in_scope for row in self.scope):
            wrong.append("scope: no service in it; expected at least one whose money goes through the body")
        wrong += [
            f"shadow_years: {y} is not before the first paid year {self.first_year}"
            for y in self.shadow_years
            if y >= self.first_year
        ]
        wrong += [
            f"{name}: found {figure.value}; expected a share from 0 to 1"
            for name, figure in (
                ("sharers_part", self.sharers_part),
                ("carried_forward", self.carried_forward),
                ("reserve", self.reserve),
            )
            if not 0 <= figure.value <= 1
        ]
        shares = [(f"{name}.{key}", each.value) for name, key, each in self._further()]
        wrong += [
            f"{name}: found {value}; expected a share from 0 to 1" for name, value in shares if not 0 <= value <= 1
        ]
        if self.pool is None and any(row.pooled_with and row.in_scope for row in self.scope):
            wrong.append("scope: a service pooled with councils, and no [pool] that says who bears what it overspends")
        for name, rows in (("growth", self.growth), ("planned_persons", self.planned_persons)):
            years = [row.year for row in rows]
            wrong += [f"{name}: {y} twice; expected once" for y in sorted({y for y in years if years.count(y) > 1})]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _further(self) -> list[tuple[str, str, Figure]]:
        found = [] if self.improvement is None else [("improvement", "part", self.improvement.part)]
        return found + ([] if self.pool is None else [("pool", "body_part", self.pool.body_part)])

    def rate(self, year: FinancialYear) -> Decimal:
        """The rate of a year by the growth rule, before it is rounded to whole pence."""
        value = self.base_rate_pence.value
        for each in sorted(self.growth, key=lambda g: g.year):
            if self.base_year < each.year <= year:
                value *= 1 + each.value
        return value


def read_body(pack: DataPack, name: str) -> CareBody:
    """The body of this name."""
    return pack.document(f"bodies/{name}.toml", CareBody)


__all__ = ["BodyFlags", "CareBody", "Improvement", "Pool", "ScopeRow", "YearFigure", "read_body"]
