"""The store itself, on each database: older shapes are brought up whole, what is kept stays, and two writers double nothing."""

import datetime as dt
import json
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import api.service.migrations
from api.service.security.access import ROLE_SCOPES
from api.service.security.audit import event, verify_log
from api.service.security.proofs.api_keys import issue_key
from api.service.store import ChangedError, KeptAnswer, NewJournal, Store, StoredFrame, StoreError, StoreFullError
from api.service.store.database import _versions
from capitation.records.identity import digest
from tests.api.service.conftest import together

pytestmark = pytest.mark.both_databases("what the store itself promises")

NOON = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)
JOB = "0" * 31 + "1"


@pytest.fixture
def stores(store_url):
    """Makes stores over one database, in the shape that this version needs."""
    made = []

    def make(**clock):
        made.append(Store(store_url, **clock))
        made[-1].migrate()
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def store(stores):
    """One store."""
    return stores()


def told(action="things.create", subject="things/1"):
    return event(NOON, "anna", "BLMK", action, subject)


def actions(store):
    return Counter(record.event.action for record in store.read())


def at_once(*acts):
    """What each act gives or raises, all begun at the same moment."""

    def outcome(number):
        try:
            return acts[number]()
        except Exception as error:
            return error

    return together(len(acts), outcome)


# --- shapes -------------------------------------------------------------------------------------------------------------


FIRST_SHAPE = {
    "document": [
        {"kind": "scenario", "name": "a", "version": 1, "digest": "d" * 64, "title": "A", "content": "{}"},
        {"kind": "scenario", "name": "a", "version": 2, "digest": "e" * 64, "title": "A", "content": '{"b":1}'},
    ],
    "job": [
        {"id": JOB, "kind": "run", "request": "{}", "status": "done", "result": "r1", "attempts": 1},
        {"id": "waits", "kind": "run", "request": "{}", "status": "queued", "attempts": 0},
        {"id": "held", "kind": "run", "request": "{}", "status": "running", "attempts": 1, "lease_until": 2e9},
        {"id": "lost", "kind": "run", "request": "{}", "status": "running", "attempts": 1, "lease_until": 1e9},
    ],
    "job_event": [{"job": JOB, "name": "queued", "says": "waits"}, {"job": JOB, "name": "done", "says": "r1"}],
    "result": [{"kind": "run", "id": "r1", "job": JOB, "content": '{"x":1}'}],
    "result_frame": [{"kind": "run", "id": "r1", "name": "pace", "sha256": "f" * 64, "rows": 1, "parquet": b"PAR1"}],
    "idempotency": [
        {"client": "key a", "key": "k", "fingerprint": "p", "holder": "h", "held_until": 1.5e9, "status": 202,
         "headers": "{}", "body": b"first"},
    ],
}  # fmt: skip
"""What a store of the first shape may hold."""


def brought_to(url, revision):
    """An engine on a store of an earlier shape."""
    config = Config()
    config.set_main_option("script_location", str(Path(api.service.migrations.__file__).parent))
    engine = sa.create_engine(sa.make_url(url.replace("postgresql:", "postgresql+psycopg:")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def test_the_names_of_the_migrations_are_their_versions_in_order():
    config = Config()
    config.set_main_option("script_location", str(Path(api.service.migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert _versions() == ({each.revision for each in script.walk_revisions()}, script.get_current_head())


def in_first_shape(url):
    engine = brought_to(url, "0001")
    tables = sa.MetaData()
    with engine.begin() as connection:
        tables.reflect(connection)
        for name, rows in FIRST_SHAPE.items():
            known = tables.tables[name].c
            always = {"author": "anna", "created": 1.5e9, "changed": 1.5e9, "owner": "dead" if name == "job" else None}
            for row in rows:
                row = {**{key: value for key, value in always.items() if key in known}, **row}
                connection.execute(sa.insert(tables.tables[name]).values(row))
    engine.dispose()


def test_a_store_of_the_first_shape_is_brought_to_this_one_with_everything_kept(store_url, stores):
    in_first_shape(store_url)
    store = stores(clock=lambda: 1.6e9)
    assert store.self_test() == "0006"
    assert [(d.version, d.content) for d in store.versions("scenario", "a", 0, 10)] == [(1, "{}"), (2, '{"b":1}')]
    assert [(j.id, j.status, j.author) for j in store.jobs(0, 10)] == [
        (JOB, "done", "anna"), ("waits", "queued", "anna"), ("held", "running", "anna"), ("lost", "running", "anna")
    ]  # fmt: skip
    assert [(name, says) for _, name, says, _ in store.events(JOB, 0)] == [("queued", "waits"), ("done", "r1")]
    assert store.result("run", "r1").content == '{"x":1}'
    assert store.frame("run", "r1", "pace") == StoredFrame("pace", 1, "f" * 64, b"PAR1")
    assert store.take_key("key a", "k", "p", 30, 1e9)[1].body == b"first"
    assert store.askers(JOB) == ["anna"]
    assert (verify_log(store).holds, store.head().number) == (True, 0)
    assert [store.claim("new", 15, 5).id for _ in range(2)] == ["waits", "lost"]  # not what another holds
    assert store.claim("new", 15, 5) is None


@pytest.mark.both_databases("a migration is written for each")
def test_journals_of_a_store_without_postings_claim_what_they_posted_in_the_chain_of_the_first(store_url, stores):
    """Journals that were made before postings were kept: an original, what restates it, and one of another account."""
    lines = {
        "a": ("original", "", "P1", 100),
        "b": ("reversal", "a", "P1", 100),
        "c": ("replacement", "a", "P1", 70),
        "d": ("original", "", "P2", 5),
    }

    def content(name):
        kind, linked, provider, pence = lines[name]
        both = [("debit", "E"), ("credit", "L")]
        return json.dumps(
            {
                "journal_source": "statement",
                "period": "2018/19",
                "currency": "GBP",
                "kind": kind,
                "linked_to": linked,
                "lines": [
                    {
                        "organisation_code": "06F",
                        "counterparty_code": provider,
                        "area_code": f"06F / {provider} / acute",
                        "service_code": "acute",
                        "account_code": account,
                        "debit": f"{pence / 100:.2f}" if side == "debit" else None,
                        "credit": f"{pence / 100:.2f}" if side == "credit" else None,
                    }
                    for side, account in both
                ],
            }
        ).encode()

    engine = brought_to(store_url, "0002")
    tables = sa.MetaData()
    with engine.begin() as connection:
        tables.reflect(connection)
        for name, (kind, linked, _, pence) in lines.items():
            row = {
                "id": name, "slot": f"{kind}|{name}", "result": "r", "organisation": "blmk-block", "period": "2018/19",
                "source": "statement", "kind": kind, "linked_to": linked, "author": "cal", "total_pence": pence,
                "lines": 2, "content": content(name), "created": 1.5e9,
            }  # fmt: skip
            connection.execute(sa.insert(tables.tables["journal"]).values(row))
    engine.dispose()
    store = stores(clock=lambda: 1.6e9)
    found = [(journal, root, claim.account) for journal, root, claim in store.postings()]
    assert [(journal, root) for journal, root, _ in found] == [("a", "a"), ("c", "a"), ("d", "d")]
    assert found[0][2] == found[1][2] != found[2][2]
    keys = {journal: claim.key for journal, _, claim in store.postings()}
    assert keys["a"] == keys["c"] != keys["d"]
    (claim,) = [claim for journal, _, claim in store.postings() if journal == "d"]
    assert claim.last_month - claim.first_month == 11
    assert [each.journal for each in store.rivals([claim])] == ["d"]  # its money cannot be posted again
    assert store.rivals([claim], "d") == []


def test_two_processes_that_start_at_once_bring_an_empty_store_to_shape_once(store_url):
    made = [Store(store_url) for _ in range(4)]
    assert at_once(*(each.migrate for each in made)) == [None] * 4
    assert [each.self_test() for each in made] == ["0006"] * 4
    for each in made:
        each.close()


def test_a_new_file_that_another_process_has_just_begun_to_write_to_is_waited_for(tmp_path):
    other = sqlite3.connect(tmp_path / "new.db", check_same_thread=False, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN IMMEDIATE")
    letting_go = threading.Timer(0.3, other.execute, ["COMMIT"])
    letting_go.start()
    store = Store(f"sqlite:///{tmp_path / 'new.db'}")
    store.migrate()
    assert store.self_test() == "0006"
    letting_go.join(60)
    other.close()
    store.close()


def test_a_store_that_cannot_even_be_opened_for_want_of_room_says_that_it_is_full(small_disk):
    url = f"sqlite:///{small_disk.folder / 'x.db'}"
    store = Store(url)
    store.migrate()
    store.close()
    small_disk.fill()
    again = Store(url)
    with pytest.raises(StoreFullError, match="make room"):
        again.migrate()
    small_disk.free()
    again.migrate()
    again.close()


# --- what is kept stays -------------------------------------------------------------------------------------------------


def journal(number, slot, **more):
    given = {"result": "r1", "organisation": "BLMK", "period": "2018/19", "source": "provider_allocation"}
    more = {"kind": "original", "linked_to": "", "total_pence": 100, "lines": 2, "content": b"{}", **more}
    return NewJournal(id=f"{number:016x}", slot=slot, **given, **more)


ORIGINAL = "original|BLMK|2018/19|provider_allocation"


@pytest.mark.parametrize("table", ["audit_record", "approval", "journal"])
def test_the_database_itself_refuses_to_change_what_is_only_ever_added_to(store, table):
    store.approve("a1", "run", "r1", "anna", "ben", "BLMK", "", told())
    store.add_journals([journal(1, ORIGINAL)], "cal")
    change = {"audit_record": "event = ''", "approval": "note = ''", "journal": "lines = 0"}[table]
    statements = [f"UPDATE {table} SET {change}", f"DELETE FROM {table}"]
    for statement in statements if store.is_sqlite else [*statements, f"TRUNCATE {table}"]:
        with pytest.raises(sa.exc.DBAPIError, match=f"{table} is only ever added to"), store._engine.begin() as raw:
            raw.exec_driver_sql(statement)
    assert (len(store.approvals(0, 9)), len(store.journals(0, 9)), store.head().number) == (1, 1, 1)
    assert verify_log(store).holds


def test_two_writers_keep_one_unbroken_chain(stores):
    both = [stores(), stores()]

    def write(each):
        for number in range(250):
            each.note(told(subject=f"things/{number}"))

    assert at_once(*(lambda each=each: write(each) for each in both)) == [None, None]
    verdict = verify_log(both[0])
    assert (verdict.holds, verdict.records) == (True, 500)
    subjects = Counter(record.event.subject for record in both[1].read())
    assert set(subjects.values()) == {2}


# --- journals and approvals ---------------------------------------------------------------------------------------------


def test_the_newest_approval_is_the_last_that_was_not_withdrawn(store):
    assert store.newest_approval("run") is None
    for name, result, kind in (("a1", "r1", "run"), ("a2", "r2", "run"), ("a3", "c1", "comparison")):
        store.approve(name, kind, result, "anna", "ben", "BLMK", "", told())
    assert store.newest_approval("run").result == "r2"
    store.withdraw_approval("a2", "ben", "BLMK", "wrong growth")
    assert store.newest_approval("run").result == "r1"
    store.withdraw_approval("a1", "ben", "BLMK", "wrong growth")
    assert store.newest_approval("run") is None


def test_a_period_is_posted_once_and_the_same_journal_again_is_left_as_it_is(store):
    first = journal(1, ORIGINAL)
    made = store.add_journals([first], "cal", told("journals.create"))
    assert store.add_journals([first], "dan", told("journals.create")) == made
    for other in (journal(2, ORIGINAL), replace(first, slot="elsewhere")):
        with pytest.raises(ChangedError, match=r"journal 0+1 stands for the same as this one"):
            store.add_journals([other], "cal", told("journals.create"))
    assert store.journal_in(ORIGINAL) == made[0]
    assert ([j.id for j in store.journals(0, 9)], made[0].author) == ([first.id], "cal")
    assert store.journal_content(first.id) == b"{}"
    assert actions(store) == {"journals.create": 1}
    others = [journal(3, ORIGINAL.replace("18/19", "19/20")), journal(4, ORIGINAL.replace("provider", "locality"))]
    assert len(store.add_journals(others, "cal")) == 2


def test_a_reversal_and_its_replacement_are_kept_both_or_neither(store):
    first = journal(1, ORIGINAL)
    store.add_journals([first], "cal")
    pair = [journal(2, f"reversal|{first.id}"), journal(3, f"replacement|{first.id}")]
    store.add_journals(pair[1:], "cal")
    rival = journal(4, f"replacement|{first.id}")
    with pytest.raises(ChangedError):
        store.add_journals([pair[0], rival], "cal", told())
    assert [j.id for j in store.journals(0, 9)] == [first.id, pair[1].id]
    assert (store.journal_in(pair[0].slot), store.head().number) == (None, 0)
    store.add_journals(pair, "cal", told())
    assert [j.id for j in store.journals(0, 9)] == [first.id, pair[1].id, pair[0].id]


def test_the_same_journal_from_two_hands_at_once_is_made_once_and_told_once(stores):
    both = [stores(), stores()]
    for number in range(25):
        new = journal(number, f"original|{number}")
        made = at_once(*(lambda each=each: each.add_journals([new], "cal", told()) for each in both))  # noqa: B023  # run at once
        assert made[0] == made[1]
    assert (len(both[0].journals(0, 99)), both[0].head().number) == (25, 25)


def test_the_same_approval_from_two_hands_at_once_is_given_once_and_told_once(stores):
    both = [stores(), stores()]
    for number in range(25):
        name = f"{number:016x}"
        given = at_once(
            *(
                lambda each=each, by=by: each.approve(digest(name)[:32], "run", name, "anna", by, "BLMK", "", told())  # noqa: B023  # run at once
                for each, by in zip(both, ("ben", "bob"), strict=True)
            )
        )
        assert given[0] == given[1]
    assert (len(both[0].approvals(0, 99)), both[0].head().number) == (25, 25)
    first = both[0].approvals(0, 1)[0]
    assert both[0].approval(first.id) == both[0].approval_of("run", first.result) == first


# --- keys and packs -----------------------------------------------------------------------------------------------------


def test_keys_are_kept_as_they_were_issued_and_taken_back_once(stores):
    now = [NOON.timestamp()]
    store = stores(clock=lambda: now[0])
    assert (store.has_keys(), store.key("0" * 16)) == (False, None)
    issued = [
        issue_key(name, "BLMK", "analyst", ROLE_SCOPES["analyst"], now=NOON + dt.timedelta(microseconds=1), lives=lives)
        for name, lives in (("anna", None), ("ben é", dt.timedelta(days=1)))
    ]
    for each in issued:
        store.add_key(each.record, told("keys.create"))
    assert [record for _, record in store.keys(0, 9)] == [each.record for each in issued]
    assert store.keys(1, 9)[0][1] == store.key(issued[1].record.key_id) == issued[1].record
    with pytest.raises(ChangedError):
        store.add_key(issued[0].record, told("keys.create"))
    first = store.revoke_key(issued[0].record.key_id, told("keys.delete"))
    now[0] += 1000
    assert store.revoke_key(issued[0].record.key_id, told("keys.delete")) == first
    assert first.revoked == NOON
    assert store.revoke_key("0" * 16, told("keys.delete")) is None
    assert (store.has_keys(), actions(store)) == (True, {"keys.create": 2, "keys.delete": 1})


def test_packs_come_back_byte_for_byte_and_are_added_once(store):
    archive = bytes(range(256)) * 4_000
    about = ("d" * 64, "blmk", "BLMK: é", '{"a":1}', archive, "anna")
    added, is_new = store.add_pack(*about, told("data-packs.create"))
    again, is_new_again = store.add_pack(*about, told("data-packs.create"))
    assert (is_new, is_new_again, again) == (True, False, added)
    assert (added.size, added.title, store.pack("d" * 64)) == (len(archive), "BLMK: é", added)
    assert store.pack_archive("d" * 64) == archive
    second, _ = store.add_pack("e" * 64, *about[1:])
    assert (store.packs(0, 9), store.packs(added.seq, 9)) == ([added, second], [second])
    assert (store.pack("f" * 64), store.pack_archive("f" * 64)) == (None, None)
    assert actions(store) == {"data-packs.create": 1}


# --- together -----------------------------------------------------------------------------------------------------------


def test_what_is_done_together_is_kept_whole_or_not_at_all(store):
    def change_and_fail():
        with store.transaction():
            store.ask(JOB, "run", "{}", "anna", told())
            assert store.job(JOB).status == "queued"  # seen inside, before it is kept
            store.note(told())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert (store.job(JOB), store.head().number, store.askers(JOB)) == (None, 0, [])
    with store.transaction():
        store.ask(JOB, "run", "{}", "anna", told())
        store.add_journals([journal(1, ORIGINAL)], "cal", told())
        with pytest.raises(ChangedError):  # a part that fails is undone alone
            store.add_journals([journal(2, "reversal|1"), journal(3, ORIGINAL)], "cal", told())
    assert (store.job(JOB).status, len(store.journals(0, 9)), store.head().number) == ("queued", 1, 2)
    assert verify_log(store).holds


def test_nothing_done_together_is_seen_by_others_before_its_end(stores):
    store, other = stores(), stores()
    seen = []
    with store.transaction():
        store.ask(JOB, "run", "{}", "anna")
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(store.job, JOB).result(60))  # another thread of the same process
        seen.append(other.job(JOB))
    assert seen == [None, None]
    assert other.job(JOB).status == "queued"


# --- idempotency keys ---------------------------------------------------------------------------------------------------


def test_a_key_that_is_taken_and_forgotten_all_the_time_never_fails_anyone(stores):
    both = [stores(), stores()]

    def take_and_drop(each):
        taken = 0
        for _ in range(150):
            holder, kept = each.take_key("c", "k", "f", 30, 3600)
            if kept is None:
                taken += 1
                each.drop_key("c", "k", holder)
            else:
                assert kept.status is None
        return taken

    taken = at_once(*(lambda each=each: take_and_drop(each) for each in both))
    assert all(isinstance(count, int) and count > 0 for count in taken), taken


def test_a_key_that_could_not_be_forgotten_is_free_for_the_same_process_at_once(small_disk):
    store = Store(f"sqlite:///{small_disk.folder / 'x.db'}")
    store.migrate()
    holder, _ = store.take_key("c", "k", "f", 30, 3600)
    small_disk.fill()
    with pytest.raises(StoreFullError):
        until_full(store)
    store.drop_key("c", "k", holder)  # nothing can be written, not even this
    small_disk.free()
    corrected, kept = store.take_key("c", "k", "another body", 30, 3600)
    assert kept is None
    assert store.keep_answer("c", "k", holder, KeptAnswer("another body", 201, "{}", b"late")) is False
    assert store.keep_answer("c", "k", corrected, KeptAnswer("another body", 201, "{}", b"made")) is True
    store.close()


def until_full(store):
    for number in range(10_000):
        store.ask(f"{number:032x}", "run", "{}", "anna")


# --- what a job says ----------------------------------------------------------------------------------------------------


def test_a_worker_that_lost_its_job_says_nothing_of_it_any_more(stores):
    now = [1e9]
    store = stores(clock=lambda: now[0])
    store.ask(JOB, "run", "{}", "anna")
    store.claim("slow", 10, 5)
    store.say(JOB, "slow", "half")
    now[0] += 11
    job = store.claim("quick", 10, 5)
    store.say(JOB, "slow", "nearly there")
    assert store.finish(job, "quick", "r1", "{}", {}) is True
    store.say(JOB, "slow", "there")
    said = [(name, says) for _, name, says, _ in store.events(JOB, 0)]
    assert said[2:] == [("progress", "half"), ("running", "attempt 2"), ("done", "r1")]


def test_a_url_that_is_none_is_told():
    with pytest.raises(StoreError, match="URL cannot be used"):
        Store("nonsense")
