"""Wrong problem documents: one clear message for each fault, all faults together, never a traceback."""

import copy
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from capitation.errors import CapitationError, DocumentError
from optimiser.answers.optimise import optimise
from optimiser.answers.report import outcome_report
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of

EVERYTHING = Path(__file__).parents[2] / "lp" / "everything.toml"

GOOD = tomllib.loads("""
id = "good"
title = "good"
years = ["2020/21"]
activity = [{ point_of_delivery = "admission", units = 100 }]
prices = [{ point_of_delivery = "admission", tariff_pounds = 10 }]
budgets = [{ kind = "recurrent", year = "2020/21", pounds = 50 }]
[[solutions]]
id = "hub"
effects = [{ point_of_delivery = "admission", central = 0.2 }]
costs = [{ kind = "recurrent", pounds = 20 }]
[[solutions]]
id = "clinic"
savings = [{ pounds = 10 }]
""")


def solve(content):
    return optimise(problem_of(content, "bad.toml", Path()))


def changed(**changes):
    return {**copy.deepcopy(GOOD), **changes}


def with_hub(**changes):
    content = copy.deepcopy(GOOD)
    content["solutions"][0].update(changes)
    return content


def test_the_good_problem_is_good():
    assert solve(GOOD).status == "optimal"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_hub(effects=[{"point_of_delivery": "admision", "central": 0.2}]), "Did you mean 'admission'"),
        (with_hub(effects=[{"point_of_delivery": "admission", "central": 1.2}]), "at most 100%"),
        (with_hub(effects=[{"point_of_delivery": "admission", "central": 0.1}] * 2), "found 'admission' twice"),
        (
            changed(localities=[{"id": "town", "persons": 5}]),
            "activity of admission: found a row without a locality; expected a row for each locality",
        ),
        (with_hub(effects=[{"point_of_delivery": "admission", "central": -0.2}]), "0 or more"),
        (
            with_hub(largest_scale=3, effects=[{"point_of_delivery": "admission", "central": 0.5}]),
            "at most 100% of admission",
        ),
        (with_hub(excludes=["clinic"], requires=[{"solution": "clinic"}]), "either excluded or required"),
        (with_hub(smallest_scale=0.8, largest_scale=0.5), "a smallest scale 0.8 at or below the largest"),
        (with_hub(smallest_scale=0.5, step=0.2), "that one year's step 0.2 can reach"),
        (with_hub(requires=[{"solution": "clinik"}]), "Did you mean 'clinic'"),
        (with_hub(colour="red"), "a key that is not known"),
        (changed(budgets=[{"kind": "recurrent", "pounds": 50}]), "budgets.0.year"),
        (changed(budgets=[{"kind": "recurrent", "year": "2021/22", "pounds": 50}]), "one of 2020/21"),
        (changed(years=["2019/20", "2020/21"]), "discount_rate"),
        (changed(years=["2018/19", "2020/21"], discount_rate=0), "follow each other"),
        (changed(goals=[{"measure": "nvp"}]), "Did you mean 'npv'"),
        (changed(limits=[{"measure": "npv", "at_least": 5, "at_most": 1}]), "floor of 5 above a ceiling of 1"),
        (changed(limits=[{"measure": "npv"}]), "neither at_least nor at_most"),
        (changed(solutions=[]), "at least one solution"),
        (changed(solutions_folder="nowhere"), "nowhere"),
        (changed(solution_ids=["hub"]), "no solutions_folder"),
        (changed(stranded_limits=[{"provider": "hospital", "pounds": 1}]), "unknown provider 'hospital'"),
        (
            changed(
                providers=[{"id": "east"}, {"id": "west"}],
                flows=[{"provider": "east", "point_of_delivery": "admission", "share": 0.5}],
            ),
            "shares that add to 0.5",
        ),
        (
            changed(
                control_totals=[{"organisation": "hub", "year": "2020/21", "baseline_pounds": 0, "target_pounds": 0}]
            ),
            "organisation",
        ),
        (changed(budgets=[{"kind": "recurrent", "year": "2020/21", "pounds": "10.005"}]), "two decimals"),
        (changed(budgets=[{"kind": "recurrent", "year": "2020/21", "pounds": "1e30"}]), "at most 1000000000000 pounds"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_fault_is_told_in_words(content, says):
    if content.get("solutions_folder"):
        content["solution_ids"] = ["hub2"]
    with pytest.raises(CapitationError) as raised:
        solve(content)
    assert says in str(raised.value)


def test_exclusion_and_requirement_from_two_sides_is_found():
    content = with_hub(requires=[{"solution": "clinic"}])
    content["solutions"][1]["excludes"] = ["hub"]
    with pytest.raises(DocumentError, match="excluded and required at once"):
        solve(content)


def test_a_circle_of_prerequisites_is_found():
    content = with_hub(requires=[{"solution": "clinic"}])
    content["solutions"][1]["requires"] = [{"solution": "hub"}]
    with pytest.raises(DocumentError, match="no circle of prerequisites"):
        solve(content)


def test_all_faults_are_told_together():
    content = with_hub(effects=[{"point_of_delivery": "typo", "central": 0.2}], requires=[{"solution": "typo"}])
    content["budgets"][0]["year"] = "2030/31"
    with pytest.raises(DocumentError) as raised:
        solve(content)
    assert len(raised.value.faults) == 3


def test_badly_scaled_coefficients_are_warned_about_by_row():
    content = with_hub(costs=[{"kind": "recurrent", "pounds": "0.01"}])
    outcome = solve(content)
    assert outcome.status == "optimal"
    assert any("recurrent spend in 2020/21" in w and "1e-05" in w for w in outcome.warnings)


def test_a_constraint_that_applied_to_no_row_says_so():
    no_effect = solve(GOOD).answer.matrix.no_effect
    assert any(text.startswith("equity: no floor") for text in no_effect)
    limited_nobody = solve(with_hub(workforce=[{"staff_group": "nurse", "wte": 3}])).answer.matrix.no_effect
    assert any("no supply is stated for nurse" in text for text in limited_nobody)


def test_a_missing_limit_is_named():
    content = changed(budgets=[])
    content["solutions"][1]["no_largest_scale"] = True
    outcome = solve(content)
    assert outcome.status == "unbounded"
    assert any("clinic" in text for text in outcome.answer.missing_limits)


WRONG_ROWS = {
    "points_of_delivery 'ALL'": (lambda d: d["activity"].append({"point_of_delivery": "ALL", "units": 1}), "stands for every one"),
    "staff group 'ALL'": (lambda d: d["staff"][0].update(staff_group="ALL"), "stands for every one"),
    "block 'ALL'": (lambda d: d["blocks"][0].update(id="ALL"), "stands for every one"),
    "a lag of a thousand years": (lambda d: d["blocks"][0].update(lag_years=10**13), "lag_years"),
    "most of true": (lambda d: d["blocks"][0].update(most=True), "most"),
    "starts of true": (lambda d: d["start_limits"][0].update(most=True), "most"),
    "instalments over a thousand years": (lambda d: d["solutions"][0]["costs"][2].update(years=10**6), "years"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_ROWS)
def test_reserved_words_and_senseless_counts_are_refused(kind):
    change, words = WRONG_ROWS[kind]
    content = tomllib.loads(EVERYTHING.read_text(encoding="utf-8"), parse_float=Decimal)
    change(content)
    with pytest.raises(DocumentError, match=words):
        programme_matrix(problem_of(content, "wrong", Path()))


MOVES_NOTHING = {
    "staff": (lambda d: d["staff"].append({"staff_group": "gp", "wte": 3}), "'gp staff in 2019/20' (and 1 more such)"),
    "capacity": (
        lambda d: d["receiving_capacity"].append({"point_of_delivery": "op", "units": 1}),
        "'capacity of op in 2019/20' (and 1 more such)",
    ),
    "beds": (lambda d: d["points_of_delivery"][0].pop("length_of_stay_days"), "'safe bed occupancy of hospital in 2019/20'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MOVES_NOTHING)
def test_a_limit_that_nothing_moves_is_said_to_decide_nothing(kind):
    change, words = MOVES_NOTHING[kind]
    content = tomllib.loads(EVERYTHING.read_text(encoding="utf-8"), parse_float=Decimal)
    change(content)
    said = programme_matrix(problem_of(content, "idle", Path())).no_effect
    assert any(words in sentence and "decides nothing" in sentence for sentence in said), said


def test_two_providers_of_one_name_are_one_fault():
    content = tomllib.loads(EVERYTHING.read_text(encoding="utf-8"), parse_float=Decimal)
    content["providers"] *= 2
    with pytest.raises(DocumentError) as found:
        programme_matrix(problem_of(content, "twice", Path()))
    assert "(1 fault)" in str(found.value)


def _row(key, row):
    return lambda d: d.update({key: [*d.get(key, []), row]})


UNUSED = {
    "a contact cost where nothing is received": (
        _row("points_of_delivery", {"id": "clinic_visit", "contact_cost_pounds": 9}), "points_of_delivery: clinic_visit: no contacts are received"),
    "staff of contacts that never come": (
        lambda d: d.update(points_of_delivery=[{"id": "clinic_visit"}], staff=[{"staff_group": "nurse", "wte": 1}],
            receiving_staff=[{"point_of_delivery": "clinic_visit", "staff_group": "nurse", "contacts_per_wte": 5}]),
        "receiving_staff: clinic_visit: no contacts are received"),
    "a price where nothing is avoided": (
        lambda d: d.update(points_of_delivery=[{"id": "clinic_visit"}], prices=[*d.get("prices", []), {"point_of_delivery": "clinic_visit", "tariff_pounds": 9}]),
        "prices: clinic_visit: no solution avoids anything there"),
    "a cell that no effect names": (
        _row("cells", {"point_of_delivery": "admission", "id": "frail", "share": 0.3}), "cells: frail of admission: no effect names it"),
    "a ward of what is not avoided": (
        lambda d: d.update(providers=[{"id": "h"}], activity=[*d["activity"], {"point_of_delivery": "visit", "units": 5}],
            blocks=[{"id": "ward", "provider": "h", "point_of_delivery": "visit", "units": 1, "saving_pounds": 1}]),
        "blocks: ward of h: no solution avoids what it serves"),
    "a ward whose lag ends too late": (
        lambda d: d.update(providers=[{"id": "h"}],
            blocks=[{"id": "ward", "provider": "h", "point_of_delivery": "admission", "units": 1, "saving_pounds": 1, "lag_years": 7}]),
        "blocks: ward of h: its lag ends after the last year"),
    "carrying out of the last year": (
        lambda d: d["budgets"][-1].update(carry_forward_pounds=5), "comes back in none"),
    "a provider that sees nothing": (
        lambda d: d.update(providers=[{"id": "east"}, {"id": "west"}], flows=[{"provider": "east", "point_of_delivery": "admission", "share": 1}]),
        "providers: west: no flow names it"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNUSED)
def test_a_row_that_decides_nothing_is_named(kind):
    change, says = UNUSED[kind]
    content = copy.deepcopy(GOOD)
    change(content)
    assert any(says in text for text in solve(content).answer.matrix.no_effect)
    assert not any(says in text for text in solve(GOOD).answer.matrix.no_effect)


SLIPS = {
    "a tolerance as a percentage": (changed(goals=[{"measure": "npv", "tolerance": 5}]), "For 5% write 0.05"),
    "a share as a percentage": (with_hub(maturity=[60, 100]), "For 60% write 0.6"),
    "a factor as a percentage": (changed(futures=[{"id": "dear", "cost_factor": 15}]), "such as 1.15 for 15% more"),
    "a factor below nothing": (changed(futures=[{"id": "f", "effect_factors": {"hub": -1}}]), "greater than or equal to 0"),
    "optimism as a percentage": (changed(optimism_bias={"capital": 44}), "less than or equal to 5"),
    "a marginal price as a share": (
        changed(prices=[{"point_of_delivery": "admission", "tariff_pounds": 2000, "marginal_pounds": 0.7}]), "such as 1400 for 70%"),
    "an effect as a percentage": (
        with_hub(effects=[{"point_of_delivery": "admission", "central": 30}]),
        "such as 0.3 for 30%, not central = 30",
    ),
    "pounds as they are printed": (with_hub(costs=[{"kind": "recurrent", "pounds": "£1,000"}]), "without £ and commas: 1000"),
    "no year with an effect": (with_hub(maturity=[0, 0]), "at least one share above 0 in maturity"),
    "a locality twice": (with_hub(rollout="locality", localities=["a", "a"]), "each locality once"),
    "staff of nobody": (
        changed(providers=[{"id": "h"}], blocks=[{"id": "w", "provider": "h", "point_of_delivery": "admission", "units": 1, "saving_pounds": 1, "staff_wte": 2}]),
        "a staff_group beside staff_wte"),
    "no grade that is weak": (changed(evidence_guard={"most": 0.2, "grades": []}), "at least 1 entry"),
    "a goal in capitals": (changed(goals=[{"measure": "NPV"}]), "Did you mean 'npv'?"),
    "a reserved word in capitals": (changed(providers=[{"id": "Commissioner"}]), "which stands for who pays"),
    "a benefit in capitals": (with_hub(benefits=[{"id": "NPV", "unit": "QALY", "amount": 1}]), "the name of a built-in measure"),
    "one staff group in two spellings": (
        changed(staff=[{"staff_group": "nurse", "wte": 1}, {"staff_group": "Nurse", "wte": 1}]), "which differ in capitals alone"),
    "shares of a flow that nothing uses": (
        changed(providers=[{"id": "east"}, {"id": "west"}], activity=[{"point_of_delivery": "admission", "units": 9}, {"point_of_delivery": "visit", "units": 5}],
            flows=[{"provider": "east", "point_of_delivery": "admission", "share": 1}, {"provider": "east", "point_of_delivery": "visit", "share": 0.9}]),
        "flows of visit: found shares that add to 0.9"),
    "activity beyond any solver": (changed(activity=[{"point_of_delivery": "admission", "units": 1e300}]), "a number of at most 1e+14"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SLIPS)
def test_a_slip_of_the_pen_is_refused_with_what_was_meant(kind):
    content, says = SLIPS[kind]
    with pytest.raises(CapitationError) as raised:
        solve(content)
    assert says in str(raised.value)


def test_an_answer_other_than_the_document_expects_is_warned_about():
    right = solve(GOOD)
    known = {"objective": right.headline.objective}
    assert outcome_report(solve(changed(expected=known)))["warnings"] == outcome_report(right)["warnings"]
    said = outcome_report(solve(changed(expected={"objective": known["objective"] + 9})))["warnings"]
    assert any("the document expects npv to be" in warning for warning in said)
    assert any(
        "expects the answer to be infeasible" in w
        for w in outcome_report(solve(changed(expected={"status": "infeasible"})))["warnings"]
    )
