"""Counts are left out by what they are, and not by their table: settlements, totals of the system, mixes; and what two runs would tell."""

import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.service.kinds import KINDS
from api.service.records.hidden import (
    NOBODY,
    HiddenPeople,
    has_small_counts,
    is_count,
    left_out_of,
    sizes_of,
    without_small,
    without_small_content,
    without_small_parts,
)
from api.service.records.job_kind import stored_frame
from api.service.security.access import Caller
from api.service.security.people import hidden_lines, hidden_people, hidden_rows
from api.service.security.visibility import content_seen, seen
from contracts.document.contract import read_contract

SYSTEM, SMALLEST = "BLMK", 4_000
FINANCE = Caller("x", SYSTEM, "finance", frozenset(), "key")
PARQUET = {"Accept": "application/vnd.apache.parquet"}
CONTRACT = {
    "id": "spells",
    "version": "1",
    "title": "Spells at a price",
    "about": "Each spell is paid at its price.",
    "source": "constructed",
    "licence": "own",
    "classification": "activity",
    "amounts": "pence",
    "key": ["year", "commissioner", "provider", "line"],
    "period": {"start": "2016-04-01", "end": "2021-03-31"},
    "parties": [
        {"code": "commissioner", "name": "Commissioner", "role": "commissioner", "named_by": "commissioner"},
        {"code": "provider", "name": "Provider", "role": "provider", "named_by": "provider"},
    ],
    "dates": [{"name": "service_date", "about": "First day of the year", "year": "year"}],
    "inputs": [
        {"name": "year", "about": "Year", "type": "financial_year"},
        {"name": "commissioner", "about": "Commissioner", "type": "text"},
        {"name": "provider", "about": "Provider", "type": "text"},
        {"name": "line", "about": "Line", "type": "text"},
        {"name": "spells", "about": "Spells", "unit": "spells", "at_least": 0},
        {"name": "price", "about": "Price of one", "unit": "pence per spell", "at_least": 0},
    ],
    "outputs": [
        {
            "name": "paid_pence",
            "about": "spells at their price",
            "of": "paid",
            "rounded_to": "pence",
            "payer": "commissioner",
            "payee": "provider",
        }
    ],
    "terms": [
        {
            "step": "paid",
            "term": "share",
            "amount": "spells",
            "rates": ["price"],
            "about": "Spells x price",
            "status": "read",
        }
    ],
}


def rows(*spells):
    key = {"year": "2017/18", "commissioner": "06P", "provider": "RYV"}
    return [{**key, "line": f"line-{n:02d}", "spells": str(count), "price": "1000"} for n, count in enumerate(spells)]


@pytest.fixture
def settled(served):
    """Addresses of settlements with so many spells a row."""
    sent = served.client.post("/v1/contracts", json=CONTRACT, headers={"Idempotency-Key": "contract"})
    assert sent.status_code == 201, sent.text

    def settle(*spells):
        return served.ask("/v1/settlements", {"contract": "spells", "rows": rows(*spells)}, f"{spells}")["result"]

    return settle


def table(served, result, name, headers):
    answer = served.client.get(f"{result}/frames/{name}", headers={**headers, **PARQUET})
    assert answer.status_code == 200, answer.text
    return pl.read_parquet(io.BytesIO(answer.content))


def test_notices_and_the_reason_of_a_missing_statement_say_nothing_of_rows_that_are_left_out(served):
    """A notice may be asked of rows with a count of 3, and name them; why a statement is not issued names a row and its parties."""
    document = {
        **CONTRACT,
        "id": "noticed",
        "notices": [{"name": "three", "when": "spells = 3", "says": "three of them"}],
    }
    document["inputs"] = [{**each, "required": each["name"] != "provider"} for each in CONTRACT["inputs"]]
    sent = served.client.post("/v1/contracts", json=document, headers={"Idempotency-Key": "noticed"})
    assert sent.status_code == 201, sent.text
    analyst, finance = served.headers("analyst"), served.headers("finance")
    for number, (spells, is_left_out) in enumerate((((3, 40, 60), True), ((30, 40, 60), False))):
        sent = [{**row, "provider": None} if row["line"] == "line-00" else row for row in rows(*spells)]
        body = {"contract": "noticed", "rows": sent}
        asked = served.client.post("/v1/settlements", json=body, headers={**analyst, "Idempotency-Key": str(number)})
        served.work()
        result = served.client.get(asked.headers["location"], headers=analyst).json()["result"]
        said = {
            who: served.client.get(result, headers=each).json()["content"]["statement"]
            for who, each in (("analyst", analyst), ("finance", finance))
        }
        assert "line-00" in said["analyst"]
        assert (said["finance"] == "not issued") == is_left_out
        if is_left_out:
            assert table(served, result, "notices", analyst)["says"].to_list() == ["three of them (line-00)"]
            shown = table(served, result, "notices", finance)
            assert shown.drop("name").row(0) == (None, None, True)


@pytest.mark.parametrize("role", ["approver", "finance", "administrator"])
def test_a_small_count_of_a_row_is_left_out_with_all_that_follows_from_it(served, settled, role):
    result = settled(3, 40, 60)
    analyst, other = served.headers("analyst"), served.headers(role)
    whole = table(served, result, "results", analyst)
    assert whole["paid_pence"].to_list() == [3_000, 40_000, 60_000]
    shown = {
        name: table(served, result, name, other) for name in ("results", "steps", "positions", "entries", "counts")
    }
    assert shown["results"]["paid_pence"].to_list() == [None, None, 60_000]
    assert shown["counts"]["count"].to_list() == [None, None, 60.0]
    for name, column in (("steps", "value_after"), ("positions", "amount_pence"), ("entries", "amount_pence")):
        left_out = shown[name].filter("is_suppressed")
        assert left_out.height
        assert left_out[column].null_count() == left_out.height
        assert shown[name].filter(~pl.col("is_suppressed"))[column].null_count() == 0
        assert table(served, result, name, analyst)[column].null_count() == 0
    answer = served.client.get(f"/v1/positions/{result.rpartition('/')[2]}", headers={**other, "Accept": "text/csv"})
    assert "-30.00" not in answer.text
    assert "600.00" in answer.text


def test_what_is_large_stays_whole_and_the_journal_is_made_of_all_of_it(served, settled):
    large, small = settled(40, 60), settled(3, 40, 60)
    finance = served.headers("finance")
    assert table(served, large, "results", finance)["paid_pence"].to_list() == [40_000, 60_000]
    for result in (large, small):
        approver = served.headers("approver", **{"Idempotency-Key": result})
        assert served.client.post("/v1/approvals", json={"result": result}, headers=approver).status_code == 201
    headers = served.headers("finance", **{"Idempotency-Key": "j"})
    made = served.client.post("/v1/journals", json={"result": small, "period": "2017/18"}, headers=headers)
    assert made.status_code == 201, made.text
    assert (
        served.client.get(made.json()["items"][0]["href"], headers=finance).json()["debit_total"] == "2060.00"
    )  # in two ledgers


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_no_sum_over_rows_gives_a_small_count_away(counts):
    frame = pl.DataFrame(
        {
            "row": range(len(counts)),
            "period": ["2017/18"] * len(counts),
            "account": [f"a{n}" for n in range(len(counts))],
            "count": [float(each) for each in counts],
        },
        schema_overrides={"row": pl.Int64},
    )
    hidden = hidden_rows(frame, ["paid"], 5)
    small = {n for n, count in enumerate(counts) if 0 < count < 5}
    assert small <= hidden.rows
    assert len(hidden.accounts) == len(hidden.rows)
    if small and any(count >= 5 for count in counts):
        assert len(hidden.rows) > 1
    assert bool(hidden.rows) == bool(small)


def test_units_and_names_say_what_is_counted():
    for unit in ("persons", "spells", "spells, attendances or courses", "weighted persons", "member months"):
        assert is_count(unit, "x"), unit
    for unit in ("pence", "pounds per spell", "share", "dollars per member and month", "months", "index", "£ million"):
        assert not is_count(unit, "admissions"), unit
    assert is_count("", "actual_activity")
    assert not is_count("", "actual_value_pence")
    assert not is_count("", "quality_score")


def test_every_counted_input_of_every_contract_that_ships_is_known(pack):
    named = {"spells", "persons", "admissions", "attendances", "members", "people"}
    found = {}
    for path in pack.files("contracts/*.toml"):
        for each in read_contract(pack.path(path)).inputs:
            if (
                each.type == "number"
                and set(each.unit.lower().replace(",", "").split()) & named
                and "per" not in each.unit
            ):
                found[f"{path}.{each.name}"] = is_count(each.unit, each.name)
    assert found
    assert all(found.values()), found


def test_a_small_total_of_the_system_is_left_out_and_one_that_would_tell_a_localitys():
    costs = pl.DataFrame(
        {
            "line": ["ae", "rare", "other"],
            "baseline_activity": [900, 3, 8],
            "spend_pence": [9, 9, 9],
            "unit_cost_pence": [1, 3, 1],
        }
    )
    activity = pl.DataFrame(
        {
            "year": ["2018/19"] * 6,
            "case": ["mitigated"] * 6,
            "point_of_delivery": ["ae", "ae", "rare", "rare", "other", "other"],
            "locality_code": ["L1", "L2"] * 3,
            "activity": [400, 500, 1, 2, 4, 4],
        }
    )
    lines = hidden_lines(costs, activity, 5)
    assert lines == {"rare", "other"}  # 4 and 4 are the only two below 5 that add to 8
    shown = seen("run", "unit_cost", costs, FINANCE, SYSTEM, (), 5, HiddenPeople(lines=lines))
    assert shown["baseline_activity"].to_list() == [900, None, None]
    assert shown["unit_cost_pence"].to_list() == [1, None, None]
    assert shown["spend_pence"].to_list() == [9, 9, 9]
    assert seen("run", "unit_cost", costs, FINANCE, SYSTEM, (), 5, NOBODY).equals(costs)


def test_small_numbers_of_what_a_mix_avoids_are_left_out_for_all_its_years():
    frame = pl.DataFrame(
        {
            "point_of_delivery": ["ae", "ae", "elective", "other"],
            "year": ["1", "2", "1", "1"],
            "claimed": [900.0, 3.5, 80.0, 80.0],
            "exact": [890.0, 3.0, -70.0, -80.0],
            "over_claim": [10.0, 0.5, 150.0, 1e-14],
        }
    )
    shown = seen("optimisation", "activity", frame, FINANCE, SYSTEM, (), 5)
    assert shown.filter(point_of_delivery="ae").select("claimed", "exact", "over_claim").null_count().row(0) == (
        2,
        2,
        2,
    )
    beside = shown.filter(point_of_delivery="elective")  # else the total less all others would tell
    assert (beside["exact"].to_list(), beside["over_claim"].to_list()) == ([None], [None])
    assert shown.filter(point_of_delivery="other")["exact"].to_list() == [-80.0]
    analyst = Caller("x", SYSTEM, "analyst", frozenset(), "key")
    assert seen("optimisation", "activity", frame, analyst, SYSTEM, (), 5).equals(frame)
    content = {
        "exact": {"npv": 2.0, "avoided_ae": 3.0, "avoided_elective": 70.0, "avoided_other": 80.0},
        "measures": {"avoided": {"value": 4.0, "unit": "units"}, "npv": {"value": 4.0, "unit": "£"}},
        "objective": 4.0,
        "bound": 4.5,
        "unit": "units",
        "optimisation": {"objective": 3, "unit": "admissions"},
        "warnings": ["ae: claimed 3.5, exact 3.0"],
    }
    found = content_seen("optimisation", content, FINANCE, SYSTEM, smallest_shown=5)
    assert found["exact"] == {"npv": 2.0, "avoided_ae": None, "avoided_elective": None, "avoided_other": 80.0}
    assert found["warnings"] == []
    assert (found["measures"]["avoided"]["value"], found["measures"]["npv"]["value"]) == (None, 4.0)
    assert (found["objective"], found["bound"]) == (None, None)
    assert content_seen("optimisation", content, analyst, SYSTEM, smallest_shown=5) == content
    assert without_small_content(content, 5)["optimisation"]["objective"] is None


def test_a_column_that_a_frame_does_not_have_counts_for_nothing():
    frame = pl.DataFrame({"a": [1, None, 900]})
    assert without_small("b")(frame, 5).equals(frame)
    assert without_small("a")(frame, 5)["a"].to_list() == [None, None, 900]


def without_practice(run_frames, membership, code):
    """The tables of a run of the same lists without one practice, as far as they say how many people there are."""
    (locality,) = membership.filter(practice_code=code)["locality_code"]
    tables = dict(run_frames)
    for name in ("population", "practice_need", "practice_weight", "practice_opening", "membership"):
        tables[name] = tables[name].filter(pl.col("practice_code") != code)
    for name in ("allocation", "spendable"):
        tables[name] = tables[name].filter(pl.col("code") != code)
    gone = run_frames["population"].filter(practice_code=code).select("year", "registered_persons")
    per_person = "closing_dft_pence_per_person"
    tables["distance_from_target"] = (
        run_frames["distance_from_target"]
        .join(gone, on="year", how="left")
        .with_columns(
            pl.when((pl.col("area_code") == locality) & (pl.col(per_person) != 0))
            .then(
                pl.col("closing_dft_pence")
                / (pl.col("closing_dft_pence") / pl.col(per_person) - pl.col("registered_persons"))
            )
            .otherwise(pl.col(per_person))
            .alias(per_person)
        )
        .drop("registered_persons")
    )
    return tables, locality


def shown_to_finance(frames):
    hidden = hidden_people(frames["population"], frames["membership"], SYSTEM, SMALLEST)
    return {name: seen("run", name, frame, FINANCE, SYSTEM, (), SMALLEST, hidden) for name, frame in frames.items()}


def people_of(frames, locality, year="2018/19"):
    """How many people a locality has, by whatever way the tables tell; None where none does."""
    rows = frames["distance_from_target"].filter(year=year, area_code=locality)
    for row in rows.iter_rows(named=True):
        if row["closing_dft_pence_per_person"]:
            return row["closing_dft_pence"] / row["closing_dft_pence_per_person"]
    inside = frames["membership"].filter(locality_code=locality)["practice_code"]
    people = frames["population"].filter(pl.col("practice_code").is_in(inside.implode()), year=year)[
        "registered_persons"
    ]
    return None if people.null_count() or len(people) < len(inside) else people.sum()


def test_two_runs_on_packs_that_differ_by_one_practice_do_not_tell_its_people(blmk_run):
    whole, membership = dict(blmk_run.frames), blmk_run.frame("membership")
    people = blmk_run.frame("population").filter(year="2018/19")
    small = people.filter(pl.col("registered_persons").is_between(1, SMALLEST, closed="left"))[
        "practice_code"
    ].to_list()
    assert small
    for code in small:
        fewer, locality = without_practice(whole, membership, code)
        (truth,) = people.filter(practice_code=code)["registered_persons"]
        told = people_of(whole, locality) - people_of(fewer, locality)
        assert told == pytest.approx(truth, abs=0.5)  # what the audit finds where nothing is left out
        one, other = people_of(shown_to_finance(whole), locality), people_of(shown_to_finance(fewer), locality)
        assert one is None or other is None, code


def test_a_locality_that_is_hidden_alone_has_another_beside_it(blmk_run):
    population, membership = blmk_run.frame("population"), blmk_run.frame("membership")
    smallest = population.filter(year="2018/19")["registered_persons"].min()
    hidden = hidden_people(population, membership, SYSTEM, int(smallest) + 1)
    localities = set(membership["locality_code"]) & hidden.areas
    assert len(localities) >= 2
    shown = seen(
        "run", "locality_activity", blmk_run.frame("locality_activity"), FINANCE, SYSTEM, (), int(smallest) + 1, hidden
    )
    assert shown.filter(pl.col("locality_code").is_in(sorted(localities)))["activity"].null_count() > 0


def test_every_rule_names_columns_that_its_table_has(blmk_run):
    for name, rule in KINDS["run"].made_of_people.items():
        named = {rule.code, *rule.of_practice, *rule.of_area, *rule.of_line} - {"weight_micro"}
        assert named <= {*blmk_run.frame(name).columns, "weighted_persons"}, name


MIX = pl.DataFrame({"point_of_delivery": ["ae"], "year": ["1"], "claimed": [3.0], "exact": [3.0], "over_claim": [0.0]})


@pytest.mark.parametrize("others", [[], [80.0], [2.0, 80.0]])
def test_a_mix_whose_only_count_is_small_is_seen_by_those_who_make_runs_only(others):
    """Its money divided by the tariff of the problem would tell; with a large count beside it no sum does."""
    sizes = {"ae": 3.0, **{f"other {n}": size for n, size in enumerate(others)}}
    left_out, is_enough = left_out_of(sizes, 5)
    assert is_enough == (80.0 in others)
    assert left_out == set(sizes)
    money = pl.DataFrame({"measure": ["npv"], "as_planned_pence": [30_000]})
    hidden = HiddenPeople(is_whole=not is_enough)
    assert seen("simulation", "money", money, FINANCE, SYSTEM, (), 5, hidden).height == (80.0 in others)
    content = {"status": "optimal", "green_book": {"npv_gbp": "300.00"}}
    shown = content_seen("simulation", content, FINANCE, SYSTEM, smallest_shown=5, is_whole=hidden.is_whole)
    assert ("green_book" in shown) == (80.0 in others)
    analyst = Caller("x", SYSTEM, "analyst", frozenset(), "key")
    assert seen("simulation", "money", money, analyst, SYSTEM, (), 5, hidden).equals(money)
    assert content_seen("simulation", content, analyst, SYSTEM, smallest_shown=5, is_whole=True) == content
    assert sizes_of(MIX, ("claimed", "exact"), "point_of_delivery") == {"ae": 3.0}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 60)))
def test_what_is_left_out_of_a_mix_never_adds_to_what_tells_a_small_count(sizes):
    left_out, is_enough = left_out_of({name: float(size) for name, size in sizes.items()}, 5)
    small = {name for name, size in sizes.items() if 0 < size < 5}
    assert small <= left_out
    assert bool(left_out) == bool(small)
    if small and is_enough:
        assert sum(sizes[name] for name in left_out - small) >= 5  # each small one may be anything from 1 to 4
    frame = pl.DataFrame(
        {"solution": list(sizes), "units": [float(size) for size in sizes.values()]},
        schema={"solution": pl.String, "units": pl.Float64},
    )
    shown = without_small_parts("units", parts=("solution",))(frame, 5)
    if sizes:
        hidden = set(shown.filter(pl.col("units").is_null())["solution"])
        assert hidden == left_out


def test_futures_with_counts_as_their_goal_leave_small_ones_out():
    frame = pl.DataFrame(
        {"future": ["low", "high"], "value": [3.0, 900.0], "best": [900.0, 901.0], "regret": [897.0, 1.0], "unit": ["units"] * 2}
    )  # fmt: skip
    shown = seen("future", "regret", frame, FINANCE, SYSTEM, (), 5)
    assert shown["best"].to_list() == [None, None]  # the regret of the second follows from its other two
    money = frame.with_columns(unit=pl.lit("£"))
    assert seen("future", "regret", money, FINANCE, SYSTEM, (), 5).equals(money)
    content = {"status": "optimal", "unit": "units", "mean": 3.0, "worst_mean": 700.0}
    assert content_seen("future", content, FINANCE, SYSTEM, smallest_shown=5)["mean"] is None


def test_every_column_that_counts_is_left_out_of_some_table_where_it_is_small():
    """A table that is added to a kind with a count in it is named by a rule, or this test names it."""
    for kind in KINDS.values():
        for name, schema in (kind.schemas or {}).items():
            people, made_of = kind.people.get(name), kind.made_of_people.get(name)
            ruled = {*((people and (people.count, *people.also, *people.or_of)) or ())}
            ruled |= {*made_of.of_practice, *made_of.of_area, *made_of.of_line} if made_of else set()
            counts = {
                column
                for column, about in schema.columns().items()
                if about.dtype.is_numeric() and (is_count(about.unit, column) or about.unit == "as the unit says")
            }
            assert name in kind.for_others or counts <= ruled, (kind.name, name, counts - ruled)


DOCUMENT = {
    "localities": [{"id": "A", "persons": 900}, {"id": "B", "persons": 3}],
    "activity": [{"locality": "A", "units": 900.0}],
    "limits": [{"measure": "starts", "at_most": 2}],
    "blocks": [{"units": 2}],
}


def test_a_problem_that_lists_small_numbers_is_read_by_those_who_make_runs_only(served):
    assert has_small_counts(DOCUMENT, 5)
    assert not has_small_counts({**DOCUMENT, "localities": [{"id": "A", "persons": 900}]}, 5)
    assert has_small_counts({"activity": [{"units": 2.0}]}, 5)
    analyst = served.headers("analyst")
    problem = served.client.get("/v1/problems/equity_floor", headers=analyst).json()
    problem["id"], problem["localities"][0]["persons"] = "small", 3
    sent = served.client.post("/v1/problems", json=problem, headers={**analyst, "Idempotency-Key": "p"})
    assert sent.status_code == 201, sent.text
    where = sent.headers["location"]
    version = f"{where}/versions/{sent.json()['digest']}"
    for address in (where, version):
        assert served.client.get(address, headers=analyst).status_code == 200
        for role, organisation in (("finance", SYSTEM), ("approver", SYSTEM), ("partner", "RC9")):
            answer = served.client.get(address, headers=served.headers(role, organisation))
            assert (answer.status_code, answer.json()["code"]) == (403, "role"), (address, role)
        assert served.client.get("/v1/problems/equity_floor", headers=served.headers("finance")).status_code == 200


def outturns():
    """Two commissioners and three providers with two lines each, one of which is small at one of them, in two cases."""
    rows = [
        {
            "year": "2018/19", "activity_case": case, "commissioner": commissioner, "provider": provider, "service": "acute",
            "line": line, "plan_activity": count, "actual_activity": count + more, "plan_value_pence": count * 700,
            "actual_value_pence": (count + more) * 700, "plan_cost_pence": count * 600, "actual_cost_pence": count * 600,
        }
        for case, more in (("plan", 0), ("plan-plus-5", 1))
        for commissioner in ("C1", "C2")
        for provider in ("P1", "P2", "P3")
        for line in ("ae", "elective", "tests")
        for count in [3 if (commissioner, provider, line) == ("C1", "P2", "ae") else 900]
    ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize("kind", ["comparison", "plan"])
def test_no_payment_less_what_is_shown_gives_a_small_activity_away(kind):
    frame = outturns()
    shown = seen(kind, "outturn", frame, FINANCE, SYSTEM, (), 5)
    hidden = shown.filter("is_suppressed")
    assert hidden.filter(commissioner="C1", provider="P2", line="ae").height == 2
    assert shown.filter(pl.col("is_suppressed") != pl.col("actual_value_pence").is_null()).is_empty()
    ways = ("commissioner", "provider", "line")
    for group in ([], *([each] for each in ways), *([each for each in ways if each != other] for other in ways)):
        alone = hidden.group_by("year", "activity_case", *group).len()
        assert alone["len"].min() > 1, group
    assert not shown.filter(provider="P3")["is_suppressed"].any()  # nothing more than that is left out
    large = frame.with_columns(pl.lit(900).alias("actual_activity"), pl.lit(900).alias("plan_activity"))
    assert not seen(kind, "outturn", large, FINANCE, SYSTEM, (), 5)["is_suppressed"].any()


def test_the_account_of_a_body_with_few_on_its_lists_has_no_money_to_divide_by_another():
    account = {
        "year": "2018/19", "is_shadow": False, "listed_persons": 3.0, "rate_pence": 112_911, "income_pence": 338_733,
        "unearned_pence": 33, "care_pence": 300_000, "left_pence": 38_700, "hospitals_pence": 19_350, "returned_pence": 0,
        "pool_pence": 10, "carried_in_pence": 0, "carried_on_pence": 5, "reserve_pence": 1, "can_bear": True, "is_rebased": False,
        "option": "whole-population", "activity_case": "plan", "organisation_code": "X-SMALL",
    }  # fmt: skip
    larger = {**account, "organisation_code": "X-LARGE", "listed_persons": 9_000.0, "income_pence": 1_016_199_000}
    largest = {**account, "organisation_code": "X-OTHER", "listed_persons": 9_900.0, "income_pence": 1_117_818_900}
    frame = pl.DataFrame([account, larger, largest])
    shown = seen("comparison", "body_account", frame, FINANCE, SYSTEM, (), 5)
    (small,) = shown.filter(organisation_code="X-SMALL").to_dicts()
    assert {name for name, value in small.items() if value is not None} == {
        "year", "is_shadow", "can_bear", "is_rebased", "option", "activity_case", "organisation_code", "is_suppressed",
    }  # fmt: skip
    (other,) = shown.filter(organisation_code="X-OTHER").to_dicts()
    assert (other["is_suppressed"], other["rate_pence"], other["listed_persons"]) == (False, 112_911, 9_900.0)


@pytest.mark.parametrize(("units", "is_hidden"), [([3.0, 900.0], True), ([800.0, 900.0], False)])
def test_a_workbook_with_small_numbers_of_a_mix_is_for_those_who_make_runs(served, units, is_hidden):
    line = pl.DataFrame(
        {"year": ["2018/19"] * 2, "solution": ["a", "b"], "title": ["A", "B"], "avoided_units": units, "cost_released_pence": [10_000, 20_000]}
    )  # fmt: skip
    store, service = served.service.store, served.service
    store.ask("plan job", "plan", "{}", "ann")
    job = store.claim("worker", 60, 5)
    assert store.finish(job, "worker", "f" * 16, "{}", {"mix_line": stored_frame("mix_line", line)})
    assert service.hides("plan", "f" * 16, FINANCE) is is_hidden
    assert not service.hides("plan", "f" * 16, Caller("x", SYSTEM, "analyst", frozenset(), "key"))
