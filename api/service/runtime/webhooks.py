"""Webhooks: another system is sent a signed message when a job has ended, by the rules of Standard Webhooks.

    webhook-id         names the message; the same at each attempt, so that a receiver takes it once
    webhook-timestamp  seconds since 1970 at the attempt
    webhook-signature  v1, and the HMAC-SHA256 of "id.timestamp.body" with the shared secret, in base64

The message says which job ended, how, and where its result stands: no figures, so that whoever receives it asks for them as
themselves. It is sent again after 5 seconds, half a minute, 2 and 10 minutes where it was not taken. What waits is in memory: a
process that dies sends no more, and `GET /v1/jobs` says what was missed.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import logging
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from api.service.records.addresses import is_local_or_https, secret_bytes
from capitation.records.identity import canonical, digest

log = logging.getLogger("capitation.worker")

WAITS = (0.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds before each attempt."""

_MOST_WAITING = 10_000
_TIMEOUT = 10.0

Post = Callable[[str, bytes, dict[str, str]], int]
"""Sends a body with headers to an address, and gives the status of the answer."""


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, as its header carries it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()


class Webhooks:
    """What sends messages to one address, one after the other, in a thread of its own that begins with the first.

    Args:
        url: where to; nothing is sent where it is empty.
        secret: what is shared with the receiver.
        post: sends a message.
        waits: seconds before each attempt.
    """

    def __init__(self, url: str, secret: str, post: Post | None = None, waits: tuple[float, ...] = WAITS) -> None:
        if url and not is_local_or_https(url):
            raise ValueError("expected an https address, or http on this machine, without a user or password")
        self.url, self._secret, self._post, self._waits = url, secret, post or _posted, waits
        self._waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def job_ended(self, job_id: str, kind: str, status: str, result: str | None, at: float) -> None:
        """Send that a job has ended; never waits."""
        if not self.url:
            return
        data = {"id": job_id, "kind": kind, "status": status, "href": f"/v1/jobs/{job_id}", "result": result}
        when = dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
        body = canonical({"type": f"job.{status}", "timestamp": when, "data": data}).encode()
        message_id = f"msg_{digest(f'{job_id} {status} {at}')[:32]}"
        try:
            self._waiting.put_nowait((message_id, body))
        except queue.Full:
            log.warning("webhook not sent: too many wait", extra={"fields": {"job": job_id}})
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait_until_sent(self) -> None:
        """Wait until every message was taken or given up."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            message_id, body = self._waiting.get()
            try:
                self._send(message_id, body)
            except Exception:
                log.exception("webhook met a fault", extra={"fields": {"message": message_id}})
            finally:
                self._waiting.task_done()

    def _send(self, message_id: str, body: bytes) -> None:
        for wait in self._waits:
            time.sleep(wait)
            now = int(time.time())
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "capitation",
                "webhook-id": message_id,
                "webhook-timestamp": str(now),
                "webhook-signature": signature(self._secret, message_id, now, body),
            }
            status = self._post(self.url, body, headers)
            if 200 <= status < 300:
                return
            fields = {"message": message_id, "host": urllib.parse.urlsplit(self.url).hostname, "status": status}
            log.warning("webhook not taken", extra={"fields": fields})
            if status == 410:  # the receiver wants no more of it
                return


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirection: a message goes to the address given or not at all."""


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; 0 where there is none."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # checked by Webhooks
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
