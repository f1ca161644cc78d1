"""A plan's log made: every assumption run at both ends of its range, by several processes where there are processors for them."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from capitation.pack.sources import DataPack
from capitation.run.engine import code_digest
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from contracts.options.document import read_options
from optimiser.links.assumed.collect import entries_of
from optimiser.links.assumed.entries import LoggedFigure
from optimiser.links.assumed.headlines import Headlines, titles
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.kept import AssumptionLog, KeptAssumption, KeptEffect, rests_on
from optimiser.links.assumed.log import (
    Logged,
    Measured,
    MovedHeadline,
    Said,
    effects_of,
    in_order,
    largest_of_mix,
    on_reported,
    ranked,
    reported_base,
    searched_again,
)
from optimiser.problem.document import read_problem

SECONDS = 285.0
"""How long making a log may take; what is not reached by then is said."""

_PARALLEL_FROM = 60
"""From this many assumptions on, several processes share them."""

_CHUNK = 4
_WHOLE_SECONDS = 50.0
"""Seconds for both ends of an assumption whose mix is searched again: about what a search of this size takes to be near."""


@dataclass(frozen=True)
class _Plan:
    """The plan as a process can be given it."""

    root: Path
    scenario: str
    options: Path | None
    problem: Path | None

    def inputs(self) -> PlanInputs:
        return PlanInputs(
            Scenario.model_validate_json(self.scenario),
            DataPack(self.root),
            None if self.options is None else read_options(self.options),
            self.options,
            None if self.problem is None else read_problem(self.problem),
            self.problem,
        )


_Found = tuple[str, tuple[MovedHeadline, ...], str]
"""An entry's id, what it moves, and its note."""


def study(
    inputs: PlanInputs, run: Run, *, seconds: float = SECONDS, processes: int | None = None, say: Said | None = None
) -> AssumptionLog:
    """The log of a plan.

    Args:
        inputs: its documents.
        run: its scenario's run, or a run that holds it.
        seconds: how long it may take; assumptions not reached by then say so.
        processes: how many share the work; as many as there are processors, at most four, by default.
        say: called with how many assumptions are done, and of how many.

    Raises:
        CapitationError: the plan itself cannot be worked out.
    """
    began = time.monotonic()
    headlines = Headlines(inputs, run)
    entries = entries_of(headlines.inputs)
    measured = Measured(headlines, entries)
    base = {**measured.base("run"), **reported_base(measured)}
    wanted = processes or min(4, os.cpu_count() or 1)
    share = 1 if len(entries) < _PARALLEL_FROM else wanted
    until = time.time() + seconds - (time.monotonic() - began)
    plan = _Plan(
        inputs.pack.root, inputs.scenario.model_dump_json(by_alias=True), inputs.options_file, inputs.problem_file
    )
    if share > 1:
        with ProcessPoolExecutor(share, multiprocessing.get_context("spawn"), _start, (plan,)) as pool:
            log = _shared(entries, pool, share, until, say)
    else:
        log = _alone(entries, measured, until, say)
    log = [on_reported(each, base) for each in log]
    return AssumptionLog(
        key=inputs.content_key(run),
        scenario=inputs.scenario.id,
        code=code_digest(),
        stages=inputs.stages,
        inputs=rests_on(inputs, run),
        titles={name: title for name, title in titles(inputs, headlines.run).items() if name in base},
        base=base,
        seconds=round(time.monotonic() - began, 1),
        count=len(log),
        figures=sum(len(each.entry.places) for each in log),
        weak=sum(each.entry.quality in ("red", None) for each in log),
        stand_ins=sum(each.entry.range_from == "stand-in" for each in log),
        assumptions=tuple(_kept(number, each) for number, each in enumerate(ranked(log), start=1)),
    )


def _alone(entries: Sequence[LoggedFigure], measured: Measured, until: float, say: Said | None) -> list[Logged]:
    log = []
    for number, entry in enumerate(in_order(entries), start=1):
        log.append(Logged(entry, note=_LATE) if time.time() > until else effects_of(entry, measured))
        if say is not None:
            say(number, len(entries))
    again = {each.entry.id: each for each in largest_of_mix(log)}
    for name, each in again.items():
        if time.time() < until:
            again[name] = searched_again(each, measured, _WHOLE_SECONDS)
    return [again.get(each.entry.id, each) for each in log]


_LATE = "not run: the time was up"
_NOT_SEARCHED = "the time was up before a search for whole numbers, so that the relaxation stands"


def _shared(
    entries: Sequence[LoggedFigure], pool: ProcessPoolExecutor, share: int, until: float, say: Said | None
) -> list[Logged]:
    by_id = {each.id: each for each in entries}
    names = [each.id for each in in_order(entries)]
    jobs: list[Future[list[_Found]]] = [
        pool.submit(_effects, names[at : at + _CHUNK], until) for at in range(0, len(names), _CHUNK)
    ]
    log = []
    for job in as_completed(jobs):
        log += [Logged(by_id[name], effects, note) for name, effects, note in job.result()]
        if say is not None:
            say(len(log), len(entries))
    largest = largest_of_mix(log)
    again: dict[str, Logged] = {}
    searches = [pool.submit(_again, each.entry.id, each.effects, each.note, until) for each in largest]
    for search in as_completed(searches):
        name, effects, note = search.result()
        again[name] = Logged(by_id[name], effects, note)
    return [again.get(each.entry.id, each) for each in log]


_here: list[Measured] = []
"""The plan of a process that shares the work: one, put here as it starts."""


def _start(plan: _Plan) -> None:
    inputs = plan.inputs()
    headlines = Headlines(inputs)
    _here[:] = [Measured(headlines, entries_of(headlines.inputs))]


def _effects(names: Sequence[str], until: float) -> list[_Found]:
    return list(_each(names, until))


def _each(names: Sequence[str], until: float) -> Iterator[_Found]:
    measured = _here[0]
    for name in names:
        if time.time() > until:
            yield name, (), _LATE
        else:
            done = effects_of(measured.entries[name], measured)
            yield name, done.effects, done.note


def _again(name: str, effects: tuple[MovedHeadline, ...], note: str, until: float) -> _Found:
    measured = _here[0]
    left = until - time.time()
    if left <= 0:
        return name, effects, f"{note}; {_NOT_SEARCHED}".removeprefix("; ")
    done = searched_again(Logged(measured.entries[name], effects, note), measured, min(_WHOLE_SECONDS, left))
    return name, done.effects, done.note


def _kept(rank: int, logged: Logged) -> KeptAssumption:
    entry = logged.entry
    effects = tuple(
        KeptEffect(headline=e.headline, base_pence=e.base, low_pence=e.at_low, high_pence=e.at_high, method=e.method)
        for e in logged.effects
    )
    return KeptAssumption(
        rank=rank, id=entry.id, part=entry.part, document=entry.document, place=entry.place, places=entry.places,
        value=entry.value, unit=entry.unit, low=entry.low, high=entry.high, range_from=entry.range_from,
        quality=entry.quality, impact=entry.impact, owner=entry.owner, about=entry.about, fitted=entry.fitted,
        effects=effects, note=logged.note,
    )  # fmt: skip


__all__ = ["SECONDS", "study"]
