"""A partner sees the system's totals and its own rows, whatever it asks and in whatever format; small numbers are left out."""

import io
import json

import polars as pl
import pytest

from api.service.kinds import KINDS
from api.service.records.job_kind import stored_frame
from api.service.security.access import Caller
from api.service.security.visibility import content_seen, seen, sees_frame, view_of, visible, without_detail
from capitation.records.identity import canonical

SYSTEM = "BLMK"
COMMISSIONER, PROVIDER = "06F", "RC9"
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture
def run(served):
    """Id of the BLMK run."""
    return served.ask("/v1/runs", {"scenario": "blmk"})["result"].rpartition("/")[2]


def frame(served, headers, run, name, query=""):
    answer = served.client.get(f"/v1/runs/{run}/frames/{name}{query}", headers={**headers, "Accept": PARQUET})
    assert answer.status_code == 200, answer.text
    return pl.read_parquet(io.BytesIO(answer.content))


def own_codes(blmk_run, organisation):
    """Codes that are wholly a commissioner's, found row by row."""
    owners: dict[str, set[str]] = {}
    for row in blmk_run.frame("membership").iter_rows(named=True):
        for level in ("practice_code", "locality_code", "place_code"):
            owners.setdefault(row[level], set()).add(row["commissioner_code"])
    return {organisation} | {code for code, found in owners.items() if found == {organisation}}


def test_a_commissioner_sees_the_systems_totals_and_its_own_area(served, run, blmk_run):
    headers = served.headers("partner", COMMISSIONER)
    shown = frame(served, headers, run, "allocation")
    mine = own_codes(blmk_run, COMMISSIONER)
    wanted = [
        r for r in blmk_run.frame("allocation").iter_rows(named=True) if r["level"] == "system" or r["code"] in mine
    ]
    assert shown.to_dicts() == wanted
    assert 0 < shown.height < blmk_run.frame("allocation").height
    assert {"system", "practice", "locality"} <= set(shown["level"])


def test_a_provider_sees_what_it_is_allocated_and_nobody_elses(served, run, blmk_run):
    headers = served.headers("partner", PROVIDER)
    shown = frame(served, headers, run, "provider_allocation")
    assert set(shown["provider_code"]) == {PROVIDER}
    assert shown.height == blmk_run.frame("provider_allocation").filter(provider_code=PROVIDER).height
    assert set(frame(served, headers, run, "allocation")["level"]) == {"system"}
    assert frame(served, headers, run, "practice_need").height == 0


def test_every_frame_of_a_run_is_shown_by_the_rules_or_not_at_all(served, run, blmk_run):
    for organisation in (COMMISSIONER, PROVIDER):
        headers = served.headers("partner", organisation)
        listed = served.client.get(f"/v1/runs/{run}", headers=headers).json()["frames"]
        assert set(listed) == set(blmk_run.frames) & set(KINDS["run"].frames)
        caller = Caller("x", organisation, "partner", frozenset(), "key")
        area = own_codes(blmk_run, organisation) - {organisation}
        for name, whole in blmk_run.frames.items():
            if name in KINDS["run"].people:
                continue
            assert frame(served, headers, run, name).equals(visible("run", name, whole, caller, SYSTEM, area)), name


def test_no_way_of_asking_shows_another_organisations_rows(served, run):
    headers = served.headers("partner", COMMISSIONER)
    for query in ("?where=code=06P", "?where=level=place&limit=1000000", "?cursor=MTAw"):
        rows = frame(served, headers, run, "allocation", query)
        assert "06P" not in set(rows["code"])
    text = served.client.get(f"/v1/allocations/{run}?code=06P", headers=headers).json()
    assert text["rows"] == []


def test_what_is_remembered_for_one_caller_is_not_given_to_another(served, run, blmk_run):
    analyst, partner = served.headers("analyst"), served.headers("partner", COMMISSIONER)
    path = f"/v1/allocations/{run}?level=place&year=2018/19"
    order = [analyst, partner, analyst, partner, served.headers("partner", PROVIDER), served.headers("finance")]
    answers = [served.client.get(path, headers=headers) for headers in order]
    counts = [len(answer.json()["rows"]) for answer in answers]
    whole = blmk_run.frame("allocation").filter(level="place", year="2018/19").height
    assert counts[0] == counts[2] == counts[5] == whole
    assert counts[1] == counts[3] < whole
    assert counts[4] == 0
    assert answers[0].content == answers[2].content
    assert answers[0].headers["etag"] != answers[1].headers["etag"]
    stolen = served.client.get(path, headers={**partner, "If-None-Match": answers[0].headers["etag"]})
    assert stolen.status_code == 200


def test_a_figure_is_explained_as_far_as_it_is_ones_own(served, run, blmk_run):
    partner = served.headers("partner", COMMISSIONER)
    mine = own_codes(blmk_run, COMMISSIONER)
    practices = blmk_run.frame("allocation").filter(level="practice", year="2018/19", stream="ccg")["code"]
    own = next(code for code in practices if code in mine)
    other = next(code for code in practices if code not in mine)

    def explained(code, headers):
        query = f"where=year=2018/19&where=stream=ccg&where=level=practice&where=code={code}"
        return served.client.get(f"/v1/figures/{run}/allocation/allocation_pence?{query}", headers=headers)

    def nodes(tree):
        yield tree
        for part in tree["parts"]:
            yield from nodes(part)

    answer = explained(own, partner)
    assert answer.status_code == 200
    for node in nodes(answer.json()):
        if node["value"] == "withheld":
            assert node["parts"] == []
    assert explained(other, partner).status_code == 403
    assert explained(other, served.headers("analyst")).status_code == 200
    total = served.client.get(
        f"/v1/figures/{run}/allocation/allocation_pence"
        "?where=year=2018/19&where=stream=ccg&where=level=system&where=code=BLMK",
        headers=partner,
    ).json()
    values = {node["label"]: node["value"] for node in nodes(total)}
    assert values[total["label"]] != "withheld"
    assert "withheld" in values.values()


def small_run(served, counts):
    """A stored run with one table of people in practices."""
    micro = [n * 1_000_000 for n in counts]
    population = pl.DataFrame(
        {
            "year": ["2018/19"] * len(counts),
            "practice_code": [f"P{i}" for i in range(len(counts))],
            "registered_micro": micro,
            "registered_persons": [float(n) for n in counts],
            "base": ["printed"] * len(counts),
        }
    )
    store = served.service.store
    store.ask("1" * 32, "run", canonical({}), "ann")
    job = store.claim("w", 60, 5)
    store.finish(job, "w", "a" * 16, canonical({}), {"population": stored_frame("population", population)})
    return "a" * 16


def test_small_numbers_of_people_are_left_out_for_all_who_do_not_make_runs(served):
    run = small_run(served, [3, 40, 60, 80])
    whole = frame(served, served.headers("analyst"), run, "population")
    assert whole["registered_persons"].to_list() == [3.0, 40.0, 60.0, 80.0]
    for role in ("approver", "finance", "administrator"):
        shown = frame(served, served.headers(role), run, "population")
        assert shown["is_suppressed"].to_list() == [True, True, False, False]
        assert shown["registered_persons"].to_list() == [None, None, 60.0, 80.0]
        assert shown["registered_micro"].to_list() == [None, None, 60_000_000, 80_000_000]
    csv = served.client.get(
        f"/v1/runs/{run}/frames/population", headers={**served.headers("finance"), "Accept": "text/csv"}
    )
    assert "3.0" not in csv.text


def test_the_smallest_number_shown_is_a_setting(serve):
    served = serve(smallest_shown=50)
    run = small_run(served, [3, 40, 60, 800])
    shown = frame(served, served.headers("finance"), run, "population")
    assert shown["registered_persons"].to_list() == [None, None, None, 800.0]


def test_every_frame_that_counts_people_is_in_the_table(blmk_run):
    counting = {
        name
        for name, rows in blmk_run.frames.items()
        if set(rows.columns) & {"registered_micro", "registered_persons", "activity", "persons"}
    }
    assert counting == set(KINDS["run"].people)
    caller = Caller("x", SYSTEM, "finance", frozenset(), "key")
    for name in counting:
        shown = seen("run", name, blmk_run.frame(name), caller, SYSTEM, (), 5)
        assert not shown.filter(~pl.col("is_suppressed"))[KINDS["run"].people[name].count].is_null().any()


def test_callers_who_see_the_same_have_one_sight():
    def of(role, organisation):
        return view_of(Caller("x", organisation, role, frozenset(), "key"), SYSTEM)

    assert of("analyst", SYSTEM) != of("finance", SYSTEM) == of("approver", SYSTEM)
    assert of("partner", SYSTEM) == of("analyst", SYSTEM.lower()).replace(SYSTEM.lower(), SYSTEM)
    assert of("analyst", COMMISSIONER) == of("partner", COMMISSIONER) != of("partner", PROVIDER)


def test_what_names_single_organisations_in_a_result_is_not_shown_to_partners(served):
    where = served.ask("/v1/optimisations", {"problem": "protected_provider"})["result"]
    analyst, partner = served.headers("analyst"), served.headers("partner", PROVIDER)
    whole = served.client.get(where, headers=analyst).json()["content"]
    shown = served.client.get(where, headers=partner).json()["content"]
    assert set(shown) < set(whole)
    assert {"status", "problem"} <= set(shown)
    assert not {"binding", "measures", "mix", "infeasible"} & set(shown)


@pytest.mark.parametrize(
    ("role", "organisation"),
    [("partner", PROVIDER), ("approver", SYSTEM), ("finance", SYSTEM), ("administrator", SYSTEM)],
)
def test_a_failed_jobs_rows_and_its_progress_are_told_to_those_who_make_runs_only(served, role, organisation):
    rows = [{"account": "swordfish", "year": "no year"}]
    sent = served.client.post(
        "/v1/settlements",
        json={"contract": "block", "rows": rows},
        headers={**served.headers("analyst"), "Idempotency-Key": "k"},
    )
    store = served.service.store
    job = store.claim("a worker", 60, 3)
    store.say(job.id, "a worker", "best 3 swordfish so far")
    store.give_back(job.id, "a worker")
    served.work()
    place = sent.headers["location"]
    whole = served.client.get(place, headers=served.headers("analyst")).json()
    other = served.headers(role, organisation)
    shown = served.client.get(place, headers=other).json()
    assert whole["status"] == shown["status"] == "failed"
    assert whole["problem"]["faults"]
    assert set(shown["problem"]) == {"type", "title", "status"}
    assert "swordfish" not in json.dumps(shown)
    events = served.client.get(f"{place}/events", headers=other).text
    assert "event: progress" in events
    assert "swordfish" not in events
    page = served.client.get(place.removeprefix("/v1"), headers={**other, "Accept": "text/html"})
    assert (page.status_code, "swordfish" in page.text) == (200, False)
    assert "swordfish" in served.client.get(f"{place}/events", headers=served.headers("analyst")).text


def test_detail_is_taken_from_a_problem_and_nothing_else():
    problem = {"type": "t", "title": "T", "status": 422, "detail": "secret", "faults": [{"where": "x"}]}
    assert without_detail(problem) == {"type": "t", "title": "T", "status": 422}


def test_content_that_its_kind_does_not_name_is_hidden_from_partners():
    partner, analyst = (
        Caller("x", organisation, role, frozenset(), "key")
        for organisation, role in (("06F", "partner"), (SYSTEM, "analyst"))
    )
    for kind in (*KINDS, "a kind that nobody named"):
        assert content_seen(kind, {"a": 1}, partner, SYSTEM) == {}
        assert content_seen(kind, {"a": 1}, analyst, SYSTEM) == {"a": 1}
        assert not sees_frame(kind, "a_frame", partner, SYSTEM)
        assert sees_frame(kind, "a_frame", analyst, SYSTEM)
    assert content_seen("run", {"manifest": 1, "a": 1}, partner, SYSTEM) == {"manifest": 1}
