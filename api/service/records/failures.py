"""What can go wrong, by type of problem: the status and title of each type, and errors that know their own.

An error of the engine knows nothing of the web, so `http/problems.py` has a table for those; an error of the service names its
type itself (`ProblemError.kind`), beside what raises it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from capitation.errors import CapitationError, Fault

BODY = "request body"
"""Where faults of the request's body are said to be."""

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


class ProblemError(CapitationError):
    """An error of the service that names its type of problem, and what headers the answer carries."""

    kind: str = "refused"
    """One of `TYPES`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer; where the store or the issuer is away, when to ask again."""
        return {"Retry-After": "1"} if TYPES[self.kind][0] in {503, 507} else {}


class ServiceError(ProblemError):
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
        self.kind, self._headers = kind, dict(headers or {})
        super().__init__(detail, faults)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer."""
        return self._headers
