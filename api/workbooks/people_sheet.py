"""One sheet of a workbook for people: a table under readable headings, with what a reader needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class PeopleSheet:
    """One table with what a reader needs beside it."""

    name: str
    """On its tab."""
    title: str
    """Above the table."""
    about: str
    """What the table says, in which unit, and what to know of it."""
    rows: pl.DataFrame
    """The table under readable headings; money in pence."""
    money: frozenset[str] = frozenset()
    """Headings whose columns are pence, shown as pounds."""
    shares: frozenset[str] = frozenset()
    """Headings whose columns are fractions of 1, shown as percentages."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What is to be said of a heading that does not say it itself."""
