"""Every failure has one shape: problem+json with a stable type, the status in the body, and all faults with pointers."""

import json

import pytest

from api.service.http.problems import problem_of
from api.service.records.failures import TYPES
from capitation import errors

RUNS = "/v1/runs"
KEY = {"Idempotency-Key": "k", "Content-Type": "application/json"}

FAILURES = {
    "an address that does not exist": ("GET", "/v1/nothing", {}, b"", 404, "not-found"),
    "an address outside /v1": ("GET", "/favicon.ico", {}, b"", 404, "not-found"),
    "a method that the address does not have": ("PATCH", RUNS, {}, b"", 405, "method-not-allowed"),
    "a query value out of range": ("GET", "/v1/jobs?limit=0", {}, b"", 422, "invalid"),
    "an id of another form": ("GET", "/v1/jobs/zz", {}, b"", 422, "invalid"),
    "a cursor that was made up": ("GET", "/v1/jobs?cursor=abc", {}, b"", 422, "invalid"),
    "a cursor of another list": ("GET", "/v1/jobs?cursor=ImEi", {}, b"", 422, "invalid"),
    "a document that is not stored": ("GET", "/v1/scenarios/blmq", {}, b"", 404, "unknown-name"),
    "a run that is not stored": ("GET", f"{RUNS}/{'0' * 16}", {}, b"", 404, "not-found"),
    "a job that is not stored": ("GET", f"/v1/jobs/{'0' * 32}", {}, b"", 404, "not-found"),
    "a job to cancel that is not stored": ("DELETE", f"/v1/jobs/{'0' * 32}", {}, b"", 404, "not-found"),
    "a figure of a run that is not stored": ("GET", f"/v1/figures/{'0' * 16}/allocation/x", {}, b"", 404, "not-found"),
    "a kind of document that does not exist": ("GET", "/v1/catalogue/schemas/poem", {}, b"", 404, "unknown-name"),
    "a creating request without a key": ("POST", RUNS, {}, b"{}", 400, "idempotency-key-missing"),
    "a body that is not JSON": ("POST", RUNS, KEY, b"{", 400, "bad-request"),
    "a body that is not UTF-8": ("POST", RUNS, KEY, b'{"a":"\xff"}', 400, "bad-request"),
    "a body that is no object": ("POST", RUNS, KEY, b"[]", 422, "invalid"),
    "a body of another type": ("POST", RUNS, {**KEY, "Content-Type": "text/csv"}, b"a", 415, "unsupported-media-type"),
    "a body without what it needs": ("POST", RUNS, KEY, b"{}", 422, "invalid-document"),
    "a body that names no stored scenario": ("POST", RUNS, KEY, b'{"scenario":"blmq"}', 422, "invalid"),
    "a scenario with everything missing": ("POST", "/v1/scenarios", KEY, b"{}", 422, "invalid-document"),
    "a contract with everything missing": ("POST", "/v1/contracts", KEY, b"{}", 422, "invalid-contract"),
    "a change without If-Match": ("PUT", "/v1/scenarios/blmk", {}, b"{}", 428, "precondition-required"),
    "a change of an old version": ("PUT", "/v1/scenarios/blmk", {"If-Match": '"0"'}, b"{}", 412, "changed-meanwhile"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_as_a_problem(served, failure):
    method, path, headers, body, status, kind = FAILURES[failure]
    answer = served.client.request(method, path, headers=headers, content=body)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (told["type"], told["status"], told["title"]) == (f"urn:capitation:problem:{kind}", status, TYPES[kind][1])
    assert told["detail"]
    assert told["correlation_id"] == answer.headers["x-correlation-id"]


def test_405_names_every_method_of_the_address(served):
    assert served.client.patch("/v1/scenarios").headers["allow"] == "GET, POST, HEAD"
    assert served.client.post("/v1/scenarios/blmk").headers["allow"] == "GET, PUT, HEAD"


def test_faults_point_into_the_body(served):
    scenario = served.client.get("/v1/scenarios/blmk").json()
    scenario["id"] = "mine"
    scenario["streams"][1]["formula_id"] = "x"
    del scenario["streams"][0]["formula"]
    scenario["opening_year"] = "2015/17"
    answer = served.client.post("/v1/scenarios", json=scenario, headers={"Idempotency-Key": "k"})
    pointers = {fault["pointer"] for fault in answer.json()["faults"]}
    assert pointers == {"/streams/1/formula_id", "/streams/0/formula", "/opening_year"}


def test_places_told_from_one_point_to_the_row_they_mean(served):
    contract = served.client.get("/v1/contracts/mssp").json()
    contract["id"] = "mine"
    contract["inputs"][2]["default"] = "nonsense"
    answer = served.client.post("/v1/contracts", json=contract, headers={"Idempotency-Key": "k"})
    told = {fault["pointer"]: fault["where"] for fault in answer.json()["faults"]}
    assert "inputs.3 (" in told["/inputs/2/default_says"]


def test_a_problem_that_names_files_of_the_server_is_refused(served):
    body = {"id": "mine", "activity_file": "../../secret.csv", "solutions_folder": "/etc"}
    answer = served.client.post("/v1/problems", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert {f["pointer"] for f in answer.json()["faults"]} == {"/activity_file", "/solutions_folder"}


def test_a_fault_of_the_service_tells_nothing_but_its_correlation_id(served, monkeypatch):
    def broken(*_args):
        message = "a secret stands here"
        raise RuntimeError(message)

    monkeypatch.setattr(served.service.store, "job", broken)
    answer = served.client.get(f"/v1/jobs/{'0' * 32}", headers={"X-Correlation-ID": "mine-1"})
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:capitation:problem:internal"
    assert answer.json()["correlation_id"] == "mine-1"
    assert "secret" not in answer.text


@pytest.mark.both_databases("each database is gone in its own way")
def test_a_store_that_is_gone_is_503(served):
    with served.service.store._engine.begin() as connection:  # the table is taken away under the running service
        connection.exec_driver_sql("DROP TABLE job")
    answer = served.client.get("/v1/jobs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "urn:capitation:problem:store-unavailable"


def test_every_error_of_the_engine_has_a_type():
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.CapitationError)]
    for kind in kinds:
        made = kind("thing", "name", ["known"]) if kind is errors.UnknownNameError else kind("says")
        told = problem_of(made)
        assert told.status == TYPES[told.type.rpartition(":")[2]][0]
        assert json.loads(told.model_dump_json())["detail"]
    assert len(kinds) >= 11


@pytest.mark.parametrize(("digest", "pointer"), [("0" * 64, "/digest"), (None, "/problem")])
def test_a_body_that_names_what_is_not_stored_is_told_which_part_of_it(served, digest, pointer):
    body = {"problem": "overlap_pair" if digest else "overlap_pear", "digest": digest}
    answer = served.client.post("/v1/optimisations", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["faults"]]) == (422, [pointer])
