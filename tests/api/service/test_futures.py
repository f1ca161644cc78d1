"""Futures over HTTP are the engine's own answers, their money in whole pence; the Green Book's questions are answered on request."""

import tomllib

import pytest

from capitation.chance.document import read_uncertainty
from capitation.records.documents import parse_document
from optimiser.futures.appraisal.documented import drawn_futures, without_promises
from optimiser.futures.play import cvar_mix, robust_mix
from optimiser.problem.document import Problem
from tests.optimiser.futures.test_play import TEXT as CHOICE


@pytest.fixture
def choice(served):
    sent = served.client.post("/v1/problems", json=tomllib.loads(CHOICE), headers={"Idempotency-Key": "choice"})
    assert sent.status_code == 201, sent.text
    return "choice"


def test_every_future_is_played_and_regretted(served, choice):
    result = served.client.get(served.ask("/v1/futures", {"problem": choice})["result"]).json()
    assert result["content"]["status"] == "optimal"
    rows = served.client.get(result["frames"]["futures"]).json()["rows"]
    # bold earns 200, or 20 where effects are low; sure earns 100, or 90
    assert [(row["future"], row["best_gbp"], row["regret_gbp"]) for row in rows] == [
        ("as_planned", "200.00", "0.00"),
        ("poor", "90.00", "70.00"),
    ]
    assert len(served.client.get(result["frames"]["regret"]).json()["rows"]) == 6


def test_robust_and_cvar_mixes_stand_what_the_plan_does_not(served, choice):
    robust = served.ask("/v1/futures", {"problem": choice, "ask": "robust", "disappoint": 1})
    content = served.client.get(robust["result"]).json()["content"]
    # sure loses 10 and bold 180 where it disappoints: 18 parts of sure to 1 of bold lose the same either way
    assert content["mix"]["sure"]["scale"] == pytest.approx(18 / 19)
    assert content["worst_case_gbp"] == "95.79"
    cvar = served.ask("/v1/futures", {"problem": choice, "ask": "cvar", "worst": 0.5, "weight": 1}, "other")
    content = served.client.get(cvar["result"]).json()["content"]
    assert content["worst_mean_gbp"] == "90.00"


def test_robust_and_cvar_draw_from_a_document_as_the_command_line_does(served, choice, pack):
    figures, problem = (
        read_uncertainty(pack.path("uncertainty/blmk.toml")),
        parse_document(tomllib.loads(CHOICE), Problem, "choice"),
    )
    asked = {"problem": choice, "uncertainty": "blmk"}
    content = served.client.get(
        served.ask("/v1/futures", {**asked, "ask": "robust", "disappoint": 1})["result"]
    ).json()["content"]
    wanted = robust_mix(problem, gamma=1, gap=float(problem.gap), uncertainty=figures)
    assert (content["uncertainty"], content["worst_case_gbp"]) == ("blmk", f"{wanted.worst:.2f}")
    body = {**asked, "ask": "cvar", "worst": 0.5, "weight": 1, "draws": 4, "seed": 3}
    content = served.client.get(served.ask("/v1/futures", body, "cvar")["result"]).json()["content"]
    drawn, notes = without_promises(problem.model_copy(update={"futures": drawn_futures(problem, figures, 4, 3)}))
    mix = cvar_mix(drawn, alpha=0.5, weight=1, gap=float(problem.gap))
    assert content["mix"] == {name: {"scale": scale} for name, scale in mix.scales.items()}
    assert (content["worst_mean_gbp"], content["notes"]) == (f"{mix.found.cvar:.2f}", [*notes, *mix.notes])


def test_a_problem_without_futures_fails_in_words(served):
    where = served.client.post(
        "/v1/futures", json={"problem": "overlap_pair"}, headers={"Idempotency-Key": "k"}
    ).headers["location"]
    served.work()
    job = served.client.get(where).json()
    assert job["status"] == "failed"
    assert "names no futures" in job["problem"]["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ask": "boldest"}, "/ask"),
        ({"worst": 0}, "/worst"),
        ({"weight": 2}, "/weight"),
        ({"disappoint": -1}, "/disappoint"),
        ({"uncertainty": "blmk"}, "/uncertainty"),
        ({"draws": 0}, "/draws"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(served, body, pointer):
    answer = served.client.post(
        "/v1/futures", json={"problem": "overlap_pair", **body}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["faults"]]) == (422, [pointer])


def test_a_simulation_answers_the_green_books_questions_on_request(served):
    job = served.ask("/v1/simulations", {"problem": "protected_provider", "draws": 5, "green_book": True})
    result = served.client.get(job["result"]).json()
    book = result["content"]["green_book"]
    assert book["npv_gbp"] == "7500.00"
    assert any("leaves the mix" in sentence or "stays" in sentence for sentence in book["sentences"])
    rows = served.client.get(result["frames"]["solutions"]).json()["rows"]
    assert sum(float(row["npv_gbp"]) for row in rows) == pytest.approx(7500)
