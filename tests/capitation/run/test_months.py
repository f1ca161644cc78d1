"""A run by month: cash and activity add to the year, follow their profiles, and leave balances that both sides can agree."""

import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.pack.rows import RawTable
from capitation.run.months.balances import balances, disagreements
from capitation.run.months.monthly import ServiceProfile, monthly_activity, monthly_cash

YEAR = "2017/18"


@pytest.fixture(scope="module")
def cash(blmk_run, pack):
    return monthly_cash(blmk_run, pack, (YEAR,))


def test_twelve_months_add_to_every_flow_of_the_year(cash, blmk_run):
    key = ["commissioner_code", "provider_code", "service_code"]
    sums = cash.group_by(key).agg(pl.len().alias("months"), pl.col("paid_pence", "earned_pence").sum())
    years = (
        blmk_run.provider_allocation.filter(pl.col("year") == YEAR).group_by(key).agg(pl.col("allocation_pence").sum())
    )
    both = sums.join(years, on=key, how="full", coalesce=True)
    assert both["months"].unique().to_list() == [12]
    assert both.filter(
        (pl.col("paid_pence") != pl.col("allocation_pence")) | (pl.col("earned_pence") != pl.col("allocation_pence"))
    ).is_empty()


def test_a_block_is_paid_in_twelfths_and_earned_as_care_is_given(cash):
    acute = (
        cash.filter((pl.col("service_code") == "acute") & (pl.col("provider_code") == "RC1"))
        .group_by("month")
        .agg(pl.col("paid_pence", "earned_pence").sum())
    )
    assert acute["paid_pence"].max() - acute["paid_pence"].min() <= 4
    assert acute["earned_pence"].max() - acute["earned_pence"].min() > 10_000_000


def test_attendances_follow_the_seasons_of_the_counts(blmk_run, pack):
    rows = monthly_activity(blmk_run, pack, (YEAR,))
    ae = rows.filter((pl.col("point_of_delivery") == "ae") & (pl.col("case") == "mitigated"))
    months = dict(ae.group_by("month").agg(pl.col("activity").sum()).iter_rows())
    year = blmk_run.locality_activity.filter(
        (pl.col("point_of_delivery") == "ae") & (pl.col("case") == "mitigated") & (pl.col("year") == YEAR)
    )["activity"].sum()
    assert sum(months.values()) == year
    assert max(months, key=months.get) == "2017-07"
    assert min(months, key=months.get) == "2018-02"
    assert abs(months["2017-07"] / year - 6332874 / 72019702) < 1e-3


def test_every_line_and_case_adds_to_its_year(blmk_run, pack):
    rows = monthly_activity(blmk_run, pack, (YEAR,))
    key = ["case", "point_of_delivery", "locality_code"]
    sums = rows.group_by(key).agg(pl.col("activity").sum()).sort(key)
    assert sums.equals(blmk_run.locality_activity.filter(pl.col("year") == YEAR).select(*key, "activity").sort(key))


def test_nothing_is_owed_when_the_year_ends(cash):
    owed = balances(cash)
    assert owed.filter(pl.col("month") == "2018-03")["owed_pence"].unique().to_list() == [0]
    assert owed.filter(pl.col("month") == "2017-08")["owed_pence"].abs().max() > 0


def statement(rows):
    return RawTable(
        "theirs.csv",
        pl.DataFrame(rows, schema=["month", "commissioner_code", "provider_code", "owed_pounds"], orient="row"),
    )


def test_a_party_that_says_the_same_agrees_and_another_is_named_with_both_amounts(cash):
    owed = balances(cash)
    pence = owed.filter(
        (pl.col("month") == "2017-08") & (pl.col("commissioner_code") == "06F") & (pl.col("provider_code") == "RC1")
    )["owed_pence"][0]
    same = [("2017-08", "06F", "RC1", f"{pence / 100:.2f}")]
    assert disagreements(owed, statement(same)).is_empty()
    found = disagreements(owed, statement([("2017-08", "06F", "RC1", f"{(pence + 12345) / 100:.2f}")]))
    assert found.select("ours_pence", "theirs_pence", "difference_pence").row(0) == (pence, pence + 12345, 12345)


def test_what_cannot_be_compared_is_named_together(cash):
    rows = [("2017-08", "06F", "RC9X", "1"), ("2017-08", "06F", "RC1", "many")]
    with pytest.raises(SourceError) as raised:
        disagreements(balances(cash), statement(rows))
    assert [fault.where for fault in raised.value.faults] == ["theirs.csv: line 2", "theirs.csv: line 3"]
    with pytest.raises(SourceError, match="no owed_pounds"):
        disagreements(
            balances(cash),
            RawTable("theirs.csv", pl.DataFrame({"month": [], "commissioner_code": [], "provider_code": []})),
        )


def test_a_line_without_a_profile_and_a_year_that_is_none_are_named(blmk_run, pack):
    rows = pack.rows("profiles/by-service.csv", ServiceProfile).filter(pl.col("code") != "ae")
    varied = pack.with_reading("profiles/by-service.csv", ServiceProfile, rows)
    with pytest.raises(SourceError, match="activity, ae: found no row"):
        monthly_cash(blmk_run, varied, (YEAR,))
    with pytest.raises(SourceError, match="2030/31"):
        monthly_activity(blmk_run, pack, ("2030/31",))
