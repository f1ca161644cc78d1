"""Idempotency keys and the answers that were given to them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from api.service.store.database import CLOCKS_DIFFER_SECONDS, Database, StoreError
from api.service.store.tables import idempotency as _key


@dataclass(frozen=True)
class KeptAnswer:
    """An idempotency key: whose body it goes with, and the answer once there is one."""

    fingerprint: str
    status: int | None
    headers: str | None
    body: bytes | None


_KNOWN = sa.select(_key.c.fingerprint, _key.c.status, _key.c.headers, _key.c.body)
_MINE = (_key.c.client == sa.bindparam("mine")) & (_key.c.key == sa.bindparam("my_key"))
_IS_LATE = (_key.c.held_until < sa.bindparam("now")) | (_key.c.created > sa.bindparam("soon"))
_FREE = (
    (_key.c.holder == sa.bindparam("left"))
    | (_key.c.status.is_(None) & _IS_LATE & (_key.c.fingerprint == sa.bindparam("my_fingerprint")))
    | (_key.c.status.is_not(None) & (_key.c.created < sa.bindparam("old")))
)
"""What makes a key one that can be taken: its holder ended or gave no answer in time, or its answer is too old to keep."""

_IN_USE = _KNOWN.where(_MINE & sa.not_(_FREE))
_FREED = sa.delete(_key).where(_MINE & _FREE)


class Answers(Database):
    """The part of the store that keeps idempotency keys."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(url, clock)
        self._left: dict[tuple[str, str], str] = {}  # holders that had ended when their key could not be forgotten

    def take_key(
        self, client: str, key: str, fingerprint: str, hold_seconds: float, keep_seconds: float
    ) -> tuple[str, KeptAnswer | None]:
        """A holder's mark and None where the key is the caller's to answer; otherwise what is known of the key.

        A key whose holder ended or gave no answer in time, or whose answer is too old to keep, is taken over.
        """
        now, holder = self.clock(), uuid.uuid4().hex
        row = {"client": client, "key": key, "fingerprint": fingerprint, "holder": holder}
        mine = (_key.c.client == client) & (_key.c.key == key)
        with self._write() as connection:
            connection.execute(_FREED, self._asked(client, key, fingerprint, keep_seconds))
            while not self._add_if_absent(connection, _key, {**row, "held_until": now + hold_seconds, "created": now}):
                kept = connection.execute(_KNOWN.where(mine)).mappings().first()
                if kept is not None:  # otherwise its holder has just forgotten it
                    return holder, KeptAnswer(**kept)
        self._left.pop((client, key), None)
        return holder, None

    def known_answer(self, client: str, key: str, fingerprint: str, keep_seconds: float) -> KeptAnswer | None:
        """What is known of a key; None where it can be used, as `take_key` sees it."""
        with self._read() as connection:
            kept = connection.execute(_IN_USE, self._asked(client, key, fingerprint, keep_seconds)).mappings().first()
        return None if kept is None else KeptAnswer(**kept)

    def keep_at_once(self, client: str, key: str, keep_seconds: float, answer: KeptAnswer) -> bool:
        """Whether the key could be used; if so, later requests with it receive this answer. Nobody had it before."""
        now = self.clock()
        row = {
            "client": client,
            "key": key,
            "holder": uuid.uuid4().hex,
            "held_until": now,
            "created": now,
            **vars(answer),
        }
        with self._write() as connection:
            is_kept = self._add_if_absent(connection, _key, row)
            if not is_kept:
                connection.execute(_FREED, self._asked(client, key, answer.fingerprint, keep_seconds))
                is_kept = self._add_if_absent(connection, _key, row)
        self._left.pop((client, key), None)
        return is_kept

    def _asked(self, client: str, key: str, fingerprint: str, keep_seconds: float) -> dict[str, Any]:
        """What `_MINE` and `_FREE` ask for."""
        now, left = self.clock(), self._left.get((client, key), "")
        seconds = {"now": now, "soon": now + CLOCKS_DIFFER_SECONDS, "old": now - keep_seconds}
        return {"mine": client, "my_key": key, "my_fingerprint": fingerprint, "left": left, **seconds}

    def keep_answer(self, client: str, key: str, holder: str, answer: KeptAnswer) -> bool:
        """Whether the key was still the holder's; if so, later requests with it receive this answer."""
        with self._write() as connection:
            kept = connection.execute(
                sa.update(_key)
                .where(_key.c.client == client, _key.c.key == key, _key.c.holder == holder)
                .values(status=answer.status, headers=answer.headers, body=answer.body)
            )
            return kept.rowcount > 0

    def forget_answers(self, keep_seconds: float) -> int:
        """How many answers were too old to keep, and are gone."""
        old = _key.c.status.is_not(None) & (_key.c.created < self.clock() - keep_seconds)
        with self._write() as connection:
            return connection.execute(sa.delete(_key).where(old)).rowcount

    def drop_key(self, client: str, key: str, holder: str) -> None:
        """Forget a key whose request changed nothing, so that a corrected one may use it; at the latest when it does."""
        self._left[client, key] = holder
        mine = (_key.c.client == client) & (_key.c.key == key) & (_key.c.holder == holder)
        with suppress(StoreError):
            with self._write() as connection:
                connection.execute(sa.delete(_key).where(mine))
            self._left.pop((client, key), None)
