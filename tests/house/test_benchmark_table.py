"""The table of benchmarks: read back as it was written, former lines kept, and a ratio that worsened flagged."""

from tests.benchmarks.table import Line, merged, read, text


def line(subject, ratio, **more):
    return Line(subject, ratio, "numpy", "2", "1.0 s | 2.0 s", "test_a", "2026-11-29", **more)


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "benchmarks.md"
    lines = [line("one", 1.25), line("two", 0.5, before=0.25)]
    path.write_text(text(lines, "a machine"))
    assert read(path) == lines
    assert read(tmp_path / "none.md") == []


def test_a_ratio_that_worsened_by_more_than_15_percent_is_flagged():
    former = [line("same", 1.0), line("slower", 1.0), line("quicker", 1.0), line("not measured", 3.0)]
    every = merged(former, [line("same", 1.149), line("slower", 1.151), line("quicker", 0.2), line("new", 9.0)])
    assert [each.subject for each in every if each.is_worse] == ["slower"]
    assert {each.subject: each.before for each in every} == {
        "same": 1.0, "slower": 1.0, "quicker": 1.0, "not measured": None, "new": None
    }  # fmt: skip
    page = text(every, "a machine")
    assert "| slower | 1.151! | numpy | 2 | 1.000 |" in page
    assert "Worse than before: 1. slower (1.000 to 1.151)." in page
