"""Workbooks of stored runs: a run is put together again from the store and written by the function the command line uses.

The run's manifest is kept as a file beside its frames, because canonical JSON sorts the keys that the workbook shows in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from api.exports.workbook import export_xlsx
from api.service.records.stored import StoredFile, StoredThings
from api.workbooks.people_workbook import workbook_of
from capitation.errors import CapitationError, UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.frames import Schema
from capitation.run.run import MANIFEST, Run, RunManifest

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""Media type of a workbook."""


def manifest_file(run: Run) -> StoredFile:
    """The manifest of a run as a file, its keys in their own order."""
    return _file(MANIFEST, "application/json", run.manifest.model_dump_json().encode())


def stored_run(store: StoredThings, kind: str, result_id: str) -> Run:
    """A run as it was before it was stored.

    Raises:
        UnknownNameError: there is no such result, or one of its tables is missing.
        CapitationError: the result was stored without its manifest.
    """
    if store.result(kind, result_id) is None:
        raise UnknownNameError(kind, result_id, ())
    kept = store.file(kind, result_id, MANIFEST)
    if kept is None:
        raise CapitationError(
            f"{kind} {result_id}: found no {MANIFEST}; expected one beside its tables. An earlier version stored it"
        )
    manifest = RunManifest.model_validate_json(kept.content)
    return Run(manifest, {name: _frame(store, kind, result_id, name) for name in manifest.frames})


def summary_workbook(run: Run, pack: DataPack) -> StoredFile:
    """The workbook for people of a run: the summary first, at most 15 sheets, ready to print.

    Args:
        run: the run.
        pack: the data that it was made from.
    """
    name = f"{run.id}.xlsx"
    with TemporaryDirectory() as folder:
        content = workbook_of(run, Path(folder) / name, pack).read_bytes()
    return _file(name, XLSX, content)


def workbook(run: Run, schemas: Mapping[str, type[Schema]]) -> StoredFile:
    """The workbook of every table of a run, named as the command line names it.

    Args:
        run: the run.
        schemas: schema by frame name, for the dictionary.

    Raises:
        SourceError: a frame is too long for a sheet.
    """
    name = f"{run.id}.xlsx"
    with TemporaryDirectory() as folder:
        content = export_xlsx(run, Path(folder) / name, schemas).read_bytes()
    return _file(name, XLSX, content)


def _frame(store: StoredThings, kind: str, result_id: str, name: str) -> pl.DataFrame:
    stored = store.frame(kind, result_id, name)
    if stored is None:
        raise UnknownNameError("frame", name, store.frame_names(kind, result_id), where=f"{kind} {result_id}")
    return pl.read_parquet(BytesIO(stored.parquet))


def _file(name: str, media: str, content: bytes) -> StoredFile:
    return StoredFile(name, media, hashlib.sha256(content).hexdigest(), content)
