"""Writers of the embedded store: turns in order, one wait for the disk for all who wrote before, and none for what may be lost."""

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.service.store import Store, StoreError, StoreFullError, writers
from api.service.store.writers import Disk, Turns
from tests.api.service.test_remembered import a_formula


@pytest.fixture
def waits(monkeypatch):
    """How often the disk was waited for."""
    found, real = [], os.fsync
    monkeypatch.setattr(writers.os, "fsync", lambda file: (found.append(file), real(file))[1])
    return found


def test_writers_have_their_turns_in_the_order_in_which_they_came():
    turns, came = Turns(), []

    def write(number):
        with turns:
            came.append(number)

    with turns:
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for number, thread in enumerate(threads):
            thread.start()
            end = time.monotonic() + 10
            while len(turns._waiting) <= number and time.monotonic() < end:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert came == list(range(8))
    with turns:  # nobody has it any more
        pass


def test_a_turn_that_ends_in_an_error_is_over():
    turns = Turns()
    with pytest.raises(ValueError, match="wrong"), turns:
        raise ValueError("wrong")
    with turns:
        pass


def test_what_is_answered_is_on_the_disk_and_what_may_be_lost_is_not_waited_for(store, waits):
    a_formula(store)
    assert len(waits) == 1
    store.ask("job", "run", "{}", "ada")
    assert len(waits) == 2
    with store.transaction():
        store.ask("one", "run", "{}", "ada")
        store.ask("two", "run", "{}", "ada")
    assert len(waits) == 3
    job = store.claim("worker", 30, 3)
    store.say(job.id, "worker", "half of it")
    assert store.keep_lease(job.id, "worker", 30)
    assert len(waits) == 3
    assert store.fail(job.id, "worker", "{}", "it did not work")
    assert len(waits) == 4


def test_many_writers_wait_for_the_disk_together(tmp_path, monkeypatch):
    (tmp_path / "x.db-wal").write_bytes(b"log")
    disk, began, may_end = Disk(tmp_path / "x.db"), [], threading.Event()
    monkeypatch.setattr(writers.os, "fsync", lambda file: (began.append(file), may_end.wait(10)))
    with ThreadPoolExecutor(20) as pool:
        done = [pool.submit(disk.has_all) for _ in range(20)]
        end = time.monotonic() + 10
        while disk._asked < 20 and time.monotonic() < end:
            time.sleep(0.001)
        assert not any(each.done() for each in done)
        may_end.set()
        for each in done:
            each.result(10)
    assert len(began) == 2  # the one that the first began, and one for all who wrote meanwhile


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StoreFullError), (errno.EIO, StoreError)])
def test_a_disk_that_does_not_take_what_was_written_is_no_answer(store, monkeypatch, number, kind):
    def fails(_file):
        raise OSError(number, "no")

    monkeypatch.setattr(writers.os, "fsync", fails)
    with pytest.raises(kind, match="did not take"):
        a_formula(store)
    monkeypatch.undo()
    a_formula(store)  # it is there, or added now
    assert store.document("formula", "other") is not None


def test_work_that_goes_on_does_not_end_what_is_known_of_documents(store, tmp_path):
    other = Store(f"sqlite:///{tmp_path / 'capitation.db'}")
    first, whole = store.mark("document"), store.mark()
    other.ask("job", "run", "{}", "ada")
    assert store.mark() != whole
    assert store.mark("document") == first
    results = store.mark("result")
    a_formula(other)
    assert store.mark("document") not in {None, first}
    assert store.mark("result") == results
    job = other.claim("worker", 30, 3)
    assert other.finish(job, "worker", "result", "{}", {})
    assert store.mark("result") not in {None, results}
    other.close()
