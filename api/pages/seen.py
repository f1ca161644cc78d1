"""A run as the caller of a page sees it, which run is meant where none is named, and whether it still stands."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from starlette.requests import Request

from api.charts.material import SERVICES
from api.pages.asking import caller_of, service_of
from api.service.records.failures import ServiceError
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.security.visibility import sees_everything
from api.service.store import Result
from api.service.views.models import RunContent, moment
from capitation.errors import UnknownNameError
from capitation.records.identity import plain
from capitation.run.run import Run
from capitation.sentences import capital

Fact = tuple[str, str, str]
"""A fact under a headline: what it is, what it says, and where it leads."""


_CODES = re.compile(r"\b(ccg|primary-medical|stf)\b")


class SeenTables(Mapping[str, pl.DataFrame]):
    """The tables of a result as far as a caller sees them; those that are hidden have no rows."""

    def __init__(
        self, service: Service, caller: Caller, result: str, names: tuple[str, ...], kind: str = "run"
    ) -> None:
        self.service, self.caller, self.result, self.names, self.kind = service, caller, result, names, kind

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in self.names:
            raise KeyError(name)
        try:
            found = self.service.seen(self.kind, self.result, name, self.caller)
        except UnknownNameError:
            whole = self.service.frame(self.kind, self.result, name)
            return pl.DataFrame() if whole is None else whole[0].clear()
        return pl.DataFrame() if found is None else found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class SeenRun:
    """A run that a page is about."""

    result: Result
    run: Run
    data_pack: str
    is_whole: bool
    """Whether the caller sees all of its rows."""
    is_open: bool
    """Whether the caller sees all of its rows and numbers: what is worked out of it would give the others away."""
    stale: tuple[str, ...]
    """Why it may not stand any longer."""
    status: str
    """Draft, approved or stale, in words."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.run.id

    @property
    def title(self) -> str:
        """The title of its scenario."""
        return str(self.run.manifest.scenario.get("title", ""))

    @property
    def years(self) -> list[str]:
        """Its years."""
        return list(self.run.frames["stream_total"]["year"].unique().sort())

    @property
    def facts(self) -> list[Fact]:
        """Which run, which data, when and by whom, and how far it may be relied on."""
        made = moment(self.result.created).strftime("%-d %B %Y, %H:%M")
        return [
            ("Run", self.id, f"/runs/{self.id}"), ("Scenario", self.title, f"/scenarios/{self.run.manifest.scenario['id']}"),
            ("Made", f"{made} by {self.result.author}", ""), ("Data as of", str(self.run.manifest.scenario.get("need_year", "")), "/data-checks"),
            ("Status", self.status, ""),
        ]  # fmt: skip

    @property
    def not_in(self) -> list[str]:
        """What was set aside or not modelled, in words."""
        return set_aside_words(self.run.frames)

    def year(self, asked: str | None) -> str:
        """The year that is asked for; that of the scenario's need where none is.

        Raises:
            ServiceError: the run does not have it.
        """
        years = self.years
        wanted = asked or str(self.run.manifest.scenario.get("need_year", ""))
        if wanted in years:
            return wanted
        if asked:
            raise ServiceError("not-found", f"this run has no year {asked[:20]!r}; it has {', '.join(years)}")
        return years[-1]

    def names(self, kind: str) -> dict[str, str]:
        """Names by code."""
        return dict(self.run.frames["code_name"].filter(pl.col("kind") == kind).select("code", "name").iter_rows())


def set_aside_words(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """What a result sets aside, in words."""
    rows = tables["set_aside"] if "set_aside" in tables else pl.DataFrame()
    return [_said(r["subject"], r["reason"]) for r in rows.iter_rows(named=True)]


def _said(subject: str, reason: str) -> str:
    """What is set aside, in a sentence; a reason that only says where it is repeated is left out."""
    words = subject.rstrip(".").removeprefix("limit of a formula: ")
    reason = _CODES.sub(lambda found: SERVICES[found[0]].lower(), reason)
    words = capital(words)
    return f"{words}." if reason.endswith("with every result of the formula.") else f"{words}: {reason}"


def run_of(request: Request, run_id: str | None = None) -> SeenRun:
    """The run that a page is about; the newest where none is named.

    Raises:
        ServiceError: there is no such run, or none at all.
    """
    service, caller = service_of(request), caller_of(request)
    result = service.store.newest("run") if run_id is None else service.store.result("run", run_id)
    if result is None:
        said = (
            "nothing has been run yet; start a run from its scenario"
            if run_id is None
            else f"there is no run {run_id!r}"
        )
        raise ServiceError("not-found", said)
    content = _content(result.content)
    tables = SeenTables(service, caller, result.id, tuple(content.manifest.frames))
    stale = _stale(service, result, content)
    status = with_stale(approved_words(service, "run", result.id, "draft, not approved"), stale)
    whole = sees_everything(caller, service.system)
    is_open = whole and not service.hides("run", result.id, caller)
    return SeenRun(result, Run(content.manifest, tables), content.data_pack, whole, is_open, stale, status)


def approved_words(service: Service, kind: str, result: str, otherwise: str) -> str:
    """Who approved a result and when, or what it is otherwise."""
    approval = service.store.approval_of(kind, result)
    return otherwise if approval is None else f"approved by {approval.approved_by} on {_day(approval.created)}"


def with_stale(status: str, stale: tuple[str, ...]) -> str:
    """A status with why it may not stand any longer."""
    return f"{status}; stale: {'; '.join(stale)}" if stale else status


def _day(value: Any) -> str:  # noqa: ANN401  # a moment or seconds
    at = value if isinstance(value, dt.datetime) else moment(float(value))
    return at.strftime("%-d %B %Y")


@lru_cache(maxsize=32)
def _content(text: str) -> RunContent:
    return RunContent.model_validate_json(text)


def _stale(service: Service, result: Result, content: RunContent) -> tuple[str, ...]:
    reasons = []
    job = service.store.job(result.job)
    asked = {} if job is None else plain(job.request)
    name = str(content.manifest.scenario.get("id", ""))
    document = service.store.document("scenario", name)
    if document is not None and asked.get("scenario") == name and asked.get("digest") != document.digest:
        reasons.append("its scenario has changed since")
    if (
        content.data_pack != service.pack.digest
        and asked.get("data_pack") == content.data_pack
        and service.store.pack(content.data_pack) is None
    ):
        reasons.append("the data have changed since")
    if not Run(content.manifest, {}).is_of_this_code:
        reasons.append("it was made by another version of the code")
    return tuple(reasons)
