"""Optimisations: the best mix of a problem, with the prices of its limits, or which limits would have to give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import Field

from api.service.records.api_models import DIGEST_EXAMPLE, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.hidden import without_small_content, without_small_parts
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.optimiser_pence import price_frame, report_in_pounds
from api.service.records.stored import StoredThings
from capitation.records.identity import plain
from optimiser.answers.optimise import Outcome, optimise
from optimiser.answers.prices import SCHEMA as PRICE_SCHEMA
from optimiser.answers.report import outcome_report
from optimiser.problem.document import Problem, problem_of

_PRICES = {name: dtype for name, dtype in PRICE_SCHEMA.items() if name != "row"}


class OptimisationRequest(ApiModel):
    """A problem to solve."""

    problem: str = Field(examples=["overlap_pair"], pattern=NAME, max_length=128)
    """Id of a problem."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    gap: float | None = Field(default=None, ge=0, lt=1, examples=[0.005])
    """Relative gap at which a search for whole numbers may stop, 0 to prove the best; the problem's own where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Find the best mix."""
    outcome = best_mix(given)
    report = timeless_report(outcome)
    frames = {name: pl.DataFrame(report.pop(name), infer_schema_length=None) for name in ("activity", "credit")}
    frames["prices"] = price_frame(pl.DataFrame(report.pop("prices"), schema=_PRICES))
    if outcome.answer.has_mix:
        frames["mix"] = outcome.listed()
    content = {"data_pack": given.pack.digest, "problem_digest": given.request["digest"], **finite(report)}
    return JobResult(given.job, content, {name: frame for name, frame in frames.items() if frame.height})


def stored_problem(given: Work) -> Problem:
    """The stored problem that a request names."""
    name = given.request["problem"]
    text = given.text("problem", name, given.request["digest"])
    return problem_of(plain(text), f"problem {name}", given.pack.whole / "problems")


def best_mix(given: Work) -> Outcome:
    """The best mix of the stored problem that a request names."""
    problem, gap = stored_problem(given), given.request["gap"]
    return optimise(
        problem,
        gap=float(problem.gap if gap is None else gap),
        progress=lambda at: given.report(f"best {at.objective:,.2f}, bound {at.bound:,.2f}, gap {at.gap:.3%}"),
    )


def timeless_report(outcome: Outcome) -> dict[str, Any]:
    """The report in pounds, without the time it took, which is another each time."""
    return report_in_pounds({key: value for key, value in outcome_report(outcome).items() if key != "seconds"})


def finite(value: Any) -> Any:  # noqa: ANN401  # any plain content
    """Content with nothing for numbers that are not finite, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def gap_of(asked: OptimisationRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    """The gap that was asked for."""
    return {"gap": asked.gap}


KIND = JobKind(
    name="optimisation",
    address="optimisations",
    order=3,
    about="The best mix of channel-shift investments of a problem.",
    asks="the best mix of a problem",
    request=OptimisationRequest,
    run=work,
    document="problem",
    more=gap_of,
    frames={
        "activity": OPEN,
        "credit": OPEN,
        "mix": Visibility(own=("place",), area=("place",), totals=("place", "ALL")),
    },
    for_others={
        "activity": without_small_parts("claimed", "exact", parts=("point_of_delivery",), also=("over_claim",)),
        "credit": without_small_parts("units", within=("point_of_delivery",), parts=("solution",)),
    },
    counts_of_mix=("claimed", "exact"),
    content_for_others=without_small_content,
    partners_see=frozenset({"problem", "problem_digest", "status", "meaning", "goal", "unit", "gap", "engine"}),
    tag_after="positions",
    example=Example(
        "328652fe5e588f53f6100c6216399681",
        {"problem": "overlap_pair", "status": "optimal", "goal": "npv", "objective_gbp": "21000.00", "unit": "£"},
        "mix",
        {"solution": "hub", "place": "ALL", "start": "2020/21", "scale": 1.0},
    ),
)
