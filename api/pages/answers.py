"""The six questions of a board, answered for one run: three at once from its tables, three worked out beside the server, once for each run.

Contracts take about a second and the mix some more, so they are worked out in a thread of their own; until they are there, Home says so.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

import polars as pl
from starlette.requests import Request

from api.boards.mix import mix_story, trade_off_of
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
from api.boards.risk.paragraph import current_paragraph
from api.exports.localities import localities
from api.pages.asking import service_of
from api.pages.seen import SeenRun
from capitation.errors import CapitationError
from capitation.money.pence import board_text
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from capitation.run.scenario import Scenario
from capitation.sentences import capital
from contracts.options.document import ContractOptions, read_options
from optimiser.answers.whole.former import read_former
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.shown import kept_log, names_in_log
from optimiser.links.assumed.words import log_table
from optimiser.links.on_run import on_run
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.problem.document import read_problem

log = logging.getLogger("capitation.pages")

LINKS = (
    "/allocations/{run}",
    "/fair-share/{run}",
    "/activity-shift/{run}",
    "/runs/{run}/contracts",
    "/runs/{run}/investment",
    "/assumptions/{run}",
)
"""Where each question leads."""

MOST_KEPT = 8
"""Runs whose worked answers are kept in memory, the latest asked for; others are worked out again where they are asked for."""


@dataclass
class WorkedAnswers:
    """What is worked out beside the server for one run: its answers by the number of the question, and the tables they are made from."""

    answers: dict[int, list[str]] = field(default_factory=dict)
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    """`mix_line`, `bridge` with the mix in it, `plan_position`, `frontier`, and the `log` of assumptions in words."""
    risk: tuple[str, ...] = ()
    """What the pack keeps of how likely each party is to miss its total, where that is of this run."""
    assumed: str = ""
    """How many assumptions the whole log has, in a sentence."""
    options: dict[str, str] = field(default_factory=dict)
    """Titles of the contract options by id."""
    is_over: bool = False


_worked: OrderedDict[str, WorkedAnswers] = OrderedDict()
_lock = threading.Lock()
_one_at_a_time = threading.Lock()


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
    said: dict[int, list[str]] = {0: money(seen, year, plan), 1: furthest(seen, year, plan), 2: what_is_left(plan)}
    is_waiting = False
    if seen.is_open:
        worked = worked_out(request, seen)
        is_waiting = not worked.is_over
        said |= worked.answers
    otherwise = (
        "Being worked out; this page refreshes by itself."
        if is_waiting
        else "Only those who run the system can see this."
    )
    links = [link.format(run=seen.id) for link in LINKS]
    found = []
    for number, asked in enumerate(ASKED):
        lines = said.get(number) or [otherwise]
        found.append(Question(asked, lines[0], tuple(lines[1:]), links[number]))
    return found, is_waiting


def furthest(seen: SeenRun, year: str, plan: WholePlan) -> list[str]:
    """Who is furthest under target; that nothing of it may be seen where the caller sees no locality."""
    if not seen.is_whole and localities(seen.run, year).is_empty():
        return [f"You have no access to any of the localities of {year}."]
    return who_is_furthest(plan)


def money(seen: SeenRun, year: str, plan: WholePlan) -> list[str]:
    """How much each locality gets; without heads where the caller does not see everybody."""
    people = seen.run.frames["population"]["registered_persons"]
    if seen.is_whole and not people.null_count():
        return how_much(plan)
    rows = localities(seen.run, year).sort("total_pence")
    if rows.is_empty():
        return [f"You have no access to any of the localities of {year}; the system's totals are under Allocation."]
    least, most = rows.row(0, named=True), rows.row(-1, named=True)
    if rows.height == 1:
        return [f"{board_text(int(most['total_pence']))} in {year} for {most['name']}, the only locality that you see."]
    return [
        f"{board_text(int(rows['total_pence'].sum()))} in {year} for the {rows.height} localities that you see: from "
        f"{board_text(least['total_pence'])} in {least['name']} to {board_text(most['total_pence'])} in {most['name']}."
    ]


def worked_out(request: Request, seen: SeenRun) -> WorkedAnswers:
    """What is worked out beside the server for a run that the caller sees whole; begun where it was not."""
    with _lock:
        known = _worked.get(seen.id)
        if known is None:
            known = _worked[seen.id] = WorkedAnswers()
            service = service_of(request)
            pack = service.packs.named(seen.data_pack).opened()
            whole = {n: f[0] for n in seen.run.frames if (f := service.frame("run", seen.id, n)) is not None}
            plan = WholePlan(replace(seen.run, frames=whole), seen.year(None), pack)
            stored = _stored_options(request, str(seen.run.manifest.scenario.get("id", "")))
            threading.Thread(target=_work, args=(known, plan, stored), daemon=True).start()
        _worked.move_to_end(seen.id)
        over = [each for each, worked in _worked.items() if worked.is_over]
        for name in over[: max(0, len(_worked) - MOST_KEPT)]:
            del _worked[name]
    return known


def frames_of(run_id: str) -> dict[str, pl.DataFrame]:
    """The tables that were worked out beside the server for a run; none where they were not."""
    known = _worked.get(run_id)
    return {} if known is None or not known.is_over else dict(known.frames)


def _stored_options(request: Request, scenario: str) -> ContractOptions | None:
    """Options on a scenario that somebody stored."""
    store = service_of(request).store
    for name in store.document_names("options"):
        found = store.document("options", name)
        if found is not None and plain(found.content).get("scenario") == scenario:
            return parse_document(plain(found.content), ContractOptions, f"options {name}")
    return None


def _work(worked: WorkedAnswers, plan: WholePlan, stored: ContractOptions | None) -> None:
    """Answer the last three questions, and the third again with the mix in it."""
    try:
        with _one_at_a_time:
            _work_out(worked, plan, stored)
    except CapitationError as error:
        for number in (3, 4, 5):
            worked.answers.setdefault(number, [f"This could not be worked out: {error.message}."])
    except Exception:
        log.exception("the board's questions met a fault")
        for number in (3, 4, 5):
            worked.answers.setdefault(number, ["This could not be worked out; the service's logs say why."])
    finally:
        worked.is_over = True


def _work_out(worked: WorkedAnswers, plan: WholePlan, stored: ContractOptions | None) -> None:
    scenario = Scenario.model_validate(plan.run.manifest.scenario)
    chosen, problem = (
        plan.pack.files(each).get(each) for each in (f"options/{scenario.id}.toml", f"problems/{scenario.id}.toml")
    )
    document = read_options(chosen) if chosen is not None else stored
    if document is None:
        worked.answers[3] = [
            "No contract options are stored for this scenario yet. Copy a set under Contracts, and name this scenario in the copy."
        ]
    else:
        plan = replace(plan, document=document)
        worked.answers[3] = [_as_page(line) for line in which_contract(plan)]
        worked.options = {option.id: option.title for option in document.options}
        worked.risk = tuple(current_paragraph(document, plan.pack, plan.run))
    worked.answers[5] = [_as_page(line) for line in what_matters(plan)]
    if problem is None or chosen is None or document is None:
        worked.answers[4] = [
            "No problem made from this scenario is stored, so no mix is sought; whoever runs the service can make one."
        ]
        return
    start = problem.with_suffix("") / "start.json"
    standing = on_run(read_problem(problem), problem, plan.run, plan.pack).problem
    story = mix_story(standing, plan.run, plan.pack, read_former(start) if start.is_file() else None, short=True)
    plan = replace(plan, mix=story)
    worked.answers[4] = [_as_page(line) for line in what_to_buy(plan)]
    worked.answers[5] = [_as_page(line) for line in what_matters(plan)]
    inputs = PlanInputs(scenario, plan.pack, options=document, problem=standing)
    log = kept_log(plan.run, inputs)
    if log is not None:
        stands = pl.Series("document", [each.document for each in log.assumptions], dtype=pl.String)
        worked.frames["log"] = log_table(log, names_in_log(plan.run, inputs)).with_columns(stands)
        worked.assumed = f"The plan rests on {log.count} assumptions over {log.figures} marked figures; {log.weak} have weak evidence or none stated."
    used = document_inputs(plan.pack, {"options": chosen, "problems": problem})
    made = whole_plan(scenario, plan.run, story.outcome, document, plan.pack, used).run
    worked.frames |= {name: made.frames[name] for name in ("mix_line", "bridge", "plan_position")}
    worked.answers[2] = [_as_page(line) for line in what_is_left(replace(plan, chain=made.bridge))]
    worked.frames["frontier"] = trade_off_of(standing, story.outcome).points


def _as_page(line: str) -> str:
    """A sentence without the commands that the terminal names."""
    for command, words in (
        (
            "`capitation compare` shows where each party's ranking changes",
            "Compare shows where each party's ranking changes",
        ),
        (
            "`capitation assumptions RUN` updates it in a few minutes",
            "the service's operator can work it out again",
        ),
    ):
        line = line.replace(command, words)
    said = capital(line)
    return said if said.endswith((".", "?", "!")) else f"{said}."
