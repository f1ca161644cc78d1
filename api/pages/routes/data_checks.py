"""Data checks: whether the inputs can be trusted. Every fault and note of the data pack, its sources, and figures that end."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import ask, caller_of, service_of
from api.pages.findings import Finding, view_tabs
from api.pages.tables import PageTable
from api.service.records.pack import Pack
from api.service.security.visibility import sees_everything
from capitation.errors import CapitationError
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.run.checks import check_pack
from capitation.run.unread import assumed_index_notes, unread_faults, unread_notes
from optimiser.links.stale import stale_problems

log = logging.getLogger("capitation.pages")

VIEWS = {"checks": "Checks", "sources": "Sources", "ends": "Figures that end"}
_MOST_KEPT = 4


@dataclass
class WorkedChecks:
    """Checks of one data pack, worked out beside the server."""

    rows: list[dict[str, str]] = field(default_factory=list)
    is_over: bool = False
    went_wrong: str = ""


_worked: OrderedDict[str, WorkedChecks] = OrderedDict()
_lock = threading.Lock()


def data_checks(request: Request) -> Response:
    """The checks of the data pack in use, or of another that is named."""
    ask(request, "/v1/data-packs")
    service = service_of(request)
    named = request.query_params.get("pack", "")
    pack = service.packs.named(named) if named else service.pack
    opened = pack.opened()
    show = request.query_params.get("show", "checks")
    show = show if show in VIEWS else "checks"
    about = ask(request, f"/v1/data-packs/{pack.digest}").content
    facts = [("Data pack", str(about["title"]), f"/data-packs/{pack.digest}"), ("Version", str(about["version"]), ""), ("Checksum", pack.digest[:16], ""),
             ("Files", f"{len(pack.paths):,}", ""), ("Status", "in use" if about.get("is_default") else "sent, not the default", "")]  # fmt: skip
    if show == "checks" and not sees_everything(caller_of(request), service.system):
        show = "sources"  # a fault may name numbers of practices
    table, lead, drivers = {"sources": _sources, "ends": _ends}.get(show, _checks)(opened, pack)
    keep = (("show", show), *((("pack", named),) if named else ()))
    found = Finding(
        "Can the inputs be trusted", lead, facts, drivers, tabs=view_tabs(VIEWS, show, f"&pack={named}" if named else ""), keep=keep, table=table,
        links=[("/data-packs", "All data packs"), ("/assumptions", "What is assumed, and on whose authority")],
        not_in=["A check finds contradictions and departures from a source's format; whether a source is right is for its owner to say.", str(about.get("licence", ""))], refresh=3 if show == "checks" and not _of(pack, opened).is_over else None,
    )  # fmt: skip
    return found.answer(request)


def _of(pack: Pack, opened: DataPack) -> WorkedChecks:
    with _lock:
        known = _worked.get(pack.digest)
        if known is None:
            known = _worked[pack.digest] = WorkedChecks()
            threading.Thread(target=_work, args=(known, opened), daemon=True).start()
        _worked.move_to_end(pack.digest)
        while len(_worked) > _MOST_KEPT:
            _worked.popitem(last=False)
    return known


def _work(worked: WorkedChecks, pack: DataPack) -> None:
    """Every fault and note, as `capitation check` finds them."""
    try:
        for fault in dict.fromkeys([*check_pack(pack), *unread_faults(pack)]):
            says = f"found {fault.found}; expected {fault.expected}. {fault.remedy}".strip()
            worked.rows.append({"result": "fail", "where": fault.where, "says": says})
        notes = [
            *unread_notes(pack),
            *assumed_index_notes(pack),
            *stale_problems(pack),
        ]
        worked.rows += [{"result": "to know", "where": "", "says": note} for note in notes]
    except CapitationError as error:
        worked.went_wrong = error.message
    except Exception:
        log.exception("the checks of a data pack met a fault")
        worked.went_wrong = "the service's logs say why"
    finally:
        worked.is_over = True


def _checks(opened: DataPack, pack: Pack) -> tuple[PageTable, str, list[str]]:
    worked = _of(pack, opened)
    fails = sum(row["result"] == "fail" for row in worked.rows)
    rows = pl.DataFrame(worked.rows, schema={"result": pl.String, "where": pl.String, "says": pl.String})
    table = PageTable(
        "What the checks found",
        rows,
        {"result": "Result", "where": "Where", "says": "What"},
        name=f"checks-{pack.digest[:12]}",
    )
    if not worked.is_over:
        return replace(table, headings={}), "The checks are running; this page looks again by itself.", []
    if worked.went_wrong:
        return table, f"The checks could not be carried out: {worked.went_wrong}.", []
    count = len(opened.sources)
    lead = (
        f"No fault was found in the {len(pack.paths):,} files from {count} sources."
        if not fails
        else f"{fails} fault{'s' if fails > 1 else ''} found: do not rely on results until they are corrected."
    )
    drivers = [f"{len(rows) - fails} notes say what to bear in mind."] if len(rows) > fails else []
    return table, lead, drivers


def _sources(opened: DataPack, pack: Pack) -> tuple[PageTable, str, list[str]]:
    rows = []
    for name, source in sorted(opened.sources.items()):
        says = {key: str(getattr(source, key, "") or "") for key in ("title", "publisher", "published", "licence")}
        rows.append({"source": name, **says, "published": _dated(says["published"])})
    frame = pl.DataFrame(rows) if rows else pl.DataFrame()
    heads = {
        "title": "Source",
        "publisher": "Published by",
        "published": "Published",
        "licence": "Licence",
    }
    shown = {n: w for n, w in heads.items() if n in frame.columns and frame[n].str.len_chars().max()}
    table = PageTable("Where the figures come from", frame, shown, name=f"sources-{pack.digest[:12]}")
    return table, f"The figures come from {len(rows)} sources, each kept with its checksum.", []


def _dated(text: str) -> str:
    """The day or month in which something was published, in words where it is written as a date."""
    for pattern, words in (("%Y-%m-%d", "%-d %B %Y"), ("%Y-%m", "%B %Y")):
        try:
            return dt.datetime.strptime(text, pattern).strftime(words)  # noqa: DTZ007  # a day has no hour
        except ValueError:
            continue
    return text


def _ends(opened: DataPack, pack: Pack) -> tuple[PageTable, str, list[str]]:
    found = Parameters(opened)
    rows = []
    for name in found:
        each = found.parameter(name)
        rows.append(
            {
                "name": name,
                "about": each.about,
                "since": str(each.values[-1].since),
                "until": str(each.retired or ""),
                "owner": each.owner or "",
                "quality": each.quality or "published",
            }
        )
    frame = pl.DataFrame(rows).sort(pl.col("until") == "", "until", "name") if rows else pl.DataFrame()
    heads = {
        "about": "Figure",
        "since": "Newest value from",
        "until": "Ends with",
        "owner": "Owner",
        "quality": "Evidence",
        "name": "Name",
    }
    table = PageTable(
        "Dated figures, soonest to expire first", frame, heads if rows else {}, name=f"figures-{pack.digest[:12]}"
    )
    ending = sum(bool(row["until"]) for row in rows)
    return (
        table,
        f"{ending or 'None'} of the {len(rows)} dated figures {'ends' if ending == 1 else 'end'} at a known date; the others apply until a newer value is added.",
        [],
    )


ROUTES = [Route("/data-checks", data_checks)]
