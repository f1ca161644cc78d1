"""What people read of a contract: the README's terms, the schema, and the contract commands."""

import json
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from api.cli.commands import contract as contract_commands
from api.cli.commands import settle as settle_command
from capitation.errors import ContractError
from contracts.document.contract import read_contract
from contracts.document.schema import contract_schema
from contracts.document.term_reference import terms_in_words
from contracts.settlement.payoff import payoff
from contracts.terms import all_terms

ROOT = Path(__file__).parents[3]
MSSP = ROOT / "data" / "england" / "contracts" / "mssp.toml"


@pytest.fixture
def run():
    app = typer.Typer()
    contract_commands.register(app)
    settle_command.register(app)
    return lambda *words: CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)


def test_the_readme_describes_every_term_as_the_term_does():
    text = (ROOT / "contracts" / "README.md").read_text(encoding="utf-8")
    written = text.split("## Every term\n", 1)[1].strip()
    assert written == terms_in_words().strip(), (
        "write the last part of contracts/README.md again from contracts.document.term_reference"
    )


def test_the_schema_describes_every_field_of_every_term():
    schema = contract_schema()
    items = schema["properties"]["terms"]["items"]
    assert len(items["oneOf"]) == len(all_terms())
    assert set(items["discriminator"]["mapping"]) == set(all_terms())
    for ref in items["discriminator"]["mapping"].values():
        body = schema["$defs"][ref.removeprefix("#/$defs/")]
        assert body["additionalProperties"] is False
        assert "term" in body["required"]
        for name, field in body["properties"].items():
            assert "description" in field, f"{body['title']}.{name}"
    for name, field in schema["properties"].items():
        assert "description" in field, name


def test_check_runs_the_worked_cases(run):
    done = run("contract", "check", MSSP)
    assert done.exit_code == 0
    assert "4 worked cases to the unit" in done.stdout


def test_check_refuses_a_case_that_does_not_give_its_figure(tmp_path):
    text = MSSP.read_text(encoding="utf-8").replace("earned = [73426268]", "earned = [73426269]")
    text = text.replace('file = "tables/', f'file = "{MSSP.parent}/tables/')
    (tmp_path / "mssp.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match="found 73426268; expected 73426269"):
        contract_commands.check(tmp_path / "mssp.toml")


def test_show_prints_the_terms_in_order(run):
    text = run("contract", "show", MSSP).stdout
    places = [text.index(words) for words in ("after_sequestration =", "payment =", "loss_owed =", "result =")]
    assert places == sorted(places)


def test_terms_lists_all_of_them(run):
    listed = json.loads(run("contract", "terms", "--json").stdout)
    assert [row["term"] for row in listed] == list(all_terms())


def test_payoff_gives_bends_and_leaps_as_table_and_svg(run, tmp_path):
    svg, table = tmp_path / "curve.svg", tmp_path / "curve.csv"
    words = ("--vary", "expenditure_total", "--low", "850e6", "--high", "1300e6", "--svg", svg, "--out", table)
    found = json.loads(run("contract", "payoff", MSSP, *words, "--json").stdout)
    # A1001: threshold 2% of 1,098,668,352 each way; 75% x .98 of the gain, 40% of the loss.
    assert found["kind"] == "jump"
    gain, loss = found["jumps"]
    assert gain["at"] == pytest.approx(0.98 * 1_098_668_352, rel=1e-9)
    assert gain["leap"] == pytest.approx(-0.75 * 0.98 * 0.02 * 1_098_668_352, rel=1e-6)
    assert loss["at"] == pytest.approx(1.02 * 1_098_668_352, rel=1e-9)
    assert loss["leap"] == pytest.approx(-0.4 * 0.02 * 1_098_668_352, rel=1e-6)
    assert found["slopes"] == pytest.approx([-0.735, 0.0, -0.4], abs=1e-8)
    root = ElementTree.parse(svg).getroot()
    words = root.find("{http://www.w3.org/2000/svg}desc").text
    assert "1,120,641,719" in words, "every point of the curve stands in its description"
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert pl.read_csv(table).height == len(found["table"])


def test_payoff_refuses_what_it_cannot_vary():
    contract = read_contract(MSSP)
    row = dict(contract.cases[0].rows[0])
    with pytest.raises(ContractError, match=r"'track' is not a number input"):
        payoff(contract, row, "track", 0, 1)
    with pytest.raises(ContractError, match=r"no output 'earnt'. Did you mean 'earned'"):
        payoff(contract, row, "expenditure_total", 0, 1, output="earnt")
    with pytest.raises(ContractError, match="expected low below high"):
        payoff(contract, row, "expenditure_total", 2, 1)


def test_settle_finds_a_contract_of_the_pack_by_its_id(run, tmp_path):
    contract = read_contract(MSSP)
    rows = tmp_path / "rows.parquet"
    pl.DataFrame([dict(c.rows[0]) for c in contract.cases], infer_schema_length=None).with_columns(
        pl.col(pl.Decimal).cast(pl.Float64)
    ).write_parquet(rows)
    done = run("settle", "mssp", rows, "--out", tmp_path / "out.parquet", "--all")
    assert done.exit_code == 0
    written = pl.read_parquet(tmp_path / "out.parquet")
    assert written.get_column("earned").to_list() == [73_426_268, -3_704_703, -894_285, 0]
    assert {"track", "advance_owed"} <= set(written.columns)
