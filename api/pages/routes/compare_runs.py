"""Two to six runs beside each other: what differs, against the first of them."""

from __future__ import annotations

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.exports.localities import localities
from api.pages.asking import service_of
from api.pages.rendering import page
from api.pages.seen import SeenRun, run_of
from api.pages.tables import PageTable, asked_file
from api.service.views.models import moment
from capitation.errors import Fault
from capitation.money.pence import board_text

FEWEST, MOST = 2, 6
_LISTED = 30
_SAME = 100


def compare(request: Request) -> Response:
    """The runs that are chosen beside each other, or the list to choose from."""
    chosen = list(dict.fromkeys(request.query_params.getlist("run")))
    listed = _listed(request)
    faults = []
    if chosen and not FEWEST <= len(chosen) <= MOST:
        faults = [("runs", f"Runs: found {len(chosen)}; expected {FEWEST} to {MOST}")]
    seen = [run_of(request, name) for name in chosen] if chosen and not faults else []
    year, table, lead = (
        "",
        None,
        f"Choose {FEWEST} to {MOST} runs; the others are compared with the first in the list.",
    )
    if seen:
        years = [each for each in seen[0].years if all(each in other.years for other in seen)]
        asked = request.query_params.get("year", "")
        need = seen[0].year(None)
        year = asked if asked in years else (need if need in years else next(iter(years), ""))
        if year:
            table, lead = _differences(seen, year)
            file = asked_file(request, table)
            if file is not None:
                return file
        else:
            faults = [("runs", str(Fault("runs", "no year that all of them have", "runs that share a year")))]
    query = "".join(f"run={name}&" for name in chosen) + (f"year={year}&" if year else "")
    missing = sorted({line for each in seen for line in each.not_in})
    return page("compare_runs.html", request, 422 if faults else 200, title="Which run, and why not the others", lead=lead, listed=listed, chosen=chosen, faults=faults,
                seen=seen, table=table, query=query, year=year, not_in=missing, years=seen[0].years if seen else ())  # fmt: skip


def _listed(request: Request) -> list[tuple[str, str]]:
    """The newest runs: id, and words."""
    store, found = service_of(request).store, []
    last = store.newest("run")
    if last is None:
        return []
    for each in reversed(store.results("run", max(0, last.seq - 10 * _LISTED), 10 * _LISTED)):
        seen = run_of(request, each.id)
        found.append(
            (
                each.id,
                f"{seen.title}, {moment(each.created).strftime('%-d %B %Y, %H:%M')} by {each.author}, {seen.status}",
            )
        )
        if len(found) == _LISTED:
            break
    return found


def _headlines(seen: SeenRun, year: str) -> list[tuple[str, int | None, str]]:
    """Headlines of a run: what each is, pence, and words beside it."""
    rows = localities(seen.run, year)
    found: list[tuple[str, int | None, str]] = []
    if rows.height:
        worst = rows.sort("distance", nulls_last=True).row(0, named=True)
        found.append(("Money of all localities", int(rows["total_pence"].sum()), ""))
        found.append(("Furthest under target", int(worst["gap_pence"] or 0), str(worst["name"])))
    paid = seen.run.frames.get("provider_allocation", pl.DataFrame())
    if paid.height and seen.is_whole:
        found.append(("Paid on to providers", int(paid.filter(pl.col("year") == year)["allocation_pence"].sum()), ""))
    ledger = seen.run.frames.get("ledger", pl.DataFrame())
    if ledger.height:
        steps = ledger.filter((pl.col("year") == year) & (pl.col("subject_kind") == "system"))
        found += [(str(name), int(pence), "") for name, pence in steps.select("name", "amount_pence").iter_rows()]
    bridge = seen.run.frames.get("bridge", pl.DataFrame())
    if bridge.height:
        last = str(bridge["year"].max())
        lines = bridge.filter((pl.col("year") == last) & (pl.col("level") == "system"))
        for line in ("derived_do_nothing", "left"):
            mine = lines.filter(pl.col("line") == line)
            if mine.height:
                found.append((f"{mine['title'][0]}, {last}", int(mine["amount_pence"].sum()), ""))
    return found


def _differences(seen: list[SeenRun], year: str) -> tuple[PageTable, str]:
    """A row for whatever differs between the runs, and the headline of it."""
    measures: dict[str, list[tuple[int | None, str]]] = {}
    for number, each in enumerate(seen):
        rows = localities(each.run, year)
        money = [
            *_headlines(each, year),
            *((str(n), int(p), "") for n, p in rows.select("name", "total_pence").iter_rows()),
        ]
        for name, pence, words in money:
            measures.setdefault(name, [(None, "")] * len(seen))[number] = (pence, words)
    titles = [f"{each.title} ({each.id[:8]})" for each in seen]
    made, moved = [], []
    for name, cells in measures.items():
        first = cells[0]
        if all(_is_same(cell, first) for cell in cells[1:]):
            continue
        moved.append((max(abs((pence or 0) - (first[0] or 0)) for pence, _ in cells[1:]), name))
        made.append(
            {
                "what": name,
                **{
                    title: _cell(cell, first, is_first=not n)
                    for n, (title, cell) in enumerate(zip(titles, cells, strict=True))
                },
            }
        )
    same = len(measures) - len(made)
    if not made:
        lead = f"The {len(seen)} runs say the same of all {same} figures of {year}."
    else:
        most, name = max(moved)
        words = f"{name}, by {board_text(most)}"
        rest = "The others are the same and not shown."
        lead = f"{len(made)} of {len(measures)} figures of {year} {'differs: ' + words if len(made) == 1 else 'differ; most does ' + words}. {rest}"
    frame = pl.DataFrame(made) if made else pl.DataFrame()
    heads = {"what": "What differs", **{title: title for title in titles}} if made else {}
    return PageTable(f"What differs in {year}, against {seen[0].title}", frame, heads, name="compared-runs"), lead


def _is_same(cell: tuple[int | None, str], first: tuple[int | None, str]) -> bool:
    return (
        abs((cell[0] or 0) - (first[0] or 0)) < _SAME
        and cell[1] == first[1]
        and (cell[0] is None) == (first[0] is None)
    )


def _cell(cell: tuple[int | None, str], first: tuple[int | None, str], *, is_first: bool) -> str:
    pence, words = cell
    if pence is None:
        return "not in it"
    change = pence - (first[0] or 0)
    mark = "" if is_first or abs(change) < _SAME else f" {'▲' if change > 0 else '▼'} {board_text(abs(change))}"
    return f"{words + ' ' if words else ''}{board_text(pence)}{mark}"


ROUTES = [Route("/runs/compare", compare)]
