"""Sharing by largest remainder, the quick way: the same pence as the rule in plain Python."""

import random

import polars as pl
import pytest

from capitation.money.apportion import apportion, split


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("seed", range(40))
def test_the_quick_way_is_the_plain_way_where_products_wrap_around(seed, few, monkeypatch):
    monkeypatch.setattr("capitation.money.apportion._FEW", few)
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


@pytest.mark.parametrize("seed", range(20))
def test_few_rows_have_the_shares_of_many(seed, monkeypatch):
    r = random.Random(seed)
    rows = [(f"g{i % 7}", f"k{i:03}", r.random() * 10 ** r.randint(0, 4)) for i in range(90)]
    totals = {group: r.randint(-(10**12), 10**12) for group, *_ in rows}
    frame = pl.DataFrame(
        [(*row, totals[row[0]]) for row in r.sample(rows, len(rows))],
        schema=["group", "key", "weight", "total"],
        orient="row",
    )
    shares = []
    for few in (0, 1000):
        monkeypatch.setattr("capitation.money.apportion._FEW", few)
        shares.append(
            apportion(frame, total="total", weight="weight", order_by=["key"], within=["group"], into="pence")
        )
    assert shares[0].equals(shares[1])
    found = shares[0].group_by("group").agg(pl.col("pence").sum())
    assert dict(found.iter_rows()) == totals
