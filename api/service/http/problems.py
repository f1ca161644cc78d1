"""Failures as they are sent: one form (RFC 9457 `application/problem+json`) for the engine's errors and for the service's own.

The `type` of a problem is stable and names its kind; `faults` lists everything that is wrong, each with a JSON Pointer into
the request body where it stands there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.service.records.examples import example_of
from api.service.records.failures import BODY, TYPES, ProblemError, ServiceError
from api.service.security.proofs.credentials import masked
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

_PATH = re.compile(r"(?<![\w/.:-])/[^\s/:,;'\"()]+(?:/[^\s/:,;'\"()]+)+")

MEDIA_TYPE = "application/problem+json"

_BY_ENGINE_ERROR: tuple[tuple[type[CapitationError], str], ...] = (
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
    remedy: str = Field(default="", examples=["Did you mean 'vale'?"])
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


def kind_of(error: CapitationError) -> str:
    """The type of problem that an error is: its own, or the one that the engine's error stands for."""
    if isinstance(error, ProblemError):
        return error.kind
    return next(kind for known, kind in _BY_ENGINE_ERROR if isinstance(error, known))


def problem_of(error: CapitationError, correlation_id: str = "", body: Any = None) -> Problem:  # noqa: ANN401  # any JSON
    """The problem that stands for a failure.

    Args:
        error: the failure.
        correlation_id: names the request in the logs.
        body: the parsed request body, into which pointers are checked.
    """
    kind = kind_of(error)
    status, title = TYPES[kind]
    faults = [_view(fault, body) for fault in error.faults]
    return Problem(
        type=f"urn:capitation:problem:{kind}",
        title=title,
        status=status,
        detail=_shown(error.message),
        code=getattr(error, "code", None),
        correlation_id=correlation_id,
        faults=faults,
    )


def headers_of(error: CapitationError) -> dict[str, str]:
    """Headers that the answer to a failure carries besides the problem."""
    return dict(error.headers) if isinstance(error, ProblemError) else {}


def internal_problem(correlation_id: str) -> Problem:
    """The problem for a fault of the service itself; what it was stands in the logs only."""
    return problem_of(ServiceError("internal", "See the logs under the correlation id"), correlation_id)


def encoded(problem: Problem) -> bytes:
    """The problem as bytes of JSON."""
    return canonical(problem.model_dump(exclude_none=True)).encode()


def pointer(where: str, body: Any) -> str | None:  # noqa: ANN401  # any JSON
    """The JSON Pointer of a fault in `body`; None where it does not stand there.

    Example:
        "request body: streams.0.formula" becomes "/streams/0/formula" where streams has a row; the last part may be missing.
    """
    if not where.startswith(f"{BODY}: "):
        return None
    path = re.sub(r"(\d+) \([^)]*\)", lambda m: str(int(m[1]) - 1), where.removeprefix(f"{BODY}: "))  # counted from 1
    parts = [part for part in path.split(".") if part]
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
    texts = {name: _shown(getattr(fault, name)) for name in ("where", "found", "expected", "remedy")}
    return FaultView(**texts, pointer=None if at is None else masked(at))


def _shown(text: str) -> str:
    """`text` without folders of this machine, and without keys and tokens, wherever they were put."""
    return masked(without_folders(text))


def without_folders(text: str) -> str:
    """`text` with files of this machine named by their last folder only: where they lie is nobody's business outside.

    Example:
        "/srv/capitation/data/england/sources/x.csv: no such file" becomes "sources/x.csv: no such file".
    """
    return _PATH.sub(_shortened, text) if "/" in text else text


def _shortened(found: re.Match[str]) -> str:
    path = found[0]
    first, *rest = path.lstrip("/").split("/")
    if first not in _top_folders() or not rest:
        return path
    return "/".join(rest[-2:])


@lru_cache(maxsize=1)
def _top_folders() -> frozenset[str]:
    """The folders at the root of this machine's files; an address of the service begins with none of them."""
    try:
        return frozenset(each.name for each in Path("/").iterdir()) - {"v1"}
    except OSError:
        return frozenset({"etc", "home", "mnt", "opt", "root", "srv", "tmp", "usr", "var"})
