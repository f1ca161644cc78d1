"""Comparisons over HTTP are those of `capitation compare`; what they are made of is named by version when they are asked for."""

import io
from pathlib import Path

import polars as pl
import pytest

from api.cli.commands.compare import compare
from api.service.records.hidden import COUNTED, counted_parts
from capitation.records.identity import plain
from capitation.run.evaluate import evaluate
from capitation.run.run import load_run
from capitation.run.scenario import Scenario
from contracts.document.contract import parse_contract
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options

OPTIONS = "blmk-contract-options"
TWO = ["do-minimum", "blended"]


@pytest.fixture(scope="module", params=["two options", pytest.param("all options", marks=pytest.mark.deep)])
def chosen(request):
    """The options that are compared; none means all."""
    return TWO if request.param == "two options" else []


@pytest.fixture(scope="module")
def written(tmp_path_factory, chosen):
    """The run that `capitation compare blmk` writes, some options and one activity case chosen."""
    out = tmp_path_factory.mktemp("runs")
    compare(Path("blmk"), out, option=chosen, case="unmitigated", as_json=True)
    (place,) = out.iterdir()
    return load_run(place)


def frames_of(served, job):
    """Every table of a job's result, and the result."""
    result = served.client.get(job["result"]).json()
    accept = {"Accept": "application/vnd.apache.parquet"}
    sent = {name: served.client.get(href, headers=accept) for name, href in result["frames"].items()}
    return {name: pl.read_parquet(io.BytesIO(answer.content)) for name, answer in sent.items()}, result


def refused(served, body):
    """The pointers of the faults for which a body is refused."""
    answer = served.client.post("/v1/comparisons", json=body, headers={"Idempotency-Key": "refused"})
    assert answer.status_code == 422, answer.text
    return [fault["pointer"] for fault in answer.json()["faults"]]


def test_a_comparison_is_the_one_that_the_command_line_makes(served, written, chosen, blmk_run):
    job = served.ask(
        "/v1/comparisons", {"options": OPTIONS, "case": "unmitigated", **({"only": chosen} if chosen else {})}
    )
    frames, result = frames_of(served, job)
    assert result["id"] == written.id
    assert result["content"]["manifest"] == written.manifest.model_dump(mode="json")
    assert set(frames) == set(written.frames)
    for name, frame in written.frames.items():
        assert frames[name].equals(frame), name
    kept = served.service.store.file("comparison", written.id, COUNTED)  # what is small is decided by the run
    tables = (blmk_run.frame(each) for each in ("flow", "locality_activity", "service_line", "membership"))
    assert pl.read_parquet(io.BytesIO(kept.content)).equals(counted_parts(*tables))
    assert not served.client.get(f"{job['result']}/frames/{COUNTED}").is_success
    again = {"options": OPTIONS, "only": chosen, "case": "unmitigated", "data_pack": served.service.pack.digest}
    assert served.ask("/v1/comparisons", again, "again")["id"] == job["id"]


def test_what_was_changed_here_is_compared_as_it_stands_here(served, pack):
    for place, key, value in (
        ("contracts/blmk-block", "title", "Another block"),
        ("scenarios/blmk", "about", "Another scenario"),
    ):
        old = served.client.get(f"/v1/{place}")
        body = {**old.json(), key: value}
        assert served.client.put(f"/v1/{place}", json=body, headers={"If-Match": old.headers["etag"]}).is_success
    job = served.ask("/v1/comparisons", {"options": OPTIONS, "only": TWO})
    frames, result = frames_of(served, job)
    block = parse_contract(plain(served.client.get("/v1/contracts/blmk-block").text))
    scenario = Scenario.model_validate(served.client.get("/v1/scenarios/blmk").json())
    document = read_options(pack.path("options/blmk.toml"))
    wanted = evaluate_options(
        document, pack, run=evaluate(scenario, pack), only=TWO, studied=True, given={"blmk-block": block}
    )
    assert result["id"] == wanted.id
    assert "contracts given/blmk-block" in wanted.manifest.inputs
    assert all(frames[name].equals(frame) for name, frame in wanted.frames.items())
    assert frames["payment"]["term"].str.starts_with("Another block").any()
    asked = plain(served.service.store.job(job["id"]).request)
    assert asked["contracts"]["blmk-block"] == served.client.get("/v1/contracts/blmk-block").headers["etag"].strip('"')
    other_order = {"options": OPTIONS, "only": TWO[::-1]}
    assert served.ask("/v1/comparisons", other_order, "other order")["id"] == job["id"]


def test_names_that_are_not_known_are_refused_with_their_place(served):
    assert refused(served, {"options": "blmk"}) == ["/options"]
    assert refused(served, {"options": OPTIONS, "digest": "0" * 64}) == ["/digest"]
    assert refused(served, {"options": OPTIONS, "only": ["do-minimum", "blend"], "case": "x"}) == ["/only/1", "/case"]
    assert refused(served, {"options": OPTIONS, "data_pack": "0" * 64}) == ["/data_pack"]
    assert refused(served, {"options": OPTIONS, "colour": "red"}) == ["/colour"]


def test_options_that_name_what_is_not_stored_are_kept_but_not_compared(served):
    content = served.client.get(f"/v1/options/{OPTIONS}").json()
    content["id"], content["scenario"] = "mine", "elsewhere"
    content["options"][0]["contracts"][0]["contract"] = "../contracts/blmk-block.toml"
    made = served.client.post("/v1/options", json=content, headers={"Idempotency-Key": "mine"})
    assert made.status_code == 201, made.text
    assert refused(served, {"options": "mine"}) == ["/options", "/options"]


def test_options_that_contradict_themselves_are_refused_with_every_fault(served):
    content = served.client.get(f"/v1/options/{OPTIONS}").json()
    content |= {"id": "mine", "base": "nothing", "shown_case": "never"}
    answer = served.client.post("/v1/options", json=content, headers={"Idempotency-Key": "mine"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:capitation:problem:invalid-contract")
    assert {fault["pointer"] for fault in answer.json()["faults"]} == {"/base", "/shown_case"}
