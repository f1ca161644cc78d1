"""A matrix from long tables: families of columns and rows arrive as polars frames of index columns, terms as joins.

A `Builder` hands back each frame with the id of its column or row, so that a term is a join of those frames; nothing
loops over coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from capitation.errors import Fault, Faults, FrameError, UnknownNameError
from optimiser.programme.family import Family, Flags, Floats, Ints, Kind, Measure, Sense
from optimiser.programme.matrix import Matrix


class Builder:
    """Gathers families of columns and rows, their terms and the measures, and makes a `Matrix` of them."""

    def __init__(self) -> None:
        self._columns: list[Family] = []
        self._made: dict[str, pl.DataFrame] = {}
        self._rows: list[Family] = []
        self._column_data: list[tuple[Floats, Floats, Flags]] = []
        self._row_data: list[tuple[Floats, Floats]] = []
        self._terms: list[pl.DataFrame] = []
        self._measures: dict[str, tuple[list[pl.DataFrame], float, dict[str, Any]]] = {}
        self._no_effect: list[str] = []
        self._said_twice: list[tuple[str, str, str]] = []
        self._column_count = 0
        self._row_count = 0

    def __getitem__(self, family: str) -> pl.DataFrame:
        """The columns of a family made before: its frame with `col`."""
        return self._made[family]

    def has(self, family: str) -> bool:
        """Whether there are columns of that family."""
        return family in self._made and self._made[family].height > 0

    def columns(
        self,
        name: str,
        frame: pl.DataFrame,
        index: Sequence[str],
        *,
        unit: str,
        label: str,
        lower: float | str = 0.0,
        upper: float | str = np.inf,
        integer: bool | str = False,
        first_stage: bool = False,
    ) -> pl.DataFrame:
        """The rows of `frame` with an Int32 column `col`: the id of the variable that stands for each row.

        `lower`, `upper` and `integer` are one value for all, or the name of a column of `frame`.

        Reason: nine parameters, each a property that the reader of a block wants to see where the family is made.

        Raises:
            FrameError: an index that repeats, or a floor above a ceiling.
        """
        low, high = _numbers(frame, lower), _numbers(frame, upper)
        whole = frame[integer].to_numpy() if isinstance(integer, str) else np.full(frame.height, integer)
        family = Family(
            name, self._column_count, frame.height, frame.select(index), unit, label, first_stage=first_stage
        )
        _check_family(family, low, high)
        self._columns.append(family)
        self._column_data.append((low, high, whole.astype(bool)))
        self._column_count += frame.height
        self._made[name] = frame.with_columns(_ids(family.first, frame.height, "col"))
        return self._made[name]

    def rows(
        self,
        name: str,
        frame: pl.DataFrame,
        index: Sequence[str],
        *,
        kind: Kind,
        unit: str,
        label: str,
        group: str = "",
        lower: float | str = -np.inf,
        upper: float | str = np.inf,
    ) -> pl.DataFrame:
        """The rows of `frame` with an Int32 column `row`: the id of the limit that stands for each row.

        Reason: nine parameters, as in `columns`.

        Raises:
            FrameError: an index that repeats, or a floor above a ceiling.
        """
        low, high = _numbers(frame, lower), _numbers(frame, upper)
        family = Family(name, self._row_count, frame.height, frame.select(index), unit, label, kind, group or name)
        _check_family(family, low, high)
        self._rows.append(family)
        self._row_data.append((low, high))
        self._row_count += frame.height
        return frame.with_columns(_ids(family.first, frame.height, "row"))

    def terms(self, frame: pl.DataFrame) -> None:
        """Add coefficients: columns `row`, `col` and `value`; repeated pairs are added up."""
        self._terms.append(
            frame.select(pl.col("row").cast(pl.Int32), pl.col("col").cast(pl.Int32), pl.col("value").cast(pl.Float64))
        )

    def measure(
        self,
        name: str,
        terms: Sequence[pl.DataFrame],
        *,
        unit: str,
        sense: Sense,
        label: str,
        constant: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        """Name a linear expression; each frame of `terms` has `col` and `value`."""
        if name in self._measures:
            self._said_twice.append((name, str(self._measures[name][2]["label"]), label))
        parts = [t.select(pl.col("col").cast(pl.Int32), pl.col("value").cast(pl.Float64)) for t in terms]
        self._measures[name] = (parts, constant, {"unit": unit, "sense": sense, "label": label, "scale": scale})

    def measure_names(self) -> list[str]:
        """Names of the measures so far."""
        return list(self._measures)

    def measures_said_twice(self) -> list[tuple[str, str, str]]:
        """Each name that two measures have, with the words of both."""
        return list(self._said_twice)

    def measure_terms(self, name: str) -> tuple[pl.DataFrame, float, float]:
        """Terms (col, value) of a measure, its constant, and its scale."""
        parts, constant, about = self._measures[name]
        empty = pl.DataFrame(schema={"col": pl.Int32, "value": pl.Float64})
        return pl.concat([empty, *parts]), constant, float(about["scale"])

    def measure_label(self, name: str) -> tuple[str, str]:
        """Words and unit of a measure."""
        about = self._measures[name][2]
        return str(about["label"]), str(about["unit"])

    def without_effect(self, name: str, reason: str) -> None:
        """Say that a limit had no effect, and why."""
        self._no_effect.append(f"{name}: {reason}")

    def matrix(self, objective: str) -> Matrix:
        """The frozen matrix, aimed at the measure called `objective`.

        Raises:
            FrameError: terms that name no row or column, or that are not finite numbers.
            UnknownNameError: there is no such measure.
        """
        if objective not in self._measures:
            raise UnknownNameError("measure", objective, self._measures)
        start, index, value = self._compressed()
        measures = {}
        for name, (parts, constant, about) in self._measures.items():
            vector = np.zeros(self._column_count)
            for part in parts:
                np.add.at(vector, part["col"].to_numpy(), part["value"].to_numpy())
            measures[name] = Measure(name, vector, constant, **about)
        aim = measures[objective]
        return Matrix(
            cost=aim.vector.copy(),
            lower=_joined([d[0] for d in self._column_data]),
            upper=_joined([d[1] for d in self._column_data]),
            integer=np.concatenate([d[2] for d in self._column_data]) if self._column_data else np.zeros(0, bool),
            row_lower=_joined([d[0] for d in self._row_data]),
            row_upper=_joined([d[1] for d in self._row_data]),
            start=start,
            index=index,
            value=value,
            sense=aim.sense,
            constant=aim.constant,
            columns=tuple(self._columns),
            rows=tuple(self._rows),
            objective=objective,
            unit=aim.unit,
            scale=aim.scale,
            measures=measures,
            no_effect=tuple(self._no_effect),
        )

    def _compressed(self) -> tuple[Ints, Ints, Floats]:
        if not self._terms:
            return np.zeros(self._row_count + 1, np.int32), np.zeros(0, np.int32), np.zeros(0)
        table = pl.concat(self._terms, rechunk=True)
        _check_terms(table, self._row_count, self._column_count)
        row, col, value = (table[name].to_numpy() for name in ("row", "col", "value"))
        key = row.astype(np.int64) * max(1, self._column_count) + col
        step = np.diff(key)
        if (step < 0).any():
            # numpy's stable sort finds the runs that come in order (most of a part's terms do) and merges them
            order = np.argsort(key, kind="stable")
            key, value = key[order], value[order]
            step = np.diff(key)
        if (step == 0).any():
            first = np.flatnonzero(np.concatenate([[True], step > 0]))
            key, value = key[first], np.add.reduceat(value, first)
        if (value == 0).any():
            key, value = key[value != 0], value[value != 0]
        row, col = np.divmod(key, max(1, self._column_count))
        start = np.zeros(self._row_count + 1, dtype=np.int32)
        np.cumsum(np.bincount(row, minlength=self._row_count), out=start[1:])
        return start, col.astype(np.int32), np.ascontiguousarray(value)


def _ids(first: int, count: int, name: str) -> pl.Series:
    return pl.Series(name, np.arange(first, first + count, dtype=np.int32))


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


def _numbers(frame: pl.DataFrame, what: float | str) -> Floats:
    if isinstance(what, str):
        return frame[what].cast(pl.Float64).to_numpy().copy()
    return np.full(frame.height, float(what))


def _check_family(family: Family, low: Floats, high: Floats) -> None:
    faults = Faults()
    # as many hashes as rows proves that no row repeats; the rows themselves are compared only where hashes meet
    alike = family.index.width and family.index.hash_rows().n_unique() < family.count
    if alike and (repeats := family.index.is_duplicated()).any():
        row = family.index.filter(repeats).row(0, named=True)
        faults.add(family.name, f"two members with {row}", "each index once")
    for wrong, found in ((np.isnan(low) | np.isnan(high), "a limit that is not a number"), (low > high, "")):
        for place in np.flatnonzero(wrong)[:5]:
            label = family.labels()[int(place)]
            text = found or f"a floor of {low[place]:g} above a ceiling of {high[place]:g}"
            faults.add(label, text, "a floor at or below the ceiling", "Mend the limit that is wrong.")
    faults.raise_if_any(FrameError, f"the limits of '{family.name}' contradict each other")


def _check_terms(table: pl.DataFrame, rows: int, columns: int) -> None:
    bad = table.filter(
        pl.any_horizontal(pl.all().is_null())
        | ~pl.col("value").is_finite()
        | (pl.col("row") < 0)
        | (pl.col("row") >= rows)
        | (pl.col("col") < 0)
        | (pl.col("col") >= columns)
    )
    if bad.height:
        fault = Fault(
            "terms", f"{bad.height} such as {bad.row(0, named=True)}", "known rows, columns and finite numbers"
        )
        raise FrameError("the programme has terms that cannot be placed", [fault])
