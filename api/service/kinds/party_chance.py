"""Chances of parties: how likely each commissioner and provider misses its total under each contract option, and from what.

The draws and the answers are those of `capitation simulate OPTIONS`; what is asked for is kept with the versions of all that it is made of.
With a problem, its mix is bought and drawn with the contracts, as `--problem` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.service.kinds.chance import LAYER_ENUM, faults_of_layers, stop_of, uncertainty_of
from api.service.kinds.comparison import changed_contracts, faults_of_options, newest, options_of, versions_of
from api.service.kinds.optimisation import finite
from api.service.kinds.plan import former_mix, shipped_file, stored_version
from api.service.kinds.run import evaluated
from api.service.records.api_models import DIGEST_EXAMPLE, LARGEST_SEED, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import BODY
from api.service.records.hidden import without_small_content
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.stored import StoredThings
from capitation.chance.document import LAYERS
from capitation.chance.scores.draws import Method
from capitation.chance.simulate import Request, SimulationWork
from capitation.pack.layers import default_pack
from capitation.pack.sources import DataPack
from capitation.records.identity import plain
from capitation.run.run import Run
from contracts.options.document import MOST, with_cost_behaviour
from contracts.risk.parties import party_model
from contracts.risk.study import party_risk
from optimiser.answers.optimise import Outcome
from optimiser.answers.report import mix_report
from optimiser.links.drawn_mix import drawn_mix
from optimiser.links.mix_to_buy import mix_to_buy
from optimiser.links.on_run import on_run
from optimiser.problem.document import problem_of

MOST_DRAWS = 50_000


class PartyChanceRequest(ApiModel):
    """What is drawn for the parties of which contract options."""

    options: str = Field(examples=[f"{default_pack()}-contract-options"], pattern=NAME, max_length=128)
    """Id of a document of contract options."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the options; the newest where it is not given."""
    only: list[str] = Field(default=[], max_length=MOST, examples=[["do-minimum", "blended"]])
    """Ids of the options to simulate; all of the document where none are given."""
    problem: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[None, default_pack()])
    """Id of a problem whose best mix is bought and drawn with the contracts, including what it fails to deliver; no mix where it is not given."""
    problem_digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    uncertainty: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[default_pack()])
    """Id of a document of the data pack that says what is uncertain; the scenario's own id where it is not given."""
    layers: list[str] = Field(
        default=[], max_length=len(LAYERS), examples=[["chance", "environment"]], json_schema_extra=LAYER_ENUM
    )
    """Layers to draw; every one with figures where the list is empty."""
    draws: int = Field(default=2_000, ge=100, le=MOST_DRAWS, examples=[2_000])
    """How many draws; 2,000 give chances to a percent."""
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED, examples=[1])
    """Where the draws begin; the same seed gives the same draws on any machine."""
    method: Method = Field(default="monte-carlo", examples=["monte-carlo"])
    """How it is drawn; sobol takes 16 times a power of two draws."""
    standard_error: float | None = Field(default=None, gt=0, lt=1, examples=[None, 0.001])
    """Standard error of mean positions, as a share, at which drawing may stop early; all draws are made where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Draw all parties under the options."""
    request = given.request
    document = options_of(given.text("options", request["options"], request["digest"]), request["options"])
    scenario = request["scenario"]
    pack, figures = given.pack.opened(), uncertainty_of(given, request["uncertainty"])
    given.report(f"evaluating scenario {scenario['id']}")
    run = evaluated(given, scenario["id"], scenario["digest"])
    outcome = None if "problem" not in request else _mix_of(given, run, pack)
    made = party_model(
        document, pack, run, figures, request["layers"] or None, only=tuple(request["only"]),
        mix=None if outcome is None else drawn_mix(outcome, run, with_cost_behaviour(document, pack)),
        given=changed_contracts(given),
    )  # fmt: skip
    doing = SimulationWork(
        progress=lambda done, draws: given.report(f"{done:,} of {draws:,} draws"), is_cancelled=given.is_cancelled
    )
    found, frames = party_risk(
        made, Request(request["draws"], request["seed"], request["method"], stop_of(request)), doing
    )
    content = {
        "data_pack": given.pack.digest,
        "options": request["options"],
        "options_digest": request["digest"],
        "scenario": scenario["id"],
        "scenario_digest": scenario["digest"],
        "uncertainty": figures.id,
        "only": list(made.options),
        "layers": list(made.chance.layers),
        "draws": found.draws,
        "seed": request["seed"],
        "method": request["method"],
    }
    if outcome is not None:
        content |= {"problem": request["problem"], "mix": finite(mix_report(outcome))}
    return JobResult(given.job, content, frames)


def _mix_of(given: Work, run: Run, pack: DataPack) -> Outcome:
    """The best mix of the problem that is asked for, on the run at hand."""
    asked = given.request["problem"]
    text = given.text("problem", asked["id"], asked["digest"])
    problem = problem_of(plain(text), f"problem {asked['id']}", given.pack.whole / "problems")
    file = shipped_file(given, "problems", asked["id"], text)
    if file is not None:
        problem = on_run(problem, file, run, pack).problem
    given.report(f"looking for the best mix of problem {asked['id']}")
    former = former_mix(file)
    return mix_to_buy(problem, former)


def _asked(asked: PartyChanceRequest, _sent: Mapping[str, Any], store: StoredThings) -> dict[str, Any]:
    """What is drawn, how, and the versions of what it is made of.

    Raises:
        ServiceError: a layer or option that there is not, or a scenario or contract that is not stored.
    """
    document = options_of(newest(store, "options", asked.options, asked.digest).content, asked.options)
    faults = faults_of_options(document, asked.only)
    faults_of_layers(asked.layers, faults)
    more: dict[str, Any] = {} if asked.standard_error is None else {"standard_error": asked.standard_error}
    if asked.problem is not None:
        problem = stored_version(store, "problem", asked.problem, asked.problem_digest, faults)
        more["problem"] = None if problem is None else {"id": problem.name, "digest": problem.digest}
    elif asked.problem_digest is not None:
        faults.add(
            f"{BODY}: problem_digest",
            repr(asked.problem_digest),
            "the problem whose version it is",
            "Give problem as well.",
        )
    return {
        **more,
        **versions_of(document, asked.options, store, faults),
        "only": sorted(set(asked.only)),
        "uncertainty": asked.uncertainty or document.scenario,
        "layers": list(dict.fromkeys(asked.layers)),
        "draws": asked.draws,
        "seed": asked.seed,
        "method": asked.method,
    }


_BY_ORGANISATION = Visibility(own=("organisation_code",))

KIND = JobKind(
    name="party_chance",
    address="party-chances",
    order=10,
    about="How likely each party misses its total under each contract option, and from what.",
    asks="the chances of parties under contract options",
    request=PartyChanceRequest,
    run=work,
    document="options",
    more=_asked,
    frames={
        "cap_chance": OPEN,
        "carried_chance": _BY_ORGANISATION,
        "party_chance": _BY_ORGANISATION,
        "party_layer": _BY_ORGANISATION,
        "party_pool": OPEN,
        "party_wrong_reward": _BY_ORGANISATION,
    },
    content_for_others=without_small_content,
    partners_see=frozenset(
        {
            "problem",
            "options",
            "options_digest",
            "scenario",
            "scenario_digest",
            "uncertainty",
            "only",
            "layers",
            "draws",
            "seed",
            "method",
        }
    ),
    tag_after="chances",
    example=Example(
        "7c1e52a09d4b4e0f8a6f31d2b5c97e48",
        {"options": f"{default_pack()}-contract-options", "scenario": default_pack(), "draws": 2_000, "seed": 1},
        "party_pool",
        {
            "option": "blended",
            "year": "2018/19",
            "role": "provider",
            "basis": "gross",
            "mean_pence": 512_040_000,
            "mean_error_pence": 3_100_000,
            "cover": 0.95,
            "pool_pence": 1_104_200_000,
            "pool_error_pence": 21_500_000,
        },
    ),
)
