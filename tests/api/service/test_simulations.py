"""Simulations over HTTP are the engine's own appraisals, their money in whole pence; a problem without a mix says what gives."""

import io

import polars as pl
import pytest

from api.service.jobs.runner import job_id
from api.service.packs.archive import archive_of
from api.service.records.optimiser_pence import appraisal_frames
from api.service.records.pack import Pack
from capitation.chance.document import read_uncertainty
from capitation.money.pence import decimal_text
from capitation.pack.layers import put_together
from capitation.records.identity import canonical, plain
from optimiser.answers.optimise import optimise
from optimiser.futures.appraisal import DRAWS, SEED, appraise
from optimiser.problem.document import read_problem

PROBLEM = "protected_provider"


def asked(served, body, key="key"):
    """The answer to a request for a simulation."""
    return served.client.post("/v1/simulations", json=body, headers={"Idempotency-Key": key})


def test_a_simulation_is_the_appraisal_that_the_engine_makes(served, pack):
    outcome = optimise(read_problem(pack.path(f"problems/{PROBLEM}.toml")))
    wanted = appraise(outcome, draws=40, seed=7)
    job = served.ask("/v1/simulations", {"problem": PROBLEM, "draws": 40, "seed": 7})
    result = served.client.get(job["result"]).json()
    frames = appraisal_frames(wanted)
    assert set(result["frames"]) == set(frames) == {"draws", "money", "organisations", "activity", "chances", "regret"}
    for name, frame in frames.items():
        sent = served.client.get(result["frames"][name], headers={"Accept": "application/vnd.apache.parquet"})
        assert pl.read_parquet(io.BytesIO(sent.content)).equals(frame), name
    rows = served.client.get(result["frames"]["money"]).json()["rows"]
    assert [row["mean_gbp"] for row in rows] == [f"{mean:.2f}" for mean in wanted.money["mean"]]
    assert [row["npv_gbp"] for row in served.client.get(result["frames"]["draws"]).json()["rows"]] == [
        decimal_text(pence) for pence in frames["draws"]["npv_pence"]
    ]
    content = result["content"]
    assert (content["status"], content["seed"], content["count"]) == ("optimal", 7, 40)
    headline = content["optimisation"]
    assert (headline["unit"], headline["objective"], headline["objective_gbp"]) == ("£", None, "7500.00")
    assert headline["mix"]["clinic"]["starts"] == {"ALL": "2020/21"}


def test_delivery_is_drawn_from_a_document_as_the_command_line_does(served, pack):
    outcome = optimise(read_problem(pack.path(f"problems/{PROBLEM}.toml")))
    wanted = appraise(outcome, draws=40, seed=7, uncertainty=read_uncertainty(pack.path("uncertainty/blmk.toml")))
    body = {"problem": PROBLEM, "draws": 40, "seed": 7, "uncertainty": "blmk"}
    result = served.client.get(served.ask("/v1/simulations", body)["result"]).json()
    assert result["content"]["uncertainty"] == "blmk"
    rows = served.client.get(result["frames"]["money"]).json()["rows"]
    assert [row["mean_gbp"] for row in rows] == [f"{mean:.2f}" for mean in wanted.money["mean"]]
    plain_job = asked(served, {"problem": PROBLEM, "draws": 40, "seed": 7}, "plain").json()["id"]
    assert plain_job != asked(served, body, "drawn").json()["id"]


def test_draws_and_seed_are_the_engines_where_none_are_given(served):
    first = asked(served, {"problem": PROBLEM}, "a").json()["id"]
    named = {"problem": PROBLEM, "draws": DRAWS, "seed": SEED, "data_pack": served.service.pack.digest}
    assert asked(served, named, "b").json()["id"] == first
    assert asked(served, {**named, "seed": SEED + 1}, "c").json()["id"] != first


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"problem": "no such problem"}, "/problem"),
        ({"problem": "overlap_pear"}, "/problem"),
        ({"problem": PROBLEM, "draws": 0}, "/draws"),
        ({"problem": PROBLEM, "draws": 20_001}, "/draws"),
        ({"problem": PROBLEM, "seed": -1}, "/seed"),
        ({"problem": PROBLEM, "data_pack": "0" * 64}, "/data_pack"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_its_place(served, body, pointer):
    answer = asked(served, body)
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["faults"]]) == (422, [pointer])


def test_a_problem_without_a_mix_fails_and_says_which_limit_would_have_to_give(served):
    where = asked(served, {"problem": "no_mix"}).headers["location"]
    served.work()
    job = served.client.get(where).json()
    assert (job["status"], job["problem"]["type"]) == ("failed", "urn:capitation:problem:infeasible")
    assert job["problem"]["detail"] == "there is no mix to try: no mix keeps every limit"
    (fault,) = job["problem"]["faults"]
    assert (fault["where"], fault["found"]) == ("control total of system in 2020/21", "£100.00")
    assert fault["expected"] == "£30.00 less, for a mix to exist"


def test_a_simulation_is_made_with_the_data_pack_that_it_names(served, tmp_path):
    folder = tmp_path / "pack"
    put_together(served.service.pack.folder, folder)
    (folder / "README.md").write_text("Another pack.\n")
    other = Pack(folder)
    served.service.store.add_pack(other.digest, "other", "Other", "{}", archive_of(other), "tester")
    job = served.ask("/v1/simulations", {"problem": PROBLEM, "draws": 5, "data_pack": other.digest})
    assert served.client.get(job["result"]).json()["content"]["data_pack"] == other.digest


def test_work_with_a_data_pack_that_is_gone_fails_and_names_it(served):
    store = served.service.store
    wanted = plain(store.job(asked(served, {"problem": PROBLEM}).json()["id"]).request) | {"data_pack": "0" * 64}
    name = store.ask(job_id("simulation", wanted), "simulation", canonical(wanted), "tester").id
    served.work()
    job = served.client.get(f"/v1/jobs/{name}").json()
    assert (job["status"], job["problem"]["type"]) == ("failed", "urn:capitation:problem:unknown-name")
    assert "0" * 64 in job["problem"]["detail"]
