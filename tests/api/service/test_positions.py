"""Positions of a settlement and of a comparison at one address, filtered and in the formats of all rows."""

import io

import polars as pl
import pytest

from contracts.document.contract import read_contract
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options
from contracts.settlement.settle import settle

OPTIONS = "blmk-contract-options"
TWO = ["do-minimum", "blended"]


def pages(served, path):
    """All rows of an address, page after page."""
    rows = []
    while path:
        answer = served.client.get(path)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["rows"]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    return rows


def test_positions_of_a_comparison_are_chosen_by_organisation_option_case_and_year(served, pack, blmk_run):
    run = evaluate_options(read_options(pack.path("options/blmk.toml")), pack, run=blmk_run, only=TWO)
    job = served.ask("/v1/comparisons", {"options": OPTIONS, "only": TWO})
    place = f"/v1/positions/{job['result'].rpartition('/')[2]}"
    wanted = run.frame("position").filter(
        option="blended", activity_case="unmitigated", year="2018/19", role="provider", organisation_code="RC1"
    )
    asked = f"{place}?option=blended&case=unmitigated&year=2018/19&role=provider&organisation=RC1"
    sent = served.client.get(asked, headers={"Accept": "application/vnd.apache.parquet"})
    assert pl.read_parquet(io.BytesIO(sent.content)).equals(wanted)
    assert wanted.height == 1
    (row,) = served.client.get(asked).json()["rows"]
    assert int(row["position_gbp"].replace(".", "")) == wanted["position_pence"].item()
    assert [r["organisation_code"] for r in pages(served, f"{place}?limit=200")] == run.frame("position")[
        "organisation_code"
    ].to_list()
    wrong = served.client.get(f"{place}?output=payment")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:capitation:problem:invalid")


def test_positions_of_a_settlement_are_chosen_by_party_and_output(served, pack):
    contract = read_contract(pack.path("contracts/mssp.toml"))
    rows = [{k: None if v is None else str(v) for k, v in row.items()} for row in contract.cases[0].rows]
    columns = dict.fromkeys(name for row in rows for name in row)
    wanted = settle(contract, pl.DataFrame({c: [row.get(c) for row in rows] for c in columns})).positions()
    job = served.ask("/v1/settlements", {"contract": "mssp", "rows": rows})
    place = f"/v1/positions/{job['result'].rpartition('/')[2]}"
    party, output = wanted["party"][0], wanted["output"][0]
    found = pages(served, f"{place}?organisation={party}&output={output}")
    assert [row["amount"] for row in found] == wanted.filter(party=party, output=output)["amount"].to_list()
    assert sum(row["amount"] for row in pages(served, place)) == 0


@pytest.mark.parametrize("name", ["0" * 16, "f" * 32])
def test_there_are_no_positions_of_what_was_not_made(served, name):
    answer = served.client.get(f"/v1/positions/{name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:capitation:problem:not-found")
