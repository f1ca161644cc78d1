"""What leaves and enters, as models: the OpenAPI description is made of these."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from api.service.documents.kinds import Noun
from api.service.store import Job, Result, StoredDocument
from capitation.records.documents import Document
from capitation.run.run import RunManifest
from contracts.options.document import MOST
from optimiser.futures.appraisal import DRAWS, SEED

Money = Annotated[
    str,
    Field(
        pattern=r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$", examples=["1535741000.00"], json_schema_extra={"format": "decimal"}
    ),
]
"""Pounds as text with exactly two decimals."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What the id of a document looks like."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

DIGEST_EXAMPLE = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
PACK_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

RUN_EXAMPLE = "f10e0a9b83f73e51"
JOB_EXAMPLE = "2ca47210979d09194ce5aaf45c97f279"

LARGEST_SEED = 9_007_199_254_740_991
"""The largest whole number that every reader of JSON keeps exactly."""


class Wire(Document):
    """The base of what the service sends and receives: strict and frozen, as documents are."""


class DocumentHead(Wire):
    """A document without its content."""

    id: str = Field(examples=["blmk"])
    """Its name."""
    title: str = Field(examples=["Bedfordshire, Luton and Milton Keynes"])
    """Its title for people."""
    version: int = Field(examples=[1])
    """Number of the version, from 1."""
    digest: Digest = Field(examples=[DIGEST_EXAMPLE])
    """Hash of the content; the ETag of the document holds it."""
    author: str = Field(examples=["data-pack"])
    """Who sent it; `data-pack` where it came with the data pack."""
    created: dt.datetime = Field(examples=["2018-03-28T14:00:00Z"])
    """When this version was added."""
    href: str = Field(examples=["/v1/scenarios/blmk"])
    """Where it stands."""


class DocumentList(Wire):
    """A page of documents."""

    items: list[DocumentHead]
    """Documents by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class RunRequest(Wire):
    """What a run is made of."""

    scenario: str = Field(examples=["blmk"], pattern=NAME, max_length=128)
    """Id of a scenario."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the scenario; the newest where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


_BLOCK_ROW = {
    "year": "2017/18",
    "commissioner": "06P",
    "provider": "RYV",
    "line": "community",
    "plan_value_pence": "50000001",
}


class SettlementRequest(Wire):
    """A contract and the rows it is to settle."""

    contract: str = Field(examples=["blmk-block"], pattern=NAME, max_length=128)
    """Id of a contract."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the contract; the newest where it is not given."""
    rows: list[dict[str, str | int | float | bool | None]] = Field(
        min_length=1, max_length=100_000, examples=[[_BLOCK_ROW]]
    )
    """One object a row, by the contract's input names; give money as texts so that its digits stay."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


class OptimisationRequest(Wire):
    """A problem to solve."""

    problem: str = Field(examples=["overlap_pair"], pattern=NAME, max_length=128)
    """Id of a problem."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    gap: float | None = Field(default=None, ge=0, le=1, examples=[0.005])
    """Relative gap at which a search for whole numbers may stop, 0 to prove the best; the problem's own where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


class SimulationRequest(Wire):
    """A problem whose best mix is to be tried on many draws of its effects."""

    problem: str = Field(examples=["overlap_pair"], pattern=NAME, max_length=128)
    """Id of a problem."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    gap: float | None = Field(default=None, ge=0, le=1, examples=[0.005])
    """Relative gap at which the search for the mix may stop, 0 to prove the best; the problem's own where it is not given."""
    draws: int = Field(default=DRAWS, ge=1, le=20_000, examples=[1000])
    """How many draws of all effects and savings the mix is tried on."""
    seed: int = Field(default=SEED, ge=0, le=LARGEST_SEED, examples=[SEED])
    """Where the draws begin; the same seed gives the same draws."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


class ComparisonRequest(Wire):
    """Contract options to compare on the allocation of their scenario."""

    options: str = Field(examples=["blmk-contract-options"], pattern=NAME, max_length=128)
    """Id of a document of contract options."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the options; the newest where it is not given."""
    only: list[str] = Field(default=[], max_length=MOST, examples=[["do-minimum", "blended"]])
    """Ids of the options to compare, the base among them; all of the document where none are given."""
    case: str | None = Field(default=None, max_length=128, examples=["unmitigated"])
    """Activity case that reports show; the document's own where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


class ExportRequest(Wire):
    """A result that is to leave as a file."""

    result: str = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"], pattern=r"^/v1/(runs|comparisons)/[0-9a-f]{16,64}$")
    """Address of a run or a comparison, as its job gives it."""
    format: Literal["xlsx"] = Field(default="xlsx", examples=["xlsx"])
    """Format of the file: one accessible workbook with a cover, the manifest, a data dictionary and one table a sheet."""


JobKind = Literal["run", "settlement", "optimisation", "simulation", "comparison", "export"]
"""What a job does."""

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
"""How far a job is."""


class JobView(Wire):
    """A job and how far it is."""

    id: str = Field(examples=[JOB_EXAMPLE])
    """The job; the same request has the same id."""
    kind: JobKind = Field(examples=["run"])
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


class JobList(Wire):
    """A page of jobs."""

    items: list[JobView]
    """Jobs in the order in which they were asked for."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class ResultView(Wire):
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


class ResultHead(Wire):
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


class ResultList(Wire):
    """A page of results."""

    items: list[ResultHead]
    """Results in the order in which they were stored."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class RowPage(Wire):
    """A page of rows."""

    rows: list[dict[str, Any]] = Field(
        examples=[[{"year": "2018/19", "code": "BLMK", "allocation_gbp": "1535741000.00"}]]
    )
    """One object a row; money in pounds as texts with two decimals under `..._gbp`."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class Liveness(Wire):
    """The process answers."""

    status: str = Field(examples=["alive"])
    """alive."""


class Readiness(Wire):
    """The service can do its work."""

    status: str = Field(examples=["ready"])
    """ready."""
    version: str = Field(examples=["0.1.0"])
    """Version of the engine."""
    store: str = Field(examples=["0002"])
    """Shape of the store."""
    solver: str = Field(examples=["optimal"])
    """What the solver said to its test programme."""
    data_pack: str = Field(examples=[PACK_EXAMPLE])
    """Hash of the data pack."""
    jobs: dict[str, int] = Field(examples=[{"done": 12, "queued": 1}])
    """Jobs by status."""


class RunContent(Wire):
    """What is stored of a run."""

    data_pack: str
    """Hash of the data pack it was made with."""
    manifest: RunManifest
    """Its manifest."""


RESULT_PLACES = {
    "run": "runs",
    "settlement": "settlements",
    "optimisation": "optimisations",
    "simulation": "simulations",
    "comparison": "comparisons",
    "export": "exports",
}
"""Where results of each kind stand."""


def moment(seconds: float) -> dt.datetime:
    """A time as date and time of day, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def document_head(noun: Noun, stored: StoredDocument) -> DocumentHead:
    """A stored document without its content."""
    return DocumentHead(
        id=stored.name,
        title=stored.title,
        version=stored.version,
        digest=stored.digest,
        author=stored.author,
        created=moment(stored.created),
        href=f"/v1/{noun.plural}/{stored.name}",
    )


def job_view(job: Job) -> JobView:
    """A job as it is sent."""
    href = f"/v1/jobs/{job.id}"
    return JobView(
        id=job.id,
        kind=cast("JobKind", job.kind),
        status=cast("JobStatus", job.status),
        attempts=job.attempts,
        author=job.author,
        created=moment(job.created),
        changed=moment(job.changed),
        href=href,
        events=f"{href}/events",
        result=None if job.result is None else f"/v1/{RESULT_PLACES[job.kind]}/{job.result}",
        problem=None if job.problem is None else json.loads(job.problem),
    )


def result_head(result: Result) -> ResultHead:
    """A result without its content."""
    return ResultHead(
        id=result.id,
        job=result.job,
        author=result.author,
        created=moment(result.created),
        href=f"/v1/{RESULT_PLACES[result.kind]}/{result.id}",
    )


def result_view(result: Result, frame_names: list[str]) -> ResultView:
    """A result with its content."""
    head = result_head(result)
    frames = {name: f"{head.href}/frames/{name}" for name in frame_names}
    return ResultView(**head.model_dump(), content=json.loads(result.content), frames=frames)


def body_text(view: Wire) -> bytes:
    """A view as bytes of JSON."""
    return view.model_dump_json().encode()
