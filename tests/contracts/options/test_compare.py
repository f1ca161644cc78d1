"""Options side by side: differences only, both sides' expectations, and the gap that should be seen before signature."""

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.records.years import FinancialYear
from contracts.document.contract import read_contract
from contracts.options.compare import expected_gaps, option_differences
from contracts.options.document import PLAN, ContractOptions, read_options
from contracts.options.evaluate import evaluate_options
from contracts.options.position import Position
from contracts.options.who_pays import WhoPays, who_pays


@pytest.fixture(scope="module")
def document(pack) -> ContractOptions:
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def compared(document, pack, blmk_run):
    return evaluate_options(document, pack, run=blmk_run)


def position(option, case, role, code, *sums):
    allocation, income, paid, cost, at_plan = sums
    left = allocation + income - paid - cost
    values = (option, case, "2018/19", role, code, allocation, income, paid, cost, left, at_plan, left - at_plan)
    return dict(zip(Position.columns(), values, strict=True))


def four_positions():
    """A commissioner of £1.00 and a provider whose cost rises from 90p to 93p; one option pays 5p more, one nothing."""
    rows = [
        position("price", PLAN, "commissioner", "c", 100, 0, 90, 0, 10),
        position("price", PLAN, "provider", "p", 0, 90, 0, 90, 0),
        position("price", "more", "commissioner", "c", 100, 0, 95, 0, 10),
        position("price", "more", "provider", "p", 0, 95, 0, 93, 0),
        position("block", PLAN, "commissioner", "c", 100, 0, 90, 0, 10),
        position("block", PLAN, "provider", "p", 0, 90, 0, 90, 0),
        position("block", "more", "commissioner", "c", 100, 0, 90, 0, 10),
        position("block", "more", "provider", "p", 0, 90, 0, 93, 0),
    ]
    return Position.validate(pl.DataFrame(rows))


def test_only_what_differs_from_the_base_is_shown_and_it_adds_to_nothing():
    found = option_differences(four_positions(), "block")
    assert found.rows() == [
        ("more", "2018/19", "commissioner", "c", "price", -5),
        ("more", "2018/19", "provider", "p", "price", 5),
    ]


def test_who_pays_when_cost_rises_by_three_pence():
    found = who_pays(four_positions()).select("option", "organisation_code", "borne_pence", "share").rows()
    assert found == [
        ("block", "c", 0, 0.0),
        ("block", "p", 3, 1.0),
        ("price", "c", 5, 5 / 3),
        ("price", "p", -2, -2 / 3),
    ]


def test_a_borne_sum_that_is_not_the_extra_cost_is_refused():
    rows = who_pays(four_positions()).with_columns(pl.col("borne_pence") + 1)
    with pytest.raises(FrameError, match="what all bear adds to the extra cost"):
        WhoPays.validate(rows)


def test_a_position_that_does_not_follow_from_its_parts_is_refused():
    with pytest.raises(FrameError, match="position = allocation"):
        Position.validate(four_positions().with_columns(pl.col("cost_pence") + 1))


def test_differences_of_the_options_are_those_of_positions_and_add_to_nothing(compared, document):
    found = compared.frame("option_difference")
    assert (found["difference_pence"] != 0).all()
    assert document.base not in found["option"].unique()
    sums = found.group_by("activity_case", "year", "option").agg(pl.col("difference_pence").sum())
    assert sums["difference_pence"].to_list() == [0] * sums.height
    key = {"activity_case": "plan-plus-5", "year": "2019/20", "organisation_code": "RD8"}
    every = dict(compared.frame("position").filter(**key).select("option", "position_pence").iter_rows())
    for option, difference in found.filter(**key).select("option", "difference_pence").iter_rows():
        assert difference == every[option] - every["do-minimum"] != 0
    assert found.filter(organisation_code="X-SPECIALISED").is_empty()


def test_an_opening_gap_of_thirty_million_is_seen_in_the_first_year():
    # a five-year contract as UnitingCare's: £152m in year one; the provider's own cost about £30m above it
    both = {"option": "capitation", "year": "2015/16", "provider_code": "lead", "price_pence": 152 * 10**8}
    commissioner = pl.DataFrame([both | {"cost_pence": 152 * 10**8}])
    provider = pl.DataFrame([both | {"cost_pence": 182 * 10**8}])
    gap = expected_gaps(commissioner, provider, FinancialYear("2015/16")).row(0, named=True)
    assert gap["is_first_year"]
    assert gap["opening_gap_pence"] == gap["cost_gap_pence"] == gap["provider_shortfall_pence"] == 30 * 10**8
    assert gap["price_gap_pence"] == 0


def test_expectations_are_those_of_the_cases_each_side_expects(compared, document):
    gaps = compared.frame("expected_gap")
    assert gaps.filter(pl.col("is_first_year"))["year"].unique().to_list() == ["2018/19"]
    one = gaps.filter(option="blended", year="2017/18", provider_code="RC9").row(0, named=True)
    paid = compared.frame("payment").filter(option="blended", year="2017/18", provider_code="RC9", kind="contract")
    lines = compared.frame("outturn").filter(year="2017/18", provider="RC9")
    assert one["commissioner_price_pence"] == paid.filter(activity_case=PLAN)["amount_pence"].sum()
    assert one["provider_price_pence"] == paid.filter(activity_case="unmitigated")["amount_pence"].sum()
    assert one["commissioner_cost_pence"] == lines.filter(activity_case=PLAN)["actual_cost_pence"].sum()
    assert one["provider_cost_pence"] == lines.filter(activity_case="unmitigated")["actual_cost_pence"].sum()
    assert one["opening_gap_pence"] == one["provider_cost_pence"] - one["commissioner_price_pence"] > 0
    # the year that the chain opens in: what two hospitals open with, and nothing else
    opening = gaps.filter(year="2016/17", option="blended").select("provider_code", "opening_gap_pence")
    assert {p: gap for p, gap in opening.iter_rows() if gap} == {"RC1": 2_140_000_000, "RD8": 2_490_000_000}


def test_a_provider_that_expects_its_care_to_cost_a_fifth_more_opens_a_gap_of_a_fifth(document, pack, blmk_run):
    content = document.model_dump(mode="json")
    content["expectations"] = [
        {"party": "commissioner", "case": "plan"},
        {"party": "provider", "case": "plan", "cost_at_plan": content["cost_at_plan"] | {"value": "1.2"}},
    ]
    done = evaluate_options(ContractOptions.model_validate(content), pack, run=blmk_run)
    for row in done.frame("expected_gap").filter(option="do-minimum", provider_code="RC9").iter_rows(named=True):
        # nearest penny on each locality and line, so within a pound of a fifth of two hundred million
        assert abs(row["cost_gap_pence"] - row["commissioner_cost_pence"] / 5) < 100
        assert row["opening_gap_pence"] == row["provider_cost_pence"] - row["commissioner_price_pence"]
        assert row["price_gap_pence"] == 0


def test_without_expectations_there_is_no_frame_of_gaps(document, pack, blmk_run):
    done = evaluate_options(document.model_copy(update={"expectations": ()}), pack, run=blmk_run)
    assert "expected_gap" not in done.frames


def test_only_groups_that_are_contracted_differently_are_listed(compared, document, pack):
    every = compared.frame("option_terms")
    assert set(every["group"]) == {g.id for g in document.groups} - {"bought-by-price", "other-blocks"}
    assert every.height == 5 * 5
    title = read_contract(pack.path("contracts/blmk-blended.toml")).title
    assert every.filter(group="hospitals", option="blended")["contract_title"].to_list() == [title]


def test_two_of_the_options_can_be_compared_alone(document, pack, blmk_run):
    done = evaluate_options(document, pack, run=blmk_run, only=("do-minimum", "blended"))
    assert sorted(done.frame("position")["option"].unique()) == ["blended", "do-minimum"]
    assert set(done.frame("option_terms")["group"]) == {"hospitals"}
