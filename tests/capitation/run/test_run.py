"""Runs: named by their inputs, written whole, never changed."""

import json
import subprocess
import sys

import polars as pl
import pytest

from capitation.errors import SourceError, UnknownNameError
from capitation.records.documents import Document
from capitation.records.frames import content_digest
from capitation.run.engine import sources_digest
from capitation.run.run import load_run, make_run, save_run
from capitation.run.tables import SCHEMAS


class Choice(Document):
    """A scenario of one number."""

    number: int
    """The number."""


FRAMES = {"b": pl.DataFrame({"x": [1, 2]}), "a": pl.DataFrame({"y": ["p", None], "z": [0.1, 0.2]})}


def test_a_run_comes_back_as_it_was_written(tmp_path):
    run = make_run(Choice(number=1), {"f.csv": "00"}, FRAMES)
    place = save_run(run, tmp_path)
    back = load_run(place)
    assert back.manifest == run.manifest
    assert all(back.frames[name].equals(frame) for name, frame in FRAMES.items())
    assert place.name == run.id


def test_the_id_follows_from_the_inputs_alone():
    one = make_run(Choice(number=1), {"f.csv": "00", "g.csv": "01"}, FRAMES)
    again = make_run(Choice(number=1), {"g.csv": "01", "f.csv": "00"}, dict(reversed(FRAMES.items())))
    assert one.id == again.id
    assert one.id != make_run(Choice(number=2), {"f.csv": "00", "g.csv": "01"}, FRAMES).id
    assert one.id != make_run(Choice(number=1), {"f.csv": "00", "g.csv": "02"}, FRAMES).id


def test_the_digest_sees_names_types_and_values():
    frame = pl.DataFrame({"x": [1]})
    others = [frame.rename({"x": "y"}), frame.cast(pl.Int32), frame + 1]
    assert len({content_digest(f) for f in [frame, *others]}) == 4


def test_a_changed_and_a_lost_frame_are_told_together(tmp_path):
    place = save_run(make_run(Choice(number=1), {}, FRAMES), tmp_path)
    pl.DataFrame({"x": [1, 3]}).write_parquet(place / "frames" / "b.parquet")
    (place / "frames" / "a.parquet").unlink()
    with pytest.raises(SourceError) as caught:
        load_run(place)
    assert len(caught.value.faults) == 2


def test_damaged_frames_are_named_together(tmp_path):
    place = save_run(make_run(Choice(number=1), {}, FRAMES), tmp_path)
    for name in FRAMES:
        (place / "frames" / f"{name}.parquet").write_text("cut")
    with pytest.raises(SourceError, match="is not whole") as caught:
        load_run(place)
    assert [fault.found for fault in caught.value.faults] == ["a file that cannot be read as parquet"] * 2


def test_a_folder_of_runs_names_the_runs_it_holds(tmp_path):
    run = make_run(Choice(number=1), {}, FRAMES)
    save_run(run, tmp_path)
    with pytest.raises(SourceError, match=run.id):
        load_run(tmp_path)


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match="could not be written"):
        save_run(make_run(Choice(number=1), {}, FRAMES), tmp_path / "file")


def test_an_unknown_frame_suggests_the_near_one():
    run = make_run(Choice(number=1), {}, {"allocation": FRAMES["b"]})
    with pytest.raises(UnknownNameError, match="'allocation'"):
        run.frame("alocation")


def test_the_id_follows_from_the_code_too(monkeypatch):
    one = make_run(Choice(number=1), {}, FRAMES)
    monkeypatch.setattr("capitation.run.run.code_digest", lambda: "0" * 64)
    other = make_run(Choice(number=1), {}, FRAMES)
    assert (one.id != other.id, one.manifest.frames == other.manifest.frames) == (True, True)
    assert (one.is_of_this_code, other.is_of_this_code) == (False, True)


def test_a_stored_run_of_other_code_is_read_and_says_so(tmp_path, monkeypatch):
    run = make_run(Choice(number=1), {}, FRAMES)
    place = save_run(run, tmp_path)
    assert load_run(place).made_by == f"capitation {run.manifest.engine_version}"
    monkeypatch.setattr("capitation.run.run.code_digest", lambda: "0" * 64)
    back = load_run(place)
    assert back.manifest == run.manifest
    assert f"made by other code (code {run.manifest.code[:12]}; in use is code 000000000000)" in back.made_by
    assert "made by other code" in repr(back)
    assert "made by other code" in back._repr_html_()


def test_a_run_written_before_the_code_was_recorded_is_read(tmp_path):
    place = save_run(make_run(Choice(number=1), {}, FRAMES), tmp_path)
    content = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    del content["code"]
    (place / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    back = load_run(place)
    assert back.frame("b").equals(FRAMES["b"])
    assert "code that was not recorded" in back.made_by


def test_the_digest_of_the_code_sees_names_and_sources_but_not_line_ends(tmp_path):
    def digest_of(name, source):
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / "room"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(source)
        return sources_digest({"capitation": folder.parent})

    unix = digest_of("a.py", b"one = 1\ntwo = 2\n")
    assert digest_of("a.py", b"one = 1\r\ntwo = 2\r\n") == unix
    assert len({unix, digest_of("b.py", b"one = 1\ntwo = 2\n"), digest_of("a.py", b"one = 1\ntwo = 3\n")}) == 3


def test_the_help_of_the_command_line_works_out_no_digest():
    script = (
        "import sys\nfrom api.cli.main import main\nsys.argv = ['capitation', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "engine = sys.modules.get('capitation.run.engine')\n"
        "print('digests:', engine.code_digest.cache_info().currsize if engine else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "digests: 0" in done.stdout


def test_a_run_of_a_scenario_is_read_by_typed_names(blmk_run):
    assert set(SCHEMAS) == set(blmk_run.frames)
    for name, schema in SCHEMAS.items():
        table = getattr(blmk_run, name)
        assert table is blmk_run.frame(name)
        assert table.equals(schema.validate(table)), name


def test_a_run_prints_a_short_summary(blmk_run):
    text = repr(blmk_run)
    assert len(text.splitlines()) == 3
    assert len(text) < 600
    assert text.startswith(f"Run {blmk_run.id}: {blmk_run.manifest.scenario['title']}\n")
    assert f"{len(SCHEMAS)} tables" in text


def test_a_notebook_shows_a_line_for_each_table():
    run = make_run(Choice(number=1), {"f.csv": "00"}, {"a<b": FRAMES["b"]})
    shown = run._repr_html_()
    assert "<tr><td>a&lt;b</td><td>2</td><td>x</td></tr>" in shown
