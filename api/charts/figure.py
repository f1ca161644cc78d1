"""A figure: what a chart shows, as a finding, words, a table with the same data, and a Vega-Lite document of the picture.

The table is exact: money is pounds with two decimals as `Decimal`, so a sum over it is a sum of pence. The picture is drawn twice
from one set of rows: for a page or paper, and for a narrow screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import Any

import polars as pl

from api.charts.render import svg
from api.exports.plain_cells import plain_cells
from capitation.money.pence import decimal_text
from capitation.records.identity import canonical, digest

Spec = dict[str, Any]
"""A Vega-Lite document."""

POUNDS = pl.Decimal(38, 2)
"""Type of a table's money: pounds, exact to the penny."""


@dataclass(frozen=True)
class ChartFigure:
    """One chart with everything that a page, a paper or a notebook needs of it."""

    name: str
    """Name of the chart, such as "bridge"."""
    title: str
    """What the chart finds, as a sentence made from its numbers."""
    subtitle: str
    """What is drawn and in which unit."""
    source: str
    """Where the numbers come from; says what is published, worked out and assumed."""
    alt: str
    """What the picture shows, in words with its main numbers; does the same job for who cannot see it."""
    table: pl.DataFrame
    """The data of the picture in its order, under readable headings; money in pounds, exact."""
    spec: Spec = field(repr=False)
    """The picture at the width of a page, as a Vega-Lite document."""
    narrow: Spec = field(repr=False)
    """The same picture for a narrow screen."""
    notes: tuple[str, ...] = ()
    """What a reader must know that the picture does not show, a sentence each."""

    @cached_property
    def digest(self) -> str:
        """Checksum of the picture's content; the same content has the same drawing."""
        return digest(canonical({"title": self.title, "alt": self.alt, "spec": self.spec, "narrow": self.narrow}))[:16]

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture, and where its numbers come from."""
        return f"<figure>{svg(self)}<figcaption>{escape(' '.join(self.notes))}</figcaption></figure>"

    def cells(self) -> list[list[str]]:
        """The table's rows as a page shows them: money as "£1,234.56", whole numbers with separators, nothing as a dash."""
        return [[cell(value) for value in row] for row in self.table.iter_rows()]

    def csv(self) -> str:
        """The table as CSV for machines: money with two decimals and no separators."""
        return plain_cells(self.table).write_csv()

    def document(self) -> Mapping[str, Any]:
        """The whole figure for machines: words, table and picture."""
        return {
            "name": self.name,
            "title": self.title,
            "subtitle": self.subtitle,
            "source": self.source,
            "alt": self.alt,
            "notes": list(self.notes),
            "table": {
                "headings": self.table.columns,
                "rows": [[_plain(v) for v in row] for row in self.table.iter_rows()],
            },
            "spec": self.spec,
        }

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """What a notebook shows: the drawing, and its words where no picture can be shown."""
        return {"image/svg+xml": svg(self), "text/plain": f"{self.title}\n{self.subtitle}\n{self.alt}"}


def pounds(name: str, pence: list[int | None] | pl.Series) -> pl.Series:
    """A column of a table: pence as exact pounds."""
    texts = [None if p is None else decimal_text(int(p)) for p in pence]
    return pl.Series(name, texts, dtype=pl.String).cast(POUNDS)


def cell(value: object) -> str:
    """A cell of a table as text for a page."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return f"{'-' if value < 0 else ''}£{abs(value):,.2f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _plain(value: object) -> object:
    return f"{value:.2f}" if isinstance(value, Decimal) else value
