"""What is hardly meant in the inputs of a run: indices in points, lists of impossible size, growth as a percentage, pounds in millions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import polars as pl

from capitation.money.rounding import MICRO
from capitation.pack.cells import numbers
from capitation.pack.plausibility import Implausible, PlausibleBand, outside, plausibility_bands, stands
from capitation.pack.sources import DataPack
from capitation.records.frames import Frame
from capitation.run.evaluate import evaluate, practice_table
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.weighting.formula import need_catalogue


def implausible_run(run: Run, scenario: Scenario, pack: DataPack, bands: Frame[PlausibleBand]) -> list[Implausible]:
    """Everything in a run that lies outside its band, each by the name under which a user accepts it.

    Args:
        run: the run, not yet written.
        scenario: the scenario that it evaluates.
        pack: the data pack that it reads.
        bands: the bands of the pack.
    """
    found = list[Implausible]()
    cells = practice_table(scenario, pack).cells
    codes = cells.get_column("practice_code") if "practice_code" in cells.columns else pl.Series([""] * cells.height)
    for index in need_catalogue(pack).indices.values():
        if index.column in cells.columns:
            given = cells.get_column(index.column)
            values = numbers(given) if given.dtype == pl.String else given.cast(pl.Float64)
            found += outside(bands, "index", index.column, values, codes)
    people = run.frames["population"]
    last = people.filter(pl.col("year") == pl.col("year").max())
    found += outside(bands, "list-size", "registered_persons", last["registered_persons"], last["practice_code"])
    money = run.frames["stream_total"]
    recurrent = money.filter(pl.col("recurrence") == "recurrent").sort("stream", "year")
    found += _growth(bands, "growth", recurrent, "stream", "total_pence")
    persons = people.group_by("year").agg(pl.col("registered_micro").sum())
    whole = persons.with_columns(pl.lit("registered persons").alias("of")).sort("year")
    found += _growth(bands, "growth_persons", whole, "of", "registered_micro")
    a_head = money.group_by("year").agg(pl.col("total_pence").sum()).join(persons, on="year").sort("year")
    pounds = a_head.select(pl.col("total_pence") / 100 / (pl.col("registered_micro") / MICRO)).to_series()
    return found + outside(bands, "pounds-per-head", "pounds_per_head", pounds, a_head["year"])


def evaluate_plausibly(scenario: Scenario, pack: DataPack, reasons: Mapping[str, str] | None = None) -> Run:
    """The run of a scenario, its implausible numbers named in its manifest; what the command line and the service make runs by.

    Args:
        scenario: the scenario.
        pack: the data pack.
        reasons: why numbers far from anything plausible may stand, by the name that the message gives them.

    Raises:
        SourceError: numbers far from anything plausible that no reason names; all together, and nothing is written.
        CapitationError: whatever the steps of the run raise.
    """
    run = evaluate(scenario, pack)
    notes = stands(implausible_run(run, scenario, pack, plausibility_bands(pack)), dict(reasons or {}), scenario.id)
    return replace(run, manifest=run.manifest.model_copy(update={"notes": tuple(notes)})) if notes else run


def _growth(bands: Frame[PlausibleBand], name: str, rows: pl.DataFrame, of: str, amount: str) -> list[Implausible]:
    """Growth from each year to the next of everything that has an amount in both."""
    values, labels = list[float](), list[str]()
    for before, after in pairwise(rows.select(of, "year", amount).iter_rows()):
        if before[0] == after[0] and before[2] > 0:
            values.append(after[2] / before[2] - 1)
            labels.append(f"{after[0]}, {after[1]} over {before[1]}")
    return outside(bands, "growth", name, pl.Series(values, dtype=pl.Float64), labels)
