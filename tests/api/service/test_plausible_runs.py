"""Runs of the service are judged as the command line judges them: what is hardly meant is refused, or noted in the manifest."""

import shutil

from api.service.packs.rehearsal import use_faults
from api.service.records.pack import Pack, pack_at

RAISED = {"tenfold": 12_540_370_000, "by a quarter": 1_500_000_000}
"""Money of the commissioners in the last year, 1,254,037,000 in the plan."""


def ended(served, pounds, key, **more):
    """The job of a run of the shipped scenario with other money in its last year."""
    found = served.client.get("/v1/scenarios/blmk")
    content = found.json()
    ccg = content["money"]["streams"][0]["amounts"]
    assert (ccg[-1]["pounds"], ccg[-1]["year"]) in {(1_254_037_000, "2020/21"), (pounds, "2020/21")}
    ccg[-1]["pounds"] = pounds
    put = served.client.put("/v1/scenarios/blmk", json=content, headers={"If-Match": found.headers["etag"]})
    assert put.status_code == 200, put.text
    asked = served.client.post("/v1/runs", json={"scenario": "blmk", **more}, headers={"Idempotency-Key": key})
    assert asked.status_code == 202, asked.text
    served.work()
    return served.client.get(asked.headers["location"]).json()


def notes(served, job, headers=None):
    return served.client.get(job["result"], headers=headers).json()["content"]["manifest"]["notes"]


def test_money_that_grows_tenfold_is_refused_with_its_name_unless_a_reason_is_given(served):
    refused = ended(served, RAISED["tenfold"], "refused")
    assert (refused["status"], refused["result"]) == ("failed", None)
    names = {fault["where"]: fault for fault in refused["problem"]["faults"]}
    assert set(names) == {"blmk: growth"}
    assert "ccg, 2020/21 over 2019/20" in names["blmk: growth"]["found"]
    assert "let it stand with a reason in `accept`: growth=REASON" in names["blmk: growth"]["remedy"]
    assert "--accept" not in str(refused["problem"])
    reasons = {"growth": "a merger of three systems", "pounds_per_head": "as above"}
    stands = ended(served, RAISED["tenfold"], "accepted", accept=reasons)
    assert stands["status"] == "done"
    assert any("Reason given: a merger of three systems" in note for note in notes(served, stands))


def test_money_that_grows_by_a_quarter_is_noted_for_those_who_make_runs_and_no_others(served):
    job = ended(served, RAISED["by a quarter"], "noted")
    assert job["status"] == "done"
    (note,) = notes(served, job)
    assert note.startswith("implausible: growth: ")
    assert notes(served, job, served.headers("analyst")) == [note]
    for others in (served.headers("finance"), served.headers("partner", "RC9")):
        assert notes(served, job, others) == []


def test_a_reason_for_what_is_not_implausible_is_refused(served):
    asked = {"scenario": "blmk", "accept": {"growth": "nothing grows"}}
    answer = served.client.post("/v1/runs", json=asked, headers={"Idempotency-Key": "none"})
    served.work()
    job = served.client.get(answer.headers["location"]).json()
    assert (job["status"], "growth" in job["problem"]["detail"]) == ("failed", True)
    empty = served.client.post(
        "/v1/runs", json={"scenario": "blmk", "accept": {"growth": ""}}, headers={"Idempotency-Key": "empty"}
    )
    assert empty.status_code == 422
    assert "accept" in empty.text


def test_a_pack_whose_scenario_is_implausible_is_refused_and_the_way_out_is_said(tmp_path):
    folder = shutil.copytree(pack_at(None).whole, tmp_path / "pack")
    path = folder / "scenarios" / "blmk.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("pounds = 1254037000", f"pounds = {RAISED['tenfold']}"), encoding="utf-8")
    faults = [fault for fault in use_faults(Pack(folder), lambda _: None) if "growth" in fault.where]
    assert [fault.where for fault in faults] == ["blmk: growth"]
    assert "`accept` of its run" in faults[0].remedy
