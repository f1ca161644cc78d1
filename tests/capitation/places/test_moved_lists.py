"""Lists move apart by dated lists: mergers together, closed practices over their place, straight lines between, exact to the total."""

import datetime as dt

import polars as pl
import pytest

from capitation.errors import Faults
from capitation.money.rounding import MICRO
from capitation.pack.sources import DataPack
from capitation.places.moved_lists import ListChoice, list_movement
from capitation.records.years import FinancialYear, between
from capitation.weighting.population import ListBase, PracticeList, ProjectedTotal, project_lists

CHOICE = ListChoice(about="as dated", owner="Analyst", quality="amber", impact="green")
BASE = {"P1": ("L1", 1000.0), "P2": ("L1", 2000.0), "P3": ("L2", 3000.0), "P4": ("L2", 500.0)}
LISTS = """year,practice_code,registered_persons
2016/17,P1,900
2016/17,P2,1500
2016/17,P9,300
2016/17,P3,3000
2016/17,P4,1500
2016/17,P8,350
2018/19,P1,1000
2018/19,P2,2000
2018/19,P3,3000
2018/19,P4,500
2022/23,P1,1400
2022/23,P2,2200
2022/23,P3,3700
"""
EVENTS = """year,practice_code,change,successor_code,quality,evidence,source,place_code
2017/18,P9,merged into,P2,published,told,,
2017/18,P8,closed,,published,told,,L2
2019/20,P4,closed,,published,told,,
"""
YEARS = tuple(FinancialYear.starting(y) for y in range(2015, 2021))


def moved(tmp_path, lists=LISTS, events=EVENTS, years=YEARS):
    (tmp_path / "places").mkdir(exist_ok=True)
    (tmp_path / "pack.toml").write_text('id = "t"\n')
    (tmp_path / "places/practice-lists.csv").write_text(lists)
    (tmp_path / "places/lineage.csv").write_text(events)
    base = pl.DataFrame(
        [(code, place, persons) for code, (place, persons) in BASE.items()],
        schema=["practice_code", "place_code", "registered_persons"], orient="row",
    )  # fmt: skip
    faults = Faults()
    rows = list_movement(CHOICE, base, FinancialYear("2018/19"), years, DataPack(tmp_path), faults)
    return {(y, c): times for y, c, times in rows.iter_rows()}, [str(f) for f in faults]


def test_merged_practices_move_together_and_patients_of_closed_ones_are_all_over_their_place(tmp_path):
    times, faults = moved(tmp_path)
    assert not faults
    assert times["2016/17", "P1"] == pytest.approx(0.9)
    assert times["2016/17", "P2"] == pytest.approx(1800 / 2000)  # 1,500 of its own and the 300 that joined it
    # P4 closes in 2019/20 and keeps its 500; the 1,000 beyond them and the 350 of P8 were with P3, the rest of the place
    assert times["2016/17", "P4"] == 1
    assert times["2016/17", "P3"] == pytest.approx(1 + 1350 / 3000)
    # after it closed its patients are on the list of P3 as well, so they are taken off there
    assert times["2020/21", "P3"] == pytest.approx((1 + (3700 - 500) / 3000) / 2)


def test_between_dated_lists_the_way_is_straight_and_outside_them_lists_stay(tmp_path):
    times, _ = moved(tmp_path)
    assert times["2015/16", "P1"] == times["2016/17", "P1"]
    assert times["2017/18", "P1"] == pytest.approx(0.95)
    assert times["2018/19", "P1"] == 1
    assert times["2019/20", "P1"] == pytest.approx(1.1)
    assert between("2019/20", ["2016/17", "2018/19", "2022/23"]) == ("2018/19", "2022/23", 1, 4)
    assert between("2030/31", ["2016/17", "2018/19"]) == ("2018/19", "2018/19", 0, 1)


def test_moved_lists_add_to_the_printed_total_to_the_millionth(tmp_path):
    times, _ = moved(tmp_path)
    movement = pl.DataFrame(
        [(y, c, t) for (y, c), t in times.items()], schema=["year", "practice_code", "times"], orient="row"
    )
    lists = PracticeList.validate(
        pl.DataFrame({"practice_code": list(BASE), "registered_persons": [p for _, p in BASE.values()]})
    )
    totals = {str(y): 6400.0 + 77.7 * n for n, y in enumerate(YEARS)}
    wanted = ProjectedTotal.validate(pl.DataFrame({"year": list(totals), "registered_persons": list(totals.values())}))
    named = ListBase(
        title="Lists", counted_on=dt.date(2019, 3, 31), year=FinancialYear("2018/19"), source="s", where="w"
    )
    found = project_lists(lists, named, wanted, movement)
    sums = dict(found.group_by("year").agg(pl.col("registered_micro").sum()).iter_rows())
    assert sums == {year: round(persons * MICRO) for year, persons in totals.items()}
    assert "moved apart" in found["base"][0]
    same = project_lists(lists, named, wanted)
    assert same.filter(pl.col("practice_code") == "P1")["listed_micro"].unique().to_list() == [1000 * MICRO]


@pytest.mark.parametrize(
    ("lists", "events", "words"),
    [
        (LISTS + "2016/17,PX,10\n", EVENTS, ["line 15, practice PX", "not on the map"]),
        (LISTS.replace("2022/23,P1,1400\n", ""), EVENTS, ["practice P1: found no list of 2022/23"]),
        (LISTS.replace("2018/19,P3,3000\n", ""), EVENTS, ["practice P3: found no list of 2018/19"]),
        (LISTS + "2018/19,P7,10\n", EVENTS, ["line 15, practice P7"]),
        (LISTS.replace("2022/23,P2", "2022/24,P2"), EVENTS, ["line 13", "2022/24"]),
        (LISTS, EVENTS.replace("P2,published", "PZ,published"), ["line 2, practice P9", "'PZ'"]),
        (LISTS, EVENTS.replace(",L2\n", ",L9\n"), ["line 3, practice P8", "place 'L9'"]),
        (LISTS, EVENTS + "2020/21,P9,closed,,published,told,,\n", ["practice P9", "one ending"]),
        (LISTS + "2016/17,PX,10\n", EVENTS.replace(",L2\n", ",L9\n"), ["practice PX", "place 'L9'"]),
    ],
)
def test_practices_years_and_places_that_do_not_fit_are_named_with_file_and_line(tmp_path, lists, events, words):
    _, faults = moved(tmp_path, lists, events)
    text = "\n".join(faults)
    assert all(word in text for word in words), text
