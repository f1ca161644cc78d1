"""Weighted totals of a register: by hand, as the need engine has them, and the same by every route and order."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import read_formula, tables
from capitation.register.kernel import Sums, compiled, with_numpy
from capitation.register.weigh import shared, weigh_cells, weigh_persons
from capitation.weighting.age_sex import age_sex_formula, age_sex_need
from capitation.workers.crew import Threads

ONE = Threads(1)


def persons_of(folder):
    return pl.read_parquet(folder / "persons" / "*.parquet")


@pytest.fixture(scope="module")
def weighed(cells, made_tables):
    return weigh_cells(cells, made_tables, ONE)


def test_cells_and_one_pass_over_the_persons_give_the_same_whole_numbers(made, made_tables, weighed):
    direct = weigh_persons(made, made_tables, Threads(2), may_compile=False)
    assert direct.hash == weighed.hash
    assert direct.practices().equals(weighed.practices())
    assert weighed.sums.persons.sum() == 24_000


def test_the_compiled_loop_gives_the_numbers_of_numpy(made_tables):
    loop = compiled()
    if loop is None:
        pytest.skip("numba is not installed: capitation[compiled]")
    random = np.random.default_rng(3)
    n, areas = 5_000, made_tables.factors.shape[0]
    rows = (
        random.integers(0, 40, n).astype(np.uint16),
        random.integers(0, areas, n).astype(np.uint16),
        random.integers(0, made_tables.weights.shape[0], n),
    )
    for count in (None, random.integers(1, 40, n)):
        given = (*rows, count, made_tables.weights, made_tables.factors, 40)
        for ours, theirs in zip(loop(*given), with_numpy(*given), strict=True):
            assert np.array_equal(ours, theirs)


def test_weights_by_hand(made, made_folder, made_tables, weighed):
    """One practice and component in exact decimals."""
    weights = pl.read_csv(made_folder / "weights" / "prescribing.csv")
    areas = made.codes.areas.get_column("factor_prescribing").to_list()
    formula = read_formula(str(made_folder / "formula.toml"), None)
    component = formula.components[4]
    assert component.id == "prescribing"
    table = {(s, a): Decimal(str(w)) for s, a, _, w in weights.iter_rows()}
    total = Decimal(0)
    mine = persons_of(made_folder).filter(pl.col("practice") == 2)
    for area, age, sex, flags in mine.select("area", "age", "sex", "flags").iter_rows():
        weight = table["male" if sex == 1 else "female", min(age // 5 * 5, 90)]
        weight += sum(v for bit, v in enumerate(component.flags.values()) if flags >> bit & 1)
        total += weight * Decimal(str(areas[area]))
    assert weighed.sums.whole()[4][2] == total * made_tables.units[4]


def test_a_register_weighs_as_the_need_engine_does(made, made_folder, cells, pack):
    ours = weigh_cells(cells, tables(read_formula("primary-medical-2007", pack), made.codes), ONE).practices()
    formula = age_sex_formula(pack, "primary-medical-2007")
    areas, practices = made.codes.areas, made.codes.practices
    bands = {0: "0-4", 5: "5-14", 15: "15-44", 45: "45-64", 65: "65-74", 75: "75-84", 85: "85+"}
    first = pl.max_horizontal(pl.when(pl.col("age") >= a).then(a) for a in bands)
    people = persons_of(made_folder).with_columns(
        practice_code=practices["practice_code"].gather(persons_of(made_folder)["practice"]),
        area_code=areas["area_code"].gather(persons_of(made_folder)["area"]),
        sex=pl.when(pl.col("sex") == 1).then(pl.lit("male")).otherwise(pl.lit("female")),
        age_band=first.replace_strict(bands, return_dtype=pl.String),
    )
    key = ["practice_code", "area_code", "sex", "age_band"]
    counts = people.group_by(key).agg(pl.len().cast(pl.Float64).alias("persons"))
    theirs = age_sex_need(formula, counts, areas.select("area_code", "score")).sort("practice_code")
    assert ours["practice_code"].equals(theirs["practice_code"])
    assert ours["weighted_persons"].to_list() == pytest.approx(theirs["weighted_persons"].to_list(), rel=1e-9)
    assert ours["need_index"].to_list() == pytest.approx(theirs["need_index"].to_list(), rel=1e-9)


def test_files_and_rows_in_another_order_change_no_penny(copied, cells, weighed, made_tables, tmp_path):
    files = sorted((copied / "persons").glob("*.parquet"))
    rows = pl.concat([pl.read_parquet(f) for f in reversed(files)]).sample(fraction=1.0, shuffle=True, seed=4)
    for i, file in enumerate(files):
        rows.gather_every(len(files), i).write_parquet(file)
    build(read_register(copied), tmp_path / "cells", Threads(3))
    again = read_cells(tmp_path / "cells")
    assert again.about["digest"] == cells.about["digest"]
    mixed = weigh_cells(again, made_tables, ONE)
    assert mixed.hash == weighed.hash
    share = shared(mixed.practices(), 123_456_789_01, "practice_code")["share_pence"]
    assert share.sum() == 123_456_789_01
    assert share.equals(shared(weighed.practices(), 123_456_789_01, "practice_code")["share_pence"])


def test_codes_as_text_weigh_as_row_numbers(copied, made, weighed, made_tables):
    for file in (copied / "persons").glob("*.parquet"):
        rows = pl.read_parquet(file)
        rows.with_columns(
            practice=made.codes.practices["practice_code"].gather(rows["practice"]),
            area=made.codes.areas["area_code"].gather(rows["area"]),
            sex=pl.when(pl.col("sex") == 1).then(pl.lit("M")).otherwise(pl.lit("female")),
        ).write_parquet(file)
    assert weigh_persons(read_register(copied), made_tables, ONE).hash == weighed.hash


def test_the_sums_of_a_nation_do_not_overflow(made_tables):
    rows = np.zeros(100_000, np.int64)
    weights = np.full((1, 1), 35_000, np.int64)
    factors = np.full((1, 1), 10**9, np.int64)
    sums = Sums.nothing(1, 1)
    for _ in range(600):
        sums.add(np.asarray([[35_000 * 10**9 * 100_000]]), np.asarray([100_000]))
    one, heads = with_numpy(rows, rows, rows, None, weights, factors, 1)
    assert (one[0, 0], heads[0]) == (35_000 * 10**9 * 100_000, 100_000)
    assert sums.whole() == [[35_000 * 10**9 * 60_000_000]]


def test_cells_carry_every_person_and_penny_once_and_no_id(made_folder, cells):
    rows = pl.read_parquet(cells.files[0])
    people = persons_of(made_folder)
    assert rows["persons"].sum() == people.height
    assert rows["cost_pence"].sum() == people["cost_pence"].sum()
    assert rows.select("practice", "area", "age_band", "sex", "flags").is_unique().all()
    assert "person" not in rows.columns


def test_lines_of_activity_add_up_by_practice_service_and_month(made, made_folder, cells):
    table = pl.read_parquet(cells.folder / "activity.parquet")
    lines = pl.read_parquet(made_folder / "lines" / "*.parquet")
    assert table["lines"].sum() == lines.height == 72_000
    assert table["cost_pence"].sum() == lines["cost_pence"].sum() == cells.about["lines_cost_pence"]
    one = lines.filter(practice=3, service=2, month=12)
    code = made.codes.practices["practice_code"][3]
    found = table.filter(practice_code=code, service=made.document.services[2], month=12)
    assert found.select("lines", "cost_pence").row(0) == (one.height, one["cost_pence"].sum())
