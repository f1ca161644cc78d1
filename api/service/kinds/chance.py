"""Chances: how likely each locality is to overspend, from draws of what a plan cannot know; the same as the command line makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from pydantic import Field, JsonValue

from api.service.kinds.run import evaluated
from api.service.records.api_models import DIGEST_EXAMPLE, LARGEST_SEED, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import BODY, ServiceError
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.stored import StoredThings
from capitation.chance.answers import SYSTEM, layer_variances, locality_chances, pool_sizes
from capitation.chance.book import book_of
from capitation.chance.document import LAYERS, Uncertainty, read_uncertainty
from capitation.chance.model import model
from capitation.chance.scores.draws import Method
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import Faults, suggest
from capitation.pack.layers import default_pack
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from capitation.records.suppression import MARK
from capitation.records.years import FinancialYear
from capitation.run.scenario import Scenario

MOST_DRAWS = 200_000

LAYER_ENUM: dict[str, JsonValue] = {"items": {"type": "string", "enum": list(LAYERS)}}
"""Layers as the description lists them."""


class ChanceRequest(ApiModel):
    """What is drawn for which scenario."""

    scenario: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of a scenario."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the scenario; the newest where it is not given."""
    uncertainty: str | None = Field(default=None, pattern=NAME, max_length=128, examples=[default_pack()])
    """Id of a document of the data pack that says what is uncertain; the scenario's own id where it is not given."""
    year: str | None = Field(default=None, pattern=r"^[0-9]{4}/[0-9]{2}$", examples=[None, "2018/19"])
    """Year to simulate; the year of the need data where it is not given."""
    layers: list[str] = Field(
        default=["chance"],
        max_length=len(LAYERS),
        examples=[["chance"]],
        json_schema_extra=LAYER_ENUM,
    )
    """Layers to draw; every one with figures where the list is empty."""
    draws: int = Field(default=100_000, ge=100, le=MOST_DRAWS, examples=[100_000])
    """How many draws; 100,000 give chances to a tenth of a percent."""
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED, examples=[1])
    """Where the draws begin; the same seed gives the same draws on any machine."""
    method: Method = Field(default="monte-carlo", examples=["monte-carlo"])
    """How it is drawn; sobol takes 16 times a power of two draws."""
    standard_error: float | None = Field(default=None, gt=0, lt=1, examples=[None, 0.001])
    """Standard error of mean positions, as a share of plan, at which drawing may stop early; all draws are made where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Draw what a plan cannot know."""
    request = given.request
    name = request["scenario"]
    scenario = parse_document(plain(given.text("scenario", name, request["digest"])), Scenario, f"scenario {name}")
    figures = uncertainty_of(given, request["uncertainty"])
    year = FinancialYear(request["year"] or scenario.need_year)
    given.report(f"evaluating scenario {name}")
    book = book_of(evaluated(given, name, request["digest"]), year)
    wanted = Request(request["draws"], request["seed"], request["method"], stop_of(request))
    doing = SimulationWork(
        progress=lambda done, draws: given.report(f"{done:,} of {draws:,} draws"), is_cancelled=given.is_cancelled
    )
    found = simulate(model([book], figures, request["layers"] or None), wanted, doing)
    frames: dict[str, pl.DataFrame] = {"locality_chance": locality_chances(found), "pool_size": pool_sizes(found)}
    if len(found.model.layers) > 1:
        given.report("what each layer adds")
        frames["layer_variance"] = layer_variances(found, doing)
    content = {
        "data_pack": given.pack.digest,
        "scenario": name,
        "scenario_digest": request["digest"],
        "uncertainty": figures.id,
        "year": str(year),
        "layers": list(found.model.layers),
        "draws": found.draws,
        "seed": request["seed"],
        "method": request["method"],
    }
    return JobResult(given.job, content, frames)


def uncertainty_of(given: Work, name: str) -> Uncertainty:
    """The document of the data pack that says what is uncertain.

    Raises:
        UnknownNameError: the data pack has none of this name.
    """
    return read_uncertainty(given.document("uncertainty", name, "uncertainty document"))


def stop_of(request: Mapping[str, Any]) -> float | None:
    """The standard error at which drawing may stop early, where one is asked for."""
    given = request.get("standard_error")
    return None if given is None else float(given)


def faults_of_layers(layers: Sequence[str], faults: Faults) -> None:
    """Layers that there are not."""
    for number, layer in enumerate(layers):
        if layer not in LAYERS:
            faults.add(f"{BODY}: layers.{number}", repr(layer), f"one of {', '.join(LAYERS)}", suggest(layer, LAYERS))


def _asked(asked: ChanceRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    """What is drawn and how.

    Raises:
        ServiceError: a layer that there is not.
    """
    faults = Faults()
    faults_of_layers(asked.layers, faults)
    if len(faults):
        raise ServiceError("invalid", "there are no such layers", faults)
    return {
        **({} if asked.standard_error is None else {"standard_error": asked.standard_error}),
        "uncertainty": asked.uncertainty or asked.scenario,
        "year": asked.year,
        "layers": list(dict.fromkeys(asked.layers)),
        "draws": asked.draws,
        "seed": asked.seed,
        "method": asked.method,
    }


def _without_persons(frame: pl.DataFrame, _smallest_shown: int) -> pl.DataFrame:
    """Chances without the numbers of people they are about, from which those of two runs would give a practice's away."""
    return frame.with_columns(pl.lit(None, dtype=frame.schema["persons"]).alias("persons"), pl.lit(True).alias(MARK))


KIND = JobKind(
    name="chance",
    address="chances",
    order=7,
    about="How likely each locality is to overspend, and what pool covers them.",
    asks="the chances of overspends under a scenario",
    request=ChanceRequest,
    run=work,
    document="scenario",
    more=_asked,
    frames={
        "locality_chance": Visibility(own=("code",), area=("code",), totals=("code", SYSTEM)),
        "layer_variance": Visibility(own=("code",), area=("code",), totals=("code", SYSTEM)),
        "pool_size": OPEN,
    },
    for_others={"locality_chance": _without_persons},
    partners_see=frozenset({"scenario", "scenario_digest", "uncertainty", "year", "layers", "draws", "seed", "method"}),
    tag_after="futures",
    example=Example(
        "5ae17c94d0b24f83962c7b1e4f8d0a35",
        {"scenario": default_pack(), "year": "2018/19", "layers": ["chance"], "draws": 100_000, "seed": 1},
        "pool_size",
        {
            "year": "2018/19",
            "basis": "gross",
            "mean_pence": 512_040_000,
            "mean_error_pence": 310_000,
            "cover": 0.95,
            "pool_pence": 1_104_200_000,
            "pool_error_pence": 2_150_000,
            "above_mean": 0.47,
            "exact_mean_pence": 512_270_000,
            "exact_pool_pence": 1_103_600_000,
        },
    ),
)
