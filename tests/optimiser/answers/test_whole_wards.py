"""Whole wards: the merged programme is a bound, a former mix starts a search, closures have margins, lags share activity."""

import json
from pathlib import Path

import pytest

from capitation.errors import DocumentError
from optimiser.answers import alternatives, frontier
from optimiser.answers.exact import exact_results
from optimiser.answers.optimise import optimise
from optimiser.answers.report import outcome_report
from optimiser.answers.whole import floors, search
from optimiser.answers.whole.closures import closure_sentences, closures, near_plans
from optimiser.answers.whole.former import former_mix, former_text, read_former
from optimiser.answers.whole.merging import alike_localities, merge
from optimiser.answers.whole.search import Search, nothing_bought, solve_whole
from optimiser.blocks.start import starts
from optimiser.engines import highs
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of
from optimiser.problem.tables import tables_of


def system(localities=6, **extra):
    """Localities of two kinds of flows; two solutions that overlap on admissions, a ward of 100 at each of two hospitals."""
    names = [f"place_{i}" for i in range(localities)]
    flows = [
        {"locality": n, "provider": h, "point_of_delivery": "admission", "share": share}
        for i, n in enumerate(names)
        for h, share in (("north", "0.75" if i % 2 else "0.25"), ("south", "0.25" if i % 2 else "0.75"))
    ]
    return problem_of(
        {
            "id": "system",
            "title": "system",
            "years": ["2019/20", "2020/21"],
            "discount_rate": "0.035",
            "perspective": "system",
            "localities": [{"id": n, "persons": 1000 + 100 * i} for i, n in enumerate(names)],
            "providers": [{"id": "north"}, {"id": "south"}],
            "activity": [{"locality": n, "point_of_delivery": "admission", "units": 200 + 10 * i} for i, n in enumerate(names)],
            "flows": flows,
            "prices": [{"point_of_delivery": "admission", "tariff_pounds": 2000, "variable_cost_pounds": 300}],
            "blocks": [
                {"id": "ward", "provider": h, "point_of_delivery": "admission", "units": 100, "saving_pounds": 90000,
                 "most": 4, "owner": "test", "quality": "red"}
                for h in ("north", "south")
            ],
            "solutions": [
                {"id": "teams", "effects": [{"point_of_delivery": "admission", "central": "0.2"}],
                 "costs": [{"kind": "recurrent", "pounds": 150000}]},
                {"id": "hub", "whole": True, "effects": [{"point_of_delivery": "admission", "central": "0.15"}],
                 "costs": [{"kind": "recurrent", "pounds": 90000}]},
            ],
            **extra,
        },
        "system",
        Path(),
    )  # fmt: skip


def test_only_localities_with_the_same_shares_are_alike():
    like = alike_localities(system())
    assert like["place_0"] == like["place_2"] == like["place_4"] == "place_0"
    assert like["place_1"] == like["place_3"] == like["place_5"] == "place_1"


def test_the_merged_programme_is_smaller_and_its_best_is_a_bound():
    problem = system()
    matrix = programme_matrix(problem)
    merged = merge(matrix, alike_localities(problem))
    assert merged is not None
    assert merged.matrix.column_count < matrix.column_count
    assert merged.matrix.integer.sum() == matrix.integer.sum()
    full, small = highs.solve(matrix), highs.solve(merged.matrix)
    assert small.objective >= full.objective - 1e-6
    # nothing but the localities differs here, so the bound is reached
    assert small.objective == pytest.approx(full.objective, rel=1e-6)
    # a mix of the full programme is a mix of the merged one, worth the same
    carried = merged.of(full.values)
    assert float(merged.matrix.cost @ carried) == pytest.approx(float(matrix.cost @ full.values), rel=1e-9)
    activity = merged.matrix.product(carried)
    assert (activity <= merged.matrix.row_upper + 1e-6).all()
    assert (activity >= merged.matrix.row_lower - 1e-6).all()


def test_nothing_is_merged_where_flows_all_differ_or_columns_do():
    problem = system(localities=2)
    assert merge(programme_matrix(problem), alike_localities(problem)) is None
    matrix = programme_matrix(system())
    assert merge(matrix, {f"place_{i}": "place_0" for i in range(6)}) is None


def test_the_search_through_the_merged_programme_finds_the_best(monkeypatch):
    problem = system()
    matrix = programme_matrix(problem)
    best = highs.solve(matrix)
    monkeypatch.setattr(search, "MERGE_FROM", 0)
    found = solve_whole(matrix, alike_localities(problem), Search(gap=1e-3))
    assert found.status in ("optimal", "gap")
    assert found.objective == pytest.approx(best.objective, rel=1e-3)
    assert found.best_possible >= best.objective - 1e-3
    assert found.prices is not None
    assert found.prices.basis == "whole numbers fixed"


def test_a_floor_between_localities_is_kept_though_the_merged_programme_leaves_it_out(monkeypatch):
    problem = system(equity={"floor": "0.9"})
    matrix = programme_matrix(problem)
    best = highs.solve(matrix)
    monkeypatch.setattr(search, "MERGE_FROM", 0)
    found = solve_whole(matrix, alike_localities(problem), Search(gap=1e-3))
    activity = matrix.product(found.values)
    assert (activity >= matrix.row_lower - 1e-5).all()
    assert found.objective == pytest.approx(best.objective, rel=2e-3)


def test_whole_wards_are_the_default_and_the_bound_with_parts_stands_beside():
    report = outcome_report(optimise(system()))
    assert all(row["closed"] == round(row["closed"]) for row in report["closures"])
    assert report["bound_with_parts_of_blocks"] > report["objective"]
    parts = outcome_report(optimise(system(whole_blocks=False)))
    assert parts["objective"] == pytest.approx(report["bound_with_parts_of_blocks"], rel=6e-3)


def test_the_margin_of_a_closure_is_the_activity_gone_less_what_the_wards_served():
    problem = system()
    outcome = optimise(problem)
    rows = closures(problem, outcome.answer)
    assert rows.height
    donated = {(r["provider"], r["year"]): r["value"] for r in outcome.answer.column("donated").iter_rows(named=True)}
    for row in rows.iter_rows(named=True):
        gone = donated[row["provider"], row["year"]]
        assert row["margin"] == pytest.approx(gone - 100 * row["closed"])
        assert row["margin"] >= -1e-6
        assert row["of_a_block"] == pytest.approx(row["margin"] / 100)
    exact = exact_results(problem, outcome.answer)
    for row, claimed in zip(
        closures(problem, outcome.answer, exact).iter_rows(named=True), rows.iter_rows(named=True), strict=True
    ):
        assert row["margin"] == pytest.approx(row["gone"] - row["served"])
        assert -1e-3 <= row["margin"] <= claimed["margin"] + 1e-6  # the programme claims a little more than is gone
    edges = {s.split()[0] for s in closure_sentences(problem, outcome.answer)}
    assert edges == set(rows.filter((rows["year"] == "2020/21") & (rows["of_a_block"] < 0.05))["provider"])


def test_near_plans_close_one_ward_fewer_and_are_worth_no_more():
    problem = system()
    outcome = optimise(problem)
    plans = near_plans(problem, outcome.answer)
    assert plans
    for plan in plans:
        assert plan.loss >= -1e-6
        assert plan.objective == pytest.approx(outcome.answer.objective - plan.loss)


def test_a_search_starts_from_a_former_mix_and_quotes_its_bound_for_the_same_programme_only(tmp_path):
    problem = system()
    outcome = optimise(problem)
    (tmp_path / "start.json").write_text(former_text(former_mix(outcome.answer)))
    former = read_former(tmp_path / "start.json")
    again = optimise(problem, former=former)
    assert again.answer.objective == pytest.approx(outcome.answer.objective, rel=1e-9)
    assert any("proved for this same programme" in note for note in again.answer.notes)
    dearer = system(discount_rate="0.05")
    other = optimise(dearer, former=former)
    assert not any("proved" in note for note in other.answer.notes)
    assert other.answer.objective == pytest.approx(optimise(dearer).answer.objective, rel=1e-6)


def test_a_file_that_is_no_former_mix_is_refused(tmp_path):
    (tmp_path / "start.json").write_text(json.dumps({"goal": "npv", "whole": {"a": 0.5}}))
    with pytest.raises(DocumentError, match="matrix_hash"):
        read_former(tmp_path / "start.json")


def test_blocks_with_different_lags_never_close_on_the_same_activity():
    # 120 admissions gone a year; a ward of 100 that closes at once and one of 100 that waits a year: only one of them can
    def ward(name, lag):
        return {
            "id": name, "provider": "h", "point_of_delivery": "admission", "units": 100, "saving_pounds": 90000,
            "lag_years": lag, "owner": "test", "quality": "red",
        }  # fmt: skip

    problem = problem_of(
        {
            "id": "lags",
            "title": "lags",
            "years": ["2019/20", "2020/21"],
            "discount_rate": "0",
            "perspective": "system",
            "providers": [{"id": "h"}],
            "activity": [{"point_of_delivery": "admission", "units": 400}],
            "prices": [{"point_of_delivery": "admission", "tariff_pounds": 100, "variable_cost_pounds": 10}],
            "blocks": [ward("now", 0), ward("later", 1)],
            "solutions": [{"id": "teams", "effects": [{"point_of_delivery": "admission", "central": "0.3"}]}],
        },
        "lags",
        Path(),
    )
    outcome = optimise(problem)
    closed = outcome.answer.column("block_released")
    assert closed.filter(closed["block"] == "now")["value"].to_list() == pytest.approx([1, 1])
    assert closed.filter(closed["block"] == "later")["value"].to_list() == pytest.approx([0, 0])
    # variable cost 120 x 10 x 2 years, and one ward for two years
    assert outcome.answer.objective == pytest.approx(2400 + 180_000)


def test_buying_nothing_is_known_and_refused_where_a_floor_forbids_it():
    values = nothing_bought(programme_matrix(system()))
    assert values is not None
    asked = system(limits=[{"measure": "avoided_admission", "at_least": 100}])
    assert nothing_bought(programme_matrix(asked)) is None


def test_a_second_goal_that_no_time_was_left_for_is_listed(monkeypatch):
    problem = system(goals=[{"measure": "npv", "tolerance": "0.01"}, {"measure": "avoided"}])
    real, seen = solve_whole, []

    def only_first(matrix, *rest):
        answer = real(matrix, *rest)
        seen.append(matrix.objective)
        if len(seen) == 1:
            return answer
        from dataclasses import replace

        return replace(answer, values=None, status="no_solution_by_limit")

    monkeypatch.setattr("optimiser.answers.optimise.solve_whole", only_first)
    report = outcome_report(optimise(problem))
    assert [goal["measure"] for goal in report["goals"]] == ["npv", "avoided"]
    assert report["goals"][1]["status"].startswith("not reached")
    assert report["status"] == "time_limit"
    assert any("'avoided' was not reached" in note for note in report["notes"])


def test_goals_after_one_without_a_mix_are_listed_as_well():
    goals = [{"measure": "npv"}, {"measure": "avoided"}]
    report = outcome_report(
        optimise(system(limits=[{"measure": "npv", "at_least": 10**9}], goals=goals), explain_infeasible=False)
    )
    assert [(goal["measure"], goal["value"], goal["in_mix"]) for goal in report["goals"]] == [
        ("npv", None, None),
        ("avoided", None, None),
    ]
    assert report["goals"][1]["status"].startswith("not reached")
    assert report["notes"] == ["the goal 'avoided' was not reached either"]


def test_the_first_line_is_of_the_mix_and_says_what_later_goals_took_of_it():
    outcome = optimise(system(goals=[{"measure": "npv", "tolerance": "0.5"}, {"measure": "avoided"}]))
    report = outcome_report(outcome)
    best, mine = report["goals"][0]["value"], report["goals"][0]["in_mix"]
    assert mine == pytest.approx(outcome.answer.measure("npv"))
    assert best * 0.5 - 1e-6 <= mine < best
    assert report["headline"].startswith(f"npv: £{mine:,.0f} (£{best:,.0f} was found before giving way")
    assert report["goals"][1]["in_mix"] == pytest.approx(report["goals"][1]["value"])


def test_a_floor_on_avoided_activity_holds_by_the_exact_product():
    def solution(name, effect, pounds):
        return {
            "id": name,
            "effects": [{"point_of_delivery": "visit", "central": effect}],
            "costs": [{"kind": "recurrent", "pounds": pounds}],
            "workforce": [{"staff_group": name, "wte": 10}],
        }

    names = [f"s{i}" for i in range(4)]
    problem = problem_of(
        {
            "id": "floor",
            "title": "floor",
            "years": ["2020/21"],
            "activity": [{"point_of_delivery": "visit", "units": 10000}],
            "prices": [{"point_of_delivery": "visit", "tariff_pounds": 1}],
            "staff": [{"staff_group": name, "wte": 6} for name in names],  # no more than 0.6 of each
            "solutions": [solution(name, "0.3", 9000) for name in names],
            "limits": [{"measure": "avoided_visit", "at_least": 4000}],
            "overlap": {"pieces": 15},
        },
        "floor",
        Path(),
    )
    plain = highs.solve(programme_matrix(problem))
    from optimiser.answers.exact import exact_results

    assert exact_results(problem, plain).avoided["exact"].sum() < 4000 - 1  # the claim alone breaks the floor
    outcome = optimise(problem)
    report = outcome_report(outcome)
    assert report["exact"]["avoided_visit"] >= 4000 - 0.01
    assert report["exact"]["avoided_visit"] <= 4000 + 5
    assert any("kept by the exact product" in note for note in report["notes"])
    assert report["bound"] >= report["objective"]


def test_what_the_headline_rests_on_adds_up_to_it():
    report = outcome_report(optimise(system(perspective="commissioner")))
    pounds = [row["pounds"] for row in report["drivers"] if "pounds" in row]
    assert sum(pounds) == pytest.approx(report["claimed_npv"], abs=0.01)
    system_report = outcome_report(optimise(system()))
    assert sum(row["pounds"] for row in system_report["drivers"] if "pounds" in row) == pytest.approx(
        system_report["objective"], abs=0.01
    )


def test_a_large_frontier_and_its_alternatives_are_searched_as_the_mix_is(monkeypatch):
    problem = system()
    matrix, like = programme_matrix(problem), alike_localities(problem)
    goals = ("npv", "avoided")
    small = frontier.frontier(matrix, goals, points=3)
    for room in (search, frontier, alternatives):
        monkeypatch.setattr(room, "MERGE_FROM", 0)
    large = frontier.frontier(matrix, goals, points=3, gap=1e-4, like=like)
    assert large.points["npv"].to_list() == pytest.approx(small.points["npv"].to_list(), rel=2e-3)
    assert large.points["avoided"].to_list() == pytest.approx(small.points["avoided"].to_list(), rel=2e-3)
    best = optimise(problem).headline
    weights = starts(tables_of(problem)).select("solution", "place", "weight")
    near = [
        alternatives.alternatives(best.matrix, best, weights, within=0.05, directions=2, gap=1e-4, like=given)
        for given in (None, like)
    ]
    for name in ("least", "most"):
        assert near[1].ranges[name].to_list() == pytest.approx(near[0].ranges[name].to_list(), abs=0.02)


def test_a_near_plan_says_what_it_closes_and_what_that_costs():
    problem = system()
    outcome = optimise(problem)
    plan = near_plans(problem, outcome.answer)[0]
    assert f"at {plan.provider} instead of {plan.closed + 1:g}" in plan.sentence("£")
    assert f"£{abs(plan.loss):,.0f} less" in plan.sentence("£")


def test_closed_wards_are_empty_by_the_exact_product_and_not_by_the_claim_alone():
    problem = system()
    tables = tables_of(problem)
    claimed = highs.solve(programme_matrix(problem))
    broken = floors._left_open(problem, claimed, tables)
    assert broken
    assert all(closure.exact < closure.served for closure in broken)
    outcome = optimise(problem)
    assert floors._left_open(problem, outcome.answer, tables) == []
    assert not outcome.warnings
    # the same wards close, at a little more scale
    assert outcome.answer.column("block_released").equals(claimed.column("block_released"))
    assert claimed.objective - 20_000 < outcome.headline.objective <= claimed.objective
    assert any("closures are kept by the exact product" in note for note in outcome.headline.notes)
