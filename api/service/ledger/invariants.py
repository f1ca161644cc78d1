"""What must hold over all journals and approvals of a store, whatever was posted, restated, approved and withdrawn.

each journal            is what its id says, balances, and is the row that the database keeps of it
each reversal           is its journal with sides changed
each chain              adds, account by account, to the journal that stands: the newest settlement
each account and month  stands in one chain only
each journal claims     the accounts and months of its lines, in its own chain
each approval           is by another hand than its maker's, and the audit log has it as it is; so with each journal and each withdrawal

All of it is looked at as it is at one moment, so that nobody who writes meanwhile makes it look wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from api.service.ledger.journal_files import read_journal
from api.service.ledger.lines import Journal, JournalError, net
from api.service.records.claims import Claim, claims_of
from api.service.security.audit import AuditEvent
from api.service.security.hands import same_hand
from api.service.security.proofs.credentials import masked
from api.service.store import Store, StoredApproval, StoredJournal
from capitation.errors import Fault

_PAGE = 500


def ledger_faults(store: Store) -> list[Fault]:
    """Every fault of the journals and approvals of a store; none where all that was posted holds together."""
    with store.at_one_moment():
        return _faults(store)


def _faults(store: Store) -> list[Fault]:
    heads, approvals = list(_journals(store)), list(_approvals(store))
    journals: dict[str, Journal] = {}
    found: list[Fault] = []
    for head in heads:
        content = store.journal_content(head.id)
        try:
            journals[head.id] = read_journal(content or b"", f"journal {head.id}")
        except JournalError as error:
            found.append(Fault(f"journal {head.id}", error.message, "the journal as it was posted"))
    for head in heads:
        if head.id in journals:
            found += _head_faults(head, journals, approvals)
    found += _chain_faults(heads, journals)
    found += _claim_faults(store, heads, journals)
    found += _hand_faults(approvals)
    found += _log_faults(store, heads, approvals)
    return found


def _journals(store: Store) -> Iterator[StoredJournal]:
    after = 0
    while page := store.journals(after, _PAGE):
        yield from page
        after = page[-1].seq


def _approvals(store: Store) -> Iterator[StoredApproval]:
    after = 0
    while page := store.approvals(after, _PAGE):
        yield from page
        after = page[-1].seq


def _head_faults(
    head: StoredJournal, journals: Mapping[str, Journal], approvals: list[StoredApproval]
) -> Iterator[Fault]:
    """Faults of one journal: its row, what it answers, and the approval it rests on."""
    made, where = journals[head.id], f"journal {head.id}"
    kept = (head.period, head.source, head.kind, head.linked_to, head.total_pence, head.lines)
    written = made.head
    made_from = written.approval.run_id
    if head.kind != "reversal" and head.result != made_from:
        yield Fault(where, f"made from {made_from} in its content", f"{head.result} as the database has it")
    content = (
        written.period, written.journal_source, written.kind, written.linked_to, made.total_pence, made.lines.height
    )  # fmt: skip
    if (head.id, *kept) != (made.id, *content):
        yield Fault(where, f"{made.id}, {content} in its content", f"{head.id}, {kept} as the database has it")
    if head.kind != "original" and written.linked_to not in journals:
        yield Fault(where, f"no journal {written.linked_to}", "the journal that it answers")
    elif head.kind == "reversal" and not net([made, journals[written.linked_to]]).is_empty():
        yield Fault(where, f"lines that do not take journal {written.linked_to} back", "its lines with sides changed")
    given = [a for a in approvals if a.result == written.approval.run_id and a.withdrawal is None]
    if not any((a.made_by, a.approved_by) == (written.approval.made_by, written.approval.approved_by) for a in given):
        yield Fault(
            where, f"no approval of {written.approval.run_id} by {written.approval.approved_by}", "the one it rests on"
        )


def _chain_faults(heads: list[StoredJournal], journals: Mapping[str, Journal]) -> Iterator[Fault]:
    """Faults of chains: more than one answer to a journal, or journals that do not add to the last."""
    later = {head.linked_to: head.id for head in heads if head.kind == "replacement"}
    answers: dict[tuple[str, str], list[str]] = defaultdict(list)
    chains: dict[str, list[str]] = {head.id: [head.id] for head in heads if head.kind == "original"}
    for head in heads:
        if head.kind != "original":
            answers[head.kind, head.linked_to].append(head.id)
    for (kind, name), made in answers.items():
        if len(made) > 1:
            yield Fault(f"journal {name}", f"{len(made)} journals of kind {kind}", "one")
    for first, members in chains.items():
        last = first
        while last in later:
            members += [*answers["reversal", last], later[last]]
            last = later[last]
        if all(name in journals for name in members) and not net(journals[name] for name in members).equals(
            net([journals[last]])
        ):
            yield Fault(f"journal {first} and what restates it", "another sum", f"the lines of journal {last}")


def _claim_faults(store: Store, heads: list[StoredJournal], journals: Mapping[str, Journal]) -> Iterator[Fault]:
    """Accounts and months that stand in two chains, and journals that claim others than those of their lines."""
    replaced = {head.linked_to for head in heads if head.kind == "replacement"}
    roots = _roots(heads)
    taken: dict[str, list[tuple[int, int, str, str]]] = defaultdict(list)
    claimed: dict[str, list[Claim]] = defaultdict(list)
    for journal, root, claim in store.postings():
        claimed[journal].append(claim)
        if root != roots.get(journal):
            yield Fault(f"journal {journal}", f"a claim in the chain of {root}", f"one in that of {roots.get(journal)}")
        if journal in replaced:
            continue
        for first, last, other_root, other in taken[claim.key]:
            if other_root != root and first <= claim.last_month and claim.first_month <= last:
                yield Fault(
                    f"journal {journal}", f"{claim.account}, which journal {other} has too", "each account once"
                )
        taken[claim.key].append((claim.first_month, claim.last_month, root, journal))
    for head in heads:
        if head.kind == "reversal":
            continue
        if head.id not in claimed:
            yield Fault(f"journal {head.id}", "no account that it is posted to", "the accounts of its lines")
        elif head.id in journals:
            yield from _lost_claims(head, journals[head.id], claimed[head.id])


def _lost_claims(head: StoredJournal, made: Journal, claimed: list[Claim]) -> Iterator[Fault]:
    """Accounts and months of a journal's lines that it does not claim, so that they could be posted again."""
    known = {(name, each.first_month, each.last_month) for each in claimed for name in (each.key, each.account)}
    written = made.head
    lines = made.lines.select("organisation_code", "area_code", "service_code")
    for each in claims_of(lines, written.journal_source, head.organisation, written.period, written.currency):
        months = each.first_month, each.last_month
        if (each.key, *months) not in known and (each.account, *months) not in known:
            yield Fault(f"journal {head.id}", f"no claim to {each.account}", "one for each account of its lines")


def _roots(heads: list[StoredJournal]) -> dict[str, str]:
    """The first journal of the chain of each that stands or stood."""
    roots: dict[str, str] = {}
    for head in heads:  # in the order in which they were made
        roots[head.id] = roots.get(head.linked_to, head.id) if head.kind == "replacement" else head.id
    return roots


def _hand_faults(approvals: list[StoredApproval]) -> Iterator[Fault]:
    for each in approvals:
        if same_hand(each.made_by, each.approved_by):
            yield Fault(f"approval {each.id}", f"{each.approved_by}, who made it", "another hand")


def _log_faults(store: Store, heads: list[StoredJournal], approvals: list[StoredApproval]) -> Iterator[Fault]:
    """What the audit log has and the tables do not, or have otherwise, and the other way round."""
    made: set[tuple[str, ...]] = set()
    approved: set[tuple[str, ...]] = set()
    withdrawn: set[tuple[str, ...]] = set()
    for record in store.read():
        event: AuditEvent = record.event
        if event.outcome != "done":
            continue
        about = event.subject.partition("/")[2]
        if event.action == "journals.create":
            made |= {(name, event.actor) for name in event.detail.get("journals", "").split()}
        elif event.action == "approvals.create":
            approved.add((about, event.actor, event.organisation))
        elif event.action == "approvals.withdraw":
            withdrawn.add((about, event.actor, event.organisation, event.detail.get("reason", "")))
    there = {(head.id, head.author) for head in heads}
    given = {(each.result, each.approved_by, each.organisation) for each in approvals}
    back = {
        (each.id, each.withdrawal.withdrawn_by, each.withdrawal.organisation, masked(each.withdrawal.reason))
        for each in approvals
        if each.withdrawal is not None
    }
    for what, logged, kept in (
        ("journal", made, there), ("approval", approved, given), ("withdrawal", withdrawn, back)
    ):  # fmt: skip
        for each in sorted(logged ^ kept):
            says = ("a record of it", f"the {what}") if each in logged else (f"the {what}", "a record of it")
            where = f"{what} {each[0]} by {each[1]}" if what == "journal" else f"{what} of {each[0]} by {each[1]}"
            yield Fault(where, f"{says[0]} alone", f"{says[1]} too")


__all__ = ["ledger_faults"]
