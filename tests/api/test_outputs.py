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
