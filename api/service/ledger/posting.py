"""Posting: which journals an approved result leads to, and that no money of it is posted twice.

A journal claims accounts of ledgers in months (`records/claims.py`), and no two that stand claim one in common. What differs from a
journal that stands is posted as its restatement, by figures of the same contract or allocation that cover all its accounts, or not at
all. Each journal has one reversal and one replacement, so the journals of a chain always add to the last of them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from api.service.ledger.accounts import ChartAccount, check_chart
from api.service.ledger.journal_files import json_bytes, read_journal
from api.service.ledger.journals import check_accounting_date, journal_of_run, journal_of_statement, restate
from api.service.ledger.lines import Approval, Journal, JournalError
from api.service.ledger.parts import YearPart, part_of
from api.service.packs.account_codes import MAPPING_FILE, Account
from api.service.records.claims import Claim, accounts_shown, alike, claims_of
from api.service.records.failures import ServiceError
from api.service.records.periods import period_of
from api.service.runtime.service import Service
from api.service.store import NewJournal, Result, Rival, StoredApproval, StoredJournal
from api.service.views.models import RunContent
from capitation.errors import Faults, UnknownNameError
from capitation.pack.sources import read_rows
from capitation.records.frames import Frame
from capitation.records.identity import canonical, digest
from capitation.run.run import Run
from contracts.books.entries import Entry

RunSource = Literal["provider_allocation", "locality_total"]


@dataclass(frozen=True)
class Wanted:
    """Which journal is asked for.

    Args:
        period: the year, or the period of a settlement's entries.
        source: for a run, what the journal is made from.
        accounting_date: when it is posted; the last day of the period by default.
        restates: id of the journal that stands and is put right.
        part: the month or quarter of the year; the whole period by default.
        profile: name of the profile that parts the year.
    """

    period: str
    source: RunSource
    accounting_date: dt.date | None = None
    restates: str | None = None
    part: str | None = None
    profile: str = "twelfths"


def journals_of(service: Service, result: Result, wanted: Wanted) -> list[NewJournal]:
    """The journal of one period of an approved result; or its predecessor's reversal and itself as the replacement.

    Raises:
        ServiceError: 409 where the result is not approved, or what it pays is posted already.
        JournalError: the journal cannot be made, or does not put right the one it is to restate.
        UnknownNameError: there is no journal of the id that is to be restated.
    """
    given = _approval_of(service, result)
    made, owner = made_for(service, result, wanted)
    check_accounting_date(made.head.period, wanted.accounting_date)
    if wanted.restates is None:
        return [_original(service, made, result, owner, given.id)]
    return _restated(service, made, result, owner, wanted.restates, given.id)


def made_for(service: Service, result: Result, wanted: Wanted, *, may_be_nothing: bool = False) -> tuple[Journal, str]:
    """The journal of an approved result, whatever was posted before, and whose it is: the system or the contract.

    Args:
        service: the service.
        result: the result.
        wanted: which journal.
        may_be_nothing: whether it may say that nothing is due, as one that takes the place of another may.

    Raises:
        ServiceError: 409 where the result is not approved.
        JournalError: the journal cannot be made.
    """
    given = _approval_of(service, result)
    approval = Approval(
        run_id=result.id,
        made_by=given.made_by,
        approved_by=given.approved_by,
        approved_on=dt.datetime.fromtimestamp(given.created, dt.UTC).date(),
    )
    date, replaces = wanted.accounting_date, may_be_nothing or wanted.restates is not None
    if result.kind == "run":
        content = RunContent.model_validate_json(result.content)
        accounts, part = _accounts(service, content.data_pack), _part(service, content.data_pack, wanted)
        decoded = service.frame("run", result.id, wanted.source)
        run = Run(content.manifest, {} if decoded is None else {wanted.source: decoded[0]})
        made = journal_of_run(
            run,
            wanted.period,
            accounts,
            approval,
            source=wanted.source,
            accounting_date=date,
            part=part,
            replaces=replaces,
        )
        return made, str(content.manifest.scenario["system_code"])
    decoded = service.frame("settlement", result.id, "entries")
    if decoded is None:
        raise ServiceError("invalid-journal", f"settlement {result.id}: its contract moves no money between parties")
    entries = Entry.validate(decoded[0], "entries")
    accounts, part = _accounts(service, service.pack.digest), _part(service, service.pack.digest, wanted)
    made = journal_of_statement(
        entries,
        result.id,
        wanted.period,
        accounts,
        approval,
        accounting_date=date,
        part=part,
        replaces=replaces,
    )
    return made, str(entries.get_column("contract")[0])


def _part(service: Service, pack_digest: str, wanted: Wanted) -> YearPart | None:
    if wanted.part is None:
        return None
    return part_of(wanted.period, wanted.part, wanted.profile, service.packs.named(pack_digest).opened())


def standing(service: Service, journal_id: str) -> str:
    """The journal that stands for one: itself, or the last of its replacements."""
    while (later := service.store.journal_in(f"replacement|{journal_id}")) is not None:
        journal_id = later.id
    return journal_id


def _original(service: Service, made: Journal, result: Result, owner: str, approval: str) -> NewJournal:
    claims = _claims(made, owner)
    slot = digest(canonical([[claim.key, claim.first_month, claim.last_month] for claim in claims]))
    new = _new(made, result, owner, f"original|{slot}", approval, claims)
    there = service.store.journal(made.id)
    if there is not None:  # the same content was posted before
        return dataclasses.replace(new, slot=there.slot)
    rivals = service.store.rivals(claims)
    if rivals:
        raise posted_already(service, made, claims, rivals)
    _check_other_parts(service, made, result, claims)
    return new


def _restated(
    service: Service, made: Journal, result: Result, owner: str, restates: str, approval: str
) -> list[NewJournal]:
    content, head = service.store.journal_content(restates), service.store.journal(restates)
    if content is None or head is None:
        raise UnknownNameError("journal", restates, [each.id for each in service.store.journals(0, 1_000)])
    answer = restate(read_journal(content, f"journal {restates}"), made)
    claims = _claims(made, owner)
    pair = [
        _new(answer.reversal, result, owner, f"reversal|{restates}", approval),
        _new(answer.replacement, result, owner, f"replacement|{restates}", approval, claims),
    ]
    there = service.store.journal_in(pair[1].slot)
    if there is not None and there.id == pair[1].id:
        return pair
    if there is not None:
        raise ServiceError(
            "posted-already",
            f"journal {restates} was put right already: journal {standing(service, there.id)} stands. "
            f'Send "restates": "{standing(service, there.id)}" to put that right, or nothing more where it is right',
        )
    _check_same_money(service, head, made, owner, claims)
    root = _first_of(service, restates)
    rivals = service.store.rivals(claims, root)
    if rivals:
        accounts = accounts_shown(each.account for each in rivals)
        names = ", ".join(sorted({each.journal for each in rivals}))
        raise ServiceError(
            "posted-already",
            f"{accounts} stand in journal {names}, which journal {restates} does not cover. "
            "Settle the accounts of each journal by themselves, and restate each with its own",
        )
    _check_other_parts(service, made, result, claims, restating=True, root=root)
    return pair


def _first_of(service: Service, journal_id: str) -> str:
    """The first journal of a chain, found by what each replaces."""
    while (head := service.store.journal(journal_id)) is not None and head.kind == "replacement":
        journal_id = head.linked_to
    return journal_id


def _check_same_money(service: Service, old: StoredJournal, made: Journal, owner: str, claims: Sequence[Claim]) -> None:
    """Refuse to put a journal right with figures of another contract, or that leave some of its accounts out.

    Raises:
        JournalError: whose it is, or which accounts lack.
    """
    faults = Faults()
    if old.source == "statement" and alike(old.organisation) != alike(owner):
        remedy = f"Settle under contract {old.organisation} to put it right, and post contract {owner} as its own."
        faults.add("restates", f"journal {old.id} of contract {old.organisation}", f"one of contract {owner}", remedy)
    mine = {claim.key for claim in claims}
    lacking = [claim.account for claim in service.store.claims_of(old.id) if claim.key not in mine]
    if lacking and not len(faults):
        remedy = "Put them in, with 0 where nothing is due, or post these figures as their own journal."
        faults.add(
            "new journal", f"no figures of {accounts_shown(lacking)}", f"all accounts of journal {old.id}", remedy
        )
    faults.raise_if_any(JournalError, f"journal {old.id} cannot be restated with these figures")


def _check_other_parts(
    service: Service, made: Journal, result: Result, claims: Sequence[Claim], *, restating: bool = False, root: str = ""
) -> None:
    """Refuse a part of a year whose other parts stand by another profile or from other figures: they would not add to the year.

    Raises:
        ServiceError: 409, with the journals that are in the way.
    """
    period = period_of(made.head.period)
    if made.head.profile is None or period is None:
        return
    others = service.store.parts_of_year(claims, period.year, root)
    profiles = sorted({each.profile for each in others} - {made.head.profile})
    if profiles:
        raise ServiceError(
            "posted-already",
            f"other parts of {made.head.year} are posted by profile {', '.join(profiles)}; parts by {made.head.profile} would not add to "
            f'the year with them. Send "profile": "{profiles[0]}"',
        )
    older = sorted({each.journal for each in others if each.result != result.id})
    if older and not restating:
        raise ServiceError(
            "posted-already",
            f"other parts of {made.head.year} stand from other figures (journal {', '.join(older)}), and would not add to the year with "
            f"these. Restate each of them with {result.kind} {result.id} first",
        )


def posted_already(service: Service, made: Journal, claims: Sequence[Claim], rivals: Sequence[Rival]) -> ServiceError:
    """What to say of figures that stand in other journals: what to restate, where that puts them right, or why it would not."""
    what = f"{made.head.journal_source} of {made.head.period}"
    names = sorted({each.journal for each in rivals})
    shown = accounts_shown(each.account for each in rivals)
    stand = f"journal {names[0]} stands" if len(names) == 1 else f"journals {', '.join(names)} stand"
    said = f"{what} is posted already ({shown}): {stand}"
    heads = [head for name in names if (head := service.store.journal(name)) is not None]
    same = {(each.journal, each.account) for each in rivals if each.is_key}
    mine = {claim.key for claim in claims}
    if any((each.journal, each.account) not in same for each in rivals):
        pays = "pays" if len(names) == 1 else "pay"
        detail = f"{said} and {pays} the same under another name. Post it once; to put it right, settle under its own contract"
    elif any(period_of(head.period) != period_of(made.head.period) for head in heads):
        detail = f"{said}, {_of_periods(heads)}. {_left_to_post(made, heads)}"
    elif len(names) > 1:
        detail = (
            f"{said}. Settle the accounts of each journal by themselves, and restate each with its own, or send nothing more where "
            "they are right"
        )
    elif lacking := [claim.account for claim in service.store.claims_of(names[0]) if claim.key not in mine]:
        detail = (
            f"{said}. It also holds {accounts_shown(lacking)}, which these figures lack: restating it would take them out. "
            "Put them in, or leave what is posted already out"
        )
    else:
        detail = f'{said}. Send "restates": "{names[0]}" to put it right, or nothing more where it is right'
    return ServiceError("posted-already", detail)


def _of_periods(heads: Sequence[StoredJournal]) -> str:
    """Which periods journals are of, as the end of a sentence about them."""
    if len(heads) == 1:
        return f"which is of {heads[0].period}"
    in_order = sorted(
        heads, key=lambda head: (found.first_month if (found := period_of(head.period)) else 0, head.period)
    )
    return f"which are of {', '.join(head.period for head in in_order)}"


def _left_to_post(made: Journal, heads: Sequence[StoredJournal]) -> str:
    """What to do where other parts of a period stand: which months of it nobody has posted, or that each stands for itself."""
    restating = "to put posted ones right, restate each by its own part"
    wanted, there = period_of(made.head.period), [period_of(head.period) for head in heads]
    if wanted is None:
        return f"Post only what is not posted; {restating}"
    taken = {n for each in there if each is not None for n in range(each.first_month, each.last_month + 1)}
    free = [n for n in range(wanted.first_month, wanted.last_month + 1) if n not in taken]
    if not free:
        return f"Nothing of {made.head.period} is left to post; {restating}"
    parts = ", ".join(f'"{n // 12:04d}-{n % 12 + 1:02d}"' for n in free)
    return f'Post only the parts of the year that are not posted ("part": {parts}); {restating}'


def _claims(made: Journal, owner: str) -> tuple[Claim, ...]:
    head = made.head
    return claims_of(made.covered, head.journal_source, owner, head.period, head.currency, head.profile or "")


def _new(
    journal: Journal, result: Result, owner: str, slot: str, approval: str, claims: Sequence[Claim] = ()
) -> NewJournal:
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
        claims=tuple(claims),
        approval=approval,
    )


def _approval_of(service: Service, result: Result) -> StoredApproval:
    given = service.store.approval_of(result.kind, result.id)
    if given is None:
        raise ServiceError(
            "not-approved", f"{result.kind} {result.id}: found no approval; expected one before its journals leave"
        )
    return given


def _accounts(service: Service, pack_digest: str) -> Frame[Account]:
    settings = service.settings
    if settings.accounts is not None:
        mapping = read_rows(settings.accounts, Account)
    else:
        mapping = service.packs.named(pack_digest).opened().rows(MAPPING_FILE, Account)
    if settings.chart is not None:
        check_chart(mapping, read_rows(settings.chart, ChartAccount, keep_extra=True))
    return mapping


def head_of(stored: StoredJournal) -> str:
    """The file name a journal leaves under, without its ending."""
    return f"journal-{stored.period.replace('/', '-')}-{stored.kind}-{stored.id}"
