"""Differences: two stored runs or comparisons, and every figure that moved between them; the same as `capitation diff` finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from pydantic import Field

from api.exports.run_difference import run_difference
from api.service.records.api_models import RUN_EXAMPLE, ApiModel
from api.service.records.failures import BODY, ServiceError
from api.service.records.job_kind import Example, JobKind, JobResult, MadeOfParts, Work
from api.service.records.stored import StoredThings
from api.service.records.workbooks import stored_run
from capitation.errors import Faults

FIGURES = ("row", "before_pence", "after_pence", "change_pence", "before", "after", "change")
"""Columns of what moved that are left out of tables from which a small number of either result would follow."""


def kind(others: Iterable[JobKind[Any]]) -> JobKind[Any]:
    """The kind that compares results of those kinds whose results are runs with a manifest."""
    compared = {each.address: each for each in others if each.schemas is not None}
    address = rf"^/v1/({'|'.join(compared)})/[0-9a-f]{{16,64}}$"
    counted = sorted(
        {name for each in compared.values() for name in (*each.people, *each.made_of_people, *each.for_others)}
    )

    class DifferenceRequest(ApiModel):
        """Two results of which the figures that differ are wanted."""

        before: str = Field(examples=[f"/v1/runs/{RUN_EXAMPLE}"], pattern=address)
        """Address of a run or a comparison, as its job gives it."""
        after: str = Field(examples=["/v1/runs/0a1b2c3d4e5f6071"], pattern=address)
        """Address of the other."""

    def parted(result: str) -> tuple[str, str]:
        word, _, name = result.removeprefix("/v1/").partition("/")
        return compared[word].name, name

    def work(given: Work) -> JobResult:
        one, two = (stored_run(given.store, *parted(given.request[side])) for side in ("before", "after"))
        given.report(f"{len(one.frames)} tables beside {len(two.frames)}")
        found = run_difference(one, two)
        frames = {
            "document": found.document,
            "inputs": found.inputs,
            "summary": found.summary,
            "moved": money_apart(found.moved),
        }
        content = {"before": given.request["before"], "after": given.request["after"], "same": found.same}
        return JobResult(given.job, content, frames)

    def wanted(asked: DifferenceRequest, _sent: Mapping[str, Any], store: StoredThings) -> dict[str, Any]:
        faults = Faults()
        for side in ("before", "after"):
            name, result = parted(getattr(asked, side))
            if store.result(name, result) is None:
                faults.add(f"{BODY}: {side}", repr(getattr(asked, side)), f"a {name} that is stored")
        if len(faults):
            raise ServiceError("invalid", "what is to be compared is not stored", faults)
        return {"before": asked.before, "after": asked.after}

    def without_people(moved: pl.DataFrame, _smallest_shown: int) -> pl.DataFrame:
        """Figures that moved in tables that count people, which are shown in full to those who make runs only."""
        return moved.filter(~pl.col("frame").is_in(counted))

    return JobKind(
        name="difference",
        address="differences",
        order=8,
        about="Two runs or comparisons: choices and data that differ, and every figure that moved.",
        asks="the differences of two runs or comparisons",
        request=DifferenceRequest,
        run=work,
        more=wanted,
        for_others={"moved": without_people},
        made_of_parts={"moved": MadeOfParts(("frame",), FIGURES, "tables")},
        read_by="system",  # a difference has every organisation's rows
        tag_after="chances",
        example=Example(
            "6b02d4f7e1c94a58b3d6f0c2a7819e46",
            {"before": f"/v1/runs/{RUN_EXAMPLE}", "after": "/v1/runs/0a1b2c3d4e5f6071", "same": False},
            "moved",
            {
                "frame": "allocation",
                "row": "2018/19 ccg locality V1 P1",
                "column": "allocation",
                "before_pence": 4_787_713_227,
                "after_pence": 4_791_020_004,
                "change_pence": 3_306_777,
                "before": None,
                "after": None,
                "change": None,
            },
        ),
    )


def money_apart(moved: pl.DataFrame) -> pl.DataFrame:
    """Figures that moved, those of money as whole pence beside those of anything else, of which one is empty in each row.

    Example:
        column allocation_pence, before "5", after "8" becomes column allocation, before_pence 5, after_pence 8, change_pence 3.
    """
    is_money = pl.col("column").str.ends_with("_pence")
    sides = [pl.col(side).cast(pl.Int64, strict=False) for side in ("before", "after")]
    pence = [pl.when(is_money).then(each) for each in (*sides, sides[1] - sides[0])]
    return moved.select(
        "frame",
        "row",
        pl.when(is_money).then(pl.col("column").str.strip_suffix("_pence")).otherwise("column").alias("column"),
        *(each.alias(f"{name}_pence") for name, each in zip(("before", "after", "change"), pence, strict=True)),
        *(pl.when(~is_money).then(name).alias(name) for name in ("before", "after", "change")),
    )
