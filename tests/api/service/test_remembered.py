"""Answers given from memory: only while they cannot have changed, and only where they save making them."""

import asyncio
import time

import pytest

from api.service.http.response_cache import OF_THE_STORE, ResponseCache
from api.service.routes import figures
from api.service.security.proofs.credentials import AuthenticationError
from api.service.store import Store
from tests.api.service.conftest import together


@pytest.fixture
def made(served, monkeypatch):
    """How often lists and documents were read from the store."""
    counts = {"documents": 0, "document": 0}
    for name in counts:
        real = getattr(served.service.store, name)

        def counted(*given, real=real, name=name):
            counts[name] += 1
            return real(*given)

        monkeypatch.setattr(served.service.store, name, counted)
    return counts


def names(client):
    return [each["id"] for each in client.get("/v1/formulas").json()["items"]]


def a_formula(store):
    """Add a formula as another process would."""
    store.add_document("formula", "other", "Other", "{}", "0" * 64, "somebody", None)


@pytest.mark.both_databases("whether the store has changed is seen in another way on each")
def test_what_is_read_again_is_not_made_again_until_the_store_changes(served, made, store_url):
    before = names(served.client)
    assert names(served.client) == before
    assert made["documents"] == (1 if served.service.store.is_sqlite else 2)
    other = Store(store_url)
    a_formula(other)
    other.close()
    assert names(served.client) == sorted([*before, "other"])


@pytest.mark.both_databases("whether the store has changed is seen in another way on each")
def test_ones_own_change_is_seen_at_once(served):
    job = served.client.post("/v1/optimisations", json={"problem": "overlap_pair"}, headers={"Idempotency-Key": "k"})
    place = job.headers["location"]
    assert [served.client.get(place).json()["status"] for _ in range(3)] == ["queued"] * 3
    served.client.delete(place)
    assert served.client.get(place).json()["status"] == "cancelled"
    assert served.client.get("/v1/jobs?status=queued").json()["items"] == []


@pytest.mark.both_databases("whether the store has changed is seen in another way on each")
def test_a_change_while_an_answer_is_made_is_not_lost(served, monkeypatch, store_url):
    real, other = served.service.store.documents, Store(store_url)

    def meanwhile(*given):
        found = real(*given)
        if not other.document("formula", "other"):
            a_formula(other)
        return found

    monkeypatch.setattr(served.service.store, "documents", meanwhile)
    assert "other" not in names(served.client)
    assert "other" in names(served.client)
    other.close()


def test_a_store_that_is_gone_is_not_answered_for_from_memory(serve, tmp_path):
    served = serve(store=f"sqlite:///{tmp_path / 'gone.db'}")
    assert names(served.client) == names(served.client)
    (tmp_path / "gone.db").rename(tmp_path / "elsewhere.db")
    assert served.client.get("/v1/formulas").status_code == 503
    (tmp_path / "elsewhere.db").rename(tmp_path / "gone.db")
    assert served.client.get("/v1/formulas").status_code == 200


def test_the_tag_of_what_a_caller_has_is_remembered_too(served, made):
    tag = served.client.get("/v1/formulas").headers["etag"]
    for _ in range(2):
        answer = served.client.get("/v1/formulas", headers={"If-None-Match": tag, "Accept": "application/json, */*"})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    whole = served.client.get("/v1/formulas", headers={"Accept": "application/json, */*"})
    assert (whole.status_code, whole.headers["etag"]) == (200, tag)
    assert made["documents"] == (3 if served.service.store.is_sqlite else 4)


def test_of_an_answer_that_is_too_large_only_the_tag_is_kept(serve, monkeypatch):
    served = serve(remembered_bytes=16_000)
    reads, real = [], served.service.store.frame_names
    job = served.ask("/v1/runs", {"scenario": "blmk"})
    monkeypatch.setattr(served.service.store, "frame_names", lambda *given: reads.append(given) or real(*given))
    whole = served.client.get(job["result"])
    assert len(whole.content) * 8 > 16_000
    assert served.client.get(job["result"]).content == whole.content
    assert len(reads) == 2
    answer = served.client.get(job["result"], headers={"If-None-Match": whole.headers["etag"]})
    assert (answer.status_code, len(reads)) == (304, 2)


@pytest.mark.parametrize("most_bytes", [4_000, 20_000])
def test_memory_is_bounded_whatever_addresses_callers_make_up(served, monkeypatch, most_bytes):
    found = []
    real = ResponseCache._keep
    monkeypatch.setattr(ResponseCache, "_keep", lambda self, *given: (found.append(self), real(self, *given))[1])
    served.client.get("/v1/formulas")
    remembered = found[0] if found else None
    if remembered is None:  # PostgreSQL does not say at once whether it changed
        return
    remembered.most_bytes = most_bytes
    for number in range(40):
        served.client.get(f"/v1/formulas?made_up={number}{'x' * 500}")
    room = sum(len(key[0]) + len(key[1]) + len(key[2]) + len(key[3]) for key in remembered._kept)
    assert room + sum(len(each.body or b"") for each in remembered._kept.values()) <= most_bytes
    assert 0 <= remembered._bytes <= most_bytes


def test_an_answer_that_is_pushed_out_of_memory_while_it_is_sent_is_sent_whole():
    kept = [(b"cache-control", b"immutable"), (b"content-length", b"2")]

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": kept})
        await send({"type": "http.response.body", "body": b"{}"})

    remembered, sent = ResponseCache(app, 64_000, lambda _only: None), []

    async def slow_reader(message):
        remembered._kept.clear()
        sent.append(message)

    async def keep(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/v1/figures/x", "query_string": b"", "headers": []}
    for send in (keep, slow_reader):
        asyncio.run(remembered({**scope, "state": {"view": "all"}}, None, send))
    assert [message.get("body") for message in sent] == [None, b"{}"] * 2


def slowed(monkeypatch, module, name):
    """How many calls of a function were under way as each began; it takes its time."""
    real, under_way, found = getattr(module, name), [], []

    def slow(*given, **named):
        under_way.append(given)
        found.append(len(under_way))
        time.sleep(0.3)
        under_way.pop()
        return real(*given, **named)

    monkeypatch.setattr(module, name, slow)
    return found


def test_of_several_who_ask_for_the_same_one_has_it_made(served, monkeypatch):
    job = served.ask("/v1/runs", {"scenario": "blmk"})
    run = job["result"].rpartition("/")[2]
    place = f"/v1/figures/{run}/allocation/allocation_pence?where=year=2018/19&where=stream=ccg&where=level=locality&where=code=L-U09531&depth=1"
    alone = served.client.get(place.replace("depth=1", "depth=2"))
    calls = slowed(monkeypatch, figures, "explain")
    answers = together(8, lambda _number: served.client.get(place))
    assert {each.status_code for each in answers} == {alone.status_code} == {200}
    assert len({each.content for each in answers}) == len(calls) == 1


def test_what_cannot_be_kept_is_made_for_each_who_waited(served, monkeypatch):
    calls = slowed(monkeypatch, served.service.store, "result")
    answers = together(8, lambda _number: served.client.get("/v1/figures/0123456789abcdef/pace/final_share"))
    assert [each.status_code for each in answers] == [404] * 8
    assert (calls[0], len(calls)) == (1, 8 * 3)  # it may be a figure of a run, a comparison or a plan
    assert max(calls) > 1  # one was waited for, and the others do not queue


def test_events_and_numbers_about_the_process_are_always_made(served):
    root = served.headers("administrator")
    before = served.client.get("/metrics", headers=root).text
    assert served.client.get("/metrics", headers=root).text != before
    assert not OF_THE_STORE.keys() & {"metrics", "audit", "keys", "journals", "approvals", "data-packs", "catalogue"}


@pytest.mark.both_databases("whether the store has changed is seen in another way on each")
def test_an_embedded_store_has_a_mark_that_only_changes_move(store_url):
    store, other = Store(store_url), Store(store_url)
    store.migrate()
    first = store.mark()
    assert store.mark() == first
    if store.is_sqlite:
        assert first is not None
        other.documents("formula", "", 9)
        assert store.claim("nobody", 1, 1) is None
        assert store.mark() == first
        a_formula(other)
        assert store.mark() != first
        second = store.mark()
        a_formula(other)  # it is there already
        assert store.mark() == second
    else:
        assert first is None
    store.close()
    other.close()


def test_one_request_looks_a_credential_up_again_while_the_others_go_on(served):
    headers = served.headers("analyst")
    identity, given = served.service.identity, {"x-api-key": headers["X-API-Key"]}
    now = [1000.0]
    identity.clock = lambda: now[0]
    caller = identity.find_out(given)
    now[0] += identity.settings.key_seconds / 2 - 0.01
    assert identity.known(given) is caller
    now[0] += 0.02
    assert [identity.known(given) for _ in range(3)] == [None, caller, caller]
    assert identity.find_out(given) == caller
    now[0] += identity.settings.key_seconds / 2 - 0.01
    assert identity.known(given) is not None
    now[0] += identity.settings.key_seconds
    assert [identity.known(given) for _ in range(2)] == [None, None]


def test_a_credential_that_is_found_to_be_taken_back_is_forgotten_by_all_requests(served):
    headers = served.headers("analyst")
    identity, given = served.service.identity, {"x-api-key": headers["X-API-Key"]}
    identity.find_out(given)
    served.service.store.revoke_key(headers["X-API-Key"][4:20])
    assert identity.known(given) is not None
    with pytest.raises(AuthenticationError, match="revoked"):
        identity.find_out(given)
    assert identity.known(given) is None


@pytest.mark.both_databases("whether the store has changed is seen in another way on each")
def test_a_key_that_is_taken_back_while_it_is_looked_up_is_not_remembered(served, monkeypatch):
    headers = served.headers("analyst")
    identity, given, real = served.service.identity, {"x-api-key": headers["X-API-Key"]}, served.service.store.key

    def meanwhile(key_id):
        found = real(key_id)
        served.service.store.revoke_key(key_id)
        identity.forget()
        return found

    monkeypatch.setattr(served.service.store, "key", meanwhile)
    assert identity.find_out(given).role == "analyst"
    assert identity.known(given) is None
