"""Statements: they close to the penny, say who has what and why, and are refused whole where an identity fails."""

import dataclasses
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import ContractError
from capitation.pack.layers import shipped_packs
from contracts.books.entries import LINE, Version
from contracts.books.identities import IDENTITIES, check_closes, identities_of
from contracts.books.split_period import split_period
from contracts.books.statements import lines_of, settle_statement
from contracts.document.contract import parse_contract, read_contract
from contracts.settlement.settle import settle
from contracts.terms import all_terms
from contracts.terms._base import Term

FOLDER = shipped_packs() / "england" / "contracts"
LIBRARY = {path.stem: read_contract(path) for path in sorted(FOLDER.glob("*.toml"))}
POOLED = ["alliance", "multilateral-gain-loss", "section-75"]


def rows_of(contract, case=0):
    frame = pl.DataFrame([dict(row) for row in contract.cases[case].rows], infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


CASES = [(name, i) for name, contract in LIBRARY.items() for i in range(len(contract.cases))]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n} {i + 1}" for n, i in CASES])
def test_statements_of_every_deal_close(name, case):
    contract = LIBRARY[name]
    rows = rows_of(contract, case)
    done = settle_statement(contract, rows)
    paid = [output for output in contract.outputs if output.payer is not None]
    assert done.entries.height == 2 * len(paid) * rows.height
    by_line = done.entries.group_by("scenario", "period", "account", "line").agg(pl.col("amount_pence").sum())
    assert by_line.height == len(paid) * rows.height
    assert by_line.get_column("amount_pence").to_list() == [0] * by_line.height
    assert done.identities.get_column("difference_pence").to_list() == [0] * done.identities.height
    assert done.standing().equals(done.entries)


@pytest.mark.parametrize("name", POOLED)
def test_a_pool_is_left_empty(name):
    done = settle_statement(LIBRARY[name], rows_of(LIBRARY[name]))
    assert done.pools().height == 3
    assert done.pools().get_column("left_pence").to_list() == [0, 0, 0]
    assert (done.pools().get_column("paid_in_pence") > 0).all()


def test_a_pool_named_row_by_row_is_found_by_its_name():
    contract = LIBRARY["aca-risk-adjustment"]
    pools = settle_statement(contract, rows_of(contract)).pools()
    assert pools.select("period", "account", "pool", "left_pence").rows() == [
        ("2014", "s / a", "s", -923077),
        ("2014", "s / b", "s", 923077),
        ("2018", "s / a", "s", -793846),
        ("2018", "s / b", "s", 793846),
    ]


def test_an_entry_says_who_what_when_and_by_which_rule():
    contract = LIBRARY["multilateral-gain-loss"]
    entries = settle_statement(contract, rows_of(contract)).entries
    one = entries.filter((pl.col("account") == "n1") & (pl.col("line") == "acute_pence") & (pl.col("party") == "acute"))
    row = one.row(0, named=True)
    assert row == {
        "entry": "multilateral-gain-loss|outturn|2017/18|n1|acute_pence|acute|pool|1",
        "contract": "multilateral-gain-loss",
        "version": 1,
        "status": "provisional",
        "standing": "original",
        "linked_to": None,
        "scenario": "outturn",
        "period": "2017/18",
        "account": "n1",
        "line": "acute_pence",
        "party": "acute",
        "counterparty": "pool",
        "currency": "GBP",
        "amount_pence": 750_000_00,
        "direction": "receives",
        "rule": contract.step("acute_due").formula(),
        "clause": "Quality gate",
        "source": contract.source,
    }


def test_pounds_dollars_and_euros_are_kept_in_their_smallest_unit():
    for name, currency, amount in (
        ("next-generation-aco", "USD", 3_920_000_00),
        ("gesundes-kinzigtal", "EUR", 2_750_000_00),
        ("block", "GBP", 50_000_000_00),
    ):
        done = settle_statement(LIBRARY[name], rows_of(LIBRARY[name]))
        assert set(done.entries.get_column("currency")) == {currency}
        assert amount in done.entries.get_column("amount_pence").to_list()


def test_layers_close_ceded_and_net_to_gross():
    contract = LIBRARY["transitional-reinsurance"]
    found = identities_of(settle(contract, rows_of(contract)))
    whole = found.filter(pl.col("step") == "whole_layer")
    assert whole.get_column("identity").unique().to_list() == ["cost = whole_layer + whole_layer.net"]
    assert whole.get_column("whole_pence").to_list() == [40_000_00, 100_000_00, 400_000_00]
    scaled = found.filter(pl.col("step") == "scaled")
    assert scaled.select("row", "whole_pence", "parts_pence").rows() == [(0, 240_000_00, 240_000_00)]


def test_allocations_back_sum_to_the_layer():
    contract = LIBRARY["whole-population-capitation"]
    found = identities_of(settle(contract, rows_of(contract))).filter(pl.col("step") == "fund_share")
    assert found.select("row", "whole_pence", "parts_pence").rows() == [(0, 6_000_000_00, 6_000_000_00), (2, 0, 0)]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("transitional-reinsurance", "whole_layer.net"),
        ("whole-population-capitation", "fund_share"),
        ("whole-population-capitation", "control_total"),
        ("multilateral-gain-loss", "shared.acute"),
        ("better-care-fund-waterfall", "met.left"),
        ("cquin", "earned.unearned"),
        ("improvement-payment", "paid"),
        ("alzira", "flows.paid"),
        ("next-generation-aco", "settlement.kept"),
    ],
)
def test_a_penny_astray_in_any_part_is_found_and_nothing_is_issued(name, column):
    settlement = settle(LIBRARY[name], rows_of(LIBRARY[name]))
    check_closes(settlement)
    first = pl.int_range(pl.len()) == 0
    astray = settlement.values.with_columns(pl.when(first).then(pl.col(column) + 0.01).otherwise(column).alias(column))
    with pytest.raises(ContractError, match="does not close") as refused:
        check_closes(dataclasses.replace(settlement, values=astray))
    assert len(refused.value.faults) == 1
    step = column.split(".")[0]
    assert f"step {step}, row 1" in str(refused.value)
    assert column in refused.value.faults[0].expected


def test_parties_that_do_not_add_to_nothing_are_found():
    settlement = settle(LIBRARY["block"], rows_of(LIBRARY["block"]))

    class OneSided(type(settlement)):
        def positions(self):
            return super().positions().head(4)

    one_sided = OneSided(**{f.name: getattr(settlement, f.name) for f in dataclasses.fields(settlement)})
    with pytest.raises(ContractError, match="expected 0"):
        lines_of(one_sided)


def test_every_term_that_splits_an_amount_has_an_identity_or_a_reason():
    gives_no_parts_of_one_amount = {"time_covered"}
    for name, term in all_terms().items():
        if term.parts is not Term.parts and name not in gives_no_parts_of_one_amount:
            assert name in IDENTITIES, name
    assert set(IDENTITIES) <= set(all_terms())


def test_a_contract_that_moves_no_money_has_no_statement():
    content = {
        "id": "none",
        "version": "1",
        "title": "none",
        "inputs": [{"name": "x", "about": "x"}],
        "terms": [{"term": "fixed", "step": "y", "sum": "x"}],
        "outputs": [{"name": "y", "of": "y"}],
    }
    with pytest.raises(ContractError, match="no output has a payer and a payee"):
        settle_statement(parse_contract(content), pl.DataFrame({"x": [1.0]}))


def test_two_rows_for_one_outturn_are_refused_before_anything_is_issued():
    contract = LIBRARY["block"]
    rows = rows_of(contract)
    with pytest.raises(ContractError, match="one version of each outturn"):
        settle_statement(contract, pl.concat([rows, rows.head(1)]))


pence = st.integers(0, 10**11).map(lambda n: n / 100)
flag = st.sampled_from([0.0, 1.0])
network = st.fixed_dictionaries(
    {
        "expected_spend": pence,
        "actual_spend": pence,
        "acute_quality_met": flag,
        "community_quality_met": flag,
        "primary_care_quality_met": flag,
    }
)
alliance = st.fixed_dictionaries(
    {"target_cost": pence, "actual_cost": pence, "acute_cap": pence, "community_cap": pence, "council_cap": pence}
)
line = st.fixed_dictionaries(
    {
        "line_kind": st.sampled_from(["fixed", "variable"]),
        "host_budget": pence,
        "partner_budget": pence,
        "outturn": pence,
        "host_share": st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.625, 1.0]),
    }
)


def drawn(name, rows):
    frame = pl.DataFrame(rows).with_row_index("n")
    key = {"alliance": "alliance", "multilateral-gain-loss": "network", "section-75": "pool_line"}[name]
    named = frame.with_columns(pl.format("r{}", "n").alias(key), pl.lit("2017/18").alias("year")).drop("n")
    if name == "section-75":
        return named.with_columns((1 - pl.col("host_share")).alias("partner_share"))
    return named.with_columns(pl.lit("outturn").alias("scenario"))


@pytest.mark.parametrize(
    ("name", "row"), [("alliance", alliance), ("multilateral-gain-loss", network), ("section-75", line)]
)
@given(data=st.data())
def test_any_statement_closes_its_pool_is_empty_and_row_order_does_not_matter(name, row, data):
    rows = drawn(name, data.draw(st.lists(row, min_size=1, max_size=6)))
    done = settle_statement(LIBRARY[name], rows)
    assert (
        done.entries.group_by(*LINE[:5]).agg(pl.col("amount_pence").sum()).get_column("amount_pence").abs().sum() == 0
    )
    assert done.pools().get_column("left_pence").abs().sum() == 0
    shuffled = rows[data.draw(st.permutations(range(rows.height)))]
    assert settle_statement(LIBRARY[name], shuffled).entries.equals(done.entries)


LINEAR = parse_contract(
    {
        "id": "linear",
        "version": "1",
        "title": "a share of the gap after a discount",
        "key": ["account", "year"],
        "parties": [
            {"code": "payer", "name": "payer", "role": "payer"},
            {"code": "account", "name": "account", "role": "account", "named_by": "account"},
        ],
        "inputs": [
            {"name": "account", "about": "account", "type": "text"},
            {"name": "year", "about": "year", "type": "year"},
            {"name": "budget", "about": "budget"},
            {"name": "spend", "about": "spend"},
            {"name": "rate", "about": "rate"},
        ],
        "terms": [
            {"term": "adjust", "step": "target", "amount": "budget", "how": "discount", "by": 0.035},
            {"term": "gap", "step": "gain", "target": "target", "actual": "spend"},
            {"term": "share", "step": "due", "amount": "gain", "rates": ["rate"]},
        ],
        "outputs": [{"name": "due_pence", "of": "due", "rounded_to": "pence", "payer": "payer", "payee": "account"}],
    }
)


def parts(contract_rows):
    names = ["account", "year", *contract_rows[0][0]]
    return [
        pl.DataFrame(
            [{"account": f"a{i}", "year": 2017, **pair[which]} for i, pair in enumerate(contract_rows)]
        ).select(names)
        for which in (0, 1)
    ]


@given(st.lists(st.tuples(pence, pence, pence, pence, st.sampled_from([0.0, 0.3, 0.5, 1.0])), min_size=1, max_size=5))
def test_a_period_split_in_two_nets_to_one_where_all_clauses_are_linear(drawn_rows):
    pairs = [
        ({"budget": a, "spend": b, "rate": r}, {"budget": c, "spend": d, "rate": r}) for a, b, c, d, r in drawn_rows
    ]
    first, second = parts(pairs)
    found = split_period(LINEAR, first, second, ["budget", "spend"])
    # A share on one side only of 0 bends, so `share` is not linear by kind; this one shares both sides.
    assert found.height == len(pairs)
    assert (
        found.get_column("once") - found.get_column("first") - found.get_column("second")
    ).to_list() == found.get_column("difference").to_list()
    # Three sums, each rounded to the nearest penny: the whole differs from its parts by one penny at most.
    assert found.get_column("difference").abs().max() <= 1


def test_a_period_split_in_two_reports_what_a_gate_makes_of_it():
    contract = LIBRARY["pioneer-aco"]
    rates = {"minimum_rate": 0.02, "sharing_rate": 0.5, "cap_rate": 0.1, "benchmark": 50_000_000.0}
    first, second = (
        pl.DataFrame([{"account": "a", "year": 2012, **rates, "spend": spend}])
        for spend in (47_500_000.0, 49_800_000.0)
    )
    found = split_period(contract, first, second, ["benchmark", "spend"])
    # Together 2.7m of 100m is 2.7%: half is 1.35m. Alone 2.5m of 50m passes (1.25m), 0.2m of 50m is 0.4% and does not.
    assert found.select("account", "kind", "once", "first", "second", "difference").rows() == [
        ("a", "jump", 1_350_000, 1_250_000, 0, 100_000)
    ]


def test_parts_that_do_not_make_one_period_are_told_together():
    contract = LIBRARY["pioneer-aco"]
    rows = rows_of(contract)
    other = rows.with_columns(pl.lit(0.7).alias("sharing_rate")).tail(3)
    with pytest.raises(ContractError) as refused:
        split_period(contract, rows, other, ["benchmark", "spend"])
    assert len(refused.value.faults) == 4
    assert "account a, year 2012" in str(refused.value)
    assert "0.6 in the first part and 0.7 in the second" in str(refused.value)
    with pytest.raises(ContractError, match="Did you mean 'benchmark'"):
        split_period(contract, rows, rows, ["benchmrk"])


def test_a_late_joiner_and_a_leaver_are_paid_by_the_contracts_own_count():
    contract = LIBRARY["block"]
    days = contract.model_copy(
        update={
            "terms": tuple(
                t.model_copy(update={"counted_in": "days"}) if t.term == "time_covered" else t for t in contract.terms
            )
        }
    )
    by_month, by_day = (
        settle_statement(each, rows_of(contract)).net().filter(pl.col("party") == "RD8").get_column("amount_pence")[0]
        for each in (contract, days)
    )
    assert by_month == 37_500_000_00
    assert by_day == 37_671_232_88, "50,000,000 x 275 / 365"


def test_published_settlements_of_2023_close(shared: Path):
    rows = pl.read_csv(shared / "reference" / "mssp" / "settlement_2023.csv", infer_schema_length=0)
    done = settle_statement(LIBRARY["mssp"], rows, Version(number=1, status="final"))
    accounts = done.entries.filter(pl.col("party") != "cms").get_column("party").n_unique()
    assert accounts == rows.height == 453
    assert done.entries.get_column("amount_pence").sum() == 0
    assert done.entries.get_column("currency").unique().to_list() == ["USD"]
