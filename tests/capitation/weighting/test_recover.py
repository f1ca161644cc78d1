"""Coefficients recovered from a published overall: known ones come back, and what cannot be used is said."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DataError, UnknownNameError
from capitation.records.years import FinancialYear
from capitation.weighting.area_coefficients import CARRIED, RECOVERED
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import components_schema, read_cost_index, read_need_inputs
from capitation.weighting.published import PublishedOverall, formula_of_year, published_columns, read_published
from capitation.weighting.recover import recover
from capitation.weighting.weigh import need

YEAR = FinancialYear("2023/24")
PARTS = (
    "wp_general_acute",
    "wp_community",
    "wp_mental_health",
    "wp_maternity",
    "wp_prescribing",
    "wp_health_inequalities",
)


@pytest.fixture(scope="module")
def catalogue(pack):
    return need_catalogue(pack)


@pytest.fixture(scope="module")
def formula(catalogue):
    return catalogue.formula("core-2023-24")


def components(formula, rows):
    """Rows (practice, district, six weighted populations) as the formula reads them."""
    named = [
        {
            "practice_code": code,
            "year": "2023/24",
            "registered_persons": 1000.0,
            "lad_code": area,
            **dict(zip(PARTS, parts, strict=True)),
        }
        for code, area, parts in rows
    ]
    schema = components_schema(formula)
    frame = pl.DataFrame(named, schema={n: c.dtype for n, c in schema.columns().items()})
    return schema.validate(frame.sort("practice_code"), where="test")


def overall_of(parts, k):
    """The published overall of a practice, by hand from the figures of core-2023-24."""
    ga, cs, mh, mat, pr, hi = parts
    blend = 0.7681332 * ga + 0.062865 * cs + 0.1280329 * mh + 0.040969 * mat
    return k * blend + 0.0839771 * pr + 0.101637 * hi


def published(values):
    frame = pl.DataFrame(values, schema=["practice_code", "published_persons"], orient="row")
    return PublishedOverall.validate(frame.sort("practice_code"), where="test")


persons = st.floats(min_value=50, max_value=50_000)
districts = st.dictionaries(
    st.sampled_from(["E06000001", "E06000002", "E07000008", "E09000033"]),
    st.tuples(st.floats(min_value=0.6, max_value=1.2), st.lists(st.tuples(*[persons] * 6), min_size=1, max_size=6)),
    min_size=1,
)


@given(districts)
def test_known_coefficients_come_back_and_fit_every_practice(formula, known):
    rows = [(f"{area}-{i}", area, parts) for area, (_, lists) in known.items() for i, parts in enumerate(lists)]
    column = published([(code, overall_of(parts, known[area][0])) for code, area, parts in rows])
    found = recover(formula, components(formula, rows), column, YEAR)
    assert dict(found.areas.select("area_code", "coefficient").iter_rows()) == pytest.approx(
        {area: k for area, (k, _) in known.items()}, rel=1e-9
    )
    assert found.within(1e-9) == len(rows) == found.areas["practices"].sum()
    national = 0.8307559
    assert (found.areas["cost_index"] * national - found.areas["coefficient"]).abs().max() < 1e-12


@given(districts, st.floats(min_value=0.7, max_value=1.3))
def test_one_practice_in_three_of_another_cost_does_not_move_its_district(formula, known, factor):
    rows, column = [], []
    for area, (k, lists) in known.items():
        for i, own in enumerate((k, k, k * factor)):
            rows.append((f"{area}-{i}", area, lists[0]))
            column.append((f"{area}-{i}", overall_of(lists[0], own)))
    found = recover(formula, components(formula, rows), published(column), YEAR)
    assert dict(found.areas.select("area_code", "coefficient").iter_rows()) == pytest.approx(
        {area: k for area, (k, _) in known.items()}, rel=1e-9
    )


def test_what_is_recovered_gives_the_published_figures_back_as_a_cost_index(catalogue, formula, tmp_path):
    rows = [
        ("A", "W1", (900, 800, 700, 600, 500, 400)),
        ("B", "W1", (90, 180, 270, 60, 50, 40)),
        ("C", "W2", (9, 8, 7, 6, 5, 4)),
    ]
    rates = {"W1": 0.9, "W2": 0.75}
    wanted = {code: overall_of(parts, rates[area]) for code, area, parts in rows}
    table = components(formula, rows)
    found = recover(formula, table, published(list(wanted.items())), YEAR)
    path = tmp_path / "index.csv"
    found.areas.rename({"area_code": found.level}).write_csv(path)
    again = need(formula, table, YEAR, cost_index=read_cost_index(path)).practices
    assert dict(again.select("practice_code", "weighted_persons").iter_rows()) == pytest.approx(wanted, rel=1e-12)


def test_a_district_of_one_practice_is_recovered_and_said_to_stand_alone(formula):
    rows = [
        ("A", "W1", (900, 800, 700, 600, 500, 400)),
        ("B", "W2", (90, 80, 70, 60, 50, 40)),
        ("C", "W2", (9, 8, 7, 6, 5, 4)),
    ]
    found = recover(formula, components(formula, rows), published([(c, overall_of(p, 0.8)) for c, _, p in rows]), YEAR)
    assert found.areas["practices"].to_list() == [1, 2]
    assert [n for n in found.notes if "one practice" in n and n.endswith("W1")]


def test_practices_without_need_are_left_out_and_a_district_of_nothing_else_is_refused(formula):
    rows = [
        ("A", "W1", (900, 800, 700, 600, 500, 400)),
        ("B", "W1", (0, 0, 0, 0, 50, 40)),
        ("C", "W2", (0, 0, 0, 0, 5, 4)),
    ]
    column = published([(c, overall_of(p, 0.8)) for c, _, p in rows])
    found = recover(formula, components(formula, rows[:2]), column, YEAR)
    assert found.practices["practice_code"].to_list() == ["A"]
    assert "1 practice(s) have no need or no published persons and are left out" in found.notes
    assert "1 of 3 practices with a published overall have no components and are left out" in found.notes
    with pytest.raises(
        DataError, match=r"lad_code W2: found no practice with need and published persons; expected at least one"
    ):
        recover(formula, components(formula, rows), column, YEAR)


def test_a_column_of_something_else_is_refused_area_by_area(formula):
    rows = [("A", "W1", (900, 800, 700, 600, 500, 400)), ("B", "W2", (90, 80, 70, 60, 50, 40))]
    column = published([("A", 9000.0), ("B", 10.0)])
    with pytest.raises(DataError, match=r"2 of 2 areas \(2 faults\)") as caught:
        recover(formula, components(formula, rows), column, YEAR)
    assert [f.where for f in caught.value.faults] == ["area W1", "area W2"]
    assert "overall of NHS England core need 2023/24" in caught.value.faults[0].remedy


def test_rows_without_areas_or_without_a_common_practice_are_refused(formula):
    rows = [("A", None, (900, 800, 700, 600, 500, 400))]
    with pytest.raises(DataError, match="column 'lad_code': found no code in any of 1 rows"):
        recover(formula, components(formula, rows), published([("A", 700.0)]), YEAR)
    with pytest.raises(DataError, match="no practice with both components and a published overall"):
        recover(formula, components(formula, rows), published([("B", 700.0)]), YEAR)
    with pytest.raises(UnknownNameError, match="lad_cod"):
        recover(formula, components(formula, rows), published([("A", 700.0)]), YEAR, level="lad_cod")


@pytest.mark.parametrize("formula_id", ["primary-medical", "ccg-core-2018-19"])
def test_a_formula_without_a_cost_index_by_area_is_refused(catalogue, formula_id):
    other = catalogue.formula(formula_id)
    year = FinancialYear(other.document.years[0])
    schema = components_schema(other)
    with pytest.raises(DataError, match="found 0 blocks with a cost index by area"):
        recover(other, schema.validate(schema.empty(), where="test"), published([("A", 1.0)]), year)


def written(tmp_path, text):
    path = tmp_path / "published.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_published_column_is_found_by_any_of_its_names_and_its_year_gives_the_formula(catalogue, tmp_path):
    for heading in ("wp_core_overall", "wp_core_final", "Final WP", "Core WP"):
        used, year, rows = read_published(written(tmp_path, f"practice_code,year,{heading}\nA,2024/25,10\n"), catalogue)
        assert (used.id, year, rows.rows()) == ("core-2024-25", "2024/25", [("A", 10.0)])
    used, year, rows = read_published(
        written(tmp_path, "gp,mine\nA,10\n"),
        catalogue,
        year="2023/24",
        column="mine",
        column_map={"practice_code": "gp"},
    )
    assert (used.id, year, rows.rows()) == ("core-2023-24", "2023/24", [("A", 10.0)])


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("practice_code,year,wp\nA,2023/24,1\n", {}, r"no column of published overall weighted persons.*Final WP.*--column"),
        ("practice_code,wp_core_overall\nA,1\n", {}, r"no column 'year'; expected one year.*--year"),
        ("practice_code,year,wp_core_overall\nA,2023/24,1\n", {"year": "2024/25"}, r"found no rows of 2024/25"),
        ("practice_code,year,wp_core_overall\nA,2019/20,1\n", {}, r"found the year 2019/20; expected one whose formula takes a cost index"),
        ("practice_code,year,wp_core_overall\nA,2023/24,\n", {}, r"no value in any of the 1 rows of 2023/24"),
        ("practice_code,year,wp_core_overall\nA,2023/24,x\n", {}, r"line 2.*'x'"),
        ("practice_code,year,wp_core_overall\nA,2023/24,-4\n", {}, r"-4"),
        ("practice_code,year,wp_core_overall\nA,2023/24,4\nA,2023/24,5\n", {}, r"A"),
    ],
)  # fmt: skip
def test_a_published_file_that_cannot_be_used_is_refused_with_what_to_do(catalogue, tmp_path, text, options, said):
    with pytest.raises(DataError, match=said):
        read_published(written(tmp_path, text), catalogue, **options)


def test_the_formula_of_a_year_is_the_one_with_a_cost_index_by_area(catalogue):
    assert formula_of_year(catalogue, "2022/23").id == "core-2022-23"
    assert formula_of_year(catalogue, "2027/28").id == "core-2026-27"
    with pytest.raises(DataError, match="2025/26"):
        formula_of_year(catalogue, "2025/26")


def test_published_columns_name_what_they_serve(catalogue):
    rows = pl.DataFrame({"wp_core_overall": [1.0, None, 3.0], "wp_primary_medical_overall": [None, None, None]})
    (found,) = published_columns(rows, catalogue, YEAR)
    assert (found.column, found.practices, found.persons) == ("wp_core_overall", 2, 4.0)
    assert (found.taken_by, found.recovers) == (("published-core",), ("core-2023-24",))


def test_the_published_column_can_be_taken_as_it_stands(catalogue, tmp_path):
    path = written(
        tmp_path, "practice_code,year,registered_projected,wp_core_overall\nA,2025/26,10,12\nB,2025/26,10,8\n"
    )
    formula = catalogue.formula("published-core")
    inputs = read_need_inputs(path, formula)
    assert need(formula, inputs.components, inputs.year).practices["weighted_persons"].to_list() == [12.0, 8.0]


# --- all England, where the reference folder is present


@pytest.fixture(scope="module")
def tool(shared):
    return shared / "reference" / "practice_need_components_2022_29" / "practice_need_components.parquet"


@pytest.fixture(scope="module")
def core_2023_24(shared):
    return shared / "reference" / "practice_core_final_2023_24" / "practice_core_final.parquet"


def test_nine_in_ten_practices_of_england_come_within_a_thousandth_of_their_published_core(
    catalogue, tool, core_2023_24
):
    used, year, overall = read_published(core_2023_24, catalogue)
    found = recover(used, read_need_inputs(tool, used, year=year).components, overall, year)
    assert (used.id, found.areas.height, found.practices.height) == ("core-2023-24", 309, 6553)
    assert found.within(0.001) == 6015  # 91.8%
    assert found.within(0.01) == 6541  # 99.8%
    assert found.practices["difference"].abs().max() < 0.03
    assert len([n for n in found.notes if n.endswith("E06000053, E09000001")]) == 1


def test_the_table_that_ships_weighs_england_as_well_as_a_fresh_recovery(catalogue, tool, core_2023_24):
    used, year, overall = read_published(core_2023_24, catalogue)
    practices = need(used, read_need_inputs(tool, used, year=year).components, year).practices
    both = practices.join(overall, on="practice_code", validate="1:1")
    miss = (both["weighted_persons"] / both["published_persons"] - 1).abs()
    assert both.height == 6553
    assert both["cost_index_basis"].unique().to_list() == [RECOVERED]
    assert ((miss <= 0.001).sum(), (miss <= 0.01).sum()) == (6015, 6541)


@pytest.mark.parametrize(("year", "apart"), [("2022/23", 1e-6), ("2023/24", 6e-5), ("2024/25", 6e-5)])
def test_england_adds_to_its_registered_persons_and_the_marks_say_what_is_carried(catalogue, tool, year, apart):
    formula = catalogue.formula(f"core-{year.replace('/', '-')}")
    inputs = read_need_inputs(tool, formula, year=year)
    found = need(formula, inputs.components, inputs.year)
    total = math.fsum(found.practices["weighted_persons"])
    assert total == pytest.approx(math.fsum(found.practices["registered_persons"]), rel=apart)
    marks = dict(found.practices["cost_index_basis"].value_counts().iter_rows())
    assert marks.get(CARRIED, 0) == (0 if year == "2023/24" else found.practices.height - 96)
    assert any(f"marked '{CARRIED}'" in note for note in found.notes) == (year != "2023/24")
