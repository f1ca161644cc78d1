"""Simulations: the best mix of a problem on many draws of its effects: what it is worth, and whether it keeps its promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.service.kinds.chance import uncertainty_of
from api.service.kinds.optimisation import best_mix, finite, timeless_report
from api.service.records.api_models import DIGEST_EXAMPLE, LARGEST_SEED, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.hidden import without_small, without_small_content, without_small_parts
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.optimiser_pence import appraisal_frames, book_frames, book_in_pounds
from api.service.records.stored import StoredThings
from capitation.errors import Fault, InfeasibleError
from capitation.pack.layers import default_pack
from optimiser.futures.appraisal import DRAWS, SEED, appraise
from optimiser.futures.appraisal.green_book import green_book

HEADLINE = (
    "problem",
    "meaning",
    "goal",
    "objective",
    "objective_gbp",
    "unit",
    "bound",
    "bound_gbp",
    "gap",
    "mix",
    "claimed_npv_gbp",
    "exact_npv_gbp",
    "over_claim",
    "warnings",
    "notes",
    "engine",
    "versions",
    "matrix_hash",
)
"""What a simulation repeats of the report of the optimisation whose mix it tries."""


class SimulationRequest(ApiModel):
    """A problem whose best mix is to be tried on many draws of its effects."""

    problem: str = Field(examples=["overlap_pair"], pattern=NAME, max_length=128)
    """Id of a problem."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    gap: float | None = Field(default=None, ge=0, lt=1, examples=[0.005])
    """Relative gap at which the search for the mix may stop, 0 to prove the best; the problem's own where it is not given."""
    draws: int = Field(default=DRAWS, ge=1, le=20_000, examples=[1000])
    """How many draws of all effects and savings the mix is tried on."""
    seed: int = Field(default=SEED, ge=0, le=LARGEST_SEED, examples=[SEED])
    """Where the draws begin; the same seed gives the same draws."""
    uncertainty: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[None, default_pack()])
    """Id of a document of the data pack whose `delivery` is drawn, with the draws of a simulation of contracts; the low and high ends of the
    solutions and the problem's own `delivery` where it is not given."""
    green_book: bool = Field(default=False, examples=[False, True])
    """Whether the Green Book's questions are answered as well, by solution, locality and fifth of deprivation; it takes longer."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Try the best mix on many draws."""
    request, outcome = given.request, best_mix(given)
    report = timeless_report(outcome)
    if report["infeasible"] is not None:
        raise _no_mix(report["meaning"], report["infeasible"])
    given.report(f"trying the mix on {request['draws']} draws")
    figures = None if "uncertainty" not in request else uncertainty_of(given, request["uncertainty"])
    appraisal = appraise(outcome, draws=request["draws"], seed=request["seed"], uncertainty=figures)
    content = {
        "data_pack": given.pack.digest,
        "problem_digest": request["digest"],
        "status": outcome.status,
        "seed": appraisal.seed,
        "count": appraisal.count,
        "optimisation": finite({name: report[name] for name in HEADLINE}),
    }
    if figures is not None:
        content["uncertainty"] = figures.id
    frames = appraisal_frames(appraisal)
    if request.get("green_book"):
        given.report("answering the Green Book's questions")
        book = green_book(outcome)
        content["green_book"] = finite(book_in_pounds(book))
        frames |= book_frames(book)
    return JobResult(given.job, content, frames)


def _draws(asked: SimulationRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    more: dict[str, Any] = {"green_book": True} if asked.green_book else {}
    more |= {} if asked.uncertainty is None else {"uncertainty": asked.uncertainty}
    return {"gap": asked.gap, "draws": asked.draws, "seed": asked.seed, **more}


def _no_mix(meaning: str, reason: Mapping[str, Any]) -> InfeasibleError:
    """The error for a problem without a mix: each limit that would have to give, or the rows that no policy can change."""
    faults = [
        Fault(give["limit"], _amount(give, "at"), f"{_amount(give, 'must_give')} {give['side']}, for a mix to exist")
        for give in reason["must_give"]
    ]
    faults += [Fault(label, "a row that others contradict", "rows that agree") for label in reason["physics"]]
    return InfeasibleError(f"there is no mix to try: {meaning}", faults)


def _amount(entry: Mapping[str, Any], name: str) -> str:
    pounds = entry[f"{name}_gbp"]
    return f"{entry[name]:,.6g} {entry['unit']}" if pounds is None else f"£{pounds}"


_COUNTS = ("as_planned", "mean", "p10", "p50", "p90", "worst", "best")

KIND = JobKind(
    name="simulation",
    address="simulations",
    order=4,
    about="That mix on many draws of its effects.",
    asks="the best mix of a problem to be tried on many draws",
    request=SimulationRequest,
    run=work,
    document="problem",
    more=_draws,
    frames={
        "draws": OPEN,
        "money": OPEN,
        "activity": OPEN,
        "regret": OPEN,
        "solutions": OPEN,
        "switching": OPEN,
        "floors": OPEN,
        "optimism": OPEN,
        "tornado": OPEN,
        "unmonetised": OPEN,
        "organisations": Visibility(own=("organisation",), totals=("organisation", "system")),
    },
    for_others={
        "activity": without_small_parts(*_COUNTS, parts=("point_of_delivery",)),
        "draws": without_small("avoided"),
        "chances": without_small("at"),
        "unmonetised": without_small("amount"),
    },
    counts_of_mix=_COUNTS,
    content_for_others=without_small_content,
    partners_see=frozenset(
        {"problem", "problem_digest", "status", "meaning", "goal", "unit", "seed", "count", "uncertainty"}
    ),
    tag_after="optimisations",
    example=Example(
        "005faf5a0671474c5cc1e65c897ddb55",
        {"status": "optimal", "count": 1000, "seed": 20161021, "data_pack": PACK_EXAMPLE},
        "money",
        {
            "measure": "npv",
            "as_planned_pence": 2_100_000,
            "mean_pence": 2_043_112,
            "p10_pence": 1_512_040,
            "p50_pence": 2_050_975,
            "p90_pence": 2_561_208,
            "worst_pence": 903_377,
            "best_pence": 3_004_416,
        },
    ),
)
