"""The table of district coefficients that ships: each row follows from the published files by the way its README gives."""

import polars as pl
import pytest

from capitation.weighting.area_coefficients import CARRIED, RECOVERED, TabledCoefficient
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import read_need_inputs
from capitation.weighting.published import read_published
from capitation.weighting.recover import recover

LAST_STEP = 0.2
"""One of five yearly steps from the market forces factor of 2018/19 to that of 2023/24."""
NATIONAL_2023_24 = 0.8307559


@pytest.fixture(scope="module")
def catalogue(pack):
    return need_catalogue(pack)


@pytest.fixture(scope="module")
def table(pack):
    return pack.rows("need/area_coefficients/core-2022-25.csv", TabledCoefficient)


@pytest.fixture(scope="module")
def reference(shared):
    return shared / "reference"


@pytest.fixture(scope="module")
def tool(reference):
    return reference / "practice_need_components_2022_29" / "practice_need_components.parquet"


def coefficients(table, year):
    return dict(table.filter(pl.col("year") == year).select("area", "coefficient").iter_rows())


def own(catalogue, formula_id):
    """Coefficients that stand in the formula's document."""
    (block,) = [b for b in catalogue.documents[formula_id].blocks if b.areas]
    return {area.area: float(area.coefficient[0].value) for area in block.areas}


def mean(column, weight):
    return (pl.col(column) * pl.col(weight)).sum() / pl.col(weight).sum()


def test_every_row_names_a_known_source_and_districts_that_a_document_names_stand_there_alone(pack, catalogue, table):
    assert set(table["source"]) <= set(pack.sources)
    assert table.height == 309 + 2 * 305
    assert table["area"].str.contains(r"^E0[6-9]\d{6}$").all()
    for year, mark in (("2022/23", CARRIED), ("2023/24", RECOVERED), ("2024/25", CARRIED)):
        rows = table.filter(pl.col("year") == year)
        assert rows["mark"].unique().to_list() == [mark]
        if mark == CARRIED:
            assert not set(rows["area"]) & set(own(catalogue, f"core-{year.replace('/', '-')}"))
    assert table.filter(pl.col("mark") == RECOVERED)["practices"].sum() == 6553
    assert table.filter(pl.col("mark") == RECOVERED)["within_0_1_percent"].sum() == 6015


def test_the_table_and_the_documents_agree_where_both_have_a_figure(catalogue, table):
    tabled = coefficients(table, "2023/24")
    for area, value in own(catalogue, "core-2023-24").items():
        assert tabled[area] == pytest.approx(value, abs=3e-7)


def test_2024_25_is_2023_24_as_the_national_coefficient_stayed(catalogue, table):
    before, after = (catalogue.formula(f"core-{y}").terms(f"20{y[2:4]}/{y[5:]}")[0] for y in ("2023-24", "2024-25"))
    assert before.coefficient == after.coefficient == NATIONAL_2023_24
    known = coefficients(table, "2023/24")
    assert coefficients(table, "2024/25") == {a: k for a, k in known.items() if a not in own(catalogue, "core-2024-25")}
    moved = own(catalogue, "core-2024-25")
    for area, value in own(catalogue, "core-2023-24").items():
        assert moved[area] == pytest.approx(value, rel=3e-6)


def test_2023_24_comes_out_of_the_published_overall_again(catalogue, table, tool, reference):
    used, year, overall = read_published(
        reference / "practice_core_final_2023_24" / "practice_core_final.parquet", catalogue
    )
    found = recover(used, read_need_inputs(tool, used, year=year).components, overall, year).areas
    again = dict(found.select("area_code", pl.col("coefficient").round(7)).iter_rows())
    assert again == coefficients(table, "2023/24")


def test_2022_23_comes_out_of_2023_24_without_the_factor_its_columns_hold(catalogue, table, tool, reference):
    everything = pl.read_parquet(tool)
    index = pl.DataFrame(list(coefficients(table, "2023/24").items()), schema=["lad_code", "k"], orient="row")
    after = everything.filter(pl.col("year") == "2023/24").join(index, on="lad_code")
    before = everything.filter(pl.col("year") == "2022/23")
    old = pl.read_parquet(reference / "ccg_target_inputs_2018_19" / "practice_need_components.parquet")
    heads = "registered_projected"
    a_head = (pl.col("wp_general_acute").sum() / pl.col(heads).sum()).alias("a_head")
    systems = (
        after.group_by("icb_code")
        .agg(mean("k", heads) / NATIONAL_2023_24, a_head)
        .join(before.group_by("icb_code").agg(a_head), on="icb_code", suffix="_before")
        .join(old.group_by(icb_code="stp21_code").agg(mean("mff_index", "registered_2018_19")), on="icb_code")
    )
    factor = pl.col("a_head_before") / pl.col("a_head")
    step = (pl.col("k") / pl.col("mff_index")).pow(LAST_STEP)
    systems = systems.select("icb_code", (pl.col("k") / factor / step).alias("left_over"))
    assert systems.height == 42
    formula = catalogue.formula("core-2022-23")
    block, *others = formula.terms("2022/23")
    rows = read_need_inputs(tool, formula, year="2022/23").components.join(systems, on="icb_code")
    rows = rows.with_columns(
        mean("left_over", "registered_persons").over("lad_code"),
        sum(t.share * pl.col(t.column) for t in block.terms).alias("blend"),
        sum(b.coefficient * t.share * pl.col(t.column) for b in others for t in b.terms).alias("rest"),
    )
    documented = own(catalogue, "core-2022-23")
    here = rows.filter(pl.col("lad_code").is_in(list(documented)))
    elsewhere = rows.filter(~pl.col("lad_code").is_in(list(documented)))
    known = sum(documented[area] * blend for area, blend in here.select("lad_code", "blend").iter_rows())
    wanted = rows["registered_persons"].sum() - rows["rest"].sum() - known
    scale = wanted / (elsewhere["left_over"] * elsewhere["blend"]).sum()
    again = elsewhere.select("lad_code", (pl.col("left_over") * scale)).unique("lad_code")
    assert dict(again.iter_rows()) == pytest.approx(coefficients(table, "2022/23"), abs=6e-8)
    the_same_way = here["left_over"].mean() * scale / block.coefficient
    assert (round(the_same_way, 4), round(documented["E06000055"] / block.coefficient, 4)) == (0.9978, 0.9994)
