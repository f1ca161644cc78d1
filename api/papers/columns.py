"""How wide the columns of a table are: a figure never breaks, and what is left goes to the words by their length."""

from __future__ import annotations

import math
import re

from api.papers.model import PaperTable

_MOST_WORDS = 60
"""Characters of a cell of words that count; longer ones break over more lines."""
_EASY = 40
"""Characters of words on one line that headings of figures leave room for before they take two lines."""
_BOLD = 1.1
"""How much wider a character of a heading is than one of a cell."""


def widths(table: PaperTable, wide: float, character: float, inset: float) -> list[float]:
    """Widths of the columns of a table, in the unit of `wide`.

    Args:
        table: the table.
        wide: width that all columns have together.
        character: width of an average character of a cell.
        inset: room that each cell leaves at its sides, both together.
    """
    least = [_longest_piece(table, column) * character + inset for column in range(len(table.heads))]
    easy = [
        each if k < table.words else max(each, len(table.heads[k]) * _BOLD * character * 0.6 + inset)
        for k, each in enumerate(least)
    ]
    words = [
        max((min(len(row[k]), _EASY) for row in table.rows), default=0) * character + inset for k in range(table.words)
    ]
    spare = wide - sum(words) - sum(least[table.words :])  # goes to headings of figures first, up to two lines each
    asked = sum(easy) - sum(least)
    if spare > 0 and asked > 0:
        least = [each + (more - each) * min(1.0, spare / asked) for each, more in zip(least, easy, strict=True)]
    over = wide - sum(least)
    wanted = [
        _root(max((len(row[k]) for row in table.rows), default=0)) if k < table.words else 0.0
        for k in range(len(table.heads))
    ]
    if over <= 0 or not sum(wanted):
        return [each * wide / sum(least) for each in least]
    return [each + over * part / sum(wanted) for each, part in zip(least, wanted, strict=True)]


def lines(words: str, wide: float, character: float) -> int:
    """Lines that words take in a width, broken between words."""
    room, used, made = max(int(wide / character), 1), 0, 1
    for word in words.split():
        if used and used + 1 + len(word) > room:
            made, used = made + 1, 0
        used += len(word) + (1 if used else 0)
        while used > room:
            made, used = made + 1, used - room
    return made


def _longest_piece(table: PaperTable, column: int) -> float:
    """Characters that cannot be broken: the longest cell of a figure, the longest word of words and of the heading."""
    head = max(len(piece) for piece in _BREAKS.split(table.heads[column])) * _BOLD
    if column < table.words:
        cells = max((len(word) for row in table.rows for word in row[column].split()), default=0)
        return max(head, min(cells, 24))
    return max(head, max((len(row[column]) for row in table.rows), default=0))


def _root(length: int) -> float:
    return math.pow(max(min(length, _MOST_WORDS) - 8, 1), 0.75)


_BREAKS = re.compile(r"[\s-]+")
