"""A year falls into months and quarters, and adds to the penny."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DataError, DocumentError, FrameError
from capitation.profiles.calendar import bank_holidays, months_of, working_days
from capitation.profiles.phase import phase
from capitation.profiles.profile import MONTHS, Profile, month_weights, read_profile
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear

YEARS = [FinancialYear("2018/19"), FinancialYear("2019/20")]
SHIPPED = ["twelfths", "working-days", "calendar-days", "ae-attendances", "emergency-admissions"]


def amounts(*pence, years=YEARS):
    return pl.DataFrame({"year": list(map(str, years)), "account": "a", "amount_pence": list(pence)})


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("every", ["month", "quarter", "year"])
def test_every_shipped_profile_adds_to_the_year_to_the_penny(pack, name, every):
    weights = month_weights(read_profile(pack, name), YEARS, pack)
    done = phase(amounts(100_00, -12_345_67), weights, keys=["account"], amount="amount_pence", every=every)
    assert done.height == {"month": 24, "quarter": 8, "year": 2}[every]
    assert dict(done.group_by("year").agg(pl.col("amount_pence").sum()).iter_rows()) == {
        "2018/19": 100_00,
        "2019/20": -12_345_67,
    }


def test_the_list_of_shipped_profiles_is_whole(pack):
    assert set(pack.names("profiles")) == set(SHIPPED)


def test_a_hundred_pounds_by_twelfths(pack):
    # 10,000 / 12 = 833 and 4 pence left: April to July have one more
    weights = month_weights(read_profile(pack, "twelfths"), YEARS[:1], pack)
    months = phase(amounts(100_00, years=YEARS[:1]), weights, keys=["account"], amount="amount_pence")
    assert months["amount_pence"].to_list() == [834] * 4 + [833] * 8
    assert months["period"].to_list()[0] == "2018-04"
    quarters = phase(
        amounts(100_00, years=YEARS[:1]), weights, keys=["account"], amount="amount_pence", every="quarter"
    )
    assert quarters["amount_pence"].to_list() == [2502, 2500, 2499, 2499]
    assert quarters.select("period", "first_day", "last_day").row(3) == (
        "2018/19 Q4",
        dt.date(2019, 1, 1),
        dt.date(2019, 3, 31),
    )


def test_working_days_of_2018_19_counted_by_hand(pack):
    days = working_days(months_of(YEARS[:1]), bank_holidays(pack))
    # April 2018: 21 weekdays less Easter Monday (2 April); May: 23 less two bank holidays; December: 21 less two
    assert days["working_days"].to_list() == [20, 21, 21, 22, 22, 20, 23, 22, 19, 22, 20, 21]
    assert days["working_days"].sum() == 253


@pytest.mark.parametrize(
    "day", ["2018-12-25", "2020-05-08", "2022-06-03", "2022-09-19", "2023-05-08", "2021-12-28", "2022-01-03"]
)
def test_days_that_are_easy_to_miss_are_holidays(pack, day):
    assert dt.date.fromisoformat(day) in bank_holidays(pack)["day"].to_list()


def test_a_year_without_holidays_is_refused_rather_than_counted_as_work(pack):
    with pytest.raises(DataError, match="2040"):
        month_weights(read_profile(pack, "working-days"), [FinancialYear("2039/40")], pack)


def test_a_year_that_the_profile_does_not_reach_is_refused(pack):
    weights = month_weights(read_profile(pack, "twelfths"), YEARS[:1], pack)
    with pytest.raises(FrameError, match="2019/20"):
        phase(amounts(1, 2), weights, keys=["account"], amount="amount_pence")


def own(**changes):
    content = {
        "id": "own", "title": "Own", "about": "A contract's own plan", "kind": "shares", "source": "assumption", "where": "agreed",
        "owner": "Finance", "quality": "green", "shares": dict.fromkeys(MONTHS, Decimal(1)),
    }  # fmt: skip
    return {**content, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "twelfths"},
        {"shares": None},
        {"shares": dict.fromkeys(MONTHS, Decimal(0))},
        {"shares": dict.fromkeys(MONTHS[:11], Decimal(1))},
        {"shares": {**dict.fromkeys(MONTHS, Decimal(1)), "may": Decimal(-1)}},
        {"owner": None},
        {"kind": "weeks"},
    ],
    ids=["shares not used", "no shares", "no weight", "a month missing", "below nothing", "no owner", "unknown kind"],
)
def test_a_profile_that_cannot_be_used_is_refused(changes):
    with pytest.raises(DocumentError):
        parse_document(own(**changes), Profile, "own.toml")


@given(
    st.integers(-(10**13), 10**13),
    st.lists(st.decimals(0, 1000, places=6), min_size=12, max_size=12).filter(any),
)
def test_any_shares_of_any_sum_add_up_and_lie_within_a_penny(pack, pence, shares):
    profile = parse_document(own(shares=dict(zip(MONTHS, shares, strict=True))), Profile, "own.toml")
    done = phase(
        amounts(pence, years=YEARS[:1]),
        month_weights(profile, YEARS[:1], pack),
        keys=["account"],
        amount="amount_pence",
    )
    assert done["amount_pence"].sum() == pence
    for part, share in zip(done["amount_pence"], shares, strict=True):
        assert abs(Decimal(part) - pence * share / sum(shares)) < 1
