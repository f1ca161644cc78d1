"""Who goes around the service and changes what was posted or approved is refused by the database, or found out; others are not suspected."""

import os
import stat
import threading
from types import SimpleNamespace

import pytest

from api.service.ledger.invariants import ledger_faults
from api.service.ledger.journals import journal_of_run
from api.service.ledger.lines import Approval
from api.service.ledger.posting import _original
from api.service.store import ChangedError, Store
from tests.api.service.test_journals import SIMPLE
from tests.api.service.test_postings import NOON, keep, run_of


@pytest.fixture
def stores(store_url):
    """One store twice, as two processes have it."""
    made = Store(store_url), Store(store_url)
    made[0].migrate()
    yield made
    for each in made:
        each.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_new_store_is_its_users_alone(store):
    files = [each for each in store._file.parent.iterdir() if each.name.startswith(store._file.name)]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert store._file in files


@pytest.mark.parametrize("table", ["approval", "journal", "posting"])
def test_the_database_refuses_to_replace_what_was_posted(store, table):
    keep(store, run_of({"06F": 700}, "r1"), "r1")
    with pytest.raises(Exception, match=f"{table} is only ever added to"), store._engine.begin() as raw:
        raw.exec_driver_sql(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert ledger_faults(store) == []


def test_who_goes_around_the_service_and_posts_or_unposts_is_found_out(store):
    keep(store, run_of({"06F": 700}, "r1"), "r1")
    keep(store, run_of({"04F": 700}, "r2"), "r2")
    with store._engine.begin() as raw:
        raw.exec_driver_sql("DROP TRIGGER journal_no_delete")
        raw.exec_driver_sql("DELETE FROM journal WHERE result = 'r1'")
    assert any("a record of it alone" in fault.found for fault in ledger_faults(store))


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("posting", "UPDATE posting SET last_month = last_month - 1", "no claim to"),
        ("posting", "DELETE FROM posting WHERE seq = 1", "no claim to"),
        ("posting", "UPDATE posting SET root = 'x'", "a claim in the chain of x"),
        ("journal", "UPDATE journal SET author = 'dan'", "a record of it alone"),
        ("journal", "UPDATE journal SET result = 'r9'", "made from r1"),
        ("journal", "UPDATE journal SET total_pence = 1", "in its content"),
        ("approval", "UPDATE approval SET approved_by = 'dan'", "a record of it alone"),
        ("approval", "UPDATE approval SET organisation = 'dan'", "a record of it alone"),
        ("approval", "UPDATE approval SET made_by = 'ben'", "who made it"),
        ("approval", "DELETE FROM approval", "a record of it alone"),
    ],
)
def test_who_goes_around_the_guards_and_changes_a_row_is_found_out(store, table, change, said):
    keep(store, run_of({"06F": 700, "04F": 300}, "r1"), "r1")
    with pytest.raises(Exception, match=f"{table} is only ever added to"), store._engine.begin() as raw:
        raw.exec_driver_sql(change)
    assert ledger_faults(store) == []
    with store._engine.begin() as raw:
        raw.exec_driver_sql(f"DROP TRIGGER {table}_no_{change.partition(' ')[0].lower()}")
        raw.exec_driver_sql(change)
    assert any(said in fault.found for fault in ledger_faults(store))


@pytest.mark.both_databases("what is one moment is the database's")
def test_what_is_posted_while_the_ledger_is_looked_at_makes_nothing_look_wrong(stores, monkeypatch):
    (store, other), posted = stores, []
    keep(store, run_of({"06F": 700}, "r1"), "r1")
    real = store.approvals

    def meanwhile(*given):
        posted.extend(posted or keep(other, run_of({"04F": 700}, "r2"), "r2"))
        return real(*given)

    monkeypatch.setattr(store, "approvals", meanwhile)
    assert ledger_faults(store) == []
    assert len(store.journals(0, 9)) == 2


@pytest.mark.both_databases("who waits for whom is the database's")
def test_an_approval_is_not_withdrawn_while_a_journal_that_rests_on_it_is_kept(stores):
    (store, other), said = stores, []
    given = store.approve(f"{1:0>32}", "run", "r1", "anna", "ben", "SYS", "")
    noted = Approval(run_id="r1", made_by="anna", approved_by="ben", approved_on=NOON.date())
    made = journal_of_run(run_of({"06F": 700}, "r1"), "2018/19", SIMPLE, noted)
    new = _original(SimpleNamespace(store=store), made, SimpleNamespace(id="r1", kind="run"), "SYS", given.id)

    def withdraw():
        try:
            said.append(other.withdraw_approval(given.id, "ben", "SYS", "wrong"))
        except ChangedError as error:
            said.append(error.message)

    thread = threading.Thread(target=withdraw)
    with store.transaction():
        store.add_journals([new], "cal")
        thread.start()
        thread.join(0.3)
        assert said == []
    thread.join(30)
    assert "rests on this approval" in said[0]
