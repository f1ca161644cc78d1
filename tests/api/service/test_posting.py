"""From a run to a journal over HTTP: two hands, balanced lines, the same bytes again, and no period posted twice."""

import csv
import io
import threading
from decimal import Decimal

import polars as pl
import pytest

from api.service.jobs.worker import Worker
from api.service.ledger.journal_files import read_journal
from api.service.ledger.lines import net
from api.service.security.access import ROLE_SCOPES


def post(served, path, body, headers, key):
    return served.client.post(path, json=body, headers={**headers, "Idempotency-Key": key})


@pytest.fixture
def hands(served):
    """Headers of an analyst, an approver and someone from finance."""
    return {
        "ann": served.headers("analyst", subject="ann"),
        "ben": served.headers("approver", subject="ben"),
        "cal": served.headers("finance", subject="cal"),
    }


@pytest.fixture
def run(served, hands):
    """Address of the BLMK run, asked for by Ann."""
    asked = post(served, "/v1/runs", {"scenario": "blmk"}, hands["ann"], "run")
    served.work()
    return served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]


@pytest.fixture
def approved(served, hands, run):
    """Address of the run, approved by Ben."""
    assert post(served, "/v1/approvals", {"result": run}, hands["ben"], "approval").status_code == 201
    return run


def make(served, hands, body, key="journal"):
    return post(served, "/v1/journals", {"period": "2018/19", **body}, hands["cal"], key)


def lines(served, hands, place):
    answer = served.client.get(place, headers={**hands["cal"], "Accept": "text/csv"})
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.both_databases("what is posted or approved once is so by the database")
def test_four_calls_lead_from_nothing_to_a_balanced_journal(served, hands, blmk_run):
    calls = []

    def call(method, path, who, **more):
        calls.append(path)
        answer = served.client.request(method, path, headers={**hands[who], **more.pop("headers", {})}, **more)
        assert answer.status_code in {200, 201}, answer.text
        return answer

    stop = threading.Event()
    worker = Worker(served.service.store, served.service.packs, served.service.settings)
    thread = threading.Thread(target=worker.work_until, args=(stop,), daemon=True)
    thread.start()
    try:
        waits = {"Idempotency-Key": "1", "Prefer": "wait=60"}
        made = call("POST", "/v1/runs", "ann", json={"scenario": "blmk"}, headers=waits)
        run = made.headers["location"]
        call("POST", "/v1/approvals", "ben", json={"result": run}, headers={"Idempotency-Key": "1"})
        body = {"result": run, "period": "2018/19"}
        journal = call("POST", "/v1/journals", "cal", json=body, headers={"Idempotency-Key": "1"})
        sent = call("GET", journal.headers["location"], "cal", headers={"Accept": "text/csv"})
    finally:
        stop.set()
        thread.join(60)
    assert len(calls) == 4
    assert made.headers["preference-applied"] == "wait=60"
    rows = list(csv.DictReader(io.StringIO(sent.text)))
    debits = sum(Decimal(row["debit"]) for row in rows if row["debit"])
    credited = sum(Decimal(row["credit"]) for row in rows if row["credit"])
    year = blmk_run.frame("provider_allocation").filter(pl.col("year") == "2018/19")
    assert debits == credited == Decimal(year["allocation_pence"].sum()) / 100
    assert sent.headers["content-disposition"].startswith('attachment; filename="journal-2018-19-original-')


def test_only_an_approved_run_leaves_as_a_journal(served, hands, run):
    answer = make(served, hands, {"result": run})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:capitation:problem:not-approved")
    assert served.client.get("/v1/journals", headers=hands["cal"]).json()["items"] == []
    assert post(served, "/v1/approvals", {"result": run}, hands["ben"], "a").status_code == 201
    assert make(served, hands, {"result": run}).status_code == 201


def test_whoever_had_a_hand_in_a_run_cannot_approve_it(served, hands):
    scenario = served.client.get("/v1/scenarios/blmk", headers=hands["ann"]).json() | {"id": "ours"}
    writer = served.headers("analyst", subject="Wim")
    assert post(served, "/v1/scenarios", scenario, writer, "s").status_code == 201
    asked = post(served, "/v1/runs", {"scenario": "ours"}, hands["ann"], "r")
    second = served.headers("analyst", subject="dee")
    assert post(served, "/v1/runs", {"scenario": "ours"}, second, "r").json()["id"] == asked.json()["id"]
    served.work()
    run = served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]
    for name in (
        "ann",
        "ANN ",
        "dee",
        "wim",
    ):  # who asked first, in another spelling, who asked too, who wrote the scenario
        approver = served.headers("approver", subject=name)
        answer = post(served, "/v1/approvals", {"result": run}, approver, "x")
        assert (answer.status_code, answer.json()["code"]) == (403, "maker-approves"), name
    assert served.client.get("/v1/approvals", headers=hands["ann"]).json()["items"] == []
    assert post(served, "/v1/approvals", {"result": run}, hands["ben"], "x").status_code == 201


@pytest.mark.both_databases("what is posted or approved once is so by the database")
def test_a_run_is_approved_once_and_the_first_approver_stands(served, hands, approved):
    again = post(served, "/v1/approvals", {"result": approved, "note": "again"}, hands["ben"], "b")
    assert again.status_code == 201
    assert again.json()["note"] == ""
    other = post(served, "/v1/approvals", {"result": approved}, served.headers("approver", subject="bea"), "c")
    assert (other.status_code, other.json()["type"]) == (409, "urn:capitation:problem:conflict")
    assert "by ben" in other.json()["detail"]
    (listed,) = served.client.get("/v1/approvals", headers=hands["ann"]).json()["items"]
    assert served.client.get(listed["href"], headers=hands["ann"]).json() == listed
    assert (listed["made_by"], listed["approved_by"]) == ("ann", "ben")


def test_an_approval_of_what_is_not_there_says_so_with_a_pointer(served, hands):
    answer = post(served, "/v1/approvals", {"result": f"/v1/runs/{'0' * 16}"}, hands["ben"], "a")
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["pointer"] == "/result"


def test_a_journal_is_the_same_bytes_every_time_in_both_forms(served, hands, approved):
    place = make(served, hands, {"result": approved}).headers["location"]
    again = make(served, hands, {"result": approved}, key="another")
    assert again.headers["location"] == place
    for media in ("text/csv", "application/json"):
        headers = {**hands["cal"], "Accept": media}
        first, second = (served.client.get(place, headers=headers) for _ in range(2))
        assert first.content == second.content
        assert first.headers["etag"] == second.headers["etag"]
        unchanged = served.client.get(place, headers={**headers, "If-None-Match": first.headers["etag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert len(served.client.get("/v1/journals", headers=hands["cal"]).json()["items"]) == 1


def test_the_list_the_json_and_the_csv_say_the_same(served, hands, approved):
    for source in ("provider_allocation", "locality_total"):
        made = make(served, hands, {"result": approved, "source": source}, key=source)
        (head,) = made.json()["items"]
        content = served.client.get(head["href"], headers=hands["cal"]).json()
        rows = lines(served, hands, head["href"])
        assert head["debit_total"] == head["credit_total"] == content["debit_total"] == content["credit_total"]
        assert head["lines"] == len(content["lines"]) == len(rows)
        for row, line in zip(rows, content["lines"], strict=True):
            assert row["journal_id"] == content["journal_id"] == head["id"]
            assert (row["debit"], row["credit"]) == (line["debit"] or "", line["credit"] or "")
            assert row["account_code"] == line["account_code"]


@pytest.mark.both_databases("what is posted or approved once is so by the database")
def test_a_period_is_posted_once_and_what_differs_must_restate_it(served, hands, approved):
    first = make(served, hands, {"result": approved}).json()["items"][0]
    other = make(served, hands, {"result": approved, "accounting_date": "2019-04-30"}, key="late")
    assert (other.status_code, other.json()["type"]) == (409, "urn:capitation:problem:posted-already")
    assert f'"restates": "{first["id"]}"' in other.json()["detail"]
    assert len(served.client.get("/v1/journals", headers=hands["cal"]).json()["items"]) == 1


def second_run(served, hands):
    """An approved run of the same years in which every place has its target at once."""
    shipped = served.client.get("/v1/scenarios/blmk", headers=hands["ann"]).json()
    scenario = shipped | {"id": "second", "policy": "no-pace"}
    answer = post(served, "/v1/scenarios", scenario, hands["ann"], "second")
    assert answer.status_code == 201, answer.text
    asked = post(served, "/v1/runs", {"scenario": "second"}, hands["ann"], "second-run")
    served.work()
    job = served.client.get(asked.headers["location"], headers=hands["ann"]).json()
    assert job["status"] == "done", job
    assert post(served, "/v1/approvals", {"result": job["result"]}, hands["ben"], "second").status_code == 201
    return job["result"]


@pytest.mark.both_databases("what is posted or approved once is so by the database")
def test_a_restatement_is_a_reversal_and_a_replacement_that_net_to_the_new_figures(served, hands, approved):
    first = make(served, hands, {"result": approved}).json()["items"][0]
    second = second_run(served, hands)
    refused = make(served, hands, {"result": second}, key="second")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:capitation:problem:posted-already")
    made = make(served, hands, {"result": second, "restates": first["id"]}, key="restated")
    assert made.status_code == 201, made.text
    reversal, replacement = made.json()["items"]
    assert [(j["kind"], j["linked_to"]) for j in (reversal, replacement)] == [
        ("reversal", first["id"]),
        ("replacement", first["id"]),
    ]
    assert made.headers["location"] == replacement["href"]

    def read(head):
        return read_journal(served.client.get(head["href"], headers=hands["cal"]).content, "journal")

    stands = net([read(first), read(reversal), read(replacement)])
    assert stands.equals(net([read(replacement)]))
    assert not stands.equals(net([read(first)]))
    again = make(served, hands, {"result": second, "restates": first["id"]}, key="again")
    assert again.json() == made.json()
    third = make(served, hands, {"result": approved, "restates": first["id"]}, key="third")
    assert (third.status_code, third.json()["faults"][0]["found"]) == (422, "the same amounts on the same accounts")
    late = {"result": second, "restates": first["id"], "accounting_date": "2019-05-31"}
    fourth = make(served, hands, late, key="fourth")
    assert fourth.status_code == 409
    assert f"journal {replacement['id']} stands" in fourth.json()["detail"]
    back = make(served, hands, {"result": approved, "restates": replacement["id"]}, key="back")
    assert [j["linked_to"] for j in back.json()["items"]] == [replacement["id"]] * 2
    kinds = [j["kind"] for j in served.client.get("/v1/journals", headers=hands["cal"]).json()["items"]]
    assert kinds == ["original", "reversal", "replacement", "reversal", "replacement"]


def test_a_journal_to_restate_that_is_not_there_is_told(served, hands, approved):
    answer = make(served, hands, {"result": approved, "restates": "0" * 16})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:capitation:problem:unknown-name")


def test_a_period_that_the_run_does_not_have_is_told_with_those_it_has(served, hands, approved):
    answer = make(served, hands, {"result": approved, "period": "2031/32"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:invalid-journal")
    assert "2018/19" in answer.json()["detail"]


@pytest.mark.both_databases("what is posted or approved once is so by the database")
def test_making_and_taking_out_a_journal_stands_in_the_audit_log(served, hands, approved):
    before = served.service.store.head().number
    place = make(served, hands, {"result": approved}).headers["location"]
    served.client.get(place, headers=hands["cal"])
    told = [(r.event.actor, r.event.action) for r in served.service.store.audit_records(before, 10)]
    assert told == [("cal", "journals.create"), ("cal", "journals.read")]


def test_account_codes_come_from_the_ledgers_own_files(serve, tmp_path, pack):
    mapping = pack.path("journals/accounts.csv").read_text().replace("900900-90090000", "777777-77770000")
    (tmp_path / "accounts.csv").write_text(mapping)
    known = {row[side] for row in csv.DictReader(io.StringIO(mapping)) for side in ("debit_account", "credit_account")}
    (tmp_path / "chart.csv").write_text("account_code\n" + "\n".join(sorted(known)) + "\n")
    served = serve(accounts=tmp_path / "accounts.csv", chart=tmp_path / "chart.csv")
    hands = {"cal": served.headers("finance", subject="cal")}
    ann, ben = served.headers("analyst", subject="ann"), served.headers("approver", subject="ben")
    asked = post(served, "/v1/runs", {"scenario": "blmk"}, ann, "r")
    served.work()
    run = served.client.get(asked.headers["location"], headers=ann).json()["result"]
    assert post(served, "/v1/approvals", {"result": run}, ben, "a").status_code == 201
    place = make(served, hands, {"result": run}).headers["location"]
    codes = {row["account_code"] for row in lines(served, hands, place)}
    assert any(code.startswith("777777-77770000") for code in codes)
    (tmp_path / "chart.csv").write_text("account_code\n" + "\n".join(sorted(known)[1:]) + "\n")
    refused = make(served, hands, {"result": run, "source": "locality_total"}, key="b")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:capitation:problem:invalid-journal")
    assert sorted(known)[0] in refused.text


def test_a_settlement_is_approved_and_posted_as_a_runs_is(served, hands):
    contract = served.client.get("/v1/contracts/block", headers=hands["ann"]).json()
    row = {k: v if v is None else str(v) for k, v in contract["cases"][0]["rows"][0].items()}
    asked = post(served, "/v1/settlements", {"contract": "block", "rows": [row]}, hands["ann"], "s")
    served.work()
    place = served.client.get(asked.headers["location"], headers=hands["ann"]).json()["result"]
    assert served.client.get(place, headers=hands["ann"]).json()["content"]["statement"] == "issued"
    entries = served.client.get(f"{place}/frames/entries", headers=hands["ann"]).json()["rows"]
    period = entries[0]["period"]
    assert post(served, "/v1/approvals", {"result": place}, hands["ben"], "a").status_code == 201
    body = {"result": place, "period": period or "2018/19", "accounting_date": "2018-03-31"}
    made = make(served, hands, body)
    assert made.status_code == 201, made.text
    (head,) = made.json()["items"]
    assert head["source"] == "statement"
    paid = sum(abs(Decimal(e["amount_gbp"])) for e in entries)
    assert Decimal(head["debit_total"]) == paid


def test_scopes_of_roles_are_the_least_that_these_calls_need(served):
    assert ROLE_SCOPES["approver"] == {"run:read", "approve"}
    assert ROLE_SCOPES["finance"] == {"run:read", "journal:export"}


def test_the_control_total_is_what_is_kept_back_what_is_elsewhere_and_the_invoices_in_every_year(
    served, hands, approved
):
    pounds = {}
    for year in ("2016/17", "2017/18", "2018/19", "2019/20", "2020/21"):
        for source in ("provider_allocation", "locality_total"):
            query = {"result": approved, "period": year, "source": source}
            report = served.client.get("/v1/journals/reconciliation", params=query, headers=hands["cal"]).json()
            parts = [Decimal(report[name]) for name in ("kept_back", "elsewhere", "invoices")]
            assert Decimal(report["control_total"]) == sum(parts), (year, source)
            pounds[year, source] = parts
    assert pounds["2018/19", "provider_allocation"] == [Decimal(17_348_175), 0, Decimal(1_518_392_825)]
    assert pounds["2016/17", "provider_allocation"][1] == Decimal(22_200_000)
    assert pounds["2020/21", "provider_allocation"][1] == Decimal(62_500_000)
    assert pounds["2020/21", "locality_total"][:2] == [0, 0]
