"""Need: published practices come out to the digit, and weighing keeps what it promises."""

# Reason: one formula language and one file: its sums by hand, its laws and its bad input are read side by side.

import csv
import io
import json
import math
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import CapitationError, DataError, DocumentError, FrameError, SourceError, UnknownNameError
from capitation.pack.layers import alone
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear
from capitation.weighting.formula import FormulaDocument, NeedCatalogue, Vintage, need_catalogue
from capitation.weighting.inputs import components_schema, parse_column_map, read_cost_index, read_need_inputs
from capitation.weighting.weigh import ASSUMED, GIVEN, RECOVERED, need, weighted_persons

# NHS England place-based tool 2023/24 (nhsx/AIF_Allocation_Tool, data/2023_2024.csv, OGL v3.0): five practices of
# Bedfordshire, Luton and Milton Keynes, with the overall weighted populations as published.
PUBLISHED_2023_24 = """\
practice_code,lad_code,icb_code,registered_projected,wp_general_acute,wp_community,wp_mental_health,wp_maternity,wp_health_inequalities,wp_prescribing,wp_primary_medical_care_need,core,primary_medical
E81001,E06000032,QHG,3411.597614,2894.839704,2580.621909,4387.694179,4242.392256,4184.030833,3016.618474,3475.422064,3241.686936,3581.713379
E81002,E06000056,QHG,10199.575971,8788.782099,6792.852504,6165.950245,10637.420023,7010.409934,8687.693364,9215.619711,8364.777795,8884.838244
E81030,E06000055,QHG,9212.700288,7202.682699,5191.350371,10095.868345,14135.878859,10567.435489,6945.437812,8229.647102,7991.662369,8580.31536
E81037,E06000055,QHG,38168.291987,39398.371771,44072.500896,36201.823754,29325.46518,39970.092168,39589.459234,40642.821012,39236.432247,40541.911685
K82057,E06000042,QHG,8484.742664,8579.002073,9025.189811,5139.343881,6140.972727,5107.789071,8652.452911,8727.241745,7875.034787,8184.323844
"""

# NHS England CCG target workbook, 2018/19 population (data/wp_data.csv, OGL v3.0): one practice of each CCG.
PUBLISHED_2018_19 = """\
practice_code,ccg19_code,stp21_code,registered_2018_19,wp_general_acute,wp_community,wp_mental_health,wp_maternity,wp_prescribing,wp_avoidable_mortality,mff_index,eaca_index
E81001,06P,QHG,3328.583496,2639.831543,2449.938965,4252.812988,4263.249512,2904.875488,4960.432634,1.033606291,0.997815549
E81002,06F,QHG,8530.416992,7709.967285,5418.479492,5194.366699,9399.634766,7170.805176,5638.557004,1.017858624,1.00038743
K82057,04F,QHG,8424.75,7889.799316,8191.078613,4967.831055,5806.804199,8214.62207,4420.620718,1.016899467,0.998669803
"""

Y2018 = FinancialYear("2018/19")
Y2023 = FinancialYear("2023/24")


@pytest.fixture(scope="module")
def catalogue(pack) -> NeedCatalogue:
    return need_catalogue(pack)


@pytest.fixture
def tool(tmp_path):
    path = tmp_path / "practices.csv"
    path.write_text(PUBLISHED_2023_24, encoding="utf-8")
    return path


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "workbook.csv"
    path.write_text(PUBLISHED_2018_19, encoding="utf-8")
    return path


def applied(catalogue, formula_id, path, **options):
    formula = catalogue.formula(formula_id)
    inputs = read_need_inputs(path, formula, year=options.pop("year", None))
    return need(formula, inputs.components, inputs.year, **options)


def frame_for(formula, rows, year):
    return components_schema(formula).validate(
        pl.DataFrame(rows)
        .with_columns(
            pl.lit(str(year)).alias("year"),
            *(
                pl.lit(None, dtype=pl.String).alias(c)
                for c in ("lad_code", "icb_code", "ccg19_code", "stp21_code")
                if c not in rows[0]
            ),
        )
        .select(*components_schema(formula).columns())
    )


def in_plain_python(document: FormulaDocument, row: dict[str, str], columns: dict[str, str], year: str) -> Decimal:
    """The raw result of one practice from the document alone, term by term in decimal arithmetic: the second way."""

    def at(figures):
        return [f for f in figures if f.since <= year][-1].value

    total = Decimal(0)
    for block in document.blocks:
        h = at(block.inequality.weight) if block.inequality else Decimal(0)
        mix = sum(
            (at(c.weight) if c.weight else Decimal(1)) * Decimal(row[columns[c.component]]) for c in block.components
        )
        mix *= 1 - h
        if block.inequality:
            mix += h * Decimal(row[columns[block.inequality.component]])
        for index in block.indices:
            mix *= Decimal(row[f"{index}_index"])
        own = [a for a in block.areas if row.get(a.level) == a.area]
        total += mix * (at(own[0].coefficient) if own else at(block.coefficient))
    return total


def test_t2_core_need_2023_24_comes_out_as_published_within_six_thousandths_of_a_person(catalogue, tool):
    found = applied(catalogue, "core-2023-24", tool).practices
    published = pl.read_csv(tool).select("practice_code", "core")
    worst = found.join(published, on="practice_code").select((pl.col("weighted_persons") - pl.col("core")).abs().max())
    assert found.height == 5
    assert worst.item() < 0.006
    assert found["cost_index_basis"].to_list() == [RECOVERED] * 5


def test_t3_primary_medical_need_is_the_published_blend_within_a_hundred_thousandth_of_a_person(catalogue, tool):
    # E81001: 0.85 x 3475.422064 + 0.15 x 4184.030833 = 2954.1087544 + 627.60462495 = 3581.71337935
    found = applied(catalogue, "primary-medical", tool, year="2023/24").practices
    published = pl.read_csv(tool).select("practice_code", "primary_medical")
    joined = found.join(published, on="practice_code")
    assert joined.select((pl.col("weighted_persons") - pl.col("primary_medical")).abs().max()).item() < 1e-5
    assert found["weighted_persons"][0] == pytest.approx(3581.71337935, abs=1e-8)


def test_the_2018_19_target_of_a_practice_can_be_done_by_hand(catalogue, workbook):
    # K82057: HCHS = 0.744345 x 7889.80 + 0.064139 x 8191.08 + 0.149855 x 4967.83 + 0.041661 x 5806.80 = 7384.48
    #         1110.70 x 1.016899 x 0.998670 x (0.9 x 7384.48 + 0.1 x 4420.62) + 151.26 x (0.9 x 8214.62 + 0.1 x 4420.62)
    found = applied(catalogue, "ccg-core-2018-19", workbook).practices
    hchs = 0.744345 * 7889.799316 + 0.064139 * 8191.078613 + 0.149855 * 4967.831055 + 0.041661 * 5806.804199
    by_hand = 1110.7014 * 1.016899467 * 0.998669803 * (0.9 * hchs + 0.1 * 4420.620718) + 151.26155 * (
        0.9 * 8214.62207 + 0.1 * 4420.620718
    )
    assert found["target_gbp"][2] == pytest.approx(by_hand, rel=1e-6)
    assert math.fsum(found["weighted_persons"]) == pytest.approx(math.fsum(found["registered_persons"]), rel=1e-15)


@pytest.mark.parametrize(
    ("formula_id", "text", "year"),
    [
        ("core-2023-24", PUBLISHED_2023_24, "2023/24"),
        ("primary-medical", PUBLISHED_2023_24, "2023/24"),
        ("ccg-core-2018-19", PUBLISHED_2018_19, "2018/19"),
    ],
)
def test_the_frame_and_plain_decimal_arithmetic_agree(catalogue, tmp_path, formula_id, text, year):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    found = applied(catalogue, formula_id, path, year=year)
    columns = {c.id: c.column for c in catalogue.components.values()}
    for row in csv.DictReader(io.StringIO(text)):
        expected = in_plain_python(found.formula.document, row, columns, year)
        mine = found.practices.filter(pl.col("practice_code") == row["practice_code"])
        raw = mine["weighted_persons"][0] / found.scale
        assert raw == pytest.approx(float(expected), rel=1e-14)


@pytest.mark.parametrize(
    ("formula_id", "file", "year"),
    [("core-2023-24", "tool", None), ("primary-medical", "tool", "2023/24"), ("ccg-core-2018-19", "workbook", None)],
)
def test_contributions_and_the_waterfall_add_to_weighted_persons(request, catalogue, formula_id, file, year):
    found = applied(catalogue, formula_id, request.getfixturevalue(file), year=year)
    for parts, value in ((found.contributions(), "contribution"), (found.waterfall(), "persons")):
        sums = parts.group_by("practice_code").agg(pl.col(value).sum()).sort("practice_code")
        assert sums[value].to_list() == pytest.approx(found.practices["weighted_persons"].to_list(), rel=1e-12)


def test_the_waterfall_tells_age_and_need_inequality_cost_index_and_normalisation(catalogue, workbook):
    steps = applied(catalogue, "ccg-core-2018-19", workbook).waterfall().filter(pl.col("practice_code") == "E81001")
    assert steps["kind"].unique(maintain_order=True).to_list() == [
        "registered persons",
        "need",
        "inequality",
        "cost index",
        "normalisation",
    ]
    by_component = dict(steps.select("component", "persons").iter_rows())
    # avoidable mortality weighs 0.1 of both blocks, so 0.1 of the whole: 0.1 x (4960.432634 - 3328.583496) = 163.1849
    assert by_component["avoidable_mortality"] == pytest.approx(163.1849138, abs=1e-6)


def test_a_price_gives_a_target_in_pounds_and_a_share_does_not(catalogue, tool, workbook):
    assert applied(catalogue, "ccg-core-2018-19", workbook).practices["target_gbp"].null_count() == 0
    assert applied(catalogue, "core-2023-24", tool).practices["target_gbp"].null_count() == 5


def test_a_practice_without_a_known_cost_index_is_weighed_at_1_and_marked(catalogue, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(PUBLISHED_2023_24.replace("E81001,E06000032", "E81001,W06000015"), encoding="utf-8")
    found = applied(catalogue, "core-2023-24", path)
    first = found.practices.row(0, named=True)
    assert first["cost_index_basis"] == ASSUMED
    # 0.8307559 x (0.7681332 x 2894.839704 + 0.062865 x 2580.621909 + 0.1280329 x 4387.694179 + 0.040969 x 4242.392256)
    # + 0.0839771 x 3016.618474 + 0.101637 x 4184.030833 = 2593.23 + 253.33 + 425.25
    block = 0.7681332 * 2894.839704 + 0.062865 * 2580.621909 + 0.1280329 * 4387.694179 + 0.040969 * 4242.392256
    by_hand = 0.8307559 * block + 0.0839771 * 3016.618474 + 0.101637 * 4184.030833
    assert first["weighted_persons"] == pytest.approx(by_hand, rel=1e-12)
    assert any("1 of 5 practices have no known cost index" in note for note in found.notes)


def test_a_given_cost_index_replaces_the_recovered_one(catalogue, tool, tmp_path):
    index = tmp_path / "index.csv"
    index.write_text("lad_code,cost_index\nE06000032,1.0\nE09000001,1.1\n", encoding="utf-8")
    found = applied(catalogue, "core-2023-24", tool, cost_index=read_cost_index(index))
    assert found.practices["cost_index_basis"].to_list() == [GIVEN, *[RECOVERED] * 4]
    recovered = applied(catalogue, "core-2023-24", tool).practices["weighted_persons"][0]
    assert found.practices["weighted_persons"][0] > recovered  # Luton's own index is 0.988
    assert any("1 of 2 given cost indices" in note for note in found.notes)


def test_the_national_coefficient_of_each_core_formula_follows_from_the_recovered_ones(catalogue):
    # N = u_HI / h with h = 0.1; at index 1 the block has N (1 - h) - u_PR - u_PMC.
    for formula_id in ("core-2022-23", "core-2023-24", "core-2024-25", "core-2026-27"):
        document = catalogue.documents[formula_id]
        blocks = {b.id: b for b in document.blocks}
        for year in document.years:

            def at(block_id, year=year, blocks=blocks):
                return [f for f in blocks[block_id].coefficient if f.since <= year][-1].value

            rest = at("prescribing") + (at("primary_medical_in_core") if "primary_medical_in_core" in blocks else 0)
            assert at("cost_adjusted") == at("health_inequalities") * 9 - rest


@pytest.mark.parametrize("base", ["file", "06P"])
def test_weighted_persons_add_to_the_registered_persons_of_the_base(catalogue, workbook, base):
    found = applied(catalogue, "ccg-core-2018-19", workbook, base=base)
    assert found.practices.height == (3 if base == "file" else 1)
    assert math.fsum(found.practices["weighted_persons"]) == pytest.approx(
        math.fsum(found.practices["registered_persons"]), rel=1e-15
    )


def test_an_unknown_base_lists_the_near_ones(catalogue, workbook):
    with pytest.raises(UnknownNameError, match="06P"):
        applied(catalogue, "ccg-core-2018-19", workbook, base="06PP")


def test_sums_by_area_add_to_the_whole(catalogue, workbook):
    found = applied(catalogue, "ccg-core-2018-19", workbook)
    areas = found.by_area("ccg19_code")
    assert areas["ccg19_code"].to_list() == ["04F", "06F", "06P"]
    assert areas["target_gbp"].sum() == pytest.approx(found.practices["target_gbp"].sum(), rel=1e-15)
    with pytest.raises(UnknownNameError, match="ccg19_code"):
        found.by_area("ccg_code")


# --- one clear message for each fault, all faults together


def test_every_row_fault_is_told_at_once(catalogue, tool, tmp_path):
    broken = tmp_path / "broken.csv"
    text = PUBLISHED_2023_24.replace("10199.575971", "-1").replace("7202.682699", "").replace("38168.291987", "")
    broken.write_text(text, encoding="utf-8")
    with pytest.raises(FrameError) as caught:
        applied(catalogue, "core-2023-24", broken)
    told = str(caught.value)
    assert "E81002" in told
    assert "E81030" in told
    assert "E81037" in told
    assert len(caught.value.faults) == 3


def test_a_practice_twice_is_refused(catalogue, tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text(PUBLISHED_2023_24 + PUBLISHED_2023_24.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(FrameError, match="E81001"):
        applied(catalogue, "core-2023-24", path)


def test_text_in_a_number_column_is_told_with_its_line(catalogue, tmp_path):
    path = tmp_path / "text.csv"
    path.write_text(PUBLISHED_2023_24.replace("6792.852504", "n/a").replace("4387.694179", "?"), encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        applied(catalogue, "core-2023-24", path)
    assert [f.where.rpartition(": ")[2] for f in caught.value.faults] == [
        "line 3, column 'wp_community'",
        "line 2, column 'wp_mental_health'",
    ]


def test_missing_columns_are_named_together_with_the_way_to_map_them(catalogue, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text(
        PUBLISHED_2023_24.replace("wp_community", "CS WP").replace("wp_maternity", "Mat WP"), encoding="utf-8"
    )
    with pytest.raises(SourceError) as caught:
        applied(catalogue, "core-2023-24", path)
    assert len(caught.value.faults) == 2
    formula = catalogue.formula("core-2023-24")
    mapping = parse_column_map(["wp_community=CS WP", "wp_maternity=Mat WP"])
    assert read_need_inputs(path, formula, column_map=mapping).components.height == 5
    with pytest.raises(SourceError, match="2 faults"):
        parse_column_map(["wp_community", "a=b", "a=c"])


def test_an_empty_maternity_cell_is_0_and_reported_and_no_other_empty_cell_is(catalogue, tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text(PUBLISHED_2023_24.replace("4242.392256", ""), encoding="utf-8")
    formula = catalogue.formula("core-2023-24")
    inputs = read_need_inputs(path, formula)
    assert inputs.components["wp_maternity"][0] == 0
    assert any("wp_maternity: 1 empty cell(s) taken as 0 (E81001)" in note for note in inputs.notes)


def test_a_file_of_several_years_needs_one_chosen(catalogue, tmp_path):
    both = pl.concat(
        [
            pl.read_csv(io.StringIO(PUBLISHED_2023_24)).with_columns(pl.lit(y).alias("year"))
            for y in ("2023/24", "2024/25")
        ]
    )
    path = tmp_path / "years.parquet"
    both.write_parquet(path)
    formula = catalogue.formula("core-2024-25")
    with pytest.raises(SourceError, match="found years 2023/24, 2024/25"):
        read_need_inputs(path, formula)
    with pytest.raises(SourceError, match="no rows of 2026/27"):
        read_need_inputs(path, formula, year="2026/27")
    assert read_need_inputs(path, formula, year="2024/25").components.height == 5


def test_columns_that_already_hold_the_market_forces_factor_are_refused_where_it_would_count_twice(catalogue, tool):
    formula = catalogue.formula("core-2023-24")
    with pytest.raises(SourceError, match=r"already contain the market forces factor.*count twice"):
        read_need_inputs(tool, formula, contains=("mff",))
    rows = read_need_inputs(tool, formula).components
    with pytest.raises(DataError, match="count twice"):
        need(formula, rows, Y2023, contains=("mff",))


def test_columns_without_the_market_forces_factor_are_refused_where_it_would_drop_out(catalogue, tool):
    formula = catalogue.formula("core-2022-23")
    with pytest.raises(SourceError, match=r"do not contain the market forces factor.*drop out"):
        read_need_inputs(tool, formula, year="2022/23", contains=())


def test_a_formula_is_refused_in_a_year_it_was_not_made_for(catalogue, tool):
    with pytest.raises(SourceError, match=r"a year of 2023/24\. Formulas for 2025/26: primary-medical"):
        read_need_inputs(tool, catalogue.formula("core-2023-24"), year="2025/26")


def test_a_formula_with_unknown_parts_tells_all_of_them(catalogue):
    content = {
        "id": "own",
        "title": "Own",
        "about": "Own.",
        "years": ["2023/24"],
        "normalisation": "to the registered persons of the file",
        "unit": "share",
        "blocks": [
            {
                "id": "b",
                "title": "B",
                "indices": ["mf"],
                "coefficient": [{"from": "2023/24", "value": 1, "source": "assumption", "where": "x", "trust": "D"}],
                "components": [
                    {"component": "general_acut", "weight": [figure("0.5")]},
                    {"component": "maternity", "weight": [figure("0.4")]},
                ],
            }
        ],
    }
    with pytest.raises(DocumentError) as caught:
        catalogue.resolve(parse_document(content, FormulaDocument, "own"))
    told = str(caught.value)
    assert "'general_acute'" in told
    assert "'mff'" in told
    assert "weights that add to 0.9" in told


def figure(value, since="2023/24"):
    return {"from": since, "value": Decimal(value), "source": "assumption", "where": "test", "trust": "D"}


def test_a_new_component_and_a_new_index_are_one_new_file_each(catalogue, pack, tmp_path):
    added = tmp_path / "pack"
    for folder in ("components", "indices", "vintages", "formulas"):
        (added / "need" / folder).mkdir(parents=True)
        for file in (pack.root / "need" / folder).glob("*.toml"):
            (added / "need" / folder / file.name).write_bytes(file.read_bytes())
    (added / "pack.toml").write_bytes(alone((pack.root / "pack.toml").read_bytes()))
    (added / "need/components/dental.toml").write_text(
        'id = "dental"\ntitle = "Dental"\nabout = "Persons weighted for dental need."\nkind = "service"\ncolumn = "wp_dental"\n',
        encoding="utf-8",
    )
    (added / "need/indices/rurality.toml").write_text(
        'id = "rurality"\ntitle = "Rurality"\nabout = "Cost of distance."\ncolumn = "rurality_index"\n',
        encoding="utf-8",
    )
    (added / "need/formulas/dental.toml").write_text(
        """id = "dental"
title = "Dental"
about = "Dental need times rurality."
years = ["2023/24"]
normalisation = "to the registered persons of the file"
unit = "share"
[[blocks]]
id = "dental"
title = "Dental"
indices = ["rurality"]
coefficient = [{ from = "2023/24", value = 1, source = "assumption", where = "test", trust = "D" }]
[[blocks.components]]
component = "dental"
""",
        encoding="utf-8",
    )
    formula = need_catalogue(type(pack)(added)).formula("dental")
    rows = [
        {"practice_code": "A", "registered_persons": 100.0, "wp_dental": 120.0, "rurality_index": 1.1},
        {"practice_code": "B", "registered_persons": 100.0, "wp_dental": 68.0, "rurality_index": 1.0},
    ]
    found = weighted_persons(formula, frame_for(formula, rows, Y2023), Y2023)
    # 120 x 1.1 = 132 and 68: together 200, as many as are registered
    assert found["weighted_persons"].to_list() == pytest.approx([132.0, 68.0])


def test_every_formula_component_and_vintage_names_a_known_source(catalogue, pack):
    def figures(document: FormulaDocument):
        for block in document.blocks:
            yield from block.coefficient
            for part in (*block.components, *((block.inequality,) if block.inequality else ()), *block.areas):
                yield from getattr(part, "weight", getattr(part, "coefficient", ()))

    named = {f.source for d in catalogue.documents.values() for f in figures(d)}
    named |= {v.source for v in catalogue.vintages.values()} | {
        v.population.source for v in catalogue.vintages.values()
    }
    assert named - {"assumption"} <= set(pack.sources)
    for document in catalogue.documents.values():
        catalogue.resolve(document)
    assert set(catalogue.documents) >= {
        "ccg-core-2018-19",
        "core-2022-23",
        "core-2023-24",
        "core-2024-25",
        "core-2026-27",
        "primary-medical",
    }


def test_a_vintage_without_the_factor_can_be_mixed_with_none_that_has_it(catalogue):
    vintages: dict[str, Vintage] = dict(catalogue.vintages)
    assert [year for year, v in vintages.items() if v.contains] == ["2022/23"]
    assert vintages["2022/23"].contains == ("mff",)


def test_rows_of_two_years_are_never_weighed_together(catalogue, tool):
    formula = catalogue.formula("core-2023-24")
    rows = read_need_inputs(tool, formula).components
    first = pl.col("practice_code") == "E81001"
    mixed = rows.with_columns(pl.when(first).then(pl.lit("2022/23")).otherwise(pl.col("year")).alias("year"))
    with pytest.raises(DataError, match="found rows of 2022/23; expected rows of 2023/24 alone"):
        need(formula, mixed, Y2023)


def test_a_row_without_a_year_or_with_no_year_at_all_is_told(catalogue, tmp_path):
    rows = pl.read_csv(io.StringIO(PUBLISHED_2023_24))
    years = pl.Series("year", ["2023/24", "2023/24", None, "2023/24", "2023-24"])
    rows.with_columns(years).write_csv(tmp_path / "rows.csv")
    with pytest.raises(SourceError) as caught:
        read_need_inputs(tmp_path / "rows.csv", catalogue.formula("core-2023-24"))
    assert [f.found for f in caught.value.faults] == ["1 empty cells, such as practice E81030", "'2023-24'"]


# --- promises kept for any rows

rows_strategy = st.lists(
    st.tuples(
        st.floats(1, 60_000, allow_nan=False),
        *[st.floats(0, 90_000, allow_nan=False)] * 6,
        st.floats(0.9, 1.2),
        st.floats(0.95, 1.05),
    ),
    min_size=2,
    max_size=12,
)

NAMES = (
    "registered_persons",
    "wp_general_acute",
    "wp_community",
    "wp_mental_health",
    "wp_maternity",
    "wp_prescribing",
    "wp_avoidable_mortality",
    "mff_index",
    "eaca_index",
)


def workbook_rows(drawn):
    return [{"practice_code": f"P{i:03d}", **dict(zip(NAMES, row, strict=True))} for i, row in enumerate(drawn)]


def weigh(catalogue, rows):
    formula = catalogue.formula("ccg-core-2018-19")
    return weighted_persons(formula, frame_for(formula, rows, Y2018), Y2018)


@given(drawn=rows_strategy)
def test_weighted_persons_always_add_to_registered_persons(catalogue, drawn):
    rows = workbook_rows(drawn)
    rows[0]["wp_general_acute"] += 1  # some need to share by
    found = weigh(catalogue, rows)
    assert math.fsum(found["weighted_persons"]) == pytest.approx(math.fsum(found["registered_persons"]), rel=1e-12)


@given(drawn=rows_strategy, seed=st.integers(0, 1000))
def test_row_order_never_matters(catalogue, drawn, seed):
    rows = workbook_rows(drawn)
    rows[0]["wp_general_acute"] += 1
    formula = catalogue.formula("ccg-core-2018-19")
    frame = frame_for(formula, rows, Y2018)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
    assert weighted_persons(formula, shuffled, Y2018).equals(weighted_persons(formula, frame, Y2018))


@given(drawn=rows_strategy, more=st.floats(0.001, 10_000), column=st.sampled_from(NAMES[1:7]))
def test_more_need_never_lowers_a_weighted_share(catalogue, drawn, more, column):
    rows = workbook_rows(drawn)
    rows[0]["wp_general_acute"] += 1
    before = weigh(catalogue, rows)["weighted_persons"][0]
    rows[0][column] += more
    after = weigh(catalogue, rows)["weighted_persons"][0]
    assert after >= before * (1 - 1e-12)


@given(drawn=rows_strategy, factor=st.floats(0.01, 100))
def test_scaling_every_weighted_population_changes_nothing(catalogue, drawn, factor):
    rows = workbook_rows(drawn)
    rows[0]["wp_general_acute"] += 1
    before = weigh(catalogue, rows)["weighted_persons"].to_list()
    scaled = [{k: v * factor if k.startswith("wp_") else v for k, v in row.items()} for row in rows]
    assert weigh(catalogue, scaled)["weighted_persons"].to_list() == pytest.approx(before, rel=1e-9, abs=1e-9)


def test_no_need_at_all_is_refused(catalogue):
    rows = workbook_rows([(100.0, *[0.0] * 6, 1.0, 1.0)])
    with pytest.raises(CapitationError, match="add to 0"):
        weigh(catalogue, rows)


# --- the command


def test_the_command_writes_one_row_a_practice_and_a_summary(tool, tmp_path, capsys):
    import sys

    from api.cli.main import main

    out = tmp_path / "out.csv"
    sys.argv = [
        "capitation",
        "need",
        "--formula",
        "core-2023-24",
        "--practices",
        str(tool),
        "--out",
        str(out),
        "--json",
    ]
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["formula"] == "core-2023-24"
    assert summary["areas"][0]["icb_code"] == "QHG"
    rows = pl.read_csv(out)
    assert rows.columns == [
        "practice_code",
        "registered_persons",
        "weighted_persons",
        "need_index",
        "cost_index_basis",
    ]
    assert rows.height == 5


def test_the_command_writes_nothing_on_a_fault(tool, tmp_path, capsys):
    import sys

    from api.cli.main import main

    out = tmp_path / "out.csv"
    sys.argv = ["capitation", "need", "--formula", "core-2023-25", "--practices", str(tool), "--out", str(out)]
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "core-2023-24" in capsys.readouterr().err
    assert not out.exists()
