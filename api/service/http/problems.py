"""Failures on the wire: one shape (RFC 9457 `application/problem+json`) for the engine's errors and for the service's own.

The `type` of a problem is stable and names its kind; `faults` lists everything that is wrong, each with a JSON Pointer into
the request body where it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.service.ledger.journals import JournalError
from api.service.records.examples import example_of
from api.service.security.access import AccessError
from api.service.security.audit import AuditError
from api.service.security.credentials import AuthenticationError, KeySetError
from api.service.store import ChangedError, StoreError, StoreFullError
from capitation.errors import (
    CapitationError,
    ContractError,
    DocumentError,
    Fault,
    FrameError,
    InfeasibleError,
    NothingToShareError,
    ParameterError,
    ScenarioError,
    SourceError,
    UnknownNameError,
)
from capitation.records.identity import canonical

BODY = "request body"
"""What faults of the request's body are told to stand in."""

MEDIA_TYPE = "application/problem+json"

TYPES: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "idempotency-key-missing": (400, "A creating request needs an Idempotency-Key"),
    "unauthorised": (401, "Credentials are missing or not accepted"),
    "forbidden": (403, "The credentials do not allow this"),
    "not-found": (404, "There is no such resource"),
    "unknown-name": (404, "A name is not known"),
    "method-not-allowed": (405, "The resource does not have this method"),
    "not-acceptable": (406, "None of the formats asked for is offered"),
    "conflict": (409, "The resource is in another state"),
    "not-approved": (409, "The result is not approved"),
    "posted-already": (409, "The period is posted already"),
    "still-running": (409, "A request with this Idempotency-Key is still being answered"),
    "changed-meanwhile": (412, "The resource is at another version"),
    "too-large": (413, "The request body is too large"),
    "unsupported-media-type": (415, "The request body has a format that is not read"),
    "invalid": (422, "The request does not fit its description"),
    "invalid-document": (422, "A document does not fit its model"),
    "invalid-scenario": (422, "A scenario contradicts itself or its data"),
    "invalid-contract": (422, "A contract contradicts itself or the rows it is to settle"),
    "invalid-rows": (422, "Rows do not keep their schema"),
    "invalid-parameter": (422, "A parameter is missing or has no value for the date asked"),
    "invalid-journal": (422, "A journal cannot be made"),
    "infeasible": (422, "The limits cannot all be met"),
    "nothing-to-share": (422, "Money is to be shared out but no row has any weight"),
    "refused": (422, "The engine refused what it was asked"),
    "idempotency-key-reused": (422, "The Idempotency-Key was used with another request"),
    "precondition-required": (428, "The change needs an If-Match header"),
    "too-many-requests": (429, "The client sent more requests than its limit"),
    "internal": (500, "The service met a fault of its own"),
    "unusable-source": (500, "A file of the data pack cannot be used"),
    "store-unavailable": (503, "The store cannot be used at the moment"),
    "keys-unavailable": (503, "The issuer's keys cannot be had, so no access token can be checked"),
    "not-ready": (503, "The service is not ready"),
    "store-full": (507, "The store is full"),
}
"""Status and title of every type of problem."""

_BY_ERROR: tuple[tuple[type[CapitationError], str], ...] = (
    (StoreFullError, "store-full"),
    (StoreError, "store-unavailable"),
    (AuditError, "store-unavailable"),
    (AuthenticationError, "unauthorised"),
    (KeySetError, "keys-unavailable"),
    (AccessError, "forbidden"),
    (JournalError, "invalid-journal"),
    (ChangedError, "changed-meanwhile"),
    (UnknownNameError, "unknown-name"),
    (FrameError, "invalid-rows"),
    (ParameterError, "invalid-parameter"),
    (SourceError, "unusable-source"),
    (DocumentError, "invalid-document"),
    (ScenarioError, "invalid-scenario"),
    (ContractError, "invalid-contract"),
    (InfeasibleError, "infeasible"),
    (NothingToShareError, "nothing-to-share"),
    (CapitationError, "refused"),
)


class FaultView(BaseModel):
    """One thing wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    where: str = Field(examples=["request body: scenario"])
    """Where it stands."""
    found: str = Field(examples=["'blmq'"])
    """What was found."""
    expected: str = Field(examples=["a scenario that is stored"])
    """What was expected."""
    remedy: str = Field(default="", examples=["Did you mean 'blmk'?"])
    """What to do about it."""
    pointer: str | None = Field(default=None, examples=["/scenario"])
    """JSON Pointer into the request body, where the fault stands there."""


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = Field(examples=["urn:capitation:problem:invalid"])
    """Stable name of the kind of problem."""
    title: str = Field(examples=[TYPES["invalid"][1]])
    """The kind of problem in words, the same for every problem of the type."""
    status: int = Field(examples=[422])
    """The HTTP status."""
    detail: str = Field(examples=["there is no scenario 'blmq'"])
    """What went wrong this time."""
    code: str | None = Field(default=None, examples=[None])
    """Stable word for the rule that was broken, where the type has several."""
    correlation_id: str = Field(default="", examples=["9f9db0f5a14e45be9c1a632efea1038d"])
    """Names the request in the logs."""
    faults: list[FaultView] = Field(default=[], examples=[[example_of(FaultView)]])
    """Everything that is wrong."""


class ServiceError(Exception):
    """A failure that the service itself reports.

    Args:
        kind: one of `TYPES`.
        detail: what went wrong this time.
        faults: everything that is wrong.
        headers: headers the answer carries.
    """

    def __init__(
        self, kind: str, detail: str, faults: Iterable[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.kind, self.detail, self.faults = kind, detail, tuple(faults)
        self.headers = dict(headers or {})
        super().__init__(detail)


def kind_of(error: CapitationError) -> str:
    """The type of problem that an error of the engine is."""
    return next(kind for known, kind in _BY_ERROR if isinstance(error, known))


def problem_of(error: ServiceError | CapitationError, correlation_id: str = "", body: Any = None) -> Problem:  # noqa: ANN401  # any JSON
    """The problem that a failure is told as.

    Args:
        error: the failure.
        correlation_id: names the request in the logs.
        body: the parsed request body, into which pointers are checked.
    """
    if isinstance(error, ServiceError):
        kind, detail = error.kind, error.detail
    else:
        kind, detail = kind_of(error), error.message
    status, title = TYPES[kind]
    faults = [_view(fault, body) for fault in error.faults]
    return Problem(
        type=f"urn:capitation:problem:{kind}",
        title=title,
        status=status,
        detail=detail,
        code=getattr(error, "code", None),
        correlation_id=correlation_id,
        faults=faults,
    )


def headers_of(error: ServiceError | CapitationError) -> dict[str, str]:
    """Headers that the answer to a failure carries besides the problem."""
    headers = dict(error.headers) if isinstance(error, ServiceError) else {}
    if isinstance(error, AuthenticationError):
        headers["WWW-Authenticate"] = error.challenge
    if isinstance(error, CapitationError) and TYPES[kind_of(error)][0] in {503, 507}:
        headers.setdefault("Retry-After", "1")
    return headers


def internal_problem(correlation_id: str) -> Problem:
    """The problem for a fault of the service itself; what it was stands in the logs only."""
    return problem_of(ServiceError("internal", "See the logs under the correlation id"), correlation_id)


def encoded(problem: Problem) -> bytes:
    """The problem as bytes of JSON."""
    return canonical(problem.model_dump(exclude_none=True)).encode()


def pointer(where: str, body: Any) -> str | None:  # noqa: ANN401  # any JSON
    """The JSON Pointer of a fault's place in `body`; None where it does not stand there.

    Example:
        "request body: streams.0.formula" becomes "/streams/0/formula" where streams has a row; the last part may be missing.
    """
    if not where.startswith(f"{BODY}: "):
        return None
    place = re.sub(r"(\d+) \([^)]*\)", lambda m: str(int(m[1]) - 1), where.removeprefix(f"{BODY}: "))  # told from 1
    parts = [part for part in place.split(".") if part]
    here: Any = body
    for depth, part in enumerate(parts):
        if isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, dict) and part in here:
            here = here[part]
        elif depth == len(parts) - 1 and isinstance(here, dict) and " " not in part:
            break
        else:
            return None
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


def _view(fault: Fault, body: Any) -> FaultView:  # noqa: ANN401  # any JSON
    at = pointer(fault.where, body)
    return FaultView(where=fault.where, found=fault.found, expected=fault.expected, remedy=fault.remedy, pointer=at)
