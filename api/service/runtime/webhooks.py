"""Webhooks: another system is sent a signed message when a job has ended, by the rules of Standard Webhooks.

    webhook-id         names the message; the same at each attempt, so that a receiver takes it once
    webhook-timestamp  seconds since 1970 at the attempt
    webhook-signature  v1, and the HMAC-SHA256 of "id.timestamp.body" with the shared secret, in base64

The message says which job ended, how, and where its result stands: no figures, so that whoever receives it asks for them as
themselves. It is sent again after 5 seconds, half a minute, 2, 10 and 30 minutes where it was not taken. What waits is in the store, where
it was written with the end of its job: a process that dies loses none, and whichever process sends first sends it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable

from api.service.kinds import KINDS
from api.service.records.addresses import answer_of, is_local_or_https, secret_bytes
from api.service.store import Message, StoreError
from api.service.store.jobs import Messages
from capitation.records.identity import canonical, digest

log = logging.getLogger("capitation.worker")

WAITS = (5.0, 30.0, 120.0, 600.0, 1_800.0)
"""Seconds before each further attempt."""

_LOOK_EVERY = 1.0
_TIMEOUT = 10.0
_LEASE = 60.0
"""For how long nobody else sends what one process has begun to send."""

Post = Callable[[str, bytes, dict[str, str]], int]
"""Sends a body with headers to an address, and gives the status of the answer."""


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, as its header carries it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()


class Webhooks:
    """What sends the messages of a store to one address, one after the other.

    Args:
        url: where to; nothing is sent where it is empty.
        secret: what is shared with the receiver.
        store: keeps the messages.
        post: sends a message.
        waits: seconds before each further attempt.
    """

    def __init__(
        self, url: str, secret: str, store: Messages, post: Post | None = None, waits: tuple[float, ...] = WAITS
    ) -> None:
        if url and not is_local_or_https(url):
            raise ValueError("expected an https address, or http on this machine, without a user or password")
        self.url, self._secret, self._post, self._waits = url, secret, post or _posted, waits
        self.store = store
        store.announces = store.announces or bool(url)

    def work_until(self, stop: threading.Event) -> None:
        """Send what is due until asked to stop; a store that is gone or full is waited for."""
        while not stop.is_set():
            try:
                if not self.send_one():
                    stop.wait(_LOOK_EVERY)
            except StoreError as error:
                log.warning("store unavailable", extra={"fields": {"error": str(error)}})
                stop.wait(_LOOK_EVERY)
            except Exception:
                log.exception("webhook met a fault")
                stop.wait(_LOOK_EVERY)

    def start(self, stop: threading.Event) -> None:
        """Send in a thread of its own, where there is somebody to send to."""
        if self.url:
            threading.Thread(target=self.work_until, args=(stop,), daemon=True).start()

    def send_one(self) -> bool:
        """Whether a message was due; it was taken then, or is sent again later, or is given up.

        Raises:
            StoreError: the store cannot be used.
        """
        message = self.store.claim_message(_LEASE)
        if message is None:
            return False
        message_id = f"msg_{digest(f'{message.job} {message.status} {message.ended}')[:32]}"
        status = self._send(message_id, _body(message))
        if 200 <= status < 300:
            self.store.forget_message(message.seq)
            return True
        fields = {"message": message_id, "host": urllib.parse.urlsplit(self.url).hostname, "status": status}
        log.warning("webhook not taken", extra={"fields": fields})
        attempts = message.attempts + 1
        if status == 410 or attempts > len(self._waits):  # 410: the receiver wants no more of it
            self.store.forget_message(message.seq)
        else:
            self.store.put_off(message.seq, attempts, self._waits[attempts - 1])
        return True

    def _send(self, message_id: str, body: bytes) -> int:
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "capitation",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._secret, message_id, now, body),
        }
        return self._post(self.url, body, headers)


def _body(message: Message) -> bytes:
    result = None if message.result is None else f"/v1/{KINDS[message.kind].address}/{message.result}"
    href = f"/v1/jobs/{message.job}"
    data = {"id": message.job, "kind": message.kind, "status": message.status, "href": href, "result": result}
    when = dt.datetime.fromtimestamp(message.ended, dt.UTC).isoformat()
    return canonical({"type": f"job.{message.status}", "timestamp": when, "data": data}).encode()


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; 0 where there is none that can be read, or not in time."""
    try:
        return answer_of(url, body, headers, seconds=_TIMEOUT, most_bytes=0)[0]
    except (OSError, ValueError):
        return 0
