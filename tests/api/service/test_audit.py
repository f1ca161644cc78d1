"""The audit chain: any single change, loss, addition or move of a record is found, at the place where it is."""

import datetime as dt
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.service.security.audit import (
    GENESIS,
    AuditError,
    AuditRecord,
    Head,
    NumberTakenError,
    checksum,
    event,
    export_text,
    link,
    no_head,
    parse_head,
    record,
    record_text,
    verify,
    verify_file,
    verify_log,
)
from capitation.errors import SourceError

NOON = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)


class ListLog:
    """A log in a list, which refuses a number that is taken as a database's unique key does."""

    def __init__(self):
        self.records, self._lock = [], Lock()

    def head(self):
        return Head(number=len(self.records), sha256=self.records[-1].sha256) if self.records else no_head()

    def append(self, made):
        with self._lock:
            if made.number != len(self.records) + 1:
                message = f"record {made.number} is there"
                raise NumberTakenError(message)
            self.records.append(made)

    def read(self):
        return iter(list(self.records))


def log_of(count):
    log = ListLog()
    for number in range(count):
        moment = NOON + dt.timedelta(seconds=number)
        record(log, event(moment, f"user {number % 3}", "BLMK", "runs.create", f"runs/{number}", run=str(number)))
    return log


lengths = st.integers(min_value=1, max_value=12)
words = st.text(max_size=8)


@given(lengths)
def test_an_untouched_chain_holds_and_ends_at_its_head(count):
    log = log_of(count)
    verdict = verify_log(log)
    assert verdict.holds
    assert verdict.records == count
    assert verdict.head == log.head()
    assert log.records[0].previous == GENESIS


def test_a_record_carries_the_checksum_of_its_text():
    made = link(no_head(), event(NOON, "anna", "BLMK", "runs.create", "runs/1"))
    said = (
        '{"event":{"action":"runs.create","actor":"anna","at":"2026-04-01T12:00:00.000000Z","correlation":"",'
        '"detail":{},"organisation":"BLMK","outcome":"done","subject":"runs/1"},"number":1,"previous":"'
        + GENESIS
        + '"}'
    )
    assert made.sha256 == hashlib.sha256(said.encode()).hexdigest()


CHANGES = ["number", "previous", "sha256", "at", "actor", "organisation", "action", "subject", "outcome", "correlation"]


@given(lengths, st.data())
def test_any_single_change_is_found_where_it_is(count, data):
    log = log_of(count)
    place = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from([*CHANGES, "detail"]))
    old = log.records[place]
    if name == "number":
        new = old.model_copy(update={"number": old.number + data.draw(st.integers(1, 5))})
    elif name in {"previous", "sha256"}:
        digit = data.draw(st.integers(0, 63))
        text = getattr(old, name)
        other = data.draw(st.sampled_from([d for d in "0123456789abcdef" if d != text[digit]]))
        new = old.model_copy(update={name: text[:digit] + other + text[digit + 1 :]})
    elif name == "detail":
        changed = old.event.model_copy(update={"detail": {**old.event.detail, data.draw(words): "more"}})
        new = old.model_copy(update={"event": changed})
    else:
        text = data.draw(words.filter(lambda t: t != getattr(old.event, name)))
        new = old.model_copy(update={"event": old.event.model_copy(update={name: text})})
    log.records[place] = new
    verdict = verify(log.records, Head(number=count, sha256=log_of(count).head().sha256))
    assert not verdict.holds
    assert verdict.broken.position == place + 1
    assert verdict.records == place


@given(lengths, st.data())
def test_a_changed_record_with_its_own_checksum_made_anew_is_found_too(count, data):
    log, head = log_of(count), log_of(count).head()
    place = data.draw(st.integers(0, count - 1))
    old = log.records[place]
    changed = old.event.model_copy(update={"actor": "someone else"})
    log.records[place] = AuditRecord(
        number=old.number, previous=old.previous, event=changed, sha256=checksum(old.number, old.previous, changed)
    )
    verdict = verify(log.records, head)
    assert not verdict.holds
    assert verdict.broken.position == (place + 2 if place < count - 1 else count + 1)


@given(lengths, st.data())
def test_any_single_deletion_is_found_the_last_one_by_the_head(count, data):
    log, head = log_of(count), log_of(count).head()
    place = data.draw(st.integers(0, count - 1))
    del log.records[place]
    verdict = verify(log.records, head)
    assert not verdict.holds
    assert verdict.broken.position == place + 1


@given(st.integers(2, 12), st.data())
def test_any_reordering_is_found_at_the_first_that_moved(count, data):
    log, head = log_of(count), log_of(count).head()
    order = data.draw(st.permutations(range(count)).filter(lambda o: o != list(range(count))))
    verdict = verify([log.records[i] for i in order], head)
    assert not verdict.holds
    assert verdict.broken.position == next(i for i, j in enumerate(order) if i != j) + 1


@given(lengths, st.data())
def test_a_record_put_in_or_doubled_is_found(count, data):
    log, head = log_of(count), log_of(count).head()
    place = data.draw(st.integers(0, count))
    forged = link(
        no_head() if place == 0 else Head(number=place, sha256=log.records[place - 1].sha256),
        event(NOON, "mallory", "BLMK", "runs.approve", "runs/0"),
    )
    inserted = [*log.records[:place], forged, *log.records[place:]]
    assert not verify(inserted, head).holds
    doubled = [*log.records[: place + 1], *log.records[place:]] if place < count else [*log.records, log.records[-1]]
    verdict = verify(doubled, head)
    assert not verdict.holds


def test_a_whole_chain_written_anew_holds_in_itself_but_not_against_a_head_noted_before():
    noted = log_of(4).head()
    other = ListLog()
    for number in range(6):
        record(other, event(NOON, "mallory", "BLMK", "runs.create", f"runs/{number}"))
    assert verify_log(other).holds
    verdict = verify_log(other, [noted])
    assert verdict.broken.position == 4
    assert verdict.broken.expected == f"{noted.sha256}, as noted"
    shorter = log_of(2)
    assert verify_log(shorter, [noted]).broken.position == 3


def test_an_emptied_log_is_found_by_its_head():
    assert verify([], no_head()).holds
    verdict = verify([], log_of(3).head())
    assert verdict.broken.position == 1
    assert verdict.broken.found == "no record"


def test_writers_at_once_lose_and_double_nothing():
    log = ListLog()

    def write(number):
        return record(log, event(NOON, f"user {number}", "BLMK", "runs.create", f"runs/{number}")).event.subject

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(200)))
    assert verify_log(log).holds
    assert sorted(each.event.subject for each in log.records) == sorted(written)
    assert len(set(written)) == 200


def test_a_log_that_never_lets_a_record_in_says_so():
    class Busy(ListLog):
        def append(self, made):
            message = "taken"
            raise NumberTakenError(message)

    with pytest.raises(AuditError, match="nothing was recorded and nothing must be done"):
        record(Busy(), event(NOON, "anna", "BLMK", "runs.create", "runs/1"))


def test_a_clock_that_goes_back_does_not_break_the_chain():
    log = ListLog()
    for hours in (0, -5, 3):
        record(log, event(NOON + dt.timedelta(hours=hours), "anna", "BLMK", "runs.create", "runs/1"))
    assert verify_log(log).holds


def test_secrets_are_masked_before_they_are_recorded():
    key = "cap_0123456789abcdef_" + "s" * 43
    made = event(NOON, "anna", "BLMK", "keys.create", f"keys/{key}", note=f"Authorization: Bearer {key}")
    assert "s" * 43 not in record_text(link(no_head(), made))
    assert made.subject == "keys/***"


def write_file(path, records, head):
    path.write_text("".join(export_text(records, head)), encoding="utf-8")
    return path


def test_an_exported_file_holds_and_is_the_same_bytes_again(tmp_path):
    log = log_of(5)
    path = write_file(tmp_path / "audit.ndjson", log.read(), log.head())
    again = write_file(tmp_path / "again.ndjson", log.read(), log.head())
    assert path.read_bytes() == again.read_bytes()
    assert verify_file(path).holds
    assert verify_file(path, [log_of(3).head()]).holds


@given(st.data())
def test_any_single_byte_changed_in_a_file_is_found(tmp_path_factory, data):
    log = log_of(3)
    path = write_file(tmp_path_factory.mktemp("audit") / "audit.ndjson", log.read(), log.head())
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))  # the line end of the last line carries nothing
    byte = data.draw(st.integers(32, 126).filter(lambda b: b != content[place]))
    content[place] = byte
    path.write_bytes(bytes(content))
    assert not verify_file(path).holds


@given(st.integers(0, 5))
def test_any_line_taken_out_of_a_file_is_found(tmp_path_factory, place):
    log = log_of(5)
    path = write_file(tmp_path_factory.mktemp("audit") / "audit.ndjson", log.read(), log.head())
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:place] + lines[place + 1 :]), encoding="utf-8")
    verdict = verify_file(path)
    assert not verdict.holds
    assert verdict.broken.position == place + 1


def test_a_file_that_is_not_there_or_is_empty_is_told(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        verify_file(tmp_path / "none.ndjson")
    (tmp_path / "empty.ndjson").write_text("")
    assert verify_file(tmp_path / "empty.ndjson").broken.found == "no head"
    (tmp_path / "latin.ndjson").write_bytes(b"\xff")
    with pytest.raises(SourceError, match="UTF-8"):
        verify_file(tmp_path / "latin.ndjson")


def test_a_head_is_read_from_its_text():
    head = log_of(2).head()
    assert parse_head(f"{head.number}:{head.sha256}") == head
    for text in ("", "2", "x:" + head.sha256, "2:abc", f"-1:{head.sha256}"):
        with pytest.raises(SourceError, match="expected the record's number"):
            parse_head(text)


def test_the_command_says_the_head_of_a_log_that_holds_and_the_break_of_one_that_does_not(tmp_path, capitation):
    log = log_of(5)
    path = write_file(tmp_path / "audit.ndjson", log.read(), log.head())
    told = capitation("audit", "verify", path)
    assert told.code == 0
    assert f"5:{log.head().sha256}" in told.out
    machine = capitation("audit", "verify", path, "--json")
    assert json.loads(machine.out)["head"] == {"number": 5, "sha256": log.head().sha256}
    other = log_of(7).records[6].sha256
    assert capitation("audit", "verify", path, "--head", f"3:{other}").code == 1
    path.write_text(path.read_text(encoding="utf-8").replace("user 2", "user 9"), encoding="utf-8")
    broken = capitation("audit", "verify", path)
    assert broken.code == 1
    assert "record 3" in broken.out
