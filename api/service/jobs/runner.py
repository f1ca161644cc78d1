"""What a worker does with a job: its kind's runner is given the request (documents and data pack by digest) and leads to a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

from api.service.documents.kinds import DOCUMENT_KINDS, shipped_documents
from api.service.kinds import KINDS
from api.service.packs.packs import Packs
from api.service.records.job_kind import JobResult, Work
from api.service.records.pack import Pack
from api.service.store import Job, Store
from capitation.errors import UnknownNameError
from capitation.records.identity import canonical, digest, plain
from capitation.run.engine import code_digest


def job_id(kind: str, request: Mapping[str, Any]) -> str:
    """The id of the job for a request: the same request to the same engine, by its version and its code, has the same id."""
    return digest(canonical({**_engine(), "kind": kind, "request": request}))[:32]


@lru_cache(maxsize=1)
def _engine() -> Mapping[str, str]:
    """What is installed does not change while it runs."""
    return {"engine": version("capitation"), "code": code_digest()}


def run_job(
    job: Job,
    store: Store,
    packs: Packs,
    report: Callable[[str], None],
    is_cancelled: Callable[[], bool] = lambda: False,
) -> JobResult:
    """Do a job.

    Raises:
        UnknownNameError: the job is of a kind, or names a data pack or a document, that is not known here.
        CapitationError: whatever the engine raises.
    """
    if job.kind not in KINDS:
        raise UnknownNameError("kind of job", job.kind, KINDS)
    request = plain(job.request)
    pack = packs.named(request["data_pack"]) if "data_pack" in request else packs.default
    return KINDS[job.kind].run(Work(job.id, request, store, pack, partial(_shipped, pack), report, is_cancelled))


def _shipped(pack: Pack, plural: str) -> Mapping[str, str]:
    return shipped_documents(DOCUMENT_KINDS[plural], pack)
