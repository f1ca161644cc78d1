"""A run: every frame of an evaluation plus a manifest, named by the hash of its inputs and the engine's version.

The same scenario, figures and version give the same id and the same frames on any machine and any number of
threads. A run is written whole or not at all, and is never changed afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import polars as pl

from capitation.errors import Fault, SourceError, UnknownNameError
from capitation.records.documents import Document, read_document
from capitation.records.identity import canonical, digest
from capitation.records.whole_files import write_whole_folder

MANIFEST = "manifest.json"


class FrameRecord(Document):
    """What a run's manifest says of one of its frames."""

    rows: int
    """Number of rows."""
    columns: tuple[str, ...]
    """Names of the columns, in order."""
    sha256: str
    """Checksum of the frame's content as text, the same for the same content on any machine."""


class RunManifest(Document):
    """The record that names a run and lets it be repeated and checked."""

    run_id: str
    """The first 16 hexadecimal digits of the hash of engine version, scenario and input checksums."""
    engine_version: str
    """Version of the engine that made the run."""
    scenario: dict[str, object]
    """The scenario document, whole."""
    inputs: dict[str, str]
    """Checksums of the data files used, by their path in the data pack."""
    frames: dict[str, FrameRecord]
    """The frames of the run by name."""


@dataclass(frozen=True)
class Run:
    """An evaluated scenario: its frames by name, and its manifest."""

    manifest: RunManifest
    frames: Mapping[str, pl.DataFrame]

    @property
    def id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    def frame(self, name: str) -> pl.DataFrame:
        """One frame.

        Raises:
            UnknownNameError: the run has no frame of this name.
        """
        if name not in self.frames:
            kind = "frame"
            raise UnknownNameError(kind, name, self.frames, where=f"run {self.id}")
        return self.frames[name]


def make_run(scenario: Document, inputs: Mapping[str, str], frames: Mapping[str, pl.DataFrame]) -> Run:
    """A run of `frames`, with the manifest that names it.

    Args:
        scenario: the document that was evaluated.
        inputs: checksums of the data files used.
        frames: the results by name.
    """
    content = json.loads(scenario.model_dump_json(by_alias=True))
    engine = version("capitation")
    manifest = RunManifest(
        run_id=run_id(engine, content, inputs),
        engine_version=engine,
        scenario=content,
        inputs=dict(sorted(inputs.items())),
        frames={
            name: FrameRecord(rows=f.height, columns=tuple(f.columns), sha256=content_digest(f))
            for name, f in sorted(frames.items())
        },
    )
    return Run(manifest, dict(sorted(frames.items())))


def run_id(engine: str, scenario: Mapping[str, object], inputs: Mapping[str, str]) -> str:
    """The id that a run of these inputs has: 16 hexadecimal digits."""
    named = {"engine": engine, "scenario": scenario, "inputs": dict(inputs)}
    return digest(canonical(named))[:16]


def content_digest(frame: pl.DataFrame) -> str:
    """Checksum of a frame's column names, types and values."""
    head = ",".join(f"{name}:{dtype}" for name, dtype in frame.schema.items())
    return digest(f"{head}\n{frame.write_csv()}")


def save_run(run: Run, folder: Path) -> Path:
    """Write a run below `folder`, in a folder named by its id; nothing stays behind if writing fails.

    Returns:
        The run's own folder, with `manifest.json` and one parquet file a frame in `frames/`.
    """

    def fill(partial: Path) -> None:
        (partial / "frames").mkdir()
        for name, frame in run.frames.items():
            frame.write_parquet(partial / "frames" / f"{name}.parquet", compression="zstd")
        write_manifest(run, partial)

    return write_whole_folder(folder / run.id, fill)


def write_manifest(run: Run, folder: Path) -> None:
    """Write a run's manifest into a folder that stands."""
    (folder / MANIFEST).write_text(run.manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_run(folder: Path) -> Run:
    """The run written in `folder`, checked against its manifest.

    Raises:
        SourceError: the folder holds no run, or a frame is missing or was changed.
    """
    if not (folder / MANIFEST).is_file():
        inside = sorted(p.parent.name for p in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
        hint = (
            f"It holds the run(s) {', '.join(inside)}; name one."
            if inside
            else "Give the folder that a run was written to."
        )
        message = f"{folder}: found no {MANIFEST}; expected a run. {hint}"
        raise SourceError(message)
    manifest = read_document(folder / MANIFEST, RunManifest)
    frames, faults = {}, []
    for name, record in manifest.frames.items():
        path = folder / "frames" / f"{name}.parquet"
        if not path.is_file():
            faults.append(Fault(str(path), "no file", "a frame named in the manifest"))
            continue
        frames[name] = pl.read_parquet(path)
        if content_digest(frames[name]) != record.sha256:
            faults.append(Fault(str(path), "other content than the manifest records", f"checksum {record.sha256}"))
    if faults:
        message = f"{folder}: the run is not whole"
        raise SourceError(message, faults)
    return Run(manifest, frames)
