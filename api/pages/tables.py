"""Tables as pages show them: readable headings, money in pounds, figures that lead to where they come from; the same as CSV and XLSX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from capitation.money.pence import board_text, pounds_text

Row = Mapping[str, Any]
Link = Callable[[Row], str]

ENDINGS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Formats in which a table leaves, by the word in its address."""


@dataclass(frozen=True)
class PageCell:
    """One cell: what it shows, and where it leads."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table with its data.

    Args:
        caption: what it is.
        frame: its data, money in pence.
        headings: the heading of each column; columns without one are not shown.
        links: where the cells of a column lead, by column.
        short: columns of money that are shown as a board says them.
        name: what its files are named.
    """

    caption: str
    frame: pl.DataFrame
    headings: Mapping[str, str]
    links: Mapping[str, Link] = field(default_factory=dict)
    short: frozenset[str] = frozenset()
    name: str = "table"

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Heading of each column, and whether it holds numbers."""
        return [(head, self.frame.schema[name].is_numeric()) for name, head in self.headings.items()]

    @property
    def rows(self) -> list[list[PageCell]]:
        """The cells of each row."""
        found = []
        for row in self.frame.iter_rows(named=True):
            cells = []
            for name in self.headings:
                text = shown(name, row[name], is_short=name in self.short)
                cells.append(
                    PageCell(text, self.links[name](row) if name in self.links and row[name] is not None else "")
                )
            found.append(cells)
        return found

    def download(self, ending: str) -> Response:
        """The table as a file."""
        whole = plain_cells(in_pounds(self.frame))
        if ending == "csv":
            body = whole.write_csv().encode()
        else:
            buffer = BytesIO()
            whole.write_excel(buffer, worksheet="table", table_name="table_1", autofit=True)
            body = buffer.getvalue()
        return Response(
            body,
            headers={"Content-Disposition": f'attachment; filename="{self.name}.{ending}"'},
            media_type=ENDINGS[ending],
        )


def shown(name: str, value: Any, *, is_short: bool = False) -> str:  # noqa: ANN401  # any cell
    """A cell in words: pence as pounds, shares as percentages, numbers with separators, nothing as a dash."""
    if value is None:
        return "–"
    if name.endswith("_pence"):
        return board_text(value) if is_short else f"£{pounds_text(value)}".replace("£-", "-£")
    if name.endswith(("_share", "growth", "distance")) and isinstance(value, float):
        return f"{value:+.1%}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)


def heading(name: str) -> str:
    """The heading of a column that has none of its own."""
    words = (
        name.removesuffix("_pence")
        .removesuffix("_gbp")
        .removesuffix("_micro")
        .replace("_", " ")
        .replace("dft", "distance from target")
    )
    return (words[:1].upper() + words[1:]) + (" (£)" if name.endswith(("_pence", "_gbp")) else "")


def asked_file(request: Request, table: PageTable) -> Response | None:
    """The table as a file where the address asks for one, as `?as=csv`; None where it asks for the page."""
    wanted = request.query_params.get("as", "")
    return table.download(wanted) if wanted in ENDINGS else None


__all__ = ["PageCell", "PageTable", "asked_file", "heading", "shown"]
