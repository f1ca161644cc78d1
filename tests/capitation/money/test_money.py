"""Money: parts add to the whole, exactly, in the same way everywhere."""

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capitation.errors import DataError, FrameError, NothingToShareError
from capitation.money.apportion import LARGEST_PENCE, apportion, split
from capitation.money.pence import board_text, decimal_text, pence_of, pounds_text
from capitation.money.rounding import micro, nearest, round_pence
from capitation.money.weights import exact_sums

TWO_HUNDRED_BILLION = 200 * 10**9 * 100


def shares(total, weights, keys=None):
    keys = keys or [f"k{i:06d}" for i in range(len(weights))]
    frame = pl.DataFrame(
        {"key": keys, "total": [total] * len(keys), "weight": weights},
        schema={"key": pl.String, "total": pl.Int64, "weight": pl.Int64},
    )
    return apportion(frame, total="total", weight="weight", order_by=["key"], into="pence")


def test_one_pound_over_three_equal_shares_gives_the_odd_penny_to_the_first_key():
    # 100 / 3 = 33 each and 1 left; equal remainders, so the first key has it
    assert shares(100, [1, 1, 1])["pence"].to_list() == [34, 33, 33]


def test_rows_reversed_give_the_same_penny_to_the_same_key():
    back = shares(100, [1, 1, 1], keys=["c", "b", "a"])
    assert dict(back.select("key", "pence").iter_rows()) == {"a": 34, "b": 33, "c": 33}


def test_largest_remainder_by_hand():
    # 10 over 3:3:1 -> 4 2/7, 4 2/7, 1 3/7: floors 4, 4, 1 leave 1 for the largest fraction 3/7
    assert shares(10, [3, 3, 1])["pence"].to_list() == [4, 4, 2]


def test_a_recovery_undoes_a_payment_penny_for_penny():
    paid = shares(1001, [5, 7, 11])["pence"]
    assert (shares(-1001, [5, 7, 11])["pence"] + paid).to_list() == [0, 0, 0]


def test_a_zero_weight_gets_nothing_and_one_row_gets_all():
    assert shares(99, [0, 3, 0])["pence"].to_list() == [0, 99, 0]
    assert shares(99, [7])["pence"].to_list() == [99]


def test_no_rows_and_no_money_are_defined():
    assert shares(5, []).height == 0
    assert shares(0, [0, 0])["pence"].to_list() == [0, 0]


def test_money_without_weight_is_refused_and_the_group_named():
    frame = pl.DataFrame({"g": ["x", "y"], "k": ["a", "b"], "t": [5, 5], "w": [0, 1]})
    with pytest.raises(NothingToShareError, match="g x: found 5 pence"):
        apportion(frame, total="t", weight="w", within=["g"], order_by=["k"], into="p")


def test_all_faults_of_the_rows_are_told_together():
    frame = pl.DataFrame({"g": ["x"] * 4, "k": ["a", "a", "b", "c"], "t": [5, 6, 5, None], "w": [1, -1, 1, 1]})
    with pytest.raises(FrameError) as caught:
        apportion(frame, total="t", weight="w", within=["g"], order_by=["k"], into="p")
    text = str(caught.value)
    assert "empty values" in text
    assert "a weight of 0 or more" in text
    assert "different totals" in text
    assert "share a key" in text


@pytest.mark.parametrize("weight", ["7", float("nan"), float("inf"), -0.5])
def test_a_weight_that_is_no_number_of_0_or_more_is_refused(weight):
    frame = pl.DataFrame({"k": ["a"], "t": [5], "w": [weight]})
    with pytest.raises(FrameError, match=r"column 'w'|w (nan|inf|-0.5)"):
        apportion(frame, total="t", weight="w", order_by=["k"], into="p")


@pytest.mark.parametrize("scale", [1e-9, 1e-7, 1.0, 1e9, 1e15, 3.0, 1 / 3])
def test_scale_never_matters(scale):
    # 7 : 3 of 1,000,001 pence is 700,000.7 : 300,000.3, so the odd penny goes to the first
    assert weighed(1_000_001, [7 * scale, 3 * scale]) == [700_001, 300_000]


def test_decimals_are_the_ones_that_are_printed():
    # 0.1 : 0.2 : 0.3 of 5 pence is 0.83, 1.67, 2.50: floors 0, 1, 2, and the two odd pence go to 0.83 and 1.67
    assert weighed(5, [0.1, 0.2, 0.3]) == [1, 2, 2]
    # a true tie between 0.1 and 0.3 (0.5 and 1.5 pence of 5) goes to the first key, which no binary noise may decide
    assert weighed(5, [0.1, 0.3, 0.6]) == [1, 1, 3]
    assert weighed(5, [0.3, 0.1, 0.6]) == [2, 0, 3]
    assert weighed(10_000_000_000, [0.0123456789, 0.0876543211]) == [1_234_567_890, 8_765_432_110]


def test_a_column_of_decimals_is_read_at_its_own_places():
    frame = pl.DataFrame({"k": ["a", "b"], "t": [100, 100], "w": [Decimal("0.0000014"), Decimal("0.0000006")]})
    assert apportion(frame, total="t", weight="w", order_by=["k"], into="p")["p"].to_list() == [70, 30]


def test_weights_of_very_different_size_stand_side_by_side():
    assert weighed(LARGEST_PENCE, [1e15, 1e-9]) == [LARGEST_PENCE, 0]
    assert weighed(10**14, [1.0, 1e-14, 3e-14]) == [10**14 - 4, 1, 3]


def test_weights_that_64_bits_cannot_add_are_shared():
    assert shares(1001, [2**62, 2**62, 2**62])["pence"].to_list() == [334, 334, 333]


def weighed(total, weights):
    frame = pl.DataFrame({"k": range(len(weights)), "t": [total] * len(weights), "w": weights})
    return apportion(frame, total="t", weight="w", order_by=["k"], into="p")["p"].to_list()


ANY_SCALE = st.floats(min_value=1e-9, max_value=1e15, allow_nan=False)
SHORT = st.builds(lambda digits, places: digits / 10**places, st.integers(0, 10**7), st.integers(0, 7))


@given(st.integers(-TWO_HUNDRED_BILLION, TWO_HUNDRED_BILLION), st.lists(SHORT, min_size=1, max_size=20).filter(any))
def test_printed_decimals_are_shared_exactly_by_two_ways(total, weights):
    assert weighed(total, weights) == split(total, weights)


@given(st.integers(-TWO_HUNDRED_BILLION, TWO_HUNDRED_BILLION), st.lists(ANY_SCALE, min_size=1, max_size=20))
def test_weights_of_any_scale_give_parts_within_a_penny_of_their_exact_share(total, weights):
    parts, whole = weighed(total, weights), sum(map(Fraction, weights))
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * Fraction(weight) / whole) < Fraction(1000001, 1000000)


def test_a_total_beyond_a_thousand_billion_pounds_is_refused():
    with pytest.raises(FrameError, match="thousand billion"):
        shares(LARGEST_PENCE + 1, [1])


@given(
    total=st.integers(-TWO_HUNDRED_BILLION, TWO_HUNDRED_BILLION),
    weights=st.lists(st.integers(0, 70_000_000 * 10**6), min_size=1, max_size=40).filter(any),
)
def test_parts_add_to_the_whole_and_lie_within_a_penny_of_their_exact_share(total, weights):
    pence = shares(total, weights)["pence"].to_list()
    assert sum(pence) == total
    assert pence == split(total, weights)  # the second way: plain Python integers
    for part, weight in zip(pence, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)), min_size=1, max_size=30),
    st.integers(1, 10**9),
    st.randoms(use_true_random=False),
)
def test_row_order_never_matters(rows, total, random):
    frame = pl.DataFrame(
        {
            "g": [g for g, _ in rows],
            "k": list(range(len(rows))),
            "t": [total] * len(rows),
            "w": [w + 1 for _, w in rows],
        }
    )
    shuffled = frame.sample(fraction=1, shuffle=True, seed=random.randint(0, 10**6))
    one = apportion(frame, total="t", weight="w", within=["g"], order_by=["k"], into="p")
    two = apportion(shuffled, total="t", weight="w", within=["g"], order_by=["k"], into="p")
    assert one.sort("k").equals(two.sort("k"))
    assert (one.group_by("g").agg(pl.col("p").sum())["p"] == total).all()


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=20), st.integers(0, 10**12), st.integers(1, 1000))
def test_scaling_all_weights_changes_nothing(weights, total, factor):
    assert split(total, weights) == split(total, [w * factor for w in weights])


def test_a_million_shares_of_two_hundred_billion_pounds_add_up():
    count = 1_000_000
    frame = pl.DataFrame({"k": pl.int_range(count, eager=True)}).with_columns(
        pl.lit(TWO_HUNDRED_BILLION, dtype=pl.Int64).alias("t"), ((pl.col("k") * 7919) % 999_983 + 1).alias("w")
    )
    pence = apportion(frame, total="t", weight="w", order_by=["k"], into="p")["p"]
    assert pence.sum() == TWO_HUNDRED_BILLION


def test_persons_become_whole_millionths_nearest_with_ties_away_from_zero():
    series = pl.DataFrame({"p": [1.0, 0.0000005, -0.0000005, 3328.583496]}).select(micro(pl.col("p")))["p"]
    assert series.to_list() == [1_000_000, 1, -1, 3_328_583_496]


def test_pounds_become_pence_one_by_one():
    series = pl.DataFrame({"p": [1.125, -1.125, 2.5]}).select(round_pence(pl.col("p")))["p"]
    assert series.to_list() == [113, -113, 250]


@pytest.mark.parametrize(("text", "pence"), [("1,234.56", 123456), ("-0.05", -5), ("£3", 300), (Decimal("2.50"), 250)])
def test_amounts_are_read_exactly(text, pence):
    assert pence_of(text) == pence


@pytest.mark.parametrize("text", ["1.005", "twelve", "NaN", "Infinity"])
def test_what_is_not_whole_pence_is_refused(text):
    with pytest.raises(DataError):
        pence_of(text)


@given(st.integers(-(10**15), 10**15))
def test_machine_text_reads_back(pence):
    assert pence_of(decimal_text(pence)) == pence_of(pounds_text(pence)) == pence


@pytest.mark.parametrize(
    ("pence", "text"),
    [
        (153_574_100_000, "£1,535.7m"),
        (-5_120_000_000, "-£51.2m"),
        (1_234_500, "£12.3k"),
        (950, "£9.50"),
        (99_999_999, "£1.0m"),
    ],
)
def test_board_amounts_are_short(pence, text):
    assert board_text(pence) == text


def test_nearest_breaks_ties_away_from_zero():
    assert [nearest(Decimal(t)) for t in ("2.5", "-2.5", "2.4")] == [3, -3, 2]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.floats(0, 1e15, allow_nan=False, allow_subnormal=False)),
        min_size=1,
        max_size=30,
    )
)
@example([("a", 2.2250738585072014e-308)])
def test_sums_of_floats_are_the_exact_ones_whatever_the_order_and_the_scale(rows):
    frame = pl.DataFrame(rows, schema={"k": pl.String, "w": pl.Float64}, orient="row")
    sums = dict(exact_sums(frame, ["k"], "w").iter_rows())
    for key, found in sums.items():
        exact = float(sum(Fraction(w) for k, w in rows if k == key))
        assert found == pytest.approx(exact, rel=4e-16)
    assert dict(exact_sums(frame.reverse(), ["k"], "w").iter_rows()) == sums


@pytest.mark.parametrize(
    "weights", [[0.1, 0.2], [Decimal("0.1"), Decimal("0.2")], [1e-9, 1e15], [1, 2], [1e-300, 1e300]]
)
def test_sums_of_printed_decimals_are_printed_decimals(weights):
    found = exact_sums(pl.DataFrame({"k": ["a", "a"], "w": weights}), ["k"], "w")["w"].to_list()
    assert found == [float(sum(Fraction(str(w)) for w in weights))]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**12)), min_size=1, max_size=30),
    st.lists(st.integers(-(10**9), 10**9), min_size=4, max_size=4),
)
def test_a_few_rows_are_shared_as_many_are(rows, totals):
    frame = pl.DataFrame(
        {
            "group": [group for group, _ in rows],
            "code": [f"c{(i * 7) % 31:02}" for i in range(len(rows))],
            "weight": [weight for _, weight in rows],
            "total": [totals[group] for group, _ in rows],
        }
    )
    asked = {"total": "total", "weight": "weight", "within": ["group"], "order_by": ["code"], "into": "pence"}

    def shared():
        try:
            return apportion(frame, **asked).get_column("pence").to_list()
        except NothingToShareError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        few = shared()
        patch.setattr("capitation.money.apportion._FEW", 0)
        assert shared() == few
