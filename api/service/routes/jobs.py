"""Jobs: how far work is, what happened to it as a stream of events, and how to stop it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.service.http.paging import number_after, page_of
from api.service.records.api_models import JOB_EXAMPLE
from api.service.records.failures import ServiceError
from api.service.runtime.request import ClientDep, Cursor, Limit, ServiceDep, event
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.security.visibility import EVERYTHING, view_of, without_detail
from api.service.store import TERMINAL, Job, StoreError
from api.service.views.models import JobList, JobStatus, JobView, job_view, moment
from api.service.views.respond import respond

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of the job", examples=[JOB_EXAMPLE])]

QUIET_SECONDS = 10.0
"""After how long without an event a comment is sent, so that connections stay open."""

LONGEST_WAIT = 1.0
"""After how long at most the store is looked at again, once it was changed; where nobody changes it, it is not looked at."""

STORE_SECONDS = 1.0
"""How long to wait where the store cannot be used before looking again."""

EVENT_EXAMPLE = (
    "id: 3\nevent: done\n"
    f'data: {{"job": "{JOB_EXAMPLE}", "says": "f10e0a9b83f73e51", "at": "2018-03-28T14:00:02+00:00"}}\n\n'
)
"""One event: its number, what happened, and JSON with the job, words and the time."""


@router.get("", response_model=JobList)
async def list_jobs(
    request: Request,
    service: ServiceDep,
    client: ClientDep,
    limit: Limit = 100,
    cursor: Cursor = None,
    status: Annotated[JobStatus | None, Query(description="Only jobs with this status", examples=["done"])] = None,
) -> Response:
    """Jobs in the order in which they were first asked for."""
    found = await service.read(service.store.jobs, number_after(cursor), limit + 1, status)
    page, following = page_of(found, limit, lambda each: each.seq)
    return respond(JobList(items=[_view(each, client, service) for each in page], next=following), request)


@router.get("/{job_id}", response_model=JobView)
async def read_job(request: Request, service: ServiceDep, client: ClientDep, job_id: JobId) -> Response:
    """How far a job is; `result` says where its result stands once it is done."""
    found = await service.read(_known, service, job_id)
    headers = {} if found.status in TERMINAL else {"Retry-After": "1"}
    return respond(_view(found, client, service), request, headers=headers)


@router.delete("/{job_id}", response_model=JobView)
def cancel_job(request: Request, service: ServiceDep, client: ClientDep, job_id: JobId) -> Response:
    """Cancel a job that has not ended; one that has ended stays as it is."""
    _known(service, job_id)
    cancelled = service.store.cancel(job_id, event(client, request, "jobs.delete", f"jobs/{job_id}"))
    return respond(job_view(cancelled), request)


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"example": EVENT_EXAMPLE}},
            "description": "Events, until the job has ended",
        }
    },
)
def read_job_events(
    service: ServiceDep,
    client: ClientDep,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            pattern=r"^[0-9]{1,15}$",
            description="Number of the last event that was received",
            examples=["2"],
        ),
    ] = None,
) -> Response:
    """What happens to a job, as server-sent events; Last-Event-ID continues where a connection broke."""
    _known(service, job_id)
    service.streams.check(client.client)
    return StreamingResponse(_stream(service, client, job_id, int(last_event_id or 0)), media_type="text/event-stream")


async def _stream(service: Service, client: Caller, job_id: str, after: int) -> AsyncIterator[str]:
    with service.streams.open(client.client):
        async for part in _events(service, client, job_id, after):
            yield part


async def _events(service: Service, client: Caller, job_id: str, after: int) -> AsyncIterator[str]:
    quiet, since = 0.0, time.monotonic()
    seen, looked = None, 0.0
    while True:
        mark, now = service.store.mark(), time.monotonic()
        if (mark is None or mark != seen) and now - looked >= min(LONGEST_WAIT, (now - since) / 10):
            try:
                found = await service.read(service.store.job, job_id)  # before the events, so that none is missed
                happened = await service.read(service.store.events, job_id, after)
            except StoreError:
                yield ": the store cannot be used at the moment\n\n"  # the stream goes on once the store does
                await asyncio.sleep(STORE_SECONDS)
                continue
            seen, looked = mark, now
            for seq, name, message, created in happened:
                after, quiet, since = seq, 0.0, time.monotonic()
                hidden = name in {"failed", "progress"} and view_of(client, service.system) != EVERYTHING
                said = (
                    name if hidden else message
                )  # amounts and rows that are met on the way are as hidden as the result's
                data = json.dumps({"job": job_id, "says": said, "at": moment(created).isoformat()})
                yield f"id: {seq}\nevent: {name}\ndata: {data}\n\n"
            if found is None or found.status in TERMINAL:
                return
        if service.stopping.is_set():
            return
        if time.monotonic() - since >= service.settings.stream_seconds:
            yield "retry: 1000\n: nothing happened for long; continue with Last-Event-ID\n\n"
            return
        await asyncio.sleep(service.settings.poll_seconds)
        quiet += service.settings.poll_seconds
        if quiet >= QUIET_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"


def _view(found: Job, client: Caller, service: Service) -> JobView:
    """A job as a caller sees it: rows, amounts and numbers of people that an error names are seen by those who make runs only."""
    view = job_view(found)
    if view.problem is None or view_of(client, service.system) == EVERYTHING:
        return view
    return view.model_copy(update={"problem": without_detail(view.problem)})


def _known(service: Service, job_id: str) -> Job:
    found = service.store.job(job_id)
    if found is None:
        raise ServiceError("not-found", f"there is no job {job_id!r}")
    return found
