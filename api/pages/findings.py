"""A page that finds something: one headline made from the numbers, one main chart, the table with its files, and what it all rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.pages.asking import may, new_once
from api.pages.drawn import Picture, Select
from api.pages.rendering import page
from api.pages.seen import Fact
from api.pages.tables import PageTable, asked_file

Tab = tuple[str, str, bool]
"""Where a tab leads, its words, and whether it is the one that is shown."""


@dataclass(frozen=True)
class Start:
    """Work that can be started from a page: its address, its words, and what the request says."""

    address: str
    words: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Finding:
    """What a page shows.

    Args:
        title: its title.
        lead: the headline.
        facts: what it rests on.
        drivers: what drives the headline.
        stale: why it may not stand any longer.
        again: where it can be made again, and the words of that.
        tabs: other views of the same.
        selects: what can be chosen.
        keep: what else stands in the address.
        figure: the main chart.
        table: the table.
        more: further tables.
        figures: further charts.
        lists: captions with lines.
        starts: work that can be started from here.
        links: where else to look.
        not_in: what is not in this.
        refresh: seconds after which the page looks again by itself, where something is being worked out.
    """

    title: str
    lead: str
    facts: Sequence[Fact] = ()
    drivers: Sequence[str] = ()
    stale: tuple[str, ...] = ()
    again: tuple[str, str] = ("", "")
    tabs: Sequence[Tab] = ()
    selects: Sequence[Select] = ()
    keep: tuple[tuple[str, str], ...] = ()
    figure: Picture | None = None
    table: PageTable | None = None
    more: Sequence[PageTable] = ()
    figures: Sequence[Picture] = ()
    lists: Sequence[tuple[str, Sequence[str]]] = ()
    starts: Sequence[Start] = ()
    links: Sequence[tuple[str, str]] = ()
    not_in: Sequence[str] = field(default=())
    refresh: int | None = None

    def answer(self, request: Request, template: str = "finding.html", status: int = 200, **more: Any) -> Response:  # noqa: ANN401  # as templates show
        """The page, or its table as a file where the address asks for one.

        Args:
            request: the request.
            template: the page's template, where it shows more than a finding.
            status: the status of the answer.
            more: what else the template shows.
        """
        file = None if self.table is None else asked_file(request, self.table)
        if file is not None:
            return file
        chosen = "".join(f"{name}={value}&" for name, value in request.query_params.items() if name != "as")
        starts = [each for each in self.starts if may(request, "POST", f"/v1/{each.address}")]
        return page(
            template,
            request,
            status,
            title=self.title,
            tab_title=": ".join([self.title, *(words for _, words, is_this in self.tabs if is_this)]),
            it=self,
            starts=starts,
            query=chosen,
            once=new_once(),
            refresh=self.refresh,
            **more,
        )


def years_select(years: Sequence[str], chosen: str) -> list[Select]:
    """The choice of a year."""
    return [Select("year", "Year", tuple((year, year) for year in years), chosen)] if len(years) > 1 else []


def view_tabs(shows: dict[str, str], shown: str, rest: str = "") -> list[Tab]:
    """Views of one page, by the word in its address."""
    return [(f"?show={name}{rest}", words, name == shown) for name, words in shows.items()]


__all__ = ["Finding", "Start", "Tab", "view_tabs", "years_select"]
