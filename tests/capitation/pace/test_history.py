"""What spreads a commissioner's opening over its practices: heads, need, use, printed budgets; contradictions are refused."""

import hashlib

import polars as pl
import pytest

from capitation.errors import DocumentError, Faults, ScenarioError
from capitation.pace.history import StreamOpening, hospital_distances
from capitation.pace.opening import practice_openings
from capitation.pack.sources import DataPack
from capitation.records.documents import parse_document

TOTALS = pl.DataFrame({"year": ["2015/16"], "stream": ["ccg"], "total_pence": [100_000]})
PRACTICES = pl.DataFrame(
    {
        "stream": ["ccg", "ccg"],
        "practice_code": ["p1", "p2"],
        "commissioner_code": ["06F", "06F"],
        "registered_micro": [5_000_000, 5_000_000],
        "weighted_persons": [8.0, 12.0],
        "kilometres": [0.0, 10.0],
    }
)
FALL = {"value": "0.05", "unit": "part", "source": "assumption", "where": "w", "owner": "Analyst", "quality": "red"}
BUDGETS = {"source": "s", "table": "t", "column": "2015/16"}


def opening(inside, **more):
    return parse_document(
        {"inside": inside, "about": "why", "owner": "Analyst", "quality": "red", **more}, StreamOpening, "o"
    )


def pack_of(tmp_path, cells="p1,2015/16,300,£'000,x\np2,2015/16,100,£'000,x\n", ways=""):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (tmp_path / "places").mkdir()
    (tmp_path / "pack.toml").write_text('id = "t"\n')
    table = f"row,column,value,unit,locator\n{cells}"
    (folder / "t.csv").write_text(table)
    (tmp_path / "places/hospital-distance.csv").write_text(f"practice_code,kilometres,hospital,basis\n{ways}")
    (folder / "source.toml").write_text(
        'id="s"\ntitle="t"\npublisher="p"\npublished="2016"\nlicence="facts"\n'
        f'[[tables]]\nname="t"\ntitle="t"\nfile="t.csv"\nsha256="{hashlib.sha256(table.encode()).hexdigest()}"\n'
    )
    return DataPack(tmp_path)


@pytest.mark.parametrize(
    ("choice", "pence"),
    [
        (None, [50_000, 50_000]),
        (opening("heads"), [50_000, 50_000]),
        (opening("need"), [40_000, 60_000]),
        (opening("use", fall_per_kilometre=FALL), [57_143, 42_857]),  # 8 against 12 x (1 - 0.05 x 10)
        (opening("budgets", budgets=BUDGETS), [75_000, 25_000]),
    ],
)
def test_the_opening_of_a_commissioner_is_spread_as_the_scenario_chooses(tmp_path, choice, pence):
    found = practice_openings(TOTALS, PRACTICES, {}, pack_of(tmp_path), {"ccg": choice})
    assert found["opening_pence"].to_list() == pence


def test_a_practice_without_a_printed_budget_is_named(tmp_path):
    pack = pack_of(tmp_path, "p1,2015/16,300,£'000,x\n")
    with pytest.raises(ScenarioError, match="no amount for p2"):
        practice_openings(TOTALS, PRACTICES, {}, pack, {"ccg": opening("budgets", budgets=BUDGETS)})


@pytest.mark.parametrize(
    ("inside", "more", "words"),
    [
        ("use", {}, "fall_per_kilometre is missing"),
        ("need", {"fall_per_kilometre": FALL}, "does not read it"),
        ("budgets", {}, "budgets is missing"),
        ("heads", {"budgets": BUDGETS}, "does not read it"),
        ("use", {"fall_per_kilometre": FALL | {"value": "1.5"}}, "a part from 0 to 1"),
        ("need", {"owner": None}, "a judgement: it needs an owner"),
        ("heads", {"source": "s"}, "source without table, column"),
        ("habit", {}, "'heads', 'need', 'use' or 'budgets'"),
    ],
)
def test_an_opening_that_contradicts_itself_is_refused(inside, more, words):
    with pytest.raises(DocumentError, match=words):
        opening(inside, **more)


def test_ways_of_practices_that_are_not_on_the_map_and_those_that_lack_are_named_together(tmp_path):
    faults = Faults()
    pack = pack_of(tmp_path, ways="p1,1.5,H,b\npx,2,H,b\n")
    hospital_distances("places/hospital-distance.csv", ["p1", "p2"], pack, faults)
    assert ["line 3" in str(f) or "practice p2" in str(f) for f in faults] == [True, True]
