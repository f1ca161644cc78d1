"""Need follows ages by their relative cost, and tables of ages that do not fit are refused by row."""

import polars as pl
import pytest

from capitation.errors import Faults
from capitation.pack.sources import DataPack
from capitation.places.ages import AgeChoice, age_indices
from capitation.records.years import FinancialYear

AGES = """year,practice_code,age_from,persons
2017/18,P1,0,500
2017/18,P1,65,500
2017/18,P2,0,10
2017/18,P2,65,0
2019/20,P1,0,400
2019/20,P1,65,600
2019/20,P2,0,10
2019/20,P2,65,0
"""
COSTS = "age_from,age_to,pence_per_head,evidence,where\n0,64,50000,s,w\n65,,150000,s,w\n"
YEARS = tuple(FinancialYear.starting(y) for y in range(2016, 2021))


def indices(tmp_path, ages=AGES, costs=COSTS, follows=1, practices=("P1", "P2")):
    for name, text in (
        ("places/practice-ages.csv", ages),
        ("need/age_costs/hospital.csv", costs),
        ("pack.toml", 'id = "t"\n'),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    figure = {
        "value": follows,
        "unit": "part",
        "source": "assumption",
        "where": "w",
        "owner": "Analyst",
        "quality": "red",
    }
    choice = AgeChoice.model_validate({"about": "ages", "follows": figure})
    faults = Faults()
    found = age_indices(choice, practices, FinancialYear("2017/18"), YEARS, DataPack(tmp_path), faults)
    return {(y, c): index for y, c, index in found.iter_rows()}, [str(f) for f in faults]


def test_need_follows_the_cost_of_ages_between_the_dated_years(tmp_path):
    found, faults = indices(tmp_path)
    assert not faults
    assert [found[y, "P1"] for y in YEARS] == pytest.approx([1, 1, 1.05, 1.1, 1.1])
    assert {found[y, "P2"] for y in YEARS} == {1.0}


def test_need_takes_on_only_the_part_that_it_follows(tmp_path):
    found, _ = indices(tmp_path, follows=0.5)
    assert found["2019/20", "P1"] == pytest.approx(1.05)


@pytest.mark.parametrize(
    ("ages", "words"),
    [
        (AGES.replace("2019/20,P2,65,0\n", "2019/20,P2,66,0\n"), ["line 9", "age_from 66", "0, 65"]),
        (AGES + "2017/18,P3,0,1\n", ["line 10", "practice 'P3'"]),
        (AGES.replace("2019/20,P2,0,10\n2019/20,P2,65,0\n", ""), ["practice P2", "no ages of 2019/20"]),
        (AGES.replace("2019/20,P2,65,0\n", ""), ["practice P2, 2019/20", "1 age bands"]),
        (AGES.replace("P2,0,10", "P2,0,0"), ["practice P2, 2017/18", "0 persons", "practice P2, 2019/20"]),
        (AGES.replace("2019/20,P1,0", "2019,P1,0"), ["line 6", "year '2019'"]),
    ],
)
def test_ages_that_do_not_fit_are_named_with_file_and_line(tmp_path, ages, words):
    _, faults = indices(tmp_path, ages)
    text = "\n".join(faults)
    assert all(word in text for word in words), text


def test_the_pack_carries_ages_of_which_the_oldest_grow_far_faster_than_all(pack, blmk_run):
    ages = pack.raw("places/practice-ages.csv").cells.cast({"age_from": pl.Int64, "persons": pl.Int64})
    lists = blmk_run.population.select("year", "practice_code", "registered_persons")
    sums = (
        ages.join(lists, on=["year", "practice_code"])
        .group_by("year", "age_from")
        .agg((pl.col("persons") * pl.col("registered_persons")).sum().alias("n"))
        .pivot(on="year", index="age_from", values="n")
    )
    growth = {age: last / first - 1 for age, first, last in sums.select("age_from", "2017/18", "2020/21").iter_rows()}
    assert growth[85] > 2 * (sums["2020/21"].sum() / sums["2017/18"].sum() - 1)
    assert growth[85] > max(growth[age] for age in (0, 15, 45, 65))
    older = sums.filter(pl.col("age_from").is_in([65, 75]))
    assert growth[85] > older["2020/21"].sum() / older["2017/18"].sum() - 1  # 65 to 84 as one group
