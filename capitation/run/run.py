"""A run: every frame of an evaluation plus a manifest, named by the hash of its inputs and the engine's code.

The same scenario, figures and code give the same id and the same frames on any machine and any number of
threads. A run is written whole or not at all, and is never changed afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten

import polars as pl

from capitation.errors import Fault, SourceError
from capitation.pack.sources import DataPack, sha256_of
from capitation.records.documents import Document, read_document
from capitation.records.frames import content_digest
from capitation.records.identity import canonical, digest
from capitation.records.whole_files import write_whole_folder
from capitation.run.engine import code_digest
from capitation.run.tables import RunTables

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
    """The first 16 hexadecimal digits of the hash of engine version, code, scenario and input checksums."""
    engine_version: str
    """Version of the engine that made the run."""
    code: str = ""
    """Digest of the sources of the engine that made the run; empty in runs made before it was kept."""
    scenario: dict[str, object]
    """The scenario document, whole."""
    inputs: dict[str, str]
    """Checksums of the data files used, by their path in the data pack."""
    frames: dict[str, FrameRecord]
    """The frames of the run by name."""
    notes: tuple[str, ...] = ()
    """Implausible numbers that stand, and the reasons that were given for them."""


@dataclass(frozen=True, repr=False)
class Run(RunTables):
    """An evaluated scenario: its tables by name, and its manifest."""

    manifest: RunManifest
    frames: Mapping[str, pl.DataFrame]

    @property
    def id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    @property
    def is_of_this_code(self) -> bool:
        """Whether the code in use is the code that made the run."""
        return self.manifest.code == code_digest()

    @property
    def made_by(self) -> str:
        """Who made the run, such as "capitation 0.2.0"; a run of other code says so."""
        engine = f"capitation {self.manifest.engine_version}"
        if self.is_of_this_code:
            return engine
        theirs = f"code {self.manifest.code[:12]}" if self.manifest.code else "code that was not recorded"
        return f"{engine}, made by other code ({theirs}; in use is code {code_digest()[:12]})"

    def __str__(self) -> str:
        return f"run {self.id}"

    def __repr__(self) -> str:
        rows = sum(record.rows for record in self.manifest.frames.values())
        return (
            f"Run {self.id}: {self._title}\n"
            f"made by {self.made_by} from {len(self.manifest.inputs)} files\n"
            f"{len(self.frames)} tables, {rows:,} rows: {shorten(', '.join(self.frames), 200, placeholder=' ...')}"
        )

    def _repr_html_(self) -> str:
        """The summary that a notebook shows: what was run, by what, and a line for each table."""
        lines = "".join(
            f"<tr><td>{escape(name)}</td><td>{record.rows:,}</td><td>{escape(', '.join(record.columns))}</td></tr>"
            for name, record in self.manifest.frames.items()
        )
        return (
            f"<p><b>Run {escape(self.id)}</b>: {escape(self._title)}<br>made by {escape(self.made_by)} from "
            f"{len(self.manifest.inputs)} files</p><table><thead><tr><th>table</th><th>rows</th><th>columns</th></tr>"
            f"</thead><tbody>{lines}</tbody></table>"
        )

    @property
    def _title(self) -> str:
        scenario = self.manifest.scenario
        return str(scenario.get("title") or scenario.get("id") or "no title")


def make_run(
    scenario: Document,
    inputs: Mapping[str, str],
    frames: Mapping[str, pl.DataFrame],
    digests: Mapping[str, str] | None = None,
) -> Run:
    """A run of `frames`, with the manifest that names it.

    Args:
        scenario: the document that was evaluated.
        inputs: checksums of the data files used.
        frames: the results by name.
        digests: `content_digest` of each frame, where it is at hand.
    """
    known = digests or {}
    content = json.loads(scenario.model_dump_json(by_alias=True))
    engine = _engine_version()
    manifest = RunManifest(
        run_id=run_id(engine, code_digest(), content, inputs),
        engine_version=engine,
        code=code_digest(),
        scenario=content,
        inputs=dict(sorted(inputs.items())),
        frames={
            name: FrameRecord(rows=f.height, columns=tuple(f.columns), sha256=known.get(name) or content_digest(f))
            for name, f in sorted(frames.items())
        },
    )
    return Run(manifest, dict(sorted(frames.items())))


@cache
def _engine_version() -> str:
    """The version installed, looked up once in a process, as the code is."""
    return version("capitation")


def run_id(engine: str, code: str, scenario: Mapping[str, object], inputs: Mapping[str, str]) -> str:
    """The id that a run of these inputs by this code has: 16 hexadecimal digits."""
    named = {"engine": engine, "code": code, "scenario": scenario, "inputs": dict(inputs)}
    return digest(canonical(named))[:16]


MADE_ON, SOLVED = "run of the scenario", "problem as solved"
"""Under which inputs a comparison names the run that it was made on, and a plan its problem."""
NO_FILES = (MADE_ON, SOLVED)
"""Inputs of options and plans that are no files of a pack: a run, and a problem as it was solved."""


def inputs_that_differ(run: Run, pack: DataPack) -> list[str]:
    """Files of the pack that are not, or no longer, those that the run was made from; missing ones included."""
    differ = []
    for relative, checksum in run.manifest.inputs.items():
        if relative in NO_FILES:
            continue
        path = pack.files(relative).get(relative)
        if path is None or sha256_of(path) != checksum:
            differ.append(relative)
    return differ


def require_same_inputs(run: Run, pack: DataPack) -> None:
    """Nothing, where the pack is the one that the run was made from.

    Raises:
        SourceError: it is another, or was changed since; the inputs that differ are named.
    """
    differ = inputs_that_differ(run, pack)
    if differ:
        shown = ", ".join(differ[:5]) + (" ..." if len(differ) > 5 else "")
        raise SourceError(
            f"{run}: {len(differ)} of its {len(run.manifest.inputs)} inputs are not as in the data pack {pack.root}: {shown}. "
            "The run was made with another data pack, or this one was changed since; give the pack it was made with by --data, "
            "or make the run anew"
        )


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
        raise SourceError(f"{folder}: found no {MANIFEST}; expected a run. {hint}")
    manifest = read_document(folder / MANIFEST, RunManifest)
    if manifest.frames and not (folder / "frames").is_dir():
        run = folder.with_name(manifest.run_id)
        hint = (
            f"it stands in {run}"
            if (run / MANIFEST).is_file()
            else "give the folder that the run itself was written to"
        )
        raise SourceError(f"{folder}: found an export of run {manifest.run_id}, not the run; {hint}")
    frames, faults = {}, []
    for name, record in manifest.frames.items():
        path = folder / "frames" / f"{name}.parquet"
        if not path.is_file():
            faults.append(Fault(str(path), "no file", "a frame named in the manifest"))
            continue
        try:
            frames[name] = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError):
            faults.append(Fault(str(path), "a file that cannot be read as parquet", "the frame as it was written"))
            continue
        if content_digest(frames[name]) != record.sha256:
            faults.append(Fault(str(path), "other content than the manifest records", f"checksum {record.sha256}"))
    if faults:
        raise SourceError(f"{folder}: the run is not whole", faults)
    return Run(manifest, frames)
