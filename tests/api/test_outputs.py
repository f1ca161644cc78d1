"""Files that commands write: one rule for their endings, said before anything is read or made."""

import openpyxl
import polars as pl
import pytest

from contracts.document.contract import read_contract
from contracts.settlement.payoff_values import typed_rows


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        (("workbook", "no-run"), "a.csv", ".xlsx"),
        (("template", "write", "lists"), "a.xls", ".xlsx"),
        (("chart", "no-run", "waterfall"), "a.pdf", ".csv or .json or .png or .svg"),
        (("assumptions", "no-run"), "a.txt", ".json"),
        (("diff", "no-run", "no-other"), "a.xlsx", ".csv or .parquet"),
        (("settle", "block", "no-rows.csv"), "a", ".csv or .parquet"),
        (("contract", "payoff", "block"), "a.tsv", ".csv or .parquet"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else None,
)
def test_an_ending_that_a_command_does_not_write_is_refused_at_once(capitation, tmp_path, words, name, expected):
    done = capitation(*words, "--out", tmp_path / name)
    assert done.code == 2
    ending = f".{name.partition('.')[2]}" if "." in name else ""
    assert f"{name}: found the ending {ending!r}; expected {expected}" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_ending_in_capitals_is_the_same_ending(capitation, pack, tmp_path):
    assert capitation("template", "write", "lists", "--empty", "--out", tmp_path / "LISTS.XLSX").code == 0
    assert openpyxl.load_workbook(tmp_path / "LISTS.XLSX", read_only=True).sheetnames
    rows = tmp_path / "rows.csv"
    typed_rows(read_contract(pack.path("contracts/block.toml")).cases[0].rows).write_csv(rows)
    for name, read in (("OUT.CSV", pl.read_csv), ("OUT.Parquet", pl.read_parquet)):
        done = capitation("settle", "block", rows, "--out", tmp_path / name)
        assert done.code == 0, done.err
        assert read(tmp_path / name).height > 0


@pytest.mark.parametrize("words", [("simulate", "blmk", "--draws", 100), ("design", "shares", "--draws", 1_000)])
@pytest.mark.parametrize(
    ("below", "found"),
    [("", "found a file; expected a folder for the results"), ("in/it", "which is a file, on the way")],
)
def test_a_folder_for_results_that_cannot_be_is_refused_before_any_work(capitation, tmp_path, words, below, found):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    answer = capitation(*words, "--out", tmp_path / "file" / below)
    assert answer.code == 2
    assert found in answer.err
    assert "--out" in answer.err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"
