"""Lines of journals: balanced debits and credits in a fixed order, and the head that names the journal by the hash of its content."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from pydantic import Field

from api.service.packs.account_codes import SOURCES
from api.service.records.api_models import JournalKind
from api.service.records.failures import ProblemError
from capitation.errors import Faults
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from capitation.records.identity import canonical, digest
from contracts.language.currency import CURRENCIES

Source = Literal["provider_allocation", "locality_total", "statement"]
"""What a journal is made from."""

_KINDS = ("original", "reversal", "replacement")


class JournalError(ProblemError):
    """A journal cannot be made or read: no approval, no account, or lines that do not balance."""

    kind = "invalid-journal"


class JournalLine(Schema):
    """One line of a journal: a debit or a credit of one account of one organisation's ledger."""

    line_number = Column(pl.Int64, "order", "Place in the journal, from 1", key=True, ge=1)
    run_id = Column(pl.String, "id", "Run the figure comes from")
    period = Column(pl.String, "year", "Period the figure is of")
    accounting_date = Column(pl.String, "date YYYY/MM/DD", "Date it is posted on")
    kind = Column(pl.String, "word", "Original, reversal or replacement", one_of=_KINDS)
    linked_to = Column(pl.String, "id", "Journal, or entry of a statement, that it answers; empty for an original")
    journal_source = Column(pl.String, "name", "What it is made from", one_of=SOURCES)
    organisation_code = Column(pl.String, "code", "Whose ledger it is for")
    counterparty_code = Column(pl.String, "code", "The other side; empty where there is none")
    area_code = Column(pl.String, "code", "Locality, or account of a contract")
    service_code = Column(pl.String, "code", "Service, stream or line of a contract")
    account_code = Column(pl.String, "code", "Account, from the mapping")
    debit_pence = Column(pl.Int64, "pence, or cents", "Debit; 0 on a credit line", ge=0)
    credit_pence = Column(pl.Int64, "pence, or cents", "Credit; 0 on a debit line", ge=0)
    currency = Column(pl.String, "code", "Currency", one_of=CURRENCIES)
    reference = Column(pl.String, "id", "What names the movement; its debit and its credit share it")
    description = Column(pl.String, "words", "What the line is for")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """A line is a debit or a credit, and an original answers nothing."""
        return {
            "a line is a debit or a credit": (cls.debit_pence.col == 0) != (cls.credit_pence.col == 0),
            "an original is linked to nothing": (cls.kind.col != "original") | (cls.linked_to.col == ""),
            "a reversal is linked to what it takes back": (cls.kind.col != "reversal") | (cls.linked_to.col != ""),
        }


class Approval(Document):
    """That a run was approved, and by whom: without it nothing is exported."""

    run_id: str = Field(min_length=1)
    """The run that was approved."""
    made_by: str = Field(min_length=1)
    """Who made the run."""
    approved_by: str = Field(min_length=1)
    """Who approved it: somebody else."""
    approved_on: dt.date
    """When."""


class JournalHead(Document):
    """What names a journal and says where it comes from."""

    journal_id: str
    """First 16 hexadecimal digits of the hash of everything else in the journal."""
    run_id: str
    """Run the figures come from."""
    period: str
    """Period the figures are of."""
    accounting_date: dt.date
    """Date the journal is posted on."""
    journal_source: Source
    """What it is made from."""
    kind: JournalKind
    """Original, reversal or replacement."""
    linked_to: str
    """Journal that it reverses or replaces; empty for an original."""
    currency: str
    """Currency of all its lines."""
    accounts_sha256: str
    """Checksum of the mapping that gave the account codes."""
    approval: Approval
    """Who made and who approved the run."""
    year: str | None = None
    """Year of which the period is a part; none where the year is posted whole."""
    profile: str | None = None
    """Profile that parts the year into its months; none where it is posted whole."""

    def written(self) -> dict[str, Any]:
        """The head as it is written and hashed: what a journal of a whole year does not have is left out."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class Journal:
    """A balanced journal: its head, and its lines in their fixed order.

    Args:
        head: what names it and says where it comes from.
        lines: debits and credits.
        covered: what it was made from, movements of 0 among them: organisation, area, service and amount; empty where it was read.
    """

    head: JournalHead
    lines: Frame[JournalLine]
    covered: pl.DataFrame = field(default_factory=pl.DataFrame, compare=False, repr=False)

    @property
    def id(self) -> str:
        """The journal's id."""
        return self.head.journal_id

    @property
    def total_pence(self) -> int:
        """The sum of its debits, which is the sum of its credits."""
        return int(self.lines.get_column("debit_pence").sum())


def net(journals: Iterable[Journal]) -> pl.DataFrame:
    """What journals add up to: debit less credit of each account of each ledger, counterparty, area and service, without 0."""
    keys = ["organisation_code", "counterparty_code", "area_code", "service_code", "account_code", "currency"]
    return (
        pl.concat([journal.lines for journal in journals])
        .group_by(keys)
        .agg((pl.col("debit_pence") - pl.col("credit_pence")).sum().alias("net_pence"))
        .filter(pl.col("net_pence") != 0)
        .sort(keys)
    )


def sealed(head: JournalHead, lines: pl.DataFrame) -> Journal:
    """The journal of a head and its lines, balanced, with the id that its content gives."""
    kind, linked = pl.col("kind"), pl.col("linked_to")
    if head.kind != "original":
        kind, linked = pl.lit(head.kind), pl.lit(head.linked_to)
    dated = lines.with_columns(
        pl.lit(head.accounting_date.strftime("%Y/%m/%d")).alias("accounting_date"),
        kind.alias("kind"),
        linked.alias("linked_to"),
    )
    kept = JournalLine.validate(dated.select(list(JournalLine.columns())), "journal")
    _check_balance(kept)
    named = {**head.written(), "journal_id": ""}
    journal_id = digest(canonical(named) + "\n" + kept.write_csv())[:16]
    return Journal(head.model_copy(update={"journal_id": journal_id}), kept)


def _check_balance(lines: Frame[JournalLine]) -> None:
    sums = lines.group_by("organisation_code", "reference").agg(pl.col("debit_pence", "credit_pence").sum())
    faults = Faults()
    for row in sums.filter(pl.col("debit_pence") != pl.col("credit_pence")).sort("reference").iter_rows(named=True):
        where = f"ledger of {row['organisation_code']}, {row['reference']}"
        faults.add(where, f"debits of {row['debit_pence']} and credits of {row['credit_pence']}", "the same pence")
    faults.raise_if_any(JournalError, "the journal does not balance")
