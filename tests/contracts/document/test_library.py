"""The library of deals: every document is complete, marked and settles its worked cases to the penny, two ways."""

import tomllib
from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import ContractError
from capitation.pack.layers import default_data_folder, layers, shipped_packs
from capitation.pack.sources import DataPack
from contracts.document.contract import Contract, parse_contract, read_contract
from contracts.document.library import LAN, deals, deals_markdown, lacking, lan_categories, read_library
from contracts.settlement.settle import settle
from contracts.settlement.worked_cases import run_cases

FOLDER = shipped_packs() / "england" / "contracts"
FOLDERS = [pack / "contracts" for pack in layers(default_data_folder())]
LIBRARY = {path.stem: read_contract(path) for folder in FOLDERS for path in sorted(folder.glob("*.toml"))}

NAMED = [
    "aca-risk-adjustment",
    "aca-risk-corridor",
    "aco-reach-global",
    "aco-reach-professional",
    "aligned-payment-2023-24",
    "aligned-payment-and-incentive",
    "alliance",
    "alternative-quality-contract",
    "alzira",
    "better-care-fund-performance",
    "better-care-fund-waterfall",
    "blended-emergency",
    "block",
    "bundled-payments",
    "capitation-stop-loss",
    "cost-and-volume",
    "cquin",
    "gesundes-kinzigtal",
    "global-budget",
    "gms-global-sum",
    "improvement-payment",
    "intelligent-fixed-payment",
    "marginal-rate-emergency-tariff",
    "maryland-global-budget",
    "medicaid-mlr-corridor",
    "medicare-advantage-mlr",
    "mssp",
    "multilateral-gain-loss",
    "next-generation-aco",
    "part-d-risk-corridor",
    "payment-by-results",
    "pioneer-aco",
    "profit-commission",
    "provider-sustainability-fund",
    "regional-benchmark",
    "section-75",
    "sustainability-fund",
    "swing-rate",
    "transitional-reinsurance",
    "uniting-care",
    "whole-population-capitation",
]


def raw(name):
    return tomllib.loads(
        next(f / f"{name}.toml" for f in FOLDERS if (f / f"{name}.toml").is_file()).read_text(encoding="utf-8"),
        parse_float=Decimal,
    )


def rows(contract: Contract, case: int = 0) -> pl.DataFrame:
    frame = pl.DataFrame([dict(row) for row in contract.cases[case].rows], infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


def test_the_library_reads_whole_and_holds_every_deal_it_promises():
    library = {name: deal for folder in FOLDERS for name, deal in read_library(folder).items()}
    assert set(NAMED) <= set(library)
    assert len(library) == sum(len(list(folder.glob("*.toml"))) for folder in FOLDERS)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_deal_settles_its_worked_cases_columnar_and_row_by_row(name):
    contract = LIBRARY[name]
    assert run_cases(contract) == [case.name for case in contract.cases]


@pytest.mark.parametrize("name", LIBRARY)
def test_each_case_expects_at_least_one_settled_sum_for_each_row(name):
    contract = LIBRARY[name]
    rounded = {output.name for output in contract.outputs if output.rounded_to is not None}
    for case in contract.cases:
        settled = {key: values for key, values in case.expected.items() if key in rounded}
        assert settled, case.name
        assert all(len(values) == len(case.rows) for values in settled.values())


@pytest.mark.parametrize("name", LIBRARY)
def test_a_deal_lacks_nothing_and_names_a_category(name):
    contract = LIBRARY[name]
    assert list(lacking(contract)) == []
    assert set(lan_categories(contract)) <= set(LAN)
    assert lan_categories(contract)


@pytest.mark.parametrize("name", [name for name in NAMED if name != "mssp"])
def test_every_clause_and_every_figure_carries_its_mark(name):
    for term in LIBRARY[name].terms:
        assert term.status in {"read", "unverified", "published"}, term.step
    for parameter in LIBRARY[name].parameters:
        for value in parameter.values:
            assert value.source or parameter.status == "unverified", parameter.name
            assert value.where
            if value.source == "assumption":
                assert parameter.status == "unverified"
            if "not seen" in value.where or "not verified" in value.where.split(";")[0]:
                assert parameter.status == "unverified", parameter.name


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cases": ()}, "cases: found none"),
        ({"source": ""}, "source: found nothing"),
        ({"licence": " "}, "licence: found nothing"),
        ({"classification": "shared savings"}, "LAN and one of"),
    ],
    ids=["no case", "no source", "no licence", "no category"],
)
def test_a_deal_without_a_case_a_source_or_a_category_is_not_complete(name, change, said):
    faults = [str(fault) for fault in lacking(LIBRARY[name].model_copy(update=change))]
    assert len(faults) == 1
    assert said in faults[0]


def test_a_value_without_a_source_must_be_marked_unverified():
    content = raw("pioneer-aco")
    content["parameters"] = [{"name": "x", "about": "x", "status": "read", "values": [{"value": 1}]}]
    faults = [str(fault) for fault in lacking(parse_contract(content))]
    assert faults == [
        "contract pioneer-aco: parameter x: found a value that is read without a source; expected a source, or the mark"
        " unverified"
    ]


def test_an_incomplete_folder_is_refused_with_everything_it_lacks(tmp_path):
    text = (FOLDER / "block.toml").read_text(encoding="utf-8")
    (tmp_path / "block.toml").write_text(text.replace("LAN 4N", "no category"), encoding="utf-8")
    (tmp_path / "other.toml").write_text(text.split("[[cases]]")[0], encoding="utf-8")
    with pytest.raises(ContractError) as refused:
        read_library(tmp_path)
    assert len(refused.value.faults) == 4
    for said in ("classification", "cases", "'other'", "again"):
        assert said in str(refused.value)


def test_a_folder_without_documents_is_refused(tmp_path):
    with pytest.raises(ContractError, match="no contract documents"):
        read_library(tmp_path)


def test_marks_add_up_and_unverified_figures_are_counted():
    table = {row["id"]: row for row in deals(LIBRARY).iter_rows(named=True)}
    assert table["aca-risk-corridor"]["read"] == 4
    assert table["aca-risk-corridor"]["unverified"] == 4
    assert table["cquin"]["unverified"] == 0
    assert table["medicaid-mlr-corridor"]["unverified"] == table["medicaid-mlr-corridor"]["parameters"] == 6


def test_the_readme_carries_the_table_as_it_is_made():
    for folder in FOLDERS:
        readme, library = (folder / "README.md").read_text(encoding="utf-8"), read_library(folder)
        missing = [line for line in deals_markdown(library).splitlines() if line not in readme]
        assert missing == [], "put what contracts.document.library.deals_markdown makes in the place of the table"
        shown = [line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")]
        assert sorted(shown) == sorted(contract.id for contract in library.values())


def test_figures_of_unitingcare_are_those_printed():
    printed = DataPack(default_data_folder()).printed("unitingcare-2016", "figures")
    cells = {f"{row['row']}, {row['column']}": row["value"] for row in printed.iter_rows(named=True)}
    facts = LIBRARY["uniting-care"].facts
    assert len(facts) == 7
    for fact in facts:
        digits = "".join(c for c in cells[fact.where] if c.isdigit())
        assert Decimal(digits) == fact.value, fact.where


def test_unitingcare_shows_both_expectations_and_the_gap_the_provider_bore():
    contract = LIBRARY["uniting-care"]
    done = settle(contract, rows(contract))
    first = done.results.row(0, named=True)
    assert first["commissioner_expected_pence"] == 152_000_000_00
    assert first["provider_expected_pence"] == 186_000_000_00
    assert first["expectation_gap_pence"] == 34_000_000_00 == -first["provider_result_pence"]
    assert done.notices.filter(pl.col("name") == "parties_apart").get_column("rows").to_list() == [3]
    facts = {fact.where.split(", ")[1]: fact.value for fact in contract.facts}
    below = 1 - facts["Bid of the provider"] / facts["Maximum contract price of the commissioner"]
    assert round(100 * below, 1) == Decimal("3.5")


def test_marginal_rate_of_a_year_without_a_rate_is_refused():
    contract = LIBRARY["marginal-rate-emergency-tariff"]
    late = rows(contract).with_columns(pl.lit("2019/20").alias("year"))
    with pytest.raises(ContractError, match="period outside the contract"):
        settle(contract, late)


def test_the_order_of_cap_and_share_is_the_contracts():
    contract = LIBRARY["next-generation-aco"]
    content = raw("next-generation-aco")
    gap, cap, share, levy = content["terms"]
    content["terms"] = [gap, {**share, "amount": "gap"}, {**cap, "amount": "shared"}, {**levy, "amount": "capped"}]
    swapped = parse_contract(content)
    here, there = (settle(each, rows(contract)).results.get_column("settlement")[0] for each in (contract, swapped))
    assert here == 3_920_000
    assert there == 4_900_000, "min(9.0 x .8, 5.0) x .98"
