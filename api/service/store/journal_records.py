"""Journals as they were made: added once, never changed, and never two for what may be posted once.

slot      original | what it is       one first posting
          reversal | id, replacement | id     one reversal and one replacement of a journal
posting   the accounts and months that a journal claims; journals that stand in for one another are one chain, named by its first

Writers of postings wait for one another, so what was looked up stays true until the journal is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from api.service.records.claims import Claim
from api.service.records.periods import PostingPeriod
from api.service.security.audit import AuditEvent
from api.service.store.database import ChangedError, Database
from api.service.store.tables import approval_withdrawal as _withdrawal
from api.service.store.tables import journal as _journal
from api.service.store.tables import posting as _posting

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class StoredJournalHead:
    """What names a journal and says where it comes from; `slot` is what it is the only one of."""

    id: str
    slot: str
    result: str
    organisation: str
    period: str
    source: str
    kind: str
    linked_to: str
    total_pence: int
    lines: int


@dataclass(frozen=True, kw_only=True)
class NewJournal(StoredJournalHead):
    """A journal to be kept.

    Args:
        content: its JSON, from which its CSV is written.
        claims: the accounts and months that it is the only one of; none for a reversal.
        approval: id of the approval that it rests on, which must not be withdrawn.
    """

    content: bytes
    claims: tuple[Claim, ...] = field(default=())
    approval: str = ""


@dataclass(frozen=True, kw_only=True)
class StoredJournal(StoredJournalHead):
    """A journal that is kept, without its content."""

    seq: int
    author: str
    created: float


@dataclass(frozen=True)
class Rival:
    """A journal that stands for accounts and months that another one claims.

    Args:
        journal: the journal.
        root: the first of its chain.
        account: the account that both claim, in words.
        is_key: whether the account is the same; otherwise only what is paid is, under another contract's name.
        profile: how its year was parted into months.
        result: what it was made from.
    """

    journal: str
    root: str
    account: str
    is_key: bool
    profile: str
    result: str


class RivalError(ChangedError):
    """What is to be posted is posted already, in other journals."""

    def __init__(self, rivals: Sequence[Rival]) -> None:
        self.rivals = tuple(rivals)
        names = ", ".join(sorted({each.journal for each in rivals}))
        super().__init__(f"journal {names} stands for the same as this one")


class JournalRecords(Database):
    """The part of the store that keeps journals."""

    def add_journals(
        self, journals: Sequence[NewJournal], author: str, audit_event: AuditEvent | None = None
    ) -> list[StoredJournal]:
        """The journals, all of them kept or none; those that are there already are left as they are.

        Raises:
            RivalError: another journal claims the same.
            ChangedError: another journal stands in the slot of one of them, or the approval it rests on was withdrawn.
        """
        with self._write() as connection:
            self._lock(connection, "postings")
            added = 0
            for each in journals:
                there = (_journal.c.slot == each.slot) | (_journal.c.id == each.id)
                found = connection.execute(sa.select(_journal.c.id, _journal.c.slot).where(there)).all()
                if not found:
                    self._add(connection, each, author)
                    added += 1
                elif found != [(each.id, each.slot)]:
                    raise ChangedError(
                        f"journal {found[0].id} stands for the same as this one ({each.slot.replace('|', ', ')})"
                    )
            if added:
                self._record(connection, audit_event)
            return [self._stored(connection, each.id) for each in journals]

    def _add(self, connection: Connection, new: NewJournal, author: str) -> None:
        self._check_approval(connection, new.approval)
        root = self._root(connection, new)
        rivals = self._rivals(connection, new.claims, root)
        if rivals:
            raise RivalError(rivals)
        row = {name: value for name, value in vars(new).items() if name not in {"claims", "approval"}}
        connection.execute(sa.insert(_journal).values(**row, author=author, created=self.clock()))
        rows = [{"journal": new.id, "root": root, **vars(claim)} for claim in new.claims]
        if rows:
            connection.execute(sa.insert(_posting), rows)

    def _check_approval(self, connection: Connection, approval_id: str) -> None:
        query = sa.select(_withdrawal.c.approval).where(_withdrawal.c.approval == approval_id)
        if approval_id and connection.execute(query).first() is not None:
            raise ChangedError("the approval that the journal rests on was withdrawn meanwhile")

    def _root(self, connection: Connection, new: NewJournal) -> str:
        """The first journal of the chain: that of the one it stands in for, or itself."""
        query = sa.select(_posting.c.root).where(_posting.c.journal == new.linked_to).limit(1)
        found = connection.execute(query).scalar() if new.linked_to else None
        return new.id if found is None else str(found)

    def rivals(self, claims: Sequence[Claim], root: str = "") -> list[Rival]:
        """Journals of other chains that stand for what is claimed: the same account, or the same money under another name."""
        with self._read() as connection:
            return self._rivals(connection, claims, root)

    def _rivals(self, connection: Connection, claims: Sequence[Claim], root: str) -> list[Rival]:
        found: list[Rival] = []
        for part in _parts(claims):
            low, high = min(c.first_month for c in part), max(c.last_month for c in part)
            for column in (_posting.c.key, _posting.c.money):
                name = str(column.name)
                mine: dict[str, list[Claim]] = {}
                for claim in part:
                    if getattr(claim, name):
                        mine.setdefault(getattr(claim, name), []).append(claim)
                query = (
                    self._standing_query()
                    .add_columns(column.label("met"))
                    .where(column.in_(list(mine)), _posting.c.root != root)
                    .where(_posting.c.first_month <= high, _posting.c.last_month >= low)
                )
                for row in connection.execute(query).mappings() if mine else ():
                    if any(_overlap(row, claim) for claim in mine[row["met"]]):
                        found.append(
                            Rival(
                                row["journal"],
                                row["root"],
                                row["account"],
                                name == "key",
                                row["profile"],
                                row["result"],
                            )
                        )
        return list(dict.fromkeys(found))

    def parts_of_year(self, claims: Sequence[Claim], year: PostingPeriod, root: str = "") -> list[Rival]:
        """Journals of other chains that stand for other parts of a year of the same accounts."""
        found: list[Rival] = []
        with self._read() as connection:
            for part in _parts(claims):
                query = self._standing_query().where(
                    _posting.c.key.in_([claim.key for claim in part]),
                    _posting.c.root != root,
                    _posting.c.first_month >= year.first_month,
                    _posting.c.last_month <= year.last_month,
                    _posting.c.profile != "",
                )
                found += [
                    Rival(row["journal"], row["root"], row["account"], True, row["profile"], row["result"])
                    for row in connection.execute(query).mappings()
                ]
        return list(dict.fromkeys(found))

    def _standing_query(self) -> sa.Select[tuple[object, ...]]:
        """Claims of journals that no replacement stands in for."""
        later = _journal.alias("later")
        replaced = sa.exists().where(later.c.kind == "replacement", later.c.linked_to == _posting.c.journal)
        return (
            sa.select(
                _posting.c.journal,
                _posting.c.root,
                _posting.c.account,
                _posting.c.profile,
                _posting.c.first_month,
                _posting.c.last_month,
                _journal.c.result,
            )
            .join(_journal, _journal.c.id == _posting.c.journal)
            .where(~replaced)
        )

    def claims_of(self, journal_id: str) -> list[Claim]:
        """What a journal claims."""
        names = ("key", "money", "account", "profile", "first_month", "last_month")
        query = (
            sa.select(*(_posting.c[name] for name in names))
            .where(_posting.c.journal == journal_id)
            .order_by(_posting.c.seq)
        )
        with self._read() as connection:
            return [Claim(**row) for row in connection.execute(query).mappings()]

    def postings(self) -> Iterator[tuple[str, str, Claim]]:
        """Every claim with its journal and the first journal of its chain, in the order in which they were kept."""
        after, names = 0, ("key", "money", "account", "profile", "first_month", "last_month")
        while True:
            query = sa.select(_posting).where(_posting.c.seq > after).order_by(_posting.c.seq).limit(_BATCH)
            with self._read() as connection:
                rows = connection.execute(query).mappings().all()
            if not rows:
                return
            for row in rows:
                yield row["journal"], row["root"], Claim(**{name: row[name] for name in names})
            after = rows[-1]["seq"]

    def journal(self, journal_id: str) -> StoredJournal | None:
        """One journal's head; None where there is none."""
        return self._found_journal(_journal.c.id == journal_id)

    def journal_in(self, slot: str) -> StoredJournal | None:
        """The journal of a slot; None where there is none."""
        return self._found_journal(_journal.c.slot == slot)

    def journal_content(self, journal_id: str) -> bytes | None:
        """A journal's JSON as it was made; None where there is none."""
        with self._read() as connection:
            found = connection.execute(sa.select(_journal.c.content).where(_journal.c.id == journal_id)).scalar()
            return None if found is None else bytes(found)

    def journals(self, after: int, limit: int, result: str | None = None) -> list[StoredJournal]:
        """Journals whose number is above `after`, in the order in which they were made."""
        query = sa.select(*_head()).where(_journal.c.seq > after).order_by(_journal.c.seq).limit(limit)
        if result is not None:
            query = query.where(_journal.c.result == result)
        with self._read() as connection:
            return [StoredJournal(**row) for row in connection.execute(query).mappings()]

    def _stored(self, connection: Connection, journal_id: str) -> StoredJournal:
        query = sa.select(*_head()).where(_journal.c.id == journal_id)
        return StoredJournal(**connection.execute(query).mappings().one())

    def _found_journal(self, condition: sa.ColumnElement[bool]) -> StoredJournal | None:
        with self._read() as connection:
            row = connection.execute(sa.select(*_head()).where(condition)).mappings().first()
            return None if row is None else StoredJournal(**row)


def _parts(claims: Sequence[Claim]) -> Iterable[Sequence[Claim]]:
    return (claims[at : at + _BATCH] for at in range(0, len(claims), _BATCH))


def _overlap(row: RowMapping, claim: Claim) -> bool:
    return bool(row["first_month"] <= claim.last_month and row["last_month"] >= claim.first_month)


def _head() -> list[sa.Column[object]]:
    return [column for column in _journal.c if column.name != "content"]
