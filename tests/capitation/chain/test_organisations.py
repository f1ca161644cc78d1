"""The chain by organisation adds to the system's to the penny, and nobody is in balance in silence."""

from decimal import Decimal

import polars as pl
import pytest

from capitation.allocation.commissioners import commissioner_money
from capitation.allocation.services import service_streams
from capitation.chain.accounts import INCOME
from capitation.chain.book import OrganisationBook, read_book
from capitation.chain.bridge import OWN, BridgeLine, do_nothing, unclosed
from capitation.chain.cost import Drivers
from capitation.chain.organisations import Paid, by_organisation
from capitation.chain.rules import read_chain
from capitation.chain.sustainability import sustainability_fund
from capitation.errors import DocumentError, ScenarioError
from capitation.pack.parameters import Parameters
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear
from capitation.run.scenario import read_scenario

M = 100_000_000  # pence in a million pounds
HOSPITALS = ["RC1", "RC9", "RD8"]


@pytest.fixture(scope="module")
def parts(pack, blmk_run):
    """Everything that the chain by organisation is made from."""
    scenario, chain = read_scenario(pack.path("scenarios/blmk.toml")), read_chain(pack, "blmk")
    drivers = Drivers(
        spend=blmk_run.unit_cost,
        activity=blmk_run.locality_activity,
        totals=blmk_run.stream_total,
        persons={str(t.year): t.persons for t in scenario.population.totals},
        parameters=Parameters(pack),
        gaps=scenario.gaps,
    )
    money = commissioner_money(
        blmk_run.allocation,
        blmk_run.spendable,
        blmk_run.membership,
        blmk_run.provider_allocation,
        service_streams(pack),
    )
    paid = Paid(
        money, blmk_run.provider_allocation, blmk_run.service_envelope, blmk_run.flow, blmk_run.service_line, "SPEC"
    )
    return chain, drivers, paid, do_nothing(chain, drivers, "BLMK", scenario.years)


def made(parts, book):
    chain, drivers, paid, system = parts
    return by_organisation(chain, drivers, book, paid, system)


def changed(pack, **changes):
    content = {**read_book(pack, "blmk").model_dump(mode="python", by_alias=True), **changes}
    return parse_document(content, OrganisationBook, "book.toml")


def test_organisations_add_to_the_system_in_every_line_and_year(blmk_run):
    system = blmk_run.bridge.filter(level="system").filter(pl.col("line") != "printed_do_nothing")
    own = blmk_run.bridge.filter(level="organisation").with_columns(
        pl.col("line").replace({v: k for k, v in OWN.items()})
    )
    added = own.group_by("year", "line").agg(pl.col("amount_pence").sum().alias("own"))
    both = system.join(added, on=["year", "line"], how="left").with_columns(pl.col("own").fill_null(0))
    assert both["own"].to_list() == both["amount_pence"].to_list()
    assert unclosed(blmk_run.bridge).is_empty()


def test_openings_add_to_the_printed_deficits_of_both_years(pack):
    for year, printed in (("2015/16", "75600000"), ("2016/17", "24400000")):
        book = read_book(pack, "blmk")
        assert sum(o.pounds for o in book.openings if o.year == year) == -Decimal(printed)
    surplus = next(o for o in book.openings if o.year == "2016/17" and "06F" in o.organisations)
    assert (surplus.pounds, surplus.source) == (Decimal(21900000), "blmk-stp-2016")


def test_the_three_hospitals_cost_what_25_million_as_3_5_per_cent_means(blmk_run):
    cost = blmk_run.organisation_position.filter(pl.col("organisation_code").is_in(HOSPITALS), year="2016/17")[
        "cost_pence"
    ]
    assert cost.sum() == pytest.approx(25 * M / 0.035, abs=100)


def test_income_without_a_source_is_a_line_of_at_most_35_per_cent_of_a_hospital(blmk_run, pack, parts):
    rows = blmk_run.organisation_account.filter(pl.col("organisation_code").is_in(HOSPITALS), year="2016/17")
    for who in HOSPITALS:
        lines = dict(rows.filter(organisation_code=who).select("line", "amount_pence").iter_rows())
        whole = sum(pence for line, pence in lines.items() if line in INCOME)
        assert 0 < lines["not_published"] < 0.35 * whole
        assert lines["specialised"] > 0
    bigger = made(parts, changed(pack, most_unpublished=Decimal("0.2")))
    assert [note[0] for note in bigger.notes] == ["income of RC1 without a source"]


def test_a_position_is_income_and_funding_less_cost_and_what_the_chain_leaves(blmk_run):
    left = blmk_run.bridge.filter(line="own_left").select("year", "organisation", "amount_pence")
    both = blmk_run.organisation_position.join(
        left, left_on=["year", "organisation_code"], right_on=["year", "organisation"], how="full", validate="1:1"
    )
    assert (both["position_pence"] == -both["amount_pence"]).all()
    assert both.height == 5 * 24


def test_control_totals_of_every_nhs_body_and_who_reaches_them(blmk_run):
    last = blmk_run.organisation_position.filter(year="2016/17")
    tested = dict(last.drop_nulls("is_met").select("organisation_code", "is_met").iter_rows())
    assert set(tested) == {"04F", "06F", "06P", "RC1", "RC9", "RD8", "RV3", "RWK", "RWN", "RYC", "RYE", "RYV"}
    assert {who for who, met in tested.items() if not met} == {"RC1", "RD8"}
    assert tested == {
        who: margin >= 0
        for who, margin in last.drop_nulls("is_met").select("organisation_code", "margin_pence").iter_rows()
    }


def test_rules_of_commissioners_can_be_switched(pack, parts, blmk_run):
    rules = read_book(pack, "blmk").rules
    without = changed(
        pack, rules=rules.model_copy(update={"repayment": None, "surplus": False, "running_costs": False}).model_dump()
    )
    totals = made(parts, without).positions.filter(organisation_code="06F")
    assert totals["control_total_pence"].to_list() == [0] * 5
    on = blmk_run.organisation_position.filter(pl.col("organisation_code").is_in(["04F", "06F", "06P"]))
    by_year = dict(on.group_by("year").agg(pl.col("control_total_pence").sum()).iter_rows())
    # 1% of 1,201.0 (1,088.1 + 112.9) and 1,280.7 million, each commissioner to the penny; from 2018/19 a tenth of 84.5 million besides
    assert by_year["2016/17"] == pytest.approx(1_201_048_000, abs=3)
    assert by_year["2018/19"] == pytest.approx(1_280_706_000 + 845_000_000, abs=3)
    assert made(parts, without).bridge.equals(blmk_run.bridge.filter(level="organisation"))


def test_funding_is_earned_condition_by_condition(blmk_run):
    # Luton meets all four; Bedford misses A&E and cancer (.175), Milton Keynes all three of waiting (.30)
    fund = blmk_run.sustainability_fund.group_by("year", "organisation_code").agg(pl.col("^.*_pence$").sum())
    shares = {(y, o): earned / offered for y, o, offered, earned in fund.iter_rows()}
    assert shares["2020/21", "RC9"] == 1
    assert shares["2020/21", "RC1"] == pytest.approx(0.825)
    assert shares["2020/21", "RD8"] == pytest.approx(0.70)
    offered = dict(blmk_run.sustainability_fund.group_by("year").agg(pl.col("offered_pence").sum()).iter_rows())
    assert offered == {"2016/17": 2_220_000_000, "2020/21": 6_250_000_000}
    own = blmk_run.bridge.filter(line="own_sustainability").group_by("year").agg(pl.col("amount_pence").sum())
    assert dict(own.iter_rows())["2020/21"] == -6_250_000_000


def test_without_its_control_total_a_body_earns_nothing(pack):
    book = read_book(pack, "blmk")
    missed = [s.model_copy(update={"value": Decimal(0)}) if s.condition == "finance" else s for s in book.standards]
    fund = sustainability_fund(
        changed(pack, standards=[s.model_dump() for s in missed]),
        {FinancialYear("2020/21"): 10_000},
        {("2020/21", who): 1 for who in HOSPITALS},
        Parameters(pack),
    )
    assert fund["earned_pence"].sum() == 0
    assert fund["offered_pence"].sum() == 10_000


def test_waiting_time_results_are_those_of_the_contract_options(pack):
    from contracts.options.document import read_options

    goals = {
        (g.provider, g.goal.removesuffix("-62")): (g.standard, g.value)
        for g in read_options(pack.path("options/blmk.toml")).goals
    }
    for each in read_book(pack, "blmk").standards:
        if each.condition != "finance":
            assert goals[each.organisation, each.condition] == (each.standard, each.value)


def test_what_a_book_lacks_is_said_all_at_once(pack, parts):
    book = read_book(pack, "blmk")
    kept = [o for o in book.openings if "RC1" not in o.organisations]
    openings = [{**o.model_dump(), "organisations": [c for c in o.organisations if c != "GP"]} for o in kept]
    lacking = changed(pack, openings=openings, providers=[p for p in book.providers if p != "GP"])
    with pytest.raises(ScenarioError) as caught:
        made(parts, lacking)
    said = str(caught.value)
    assert "no 'GP', which the run pays" in said
    assert "'RC1' in 2016/17" in said
    assert "difference -21,400,000 pounds" in said


def test_an_opening_that_adds_to_another_deficit_names_the_difference(pack, parts):
    book = read_book(pack, "blmk")
    one = [o.model_copy(update={"pounds": o.pounds + 1}) if o.organisations == ("RC1",) else o for o in book.openings]
    with pytest.raises(ScenarioError, match=r"openings of 2016/17.*difference -1 pounds"):
        made(parts, changed(pack, openings=[o.model_dump() for o in one]))


def test_a_chain_that_does_not_close_by_organisation_names_line_year_and_difference(pack, parts):
    chain, drivers, paid, system = parts
    off = system.with_columns(
        pl.when((pl.col("line") == "price") & (pl.col("year") == "2018/19")).then(pl.col("amount_pence") + 1).otherwise("amount_pence").alias("amount_pence")
    )  # fmt: skip
    with pytest.raises(ScenarioError, match=r"price of 2018/19.*difference -0.01"):
        by_organisation(chain, drivers, read_book(pack, "blmk"), paid, BridgeLine.validate(off))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commissioners": ["04F", "06F", "06P", "SPEC", "RC1"]}, "'RC1' stands twice"),
        ({"sizes": [{"organisation": "R0X", "pounds": 1, "source": "blmk-stp-2016", "where": "x"}]}, "'R0X'"),
        ({"names": {}}, "names"),
    ],
    ids=["twice", "unknown", "no names"],
)
def test_a_book_that_contradicts_itself_is_refused(pack, change, said):
    with pytest.raises(DocumentError, match=said):
        changed(pack, **change)
