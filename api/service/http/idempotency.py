"""Idempotency-Key: a creating request is carried out once, and its answer is given again to whoever repeats it.

No key is 400, a key with another request is 422, a key whose first request is still being answered is 409, a repeat gets the
first answer. A request that was refused keeps nothing, so a corrected one may use its key. What a request creates and its answer
are kept in one transaction, both or neither. A key whose holder died is taken over once its hold has run out; a holder that
was only slow finds its key taken, and keeps nothing.

A request that is answered in no time takes no hold first: its key is kept with its answer. Of several with one key at the same
moment the first to be kept is answered, and the others are 409 and keep nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from fastapi import Response

from api.service.records.failures import ServiceError
from api.service.store import KeptAnswer, Store

HOLD_SECONDS = 30.0
"""How long a request may take before its key can be taken over."""

LONGEST_KEY = 255
"""Most characters of a key."""

REPEATED = "Idempotent-Replayed"
"""Header of an answer that was given before."""


def once(
    store: Store,
    *,
    client: str,
    key: str | None,
    subject: str,
    body: bytes,
    keep_hours: float,
    act: Callable[[], Response],
    is_quick: bool = False,
) -> Response:
    """The answer of `act`, or the answer it gave when the same client sent the same request with the same key.

    Args:
        store: where keys are kept.
        client: who asks; keys of different clients have nothing to do with each other.
        key: the Idempotency-Key header.
        subject: method and path of the request.
        body: body of the request.
        keep_hours: how long an answer is kept.
        act: carries the request out.
        is_quick: whether that takes no time, so that its key need not be taken meanwhile.

    Raises:
        ServiceError: 400, 422 or 409, as above.
    """
    if key is None or not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise ServiceError(
            "idempotency-key-missing",
            f"Send an Idempotency-Key header of 1 to {LONGEST_KEY} printable characters, a new one for each new request",
        )
    fingerprint = hashlib.sha256(subject.encode() + b"\n" + body).hexdigest()
    keep_seconds = keep_hours * 3600
    if is_quick:
        known = store.known_answer(client, key, fingerprint, keep_seconds)
        if known is not None:
            return _given_again(known, fingerprint)
        with store.transaction(is_one=True):
            answer = act()
            if not store.keep_at_once(client, key, keep_seconds, _kept(answer, fingerprint)):
                raise _still_running()
        return answer
    holder, known = store.take_key(client, key, fingerprint, HOLD_SECONDS, keep_seconds)
    if known is not None:
        return _given_again(known, fingerprint)
    try:
        with store.transaction():
            answer = act()
            if not store.keep_answer(client, key, holder, _kept(answer, fingerprint)):
                raise _still_running()
    except BaseException:
        store.drop_key(client, key, holder)
        raise
    return answer


def _kept(answer: Response, fingerprint: str) -> KeptAnswer:
    """An answer as it is kept for whoever repeats the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return KeptAnswer(fingerprint, answer.status_code, json.dumps(headers), bytes(answer.body))


def _given_again(known: KeptAnswer, fingerprint: str) -> Response:
    """The answer that is kept under a key.

    Raises:
        ServiceError: it is of another request, or there is none yet.
    """
    if known.fingerprint != fingerprint:
        raise ServiceError(
            "idempotency-key-reused", "Use a new key for a new request, or repeat the first one without a change"
        )
    if known.status is None:
        raise _still_running()
    headers = {**json.loads(known.headers or "{}"), REPEATED: "true"}
    return Response(content=known.body or b"", status_code=known.status, headers=headers)


def _still_running() -> ServiceError:
    return ServiceError("still-running", "Ask again in a moment", headers={"Retry-After": "1"})
