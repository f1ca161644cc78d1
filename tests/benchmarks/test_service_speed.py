"""Speed of reads over HTTP: a stored allocation beside a bare "hello" on the same server, and how long mixed reads take.

`make bench` prints the figures; the deep suite sends a few requests and only checks that all answers to one request are equal,
whether they were kept in memory or made anew.

Limits set for the product: at least half of the requests a second of the hello; 95 of 100 mixed reads within 50 ms, with 32
requests under way, on a small machine; with 64 clients that also post settlements for a minute, 95 of 100 reads within 30 ms and
posts within 700 ms. The machine may be shared, so the hello and the reads take turns, and the times of
the hello, which has nothing to do, stand beside those of the reads.
"""

import datetime as dt
import json
import statistics
from urllib.parse import urlencode

import pytest

from api.service.security.access import ROLE_SCOPES
from api.service.security.proofs.api_keys import issue_key
from api.service.settings import STORE_FILE
from api.service.store import Store
from tests.api.service.real_server import Server, until
from tests.benchmarks.service_load import Ask, Hello, load, reads_with_posts, within

LEAST_RATIO = 0.5
MOST_MILLISECONDS = 50
MOST_WITH_POSTS, MOST_OF_POSTS = 30, 700

UNLIMITED = {"CAPITATION_RATE_REQUESTS": "1000000000"}
ANEW = {"CAPITATION_REMEMBERED_BYTES": "0", "CAPITATION_WORKERS": "0"}
"""Settings under which every answer is made anew, on the store of the other server."""

HELLO = [Ask("/")]


@pytest.fixture
def served(tmp_path):
    """Ports of two servers on one store with the BLMK run, of which the second keeps no answers; a key; what is read."""
    store = Store(f"sqlite:///{tmp_path / STORE_FILE}")
    store.migrate()
    issued = issue_key("speed", "BLMK", "analyst", ROLE_SCOPES["analyst"], now=dt.datetime.now(dt.UTC))
    store.add_key(issued.record)
    store.close()
    key = issued.text.get_secret_value()
    kept, anew = Server(tmp_path, **UNLIMITED), Server(tmp_path, **UNLIMITED, **ANEW)
    try:
        kept.wait()
        anew.wait()
        headers = {"X-API-Key": key, "Idempotency-Key": "one"}
        job = kept.client.post("/v1/runs", json={"scenario": "blmk"}, headers=headers).headers["location"]
        run = until(lambda: kept.client.get(job, headers=headers).json().get("result"))
        yield kept.port, anew.port, key, reads(run.rpartition("/")[2])
    finally:
        kept.stop()
        anew.stop()


def reads(run):
    """What people and programs read most, the stored allocation first."""
    allocation = f"/v1/allocations/{run}?level=locality&year=2018/19"
    row = ["year=2018/19", "stream=ccg", "level=locality", "code=L-U09531"]
    return [
        Ask(allocation),
        Ask(allocation, "text/csv"),
        Ask(f"/v1/runs/{run}"),
        Ask(f"/v1/runs/{run}/frames/pace"),
        Ask(f"/v1/figures/{run}/allocation/allocation_pence?{urlencode([('where', each) for each in row])}"),
        Ask("/v1/scenarios"),
        Ask("/v1/scenarios/blmk"),
        Ask("/v1/contracts/mssp"),
        Ask("/v1/jobs"),
    ]


def test_reads_beside_a_bare_hello_and_within_their_limit(benchmark, served, measured):
    kept, anew, key, asks = served
    timed = benchmark.enabled
    pairs, burst, rounds, requests, made_anew = (15, 1_000, 5, 3_600, 900) if timed else (1, 8, 1, 18, 9)
    ways = {"key": key, "connections": 32 if timed else 4}
    whole = load(kept, asks[:1], requests=burst, **ways)
    hello = Hello(len(whole.bodies[asks[0]]))
    try:
        until(hello.is_there)
        ours, bare = turns(pairs, (kept, asks[:1]), (hello.port, HELLO), requests=burst, **ways)
        mixed, idle = turns(rounds, (kept, asks), (hello.port, HELLO), requests=requests, warm_up=requests // 4, **ways)
    finally:
        hello.stop()
    fresh = load(anew, asks, requests=made_anew, **ways)
    assert set(fresh.bodies) == set(asks)
    assert all(each.bodies == fresh.bodies for each in mixed)
    assert all(each.bodies.items() <= fresh.bodies.items() for each in [whole, *ours])
    ratios = [one.per_second / other.per_second for one, other in zip(ours, bare, strict=True)]
    benchmark.extra_info.update(of_hello=statistics.median(ratios), p95=[each.percentile(95) for each in mixed])
    measured(
        statistics.median(ratios), "the requests a second of a hello of its size", limit=f"at least {LEAST_RATIO}",
        of="reads of a stored allocation", detail=f"{spread(ratios, '.2f')} in {pairs} pairs of {burst:,}",
    )  # fmt: skip
    measured(
        statistics.median(each.percentile(95) for each in mixed) / MOST_MILLISECONDS, "their limit",
        limit=f"p95 of {MOST_MILLISECONDS} ms", of=f"mixed reads, {ways['connections']} under way",
        detail=f"{rounds} rounds of {requests:,}: {times(mixed)}; the hello in turn with them: {times(idle)}; "
        f"{made_anew:,} of them made anew: {times([fresh])}",
    )  # fmt: skip
    benchmark.pedantic(load, args=(kept, asks[:1]), kwargs={"requests": burst, **ways}, rounds=3 if timed else 1)


def test_reads_while_many_post_work(served, timed, measured):
    kept, _, key, asks = served
    clients, seconds, every = (64, 60, 40) if timed else (4, 1, 5)
    asks = [each for each in asks if each.path != "/v1/jobs"]  # a list that each post changes is never kept
    found = reads_with_posts(kept, asks, key, a_settlement, connections=clients, seconds=seconds, every=every)
    assert len(found.reads) > 3 * len(found.posts) > 0
    for times_of, most, what in (
        (found.reads, MOST_WITH_POSTS, "kept reads"), (found.posts, MOST_OF_POSTS, "posts of settlements"),
    ):  # fmt: skip
        said = ", ".join(f"p{percent} {within(times_of, percent):.1f}" for percent in (50, 95, 99))
        measured(
            within(times_of, 95) / most, "their limit", limit=f"p95 of {most} ms", of=f"{what}, {clients} clients",
            detail=f"{said} ms; {len(times_of) / found.seconds:,.0f} a second for {found.seconds:.0f} s",
        )  # fmt: skip


def a_settlement(number):
    """The body of the request for a settlement that nobody has asked for yet."""
    row = {"year": "2017/18", "commissioner": "06P", "provider": "RYV", "line": f"line {number}"}
    return json.dumps({"contract": "blmk-block", "rows": [{**row, "plan_value_pence": str(1000 + number)}]}).encode()


def turns(count, *loads, **ways):
    """Each of the loads so many times, in turn."""
    measured = [[load(port, asks, **ways) for port, asks in loads] for _ in range(count)]
    return [list(each) for each in zip(*measured, strict=True)]


def times(loads):
    """Percentiles of the times of several loads, and their rates."""
    found = [f"p{percent} {spread([each.percentile(percent) for each in loads], '.1f')}" for percent in (50, 95, 99)]
    return f"{', '.join(found)} ms, {spread([each.per_second for each in loads], '.0f')} a second"


def spread(numbers, form):
    """Least, median and most, or the one number."""
    said = [format(number, form) for number in (min(numbers), statistics.median(numbers), max(numbers))]
    return "/".join(said if len(numbers) > 1 else said[:1])
