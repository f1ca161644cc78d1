"""Workbooks over HTTP have the bytes that the command line writes, and are named by their checksum."""

import hashlib
from pathlib import Path

import pytest

from api.cli.commands.compare import compare
from api.cli.commands.run import run
from api.cli.commands.workbook import workbook
from api.service.records.workbooks import XLSX
from capitation.pack.layers import default_data_folder

TWO = ["do-minimum", "blended"]


@pytest.fixture(scope="module", params=["comparisons", pytest.param("runs", marks=pytest.mark.deep)])
def place(request):
    """Of what a workbook is made; the larger one in the deep suite."""
    return request.param


@pytest.fixture(scope="module")
def written(tmp_path_factory, place):
    """The workbooks that `capitation workbook` writes of a comparison or a run, for people and of every table."""
    out = tmp_path_factory.mktemp("workbooks")
    if place == "runs":
        run(default_data_folder() / "scenarios" / "blmk.toml", out, as_json=True)
    else:
        compare(Path("blmk"), out, option=TWO, as_json=True)
    for folder in [each.parent for each in out.glob("*/manifest.json")]:
        workbook(folder, out / "people.xlsx")
        workbook(folder, out / "all.xlsx", everything=True)
    return {path.stem: path.read_bytes() for path in out.glob("*.xlsx")}


@pytest.mark.parametrize("sheets", ["people", "all"])
def test_a_workbook_is_the_one_that_the_command_line_writes(served, written, place, sheets):
    body = {"scenario": "blmk"} if place == "runs" else {"options": "blmk-contract-options", "only": TWO}
    made = served.ask(f"/v1/{place}", body)["result"]
    choice = {} if sheets == "people" else {"sheets": "all"}
    job = served.ask("/v1/exports", {"result": made, "format": "xlsx", "sheets": sheets}, f"export {sheets}")
    assert served.ask("/v1/exports", {"result": made, **choice}, f"again {sheets}")["id"] == job["id"]
    export = served.client.get(job["result"]).json()
    content, wanted = export["content"], written[sheets]
    assert content == {
        "result": made,
        "format": "xlsx",
        "sheets": sheets,
        "file": f"{made.rpartition('/')[2]}.xlsx",
        "size": len(wanted),
        "sha256": hashlib.sha256(wanted).hexdigest(),
    }
    file = served.client.get(f"{job['result']}/file")
    assert file.content == wanted
    assert file.headers["content-type"] == XLSX
    assert file.headers["content-disposition"] == f'attachment; filename="{content["file"]}"'
    assert file.headers["etag"] == f'"{content["sha256"]}"'
    assert "immutable" in file.headers["cache-control"]
    same = served.client.get(f"{job['result']}/file", headers={"If-None-Match": file.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    other = served.client.get(f"{job['result']}/file", headers={"Accept": "text/csv"})
    assert other.status_code == 406
    assert export["id"] in [item["id"] for item in served.client.get("/v1/exports").json()["items"]]
    name = next(iter(served.client.get(made).json()["frames"].values()))
    assert served.client.get(name, headers={"Accept": XLSX}).status_code == 406


@pytest.mark.parametrize(
    "body",
    [
        {"result": "/v1/runs/0000000000000000"},
        {"result": "/v1/comparisons/0000000000000000"},
        {"result": "/v1/settlements/0000000000000000"},
        {"result": "/v1/runs/../keys"},
        {"result": "/v1/runs/0000000000000000", "format": "pdf"},
        {"result": "/v1/runs/0000000000000000", "sheets": "few"},
    ],
)
def test_what_cannot_be_exported_is_refused_with_its_place(served, body):
    answer = served.client.post("/v1/exports", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422, answer.text
    pointers = {fault["pointer"] for fault in answer.json()["faults"]}
    assert pointers == {next((f"/{key}" for key in ("format", "sheets") if key in body), "/result")}


def test_there_is_no_file_of_what_was_not_made(served):
    answer = served.client.get(f"/v1/exports/{'0' * 32}/file")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:capitation:problem:not-found")
