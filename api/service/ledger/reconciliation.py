"""Reconciliation: what a result means for the ledgers of a period, what was posted there, and where the two differ.

control total - kept back - elsewhere = invoices      for a run: what its journals pay of what the system has
invoices - postings                   = difference    account by account of every ledger, over all journals, reversals among them

Journals of localities pay the whole control total. Those of providers leave out what is kept back, and streams that buy no care: such
money (sustainability funding) is earned on conditions, and no allocation to a provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from api.service.ledger.journal_files import read_journal
from api.service.ledger.lines import Journal, net
from api.service.ledger.posting import Wanted, made_for
from api.service.records.claims import alike
from api.service.records.periods import period_of
from api.service.runtime.service import Service
from api.service.store import Result, StoredJournal
from api.service.views.models import RunContent

_PAGE = 500
_KEYS = ["organisation_code", "account_code", "currency"]


@dataclass(frozen=True)
class Reconciliation:
    """What is due and what is posted.

    Args:
        control_total_pence: what the system has in the year; None for a settlement, which has no such total.
        kept_back_pence: what of it is in no journal because it is kept back; None for a settlement.
        elsewhere_pence: what of it is in no journal because it buys no care; None for a settlement.
        invoices_pence: what is to be paid.
        accounts: organisation_code, account_code, currency, due_pence, posted_pence, difference_pence: debits less credits.
        journals: what was posted, in the order of posting.
    """

    control_total_pence: int | None
    kept_back_pence: int | None
    elsewhere_pence: int | None
    invoices_pence: int
    accounts: pl.DataFrame
    journals: tuple[StoredJournal, ...]

    @property
    def posted_pence(self) -> int:
        """What was posted: debits less credits of accounts that have more debits."""
        return int(self.accounts.get_column("posted_pence").clip(lower_bound=0).sum())

    @property
    def is_settled(self) -> bool:
        """Whether every account has what is due, no more and no less."""
        return bool((self.accounts.get_column("difference_pence") == 0).all())


def reconciled(service: Service, result: Result, wanted: Wanted) -> Reconciliation:
    """What a result means for a period, against all that was posted there.

    Raises:
        ServiceError: the result is not approved.
        JournalError: it has no such period, or a movement has no account.
    """
    due, owner = made_for(service, result, wanted, may_be_nothing=True)
    heads = tuple(_posted(service, due, owner))
    contents = [(head, service.store.journal_content(head.id)) for head in heads]
    posted = [read_journal(content, f"journal {head.id}") for head, content in contents if content is not None]
    accounts = (
        _sums([due], "due_pence")
        .join(_sums(posted, "posted_pence"), on=_KEYS, how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col("due_pence", "posted_pence").fill_null(0))
        .with_columns((pl.col("posted_pence") - pl.col("due_pence")).alias("difference_pence"))
        .sort(_KEYS)
    )
    control, kept, elsewhere = _totals(service, result, wanted)
    return Reconciliation(control, kept, elsewhere, due.total_pence, accounts, heads)


def _posted(service: Service, due: Journal, owner: str) -> list[StoredJournal]:
    """Journals of the same source, and for a statement of the same contract, whose period lies in the one that is due."""
    period, found, after = period_of(due.head.period), list[StoredJournal](), 0
    while page := service.store.journals(after, _PAGE):
        after = page[-1].seq
        for head in page:
            its = period_of(head.period)
            is_inside = head.period == due.head.period or (
                period is not None
                and its is not None
                and period.first_month <= its.first_month
                and its.last_month <= period.last_month
            )
            is_same = head.source == due.head.journal_source
            is_owned = head.source != "statement" or alike(head.organisation) == alike(owner)
            if is_inside and is_same and is_owned:
                found.append(head)
    return found


def _sums(journals: list[Journal], into: str) -> pl.DataFrame:
    if not journals:
        return pl.DataFrame(schema={**dict.fromkeys(_KEYS, pl.String), into: pl.Int64})
    return net(journals).group_by(_KEYS).agg(pl.col("net_pence").sum().alias(into))


def _totals(service: Service, result: Result, wanted: Wanted) -> tuple[int | None, int | None, int | None]:
    """What the system has in a year, and what of it is kept back or buys no care and so is in no journal, for a run."""
    found = [service.frame(result.kind, result.id, name) for name in ("stream_total", "held_money")]
    streams, kept = (None if each is None else each[0].filter(pl.col("year") == wanted.period) for each in found)
    if result.kind != "run" or streams is None:
        return None, None, None
    total = int(streams.get_column("total_pence").sum())
    if wanted.source == "locality_total":
        return total, 0, 0
    scenario: Any = RunContent.model_validate_json(result.content).manifest.scenario
    no_care = [each["stream"] for each in scenario["streams"] if not each.get("buys_care", True)]
    elsewhere = int(streams.filter(pl.col("stream").is_in(no_care)).get_column("total_pence").sum())
    return total, 0 if kept is None else int(kept.get_column("held_pence").sum()), elsewhere


__all__ = ["Reconciliation", "reconciled"]
