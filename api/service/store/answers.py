"""Idempotency keys and the answers that were given to them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

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
        left = _key.c.holder == self._left.get((client, key), "")
        is_over = (_key.c.held_until < now) | (_key.c.created > now + CLOCKS_DIFFER_SECONDS)
        unanswered = _key.c.status.is_(None) & is_over & (_key.c.fingerprint == fingerprint)
        too_old = _key.c.status.is_not(None) & (_key.c.created < now - keep_seconds)
        known = sa.select(_key.c.fingerprint, _key.c.status, _key.c.headers, _key.c.body).where(mine)
        with self._write() as connection:
            connection.execute(sa.delete(_key).where(mine & (left | unanswered | too_old)))
            while not self._add_if_absent(connection, _key, {**row, "held_until": now + hold_seconds, "created": now}):
                kept = connection.execute(known).mappings().first()
                if kept is not None:  # otherwise its holder has just forgotten it
                    return holder, KeptAnswer(**kept)
        self._left.pop((client, key), None)
        return holder, None

    def keep_answer(self, client: str, key: str, holder: str, status: int, headers: str, body: bytes) -> bool:
        """Whether the key was still the holder's; if so, later requests with it receive this answer."""
        with self._write() as connection:
            kept = connection.execute(
                sa.update(_key)
                .where(_key.c.client == client, _key.c.key == key, _key.c.holder == holder)
                .values(status=status, headers=headers, body=body)
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
