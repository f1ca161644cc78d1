"""`contract restate`, `carry` and `split`: the examples of the README, and what each refuses."""

import json

import polars as pl
import pytest

BEFORE = "provider,year,planned_value,actual_value\na,2019/20,50000000,53000000\nb,2019/20,50000000,46000000\n"
AFTER = BEFORE.replace("46000000", "46500000")


@pytest.fixture
def files(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return [tmp_path / f"{name}.csv" for name in texts]

    return write


def test_a_restatement_reverses_and_replaces_what_moved(capitation, files, tmp_path):
    before, after = files(before=BEFORE, after=AFTER)
    out = tmp_path / "restated"
    done = capitation(
        "contract", "restate", "blended-emergency", before, after, "--out", out, "--reason", "coding", "--json"
    )
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["entries_issued"] == 4
    assert [row["change_gbp"] for row in said["moved"]] == ["100000.00", "-100000.00"]
    assert said["moved"][0]["because"] == "actual_value 46000000 -> 46500000"
    net = pl.read_csv(out / "net.csv").filter(pl.col("party") == "b")
    assert net.get_column("amount_gbp").to_list() == [49_300_000.0]
    entries = pl.read_csv(out / "entries.csv")
    assert entries.group_by("standing").len().sort("standing").rows() == [
        ("original", 4),
        ("replacement", 2),
        ("reversal", 2),
    ]


def test_a_restatement_of_final_figures_needs_a_reason_and_an_empty_folder(capitation, files, tmp_path):
    before, after = files(before=BEFORE, after=AFTER)
    words = ("contract", "restate", "blended-emergency", before, after, "--status", "restated", "--out", tmp_path)
    done = capitation(*words)
    assert done.code == 2
    assert "--reason" in done.err
    assert "a folder with files in it" in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["after.csv", "before.csv"]


def test_balances_are_carried_over_files_in_the_order_of_their_periods(capitation, files, tmp_path):
    first, second = files(
        first="treaty,year,premium,losses\nT,2019,10000000,10500000\nT,2020,11000000,8000000\n",
        second="treaty,year,premium,losses,deficit_before\nT,2021,12000000,9000000,0\n",
    )
    out = tmp_path / "ledger.csv"
    done = capitation("contract", "carry", "profit-commission", first, second, "--out", out)
    assert done.code == 0, done.err
    ledger = pl.read_csv(out)
    assert ledger.get_column("closing_gbp").to_list() == [1_500_000.0, 0.0, 0.0]
    assert ledger.get_column("taken_gbp").to_list() == [0.0, 1_500_000.0, 0.0]


def test_a_period_that_opens_elsewhere_than_the_one_before_closed_is_refused(capitation, files, tmp_path):
    first, second = files(
        first="treaty,year,premium,losses\nT,2019,10000000,10500000\n",
        second="treaty,year,premium,losses,deficit_before\nT,2020,12000000,9000000,0\n",
    )
    done = capitation("contract", "carry", "profit-commission", first, second, "--out", tmp_path / "ledger.csv")
    assert done.code == 2
    assert "1500000" in done.err.replace(",", "").replace("1500000.00", "1500000") or "150000000" in done.err
    assert not (tmp_path / "ledger.csv").exists()


def test_a_year_settled_once_and_in_its_halves(capitation, files, tmp_path):
    head = "account,year,cap_rate,arrangement,benchmark,spend\nA,2018,0.05,A,50000000,"
    half1, half2 = files(half1=head + "47000000\n", half2=head + "52000000\n")
    out = tmp_path / "split.csv"
    words = ("contract", "split", "next-generation-aco", half1, half2, "--flows", "benchmark,spend", "--out", out)
    done = capitation(*words)
    assert done.code == 0, done.err
    found = pl.read_csv(out).select("once", "first", "second", "difference").row(0)
    assert found == (784_000, 1_960_000, -1_600_000, 424_000)


def test_a_flow_that_is_no_input_is_refused_with_the_near_one(capitation, files, tmp_path):
    head = "account,year,cap_rate,arrangement,benchmark,spend\nA,2018,0.05,A,50000000,"
    half1, half2 = files(half1=head + "47000000\n", half2=head + "52000000\n")
    out = tmp_path / "split.csv"
    done = capitation("contract", "split", "next-generation-aco", half1, half2, "--flows", "spent", "--out", out)
    assert done.code == 2
    assert "'spend'" in done.err
    assert not out.exists()


def test_a_file_that_does_not_begin_where_the_one_before_ended_is_named(capitation, files, tmp_path):
    first, second = files(
        first="treaty,year,premium,losses\nT,2019,10000000,10500000\nT,2020,11000000,8000000\n",
        second="treaty,year,premium,losses,deficit_before\nT,2021,12000000,9000000,5\n",
    )
    out = tmp_path / "ledger.csv"
    done = capitation("contract", "carry", "profit-commission", first, second, "--out", out)
    assert done.code == 2
    assert "second.csv: the periods do not follow" in done.err
    assert "500 pence" in done.err
    assert not out.exists()


def test_lines_of_a_file_are_its_own_where_some_are_blank(capitation, files, tmp_path):
    (rows,) = files(rows="treaty,year,premium,losses\n\nT,2019,10000000,10500000\n\nT,2020,11000000,\n")
    done = capitation("contract", "carry", "profit-commission", rows, "--out", tmp_path / "ledger.csv")
    assert done.code == 2
    assert "rows.csv: line 5" in done.err
