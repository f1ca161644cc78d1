"""Runs: named by their inputs, written whole, never changed."""

import polars as pl
import pytest

from capitation.errors import SourceError, UnknownNameError
from capitation.records.documents import Document
from capitation.run.run import content_digest, load_run, make_run, save_run


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
