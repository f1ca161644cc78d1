"""Threads of this machine: results in the order of parts, the first failure raised, progress counted."""

import threading
import time

import pytest

from capitation.workers.crew import SchedulerError, Threads, crew, scheduler_of_environment


def test_results_come_in_the_order_of_the_parts():
    seen = []
    found = Threads(3).each(
        lambda n: time.sleep(0.003 * (5 - n)) or n * n, range(5), lambda done, of: seen.append((done, of))
    )
    assert found == [0, 1, 4, 9, 16]
    assert seen[-1] == (5, 5)
    assert Threads(1).each(str, [1, 2]) == ["1", "2"]


def test_a_failure_is_raised_and_what_was_not_begun_is_left():
    begun, gate = [], threading.Event()

    def work(n):
        begun.append(n)
        if n == 0:
            raise ValueError("no")
        gate.wait(0.05)

    with pytest.raises(ValueError, match="no"):
        Threads(2).each(work, range(50))
    assert len(begun) < 50


def test_a_scheduler_comes_from_the_environment_with_its_files(monkeypatch):
    assert scheduler_of_environment() is None
    monkeypatch.setenv("CAPITATION_SCHEDULER", " tls://cluster:8786 ")
    monkeypatch.setenv("CAPITATION_SCHEDULER_CA", "ca.pem")
    found = scheduler_of_environment()
    assert (found.address, str(found.ca), found.certificate, found.seconds) == (
        "tls://cluster:8786",
        "ca.pem",
        None,
        10,
    )
    with pytest.raises(SchedulerError) as error, crew(found):
        pass
    for name in ("CA: found ca.pem", "CERTIFICATE: found nothing", "KEY: found nothing"):
        assert name in str(error.value)
    monkeypatch.setenv("CAPITATION_SCHEDULER_SECONDS", "soon")
    with pytest.raises(SchedulerError, match="expected a number of seconds"):
        scheduler_of_environment()


def test_without_the_extra_the_message_says_how_to_have_it(monkeypatch):
    monkeypatch.setattr("capitation.workers.cluster.find_spec", lambda name: None)
    monkeypatch.setenv("CAPITATION_SCHEDULER", "tcp://127.0.0.1:8786")
    with pytest.raises(SchedulerError, match=r"pip install 'capitation\[cluster\]'"), crew(scheduler_of_environment()):
        pass
