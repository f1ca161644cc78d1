"""Runs: a scenario evaluated, named by the hash of its inputs; the same as the command line makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from api.service.records.api_models import DIGEST_EXAMPLE, NAME, PACK_EXAMPLE, RUN_EXAMPLE, SAID, ApiModel, Digest
from api.service.records.hidden import without_small_of_units
from api.service.records.job_kind import (
    OPEN,
    Example,
    JobKind,
    JobResult,
    MadeOfParts,
    MadeOfPeople,
    People,
    Visibility,
    Work,
)
from api.service.records.pack import Pack
from api.service.records.stored import StoredThings
from api.service.records.workbooks import manifest_file
from capitation.errors import SourceError
from capitation.pack.layers import default_pack
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from capitation.run.evaluate import evaluate
from capitation.run.plausible_run import evaluate_plausibly
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.run.tables import SCHEMAS

Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f]*$"), SAID]
"""Why an implausible number stands."""

_OPTION, _FIELD = "let it stand with --accept ", "let it stand with a reason in `accept`: "
"""How a reason is given on the command line, and in a request."""


class RunRequest(ApiModel):
    """What a run is made of."""

    scenario: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of a scenario."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the scenario; the newest where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""
    accept: dict[str, Reason] = Field(default={}, max_length=50, examples=[{}])
    """Why numbers far from anything plausible stand, by the name that the refusal of the run gives them."""


def work(given: Work) -> JobResult:
    """Evaluate a scenario, and refuse what is far from anything plausible as the command line does.

    Raises:
        SourceError: numbers far from anything plausible, for which the request gives no reason.
    """
    request = given.request
    scenario = _scenario(given, request["scenario"], request["digest"])
    try:
        run = evaluate_plausibly(scenario, given.pack.opened(), request.get("accept"))
    except SourceError as error:
        faults = [replace(each, remedy=each.remedy.replace(_OPTION, _FIELD)) for each in error.faults]
        raise SourceError(error.message, faults) from error
    return whole_run(run, given.pack)


def evaluated(given: Work, name: str, digest: str) -> Run:
    """The run of a version of a scenario with the data pack of the work, for a result that is made on it."""
    return evaluate(_scenario(given, name, digest), given.pack.opened())


def _scenario(given: Work, name: str, digest: str) -> Scenario:
    return parse_document(plain(given.text("scenario", name, digest)), Scenario, f"scenario {name}")


def whole_run(run: Run, pack: Pack) -> JobResult:
    """A run with its manifest."""
    content = {"data_pack": pack.digest, "manifest": run.manifest.model_dump(mode="json")}
    manifest = manifest_file(run)
    return JobResult(run.id, content, run.frames, {manifest.name: manifest})


_BY_AREA = Visibility(own=("area_code",), area=("area_code",))
_BY_LEVEL = Visibility(own=("code",), area=("code",), totals=("level", "system"))
_BY_PRACTICE = Visibility(own=("practice_code",), area=("practice_code",))

FRAMES = {
    "allocation": _BY_LEVEL,
    "spendable": _BY_LEVEL,
    "ledger": Visibility(own=("subject_code",), area=("subject_code",), totals=("subject_kind", "system")),
    "provider_allocation": Visibility(
        own=("provider_code", "commissioner_code", "locality_code"),
        area=("locality_code",),
    ),
    "service_envelope": Visibility(own=("commissioner_code", "locality_code"), area=("locality_code",)),
    "flow": Visibility(own=("provider_code", "locality_code"), area=("locality_code",)),
    "held_money": Visibility(own=("locality_code",), area=("locality_code",)),
    "locality_slice": Visibility(own=("locality_code",), area=("locality_code",)),
    "locality_activity": Visibility(own=("locality_code",), area=("locality_code",)),
    "locality_total": _BY_AREA,
    "target": _BY_AREA,
    "pace": _BY_AREA,
    "place_distance": _BY_AREA,
    "place_lift": _BY_AREA,
    "relaxation": _BY_AREA,
    "distance_from_target": _BY_AREA,
    "population": _BY_PRACTICE,
    "practice_need": _BY_PRACTICE,
    "practice_weight": _BY_PRACTICE,
    "practice_opening": Visibility(own=("commissioner_code", "practice_code"), area=("practice_code",)),
    "membership": OPEN,
    "code_name": OPEN,
    "assumption": OPEN,
    "set_aside": OPEN,
    "control_total_step": OPEN,
    "commissioner_allocation": Visibility(own=("commissioner_code",)),
    "stream_total": OPEN,
    "total_check": OPEN,
    "deployable": OPEN,
    "bridge": Visibility(own=("organisation",), totals=("level", "system")),
    "organisation_account": Visibility(own=("organisation_code",)),
    "organisation_position": Visibility(own=("organisation_code",)),
    "sustainability_fund": Visibility(own=("organisation_code",)),
    "gap_bridge": OPEN,
    "pace_summary": OPEN,
    "service_line": OPEN,
    "unit_cost": OPEN,
}
"""Rows that a partner sees of each frame."""

WEIGHTS = ("weighted_persons", "weight_micro")
"""Columns of weights: today's, and that of runs stored before it replaced the other."""

PEOPLE = {
    "population": People(
        "registered_micro", ("year",), ("practice_code",), ("registered_persons", "listed_micro"), micro=True
    ),
    "practice_need": People("registered_persons", ("stream",), ("practice_code",), ("weighted_persons",), micro=True),
    "practice_weight": People("registered_micro", ("year", "stream"), ("practice_code",), WEIGHTS, micro=True),
    "locality_activity": People(
        "activity",
        ("year", "case", "point_of_delivery"),
        ("locality_code",),
        subject=("point_of_delivery", "locality_code"),
    ),
}
"""Frames that count people or events."""

MADE_OF_PEOPLE = {
    "population": MadeOfPeople("practice_code", ("registered_micro", "registered_persons", "listed_micro")),
    "practice_need": MadeOfPeople("practice_code", ("registered_persons", "weighted_persons", "need_index")),
    "practice_weight": MadeOfPeople("practice_code", ("registered_micro", "need_index", *WEIGHTS)),
    "practice_opening": MadeOfPeople("practice_code", ("opening_pence",)),
    "allocation": MadeOfPeople("code", (*WEIGHTS, "allocation_pence"), WEIGHTS, is_whole_row=True),
    "spendable": MadeOfPeople("code", (*WEIGHTS, "allocation_pence"), WEIGHTS, is_whole_row=True),
    "target": MadeOfPeople("area_code", of_area=(*WEIGHTS, "target_share")),
    "locality_activity": MadeOfPeople("locality_code", of_area=("activity",)),
    "unit_cost": MadeOfPeople(
        "line", of_line=("baseline_activity", "relative_cost_pence", "unit_cost_pence", "odd_pence")
    ),
    "distance_from_target": MadeOfPeople(
        "area_code", of_area=("opening_dft_pence_per_person", "closing_dft_pence_per_person")
    ),
}
"""What follows from the people of a practice: its weights, its need and its share of the money; and what adds them up over an area.

Money of localities and above is never left out, since every pound is accounted for.
"""


MADE_OF_PARTS = {
    "flow": MadeOfParts(("locality_code", "line", "provider_code"), ("share_ppm",), "flows"),
    "provider_allocation": MadeOfParts(
        ("locality_code", "service_code", "provider_code"), ("allocation_pence",), "services"
    ),
}
"""Tables from which the activity of a locality at a provider would follow where it is small."""


def manifest_of_partner(manifest: Any, seen: Mapping[str, Visibility] = FRAMES) -> Any:  # noqa: ANN401  # any plain content
    """A manifest without the tables that a partner does not see, without notes, and without rows and checksums, which count and prove others' rows."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("frames"), dict):
        return manifest
    shown = {
        name: {key: value for key, value in about.items() if key not in {"rows", "sha256"}}
        for name, about in manifest["frames"].items()
        if name in seen and isinstance(about, dict)
    }
    return {**manifest, "frames": shown, "notes": []}


def without_notes(content: Mapping[str, Any], _smallest_shown: int) -> dict[str, Any]:
    """Content without the notes of its manifest, which name implausible numbers of single practices."""
    manifest = content.get("manifest")
    return {**content, "manifest": {**manifest, "notes": []}} if isinstance(manifest, dict) else dict(content)


def _accepted(asked: RunRequest, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    return {"accept": asked.accept} if asked.accept else {}


MANIFEST = {
    "run_id": RUN_EXAMPLE,
    "engine_version": "0.2.0",
    "scenario": {"id": default_pack()},
    "inputs": {"pack.toml": DIGEST_EXAMPLE},
    "frames": {"allocation": {"columns": ["year", "allocation_pence"], "rows": 2720, "sha256": DIGEST_EXAMPLE}},
}
"""A manifest as examples show it, in short."""

FOR_OTHERS = {"set_aside": without_small_of_units("amount")}
"""What those who do not make runs see of what was set aside."""

KIND = JobKind(
    name="run",
    address="runs",
    order=1,
    about="Scenarios evaluated: allocations to every area, organisation and practice.",
    asks="the run of a scenario",
    request=RunRequest,
    run=work,
    document="scenario",
    more=_accepted,
    content_for_others=without_notes,
    frames=FRAMES,
    people=PEOPLE,
    made_of_people=MADE_OF_PEOPLE,
    made_of_parts=MADE_OF_PARTS,
    for_others=FOR_OTHERS,
    narrowed={"manifest": manifest_of_partner},
    partners_see=frozenset({"data_pack", "manifest"}),
    schemas=SCHEMAS,
    tag_after="data packs",
    example=Example(
        RUN_EXAMPLE,
        {"data_pack": PACK_EXAMPLE, "manifest": MANIFEST},
        "allocation",
        {
            "year": "2018/19",
            "stream": "ccg",
            "level": "locality",
            "code": "V1",
            "parent_code": "P1",
            "weighted_persons": 41_828.844_81,
            "allocation_pence": 4_787_713_227,
        },
    ),
)
