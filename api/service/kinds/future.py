"""Futures: a problem in the futures that it names. The best mix of each and its regret, or a mix that stands bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl
from pydantic import Field

from api.service.kinds.chance import uncertainty_of
from api.service.kinds.optimisation import OptimisationRequest, finite, stored_problem
from api.service.records.api_models import LARGEST_SEED, NAME
from api.service.records.failures import BODY, ServiceError
from api.service.records.hidden import without_small_content, without_small_of_units
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Work
from api.service.records.optimiser_pence import apart_in_pence, pounds_text
from api.service.records.stored import StoredThings
from capitation.chance.document import Uncertainty
from capitation.errors import Faults
from capitation.pack.layers import default_pack
from optimiser.answers.report import mix_report
from optimiser.futures.appraisal.documented import FUTURES, MOST_FUTURES, drawn_futures, without_promises
from optimiser.futures.play import cvar_mix, play_futures, robust_mix
from optimiser.problem.document import Problem

Ask = Literal["each", "robust", "cvar"]
Found = tuple[dict[str, Any], dict[str, pl.DataFrame], str]
"""Content, frames, and the unit of the goal."""


class FuturesRequest(OptimisationRequest):
    """A problem whose futures are to be played."""

    problem: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of a problem that names futures."""
    ask: Ask = Field(default="each", examples=["each"])
    """`each`: the best mix of every named future, and what every mix loses in the others. `robust`: the mix that is best when some
    solutions disappoint. `cvar`: the mix that weighs the mean of all futures against the mean of the worst."""
    disappoint: float = Field(default=2.0, ge=0, le=1000, examples=[2.0])
    """For `robust`: how many solutions may fall to their low effects and savings at once."""
    worst: float = Field(default=0.1, gt=0, le=1, examples=[0.1])
    """For `cvar`: the share of worst futures that is averaged."""
    weight: float = Field(default=0.5, ge=0, le=1, examples=[0.5])
    """For `cvar`: 0 for the mean alone, 1 for the worst alone."""
    uncertainty: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[None, default_pack()])
    """For `robust` and `cvar`: id of a document of the data pack that says what is uncertain of delivery. A disappointment then delivers its
    p10, and the futures that are weighed are drawn from it; the ends of the solutions and the named futures where it is not given."""
    draws: int = Field(default=FUTURES, ge=1, le=MOST_FUTURES, examples=[FUTURES])
    """For `cvar` with `uncertainty`: how many futures are drawn."""
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED, examples=[1])
    """For `cvar` with `uncertainty`: where the draws begin."""


def work(given: Work) -> JobResult:
    """Play the futures of the stored problem that a request names."""
    request, problem = given.request, stored_problem(given)
    gap = float(problem.gap if request["gap"] is None else request["gap"])
    figures = None if "uncertainty" not in request else uncertainty_of(given, request["uncertainty"])
    notes: tuple[str, ...] = ()
    if figures is not None and request["ask"] == "cvar":
        futures = drawn_futures(problem, figures, int(request["draws"]), int(request["seed"]))
        problem, notes = without_promises(problem.model_copy(update={"futures": futures}))
    given.report(f"{len(problem.futures)} futures: {request['ask']}")
    found: Found
    if request["ask"] == "each":
        found = _each(given, problem, gap)
    elif request["ask"] == "robust":
        found = _robust(problem, gap, float(request["disappoint"]), figures)
    else:
        found = _cvar(given, problem, gap, float(request["worst"]), float(request["weight"]), notes)
    content, frames, unit = found
    about = {
        "data_pack": given.pack.digest,
        "problem": problem.id,
        "problem_digest": request["digest"],
        "ask": request["ask"],
        "unit": unit,
        **({} if figures is None else {"uncertainty": figures.id}),
    }
    return JobResult(given.job, {**about, **finite(content)}, {name: f for name, f in frames.items() if f.height})


def _money(frame: pl.DataFrame, unit: str, columns: tuple[str, ...]) -> pl.DataFrame:
    return apart_in_pence(frame.with_columns(pl.lit(unit).alias("unit")), columns)


def _amount(name: str, value: float | None, unit: str) -> dict[str, Any]:
    money = unit == "£"
    return {name: None if money else value, f"{name}_gbp": pounds_text(value) if money else None}


def _each(given: Work, problem: Problem, gap: float) -> Found:
    played = play_futures(problem, gap=gap, report=given.report)
    matrix = played.plan.headline.matrix
    frames = {
        "futures": _money(played.futures, matrix.unit, ("best", "bound", "plan", "regret")),
        "regret": _money(played.regret, matrix.unit, ("value", "best", "regret")),
    }
    content = {
        "status": played.plan.status,
        "goal": matrix.objective,
        "mix": mix_report(played.plan),
        "notes": list(played.notes),
    }
    return content, frames, matrix.unit


def _robust(problem: Problem, gap: float, disappoint: float, figures: Uncertainty | None) -> Found:
    found = robust_mix(problem, gamma=disappoint, gap=gap, uncertainty=figures)
    answer = found.outcome.headline
    unit = answer.matrix.unit
    content = {
        "status": answer.status,
        "goal": answer.matrix.objective,
        "mix": mix_report(found.outcome),
        "disappoint": disappoint,
        "notes": list(answer.notes),
        **_amount("as_planned", found.as_planned, unit),
        **_amount("worst_case", found.worst, unit),
        **_amount("claimed_as_planned", found.claimed[0], unit),
        **_amount("claimed_worst_case", found.claimed[1], unit),
        "worst_solutions": [] if found.exact is None else list(found.exact.solutions),
        **_amount("bound", answer.best_possible, unit),
    }
    return content, {"losses": _money(found.losses, unit, ("loss",))}, unit


def _cvar(given: Work, problem: Problem, gap: float, worst: float, weight: float, notes: tuple[str, ...]) -> Found:
    mix = cvar_mix(problem, alpha=worst, weight=weight, gap=gap, report=given.report)
    matrix = mix.found.answer.matrix
    content = {
        "status": mix.found.answer.status,
        "goal": matrix.objective,
        "mix": {name: {"scale": scale} for name, scale in mix.scales.items()},
        "worst_share": worst,
        "weight": weight,
        "notes": [*notes, *mix.notes],
        **_amount("mean", mix.found.mean, matrix.unit),
        **_amount("worst_mean", mix.found.cvar, matrix.unit),
        **_amount("weighed", mix.weighed, matrix.unit),
        **_amount("bound", mix.found.answer.best_possible, matrix.unit),
        "gap": mix.gap,
    }
    amounts = tuple(name for name in ("value", "bound", "with_parts") if name in mix.values.columns)
    return content, {"futures": _money(mix.values, matrix.unit, amounts)}, matrix.unit


def _asked(asked: FuturesRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    """What is asked of the futures.

    Raises:
        ServiceError: a document of uncertainties where nothing is drawn from it.
    """
    if asked.uncertainty is not None and asked.ask == "each":
        faults = Faults()
        faults.add(
            f"{BODY}: uncertainty",
            f"{asked.uncertainty!r} with each named future",
            "robust or cvar, which draw from it",
        )
        raise ServiceError("invalid", "these futures cannot be played as asked", faults)
    drawn = {"draws": asked.draws, "seed": asked.seed} if asked.ask == "cvar" else {}
    more = {} if asked.uncertainty is None else {"uncertainty": asked.uncertainty, **drawn}
    return {
        **more,
        "gap": asked.gap,
        "ask": asked.ask,
        "disappoint": asked.disappoint,
        "worst": asked.worst,
        "weight": asked.weight,
    }


KIND = JobKind(
    name="future",
    address="futures",
    order=5,
    about="A problem in the futures that it names: the best mix of each, or one that stands bad ones.",
    asks="the futures of a problem to be played",
    request=FuturesRequest,
    run=work,
    document="problem",
    more=_asked,
    frames={"futures": OPEN, "regret": OPEN, "losses": OPEN},
    for_others={
        "futures": without_small_of_units("value", "with_parts", "best", "bound", "plan", "regret"),
        "regret": without_small_of_units("value", "best", "regret"),
        "losses": without_small_of_units("loss"),
    },
    content_for_others=without_small_content,
    partners_see=frozenset({"problem", "problem_digest", "status", "goal", "unit", "ask", "uncertainty"}),
    tag_after="simulations",
    example=Example(
        "7b1f0c6d5a4e4e0f9d2c8b7a6f5e4d3c",
        {"problem": default_pack(), "ask": "each", "status": "optimal", "goal": "npv", "unit": "£"},
        "regret",
        {
            "candidate": "the plan's mix",
            "future": "low",
            "value": None,
            "value_pence": 1_200_000,
            "best": None,
            "best_pence": 1_350_000,
            "regret": None,
            "regret_pence": 150_000,
            "unit": "£",
        },
    ),
)
