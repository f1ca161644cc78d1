"""Every contract command on every contract that ships, and what `contract payoff` refuses."""

from pathlib import Path

import polars as pl
import pytest

from contracts.document.contract import read_contract
from contracts.settlement.payoff_values import typed_rows

DATA = Path(__file__).parents[2] / "data"
SHIPPED = sorted(DATA.glob("*/contracts/*.toml"))
EACH = [pytest.param(p, id=p.stem, marks=pytest.mark.deep if n % 4 else ()) for n, p in enumerate(SHIPPED)]
"""Every fourth here, all of them in the deep suite."""


@pytest.mark.parametrize("path", EACH)
def test_check_show_payoff_and_settle_work_on_every_shipped_contract(path, capitation, tmp_path):
    agreed = read_contract(path)
    assert capitation("contract", "check", path).code == 0
    assert agreed.title in " ".join(capitation("contract", "show", path).out.split())
    svg, table = tmp_path / "p.svg", tmp_path / "p.csv"
    done = capitation("contract", "payoff", path, "--svg", svg, "--out", table)
    assert (done.code, done.err) == (0, "")
    assert "<title" in svg.read_text(encoding="utf-8")
    assert pl.read_csv(table).height >= 2
    rows, settled = tmp_path / "rows.csv", tmp_path / "settled.csv"
    typed_rows(agreed.cases[0].rows).write_csv(rows)
    done = capitation("settle", path, rows, "--out", settled)
    assert done.code == 0, done.err
    assert pl.read_csv(settled).height == len(agreed.cases[0].rows)


@pytest.fixture
def block(tmp_path):
    agreed = read_contract(DATA / "england/contracts/block.toml")
    rows = tmp_path / "rows.csv"
    typed_rows(agreed.cases[0].rows).write_csv(rows)
    return rows


def test_payoff_never_writes_onto_what_it_reads(capitation, block):
    before = block.read_bytes()
    done = capitation("contract", "payoff", "block", "--rows", block, "--out", block)
    assert done.code == 2
    assert "a file that this command reads" in done.err
    assert block.read_bytes() == before


def test_payoff_writes_nothing_where_one_of_its_files_cannot_be(capitation, tmp_path):
    svg = tmp_path / "curve.svg"
    done = capitation("contract", "payoff", "block", "--svg", svg, "--out", tmp_path / "table.txt")
    assert done.code == 2
    assert not svg.exists()


def test_payoff_prints_pounds_and_writes_pence(capitation, tmp_path):
    out = tmp_path / "table.csv"
    done = capitation("contract", "payoff", "block", "--out", out)
    assert done.code == 0
    name = read_contract(DATA / "england/contracts/block.toml").outputs[0].name
    pence = pl.read_csv(out).get_column(name)[0]
    assert pence.__class__ is int
    assert f"{pence / 100:,.2f}" in done.out
