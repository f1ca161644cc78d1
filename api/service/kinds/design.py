"""Designs: the terms of a family that keep the strongest incentive while every party can bear what chance does to it.

The search and the answers are those of `capitation design FAMILY`; where no terms do, the job fails and says which limit prevents it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.service.kinds.chance import uncertainty_of
from api.service.kinds.run import evaluated
from api.service.records.api_models import DIGEST_EXAMPLE, LARGEST_SEED, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.stored import StoredThings
from capitation.chance.simulate import SimulationWork
from capitation.pack.layers import default_pack
from contracts.risk.design.family import read_family
from contracts.risk.design.study import VERIFIED, design_family
from optimiser.links.terms.finder import linear_terms

MOST_DRAWS = 200_000


class DesignRequest(ApiModel):
    """Terms of which family are sought for the localities of which scenario."""

    scenario: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of the scenario, the one that the family names."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the scenario; the newest where it is not given."""
    family: str = Field(examples=["corridor"], pattern=NAME, max_length=128)
    """Id of a family of terms of the data pack."""
    uncertainty: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[default_pack()])
    """Id of a document of the data pack that says what is uncertain; the scenario's own id where it is not given."""
    draws: int = Field(default=VERIFIED, ge=1_000, le=MOST_DRAWS, examples=[VERIFIED])
    """Fresh draws used to verify the answer."""
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED, examples=[1])
    """Where the draws begin; the same seed gives the same draws on any machine."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Find the terms."""
    request = given.request
    sought, contract = read_family(given.document("families", request["family"], "family of terms"))
    figures = uncertainty_of(given, request["uncertainty"])
    given.report(f"evaluating scenario {request['scenario']}")
    run = evaluated(given, request["scenario"], request["digest"])
    found, frames = design_family(
        sought, contract, run, figures, request["seed"], request["draws"],
        SimulationWork(is_cancelled=given.is_cancelled), given.report, finder=linear_terms,
    )  # fmt: skip
    content = {
        "data_pack": given.pack.digest,
        "scenario": request["scenario"],
        "scenario_digest": request["digest"],
        "family": sought.id,
        "uncertainty": figures.id,
        "year": str(sought.year),
        "layers": list(sought.layers),
        "draws": request["draws"],
        "seed": request["seed"],
        "method": found.method,
        "terms": dict(found.figures),
        "incentive": found.incentive.value,
        "incentive_error": found.incentive.error,
    }
    return JobResult(given.job, content, frames)


def _asked(asked: DesignRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    """What is sought, and with how many draws."""
    return {
        "family": asked.family,
        "uncertainty": asked.uncertainty or asked.scenario,
        "draws": asked.draws,
        "seed": asked.seed,
    }


KIND = JobKind(
    name="design",
    address="designs",
    order=11,
    about="Terms that leave localities the strongest incentive while each party can bear its risk.",
    asks="the terms of a family that every party can bear",
    request=DesignRequest,
    run=work,
    document="scenario",
    more=_asked,
    frames={
        "designed_figure": OPEN,
        "designed_pool": OPEN,
        "limit_met": OPEN,
        "pool_payer": Visibility(own=("locality_code",), area=("locality_code",)),
        "trade_off": OPEN,
        "unbeaten_terms": OPEN,
    },
    partners_see=frozenset(
        {
            "scenario",
            "scenario_digest",
            "family",
            "uncertainty",
            "year",
            "layers",
            "draws",
            "seed",
            "method",
            "terms",
            "incentive",
            "incentive_error",
        }
    ),
    tag_after="party-chances",
    example=Example(
        "2f60b8d1c7e94ab5a1d03e7c59f4826b",
        {"scenario": default_pack(), "family": "corridor", "draws": VERIFIED, "seed": 1, "terms": {"width": 0.012}},
        "designed_figure",
        {"name": "width", "value": 0.012, "unit": "share of plan", "low": 0.0, "high": 0.05},
    ),
)
