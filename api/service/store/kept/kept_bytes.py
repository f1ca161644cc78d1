"""The part of the store that keeps bytes by their digest: one row for the same bytes, however many results have them.

Rows are only ever added, and a row that others are differences from is whole, so no reading follows more than one step.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from api.service.store.database import Database, StoreError
from api.service.store.kept.deltas import against, deflated, inflated
from api.service.store.tables import kept_bytes as _kept

_base = _kept.alias("base_bytes")
KEPT = (_kept.c.packed, _base.c.packed.label("base_packed"))
"""What `opened` needs of a row."""


_BASES = 3
"""With how many earlier bytes new ones are compared, so that work on a few scenarios in turn shares as work on one does."""

Packed = Mapping[str, Any]
"""A row of bytes to keep."""


class KeptBytes(Database):
    """Bytes by their digest."""

    def _packed(self, contents: Iterable[tuple[str, bytes]]) -> list[Packed]:
        """The rows that are missing of bytes, each with a label that it shares with earlier bytes that are likely to be much like it.

        It takes time, so it is done before the transaction that keeps them.
        """
        new = {sha256_of(content): (label, content) for label, content in contents}
        with self._read() as connection:
            known = sa.select(_kept.c.sha256).where(_kept.c.sha256.in_(new))
            there = set(connection.execute(known).scalars())
            missing = {sha256: found for sha256, found in sorted(new.items()) if sha256 not in there}
            bases = {label: _bases(connection, label) for label in {label for label, _ in missing.values()}}
        return [
            {"sha256": sha256, "label": label, **_smallest(content, bases[label])}
            for sha256, (label, content) in missing.items()
        ]

    def _keep(self, connection: Connection, rows: Iterable[Packed]) -> None:
        """Keep bytes that another may have kept meanwhile; in one order, so that two writers never wait for each other."""
        for row in rows:
            self._add_if_absent(connection, _kept, row)


def _bases(connection: Connection, label: str) -> list[tuple[str, bytes]]:
    """The newest whole bytes of a label with their digests."""
    whole = sa.select(_kept.c.sha256, _kept.c.packed).where(_kept.c.label == label, _kept.c.base.is_(None))
    rows = connection.execute(whole.order_by(_kept.c.seq.desc()).limit(_BASES)).all()
    return [(sha256, packed) for sha256, packed in rows]


def _smallest(content: bytes, bases: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    """Bytes as they are kept: as a difference from the first base that makes it worth while, or whole."""
    whole = deflated(content)
    for sha256, base in bases:
        difference = against(content, inflated(base), whole)
        if difference is not None:
            return {"base": sha256, "packed": difference}
    return {"base": None, "packed": whole}


def sha256_of(content: bytes) -> str:
    """The digest by which bytes are kept."""
    return hashlib.sha256(content).hexdigest()


def with_bytes(table: sa.Table) -> sa.Join:
    """A table of results, each row with its bytes."""
    return table.join(_kept, _kept.c.sha256 == table.c.bytes).outerjoin(_base, _base.c.sha256 == _kept.c.base)


def opened(row: RowMapping) -> bytes:
    """The bytes of a row of `with_bytes`, which holds the columns `KEPT` and the digest as `bytes`.

    Raises:
        StoreError: they are not the bytes that were kept.
    """
    base = row["base_packed"]
    try:
        content = inflated(row["packed"], None if base is None else inflated(base))
    except zlib.error as error:
        raise _damaged(row["bytes"]) from error
    if sha256_of(content) != row["bytes"]:
        raise _damaged(row["bytes"])
    return content


def _damaged(sha256: str) -> StoreError:
    return StoreError(f"the store is damaged: the bytes {sha256} are not those that were kept. Restore a backup")
