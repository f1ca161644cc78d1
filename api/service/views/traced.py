"""Results whose figures are traced: a run; a comparison, joined with the run of its scenario; a plan, which has the tables of both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from api.service.records.failures import ServiceError
from api.service.runtime.service import Service
from api.service.store import Result
from api.service.views.models import RunContent
from capitation.errors import CapitationError
from capitation.pack.sources import DataPack
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from capitation.run.evaluate import evaluate
from capitation.run.formulas import FORMULAS as OF_RUN
from capitation.run.run import MADE_ON, Run
from capitation.run.scenario import Scenario
from capitation.run.trace import Context
from contracts.options.formulas import FORMULAS as OF_OPTIONS
from contracts.options.formulas import Traceable, joined
from optimiser.links.plan_formulas import FORMULAS as OF_PLAN

KINDS_TRACED = ("run", "comparison", "plan")
"""Kinds of results whose figures can be traced, in the order in which an id is looked for."""


@dataclass(frozen=True)
class Traced:
    """A result whose figures can be traced."""

    kind: str
    """Its kind."""
    found: Traceable
    """What its figures are looked up in, and how each column is made."""
    made_on: str = ""
    """Id of the stored run that its further tables are of; empty where that run is not stored."""

    def table_of(self, result_id: str, table: str) -> tuple[str, str]:
        """The kind and the id of the stored result that has a table; no id where it is not stored."""
        return ("run", self.made_on) if table in self.found.of_run else (self.kind, result_id)


def traced(service: Service, result_id: str) -> Traced:
    """The result of an id, ready to be traced.

    Raises:
        ServiceError: there is no run, comparison or plan of that id.
    """
    for kind in KINDS_TRACED:
        result = service.store.result(kind, result_id)
        if result is not None:
            return _kept(service, kind, result_id, result.content)
    raise ServiceError("not-found", f"there is no run {result_id!r}, nor a comparison or plan")


@lru_cache(maxsize=4)
def _kept(service: Service, kind: str, result_id: str, content: str) -> Traced:
    """A result, whose indexes serve every figure of it."""
    made, pack = _loaded(service, kind, result_id, content)
    if kind == "run":
        return Traced(kind, Traceable(Context(made, pack), OF_RUN))
    if kind == "plan":
        return Traced(kind, Traceable(Context(made, pack), {**OF_PLAN, **OF_OPTIONS, **OF_RUN}))
    on = made.manifest.inputs.get(MADE_ON, "")
    stored = service.store.result("run", on)
    result = service.store.result(kind, result_id)
    base = _loaded(service, "run", on, stored.content)[0] if stored is not None else _again(service, result, pack, on)
    if base is None:
        return Traced(kind, Traceable(Context(made, pack), OF_OPTIONS))
    return Traced(kind, joined(made, base, pack), on if stored is not None else "")


def _loaded(service: Service, kind: str, result_id: str, content: str) -> tuple[Run, DataPack]:
    """A result with all of its tables, and the data pack it was made from."""
    said: dict[str, Any] = plain(content)
    head = RunContent.model_validate_json(json.dumps({name: said[name] for name in ("data_pack", "manifest")}))
    frames: dict[str, pl.DataFrame] = {}
    for name in head.manifest.frames:
        decoded = service.frame(kind, result_id, name)
        if decoded is None:
            raise ServiceError("not-found", f"{kind} {result_id} has no table {name!r}")
        frames[name] = decoded[0]
    return Run(head.manifest, frames), service.packs.named(head.data_pack).opened()


def _again(service: Service, result: Result | None, pack: DataPack, on: str) -> Run | None:
    """The run that a comparison was made on, made again; None where it cannot be, or comes out otherwise today."""
    job = None if result is None else service.store.job(result.job)
    asked = {} if job is None else plain(job.request).get("scenario") or {}
    document = service.store.document("scenario", str(asked.get("id", "")), asked.get("digest"))
    if document is None:
        return None
    try:
        made = evaluate(parse_document(plain(document.content), Scenario, f"scenario {document.name}"), pack)
    except CapitationError:
        return None
    return made if made.id == on else None


__all__ = ["KINDS_TRACED", "Traced", "traced"]
