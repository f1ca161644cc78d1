"""Settlements and journals: rows typed or sent as a file, what the contract pays on them, the approval, and the lines for the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import Form, RefusedError, ask, form_of, may, new_once, service_of
from api.pages.findings import Finding
from api.pages.outcomes import asked_of, made_of, result_of
from api.pages.rendering import moved_to, page, page_address
from api.pages.routes.any_resource import resource
from api.pages.seen import approved_words, run_of
from api.pages.tables import ENDINGS, PageTable, asked_file, heading
from api.service.records.failures import ServiceError
from capitation.errors import CapitationError, Fault
from capitation.money.pence import board_text, pounds_text
from capitation.pack.tables import text_table
from capitation.records.identity import plain
from capitation.sentences import capital
from contracts.document.contract import parse_contract
from contracts.settlement.settle import settle

_TRIED = 2_000
"""Rows up to which a table is tried before it is sent to be settled."""

_POSITIONS = {"row": "Row", "account": "Account", "period": "Period", "term": "For", "party": "Party", "counterparty": "With", "amount_pence": "Receives, or pays below nothing"}  # fmt: skip
_STEPS = ("row", "step", "rule", "value_before", "value_after", "formula", "about")
_LINES = {"line_number": "Line", "organisation_code": "Ledger of", "counterparty_code": "With", "area_code": "Area", "service_code": "Service",
          "account_code": "Account", "debit": "Debit", "credit": "Credit", "description": "What for"}  # fmt: skip


def settlements(request: Request) -> Response:
    """Settlements made so far, and the form for a new one."""
    return _form(request, {"contract": request.query_params.get("contract", "")}, ())


def _form(request: Request, typed: Mapping[str, str], faults: Sequence[tuple[str, str]], status: int = 200) -> Response:
    items = ask(request, "/v1/settlements", {"limit": "1000"}).content["items"]
    contracts = sorted(
        ask(request, "/v1/contracts", {"limit": "1000"}).content["items"], key=lambda each: each["title"]
    )
    chosen = typed.get("contract", "")
    example = _example(request, chosen) if chosen in {each["id"] for each in contracts} else ""
    rows = pl.DataFrame([_listed(request, i) for i in reversed(items)])
    links = {"what": lambda row: page_address(str(row["href"]))}
    heads = {"what": "Settlement under", "status": "Status", "created": "Made", "author": "By"} if items else {}
    table = PageTable("Settlements, newest first", rows, heads, links, name="settlements")
    if not faults and (file := asked_file(request, table)) is not None:
        return file
    words = (
        f"{len(items)} settlement{'s' if len(items) != 1 else ''} made so far."
        if items
        else "Nothing has been settled here yet."
    )
    return page(
        "settlements.html", request, status, title="Settlements", lead=f"{words} A settlement says who owes whom under a contract; once it is approved, it becomes a journal.",
        table=table, contracts=contracts, typed={**typed, "rows": typed.get("rows") or example}, faults=faults, by_path={path: said for path, said in faults if path},
        may_settle=may(request, "POST", "/v1/settlements"), once=new_once(),
    )  # fmt: skip


def _listed(request: Request, item: Mapping[str, Any]) -> dict[str, str]:
    """A settlement in the list: under which contract, how far it may be relied on, when and by whom it was made."""
    service = service_of(request)
    stored = service.store.result("settlement", str(item["id"]))
    asked = {} if stored is None else asked_of(service, stored)
    return {
        "what": made_of(request, asked, "settlement"),
        "status": approved_words(service, "settlement", str(item["id"]), "not approved"),
        "created": item["created"],
        "author": item["author"],
        "id": item["id"],
        "href": item["href"],
    }


def _example(request: Request, name: str) -> str:
    """The headings of a contract's rows with those of its first worked case, as they are typed."""
    contract = parse_contract(ask(request, f"/v1/contracts/{name}").content, where=f"contract {name}")
    heads = [each.heading for each in contract.inputs]
    rows = [dict(row) for row in contract.cases[0].rows] if contract.cases else []
    heads = [*dict.fromkeys([*(key for row in rows for key in row), *heads])] if rows else heads
    return "\n".join([",".join(heads), *(",".join(str(row.get(head, "")) for head in heads) for row in rows)])


def settled(request: Request) -> Response:
    """Settle the rows that were typed or sent; what was typed is kept where something is wrong."""
    form = form_of(request)
    typed = {"contract": form.text("contract"), "rows": form.text("file") or form.text("rows")}
    try:
        body = {"contract": typed["contract"], "rows": _rows(request, form, typed["rows"])}
        reply = ask(request, "/v1/settlements", method="POST", body=body, headers=form.key)
    except RefusedError as error:
        found = [("contract" if "contract" in f["where"] else "rows", _say(f)) for f in error.problem.get("faults", ())]
        return _form(request, typed, found or [("rows", error.message)], int(error.problem["status"]))
    except CapitationError as error:
        found = [
            (
                "contract" if f.where == "contract" else "rows",
                f"{capital(f.where)}: found {f.found}; expected {f.expected}.",
            )
            for f in error.faults
        ]
        return _form(request, typed, found or [("rows", capital(error.message) + ".")], 422)
    return moved_to(page_address(reply.headers["location"]))


def _rows(request: Request, form: Form, text: str) -> list[dict[str, Any]]:
    """Rows of a pasted table; a short one is tried under the contract at once, so that what is wrong is said beside what was typed.

    Raises:
        ServiceError: no contract is chosen, or there are no rows, both at once.
        CapitationError: the table cannot be read, or its rows cannot be settled.
    """
    faults = []
    if not form.text("contract"):
        faults.append(Fault("contract", "nothing", "a contract of the list"))
    if not text.strip():
        faults.append(Fault("rows", "nothing", "a line of headings, and a line for each row"))
    if faults:
        raise ServiceError("invalid", "the settlement lacks what it is made from", faults)
    frame = text_table(text.encode(), "rows").frame
    if frame.height <= _TRIED:
        name = form.text("contract")
        settle(
            parse_contract(ask(request, f"/v1/contracts/{name}").content, where=f"contract {name}"), frame, where="rows"
        )
    return frame.to_dicts()


def _say(fault: Mapping[str, str]) -> str:
    where = fault["where"].removeprefix("request body: ")
    return f"{capital(where)}: found {fault['found']}; expected {fault['expected']}. {fault.get('remedy', '')}".strip()


def settlement(request: Request) -> Response:
    """A settlement: who owes whom, what it is made from, its approval and its journal."""
    return settlement_page(request, request.path_params["result"], {}, ())


def settlement_page(request: Request, result: str, typed: Mapping[str, str], faults: Sequence[tuple[str, str]], status: int = 200) -> Response:  # fmt: skip
    """A settlement, with what was typed into its forms where that was refused."""
    found = result_of(request, "settlements", result)
    content, service = found.content, service_of(request)
    stored = service.store.document("contract", str(content.get("contract", "")))
    title = str(plain(stored.content).get("title", "")) if stored is not None else str(content.get("contract", ""))
    positions = found.tables["positions"] if "positions" in found.tables else pl.DataFrame()
    positions = _with_names(request, positions, "party", "account")
    heads = {n: w for n, w in _POSITIONS.items() if n in positions.columns} or _headings(positions)
    table = PageTable("Who receives and who pays", positions, heads, name=f"settlement-{found.id[:16]}")
    results = found.tables["results"] if "results" in found.tables else pl.DataFrame()
    steps = found.tables["steps"] if "steps" in found.tables else pl.DataFrame()
    results = _with_names(request, results, "commissioner", "provider")
    steps = _with_names(request, steps)
    more = [
        PageTable("What the contract gives for each row", results, _headings(results)),
        PageTable("Every step", steps, {n: heading(n) for n in _STEPS if n in steps.columns}, most=60),
    ]
    approval = service.store.approval_of("settlement", found.id)
    facts = [("Contract", title, f"/contracts/{content.get('contract', '')}"), *found.facts[:-1],
             ("Status", approved_words(service, "settlement", found.id, "draft, not approved"), "")]  # fmt: skip
    statement = str(content.get("statement", "issued"))
    drivers = (
        [] if statement == "issued" else [f"A journal cannot be made of it: {statement.removeprefix('not issued: ')}."]
    )
    finding = Finding(
        "Settlement", _settled_words(positions, title, content), facts, drivers, found.stale, ("/settlements", "Settle again"), table=table,
        more=[each for each in more if each.frame.height], links=[("/settlements", "All settlements"), ("/journals", "Journals")],
        not_in=["What other contracts between the same parties pay, and what is due in other periods."],
    )  # fmt: skip
    return finding.answer(
        request, "settlement.html", status, approval=approval, result=f"/v1/settlements/{found.id}", what="settlement", years=(), typed=typed, faults=faults,
        by_path={path: said for path, said in faults if path}, can_approve=approval is None and may(request, "POST", "/v1/approvals"),
        can_post=may(request, "POST", "/v1/journals"),
    )  # fmt: skip


def _headings(rows: pl.DataFrame) -> dict[str, str]:
    return {name: heading(name) for name in rows.columns}


def _with_names(request: Request, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Rows with names of organisations and localities in place of codes, as the newest run has them; numbers of rows from 1."""
    if service_of(request).store.newest("run") is None:
        return rows
    seen = run_of(request)
    names = {code: name for kind in ("locality", "provider", "organisation") for code, name in seen.names(kind).items()}
    made = [pl.col(n).replace(names) for n in columns if n in rows.columns and rows.schema[n] == pl.String]
    return rows.with_columns(*made, *([pl.col("row") + 1] if "row" in rows.columns else []))


def _settled_words(positions: pl.DataFrame, title: str, content: Mapping[str, Any]) -> str:
    """What is paid under the contract, by whom to whom."""
    rows = content.get("rows")
    on = f" on {rows:,} row{'s' if rows != 1 else ''}" if isinstance(rows, int) else ""
    if "amount_pence" not in positions.columns or positions.is_empty():
        return f"{title} was settled{on}; the tables say what it gives."
    sums = positions.group_by("party").agg(pl.col("amount_pence").sum()).sort("amount_pence", "party")
    pays, gets = sums.row(0, named=True), sums.row(-1, named=True)
    if pays["amount_pence"] >= 0:
        return f"Under {title} nobody owes anybody anything{on}."
    whole = -int(sums.filter(pl.col("amount_pence") < 0)["amount_pence"].sum())
    return f"Under {title}, {board_text(whole)} is to be paid{on}; {pays['party']} pays most ({board_text(-pays['amount_pence'])}) and {gets['party']} receives most ({board_text(gets['amount_pence'])})."  # fmt: skip


def journal(request: Request) -> Response:
    """A journal: its lines, whether they balance, and its files for the ledger."""
    name = request.path_params["journal"]
    if name == "reconciliation":
        return resource(request)
    path, asked = f"/v1/journals/{name}", request.query_params.get("as", "")
    if asked == "csv":
        reply = ask(request, path, accept="text/csv")
        headers = {"Content-Disposition": f'attachment; filename="journal-{name}.csv"'}
        return Response(reply.body, headers=headers, media_type=ENDINGS["csv"])
    content = ask(request, path).content
    lines = pl.DataFrame(content["lines"], infer_schema_length=None)
    money = [pl.col(n).cast(pl.Decimal(38, 2)) for n in ("debit", "credit") if n in lines.columns]
    shown = _with_names(request, lines.with_columns(money), "organisation_code", "counterparty_code", "area_code")
    table = PageTable(
        "Lines of the journal", shown, {n: w for n, w in _LINES.items() if n in lines.columns}, name=f"journal-{name}"
    )
    if asked in ENDINGS:
        return table.download(asked)
    debit, credit = (_pence(lines, side) for side in ("debit", "credit"))
    lead = f"{lines.height:,} lines; debits and credits are £{pounds_text(debit)} each, so it balances."
    if debit != credit:
        lead = f"It does not balance: debits are £{pounds_text(debit)}, credits £{pounds_text(credit)}. Do not load it; send its id to whoever runs the service."
    of, page_of = _made_from(request, str(content.get("run_id", "")))
    head = [("Journal", name, ""), ("Made from", of, page_of), *_head(lines)]
    title = f"Journal of {of}, {content.get('period', '')}"
    return page("journal.html", request, title=title, lead=lead, table=table, head=head, href=path)


def _made_from(request: Request, result: str) -> tuple[str, str]:
    """What a journal was made from: in words, and its page."""
    store = service_of(request).store
    for kind, address in (("run", "runs"), ("settlement", "settlements")):
        stored = store.result(kind, result)
        if stored is not None:
            return made_of(request, asked_of(service_of(request), stored), kind), f"/{address}/{result}"
    return result[:16], ""


def _pence(lines: pl.DataFrame, side: str) -> int:
    return sum(int(Decimal(each) * 100) for each in lines[side].drop_nulls()) if side in lines.columns else 0


def _head(lines: pl.DataFrame) -> list[tuple[str, str, str]]:
    """The period of a journal, the day on which it is posted, and what it is."""
    first = lines.row(0, named=True) if lines.height else {}
    said = {"period": "Period", "accounting_date": "Accounting date", "kind": "Kind", "currency": "Currency"}
    return [(words, _day(str(first[name])), "") for name, words in said.items() if first.get(name)]


def _day(text: str) -> str:
    """A day such as 2018/03/31 in words; anything else as it is."""
    try:
        return dt.datetime.strptime(text, "%Y/%m/%d").strftime("%-d %B %Y")  # noqa: DTZ007  # a day has no hour
    except ValueError:
        return text


ROUTES = [
    Route("/settlements", settlements, methods=["GET"]),
    Route("/settlements", settled, methods=["POST"]),
    Route("/settlements/{result}", settlement),
    Route("/journals/{journal:str}", journal),
]
