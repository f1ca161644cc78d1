"""Speed of settlement: a six-term contract over a million accounts, against hand-written numpy and the row-by-row way.

`make bench` prints the ratios; the deep suite settles fewer rows once and only checks that the three ways agree.
"""

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from contracts.document.contract import parse_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle

CONTRACT = parse_contract(
    {
        "id": "six-terms",
        "version": "1",
        "title": "Six terms",
        "amounts": "dollars",
        "key": ["account"],
        "inputs": [
            {"name": "account", "about": "Number of the account"},
            {"name": "benchmark", "about": "Benchmark", "unit": "dollars"},
            {"name": "spend", "about": "Spend", "unit": "dollars"},
            {"name": "quality", "about": "Quality score", "unit": "share"},
        ],
        "parameters": [{"name": "top_rate", "about": "Top rate", "status": "read", "values": [{"value": 0.75}]}],
        "terms": [
            {"step": "gain", "term": "gap", "target": "benchmark", "actual": "spend"},
            {"step": "past", "term": "gate", "amount": "gain", "base": "benchmark", "at_least": 0.02},
            {"step": "scaled", "term": "scale", "amount": "past", "by": "quality"},
            {"step": "shared", "term": "share", "amount": "scaled", "rates": ["top_rate"]},
            {"step": "levied", "term": "levy", "amount": "shared", "rate": 0.02},
            {"step": "paid", "term": "cap", "amount": "levied", "limits": [{"rate": 0.1, "base": "benchmark"}]},
        ],
        "outputs": [{"name": "earned", "of": "paid", "rounded_to": "dollars"}],
    }
)


def _rows(count: int) -> pl.DataFrame:
    chance = np.random.default_rng(20231)
    benchmark = chance.integers(10_000_000, 2_000_000_000, count).astype(float)
    return pl.DataFrame(
        {
            "account": chance.permutation(count).astype(float),
            "benchmark": benchmark,
            "spend": np.round(benchmark * chance.normal(0.98, 0.06, count)),
            "quality": np.round(chance.uniform(0.4, 1.0, count), 4),
        }
    )


def _numpy(rows: pl.DataFrame) -> np.ndarray:
    """The same arithmetic by hand."""
    benchmark, spend, quality = (rows.get_column(c).to_numpy() for c in ("benchmark", "spend", "quality"))
    gain = benchmark - spend
    past = np.where(gain >= 0.02 * benchmark, gain, 0.0)
    shared = past * quality * 0.75
    levied = np.where(shared > 0, shared * (1 - 0.02), shared)
    paid = np.where(levied > 0.1 * benchmark, 0.1 * benchmark, levied)
    return (np.floor(np.abs(paid) * (1 + 1e-15) + (0.5 + 1e-6)) * np.sign(paid)).astype(np.int64)


def _best(work: Callable[[], object], times: int) -> float:
    """Shortest of several runs, in seconds."""
    out = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        out.append(time.perf_counter() - start)
    return min(out)


def test_a_million_accounts_through_six_terms(benchmark, measured):
    count, sample = (1_000_000, 20_000) if benchmark.enabled else (20_000, 2_000)
    rows = _rows(count)
    few = rows.head(sample)
    settled = settle(CONTRACT, rows).results.get_column("earned").to_numpy()
    assert np.array_equal(settled, _numpy(rows))
    assert [r["earned"] for r in reference_settle(CONTRACT, few)] == settled[:sample].tolist()
    by_hand = _best(lambda: _numpy(rows), 7 if benchmark.enabled else 1)
    row_by_row = _best(lambda: reference_settle(CONTRACT, few), 1) * count / sample
    ours = _best(lambda: settle(CONTRACT, rows), 7 if benchmark.enabled else 1)
    benchmark.extra_info.update(rows=count, times_numpy=ours / by_hand, faster_than_row_by_row=row_by_row / ours)
    measured(
        ours / by_hand, "numpy by hand", limit="1.5",
        detail=f"{count:,} rows: {ours:.3f} s and {by_hand:.3f} s; row by row {row_by_row:.1f} s, {row_by_row / ours:.0f} times as long",
    )  # fmt: skip
    benchmark.pedantic(settle, args=(CONTRACT, rows), rounds=3 if benchmark.enabled else 1)
