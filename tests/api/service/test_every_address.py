"""Every address as somebody who tries the doors: misspelt queries, HEAD, tags, formats of money, and keys in whatever place they are put."""

import json
import logging
import re

import pytest

from api.service.app import operations, routers
from api.service.http.access_log import JsonLines
from api.service.kinds import KINDS
from api.service.security.addresses import PUBLIC

READS = sorted(path for method, path in operations(routers()) if method == "GET")
MONEY = re.compile(r'"[a-z_]*_pence":')


@pytest.fixture(scope="module")
def ids():
    return {
        "content_digest": "0" * 64, "digest": "0" * 64, "result_id": "0" * 32, "job_id": "0" * 32, "key_id": "0" * 16,
        "journal_id": "0" * 16, "approval_id": "0" * 32, "table": "allocation", "column": "allocation_pence",
        "name": "blmk", "pack_id": "blmk",
    }  # fmt: skip


def filled(path, ids):
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: ids.get(found[1], "blmk"), path)


@pytest.fixture
def everyone(served):
    """Headers of the one who may read an address."""
    admin, finance, analyst = (served.headers(role) for role in ("administrator", "finance", "analyst"))

    def who(path):
        if path.startswith(("/v1/keys", "/v1/audit", "/metrics")):
            return admin
        return finance if path.startswith("/v1/journals") else analyst

    return who


def test_no_address_takes_a_query_that_it_does_not_know(served, everyone, ids):
    described = served.client.get("/openapi.json").json()["paths"]
    known_to = {path: [p["name"] for p in each["get"].get("parameters", ()) if p["in"] == "query"] for path, each in described.items() if "get" in each}  # fmt: skip
    for path in READS:
        if not path.startswith("/v1/") or path not in known_to:
            continue
        for wrong in ("levell", "limitt", "where2", *(f"{name}x" for name in known_to[path])):
            answer = served.client.get(f"{filled(path, ids)}?{wrong}=1", headers=everyone(path))
            assert answer.status_code == 422, (path, wrong, answer.status_code)
            assert wrong in answer.text, (path, wrong)
        for name in known_to[path]:
            near = served.client.get(f"{filled(path, ids)}?{name}x=1", headers=everyone(path)).json()
            assert name in json.dumps(near["faults"]), (path, name)


def test_every_address_answers_head_as_get_without_the_body(served, everyone, ids):
    for path in READS:
        if path.endswith("/events"):
            continue
        asked, headers = filled(path, ids), everyone(path)
        whole, bare = served.client.get(asked, headers=headers), served.client.head(asked, headers=headers)
        assert (bare.status_code, bare.content) == (whole.status_code, b""), path
        changing = {"x-correlation-id", "ratelimit", "content-length", "etag"}  # counts and problems name their request
        assert {n for n in bare.headers if n not in changing} == {n for n in whole.headers if n not in changing}, path


def test_every_address_that_was_read_answers_304_to_its_own_tag_also_as_proxies_change_it(served, everyone, ids):
    read = 0
    for path in READS:
        if path.endswith("/events") or path in PUBLIC or path == "/metrics":
            continue
        headers = everyone(path)
        whole = served.client.get(filled(path, ids), headers=headers)
        if whole.status_code != 200:
            continue
        read += 1
        tag = whole.headers["etag"]
        assert not tag.startswith("W/"), path
        for sent in (tag, f"W/{tag}", f"{tag[:-1]}-gzip{tag[-1]}", f'"x", {tag}', "*"):
            again = served.client.get(filled(path, ids), headers={**headers, "If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b""), (path, sent, again.status_code)
        assert served.client.get(filled(path, ids), headers={**headers, "If-None-Match": '"x"'}).status_code == 200
    assert read > 10


def test_no_table_of_any_kind_leaves_a_text_format_in_pence(served):
    """Every table of one result of each kind that is quick to make."""
    asked = {
        "run": {"scenario": "blmk"},
        "optimisation": {"problem": "overlap_pair"},
        "simulation": {"problem": "overlap_pair", "draws": 5, "green_book": True},
        "chance": {"scenario": "blmk", "draws": 200},
        "party_chance": {"options": "blmk-contract-options", "only": ["do-minimum", "blended"], "draws": 100},
        "design": {"scenario": "blmk", "family": "shares", "draws": 1_000},
        "settlement": {
            "contract": "blmk-block",
            "rows": [
                {
                    "year": "2017/18",
                    "commissioner": "06P",
                    "provider": "RYV",
                    "line": "community",
                    "plan_value_pence": "5",
                }
            ],
        },
    }
    for kind, body in asked.items():
        result = served.client.get(served.ask(f"/v1/{KINDS[kind].address}", body, kind)["result"]).json()
        for name, where in result["frames"].items():
            for media in ("application/json", "application/x-ndjson", "text/csv"):
                text = served.client.get(f"{where}?limit=3", headers={"Accept": media}).text
                heading = text.partition("\n")[0]
                assert not MONEY.search(text), (kind, name, media)
                amounts = [each for each in heading.split(",") if each.endswith("_pence")]  # a price per person is none
                assert media != "text/csv" or amounts == [], (kind, name)


def test_a_key_is_in_no_log_wherever_it_was_put(served, ids, caplog):
    key = served.headers("analyst")["X-API-Key"]
    served.client.cookies.clear()
    with caplog.at_level(logging.DEBUG, logger="capitation"):
        for path in READS:
            asked = filled(path, ids)
            if asked.endswith("/events"):
                continue
            served.client.get(f"{asked}?key={key}&where={key}")
            served.client.get(f"{asked}/{key}")
            served.client.get(
                asked, headers={"X-Correlation-ID": key, "User-Agent": key, "Referer": f"https://x/{key}"}
            )
            served.client.get(asked, headers={"Authorization": f"Basic {key}", "Cookie": f"capitation_local={key}"})
    lines = [JsonLines().format(each) for each in caplog.records]
    assert len(lines) > 100
    secret = key.rpartition("_")[2]
    assert [line for line in lines if secret in line] == []


@pytest.mark.parametrize("of_three", [1, pytest.param(3, marks=pytest.mark.deep)])
def test_nobody_without_the_token_is_let_in_by_any_host_or_gate_at_any_address(served, ids, of_three):
    """Every sign at every address, every value of every sign: each sign with one of three values in turn, in the deep suite with all."""
    served.client.cookies.clear()
    values = ("127.0.0.1", "localhost", "localhost:x@evil.example")
    signs = (
        "X-Forwarded-For",
        "X-Real-IP",
        "Via",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Forwarded",
        "Host",
        "Origin",
    )
    for place, (method, path) in enumerate(operations(routers())):
        if path in PUBLIC:
            continue
        for number, sign in enumerate(signs, place):
            for value in (*values, *values)[number % 3 :][:of_three]:
                answer = served.client.request(method, filled(path, ids), headers={sign: value})
                assert answer.status_code == 401, (method, path, sign, value, answer.status_code)


def test_no_answer_names_a_path_of_the_server(served, everyone, ids):
    folder = str(served.service.settings.packs_folder.absolute().parent)
    for path in READS:
        if path.endswith("/events"):
            continue
        for query in ("", "?cursor=x", "?limit=0", "?where=a"):
            text = served.client.get(f"{filled(path, ids)}{query}", headers=everyone(path)).text
            assert folder not in text, (path, query)
            assert "/site-packages/" not in text, (path, query)
