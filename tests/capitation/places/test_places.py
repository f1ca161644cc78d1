"""Practices, places, and whether a map of them is a partition."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError
from capitation.money.rounding import micro
from capitation.pack.sources import read_raw
from capitation.places.membership import (
    Membership,
    MembershipRow,
    Practice,
    Resolution,
    checked_membership,
    localities,
    locality_sizes,
    membership,
    partition_faults,
    placed_practices,
    practices,
    read_map,
    read_practices,
    resolutions,
    resolved_practices,
)


def some_practices(**persons):
    rows = pl.DataFrame({"practice_code": list(persons), "registered_persons": [float(v) for v in persons.values()]})
    empty = [pl.lit(None, dtype=c.dtype).alias(n) for n, c in Practice.columns().items() if n not in rows.columns]
    return Practice.validate(rows.with_columns(empty))


def some_map(*pairs, **columns):
    rows = pl.DataFrame(pairs, schema={"practice_code": pl.String, "locality_code": pl.String}, orient="row")
    other = [
        (pl.Series(n, columns[n], dtype=pl.String) if n in columns else pl.lit(None, dtype=pl.String).alias(n))
        for n in MembershipRow.columns()
        if n not in rows.columns
    ]
    return MembershipRow.validate(rows.with_columns(other))


def texts(faults):
    return [str(fault) for fault in faults]


def test_the_carried_practices_are_those_of_the_target_workbook(pack):
    source = pack.source("nhs-england-ccg-target-2018-19")
    table = next(t for t in source.tables if t.name == "practices")
    printed = read_raw(pack.path(f"sources/{source.id}/{table.file}"))
    unknown = ["", "NULL"]
    wanted = printed.select(
        "practice_code",
        "practice_name",
        commissioner_code="ccg19_code",
        network_code=pl.when(~pl.col("pcn_code").is_in(unknown)).then("pcn_code"),
        district_code=pl.when(~pl.col("lad21_code").is_in(unknown)).then("lad21_code"),
        registered_persons=pl.col("registered_2018_19").cast(pl.Float64),
    ).sort("practice_code")
    carried = practices(pack)
    assert carried.select(wanted.columns).equals(wanted)
    assert carried.height == 106
    assert round(carried.get_column("registered_persons").sum(), 6) == 1_008_643.005587
    names = printed.select(pl.col("pcn_name").str.to_lowercase().str.strip_suffix(" pcn"), "practice_code")
    joined = carried.join(names, on="practice_code").drop_nulls("network_name")
    assert joined.get_column("network_name").str.to_lowercase().to_list() == joined.get_column("pcn_name").to_list()


def test_every_open_question_is_answered_once_with_a_reason(pack):
    published, answers = practices(pack), resolutions(pack)
    without = {
        "network": published.filter(pl.col("network_code").is_null()).get_column("practice_code").to_list(),
        "district": published.filter(pl.col("district_code").is_null()).get_column("practice_code").to_list(),
    }
    assert len(without["network"]) == 12
    assert len(without["district"]) == 11
    for question, codes in without.items():
        answered = answers.filter(pl.col("question") == question).get_column("practice_code").to_list()
        assert answered == codes
    rested = answers.filter(pl.col("question") != "commissioner").get_column("reason")
    assert rested.str.contains(r"\d").all()  # each rests on a list, a postcode or a year
    networks = set(published.get_column("network_code").drop_nulls())
    answered = answers.filter(pl.col("question") == "network").get_column("resolution")
    assert set(answered) <= networks


def test_places_are_districts_and_commissioners_stay(pack):
    resolved = resolved_practices(practices(pack), resolutions(pack))
    assert set(resolved.get_column("place_name")) == {"Bedford", "Central Bedfordshire", "Luton", "Milton Keynes"}
    rows = {r["practice_code"]: r for r in resolved.iter_rows(named=True)}
    assert (rows["E81008"]["place_name"], rows["E81008"]["commissioner_code"]) == ("Luton", "06F")
    assert (rows["E81050"]["place_name"], rows["E81050"]["commissioner_code"]) == ("Milton Keynes", "06F")
    home = {"06F": {"E06000055", "E06000056"}, "06P": {"E06000032"}, "04F": {"E06000042"}}
    away = {c for c, r in rows.items() if r["place_code"] not in home[r["commissioner_code"]]}
    told = resolutions(pack).filter(pl.col("question") == "commissioner").get_column("practice_code")
    assert away == set(told)


def test_a_missing_needless_or_unknown_resolution_is_refused_all_together(pack):
    answers = resolutions(pack).filter(pl.col("practice_code") != "K82050")
    wrong = pl.DataFrame(
        [
            ("E81001", "network", "U33695", "x", "x", "red"),
            ("E8100", "network", "U33695", "x", "x", "red"),
            ("E81002", "commissioner", "06P", "x", "x", "red"),
        ],
        schema=Resolution.dtypes(),
        orient="row",
    )
    with pytest.raises(FrameError) as error:
        resolved_practices(practices(pack), Resolution.validate(pl.concat([answers, wrong])))
    text = str(error.value)
    assert "practice K82050: found no network; expected one network" in text
    assert "practice K82050: found no district" in text
    assert "E81001: found an answer to its network; expected none: U27128 is published" in text
    assert "resolutions: E8100: found a practice that is not in the table" in text
    assert "E81002: found commissioner 06P; expected 06F" in text


def test_the_carried_map_is_a_partition_inside_the_band(pack):
    published, rows = practices(pack), membership(pack)
    assert texts(partition_faults(rows, published, low=30_000, high=50_000)) == []
    assert checked_membership(rows, published, "2018/19").equals(rows)
    sizes = locality_sizes(rows, published, 30_000, 50_000)
    wanted = localities(pack)
    shown = ("locality_code", "place_code", "practices", micro(pl.col("registered_persons")))
    assert sizes.select(*shown).equals(wanted.select(*shown))  # to the millionth of a person
    by_place = wanted.group_by("place_name").agg(pl.len().alias("n")).sort("place_name")
    assert dict(by_place.iter_rows()) == {"Bedford": 4, "Central Bedfordshire": 7, "Luton": 7, "Milton Keynes": 7}


def test_all_faults_of_a_map_are_told_together():
    published = some_practices(A=30_000, B=20_000, C=60_000, D=10_000, E81001=5)
    rows = some_map(
        ("A", "one"),
        ("A", "two"),
        ("B", "one"),
        ("B", "one"),
        ("C", "three"),
        ("E81O01", "one"),
        place_code=["P", "Q", "P", "P", "R", "Q"],
    )
    found = texts(partition_faults(rows, published, low=30_000, high=50_000))
    assert found == [
        "map: practice A: found localities one, two; expected one locality. Keep one of the rows.",
        "map: practice B: found 2 rows for one; expected one row",
        "map: practice E81O01: found a code that is not among the practices; expected a known practice. "
        "Did you mean 'E81001'?",
        "map: practice D: found no locality for it and its 10,000 persons; expected one locality. Add a row for it.",
        "map: practice E81001: found no locality for it and its 5 persons; expected one locality. Add a row for it.",
        "map: locality one: found places P, Q; expected one place",
        "map: locality three: found 60,000 persons; expected 30,000 to 50,000. Merge, split or hand over a practice.",
    ]
    with pytest.raises(FrameError, match="not a partition"):
        checked_membership(rows, published, "2018/19")


def test_a_long_row_of_faults_is_counted_not_printed():
    published = some_practices(**{f"P{i:03d}": 1 for i in range(50)})
    found = texts(partition_faults(some_map(("P000", "one")), published))
    assert len(found) == 21
    assert "29 more such as" in found[-1]


def test_a_commissioner_other_than_the_practices_is_told(pack):
    rows = membership(pack).with_columns(
        commissioner_code=pl.when(pl.col("practice_code") == "E81008")
        .then(pl.lit("06P"))
        .otherwise("commissioner_code")
    )
    assert texts(partition_faults(rows, practices(pack))) == [
        "map: practice E81008: found commissioner 06P; expected 06F"
    ]


def test_places_of_a_table_without_districts_are_its_commissioners():
    assert placed_practices(some_practices(A=1)).get_column("place_code").to_list() == ["SYSTEM"]


def test_a_users_files_need_only_two_columns_each(tmp_path):
    (tmp_path / "p.csv").write_text(
        "practice_code,registered_persons,colour\nA,100.5,red\nB,3,blue\n", encoding="utf-8"
    )
    (tmp_path / "m.csv").write_text("practice_code,locality_code\nA,one\nB,one\n", encoding="utf-8")
    found = checked_membership(read_map(tmp_path / "m.csv"), read_practices(tmp_path / "p.csv"), "2018/19")
    assert found.rows() == [
        ("A", "one", "SYSTEM", "SYSTEM", "2018/19"),
        ("B", "one", "SYSTEM", "SYSTEM", "2018/19"),
    ]
    Membership.validate(found)


@given(
    st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["x", "y"])), max_size=8),
    st.randoms(),
)
def test_a_map_without_faults_holds_each_practice_once_and_order_never_matters(pairs, random):
    published = some_practices(A=10, B=20, C=30, D=40, E=50)
    found = texts(partition_faults(some_map(*pairs), published))
    assert (found == []) == (sorted(code for code, _ in pairs) == list("ABCDE"))
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert texts(partition_faults(some_map(*shuffled), published)) == found
    sizes = locality_sizes(some_map(*pairs), published, 0, 1000)
    if not found:
        assert sizes.get_column("registered_persons").sum() == 150


def test_the_carried_coordinates_are_those_of_the_reference_data(pack, shared):
    tool = pl.read_parquet(shared / "reference/gp_practice_map/practice_pcn_icb_lad_2022.parquet")
    joined = practices(pack).join(tool, on="practice_code", suffix="_tool")
    assert joined.height == 95  # the 11 others are those without coordinates
    assert practices(pack).get_column("latitude").null_count() == 11
    for axis in ("latitude", "longitude"):
        assert (joined.get_column(axis) - joined.get_column(f"{axis}_tool")).abs().max() <= 5.1e-7  # six decimals
    assert joined.get_column("postcode").to_list() == joined.get_column("postcode_tool").to_list()
