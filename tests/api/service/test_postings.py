"""A posting is named by what is paid, not by what it is called; what is posted and restated always adds to the newest figures."""

import datetime as dt
import json
import shutil
from collections import defaultdict
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.service.ledger.invariants import ledger_faults
from api.service.ledger.journal_files import read_journal
from api.service.ledger.journals import journal_of_run, journal_of_statement
from api.service.ledger.lines import Approval, JournalError, net
from api.service.ledger.parts import part_of, parts_of
from api.service.ledger.posting import _original, _restated, standing
from api.service.records.failures import ServiceError
from api.service.records.periods import period_of, year_of
from api.service.security.audit import event
from api.service.store import Store
from capitation.run.run import Run, RunManifest
from contracts.books.entries import Entry, direction_of
from tests.api.service.test_journals import SIMPLE, approval

ROW = {
    "year": "2017/18",
    "commissioner": "06P",
    "provider": "RYV",
    "line": "community",
    "plan_value_pence": "50000001",
}
NOON = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)


def post(served, path, body, headers, key):
    return served.client.post(path, json=body, headers={**headers, "Idempotency-Key": key})


@pytest.fixture
def hands(served):
    return {
        "ann": served.headers("analyst", subject="ann"),
        "ben": served.headers("approver", subject="ben"),
        "cal": served.headers("finance", subject="cal"),
        "root": served.headers("administrator", subject="root"),
    }


def settled(served, hands, key, contract="blmk-block", **more):
    """Address of an approved settlement of one row."""
    body = {"contract": contract, "rows": [{**ROW, **more}]}
    asked = post(served, "/v1/settlements", body, hands["ann"], key)
    served.work()
    job = served.client.get(asked.headers["location"], headers=hands["ann"]).json()
    assert job["status"] == "done", job
    approved = post(served, "/v1/approvals", {"result": job["result"]}, hands["ben"], key)
    assert approved.status_code == 201, approved.text
    return job["result"]


def make(served, hands, result, key, **more):
    return post(served, "/v1/journals", {"result": result, "period": "2017/18", **more}, hands["cal"], key)


def renamed(served, hands, name):
    document = served.client.get("/v1/contracts/blmk-block", headers=hands["ann"]).json() | {"id": name}
    assert post(served, "/v1/contracts", document, hands["ann"], name).status_code == 201


# --- what is the same money --------------------------------------------------------------------------------------------


@pytest.mark.both_databases("what is posted once is so by the database")
def test_a_second_provider_under_one_contract_is_posted_beside_the_first_and_never_in_its_place(served, hands):
    first = settled(served, hands, "a")
    second = settled(served, hands, "b", provider="RC9")
    made = make(served, hands, first, "a").json()["items"][0]
    refused = make(served, hands, second, "c", restates=made["id"])
    assert refused.status_code == 422
    assert "06P / RYV / community" in refused.json()["faults"][0]["found"]
    beside = make(served, hands, second, "d")
    assert beside.status_code == 201, beside.text
    third = settled(served, hands, "e", provider="RC9", plan_value_pence="7")
    advice = make(served, hands, third, "f")
    assert advice.status_code == 409
    assert f'"restates": "{beside.json()["items"][0]["id"]}"' in advice.json()["detail"]
    assert make(served, hands, third, "g", restates=beside.json()["items"][0]["id"]).status_code == 201
    assert ledger_faults(served.service.store) == []


def test_a_journal_of_one_contract_is_not_put_right_by_another(served, hands):
    renamed(served, hands, "other-block")
    first = settled(served, hands, "a")
    other = settled(served, hands, "b", "other-block", plan_value_pence="70000000")
    made = make(served, hands, first, "a").json()["items"][0]
    refused = make(served, hands, other, "b", restates=made["id"])
    assert refused.status_code == 422
    assert "one of contract other-block" in refused.json()["faults"][0]["expected"]
    assert make(served, hands, other, "c").status_code == 201
    kinds = [each["kind"] for each in served.client.get("/v1/journals", headers=hands["cal"]).json()["items"]]
    assert kinds == ["original", "original"]


@pytest.mark.parametrize(
    ("contract", "changed"),
    [
        ("other-block", {}),
        ("blmk-block", {"provider": "ryv"}),
        ("blmk-block", {"line": "Community", "provider": "ryv "}),
    ],
)
def test_the_same_money_under_another_name_is_not_posted_again(served, hands, contract, changed):
    if contract != "blmk-block":
        renamed(served, hands, contract)
    assert make(served, hands, settled(served, hands, "a"), "a").status_code == 201
    again = make(served, hands, settled(served, hands, "b", contract, **changed), "b")
    assert (again.status_code, again.json()["type"]) == (409, "urn:capitation:problem:posted-already")


def test_the_same_allocations_under_another_system_or_run_are_not_posted_again(store):
    first, other = run_of({"06F": 700}, "r1"), run_of({"06F": 700}, "r2", system="XX")
    keep(store, first, "r1")
    with pytest.raises(ServiceError, match="posted already"):
        keep(store, other, "r2")
    keep(store, run_of({"04F": 700}, "r3"), "r3")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2018/19", (2018, 4), (2019, 3)),
        ("2018-19", (2018, 4), (2019, 3)),
        ("2018/2019", (2018, 4), (2019, 3)),
        ("2018/19 Q4", (2019, 1), (2019, 3)),
        ("2018-12", (2018, 12), (2018, 12)),
        ("2018", (2018, 1), (2018, 12)),
    ],
)
def test_a_period_is_the_same_months_however_it_is_written(text, first, last):
    found = period_of(text)
    assert (found.first_day.year, found.first_day.month) == first
    assert (found.last_day.year, found.last_day.month) == last


def test_what_is_no_period_is_none():
    assert [period_of(text) for text in ("2018/20", "", "soon", "2018/19 Q5", "2018-13")] == [None] * 5
    assert (year_of("2019-02"), year_of("2018/19")) == ("2018/19", None)


@pytest.mark.both_databases("what is posted once is so by the database")
def test_figures_of_nothing_take_what_was_posted_out_and_can_be_put_right_again(served, hands):
    paid, nothing = settled(served, hands, "a"), settled(served, hands, "b", plan_value_pence="0")
    refused = make(served, hands, nothing, "n")
    assert (refused.status_code, refused.json()["faults"][0]["expected"]) == (422, "at least one, to post")
    first = make(served, hands, paid, "a").json()["items"][0]
    answer = make(served, hands, nothing, "c", restates=first["id"])
    assert answer.status_code == 201, answer.text
    reversal, replacement = answer.json()["items"]
    assert (reversal["kind"], replacement["kind"], replacement["lines"]) == ("reversal", "replacement", 0)
    whole = served.client.get(replacement["href"], headers=hands["cal"]).json()
    assert (whole["debit_total"], whole["credit_total"], whole["lines"]) == ("0.00", "0.00", [])
    text = served.client.get(replacement["href"], headers={**hands["cal"], "Accept": "text/csv"}).text
    assert len(text.splitlines()) == 1
    assert make(served, hands, nothing, "d", restates=replacement["id"]).status_code == 422
    more = settled(served, hands, "e", plan_value_pence="7")
    assert make(served, hands, more, "f").status_code == 409
    assert make(served, hands, more, "g", restates=replacement["id"]).status_code == 201
    assert ledger_faults(served.service.store) == []


# --- whose hand --------------------------------------------------------------------------------------------------------


def test_everyone_who_ever_wrote_this_content_had_a_hand(served, hands):
    eve = {role: served.headers(role, subject="eve") for role in ("analyst", "approver")}
    content = served.client.get("/v1/scenarios/blmk", headers=hands["ann"]).json() | {"id": "ours"}
    first = post(served, "/v1/scenarios", content, eve["analyst"], "1").json()["digest"]
    change = {**hands["ann"], "If-Match": f'"{first}"'}
    second = served.client.put("/v1/scenarios/ours", json={**content, "title": "Other"}, headers=change).json()[
        "digest"
    ]
    served.client.put("/v1/scenarios/ours", json=content, headers={**hands["ann"], "If-Match": f'"{second}"'})
    asked = post(served, "/v1/runs", {"scenario": "ours", "digest": first}, hands["ann"], "r")
    served.work()
    run = served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]
    refused = post(served, "/v1/approvals", {"result": run}, eve["approver"], "a")
    assert (refused.status_code, refused.json()["code"]) == (403, "maker-approves")
    assert post(served, "/v1/approvals", {"result": run}, hands["ben"], "a").status_code == 201


def test_whoever_wrote_what_a_copy_under_another_name_says_had_a_hand(served, hands):
    """Eve's growth, sent again by ann under another id and title, is Eve's; an unchanged copy of what ships is nobody's."""
    eve, fay = ({r: served.headers(r, subject=who) for r in ("analyst", "approver")} for who in ("eve", "fay"))
    shipped = served.client.get("/v1/scenarios/blmk", headers=hands["ann"]).json()
    content = json.loads(json.dumps(shipped)) | {"id": "eves"}
    amount = content["money"]["streams"][0]["amounts"][0]
    amount["pounds"] = str(int(float(amount["pounds"])) + 1)
    assert post(served, "/v1/scenarios", content, eve["analyst"], "1").status_code == 201
    assert post(served, "/v1/scenarios", shipped | {"id": "fays"}, fay["analyst"], "1").status_code == 201
    copy = json.loads(json.dumps(content)) | {"id": "anns", "title": "Mine"}
    copy["money"]["top_slices"][0]["owner"] = "Ann"  # words say nothing that a figure follows from, wherever they stand
    assert post(served, "/v1/scenarios", copy, hands["ann"], "2").status_code == 201
    approved = {}
    for scenario in ("anns", "blmk"):
        asked = post(served, "/v1/runs", {"scenario": scenario}, hands["ann"], f"run {scenario}")
        served.work()
        run = served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]
        approved[scenario] = {
            who: post(served, "/v1/approvals", {"result": run}, hand["approver"], f"{who} {scenario}").status_code
            for who, hand in (("eve", eve), ("fay", fay))
        }
    assert approved == {"anns": {"eve": 403, "fay": 201}, "blmk": {"eve": 201, "fay": 409}}  # eve was first there


@pytest.mark.both_databases("an approval is withdrawn once, and not under a journal, by the database")
def test_an_approval_can_be_withdrawn_with_its_reason_until_a_journal_rests_on_it(served, hands):
    result = settled(served, hands, "a")
    (given,) = served.client.get("/v1/approvals", headers=hands["ben"]).json()["items"]
    path = f"{given['href']}/withdrawal"
    assert post(served, path, {"reason": " "}, hands["ben"], "0").status_code == 422
    assert post(served, path, {"reason": "wrong growth"}, hands["ann"], "0").status_code == 403
    back = post(served, path, {"reason": "wrong growth"}, hands["ben"], "1")
    assert (back.status_code, back.json()["reason"], back.json()["withdrawn_by"]) == (201, "wrong growth", "ben")
    assert make(served, hands, result, "a").status_code == 409
    again = post(served, "/v1/approvals", {"result": result}, hands["ben"], "2")
    assert again.status_code == 201
    assert again.json()["id"] != given["id"]
    assert make(served, hands, result, "b").status_code == 201
    for unseen in ("\u200b\u200b\u200b", "  . ", "\u2800\u2800\u2800", "\u00ad\u00ada\u00ad"):
        said = post(served, f"{again.json()['href']}/withdrawal", {"reason": unseen}, hands["ben"], "unseen")
        assert said.status_code == 422, unseen
    late = post(served, f"{again.json()['href']}/withdrawal", {"reason": "too late"}, hands["ben"], "3")
    assert (late.status_code, late.json()["type"]) == (409, "urn:capitation:problem:conflict")
    assert "rests on this approval" in late.json()["detail"]
    assert ledger_faults(served.service.store) == []


# --- dates and parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date", [0, 17_000, "0001-01-01", "9999-12-31", "2017-03-31", "2018-07-01", "2018-03-31T00:00:00", "2018-03-31 "]
)
def test_a_date_on_which_the_ledger_is_not_open_is_refused(served, hands, date):
    result = settled(served, hands, "a")
    answer = make(served, hands, result, "a", accounting_date=date)
    assert answer.status_code == 422, answer.text
    assert served.client.get("/v1/journals", headers=hands["cal"], params={"result": result}).json()["items"] == []
    nowhere = served.client.get("/v1/journals", headers=hands["cal"], params={"result": "f" * 32})
    assert (nowhere.status_code, nowhere.json()["faults"][0]["where"]) == (422, "query: result")


@pytest.mark.parametrize("every", ["month", "quarter"])
@pytest.mark.parametrize("profile", ["twelfths", "working-days"])
def test_the_parts_of_a_year_add_to_it_account_by_account_to_the_penny(pack, every, profile):
    run = run_of({"06F": 100_003, "04F": -1_001, "06P": 5, "06N": 1_000_000_007}, "r1")
    whole = journal_of_run(run, "2018/19", SIMPLE, approval("r1"))
    parts = [part_of("2018/19", part, profile, pack) for part in parts_of("2018/19", every)]
    made = [journal_of_run(run, "2018/19", SIMPLE, approval("r1"), part=part) for part in parts]
    assert net(made).equals(net([whole]))
    assert {journal.head.period for journal in made} <= set(parts_of("2018/19", every))
    assert all(journal.head.accounting_date == part.last_day for journal, part in zip(made, parts, strict=True))


def test_months_and_the_whole_year_are_not_both_posted_and_months_follow_one_profile(served, hands):
    result = settled(served, hands, "a")
    april = make(served, hands, result, "a", part="2017-04")
    assert april.status_code == 201, april.text
    assert april.json()["items"][0]["period"] == "2017-04"
    whole = make(served, hands, result, "b")
    assert whole.status_code == 409
    assert '"part": "2017-05", "2017-06", "2017-07"' in whole.json()["detail"]
    quarter = make(served, hands, result, "c", part="2017/18 Q1")
    assert quarter.status_code == 409
    assert '("part": "2017-05", "2017-06")' in quarter.json()["detail"]
    assert "contract" not in quarter.json()["detail"]
    other = make(served, hands, result, "d", part="2017-05", profile="working-days")
    assert other.status_code == 409
    assert '"profile": "twelfths"' in other.json()["detail"]
    for number, part in enumerate(parts_of("2017/18", "month")[1:]):
        assert make(served, hands, result, f"m{number}", part=part).status_code == 201
    query = f"/v1/journals/reconciliation?result={result}&period=2017/18"
    report = served.client.get(query, headers=hands["cal"])
    assert report.status_code == 200, report.text
    assert (report.json()["invoices"], report.json()["postings"]) == ("1000000.02", "1000000.02")
    assert report.json()["is_settled"]
    assert len(report.json()["journals"]) == 12
    later = settled(served, hands, "later", plan_value_pence="50000013")
    moved = served.client.get(query.replace(result, later), headers=hands["cal"]).json()
    assert not moved["is_settled"]
    assert {row["difference"] for row in moved["accounts"]} == {"-0.12", "0.12"}
    items = served.client.get("/v1/journals", headers=hands["cal"]).json()["items"]
    assert sum(round(float(each["debit_total"]) * 100) for each in items) == 2 * 50_000_001
    assert make(served, hands, result, "e", part="2018-04").status_code == 422
    whole = make(served, hands, later, "g", restates=april.json()["items"][0]["id"])
    assert whole.status_code == 422, whole.text
    assert {fault["where"] for fault in whole.json()["faults"]} == {"new journal: period", "new journal: profile"}
    year = make(served, hands, later, "h").json()["detail"]
    assert "2017-04, 2017-05, 2017-06" in year
    left = make(served, hands, result, "f", part="2017/18 Q1").json()["detail"]
    assert "Nothing of 2017/18 Q1 is left to post; to put posted ones right, restate each by its own part" in left


def test_what_is_posted_already_under_its_own_contract_is_never_said_to_have_another_name(served, hands):
    first, second = settled(served, hands, "a"), settled(served, hands, "b", provider="RC9")
    one, other = (make(served, hands, each, each).json()["items"][0]["id"] for each in (first, second))
    rows = [ROW, ROW | {"provider": "RC9"}]
    asked = post(served, "/v1/settlements", {"contract": "blmk-block", "rows": rows}, hands["ann"], "both")
    served.work()
    both = served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]
    assert post(served, "/v1/approvals", {"result": both}, hands["ben"], "both").status_code == 201
    refused = make(served, hands, both, "both").json()["detail"]
    assert (
        f"journals {', '.join(sorted([one, other]))} stand. Settle the accounts of each journal by themselves"
        in refused
    )
    assert refused.endswith("or send nothing more where they are right")
    spelt = make(served, hands, settled(served, hands, "c", provider=" ryv "), "c").json()["detail"]
    assert f'Send "restates": "{one}" to put it right, or nothing more where it is right' in spelt


def test_a_journal_is_named_by_its_id_or_its_address(served, hands):
    first, later = settled(served, hands, "a"), settled(served, hands, "b", plan_value_pence="7")
    made = make(served, hands, first, "a").json()["items"][0]
    for name in (first, first.rpartition("/")[2]):
        found = served.client.get("/v1/journals", params={"result": name}, headers=hands["cal"]).json()["items"]
        assert [each["id"] for each in found] == [made["id"]]
    wrong = make(served, hands, later, "b", restates="the first").json()["faults"][0]
    assert wrong["expected"] == "a text such as '5b0c3f3e9d1a7c42'"
    assert make(served, hands, later, "c", restates=made["href"]).status_code == 201


def test_figures_of_nothing_are_reconciled_with_what_was_posted(served, hands):
    nothing = settled(served, hands, "nothing", plan_value_pence="0")
    query = {"result": nothing, "period": "2017/18"}
    empty = served.client.get("/v1/journals/reconciliation", params=query, headers=hands["cal"])
    assert (empty.status_code, empty.json()["invoices"], empty.json()["is_settled"]) == (200, "0.00", True)
    made = make(served, hands, settled(served, hands, "a"), "a").json()["items"][0]
    open_ = served.client.get("/v1/journals/reconciliation", params=query, headers=hands["cal"]).json()
    assert (open_["invoices"], open_["postings"], open_["is_settled"]) == ("0.00", "1000000.02", False)
    assert make(served, hands, nothing, "b", restates=made["id"]).status_code == 201
    assert served.client.get("/v1/journals/reconciliation", params=query, headers=hands["cal"]).json()["is_settled"]


# --- the whole store ---------------------------------------------------------------------------------------------------


def run_of(amounts, run_id, system="SYS"):
    rows = [
        {
            "year": "2018/19",
            "provider_code": "RC1",
            "commissioner_code": payer,
            "locality_code": "L1",
            "service_code": "acute",
            "allocation_pence": pence,
        }
        for payer, pence in amounts.items()
    ]
    manifest = RunManifest(run_id=run_id, engine_version="0", scenario={"system_code": system}, inputs={}, frames={})
    return Run(manifest, {"provider_allocation": pl.DataFrame(rows, schema_overrides={"allocation_pence": pl.Int64})})


def keep(store, figures, name, restates=None, source="run"):
    """Post figures as the route does; the journals that were kept."""
    service, result = SimpleNamespace(store=store), SimpleNamespace(id=name, kind=source)
    said = event(NOON, "ben", "SYS", "approvals.create", f"runs/{name}")
    given = store.approve(f"{name:0>32}", source, name, "anna", "ben", "SYS", "", said)
    noted = Approval(run_id=name, made_by="anna", approved_by="ben", approved_on=NOON.date())
    if source == "run":
        made, owner = journal_of_run(figures, "2018/19", SIMPLE, noted), "SYS"
    else:
        made, owner = journal_of_statement(figures, name, "2018/19", SIMPLE, noted), figures["contract"][0]
    if restates is None:
        new = [_original(service, made, result, owner, given.id)]
    else:
        new = _restated(service, made, result, owner, restates, given.id)
    ids = " ".join(each.id for each in new)
    return store.add_journals(new, "cal", event(NOON, "cal", "SYS", "journals.create", f"runs/{name}", journals=ids))


def entries_of(contract, accounts):
    rows = [
        {
            "entry": f"{contract}|{account}|{party}",
            "contract": contract,
            "version": 1,
            "status": "final",
            "standing": "original",
            "linked_to": None,
            "scenario": "",
            "period": "2018/19",
            "account": account,
            "line": "payment",
            "party": party,
            "counterparty": "other",
            "currency": "GBP",
            "amount_pence": sign * pence,
            "rule": "r",
            "clause": "c",
            "source": "s",
        }
        for account, pence in accounts.items()
        for party, sign in (("06F", -1), (account, 1))
    ]
    frame = pl.DataFrame(rows, schema_overrides={"linked_to": pl.String, "amount_pence": pl.Int64, "version": pl.Int64})
    return Entry.validate(frame.with_columns(direction_of(pl.col("amount_pence")).alias("direction")))


moves = st.lists(
    st.tuples(
        st.sampled_from(["block", "other"]),
        st.dictionaries(st.sampled_from(["RC1", "RC9", "RYV"]), st.integers(1, 4), min_size=1, max_size=3),
        st.booleans(),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=moves)
def test_whatever_is_posted_and_restated_adds_to_the_newest_figures_and_nothing_is_paid_twice(
    tmp_path_factory, sqlite_template, steps
):
    file = tmp_path_factory.mktemp("postings") / "it.db"
    shutil.copy(sqlite_template, file)
    store = Store(f"sqlite:///{file}")
    newest = {}  # by first journal: the figures that were accepted last
    for number, (contract, accounts, restating, choice) in enumerate(steps):
        heads = store.journals(0, 99)
        restates = (
            standing(SimpleNamespace(store=store), heads[choice % len(heads)].id) if restating and heads else None
        )
        try:
            made = keep(store, entries_of(contract, accounts), f"s{number}", restates, "settlement")
        except (ServiceError, JournalError):
            continue
        first = made[-1]
        while first.kind == "replacement":
            first = store.journal(first.linked_to)
        newest[first.id] = (contract, accounts)
    assert ledger_faults(store) == []
    owed = defaultdict(int)
    for contract, accounts in newest.values():
        for account, pence in accounts.items():
            assert (contract, account) not in owed  # each account of each contract stands once
            owed[contract, account] = pence
    heads = store.journals(0, 999)
    journals = [read_journal(store.journal_content(each.id), each.id) for each in heads]
    paid = defaultdict(int)
    for head, journal in zip(heads, journals, strict=True):
        for line in journal.lines.filter(
            pl.col("organisation_code") == "06F", pl.col("account_code") == "E"
        ).to_dicts():
            paid[head.organisation, line["area_code"]] += line["debit_pence"] - line["credit_pence"]
    assert {key: pence for key, pence in paid.items() if pence} == dict(owed)
    store.close()


def test_the_journal_of_a_settlement_names_the_other_side_by_its_code(served, hands):
    made = make(served, hands, settled(served, hands, "a"), "a").json()["items"][0]
    lines = served.client.get(made["href"], headers=hands["cal"]).json()["lines"]
    assert {(line["organisation_code"], line["counterparty_code"]) for line in lines} == {
        ("RYV", "06P"),
        ("06P", "RYV"),
    }


def test_a_year_that_nobody_can_mean_is_refused(served, hands):
    result = settled(served, hands, "a")
    for period in ("9999/00", "0000/01", "1899/00", "2200/01"):
        for part in ({}, {"part": "9999-12"}, {"part": "0000-04"}, {"part": f"{period} Q1"}):
            answer = make(served, hands, result, f"{period}{part}", **{"period": period, **part})
            assert answer.status_code == 422, answer.text
