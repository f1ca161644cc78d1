"""An audit by differences: whoever puts together all that a role sees of runs finds no small number of people."""

import numpy as np
import polars as pl
import pytest

from api.service.kinds import KINDS
from api.service.security.access import Caller
from api.service.security.people import hidden_people, without_people
from api.service.security.visibility import content_seen, seen
from capitation.records.identity import plain

SYSTEM, SMALLEST = "BLMK", 4_000
MICRO = 1_000_000


@pytest.fixture(scope="module")
def hidden(blmk_run):
    return hidden_people(blmk_run.frame("population"), blmk_run.frame("membership"), SYSTEM, SMALLEST)


def caller(role, organisation=SYSTEM):
    return Caller("x", organisation, role, frozenset(), "key")


def shown(run, who, hidden):
    """Every table of a run that a caller sees."""
    member = run.frame("membership")
    area = set(member["practice_code"]) | set(member["locality_code"]) if who.organisation != SYSTEM else ()
    tables = {}
    for name, frame in run.frames.items():
        if who.role == "partner" and name not in KINDS["run"].frames:
            continue
        tables[name] = seen("run", name, frame, who, SYSTEM, area, SMALLEST, hidden)
    return tables


def column(frame, key, name):
    """What a table shows under a column, by key."""
    return {row[key]: row[name] for row in frame.iter_rows(named=True) if row.get(name) is not None}


def derived(run, tables, year="2018/19", stream="ccg"):
    """Numbers of people of practices that follow from tables: as they stand, by dividing, and as a locality less its others."""
    found = {}
    where = {"year": year, "stream": stream}
    weights = tables["practice_weight"].filter(**where)
    for source in (tables["population"].filter(year=year), weights):
        found |= {code: n / MICRO for code, n in column(source, "practice_code", "registered_micro").items()}
    index = column(weights, "practice_code", "need_index") | column(
        tables["practice_need"].filter(stream=stream), "practice_code", "need_index"
    )
    weight = column(weights, "practice_code", "weighted_persons")
    for name in ("allocation", "spendable"):
        rows = tables[name].filter(**where, level="practice") if "level" in tables[name].columns else tables[name]
        weight |= column(rows, "code", "weighted_persons")
    found |= {code: weight[code] / index[code] for code in weight.keys() & index.keys()}
    distance = tables["distance_from_target"].filter(**where)
    people = {
        row["area_code"]: row["closing_dft_pence"] / row["closing_dft_pence_per_person"]
        for row in distance.iter_rows(named=True)
        if row["closing_dft_pence_per_person"]
    }
    members = run.frame("membership").group_by("locality_code").agg("practice_code")
    for locality, practices in members.iter_rows():
        unknown = [code for code in practices if code not in found]
        if locality in people and len(unknown) == 1:
            found[unknown[0]] = people[locality] - sum(found[code] for code in practices if code in found)
    return found


@pytest.mark.parametrize(
    "who",
    [
        caller("finance"),
        caller("approver"),
        caller("administrator"),
        caller("partner", "06F"),
        caller("partner", "04F"),
    ],
)
def test_no_role_works_out_a_small_number_by_dividing_or_by_taking_parts_from_totals(blmk_run, hidden, who):
    truth = {
        code: n / MICRO
        for code, n in column(
            blmk_run.frame("population").filter(year="2018/19"), "practice_code", "registered_micro"
        ).items()
    }
    small = {code for code, n in truth.items() if 0 < n < SMALLEST}
    assert small
    assert small <= hidden.practices
    tables = shown(blmk_run, who, hidden)
    for stream in ("ccg", "primary-medical", "specialised"):
        found = derived(blmk_run, tables, stream=stream)
        assert [code for code in small if code in found and abs(found[code] - truth[code]) < 0.5] == []
    whole = derived(blmk_run, dict(blmk_run.frames))
    assert all(
        abs(whole[code] - truth[code]) < 0.5 for code in small
    )  # what the audit would find where nothing is left out


def test_two_runs_of_the_same_lists_hide_the_same_practices_and_years_never_tell_one_another(blmk_run, hidden):
    population, membership = blmk_run.frame("population"), blmk_run.frame("membership")
    fewer = hidden_people(population.filter(pl.col("year") != "2020/21"), membership, SYSTEM, SMALLEST)
    assert fewer.practices <= hidden.practices
    tables = shown(blmk_run, caller("finance"), hidden)
    for year in population["year"].unique():
        seen_codes = column(tables["population"].filter(year=year), "practice_code", "registered_micro")
        assert not set(seen_codes) & hidden.practices
    for code in hidden.practices:  # in its locality at least one other is left out with it
        (locality,) = membership.filter(practice_code=code)["locality_code"]
        assert len(set(membership.filter(locality_code=locality)["practice_code"]) & hidden.practices) >= 2


def test_where_nobody_is_small_nothing_is_left_out(blmk_run):
    nobody = hidden_people(blmk_run.frame("population"), blmk_run.frame("membership"), SYSTEM, 5)
    assert (nobody.practices, nobody.areas) == (frozenset(), frozenset())
    for name in ("allocation", "target", "distance_from_target"):
        frame = blmk_run.frame(name)
        assert seen("run", name, frame, caller("finance"), SYSTEM, (), 5, nobody).equals(frame)


def test_money_of_areas_stays_whole_and_is_marked_where_weights_are_left_out(blmk_run, hidden):
    frame = blmk_run.frame("allocation")
    left = without_people(frame, KINDS["run"].made_of_people["allocation"], hidden)
    areas = frame.filter(pl.col("level") != "practice")
    assert left.filter(pl.col("level") != "practice")["allocation_pence"].equals(areas["allocation_pence"])
    assert not set(left.filter(level="practice")["code"]) & hidden.practices
    assert left.filter(pl.col("weighted_persons").is_null())["is_suppressed"].all()


def test_a_partner_learns_neither_rows_nor_checksums_of_tables_from_a_manifest(blmk_run):
    content = plain(f'{{"manifest": {blmk_run.manifest.model_dump_json()}}}')
    kept = content_seen("run", content, caller("partner", "06F"), SYSTEM)["manifest"]["frames"]
    assert set(kept) <= set(KINDS["run"].frames)
    assert all(not {"rows", "sha256"} & set(about) for about in kept.values())
    whole = content_seen("run", content, caller("finance"), SYSTEM)
    assert whole == content
    left = content_seen("run", content, caller("finance"), SYSTEM, hides=True)["manifest"]["frames"]
    assert "sha256" not in left["population"]
    assert "sha256" in left["stream_total"]


KEYS = ("practice_code", "code", "area_code", "locality_code", "subject_code")
"""Columns under which tables name practices and areas."""


def figures_by_code(tables, year="2018/19", stream="ccg"):
    """Every number that tables show of a practice or area in a year and stream, by code and by the name of the column."""
    found: dict[str, dict[str, float]] = {}
    for name, frame in tables.items():
        key = next((each for each in KEYS if each in frame.columns), None)
        if key is None:
            continue
        where = {"year": year, "stream": stream, "case": "unmitigated"}
        rows = frame.filter(**{column: value for column, value in where.items() if column in frame.columns})
        rows = rows.filter(pl.col(key).is_not_null()) if rows.height else frame.clear()
        for column in (each for each in rows.columns if rows.schema[each].is_numeric()):
            sums = rows.group_by(key).agg(
                pl.col(column).cast(pl.Float64).sum(), pl.col(column).null_count().alias("__empty")
            )
            for code, value in sums.filter(pl.col("__empty") == 0).select(key, column).iter_rows():
                found.setdefault(code, {})[f"{name}.{column}"] = value
    return found


def told(figures, truth):
    """How often each quotient, product or difference of two columns gives the people of a practice or area, to a hundredth."""
    hits: dict[str, int] = {}
    for code, people in truth.items():
        mine = figures.get(code, {})
        names, values = list(mine), np.array(list(mine.values()))
        for scale in (1.0, MICRO):
            with np.errstate(all="ignore"):
                ways = {
                    "/": values[:, None] / values[None, :] / scale,
                    "-": (values[:, None] - values[None, :]) / scale,
                }
            for sign, table in ways.items():
                for one, other in zip(*np.nonzero(np.abs(table - people) < 0.01), strict=True):
                    way = f"{names[one]} {sign} {names[other]}"
                    hits[way] = hits.get(way, 0) + 1
    return {way: count for way, count in hits.items() if count >= 3}  # one or two of so many thousand agree by chance


@pytest.mark.parametrize("who", [caller("finance"), caller("approver"), caller("partner", "06F")])
def test_no_two_columns_of_any_tables_tell_the_people_of_those_who_are_left_out(blmk_run, hidden, who):
    """All quotients and differences of all numbers that a role sees of a practice or area, whatever tables they stand in."""
    people = (
        blmk_run.frame("population")
        .filter(year="2018/19")
        .select("practice_code", people=pl.col("registered_micro") / MICRO)
    )
    practices = dict(people.filter(pl.col("practice_code").is_in(sorted(hidden.practices))).iter_rows())
    areas = (
        blmk_run.frame("membership")
        .join(people, on="practice_code")
        .group_by("locality_code")
        .agg(pl.col("people").sum())
    )
    of_areas = {code: n for code, n in areas.iter_rows() if code in hidden.areas}
    assert len(practices) > 10
    assert len(of_areas) > 3
    figures = figures_by_code(shown(blmk_run, who, hidden))
    assert told(figures, practices) == {}
    assert told(figures, of_areas) == {}
    whole = figures_by_code(dict(blmk_run.frames))
    assert told(whole, practices)  # what the audit would find where nothing is left out
    assert told(whole, of_areas)


def test_a_plan_leaves_out_of_the_tables_of_its_run_and_options_what_they_leave_out():
    """The tables of a plan are those of its run and of its options, and numbers are left out by what they are and not by where they stand."""
    plan, run, options = (KINDS[name] for name in ("plan", "run", "comparison"))
    for name in run.frames:
        for rules in ("frames", "people", "made_of_people", "for_others"):
            assert getattr(plan, rules).get(name) == getattr(run, rules).get(name), (rules, name)
    for name in options.frames:
        there = f"options_{name}" if name in run.frames else name
        for rules in ("frames", "people", "for_others"):
            assert getattr(plan, rules).get(there) == getattr(options, rules).get(name), (rules, name)
