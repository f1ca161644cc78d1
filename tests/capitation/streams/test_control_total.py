"""Control totals: the plan's printed streams, top-slices step by step, and the do-nothing gap as a bridge."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DocumentError, ScenarioError
from capitation.records.documents import parse_document
from capitation.streams.control_total import NOT_EXPLAINED, control_total, gap_bridge, stream_totals, total_checks
from capitation.streams.document import DoNothingGap, StreamPlan

AT = {"source": "test", "where": "test"}


def amount(year: str, pounds: object, recurrence: str = "recurrent") -> dict[str, object]:
    return {"year": year, "pounds": str(pounds), "recurrence": recurrence, **AT}


def one_year_plan(top_slices=(), amounts=None) -> StreamPlan:
    series = {"stream": "ccg", "amounts": amounts or [amount("2016/17", 1000)]}
    return StreamPlan.model_validate(
        {"first_year": "2016/17", "last_year": "2016/17", "streams": [series], "top_slices": list(top_slices)}
    )


def top_slice(name: str, **given_keys: object) -> dict[str, object]:
    return {"name": name, "kind": "earmark", "stream": "ccg", "from": "2016/17", **AT, **given_keys}


@pytest.fixture(scope="session")
def printed_plan(pack) -> StreamPlan:
    """The plan's printed streams, thousands of pounds, with the printed totals."""
    labels = {
        "CCG allocation": "ccg",
        "Primary medical allocation": "primary-medical",
        "Specialised allocation": "specialised",
    }
    cells = [
        r for r in pack.printed("blmk-stp-2016", "place_based_allocation").iter_rows(named=True) if "/" in r["column"]
    ]
    pounds = {(r["row"], r["column"]): Decimal(r["value"].replace(",", "")) * 1000 for r in cells}
    years = sorted({r["column"] for r in cells})
    return StreamPlan.model_validate(
        {
            "first_year": years[0],
            "last_year": years[-1],
            "streams": [
                {"stream": stream, "amounts": [amount(y, pounds[label, y]) for y in years]}
                for label, stream in labels.items()
            ],
            "totals": [
                {
                    "year": y,
                    "pounds": pounds["Total place-based allocation", y],
                    "streams": list(labels.values()),
                    **AT,
                }
                for y in years
            ],
        }
    )


def test_the_printed_streams_add_to_the_printed_place_total_in_all_six_years(printed_plan):
    checks = total_checks(printed_plan)
    assert checks.height == 6
    assert checks.get_column("difference_pence").to_list() == [0] * 6
    # 1,088,109 + 112,939 + 230,702 = 1,431,750 thousand pounds
    assert checks.filter(pl.col("year") == "2016/17").get_column("summed_pence")[0] == 143_175_000_000


def test_without_top_slices_all_of_the_plan_is_deployable(printed_plan):
    result = control_total(printed_plan)
    gross = stream_totals(printed_plan).group_by("year").agg(pl.col("total_pence").sum()).sort("year")
    left = result.deployable.group_by("year").agg(pl.col("deployable_pence").sum()).sort("year")
    assert gross.get_column("total_pence").to_list() == left.get_column("deployable_pence").to_list()
    assert result.deployable.get_column("non_recurrent_pence").sum() == 0


def test_slices_are_taken_in_their_declared_order_each_on_its_named_base():
    plan = one_year_plan(
        [
            top_slice("Better Care Fund", pounds="100"),
            top_slice(
                "1% reserve",
                kind="non-recurrent reserve",
                rate="0.01",
                releases=[{"year": "2016/17", "rate": "1", **AT}],
            ),
            top_slice("0.5% contingency", kind="contingency", rate="0.005", base="opening balance"),
        ]
    )
    result = control_total(plan)
    # 1,000 - 100 = 900; 1% of 1,000 is held and given back: 890 recurrent + 10 once; 0.5% of 900 is 4.50
    assert result.steps.select("name", "kind", "recurrence", "amount_pence", "balance_pence").rows() == [
        ("gross recurrent allocation", "gross", "recurrent", 100_000, 100_000),
        ("Better Care Fund", "earmark", "recurrent", -10_000, 90_000),
        ("1% reserve", "non-recurrent reserve", "recurrent", -1_000, 89_000),
        ("1% reserve: released", "release", "non-recurrent", 1_000, 90_000),
        ("0.5% contingency", "contingency", "recurrent", -450, 89_550),
    ]
    assert result.deployable.select("recurrent_pence", "non_recurrent_pence", "deployable_pence").row(0) == (
        88_550,
        1_000,
        89_550,
    )


@pytest.mark.parametrize(("rounding", "pence"), [("nearest", 13), ("down", 12), ("up", 13)])
def test_a_rate_becomes_whole_pence_by_its_named_rule(rounding, pence):
    # 0.5% of 25.00 pounds is 12.5 pence
    plan = one_year_plan([top_slice("half a per cent", rate="0.005", rounding=rounding)], [amount("2016/17", 25)])
    assert control_total(plan).steps.get_column("amount_pence").to_list() == [2_500, -pence]


def test_a_slice_may_be_given_back_in_part_and_only_in_the_year_that_says_so():
    plan = StreamPlan.model_validate(
        {
            "first_year": "2016/17",
            "last_year": "2017/18",
            "streams": [{"stream": "ccg", "amounts": [amount("2016/17", 100), amount("2017/18", 100)]}],
            "top_slices": [
                top_slice("reserve", rate="0.1", releases=[{"year": "2017/18", "rate": "0.25", **AT}]),
            ],
        }
    )
    got = control_total(plan).deployable.select("year", "recurrent_pence", "non_recurrent_pence").rows()
    assert got == [("2016/17", 9_000, 0), ("2017/18", 9_000, 250)]


def test_a_slice_ends_with_its_last_year():
    plan = StreamPlan.model_validate(
        {
            "first_year": "2016/17",
            "last_year": "2017/18",
            "streams": [{"stream": "ccg", "amounts": [amount("2016/17", 100), amount("2017/18", 100)]}],
            "top_slices": [top_slice("reserve", rate="0.1", until="2016/17")],
        }
    )
    assert control_total(plan).deployable.get_column("deployable_pence").to_list() == [9_000, 10_000]


def test_a_slice_above_what_is_left_is_refused_with_the_shortfall_and_all_such_slices_are_told():
    plan = one_year_plan(
        [
            top_slice("too much", pounds="1500.50"),
            top_slice("once", pounds="1", takes="non-recurrent"),
        ]
    )
    with pytest.raises(ScenarioError) as raised:
        control_total(plan)
    assert len(raised.value.faults) == 2
    assert "500.50 pounds less" in str(raised.value)
    assert "non-recurrent money against 0.00 left" in str(raised.value)


def test_every_missing_repeated_and_stray_amount_is_told_at_once():
    plan = StreamPlan.model_validate(
        {
            "first_year": "2016/17",
            "last_year": "2018/19",
            "streams": [
                {"stream": "ccg", "amounts": [amount("2016/17", 1), amount("2016/17", 2), amount("2019/20", 1)]},
                {"stream": "specialised", "from": "2017/18", "amounts": [amount("2018/19", -5)]},
            ],
            "top_slices": [
                top_slice("lost", stream="stf", pounds="1"),
                top_slice("late", pounds="1", **{"from": "2025/26"}),
            ],
        }
    )
    with pytest.raises(ScenarioError) as raised:
        control_total(plan)
    places = [f.where for f in raised.value.faults]
    assert places == [
        "stream ccg, 2016/17",
        "stream ccg, 2017/18",
        "stream ccg, 2018/19",
        "stream ccg, 2019/20",
        "stream specialised, 2017/18",
        "stream specialised, 2018/19",
        "top-slice 'lost'",
        "top-slice 'late'",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pounds": "1", "rate": "0.1"}, "give either pounds or rate"),
        ({}, "give either pounds or rate"),
        ({"pounds": "1", "until": "2015/16"}, "lies before"),
        ({"pounds": "1", "source": "assumption"}, "an owner and a quality mark"),
        ({"pounds": "1.001"}, "decimal places"),
    ],
)
def test_a_slice_document_says_what_is_wrong_with_it(changes, message):
    with pytest.raises(DocumentError, match=message):
        parse_document(
            {
                "first_year": "2016/17",
                "last_year": "2016/17",
                "streams": [{"stream": "ccg", "amounts": [amount("2016/17", 1)]}],
                "top_slices": [top_slice("s", **changes)],
            },
            StreamPlan,
            "a plan",
        )


def test_a_stream_amount_without_a_year_is_a_fault_that_names_it():
    content = {
        "first_year": "2016/17",
        "last_year": "2016/17",
        "streams": [{"stream": "ccg", "amounts": [{"pounds": "1", **AT}, {"pounds": "2", **AT}]}],
    }
    with pytest.raises(DocumentError) as raised:
        parse_document(content, StreamPlan, "a plan")
    assert [f.where for f in raised.value.faults] == [
        "a plan: streams.0.amounts.0.year",
        "a plan: streams.0.amounts.1.year",
    ]


@given(
    gross=st.integers(100, 10**13),
    rates=st.lists(st.tuples(st.integers(0, 1000), st.booleans(), st.integers(0, 4)), max_size=5),
)
def test_steps_add_exactly_from_gross_to_deployable(gross, rates):
    slices = [
        top_slice(
            f"slice {i}",
            rate=str(Decimal(rate) / 10_000),
            base="stream total" if on_total else "opening balance",
            releases=[{"year": "2016/17", "rate": str(Decimal(part) / 4), **AT}] if part else [],
        )
        for i, (rate, on_total, part) in enumerate(rates)
    ]
    plan = one_year_plan(slices, [amount("2016/17", Decimal(gross) / 100)])
    result = control_total(plan)
    running = 0
    for row in result.steps.iter_rows(named=True):
        running += row["amount_pence"]
        assert row["balance_pence"] == running
    assert running == result.deployable.get_column("deployable_pence")[0]


# --- the do-nothing gap -----------------------------------------------------------------------------------------------------------


def million(value: str) -> str:
    return str(Decimal(value) * 1_000_000)


def part(name: str, value: str) -> dict[str, object]:
    return {"name": name, "pounds": million(value), **AT}


@pytest.fixture(scope="session")
def printed_gap(pack):
    """Printed deficits in millions by row and column."""
    cells = pack.printed("blmk-stp-2016", "do_nothing").iter_rows(named=True)
    return {(c["row"], c["column"]): c["value"].strip("£m") for c in cells if c["unit"] == "£m"}


def test_the_2020_21_gap_of_311m_is_203m_of_the_nhs_and_108m_of_councils_with_nothing_left_over(printed_gap):
    gap = DoNothingGap.model_validate(
        {
            "year": "2020/21",
            "parts": [
                part("NHS", printed_gap["Recurrent NHS deficit", "2020/21"]),
                part("Councils", printed_gap["Recurrent council deficit", "2020/21"]),
            ],
            "total": {"pounds": million(printed_gap["Consolidated deficit", "2020/21"]), **AT},
        }
    )
    bridge = gap_bridge([gap])
    assert bridge.select("name", "kind", "amount_pence", "balance_pence").rows() == [
        ("NHS", "part", 20_300_000_000, 20_300_000_000),
        ("Councils", "part", 10_800_000_000, 31_100_000_000),
    ]


def test_stf_of_22_2m_brings_the_2016_17_deficit_of_24_4m_to_2_2m(printed_gap):
    gap = DoNothingGap.model_validate(
        {
            "year": "2016/17",
            "parts": [
                part("Recurrent deficit before STF", printed_gap["Combined recurrent deficit before STF", "2016/17"]),
                part("STF", f"-{printed_gap['STF applied', '2016/17']}"),
            ],
        }
    )
    assert gap_bridge([gap]).get_column("balance_pence").to_list() == [2_440_000_000, 220_000_000]


def test_a_deficit_printed_without_its_parts_is_one_line_named_not_explained(printed_gap):
    total = {"pounds": million(printed_gap["Combined deficit of CCGs and trusts", "2015/16"]), **AT}
    bridge = gap_bridge([DoNothingGap.model_validate({"year": "2015/16", "total": total})])
    assert bridge.select("name", "kind", "balance_pence").rows() == [(NOT_EXPLAINED, "not explained", 7_560_000_000)]


def test_what_printed_parts_leave_over_is_a_line_with_its_size(printed_gap):
    # groups plan a surplus of 21.9m inside a combined deficit of 24.4m: the trusts' 46.3m is not printed
    gap = DoNothingGap.model_validate(
        {
            "year": "2016/17",
            "parts": [part("CCGs", f"-{printed_gap['Planned recurrent surplus of the three CCGs', '2016/17']}")],
            "total": {"pounds": million(printed_gap["Combined recurrent deficit before STF", "2016/17"]), **AT},
        }
    )
    last = gap_bridge([gap]).row(-1, named=True)
    assert (last["name"], last["amount_pence"], last["balance_pence"]) == (NOT_EXPLAINED, 4_630_000_000, 2_440_000_000)


def test_an_empty_gap_and_a_repeated_year_are_told_together():
    empty = DoNothingGap.model_validate({"year": "2016/17"})
    with pytest.raises(ScenarioError) as raised:
        gap_bridge([empty, empty])
    assert len(raised.value.faults) == 3
