"""The Medicare Shared Savings Program contract: published settlements of 2023, and every year's rules a second way."""

import json
import math
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import ContractError
from contracts.document.contract import read_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle
from contracts.settlement.worked_cases import run_cases

ROOT = Path(__file__).parents[3]
PATH = ROOT / "data" / "england" / "contracts" / "mssp.toml"
CONTRACT = read_contract(PATH)

NOT_DERIVABLE = {"A1241": -514_862, "A4627": -426_194, "A5293": -832_705}
"""Accounts whose limit rests on their own revenue, which is not published: settled less published, in dollars."""

PUBLISHED_OUTPUTS = [
    "pub_savings_rate",
    "pub_gen_save_loss",
    "pub_final_share_rate",
    "pub_final_loss_rate",
    "pub_earned",
    "pub_aip_recoup",
    "pub_aip_owe",
    "pub_adv_pay_recoup",
]


@pytest.fixture(scope="session")
def published(shared) -> pl.DataFrame:
    path = shared / "reference" / "mssp" / "settlement_2023.csv"
    return pl.read_csv(path, infer_schema=False)


def _misses(published: pl.DataFrame, earned: pl.Series) -> pl.DataFrame:
    return published.select(
        "aco_id",
        "derivable",
        pl.col("tol_earned").cast(pl.Float64),
        (earned - pl.col("pub_earned").cast(pl.Int64)).alias("miss"),
    )


def test_every_account_of_2023_is_settled_within_the_published_rounding_but_the_three_that_cannot_be(published):
    done = settle(CONTRACT, published)
    misses = _misses(published, done.results.get_column("earned"))
    outside = misses.filter(pl.col("miss").abs() > pl.col("tol_earned"))
    assert misses.height == 453
    assert dict(outside.select("aco_id", "miss").iter_rows()) == NOT_DERIVABLE
    assert set(misses.filter(pl.col("derivable") == "False").get_column("aco_id")) == set(NOT_DERIVABLE)
    assert misses.filter(pl.col("miss").abs() <= 1).height == 450


def test_the_three_that_rest_on_revenue_are_named_by_a_notice(published):
    three = published.filter(pl.col("aco_id").is_in(list(NOT_DERIVABLE)))
    notices = settle(CONTRACT, three).notices.filter(pl.col("name") == "revenue_not_known")
    assert notices.item(0, "rows") == 3
    assert notices.item(0, "says").endswith("(A1241, A4627, A5293)")


def test_a_revenue_that_explains_the_published_loss_reproduces_it(published):
    # A1241: the limit was 1,149,065 owed + 823,342 relief = 1,972,407, which is 8% of a revenue of 24,655,087.50.
    one = published.filter(pl.col("aco_id") == "A1241").with_columns(aco_revenue=pl.lit("24655087.5"))
    assert settle(CONTRACT, one).results.item(0, "earned") == -1_149_065


def test_intermediate_figures_of_2023_are_those_published(published):
    values = settle(CONTRACT, published).values
    number = [pl.col(c).cast(pl.Float64) for c in PUBLISHED_OUTPUTS[:4]]
    pub = published.select(number)
    generated = values.get_column("generated_savings") - values.get_column("generated_loss")
    # Benchmark and spend are printed in whole dollars, so their difference can be one dollar off.
    assert (generated - pub.get_column("pub_gen_save_loss")).abs().max() <= 1
    assert (values.get_column("savings_rate") - pub.get_column("pub_savings_rate")).abs().max() <= 0.00005 + 1e-12
    assert (values.get_column("final_share_rate") - pub.get_column("pub_final_share_rate")).abs().max() <= 0.00005
    two_sided = values.get_column("two_sided") == 1
    assert two_sided.sum() == 302
    rates = (values.get_column("final_loss_rate") - pub.get_column("pub_final_loss_rate")).filter(two_sided)
    assert rates.abs().max() <= 0.00005 + 1e-12
    one_sided = published.filter(~two_sided).select("n_assigned", pl.col("pub_msr").cast(pl.Float64))
    table = values.get_column("minimum_rate").filter(~two_sided)
    assert (table - one_sided.get_column("pub_msr")).abs().max() <= 0.00005 + 1e-12


def test_the_published_outputs_are_not_needed(published):
    whole = settle(CONTRACT, published).results.get_column("earned")
    assert settle(CONTRACT, published.drop(PUBLISHED_OUTPUTS)).results.get_column("earned").equals(whole)
    ours = ["tol_earned", "class", "note", "derivable", "aco_name", "person_years"]
    bare = published.drop([*PUBLISHED_OUTPUTS, *ours, "reduced_ss", "guardrail", "rev_loss_limit_flag", "aip_balance"])
    assert settle(CONTRACT, bare).results.get_column("earned").equals(whole)


def test_one_sided_tracks_need_neither_the_printed_rate_nor_the_relief(published):
    one_sided = published.filter(pl.col("track").is_in(["BASIC_A", "BASIC_B"]))
    whole = settle(CONTRACT, one_sided).results.get_column("earned")
    bare = one_sided.drop("pub_msr", "pub_disaster_adj")
    assert settle(CONTRACT, bare).results.get_column("earned").equals(whole)


def test_two_sided_tracks_say_that_their_choice_is_missing(published):
    with pytest.raises(ContractError, match="needed when two_sided, and cannot be derived") as caught:
        settle(CONTRACT, published.drop("pub_msr"), where="rows.csv")
    assert "rows.csv: line 2 (performance_year 2023, months 12, aco_id A1001" in str(caught.value)
    with pytest.raises(ContractError, match="no column 'pub_disaster_adj'"):
        settle(CONTRACT, published.drop("pub_disaster_adj"))


def test_results_do_not_depend_on_the_order_of_rows_or_the_spelling_of_tracks(published):
    whole = settle(CONTRACT, published).results
    spelled = {"BASIC_A": "A", "BASIC_B": "Basic Level B", "BASIC_E": "basic e", "ENHANCED": "EN"}
    mixed = published.with_columns(pl.col("track").replace(spelled)).reverse()
    assert settle(CONTRACT, mixed).results.get_column("earned").reverse().equals(whole.get_column("earned"))


def test_columnar_equals_plain_python_on_every_account(published):
    plain = [row["earned"] for row in reference_settle(CONTRACT, published)]
    assert plain == settle(CONTRACT, published).results.get_column("earned").to_list()


def test_worked_cases_that_ship_give_their_figures():
    assert len(run_cases(CONTRACT)) == 4


@pytest.mark.slow
def test_the_command_writes_one_row_each_and_the_steps(published, tmp_path, shared):
    rows = shared / "reference" / "mssp" / "settlement_2023.csv"
    out, steps = tmp_path / "out.csv", tmp_path / "steps.parquet"
    command = [sys.executable, "-c", "from api.cli.main import main; main()", "settle", str(PATH), str(rows)]
    ran = subprocess.run(
        [*command, "--out", str(out), "--explain", str(steps), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    written = pl.read_csv(out)
    assert written.columns == ["performance_year", "aco_id", "earned"]
    assert written.get_column("aco_id").to_list() == published.get_column("aco_id").to_list()
    assert json.loads(ran.stdout)["rows"] == 453
    explained = pl.read_parquet(steps)
    first = explained.filter(pl.col("aco_id") == "A1001")
    assert first.height == sum(len(t.outputs()) for t in CONTRACT.terms) + len(CONTRACT.outputs)
    levy = first.filter(pl.col("step") == "after_sequestration").row(0, named=True)
    assert levy["value_before"] == pytest.approx(74_924_763.0)
    assert levy["value_after"] == pytest.approx(73_426_267.74)
    assert levy["clause"] == "2 USC 901a"
    assert levy["rule"] == "levy"


@pytest.mark.slow
def test_the_command_writes_nothing_where_a_row_is_at_fault(published, tmp_path):
    broken = published.with_columns(
        pl.when(pl.col("aco_id") == "A1033")
        .then(pl.lit("about a million"))
        .otherwise("benchmark_total")
        .alias("benchmark_total")
    )
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    broken.write_csv(rows)
    command = [
        sys.executable,
        "-c",
        "from api.cli.main import main; main()",
        "settle",
        str(PATH),
        str(rows),
        "--out",
        str(out),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "line 4" in ran.stderr
    assert "'about a million'" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


# Every year's rules, written again in plain Python from the regulation's words, against random accounts of any year.

BANDS = [
    (1, 499, 12.2, 12.2),
    (500, 999, 12.2, 8.7),
    (1000, 2999, 8.7, 5.0),
    (3000, 4999, 5.0, 3.9),
    (5000, 5999, 3.9, 3.6),
    (6000, 6999, 3.6, 3.4),
    (7000, 7999, 3.4, 3.2),
    (8000, 8999, 3.2, 3.1),
    (9000, 9999, 3.1, 3.0),
    (10_000, 14_999, 3.0, 2.7),
    (15_000, 19_999, 2.7, 2.5),
    (20_000, 49_999, 2.5, 2.2),
    (50_000, 59_999, 2.2, 2.0),
]
ONE_SIDED = {"1", "A", "B"}
TOP = {"1": 0.5, "1+": 0.5, "2": 0.6, "3": 0.75, "A": 0.4, "B": 0.4, "C": 0.5, "D": 0.5, "E": 0.5, "EN": 0.75}
LIMIT = {"1+": 0.04, "3": 0.15, "C": 0.01, "D": 0.02, "E": 0.04, "EN": 0.15}


def _table_rate(persons: int) -> float:
    for low, high, start, end in BANDS:
        if low <= persons <= high:
            return (start + (end - start) * (persons - low) / (high - low)) / 100
    return 0.02


def _earned(a: dict) -> float:
    """What an account earns or owes, unrounded, from the numbered rules of the program."""
    year, track = a["performance_year"], a["track"]
    gain = a["benchmark_total"] - a["expenditure_total"]
    rate = gain / a["benchmark_total"]
    if track in ONE_SIDED:
        minimum = _table_rate(a["n_assigned"])
    else:
        printed = a["pub_msr"]
        minimum = (
            _table_rate(a["n_assigned"])
            if printed == round(_table_rate(a["n_assigned"]), 4) and printed not in (0.0, 0.005, 0.01, 0.015, 0.02)
            else printed
        )
    met, alternative, quality = a["met_qps"], a["met_alt_qps"], a["quality_score"]
    if year <= 2020:
        share = TOP[track] * quality if met else 0.0
    elif year <= 2022:
        share = TOP[track] if met else 0.0
    else:
        share = TOP[track] if met else TOP[track] * quality if alternative else 0.0
    levy = 0.0 if year in (2019, 2020) else 0.02
    cap = {"2": 0.15, "3": 0.20, "EN": 0.20}.get(track, 0.10) * a["benchmark_total"]
    shared = 0.0
    half = (
        year >= 2024
        and a["current_start_date"] >= "2024-01-01"
        and track in {"A", "B", "C", "D", "E"}
        and a["revenue_category"] == "Low Revenue"
        and a["n_assigned"] >= 5000
    )
    if gain > 0 and not a["guardrail"]:
        if rate >= minimum:
            shared = gain * share
        elif half:
            shared = gain * share / 2
    result = min(shared * (1 - levy), cap)
    if track not in ONE_SIDED and gain < 0 and -rate >= minimum:
        if track in {"1+", "C", "D", "E"}:
            loss_rate = 0.30
        elif not met and not (alternative and year >= 2023):
            loss_rate = 0.60 if track == "2" else 0.75
        else:
            loss_rate = min(max(1 - TOP[track] * quality, 0.40), 0.60 if track == "2" else 0.75)
        agreement = min(max(year - int(a["current_start_date"][:4]) + 1, 1), 3)
        limit = {1: 0.05, 2: 0.075, 3: 0.10}[agreement] if track == "2" else LIMIT[track]
        owed = min(-gain * loss_rate, limit * a["benchmark_total"])
        relief = -a["pub_disaster_adj"] * a["months"] / 12
        result = 0.0 if 2020 <= year <= 2022 else -max(owed - relief, 0.0)
    return result


@st.composite
def _accounts(draw):
    year = draw(st.integers(2013, 2024))
    track = draw(st.sampled_from(sorted(TOP)))
    benchmark = draw(st.integers(20_000_000, 2_000_000_000))
    move = draw(st.floats(-0.4, 0.4, allow_nan=False))
    persons = draw(st.integers(100, 120_000))
    menu = [0.0, 0.005, 0.01, 0.015, 0.02, round(_table_rate(persons), 4)]
    return {
        "performance_year": year,
        "months": draw(st.sampled_from([12, 6])) if year == 2019 else 12,
        "track": track,
        "current_start_date": f"{draw(st.integers(year - 5, year))}-01-01",
        "n_assigned": persons,
        "benchmark_total": float(benchmark),
        "expenditure_total": float(round(benchmark * (1 - move))),
        "quality_score": round(draw(st.floats(0, 1)), 4),
        "met_qps": draw(st.integers(0, 1)),
        "met_alt_qps": draw(st.integers(0, 1)),
        "revenue_category": draw(st.sampled_from(["Low Revenue", "High Revenue"])),
        "guardrail": draw(st.integers(0, 1)) if year >= 2024 else 0,
        "pub_msr": draw(st.sampled_from(menu)),
        "pub_disaster_adj": -float(draw(st.integers(0, 3_000_000))),
    }


@given(st.lists(_accounts(), min_size=1, max_size=40))
def test_every_year_and_track_settles_as_the_rules_say(accounts):
    rows = pl.DataFrame([{**a, "aco_id": f"A{i:04d}"} for i, a in enumerate(accounts)])
    rows = rows.with_columns(pl.col("current_start_date").str.to_date())
    done = settle(CONTRACT, rows)
    for account, unrounded, earned in zip(
        accounts, done.values.get_column("result"), done.results.get_column("earned"), strict=True
    ):
        expected = _earned(account)
        assert unrounded == pytest.approx(expected, rel=1e-12, abs=1e-6), account
        assert earned == math.copysign(math.floor(abs(expected) + 0.5), expected) or abs(abs(expected) % 1 - 0.5) < 1e-5
    assert [row["earned"] for row in reference_settle(CONTRACT, rows)] == done.results.get_column("earned").to_list()


def _account(**changes) -> pl.DataFrame:
    base = {
        "performance_year": "2024",
        "months": "12",
        "aco_id": "A0001",
        "track": "BASIC_E",
        "current_start_date": "01/01/2024",
        "n_assigned": "6000",
        "benchmark_total": "100000000",
        "expenditure_total": "99000000",
        "quality_score": "0.8",
        "met_qps": "1",
        "revenue_category": "Low Revenue",
        "pub_msr": "0.02",
        "pub_disaster_adj": "0",
    }
    return pl.DataFrame([{**base, **changes}])


@pytest.mark.parametrize(
    ("case", "changes", "earned"),
    [
        ("half the rate below the minimum: 1m x .25 x .98", {}, 245_000),
        ("the file says that the half rate is not paid", {"reduced_ss": "0"}, 0),
        ("an agreement from before 2024 has no half rate", {"current_start_date": "07/01/2022"}, 0),
        ("the half rate did not exist in 2023", {"performance_year": "2023", "current_start_date": "01/01/2023"}, 0),
        ("high revenue has no half rate", {"revenue_category": "High Revenue"}, 0),
        ("the guardrail of 2024 shuts a gain of 3m", {"expenditure_total": "97000000", "guardrail": "1"}, 0),
        ("past the minimum: 3m x .5 x .98", {"expenditure_total": "97000000"}, 1_470_000),
        (
            "only the alternative standard: 3m x .5 x .8 x .98",
            {"expenditure_total": "97000000", "met_qps": "0", "met_alt_qps": "Y"},
            1_176_000,
        ),
        (
            "no alternative in 2022",
            {"performance_year": "2022", "expenditure_total": "97000000", "met_qps": "0", "met_alt_qps": "1"},
            0,
        ),
        (
            "2020 by score, no sequestration: 3m x .5 x .8",
            {"performance_year": "2020", "expenditure_total": "97000000"},
            1_200_000,
        ),
        (
            "2018 by score, 2%: 3m x .5 x .8 x .98",
            {"performance_year": "2018", "track": "1+", "expenditure_total": "97000000"},
            1_176_000,
        ),
        (
            "a half year of 2019 on its own totals: 3m x .5 x .8",
            {"performance_year": "2019", "months": "6", "expenditure_total": "97000000"},
            1_200_000,
        ),
        (
            "the same, stated on twelve months: half of it",
            {"performance_year": "2019", "months": "6", "expenditure_total": "97000000", "basis": "12 months"},
            600_000,
        ),
        (
            "Track 3 with the standard wholly failed owes at the top loss rate of its section: 4m x .75",
            {"performance_year": "2018", "track": "T3", "expenditure_total": "104000000", "met_qps": "0"},
            -3_000_000,
        ),
        (
            "Track 2 in the same place: 4m x .60",
            {"performance_year": "2018", "track": "T2", "expenditure_total": "104000000", "met_qps": "0"},
            -2_400_000,
        ),
        (
            "a loss of 2021 is forgiven in full",
            {
                "performance_year": "2021",
                "track": "BASIC_C",
                "expenditure_total": "101400000",
                "pub_disaster_adj": "-150000",
            },
            0,
        ),
        (
            "and so is one of 2020 without a printed relief",
            {"performance_year": "2020", "expenditure_total": "110000000", "pub_disaster_adj": ""},
            0,
        ),
        (
            "2014, P4R in the place of a score: 6m x .5 x .98",
            {
                "performance_year": "2014",
                "track": "T1",
                "current_start_date": "01/01/2014",
                "expenditure_total": "94000000",
                "quality_score": "P4R",
                "met_qps": "",
            },
            2_940_000,
        ),
        (
            "the same without any score in the first year of the agreement",
            {
                "performance_year": "2014",
                "track": "T1",
                "current_start_date": "01/01/2014",
                "expenditure_total": "94000000",
                "quality_score": "",
                "met_qps": "",
            },
            2_940_000,
        ),
        (
            "a Track 2 loss below its minimum needs no start date",
            {"performance_year": "2014", "track": "T2", "current_start_date": "", "expenditure_total": "101000000"},
            0,
        ),
        (
            "nor does one below the lowest limit: 4m x .52",
            {"performance_year": "2014", "track": "T2", "current_start_date": "", "expenditure_total": "104000000"},
            -2_080_000,
        ),
        (
            "2013, pay for reporting without a score: 3m x .6 x .98",
            {
                "performance_year": "2013",
                "track": "Track 2",
                "current_start_date": "07/01/2012",
                "quality_score": "",
                "expenditure_total": "97000000",
            },
            1_764_000,
        ),
        (
            "the payment limit comes after the levy: min(30m x .5 x .98, 10m)",
            {"expenditure_total": "70000000"},
            10_000_000,
        ),
        (
            "Track 2 in its first year owes at most 5%: 20m x .52 = 10.4m",
            {
                "performance_year": "2013",
                "track": "2",
                "current_start_date": "07/01/2012",
                "expenditure_total": "120000000",
            },
            -5_000_000,
        ),
        (
            "in its second year 7.5%",
            {
                "performance_year": "2014",
                "track": "2",
                "current_start_date": "07/01/2012",
                "expenditure_total": "120000000",
            },
            -7_500_000,
        ),
        (
            "in its third year 10%",
            {
                "performance_year": "2015",
                "track": "2",
                "current_start_date": "07/01/2012",
                "expenditure_total": "120000000",
            },
            -10_000_000,
        ),
        ("BASIC C owes at most 1%", {"track": "BASIC C", "expenditure_total": "110000000"}, -1_000_000),
        (
            "or 2% of its revenue where that is known and less",
            {"track": "BASIC C", "expenditure_total": "110000000", "aco_revenue": "20000000"},
            -400_000,
        ),
        (
            "relief comes after the limit, and is brought from twelve months to the half year: 4m - .5m",
            {
                "performance_year": "2019",
                "months": "6",
                "expenditure_total": "120000000",
                "pub_disaster_adj": "-1000000",
            },
            -3_500_000,
        ),
        ("relief never makes a gain", {"expenditure_total": "103000000", "pub_disaster_adj": "-9000000"}, 0),
        (
            "ENHANCED without quality owes 75%",
            {"track": "ENHANCED", "expenditure_total": "110000000", "met_qps": "0", "met_alt_qps": "0"},
            -7_500_000,
        ),
        (
            "a one-sided track never owes",
            {"performance_year": "2018", "track": "1", "expenditure_total": "120000000"},
            0,
        ),
        (
            "paid on a stated day while sequestration stood at 1%",
            {"performance_year": "2021", "expenditure_total": "97000000", "paid_on": "2022-05-15"},
            1_485_000,
        ),
    ],
)
def test_a_rule_of_a_year(case, changes, earned):
    assert settle(CONTRACT, _account(**changes)).results.item(0, "earned") == earned, case


def test_a_start_date_is_asked_for_where_it_could_change_the_result():
    rows = _account(performance_year="2014", track="T2", current_start_date="", expenditure_total="120000000")
    with pytest.raises(ContractError, match="'current_start_date': found an empty cell"):
        settle(CONTRACT, rows)


def test_an_advance_is_recouped_from_what_is_earned():
    rows = pl.concat(
        [
            _account(aip_balance="200000"),
            _account(aco_id="A0002", aip_balance="900000"),
            _account(aco_id="A0003", expenditure_total="110000000", aip_balance="900000"),
        ]
    )
    done = settle(CONTRACT, rows).results
    assert done.get_column("advance_recouped").to_list() == [200_000, 245_000, 0]
    assert done.get_column("advance_owed").to_list() == [0, 655_000, 900_000]
    assert done.get_column("earned").to_list() == [245_000, 245_000, -3_000_000]
