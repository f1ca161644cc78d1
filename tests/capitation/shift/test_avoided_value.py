"""What avoided activity is worth: at tariff and at the contract's price, and that the transfer cancels to the penny."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.activity.printed_plan import activity_plan
from capitation.activity.unit_costs import UnitCost
from capitation.allocation.providers import LocalityFlow
from capitation.errors import FrameError, UnknownNameError
from capitation.money.rounding import nearest
from capitation.pack.parameters import Parameters
from capitation.records.years import FinancialYear
from capitation.shift.avoided_value import (
    MarginalShare,
    ServiceCost,
    UnitValue,
    avoided_worth,
    marginal_shares,
    service_costs,
    unit_values,
)
from capitation.shift.calibration import calibrate
from capitation.shift.channel_shift import channel_shift, full_mix
from capitation.shift.effects import ShiftedActivity
from capitation.shift.solution import read_solutions
from optimiser.links.from_run import shift_localities

YEARS = ["2016/17", "2017/18", "2018/19", "2019/20", "2020/21"]
CONTRACTS = ("payment_by_results", "block", "whole_population_capitation")


def shifted(*rows):
    full = [(y, p, q, before, gone, 0, before - gone, float(gone)) for y, p, q, before, gone in rows]
    return ShiftedActivity.validate(pl.DataFrame(full, schema=ShiftedActivity.dtypes(), orient="row"))


def flow(*rows):
    return LocalityFlow.validate(pl.DataFrame(rows, schema=LocalityFlow.dtypes(), orient="row"))


def values(*rows):
    return UnitValue.validate(pl.DataFrame(rows, schema=UnitValue.dtypes(), orient="row"))


@pytest.fixture(scope="module")
def full(pack, blmk_run):
    solutions = calibrate(read_solutions(pack.root / "solutions"), activity_plan(pack)).solutions
    return channel_shift(
        solutions,
        full_mix(solutions, FinancialYear("2016/17")),
        blmk_run.frame("locality_activity"),
        shift_localities(blmk_run, "2016/17"),
    ).activity


def test_the_worked_case_by_hand():
    worth = avoided_worth(
        shifted(("2020/21", "ae", "north", 1000, 300)),
        flow(("north", "ae", "RC1", 1_000_000)),
        values(("2020/21", "ae", 15_000, 6_000, 2_000)),
    )
    row = worth.values.row(0, named=True)
    assert (row["tariff_pence"], row["contract_pence"], row["variable_pence"]) == (4_500_000, 1_800_000, 600_000)
    assert row["stranded_pence"] == 1_200_000
    effects = dict(worth.parties.select("party", "effect_pence").iter_rows())
    assert effects == {"commissioner": 1_800_000, "RC1": -1_200_000, "system": 600_000}


@given(
    st.lists(st.tuples(st.integers(0, 9_999), st.integers(0, 1_000_000)), min_size=1, max_size=5),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
)
def test_saving_and_loss_cancel_to_the_penny(places, marginal, variable):
    rows = [("2020/21", "ae", f"l{i}", 10_000, gone) for i, (gone, _) in enumerate(places)]
    flows = [
        row
        for i, (_, ppm) in enumerate(places)
        for row in ((f"l{i}", "ae", "A", ppm), (f"l{i}", "ae", "B", 1_000_000 - ppm))
    ]
    worth = avoided_worth(shifted(*rows), flow(*flows), values(("2020/21", "ae", 10**7, marginal, variable)))
    assert worth.values["avoided"].sum() == sum(gone for gone, _ in places)
    if not worth.parties.height:
        assert sum(gone for gone, _ in places) == 0
        return
    by_party = {r["party"]: r for r in worth.parties.iter_rows(named=True)}
    system = by_party.pop("system")
    assert system["transfer_pence"] == 0
    assert sum(r["transfer_pence"] for r in by_party.values()) == 0
    assert system["effect_pence"] == sum(r["effect_pence"] for r in by_party.values())
    assert system["effect_pence"] == sum(gone for gone, _ in places) * variable


def test_the_plan_in_full_at_tariff_and_under_three_contracts(pack, blmk_run, full):
    """Two ways to each total: the frames, and units times pence added up in plain Python from the shares of the pack."""
    costs = blmk_run.frame("unit_cost")
    unit = dict(costs.filter(pl.col("baseline_activity") > 0).select("line", "unit_cost_pence").iter_rows())
    gone = {
        (y, p): n for y, p, n in full.group_by("year", "point_of_delivery").agg(pl.col("avoided").sum()).iter_rows()
    }
    rate = Parameters(pack)
    tariff = sum(n * unit[p] for (_, p), n in gone.items())
    found = {}
    for contract in CONTRACTS:
        each = unit_values(costs, marginal_shares(pack), service_costs(pack), contract, YEARS)
        worth = avoided_worth(full, blmk_run.frame("flow"), each)
        assert worth.values["tariff_pence"].sum() == tariff
        system = worth.parties.filter(party="system")
        assert system["transfer_pence"].to_list() == [0] * 5
        found[contract] = worth.values["contract_pence"].sum()
        saved = worth.parties.filter(party="commissioner")["transfer_pence"].sum()
        assert saved == found[contract]

    def emergency(year):
        fy = FinancialYear(year)
        name = "emergency.blended_variable_rate" if fy >= FinancialYear("2019/20") else "emergency.marginal_rate"
        return rate.value(name, fy)

    paid = {
        "ae": 1,
        "elective": 1,
        "outpatient": 1,
        "ambulance": Decimal("0.5"),
        "continuing-care": 1,
        "social-care": 1,
    }
    by_hand = sum(
        n * nearest(unit[p] * Decimal(emergency(y) if p == "non-elective" else paid.get(p, 0)))
        for (y, p), n in gone.items()
    )
    assert found["payment_by_results"] == by_hand
    packages = sum(n * unit[p] for (_, p), n in gone.items() if p in {"continuing-care", "social-care"})
    assert found["block"] == found["whole_population_capitation"] == packages
    assert found["block"] < found["payment_by_results"] < tariff


def test_emergency_shares_are_the_published_rates(pack):
    rows = marginal_shares(pack).filter(contract="payment_by_results", point_of_delivery="non-elective").sort("since")
    parameters = Parameters(pack)
    assert rows["marginal_share"].to_list() == [
        float(parameters.value("emergency.marginal_rate", FinancialYear("2016/17"))),
        float(parameters.value("emergency.blended_variable_rate", FinancialYear("2019/20"))),
    ]
    assert rows["since"].to_list() == ["2015/16", "2019/20"]
    assert rows["source"].unique().to_list() == ["tariff-and-topslices"]


def test_tables_of_evidence_are_complete_and_owned(pack):
    points = set(activity_plan(pack)["point_of_delivery"])
    shares = marginal_shares(pack)
    assert set(shares["contract"]) == set(CONTRACTS)
    for contract in CONTRACTS:
        assert set(shares.filter(contract=contract)["point_of_delivery"]) == points
    costs = service_costs(pack)
    assert set(costs["point_of_delivery"]) == points
    for table in (shares, costs):
        assert (table["where"].str.strip_chars() != "").all()
        assert (table["owner"].str.strip_chars() != "").all()
    assumed = shares.filter(source="assumption")
    assert set(assumed["quality"]) <= {"red", "amber"}
    assert set(shares["source"]) - {"assumption"} <= set(pack.sources)


def test_a_share_holds_from_its_year_until_the_next():
    shares = MarginalShare.validate(
        pl.DataFrame(
            [("c", "ae", since, share, "assumption", "o", "red", "red", "w") for since, share in (("2016/17", 0.7), ("2019/20", 0.2))],
            schema=MarginalShare.dtypes(),
            orient="row",
        )
    )  # fmt: skip
    costs = UnitCost.validate(
        pl.DataFrame([("ae", "acute", 10, None, 1005, 100, 5)], schema=UnitCost.dtypes(), orient="row")
    )
    behaviour = ServiceCost.validate(
        pl.DataFrame(
            [("ae", 0.255, 0.1, 0.4, 0.2, None, "o", "red", "red", "w")], schema=ServiceCost.dtypes(), orient="row"
        )
    )
    found = unit_values(costs, shares, behaviour, "c", YEARS)
    assert found.sort("year")["marginal_pence"].to_list() == [70, 70, 70, 20, 20]
    assert found["variable_pence"].unique().to_list() == [26]  # 25.5, half up
    with pytest.raises(FrameError, match="2015/16"):
        unit_values(costs, shares, behaviour, "c", ["2015/16", "2016/17"])
    with pytest.raises(UnknownNameError, match="form of contract"):
        unit_values(costs, shares, behaviour, "d", YEARS)


def test_activity_that_flows_nowhere_or_has_no_value_is_told_at_once():
    with pytest.raises(FrameError) as error:
        avoided_worth(
            shifted(("2020/21", "ae", "north", 10, 1), ("2020/21", "elective", "south", 10, 1)),
            flow(("south", "elective", "RC1", 1_000_000)),
            values(("2020/21", "ae", 1, 1, 1)),
        )
    assert "ae of north" in str(error.value)
    assert "elective in 2020/21" in str(error.value)
