"""Sharing by largest remainder, the quick way: the same pence as the rule in plain Python."""

import random

import polars as pl
import pytest

from capitation.money.apportion import apportion, split


@pytest.mark.parametrize("seed", range(40))
def test_the_quick_way_is_the_plain_way_where_products_wrap_around(seed):
    r = random.Random(seed)
    draw = r.choice(
        [
            lambda: r.randint(0, 10 ** r.randint(0, 15)),
            lambda: r.choice([r.randint(2**50, 2**53 - 1), r.randint(0, 3)]),
            lambda: r.randint(1, 2),  # many ties
            lambda: round(r.random() * 10**4, 3),
        ]
    )
    keys = r.sample(range(1000), 50)
    weights = [draw() for _ in keys]
    total = r.choice([-1, 1]) * r.randint(10**12, 10**14)
    frame = pl.DataFrame({"key": keys, "total": total, "weight": weights})
    found = apportion(frame, total="total", weight="weight", order_by=["key"], into="pence")
    ordered = sorted(range(50), key=lambda i: keys[i])
    expected = split(total, [weights[i] for i in ordered])
    assert found.sort("key")["pence"].to_list() == expected
