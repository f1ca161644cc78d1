"""Tables on the terminal: frames shown with headings in words, money in pounds, numbers to the right."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from capitation.errors import SourceError
from capitation.money.pence import pounds_text
from capitation.money.rounding import MICRO
from capitation.records.whole_files import write_whole

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
"""Where results are printed; messages go to standard error."""

notices = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where notices are printed, so that `--json` output stays clean."""


def show(frame: pl.DataFrame, title: str, headings: dict[str, str] | None = None) -> None:
    """Print a frame as a table: `..._pence` columns in pounds, `..._micro` in persons, whole numbers with separators, text to the left.

    No figure and no word of a name is ever cut: words wrap, and where a line is too narrow even for that, each row is printed below
    the one before it, a line a column.
    """
    names = headings or {}
    heads = [names.get(name, _heading(name)) for name in frame.columns]
    rows = [[_cell(name, value) for name, value in zip(frame.columns, row, strict=True)] for row in frame.iter_rows()]
    numbers = [frame.schema[name].is_numeric() for name in frame.columns]
    cells = [
        max((len(row[i]) if number else _longest_word(row[i]) for row in rows), default=0)
        for i, number in enumerate(numbers)
    ]
    broken = [head.replace("-", "-\n") for head in heads]
    for given in (heads, broken):
        least = [max(cell, _longest_word(head)) for cell, head in zip(cells, given, strict=True)]
        if sum(least) + _EDGES * len(least) + 1 <= console.width:
            break
    else:
        _show_stacked(rows, heads, title)
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for head, is_number, width in zip(given, numbers, least, strict=True):
        table.add_column(
            head, justify="right" if is_number else "left", no_wrap=is_number, min_width=width, overflow="fold"
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


_EDGES = 3
"""Characters that stand between two columns: a line, and a blank on each side of it."""


def _heading(name: str) -> str:
    return name.removesuffix("_pence").removesuffix("_micro").replace("_", " ") + (
        " £" if name.endswith("_pence") else ""
    )


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _show_stacked(rows: list[list[str]], heads: list[str], title: str) -> None:
    """Print each row as lines of heading and cell, the first cell above the others."""
    console.print(title, style="bold", markup=False, soft_wrap=True)
    wide = max(len(head) for head in heads[1:]) if heads[1:] else 0
    for row in rows:
        console.print(row[0], markup=False, soft_wrap=True)
        for head, cell in zip(heads[1:], row[1:], strict=True):
            console.print(f"  {head:<{wide}}  {cell}", markup=False, soft_wrap=True)


def _cell(name: str, value: Any) -> str:  # noqa: ANN401  # any cell of a frame
    if value is None:
        return ""
    if name.endswith("_pence"):
        return pounds_text(value)
    if name.endswith("_micro"):
        return f"{value / MICRO:,.1f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        text = f"{value:,.4f}" if abs(value) < 100 else f"{value:,.0f}"
        return text.removeprefix("-") if not text.strip("-0.,") else text
    return str(value)


def say(sentence: str, indent: int = 3) -> None:
    """Print a sentence, indented: whole words to the width of a terminal, one line where it goes to a file."""
    if console.is_terminal:
        console.print(Padding(Text(sentence), (0, 0, 0, indent)))
    else:
        console.print(f"{' ' * indent}{sentence}", markup=False, soft_wrap=True)


def listed(words: list[str]) -> str:
    """Words in a sentence: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def print_json(content: Any) -> None:  # noqa: ANN401  # any JSON content
    """Print one JSON document; frames become lists of objects with money as two-decimal strings."""
    console.file.write(json.dumps(content, default=_plain, ensure_ascii=False, indent=2) + "\n")
    console.file.flush()


def _plain(value: Any) -> Any:  # noqa: ANN401  # any value JSON has no word for
    if isinstance(value, pl.DataFrame):
        return in_pounds(value).to_dicts()
    if isinstance(value, Decimal):
        return str(value)
    return str(value)


def write_frame(frame: pl.DataFrame, path: Path) -> Path:
    """Write a frame to a .csv (money in pounds) or .parquet file (money in pence); the file appears once it is whole.

    Raises:
        SourceError: another ending, or the file cannot be written.
    """
    if path.suffix.lower() == ".csv":
        return write_whole(path, lambda partial: plain_cells(in_pounds(frame)).write_csv(partial))
    if path.suffix.lower() == ".parquet":
        return write_whole(path, lambda partial: frame.write_parquet(partial, compression="zstd"))
    message = f"{path}: found the ending {path.suffix!r}; expected .csv or .parquet"
    raise SourceError(message)
