"""One meaning for every row of a problem: own year and place beat the general row, and what contradicts is refused."""

from pathlib import Path

import pytest

from capitation.errors import DocumentError
from optimiser.answers.optimise import optimise
from optimiser.answers.report import outcome_report
from optimiser.problem.document import problem_of

YEARS = ["2026/27", "2027/28"]


def solved(**changes):
    content = {
        "id": "p",
        "title": "p",
        "years": YEARS,
        "discount_rate": 0,
        "providers": [{"id": "east"}, {"id": "west"}],
        "points_of_delivery": [{"id": "ae", "length_of_stay_days": 1}],
        "activity": [{"point_of_delivery": "ae", "units": 1000}],
        "flows": [
            {"provider": "east", "point_of_delivery": "ae", "share": 0.5},
            {"provider": "west", "point_of_delivery": "ae", "share": 0.5},
        ],
        "prices": [{"point_of_delivery": "ae", "tariff_pounds": 100}],
        "solutions": [{"id": "s", "effects": [{"point_of_delivery": "ae", "central": 0.5}]}],
        **changes,
    }
    return optimise(problem_of(content, "p.toml", Path()))


def worth(**changes):
    outcome = solved(**changes)
    assert outcome.status == "optimal"
    return round(outcome.headline.objective, 4)


def refused(**changes):
    with pytest.raises(DocumentError) as raised:
        solved(**changes)
    return str(raised.value)


NURSES = {
    "id": "s",
    "effects": [{"point_of_delivery": "ae", "central": 0.5}],
    "workforce": [{"staff_group": "nurse", "wte": 10}],
}
CONTACTS = {
    "id": "s",
    "effects": [{"point_of_delivery": "ae", "central": 0.5}],
    "receiving": [{"avoided_at": "ae", "received_at": "gp", "contacts_per_unit": 1}],
}
IN_PLACES = [{"id": "north", "persons": 1}, {"id": "south", "persons": 1}]
HALVES = [{"locality": place, "point_of_delivery": "ae", "units": 500} for place in ("north", "south")]

# key, general row, the first year's own row, further changes, worth when the own row holds in its year
OWN = [
    ("activity", {"point_of_delivery": "ae", "units": 1000}, {"units": 200}, {}, 10_000 + 50_000),
    ("prices", {"point_of_delivery": "ae", "tariff_pounds": 100}, {"tariff_pounds": 10}, {}, 5_000 + 50_000),
    ("staff", {"staff_group": "nurse", "wte": 10}, {"wte": 1}, {"solutions": [NURSES]}, 5_000 + 50_000),
    (
        "receiving_capacity",
        {"point_of_delivery": "gp", "units": 500},
        {"units": 50},
        {"solutions": [CONTACTS]},
        5_000 + 50_000,
    ),
    ("stranded_limits", {"provider": "east", "pounds": 25_000}, {"pounds": 2_500}, {}, 5_000 + 50_000),
    ("start_limits", {"most": 1}, {"most": 0}, {}, 50_000),
]


@pytest.mark.parametrize("own_first", [True, False])
@pytest.mark.parametrize(
    ("key", "general", "own", "more", "expected"), OWN, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_years_own_row_holds_whatever_the_order(key, general, own, more, expected, own_first):
    rows = [general, {**general, **own, "year": YEARS[0]}]
    assert worth(**{**more, key: rows[::-1] if own_first else rows}) == expected


@pytest.mark.parametrize("own_first", [True, False])
def test_a_years_own_beds_hold_whatever_the_order(own_first):
    general = {"provider": "east", "beds": 500 / 365, "occupancy_most": 1}
    rows = [general, {**general, "beds": 300 / 365, "year": YEARS[0]}]
    rows = [{**row, "beds": round(row["beds"], 9)} for row in (rows[::-1] if own_first else rows)]
    priced = [{"point_of_delivery": "ae", "tariff_pounds": 1}]
    goals = [{"measure": "avoided"}]
    # 500 bed-days of east in a year; the first year must fall to 300, so at least 0.8 of the solution runs from the start
    outcome = solved(beds=rows, prices=priced, goals=[{"measure": "investment"}, *goals])
    assert outcome.status == "optimal"
    limit = next(r for r in outcome.answer.matrix.rows if r.name == "bed_occupancy")
    room = outcome.answer.matrix.row_upper[limit.first : limit.last]
    assert room[0] == pytest.approx((300 - 500) / 365, abs=1e-6)
    assert room[1] == pytest.approx(0.0, abs=5e-3)


@pytest.mark.parametrize("own_first", [True, False])
def test_a_localitys_own_flow_holds_whatever_the_order(own_first):
    rows = [
        {"provider": "east", "point_of_delivery": "ae", "share": 0.5},
        {"provider": "west", "point_of_delivery": "ae", "share": 0.5},
        {"locality": "north", "provider": "east", "point_of_delivery": "ae", "share": 1},
        {"locality": "north", "provider": "west", "point_of_delivery": "ae", "share": 0},
    ]
    dear = [
        {"point_of_delivery": "ae", "tariff_pounds": 100},
        {"provider": "east", "point_of_delivery": "ae", "tariff_pounds": 10},
    ]
    flows = rows[::-1] if own_first else rows
    # a year: north 250 units at east for 10 pounds, south 125 at east for 10 and 125 at west for 100
    assert worth(localities=IN_PLACES, activity=HALVES, flows=flows, prices=dear) == 2 * (2_500 + 1_250 + 12_500)


@pytest.mark.parametrize("own_first", [True, False])
def test_a_providers_own_price_holds_whatever_the_order(own_first):
    rows = [
        {"point_of_delivery": "ae", "tariff_pounds": 100},
        {"provider": "west", "point_of_delivery": "ae", "tariff_pounds": 40},
    ]
    assert worth(prices=rows[::-1] if own_first else rows) == 2 * (25_000 + 10_000)


def test_two_prices_of_which_neither_is_the_more_special_are_refused_until_a_row_decides():
    rows = [
        {"point_of_delivery": "ae", "tariff_pounds": 100},
        {"provider": "west", "point_of_delivery": "ae", "tariff_pounds": 40},
        {"year": YEARS[0], "point_of_delivery": "ae", "tariff_pounds": 60},
    ]
    said = refused(prices=rows)
    assert "the price of ae at west in every year" in said
    assert "at every provider in 2026/27: 40 and 60" in said
    rows.append({"provider": "west", "year": YEARS[0], "point_of_delivery": "ae", "tariff_pounds": 20})
    assert worth(prices=rows) == (15_000 + 5_000) + (25_000 + 10_000)


TWICE = [
    ("staff", {"staff_group": "nurse", "year": YEARS[0]}, "wte", "nurse supply in 2026/27"),
    ("activity", {"point_of_delivery": "ae"}, "units", "ae activity in every year"),
    ("prices", {"point_of_delivery": "ae"}, "tariff_pounds", "the price of ae at every provider in every year"),
    ("receiving_capacity", {"point_of_delivery": "gp"}, "units", "gp capacity in every year"),
    ("beds", {"provider": "east", "occupancy_most": 1}, "beds", "beds of east in every year"),
    ("stranded_limits", {"provider": "east"}, "pounds", "the most stranded cost of east in every year"),
    ("start_limits", {}, "most", "the most starts in every year"),
    ("budgets", {"kind": "capital", "year": YEARS[1]}, "pounds", "the capital budget in 2027/28"),
    ("transition_funds", {"year": YEARS[0]}, "pounds", "the transition fund in 2026/27"),
    (
        "control_totals",
        {"organisation": "east", "year": YEARS[0], "baseline_pounds": 0},
        "target_pounds",
        "the control total of east in 2026/27",
    ),
    ("residual_values", {"solution": "s"}, "pounds", "the residual value of s"),
    ("receiving_staff", {"point_of_delivery": "ae", "staff_group": "nurse"}, "contacts_per_wte", "that one nurse sees"),
    ("limits", {"measure": "npv"}, "at_least", "the floor of npv"),
    ("limits", {"measure": "npv"}, "at_most", "the ceiling of npv"),
]


@pytest.mark.parametrize(("key", "row", "value", "words"), TWICE, ids=[f"{t[0]}-{t[2]}" for t in TWICE])
@pytest.mark.parametrize("second", [12, 10])
def test_two_rows_for_the_same_are_refused_in_words(key, row, value, words, second):
    said = refused(**{key: [{**row, value: 10}, {**row, value: second}]})
    assert f"{words}: 10 and {second}" in said
    assert "two members" not in said


def test_two_flows_for_the_same_are_refused_in_words():
    flows = [{"provider": "east", "point_of_delivery": "ae", "share": share} for share in (0.5, 0.9)]
    assert "two rows give the share of ae that east sees: 0.5 and 0.9" in refused(flows=flows)


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("workforce", {"staff_group": "nurse"}, "wte"),
        ("creates", {"point_of_delivery": "ae"}, "contacts"),
        ("receiving", {"avoided_at": "ae", "received_at": "gp"}, "contacts_per_unit"),
        ("benefits", {"id": "qaly", "unit": "QALY"}, "amount"),
    ],
)
def test_rows_of_a_solution_that_contradict_are_refused(name, row, value):
    solution = {"id": "s", "effects": [{"point_of_delivery": "ae", "central": 0.5}]}
    solution[name] = [{**row, value: 3}, {**row, value: 4}]
    gp = [{"id": "gp"}]
    said = refused(solutions=[solution], points_of_delivery=gp)
    assert f"solution 's': {name}" in said
    assert "3 and 4" in said


@pytest.mark.parametrize(
    "key", ["staff", "prices", "beds", "stranded_limits", "start_limits", "receiving_capacity", "activity"]
)
def test_a_year_outside_the_problem_is_refused_in_every_table(key):
    row = {
        "staff": {"staff_group": "nurse", "wte": 1},
        "prices": {"point_of_delivery": "ae", "tariff_pounds": 1},
        "beds": {"provider": "east", "beds": 1, "occupancy_most": 1},
        "stranded_limits": {"provider": "east", "pounds": 1},
        "start_limits": {"most": 1},
        "receiving_capacity": {"point_of_delivery": "gp", "units": 1},
        "activity": {"point_of_delivery": "ae", "units": 1},
    }[key]
    assert "found year 2030/31; expected one of 2026/27, 2027/28" in refused(**{key: [{**row, "year": "2030/31"}]})


@pytest.mark.parametrize(
    ("key", "row", "words"),
    [
        ("staff", {"staff_group": "nurse", "wte": 1}, "nurse staff"),
        ("beds", {"provider": "east", "beds": 9, "occupancy_most": 1}, "bed occupancy of east"),
        ("stranded_limits", {"provider": "east", "pounds": 1}, "stranded cost of east"),
        ("start_limits", {"most": 1}, "starts"),
        ("receiving_capacity", {"point_of_delivery": "gp", "units": 9}, "capacity of gp"),
        ("budgets", {"kind": "recurrent", "pounds": 9}, "recurrent spend"),
    ],
)
def test_a_limit_for_some_years_only_says_which_years_have_none(key, row, words):
    dated = solved(**{key: [{**row, "year": YEARS[0]}]}).answer.matrix.no_effect
    assert any(f"no limit on {words} is stated for 2027/28; nothing limits it then" in said for said in dated)
    if key != "budgets":
        assert not any("is stated for 2027/28" in said for said in solved(**{key: [row]}).answer.matrix.no_effect)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"providers": [{"id": "commissioner"}]}, "'commissioner', which stands for who pays"),
        ({"providers": [{"id": "system"}]}, "'system', which stands for all organisations"),
        ({"providers": [{"id": "ALL"}]}, "'ALL', which stands for every provider"),
        ({"localities": [{"id": "ALL", "persons": 1}]}, "locality 'ALL': found 'ALL', which stands for the system"),
        ({"cells": [{"point_of_delivery": "ae", "id": "all", "share": 0.5}]}, "'all', which stands for all patients"),
        ({"discount_rate": 3.5}, "found 3.5; expected a share below 1 a year, such as 0.035 for 3.5%"),
        ({"points_of_delivery": [{"id": "ae"}, {"id": "ae"}]}, "'ae' twice"),
    ],
)
def test_names_and_rates_with_another_meaning_are_refused(changes, words):
    assert words in refused(**{"flows": [], **changes})


@pytest.mark.parametrize(
    "name",
    [
        "npv",
        "system_npv",
        "investment",
        "bed_days",
        "wte",
        "avoided_ae",
        "received_ae",
        "net_cash_2026_27",
        "peak_deficit",
    ],
)
def test_a_benefit_may_not_take_a_measures_name(name):
    benefits = [{"id": name, "unit": "QALY", "amount": 7}]
    assert f"a benefit {name!r}, which is the name of a built-in measure" in refused(
        solutions=[{"id": "s", "benefits": benefits}]
    )


def test_one_benefit_has_one_unit():
    solutions = [
        {"id": "a", "benefits": [{"id": "health", "unit": "QALY", "amount": 7}]},
        {"id": "b", "benefits": [{"id": "health", "unit": "days", "amount": 7}]},
    ]
    assert "'health' in days, and in QALY in solution 'a'" in refused(solutions=solutions)


def test_rows_of_a_file_mean_what_rows_of_the_document_mean(tmp_path):
    (tmp_path / "activity.csv").write_text(
        "locality,point_of_delivery,year,units\nALL,ne,2021/22,500\nALL,ne,ALL,1000\n"
    )
    head = "provider,point_of_delivery,year,tariff_pounds,marginal_pounds,variable_cost_pounds\n"
    (tmp_path / "prices.csv").write_text(f"{head}ALL,ne,ALL,100,,5\n")
    content = {
        "id": "f", "title": "f", "years": ["2020/21", "2021/22"], "discount_rate": "0",
        "activity_file": "activity.csv", "prices_file": "prices.csv",
        "solutions": [{"id": "s", "effects": [{"point_of_delivery": "ne", "central": "0.2"}]}],
    }  # fmt: skip
    # a price without what the contract pays less is the tariff: (1,000 + 500) x 0.2 x 100
    assert optimise(problem_of(content, "f", tmp_path)).headline.objective == pytest.approx(30000)
    (tmp_path / "prices.csv").write_text(
        f"{head}ALL,ne,2020/21,100,0.5,5\nALL,ne,2021/22,100,90,5\n1 x,ne,2020/21,100,90,5\n"
    )
    with pytest.raises(DocumentError) as found:
        problem_of(content, "f", tmp_path)
    said = str(found.value)
    assert "prices.csv: row of ALL ne 2020/21" in said
    assert "such as 50 for 50% of a tariff" in said
    assert "prices.csv: row of 1 x ne 2020/21: provider: found '1 x'" in said
    assert "2021/22" not in said


def test_effects_on_a_cell_and_on_all_patients_of_an_activity_are_said_to_add_up():
    effects = [{"point_of_delivery": "ne", "central": "0.2"}]
    content = {
        "id": "c", "title": "c", "years": ["2020/21"],
        "activity": [{"point_of_delivery": "ne", "units": 100}],
        "cells": [{"point_of_delivery": "ne", "id": "frail", "share": "0.5"}],
        "solutions": [{"id": "a", "effects": [effects[0] | {"cell": "frail"}]}, {"id": "b", "effects": effects}],
    }  # fmt: skip
    warnings = outcome_report(optimise(problem_of(content, "c", Path())))["warnings"]
    assert [w for w in warnings if "stated for all its patients and for frail among them" in w]
    content["solutions"] = content["solutions"][:1]
    assert not outcome_report(optimise(problem_of(content, "c", Path())))["warnings"]
