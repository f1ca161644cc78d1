"""Examples of what each operation takes and gives, made as the service makes it: documents that ship, rows with their money.

A model's example is made of those of its fields (`examples.py`). What is written here is what no model says: one row of a
table, the content of a result of each kind, a document of each kind, and a log whose chain holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from api.service.describe.catalogue_schemas import json_schema
from api.service.documents.kinds import NOUNS, Noun, shipped_documents, title_of
from api.service.http.etags import strong
from api.service.http.negotiation import CSV, JSON, NDJSON, rendered
from api.service.packs.packs import pack_at
from api.service.records.examples import example_of
from api.service.routes.journals import JournalContent
from api.service.security.audit import AuditEvent, Head, export_text, link, no_head
from api.service.views.models import (
    DIGEST_EXAMPLE,
    PACK_EXAMPLE,
    RESULT_PLACES,
    RUN_EXAMPLE,
    DocumentHead,
    JobView,
    ResultHead,
    ResultView,
)
from capitation.records.identity import digest


@dataclass(frozen=True)
class Shown:
    """A result of one kind, as examples show it: its id, its content, and one row of one of its tables, money in pence."""

    id: str
    content: Mapping[str, Any]
    table: str = ""
    row: Mapping[str, Any] | None = None


_MANIFEST = {
    "run_id": RUN_EXAMPLE,
    "engine_version": "0.1.0",
    "scenario": {"id": "blmk"},
    "inputs": {"pack.toml": DIGEST_EXAMPLE},
    "frames": {"allocation": {"columns": ["year", "allocation_pence"], "rows": 2720, "sha256": DIGEST_EXAMPLE}},
}

SHOWN: Mapping[str, Shown] = {
    "run": Shown(
        RUN_EXAMPLE,
        {"data_pack": PACK_EXAMPLE, "manifest": _MANIFEST},
        "allocation",
        {
            "year": "2018/19",
            "stream": "ccg",
            "level": "locality",
            "code": "L-U09531",
            "parent_code": "E06000056",
            "weight_micro": 41_828_844_810,
            "allocation_pence": 4_787_713_227,
        },
    ),
    "settlement": Shown(
        "efe80dc0bdd149a0cafc34abc2f96264",
        {
            "contract": "blmk-block",
            "contract_digest": DIGEST_EXAMPLE,
            "contract_version": "1",
            "outputs": {"block_pence": {"payee": "provider", "payer": "commissioner", "unit": "pence"}},
            "rows": 1,
            "statement": "issued",
        },
        "results",
        {
            "year": "2017/18",
            "commissioner": "06P",
            "provider": "RYV",
            "line": "community",
            "block_pence": 50_000_001,
        },
    ),
    "optimisation": Shown(
        "328652fe5e588f53f6100c6216399681",
        {"problem": "overlap_pair", "status": "optimal", "goal": "npv", "objective_gbp": "21000.00", "unit": "£"},
        "mix",
        {"solution": "hub", "place": "ALL", "start": "2020/21", "scale": 1.0},
    ),
    "simulation": Shown(
        "005faf5a0671474c5cc1e65c897ddb55",
        {"status": "optimal", "count": 1000, "seed": 20161021, "data_pack": PACK_EXAMPLE},
        "money",
        {
            "measure": "npv",
            "as_planned_pence": 2_100_000,
            "mean_pence": 2_043_112,
            "p10_pence": 1_512_040,
            "p50_pence": 2_050_975,
            "p90_pence": 2_561_208,
            "worst_pence": 903_377,
            "best_pence": 3_004_416,
        },
    ),
    "comparison": Shown(
        "6a721de127ec90b1",
        {"data_pack": PACK_EXAMPLE, "manifest": {**_MANIFEST, "run_id": "6a721de127ec90b1"}},
        "position",
        {
            "option": "blended",
            "activity_case": "plan-plus-5",
            "year": "2018/19",
            "role": "provider",
            "organisation_code": "RC1",
            "allocation_pence": 0,
            "income_pence": 18_204_551_260,
            "paid_pence": 0,
            "cost_pence": 18_612_309_471,
            "position_pence": -407_758_211,
            "plan_position_pence": 0,
            "change_pence": -407_758_211,
        },
    ),
    "export": Shown(
        "f101207ca3e8f573d28aaa70e5ac0465",
        {
            "file": f"{RUN_EXAMPLE}.xlsx",
            "format": "xlsx",
            "result": f"/v1/runs/{RUN_EXAMPLE}",
            "sha256": DIGEST_EXAMPLE,
            "size": 817_774,
        },
    ),
}
"""A result of each kind."""


def rows_of(kind: str) -> dict[str, Any]:
    """Rows of a table of a result, in each format that people can read."""
    row = SHOWN[kind].row
    frame = pl.DataFrame([row])
    texts = {media: rendered(frame, media).decode() for media in (NDJSON, CSV)}
    return {JSON: json.loads(rendered(frame, JSON)), **texts}


def result_of(kind: str) -> dict[str, Any]:
    """A result with its content."""
    shown = SHOWN[kind]
    href = f"/v1/{RESULT_PLACES[kind]}/{shown.id}"
    frames = {shown.table: f"{href}/frames/{shown.table}"} if shown.table else {}
    made = {"id": shown.id, "href": href, "content": dict(shown.content), "frames": frames}
    return {**example_of(ResultView), **made}


def results_of(kind: str) -> dict[str, Any]:
    """A page of results."""
    head = {name: value for name, value in result_of(kind).items() if name in ResultHead.model_fields}
    return {"items": [head], "next": None}


def job_of(kind: str, *, is_done: bool) -> dict[str, Any]:
    """A job of a kind: one that was just asked for, or one that is done."""
    result = f"/v1/{RESULT_PLACES[kind]}/{SHOWN[kind].id}" if is_done else None
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
    noun: Noun = NOUNS[plural]
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
