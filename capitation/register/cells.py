"""Cells: how many persons, at what cost, by practice, area, age band, sex and flags; written whole, read in parts.

A folder of cells holds parquet files of rows in the order of their code, the tables of codes, and `cells.json`, which says what was
counted. No person's id is in it, but a cell of few persons may point at one: cells are a working file, not one to hand on.
`register weigh` leaves small numbers out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from capitation.errors import SourceError
from capitation.records.identity import canonical
from capitation.register.document import SEXES, Codes

Numbers = np.ndarray[Any, Any]

FILE = "cells.json"
"""Name of what says what was counted."""

FORM = 1
"""The form of a folder of cells."""

COLUMNS = {
    "practice": "uint32",
    "area": "uint32",
    "age_band": "uint8",
    "sex": "uint8",
    "flags": "uint16",
    "persons": "int64",
    "cost_pence": "int64",
}
"""Columns of the files of cells with their types; codes are row numbers of the tables beside them."""

ROWS = 1_000_000
"""Rows of a row group, which is what is read at a time."""


@dataclass(frozen=True)
class CountedCells:
    """A folder of cells that can be read."""

    folder: Path
    codes: Codes
    about: dict[str, Any]
    """What was counted: register, persons, cells, duplicates, digest."""
    files: tuple[Path, ...]

    def chunks(self) -> Iterator[tuple[Numbers, Numbers, Numbers, Numbers, Numbers]]:
        """Practice, area, class, persons and cost of the cells of each row group."""
        for path in self.files:
            yield from chunks_of(path, self.codes)


def chunks_of(path: Path, codes: Codes) -> Iterator[tuple[Numbers, Numbers, Numbers, Numbers, Numbers]]:
    """The same for one file."""
    masks = 2 ** len(codes.flags)
    file = pq.ParquetFile(path)
    for batch in file.iter_batches(batch_size=ROWS // 4, columns=list(COLUMNS), use_threads=False):
        practice, area, band, sex, flags, persons, cost = (column.to_numpy(zero_copy_only=False) for column in batch)
        group = (band.astype(np.int64) * len(SEXES) + sex) * masks + flags
        yield practice, area, group, persons, cost


def unpacked(key: Numbers, codes: Codes) -> dict[str, Numbers]:
    """The code columns of cells from their codes as one number: ((practice x areas + area) x classes) + class."""
    masks = 2 ** len(codes.flags)
    where, group = np.divmod(key, codes.classes)
    practice, area = np.divmod(where, codes.areas.height)
    both, flags = np.divmod(group, masks)
    band, sex = np.divmod(both, len(SEXES))
    return {
        "practice": practice.astype(np.uint32),
        "area": area.astype(np.uint32),
        "age_band": band.astype(np.uint8),
        "sex": sex.astype(np.uint8),
        "flags": flags.astype(np.uint16),
    }


def write_tables(folder: Path, codes: Codes, about: dict[str, Any]) -> None:
    """The tables of codes and what was counted, beside the files of cells."""
    codes.practices.write_parquet(folder / "practices.codes")
    codes.areas.write_parquet(folder / "areas.codes")
    inner = {"age_from": codes.age_from, "oldest": codes.oldest, "flags": codes.flags}
    (folder / FILE).write_text(canonical({"form": FORM, "codes": inner, **about}) + "\n", encoding="utf-8")


def read_cells(folder: Path) -> CountedCells:
    """The cells of a folder.

    Raises:
        SourceError: it is no folder of cells, or one that another version wrote.
    """
    path = folder / FILE
    if not path.is_file():
        raise SourceError(f"{folder}: found no {FILE}; expected a folder of cells, as `register build` writes it")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        form, inner = about["form"], about["codes"]
        practices, areas = (pl.read_parquet(folder / f"{name}.codes") for name in ("practices", "areas"))
    except (ValueError, KeyError, OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{folder}: the cells cannot be read ({error}). Build them again") from error
    if form != FORM:
        raise SourceError(f"{folder}: found cells of form {form}; expected form {FORM}. Build them again")
    codes = Codes(practices, areas, tuple(inner["age_from"]), int(inner["oldest"]), tuple(inner["flags"]))
    files = tuple(sorted(folder.glob("cells-*.parquet")))
    if sum(pq.ParquetFile(file).metadata.num_rows for file in files) != about["cells"]:
        raise SourceError(
            f"{folder}: found other cells than {FILE} says; expected {about['cells']:,}. Build them again"
        )
    return CountedCells(folder, codes, about, files)


__all__ = ["COLUMNS", "CountedCells", "chunks_of", "read_cells", "unpacked", "write_tables"]
