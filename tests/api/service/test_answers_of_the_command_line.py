"""Whatever the command line works out can be asked for over HTTP: the same figures, money in pence, as far as a role may see them."""

import io

import polars as pl
import pytest

from api.cli.commands.plan import mix_of_problem
from api.exports.run_difference import run_difference
from api.service.kinds.difference import money_apart
from api.service.records.workbooks import stored_run
from capitation.chance.answers import layer_variances, locality_chances, pool_sizes
from capitation.chance.book import book_of
from capitation.chance.document import read_uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, simulate
from capitation.records.years import FinancialYear
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options, with_cost_behaviour
from contracts.risk.design.family import read_family
from contracts.risk.design.study import design_family
from contracts.risk.parties import party_model
from contracts.risk.study import party_risk
from optimiser.answers.report import mix_report
from optimiser.answers.whole.former import read_former
from optimiser.links.drawn_mix import drawn_mix
from optimiser.links.mix_to_buy import mix_to_buy
from optimiser.links.on_run import on_run
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.problem.document import read_problem

PARQUET = {"Accept": "application/vnd.apache.parquet"}


def table(served, result, name, headers=None):
    answer = served.client.get(f"{result}/frames/{name}", headers={**(headers or {}), **PARQUET})
    assert answer.status_code == 200, answer.text
    return pl.read_parquet(io.BytesIO(answer.content))


def content(served, result, headers=None):
    return served.client.get(result, headers=headers or {}).json()["content"]


def test_chances_are_the_command_lines_and_say_how_many_people_to_those_who_make_runs_only(served, pack, blmk_run):
    book = book_of(blmk_run, FinancialYear("2018/19"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    layers = ["chance", "list-size"]
    wanted = simulate(model([book], figures, layers), Request(2_000, 5))
    body = {"scenario": "blmk", "year": "2018/19", "layers": layers, "draws": 2_000, "seed": 5}
    result = served.ask("/v1/chances", body)["result"]
    assert table(served, result, "locality_chance").equals(locality_chances(wanted))
    assert table(served, result, "pool_size").equals(pool_sizes(wanted))
    assert table(served, result, "layer_variance").equals(layer_variances(wanted))
    finance = table(served, result, "locality_chance", served.headers("finance"))
    assert finance["persons"].null_count() == finance.height
    assert finance["is_suppressed"].all()
    assert finance["over_1"].equals(locality_chances(wanted)["over_1"])
    partner = table(served, result, "locality_chance", served.headers("partner", "RC9"))
    assert partner["code"].to_list() == ["system"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("chances", {"scenario": "blmk", "layers": ["chances"]}, "/layers/0"),
        ("chances", {"scenario": "blmk", "draws": 1}, "/draws"),
        ("chances", {"scenario": "blnk"}, "/scenario"),
        ("differences", {"before": "/v1/runs/" + "0" * 16, "after": "/v1/comparisons/" + "0" * 16}, "/before"),
        ("differences", {"before": "/v1/settlements/" + "0" * 16, "after": "/v1/runs/" + "0" * 16}, "/before"),
    ],
)
def test_what_cannot_be_worked_out_is_refused_with_its_place(served, path, body, pointer):
    answer = served.client.post(f"/v1/{path}", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["faults"][0]["pointer"] == pointer
    assert "did you mean" in answer.text.lower() or pointer not in {"/layers/0", "/scenario"}


def test_what_is_uncertain_is_named_by_the_pack(served):
    body = {"scenario": "blmk", "uncertainty": "blmq", "draws": 100}
    answer = served.client.post("/v1/chances", json=body, headers={"Idempotency-Key": "k"})
    served.work()
    job = served.client.get(answer.headers["location"]).json()
    assert (job["status"], job["problem"]["type"]) == ("failed", "urn:capitation:problem:unknown-name")
    assert "blmk" in job["problem"]["detail"]


@pytest.fixture
def two_runs(served):
    """Addresses of two runs whose money differs."""
    one = served.ask("/v1/runs", {"scenario": "blmk"}, "one")["result"]
    body = served.client.get("/v1/scenarios/blmk").json() | {"id": "other"}
    body["money"]["top_slices"][0]["rate"] = 0.05
    body["population"]["totals"][-1]["persons"] += 100
    sent = served.client.post("/v1/scenarios", json=body, headers={"Idempotency-Key": "other"})
    assert sent.status_code == 201, sent.text
    return one, served.ask("/v1/runs", {"scenario": "other"}, "two")["result"]


def test_differences_are_those_that_the_command_line_finds_their_money_in_pence(served, two_runs):
    before, after = two_runs
    result = served.ask("/v1/differences", {"before": before, "after": after}, "three")["result"]
    store = served.service.store
    wanted = run_difference(*(stored_run(store, "run", each.rpartition("/")[2]) for each in two_runs))
    assert content(served, result) == {"before": before, "after": after, "same": False}
    assert table(served, result, "summary").equals(wanted.summary)
    moved = table(served, result, "moved")
    assert moved.equals(money_apart(wanted.moved))
    row = served.client.get(f"{result}/frames/moved?where=frame=ledger&where=column=amount&limit=1").json()
    (row,) = row["rows"]
    assert float(row["after_gbp"]) - float(row["before_gbp"]) == pytest.approx(float(row["change_gbp"]))
    assert row["change"] is None


def test_differences_of_people_are_shown_to_those_who_make_runs_only(served, two_runs):
    before, after = two_runs
    result = served.ask("/v1/differences", {"before": before, "after": after}, "three")["result"]
    assert {"population", "ledger"} <= set(table(served, result, "moved")["frame"])
    finance = set(table(served, result, "moved", served.headers("finance"))["frame"])
    assert "ledger" in finance
    assert not finance & {"allocation", "spendable", "population", "practice_weight", "practice_need"}
    assert served.client.get(result, headers=served.headers("partner", "RC9")).status_code == 403


def test_money_apart_keeps_what_is_no_money():
    moved = pl.DataFrame(
        [
            ("a", "x", "net_pence", "5", "8", 3.0),
            ("a", "x", "net_pence", None, "8", None),
            ("a", "x", "share", "0.5", "0.75", 0.25),
        ],
        schema={"frame": pl.String, "row": pl.String, "column": pl.String, "before": pl.String, "after": pl.String, "change": pl.Float64},
        orient="row",
    )  # fmt: skip
    assert money_apart(moved).rows() == [
        ("a", "x", "net", 5, 8, 3, None, None, None),
        ("a", "x", "net", None, 8, None, None, None, None),
        ("a", "x", "share", None, None, None, "0.5", "0.75", 0.25),
    ]


def test_a_cancelled_job_ends_while_it_draws(served):
    """The worker sees between blocks of draws that nobody waits any longer; what it drew is not stored."""
    store, reports = served.service.store, []
    body = {"scenario": "blmk", "draws": 200_000, "seed": 9}
    sent = served.client.post("/v1/chances", json=body, headers={"Idempotency-Key": "k"})
    job_id = sent.json()["id"]
    real = store.say

    def cancelled_at_the_first_report(job, owner, text):
        real(job, owner, text)
        reports.append(text)
        store.cancel(job_id)

    store.say = cancelled_at_the_first_report
    served.work()
    assert served.client.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"
    assert store.results("chance", 0, 10) == []
    assert reports == ["evaluating scenario blmk"]


def test_chances_of_parties_and_designed_terms_are_the_command_lines(served, pack, blmk_run):
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    body = {"options": "blmk-contract-options", "only": ["do-minimum", "blended"], "draws": 200, "seed": 3}
    result = served.ask("/v1/party-chances", body)["result"]
    document = read_options(pack.path("options/blmk.toml"))
    made = party_model(document, pack, blmk_run, figures, only=("do-minimum", "blended"))
    _, wanted = party_risk(made, Request(200, 3))
    assert {name: table(served, result, name).equals(frame) for name, frame in wanted.items()} == dict.fromkeys(
        wanted, True
    )
    designed = served.ask("/v1/designs", {"scenario": "blmk", "family": "shares", "draws": 1_000, "seed": 3}, "d")[
        "result"
    ]
    sought, contract = read_family(pack.path("families/shares.toml"))
    _, wanted = design_family(sought, contract, blmk_run, figures, 3, 1_000)
    assert {name: table(served, designed, name).equals(frame) for name, frame in wanted.items()} == dict.fromkeys(
        wanted, True
    )
    partner = table(served, result, "party_chance", served.headers("partner", "RC9"))
    assert partner["organisation_code"].unique().to_list() == ["RC9"]
    assert table(served, designed, "pool_payer", served.headers("partner", "RC9")).is_empty()


@pytest.mark.deep
def test_a_mix_and_contracts_are_drawn_together_as_the_command_line_does(served, pack, blmk_run):
    figures, file = read_uncertainty(pack.path("uncertainty/blmk.toml")), pack.path("problems/blmk.toml")
    body = {
        "options": "blmk-contract-options",
        "only": ["do-minimum", "blended"],
        "draws": 200,
        "seed": 3,
        "problem": "blmk",
    }
    result = served.ask("/v1/party-chances", body)["result"]
    outcome = mix_of_problem(on_run(read_problem(file), file, blmk_run, pack).problem, file)
    document = read_options(pack.path("options/blmk.toml"))
    mix = drawn_mix(outcome, blmk_run, with_cost_behaviour(document, pack))
    made = party_model(document, pack, blmk_run, figures, only=("do-minimum", "blended"), mix=mix)
    _, wanted = party_risk(made, Request(200, 3))
    assert "delivery" in content(served, result)["layers"]
    assert content(served, result)["mix"].keys() == mix_report(outcome).keys()
    assert {name: table(served, result, name).equals(frame) for name, frame in wanted.items()} == dict.fromkeys(
        wanted, True
    )
    partner = served.client.get(result, headers=served.headers("partner", "RC9")).json()["content"]
    assert partner["problem"]["id"] == "blmk"
    assert "mix" not in partner


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"problem": "blmc"}, "/problem"),
        ({"problem": "blmk", "problem_digest": "0" * 64}, "/problem_digest"),
        ({"problem_digest": "0" * 64}, "/problem_digest"),
        ({"standard_error": 0}, "/standard_error"),
    ],
)
def test_a_mix_that_cannot_be_drawn_is_refused_with_its_place(served, body, pointer):
    sent = {"options": "blmk-contract-options", **body}
    answer = served.client.post("/v1/party-chances", json=sent, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["faults"]]) == (422, [pointer])


def test_a_family_or_an_option_that_there_is_not_is_named(served):
    body = {"options": "blmk-contract-options", "only": ["blendid"]}
    answer = served.client.post("/v1/party-chances", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["faults"][0]["pointer"]) == (422, "/only/0")
    sent = served.client.post(
        "/v1/designs", json={"scenario": "blmk", "family": "corridors"}, headers={"Idempotency-Key": "d"}
    )
    served.work()
    job = served.client.get(sent.headers["location"]).json()
    assert (job["status"], job["problem"]["type"]) == ("failed", "urn:capitation:problem:unknown-name")
    assert "corridor" in job["problem"]["detail"]


PLAN = {"scenario": "blmk", "options": "blmk-contract-options", "problem": "blmk"}


@pytest.mark.deep
def test_a_plan_is_the_one_run_that_the_command_line_makes(served, pack, blmk_run):
    """From the opening deficit to each position, under the same id, and in a workbook and beside its run like any other run."""
    files = {"options": pack.path("options/blmk.toml"), "problems": pack.path("problems/blmk.toml")}
    former = read_former(files["problems"].with_suffix("") / "start.json")
    outcome = mix_to_buy(read_problem(files["problems"]), former)
    wanted = whole_plan(
        read_scenario(pack.path("scenarios/blmk.toml")), blmk_run, outcome, read_options(files["options"]), pack,
        document_inputs(pack, files),
    ).run  # fmt: skip
    result = served.ask("/v1/plans", PLAN)["result"]
    assert result == f"/v1/plans/{wanted.id}"
    whole = content(served, result)
    assert whole["manifest"]["inputs"] == wanted.manifest.inputs
    assert whole["manifest"]["frames"].keys() == wanted.frames.keys()
    for name in ("bridge", "mix_line", "plan_position", "position", "population"):
        assert table(served, result, name).equals(wanted.frame(name)), name
    run = served.ask("/v1/runs", {"scenario": "blmk"}, "run")["result"]
    apart = served.ask("/v1/differences", {"before": run, "after": result}, "apart")["result"]
    assert "plan_position" in table(served, apart, "summary")["frame"].to_list()
    book = served.ask("/v1/exports", {"result": result}, "book")["result"]
    assert content(served, book)["file"] == f"{wanted.id}.xlsx"
    partner = served.headers("partner", "RC9")
    assert set(table(served, result, "plan_position", partner)["organisation_code"]) == {"RC9"}
    assert served.client.get(f"{result}/frames/mix_variables", headers=partner).status_code == 404
    finance = table(served, result, "mix_variables", served.headers("finance"))
    counted = finance.filter(pl.col("unit").is_in(["units", "contacts", "spells"]))
    assert counted["amount"].null_count() == counted.height


def test_what_a_plan_is_not_made_of_is_named(served):
    wrong = {"scenario": "blmk", "options": "blmk-contract-option", "problem": "blnk", "problem_digest": "0" * 64}
    answer = served.client.post("/v1/plans", json=wrong, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    faults = {fault["pointer"]: fault for fault in answer.json()["faults"]}
    assert set(faults) == {"/options", "/problem"}
    assert "blmk-contract-options" in faults["/options"]["remedy"]
    old = {**PLAN, "options_digest": "0" * 64}
    answer = served.client.post("/v1/plans", json=old, headers={"Idempotency-Key": "old"})
    assert [fault["pointer"] for fault in answer.json()["faults"]] == ["/options_digest"]
