"""The service put together: settings, store, data packs, callers, numbers about itself, and what is decoded once of its results."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import BytesIO
from typing import ParamSpec, TypeVar

import polars as pl
from fastapi.concurrency import run_in_threadpool

from api.service.http.identity import Identity
from api.service.http.metrics import Metrics
from api.service.kinds import BY_ADDRESS, KINDS
from api.service.packs.packs import Packs
from api.service.records.hidden import COUNTED, NOBODY, HiddenPeople, left_out_of, sizes_of
from api.service.records.pack import Pack
from api.service.runtime.streams import Streams
from api.service.runtime.webhooks import Webhooks
from api.service.security.access import ROLE_SCOPES, Caller
from api.service.security.flows import hidden_flows, hidden_parts
from api.service.security.parts import hidden_pairs, left_out_of_parts
from api.service.security.people import hidden_lines, hidden_people, hidden_rows
from api.service.security.visibility import (
    EVERYTHING,
    area_codes,
    seen,
    sees_everything,
    view_of,
)
from api.service.settings import Settings
from api.service.store import Store
from capitation.errors import DocumentError, Fault
from capitation.records.documents import read_mapping
from capitation.records.identity import plain
from capitation.records.suppression import MARK

P = ParamSpec("P")
T = TypeVar("T")

FRAMES_KEPT = 64
"""How many decoded frames are kept in memory; they never change, so none grows old."""

QUICK_ROWS = 5_000
"""Rows of a frame that is answered from in less time than a thread's coming and going takes."""

CODES_KEPT = 256
"""For how many runs and organisations the codes of their area are kept in memory."""


@dataclass(eq=False)
class Service:
    """What one running instance has: its settings, store, data packs, callers and numbers about itself."""

    settings: Settings
    store: Store
    packs: Packs
    metrics: Metrics
    system: str = field(init=False)
    """Code of the organisation that runs the system."""
    stopping: threading.Event = field(init=False, default_factory=threading.Event)
    """Set once the server is asked to stop, so that nobody waits any longer."""
    identity: Identity = field(init=False)
    """Knows callers and what they may do."""
    webhooks: Webhooks = field(init=False)
    """Sends how jobs ended."""
    streams: Streams = field(init=False)
    """Streams of events that are open in this process."""
    frame: Callable[[str, str, str], tuple[pl.DataFrame, str] | None] = field(init=False)
    """Decodes the frame of a result by kind, id and name, with its checksum; None where there is none."""
    area: Callable[[str, str, str], frozenset[str]] = field(init=False)
    """Codes of places, localities and practices that are wholly an organisation's, by kind and id of a result."""

    hidden: Callable[[str, str], HiddenPeople] = field(init=False)
    """Whose people are left out of a result, by its kind and id."""
    approver: Caller = field(init=False)
    """Somebody who sees all rows and no small numbers."""

    def __post_init__(self) -> None:
        self.system = self.settings.organisation or system_of(self.pack)
        self.identity = Identity(self.store, self.settings, self.system)
        secret = self.settings.webhook_secret.get_secret_value()
        self.webhooks = Webhooks(self.settings.webhook_url, secret, self.store)
        self.streams = Streams(self.settings.streams, self.settings.streams_each)
        kept = lru_cache(maxsize=FRAMES_KEPT)(self._decoded)
        self._small: set[tuple[str, str, str]] = set()

        def frame(kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str] | None:
            try:
                return kept(kind, result_id, name)
            except LookupError:
                return None

        self.frame = frame
        self.area = lru_cache(maxsize=CODES_KEPT)(self._area)
        self.hidden = lru_cache(maxsize=CODES_KEPT)(self._hidden)
        self.approver = Caller("approver", self.system, "approver", ROLE_SCOPES["approver"], "local")

    @property
    def pack(self) -> Pack:
        """The data pack that is used where none is named."""
        return self.packs.default

    async def read(self, look: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What a look into the store finds.

        An embedded store, whose readers wait for nobody, is asked at once: that takes less time than a thread's coming and
        going. A store on a server, which may be far away or gone, is asked in a thread while others are answered.
        """
        if self.store.is_sqlite:
            return look(*given, **named)
        return await run_in_threadpool(look, *given, **named)

    def is_quick(self, kind: str, result_id: str, name: str, caller: Caller) -> bool:
        """Whether rows of a frame are at hand in less time than a thread's coming and going takes."""
        is_known = (kind, result_id, name) in self._small and self.store.is_sqlite
        return is_known and view_of(caller, self.system) == EVERYTHING

    def seen(self, kind: str, result_id: str, name: str, caller: Caller) -> tuple[pl.DataFrame, str] | None:
        """The rows of a frame that a caller may see, with a checksum that is theirs; None where there is no frame.

        Raises:
            UnknownNameError: the frame is hidden from partners.
        """
        decoded = self.frame(kind, result_id, name)
        if decoded is None:
            return None
        frame, _ = decoded
        view = view_of(caller, self.system)
        if view == EVERYTHING:
            return decoded
        codes = () if sees_everything(caller, self.system) else self.area(kind, result_id, caller.organisation)
        hidden = self.hidden(kind, result_id)
        shown = seen(kind, name, frame, caller, self.system, codes, self.settings.smallest_shown, hidden)
        return (
            shown,
            f"{kind} {result_id} {name} {view} {self.settings.smallest_shown}",
        )  # a checksum would prove guesses

    def hides(self, kind: str, result_id: str, caller: Caller) -> bool:
        """Whether numbers of people are left out of a result's tables for a caller."""
        if view_of(caller, self.system) == EVERYTHING or kind not in KINDS:
            return False
        if self.hidden(kind, result_id) != NOBODY:
            return True
        ruled = {*KINDS[kind].people, *KINDS[kind].for_others}
        names = [name for name in self.store.frame_names(kind, result_id) if name in ruled]
        shown = [self.seen(kind, result_id, name, self.approver) for name in names]
        return any(each is not None and MARK in each[0].columns and each[0].get_column(MARK).any() for each in shown)

    def _hidden(self, kind: str, result_id: str) -> HiddenPeople:
        smallest, found = self.settings.smallest_shown, NOBODY
        if kind in KINDS and KINDS[kind].made_of_rows:
            counts, result = self.frame(kind, result_id, "counts"), self.store.result(kind, result_id)
            if counts is None or result is None:
                return NOBODY
            results = self.frame(kind, result_id, "results")
            outputs = plain(result.content).get("outputs", ())
            return hidden_rows(counts[0], outputs, smallest, None if results is None else results[0])
        if kind in KINDS and KINDS[kind].counts_of_mix:
            activity = self.frame(kind, result_id, "activity")
            sizes = {} if activity is None else sizes_of(activity[0], KINDS[kind].counts_of_mix, "point_of_delivery")
            return found if left_out_of(sizes, smallest)[1] else HiddenPeople(is_whole=True)
        if kind in KINDS and "tables" in {rule.of for rule in KINDS[kind].made_of_parts.values()}:
            return self._hidden_between(kind, result_id)
        population, membership = (self.frame(kind, result_id, name) for name in ("population", "membership"))
        if population is not None:
            found = hidden_people(population[0], None if membership is None else membership[0], self.system, smallest)
        costs, activity = (self.frame(kind, result_id, name) for name in ("unit_cost", "locality_activity"))
        if costs is not None:
            found = replace(found, lines=hidden_lines(costs[0], None if activity is None else activity[0], smallest))
        flow, lines, outturn = (self.frame(kind, result_id, name) for name in ("flow", "service_line", "outturn"))
        if flow is not None and activity is not None and lines is not None and membership is not None:
            parts = hidden_flows(flow[0], activity[0], lines[0], membership[0], smallest)
        else:
            parts = self._parts_of_run(kind, result_id)
        found = replace(found, flows=parts.flows, services=parts.services, cells=parts.cells, boxed=parts.boxed)
        if outturn is not None and kind in KINDS and "outturn" in KINDS[kind].people:
            rule = KINDS[kind].people["outturn"]
            left_out = left_out_of_parts(outturn[0], rule, smallest, parts.cells, parts.boxed)
            pairs = hidden_pairs(outturn[0], left_out, parts.bare)
            found = replace(found, pairs=pairs.pairs, ends=pairs.ends, bare=pairs.bare)
        return found

    def _parts_of_run(self, kind: str, result_id: str) -> HiddenPeople:
        """What is left out of the run that a result is made on, by the counts that it keeps of it."""
        kept = self.store.file(kind, result_id, COUNTED)
        return (
            NOBODY
            if kept is None
            else hidden_parts(pl.read_parquet(BytesIO(kept.content)), self.settings.smallest_shown)
        )

    def _hidden_between(self, kind: str, result_id: str) -> HiddenPeople:
        """What is left out of the differences of two results: tables of which something is left out in either."""
        result, tables = self.store.result(kind, result_id), set[tuple[str, ...]]()
        content = {} if result is None else plain(result.content)
        for side in ("before", "after"):
            word, _, name = str(content.get(side, "")).removeprefix("/v1/").partition("/")
            if word in BY_ADDRESS:
                hidden = self.hidden(BY_ADDRESS[word].name, name)
                rules = BY_ADDRESS[word].made_of_parts.items()
                tables |= {(table,) for table, rule in rules if getattr(hidden, rule.of)}
        return HiddenPeople(tables=frozenset(tables))

    def _area(self, kind: str, result_id: str, organisation: str) -> frozenset[str]:
        membership = self.frame(kind, result_id, "membership")
        return frozenset() if membership is None else area_codes(organisation, membership[0])

    def _decoded(self, kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str]:
        stored = self.store.frame(kind, result_id, name)
        if stored is None:
            raise LookupError(name)
        decoded = pl.read_parquet(BytesIO(stored.parquet))
        if decoded.height <= QUICK_ROWS:
            if len(self._small) >= CODES_KEPT:
                self._small.clear()
            self._small.add((kind, result_id, name))
        return decoded, stored.sha256


def system_of(pack: Pack) -> str:
    """The code of the system that the scenarios of a data pack are about.

    Raises:
        DocumentError: there is none, or more than one, so that the setting must say.
    """
    return _system_of(pack, pack.digest)


@lru_cache(maxsize=32)
def _system_of(pack: Pack, _content: str) -> str:
    paths = pack.documents("scenarios")
    codes = sorted({str(read_mapping(path).get("system_code", "")) for path in paths} - {""})
    if len(codes) != 1:
        found = " and ".join(codes) or "no scenario that names one"
        fault = Fault("CAPITATION_ORGANISATION", f"not set, and in the data pack {found}", "its code")
        raise DocumentError("the organisation that runs the system is not known", [fault])
    return codes[0]
