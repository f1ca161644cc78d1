"""Lists of what was made and asked for: what each entry is of, in words, how far it may be relied on, and how to make the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import ask, may, new_once, service_of
from api.pages.outcomes import asked_of, families, made_of, said_kind, stale_reasons
from api.pages.rendering import by_whom, page, page_address
from api.pages.seen import approved_words
from api.pages.tables import PageTable, asked_file, said_moment
from api.service.kinds import BY_ADDRESS, KINDS
from api.service.records.job_kind import JobKind
from api.service.runtime.service import Service
from capitation.records.identity import plain

_LOOKED = 1_000
"""Stored entries that are looked through for the newest."""

_LISTED = 200

_Faults = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Listed:
    """What a list is of.

    Args:
        title: its title.
        about: what its entries are, in a sentence.
        asks: fields of the form that makes one: documents, a family of terms, or a count of draws.
        begin: words of its button; none where it is made elsewhere.
        elsewhere: where one is made, and words.
    """

    title: str
    about: str
    asks: tuple[str, ...] = ()
    begin: str = ""
    elsewhere: tuple[tuple[str, str], ...] = ()


LISTS = {
    "runs": Listed("Runs", "A run works out a scenario: who gets how much, and why.", ("scenario",), "Start the run", (("/runs/compare", "Set runs beside each other"),)),
    "comparisons": Listed("Contract options that were compared", "A comparison says what each organisation is left with under each contract option.", ("options",), "Compare the options"),
    "party-chances": Listed("How likely each party is to miss its total", "Drawn years say how likely each organisation is to miss its total under each contract option.", ("options", "draws"), "Draw the years"),
    "chances": Listed("How likely localities are to spend over their plans", "Drawn years say what chance alone does to the spend of each locality.", ("scenario", "draws"), "Draw the years"),
    "optimisations": Listed("Mixes of investments", "A mix says which investments to make, where and when, and what that is worth.", ("problem",), "Find the best mix", (("/investment", "What should be invested in"),)),
    "simulations": Listed("Mixes of investments in doubt", "Drawn effects and delivery say what a mix is worth if it does not turn out as planned.", ("problem", "draws"), "Draw its effects and delivery"),
    "futures": Listed("Mixes of investments in other futures", "Named futures say what the planned mix is worth if things come differently.", ("problem",), "Play its futures"),
    "designs": Listed("Designed terms", "A design seeks the terms of a family of contracts that leave the strongest incentive while everybody can bear what chance does to it.", ("scenario", "family", "draws"), "Design the terms"),
    "plans": Listed("Whole plans", "A plan puts a scenario, contract options and a mix of investments together: where every organisation ends.", ("scenario", "options", "problem"), "Work out the plan"),
    "differences": Listed("Differences between two runs", "Which figures of two runs differ, row by row.", (), "", (("/runs/compare", "Set runs beside each other"),)),
    "exports": Listed("Workbooks", "Results put into workbooks.", (), "", (("/runs", "Open a run: its page has the workbook"),)),
}  # fmt: skip
"""Lists of results by the word of their addresses."""

_SELECTS = {"scenario": ("Scenario", "scenarios"), "options": ("Contract options", "options"), "problem": ("What may be invested in", "problems")}  # fmt: skip
FIELDS = {"family": "Family of terms", "draws": "Number of draws", "rows": "Rows", "contract": "Contract", **{n: w for n, (w, _) in _SELECTS.items()}}  # fmt: skip
"""What fields of the forms are called."""

_DONE = {"create": "made", "change": "changed", "delete": "taken away", "done": "done", "failed": "failed"}

_STATUS = {"queued": "waiting", "running": "at work", "done": "done", "failed": "failed", "cancelled": "cancelled"}


def results(request: Request) -> Response:
    """The results of a kind, the newest first."""
    return results_page(request, request.url.path.strip("/"), {}, ())


def results_page(request: Request, address: str, typed: Mapping[str, str], faults: _Faults, status: int = 200) -> Response:  # fmt: skip
    """The results of a kind, with what was typed into the form of the list where that was refused."""
    ask(request, f"/v1/{address}", {"limit": "1"})
    service, kind, words = service_of(request), BY_ADDRESS[address], LISTS[address]
    frame = pl.DataFrame(_rows(request, service, kind), infer_schema_length=None)
    heads = {"what": words.title if address != "runs" else "Run of", "status": "Status", "made": "Made", "by": "By"} if frame.height else {}  # fmt: skip
    table = PageTable(f"{words.title}, newest first", frame, heads, {"what": lambda row: str(row["page"])}, name=address)  # fmt: skip
    file = None if faults else asked_file(request, table)
    if file is not None:
        return file
    can_begin = bool(words.begin) and may(request, "POST", f"/v1/{address}")
    return page(
        "list.html", request, status, title=words.title, lead=_count(frame.height, words), table=table, address=address, begin=words.begin,
        elsewhere=words.elsewhere, fields=_fields(request, kind, words, typed) if can_begin else (), can_begin=can_begin, once=new_once(), faults=faults,
        by_path={path: said for path, said in faults if path}, href=f"/v1/{address}",
    )  # fmt: skip


def _count(count: int, words: Listed) -> str:
    said = "There is none yet." if not count else ("There is one." if count == 1 else f"There are {count}.")
    return f"{words.about} {said if count < _LISTED else f'The newest {_LISTED} are listed.'}"


def _rows(request: Request, service: Service, kind: JobKind[Any]) -> list[dict[str, str]]:
    last = service.store.newest(kind.name)
    if last is None:
        return []
    stored = service.store.results(kind.name, max(0, last.seq - _LOOKED), _LOOKED)[-_LISTED:]
    found = []
    for each in reversed(stored):
        asked = asked_of(service, each)
        status = approved_words(service, kind.name, each.id, "not approved")
        if stale_reasons(service, asked, str(asked.get("data_pack") or "")):
            status += ", stale"
        found.append(
            {
                "what": made_of(request, asked, kind.name),
                "status": status,
                "made": said_moment(each.created),
                "by": each.author,
                "id": each.id,
                "page": f"/{kind.address}/{each.id}",
            }
        )
    return found


def _fields(request: Request, kind: JobKind[Any], words: Listed, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of the form that makes a result: choices for documents, a number for draws."""
    found = []
    for name in words.asks:
        choices: list[tuple[str, str]] = []
        if name in _SELECTS:
            items = ask(request, f"/v1/{_SELECTS[name][1]}", {"limit": "1000"}).content["items"]
            choices = [(str(each["id"]), str(each["title"])) for each in items]
        elif name == "family":
            choices = list(families(service_of(request).pack).items())
        default = "" if choices else str(kind.request.model_fields[name].default)
        found.append({"name": name, "label": FIELDS[name], "choices": choices, "value": typed.get(name, default)})
    return found


def jobs(request: Request) -> Response:
    """What was asked for, the newest first: how far it is, and where its result stands."""
    items = ask(request, "/v1/jobs", {"limit": "1000"}).content["items"]
    rows = []
    for each in reversed(items):
        stored = service_of(request).store.job(each["id"])
        asked = {} if stored is None else plain(stored.request)
        of = made_of(request, asked, each["kind"])
        rows.append(
            {
                "what": f"{said_kind(each['kind'])}: {of}",
                "status": _STATUS.get(each["status"], each["status"]),
                "author": each["author"],
                "created": each["created"],
                "result": "its result" if each["result"] else None,
                "why": _why(each),
                "id": each["id"],
                "page": f"/jobs/{each['id']}",
                "at": page_address(each["result"] or ""),
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    heads = {"what": "What", "status": "Status", "author": "Asked for by", "created": "When", "result": "Result"}
    waiting = sum(row["status"] in {"waiting", "at work"} for row in rows)
    said = f"{waiting} of {len(rows)} {'are' if waiting != 1 else 'is'} still to be done." if waiting else ("All of it is done." if rows else "Nothing has been asked for yet.")  # fmt: skip
    links = {"what": lambda row: str(row["page"]), "result": lambda row: str(row["at"])}
    return _plain(request, "Jobs", f"What somebody asked this service to work out. {said}", PageTable("Jobs, newest first", frame, heads if rows else {}, links, name="jobs"))  # fmt: skip


def _why(job: Mapping[str, Any]) -> str | None:
    """Why a job failed, in the words of its faults."""
    problem = job.get("problem")
    if not isinstance(problem, Mapping):
        return None
    faults = [f"{f['where']}: found {f['found']}; expected {f['expected']}" for f in problem.get("faults") or ()]
    return ". ".join([str(problem["title"]), *(faults or [str(problem.get("detail") or "")])]).rstrip(". ") + "."


def approvals(request: Request) -> Response:
    """What was approved, by whom, and whether that still stands; the newest first."""
    items = ask(request, "/v1/approvals", {"limit": "1000"}).content["items"]
    rows = []
    for each in reversed(items):
        taken = f"withdrawn by {each['withdrawn_by']}: {each['reason']}" if each.get("withdrawn") else "stands"
        rows.append(
            {
                "what": _result_words(request, each["result"]),
                "approved_by": each["approved_by"],
                "approved": each["approved"],
                "made_by": each["made_by"],
                "note": each["note"],
                "state": taken,
                "id": each["id"],
                "page": page_address(each["result"]),
            }
        )
    heads = {"what": "What", "approved_by": "Approved by", "approved": "When", "made_by": "Made by", "note": "Note", "state": "Now"}  # fmt: skip
    table = PageTable("Approvals, newest first", pl.DataFrame(rows, infer_schema_length=None), heads if rows else {}, {"what": lambda row: str(row["page"])}, name="approvals")  # fmt: skip
    said = f"{len(rows)} given." if rows else "None has been given yet: open a result, and approve it there."
    return _plain(
        request, "Approvals", f"Who approved which result; nobody approves what they made themselves. {said}", table
    )


def _result_words(request: Request, href: str) -> str:
    """A result in words, by its address under /v1."""
    address, _, name = href.removeprefix("/v1/").partition("/")
    service, kind = service_of(request), BY_ADDRESS.get(address)
    stored = None if kind is None else service.store.result(kind.name, name)
    if kind is None or stored is None:
        return f"{address} {name[:16]}"
    return f"{said_kind(kind.name)}: {made_of(request, asked_of(service, stored), kind.name)}"


def journals(request: Request) -> Response:
    """The journals that were made, the newest first."""
    items = ask(request, "/v1/journals", {"limit": "1000"}).content["items"]
    rows = [
        {
            "what": _journal_words(request, each),
            "period": each["period"],
            "kind": each["kind"],
            "lines": each["lines"],
            "debit_total_pence": round(float(each["debit_total"]) * 100),
            "created": each.get("created"),
            "id": each["id"],
            "page": f"/journals/{each['id']}",
        }
        for each in reversed(items)
    ]
    heads = {"what": "Journal of", "period": "Period", "kind": "Kind", "lines": "Lines", "debit_total_pence": "Debits, and as much in credits", "created": "Made"}  # fmt: skip
    heads = {n: w for n, w in heads.items() if n != "created" or any(row["created"] for row in rows)}
    table = PageTable("Journals, newest first", pl.DataFrame(rows, infer_schema_length=None), heads if rows else {}, {"what": lambda row: str(row["page"])}, name="journals")  # fmt: skip
    said = (
        f"{len(rows)} made so far." if rows else "None has been made yet: open an approved run or settlement, and make it there."
    )  # fmt: skip
    return _plain(request, "Journals", f"A journal is what an approved result means for the ledger. {said}", table)


def _journal_words(request: Request, each: Mapping[str, Any]) -> str:
    service = service_of(request)
    for name in ("run", "settlement"):
        stored = service.store.result(name, each["result"])
        if stored is not None:
            return made_of(request, asked_of(service, stored), name)
    return str(each["organisation"])


def data_packs(request: Request) -> Response:
    """The data packs, and which of them is in use."""
    items = ask(request, "/v1/data-packs", {"limit": "1000"}).content["items"]
    rows = [{**each, "is_default": "in use" if each["is_default"] else "kept", "author": by_whom(each["author"]), "page": page_address(each["href"])} for each in items]  # fmt: skip
    flat = [{k: v for k, v in row.items() if isinstance(v, str | int) or v is None} for row in rows]
    heads = {"title": "Data pack", "version": "Version", "is_default": "Now", "author": "By", "created": "Sent", "about": "What it is", "licence": "Licence"}  # fmt: skip
    frame = pl.DataFrame(flat, infer_schema_length=None)
    table = PageTable("Data packs", frame, {n: w for n, w in heads.items() if n in frame.columns}, {"title": lambda row: str(row["page"])}, name="data-packs")  # fmt: skip
    return _plain(request, "Data packs", "A data pack is the figures that runs are worked out from, each with its source.", table, "data-packs")  # fmt: skip


def audit(request: Request) -> Response:
    """Who did what and when, the newest first."""
    items = ask(request, "/v1/audit", {"limit": "1000"}).content["items"]
    rows = []
    for each in reversed(items):
        happened = each["event"]
        what, _, done = str(happened.get("action", "")).partition(".")
        rows.append(
            {
                "number": each["number"],
                "at": str(happened.get("at", "")),
                "actor": by_whom(str(happened.get("actor", ""))),
                "organisation": str(happened.get("organisation", "")),
                "done": f"{what.replace('-', ' ')}: {_DONE.get(done, done)}",
                "subject": str(happened.get("subject", "")),
                "outcome": str(happened.get("outcome", "")),
                "detail": ", ".join(f"{k} {v}" for k, v in (happened.get("detail") or {}).items()),
            }
        )
    heads = {
        "at": "When",
        "actor": "Who",
        "organisation": "Of",
        "done": "What",
        "subject": "On what",
        "outcome": "Outcome",
    }
    table = PageTable("What was done, newest first", pl.DataFrame(rows, infer_schema_length=None), heads if rows else {}, name="audit")  # fmt: skip
    said = "Every change is recorded here, each line sealed with the checksum of the line before it."
    return _plain(request, "Audit", said, table)


def _plain(request: Request, title: str, lead: str, table: PageTable, word: str = "") -> Response:
    """A list that is read only."""
    file = asked_file(request, table)
    if file is not None:
        return file
    return page(
        "list.html", request, title=title, lead=lead, table=table, address="", begin="", elsewhere=(), fields=(), can_begin=False, once="", faults=(),
        by_path={}, href=f"/v1/{word or title.lower()}",
    )  # fmt: skip


ROUTES = [
    *(Route(f"/{kind.address}", results, methods=["GET"]) for kind in KINDS.values() if kind.address in LISTS),
    Route("/data-packs", data_packs, methods=["GET"]),
    Route("/audit", audit, methods=["GET"]),
    Route("/jobs", jobs),
    Route("/approvals", approvals, methods=["GET"]),
    Route("/journals", journals, methods=["GET"]),
]
