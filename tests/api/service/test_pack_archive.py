"""Archives from strangers: each fault by its message, all at once, nothing left, and no file outside the folder read or written."""

import contextlib
import hashlib
import importlib
import io
import multiprocessing
import os
import pkgutil
import re
import shutil
import stat
import struct
import subprocess
import sys
import threading
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import capitation
import contracts
import optimiser
from api.service.packs import archive as pack_archive
from api.service.packs import sandbox as pack_trial
from api.service.packs.archive import archive_of, restored, unpacked
from api.service.packs.packs import Packs
from api.service.packs.paths import FILE_KEYS, leads_out, names_stay_inside
from api.service.packs.sandbox import pack_faults, trial_faults
from api.service.records.pack import Pack, pack_at
from capitation.errors import CapitationError, DocumentError, SourceError, UnknownNameError
from capitation.pack.layers import alone, default_data_folder
from capitation.pack.sources import DataPack
from capitation.records.described import sentences
from capitation.records.documents import Document
from capitation.records.identity import canonical, digest
from capitation.run.checks import check_pack
from capitation.run.evaluate import evaluate, pace_policy
from capitation.run.scenario import Scenario, read_scenario
from capitation.weighting.age_sex import age_sex_formula
from contracts.document.contract import read_contract
from contracts.options.document import ContractOption, ContractOptions, read_contracts
from optimiser.links.from_run import LineContract
from optimiser.problem.document import read_problem

CARRIED = default_data_folder()
SOURCE = CARRIED / "sources" / "blmk-stp-2016"
PACK_TOML = alone((CARRIED / "pack.toml").read_bytes())

SOUND = {
    "pack.toml": PACK_TOML,
    **{f"sources/blmk-stp-2016/{path.name}": path.read_bytes() for path in sorted(SOURCE.iterdir())},
}
"""A small pack without a fault."""

OPENED: list[str] | None = None
"""Paths opened while a test listens."""


def _listen(name, args):
    if OPENED is not None and name in {"open", "os.listdir", "os.scandir"}:
        OPENED.append(os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else "")


sys.addaudithook(_listen)


@pytest.fixture
def opened():
    """Paths that are opened from now on."""
    global OPENED
    OPENED = []
    yield OPENED
    OPENED = None


def entry(name, mode=stat.S_IFREG | 0o644):
    """An entry with just this name."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.create_system, info.external_attr = 3, mode << 16
    return info


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """A zip archive of contents by name or entry."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # names that stand twice are meant
        for name, content in files if isinstance(files, list) else files.items():
            info = name if isinstance(name, zipfile.ZipInfo) else entry(name)
            archive.writestr(info, content, compression)
    return buffer.getvalue()


def with_files(**more):
    return {**SOUND, **more}


def told(content, folder, look=pack_faults):
    """The faults for which an archive is refused; nothing is left."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(DocumentError) as refusal:
        unpacked(content, folder / "pack", look)
    assert refusal.value.faults
    assert sorted(folder.rglob("*")) == before
    text = str(refusal.value)
    assert str(folder) not in text
    return [str(fault) for fault in refusal.value.faults]


def only(content, folder, *words, look=pack_faults):
    faults = told(content, folder, look)
    assert len(faults) == 1, faults
    for word in words:
        assert word in faults[0], faults[0]


def changed(content, at, new):
    return content[:at] + new + content[at + len(new) :]


def offsets(content, signature):
    return [found.start() for found in re.finditer(re.escape(signature), content)]


# --- what is accepted -----------------------------------------------------------------------------------------------------------


def test_a_sound_pack_is_unpacked_with_its_digest(tmp_path):
    pack = unpacked(zipped(SOUND), tmp_path / "pack")
    assert {name: (pack.folder / name).read_bytes() for name in pack.files} == SOUND
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pack"]


def test_the_pack_that_ships_goes_there_and_back(tmp_path):
    shipped = pack_at(None)
    archive = archive_of(shipped)
    back = unpacked(archive, tmp_path / "pack")
    assert (back.digest, back.files) == (shipped.digest, shipped.files)
    assert archive_of(back) == archive


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.from_regex(r"\A[a-z]{1,3}(/[a-z0-9]{1,3}){0,2}\.(csv|md|txt)\Z"), st.binary(max_size=200), max_size=6
    )
)
def test_any_files_go_there_and_back(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("there")
    for name, content in {**SOUND, **files}.items():
        path = folder / "one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    one = Pack(folder / "one")
    back = restored(archive_of(one), folder / "two")
    assert back.digest == one.digest
    assert archive_of(back) == archive_of(one)


def test_the_same_files_give_the_same_bytes_whatever_their_dates_and_order(tmp_path):
    for place, names in (("a", sorted(SOUND)), ("b", sorted(SOUND, reverse=True))):
        for name in names:
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(SOUND[name])
            os.utime(path, (0 if place == "a" else 1_000_000_000,) * 2)
    archives = {archive_of(Pack(tmp_path / place)) for place in "ab"}
    assert len(archives) == 1
    with zipfile.ZipFile(io.BytesIO(archives.pop())) as archive:
        assert archive.namelist() == sorted(SOUND)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_folder_at_the_top_is_left_out(tmp_path, compression):
    files = {"my pack/": b"", **{f"my pack/{name}": content for name, content in SOUND.items()}, "my pack/empty/": b""}
    infos = [(entry(n, stat.S_IFDIR | 0o755) if n.endswith("/") else n, content) for n, content in files.items()]
    pack = unpacked(zipped(infos, compression), tmp_path / "pack")
    assert pack.files.keys() == SOUND.keys()


# --- archives that are refused, fault by fault ------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06" + b"\x00" * 17, os.urandom(500)])
def test_what_is_no_zip_is_refused(tmp_path, content):
    only(content, tmp_path, "the archive: found what is not a zip archive", "expected a whole zip archive")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/passwd.txt", "/etc/passwd.txt: found an absolute path"),
        ("../evil.txt", "../evil.txt: found a path that leads out of the pack"),
        ("a/../../evil.txt", "found a path that leads out of the pack"),
        ("a/./b.txt", "found a part without a name"),
        ("a//b.txt", "found a part without a name"),
        ("a\\b.txt", "found a backslash"),
        ("C:evil.txt", "found a drive letter or colon"),
        ("notes.txt:hidden.txt", "found a drive letter or colon"),
        ("a\nb.txt", "found a name that cannot be printed"),
        ("a\u202etxt.csv", "found a name that cannot be printed"),
        ("a\x00b.txt", "found a name that cannot be printed"),
        (".hidden.txt", "found a hidden file, or one that a program left"),
        ("__MACOSX/pack.toml", "found a hidden file, or one that a program left"),
        ("__pycache__/a.csv", "found a hidden file, or one that a program left"),
        ("a /b.txt", "begins or ends with a space or ends with a dot"),
        ("a./b.txt", "begins or ends with a space or ends with a dot"),
        ("places/CON.csv", "a name that Windows keeps for a device"),
        ("aux.d/x.csv", "a name that Windows keeps for a device"),
        ("x" * 300 + ".txt", "found a path of 304 bytes"),
        ("x/" * 250 + "x.txt", "found a path of 505 bytes"),
        ("run.py", "found the ending '.py'; expected one of .csv, .json, .md"),
        ("README", "found the ending ''"),
        ("A.TOML", "found the ending '.TOML'"),
        ("PACK.toml", "a name like 'pack.toml' but for case"),
        ("Sources/a.txt", "a folder like 'sources' but for case"),
        ("pack.toml/a.txt", "a file with the name of a folder"),
    ],
)
def test_a_name_that_is_not_the_same_everywhere_is_refused(tmp_path, name, words):
    faults = told(zipped(with_files(**{name: b"x\n"})), tmp_path)
    assert any(words in fault for fault in faults), faults
    assert all("evil" in f or name[:20] in f or "pack.toml" in f or "'" in f for f in faults), faults


@pytest.mark.parametrize("bytes_given", [1, 60])
def test_a_name_that_stands_twice_is_refused(tmp_path, bytes_given):
    twice = [*SOUND.items(), ("a.txt", b"x" * bytes_given), ("a.txt", b"other")]
    only(zipped(twice), tmp_path, "a.txt: found a name that appears twice; expected each name once")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFLNK | 0o777, "found a link"),
        (stat.S_IFIFO | 0o644, "found a special file"),
        (stat.S_IFCHR | 0o644, "found a special file"),
        (stat.S_IFDIR | 0o755, "found a special file"),
    ],
)
def test_links_and_special_files_are_refused(tmp_path, mode, words):
    content = zipped([*SOUND.items(), (entry("link.txt", mode), b"/etc/passwd")])
    only(content, tmp_path, "link.txt", words, "plain files and folders")


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    content = zipped([*SOUND.items(), (entry("places/", stat.S_IFLNK | 0o777), b"")])
    only(content, tmp_path, "places/", "found a link")


@pytest.mark.parametrize("bit", [0x1, 0x40, 0x2000])
def test_encrypted_content_is_refused(tmp_path, bit):
    content = zipped({"pack.toml": PACK_TOML, "a.txt": b"secret"})
    at = offsets(content, b"PK\x01\x02")[1] + 8
    content = changed(content, at, struct.pack("<H", struct.unpack_from("<H", content, at)[0] | bit))
    only(content, tmp_path, "a.txt: found encrypted content")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(tmp_path, method):
    assert all("compression method" in fault for fault in told(zipped({"pack.toml": PACK_TOML}, method), tmp_path)[:1])


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_archive, "MOST_FILES", 20)
    monkeypatch.setattr(pack_archive, "MOST_ENTRIES", 40)
    some = with_files(**{f"notes/{n}.txt": b"" for n in range(20)})
    only(zipped(some), tmp_path, f"the archive: found {len(some)} files; expected at most 20")
    many = with_files(**{f"notes/{n}.txt": b"" for n in range(40)})
    only(zipped(many), tmp_path, "the archive: found more than 40 entries")


def test_5000_files_is_the_limit(tmp_path):
    many = with_files(**{f"notes/{n}.txt": b"" for n in range(5_001 - len(SOUND))})
    only(zipped(many, zipfile.ZIP_STORED), tmp_path, "the archive: found 5,001 files; expected at most 5,000")


def test_a_bomb_is_stopped_while_it_is_unpacked(tmp_path):
    bomb = zipped(with_files(**{"notes/a.txt": bytes(150_000_000), "notes/b.txt": bytes(60_000_000)}))
    assert len(bomb) < 500_000
    only(bomb, tmp_path, "the archive: found more than 200,000,000 bytes once unpacked")


def lying(content, name, size, checksum):
    """The archive with another length and checksum of one file, in both headers."""
    for signature, at_name, at_size in ((b"PK\x03\x04", 30, 14), (b"PK\x01\x02", 46, 16)):
        for place in offsets(content, signature):
            if content[place + at_name : place + at_name + len(name)] == name:
                content = changed(content, place + at_size, struct.pack("<L", checksum))
                content = changed(content, place + at_size + 8, struct.pack("<L", size))
    return content


def test_a_bomb_that_says_it_is_small_is_stopped_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_archive, "MOST_BYTES", 1_000_000)
    bomb = zipped(with_files(**{"bomb.txt": bytes(2_000_000)}))
    only(lying(bomb, b"bomb.txt", 10, zlib.crc32(bytes(10))), tmp_path, "more than 1,000,000 bytes once unpacked")


def test_content_that_turns_out_wrong_counts_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_archive, "MOST_BYTES", 1_000_000)
    content = zipped({"pack.toml": PACK_TOML, **{f"{n}.txt": bytes(400_000) for n in range(9)}})
    for n in range(9):
        content = lying(content, f"{n}.txt".encode(), 400_000, 7)
    faults = told(content, tmp_path)
    assert [fault.partition(":")[0] for fault in faults] == ["0.txt", "1.txt", "the archive"]


def test_a_name_that_stands_twice_is_refused_for_what_each_is(tmp_path):
    twice = [*SOUND.items(), (entry("a.txt", stat.S_IFLNK | 0o777), b"/etc/passwd"), ("a.txt", b"x")]
    only(zipped(twice), tmp_path, "a.txt: found a link")


def test_very_many_folders_in_one_name_take_no_time(tmp_path):
    names = [(f"{n}/" + "a/" * 30_000 + "b.txt", b"") for n in range(50)]
    began = time.monotonic()
    assert len(told(zipped([*SOUND.items(), *names]), tmp_path)) == 50
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("size", [3, 5_000_000])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_length_that_is_not_the_real_one_is_refused(tmp_path, size, compression):
    content = lying(
        zipped({"pack.toml": PACK_TOML, "a.txt": b"abcdefgh"}, compression), b"a.txt", size, zlib.crc32(b"abc")
    )
    only(content, tmp_path, "a.txt: found content that cannot be read")


def test_a_checksum_that_is_not_the_real_one_is_refused(tmp_path):
    content = lying(zipped({"pack.toml": PACK_TOML, "a.txt": b"abc"}), b"a.txt", 3, 7)
    only(content, tmp_path, "a.txt: found content that cannot be read", "length or checksum")


def test_headers_that_differ_are_refused(tmp_path):
    content = zipped({"pack.toml": PACK_TOML, "a.txt": b"abc"})
    at = offsets(content, b"PK\x03\x04")[1]
    only(changed(content, at + 30, b"b"), tmp_path, "a.txt: found content that cannot be read", "differ")


def test_content_after_the_end_of_a_file_is_refused(tmp_path):
    content = zipped({"pack.toml": PACK_TOML, "a.txt": b"abc" * 100})
    at = offsets(content, b"PK\x03\x04")[1]
    (length,) = struct.unpack_from("<L", content, at + 18)
    cut = zlib.compressobj(9, zlib.DEFLATED, -15)
    short = cut.compress(b"abc") + cut.flush()
    content = changed(content, at + 30 + len("a.txt"), short.ljust(length, b"\x00"))
    only(lying(content, b"a.txt", 3, zlib.crc32(b"abc")), tmp_path, "does not end where the archive says")


def test_a_pack_without_its_document_is_refused_and_told_where_it_was_found(tmp_path):
    only(zipped({"a.txt": b"x"}), tmp_path, "the archive: found no pack.toml; expected pack.toml at the top")
    deep = zipped({"a/b/pack.toml": PACK_TOML})
    only(deep, tmp_path, "found no pack.toml at the top, but a/b/pack.toml")
    only(zipped({}), tmp_path, "found no pack.toml")


def test_all_faults_are_told_at_once(tmp_path):
    files = [
        *SOUND.items(),
        ("../a.txt", b""),
        ("run.exe", b""),
        (entry("link.txt", stat.S_IFLNK | 0o777), b"pack.toml"),
        ("Pack.toml", b""),
        ("problems/a.toml", b'activity_file = "../../etc/activity.csv"\nflows_file = "/etc/flows.csv"\n'),
        ("contracts/b.json", b'{"tables": [{"file": "../../x.csv"}, {"file": 3}]}'),
        ("policies/c.yaml", b"a: &x 1\nb: *x\n"),
        ("notes/d.toml", b"a = "),
    ]
    faults = "\n".join(told(zipped(files), tmp_path))
    for words in (
        "../a.txt: found a path that leads out",
        "run.exe: found the ending '.exe'",
        "link.txt: found a link",
        "Pack.toml: found a name like 'pack.toml' but for case",
        "problems/a.toml: activity_file: found '../../etc/activity.csv'",
        "problems/a.toml: flows_file: found '/etc/flows.csv'",
        "contracts/b.json: tables[1].file: found '../../x.csv'",
        "contracts/b.json: tables[2].file: found 3; expected a text",
        "policies/c.yaml: found an alias",
        "notes/d.toml: found notes/d.toml: cannot be parsed",
    ):
        assert words in faults, (words, faults)


def test_faults_of_the_checks_are_told_with_paths_inside_the_pack(tmp_path):
    edited = with_files(**{"sources/blmk-stp-2016/more.csv": b"row,column,value,unit,locator\n"})
    edited["pack.toml"] = b'id = "a b"\ntitle = 3\nversion = "1"\nabout = "a"\n'
    edited["sources/blmk-stp-2016/stf.csv"] = edited["sources/blmk-stp-2016/stf.csv"].replace(b"62.5", b"62.6")
    del edited["sources/blmk-stp-2016/vacancies.csv"]
    faults = told(zipped(edited), tmp_path)
    for words in (
        "pack.toml: licence: found nothing",
        "pack.toml: id: found 'a b'",
        "pack.toml: title: found 3; expected a text",
        "sources/blmk-stp-2016/stf.csv: found checksum",
        "sources/blmk-stp-2016/source.toml: table vacancies: found no file",
        "sources/blmk-stp-2016/more.csv: found a table that the manifest does not list",
    ):
        assert any(fault.startswith(words) for fault in faults), (words, faults)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "mine.txt").write_text("mine")
    with pytest.raises(SourceError, match="cannot be unpacked"):
        unpacked(zipped(SOUND), tmp_path / "pack")
    assert (tmp_path / "pack" / "mine.txt").read_text() == "mine"


# --- content that is meant to trip its reader --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"a = " + b"[" * 5000 + b"]" * 5000, "cannot be parsed"),
        ("a.toml", b"a = " + b"9" * 5000, "cannot be parsed"),
        ("a.toml", b"a = 1e99999999999999999999", "cannot be parsed"),
        ("a.json", b'{"a": ' + b"[" * 500_000 + b"]" * 500_000 + b"}", "cannot be parsed"),
        ("a.json", b'{"a": 1e99999999999999999999}', "cannot be parsed"),
        ("a.json", b"[1, 2]", "expected keys and values at the top"),
        ("a.yaml", b"{a: 2001-13-45}", "cannot be parsed"),
        ("a.yaml", b"a: !!bool x", "a tag"),
        ("a.yaml", b"a: !!python/object/apply:os.system [ls]", "a tag"),
        ("a.yaml", b"[" * 1200, "cannot be parsed"),
        ("a.yaml", b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "an alias"),
        ("a.yml", b"a: &a {b: 1}\nc:\n  <<: [*a, *a]", "an alias"),
        ("a.yaml", b"a: &a [*a]", "an alias"),
        ("a.yaml", b"scenario: !!binary Li4vLi4vZXRj", "a tag"),
        ("a.yaml", b"run: !!omap [scenario: ../../x.toml]", "a tag"),
        ("a.yaml", b"solutions_folder: 2016-04-01", "expected a text"),
        ("a.toml", b"\xff\xfe", "cannot be read as UTF-8"),
    ],
)
def test_documents_that_trip_a_parser_are_faults(tmp_path, name, content, words):
    only(zipped(with_files(**{f"notes/{name}": content})), tmp_path, f"notes/{name}", words)


def test_documents_too_large_to_be_parsed_in_seconds_are_refused(tmp_path):
    large = with_files(**{"notes/a.yaml": b"# " + b"x" * 5_000_001})
    only(zipped(large), tmp_path, "the data pack: found", "bytes of documents", "expected at most 5,000,000")


def test_tables_too_large_for_memory_are_refused(tmp_path):
    only(
        zipped(with_files(**{"t.csv": b"," * 20_000_001})), tmp_path, "cells of CSV files; expected at most 20,000,000"
    )


def parquet(frame):
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_parquet_that_can_be_read_is_kept(tmp_path):
    pack = unpacked(zipped(with_files(**{"places/a.parquet": parquet(pl.DataFrame({"a": [1, 2]}))})), tmp_path / "pack")
    assert "places/a.parquet" in pack.files


@pytest.mark.parametrize(("at", "byte"), [(14, 145), (15, 17)])
def test_parquet_that_ends_its_reader_ends_another_process_than_ours(tmp_path, at, byte):
    good = parquet(pl.DataFrame({"c": [n / 3 for n in range(500)]}))
    files = with_files(**{"a.parquet": good, "b.parquet": changed(good, at, bytes([byte]))})
    only(zipped(files), tmp_path, "b.parquet: found ", " file that can be read", look=trial_faults)


@pytest.mark.parametrize("how", ["by the clock", pytest.param("as it is", marks=pytest.mark.deep)])
def test_a_document_that_keeps_its_reader_busy_is_given_up(tmp_path, monkeypatch, how):
    """Once for eight seconds, in the deep suite; else the eight seconds are over at once."""

    def over(words, timeout, **_):
        raise subprocess.TimeoutExpired(words, timeout, b'"the data pack"\n"notes/busy.toml"\n')

    monkeypatch.setattr(pack_trial, "TRIAL_SECONDS", 8)
    if how == "by the clock":
        monkeypatch.setattr(subprocess, "run", over)
    busy = with_files(**{"notes/busy.toml": b".".join([b"a"] * 200_000) + b" = 1"})
    words = "notes/busy.toml: found content that takes longer than 8 seconds to read"
    only(zipped(busy), tmp_path, words, look=trial_faults)


def test_where_no_other_process_can_be_started_the_pack_is_not_to_blame(tmp_path, tried_as_served, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SourceError, match="does not start"):
        unpacked(zipped(SOUND), tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


def test_parquet_of_few_bytes_and_very_many_cells_is_refused(tmp_path):
    bomb = parquet(pl.select(a=pl.repeat(0, 30_000_000, dtype=pl.Int8)))
    assert len(bomb) < 100_000
    only(zipped(with_files(**{"a.parquet": bomb})), tmp_path, "a.parquet: found 30,000,000 cells", look=trial_faults)


# --- no file outside the pack is named ---------------------------------------------------------------------------------------------

CONTRACT = '[[tables]]\nname = "t"\nabout = "t"\nkind = "labels"\nlabel = "a"\nfile = "{}"\n'
PROBLEM = 'id = "p"\ntitle = "P"\nyears = ["2016/17"]\n{} = "{}"\n'


def _age_sex(pack):
    return age_sex_formula(DataPack(pack), "evil")


def _options(pack):
    option = ContractOption.model_construct(contracts=[type("C", (), {"contract": "../../secret/contract.toml"})()])
    return read_contracts(
        ContractOptions.model_construct(options=[option]), DataPack(pack), pack / "options", pack_archive.Faults()
    )


EVIL = {
    "file": ("sources/evil/source.toml", "", "../../../secret/rows.csv", lambda pack: check_pack(DataPack(pack))),
    "table file": (
        "contracts/evil.toml",
        CONTRACT,
        "../../secret/rows.csv",
        lambda p: read_contract(p / "contracts/evil.toml"),
    ),
    "weights": ("need/age_sex/evil.toml", "", "../../../secret/rows.csv", _age_sex),
    **{
        key: ("problems/evil.toml", PROBLEM, "../../secret/rows.csv", lambda p: read_problem(p / "problems/evil.toml"))
        for key in ("activity_file", "flows_file", "prices_file")
    },
    "solutions_folder": (
        "problems/evil.toml",
        PROBLEM,
        "../../secret",
        lambda p: read_problem(p / "problems/evil.toml"),
    ),
    "contract": (
        "options/evil.toml",
        '[[options]]\n[[options.contracts]]\ncontract = "{}"\n',
        "../../secret/contract.toml",
        _options,
    ),
    "document": (
        "problems/evil.toml",
        '[[run.contract_documents]]\ndocument = "{}"\n',
        "../../secret/contract",
        lambda pack: read_contract(
            DataPack(pack).path(
                f"contracts/{LineContract(document='../../secret/contract', points_of_delivery=('a',)).document}.toml"
            )
        ),
    ),
    "policy": (
        "scenarios/evil.toml",
        'policy = "{}"\n',
        "../../secret/contract",
        lambda pack: pace_policy(Scenario.model_construct(policy="../../secret/contract"), DataPack(pack)),
    ),
    "scenario": (
        "problems/deep/evil.toml",
        '[run]\nscenario = "{}"\n',
        "../../../secret/scenario.toml",
        lambda pack: (pack / "problems/deep" / "../../../secret/scenario.toml").read_text(),
    ),
}
"""By what names a file: a document of a malicious pack, the name in it, and the engine's reader that follows it."""


def evil_files(key):
    place, text, name, _ = EVIL[key]
    if key == "file":
        text = (SOURCE / "source.toml").read_text().replace('id = "blmk-stp-2016"', 'id = "evil"')
        text = re.sub(r'^file = "(?!.*pdf).*csv"', 'file = "{}"', text, flags=re.MULTILINE)
    elif key == "weights":
        text = next(iter(DataPack(CARRIED).files("need/age_sex/*.toml").values())).read_text()
        text = re.sub(r'^weights = ".*"', 'weights = "{}"', text, flags=re.MULTILINE)
    elif text is PROBLEM:
        return place, text.format(key, name)
    return place, text.replace("{}", name)


def outside(opened, secret):
    """The paths opened that lie in the folder of secrets."""
    return [path for path in opened if Path(os.path.normpath(path)).is_relative_to(secret)]


@pytest.mark.parametrize("key", EVIL)
def test_a_malicious_pack_is_refused_before_anything_outside_is_opened(tmp_path, opened, key):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "rows.csv").write_text("a,b\nSECRET,1\n")
    (secret / "scenario.toml").write_text('id = "SECRET"\n')
    (secret / "contract.toml").write_text('id = "SECRET"\n')
    (secret / "solution.toml").write_text('id = "SECRET"\n')
    place, text = evil_files(key)
    files = with_files(**{place: text.encode()})

    pack = tmp_path / "trusted"  # as if the check were not there: the engine does follow the name
    for name, content in files.items():
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).write_bytes(content)
    for folder in ("policies", "contracts", "options"):
        (pack / folder).mkdir(exist_ok=True)
    with contextlib.suppress(CapitationError):
        EVIL[key][3](pack)
    assert outside(opened, secret)

    kept = tmp_path / "kept"
    kept.mkdir()
    opened.clear()
    faults = told(zipped(files), kept)
    assert outside(opened, secret) == []
    assert faults
    assert all(f.startswith(f"{place}: ") and "secret" in f and "inside the data pack" in f for f in faults), faults
    assert "SECRET" not in "".join(faults)


def test_a_pack_that_is_accepted_is_computed_with_from_its_own_files_only(tmp_path, opened):
    pack = unpacked(archive_of(pack_at(None)), tmp_path / "pack", pack_faults)
    opened.clear()
    evaluate(read_scenario(pack.folder / "scenarios" / "blmk.toml"), pack.opened())
    for path in sorted((pack.folder / "problems").glob("*.toml")):
        read_problem(path)
    for path in sorted((pack.folder / "contracts").glob("*.toml")):
        read_contract(path)
    data = [path for path in opened if path.endswith((".toml", ".csv", ".json", ".yaml", ".yml", ".parquet"))]
    assert len(data) > 100
    assert [path for path in data if not Path(os.path.normpath(path)).is_relative_to(pack.folder)] == []


def test_every_key_that_names_files_has_a_malicious_pack():
    assert {key.split()[-1] for key in EVIL} == set(FILE_KEYS)


NO_PATHS = {
    "files": "a table of names that are looked up through the pack, which refuses those that lead out",
    "solutions": "looked up through the pack, and among the keys that are rooted in it",
    "chain": "looked up through the pack, and among the keys that are rooted in it",
    "organisations": "looked up through the pack, and among the keys that are rooted in it",
    "running_costs": "yes or no",
    "row": "a number",
    "effects": "rows of figures",
    "range_from": "one of two words",
    "words": "texts of cells",
    "quality": "payments, each with its contract by name",
    "source": "looked up among the manifests that were found",
    "id": "compared with the name of a file or folder that was found",
    "where": "told to readers",
    "column": "name of a column",
    "notes": "told to readers",
    "sha256": "compared",
    "inputs": "written by a run",
    "version": "told to readers",
    "shown": "names of inputs",
    "empty_marks": "texts of cells",
    "table": "looked up among the tables of the document",
    "cost_at_plan": "a figure",
    "rows": "cells",
    "term": "looked up among the registered terms",
    "solution_ids": "a name without / or .",
    "gap": "a number",
    "person": "name of a column",
    "practice": "name of a column",
    "service": "name of a column",
    "persons": "a pattern of files below a register's own folder, which no pack has",
    "lines": "a pattern of files below a register's own folder, which no pack has",
    "cost_factors": "numbers by solution",
    "contract_documents": "rows that name documents, each by `document`",
}
"""Fields of documents whose description speaks of a file, folder or document without being one's path."""


def _models(base):
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def test_every_field_of_a_document_that_names_a_file_is_a_known_key():
    for package in (capitation, contracts, optimiser):  # models of documents are known once their file is imported
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    words = re.compile(r"\b(files?|folders?|beside|relative|documents?)\b", re.IGNORECASE)
    found = {
        f"{model.__module__}.{model.__name__}.{name}": name
        for model in _models(Document)
        if model.__module__.split(".")[0] in {"capitation", "contracts", "optimiser"}
        for name, sentence in sentences(model).items()
        if words.search(sentence) or re.search("file|folder|path", name)
    }
    assert [place for place, name in found.items() if name not in FILE_KEYS and name not in NO_PATHS] == []
    assert set(FILE_KEYS) <= set(found.values())
    assert set(NO_PATHS) <= set(found.values())


@pytest.mark.parametrize(
    ("base", "name", "out"),
    [
        ("problems", "blmk/activity.csv", False),
        ("problems/blmk", "../../scenarios/blmk.toml", False),
        ("problems", "../../problems/a.csv", True),
        ("problems", "..", False),
        ("", "..", True),
        ("problems", "a/../../..", True),
        ("problems", "/etc/passwd", True),
        ("problems", "//server/share", True),
        ("problems", "..\\..\\x", True),
        ("problems", "C:/x", True),
        ("problems", "a\x00", True),
        ("sources/x", "https://www.gov.uk/a", False),
    ],
)
def test_names_that_lead_out(base, name, out):
    assert leads_out(base, name) is out


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "", "b.csv"]), max_size=8), depth=st.integers(0, 3))
def test_a_name_leads_out_just_where_the_path_does(parts, depth):
    root = Path("/pack/root")
    base = "/".join(["d"] * depth)
    name = "/".join(parts)
    real = Path(os.path.normpath(root / base / name))
    steps = [root]
    for part in (root / base / name).parts[len(root.parts) :] if not name.startswith("/") else []:
        steps.append(Path(os.path.normpath(steps[-1] / part)))
    if not name.startswith("/"):
        assert leads_out(base, name) is not real.is_relative_to(root)


def test_the_walk_finds_keys_at_any_depth():
    content = {
        "a": [{"b": {"file": "/x"}}, {"activity_file": ["ok.csv", "../../y"]}],
        "scenario": {"policy": "../../z"},
    }
    faults = [str(fault) for fault in names_stay_inside(content, "problems/p.toml")]
    assert [fault.split(": found")[0] for fault in faults] == [
        "problems/p.toml: a[1].b.file",
        "problems/p.toml: a[2].activity_file[2]",
        "problems/p.toml: scenario.policy",
    ]


# --- whatever the bytes ------------------------------------------------------------------------------------------------------------

NASTY = st.text(
    st.one_of(
        st.sampled_from("./\\:~ \x00\nAa\u202e\u00e9\uff0e\u2215%$*?<>|\"'"), st.characters(exclude_categories=["Cs"])
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.one_of(NASTY, NASTY.map(lambda t: f"{t}.txt"), NASTY.map(lambda t: f"../{t}.csv")), max_size=5),
    mode=st.sampled_from([stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, 0]),
)
def test_nothing_is_written_outside_the_folder(tmp_path_factory, names, mode):
    above = tmp_path_factory.mktemp("above")
    (above / "guard.txt").write_text("mine")
    content = zipped([("pack.toml", PACK_TOML), *((entry(name, mode | 0o644), b"x") for name in names)])
    try:
        pack = unpacked(content, above / "pack", pack_faults)
    except DocumentError:
        assert sorted(p.name for p in above.rglob("*")) == ["guard.txt"]
    else:
        inner = [p for p in above.rglob("*") if p.name != "guard.txt" or p.parent != above]
        assert all(p.is_relative_to(pack.folder) and not p.is_symlink() for p in inner)
        assert pack.files.keys() <= {"pack.toml", *names} | {name.partition("/")[2] for name in names}
    assert (above / "guard.txt").read_text() == "mine"
    shutil.rmtree(above)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_broken_archive_is_refused_in_the_one_way(tmp_path_factory, data):
    content = bytearray(zipped({"pack.toml": PACK_TOML, "notes/a.txt": b"abc" * 50, "b.csv": b"a,b\n1,2\n"}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 20))
    folder = tmp_path_factory.mktemp("broken")
    try:
        unpacked(bytes(content[: len(content) - cut]), folder / "pack", pack_faults)
    except DocumentError:
        assert list(folder.iterdir()) == []
    shutil.rmtree(folder)


# --- packs by digest ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """A small pack that is not the default one, and its archive."""
    return unpacked(zipped(SOUND), tmp_path / "small", pack_faults)


def packs_in(folder, kept, asked=None):
    def fetch(named):
        if asked is not None:
            asked.append(named)
        return kept.get(named)

    return Packs(pack_at(None), folder, fetch)


def test_the_default_pack_is_not_fetched(tmp_path):
    asked = []
    packs = packs_in(tmp_path / "packs", {}, asked)
    assert packs.named(packs.default.digest) is packs.default
    assert asked == []
    assert not (tmp_path / "packs").exists()


def test_a_pack_is_unpacked_once_and_remembered(tmp_path, small):
    asked = []
    packs = packs_in(tmp_path / "packs", {small.digest: archive_of(small)}, asked)
    first = packs.named(small.digest)
    assert first.folder == tmp_path / "packs" / small.digest
    assert packs.named(small.digest) is first
    assert first.opened().sources.keys() == {"blmk-stp-2016"}
    again = packs_in(tmp_path / "packs", {}, asked)  # another process later: the folder is there
    assert again.named(small.digest).digest == small.digest
    assert asked == [small.digest]
    assert [p.name for p in (tmp_path / "packs").iterdir()] == [small.digest]


@pytest.mark.parametrize("named", ["0" * 64, "blmk", "../small", "", "A" * 64, "/etc", "0" * 64 + "\n"])
def test_an_unknown_digest_is_told(tmp_path, named):
    with pytest.raises(UnknownNameError, match="unknown data pack"):
        packs_in(tmp_path / "packs", {}).named(named)
    assert not (tmp_path / "packs").exists()


def _add(folder):
    (folder / "more.txt").write_text("more")


def _edit(folder):
    (folder / "pack.toml").write_text("id = 1")


def _link(folder):
    (folder / "places").symlink_to("/tmp")


def _empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def _file(folder):
    shutil.rmtree(folder)
    folder.write_text("a file")


def _linked(folder):
    shutil.move(folder, folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def _cache(folder):
    (folder / "sources" / "__pycache__").mkdir()


@pytest.mark.parametrize("tamper", [_add, _edit, _link, _empty, _file, _linked, _cache])
def test_a_folder_that_was_tampered_with_is_made_anew(tmp_path, small, tamper):
    kept = {small.digest: archive_of(small)}
    place = packs_in(tmp_path / "packs", kept).named(small.digest).folder
    tamper(place)
    pack = packs_in(tmp_path / "packs", kept).named(small.digest)
    assert Pack(pack.folder).files == small.files
    assert not pack.folder.is_symlink()
    assert {p.name for p in (tmp_path / "packs").iterdir()} <= {small.digest, "elsewhere"}


def test_a_folder_that_is_gone_is_made_anew_by_the_same_process(tmp_path, small):
    packs = packs_in(tmp_path / "packs", {small.digest: archive_of(small)})
    shutil.rmtree(packs.named(small.digest).folder)
    assert packs.named(small.digest).digest == small.digest


def test_an_archive_that_holds_another_pack_is_not_used(tmp_path, small):
    packs = packs_in(tmp_path / "packs", {"0" * 64: archive_of(small)})
    with pytest.raises(SourceError, match="holds files of digest"):
        packs.named("0" * 64)
    assert list((tmp_path / "packs").iterdir()) == []


def test_a_malicious_archive_in_the_store_is_not_used(tmp_path):
    files = with_files(**{"problems/a.toml": b'flows_file = "/etc/passwd"'})
    named = digest(canonical({name: digest_of(content) for name, content in sorted(files.items())}))
    packs = packs_in(tmp_path / "packs", {named: zipped(files)})
    with pytest.raises(DocumentError, match="flows_file"):
        packs.named(named)
    assert list((tmp_path / "packs").iterdir()) == []


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def test_what_a_dead_process_left_is_cleared_after_an_hour(tmp_path, small):
    folder = tmp_path / "packs"
    for name, age in (("old", 4000), ("new", 60)):
        (folder / f".{name}.partial").mkdir(parents=True)
        os.utime(folder / f".{name}.partial", (time.time() - age,) * 2)
    packs_in(folder, {small.digest: archive_of(small)}).named(small.digest)
    assert sorted(p.name for p in folder.iterdir()) == [".new.partial", small.digest]


def test_threads_get_one_and_the_same_pack(tmp_path, small):
    asked, found = [], []
    packs = packs_in(tmp_path / "packs", {small.digest: archive_of(small)}, asked)
    start = threading.Barrier(8)

    def ask():
        start.wait(60)
        found.append(packs.named(small.digest))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({id(pack) for pack in found}) == 1
    assert asked == [small.digest]


def test_instances_on_one_folder_do_not_meet_half_a_pack(tmp_path, small):
    kept, start, found = {small.digest: archive_of(small)}, threading.Barrier(6), []

    def ask():
        packs = packs_in(tmp_path / "packs", kept)
        start.wait(60)
        found.append(Pack(packs.named(small.digest).folder).digest)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [small.digest] * 6
    assert [p.name for p in (tmp_path / "packs").iterdir()] == [small.digest]


def _ask(folder, archive, named, start, told_to):
    packs = packs_in(folder, {named: archive})
    start.wait(120)
    told_to.put(Pack(packs.named(named).folder).digest)


def test_two_processes_on_one_folder_do_not_meet_half_a_pack(tmp_path, small):
    fork = multiprocessing.get_context("spawn")
    start, told_to, archive = fork.Barrier(2), fork.Queue(), archive_of(small)
    both = [
        fork.Process(target=_ask, args=(tmp_path / "packs", archive, small.digest, start, told_to), daemon=True)
        for _ in range(2)
    ]
    for process in both:
        process.start()
    found = [told_to.get(timeout=120) for _ in both]
    for process in both:
        process.join(60)
    assert found == [small.digest] * 2
    assert [p.name for p in (tmp_path / "packs").iterdir()] == [small.digest]


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ('"../.."', "extends: found '../..'; expected the name of a pack"),
        ("1", "extends: found 1; expected the name of a pack"),
        ('"enlgand"', "extends 'enlgand', but found no such pack"),
    ],
)
def test_a_pack_that_extends_none_that_is_here_is_refused_by_name(tmp_path, extends, said):
    (tmp_path / "pack.toml").write_text(f'id = "p"\ntitle = "P"\nversion = "1"\nextends = {extends}\n')
    (fault,) = pack_faults(tmp_path)
    assert fault.where == "pack.toml"
    assert said in fault.found
    assert str(tmp_path) not in fault.found
