"""Idempotency keys: no key, another body, still running, repeated, fifty at once, and a holder that died."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import Response

from api.service.http.idempotency import HOLD_SECONDS, REPEATED, once
from api.service.records.failures import ServiceError
from api.service.store import KeptAnswer, Store

pytestmark = pytest.mark.both_databases("a key is taken by one of several writers")

RUN = {"scenario": "blmk"}


def post(served, body=RUN, key="k", path="/v1/runs"):
    return served.client.post(path, json=body, headers={"Idempotency-Key": key} if key is not None else {})


def answer_of(store, key="k", body=b"1", act=lambda: Response(b"made", 201)):
    return once(store, client="c", key=key, subject="POST /x", body=body, keep_hours=1, act=act)


def test_a_missing_blank_or_endless_key_is_400(served):
    for key in (None, " ", "k" * 256):
        answer = post(served, key=key)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:capitation:problem:idempotency-key-missing")


def test_a_repeat_gets_the_same_answer(served):
    first = post(served)
    served.work()
    again = post(served)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert (REPEATED.lower() in first.headers, again.headers[REPEATED]) == (False, "true")


def test_a_key_with_another_body_or_address_is_422(served):
    post(served)
    for answer in (post(served, {"scenario": "blmk", "digest": None}), post(served, RUN, path="/v1/settlements")):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:idempotency-key-reused")


def test_a_refused_request_keeps_nothing_so_a_corrected_one_may_use_its_key(served):
    assert post(served, {"scenario": "blmq"}).status_code == 422
    assert post(served, RUN).status_code == 202


def test_a_key_whose_request_is_still_being_answered_is_409(served):
    store = served.service.store

    def meanwhile():
        try:
            answer_of(store)
        except ServiceError as error:
            return Response(error.kind.encode(), 200, error.headers)
        return Response(b"answered twice", 500)

    answer = answer_of(store, act=meanwhile)
    assert (answer.body, answer.headers["retry-after"]) == (b"still-running", "1")


def test_a_key_whose_holder_died_is_taken_over(served, store_url):
    now = [1000.0]
    store = Store(store_url, clock=lambda: now[0])

    holder, _ = store.take_key("c", "k", _fingerprint(), HOLD_SECONDS, 3600)
    now[0] += HOLD_SECONDS + 1
    assert answer_of(store).body == b"made"
    store.keep_answer(
        "c", "k", holder, KeptAnswer(_fingerprint(), 500, "{}", b"late")
    )  # the dead holder's answer counts for nothing
    assert answer_of(store, act=lambda: Response(b"again", 500)).body == b"made"
    store.close()


def test_an_answer_too_old_to_keep_is_forgotten(served, store_url):
    now = [1000.0]
    store = Store(store_url, clock=lambda: now[0])
    answer_of(store)
    now[0] += 3601
    assert answer_of(store, body=b"another", act=lambda: Response(b"new", 201)).body == b"new"
    store.close()


def test_a_clock_that_goes_back_doubles_nothing(served, store_url):
    now = [10_000.0]
    store = Store(store_url, clock=lambda: now[0])
    answer_of(store)
    now[0] = 1.0
    assert answer_of(store, act=lambda: Response(b"again", 500)).body == b"made"
    store.close()


def test_fifty_clients_with_one_key_make_one_job(serve):
    served = serve(rate_requests=100_000)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(served), range(50)))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {202, 409}
    assert counts[202] >= 1
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    first = [a for a in answers if a.status_code == 202 and REPEATED not in a.headers]
    assert len(first) == 1
    assert len(served.client.get("/v1/jobs").json()["items"]) == 1
    assert post(served).content == first[0].content


def _fingerprint():
    return hashlib.sha256(b"POST /x\n1").hexdigest()
