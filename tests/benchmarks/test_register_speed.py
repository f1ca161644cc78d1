"""Speed of registers: persons to weighted totals beside the fastest reader of the same columns, and 10,000 weight sets beside numpy.

Seconds are of processor time, all threads added up, since the machine may be shared. The deep suite runs 20,000 persons once; `make bench` 1, 3 and 10 million, `make bench-large` 60 million (4 GB of disk, minutes).
"""

import time

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import read_formula, tables
from capitation.register.kernel import compiled
from capitation.register.make import make
from capitation.register.sets import drawn_sets, products
from capitation.register.weigh import weigh_cells, weigh_persons
from capitation.workers.crew import Threads
from tests.benchmarks.conftest import exponent

COLUMNS = ["practice", "area", "age", "sex", "flags"]
READER = "the fastest reader of the same columns"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("registers")


def made(folder, people):
    """A register of so many persons, made once, with its formula."""
    place = folder / str(people)
    if not place.exists():
        make(people, place, Threads())
    register = read_register(place)
    return register, tables(read_formula(str(place / "formula.toml"), None), register.codes)


def readers(files):
    """Ways to read the columns and let them go."""
    names = [str(f) for f in files]
    sums = ", ".join(f"max({c})" for c in COLUMNS)
    return [
        lambda: [pl.read_parquet(f, columns=COLUMNS).height for f in files],
        lambda: pl.scan_parquet(files).select(pl.col(COLUMNS).max()).collect(engine="streaming"),
        lambda: [pq.read_table(f, columns=COLUMNS).num_rows for f in files],
        lambda: duckdb.sql(f"select {sums} from read_parquet({names})").fetchall(),
    ]


def measure(folder, people, alternating, times):
    register, formula = made(folder, people)
    works = [
        *readers(register.persons),
        lambda: weigh_persons(register, formula, Threads(), may_compile=False),
        lambda: weigh_persons(register, formula, Threads()),
    ]
    if compiled() is not None and people > 100_000:
        works[-1]()  # what is compiled is compiled once and kept
    least, results = alternating(works, times)
    assert results[-1].hash == results[-2].hash
    assert results[-1].sums.persons.sum() == people
    return min(least[:4]), least[-2], least[-1]


def test_persons_to_weighted_totals(folder, timed, alternating, measured, in_a_process):
    sizes = (1_000_000, 3_000_000, 10_000_000) if timed else (20_000,)
    found = [measure(folder, people, alternating, 5) for people in sizes]
    reading, plain, fast = found[-1]
    each = f"{sizes[-1]:,} persons, 8 components: reading {reading:.3f} s"
    measured(
        plain / reading,
        READER,
        limit="20",
        detail=f"{each}, {plain:.3f} s",
        of="weighted totals without the compiled loop",
    )
    measured(
        fast / reading, READER, limit="5", detail=f"{each}, {fast:.3f} s", of="weighted totals with the compiled loop"
    )
    if timed:
        for name, column in (("without", 1), ("with", 2)):
            power = exponent(sizes, [times[column] for times in found])
            seconds = ", ".join(f"{times[column]:.3f} s" for times in found)
            measured(
                power,
                "1, in proportion",
                of=f"power of growth {name} the compiled loop",
                detail=f"1, 3, 10 million: {seconds}",
            )
        code = (
            "import sys\nfrom pathlib import Path\nfrom capitation.register.document import read_register\n"
            "from capitation.register.formula import read_formula, tables\nfrom capitation.register.weigh import weigh_persons\n"
            "from capitation.workers.crew import Threads\nif __name__ == '__main__':\n    r = read_register(Path(sys.argv[1]))\n"
            "    f = tables(read_formula(sys.argv[1] + '/formula.toml', None), r.codes)\n    print(weigh_persons(r, f, Threads()).hash)"
        )
        (_, memory) = in_a_process(code, folder / str(sizes[-1]))
        measured(
            memory / 1.0,
            "1 GB",
            limit="1",
            of="memory of weighted totals",
            detail=f"{memory:.2f} GB at most, imports among it",
        )
        assert plain / reading <= 20
        assert fast / reading <= 5 or compiled() is None
        assert memory < 1.0


def test_cells_beside_pandas_and_duckdb(folder, timed, alternating, measured, tmp_path):
    people = 1_000_000 if timed else 20_000
    register, formula = made(folder, people)
    files = [str(f) for f in register.persons]
    key = ["practice", "area", "band", "sex", "flags"]

    def with_pandas():
        rows = pd.concat([pd.read_parquet(f, columns=[*COLUMNS, "cost_pence"]) for f in files])
        rows["band"] = np.minimum(rows["age"] // 5, 18)
        return rows.groupby(key)["cost_pence"].agg(["size", "sum"]).shape[0]

    def with_duckdb():
        query = "select practice, area, least(age // 5, 18) band, sex, flags, count(*), sum(cost_pence)"
        return duckdb.sql(f"select count(*) from ({query} from read_parquet({files}) group by all)").fetchall()[0][0]

    def ours():
        return build(register, tmp_path / "cells", Threads()).about["cells"]

    (pandas_, duck, own), results = alternating([with_pandas, with_duckdb, ours], 3)
    assert results[0] == results[1] == results[2]
    size = f"{people:,} persons, {results[2]:,} cells"
    words = "ids and duplicates checked and cells written too"
    measured(own / pandas_, "pandas", of="persons to cells", detail=f"{size}: {pandas_:.2f} s and {own:.2f} s, {words}")
    measured(own / duck, "DuckDB", of="persons to cells", detail=f"{size}: {duck:.2f} s and {own:.2f} s, {words}")
    cells = read_cells(tmp_path / "cells")
    assert weigh_cells(cells, formula, Threads()).hash == weigh_persons(register, formula, Threads()).hash


def test_ten_thousand_weight_sets_over_a_million_cells(timed, alternating, measured, in_a_process):
    cells, practices, components, sets = (1_000_000, 7_000, 8, 10_000) if timed else (20_000, 70, 8, 100)
    random = np.random.default_rng(1)
    practice = random.integers(0, practices, cells)
    values = random.random((cells, components))
    names = tuple(f"c{i}" for i in range(components))
    many = drawn_sets(names, tuple([1 / components] * components), sets, 0.2, 1)

    def summed():
        return np.stack([np.bincount(practice, values[:, c], practices) for c in range(components)], axis=1)

    def with_numpy():
        return float((summed() @ many.shares.T).sum())

    def ours():
        return float(sum(block.sum() for _, block in products(summed(), many)))

    (theirs, own), results = alternating([with_numpy, ours], 7)
    assert results[0] == pytest.approx(results[1], rel=1e-9)
    detail = f"{cells:,} cells, {practices:,} practices, {sets:,} sets: {theirs:.3f} s and {own:.3f} s"
    measured(own / theirs, "the sum and product in numpy", limit="1.5", detail=detail)
    if timed:
        assert own / theirs <= 1.5
        code = (
            "import numpy as np\nfrom capitation.register.sets import drawn_sets, products\nr = np.random.default_rng(1)\n"
            "p, v = r.integers(0, 7000, 1000000), r.random((1000000, 8))\n"
            "x = np.stack([np.bincount(p, v[:, c], 7000) for c in range(8)], axis=1)\n"
            "many = drawn_sets(tuple('abcdefgh'), (0.125,) * 8, 10000, 0.2, 1)\n"
            "print(sum(float(b.sum()) for _, b in products(x, many)))"
        )
        (_, memory) = in_a_process(code)
        measured(
            memory / 2.0, "2 GB", limit="1", of="memory of ten thousand weight sets", detail=f"{memory:.2f} GB at most"
        )
        assert memory < 2.0


@pytest.mark.large
def test_a_nation_of_sixty_million(folder, alternating, measured):
    people = 60_000_000
    began = time.perf_counter()
    register, _ = made(folder, people)
    making = time.perf_counter() - began
    reading, plain, fast = measure(folder, people, alternating, 2)
    each = f"60 million persons made in {making:.0f} s: reading {reading:.2f} s"
    measured(
        plain / reading, READER, limit="20", detail=f"{each}, {plain:.2f} s", of="a nation without the compiled loop"
    )
    measured(fast / reading, READER, limit="5", detail=f"{each}, {fast:.2f} s", of="a nation with the compiled loop")
    began = time.perf_counter()
    built = build(register, folder / "cells", Threads())
    seconds = time.perf_counter() - began
    measured(
        seconds / 60,
        "a second a million",
        of="a nation to cells",
        detail=f"{seconds:.0f} s, {built.about['cells']:,} cells",
    )
