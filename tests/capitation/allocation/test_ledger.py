"""The ledger: opening plus movements equals closing, for every subject."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.allocation.ledger import waterfall
from capitation.errors import FrameError
from tests.capitation.ledgers import unbalanced


def stages(balances, subject="L1", year="2018/19"):
    return pl.DataFrame(
        {
            "year": year,
            "subject_code": subject,
            "step": list(range(len(balances))),
            "name": [f"step {i}" for i in range(len(balances))],
            "balance_pence": balances,
        },
        schema_overrides={"balance_pence": pl.Int64, "step": pl.Int64},
    )


def test_balances_100_90_95_give_movements_100_minus_10_and_5():
    assert waterfall(stages([100, 90, 95]), subject_kind="locality")["amount_pence"].to_list() == [100, -10, 5]


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=9), st.integers(0, 4))
def test_movements_add_to_the_closing_sum_and_subjects_to_the_whole(balances, others):
    every = pl.concat([stages([b + i for b in balances], f"L{i}") for i in range(others + 1)])
    lines = waterfall(every, subject_kind="locality")
    closing = every.filter(pl.col("step") == len(balances) - 1).select(
        "year", "subject_code", pl.col("balance_pence").alias("closing_pence")
    )
    assert unbalanced(lines, closing).is_empty()
    assert lines["amount_pence"].sum() == closing["closing_pence"].sum()


def test_a_missing_penny_is_found():
    lines = waterfall(stages([100, 90]), subject_kind="locality")
    closing = pl.DataFrame({"year": ["2018/19"], "subject_code": ["L1"], "closing_pence": [91]})
    assert unbalanced(lines, closing).height == 1


def test_a_gap_in_the_steps_is_refused():
    with pytest.raises(FrameError, match="locality L1 in 2018/19"):
        waterfall(stages([1, 2, 3]).filter(pl.col("step") != 1), subject_kind="locality")
