"""Weighted totals of practices, from cells or in one pass over the persons: the same whole numbers either way.

    raw_ic      the sum of weight x factor over the persons of practice i, a whole number (`kernel`)
    W_ic        raw_ic x persons / sum of raw_c
    weighted_i  sum over c of share_c x W_ic

Only the last two lines are floats, each made once from whole numbers in the order of the practices' codes; so a total of money shared by
them is the same penny for penny whoever counted and in whatever order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from capitation.errors import Fault, Faults, NothingToShareError, SourceError
from capitation.money.apportion import apportion
from capitation.records.identity import canonical, digest
from capitation.records.suppression import MARK, suppressed
from capitation.register.cells import CountedCells, chunks_of
from capitation.register.document import Codes, Register
from capitation.register.formula import Tables
from capitation.register.kernel import Sums, kernel, most_rows
from capitation.register.partitions import Coded, Partition, people
from capitation.workers.crew import Crew, Progress

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Weighed:
    """Persons and raw sums of every practice by every component."""

    codes: Codes
    tables: Tables
    sums: Sums

    def components(self) -> Numbers:
        """Weighted persons of practices by component, each adding to the persons of the register.

        Raises:
            NothingToShareError: a component whose sum is 0.
        """
        persons = int(self.sums.persons.sum())
        columns = []
        for name, raw in zip(self.tables.components, self.sums.whole(), strict=True):
            total = sum(raw)
            if not total:
                raise NothingToShareError(
                    f"component {name}: found weights that add to 0; expected some need to share by"
                )
            columns.append([value * persons / total for value in raw])
        return np.asarray(columns, dtype=np.float64).T.reshape(len(self.sums.persons), len(columns))

    def practices(self) -> pl.DataFrame:
        """A row a practice in the order of codes: the levels above it, persons, each component, weighted persons and need index."""
        parts = self.components()
        weighted = [math.fsum(s * w for s, w in zip(self.tables.shares, row, strict=True)) for row in parts.tolist()]
        persons = self.sums.persons
        frame = self.codes.practices.with_columns(
            pl.Series("persons", persons, dtype=pl.Int64),
            *(pl.Series(f"weighted_{name}", parts[:, c]) for c, name in enumerate(self.tables.components)),
            pl.Series("weighted_persons", weighted, dtype=pl.Float64),
        )
        return with_index(frame).sort("practice_code")

    @property
    def hash(self) -> str:
        """What names these sums: the same for the same register and formula, whoever counted."""
        return digest(canonical([list(self.tables.components), self.sums.persons.tolist(), self.sums.whole()]))


def with_index(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its need index, empty where there is no person."""
    return frame.with_columns(
        pl.when(pl.col("persons") > 0).then(pl.col("weighted_persons") / pl.col("persons")).alias("need_index")
    )


def by_level(practices: pl.DataFrame, level: str) -> pl.DataFrame:
    """The sums of practices by a level above them."""
    floats = [c for c in practices.columns if c.startswith("weighted_")]
    whole = [c for c in ("persons", "share_pence") if c in practices.columns]
    parts = practices.group_by(level).agg(pl.len().alias("practices"), pl.col(whole).sum(), pl.col(floats))
    sums = [pl.Series(c, [math.fsum(values) for values in parts[c].to_list()], dtype=pl.Float64) for c in floats]
    return with_index(parts.with_columns(sums)).sort(level)


def shared(frame: pl.DataFrame, total_pence: int, key: str) -> pl.DataFrame:
    """The frame with `pence`: a total shared by weighted persons, exact to the penny."""
    with_total = frame.with_columns(pl.lit(total_pence, dtype=pl.Int64).alias("total_pence"))
    done = apportion(with_total, total="total_pence", weight="weighted_persons", order_by=[key], into="share_pence")
    return done.drop("total_pence")


@dataclass(frozen=True)
class Shown:
    """A table that may be handed on."""

    rows: pl.DataFrame
    persons: int | None
    """All persons together; nothing where that would give a small number away."""
    left_out: int
    """Rows whose numbers are left out."""


def shown(practices: pl.DataFrame, level: str | None, smallest: int) -> Shown:
    """The practices, or the sums of a level above them, without small numbers of persons and what would give them away.

    Args:
        practices: the rows of `Weighed.practices`, with or without a share of money.
        level: a level above practices; None shows the practices.
        smallest: the smallest number of persons, other than 0, that is shown.
    """
    figures = [c for c in practices.columns if c.startswith("weighted_") or c in {"need_index", "share_pence"}]
    above = [c for c in practices.columns if practices.schema[c] == pl.String and c != "practice_code"]
    if level is None:
        within = above[:1]
        done = suppressed(
            practices, "persons", within=within, order_by=["practice_code"], smallest_shown=smallest, also=figures
        )
        return Shown(done.rows, done.grand_total, int(done.rows[MARK].sum()))
    inside = suppressed(practices, "persons", within=[level], order_by=["practice_code"], smallest_shown=smallest)
    bare = inside.totals.filter(pl.col(MARK)).get_column(level)
    sums = by_level(practices, level)
    done = suppressed(sums, "persons", within=(), order_by=[level], smallest_shown=smallest, also=figures)
    hidden = done.rows[MARK] | done.rows[level].is_in(bare.implode())
    rows = done.rows.with_columns(
        pl.when(~hidden).then(pl.col(name)).alias(name) for name in ("persons", *figures) if name in done.rows.columns
    ).with_columns(hidden.alias(MARK))
    whole = done.grand_total if not bare.len() else None
    return Shown(rows, whole, int(hidden.sum()))


def weigh_cells(cells: CountedCells, tables: Tables, crew: Crew, progress: Progress | None = None) -> Weighed:
    """A formula's weights over cells."""
    parts = crew.each(partial(_file_of_cells, codes=cells.codes, tables=tables), cells.files, progress)
    return Weighed(cells.codes, tables, _added(parts, cells.codes, tables))


def _file_of_cells(path: Path, codes: Codes, tables: Tables) -> Sums:
    add, limit = kernel(), most_rows(tables.weights, tables.factors)
    sums = Sums.nothing(codes.practices.height, len(tables.components))
    for practice, area, group, persons, _ in chunks_of(path, codes):
        for rows in _pieces(persons, limit):
            given = (practice[rows], area[rows], group[rows], np.ascontiguousarray(persons[rows]))
            sums.add(*add(*given, tables.weights, tables.factors, codes.practices.height))
    return sums


def _pieces(persons: Numbers, limit: int) -> list[slice]:
    """Slices of rows, none with more persons than a sum can bear.

    Raises:
        SourceError: a single cell has more.
    """
    if int(persons.sum()) <= limit:
        return [slice(0, persons.size)]
    if persons.size == 1:
        raise SourceError(f"found a cell of {int(persons[0]):,} persons; expected at most {limit:,} with these weights")
    middle = persons.size // 2
    right = _pieces(persons[middle:], limit)
    return [*_pieces(persons[:middle], limit), *(slice(r.start + middle, r.stop + middle) for r in right)]


@dataclass(frozen=True)
class Found:
    """Sums of one file of persons, or what is wrong with it."""

    sums: Sums
    faults: list[Fault]


def weigh_persons(
    register: Register, tables: Tables, crew: Crew, progress: Progress | None = None, *, may_compile: bool = True
) -> Weighed:
    """A formula's weights over the persons of a register in one pass; persons who stand in it twice are not looked for.

    Raises:
        SourceError: files differ in their columns, or rows have unknown codes or impossible ages; every fault at once.
    """
    partitions = [Partition(register, path) for path in register.persons]
    columns = register.document.columns
    wanted = [columns.practice, columns.area, columns.age, columns.sex, columns.flags]
    faults = Faults()
    like = None
    for partition in partitions:
        found = partition.faults_of_columns(like, wanted)
        faults.extend(found)
        like = partition.kinds() if like is None and not found else like
    faults.raise_if_any(SourceError, f"{register.folder}: the register cannot be used")
    parts = crew.each(partial(_file_of_persons, tables=tables, may_compile=may_compile), partitions, progress)
    for part in parts:
        faults.extend(part.faults)
    faults.raise_if_any(SourceError, f"{register.folder}: the register cannot be used")
    return Weighed(register.codes, tables, _added([part.sums for part in parts], register.codes, tables))


def _file_of_persons(partition: Partition, tables: Tables, may_compile: bool) -> Found:
    add, coded = kernel(may_compile=may_compile), Coded(partition)
    practices = partition.register.codes.practices.height
    sums, limit = Sums.nothing(practices, len(tables.components)), most_rows(tables.weights, tables.factors)
    for chunk in people(partition, coded, cost=False):
        for first in range(0, chunk.group.size, limit):
            at = slice(first, first + limit)
            given = (chunk.practice[at], chunk.area[at], chunk.group[at], None)
            sums.add(*add(*given, tables.weights, tables.factors, practices))
    return Found(sums, coded.faults())


def _added(parts: Sequence[Sums], codes: Codes, tables: Tables) -> Sums:
    return sum(parts, start=Sums.nothing(codes.practices.height, len(tables.components)))


__all__ = ["Shown", "Weighed", "by_level", "shared", "shown", "weigh_cells", "weigh_persons", "with_index"]
