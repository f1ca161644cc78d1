"""Comparisons: two to six contract options on one allocation, to the position of everyone; the same as the command line makes.

A comparison is asked for with the versions of everything it is made of: the options, the scenario and the contracts they name,
each as it is stored at that moment.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from api.service.http.problems import BODY, ServiceError
from api.service.jobs.pack_choice import chosen_pack
from api.service.jobs.requests import accepted
from api.service.jobs.work import COMPARISON
from api.service.runtime.request import BodyDep, ClientDep, KeyHeader, Service, ServiceDep, takes
from api.service.store import StoredDocument
from api.service.views.models import ComparisonRequest, JobView
from api.service.views.results import result_routes
from capitation.errors import Faults, UnknownNameError, suggest
from capitation.records.documents import parse_document
from capitation.records.identity import plain
from contracts.options.document import PLAN, ContractOptions

router = result_routes(COMPARISON)


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(ComparisonRequest))
async def request_comparison(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for the comparison of contract options; the job's address is in Location."""
    return await accepted(
        request,
        service,
        client,
        sent,
        key,
        COMPARISON,
        ComparisonRequest,
        "options",
        lambda asked, _content: _made_of(service, asked),
    )


def _made_of(service: Service, asked: ComparisonRequest) -> dict[str, Any]:
    """The versions of all that a comparison is made of, and which options and case are asked for.

    Raises:
        ServiceError: the document has no such option or case, or names a scenario or contract that is not stored.
    """
    found = _newest(service, "options", asked.options, asked.digest)
    document = parse_document(plain(found.content), ContractOptions, f"options {asked.options}")
    faults = Faults()
    known, cases = [each.id for each in document.options], [PLAN, *(each.id for each in document.cases)]
    for place, name in enumerate(asked.only):
        if name not in known:
            faults.add(f"{BODY}: only.{place}", repr(name), "an option of the document", suggest(name, known))
    if asked.case is not None and asked.case not in cases:
        faults.add(f"{BODY}: case", repr(asked.case), "an activity case of the document", suggest(asked.case, cases))
    contracts = sorted({each.contract for option in document.options for each in option.contracts})
    for kind, name in [("scenario", document.scenario), *(("contract", each) for each in contracts)]:
        if service.store.document(kind, name) is None:
            near = suggest(name, service.store.document_names(kind))
            faults.add(f"{BODY}: options", f"{kind} {name!r}, which is not stored", f"a {kind} that is stored", near)
    if len(faults):
        raise ServiceError("invalid", f"options {asked.options!r} cannot be compared as asked", faults)
    return {
        "digest": found.digest,
        "data_pack": chosen_pack(service, asked.data_pack),
        "scenario": {"id": document.scenario, "digest": _newest(service, "scenario", document.scenario).digest},
        "contracts": {name: _newest(service, "contract", name).digest for name in contracts},
        "only": sorted(set(asked.only)),
        "case": asked.case,
    }


def _newest(service: Service, kind: str, name: str, version: str | None = None) -> StoredDocument:
    found = service.store.document(kind, name, version)
    if found is None:
        raise UnknownNameError(kind, name, service.store.document_names(kind))
    return found
