"""`capitation places`: define, check, follow and index."""

import json

import polars as pl
import pytest

MAP = "practice_code,locality_code\nA,one\nB,one\nC,two\n"
LISTS = "practice_code,registered_persons,wp_general_acute,system\nA,20000,21000,S\nB,15000,15000,S\nC,65000,64000,S\n"


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def published(pack):
    return pack.root / "places/practices-2018-19.csv"


def test_localities_by_the_networks_are_those_the_pack_carries(capitation, pack, published, tmp_path):
    out, steps = tmp_path / "map.csv", tmp_path / "steps.csv"
    answer = capitation("places", "define", published, "--rule", "pcn", "--out", out, "--steps", steps, "--json")
    assert answer.code == 0, answer.err
    assert out.read_bytes() == (pack.root / "places/membership.csv").read_bytes()
    found = json.loads(answer.out)
    assert (found["practices"], len(found["localities"]), found["outside_band"]) == (106, 25, [])
    assert pl.read_csv(steps).height == 16
    assert "note: network of 12 practice(s) taken from the pack: E81011" in answer.err


def test_the_published_workbook_gives_the_same_map_under_its_own_headings(capitation, pack, tmp_path):
    out = tmp_path / "map.csv"
    workbook = pack.root / "sources/nhs-england-ccg-target-2018-19/practices.csv"
    answer = capitation("places", "define", workbook, "--rule", "pcn", "--out", out)
    assert answer.code == 0, answer.err
    assert out.read_bytes() == (pack.root / "places/membership.csv").read_bytes()
    assert "106 practices in 25 localities, no gap and no overlap; 0 outside 30,000 to 50,000 persons" in answer.out
    assert "coordinates of 95 practice(s) taken from the pack" in answer.err


def test_whole_places_by_distance(capitation, published, tmp_path):
    out = tmp_path / "map.parquet"
    answer = capitation("places", "define", published, "--rule", "nearest", "--out", out, "--json")
    assert answer.code == 0, answer.err
    assert pl.read_parquet(out).get_column("locality_code").n_unique() == 26
    assert json.loads(answer.out)["outside_band"] == []


def test_localities_from_a_map_with_sizes_told(capitation, tmp_path):
    out = tmp_path / "out.csv"
    answer = capitation(
        "places", "define", write(tmp_path, "p.csv", LISTS), "--from", write(tmp_path, "m.csv", MAP), "--out", out
    )
    assert answer.code == 0, answer.err
    assert "3 practices in 2 localities, no gap and no overlap; 1 outside 30,000 to 50,000 persons" in answer.out
    assert pl.read_csv(out, infer_schema=False).rows() == [
        ("A", "one", "SYSTEM", "SYSTEM", "2018/19"),
        ("B", "one", "SYSTEM", "SYSTEM", "2018/19"),
        ("C", "two", "SYSTEM", "SYSTEM", "2018/19"),
    ]


def test_the_pack_map_without_its_places_is_a_map_again(capitation, pack, published, tmp_path):
    short = tmp_path / "short.csv"
    pl.read_csv(pack.root / "places/membership.csv").select("practice_code", "locality_code").write_csv(short)
    out = tmp_path / "out.csv"
    answer = capitation("places", "define", published, "--from", short, "--out", out)
    assert answer.code == 0, answer.err
    assert out.read_bytes() == (pack.root / "places/membership.csv").read_bytes()


def test_a_map_with_gaps_and_overlaps_writes_nothing_and_tells_all(capitation, tmp_path):
    out = tmp_path / "out.csv"
    bad = write(tmp_path, "m.csv", "practice_code,locality_code\nA,one\nA,two\nX,two\n")
    answer = capitation("places", "define", write(tmp_path, "p.csv", LISTS), "--from", bad, "--out", out)
    assert answer.code == 2
    assert not out.exists()
    for part in ("practice A: found localities one, two", "practice B: found no locality", "practice X: found a code"):
        assert part in answer.err


def test_one_of_map_and_rule_must_be_given(capitation, tmp_path):
    lists, out = write(tmp_path, "p.csv", LISTS), tmp_path / "o.csv"
    assert "expected one of them" in capitation("places", "define", lists, "--out", out).err
    both = capitation("places", "define", lists, "--from", lists, "--rule", "pcn", "--out", out)
    assert both.code == 2
    assert "expected one of them" in both.err


def test_the_networks_rule_on_lists_without_networks_tells_every_practice(capitation, tmp_path):
    answer = capitation(
        "places", "define", write(tmp_path, "p.csv", LISTS), "--rule", "pcn", "--out", tmp_path / "o.csv"
    )
    assert answer.code == 2
    assert answer.err.count("found no network; expected one network") == 3
    assert answer.err.count("found no coordinates") == 3


def test_check_passes_the_map_of_the_pack(capitation, pack, published):
    answer = capitation("places", "check", pack.root / "places/membership.csv", "--practices", published, "--json")
    assert answer.code == 0, answer.err
    assert len(json.loads(answer.out)["localities"]) == 25


def test_check_tells_sizes_as_faults_unless_they_are_allowed(capitation, tmp_path):
    words = ("places", "check", write(tmp_path, "m.csv", MAP), "--practices", write(tmp_path, "p.csv", LISTS))
    answer = capitation(*words)
    assert answer.code == 2
    assert "locality two: found 65,000 persons; expected 30,000 to 50,000" in answer.err
    allowed = capitation(*words, "--allow-outside")
    assert allowed.code == 0, allowed.err
    assert "1 outside 30,000 to 50,000 persons" in allowed.out
    assert capitation(*words, "--high", "65000").code == 0


def lists_of(pack, tmp_path, year):
    path = tmp_path / f"{year.replace('/', '-')}.csv"
    pl.read_csv(pack.root / "places/practice-lists.csv", infer_schema=False).filter(pl.col("year") == year).drop(
        "year"
    ).write_csv(path)
    return path


def test_lineage_between_2022_and_2026(capitation, pack, tmp_path):
    old, new, out = lists_of(pack, tmp_path, "2022/23"), lists_of(pack, tmp_path, "2026/27"), tmp_path / "out.csv"
    answer = capitation("places", "lineage", old, new, "--out", out, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert {r["outcome"]: r["practices"] for r in found["totals"]} == {
        "closed": 1,
        "continued": 83,
        "merged into": 10,
        "unexplained": 2,
    }
    assert len(found["unexplained"]) == 2
    assert pl.read_csv(out).height == 96
    strict = capitation("places", "lineage", old, new, "--strict")
    assert strict.code == 2
    assert "practice E81077" in strict.err
    assert "practice K82060" in strict.err


def test_lineage_with_a_table_of_ones_own(capitation, tmp_path):
    old = write(tmp_path, "old.csv", "practice_code,registered\nA,10\nB,20\n")
    new = write(tmp_path, "new.csv", "practice_code,registered\nB,31\n")
    events = write(
        tmp_path,
        "events.csv",
        "practice_code,year,change,successor_code,quality,evidence,source\nA,2019/20,merged into,B,published,notice,\n",
    )
    answer = capitation("places", "lineage", old, new, "--lineage", events, "--json")
    assert answer.code == 0, answer.err
    rows = {r["practice_code"]: (r["outcome"], r["successor_code"]) for r in json.loads(answer.out)["practices"]}
    assert rows == {"A": ("merged into", "B"), "B": ("continued", None)}


def test_a_practice_that_has_merged_and_is_still_listed_is_named_and_refused_where_strict(capitation, tmp_path):
    old = write(tmp_path, "old.csv", "practice_code,registered\nA,10\nB,20\nC,5\n")
    new = write(tmp_path, "new.csv", "practice_code,registered\nA,10\nB,31\nC,5\n")
    head = "practice_code,year,change,successor_code,quality,evidence,source\n"
    rows = "A,2019/20,merged into,B,published,notice,\nC,2019/20,closed,,published,notice,\n"
    words = ("places", "lineage", old, new, "--lineage", write(tmp_path, "events.csv", head + rows))
    told = json.loads(capitation(*words, "--json").out)["unexplained"]
    assert "merged into B in 2019/20, and still 10 persons" in told[0]
    assert "may stand twice" in told[0]
    assert "practice C: found closed in 2019/20" in told[1]
    strict = capitation(*words, "--strict")
    assert strict.code == 2
    assert "2 faults" in strict.err


def test_index_of_two_localities_by_hand(capitation, tmp_path):
    out = tmp_path / "index.csv"
    lists = write(tmp_path, "p.csv", LISTS.replace("system", "icb_code"))
    answer = capitation(
        "places", "index", "--places", write(tmp_path, "m.csv", MAP), "--practices", lists, "--out", out
    )
    assert answer.code == 0, answer.err
    rows = pl.read_csv(out, schema_overrides={"need_index_3dp": pl.String})
    found = {r["place"]: r for r in rows.filter(pl.col("kind") == "place").iter_rows(named=True)}
    # The system has 100,000 persons and 100,000 weighted; one has 36,000 / 35,000 = 1.02857..., two 64,000 / 65,000.
    assert found["one"]["need_index_3dp"] == "1.029"
    assert found["one"]["need_index"] == pytest.approx(36 / 35, abs=1e-12)
    assert found["one"]["place_persons"] == 35_000
    assert found["one"]["place_weighted_persons"] == 36_000
    assert found["two"]["need_index_3dp"] == "0.985"


def test_index_takes_the_column_that_names_the_place(capitation, pack, tmp_path):
    practices = pack.root / "sources" / "nhs-england-ccg-target-2018-19" / "practices.csv"
    words = ["places", "index", "--places", pack.root / "places" / "membership.csv", "--practices", practices]
    out = tmp_path / "index.csv"
    for by, places in (("locality_code", 25), ("place_code", 4)):
        answer = capitation(*words, "--by", by, "--out", out)
        assert answer.code == 0, answer.err
        rows = pl.read_csv(out, infer_schema=False)
        assert rows.filter(pl.col("kind") == "place")["place"].n_unique() == places
    answer = capitation(*words, "--by", "locality", "--out", out)
    assert (answer.code, "locality_code" in answer.err) == (2, True)


def test_a_folder_gets_all_that_a_run_needs_names_included(capitation, published, tmp_path):
    answer = capitation("places", "define", published, "--rule", "pcn", "--out", tmp_path / "places")
    assert answer.code == 0, answer.err
    assert sorted(p.name for p in (tmp_path / "places").iterdir()) == [
        "localities.csv",
        "membership.csv",
        "practices.csv",
    ]
    homes = pl.read_csv(tmp_path / "places/localities.csv")
    assert homes.select("locality_name", "place_name").null_count().row(0) == (0, 0)
    assert homes.height == 25


def test_the_number_of_localities_can_be_asked_for(capitation, published, tmp_path):
    words = ("places", "define", published, "--rule", "nearest", "--out", tmp_path / "map.csv", "--json")
    for wanted in (4, 9, 31):
        answer = capitation(*words, "--number", wanted)
        assert answer.code == 0, answer.err
        assert len(json.loads(answer.out)["localities"]) == wanted
    for wrong in (3, 107):
        answer = capitation(*words, "--number", wrong)
        assert answer.code == 2
        assert "4 (one a place) to 106 (one a practice)" in answer.err
    answer = capitation("places", "define", published, "--rule", "pcn", "--number", 9, "--out", tmp_path / "map.csv")
    assert (answer.code, "without --rule nearest" in answer.err) == (2, True)


def test_localities_may_cross_districts_inside_a_commissioner(capitation, published, tmp_path):
    answer = capitation(
        "places", "define", published, "--rule", "pcn", "--across-districts", "--out", tmp_path / "m.csv"
    )
    assert answer.code == 0, answer.err
    found = pl.read_csv(tmp_path / "m.csv")
    assert (found["place_code"] == found["commissioner_code"]).all()
    assert found["place_code"].n_unique() == 3
