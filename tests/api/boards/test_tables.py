"""Tables on the terminal at any width: no figure and no word of a name is cut, and nothing is left out."""

import io

import polars as pl
import pytest
from rich.console import Console

from api.boards import tables

FRAME = pl.DataFrame(
    {
        "party": ["NHS Milton Keynes CCG", "Cambridgeshire Community Services NHS Trust [south]", None],
        "option": ["capitation-alliance", "do-minimum", "capitation-corridor"],
        "position_pence": [-2_069_881_840, 26_236_826, None],
        "list_micro": [290_000_400_000, 0, 5],
        "share": [0.12345, 123_456.7, -0.0000001],
        "capitation-alliance": [1_483_400, 2, 3],
    }
)


def printed(monkeypatch, width):
    file = io.StringIO()
    monkeypatch.setattr(tables, "console", Console(file=file, width=width, highlight=False))
    tables.show(FRAME, "Positions of every party")
    return file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160, 300])
def test_nothing_is_cut_at_any_width(monkeypatch, width):
    text = printed(monkeypatch, width)
    assert "…" not in text
    words = " ".join(text.replace("│", " ").replace("┃", " ").split())
    for whole in ("-20,698,818.40", "262,368.26", "290,000.4", "0.1235", "123,457", "1,483,400"):
        assert whole in words
    for word in ("Cambridgeshire", "Community", "[south]", "capitation-alliance", "do-minimum", "capitation-corridor"):
        assert word in words


def test_a_wide_terminal_has_a_line_a_row(monkeypatch):
    lines = [line for line in printed(monkeypatch, 300).splitlines() if line.startswith("│")]
    assert [len(line.split("│")) - 2 for line in lines] == [6, 6, 6]


def test_a_narrow_terminal_has_a_line_a_cell_below_the_name_of_the_row(monkeypatch):
    lines = printed(monkeypatch, 40).splitlines()
    assert lines[1:4] == [
        "NHS Milton Keynes CCG",
        "  option               capitation-alliance",
        "  position £           -20,698,818.40",
    ]
