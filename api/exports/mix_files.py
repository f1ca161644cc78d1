"""A mix as files: its report, what it moves, and the frames from which its worth and every limit can be worked out again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from capitation.records.whole_files import write_text, write_whole
from optimiser.answers.mix_run import mix_frames
from optimiser.answers.optimise import Outcome
from optimiser.answers.whole.former import former_mix, former_text


def write_mix(folder: Path, outcome: Outcome, report: dict[str, Any]) -> Path:
    """Write `outcome.json`, and where there is a mix its tables, `mix/` and the start of a later search; returns the folder."""
    write_text(folder / "outcome.json", json.dumps(report, ensure_ascii=False, indent=2, default=str) + "\n")
    if outcome.answer.has_mix:
        _write(outcome.listed(), folder / "mix.csv")
        for name, frame in mix_frames(outcome).items():
            if frame.width:
                _write(frame, folder / "mix" / f"{name}.csv")
        former = former_mix(outcome.headline, outcome.parts_bound)
        if former is not None:
            write_text(folder / "mix" / "start.json", former_text(former))
        if report["activity"]:
            _write(pl.DataFrame(report["activity"]), folder / "activity.csv")
        if report["credit"]:
            _write(pl.DataFrame(report["credit"]), folder / "credit.csv")
    if report["prices"]:
        _write(pl.DataFrame(report["prices"]), folder / "prices.csv")
    return folder


def _write(frame: pl.DataFrame, path: Path) -> None:
    write_whole(path, lambda partial: plain_cells(in_pounds(frame)).write_csv(partial))
