"""What if: growth of the money, the pace of change and the corridor of a contract moved by sliders, and the headline with them; nothing is kept.

Answers come from the stages of the run that what was moved does not touch, so that they are there while somebody waits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.questions import WholePlan, how_much, who_is_furthest
from api.exports.localities import localities
from api.pages.asking import service_of
from api.pages.rendering import page
from api.pages.seen import SeenRun, run_of
from api.pages.tables import PageTable
from api.service.records.pack import Pack
from api.service.security.access import AccessError
from capitation.errors import CapitationError
from capitation.money.pence import board_text
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.sentences import small
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, read_options
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.localities import localities_moved
from optimiser.links.assumed.what_if import paced
from optimiser.links.assumed.what_if import what_if as what_if_of

_PACES = {
    "floor": ("pace.floor_growth", "the minimum growth for any area"),
    "cap": ("pace.largest_growth", "the maximum growth for any area"),
}
"""Sliders of the pace of change: the dated parameter of each, and words."""

_EDGES = {"inner_edge": "where sharing of gains and losses begins", "outer_edge": "where the higher share begins"}
"""Sliders of a corridor: parameters of its contract, and words."""

_ENDS = (("floor", "cap"), ("inner_edge", "outer_edge"))
"""Sliders of which the first may not stand above the second."""

_PLAIN = {
    "band end inner_edge": _EDGES["inner_edge"],
    "band end outer_edge": _EDGES["outer_edge"],
    "cap_growth needs a floor_total": "the growth of areas over target needs a minimum growth for every area",
    "floor_total": "the minimum growth for any area",
}
"""Names of figures of a policy in words."""

_SAME = 1_000_000
"""Pence that count as nothing in a sentence."""

_MOST_KEPT = 8
_STEP = Decimal("0.01")


@dataclass(frozen=True)
class Slider:
    """A slider: its name, its words, where it stands, and its ends, in percent."""

    name: str
    words: str
    short: str
    now: Decimal
    least: Decimal
    most: Decimal
    typed: str
    fault: str = ""

    @property
    def value(self) -> Decimal:
        """What it is moved to; where it stands now if what was typed is no such number, or the same but for the slider's steps."""
        if self.fault or abs(Decimal(self.typed) - self.now) < _STEP:
            return self.now
        return Decimal(self.typed)

    @property
    def is_moved(self) -> bool:
        """Whether it was moved."""
        return self.value != self.now


def what_if(request: Request) -> Response:
    """The headline with other sliders."""
    named = request.query_params.get("run") or None
    seen = run_of(request, named)
    if not seen.is_open:
        raise AccessError("role", "trying out other figures is for those who see the whole system")
    stored = service_of(request).packs.named(seen.data_pack)
    pack = stored.opened()
    year = seen.year(None)
    inputs = _inputs(seen, pack)
    corridor = _corridor(stored, inputs.scenario.id, inputs)
    sliders = _sliders(request, _paces_now(stored, year), corridor, year)
    faults = [(each.name, f"{each.words}: {small(each.fault)}") for each in sliders if each.fault]
    changes: dict[str, int] = {}
    moved, refused, wanted = seen.run, "", request.query_params.get("contracts", "")
    is_waiting = inputs.options is not None and not wanted and not _are_edges_moved(sliders)
    if not faults:
        try:
            if wanted == "only":
                return _contracts_part(request, inputs, seen, corridor, sliders, year)
            moved = _localities(inputs, seen, sliders, year)
            if not is_waiting:
                changes = _contracts(inputs, seen, corridor, sliders, year)
        except CapitationError as error:
            said = "; ".join(dict.fromkeys(f.expected for f in error.faults)) or error.message
            for name, words in _PLAIN.items():
                said = said.replace(name, words)
            refused = f"These cannot go together: {said}."
    is_waiting = is_waiting and moved is not seen.run
    _look_ahead(inputs, seen)
    table = _table(seen.run, moved, year)
    plan = WholePlan(moved, year, pack)
    lines = [*_positions(changes, inputs.options), *how_much(plan)[:1], *who_is_furthest(plan)[:1]]
    lead = refused or (
        "Some of this cannot be used; what you typed is kept." if faults else _lead(sliders, table.frame, year)
    )
    is_part = bool(request.headers.get("hx-request"))
    template = "what_if_part.html" if is_part else "what_if.html"
    return page(
        template, request, 422 if (faults or refused) and not is_part else 200, title="What if", lead=lead, lines=lines, seen=seen, table=table, sliders=sliders,
        faults=faults or ([("", refused)] if refused else []), year=year, named=named, later=_later(request) if is_waiting and not refused else "",
    )  # fmt: skip


def _later(request: Request) -> str:
    """The end of the address at which the contracts are answered with the same sliders."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "contracts"]
    return urlencode(kept)


def _contracts_part(
    request: Request, inputs: PlanInputs, seen: SeenRun, corridor: Contract | None, sliders: list[Slider], year: str
) -> Response:
    """What each contract option makes of the sliders, for a page that shows the localities already."""
    lines = _positions(_contracts(inputs, seen, corridor, sliders, year), inputs.options)
    return page("what_if_contracts.html", request, lines=lines)


@lru_cache(maxsize=_MOST_KEPT)
def _paces_now(pack: Pack, year: str) -> dict[str, Decimal | None]:
    """Where each slider of the pace stands, in percent, read once for a data pack."""
    return {name: _now(pack.opened(), parameter, year) for name, (parameter, _) in _PACES.items()}


_corridors: dict[tuple[str, str], Contract | None] = {}


def _corridor(pack: Pack, scenario: str, inputs: PlanInputs) -> Contract | None:
    """The contract whose corridor has edges to move, found once for a data pack."""
    key = (pack.digest, scenario)
    if key not in _corridors:
        if len(_corridors) >= _MOST_KEPT:
            _corridors.clear()
        _corridors[key] = corridor_of(inputs)
    return _corridors[key]


def _sliders(
    request: Request, paces: Mapping[str, Decimal | None], corridor: Contract | None, year: str
) -> list[Slider]:
    given = request.query_params
    made = [
        _slider(
            given.get("growth"),
            "growth",
            (f"More or less growth in place-based funding from {year} on", "growth"),
            Decimal(0),
            (Decimal(-3), Decimal(3)),
        )
    ]
    for name, (_, words) in _PACES.items():
        now = paces[name]
        if now is not None:
            made.append(
                _slider(
                    given.get(name),
                    name,
                    (f"Pace of change: {words} a year, in every year", words),
                    now,
                    (Decimal(0), Decimal(15)),
                )
            )
    edges = {} if corridor is None else _edges(corridor)
    for name, words in _EDGES.items():
        if name in edges:
            made.append(
                _slider(
                    given.get(name),
                    name,
                    (f"Corridor: {words}, of target cost", words),
                    edges[name],
                    (Decimal(0), Decimal(10)),
                )
            )
    return _in_order(made)


def _in_order(sliders: list[Slider]) -> list[Slider]:
    """The sliders, with what is wrong where a lower end stands above its upper end."""
    by_name = {each.name: each for each in sliders if not each.fault}
    for low, high in _ENDS:
        lower, upper = by_name.get(low), by_name.get(high)
        if lower and upper and lower.value > upper.value and (lower.is_moved or upper.is_moved):
            found, most = (f"{each.value.normalize():f}%" for each in (lower, upper))
            fault = f"Found {found}; expected at most {most}, which is {upper.short}"
            sliders = [replace(each, fault=fault) if each is lower else each for each in sliders]
    return sliders


def _slider(
    typed: str | None, name: str, words: tuple[str, str], now: Decimal, ends: tuple[Decimal, Decimal]
) -> Slider:
    least, most = ends
    text = f"{now.normalize():f}" if typed is None or not typed.strip() else typed.strip()
    made = Slider(name, *words, now, least, most, text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return replace(made, fault=f"Found {text[:20]!r}; expected a percentage such as 1.5")
    if not value.is_finite() or not least <= value <= most:
        return replace(
            made, fault=f"Found {text[:20]}; expected a number from {least.normalize():f} to {most.normalize():f}"
        )
    return made


def _now(pack: DataPack, name: str, year: str) -> Decimal | None:
    """The value of a dated parameter in a year, in percent; None where the pack has no single one."""
    path = f"parameters/{name.replace('.', '/')}.toml"
    if path not in pack.files(path):
        return None
    try:
        value = Parameters(pack).value(name, FinancialYear(year))
    except CapitationError:
        return None
    return (Decimal(value) * 100).normalize() if value is not None else None


def _inputs(seen: SeenRun, pack: DataPack) -> PlanInputs:
    """The plan that the run is of: its scenario, and the contract options of the pack on it where there are some."""
    scenario = Scenario.model_validate(seen.run.manifest.scenario)
    name = f"options/{scenario.id}.toml"
    path = pack.files(name).get(name)
    return PlanInputs(scenario, pack, None if path is None else read_options(path), path)


def corridor_of(inputs: PlanInputs) -> Contract | None:
    """The first contract of the options that has a corridor with edges to move; None where there is none."""
    if inputs.options is None:
        return None
    for name in dict.fromkeys(each.contract for option in inputs.options.options for each in option.contracts):
        file = f"contracts/{name}.toml"
        path = inputs.pack.files(file).get(file)
        if path is not None:
            contract = read_contract(path)
            if {"inner_edge", "outer_edge"} <= {each.name for each in contract.parameters}:
                return contract
    return None


def _edges(contract: Contract) -> dict[str, Decimal]:
    """Where the edges of a corridor stand, in percent."""
    found = {}
    for each in contract.parameters:
        value = each.values[-1].value
        if each.name in _EDGES and isinstance(value, Decimal):
            found[each.name] = (value * 100).normalize()
    return found


def _are_edges_moved(sliders: list[Slider]) -> bool:
    return any(each.name in _EDGES and each.is_moved for each in sliders)


def _look_ahead(inputs: PlanInputs, seen: SeenRun) -> None:
    """Work out the contracts with nothing moved while the reader looks, so that the first slider is answered at once."""
    if inputs.options is not None and seen.id not in _known:
        threading.Thread(target=_before, args=(seen.id, inputs, seen.run), daemon=True).start()


def _moved(
    inputs: PlanInputs, seen: SeenRun, sliders: list[Slider], year: str
) -> tuple[PlanInputs, dict[str, Decimal], bool]:
    """The plan with the sliders as they are moved, the pace that was moved, and whether the run itself changes."""
    at = {each.name: each for each in sliders}
    pace = {
        parameter: at[name].value / 100 for name, (parameter, _) in _PACES.items() if name in at and at[name].is_moved
    }
    scenario, growth = inputs.scenario, at["growth"].value
    if growth:
        scenario = parse_document(_grown(seen.run.manifest.scenario, growth, year), Scenario, "what if")
    return replace(inputs, scenario=scenario, pack=paced(inputs.pack, pace)), pace, bool(pace or growth)


def _localities(inputs: PlanInputs, seen: SeenRun, sliders: list[Slider], year: str) -> Run:
    """The run with the money of its localities as the sliders make it."""
    changed, _, is_changed = _moved(inputs, seen, sliders, year)
    return localities_moved(changed.scenario, changed.pack, seen.run) if is_changed else seen.run


def _contracts(
    inputs: PlanInputs, seen: SeenRun, corridor: Contract | None, sliders: list[Slider], year: str
) -> dict[str, int]:
    """How much better or worse off each role is under each contract option by the sliders."""
    edges = {each.name: each.value / 100 for each in sliders if each.name in _EDGES and each.is_moved}
    changed, pace, is_changed = _moved(inputs, seen, sliders, year)
    if inputs.options is None or not (edges or is_changed):
        return {}
    moved = evaluate(changed.scenario, changed.pack) if is_changed else seen.run
    terms = {corridor.id: edges} if corridor is not None and edges else {}
    on = seen.run if changed.scenario is inputs.scenario else moved
    now = what_if_of(replace(changed, pack=inputs.pack), pace=pace, terms=terms, run=on, moved=moved)
    before = _before(seen.id, inputs, seen.run)
    return {name: now[name] - before[name] for name in before if name in now}


_known: OrderedDict[str, dict[str, int]] = OrderedDict()
_lock = threading.Lock()


def _before(run_id: str, inputs: PlanInputs, run: Run) -> dict[str, int]:
    """Positions under the options with nothing moved, kept for the latest runs."""
    with _lock:
        if run_id in _known:
            return _known[run_id]
    found = {
        name: pence
        for name, pence in what_if_of(inputs, run=run).items()
        if ":" in name and name.startswith(("commissioners", "providers"))
    }
    with _lock:
        _known[run_id] = found
        while len(_known) > _MOST_KEPT:
            _known.popitem(last=False)
    return found


def _grown(scenario: Mapping[str, Any], growth: Decimal, year: str) -> dict[str, Any]:
    """The scenario with so many percent more recurrent money in its placed streams from a year on."""
    factor = 1 + growth / 100
    placed = set(scenario.get("place_based_streams") or ())
    streams = [
        {**stream, "amounts": [_scaled(each, factor) if stream["stream"] in placed and each["year"] >= year else each for each in stream["amounts"]]}
        for stream in scenario["money"]["streams"]
    ]  # fmt: skip
    return {**scenario, "money": {**scenario["money"], "streams": streams}}


def _scaled(amount: dict[str, Any], factor: Decimal) -> dict[str, Any]:
    return {**amount, "pounds": str((Decimal(amount["pounds"]) * factor).quantize(Decimal(1)))}


def _table(before: Run, after: Run, year: str) -> PageTable:
    """Each locality's money in the run and with what was moved, the furthest under target first."""
    was, now = localities(before, year), localities(after, year)
    rows = was.select("name", "area_code", "total_pence").join(
        now.select("area_code", after_pence="total_pence", distance="distance"), on="area_code", how="left", validate="1:1"
    ).with_columns(change_pence=pl.col("after_pence") - pl.col("total_pence")).sort("distance", nulls_last=True)  # fmt: skip
    heads = {
        "name": "Locality",
        "total_pence": "In the run",
        "after_pence": "With this",
        "change_pence": "Change",
        "distance": "Distance from target",
    }
    short = frozenset({"total_pence", "after_pence", "change_pence"})
    return PageTable(f"Money of localities, {year}", rows, heads, short=short, name="what-if")


def _lead(sliders: list[Slider], rows: pl.DataFrame, year: str) -> str:
    """What was moved, and what it does to the localities' money."""
    moved = [each for each in sliders if each.is_moved]
    if not moved:
        return "Nothing has been changed: this is the run as it is. Move a slider to see its effect."
    said = " and ".join(
        f"{each.short} {'at ' if each.name != 'growth' else ''}{each.value:+f}%"
        if each.name == "growth"
        else f"{each.short} at {each.value.normalize():f}%"
        for each in moved
    )
    change = int(rows["change_pence"].sum())
    between = int(rows["change_pence"].abs().sum()) // 2
    if abs(change) > _SAME:
        does = f"the localities have {board_text(abs(change))} {'more' if change >= 0 else 'less'} in {year} than in the run"
    elif between > _SAME:
        does = f"{board_text(between)} moves between localities in {year}"
    else:
        does = f"no locality's money of {year} changes"
    return f"With {said} {does}."


def _positions(changes: dict[str, int], options: ContractOptions | None) -> list[str]:
    """What the sliders do to the positions of each role, in a sentence an option that moves."""
    said = []
    for option in options.options if options is not None else ():
        parts = [f"{role} {'gain' if changes[key] > 0 else 'lose'} {board_text(abs(changes[key]))}" for role in ("commissioners", "providers")
                 if abs(changes.get(key := f"{role}:{option.id}", 0)) > _SAME]  # fmt: skip
        if parts:
            said.append(
                f"Under {option.title}: {' and '.join(parts)} in the first year of the contracts, at the activity shown there."
            )
    return said


ROUTES = [Route("/what-if", what_if)]
