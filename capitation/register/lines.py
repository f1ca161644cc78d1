"""Lines of activity counted by practice, service and month: how many, and at what cost; hundreds of millions need no more memory than one chunk.

Every sum is one of whole numbers in a table of practices x services x 12, so the order of lines changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from capitation.errors import Fault, Faults
from capitation.register.document import Register
from capitation.register.partitions import Coded, Partition
from capitation.workers.crew import Crew

Numbers = np.ndarray[Any, Any]

MONTHS = 12

_MOST_PENCE = 10**11
"""The largest cost of one line: a chunk of them is added exactly."""


@dataclass(frozen=True)
class CountedLines:
    """Counts of one file by practice, service and month, or what is wrong with it."""

    lines: Numbers
    cost: Numbers
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class LinesFile:
    """One file of activity, and the columns of the others."""

    partition: Partition
    like: dict[str, str]


def count_lines(register: Register, into: Path, crew: Crew, faults: Faults) -> dict[str, Any]:
    """The table of activity of a register, written as activity.parquet; what is wrong with lines is gathered.

    Args:
        register: the register.
        into: the folder that the table is written to.
        crew: who counts the files.
        faults: where to keep what is found.
    """
    partitions = [Partition(register, path) for path in register.lines]
    like = partitions[0].kinds()
    counted = crew.each(lines_of, [LinesFile(each, like) for each in partitions])
    for each in counted:
        faults.extend(each.faults)
    lines = np.asarray(sum(each.lines for each in counted))
    cost = np.asarray(sum(each.cost for each in counted))
    where = np.flatnonzero(lines)
    practice, rest = np.divmod(where, len(register.document.services) * MONTHS)
    service, month = np.divmod(rest, MONTHS)
    pl.DataFrame(
        {
            "practice_code": register.codes.practices["practice_code"].gather(practice),
            "service": pl.Series(list(register.document.services), dtype=pl.String).gather(service),
            "month": month + 1,
            "lines": lines[where],
            "cost_pence": cost[where],
        }
    ).write_parquet(into / "activity.parquet")
    return {"lines": int(lines.sum()), "lines_cost_pence": int(cost.sum())}


def lines_of(file: LinesFile) -> CountedLines:
    """The counts of one file."""
    partition, register = file.partition, file.partition.register
    columns, services = register.document.line_columns, register.document.services
    practices = register.codes.practices["practice_code"]
    size = len(practices) * len(services) * MONTHS
    lines, cost = np.zeros(size, np.int64), np.zeros(size, np.int64)
    faults = partition.faults_of_columns(file.like, list(columns.model_dump().values()))
    if faults:
        return CountedLines(lines, cost, faults)
    coded, known = Coded(partition), pl.Series(list(services), dtype=pl.String)
    names = [columns.practice, columns.service, columns.month, columns.cost]
    for row, cells in partition.chunks(names):
        practice = coded.codes(columns.practice, cells[0], practices, row, "practice")
        service = coded.codes(columns.service, cells[1], known, row, "service")
        month = coded.whole(columns.month, cells[2], (1, MONTHS), row, "a month from 1 (April) to 12 (March)")
        paid = coded.whole(columns.cost, cells[3], (0, _MOST_PENCE), row, "whole pence of at least 0")
        key = (practice.astype(np.int64) * len(services) + service) * MONTHS + month - 1
        sums = (
            pl.DataFrame({"key": key, "paid": paid.astype(np.int64)})
            .group_by("key")
            .agg(pl.len(), pl.col("paid").sum())
        )
        at = sums["key"].to_numpy()
        lines[at] += sums["len"].to_numpy()
        cost[at] += sums["paid"].to_numpy()
    return CountedLines(lines, cost, coded.faults())


__all__ = ["CountedLines", "LinesFile", "count_lines", "lines_of"]
