"""Marginal prices out of contract documents: by hand, and against settling the contract at both ends of the shift."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import ScenarioError
from capitation.pack.layers import default_data_folder
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from contracts.document.contract import read_contract
from contracts.settlement.reference import reference_settle
from optimiser.links.contract_price import contract_shares

LINES = ("ae", "elective", "non-elective", "outpatient")
YEAR = "2017/18"
CONTRACTS = {
    name: read_contract(DataPack(default_data_folder()).path(f"contracts/blmk-{name}.toml"))
    for name in ("payment-by-results", "blended", "block", "capitation-corridor")
}


def shares(name, plan=100_000_000, trend=120_000_000, shifted=105_000_000, lines=LINES):
    found = contract_shares(
        CONTRACTS[name], dict.fromkeys(lines, plan), {(c, YEAR): trend for c in lines}, dict.fromkeys(lines, shifted)
    )
    return dict(found.select("point_of_delivery", "marginal_share").iter_rows())


def test_payment_by_results_takes_the_price_and_the_marginal_rate_for_emergencies(pack):
    rate = float(Parameters(pack).value("emergency.marginal_rate", FinancialYear(YEAR)))
    assert shares("payment-by-results") == {"ae": 1.0, "elective": 1.0, "non-elective": rate, "outpatient": 1.0}


def test_below_the_baseline_emergencies_are_given_back_whole():
    assert shares("payment-by-results", trend=90_000_000, shifted=80_000_000)["non-elective"] == 1.0


def test_across_the_baseline_the_share_is_what_the_whole_shift_takes():
    # from 110 to 90 with plan 100: 10 at 70% and 10 at 100%: 17 of 20
    assert shares("payment-by-results", trend=110_000_000, shifted=90_000_000)["non-elective"] == 0.85


def test_the_blended_contract_takes_a_fifth_for_emergencies(pack):
    rate = float(Parameters(pack).value("emergency.blended_variable_rate", FinancialYear("2019/20")))
    found = shares("blended")
    assert found["non-elective"] == rate
    assert found["ae"] == rate


def test_a_block_takes_nothing():
    assert shares("block") == dict.fromkeys(LINES, 0.0)


def test_a_contract_on_cost_is_told_it_has_no_price_of_activity():
    with pytest.raises(ScenarioError, match="payment by other amounts than activity"):
        shares("capitation-corridor")


def test_where_the_shift_does_not_lower_activity_the_price_just_below_the_trend_is_taken():
    assert shares("payment-by-results", trend=104_000_000, shifted=105_000_000)["non-elective"] == pytest.approx(0.7)


@given(
    st.sampled_from(["payment-by-results", "blended", "block"]),
    st.sampled_from(LINES),
    st.integers(10**6, 10**9),
    st.integers(10**6, 10**9),
    st.integers(1, 99),
)
def test_the_share_is_the_difference_of_two_settlements(name, line, plan, trend, percent):
    contract = CONTRACTS[name]
    low = trend - max(1, trend * percent // 100)
    found = shares(name, plan=plan, trend=trend, shifted=low, lines=(line,))[line]
    if name == "block":
        assert found == 0
        return
    base = {"year": YEAR, "commissioner": "06P", "provider": "RC9", "line": line, "plan_value_pence": plan}
    ends = [reference_settle(contract, pl.DataFrame([base | {"actual_value_pence": x}]))[0] for x in (trend, low)]
    paid = [sum((1 if o.payer == "commissioner" else -1) * end[o.name] for o in contract.outputs) for end in ends]
    fall = paid[0] - paid[1]
    assert found == pytest.approx(fall / (trend - low), abs=1e-8 + 4 / (trend - low))
