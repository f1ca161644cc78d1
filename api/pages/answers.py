"""The six questions of a board, answered for one run: three at once from its tables, three worked out beside the server, once for each run.

Contracts take about a second and the mix some more, so they are worked out in a thread of their own; until they are there, Home says so.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace

import polars as pl
from starlette.requests import Request

from api.boards.mix import mix_story
from api.boards.questions import (
    ASKED,
    WholePlan,
    how_much,
    what_is_left,
    what_matters,
    what_to_buy,
    which_contract,
    who_is_furthest,
)
from api.boards.run import localities
from api.pages.asking import caller_of, service_of
from api.pages.seen import SeenRun
from capitation.errors import CapitationError
from capitation.money.pence import board_text
from capitation.pack.sources import DataPack
from capitation.run.scenario import Scenario
from contracts.options.document import read_options
from optimiser.answers.whole.former import read_former
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.problem.document import read_problem

log = logging.getLogger("capitation.pages")

LINKS = (
    "/allocations/{run}",
    "/fair-share/{run}",
    "/activity-shift/{run}",
    "/options",
    "/optimisations",
    "/assumptions/{run}",
)
"""Where each question leads."""


@dataclass
class WorkedAnswers:
    """What is worked out beside the server for one run."""

    answers: dict[int, list[str]] = field(default_factory=dict)
    is_over: bool = False


_worked: dict[str, WorkedAnswers] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Question:
    """A question with its answer."""

    asked: str
    headline: str
    drivers: tuple[str, ...]
    href: str


def questions_of(request: Request, seen: SeenRun) -> tuple[list[Question], bool]:
    """The six questions with their answers, and whether some are still being worked out."""
    year = seen.year(None)
    pack = service_of(request).packs.named(seen.data_pack).opened()
    plan = WholePlan(seen.run, year, pack)
    said: dict[int, list[str]] = {0: money(seen, year, plan), 1: who_is_furthest(plan), 2: what_is_left(plan)}
    is_waiting = False
    service = service_of(request)
    if seen.is_whole and not service.hides("run", seen.id, caller_of(request)):
        worked = _worked_out(request, seen, pack, year)
        is_waiting = not worked.is_over
        said |= worked.answers
    otherwise = (
        "Being worked out; this page looks again by itself."
        if is_waiting
        else "This is seen by those who run the system."
    )
    links = [link.format(run=seen.id) for link in LINKS]
    found = []
    for number, asked in enumerate(ASKED):
        lines = said.get(number) or [otherwise]
        found.append(Question(asked, lines[0], tuple(lines[1:]), links[number]))
    return found, is_waiting


def money(seen: SeenRun, year: str, plan: WholePlan) -> list[str]:
    """How much each locality gets; without heads where the caller does not see everybody."""
    people = seen.run.frames["population"]["registered_persons"]
    if seen.is_whole and not people.null_count():
        return how_much(plan)
    rows = localities(seen.run, year).sort("total_pence")
    if rows.is_empty():
        return [f"None of the localities of {year} are yours to see; the system's totals stand under Allocation."]
    least, most = rows.row(0, named=True), rows.row(-1, named=True)
    return [
        f"{board_text(int(rows['total_pence'].sum()))} in {year} for the {rows.height} localities that you see: from "
        f"{board_text(least['total_pence'])} in {least['name']} to {board_text(most['total_pence'])} in {most['name']}."
    ]


def _worked_out(request: Request, seen: SeenRun, pack: DataPack, year: str) -> WorkedAnswers:
    with _lock:
        known = _worked.get(seen.id)
        if known is None:
            known = _worked[seen.id] = WorkedAnswers()
            service = service_of(request)
            whole = {n: f[0] for n in seen.run.frames if (f := service.frame("run", seen.id, n)) is not None}
            run = replace(seen.run, frames=whole)
            threading.Thread(target=_work, args=(known, WholePlan(run, year, pack)), daemon=True).start()
    return known


def _work(worked: WorkedAnswers, plan: WholePlan) -> None:
    """Answer the last three questions, and the third again with the mix in it."""
    scenario = Scenario.model_validate(plan.run.manifest.scenario)
    try:
        chosen, problem = (plan.pack.path(f"{room}/{scenario.id}.toml") for room in ("options", "problems"))
        document = read_options(chosen)
        plan = replace(plan, document=document)
        worked.answers[3] = [_as_page(line) for line in which_contract(plan)]
        worked.answers[5] = [_as_page(line) for line in what_matters(plan)]
        start = problem.with_suffix("") / "start.json"
        story = mix_story(
            read_problem(problem), plan.run, plan.pack, read_former(start) if start.is_file() else None, short=True
        )
        plan = replace(plan, mix=story)
        worked.answers[4] = [_as_page(line) for line in what_to_buy(plan)]
        worked.answers[5] = [_as_page(line) for line in what_matters(plan)]
        used = document_inputs(plan.pack, {"options": chosen, "problems": problem})
        chain: pl.DataFrame = whole_plan(scenario, plan.run, story.outcome, document, plan.pack, used).run.bridge
        worked.answers[2] = [_as_page(line) for line in what_is_left(replace(plan, chain=chain))]
    except CapitationError as error:
        for number in (3, 4, 5):
            worked.answers.setdefault(number, [f"This could not be worked out: {error.message}."])
    except Exception:
        log.exception("the questions of a board met a fault")
        for number in (3, 4, 5):
            worked.answers.setdefault(number, ["This could not be worked out; the service's logs say why."])
    finally:
        worked.is_over = True


def _as_page(line: str) -> str:
    """A sentence without the commands that the terminal names."""
    for command, words in (
        ("`capitation compare` says where each party turns", "Compare says where each party turns"),
        (
            "`capitation assumptions RUN` works it out again in a few minutes",
            "whoever runs the service can work it out again",
        ),
    ):
        line = line.replace(command, words)
    return line
