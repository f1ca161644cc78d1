"""Tables as pages show them: readable headings, money in pounds, figures that lead to where they come from; the same as CSV and XLSX."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from api.service.records.failures import ServiceError
from api.service.views.models import moment
from capitation.money.pence import board_text, pounds_text
from capitation.money.rounding import nearest
from capitation.sentences import capital

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")

_RATED = frozenset({"red", "amber", "green"})

_CHECKSUM = re.compile(r"[0-9a-f]{32,}")

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
        most: how many of its rows a page shows; the files have all of them.
    """

    caption: str
    frame: pl.DataFrame
    headings: Mapping[str, str]
    links: Mapping[str, Link] = field(default_factory=dict)
    short: frozenset[str] = frozenset()
    name: str = "table"
    most: int = 200

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Heading of each column, and whether it holds numbers."""
        return [
            (head.removesuffix(" (£)"), self.frame.schema[name].is_numeric()) for name, head in self.headings.items()
        ]

    @property
    def rows(self) -> list[list[PageCell]]:
        """The cells of each row."""
        found = []
        units = {name: said for name in self.frame.columns if (said := self._money(name)) is not None}
        for row in self.frame.head(self.most).iter_rows(named=True):
            cells = []
            for name in self.headings:
                text = units[name](row[name]) if name in units and row[name] is not None else shown(name, row[name])
                cells.append(
                    PageCell(text, self.links[name](row) if name in self.links and row[name] is not None else "")
                )
            found.append(cells)
        return found

    def _money(self, name: str) -> Callable[[Any], str] | None:
        """How a column of money is said on a page, pence or the exact pounds of a chart's table; None for other columns."""
        values = self.frame[name]
        if name in self.short and name.endswith("_pence") and values.dtype.is_integer():
            return column_money(values)
        if isinstance(values.dtype, pl.Decimal) and name.endswith("(£)"):
            said = column_money(pl.Series([int(each * 100) for each in values.drop_nulls()], dtype=pl.Int64))
            return lambda pounds: said(int(pounds * 100))
        return None

    @property
    def has_money(self) -> bool:
        """Whether it holds money."""
        return any(name.endswith("_pence") or "£" in name for name in self.headings)

    @property
    def cut(self) -> str:
        """How much of it a page shows, where that is not all."""
        return (
            f"The first {self.most} of {self.frame.height:,} rows; the files have all of them."
            if self.frame.height > self.most
            else ""
        )

    def download(self, ending: str) -> Response:
        """The table as a file."""
        return plain_download(in_pounds(self.frame), self.name, ending)


def figure_link(result: str, table: str, column: str, **key: str) -> Link:
    """Where a cell leads: to the figure of a table at a key; `{name}` in the key stands for a column of the row."""

    def link(row: Row) -> str:
        where = [f"{name}={value.format(**row)}" for name, value in key.items()]
        return f"/figures/{result}/{table}/{column}?{urlencode({'where': where, 'depth': 3}, doseq=True)}"

    return link


def plain_download(frame: pl.DataFrame, name: str, ending: str) -> Response:
    """A frame as a CSV or XLSX file.

    Raises:
        ServiceError: there is no such kind of file.
    """
    if ending not in ENDINGS:
        raise ServiceError("not-found", f"a table leaves as {' or '.join(ENDINGS)}, not as {ending[:10]!r}")
    whole = plain_cells(frame)
    if ending == "csv":
        body = whole.write_csv().encode()
    else:
        buffer = BytesIO()
        whole.write_excel(buffer, worksheet="table", table_name="table_1", autofit=True)
        body = buffer.getvalue()
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(body, headers=headers, media_type=ENDINGS[ending])


def column_money(pence: pl.Series) -> Callable[[int], str]:
    """How a column of money is said, in one unit from its largest sum: millions with one or two decimals, else as a board says each."""
    largest = max((abs(each) for each in pence.drop_nulls().to_list()), default=0)
    if largest < 100_000_000:
        return board_text
    decimals = 1 if largest >= 10_000_000_000 else 2
    return partial(_in_millions, decimals=decimals)


def _in_millions(pence: int, decimals: int) -> str:
    each = 10 ** (8 - decimals)
    whole = nearest(Decimal(abs(pence)) / each)
    if pence == 0:
        return "£0"
    return f"{'-' if pence < 0 and whole else ''}£{Decimal(whole) / 10**decimals:,.{decimals}f}m"


def shown(name: str, value: Any) -> str:  # noqa: ANN401  # any cell
    """A cell in words: pence as pounds, shares as percentages, numbers with separators, nothing as a dash."""
    if value is None:
        return "–"
    if name.endswith("_pence"):
        return f"£{pounds_text(value)}".replace("£-", "-£")
    if name.endswith("_head") and isinstance(value, float):
        return f"{'-' if value < 0 else ''}£{abs(value):,.2f}"
    if name.endswith(("_share", "growth", "distance")) and isinstance(value, float):
        return f"{value:+.1%}"
    if isinstance(value, Decimal):
        return f"{'-' if value < 0 else ''}£{abs(value):,.2f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    text = str(value)
    if text in _RATED:
        return RATINGS["impact" if name == "impact" else "quality"][text]
    if _MOMENT.match(text):
        return said_moment(text)
    if text.startswith("/v1/"):
        kind, _, rest = text.removeprefix("/v1/").partition("/")
        return f"{kind.replace('-', ' ')} {rest[:16]}".strip()
    return f"{text[:16]}…" if _CHECKSUM.fullmatch(text) else text


RATINGS = {
    "quality": {"red": "weak", "amber": "partial", "green": "good"},
    "impact": {"red": "large", "amber": "moderate", "green": "small"},
}
"""Words for ratings of evidence and of effect."""


def said_moment(at: Any) -> str:  # noqa: ANN401  # a moment, its text, or seconds
    """A moment as people say it: "29 November 2026, 09:36"."""
    if isinstance(at, int | float):
        at = moment(float(at))
    try:
        return (at if isinstance(at, dt.datetime) else dt.datetime.fromisoformat(at)).strftime("%-d %B %Y, %H:%M")
    except ValueError:
        return str(at)


def headed(frame: pl.DataFrame) -> dict[str, str]:
    """The headings of a table whose columns are named in words."""
    return {name: capital(name) for name in frame.columns}


def heading(name: str) -> str:
    """The heading of a column that has none of its own."""
    words = (
        name.removesuffix("_pence")
        .removesuffix("_gbp")
        .removesuffix("_micro")
        .replace("_", " ")
        .replace("dft", "distance from target")
    )
    return capital(words) + (" (£)" if name.endswith(("_pence", "_gbp")) else "")


def asked_file(request: Request, table: PageTable) -> Response | None:
    """The table as a file where the address asks for one, as `?as=csv`; None where it asks for the page."""
    wanted = request.query_params.get("as", "")
    return table.download(wanted) if wanted in ENDINGS else None


__all__ = [
    "PageCell",
    "PageTable",
    "asked_file",
    "column_money",
    "figure_link",
    "heading",
    "plain_download",
    "said_moment",
    "shown",
]
