"""A store of a thousand runs stays below 120 MB: the bytes that the n-th further run takes, times a thousand."""

import copy
import itertools
import shutil
import sqlite3

import pytest

from api.service.settings import STORE_FILE

MOST_BYTES, RUNS, TRIED = 120_000_000, 1_000, 12


def used(store):
    """Bytes of the pages of an embedded store that are in use."""
    file = sqlite3.connect(store.removeprefix("sqlite:///"))
    try:
        pages, free, size = (
            file.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    finally:
        file.close()
    return (pages - free) * size


def with_more_money(scenario, number):
    """The scenario under its own id with more money in its first stream: every allocation moves."""
    other = copy.deepcopy(scenario)
    other["id"], other["title"] = f"money-{number}", f"One in a thousand more, {number} times"
    for amount in other["money"]["streams"][0]["amounts"]:
        amount["pounds"] = str(int(float(amount["pounds"]) * (1 + 0.001 * number)))
    return other


@pytest.mark.deep
def test_a_thousand_runs_take_less_than_120_megabytes(serve_on, sqlite_template, tmp_path):
    store_url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / STORE_FILE)}"
    served = serve_on(store_url)
    scenario = served.client.get("/v1/scenarios/blmk").json()
    served.ask("/v1/runs", {"scenario": "blmk"}, "first")
    sizes = [used(store_url)]
    for number in range(1, TRIED + 1):
        sent = served.client.post(
            "/v1/scenarios", json=with_more_money(scenario, number), headers={"Idempotency-Key": f"scenario {number}"}
        )
        assert sent.status_code == 201, sent.text
        served.ask("/v1/runs", {"scenario": f"money-{number}"}, f"run {number}")
        sizes.append(used(store_url))
    each = [after - before for before, after in itertools.pairwise(sizes)]
    later = each[TRIED // 2 :]
    assert sizes[0] + RUNS * max(sum(later) / len(later), sum(each) / len(each)) < MOST_BYTES, (sizes[0], each)
