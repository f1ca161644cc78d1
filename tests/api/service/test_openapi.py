"""The description of the service: kept in the repository as it is served, whole, with examples that fit and that can be sent."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from api.service.describe.openapi import text_of
from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.kinds import KINDS
from api.service.ledger.lines import JournalLine
from api.service.security.addresses import PUBLIC

KEPT = Path(__file__).parents[3] / "api" / "openapi.json"
DESCRIBED = json.loads(KEPT.read_text(encoding="utf-8"))  # the first test says that it is what is served
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
}
HTTP_TOKEN = re.compile(r"[a-z]+(_[a-z]+)*")


MADE_OF_RESULTS = ("export", "difference")


def resolved(thing):
    """What a reference into the components means."""
    while "$ref" in thing:
        part, name = thing["$ref"].removeprefix("#/components/").split("/")
        thing = DESCRIBED["components"][part][name]
    return thing


def faults(schema, example):
    """What in an example does not fit its schema."""
    whole = {**schema, "components": DESCRIBED["components"]}
    return [str(each) for each in jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(example)]


def examples_of(content):
    """The examples of a body or an answer in one format."""
    found = [content["example"]] if "example" in content else []
    return found + [resolved(each)["value"] for each in content.get("examples", {}).values()]


def contents(operation):
    """Each format of the body and of every answer, and what it is."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for response in operation["responses"].values():
        yield from resolved(response).get("content", {}).items()


def test_the_description_that_is_kept_is_the_one_that_is_served(served, capitation):
    kept = KEPT.read_text(encoding="utf-8")
    renew = "renew it with: capitation openapi --out api/openapi.json"
    assert served.client.get("/openapi.json").json() == json.loads(kept), renew
    assert capitation("openapi").out == text_of(json.loads(kept)) == kept, renew


def test_the_command_writes_the_description(capitation, tmp_path):
    assert capitation("openapi", "--out", tmp_path / "it.json").code == 0
    assert (tmp_path / "it.json").read_bytes() == KEPT.read_bytes()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_examples_that_fit(name):
    _, _, operation = OPERATIONS[name]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]
        assert parameter["schema"]["examples"], parameter["name"]
        for example in parameter["schema"]["examples"]:
            assert faults(parameter["schema"], example) == []
    for media, content in contents(operation):
        schema = content.get(
            "schema", {}
        )  # a stream of events has none: it would be of each event to some, of all to others
        if schema.get("format") == "binary":
            continue
        assert examples_of(content), media
        for example in examples_of(content):
            assert faults(schema, example) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_who_may_enter_and_what_the_answer_carries(name):
    _, path, operation = OPERATIONS[name]
    assert operation.get("security") == ([] if path in PUBLIC else None)
    assert HTTP_TOKEN.fullmatch(name)
    assert operation["description"]
    told = {tag["name"]: tag["description"] for tag in DESCRIBED["tags"]}
    assert all(told[tag] for tag in operation["tags"])
    assert {"4XX", "5XX"} < set(operation["responses"])
    for response in operation["responses"].values():
        headers = resolved(response)["headers"]
        assert {"X-Correlation-ID", "RateLimit", "RateLimit-Policy"} <= set(headers)
        assert all(resolved(header)["description"] for header in headers.values())


def test_ids_of_operations_are_unique_and_short():
    assert len(OPERATIONS) == sum(len(operations) for operations in DESCRIBED["paths"].values())
    assert max(map(len, OPERATIONS)) <= 30


def test_creating_requests_need_a_key_and_changes_a_version():
    for method, path, operation in OPERATIONS.values():
        needed = {
            each["name"] for each in operation.get("parameters", ()) if each["required"] and each["in"] == "header"
        }
        assert needed == {"post": {"Idempotency-Key"}, "put": {"If-Match"}}.get(method, set()), path


def test_work_that_is_asked_for_may_be_waited_for():
    for kind, place in ((kind.name, kind.address) for kind in KINDS.values()):
        _, path, operation = OPERATIONS[f"request_{kind}"]
        assert path == f"/v1/{place}"
        assert {"201", "202"} <= set(operation["responses"])
        assert "Prefer" in {each["name"] for each in operation["parameters"]}
        for status in ("201", "202"):
            assert "Location" in operation["responses"][status]["headers"]
    assert DESCRIBED["components"]["schemas"]["JobView"]["properties"]["kind"]["enum"] == list(KINDS)


def test_every_field_of_what_is_sent_or_received_is_described():
    for name, schema in DESCRIBED["components"]["schemas"].items():
        for field, of_it in schema.get("properties", {}).items():
            assert of_it.get("description"), f"{name}.{field}"
            for example in of_it.get("examples", ()):
                assert faults(of_it, example) == [], f"{name}.{field}"


LONG = {"design", "plan"}
"""Kinds whose example takes seconds; it is sent in the deep suite."""


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=pytest.mark.deep if k in LONG else ()) for k in KINDS if k not in MADE_OF_RESULTS],
)
def test_the_example_of_a_request_can_be_sent_and_its_answer_has_the_shape_of_the_example(served, kind):
    body = OPERATIONS[f"request_{kind}"][2]["requestBody"]["content"]["application/json"]["example"]
    if kind == "future":  # those of the shipped problem take long to play
        futures = [{"id": "low", "effects": "low"}, {"id": "dear", "cost_factor": 1.15}]
        small = served.client.get("/v1/problems/overlap_pair").json() | {"id": "small", "futures": futures}
        served.client.post("/v1/problems", json=small, headers={"Idempotency-Key": "small"})
        body = {**body, "problem": "small"}
    job = served.ask(f"/v1/{KINDS[kind].address}", body)
    result = served.client.get(job["result"]).json()
    table = KINDS[kind].example.table
    row = served.client.get(result["frames"][table]).json()["rows"][0]
    path = OPERATIONS[f"read_{kind}_frame"][1]  # what is kept has its keys in another order
    answers = served.client.get("/openapi.json").json()["paths"][path]["get"]["responses"]["200"]["content"]
    assert list(answers["application/json"]["example"]["rows"][0]) == list(row)
    assert set(KINDS[kind].example.content) <= set(result["content"])
    if kind == "run":
        answered, shown = job["result"].rpartition("/")[2], KINDS[kind].example.id
        # it also names the code, so an example has its form and no more
        assert [len(answered), int(answered, 16) > 0] == [len(shown), int(shown, 16) > 0]


@pytest.mark.parametrize("place", DOCUMENT_KINDS)
def test_the_document_that_is_the_example_can_be_sent_as_it_is(served, place):
    kind = DOCUMENT_KINDS[place].kind
    operation = OPERATIONS[f"create_{kind}"][2]
    (document,) = examples_of(operation["requestBody"]["content"]["application/json"])
    (example,) = examples_of(operation["responses"]["201"]["content"]["application/json"])
    sent = {"content": served.client.get(example["href"]).content, "headers": {"Idempotency-Key": "as it is"}}
    answer = served.client.post(f"/v1/{place}", **sent)
    assert (answer.status_code, answer.json()["version"]) == (201, 1)
    assert all(answer.json()[name] == example[name] for name in ("id", "title", "digest", "href", "author"))
    mine = {**document, "id": "mine"}  # a reader of JSON may have dropped digits, so it is another document
    assert served.client.post(f"/v1/{place}", json=mine, headers={"Idempotency-Key": "mine"}).status_code == 201


def test_the_example_of_a_journal_balances_and_has_its_columns():
    content = OPERATIONS["read_journal"][2]["responses"]["200"]["content"]
    journal = content["application/json"]["example"]
    for side in ("debit", "credit"):
        assert sum(float(line[side] or 0) for line in journal["lines"]) == float(journal[f"{side}_total"])
    heading = content["text/csv"]["example"].splitlines()[0].split(",")
    assert heading == ["journal_id", *(name.removesuffix("_pence") for name in JournalLine.columns())]
