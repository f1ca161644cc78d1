"""Place index: divided first, rounded last, and no practice of the system lost from sight."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError, SourceError
from capitation.weighting.place_index import (
    PlaceComponent,
    PlacePractice,
    place_index,
    place_indices_from_files,
    three_decimals,
)

# Bedfordshire, Luton and Milton Keynes 2023/24 (place-based tool, data/2023_2024.csv, OGL v3.0), and one practice elsewhere.
PRACTICES = """\
practice_code,icb_code,registered_projected,wp_general_acute,wp_mental_health
E81001,QHG,3411.597614,2894.839704,4387.694179
E81002,QHG,10199.575971,8788.782099,6165.950245
E81030,QHG,9212.700288,7202.682699,10095.868345
K82057,QHG,8484.742664,8579.002073,5139.343881
A81001,QHM,4058.9207827613,5026.7680001750,4676.0107411900
"""


@pytest.fixture
def practices(tmp_path):
    path = tmp_path / "practices.csv"
    path.write_text(PRACTICES, encoding="utf-8")
    return path


@pytest.fixture
def mapped(tmp_path):
    def write(text):
        path = tmp_path / "map.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


MAP = "practice_code,place\nE81001,North\nE81002,North\nE81030,South\n"


def only(frame, place, component):
    return frame.filter((pl.col("place") == place) & (pl.col("component") == component)).row(0, named=True)


def test_the_index_of_a_place_can_be_done_by_hand(practices, mapped):
    found = place_indices_from_files(mapped(MAP), practices).indices
    # (2894.839704 + 8788.782099) / (3411.597614 + 10199.575971) = 11683.621803 / 13611.173585 = 0.858385
    # (2894.839704 + 8788.782099 + 7202.682699 + 8579.002073) / 31308.616537 = 27465.306575 / 31308.616537 = 0.877244
    north = only(found, "North", "general_acute")
    assert north["index_vs_system"] == pytest.approx(
        (11683.621803 / 13611.173585) / (27465.306575 / 31308.616537), rel=1e-12
    )
    assert north["index_vs_system_3dp"] == 0.979
    assert north["practices"] == 2


def test_practices_of_the_system_in_no_place_have_a_row_and_a_note(practices, mapped):
    result = place_indices_from_files(mapped(MAP), practices)
    rest = only(result.indices, "(in no place)", "mental_health")
    assert rest["kind"] == "in no place"
    assert rest["registered_persons"] == pytest.approx(8484.742664, rel=1e-14)
    assert result.unplaced["practice_code"].to_list() == ["K82057"]
    assert result.notes == ("1 practice(s) of QHG with 8,484.74 persons are in no place: K82057",)
    whole = result.indices.filter((pl.col("component") == "mental_health") & (pl.col("kind") != "system"))
    assert whole["registered_persons"].sum() == pytest.approx(
        only(result.indices, "QHG", "mental_health")["registered_persons"]
    )


def test_the_system_has_index_1_against_itself(practices, mapped):
    found = place_indices_from_files(mapped(MAP), practices).indices
    assert found.filter(pl.col("kind") == "system")["index_vs_system"].to_list() == [1.0, 1.0]


def test_a_file_without_a_system_column_is_one_system(practices, mapped, tmp_path):
    bare = tmp_path / "bare.csv"
    pl.read_csv(practices).drop("icb_code").write_csv(bare)
    found = place_indices_from_files(mapped(MAP), bare).indices
    assert only(found, "(in no place)", "general_acute")["practices"] == 2


@pytest.mark.parametrize("heading", ["place_code", "locality_code", "locality"])
def test_other_headings_of_a_map_are_known(practices, mapped, heading):
    assert place_indices_from_files(mapped(MAP.replace("place", heading)), practices).indices.height == 8


def test_every_fault_of_a_map_is_told_at_once(practices, mapped):
    text = MAP + "E81001,South\nE81030,South\n"
    with pytest.raises(SourceError) as caught:
        place_indices_from_files(mapped(text), practices)
    assert [f.found for f in caught.value.faults] == ["in 2 places: North, South", "2 rows for place South"]


def test_unknown_practices_and_a_second_system_are_told_together(practices, mapped):
    with pytest.raises(SourceError) as caught:
        place_indices_from_files(mapped(MAP + "E81031,South\nA81001,South\n"), practices)
    told = str(caught.value)
    assert "E81031" in told
    assert "Did you mean" in told
    assert "QHG (3 practices), QHM (1 practices)" in told
    assert len(caught.value.faults) == 2


def test_a_practice_of_another_system_than_the_one_named_is_refused(practices, mapped):
    with pytest.raises(SourceError, match="A81001: found a practice of QHM; expected a practice of QHG"):
        place_indices_from_files(mapped(MAP + "A81001,South\n"), practices, system="QHG")
    with pytest.raises(SourceError, match="a system of the practice file"):
        place_indices_from_files(mapped(MAP), practices, system="QHX")


def test_a_practice_twice_in_the_practice_file_is_refused(mapped, tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text(PRACTICES + PRACTICES.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(FrameError, match="E81001"):
        place_indices_from_files(mapped(MAP), path)


def test_a_component_that_is_new_needs_no_change_here(mapped, tmp_path):
    path = tmp_path / "dental.csv"
    path.write_text("practice_code,registered_persons,wp_dental\nA,100,120\nB,100,80\n", encoding="utf-8")
    found = place_indices_from_files(mapped("practice_code,place\nA,X\nB,Y\n"), path).indices
    assert only(found, "X", "dental")["index_vs_system"] == 1.2


def test_an_overall_by_formula_is_indexed_when_asked(mapped, tmp_path):
    path = tmp_path / "pmc.csv"
    path.write_text(
        "practice_code,year,registered_persons,wp_primary_medical_care_need,wp_health_inequalities\n"
        "A,2023/24,100,100,140\nB,2023/24,100,100,60\n",
        encoding="utf-8",
    )
    found = place_indices_from_files(
        mapped("practice_code,place\nA,X\nB,Y\n"), path, formulas=("primary-medical",)
    ).indices
    # 0.85 x 100 + 0.15 x 140 = 106
    assert only(found, "X", "primary-medical")["index_vs_system"] == pytest.approx(1.06, rel=1e-15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.9995, 1.0),
        (1.0005, 1.001),
        (1.0015, 1.002),
        (2.0005, 2.001),
        (1.00049999, 1.0),
        (0.9994999, 0.999),
        (None, None),
    ],
)
def test_three_decimals_go_half_up_on_the_text_of_the_number(value, expected):
    assert three_decimals(value) == expected


def frames(drawn):
    rows = [
        {
            "practice_code": f"P{i:02d}",
            "place": f"L{place}",
            "registered_persons": persons,
            "weighted_persons": weighted,
        }
        for i, (place, persons, weighted) in enumerate(drawn)
    ]
    frame = pl.DataFrame(rows)
    components = frame.select(
        "practice_code",
        pl.lit("c").alias("component"),
        pl.lit("S").alias("system_code"),
        "registered_persons",
        "weighted_persons",
    )
    return PlacePractice.validate(frame.select("practice_code", "place")), PlaceComponent.validate(components)


drawn_practices = st.lists(
    st.tuples(st.integers(1, 4), st.floats(1, 60_000), st.floats(1, 90_000)), min_size=1, max_size=20
)


@given(drawn=drawn_practices, seed=st.integers(0, 1000))
def test_row_order_never_matters(drawn, seed):
    places, components = frames(drawn)
    shuffled = place_index(
        places.sample(fraction=1.0, shuffle=True, seed=seed), components.sample(fraction=1.0, shuffle=True, seed=seed)
    )
    assert shuffled.equals(place_index(places, components))


@given(drawn=drawn_practices)
def test_the_population_weighted_mean_of_the_places_is_1(drawn):
    places, components = frames(drawn)
    found = place_index(places, components).filter(pl.col("kind") == "place")
    mean = math.fsum(found["index_vs_system"] * found["registered_persons"]) / math.fsum(found["registered_persons"])
    assert mean == pytest.approx(1.0, rel=1e-9)


@given(drawn=drawn_practices)
def test_the_frame_and_plain_python_agree(drawn):
    places, components = frames(drawn)
    found = place_index(places, components).filter(pl.col("kind") == "place")
    for row in found.iter_rows(named=True):
        mine = [(p, w) for place, p, w in drawn if f"L{place}" == row["place"]]
        here = math.fsum(w for _, w in mine) / math.fsum(p for p, _ in mine)
        there = math.fsum(w for _, _, w in drawn) / math.fsum(p for _, p, _ in drawn)
        assert row["index_vs_system"] == pytest.approx(here / there, rel=1e-8)
