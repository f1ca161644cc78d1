"""Requests mean what they say: what an address does not have is refused with what may be meant, and values that no row has are named."""

import csv
import io

import pytest

from api.service.http.etags import expected_versions, is_unchanged
from api.service.http.problems import without_folders

ROW = {
    "year": "2017/18",
    "commissioner": "06P",
    "provider": "RYV",
    "line": "community",
    "plan_value_pence": "50000001",
}


@pytest.fixture
def run(served):
    return served.client.get(served.ask("/v1/runs", {"scenario": "blmk"})["result"]).json()


def fault_of(answer):
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:invalid"), answer.text
    (fault,) = answer.json()["faults"]
    return fault


def test_what_an_address_does_not_have_is_refused_with_what_may_be_meant(served, run):
    allocations = f"/v1/allocations/{run['id']}"
    fault = fault_of(served.client.get(f"{allocations}?levell=locality"))
    assert (fault["where"], fault["remedy"]) == ("query: levell", "Did you mean 'level'?")
    twice = fault_of(served.client.get(f"{allocations}?level=locality&level=place"))
    assert (twice["where"], twice["found"], twice["expected"]) == ("query: level", "2 values", "one value")
    for path in ("/v1/scenarios", "/v1/jobs", "/v1/runs", "/v1/catalogue", "/v1/data-packs", "/v1/approvals"):
        assert fault_of(served.client.get(f"{path}?limt=5"))["where"] == "query: limt"
        assert served.client.get(f"{path}?limit=5").status_code == 200
    assert fault_of(served.client.get("/v1/scenarios/blmk?x=1"))["expected"] == "no parameter"
    assert "Did you mean 'done'" in fault_of(served.client.get("/v1/jobs?status=don"))["remedy"]


@pytest.mark.parametrize("number", ["1_0", "+5", " 5", "5 ", "1.0", "1e1", "\uff15", "0x5", "true", ""])
def test_a_whole_number_is_written_in_digits(served, number):
    assert served.client.get("/v1/scenarios", params={"limit": number}).status_code == 422
    assert served.client.get("/v1/scenarios", params={"limit": "005"}).status_code == 200


@pytest.mark.parametrize("cursor", ["MTAw\n", "MTAw!", " MTAw", "MTAwA", "MS4w", "dHJ1ZQ", "WzFd"])
def test_a_cursor_is_one_that_was_given(served, cursor):
    assert served.client.get("/v1/jobs", params={"cursor": cursor}).status_code == 422
    assert served.client.get("/v1/jobs", params={"cursor": "MTAw"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("level=Locality", "Did you mean 'locality'?"),
        ("code=l-u09531", "Did you mean 'L-U09531'?"),
        ("stream=CCG", "Did you mean 'ccg'?"),
        ("year=2039/40", "Did you mean '2019/20'?"),
    ],
)
def test_a_value_that_no_row_has_is_named_with_what_may_be_meant(served, run, query, remedy):
    fault = fault_of(served.client.get(f"/v1/allocations/{run['id']}?{query}", headers={"Accept": "text/csv"}))
    assert fault["where"] == f"query: {query.partition('=')[0]}"
    assert remedy in fault["remedy"]
    same = fault_of(served.client.get(run["frames"]["allocation"], params={"where": query}))
    assert (same["where"], same["remedy"]) == ("query: where", fault["remedy"])


def test_every_fault_of_a_query_is_named_and_values_that_only_never_meet_give_no_row(served, run):
    answer = served.client.get(f"/v1/allocations/{run['id']}?level=x&code=y&stream=z")
    assert [each["where"] for each in answer.json()["faults"]] == ["query: stream", "query: level", "query: code"]
    met = served.client.get(f"/v1/allocations/{run['id']}?level=place&code=L-U09531")
    assert (met.status_code, met.json()["rows"]) == (200, [])


def test_a_partner_learns_nothing_from_values_that_no_row_of_theirs_has(served, run):
    partner = served.headers("partner", "06F")
    hidden, missing = (
        served.client.get(f"/v1/allocations/{run['id']}?code={code}", headers=partner) for code in ("06P", "ZZZ")
    )
    assert hidden.status_code == missing.status_code == 200
    assert hidden.content == missing.content
    assert hidden.json()["rows"] == []


def test_positions_of_a_settlement_are_in_pounds_in_text_formats(served):
    job = served.ask("/v1/settlements", {"contract": "blmk-block", "rows": [ROW]})
    path = f"/v1/positions/{job['result'].rpartition('/')[2]}"
    rows = served.client.get(path).json()["rows"]
    assert sorted(row["amount_gbp"] for row in rows) == ["-500000.01", "500000.01"]
    assert not any("amount" in row for row in rows)
    text = served.client.get(path, headers={"Accept": "text/csv"}).text
    assert [row["amount_gbp"] for row in csv.DictReader(io.StringIO(text))] == [row["amount_gbp"] for row in rows]


def test_head_answers_as_get_without_a_body(served, run):
    for path in ("/livez", "/v1/scenarios", "/v1/scenarios/blmk", run["frames"]["allocation"], "/openapi.json"):
        for _ in range(2):  # the second time from memory
            get, head = served.client.get(path), served.client.head(path)
            assert (head.status_code, head.content) == (200, b""), path
            names = ("content-type", "content-length", "etag", "cache-control")
            assert [head.headers.get(name) for name in names] == [get.headers.get(name) for name in names]
    tag = served.client.get("/v1/scenarios/blmk").headers["etag"]
    assert served.client.head("/v1/scenarios/blmk", headers={"If-None-Match": tag}).status_code == 304
    assert served.client.head("/v1/scenarios/none").status_code == 404
    assert served.client.head("/v1/keys").status_code == 403
    job = served.client.get("/v1/jobs").json()["items"][0]
    assert served.client.head(job["events"]).headers["content-type"].startswith("text/event-stream")


def test_a_stream_that_has_not_ended_ends_with_its_headers_for_head(served):
    waiting = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"}).json()
    assert served.client.head(waiting["events"]).content == b""


@pytest.mark.parametrize("sent", ['W/"{}"', '"{}-gzip"', 'W/"{}--gzip"', '"{}-br"', '"other", "{}"', "*", '"{}"'])
def test_a_tag_counts_whatever_a_compressing_proxy_makes_of_it(served, sent):
    read = served.client.get("/v1/scenarios/blmk")
    tag = read.headers["etag"].strip('"')
    header = sent.replace("{}", tag)
    assert served.client.get("/v1/scenarios/blmk", headers={"If-None-Match": header}).status_code == 304
    document = {**read.json(), "title": "Another title"}
    changed = served.client.put("/v1/scenarios/blmk", json=document, headers={"If-Match": header})
    assert (changed.status_code, changed.json().get("version")) == (200, 2), changed.text


def test_if_match_with_any_version_needs_one_that_is_there(served):
    document = {**served.client.get("/v1/scenarios/blmk").json(), "id": "none"}
    answer = served.client.put("/v1/scenarios/none", json=document, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:capitation:problem:changed-meanwhile")
    for header in ('"0"', "nonsense", '"0", "1"', 'W/"0"'):
        stale = served.client.put("/v1/scenarios/blmk", json=document, headers={"If-Match": header})
        assert stale.status_code == 412, header


def test_tags_are_read_as_they_are_written():
    assert expected_versions('"a", W/"b-gzip" ,"c"') == {"a", "b", "c"}
    assert is_unchanged('"x", "a"', '"a"')
    assert not is_unchanged('"xa"', '"a"')
    assert not is_unchanged("a", '"a"')


@pytest.mark.both_databases("what a text column takes differs between databases")
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\udfffb"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/runs", '{"scenario": "TEXT"}'),
        ("/v1/settlements", '{"contract": "blmk-block", "rows": [{"year": "TEXT"}]}'),
        ("/v1/simulations", '{"scenario": "blmk", "TEXT": 1}'),
    ],
)
def test_a_text_that_cannot_be_stored_is_refused_alike(served, path, body, text):
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = served.client.post(path, content=body.replace("TEXT", text), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:invalid")
    assert "without NUL" in answer.json()["faults"][0]["expected"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/approvals", '{"result": "/v1/runs/0123456789abcdef", "result": "/v1/runs/fedcba9876543210"}'),
        ("/v1/settlements", '{"contract": "blmk-block", "rows": [{"year": "2017/18", "line": "a", "line": "b"}]}'),
        ("/v1/scenarios", '{"id": "one", "title": "a", "title": "a"}'),
    ],
)
def test_a_body_that_names_a_key_twice_is_refused(served, path, body):
    role = "approver" if path == "/v1/approvals" else "analyst"
    headers = {**served.headers(role), "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = served.client.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:invalid")
    assert answer.json()["detail"] == "the body names a key more than once"
    assert answer.json()["faults"][0]["expected"] == "each key of an object once"


def test_no_answer_names_a_folder_of_this_machine(served, tmp_path):
    assert without_folders("/usr/share/x/data/england/y.csv: no such file") == "england/y.csv: no such file"
    assert without_folders("see /v1/runs/0 and 2018/19 and a/b") == "see /v1/runs/0 and 2018/19 and a/b"
    assert without_folders(f"{tmp_path}/f.toml") == f"{tmp_path.name}/f.toml"
    assert without_folders("https://x.example/usr/y") == "https://x.example/usr/y"


def test_rows_that_are_kept_as_files_come_with_a_name(served, run):
    path = run["frames"]["code_name"]
    names = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/vnd.apache.parquet": "parquet"}
    for media, ending in names.items():
        answer = served.client.get(f"{path}?limit=1", headers={"Accept": media})
        assert answer.headers["content-disposition"] == f'attachment; filename="run-{run["id"]}-code_name.{ending}"'
    assert "content-disposition" not in served.client.get(f"{path}?limit=1").headers


def test_if_match_holds_wherever_something_is_changed(served):
    """Keys, jobs and approvals are changed without naming a version; who names one is answered 412 where it has moved on."""
    admin = served.headers("administrator")
    body = {"subject": "dot", "organisation": "BLMK", "role": "finance", "scopes": ["run:read"]}
    made = served.client.post("/v1/keys", json=body, headers={**admin, "Idempotency-Key": "k"})
    analyst = served.headers("analyst", **{"Idempotency-Key": "r"})
    run = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers=analyst)
    job = run.headers["location"]
    served.work()
    result = served.client.get(job, headers=analyst).json()["result"]
    waiting = served.client.post(
        "/v1/runs", json={"scenario": "blmk", "accept": {"x": "why"}}, headers={**analyst, "Idempotency-Key": "w"}
    ).headers["location"]
    approver = served.headers("approver", **{"Idempotency-Key": "a"})
    approval = served.client.post("/v1/approvals", json={"result": result}, headers=approver).headers["location"]
    reason = {"reason": "Another growth rate"}
    changes = [
        (
            made.headers["location"],
            lambda tag: served.client.delete(made.headers["location"], headers={**admin, **tag}),
        ),
        (waiting, lambda tag: served.client.delete(waiting, headers={**analyst, **tag})),
        (
            approval,
            lambda tag: served.client.post(
                f"{approval}/withdrawal", json=reason, headers={**approver, "Idempotency-Key": f"{tag}", **tag}
            ),
        ),
    ]
    for where, change in changes:
        reader = admin if "keys" in where else analyst
        before = served.client.get(where, headers=reader)
        stale = change({"If-Match": '"0"'})
        assert (stale.status_code, stale.json()["type"]) == (412, "urn:capitation:problem:changed-meanwhile"), where
        assert served.client.get(where, headers=reader).content == before.content
        done = change({"If-Match": f"W/{before.headers['etag']}"})
        assert done.is_success, done.text
        assert served.client.get(where, headers=reader).content != before.content
        assert change({"If-Match": before.headers["etag"]}).status_code == 412
    gone = served.client.delete("/v1/jobs/" + "0" * 32, headers={**analyst, "If-Match": '"0"'})
    assert gone.status_code == 404


def test_if_none_match_refuses_to_change_what_is_there(served):
    read = served.client.get("/v1/scenarios/blmk")
    tag, document = read.headers["etag"], {**read.json(), "title": "Another title"}
    for header in ("*", tag, f"W/{tag}", f'"0", {tag}'):
        sent = {"If-Match": tag, "If-None-Match": header}
        answer = served.client.put("/v1/scenarios/blmk", json=document, headers=sent)
        assert (answer.status_code, answer.json()["type"]) == (412, "urn:capitation:problem:changed-meanwhile"), header
    assert served.client.get("/v1/scenarios/blmk").content == read.content
    admin = served.headers("administrator")
    key = served.client.get("/v1/keys", headers=admin).json()["items"][0]["href"]
    kept = served.client.delete(key, headers={**admin, "If-None-Match": "*"})
    assert kept.status_code == 412
    changed = served.client.put(
        "/v1/scenarios/blmk",
        json=document,
        headers={**served.headers("analyst"), "If-Match": tag, "If-None-Match": '"0"'},
    )
    assert changed.status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
def test_a_body_that_is_said_to_be_compressed_is_not_read(served, coding):
    headers = {"Content-Encoding": coding, "Content-Type": "application/json", "Idempotency-Key": "compressed"}
    answer = served.client.post("/v1/runs", content=b'{"scenario": "blmk"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:capitation:problem:unsupported-media-type")
    assert "uncompressed" in answer.json()["detail"]
    whole = served.client.post(
        "/v1/runs", content=b'{"scenario": "blmk"}', headers={**headers, "Content-Encoding": "identity"}
    )
    assert whole.status_code == 202


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", "1 or more"),
        ("limit=1001", "1000 or less"),
        ("limit=ten", "a whole number"),
        ("limit=", "a whole number"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_in_words(served, query, expected):
    fault = fault_of(served.client.get(f"/v1/runs?{query}"))
    assert (fault["where"], fault["expected"]) == ("query: limit", expected)


@pytest.mark.parametrize(
    ("path", "where", "expected"),
    [
        ("/v1/runs/zzz", "path: result_id", "a text such as 'f10e0a9b83f73e51'"),
        ("/v1/allocations/{id}?year=2018-19", "query: year", "a text such as '2018/19'"),
        ("/v1/runs/{id}/frames/allocation?where=system", "query: where", "a text such as"),
        ("/v1/figures/{id}/allocation/allocation_pence?where=year", "query: where", "a text such as"),
    ],
)
def test_a_form_is_shown_by_an_example_and_not_by_its_pattern(served, run, path, where, expected):
    fault = fault_of(served.client.get(path.replace("{id}", run["id"])))
    assert fault["where"] == where
    assert fault["expected"].startswith(expected)
    assert "^" not in fault["expected"]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/v1/run", "Did you mean '/v1/runs'"),
        ("GET", "/v1/journal/5b0c3f3e9d1a7c42", "Did you mean '/v1/journals'?"),
        ("POST", "/v1/settlement", "Did you mean '/v1/settlements'?"),
        ("GET", "/v1/runs/f10e0a9b83f73e51/table", "/v1/runs/{result_id}/frames/{name}"),
        ("GET", "/v1", "/openapi.json describes every address"),
        ("GET", "/v1/whatever", "/openapi.json describes every address"),
        ("GET", "/v1/runs/", "/v1/runs, "),
    ],
)
def test_an_address_that_is_not_there_is_answered_with_those_that_may_be_meant(served, method, path, said):
    answer = served.client.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:capitation:problem:not-found")
    assert said in answer.json()["detail"]


def test_a_method_that_an_address_does_not_take_is_answered_with_those_it_takes(served, run):
    detail = served.client.delete(f"/v1/runs/{run['id']}").json()["detail"]
    assert detail == f"DELETE /v1/runs/{run['id']}: this address takes GET and HEAD"


def test_who_changes_what_has_changed_learns_what_to_do(served):
    document = served.client.get("/v1/scenarios/blmk").json()
    stale = served.client.put("/v1/scenarios/blmk", json=document, headers={"If-Match": '"abc"'}).json()["detail"]
    assert stale.endswith("Read it again, and change what is there now")
    bare = served.client.put("/v1/scenarios/blmk", json=document, headers={"If-Match": "abc"}).json()["detail"]
    assert "in double quotes" in bare


def test_a_fault_of_a_row_points_to_it_in_the_body_that_was_sent(served):
    rows = [ROW, ROW | {"line": "acute", "plan_value_pence": "£5"}, ROW | {"line": "mental", "year": "2017-18"}]
    faults = faults_of_rows(served, rows)
    assert {fault["pointer"] for fault in faults} == {"/rows/1/plan_value_pence", "/rows/2/year"}
    assert "rows.2 (year 2017/18, commissioner 06P, provider RYV, line acute)" in str(faults)
    assert [fault["pointer"] for fault in faults_of_rows(served, [ROW, ROW])] == ["/rows/0", "/rows/1"]
    lacking = {name: value for name, value in ROW.items() if name != "plan_value_pence"}
    assert [fault["pointer"] for fault in faults_of_rows(served, [lacking])] == ["/rows"]


def faults_of_rows(served, rows):
    body = {"contract": "blmk-block", "rows": rows}
    asked = served.client.post("/v1/settlements", json=body, headers={"Idempotency-Key": str(len(str(rows)))})
    served.work()
    return served.client.get(asked.headers["location"]).json()["problem"]["faults"]
