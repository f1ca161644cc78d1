"""The material of a folder that a command wrote: a run, a simulation, a mix or a frontier."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from api.charts.material import Material, of_frames, of_run
from capitation.errors import SourceError
from capitation.money.pence import pence_of
from capitation.pack.sources import DataPack
from capitation.run.run import MANIFEST, load_run

_OF_MIX = ("launches", "spend", "activity", "positions")


def material_of(folder: Path, pack: DataPack | None = None) -> Material:
    """What charts can be drawn from in a folder.

    Args:
        folder: a written run, or the `--out` folder of `simulate`, `optimise` or `frontier`.
        pack: the data it was made from, for names and coordinates.

    Raises:
        SourceError: the folder is none of these.
    """
    if (folder / MANIFEST).is_file():
        return of_run(load_run(folder), pack)
    if (folder / "outcome.json").is_file():
        report = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
        names = {solution: entry["title"] for solution, entry in report.get("mix", {}).items()}
        frames = {
            f"mix_{name}": _read(folder / "mix" / f"{name}.csv")
            for name in _OF_MIX
            if (folder / "mix" / f"{name}.csv").is_file()
        }
        found = of_frames(frames, str(report.get("problem", folder.name)), f"mix in {folder.name}", pack)
        return found.joined(Material(found.title, found.source, {}, names))
    frames = {path.stem: _read(path) for path in sorted(folder.glob("*.csv"))} if folder.is_dir() else {}
    if "party_chance" in frames or "locality_chance" in frames:
        return of_frames(frames, folder.name, f"simulation in {folder.name}", pack)
    if "frontier" in frames:
        return of_frames({"frontier": frames["frontier"]}, folder.name, f"frontier in {folder.name}", pack)
    if folder.is_dir():
        load_run(folder)
    raise SourceError(
        f"{folder}: found nothing to draw; expected the folder of a written run, or the --out folder of simulate, optimise or frontier"
    )


def _read(path: Path) -> pl.DataFrame:
    """A table that a command wrote, its pounds back as pence."""
    frame = pl.read_csv(path, infer_schema_length=None)
    money = [name for name in frame.columns if name.endswith("_gbp")]
    texts = pl.read_csv(path, infer_schema=False, columns=money) if money else frame
    return frame.with_columns(
        pl.Series(name, [None if t is None else pence_of(t) for t in texts.get_column(name)], dtype=pl.Int64)
        for name in money
    ).rename({name: f"{name.removesuffix('_gbp')}_pence" for name in money})
