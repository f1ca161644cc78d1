"""Speed of settlement: a six-term contract over a million accounts, against hand-written numpy and the row-by-row way.

`make bench` prints the ratios; the deep suite settles fewer rows once and only checks that the three ways agree. Ratios are
of processor time, so that other work on the machine does not count.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from contracts.document.contract import parse_contract
from contracts.settlement.compile import compile_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle

DEAL = {
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
CONTRACT = parse_contract(DEAL)


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
    """Least processor time of several runs, all threads together, in seconds."""
    out = []
    for _ in range(times):
        start = time.process_time()
        work()
        out.append(time.process_time() - start)
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
    steps, arrays = compile_contract(CONTRACT), {c: rows.get_column(c).to_numpy() for c in rows.columns}
    assert np.array_equal(steps.on_arrays(arrays, rounded=True)["earned"], _numpy(rows))
    bare = _best(lambda: steps.on_arrays(arrays, rounded=True), 7 if benchmark.enabled else 1)
    measured(
        bare / by_hand, "numpy by hand", limit="1.5", detail=f"{count:,} rows: {bare:.3f} s", of="the same clauses on arrays",
    )  # fmt: skip
    benchmark.extra_info.update(rows=count, times_numpy=ours / by_hand, faster_than_row_by_row=row_by_row / ours)
    measured(
        ours / by_hand, "numpy by hand", limit="1.5",
        detail=f"{count:,} rows: {ours:.3f} s and {by_hand:.3f} s; row by row {row_by_row:.1f} s, {row_by_row / ours:.0f} times as long",
    )  # fmt: skip
    benchmark.pedantic(settle, args=(CONTRACT, rows), rounds=3 if benchmark.enabled else 1)


def test_the_command_on_a_file_of_a_million_accounts(benchmark, measured, tmp_path):
    count = 1_000_000 if benchmark.enabled else 20_000
    rows = _rows(count)
    more = pl.DataFrame(
        {"name": [f"Account number {i}" for i in range(count)], "region": ["North East and Yorkshire", "London"] * (count // 2),
         "note": ["nothing to remark on this account at all"] * count}
    )  # fmt: skip
    whole = pl.concat(
        [rows.with_columns(pl.col("account", "benchmark", "spend").cast(pl.Int64)), more], how="horizontal"
    )
    whole.write_csv(tmp_path / "rows.csv")
    (tmp_path / "deal.json").write_text(json.dumps(DEAL))
    words = ["settle", tmp_path / "deal.json", tmp_path / "rows.csv", "--out", tmp_path / "settled.csv"]
    # what wait4 reports as largest memory begins with that of the process that started it, so the command itself says its own
    peak = tmp_path / "peak"
    start = (
        "import atexit, pathlib, sys; from importlib.metadata import entry_points as e; "
        f"atexit.register(lambda: pathlib.Path({str(peak)!r}).write_text(pathlib.Path('/proc/self/status').read_text())); "
        "next(c for c in e(group='console_scripts') if c.name == 'capitation').load()()"
    )

    def settled() -> tuple[float, int]:
        with subprocess.Popen([sys.executable, "-c", start, *map(str, words)], stdout=subprocess.DEVNULL) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return used.ru_utime + used.ru_stime, int(re.search(r"VmHWM:\s+(\d+) kB", peak.read_text())[1]) // 1024

    seconds, megabytes = min(settled() for _ in range(3 if benchmark.enabled else 1))
    assert np.array_equal(pl.read_csv(tmp_path / "settled.csv")["earned"].to_numpy(), _numpy(rows))
    assert megabytes <= 600
    measured(
        seconds / 2.5,
        "2.5 s of processor time",
        limit="1",
        detail=f"{count:,} rows, 7 columns: {seconds:.2f} s, {megabytes} MB",
    )
    benchmark.pedantic(settled, rounds=1)
