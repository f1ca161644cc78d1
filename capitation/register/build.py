"""From one row a person to cells, without ever keeping the persons: each file is counted, and the counts of all files are merged.

    code = ((practice x areas + area) x classes) + class          one whole number a cell

A file's chunks are reduced to sorted codes with persons and cost, then the file's, which are kept beside the result under another name.
Where the work is stopped, files that were counted are not counted again. Counts of all files are merged range by range of codes. All
sums are whole numbers, so cells are the same whatever the order of rows and files, and whoever counted them; `digest` is theirs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from capitation.errors import Fault, Faults, SourceError
from capitation.records.identity import canonical, digest
from capitation.records.whole_files import write_whole
from capitation.register.cells import COLUMNS, ROWS, unpacked, write_tables
from capitation.register.document import Register
from capitation.register.duplicates import duplicates_by_practice, forbidden_ids, repeated, turns
from capitation.register.lines import count_lines
from capitation.register.partitions import Coded, Partition, people
from capitation.workers.crew import Crew, Progress

Numbers = np.ndarray[Any, Any]

MOST_SHOWN = 40
"""Faults that are named before the rest is only counted."""

MERGED = 2_000_000
"""Counts that are merged at once, about."""


@dataclass(frozen=True)
class Built:
    """What was built."""

    folder: Path
    about: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Counting:
    """One file of persons, and where its counts are kept."""

    partition: Partition
    kept: Path
    like: dict[str, str] | None


@dataclass(frozen=True)
class Counted:
    """What was counted in one file: its rows and cells, or what is wrong with it."""

    name: str
    rows: int = 0
    cells: int = 0
    cost: int = 0
    faults: list[Fault] = field(default_factory=list)


def build(register: Register, out: Path, crew: Crew, progress: Progress | None = None) -> Built:
    """The cells of a register in the folder `out`, which appears once it is whole.

    Args:
        register: the register.
        out: the folder to write; cells that stand there are replaced.
        crew: who counts the files.
        progress: hears of the files counted.

    Raises:
        SourceError: files differ in their columns, rows have unknown codes or impossible ages, ids look like NHS numbers, or more
            persons than the register allows stand in it twice; every fault at once, and nothing is written.
    """
    if out.exists() and not (out.is_dir() and ((out / "cells.json").is_file() or not any(out.iterdir()))):
        raise SourceError(
            f"{out}: found something that is no folder of cells; expected a new folder, or cells to replace"
        )
    work = out.with_name(f".{out.name}.partial")
    partitions = [Partition(register, path) for path in register.persons]
    try:
        work.mkdir(parents=True, exist_ok=True)
        like = _first_kinds(partitions)
        parts = [Counting(p, work / f"counts-{_name(p)}", like) for p in partitions]
        counted = crew.each(count, parts, progress)
        faults = Faults()
        for each in counted:
            faults.extend(each.faults)
        _refuse(faults, register, work)
        rows = sum(each.rows for each in counted)
        double = duplicates_by_practice(crew.each(repeated, turns(register, rows)), register)
        _refuse_duplicates(int(double["duplicates"].sum()), rows, double, register, work)
        about: dict[str, Any] = {"register": register.document.id, "is_synthetic": register.document.is_synthetic}
        about |= {"persons": rows, "cost_pence": sum(each.cost for each in counted)}
        about |= {"duplicates": int(double["duplicates"].sum())}
        whole = work / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        about |= _merge([part.kept for part in parts], register, whole)
        if register.lines:
            about |= count_lines(register, whole, crew, faults)
            _refuse(faults, register, work)
        if double.height:
            double.write_csv(whole / "duplicates.csv")
        write_tables(whole, register.codes, about)
        if out.exists():
            shutil.rmtree(out)
        whole.rename(out)
    except OSError as error:
        raise SourceError(f"{out}: cannot be written: {error}") from error
    shutil.rmtree(work, ignore_errors=True)
    return Built(out, about, _notes(about))


def count(counting: Counting) -> Counted:
    """The counts of one file, kept as arrays of codes, persons and cost in the order of the codes."""
    partition, kept = counting.partition, counting.kept
    known = kept.with_suffix(".json")
    if known.is_file():
        return Counted(partition.name, **json.loads(known.read_text(encoding="utf-8")))
    document = partition.register.document
    wanted = list(document.columns.model_dump().values())
    faults = partition.faults_of_columns(counting.like, wanted)
    if faults:
        return Counted(partition.name, faults=faults)
    faults = forbidden_ids(partition)
    codes, coded = partition.register.codes, Coded(partition)
    rows, parts = 0, []
    for chunk in people(partition, coded, cost=True):
        rows += chunk.group.size
        if coded.is_clean and not faults:
            where = chunk.practice.astype(np.int64) * codes.areas.height + chunk.area
            cost = np.asarray(chunk.cost).astype(np.int64)
            parts.append(_reduced(where * codes.classes + chunk.group, np.ones(cost.size, np.int64), cost))
            if len(parts) >= 16:
                parts = [_joined(parts)]
    faults += coded.faults()
    if faults:
        return Counted(partition.name, rows, faults=faults)
    merged = _joined(parts)
    write_whole(kept.with_suffix(".npy"), lambda path: _save(path, merged))
    found = {"rows": rows, "cells": merged.shape[1], "cost": int(merged[2].sum())}
    write_whole(known, lambda path: path.write_text(canonical(found), encoding="utf-8"))
    return Counted(partition.name, **found)


def _save(path: Path, numbers: Numbers) -> None:
    with path.open("wb") as file:
        np.save(file, numbers)


def _reduced(key: Numbers, persons: Numbers, cost: Numbers) -> Numbers:
    """Codes in their order, each once, with the sums of persons and cost."""
    if not key.size:
        return np.empty((3, 0), np.int64)
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    return np.stack([key[first], np.add.reduceat(persons[order], first), np.add.reduceat(cost[order], first)])


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return _reduced(*np.concatenate([np.empty((3, 0), np.int64), *parts], axis=1))


def _merge(kept: Sequence[Path], register: Register, into: Path) -> dict[str, Any]:
    """The cells of all files together, as parquet, range by range of their codes."""
    counts = [np.load(path.with_suffix(".npy"), mmap_mode="r") for path in kept]
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    cells, sums = 0, hashlib.sha256()
    with pq.ParquetWriter(into / "cells-0.parquet", schema, compression="zstd") as writer:
        for first, last in _ranges(counts, register):
            slices = [c[:, slice(*np.searchsorted(c[0], (first, last)))] for c in counts]
            part = _joined(slices)
            cells += part.shape[1]
            sums.update(part.T.tobytes())
            columns = unpacked(part[0], register.codes) | {"persons": part[1], "cost_pence": part[2]}
            writer.write_table(pa.table({name: columns[name] for name in COLUMNS}, schema=schema), row_group_size=ROWS)
    return {"cells": cells, "digest": sums.hexdigest()}


def _ranges(counts: Sequence[Numbers], register: Register) -> list[tuple[int, int]]:
    """Ranges of codes, each of whole practices with about as many counts as are merged at once."""
    step = register.codes.areas.height * register.codes.classes
    edges = np.arange(register.codes.practices.height + 1, dtype=np.int64) * step
    below = np.asarray(sum((np.searchsorted(c[0], edges) for c in counts), start=np.zeros(edges.size, np.int64)))
    cuts, since = [0], 0
    for i in range(1, edges.size):
        if below[i] - since >= MERGED:
            cuts.append(i)
            since = int(below[i])
    if cuts[-1] != edges.size - 1:
        cuts.append(edges.size - 1)
    return [(int(edges[a]), int(edges[b])) for a, b in pairwise(cuts)]


def _first_kinds(partitions: Sequence[Partition]) -> dict[str, str] | None:
    """The columns that most files have: those of the first where all agree, so that the odd one out is the one that is named."""
    kinds: list[dict[str, str]] = []
    for partition in partitions:
        try:
            kinds.append(partition.kinds())
        except (OSError, pa.ArrowException):
            continue  # named when its columns are checked
    texts = [canonical(each) for each in kinds]
    return kinds[max(range(len(kinds)), key=lambda i: (texts.count(texts[i]), -i))] if kinds else None


def _name(partition: Partition) -> str:
    """A name for the counts of a file as it stands now: another file, or another register, has another name."""
    state = partition.path.stat()
    codes = partition.register.codes
    about = [partition.name, state.st_size, state.st_mtime_ns, partition.register.document]
    return digest(canonical([*about, codes.practices["practice_code"].to_list(), codes.areas["area_code"].to_list()]))[
        :24
    ]


def _refuse(faults: Faults, register: Register, work: Path) -> None:
    if len(faults):
        shutil.rmtree(work, ignore_errors=True)
        shown = list(faults)[:MOST_SHOWN]
        more = len(faults) - len(shown)
        end = f"; {more} more are not shown" if more else ""
        raise SourceError(f"{register.folder}: the register cannot be used ({len(faults)} fault(s){end})", shown)


def _refuse_duplicates(found: int, rows: int, double: pl.DataFrame, register: Register, work: Path) -> None:
    allowed = register.document.most_duplicates
    if found <= allowed * rows:
        return
    shutil.rmtree(work, ignore_errors=True)
    faults = [
        Fault(f"practice {code}", f"{count:,} row(s) of persons already in the register", "each person once")
        for code, count in double.head(MOST_SHOWN).iter_rows()
    ]
    raise SourceError(
        f"{register.folder}: found {found:,} duplicate rows of {rows:,} ({found / rows:.2%}) in {double.height:,} practice(s); "
        f"expected at most {allowed:.2%}, which is most_duplicates of register.toml",
        faults,
    )


def _notes(about: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    if about["duplicates"]:
        notes.append(
            f"{about['duplicates']:,} row(s) are of persons already in the register; they are counted, as lists count them, "
            "and duplicates.csv lists them by practice"
        )
    return tuple(notes)


__all__ = ["Built", "Counted", "Counting", "build", "count"]
