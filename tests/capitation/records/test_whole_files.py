"""Files and folders appear whole or not at all, and what stood before stands still."""

import pytest

from capitation.errors import SourceError
from capitation.records.whole_files import write_all_whole, write_whole, write_whole_folder


def breaks_off(path):
    (path / "half.txt" if path.is_dir() else path).write_text("half")
    raise OSError(28, "no space left on device")


def everything_below(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_file_that_breaks_off_leaves_the_old_one_as_it_was(tmp_path):
    path = tmp_path / "figures.csv"
    write_whole(path, lambda partial: partial.write_text("old"))
    with pytest.raises(SourceError, match="no space left"):
        write_whole(path, breaks_off)
    assert everything_below(tmp_path) == {"figures.csv": "old"}


def test_of_several_files_none_appears_where_one_breaks_off(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    with pytest.raises(SourceError, match="no space left"):
        write_all_whole({first: lambda partial: partial.write_text("new"), second: breaks_off})
    assert everything_below(tmp_path) == {}


def test_a_folder_that_breaks_off_leaves_the_old_one_as_it_was(tmp_path):
    folder = tmp_path / "run"
    write_whole_folder(folder, lambda partial: (partial / "frame.csv").write_text("old"))
    with pytest.raises(SourceError, match="no space left"):
        write_whole_folder(folder, breaks_off)
    assert everything_below(tmp_path) == {"run/frame.csv": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
