"""Persons who stand in a register more than once, and ids that may not stand in it at all.

Ids are looked at in turns: each turn reads the column of ids of all files and keeps those of its bucket only, so that a register of any
size is looked through in little memory. No id is written to a file, nor named in a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from capitation.errors import Fault
from capitation.register.document import Register
from capitation.register.partitions import Coded, Partition

Numbers = np.ndarray[Any, Any]

AT_ONCE = 4_000_000
"""Ids that are looked at in one turn, about."""

_NHS = "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}"


@dataclass(frozen=True)
class Turn:
    """One bucket of ids of a register."""

    register: Register
    bucket: int
    of: int


def turns(register: Register, rows: int) -> list[Turn]:
    """The turns that a register of so many rows takes."""
    of = max(1, -(-rows // AT_ONCE))
    return [Turn(register, bucket, of) for bucket in range(of)]


def repeated(turn: Turn) -> Numbers:
    """By practice, the rows of the turn's ids whose id stands in another row too, less one for each such person.

    The row that counts as the first is that of the practice that comes first, so that the order of files changes nothing.
    """
    columns = turn.register.document.columns
    known = turn.register.codes.practices["practice_code"]
    parts: list[pl.DataFrame] = []
    for path in turn.register.persons:
        partition = Partition(turn.register, path)
        coded = Coded(partition)
        for row, (ids, practices) in partition.chunks([columns.person, columns.practice]):
            number = _numbers(ids)
            practice = coded.codes(columns.practice, practices, known, row, "practice")
            mine = slice(None) if turn.of == 1 else _mixed(number) % np.uint64(turn.of) == turn.bucket
            parts.append(pl.DataFrame({"id": number[mine], "practice": practice[mine].astype(np.uint32)}))
    rows = pl.concat(parts).sort("id", "practice")
    again = rows.filter(pl.col("id") == pl.col("id").shift(1)).get_column("practice").to_numpy()
    return np.bincount(again, minlength=len(known)).astype(np.int64)


def forbidden_ids(partition: Partition) -> list[Fault]:
    """Ids that look like NHS numbers (ten digits, the last of which checks the others) and empty ones, counted."""
    column = partition.register.document.columns.person
    alike = empty = 0
    for _, (ids,) in partition.chunks([column]):
        empty += ids.null_count()
        if ids.dtype.is_integer():
            few = ids.filter(ids.is_between(10**9, 10**10 - 1)).cast(pl.Int64).to_numpy()
            alike += int(_checks(few).sum()) if few.size else 0
        else:
            text = ids.cast(pl.String).str.strip_chars()
            ten = text.filter(text.str.contains(f"^{_NHS}$").fill_null(value=False)).str.replace_all("[ -]", "")
            alike += int(_checks(ten.cast(pl.Int64).to_numpy()).sum()) if ten.len() else 0
            empty += int((text == "").sum())
    faults = []
    where = f"{partition.name}: column {column!r}"
    if alike:
        remedy = "Replace them by pseudonyms that are not ten digits long before the register leaves its source."
        faults.append(Fault(where, f"{alike:,} id(s) that look like NHS numbers", "pseudonyms", remedy))
    if empty:
        faults.append(Fault(where, f"{empty:,} empty id(s)", "an id in every row"))
    return faults


def _checks(numbers: Numbers) -> Numbers:
    """Whether the last of ten digits is 11 less the weighted sum of the others modulo 11, as NHS numbers have it."""
    digits = [(numbers // 10**place) % 10 for place in range(9, -1, -1)]
    weighted = sum(digit * (10 - i) for i, digit in enumerate(digits[:9]))
    check = (11 - np.asarray(weighted) % 11) % 11
    return np.asarray((check == digits[9]) & (numbers > 0))


def _numbers(ids: pl.Series) -> Numbers:
    """Ids as whole numbers; those of text by a hash of 64 bits, of which two are alike once in 10,000 registers of 60 million."""
    if ids.dtype.is_integer():
        return ids.fill_null(0).to_numpy().astype(np.uint64)
    return ids.cast(pl.String).str.strip_chars().hash(seed=18).to_numpy()


def _mixed(numbers: Numbers) -> Numbers:
    """Numbers spread evenly, so that buckets are of one size whatever the ids are."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(mixed >> np.uint64(33))


def duplicates_by_practice(found: Sequence[Numbers], register: Register) -> pl.DataFrame:
    """Rows of persons already in the register, by practice; practices without one are left out."""
    total = sum(found, start=np.zeros(register.codes.practices.height, dtype=np.int64))
    return (
        pl.DataFrame({"practice_code": register.codes.practices["practice_code"], "duplicates": total})
        .filter(pl.col("duplicates") > 0)
        .sort("duplicates", "practice_code", descending=[True, False])
    )


__all__ = ["Turn", "duplicates_by_practice", "forbidden_ids", "repeated", "turns"]
