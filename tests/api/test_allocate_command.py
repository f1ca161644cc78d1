"""`capitation allocate`: one total over the rows of a file."""

import json

import polars as pl

WEIGHTS = "place,practice,weighted_persons\nA,g1,1.5\nA,g2,1.5\nB,g3,1.5\n"


def write(tmp_path, text):
    path = tmp_path / "weights.csv"
    path.write_text(text)
    return path


def test_a_pound_over_two_levels(capitation, tmp_path):
    out = tmp_path / "out.csv"
    answer = capitation(
        "allocate",
        "--total",
        "1.00",
        "--weights",
        write(tmp_path, WEIGHTS),
        "--levels",
        "place,practice",
        "--out",
        out,
        "--json",
    )
    assert answer.code == 0, answer.err
    rows = {(r["level"], r["code"]): r["allocation_gbp"] for r in json.loads(answer.out)["rows"]}
    assert rows["place", "A"] == "0.67"
    assert rows["practice", "g1"] == "0.34"
    written = pl.read_csv(out, infer_schema=False)
    assert dict(written.filter(pl.col("level") == "practice").select("code", "allocation_gbp").iter_rows()) == {
        "g1": "0.34",
        "g2": "0.33",
        "g3": "0.33",
    }


def test_the_table_ends_with_each_level_s_sum(capitation, tmp_path):
    answer = capitation(
        "allocate", "--total", "1.00", "--weights", write(tmp_path, WEIGHTS), "--levels", "place,practice"
    )
    assert "practice: 3 rows, 1.00 pounds" in answer.out


def test_every_fault_is_told_with_exit_code_2_and_nothing_written(capitation, tmp_path):
    out = tmp_path / "out.csv"
    bad = write(tmp_path, "place,practice,weighted_persons\nA,g1,-1\nB,g1,many\n")
    answer = capitation("allocate", "--total", "1", "--weights", bad, "--levels", "place,practice", "--out", out)
    assert answer.code == 2
    assert "line 3, column 'weighted_persons'" in answer.err
    assert not out.exists()


def test_parts_of_a_penny_and_repeated_levels_are_refused(capitation, tmp_path):
    path = write(tmp_path, WEIGHTS)
    assert "parts of a penny" in capitation("allocate", "--total", "1.001", "--weights", path, "--levels", "place").err
    answer = capitation("allocate", "--total", "1", "--weights", path, "--levels", "place,place")
    assert (answer.code, "different column names" in answer.err) == (2, True)
