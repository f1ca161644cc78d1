"""Exports: a run or a comparison as one accessible workbook, for people or of every table, the same bytes as the command line writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from api.service.records.api_models import DIGEST_EXAMPLE, RUN_EXAMPLE, ApiModel
from api.service.records.failures import BODY, ServiceError
from api.service.records.job_kind import Example, JobKind, JobResult, Work
from api.service.records.stored import StoredThings
from api.service.records.workbooks import stored_run, summary_workbook, workbook
from capitation.errors import Fault
from capitation.records.identity import plain


def kind(others: Iterable[JobKind[Any]]) -> JobKind[Any]:
    """The kind that exports results of those kinds that name the schemas of their frames."""
    exported = {each.address: each for each in others if each.schemas is not None}
    schemas = {each.name: each.schemas for each in exported.values() if each.schemas is not None}
    addresses = "|".join(exported)

    class ExportRequest(ApiModel):
        """A result that is to leave as a file."""

        result: str = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"], pattern=rf"^/v1/({addresses})/[0-9a-f]{{16,64}}$")
        """Address of a run or a comparison, as its job gives it."""
        format: Literal["xlsx"] = Field(default="xlsx", examples=["xlsx"])
        """Format of the file: one accessible workbook."""
        sheets: Literal["people", "all"] = Field(default="people", examples=["people"])
        """What is in it: `people`, the summary first, names beside codes and at most 15 sheets ready to print; `all`, a sheet for every table with a data dictionary."""

    def work(given: Work) -> JobResult:
        name = given.request["kind"]
        run = stored_run(given.store, name, given.request["id"])
        sheets = given.request.get("sheets", "all")  # a job asked for by an earlier version wants every table
        made = workbook(run, schemas[name]) if sheets == "all" else summary_workbook(run, given.pack.opened())
        content = {
            "result": given.request["result"],
            "format": given.request["format"],
            "sheets": sheets,
            "file": made.name,
            "size": len(made.content),
            "sha256": made.sha256,
        }
        return JobResult(given.job, content, {}, {made.name: made})

    def wanted(asked: ExportRequest, _sent: Mapping[str, Any], store: StoredThings) -> dict[str, Any]:
        address, _, result_id = asked.result.removeprefix("/v1/").partition("/")
        name = exported[address].name
        found: Any = store.result(name, result_id)
        if found is None:
            fault = Fault(f"{BODY}: result", repr(asked.result), f"a {name} that is stored")
            raise ServiceError("invalid", f"there is no {name} {result_id!r}", [fault])
        pack = plain(found.content).get("data_pack")
        return {
            "result": asked.result, "kind": name, "id": result_id, "format": asked.format, "sheets": asked.sheets,
            **({"data_pack": pack} if pack else {}),
        }  # fmt: skip

    return JobKind(
        name="export",
        address="exports",
        order=6,
        about="Runs and comparisons as workbooks.",
        asks="a run or a comparison as a workbook",
        request=ExportRequest,
        run=work,
        more=wanted,
        has_tables=False,
        read_by="system",  # a workbook holds every organisation's rows
        tag_after="simulations",
        example=Example(
            "f101207ca3e8f573d28aaa70e5ac0465",
            {
                "file": f"{RUN_EXAMPLE}.xlsx",
                "format": "xlsx",
                "result": f"/v1/runs/{RUN_EXAMPLE}",
                "sha256": DIGEST_EXAMPLE,
                "sheets": "people",
                "size": 41_209,
            },
        ),
    )
