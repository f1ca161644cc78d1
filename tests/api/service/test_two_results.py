"""Two results of one store side by side: runs whose localities differ by few people, and a comparison beside the run it is made on."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from api.service.kinds import KINDS
from api.service.security.flows import hidden_flows
from api.service.security.parts import hidden_pairs, left_out_of_parts
from api.service.security.people import hidden_people
from api.service.security.visibility import seen
from capitation.pack.layers import default_data_folder, put_together
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from tests.api.service.test_small_numbers import MICRO, SMALLEST, SYSTEM, caller, figures_by_code, shown

ROLES = [caller("finance"), caller("approver"), caller("administrator"), caller("partner", "06F")]


@pytest.fixture(scope="module")
def moved(blmk_run, tmp_path_factory):
    """The run of a pack in which one small practice is in another locality of its place, with the practice and both localities."""
    people, members = blmk_run.frame("population").filter(year="2018/19"), blmk_run.frame("membership")
    code = people.sort("registered_persons")["practice_code"][0]
    (here,) = members.filter(practice_code=code).to_dicts()
    around = members.filter(place_code=here["place_code"], commissioner_code=here["commissioner_code"])
    other = next(each for each in around["locality_code"] if each != here["locality_code"])
    folder = put_together(DataPack(default_data_folder()).root, tmp_path_factory.mktemp("packs") / "moved")
    file = folder / "places/membership.csv"
    lines = [
        line.replace(here["locality_code"], other) if line.startswith(code) else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines) + "\n")
    pack = DataPack(folder)
    return evaluate(read_scenario(pack.path("scenarios/blmk.toml")), pack), code, (here["locality_code"], other)


def seen_by(run, who):
    hidden = hidden_people(run.frame("population"), run.frame("membership"), SYSTEM, SMALLEST)
    return figures_by_code(shown(run, who, hidden))


def matches(one, other, code, places, people):
    """Ways in which what differs between two runs, over any number of the place, practice or system, gives the people of a practice."""
    found = set()
    for place in places:
        moved = {
            name: abs(one[place][name] - other[place][name])
            for name in one.get(place, {}).keys() & other.get(place, {}).keys()
        }
        over = {"1": 1.0, "micro": MICRO}
        over |= {
            f"{where} {name}": value for where in (place, code, SYSTEM) for name, value in one.get(where, {}).items()
        }
        with np.errstate(all="ignore"):
            ways = np.array(list(moved.values()))[:, None] / np.abs(np.array(list(over.values())))[None, :]
        rows, columns = np.nonzero(np.abs(ways - people) < 0.01)
        found |= {(list(moved)[row], list(over)[column]) for row, column in zip(rows, columns, strict=True)}
    return found


@pytest.mark.parametrize("who", ROLES, ids=lambda who: who.role)
def test_two_definitions_of_localities_that_differ_in_one_practice_do_not_tell_its_people(blmk_run, moved, who):
    run, code, places = moved
    (people,) = blmk_run.frame("population").filter(year="2018/19", practice_code=code)["registered_persons"]
    assert people < SMALLEST
    assert matches(seen_by(blmk_run, who), seen_by(run, who), code, places, people) == set()
    every = caller("analyst")
    assert matches(seen_by(blmk_run, every), seen_by(run, every), code, places, people)  # where nothing is left out


def test_a_practice_and_its_localities_are_left_out_in_both_runs(blmk_run, moved):
    run, code, places = moved
    for each in (blmk_run, run):
        hidden = hidden_people(each.frame("population"), each.frame("membership"), SYSTEM, SMALLEST)
        (home,) = each.frame("membership").filter(practice_code=code)["locality_code"]
        assert code in hidden.practices
        assert {home, SYSTEM} <= hidden.areas
        assert home in places


@pytest.mark.parametrize("who", ROLES[:3], ids=lambda who: who.role)
def test_money_of_localities_is_shown_in_both_runs_and_that_of_the_practice_in_neither(blmk_run, moved, who):
    """NHS England publishes money by area and what practices weigh: what moves with a practice may be seen, its list and need may not."""
    run, code, places = moved
    shares = []
    for each in (blmk_run, run):
        hidden = hidden_people(each.frame("population"), each.frame("membership"), SYSTEM, SMALLEST)
        tables = shown(each, who, hidden)
        assert tables["allocation"].filter(code=code).is_empty()
        for table, name in (
            ("practice_weight", "need_index"),
            ("practice_need", "need_index"),
            ("population", "registered_micro"),
        ):
            assert (
                tables[table].filter(practice_code=code)[name].null_count()
                == tables[table].filter(practice_code=code).height
            )
        money = tables["allocation"].filter(level="locality", year="2018/19", stream="ccg")
        assert money["allocation_pence"].null_count() == 0
        shares.append(dict(money.select("code", "allocation_pence").iter_rows()))
    here, there = (shares[1][place] - shares[0][place] for place in places)
    assert here < 0 < there


KEY = ["year", "commissioner", "provider", "line"]


def activities(run, options, smallest, who):
    """What a commissioner buys from a provider, as the table of options says it, and as the run's localities times their flows."""
    members = run["membership"].select("locality_code", commissioner="commissioner_code").unique("locality_code")
    flows = hidden_flows(run["flow"], run["locality_activity"], run["service_line"], run["membership"], smallest)
    rule = KINDS["comparison"].people["outturn"]
    left_out = left_out_of_parts(options["outturn"], rule, smallest, flows.cells, flows.boxed)
    pairs = replace(hidden_pairs(options["outturn"], left_out, flows.bare), cells=flows.cells, boxed=flows.boxed)
    tables = {
        name: seen("run", name, run[name], who, SYSTEM, (), smallest, flows) for name in ("flow", "locality_activity")
    }
    said = seen("comparison", "outturn", options["outturn"], who, SYSTEM, (), smallest, pairs).filter(
        activity_case="plan"
    )
    activity = tables["locality_activity"].filter(case="mitigated").rename({"point_of_delivery": "line"})
    activity = activity.join(members, on="locality_code")
    parts = activity.join(tables["flow"].rename({"provider_code": "provider"}), on=["locality_code", "line"])
    added = parts.group_by(KEY).agg(
        worked_out=(pl.col("activity") * pl.col("share_ppm") / MICRO).sum(),
        unknown=pl.any_horizontal(pl.col("activity", "share_ppm").is_null()).sum(),
    )
    known = said.select(*KEY, said="plan_activity").join(added, on=KEY, how="left").with_columns(
        known=pl.coalesce("said", pl.when(unknown=0).then("worked_out"))
    )  # fmt: skip
    wholes = activity.group_by("year", "commissioner", "line").agg(
        whole=pl.col("activity").sum(), lacking=pl.col("activity").null_count()
    )
    alone = pl.col("known").null_count().over("year", "commissioner", "line") == 1
    rest = pl.col("whole") - pl.col("known").sum().over("year", "commissioner", "line")
    return known.join(wholes, on=["year", "commissioner", "line"], how="left").with_columns(
        pl.coalesce("known", pl.when(alone & (pl.col("lacking") == 0)).then(rest)).alias("known")
    )


@pytest.mark.deep
@pytest.mark.parametrize("smallest", [60, 200, 600])
def test_a_comparison_beside_its_run_gives_no_small_activity_away(blmk_run, studied_blmk, smallest):
    truth = studied_blmk.frame("outturn").filter(activity_case="plan").select(*KEY, truth="plan_activity")
    small = truth.filter(pl.col("truth").is_between(1, smallest - 1))

    def hits(who):
        found = activities(dict(blmk_run.frames), dict(studied_blmk.frames), smallest, who).join(small, on=KEY)
        return found.filter((pl.col("known") - pl.col("truth")).abs() < 2)

    for who in ROLES[:3]:
        assert hits(who).is_empty()
    assert hits(caller("analyst")).height == small.height  # where nothing is left out
