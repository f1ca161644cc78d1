"""Plans: scenario, mix and contract options as one run, from the opening deficit to each position; the same as `capitation plan` makes.

A plan is asked for with the versions of everything it is made of: scenario, options, problem, and the contracts that the options name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from api.service.kinds import comparison, run
from api.service.kinds.comparison import changed_contracts, options_of, versions_of
from api.service.kinds.run import MANIFEST, evaluated, manifest_of_partner, whole_run, without_notes
from api.service.records.api_models import DIGEST_EXAMPLE, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import BODY, ServiceError
from api.service.records.hidden import is_count, without_small, without_small_parts
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, Visibility, Work
from api.service.records.stored import StoredDocument, StoredThings
from capitation.errors import Faults, suggest
from capitation.pack.layers import default_pack
from capitation.records.documents import parse_document, read_mapping
from capitation.records.identity import plain
from capitation.records.suppression import MARK
from capitation.run.scenario import Scenario
from optimiser.answers.whole.former import FormerMix, read_former
from optimiser.links.mix_to_buy import mix_to_buy
from optimiser.links.on_run import on_run
from optimiser.links.plan import SCHEMAS, document_inputs, whole_plan
from optimiser.problem.document import problem_of

_ROOMS = (("options", "options"), ("problem", "problems"))
"""Documents beside the scenario, and the rooms of a data pack that have them."""


class PlanRequest(ApiModel):
    """What a plan is made of."""

    scenario: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of a scenario whose chain names a book of organisations."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the scenario; the newest where it is not given."""
    options: str = Field(examples=[f"{default_pack()}-contract-options"], pattern=NAME, max_length=128)
    """Id of a document of contract options on that scenario."""
    options_digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the options; the newest where it is not given."""
    problem: str = Field(examples=[default_pack()], pattern=NAME, max_length=128)
    """Id of the problem whose best mix is bought."""
    problem_digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the problem; the newest where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Make the plan."""
    request, pack = given.request, given.pack.opened()
    texts = {
        "scenario": given.text("scenario", request["scenario"], request["digest"]),
        **{word: given.text(word, request[word]["id"], request[word]["digest"]) for word in ("options", "problem")},
    }
    scenario = parse_document(plain(texts["scenario"]), Scenario, f"scenario {request['scenario']}")
    document = options_of(texts["options"], request["options"]["id"])
    name = request["problem"]["id"]
    problem = problem_of(plain(texts["problem"]), f"problem {name}", given.pack.whole / "problems")
    given.report(f"evaluating scenario {scenario.id}")
    done = evaluated(given, request["scenario"], request["digest"])
    files = {room: shipped_file(given, room, request[word]["id"], texts[word]) for word, room in _ROOMS}
    if (file := files["problems"]) is not None:
        standing = on_run(problem, file, done, pack)
        problem = standing.problem
        for said in standing.says:
            given.report(said)
    former = former_mix(file)
    given.report(f"looking for the best mix of problem {name}")
    outcome = mix_to_buy(problem, former)
    given.report(f"settling the options of {document.id}")
    used = document_inputs(pack, {room: path for room, path in files.items() if path is not None})
    used |= {f"{w}: {request[w]['id']}": request[w]["digest"] for w, r in _ROOMS if files[r] is None}
    plan = whole_plan(scenario, done, outcome, document, pack, used, changed_contracts(given)).run
    frames = {frame: table for frame, table in plan.frames.items() if table.width}
    made = whole_run(plan, given.pack)
    about = {word: request[word] for word in ("options", "problem")}
    return JobResult(made.id, {**made.content, **about}, frames, made.files)


def shipped_file(given: Work, room: str, name: str, text: str) -> Path | None:
    """The file of the data pack that has a document, where the version that is asked for is the one in it."""
    if given.shipped(room).get(name) != text:
        return None
    return next((path for path in given.pack.documents(room) if read_mapping(path).get("id") == name), None)


def former_mix(path: Path | None) -> FormerMix | None:
    """The mix that is kept beside a problem of the data pack; none where the problem is another."""
    start = None if path is None else path.with_suffix("") / "start.json"
    return read_former(start) if start is not None and start.is_file() else None


def _asked(asked: PlanRequest, _sent: Mapping[str, Any], store: StoredThings) -> dict[str, Any]:
    """The versions of all that a plan is made of.

    Raises:
        ServiceError: options, problem or contracts that are not stored, or options on another scenario.
    """
    found: dict[str, StoredDocument] = {}
    faults = Faults()
    for word, version in (("options", asked.options_digest), ("problem", asked.problem_digest)):
        document = stored_version(store, word, getattr(asked, word), version, faults)
        if document is not None:
            found[word] = document
    if len(faults):
        raise ServiceError("invalid", "what the plan is made of is not stored", faults)
    options = options_of(found["options"].content, asked.options)
    if options.scenario != asked.scenario:
        faults.add(f"{BODY}: options", f"options on scenario {options.scenario!r}", f"options on {asked.scenario!r}")
    versions = versions_of(options, asked.options, store, faults)
    named = {word: {"id": document.name, "digest": document.digest} for word, document in found.items()}
    return {**named, "contracts": versions["contracts"]}


def stored_version(
    store: StoredThings, word: str, name: str, version: str | None, faults: Faults
) -> StoredDocument | None:
    """A version of a document that a request names beside its first; none, and a fault, where it is not stored."""
    document = store.document(word, name, version)
    if document is None and version is not None and store.document(word, name) is not None:
        faults.add(f"{BODY}: {word}_digest", repr(version), f"the hash of a version of {name!r} that is stored")
    elif document is None:
        near = suggest(name, store.document_names(word))
        faults.add(f"{BODY}: {word}", repr(name), f"{word} that is stored", near)
    return document


def _manifest_of_partner(manifest: Any) -> Any:  # noqa: ANN401  # any plain content
    return manifest_of_partner(manifest, FRAMES)


def _without_counts(*columns: str) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """What those who do not make runs see of a table with a unit in each row: none of these numbers where it counts people or events.

    A limit is the sum of what it counts of each variable, so that one small number among them would follow from the others.
    """

    def narrowed(frame: pl.DataFrame, _smallest_shown: int) -> pl.DataFrame:
        units = [each for each in frame.get_column("unit").unique() if each is not None and is_count(each)]
        left_out = pl.col("unit").is_in(units)
        return frame.with_columns(
            *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in columns), left_out.alias(MARK)
        )

    return narrowed


_OF_OPTIONS = {("options_" if name in run.FRAMES else "") + name: rule for name, rule in comparison.FRAMES.items()}

FRAMES = {
    **run.FRAMES,
    **_OF_OPTIONS,
    "mix_line": OPEN,
    "mix_launches": Visibility(own=("place",), area=("place",), totals=("place", "ALL")),
    "mix_activity": Visibility(own=("locality",), area=("locality",)),
    "mix_blocks": Visibility(own=("provider",)),
    "plan_position": Visibility(own=("organisation_code",)),
}
"""Rows that a partner sees of each frame."""

KIND = JobKind(
    name="plan",
    address="plans",
    order=6,
    about="Scenario, mix and contract options as one run: from the opening deficit to the position of each organisation.",
    asks="the whole plan of a scenario, a problem and contract options",
    request=PlanRequest,
    run=work,
    document="scenario",
    more=_asked,
    content_for_others=without_notes,
    frames=FRAMES,
    people={**run.PEOPLE, **comparison.PEOPLE},
    made_of_people=run.MADE_OF_PEOPLE,
    made_of_parts={
        **run.MADE_OF_PARTS,
        **comparison.MADE_OF_PARTS,
        "plan_position": comparison.MADE_OF_PARTS["position"],
    },
    for_others={
        **run.FOR_OTHERS,
        **{f"options_{name}": rule for name, rule in run.FOR_OTHERS.items()},
        "mix_activity": without_small_parts("claimed", "exact", within=("point_of_delivery",), parts=("locality",)),
        "mix_blocks": without_small(
            "closed", "served", "gone", "margin", "of_a_block", subject=("provider", "point_of_delivery")
        ),
        "mix_contacts": _without_counts("contacts", "room", "slack"),
        "mix_limits": _without_counts("value", "slack"),
        "mix_line": without_small("avoided_units", "cost_released_pence", subject=("solution",)),
        "mix_variables": _without_counts("amount"),
    },
    partners_see=frozenset({"data_pack", "manifest", "options", "problem"}),
    narrowed={"manifest": _manifest_of_partner},
    schemas=SCHEMAS,
    tag_after="comparisons",
    example=Example(
        "7d14007aeb12ae63",
        {"data_pack": PACK_EXAMPLE, "manifest": {**MANIFEST, "run_id": "7d14007aeb12ae63"}},
        "plan_position",
        {
            "option": "blended",
            "year": "2018/19",
            "role": "provider",
            "organisation_code": "X01",
            "do_nothing_pence": -2_364_200_000,
            "mix_pence": 1_589_100_000,
            "contract_pence": 441_800_000,
            "position_pence": -333_300_000,
            "control_total_pence": 0,
            "margin_pence": -333_300_000,
            "is_met": False,
        },
    ),
)
