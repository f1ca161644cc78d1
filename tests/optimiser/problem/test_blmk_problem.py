"""The whole BLMK problem: made from policy and run, kept as written, solved in time, and revalued without the optimiser."""

import doctest
import json
import time
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from capitation.activity.printed_plan import activity_plan, vacancy_rates
from capitation.errors import DocumentError
from capitation.records.documents import parse_document, read_mapping
from capitation.records.years import FinancialYear
from capitation.shift.avoided_value import avoided_worth, service_costs, unit_values
from capitation.shift.calibration import calibrate
from capitation.shift.channel_shift import channel_shift
from capitation.shift.effects import Launch, programme_name
from capitation.shift.solution import read_solutions
from optimiser.answers.optimise import optimise
from optimiser.answers.whole.former import read_former
from optimiser.blocks.cash import solution_savings
from optimiser.blocks.start import starts
from optimiser.links.from_run import (
    RunRows,
    deficits,
    marginal_share_rows,
    parts_of_run,
    problem_from_run,
    shift_localities,
    written_problem,
)
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import read_problem
from optimiser.problem.tables import tables_of

pytestmark = pytest.mark.slow

YEARS = [FinancialYear(y) for y in ("2016/17", "2017/18", "2018/19", "2019/20", "2020/21")]


@pytest.fixture(scope="module")
def policy(pack):
    return pack.root / "problems" / "blmk" / "policy.toml"


@pytest.fixture(scope="module")
def shipped(pack):
    return pack.root / "problems" / "blmk.toml"


@pytest.fixture(scope="module")
def problem(shipped):
    return read_problem(shipped)


@pytest.fixture(scope="module")
def outcome(blmk_mix):
    return blmk_mix.outcome


@pytest.fixture(scope="module")
def revalued(outcome, pack, blmk_run):
    """The optimiser's mix valued by `channel_shift`, which shares no code with the programme."""
    solutions = calibrate(read_solutions(pack.root / "solutions"), activity_plan(pack)).solutions
    places = shift_localities(blmk_run, "2016/17")
    codes = {programme_name(c): c for c in places["locality_code"]} | {"ALL": "ALL"}
    launched = outcome.answer.column("launch").filter(pl.col("value") > 1e-9)
    mix = launched.select(
        "solution", pl.col("place").replace_strict(codes).alias("locality_code"), "year", pl.col("value").alias("scale")
    )
    return channel_shift(solutions, Launch.validate(mix), blmk_run.frame("locality_activity"), places)


def test_it_has_the_size_the_system_has(problem):
    assert len(problem.solutions) == 16
    assert len(problem.localities) == 25
    assert len({f.provider for f in problem.flows}) >= 12
    assert [str(y) for y in problem.years] == [str(y) for y in YEARS]
    matrix = programme_matrix(problem)
    assert matrix.integer.sum() > 100  # go or no-go by place and year
    assert 1_000 < matrix.column_count < 20_000


def test_the_shipped_files_are_what_policy_and_run_give(policy, shipped):
    files = written_problem(problem_from_run(policy), shipped.parent)
    assert len(files) == 3
    for path, content in files.items():
        assert path.read_bytes() == content, f"{path} is out of date: write it again from {policy}"


def test_what_is_written_reads_back_as_the_same_problem(policy, problem):
    assert problem == problem_from_run(policy)


def test_the_command_solves_it_within_half_a_percent_and_a_minute(capitation, problem, shipped, blmk_mix, monkeypatch):
    asked = []

    def solved(document, **how):
        asked.append((document, how["engine"], how["gap"]))
        return blmk_mix.outcome

    monkeypatch.setattr("api.cli.commands.optimise.best_mix", solved)  # what it gives was looked for once
    began = time.perf_counter()
    answer = capitation("optimise", shipped, "--engine", "highs", "--gap", "0.005", "--json")
    spent = blmk_mix.seconds + time.perf_counter() - began
    assert asked == [(problem, "highs", 0.005)]
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found["status"] in {"optimal", "gap"}
    assert found["gap"] <= 0.005
    assert found["bound"] >= found["objective"]
    assert spent < 60
    assert found["certificate"] <= 1e-6
    assert set(found["mix"]) == {s for s in found["mix"] if (shipped.parents[1] / "solutions" / f"{s}.toml").is_file()}
    assert len(found["mix"]) == 16


def test_the_best_mix_is_known(outcome, shipped):
    """Whole wards only, empty by the exact product: the stored mix or a better one, which its bound proves within half a percent."""
    stored = read_former(shipped.with_suffix("") / "start.json")
    assert stored.is_of(outcome.headline.matrix), "the stored mix is of another programme: search it again"
    assert 90_000_000 <= outcome.headline.objective <= stored.bound
    assert outcome.headline.objective >= stored.objective - 1
    assert outcome.headline.objective <= outcome.headline.best_possible <= stored.bound + 1
    # floors hold by the exact product, and what is claimed beyond it is said
    exact = outcome.exact.by_point_of_delivery.group_by("point_of_delivery").agg(pl.col("exact").sum())
    units = dict(exact.iter_rows())
    assert units["ae"] >= 60_000 - 0.1
    assert units["non_elective"] >= 25_000 - 0.1
    assert 0 <= outcome.exact.claimed_npv - outcome.exact.npv < 200_000
    # with parts of wards it would be worth some 24 million more, which no hospital could save
    assert 115_500_000 < outcome.parts_bound < 116_200_000


@pytest.mark.deep
def test_both_engines_find_the_same(outcome, problem):
    """With parts of wards, which both prove in seconds; whole ones take either engine longer than a test should."""
    parts = problem.model_copy(update={"whole_blocks": False})
    found = [optimise(parts, engine=engine, gap=0.005, time_limit=60).headline for engine in ("highs", "pulp")]
    assert all(answer.status in {"optimal", "gap"} for answer in found)
    low, high = sorted(answer.objective for answer in found)
    assert high <= low * 1.005
    assert all(answer.best_possible >= high * (1 - 1e-9) for answer in found)
    assert low > outcome.headline.objective


def test_the_mix_avoids_what_the_product_says_it_avoids(outcome, revalued):
    last = outcome.exact.by_point_of_delivery
    ours = (
        revalued.activity.with_columns(pl.col("point_of_delivery").str.replace_all("-", "_"))
        .group_by("point_of_delivery", "year")
        .agg(pl.col("avoided").sum())
    )
    both = last.join(ours, on=["point_of_delivery", "year"], how="left")
    assert both.height > 20
    assert both.select((pl.col("exact") - pl.col("avoided")).abs().max()).item() <= 0.5 + 1e-3
    assert abs(outcome.exact.over_claim) < 0.01


def test_the_mix_costs_and_employs_what_the_programme_says(outcome, revalued, problem):
    """Solutions only: contacts, capacity and recruitment are paid from the same purses and added by the programme."""
    spend = {(k, y): v for k, y, v in outcome.answer.column("spend").select("kind", "year", "value").iter_rows()}
    costs = revalued.costs.group_by("kind", "year").agg(pl.col("cost_pence").sum())
    assert costs.height > 8
    for kind, year, pence in costs.iter_rows():
        assert pence / 1e5 <= spend[kind, year] + 0.01, (kind, year)
    price = {p.id: float(p.contact_cost_pounds) / 1000 for p in problem.points_of_delivery}
    received = outcome.answer.column("received").group_by("point_of_delivery", "year").agg(pl.col("value").sum())
    extra = dict.fromkeys((str(y) for y in YEARS), 0.0)
    for pod, year, contacts in received.iter_rows():
        extra[year] += contacts * price[pod]
    added = outcome.answer.column("capacity_added")
    assert added["value"].abs().max() < 1e-6  # room is enough for this mix
    for kind, year, pence in costs.filter(kind="recurrent").iter_rows():
        assert spend[kind, year] == pytest.approx(pence / 1e5 + extra[year], abs=0.01)
    wte = revalued.workforce.filter(year="2020/21")["workforce_wte"].sum()
    assert wte == pytest.approx(outcome.answer.measure("wte"), abs=1e-3)


def test_the_mix_at_tariff_and_at_contract(outcome, revalued, pack, blmk_run, policy):
    """Income lost as the programme counts it against whole units times whole pence: within what rounding can move."""
    texts = [str(y) for y in YEARS]
    spec = parse_document(read_mapping(policy)["run"], RunRows, "run")
    shares = marginal_share_rows(spec, blmk_run, pack, texts)
    each = unit_values(blmk_run.frame("unit_cost"), shares, service_costs(pack), spec.contract, texts)
    worth = avoided_worth(revalued.activity, blmk_run.frame("flow"), each)
    claimed = outcome.answer.measure("avoided_at_contract")
    assert worth.values["contract_pence"].sum() / 100 == pytest.approx(claimed, rel=0.01)
    assert worth.values["tariff_pence"].sum() / 100 == pytest.approx(
        outcome.answer.measure("avoided_at_tariff"), rel=0.01
    )
    assert worth.values["contract_pence"].sum() < worth.values["tariff_pence"].sum()
    assert worth.parties.filter(party="system")["transfer_pence"].to_list() == [0] * worth.parties["year"].n_unique()


def test_system_cash_holds_no_transfer(outcome):
    """NPV to the system is NPV to the commissioner plus what the providers gain or lose."""
    answer, tables = outcome.answer, tables_of(outcome.problem)
    factor = dict(tables.years.select("year", "discount").iter_rows())
    stranded = sum(v * factor[y] for y, v in answer.column("stranded").select("year", "value").iter_rows()) * 1000
    support = sum(v * factor[y] for y, v in answer.column("support").select("year", "value").iter_rows()) * 1000
    to_providers = solution_savings(tables).filter(pl.col("falls_to") != "commissioner")
    weights = starts(tables).select("solution", "place", "weight")
    saved = (
        answer.column("effective")
        .join(to_providers, on="solution")
        .join(weights, on=["solution", "place"])
        .join(tables.years.select("year", "discount"), on="year")
        .select((pl.col("value") * pl.col("thousand") * pl.col("weight") * pl.col("discount")).sum())
        .item()
        * 1000
    )
    providers = saved - stranded + support
    assert answer.measure("system_npv") == pytest.approx(answer.measure("commissioner_npv") + providers, abs=1.0)


def test_vacancies_are_the_printed_ones_weighted_by_persons(problem, pack, blmk_run):
    people = blmk_run.frame("population").filter(pl.col("year") == "2016/17")
    by_area = people.join(blmk_run.frame("membership"), on="practice_code").group_by("commissioner_code")
    persons = dict(by_area.agg(pl.col("registered_persons").sum()).iter_rows())
    rates = vacancy_rates(pack)
    staff = {s.staff_group: s for s in problem.staff}
    for group, printed in (("community_nurse", "district-nursing"), ("therapist", "occupational-therapy")):
        rows = rates.filter(staff_group=printed)
        areas = rows["area_code"].to_list()
        assert len(areas) >= 2
        share = sum(s * persons[a] for _, a, s in rows.iter_rows()) / sum(persons[a] for a in areas)
        assert float(staff[group].vacancy_share) == pytest.approx(share, abs=5e-5)


def test_control_totals_start_from_the_printed_deficits(problem, blmk_run):
    bridge = blmk_run.frame("gap_bridge")
    gaps = deficits(bridge, [str(y) for y in YEARS])
    assert gaps["2016/17"] == 220_000_000  # £24.4m before, £2.2m after STF of £22.2m
    assert gaps["2020/21"] == 31_100_000_000
    assert gaps["2018/19"] == (220_000_000 + 31_100_000_000) // 2
    rows = {str(c.year): c for c in problem.control_totals}
    assert rows["2020/21"].baseline_pounds == -311_000_000
    assert rows["2020/21"].target_pounds == -273_000_000


def test_every_assumption_of_the_policy_is_owned(policy):
    content = read_mapping(policy)
    rows = [*content["staff"], *content["blocks"]]
    rows += [r for key in ("receiving", "provider_limits", "system_totals") for r in content["run"][key]]
    assert len(rows) > 30
    for row in rows:
        assert row["owner"], row
        assert row["where"].strip(), row
        assert row["quality"] in {"red", "amber"}, row


def test_under_capitation_no_provider_loses_income_for_what_is_avoided(policy, pack, blmk_run):
    spec = parse_document(read_mapping(policy)["run"], RunRows, "run")
    calibration = calibrate(read_solutions(pack.root / "solutions"), activity_plan(pack))
    found = {}
    for contract, documents in (("payment_by_results", spec.contract_documents), ("whole_population_capitation", ())):
        changed = spec.model_copy(update={"contract": contract, "contract_documents": documents})
        rows = parts_of_run(changed, YEARS, blmk_run, calibration, pack)["prices"]
        found[contract] = {(r["point_of_delivery"], r["year"]): Decimal(r["marginal_pounds"]) for r in rows}
    assert found["whole_population_capitation"]["non_elective", "2020/21"] == 0
    assert found["payment_by_results"]["non_elective", "2016/17"] == Decimal("1705.75")  # the baseline year itself
    assert found["payment_by_results"]["non_elective", "2017/18"] == Decimal("1194.03")  # above it: x 70%
    assert found["payment_by_results"]["non_elective", "2020/21"] == Decimal(
        "1194.03"
    )  # the document keeps 2016/17's rules
    assert found["payment_by_results"]["ae", "2020/21"] == Decimal("170.40")


def test_every_fault_of_a_run_key_is_told_at_once(policy, tmp_path):
    content = policy.read_text(encoding="utf-8")
    scenario = (policy.parent / "../../scenarios/blmk.toml").resolve()
    content = content.replace("../../scenarios/blmk.toml", str(scenario)).replace('"RC1", "RC9"', '"RC1", "RC99"')
    content = content.replace('contract = "payment_by_results"', 'contract = "payment_by_results"\nsolutions = ["hub"]')
    content = content.replace('point_of_delivery = "social_care"', 'point_of_delivery = "social"')
    bad = tmp_path / "policy.toml"
    bad.write_text(content, encoding="utf-8")
    with pytest.raises(DocumentError) as error:
        problem_from_run(bad)
    for part in ("'hub'", "'RC99'", "'social'"):
        assert part in str(error.value), part


def test_a_policy_without_a_run_is_sent_to_the_reader_of_problems(shipped):
    with pytest.raises(DocumentError, match=r"found no \[run\]"):
        problem_from_run(shipped)


def test_long_tables_stand_in_files_beside_the_document(shipped):
    folder = Path(shipped).parent / "blmk"
    assert pl.read_csv(folder / "activity.csv").height == 25 * 10 * 5
    flows = pl.read_csv(folder / "flows.csv")
    sums = flows.group_by("locality", "point_of_delivery").agg(pl.col("share").sum())
    assert (sums["share"] - 1).abs().max() < 1e-12


def test_the_readme_of_the_problem_holds(policy):
    result = doctest.testfile(str(policy.parent / "README.md"), module_relative=False)
    assert result.attempted == 7
    assert result.failed == 0
