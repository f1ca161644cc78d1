"""Bytes in the store, on each database: the same ones once, others as what they differ in, and all of them as they were."""

import zlib
from dataclasses import replace

import polars as pl
import pytest
import sqlalchemy as sa

from api.service.kinds.run import whole_run
from api.service.records.job_kind import JobResult, stored_frame
from api.service.records.pack import pack_at
from api.service.store import Store, StoreError, backup, restore
from api.service.store.kept.deltas import against, deflated, inflated
from capitation.records.identity import canonical, digest

pytestmark = pytest.mark.both_databases("where bytes are kept, and how they are found again")


@pytest.fixture
def store(store_url):
    """A store of its own."""
    made = Store(store_url)
    made.migrate()
    yield made
    made.close()


def asked(store, sql, **values):
    with store._engine.begin() as connection:
        return connection.execute(sa.text(sql), values)


def size(store):
    """How many bytes of documents and results are kept."""
    return asked(store, "SELECT SUM(LENGTH(packed)) FROM kept_bytes").scalar_one()


def keep(store, result):
    """Store a result with the scenario behind it as the newest version, as a request and a worker do."""
    scenario = result.content["manifest"]["scenario"]
    content, newest = canonical(scenario), store.document("scenario", "blmk")
    title, before = scenario["title"], None if newest is None else newest.digest
    store.add_document("scenario", "blmk", title, content, digest(content), "anna", before)
    job = store.ask(digest(result.id)[:32], "run", "{}", "anna")
    job = store.claim("w", 60, 5)
    assert store.finish(job, "w", result.id, canonical(result.content), result.stored(), result.files)


def titled(run, title, name):
    """A run of the same scenario under another title."""
    scenario = {**run.manifest.scenario, "title": title}
    return replace(run, manifest=run.manifest.model_copy(update={"scenario": scenario, "run_id": name}))


def with_money(run, pence):
    """A run whose localities have more money: all else is as it was."""
    more = run.frames["allocation"].with_columns(pl.col("allocation_pence") + pence)
    return replace(titled(run, "More", "b" * 16), frames={**run.frames, "allocation": more})


def assert_reads_back(store, result):
    assert store.result("run", result.id).content == canonical(result.content)
    assert store.frame_names("run", result.id) == sorted(result.frames)
    for name, frame in result.stored().items():
        assert store.frame("run", result.id, name) == frame
    for name, file in result.files.items():
        assert store.file("run", result.id, name) == file


def test_a_run_that_differs_in_its_title_adds_a_hundredth_of_the_first_and_both_read_back_as_they_were(store, blmk_run):
    pack = pack_at(None)
    first, second = (whole_run(titled(blmk_run, f"Plan {name}", name * 16), pack) for name in "ab")
    keep(store, first)
    before = size(store)
    keep(store, second)
    assert before > 200_000
    assert size(store) - before < before / 100
    for result in (first, second):
        assert_reads_back(store, result)
    versions = store.versions("scenario", "blmk", 0, 10)
    assert [v.content for v in versions] == [canonical(r.content["manifest"]["scenario"]) for r in (first, second)]
    assert [r.content for r in store.results("run", 0, 10)] == [canonical(r.content) for r in (first, second)]


def test_a_table_in_which_one_column_differs_shares_the_others(store, blmk_run):
    pack = pack_at(None)
    first, second = whole_run(blmk_run, pack), whole_run(with_money(blmk_run, 1), pack)
    keep(store, first)
    before = size(store)
    keep(store, second)
    whole = len(deflated(stored_frame("allocation", second.frames["allocation"]).parquet))
    assert 0 < size(store) - before < 0.8 * whole
    assert_reads_back(store, second)


def test_bytes_that_are_damaged_are_never_given_out(store, blmk_run):
    first = whole_run(blmk_run, pack_at(None))
    keep(store, first)
    pace = stored_frame("pace", first.frames["pace"])
    asked(store, "UPDATE kept_bytes SET packed = :other WHERE label = 'run/pace'", other=deflated(b"other"))
    with pytest.raises(StoreError, match="the store is damaged: the bytes"):
        store.frame("run", first.id, pace.name)
    asked(store, "UPDATE kept_bytes SET packed = :other WHERE label = 'run/pace'", other=b"none")
    with pytest.raises(StoreError, match="the store is damaged: the bytes"):
        store.frame("run", first.id, pace.name)


def test_a_backup_has_the_bytes_too(tmp_path, blmk_run):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    store = Store(url)
    store.migrate()
    results = [whole_run(titled(blmk_run, f"Plan {name}", name * 16), pack_at(None)) for name in "ab"]
    for result in results:
        keep(store, result)
    store.close()
    copy = backup(url, tmp_path / "copy.db")
    restore(copy, f"sqlite:///{tmp_path / 'b.db'}")
    other = Store(f"sqlite:///{tmp_path / 'b.db'}")
    for result in results:
        assert_reads_back(other, result)
    other.close()


def test_a_result_without_tables_is_kept_like_any_other(store):
    result = JobResult("c" * 16, {"manifest": {"scenario": {"title": "None"}}}, {})
    keep(store, result)
    assert_reads_back(store, result)


@pytest.mark.parametrize("base", [b"", b"abc" * 50, bytes(range(256)) * 400])
@pytest.mark.parametrize("content", [b"", b"x", b"abc" * 60, bytes(range(256)) * 100 + b"end"])
def test_what_was_made_small_comes_back_as_it_was(base, content):
    assert inflated(deflated(content)) == content
    difference = against(content, base, deflated(content))
    assert difference is None or inflated(difference, base) == content


def test_long_bytes_that_differ_in_one_place_are_kept_as_little_more_than_what_differs():
    base = b"".join(digest(str(number)).encode() for number in range(1500))  # 96 kB, which deflates badly by itself
    for content in (
        b"first" + base,
        base[:50_000] + b"middle" + base[50_003:],
        base + b"last",
        base[:40_000],
        base[70_000:] + b"x",
    ):
        whole = deflated(content)
        difference = against(content, base, whole)
        assert difference is not None or content.endswith(b"x")
        if difference is not None:
            assert len(difference) < len(whole) / 20
            assert inflated(difference, base) == content


def test_long_bytes_that_an_earlier_release_kept_come_back():
    base = b"".join(digest(str(number)).encode() for number in range(700))
    content = base[:100] + b"one" + base[100:]
    packer = zlib.compressobj(9, zdict=base)
    assert inflated(packer.compress(content) + packer.flush(), base) == content


def test_a_difference_that_ends_early_is_damage():
    base = bytes(range(256)) * 200
    difference = against(base + b"end", base, deflated(base))
    with pytest.raises(zlib.error):
        inflated(difference[:-3], base)
