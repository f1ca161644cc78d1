"""Results over HTTP are the command line's; rows leave in five formats with the same figures."""

import io
import json
import re

import polars as pl
import pyarrow.ipc
import pyarrow.parquet
import pytest

from contracts.document.contract import read_contract
from contracts.settlement.settle import settle

MONEY = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]{2}")


@pytest.fixture
def run(served):
    """The run of the BLMK scenario: its resource."""
    return served.client.get(served.ask("/v1/runs", {"scenario": "blmk"})["result"]).json()


def test_a_run_is_the_one_that_the_command_line_makes(run, blmk_run):
    assert run["id"] == blmk_run.id
    assert run["content"]["manifest"] == json.loads(blmk_run.manifest.model_dump_json())


@pytest.mark.both_databases("tables are kept as bytes in the database")
def test_every_table_of_a_run_is_the_one_that_the_command_line_makes(served, run, blmk_run):
    assert set(run["frames"]) == set(blmk_run.frames)
    for name, frame in blmk_run.frames.items():
        sent = served.client.get(run["frames"][name], headers={"Accept": "application/vnd.apache.parquet"})
        assert pl.read_parquet(io.BytesIO(sent.content)).equals(frame), name


def test_the_formats_carry_the_same_allocations(served, run, blmk_run):
    path = f"/v1/allocations/{run['id']}?level=locality&year=2018/19"
    wanted = blmk_run.frame("allocation").filter(pl.col("level") == "locality", pl.col("year") == "2018/19")
    pence = wanted["allocation_pence"].to_list()
    get = {
        media: served.client.get(path, headers={"Accept": media})
        for media in (
            "application/json",
            "application/x-ndjson",
            "text/csv",
            "application/vnd.apache.arrow.stream",
            "application/vnd.apache.parquet",
        )
    }
    for media, answer in get.items():
        assert answer.headers["content-type"].partition(";")[0] == media
    texts = [row["allocation_gbp"] for row in get["application/json"].json()["rows"]]
    assert all(MONEY.fullmatch(text) for text in texts)
    assert [int(text.replace(".", "")) for text in texts] == pence
    lines = [json.loads(line) for line in get["application/x-ndjson"].text.splitlines()]
    assert [line["allocation_gbp"] for line in lines] == texts
    csv = pl.read_csv(io.BytesIO(get["text/csv"].content), infer_schema=False)
    assert csv["allocation_gbp"].to_list() == texts
    arrow = pyarrow.ipc.open_stream(get["application/vnd.apache.arrow.stream"].content).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(get["application/vnd.apache.parquet"].content))
    for table in (arrow, parquet):
        field = table.schema.field("allocation_pence")
        assert table["allocation_pence"].to_pylist() == pence
        assert (str(field.type), field.metadata[b"currency"], field.metadata[b"unit"]) == ("int64", b"GBP", b"penny")
    assert len({answer.headers["etag"] for answer in get.values()}) == 5


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/*, application/json;q=0.1", "text/csv"),
        ("application/json;q=0, text/csv;q=0.2", "text/csv"),
        ("*/*;q=0.1, text/csv", "text/csv"),
        ("image/png", None),
        ("application/json;q=0", None),
        ("text/csv;q=nonsense", None),
    ],
)
def test_the_format_that_accept_prefers_is_given(served, run, accept, given):
    answer = served.client.get(run["frames"]["code_name"], headers={"Accept": accept})
    if given is None:
        assert (answer.status_code, answer.json()["type"]) == (406, "urn:capitation:problem:not-acceptable")
    else:
        assert answer.headers["content-type"].partition(";")[0] == given


@pytest.mark.both_databases("tables are kept as bytes in the database")
def test_pages_of_rows_hold_every_row_once(served, run, blmk_run):
    path, rows = f"/v1/allocations/{run['id']}?limit=700", []
    while path:
        answer = served.client.get(path)
        rows += answer.json()["rows"]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    keys = blmk_run.frame("allocation").select("year", "stream", "level", "code").rows()
    assert [(r["year"], r["stream"], r["level"], r["code"]) for r in rows] == keys


def test_rows_the_caller_has_are_not_sent_again(served, run):
    first = served.client.get(f"/v1/allocations/{run['id']}?limit=5")
    same = served.client.get(f"/v1/allocations/{run['id']}?limit=5", headers={"If-None-Match": first.headers["etag"]})
    other = served.client.get(f"/v1/allocations/{run['id']}?limit=6", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, other.status_code) == (304, 200)


@pytest.mark.parametrize("where", ["colour=red", "level"])
def test_a_condition_that_makes_no_sense_is_told(served, run, where):
    answer = served.client.get(run["frames"]["allocation"], params={"where": where})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_table_that_a_run_does_not_have_is_told_with_near_names(served, run):
    answer = served.client.get(f"/v1/runs/{run['id']}/frames/allocatio")
    assert answer.status_code == 404
    assert "Did you mean 'allocation'" in answer.json()["detail"]


def test_a_figure_is_explained_down_to_printed_cells(served, run):
    first = served.client.get(f"/v1/allocations/{run['id']}?level=locality&year=2018/19&stream=ccg&limit=1").json()
    row = first["rows"][0]
    path = f"/v1/figures/{run['id']}/allocation/allocation_pence"
    where = [f"{name}={row[name]}" for name in ("year", "stream", "level", "code")]
    answer = served.client.get(path, params={"where": where})
    tree = answer.json()
    assert tree["value"].replace(",", "") == row["allocation_gbp"]
    kinds, stack = set(), [tree]
    while stack:
        node = stack.pop()
        assert node["disagrees"] == ""
        kinds.add(node["kind"])
        stack += node["parts"]
    assert "printed cell" in kinds
    again = served.client.get(path, params={"where": where}, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    lacking = served.client.get(path, params={"where": where[:2]})
    assert (lacking.status_code, lacking.headers["content-type"]) == (404, "application/problem+json")
    unknown = served.client.get(path, params={"where": ["table=1"]})
    assert (unknown.status_code, "Did you mean" in unknown.json()["detail"]) == (404, False)
    formless = served.client.get(path, params={"where": ["year"]})
    assert (formless.status_code, formless.json()["type"]) == (422, "urn:capitation:problem:invalid")


@pytest.mark.parametrize("contract_id", ["mssp", "aca-risk-corridor", "payment-by-results"])
def test_a_settlement_is_the_one_that_the_command_line_makes(served, pack, contract_id):
    contract = read_contract(pack.path(f"contracts/{contract_id}.toml"))
    rows = [{k: _plain(v) for k, v in row.items()} for row in contract.cases[0].rows]
    columns = dict.fromkeys(name for row in rows for name in row)
    as_text = pl.DataFrame({c: [None if r.get(c) is None else str(r[c]) for r in rows] for c in columns})
    expected = settle(contract, as_text).results
    job = served.ask("/v1/settlements", {"contract": contract_id, "rows": rows})
    frames = served.client.get(job["result"]).json()["frames"]
    sent = served.client.get(frames["results"], headers={"Accept": "application/vnd.apache.parquet"})
    assert pl.read_parquet(io.BytesIO(sent.content)).equals(expected)
    assert expected.height == len(rows) > 0


def test_rows_at_fault_fail_the_job_with_every_fault(served):
    body = {"contract": "mssp", "rows": [{"aco_id": "A1", "year": "nonsense"}]}
    answer = served.client.post("/v1/settlements", json=body, headers={"Idempotency-Key": "k"})
    served.work()
    job = served.client.get(answer.headers["location"]).json()
    assert (job["status"], job["problem"]["type"]) == ("failed", "urn:capitation:problem:invalid-contract")
    assert len(job["problem"]["faults"]) > 1


@pytest.mark.parametrize(
    ("problem", "status", "objective"), [("overlap_pair", "optimal", 21000), ("no_mix", "infeasible", None)]
)
def test_an_optimisation_gives_the_known_answer(served, problem, status, objective):
    job = served.ask("/v1/optimisations", {"problem": problem})
    content = served.client.get(job["result"]).json()["content"]
    assert content["status"] == status
    assert content["objective_gbp"] == (None if objective is None else f"{objective:.2f}")
    assert (content["infeasible"] is None) == (status == "optimal")


def _plain(value):
    return value if value is None or isinstance(value, str) else str(value)
