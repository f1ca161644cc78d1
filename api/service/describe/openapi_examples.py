"""Examples of what each operation takes and gives, made as the service makes it: documents that ship, rows with their money.

A model's example is made of those of its fields (`examples.py`). What is written here is what no model says: one row of a
table, the content of a result of each kind, a document of each kind, and a log whose chain holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from api.service.describe.catalogue_schemas import json_schema
from api.service.documents.kinds import DOCUMENT_KINDS, DocumentKind, shipped_documents, title_of
from api.service.http.etags import strong
from api.service.http.negotiation import CSV, JSON, NDJSON, rendered
from api.service.kinds import KINDS
from api.service.records.examples import example_of
from api.service.records.pack import pack_at
from api.service.security.audit import AuditEvent, Head, export_text, link, no_head
from api.service.views.journals import JournalContent
from api.service.views.models import DocumentHead, JobView, ResultHead, ResultView
from capitation.records.identity import digest


def rows_of(kind: str) -> dict[str, Any]:
    """Rows of a table of a result, in each format that people can read."""
    row = KINDS[kind].example.row
    frame = pl.DataFrame([row])
    texts = {media: rendered(frame, media).decode() for media in (NDJSON, CSV)}
    return {JSON: json.loads(rendered(frame, JSON)), **texts}


def result_of(kind: str) -> dict[str, Any]:
    """A result with its content."""
    shown = KINDS[kind].example
    href = f"/v1/{KINDS[kind].address}/{shown.id}"
    frames = {shown.table: f"{href}/frames/{shown.table}"} if shown.table else {}
    made = {"id": shown.id, "href": href, "content": dict(shown.content), "frames": frames}
    return {**example_of(ResultView), **made}


def results_of(kind: str) -> dict[str, Any]:
    """A page of results."""
    head = {name: value for name, value in result_of(kind).items() if name in ResultHead.model_fields}
    return {"items": [head], "next": None}


def job_of(kind: str, *, is_done: bool) -> dict[str, Any]:
    """A job of a kind: one that was just asked for, or one that is done."""
    result = f"/v1/{KINDS[kind].address}/{KINDS[kind].example.id}" if is_done else None
    waiting = {} if is_done else {"status": "queued", "attempts": 0, "changed": "2018-03-28T14:00:00Z"}
    return {**example_of(JobView), "kind": kind, "result": result, **waiting}


@dataclass(frozen=True)
class ShownDocument:
    """A document of one kind, as examples show it."""

    id: str
    digest: str
    content: dict[str, Any]
    head: dict[str, Any]

    @property
    def page(self) -> dict[str, Any]:
        """A list that holds it."""
        return {"items": [self.head], "next": None}

    @property
    def tag(self) -> str:
        """Its ETag."""
        return strong(self.digest)


@cache
def document_of(plural: str) -> ShownDocument:
    """The smallest document of a kind that ships."""
    noun: DocumentKind = DOCUMENT_KINDS[plural]
    shipped = shipped_documents(noun, pack_at(None))
    name, text = min(shipped.items(), key=lambda each: (len(each[1]), each[0]))
    content = json.loads(text)
    named = {"id": name, "title": title_of(content), "digest": digest(text), "href": f"/v1/{plural}/{name}"}
    return ShownDocument(name, digest(text), content, {**example_of(DocumentHead), **named})


def journal_texts() -> dict[str, Any]:
    """A journal with its lines in each format."""
    content = example_of(JournalContent)
    lines = [{"journal_id": content["journal_id"], **line} for line in content["lines"]]
    return {JSON: content, CSV: pl.DataFrame(lines, infer_schema_length=None).write_csv()}


def audit_texts() -> dict[str, Any]:
    """A page of the audit log, and the whole of it as a file."""
    record = link(no_head(), AuditEvent(**example_of(AuditEvent)))
    head = Head(number=record.number, sha256=record.sha256)
    page = {"items": [record.model_dump()], "head": head.model_dump(), "next": None}
    return {JSON: page, NDJSON: "".join(export_text([record], head))}


def verdict() -> dict[str, Any]:
    """What walking that log finds."""
    page = audit_texts()[JSON]
    return {"records": len(page["items"]), "head": page["head"], "broken": None}


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario, with the first of its fields only."""
    whole = json_schema("scenario")
    first = next(iter(whole["properties"]))
    kept = {name: whole[name] for name in ("$schema", "title", "description", "type", "additionalProperties")}
    return {**kept, "required": [first], "properties": {first: whole["properties"][first]}}
