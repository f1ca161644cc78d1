"""Documents: versions that are only ever added, each named by the digest of its content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from api.service.records.stored import StoredDocument
from api.service.security.audit import AuditEvent
from api.service.store.database import ChangedError, StoreError
from api.service.store.kept.kept_bytes import KEPT, KeptBytes, opened, sha256_of, with_bytes
from api.service.store.tables import document as _document


@dataclass(frozen=True)
class ShippedDocument:
    """A document that comes with a data pack."""

    kind: str
    name: str
    digest: str
    title: str
    content: str


class Documents(KeptBytes):
    """The part of the store that keeps documents."""

    def add_document(
        self,
        kind: str,
        name: str,
        title: str,
        content: str,
        content_digest: str,
        author: str,
        expected: str | None,
        audit_event: AuditEvent | None = None,
    ) -> tuple[StoredDocument, bool]:
        """The newest version of a document after adding `content`, and whether a version was added.

        Args:
            kind: kind of document.
            name: its name among its kind.
            title: its title for people.
            content: canonical JSON.
            content_digest: hash of the content.
            author: who adds it.
            expected: digest of the version that is to be followed; None where there must be none yet, or the same.
            audit_event: what the audit log says of it, if a version is added.

        Raises:
            ChangedError: the newest version is another than expected.
            StoreError: the store cannot be reached.
        """
        packed = self._packed([(_label(kind), content.encode())])
        with self._write() as connection:
            self._lock(connection, f"{kind}/{name}")
            newest = self._newest(connection, kind, name)
            if newest is not None and newest.digest == content_digest:
                return newest, False
            found = None if newest is None else newest.digest
            if found != expected:
                message = (
                    f"{kind} {name!r} has another content already"
                    if expected is None
                    else f"{kind} {name!r} is at version {found}, not {expected}"
                )
                raise ChangedError(message)
            self._keep(connection, packed)
            connection.execute(
                sa.insert(_document).values(
                    kind=kind,
                    name=name,
                    version=1 if newest is None else newest.version + 1,
                    digest=content_digest,
                    title=title,
                    bytes=sha256_of(content.encode()),
                    author=author,
                    created=self.clock(),
                )
            )
            self._record(connection, audit_event)
            added = self._newest(connection, kind, name)
            if added is None:
                raise StoreError(f"{kind} {name!r} was written but cannot be read")
            return added, True

    def ship(self, documents: Iterable[ShippedDocument], author: str) -> int:
        """How many versions were added of documents that ship, all in one step.

        A document whose newest version has another author is left as that author has it.
        """
        documents = list(documents)
        last = sa.select(_document.c.kind, _document.c.name, sa.func.max(_document.c.version).label("version"))
        last_of = last.group_by(_document.c.kind, _document.c.name).subquery()
        newest = sa.select(_document).join(
            last_of,
            (_document.c.kind == last_of.c.kind)
            & (_document.c.name == last_of.c.name)
            & (_document.c.version == last_of.c.version),
        )
        packed = self._packed((_label(each.kind), each.content.encode()) for each in documents)
        with self._write() as connection:
            self._lock(connection, "documents that ship")
            there = {(row["kind"], row["name"]): row for row in connection.execute(newest).mappings()}
            rows = []
            for each in documents:
                found = there.get((each.kind, each.name))
                if found is None or (found["author"] == author and found["digest"] != each.digest):
                    version = 1 if found is None else found["version"] + 1
                    row = {name: said for name, said in vars(each).items() if name != "content"}
                    row |= {"bytes": sha256_of(each.content.encode()), "version": version, "author": author}
                    rows.append({**row, "created": self.clock()})
            if rows:
                self._keep(connection, packed)
                connection.execute(sa.insert(_document), rows)
            return len(rows)

    def document(self, kind: str, name: str, content_digest: str | None = None) -> StoredDocument | None:
        """The newest version of a document, or the one with the digest; None where there is none."""
        with self._read() as connection:
            return self._newest(connection, kind, name, content_digest)

    def _newest(
        self, connection: Connection, kind: str, name: str, content_digest: str | None = None
    ) -> StoredDocument | None:
        query = _NEWEST if content_digest is None else _VERSION
        row = connection.execute(query, {"of": kind, "named": name, "version": content_digest}).mappings().first()
        return None if row is None else _read(row)

    def kinds_of(self, digests: Iterable[str]) -> list[str]:
        """Kinds of the documents that have versions with these digests, in order."""
        found: set[str] = set()
        with self._read() as connection:
            for part in _parts(sorted(digests)):
                query = sa.select(_document.c.kind).where(_document.c.digest.in_(part)).distinct()
                found |= {*connection.execute(query).scalars()}
        return sorted(found)

    def written(self, kind: str) -> list[tuple[str, str]]:
        """Digest and author of every version of every document of a kind."""
        query = sa.select(_document.c.digest, _document.c.author).where(_document.c.kind == kind).distinct()
        with self._read() as connection:
            return [(row.digest, row.author) for row in connection.execute(query)]

    def contents_of(self, digests: Iterable[str]) -> Iterator[tuple[str, str]]:
        """What stands under each of these digests."""
        for part in _parts(sorted(digests)):
            query = _whole().where(_document.c.digest.in_(part))
            with self._read() as connection:
                found = {row["digest"]: opened(row).decode() for row in connection.execute(query).mappings()}
            yield from found.items()

    def document_names(self, kind: str) -> list[str]:
        """Names of all documents of a kind, in order."""
        query = sa.select(_document.c.name).where(_document.c.kind == kind).distinct().order_by(_document.c.name)
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def documents(self, kind: str, after: str, limit: int) -> list[StoredDocument]:
        """The newest versions of documents of a kind whose names follow `after`, by name."""
        newest = (
            sa.select(_document.c.name, sa.func.max(_document.c.version).label("version"))
            .where(_document.c.kind == kind, _document.c.name > after)
            .group_by(_document.c.name)
            .order_by(_document.c.name)
            .limit(limit)
            .subquery()
        )
        query = (
            _whole(newest, (_document.c.name == newest.c.name) & (_document.c.version == newest.c.version))
            .where(_document.c.kind == kind)
            .order_by(_document.c.name)
        )
        with self._read() as connection:
            return [_read(row) for row in connection.execute(query).mappings()]

    def versions(self, kind: str, name: str, after: int, limit: int) -> list[StoredDocument]:
        """Versions of one document with numbers above `after`, oldest first."""
        query = (
            _whole()
            .where(_document.c.kind == kind, _document.c.name == name, _document.c.version > after)
            .order_by(_document.c.version)
            .limit(limit)
        )
        with self._read() as connection:
            return [_read(row) for row in connection.execute(query).mappings()]


def _parts(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    return (digests[at : at + 200] for at in range(0, len(digests), 200))


def _label(kind: str) -> str:
    return f"document/{kind}"


def _whole(narrowed: sa.FromClause | None = None, on: sa.ColumnElement[bool] | None = None) -> sa.Select[Any]:
    """Versions of documents with their content, those that `narrowed` names where it is given."""
    source = with_bytes(_document) if narrowed is None else with_bytes(_document).join(narrowed, on)
    return sa.select(_document, *KEPT).select_from(source)


_NAMED = _whole().where(_document.c.kind == sa.bindparam("of"), _document.c.name == sa.bindparam("named"))
_NEWEST = _NAMED.order_by(_document.c.version.desc()).limit(1)
_VERSION = _NAMED.where(_document.c.digest == sa.bindparam("version")).order_by(_document.c.version.desc()).limit(1)


def _read(row: RowMapping) -> StoredDocument:
    parts = {name: row[name] for name in ("seq", "kind", "name", "version", "digest", "title", "author", "created")}
    return StoredDocument(content=opened(row).decode(), **parts)
