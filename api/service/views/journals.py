"""What is sent and shown of journals: the request, the head, and the whole journal with its lines."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field

from api.service.records.api_models import ApiModel, JournalKind, Money
from api.service.records.examples import example_of
from api.service.store import StoredJournal
from api.service.views.models import moment
from capitation.money.pence import decimal_text

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> object:
    """A date is written as text and without a time: a number would be taken for seconds since 1970."""
    if value is not None and not isinstance(value, dt.date) and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("expected a date such as 2019-03-31")
    return value


class JournalRequest(ApiModel):
    """Which journal is to be made."""

    result: str = Field(pattern=r"^/v1/(runs|settlements)/[0-9a-f]{16,64}$", examples=["/v1/runs/f10e0a9b83f73e51"])
    """Address of an approved run or settlement."""
    period: str = Field(min_length=4, max_length=16, pattern=r"^[0-9/-]+$", examples=["2018/19"])
    """Financial year, or period of the settlement's entries."""
    source: Literal["provider_allocation", "locality_total"] = Field(
        default="provider_allocation", examples=["provider_allocation"]
    )
    """For a run: allocations to providers in commissioners' ledgers, or totals of localities in the system's."""
    accounting_date: Annotated[dt.date, BeforeValidator(_day)] | None = Field(default=None, examples=["2019-03-31"])
    """Date it is posted on, in the period or the three months in which it is closed; the last day of the period where it is not given."""
    part: str | None = Field(
        default=None,
        pattern=r"^([0-9]{4}-[0-9]{2}|[0-9]{4}/[0-9]{2} Q[1-4])$",
        examples=[None, "2018-04", "2018/19 Q1"],
    )
    """Month or quarter of the financial year to post; the whole period where it is not given. The parts of a year add to it to the penny."""
    profile: str = Field(default="twelfths", pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64, examples=["twelfths"])
    """Profile of the data pack that parts the year into its months."""
    restates: str | None = Field(
        default=None, pattern=r"^(/v1/journals/)?[0-9a-f]{16}$", examples=[None, "5b0c3f3e9d1a7c42"]
    )
    """Journal that stands and is put right, by its id or address: the answer is its reversal and a replacement, both linked to it."""

    @property
    def restated(self) -> str | None:
        """Id of the journal that is put right."""
        return None if self.restates is None else self.restates.rpartition("/")[2]


class JournalView(ApiModel):
    """What names a journal and says where it comes from; its lines stand at its address, as JSON or CSV."""

    id: str = Field(examples=["5b0c3f3e9d1a7c42"])
    """The journal: the first 16 digits of the hash of its content."""
    result: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figures come from."""
    organisation: str = Field(examples=["VALE"])
    """System, or contract, that the figures are of."""
    period: str = Field(examples=["2018/19"])
    """Period the figures are of."""
    source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    kind: JournalKind = Field(examples=["original"])
    """A first posting, one that takes an earlier one back, or its replacement."""
    linked_to: str | None = Field(examples=[None])
    """Journal that it reverses or replaces; none for a first posting."""
    lines: int = Field(examples=[848])
    """How many lines it has."""
    debit_total: Money
    """Sum of its debits in pounds."""
    credit_total: Money
    """Sum of its credits in pounds; the same."""
    author: str = Field(examples=["cal"])
    """Who asked for it first."""
    created: dt.datetime = Field(examples=["2018-03-28T14:35:00Z"])
    """When it was made."""
    href: str = Field(examples=["/v1/journals/5b0c3f3e9d1a7c42"])
    """Where its lines stand."""


class JournalsMade(ApiModel):
    """The journals that were made: one, or a reversal and a replacement."""

    items: list[JournalView]
    """The journals; the last one stands."""
    detail: str = Field(default="", examples=["journal 5b0c3f3e9d1a7c42 is posted: provider_allocation of 2018/19"])
    """What was posted, in a sentence."""


class JournalList(ApiModel):
    """A page of journals."""

    items: list[JournalView]
    """Journals in the order in which they were made."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class JournalLineView(ApiModel):
    """One line: a debit or a credit of one account of one organisation's ledger."""

    line_number: int = Field(examples=[1])
    """Place in the journal, from 1."""
    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figure comes from."""
    period: str = Field(examples=["2018/19"])
    """Period the figure is of."""
    accounting_date: str = Field(examples=["2019/03/31"])
    """Date it is posted on."""
    kind: str = Field(examples=["original"])
    """Original, reversal or replacement."""
    linked_to: str = Field(examples=[""])
    """Journal, or entry of a statement, that it answers; empty for an original."""
    journal_source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    organisation_code: str = Field(examples=["X2B"])
    """Whose ledger it is for."""
    counterparty_code: str = Field(examples=["X02"])
    """The other side; empty where there is none."""
    area_code: str = Field(examples=["V1"])
    """Locality, or account of a contract."""
    service_code: str = Field(examples=["acute"])
    """Service, stream or line of a contract."""
    account_code: str = Field(examples=["900101-90010000-00000-00000-000000"])
    """Account, from the mapping."""
    debit: Money | None = Field(examples=["1250000.00"])
    """Debit in pounds; none on a credit line."""
    credit: Money | None = Field(examples=[None])
    """Credit in pounds; none on a debit line."""
    currency: str = Field(examples=["GBP"])
    """Currency."""
    reference: str = Field(examples=["f10e0a9b83f73e51|2018/19|X2B|X02|V1|acute"])
    """What names the movement; its debit and its credit share it."""
    description: str = Field(examples=["provider allocation acute of X2B for V1"])
    """What the line is for."""


_CREDIT = {
    **example_of(JournalLineView),
    "line_number": 2,
    "account_code": "900201-90020000-00000-00000-000000",
    "debit": None,
    "credit": "1250000.00",
}


class ApprovalNote(ApiModel):
    """Who made and who approved what the journal is made from."""

    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """What was approved."""
    made_by: str = Field(examples=["ann"])
    """Who made it."""
    approved_by: str = Field(examples=["ben"])
    """Who approved it."""
    approved_on: dt.date = Field(examples=["2018-03-28"])
    """When."""


class JournalContent(ApiModel):
    """A journal: its head, its totals, and its lines in their fixed order."""

    journal_id: str = Field(examples=["5b0c3f3e9d1a7c42"])
    """First 16 digits of the hash of everything else in it."""
    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figures come from."""
    period: str = Field(examples=["2018/19"])
    """Period the figures are of."""
    accounting_date: dt.date = Field(examples=["2019-03-31"])
    """Date it is posted on."""
    journal_source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    kind: str = Field(examples=["original"])
    """Original, reversal or replacement."""
    linked_to: str = Field(examples=[""])
    """Journal that it reverses or replaces; empty for an original."""
    currency: str = Field(examples=["GBP"])
    """Currency of all its lines."""
    accounts_sha256: str = Field(examples=["5a" * 32])
    """Checksum of the mapping that gave the account codes."""
    approval: ApprovalNote
    """Who made and who approved the run."""
    year: str | None = Field(default=None, examples=[None, "2018/19"])
    """Year of which the period is a part; left out where the period is posted whole."""
    profile: str | None = Field(default=None, examples=[None, "twelfths"])
    """Profile that parts the year into its months; left out where the period is posted whole."""
    debit_total: Money = Field(examples=["1250000.00"])
    """Sum of its debits in pounds."""
    credit_total: Money = Field(examples=["1250000.00"])
    """Sum of its credits in pounds; the same."""
    lines: list[JournalLineView] = Field(examples=[[example_of(JournalLineView), _CREDIT]])
    """Its lines."""


def journal_view(stored: StoredJournal) -> JournalView:
    """A journal without its lines."""
    total = decimal_text(stored.total_pence)
    return JournalView(
        id=stored.id,
        result=stored.result,
        organisation=stored.organisation,
        period=stored.period,
        source=stored.source,
        kind=cast("JournalKind", stored.kind),
        linked_to=stored.linked_to or None,
        lines=stored.lines,
        debit_total=total,
        credit_total=total,
        author=stored.author,
        created=moment(stored.created),
        href=f"/v1/journals/{stored.id}",
    )


class ReconciledAccount(ApiModel):
    """An account of a ledger: what is due on it, what was posted, and the difference; debits less credits, in pounds."""

    organisation: str = Field(examples=["S1"])
    """Whose ledger it is in."""
    account_code: str = Field(examples=["900101-90010000-00000-00000-000000"])
    """Account, from the mapping."""
    currency: str = Field(examples=["GBP"])
    """Currency."""
    due: Money = Field(examples=["1518392825.00"])
    """What the result means for it."""
    posted: Money = Field(examples=["1518392825.00"])
    """What stands on it, all journals of the period together."""
    difference: Money = Field(examples=["0.00"])
    """Posted less due."""


class ReconciliationView(ApiModel):
    """What a result means for the ledgers of a period, against what was posted there."""

    result: str = Field(examples=["/v1/runs/f10e0a9b83f73e51"])
    """The run or settlement."""
    period: str = Field(examples=["2018/19"])
    """The period."""
    control_total: Money | None = Field(examples=["1535741000.00"])
    """What the system has in the year; none for a settlement."""
    kept_back: Money | None = Field(examples=["17348175.00"])
    """What of it is kept back and so in no journal; none for a settlement."""
    elsewhere: Money | None = Field(examples=["0.00"])
    """What of it buys no care but is earned on conditions, and so is in no journal to providers; none for a settlement."""
    invoices: Money = Field(examples=["1518392825.00"])
    """What is to be paid: the control total less what is kept back and what is elsewhere."""
    postings: Money = Field(examples=["1518392825.00"])
    """What was posted."""
    is_settled: bool = Field(examples=[True])
    """Whether every account has what is due, no more and no less."""
    accounts: list[ReconciledAccount]
    """Every account that has something due or posted."""
    journals: list[str] = Field(examples=[["/v1/journals/5b0c3f3e9d1a7c42"]])
    """Where the journals of the period stand, in the order of posting."""
