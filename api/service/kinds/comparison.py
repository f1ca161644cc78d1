"""Comparisons: two to six contract options on one allocation, to the position of everyone; the same as the command line makes.

A comparison is asked for with the versions of everything it is made of: the options, the scenario and the contracts they name,
each as it is stored at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from api.service.kinds.run import FOR_OTHERS, MANIFEST, evaluated, manifest_of_partner, whole_run
from api.service.records.api_models import DIGEST_EXAMPLE, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import BODY, ServiceError
from api.service.records.hidden import COUNTED, counted_file, counted_parts
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult, MadeOfParts, People, Visibility, Work
from api.service.records.stored import StoredDocument, StoredThings
from capitation.errors import Faults, UnknownNameError, suggest
from capitation.pack.layers import default_pack
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from contracts.document.contract import Contract, parse_contract
from contracts.options.document import MOST, PLAN, ContractOptions
from contracts.options.evaluate import SCHEMAS, evaluate_options
from contracts.options.study import STUDY


class ComparisonRequest(ApiModel):
    """Contract options to compare on the allocation of their scenario."""

    options: str = Field(examples=[f"{default_pack()}-contract-options"], pattern=NAME, max_length=128)
    """Id of a document of contract options."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the options; the newest where it is not given."""
    only: list[str] = Field(default=[], max_length=MOST, examples=[["do-minimum", "blended"]])
    """Ids of the options to compare, the base among them; all of the document where none are given."""
    case: str | None = Field(default=None, max_length=128, examples=["unmitigated"])
    """Activity case that reports show; the document's own where it is not given."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Compare the options."""
    request = given.request
    document = options_of(given.text("options", request["options"], request["digest"]), request["options"])
    if request["case"] is not None:
        document = document.model_copy(update={"shown_case": request["case"]})
    run = evaluated(given, request["scenario"]["id"], request["scenario"]["digest"])
    done = evaluate_options(
        document,
        given.pack.opened(),
        run=run,
        only=tuple(request["only"]),
        given=changed_contracts(given),
        studied=True,
    )
    made = whole_run(done, given.pack)
    counts = counted_parts(run.flow, run.locality_activity, run.service_line, run.membership)
    return replace(made, files={**made.files, COUNTED: counted_file(counts)})


def changed_contracts(given: Work) -> dict[str, Contract]:
    """Contracts that are not those of the data pack; the others are read from it, and so named by its files' checksums."""
    shipped = given.shipped("contracts")
    texts = {name: given.text("contract", name, digest) for name, digest in given.request["contracts"].items()}
    return {
        name: parse_contract(plain(text), where=f"contract {name}")
        for name, text in texts.items()
        if text != shipped.get(name)
    }


def options_of(text: str, name: str) -> ContractOptions:
    """The document of options in a text."""
    return parse_document(plain(text), ContractOptions, f"options {name}")


def _made_of(asked: ComparisonRequest, _sent: Mapping[str, Any], store: StoredThings) -> dict[str, Any]:
    """The versions of all that a comparison is made of, and which options and case are asked for.

    Raises:
        ServiceError: the document has no such option or case, or names a scenario or contract that is not stored.
    """
    found = newest(store, "options", asked.options, asked.digest)
    document = options_of(found.content, asked.options)
    faults = faults_of_options(document, asked.only)
    cases = [PLAN, *(each.id for each in document.cases)]
    if asked.case is not None and asked.case not in cases:
        faults.add(f"{BODY}: case", repr(asked.case), "an activity case of the document", suggest(asked.case, cases))
    versions = versions_of(document, asked.options, store, faults)
    return {**versions, "only": sorted(set(asked.only)), "case": asked.case}


def faults_of_options(document: ContractOptions, only: Sequence[str]) -> Faults:
    """Options asked for that the document has not."""
    faults, known = Faults(), [each.id for each in document.options]
    for number, name in enumerate(only):
        if name not in known:
            faults.add(f"{BODY}: only.{number}", repr(name), "an option of the document", suggest(name, known))
    return faults


def versions_of(document: ContractOptions, name: str, store: StoredThings, faults: Faults) -> dict[str, Any]:
    """The versions of the scenario and of every contract that options name.

    Raises:
        ServiceError: a scenario or contract that is not stored, with the faults found before.
    """
    contracts = sorted(
        {c.contract for o in document.options for c in o.contracts}
        | {q.contract for o in document.options for q in o.quality}
    )
    for kind, named in [("scenario", document.scenario), *(("contract", each) for each in contracts)]:
        if store.document(kind, named) is None:
            near = suggest(named, store.document_names(kind))
            faults.add(f"{BODY}: options", f"{kind} {named!r}, which is not stored", f"a {kind} that is stored", near)
    if len(faults):
        raise ServiceError("invalid", f"options {name!r} cannot be worked with as asked", faults)
    return {
        "scenario": {"id": document.scenario, "digest": newest(store, "scenario", document.scenario).digest},
        "contracts": {each: newest(store, "contract", each).digest for each in contracts},
    }


def newest(store: StoredThings, kind: str, name: str, version: str | None = None) -> StoredDocument:
    """A version of a document, the newest where none is named.

    Raises:
        UnknownNameError: it is not stored.
    """
    found = store.document(kind, name, version)
    if found is None:
        raise UnknownNameError(kind, name, store.document_names(kind))
    return found


def _manifest_of_partner(manifest: Any) -> Any:  # noqa: ANN401  # any plain content
    return manifest_of_partner(manifest, FRAMES)


_BY_ORGANISATION = Visibility(own=("organisation_code",))

FRAMES = {
    "set_aside": OPEN,
    "body_account": _BY_ORGANISATION,
    "body_locality": Visibility(own=("organisation_code", "locality_code"), area=("locality_code",)),
    "shadow_position": _BY_ORGANISATION,
    "commissioner_money": Visibility(own=("commissioner_code",)),
    "contract_notice": OPEN,
    "option_terms": OPEN,
    "expected_gap": Visibility(own=("provider_code",)),
    "further_cost": Visibility(own=("provider_code",)),
    "option_difference": _BY_ORGANISATION,
    "outturn": Visibility(own=("commissioner", "provider")),
    "payment": Visibility(own=("commissioner_code", "provider_code")),
    "position": _BY_ORGANISATION,
    "position_bridge": Visibility(own=("subject_code",)),
    "transfer": _BY_ORGANISATION,
    "who_pays": _BY_ORGANISATION,
}
"""Rows that a partner sees of each frame."""

ACCOUNT_OF_PEOPLE = (
    "rate_pence", "income_pence", "unearned_pence", "care_pence", "left_pence", "hospitals_pence", "returned_pence", "pool_pence",
    "carried_in_pence", "carried_on_pence", "reserve_pence",
)  # fmt: skip
"""Columns of a body's account that follow from the people of its lists: any two of three give the third."""

LOCALITY_OF_PEOPLE = (
    "rate_pence", "on_account_pence", "true_up_pence", "budget_pence", "unearned_pence", "care_pence", "left_pence", "hospitals_pence",
    "returned_pence", "pool_pence", "carried_in_pence", "carried_on_pence",
)  # fmt: skip
"""The same of a locality under a body."""

PEOPLE = {
    "outturn": People(
        "actual_activity",
        ("year", "activity_case", "commissioner", "line"),
        ("provider", "service"),
        ("plan_activity", "plan_value_pence", "actual_value_pence", "plan_cost_pence", "actual_cost_pence"),
        or_of=("plan_activity",),
        subject=("commissioner", "provider", "service", "line"),
        parted_by=("commissioner", "provider", "line"),
        spread=("commissioner", "provider"),
    ),
    "body_account": People(
        "listed_persons",
        ("option", "activity_case"),
        ("organisation_code", "year"),
        ACCOUNT_OF_PEOPLE,
        subject=("organisation_code",),
    ),
    "body_locality": People(
        "weighted_persons",
        ("option", "activity_case", "organisation_code", "year"),
        ("locality_code",),
        LOCALITY_OF_PEOPLE,
        subject=("locality_code",),
    ),
}
"""Frames that count people or events."""

_POSITIONS = (
    "income_pence", "paid_pence", "cost_pence", "position_pence", "plan_position_pence", "change_pence", "shadow_pence",
    "difference_pence", "borne_pence", "share", "planned_pence", "other_cost_pence", "held_pence", "at_low_pence", "at_high_pence",
    "sign", "bearable", "before_pence", "after_pence", "because", "value", "better_below", "better_above", "earned_pence",
    "moves_pence", "position_with_pence", "contract_pence", "margin_pence", "is_met",
)  # fmt: skip
"""Columns with money of an organisation, or with words and thresholds that rest on it."""


def _of_organisation(column: str = "organisation_code", *columns: str) -> MadeOfParts:
    return MadeOfParts((column,), columns or _POSITIONS, "bare")


MADE_OF_PARTS = {
    "payment": MadeOfParts(("commissioner_code", "provider_code"), ("amount_pence",), "pairs"),
    "transfer": MadeOfParts(("organisation_code", "counterparty_code"), ("debit_pence", "credit_pence"), "pairs"),
    "position_bridge": MadeOfParts(("subject_code",), ("amount_pence", "balance_pence"), "ends"),
    "expected_gap": _of_organisation(
        "provider_code", "commissioner_price_pence", "provider_price_pence", "commissioner_cost_pence", "provider_cost_pence",
        "price_gap_pence", "cost_gap_pence", "provider_shortfall_pence", "opening_gap_pence",
    ),
    "commissioner_money": _of_organisation("commissioner_code"),
    "further_cost": _of_organisation("provider_code"),
    "quality_earned": _of_organisation("provider_code"),
    "switching": _of_organisation("party"),
    **{
        name: _of_organisation()
        for name in (
            "below_plan", "leap", "option_difference", "position", "shadow_position", "tested_range", "who_pays", "worst_case",
        )
    },
}  # fmt: skip
"""Tables from which the activity that a commissioner buys from a provider would follow: payments, and what they add up to where there is one."""

KIND = JobKind(
    name="comparison",
    address="comparisons",
    order=5,
    about="Contract options side by side: what everyone gains or bears under each.",
    asks="the comparison of contract options",
    request=ComparisonRequest,
    run=work,
    document="options",
    more=_made_of,
    frames=FRAMES,
    people=PEOPLE,
    made_of_parts=MADE_OF_PARTS,
    for_others=FOR_OTHERS,
    partners_see=frozenset({"data_pack", "manifest"}),
    narrowed={"manifest": _manifest_of_partner},
    schemas={**SCHEMAS, **STUDY},
    tag_after="settlements",
    example=Example(
        "6a721de127ec90b1",
        {"data_pack": PACK_EXAMPLE, "manifest": {**MANIFEST, "run_id": "6a721de127ec90b1"}},
        "position",
        {
            "option": "blended",
            "activity_case": "plan-plus-5",
            "year": "2018/19",
            "role": "provider",
            "organisation_code": "X01",
            "allocation_pence": 0,
            "income_pence": 18_204_551_260,
            "paid_pence": 0,
            "cost_pence": 18_612_309_471,
            "position_pence": -407_758_211,
            "plan_position_pence": 0,
            "change_pence": -407_758_211,
        },
    ),
)
