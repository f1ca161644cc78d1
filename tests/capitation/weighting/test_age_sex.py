"""Need by age, sex and additional need: the worked practices come out, and every gap is told."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError, UnknownNameError
from capitation.weighting.age_sex import AgeSexCount, AreaScore, age_sex_formula, age_sex_need, read_counts, read_scores

BANDS = ("0-4", "5-14", "15-44", "45-64", "65-74", "75-84", "85+")

# The worked example T11: three practices, counts by band, one health domain score each.
PRACTICES = {
    "X": ((120, 260, 900, 560, 200, 110, 30), (115, 250, 880, 570, 215, 130, 55), 0.5),
    "Y": ((150, 310, 1200, 600, 170, 80, 20), (140, 300, 1150, 590, 180, 95, 40), -0.3),
    "Z": ((60, 160, 500, 520, 330, 210, 70), (58, 150, 480, 540, 350, 240, 120), -0.8),
}


@pytest.fixture(scope="module")
def formula(pack):
    return age_sex_formula(pack, "primary-medical-2007")


def counts(practices=PRACTICES):
    rows = [
        {"practice_code": code, "area_code": code, "sex": sex, "age_band": band, "persons": float(persons)}
        for code, (men, women, _) in practices.items()
        for sex, numbers in (("male", men), ("female", women))
        for band, persons in zip(BANDS, numbers, strict=True)
    ]
    return AgeSexCount.validate(pl.DataFrame(rows))


def scores(practices=PRACTICES):
    return AreaScore.validate(pl.DataFrame({"area_code": list(practices), "score": [p[2] for p in practices.values()]}))


def test_t11_the_worked_practices_come_out(formula):
    # X: (120 x 2.354 + 260 x 1 + 900 x 0.913 + 560 x 1.373 + 200 x 2.531 + 110 x 3.254 + 30 x 3.193
    #     + 115 x 2.241 + 250 x 1.03 + 880 x 1.885 + 570 x 2.115 + 215 x 2.82 + 130 x 3.301 + 55 x 3.09) x 1.054 ^ 0.5
    # factor: 13,208 persons over 7882.5137 + 8189.8431 + 7378.1471 = 23450.5039
    found = age_sex_need(formula, counts(), scores())
    assert [round(x, 4) for x in found["raw_weighted"]] == [7882.5137, 8189.8431, 7378.1471]
    assert math.fsum(found["registered_persons"]) == 13208
    factor = math.fsum(found["registered_persons"]) / math.fsum(found["raw_weighted"])
    assert round(factor, 8) == 0.56322883
    assert [round(x, 4) for x in found["weighted_persons"]] == [4439.6590, 4612.7558, 4155.5852]
    assert math.fsum(found["weighted_persons"]) == pytest.approx(math.fsum(found["registered_persons"]), rel=1e-15)


def test_t11_the_cases_file_says_the_same(formula, shared):
    cases = pl.read_csv(shared / "cases" / "allocation-cases.csv", infer_schema=False)
    wanted = cases.filter((pl.col("case_id") == "M-PMC-EXAMPLE") & (pl.col("measure") == "raw_weighted"))
    found = age_sex_need(formula, counts(), scores())
    assert [f"{x:.4f}" for x in found["raw_weighted"]] == wanted.sort("area_code")["value"].to_list()
    normalised = cases.filter(
        (pl.col("case_id") == "M-PMC-EXAMPLE") & (pl.col("measure") == "normalised_weighted_population")
    ).sort("area_code")
    assert [f"{x:.4f}" for x in found["weighted_persons"]] == normalised["value"].to_list()


def test_the_frame_and_plain_python_agree(formula):
    weights = {(r["sex"], r["age_band"]): r["weight"] for r in formula.weights.iter_rows(named=True)}
    found = age_sex_need(formula, counts(), scores())
    for code, (men, women, score) in PRACTICES.items():
        by_hand = (
            sum(
                n * weights[sex, band]
                for sex, numbers in (("male", men), ("female", women))
                for band, n in zip(BANDS, numbers, strict=True)
            )
            * 1.054**score
        )
        assert found.filter(pl.col("practice_code") == code)["raw_weighted"][0] == pytest.approx(by_hand, rel=1e-14)


def test_age_and_sex_are_weighted_in_each_area_and_then_added(formula):
    split = counts().with_columns((pl.col("persons") / 2).alias("persons"))
    both = pl.concat(
        [split.with_columns((pl.col("practice_code") + suffix).alias("area_code")) for suffix in ("-north", "-south")]
    )
    same = pl.concat(
        [scores().with_columns((pl.col("area_code") + suffix).alias("area_code")) for suffix in ("-north", "-south")]
    )
    whole = age_sex_need(formula, counts(), scores())["weighted_persons"].to_list()
    assert age_sex_need(formula, both, same)["weighted_persons"].to_list() == pytest.approx(whole, rel=1e-14)


def test_unknown_bands_and_areas_without_a_score_are_told_together(formula):
    broken = counts().with_columns(pl.col("age_band").str.replace("85+", "85 and over", literal=True))
    with pytest.raises(FrameError) as caught:
        age_sex_need(formula, broken, scores().filter(pl.col("area_code") == "X"))
    assert [f.found for f in caught.value.faults] == ["'85 and over'", "persons and no score", "persons and no score"]


def test_an_unknown_formula_lists_the_near_ones(pack):
    with pytest.raises(UnknownNameError, match="primary-medical-2007"):
        age_sex_formula(pack, "primary-medical-2008")


def test_files_without_an_area_take_the_practice_as_its_area(formula, tmp_path):
    counts().drop("area_code").write_csv(tmp_path / "counts.csv")
    scores().rename({"area_code": "practice_code"}).write_csv(tmp_path / "scores.csv")
    found = age_sex_need(formula, read_counts(tmp_path / "counts.csv"), read_scores(tmp_path / "scores.csv"))
    assert found.equals(age_sex_need(formula, counts(), scores()))


@given(more=st.floats(0.01, 10), base=st.floats(-3, 3))
def test_a_needier_area_never_lowers_a_weighted_share(formula, more, base):
    def share(score):
        given_scores = scores().with_columns(
            pl.when(pl.col("area_code") == "X").then(pl.lit(score)).otherwise(pl.col("score")).alias("score")
        )
        return age_sex_need(formula, counts(), given_scores)["weighted_persons"][0]

    assert share(base + more) >= share(base)
