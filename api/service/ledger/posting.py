"""Posting: which journals an approved result leads to, and that no period of it is posted twice.

A first posting of a period is one entry of the store, and each journal has one reversal and one replacement. What differs from
a journal that stands is posted as its restatement, or not at all.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import polars as pl

from api.service.ledger.accounts import Account, ChartAccount, check_chart
from api.service.ledger.journal_files import json_bytes, read_journal
from api.service.ledger.journals import journal_of_run, journal_of_statement, restate
from api.service.ledger.lines import Approval, Journal
from api.service.records.failures import ServiceError
from api.service.runtime.service import Service
from api.service.store import NewJournal, Result, StoredJournal
from api.service.views.models import RunContent
from capitation.errors import UnknownNameError
from capitation.pack.sources import read_rows
from capitation.records.frames import Frame
from capitation.run.run import Run
from contracts.books.entries import Entry

RunSource = Literal["provider_allocation", "locality_total"]


def journals_of(
    service: Service,
    result: Result,
    period: str,
    source: RunSource,
    accounting_date: dt.date | None,
    restates: str | None,
) -> list[NewJournal]:
    """The journal of one period of an approved result; or its predecessor's reversal and itself as the replacement.

    Args:
        service: the running instance.
        result: a run or a settlement.
        period: the period.
        source: for a run, what the journal is made from.
        accounting_date: when it is posted; the last day of the period by default.
        restates: id of the journal that stands and is put right.

    Raises:
        ServiceError: 409 where the result is not approved, or the period is posted already.
        JournalError: the journal cannot be made.
        UnknownNameError: there is no journal of the id that is to be restated.
    """
    approval = _approval_of(service, result)
    if result.kind == "run":
        content = RunContent.model_validate_json(result.content)
        accounts = _accounts(service, content.data_pack)
        decoded = service.frame("run", result.id, source)
        frames: dict[str, pl.DataFrame] = {} if decoded is None else {source: decoded[0]}
        run = Run(content.manifest, frames)
        made = journal_of_run(run, period, accounts, approval, source=source, accounting_date=accounting_date)
        owner = str(content.manifest.scenario["system_code"])
    else:
        decoded = service.frame("settlement", result.id, "entries")
        if decoded is None:
            raise ServiceError(
                "invalid-journal", f"settlement {result.id}: its contract moves no money between parties"
            )
        entries = Entry.validate(decoded[0], "entries")
        accounts = _accounts(service, service.pack.digest)
        made = journal_of_statement(entries, result.id, period, accounts, approval, accounting_date=accounting_date)
        owner = str(entries.get_column("contract")[0])
    if restates is None:
        return [_original(service, made, result, owner)]
    return _restated(service, made, result, owner, restates)


def standing(service: Service, journal_id: str) -> str:
    """The journal that stands for one: itself, or the last of its replacements."""
    while (later := service.store.journal_in(f"replacement|{journal_id}")) is not None:
        journal_id = later.id
    return journal_id


def _original(service: Service, made: Journal, result: Result, owner: str) -> NewJournal:
    new = _new(made, result, owner, f"original|{owner}|{made.head.period}|{made.head.journal_source}")
    there = service.store.journal_in(new.slot)
    if there is not None and there.id != new.id:
        raise _posted_already(made, standing(service, there.id))
    return new


def _restated(service: Service, made: Journal, result: Result, owner: str, restates: str) -> list[NewJournal]:
    content = service.store.journal_content(restates)
    if content is None:
        raise UnknownNameError("journal", restates, [each.id for each in service.store.journals(0, 1_000)])
    answer = restate(read_journal(content, f"journal {restates}"), made)
    pair = [
        _new(answer.reversal, result, owner, f"reversal|{restates}"),
        _new(answer.replacement, result, owner, f"replacement|{restates}"),
    ]
    there = service.store.journal_in(pair[1].slot)
    if there is not None and there.id != pair[1].id:
        raise _posted_already(made, standing(service, there.id))
    return pair


def _posted_already(made: Journal, stands: str) -> ServiceError:
    kind = "posted-already"
    detail = (
        f"{made.head.journal_source} of {made.head.period} is posted already: journal {stands} stands. "
        f'Send "restates": "{stands}" to put it right, or nothing more where it is right'
    )
    return ServiceError(kind, detail)


def _new(journal: Journal, result: Result, owner: str, slot: str) -> NewJournal:
    head = journal.head
    return NewJournal(
        id=journal.id,
        slot=slot,
        result=result.id,
        organisation=owner,
        period=head.period,
        source=head.journal_source,
        kind=head.kind,
        linked_to=head.linked_to,
        total_pence=journal.total_pence,
        lines=journal.lines.height,
        content=json_bytes(journal),
    )


def _approval_of(service: Service, result: Result) -> Approval:
    given = service.store.approval_of(result.kind, result.id)
    if given is None:
        raise ServiceError(
            "not-approved", f"{result.kind} {result.id}: found no approval; expected one before its journals leave"
        )
    on = dt.datetime.fromtimestamp(given.created, dt.UTC).date()
    return Approval(run_id=result.id, made_by=given.made_by, approved_by=given.approved_by, approved_on=on)


def _accounts(service: Service, pack_digest: str) -> Frame[Account]:
    settings = service.settings
    if settings.accounts is not None:
        mapping = read_rows(settings.accounts, Account)
    else:
        mapping = service.packs.named(pack_digest).opened().rows("journals/accounts.csv", Account)
    if settings.chart is not None:
        check_chart(mapping, read_rows(settings.chart, ChartAccount, keep_extra=True))
    return mapping


def head_of(stored: StoredJournal) -> str:
    """The file name a journal leaves under, without its ending."""
    return f"journal-{stored.period.replace('/', '-')}-{stored.kind}-{stored.id}"
