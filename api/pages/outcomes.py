"""Results other than runs as the caller of a page sees them: comparisons, chances, mixes; with what they are made of and whether they still stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from starlette.requests import Request

from api.pages.asking import ask, caller_of, service_of
from api.pages.seen import Fact, SeenTables, approved_words, with_stale
from api.service.kinds import BY_ADDRESS
from api.service.records.failures import ServiceError
from api.service.records.pack import Pack
from api.service.runtime.service import Service
from api.service.security.visibility import sees_everything
from api.service.store import Result
from api.service.views.models import moment
from capitation.records.documents import read_mapping
from capitation.records.identity import plain

_LOOKED = 200
"""Results of a kind that are looked through for the newest of a scenario."""

_DOCUMENTS = {"scenario": "scenarios", "options": "options", "problem": "problems"}

_CALLED = {"options": "Contract options", "problem": "Investments"}

_NAMED = {"comparison": ("options",), "party_chance": ("options",), "plan": ("scenario", "problem")}
"""Documents that name a result of a kind, where not all that it is of do."""


@dataclass(frozen=True)
class SeenResult:
    """A result that a page is about.

    Args:
        address: the word of its kind in addresses.
        result: as it is stored.
        asked: what was asked for, with the versions of the documents.
        content: its content as far as the caller sees it.
        tables: its tables as far as the caller sees them.
        is_whole: whether the caller sees all rows.
        stale: why it may not stand any longer.
        status: for decision, approved or stale, in words.
        titles: titles of the documents that it is of, by kind.
    """

    address: str
    result: Result
    asked: Mapping[str, Any]
    content: Mapping[str, Any]
    tables: SeenTables
    is_whole: bool
    stale: tuple[str, ...]
    status: str
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its id."""
        return self.result.id

    @property
    def root(self) -> str:
        """Its address as a page."""
        return f"/{self.address}/{self.id}"

    @property
    def scenario(self) -> str:
        """The scenario that it rests on; nothing where it rests on none."""
        return scenario_of(self.asked)

    @property
    def data_pack(self) -> str:
        """The data pack that it was made from; empty where it names none."""
        return str(self.asked.get("data_pack") or self.content.get("data_pack") or "")

    @property
    def facts(self) -> list[Fact]:
        """Which result, of which documents and data, when and by whom, and how far it may be relied on."""
        made = moment(self.result.created).strftime("%-d %B %Y, %H:%M")
        found = [
            (said_kind(self.result.kind), self.id[:16], self.root),
            ("Made", f"{made} by {self.result.author}", ""),
        ]
        for name, plural in _DOCUMENTS.items():
            named = self.asked.get(name)
            named = named.get("id") if isinstance(named, dict) else named
            if named:
                found.append(
                    (_CALLED.get(name, name.capitalize()), self.titles.get(name, str(named)), f"/{plural}/{named}")
                )
        manifest = self.content.get("manifest")
        need_year = manifest["scenario"].get("need_year") if isinstance(manifest, dict) and manifest.get("scenario") else self.content.get("year")  # fmt: skip
        if need_year:
            found.append(("Data as of", str(need_year), "/data-checks"))
        if self.data_pack:
            found.append(("Data pack", self.data_pack[:12], "/data-checks"))
        return [*found, ("Status", self.status, "")]


def result_of(request: Request, address: str, result: str) -> SeenResult:
    """A result of a kind.

    Raises:
        RefusedError: there is none, or it is not the caller's to see.
    """
    service, caller, kind = service_of(request), caller_of(request), BY_ADDRESS[address]
    content: Mapping[str, Any] = ask(request, f"/v1/{address}/{result}").content.get("content") or {}
    stored = service.store.result(kind.name, result)
    if stored is None:
        raise ServiceError("not-found", f"there is no {kind.name.replace('_', ' ')} {result!r}")
    asked = asked_of(service, stored)
    tables = SeenTables(service, caller, result, tuple(service.store.frame_names(kind.name, result)), kind.name)
    stale = tuple(stale_reasons(service, asked, str(asked.get("data_pack") or "")))
    status = with_stale(approved_words(service, kind.name, result, "for decision, not approved"), stale)
    whole = sees_everything(caller, service.system)
    return SeenResult(address, stored, asked, content, tables, whole, stale, status, _titles(service, asked))


def _titles(service: Service, asked: Mapping[str, Any]) -> dict[str, str]:
    """Titles of the documents that were asked for, as they are stored now."""
    found = {}
    for kind in (*_DOCUMENTS, "contract"):
        named = asked.get(kind)
        stored = (
            service.store.document(kind, str(named.get("id") if isinstance(named, dict) else named)) if named else None
        )
        title = None if stored is None else plain(stored.content).get("title")
        if title:
            found[kind] = str(title)
    return found


def newest_of(request: Request, address: str, scenario: str) -> SeenResult | None:
    """The newest result of a kind that rests on a scenario; None where there is none that the caller may see."""
    service, kind = service_of(request), BY_ADDRESS[address]
    if service.identity.refusal(caller_of(request), "GET", f"/v1/{address}") is not None:
        return None
    last = service.store.newest(kind.name)
    if last is None:
        return None
    for stored in reversed(service.store.results(kind.name, last.seq - _LOOKED, _LOOKED)):
        if scenario_of(asked_of(service, stored)) == scenario:
            return result_of(request, address, stored.id)
    return None


def asked_of(service: Service, result: Result) -> Mapping[str, Any]:
    """What was asked for where a result was made."""
    job = service.store.job(result.job)
    return {} if job is None else plain(job.request)


def scenario_of(asked: Mapping[str, Any]) -> str:
    """The id of the scenario in a request."""
    named = asked.get("scenario", "")
    return str(named.get("id", "")) if isinstance(named, dict) else str(named)


_SAID = {
    "run": "Run", "comparison": "Comparison of contracts", "chance": "Chances of localities", "party_chance": "Chances of parties", "design": "Designed terms",
    "future": "Mix in other futures", "simulation": "Mix in doubt", "optimisation": "Mix of investments", "plan": "Whole plan", "settlement": "Settlement",
    "difference": "Difference of two runs", "export": "Workbook",
}  # fmt: skip


def said_kind(kind: str) -> str:
    """What a kind of work is called on pages."""
    return _SAID.get(kind, kind.replace("_", " ").capitalize())


@lru_cache(maxsize=4)
def families(pack: Pack) -> dict[str, str]:
    """Titles of the families of terms of a data pack, by their names."""
    found = pack.opened().files("families/*.toml")
    return {path.stem: str(read_mapping(path).get("title", path.stem)) for path in found.values()}


def made_of(request: Request, asked: Mapping[str, Any], kind: str) -> str:
    """What a result is of, in words: the titles of the documents that were asked for."""
    titles = _titles(service_of(request), asked)
    said = [titles[name] for name in _NAMED.get(kind, (*_DOCUMENTS, "contract")) if titles.get(name)]
    if asked.get("family"):
        said.insert(0, families(service_of(request).pack).get(str(asked["family"]), str(asked["family"])))
    if not said and asked.get("result"):
        said = [str(asked["result"]).removeprefix("/v1/").replace("/", " ")[:32]]
    if not said and asked.get("before"):
        said = [" and ".join(str(asked[name]).rpartition("/")[2][:16] for name in ("before", "after"))]
    return "; ".join(said) or "not named"


def stale_reasons(service: Service, asked: Mapping[str, Any], pack: str) -> list[str]:
    """What has changed since something was asked for: documents that it names, and the service's own data."""
    named = [
        (name, asked[name], asked.get("digest")) for name in ("options", "problem") if isinstance(asked.get(name), str)
    ]
    scenario = asked.get("scenario")
    if isinstance(scenario, dict):
        named.append(("scenario", scenario.get("id"), scenario.get("digest")))
    elif isinstance(scenario, str) and scenario:
        named.append(("scenario", scenario, asked.get("digest") if not named else None))
    named += [("contract", name, digest) for name, digest in (asked.get("contracts") or {}).items()]
    reasons = []
    for kind, name, digest in named:
        stored = service.store.document(kind, str(name))
        if stored is not None and digest and stored.digest != digest:
            reasons.append(f"its {kind} {name} has changed since")
    if pack and pack != service.pack.digest and service.store.pack(pack) is None:
        reasons.append("the data have changed since")
    return reasons


__all__ = [
    "SeenResult",
    "asked_of",
    "families",
    "made_of",
    "newest_of",
    "result_of",
    "said_kind",
    "scenario_of",
    "stale_reasons",
]
