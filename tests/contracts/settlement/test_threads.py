"""A settlement is the same to the last bit on one thread and on several."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

EVERY_CASE = """
import hashlib, sys, tomllib
from decimal import Decimal
from pathlib import Path
import polars as pl
from contracts import read_contract, settle
for path in sorted(Path(sys.argv[1]).rglob("contracts/*.toml")):
    contract = read_contract(path)
    for case in tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["cases"]:
        rows = pl.DataFrame(case["rows"], infer_schema_length=None).with_columns(pl.col(pl.Decimal).cast(pl.Float64))
        steps = settle(contract, rows, explain=True).steps
        print(path.stem, hashlib.sha256(steps.write_csv().encode()).hexdigest())
"""


@pytest.mark.deep
def test_every_shipped_contract_settles_to_the_same_bits_on_one_two_and_five_threads():
    # polars cuts rows into morsels by the number of threads; clauses across rows must not notice
    def settled(threads):
        done = subprocess.run(
            [sys.executable, "-c", EVERY_CASE, ROOT / "data"],
            env=os.environ | {"POLARS_MAX_THREADS": str(threads)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    one = settled(1)
    assert len(one) >= 30  # cases, of every shipped contract
    assert settled(2) == one
    assert settled(5) == one
