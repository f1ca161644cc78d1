"""What became of each practice between two lists."""

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack
from capitation.places.lineage import (
    LineageEvent,
    PracticeList,
    lineage_events,
    outcome_totals,
    practice_lineage,
    practice_lists,
    unexplained_faults,
)


def lists(**persons):
    return PracticeList.validate(
        pl.DataFrame({"practice_code": list(persons), "registered_persons": [float(v) for v in persons.values()]})
    )


def events(*rows):
    wide = [
        (code, year, change, successor, "inferred", f"{code} {change}", None, None)
        for code, year, change, successor in rows
    ]
    return LineageEvent.validate(pl.DataFrame(wide, schema=LineageEvent.dtypes(), orient="row"))


PACK = DataPack(default_data_folder())
EVENTS = lineage_events(PACK)


def practice_lists_of(year):
    return practice_lists(PACK, year)


def outcomes(frame):
    return {r["practice_code"]: (r["outcome"], r["successor_code"]) for r in frame.iter_rows(named=True)}


def test_every_outcome_in_one_small_place():
    old = lists(A=1000, B=2000, C=500, D=100, E=70)
    new = lists(A=1100, G=2900, H=60, I=50)
    table = events(
        ("B", "2019/20", "merged into", "F"),  # B -> F -> G: F is on neither list
        ("F", "2020/21", "merged into", "G"),
        ("C", "2021/22", "closed", None),
        ("D", "2021/22", "merged into", "Z"),  # Z is not on the later list and has no event
        ("H", "2021/22", "opened", None),
    )
    found = practice_lineage(old, new, table)
    assert outcomes(found) == {
        "A": ("continued", None),
        "B": ("merged into", "G"),
        "C": ("closed", None),
        "D": ("unexplained", None),
        "E": ("unexplained", None),
        "G": ("unexplained", None),
        "H": ("new", None),
        "I": ("unexplained", None),
    }
    row = found.filter(pl.col("practice_code") == "B").row(0, named=True)
    assert row["evidence"] == "B merged into; then F merged into"
    assert row["old_persons"] == 2000
    assert row["new_persons"] is None


def test_totals_by_outcome_add_to_both_lists():
    old, new = practice_lists_of("2018/19"), practice_lists_of("2022/23")
    totals = outcome_totals(practice_lineage(old, new, EVENTS))
    assert totals.get_column("old_persons").sum() == pytest.approx(1_008_643.005587, abs=1e-6)
    assert totals.get_column("new_persons").sum() == 1_065_759
    assert dict(totals.select("outcome", "practices").iter_rows()) == {
        "continued": 95,
        "merged into": 10,
        "closed": 1,
        "new": 1,
    }


@pytest.mark.parametrize(
    ("first", "last", "ended", "unexplained"),
    [
        ("2016/17", "2018/19", 7, set()),
        ("2018/19", "2022/23", 11, set()),
        ("2022/23", "2026/27", 13, {"E81077", "K82060"}),
        ("2016/17", "2026/27", 31, {"E81077", "K82060"}),
    ],
)
def test_the_carried_table_explains_all_but_the_two_it_cannot(first, last, ended, unexplained):
    found = practice_lineage(practice_lists_of(first), practice_lists_of(last), EVENTS)
    gone = found.filter(pl.col("new_persons").is_null())
    assert gone.height == ended
    assert set(found.filter(pl.col("outcome") == "unexplained").get_column("practice_code")) == unexplained
    assert {f.where for f in unexplained_faults(found)} == {f"practice {code}" for code in unexplained}


def test_a_practice_is_followed_through_two_mergers():
    found = outcomes(practice_lineage(practice_lists_of("2016/17"), practice_lists_of("2026/27"), EVENTS))
    assert found["E81020"] == ("merged into", "E81037")  # into E81030 in 2017/18, which went into E81037 in 2026/27
    assert found["E81030"] == ("merged into", "E81037")
    assert found["K82067"] == ("merged into", "K82009")


def test_all_contradictions_of_the_table_are_told_together():
    table = events(
        ("A", "2017/18", "merged into", "B"),
        ("B", "2018/19", "merged into", "A"),
        ("C", "2017/18", "closed", None),
        ("C", "2018/19", "merged into", "A"),
    )
    with pytest.raises(FrameError) as error:
        practice_lineage(lists(A=1, B=1, C=1), lists(D=3), table)
    text = str(error.value)
    assert "A -> B -> A" in text
    assert "lineage: C: found endings in 2017/18 and 2018/19; expected one ending" in text


def test_a_merger_without_a_successor_is_refused():
    with pytest.raises(FrameError, match="a merger, and only a merger, names its successor"):
        events(("A", "2017/18", "merged into", None))


def test_an_unexplained_end_suggests_the_code_it_may_be_a_slip_of():
    found = practice_lineage(lists(E81030=10), lists(E81003=10), events())
    texts = [str(fault) for fault in unexplained_faults(found)]
    assert "Did you mean 'E81003'?" in texts[1]
    assert "expected an opening in the lineage table" in texts[0]


@given(
    st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 9000), min_size=1),
    st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 9000), min_size=1),
    st.lists(st.sampled_from("ABCDEFGH"), unique=True),
    st.randoms(),
)
def test_nothing_is_lost_and_order_never_matters(old, new, chain, random):
    table = [(a, "2018/19", "merged into", b) for a, b in itertools.pairwise(chain)]
    found = practice_lineage(lists(**old), lists(**new), events(*table))
    assert set(found.get_column("practice_code")) == set(old) | set(new)
    totals = outcome_totals(found)
    assert totals.get_column("old_persons").sum() == sum(old.values())
    assert totals.get_column("new_persons").sum() == sum(new.values())
    for successor in found.get_column("successor_code").drop_nulls():
        assert successor in new
    random.shuffle(table)
    again = practice_lineage(lists(**dict(reversed(old.items()))), lists(**dict(reversed(new.items()))), events(*table))
    assert again.equals(found)


def test_the_carried_lists_are_those_of_the_reference_data(shared):
    paid = pl.read_parquet(shared / "reference/gp_practice_lists_2014_23/practice_registered_lists.parquet")
    tool = pl.read_parquet(shared / "reference/gp_practice_map/practice_pcn_icb_lad_2022.parquet").filter("is_blmk")
    counted = pl.read_parquet(shared / "reference/blmk_practice_age_bands_2026_07/practice_age_bands_blmk.parquet")
    ccgs = pl.col("ccg_code").is_in(["06F", "06P", "04F"])
    for year, table in (
        ("2016/17", paid.filter((pl.col("financial_year") == "2016/17") & ccgs)),
        ("2022/23", tool),
        ("2026/27", counted),
    ):
        wanted = table.select("practice_code", pl.col("registered").cast(pl.Float64)).sort("practice_code")
        assert practice_lists_of(year).rows() == wanted.rows()


def test_every_list_said_to_have_ended_did_end(shared):
    paid = pl.read_parquet(shared / "reference/gp_practice_lists_2014_23/practice_registered_lists.parquet")
    by = {(r["practice_code"], r["financial_year"]): r["registered"] for r in paid.iter_rows(named=True)}
    for event in EVENTS.filter((pl.col("change") != "opened") & (pl.col("year") <= "2021/22")).iter_rows(named=True):
        assert by.get((event["practice_code"], "2022/23"), 0) == 0, event
    assert ("Y06810", "2019/20") not in by
    assert by["Y06810", "2020/21"] > 0
