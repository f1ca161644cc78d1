"""Documents are immutable versions named by their content: strong ETags, 304, If-Match, paging by name."""

import json

import pytest

from api.service.documents.kinds import DOCUMENT_KINDS
from capitation.records.identity import digest
from capitation.run.scenario import Scenario, read_scenario


def key(text):
    return {"Idempotency-Key": text}


@pytest.mark.parametrize("plural", DOCUMENT_KINDS)
def test_every_shipped_document_can_be_read_and_is_named_by_its_content(served, plural):
    items = served.client.get(f"/v1/{plural}?limit=1000").json()["items"]
    assert {item["id"] for item in items} == set(DOCUMENT_KINDS[plural].shipped(served.service.pack))
    for item in items:
        answer = served.client.get(item["href"])
        assert digest(answer.text) == item["digest"] == answer.headers["etag"].strip('"')


@pytest.mark.parametrize("plural", ["scenarios", "formulas", "contracts"])
def test_a_document_that_is_sent_back_is_the_same_document(served, plural):
    for item in served.client.get(f"/v1/{plural}?limit=1000").json()["items"]:
        content = served.client.get(item["href"]).content
        answer = served.client.put(item["href"], content=content, headers={"If-Match": f'"{item["digest"]}"'})
        assert (answer.status_code, answer.json().get("version")) == (200, 1), answer.text


def test_the_stored_scenario_is_the_shipped_one(served, pack):
    stored = served.client.get("/v1/scenarios/blmk").json()
    assert Scenario.model_validate(stored) == read_scenario(pack.path("scenarios/blmk.toml"))


def test_whoever_has_the_version_is_told_so(served):
    first = served.client.get("/v1/scenarios/blmk")
    again = served.client.get("/v1/scenarios/blmk", headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = served.client.get("/v1/scenarios/blmk", headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


@pytest.mark.both_databases("versions, order and text are the database's")
def test_a_change_is_a_new_version_and_the_old_one_stays(served):
    old = served.client.get("/v1/scenarios/blmk")
    tag = old.headers["etag"]
    content = {**old.json(), "title": "Another title"}
    changed = served.client.put("/v1/scenarios/blmk", json=content, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert served.client.get("/v1/scenarios/blmk").json()["title"] == "Another title"
    kept = served.client.get(f"/v1/scenarios/blmk/versions/{tag.strip(chr(34))}")
    assert kept.content == old.content
    versions = served.client.get("/v1/scenarios/blmk/versions").json()["items"]
    assert [v["version"] for v in versions] == [1, 2]
    late = served.client.put("/v1/scenarios/blmk", json={**content, "title": "Late"}, headers={"If-Match": tag})
    assert late.status_code == 412
    weak = served.client.put("/v1/scenarios/blmk", json=content, headers={"If-Match": f"W/{tag}"})
    assert weak.status_code == 412


@pytest.mark.both_databases("versions, order and text are the database's")
def test_a_changed_document_is_not_put_back_at_the_next_start(serve):
    first = serve()
    old = first.client.get("/v1/scenarios/blmk")
    first.client.put(
        "/v1/scenarios/blmk", json={**old.json(), "title": "Ours"}, headers={"If-Match": old.headers["etag"]}
    )
    assert serve().client.get("/v1/scenarios/blmk").json()["title"] == "Ours"


@pytest.mark.both_databases("versions, order and text are the database's")
def test_a_new_document_is_created_once_and_another_with_its_id_is_a_conflict(served):
    content = {**served.client.get("/v1/scenarios/blmk").json(), "id": "mine"}
    made = served.client.post("/v1/scenarios", json=content, headers=key("a"))
    assert (made.status_code, made.headers["location"]) == (201, "/v1/scenarios/mine")
    assert made.headers["etag"] == served.client.get("/v1/scenarios/mine").headers["etag"]
    same = served.client.post("/v1/scenarios", json=content, headers=key("b"))
    assert (same.status_code, same.json()["version"]) == (201, 1)
    other = served.client.post("/v1/scenarios", json={**content, "title": "T"}, headers=key("c"))
    assert (other.status_code, other.json()["type"]) == (409, "urn:capitation:problem:conflict")


def test_the_id_in_the_body_is_the_one_in_the_address(served):
    old = served.client.get("/v1/scenarios/blmk")
    body = {**old.json(), "id": "other"}
    answer = served.client.put("/v1/scenarios/blmk", json=body, headers={"If-Match": old.headers["etag"]})
    assert (answer.status_code, answer.json()["faults"][0]["pointer"]) == (422, "/id")


def test_a_problem_that_ships_can_be_sent_back_as_it_was_read(served):
    read = served.client.get("/v1/problems/overlap_pair")
    same = served.client.post("/v1/problems", content=read.content, headers=key("a"))
    assert (same.status_code, same.json()["version"], same.headers["etag"]) == (201, 1, read.headers["etag"])


@pytest.mark.both_databases("versions, order and text are the database's")
@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_pages_hold_every_contract_once_and_in_order(served, limit):
    names, path = [], f"/v1/contracts?limit={limit}"
    while path:
        answer = served.client.get(path)
        names += [item["id"] for item in answer.json()["items"]]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        assert bool(path) == (answer.json()["next"] is not None)
    assert names == sorted(DOCUMENT_KINDS["contracts"].shipped(served.service.pack))


def test_the_data_pack_names_the_checksum_of_each_file(served):
    view = served.client.get("/v1/data-packs/blmk").json()
    assert view["files"]["pack.toml"] == served.service.pack.files["pack.toml"]
    again = served.client.get(f"/v1/data-packs/{view['digest']}", headers={"If-None-Match": f'"{view["digest"]}"'})
    assert again.status_code == 304


@pytest.mark.parametrize("kind", ["scenario", "formula", "contract", "problem"])
def test_every_kind_of_document_has_a_schema(served, kind):
    schema = served.client.get(f"/v1/catalogue/schemas/{kind}").json()
    assert "id" in schema["properties"]
    assert json.dumps(schema)


@pytest.mark.both_databases("versions, order and text are the database's")
@pytest.mark.parametrize("title", ["a\x00b", "\ud800", "x" * 5000])
def test_a_title_that_no_database_keeps_is_no_fault_of_the_service(served, title):
    content = {**served.client.get("/v1/scenarios/blmk").json(), "id": "mine", "title": title}
    answer = served.client.post("/v1/scenarios", content=json.dumps(content), headers=key("a"))
    assert answer.status_code == 201, answer.text
    assert served.client.get("/v1/scenarios/mine").json()["title"] == title


@pytest.mark.parametrize("name", ["", "a/b", "a\x00", "x" * 129, "\ud800"])
def test_an_id_that_cannot_stand_in_an_address_is_refused(served, name):
    content = {**served.client.get("/v1/contracts/mssp").json(), "id": name}
    answer = served.client.post("/v1/contracts", content=json.dumps(content), headers=key("a"))
    assert answer.status_code == 422, answer.text
    assert "/id" in {fault["pointer"] for fault in answer.json()["faults"]}


@pytest.mark.parametrize("number", ["1e999999999", "-1e-999999999", "NaN", "Infinity", "9" * 5000])
def test_a_number_that_cannot_be_written_out_is_refused(served, number):
    answer = served.client.post("/v1/scenarios", content=f'{{"id": {number}}}', headers=key("a"))
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:capitation:problem:bad-request")


@pytest.mark.parametrize("path", ["/v1/scenarios/blmk", "/v1/catalogue"])
def test_a_look_at_another_version_than_the_one_asked_for_is_refused(served, path):
    """RFC 9110, section 13.2.2: If-Match counts before all else, for GET and HEAD as well."""
    tag = served.client.get(path).headers["etag"]
    for method in ("GET", "HEAD"):
        said = {
            given: served.client.request(method, path, headers={"If-Match": given}).status_code
            for given in (tag, f"W/{tag}", f'"x", {tag}', "*", '"x"', "x")
        }
        assert said == {tag: 200, f"W/{tag}": 200, f'"x", {tag}': 200, "*": 200, '"x"': 412, "x": 412}
        both = {"If-None-Match": tag}
        assert served.client.request(method, path, headers={**both, "If-Match": tag}).status_code == 304
        assert served.client.request(method, path, headers={**both, "If-Match": '"x"'}).status_code == 412
    assert served.client.get("/v1/scenarios/lost", headers={"If-Match": '"x"'}).status_code == 404
