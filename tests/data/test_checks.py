"""The pack as carried has no fault of ours; a pack with many faults tells them all at once."""

import csv
import io
import shutil
from functools import cache

import pytest

from capitation.pack.layers import alone, default_data_folder, put_together, shipped_packs
from capitation.pack.sources import DataPack
from capitation.run.checks import CHECKS, check_pack, practice_numbers_are_published, sources_of_tables_exist
from capitation.run.unread import unread_faults, unread_notes

CARRIED = default_data_folder()

WORDS_FOR_SOURCES = {
    "activity/national-costs.csv", "places/lineage.csv", "places/resolutions.csv", "providers/trust-catchments-2022.csv"
}
"""Tables that say in words where the evidence of a row was read."""

PARAMETER = """about = "A number"
unit = "share"
owner = "Finance"
quality = "red"
low = {low}
high = {high}

[[values]]
from = "2016/17"
value = {value}
source = "{source}"
where = "{where}"
"""


@pytest.fixture
def copied(tmp_path):
    target = tmp_path / "pack"
    shutil.copytree(CARRIED / "sources" / "blmk-stp-2016", target / "sources" / "blmk-stp-2016")
    (target / "pack.toml").write_bytes(alone((CARRIED / "pack.toml").read_bytes()))
    return DataPack(target)


def write(pack, relative, text):
    path = pack.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def told(pack):
    return [str(fault) for fault in check_pack(pack)]


def only(pack, *words):
    faults = told(pack)
    assert len(faults) == 1, faults
    for word in words:
        assert word in faults[0], faults[0]


def test_the_carried_pack_has_no_fault():
    assert [str(fault) for fault in check_pack(DataPack(CARRIED))] == []


def test_a_small_sound_pack_has_no_fault(copied):
    assert told(copied) == []


def test_faults_of_every_kind_are_told_at_once(copied):
    write(copied, "pack.toml", 'id = "x"\ntitle = "t"\nversion = "1"\nabout = "a"\ncolour = "red"\n')
    edited = copied.root / "sources" / "blmk-stp-2016" / "stf.csv"
    edited.write_text(edited.read_text(encoding="utf-8").replace("62.5", "62.6"), encoding="utf-8")
    (copied.root / "sources" / "blmk-stp-2016" / "vacancies.csv").unlink()
    write(copied, "sources/blmk-stp-2016/more.csv", "row,column,value,unit,locator\n")
    write(copied, "sources/empty/readme.txt", "")
    write(copied, "parameters/a/one.toml", PARAMETER.format(low=0, high=1, value=2, source="assumption", where="x"))
    write(copied, "parameters/a/two.toml", PARAMETER.format(low=0, high=1, value=1, source="nowhere", where="x"))
    write(copied, "parameters/a/three.toml", "about = \n")
    write(copied, "places/organisations.csv", "code,name\nX,Y\n")
    faults = "\n".join(told(copied))
    for word in (
        "pack.toml: licence: found nothing",
        "pack.toml: colour: found a key that is not known",
        "stf.csv: found checksum",
        "table vacancies: found no file 'vacancies.csv'",
        "more.csv: found a table that the manifest does not list",
        "empty/source.toml: no such file",
        "one.toml: value from 2016/17: found 2; expected a value in its own range, 0 to 1",
        "two.toml: values[1]: found source 'nowhere'",
        "three.toml: cannot be parsed",
        "organisations.csv: found no column 'kind'",
    ):
        assert word in faults, word


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": 2, "high": 1}, ("low", "2 above high 1")),
        ({"where": " "}, ("found no place in its source",)),
        ({"source": "blmk-stp-2017"}, ("blmk-stp-2017", "Did you mean 'blmk-stp-2016'")),
    ],
)
def test_a_faulty_parameter_is_one_clear_fault(copied, change, words):
    given = {"low": 0, "high": 1, "value": "0.5", "source": "assumption", "where": "judgement"} | change
    write(copied, "parameters/a/one.toml", PARAMETER.format(**given))
    only(copied, "one.toml", *words)


def test_a_figure_of_any_document_must_name_a_known_source(copied):
    write(
        copied,
        "evidence/c.toml",
        '[terms.share]\nvalue = 0.5\nunit = "share"\nsource = "nobody"\nwhere = "page 1"\n'
        '[[terms.bands]]\nvalue = 1\nsource = "blmk-stp-2016"\nwhere = "page 2"\n',
    )
    only(copied, "c.toml: terms.share", "source 'nobody'")


def test_a_manifest_with_another_id_and_two_tables_of_one_name(copied):
    path = copied.root / "sources" / "blmk-stp-2016" / "source.toml"
    text = path.read_text(encoding="utf-8").replace('id = "blmk-stp-2016"', 'id = "other"')
    path.write_text(text.replace('name = "stf"', 'name = "activity"'), encoding="utf-8")
    faults = told(copied)
    assert len(faults) == 2
    assert "'other'; expected the folder's name 'blmk-stp-2016'" in faults[0]
    assert "2 tables named 'activity'" in faults[1]


def test_practices_that_differ_from_the_published_list_are_each_told(tmp_path):
    pack_root = tmp_path / "pack"
    pack_root.mkdir()
    (pack_root / "pack.toml").write_bytes(alone((CARRIED / "pack.toml").read_bytes()))
    source = CARRIED / "sources" / "nhs-england-ccg-target-2018-19"
    shutil.copytree(source, pack_root / "sources" / source.name)
    pack = DataPack(pack_root)
    lines = (source / "practices.csv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [(line.split(",")[0], line.split("Y61,")[1].split(",")[0]) for line in lines]
    assert len(rows) == 106
    kept = rows[3:]  # three left out
    kept[0] = (kept[0][0], "-5")
    kept[1] = (kept[1][0], "many")
    kept[2] = (kept[2][0], str(float(kept[2][1]) + 1))
    kept += [("X99999", "10"), kept[5]]
    text = "practice_code,registered_persons\n" + "".join(f"{code},{persons}\n" for code, persons in kept)
    write(pack, "places/practices-2018-19.csv", text)
    faults = told(pack)
    assert sum("no row" in f for f in faults) == 3
    assert sum("a number of persons, at least 0" in f for f in faults) == 2
    assert sum("as published" in f for f in faults) == 3
    assert sum("a practice that was not published" in f for f in faults) == 1
    assert sum("more than once" in f for f in faults) == 1
    table = [f for f in faults if "column 'registered_persons'" in f or "key:" in f or "no column" in f]
    assert len([f for f in faults if f not in table]) + sum("a number of persons" in f for f in table) == 10


def test_the_published_lists_stand_in_the_column_that_the_vintage_names(tmp_path):
    folder = put_together(CARRIED, tmp_path / "pack")
    practices = folder / "sources" / "nhs-england-ccg-target-2018-19" / "practices.csv"
    vintage = folder / "need" / "vintages" / "2018-19.toml"
    for path in (practices, vintage):
        path.write_text(
            path.read_text(encoding="utf-8").replace("registered_2018_19", "registered_lists"), encoding="utf-8"
        )
    assert list(practice_numbers_are_published(DataPack(folder))) == []
    placed = folder / "places" / "practices-2018-19.csv"
    placed.write_text(placed.read_text(encoding="utf-8").replace("E81002", "E81999"), encoding="utf-8")
    found = [str(fault) for fault in practice_numbers_are_published(DataPack(folder))]
    assert [("E81002" in f, "E81999" in f) for f in found] == [(True, False), (False, True)]


def test_every_check_says_what_it_looks_at():
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS) == 20
    for check in CHECKS:
        assert check.__doc__


SCENARIO = CARRIED / "scenarios" / "blmk.toml"


@pytest.fixture
def whole(tmp_path):
    return DataPack(put_together(CARRIED, tmp_path / "pack"))


CHANGES = [
    ("scenarios/blmk.toml", 'policy = "blmk-2016-17"', 'policy = "nope"', ("policy", "'nope'", "policies/")),
    ("scenarios/blmk.toml", 'opening_year = "2015/16"', 'opening_year = "rubbish"', ("a financial year such as",)),
    ("scenarios/blmk.toml", 'formula = "ccg-core-2018-19"', 'formula = "ccg-cor"', ("'ccg-core-2018-19'",)),
    ("scenarios/blmk.toml", 'table = "practices"', 'table = "practises"', ("practices.table", "'practices'")),
    ("policies/blmk-2016-17.toml", 'pace.max_under_target"', 'pace.max_undr"', ("'pace.max_under_target'",)),
    ("policies/blmk-2016-17.toml", 'method = "water-fill"', 'method = "nope"', ("'water-fill' or 'pro-rata'",)),
    ("solutions/prevention.toml", 'id = "prevention"', 'id = "other"', ("the file's name 'prevention'",)),
    ("providers/flows.csv", ",4250,", ",inf,", ("line 2", "'inf'")),
    ("providers/elsewhere.csv", "X-ACUTE,", "X-\0ACUTE,", ("NUL",)),
    (
        "places/localities.csv",
        "Central Bedfordshire,4,",
        "Central Bedfordshire,5,",
        ("L-U09531", "found 5; expected 4"),
    ),
    ("parameters/growth/ccg_allocation.toml", "0.031845", "0.050000", ("0.050000", "expected 0.031845")),
    ("parameters/growth/registered.toml", "value = ", "value = 1", ("registered.toml",)),
    ("plausibility/bands.csv", ",0.1,0.5,2,10,", ",0.1,3,2,10,", ("the ends stand in order",)),
    ("profiles/twelfths.toml", 'kind = "twelfths"', 'kind = "thirds"', ("profiles/twelfths.toml: kind",)),
    ("need/formulas/core-2023-24.toml", 'id = "core-2023-24"', 'id = "core"', ("the file's name 'core-2023-24'",)),
]
"""Changes to the shipped pack, one a line, each with words of its fault."""


def batch_of(change):
    """Changes are tried together where they are of different files: the first of every file, the second of every file, ..."""
    return sum(1 for each in CHANGES[: CHANGES.index(change)] if each[0] == change[0])


@pytest.fixture(scope="module")
def faults_of_batch(tmp_path_factory):
    """The faults of a pack with all changes of a batch, found once."""

    @cache
    def faults(batch):
        root = put_together(CARRIED, tmp_path_factory.mktemp("batch") / "pack")
        for relative, before, after, _ in (each for each in CHANGES if batch_of(each) == batch):
            path = root / relative
            text = path.read_text(encoding="utf-8")
            assert before in text
            path.write_text(text.replace(before, after, 1 if relative.endswith(".csv") else -1), encoding="utf-8")
        return told(DataPack(root))

    return faults


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_every_kind_of_document_and_table_is_checked(faults_of_batch, change):
    faults = faults_of_batch(batch_of(change))
    assert any(all(word in fault for word in change[3]) for fault in faults), faults


def test_a_scenario_without_the_lists_own_year_among_its_totals_is_named(whole):
    path = whole.root / "scenarios/blmk.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('base_year = "2018/19"', 'base_year = "2012/13"'), encoding="utf-8")
    assert any("no persons of the base year 2012/13" in fault for fault in told(whole))


def test_what_no_scenario_uses_is_named_and_what_it_uses_is_not():
    notes = " ".join(unread_notes(DataPack(CARRIED)))
    assert "no scenario uses parameters/growth/ccg_allocation.toml" in notes
    assert "nothing reads providers/trust-catchments-2022.csv" in notes
    for used in ("pace/floor_growth.toml", "localities/persons_low.toml", "flows.csv", "blmk-2016-17"):
        assert used not in notes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scenaros/blmk.toml", ("folder 'scenaros'", "Did you mean 'scenarios'")),
        ("policies/mine.tml", ("mine.tml: found a file that nothing reads", "policies")),
        ("parameters/growth.toml", ("growth.toml: found a file that nothing reads",)),
        ("places/map.xlsx", ("map.xlsx: found a file that nothing reads",)),
        ("misc/own.csv", ("folder 'misc'",)),
    ],
)
def test_a_file_that_nothing_can_read_is_a_fault(whole, name, words):
    write(whole, name, "a")
    (fault,) = unread_faults(whole)
    assert all(word in str(fault) for word in words), fault


def test_what_a_document_names_and_what_people_read_is_no_fault(whole):
    write(whole, "notes/README.md", "a")
    write(whole, "maps/mine.csv", "a")
    path = whole.root / "scenarios/blmk.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[files]\nmembership = "maps/mine.csv"\n', encoding="utf-8")
    assert unread_faults(whole) == []
    for folder in ("blmk", "england"):
        assert unread_faults(DataPack(shipped_packs() / folder)) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("providers/other.csv", None, ("files.flows", "'providers/other.csv', which is not there")),
        ("providers/other.csv", "area_code,line\n", ("providers/other.csv", "no column 'provider_code'")),
    ],
)
def test_a_table_that_a_scenario_names_is_checked(whole, name, text, words):
    if text is not None:
        write(whole, name, text)
    path = whole.root / "scenarios/blmk.toml"
    path.write_text(path.read_text(encoding="utf-8") + f'\n[files]\nflows = "{name}"\n', encoding="utf-8")
    faults = told(whole)
    assert any(all(word in fault for word in words) for fault in faults), faults


def test_a_practice_in_no_locality_and_one_that_is_no_practice_are_named(whole):
    path = whole.root / "places/membership.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("E81001,", "E99999,"), encoding="utf-8")
    faults = " ".join(told(whole))
    assert "1 practice(s) in no locality, such as E81001" in faults
    assert "1 practice(s) in the map, and not in the practices, such as E99999" in faults


def test_every_table_says_which_of_its_rows_names_a_source_that_is_not_there(tmp_path):
    """One row of each table of the shipped packs names a source amiss; all are named, each by its file and line."""
    together = put_together(CARRIED, tmp_path / "pack")
    expected = []
    for path in sorted(together.rglob("*.csv")):
        relative = path.relative_to(together)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        columns = next(csv.reader(lines[:1]))
        if relative.parts[0] in {"sources", "contracts"} or str(relative) in WORDS_FOR_SOURCES or "source" not in columns:
            continue
        row = next(csv.reader(lines[1:2]))
        row[columns.index("source")] = "assumptoin"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        path.write_text("".join([lines[0], text.getvalue(), *lines[2:]]), encoding="utf-8")
        expected.append(f"{path}: line 2, source: found source 'assumptoin'; expected a folder of sources/")
    assert len(expected) > 12
    named = [str(fault) for fault in sources_of_tables_exist(DataPack(together))]
    assert sorted(each.partition("sources/")[0] + "sources/" for each in named) == sorted(expected)
