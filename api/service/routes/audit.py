"""The audit log: who did what, each record chained to the one before, and whether the chain holds."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from api.service.http.negotiation import JSON, NDJSON, chosen
from api.service.http.paging import number_after, page_of
from api.service.records.api_models import ApiModel
from api.service.runtime.request import Cursor, Limit, ServiceDep
from api.service.runtime.service import Service
from api.service.security.audit import AuditRecord, Head, Verdict, export_text, verify_log
from api.service.views.respond import respond

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class AuditPage(ApiModel):
    """A page of the audit log."""

    items: list[AuditRecord]
    """Records by number."""
    head: Head
    """The end of the log; note it elsewhere to show later that nothing before it was rewritten."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get(
    "",
    response_model=AuditPage,
    responses={
        200: {
            "description": "A page as JSON, or the whole log as the file that `capitation audit verify` reads",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        }
    },
)
def list_audit_records(request: Request, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The audit log: a page as JSON, or whole as NDJSON with its head in the last line."""
    after = number_after(cursor)
    if chosen(request.headers.get("accept"), (JSON, NDJSON)) == NDJSON:
        return StreamingResponse(_lines(service), media_type=NDJSON, headers={"Vary": "Accept"})
    found = service.store.audit_records(after, limit + 1)
    items, following = page_of(found, limit, lambda each: each.number)
    page = AuditPage(items=list(items), head=service.store.head(), next=following)
    return respond(page, request, headers={"Vary": "Accept"})


@router.get("/verdict", response_model=Verdict)
def verify_audit(request: Request, service: ServiceDep) -> Response:
    """Walk the chain: how many records hold, and the first break if there is one."""
    return respond(verify_log(service.store), request)


def _lines(service: Service) -> Iterator[str]:
    """The log up to the head it has now; what is added meanwhile is left for the next export."""
    head = service.store.head()
    upto = (record for record in service.store.read() if record.number <= head.number)
    return export_text(upto, head)
