"""What leaves and enters, as models: the OpenAPI description is made of these."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Literal, cast

from pydantic import Field

from api.service.kinds import KINDS
from api.service.records.api_models import DIGEST_EXAMPLE, JOB_EXAMPLE, PACK_EXAMPLE, RUN_EXAMPLE, ApiModel, Digest
from api.service.store import Job, Result, StoredDocument
from capitation.run.run import RunManifest


class DocumentHead(ApiModel):
    """A document without its content."""

    id: str = Field(examples=["vale"])
    """Its name."""
    title: str = Field(examples=["Ashford Vale and Brook Coast"])
    """Its title for people."""
    version: int = Field(examples=[1])
    """Number of the version, from 1."""
    digest: Digest = Field(examples=[DIGEST_EXAMPLE])
    """Hash of the content; the ETag of the document holds it."""
    author: str = Field(examples=["data-pack"])
    """Who sent it; `data-pack` where it came with the data pack."""
    created: dt.datetime = Field(examples=["2018-03-28T14:00:00Z"])
    """When this version was added."""
    href: str = Field(examples=["/v1/scenarios/vale"])
    """Where it stands."""


class DocumentList(ApiModel):
    """A page of documents."""

    items: list[DocumentHead]
    """Documents by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
"""How far a job is."""


class JobView(ApiModel):
    """A job and how far it is."""

    id: str = Field(examples=[JOB_EXAMPLE])
    """The job; the same request has the same id."""
    kind: str = Field(examples=["run"], json_schema_extra={"enum": [*KINDS]})
    """What it does."""
    status: JobStatus = Field(examples=["done"])
    """How far it is."""
    attempts: int = Field(examples=[1])
    """How often a worker started it."""
    author: str = Field(examples=["ann"])
    """Who asked first."""
    created: dt.datetime = Field(examples=["2018-03-28T14:00:00Z"])
    """When it was first asked for."""
    changed: dt.datetime = Field(examples=["2018-03-28T14:00:02Z"])
    """When its status changed last."""
    href: str = Field(examples=[f"/v1/jobs/{JOB_EXAMPLE}"])
    """Where it stands."""
    events: str = Field(examples=[f"/v1/jobs/{JOB_EXAMPLE}/events"])
    """Where its progress is streamed."""
    result: str | None = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"])
    """Where the result stands, once it is done."""
    problem: dict[str, Any] | None = Field(examples=[None])
    """What went wrong, where it failed."""


class JobList(ApiModel):
    """A page of jobs."""

    items: list[JobView]
    """Jobs in the order in which they were asked for."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class ResultView(ApiModel):
    """A result: its content, and where its tables stand."""

    id: str = Field(examples=[RUN_EXAMPLE])
    """The result; for a run, the hash of its inputs."""
    job: str = Field(examples=[JOB_EXAMPLE])
    """The job that led to it."""
    author: str = Field(examples=["ann"])
    """Who asked for it first."""
    created: dt.datetime = Field(examples=["2018-03-28T14:00:02Z"])
    """When it was stored."""
    href: str = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"])
    """Where it stands."""
    content: dict[str, Any] = Field(examples=[{"data_pack": PACK_EXAMPLE, "manifest": {"run_id": RUN_EXAMPLE}}])
    """For a run or comparison its manifest; for a settlement the contract; for an optimisation or simulation the report; for an export its file."""
    frames: dict[str, str] = Field(examples=[{"allocation": f"/v1/runs/{RUN_EXAMPLE}/frames/allocation"}])
    """Where each table stands, by name."""


class ResultHead(ApiModel):
    """A result without its content."""

    id: str = Field(examples=[RUN_EXAMPLE])
    """The result."""
    job: str = Field(examples=[JOB_EXAMPLE])
    """The job that led to it."""
    author: str = Field(examples=["ann"])
    """Who asked for it first."""
    created: dt.datetime = Field(examples=["2018-03-28T14:00:02Z"])
    """When it was stored."""
    href: str = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"])
    """Where it stands."""


class ResultList(ApiModel):
    """A page of results."""

    items: list[ResultHead]
    """Results in the order in which they were stored."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class RowPage(ApiModel):
    """A page of rows."""

    rows: list[dict[str, str | float | bool | None]] = Field(
        examples=[[{"year": "2018/19", "code": "VALE", "allocation_gbp": "1535741000.00"}]]
    )
    """One object a row; money in pounds as texts with two decimals under `..._gbp`."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class Liveness(ApiModel):
    """The process answers."""

    status: str = Field(examples=["alive"])
    """alive."""


class Readiness(ApiModel):
    """The service can do its work."""

    status: str = Field(examples=["ready"])
    """ready."""
    version: str = Field(examples=["0.2.0"])
    """Version of the engine."""
    store: str = Field(examples=["0006"])
    """Version of the store's tables."""
    solver: str = Field(examples=["optimal"])
    """What the solver said to its test programme."""
    data_pack: str = Field(examples=[PACK_EXAMPLE])
    """Hash of the data pack."""
    jobs: dict[str, int] = Field(examples=[{"done": 12, "queued": 1}])
    """Jobs by status."""


class RunContent(ApiModel):
    """What is stored of a run."""

    data_pack: str
    """Hash of the data pack it was made with."""
    manifest: RunManifest
    """Its manifest."""


def moment(seconds: float) -> dt.datetime:
    """A time as date and time of day, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def document_head(plural: str, stored: StoredDocument) -> DocumentHead:
    """A stored document without its content."""
    return DocumentHead(
        id=stored.name,
        title=stored.title,
        version=stored.version,
        digest=stored.digest,
        author=stored.author,
        created=moment(stored.created),
        href=f"/v1/{plural}/{stored.name}",
    )


def job_view(job: Job) -> JobView:
    """A job as it is sent."""
    href = f"/v1/jobs/{job.id}"
    return JobView(
        id=job.id,
        kind=job.kind,
        status=cast("JobStatus", job.status),
        attempts=job.attempts,
        author=job.author,
        created=moment(job.created),
        changed=moment(job.changed),
        href=href,
        events=f"{href}/events",
        result=None if job.result is None else f"/v1/{KINDS[job.kind].address}/{job.result}",
        problem=None if job.problem is None else json.loads(job.problem),
    )


def result_head(result: Result) -> ResultHead:
    """A result without its content."""
    return ResultHead(
        id=result.id,
        job=result.job,
        author=result.author,
        created=moment(result.created),
        href=f"/v1/{KINDS[result.kind].address}/{result.id}",
    )


def result_view(result: Result, frame_names: list[str]) -> ResultView:
    """A result with its content."""
    head = result_head(result)
    frames = {name: f"{head.href}/frames/{name}" for name in frame_names}
    return ResultView(**head.model_dump(), content=json.loads(result.content), frames=frames)
