"""One canonical sparse matrix, built from long tables: the only form in which a programme reaches a solver.

    optimise  cost . v + constant      subject to      row_lower <= A v <= row_upper,   lower <= v <= upper,
    v_j whole for the columns marked integer.

A `Builder` takes families of columns (variables) and families of rows (limits) as polars frames of index columns and
hands back the same frames with an id; terms are joins of those frames. The column order is ours: the order in which
families and their rows arrive. A `Matrix` is frozen and named by the checksum of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.errors import Fault, Faults, FrameError, UnknownNameError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

SMALLEST_COEFFICIENT = 1e-4
"""Coefficients below this size are warned about: a solver's tolerance may swallow them."""
LARGEST_COEFFICIENT = 1e5
"""Coefficients above this size are warned about: they drown the others of their row."""

Kind = Literal["P", "Q"]
"""P: physics, never relaxed. Q: policy, may be relaxed at a price, and is what reports name."""


@dataclass(frozen=True)
class Family:
    """A block of columns or rows that share a meaning: where it stands, its unit and the words for one member."""

    name: str
    first: int
    count: int
    index: pl.DataFrame
    unit: str
    label: str
    kind: Kind = "P"
    group: str = ""
    penalty: float = 1.0
    first_stage: bool = False

    @property
    def last(self) -> int:
        """The id after its last member."""
        return self.first + self.count

    def labels(self) -> pl.Series:
        """Plain English for each member: the label with its index values put in place of {names}."""
        if not self.index.width:
            return pl.Series("label", [self.label] * self.count, dtype=pl.String)
        parts, names = _template(self.label)
        if not names:
            return pl.Series("label", [self.label] * self.count, dtype=pl.String)
        return self.index.select(pl.format(parts, *(pl.col(n).cast(pl.String) for n in names)).alias("label"))["label"]

    def names(self) -> pl.Series:
        """Names safe in LP files, without their number: family and index values joined by full stops."""
        columns = [pl.lit(self.name), *(pl.col(c).cast(pl.String) for c in self.index.columns)]
        if not self.index.width:
            return pl.Series("name", [self.name] * self.count, dtype=pl.String)
        text = pl.concat_str(columns, separator=".").str.replace_all(r"[^A-Za-z0-9_.]", "_")
        return self.index.select(text.alias("name"))["name"]


def _template(label: str) -> tuple[str, list[str]]:
    """The label with {} for each {name}, and the names in order."""
    names: list[str] = []
    out, rest = "", label
    while "{" in rest:
        before, _, after = rest.partition("{")
        name, _, rest = after.partition("}")
        names.append(name)
        out += before + "{}"
    return out + rest, names


@dataclass(frozen=True)
class Measure:
    """A named linear expression over the columns: an objective, a goal of a frontier, or a line of the report."""

    name: str
    vector: Floats
    constant: float
    unit: str
    sense: Literal["max", "min"]
    label: str
    scale: float = 1.0
    """What one of the programme's units is in the measure's own unit (1000 where the programme counts £ thousand)."""

    def value(self, values: Floats) -> float:
        """The measure, in its own unit, at the column values given."""
        return (float(self.vector @ values) + self.constant) * self.scale


@dataclass(frozen=True)
class Matrix:
    """A programme in its canonical sparse form (rows compressed), with the words that belong to it."""

    cost: Floats
    lower: Floats
    upper: Floats
    integer: Flags
    row_lower: Floats
    row_upper: Floats
    start: Ints
    index: Ints
    value: Floats
    sense: Literal["max", "min"]
    constant: float
    columns: tuple[Family, ...]
    rows: tuple[Family, ...]
    objective: str = "objective"
    unit: str = ""
    scale: float = 1.0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    """Constraints that applied to no row, each with the reason."""

    def __post_init__(self) -> None:
        for array in self._arrays():
            array.flags.writeable = False

    def _arrays(self) -> tuple[npt.NDArray[Any], ...]:
        limits = (self.cost, self.lower, self.upper, self.integer, self.row_lower, self.row_upper)
        return (*limits, self.start, self.index, self.value)

    @property
    def column_count(self) -> int:
        """How many columns (variables)."""
        return len(self.cost)

    @property
    def row_count(self) -> int:
        """How many rows (limits)."""
        return len(self.row_lower)

    @property
    def term_count(self) -> int:
        """How many coefficients are not zero."""
        return len(self.value)

    @property
    def is_whole(self) -> bool:
        """Whether some column must be a whole number."""
        return bool(self.integer.any())

    @cached_property
    def content_hash(self) -> str:
        """The first 16 letters of the SHA-256 of everything that decides the answer."""
        digest = hashlib.sha256(f"{self.sense} {self.constant!r}".encode())
        for array in self._arrays():
            digest.update(array.tobytes())
        for family in (*self.columns, *self.rows):
            digest.update(f"|{family.name} {family.first} {family.count} {family.kind}".encode())
        return digest.hexdigest()[:16]

    @cached_property
    def row_of(self) -> Ints:
        """The row of each coefficient."""
        return np.repeat(np.arange(self.row_count, dtype=np.int32), np.diff(self.start))

    def product(self, values: Floats) -> Floats:
        """Row activities A v at the column values given."""
        sums = np.bincount(self.row_of, weights=self.value * values[self.index], minlength=self.row_count)
        return sums.astype(np.float64, copy=False)

    def transposed_product(self, prices: Floats) -> Floats:
        """A' y at the row prices given: what the rows charge to each column."""
        sums = np.bincount(self.index, weights=self.value * prices[self.row_of], minlength=self.column_count)
        return sums.astype(np.float64, copy=False)

    def row_family(self, row: int) -> Family:
        """The family that a row belongs to."""
        return next(f for f in self.rows if f.first <= row < f.last)

    def column_family(self, column: int) -> Family:
        """The family that a column belongs to."""
        return next(f for f in self.columns if f.first <= column < f.last)

    def family(self, name: str) -> Family:
        """The column family called `name`.

        Raises:
            UnknownNameError: there is none.
        """
        for family in self.columns:
            if family.name == name:
                return family
        raise UnknownNameError("family of columns", name, [f.name for f in self.columns])

    def row_label(self, row: int) -> str:
        """Plain English for one row."""
        family = self.row_family(row)
        return str(family.labels()[row - family.first])

    def column_label(self, column: int) -> str:
        """Plain English for one column."""
        family = self.column_family(column)
        return str(family.labels()[column - family.first])

    def row_labels(self) -> list[str]:
        """Plain English for each row, in order."""
        return [text for family in self.rows for text in family.labels().to_list()]

    def names(self, of: Literal["columns", "rows"], *, numbered: bool) -> list[str]:
        """Names that LP files and other solvers accept; numbered ones carry a zero-padded id, so they sort in our order."""
        families = self.columns if of == "columns" else self.rows
        names = [name for family in families for name in family.names().to_list()]
        letter, width = ("c" if of == "columns" else "r"), max(4, len(str(len(names))))
        if numbered:
            return [f"{letter}{i:0{width}d}.{name}" for i, name in enumerate(names)]
        if len(set(names)) == len(names):
            return names
        seen: set[str] = set()
        out = []
        for i, name in enumerate(names):
            out.append(f"{name}.{i}" if name in seen else name)
            seen.add(name)
        return out

    @cached_property
    def policy_rows(self) -> Ints:
        """Ids of the rows that are policy."""
        blocks = [np.arange(f.first, f.last, dtype=np.int32) for f in self.rows if f.kind == "Q"]
        return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.int32)

    @cached_property
    def first_stage(self) -> Flags:
        """True for the columns that are decided before the future is known."""
        flags = np.zeros(self.column_count, dtype=bool)
        for family in self.columns:
            if family.first_stage:
                flags[family.first : family.last] = True
        return flags

    def badly_scaled(self) -> list[str]:
        """A warning for each family of rows with coefficients outside 1e-4 to 1e5, naming the worst row."""
        size = np.abs(self.value)
        bad = np.flatnonzero((size < SMALLEST_COEFFICIENT) | (size > LARGEST_COEFFICIENT))
        warnings = []
        rows = self.row_of[bad]
        for family in self.rows:
            mine = bad[(rows >= family.first) & (rows < family.last)]
            if not len(mine):
                continue
            worst = mine[np.argmax(np.abs(np.log10(size[mine])))]
            row, column = int(self.row_of[worst]), int(self.index[worst])
            warnings.append(
                f"row '{self.row_label(row)}' has the coefficient {self.value[worst]:.4g} on "
                f"'{self.column_label(column)}', outside {SMALLEST_COEFFICIENT:g} to {LARGEST_COEFFICIENT:g}"
                + (f" ({len(mine)} such coefficients in '{family.name}')" if len(mine) > 1 else "")
                + "; the solver may not tell it from zero. State it in larger or smaller units"
            )
        return warnings

    def aim(self, measure: str) -> Matrix:
        """The same rows and columns with another measure as the objective.

        Raises:
            UnknownNameError: the matrix has no such measure.
        """
        if measure not in self.measures:
            raise UnknownNameError("measure", measure, self.measures)
        m = self.measures[measure]
        return replace(
            self,
            cost=m.vector.copy(),
            constant=m.constant,
            sense=m.sense,
            objective=measure,
            unit=m.unit,
            scale=m.scale,
        )

    def with_rows(self, family: Family, terms: pl.DataFrame, lower: Floats, upper: Floats) -> Matrix:
        """The same programme with one more family of rows; `terms` has row (from 0 in the family), col and value."""
        ordered = terms.sort("row", "col")
        counts = np.bincount(ordered["row"].to_numpy(), minlength=family.count)
        start = np.concatenate([self.start, self.start[-1] + np.cumsum(counts)]).astype(np.int32)
        return replace(
            self,
            row_lower=np.concatenate([self.row_lower, lower]),
            row_upper=np.concatenate([self.row_upper, upper]),
            start=start,
            index=np.concatenate([self.index, ordered["col"].to_numpy().astype(np.int32)]),
            value=np.concatenate([self.value, ordered["value"].to_numpy().astype(np.float64)]),
            rows=(*self.rows, replace(family, first=self.row_count)),
        )

    def with_columns(
        self,
        family: Family,
        terms: pl.DataFrame,
        *,
        cost: Floats,
        lower: Floats,
        upper: Floats,
        integer: Flags | None = None,
    ) -> Matrix:
        """The same programme with one more family of columns; `terms` has row, col (from 0 in the family) and value."""
        rows = np.concatenate([self.row_of, terms["row"].to_numpy().astype(np.int32)])
        cols = np.concatenate([self.index, terms["col"].to_numpy().astype(np.int32) + self.column_count])
        values = np.concatenate([self.value, terms["value"].to_numpy().astype(np.float64)])
        order = np.argsort(rows, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=self.row_count))]).astype(np.int32)
        whole = np.zeros(family.count, dtype=bool) if integer is None else integer
        zeros = np.zeros(family.count)
        return replace(
            self,
            cost=np.concatenate([self.cost, cost]),
            lower=np.concatenate([self.lower, lower]),
            upper=np.concatenate([self.upper, upper]),
            integer=np.concatenate([self.integer, whole]),
            start=start,
            index=cols[order].astype(np.int32),
            value=values[order],
            columns=(*self.columns, replace(family, first=self.column_count)),
            measures={n: replace(m, vector=np.concatenate([m.vector, zeros])) for n, m in self.measures.items()},
        )

    def relaxed(self) -> Matrix:
        """The same programme with no column forced to be whole."""
        return replace(self, integer=np.zeros(self.column_count, dtype=bool))


class Builder:
    """Gathers families of columns and rows, their terms and the measures, and makes a `Matrix` of them."""

    def __init__(self) -> None:
        self._columns: list[Family] = []
        self._rows: list[Family] = []
        self._column_data: list[tuple[Floats, Floats, Flags]] = []
        self._row_data: list[tuple[Floats, Floats]] = []
        self._terms: list[pl.DataFrame] = []
        self._measures: dict[str, tuple[list[pl.DataFrame], float, dict[str, Any]]] = {}
        self._silent: list[str] = []
        self._column_count = 0
        self._row_count = 0

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
        return frame.with_columns(_ids(family.first, frame.height, "col"))

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
        penalty: float = 1.0,
    ) -> pl.DataFrame:
        """The rows of `frame` with an Int32 column `row`: the id of the limit that stands for each row.

        Raises:
            FrameError: an index that repeats, or a floor above a ceiling.
        """
        low, high = _numbers(frame, lower), _numbers(frame, upper)
        family = Family(
            name, self._row_count, frame.height, frame.select(index), unit, label, kind, group or name, penalty
        )
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
        sense: Literal["max", "min"],
        label: str,
        constant: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        """Name a linear expression; each frame of `terms` has `col` and `value`."""
        parts = [t.select(pl.col("col").cast(pl.Int32), pl.col("value").cast(pl.Float64)) for t in terms]
        self._measures[name] = (parts, constant, {"unit": unit, "sense": sense, "label": label, "scale": scale})

    def measure_names(self) -> list[str]:
        """Names of the measures so far."""
        return list(self._measures)

    def measure_terms(self, name: str) -> tuple[pl.DataFrame, float, float]:
        """Terms (col, value) of a measure, its constant, and its scale."""
        parts, constant, about = self._measures[name]
        empty = pl.DataFrame(schema={"col": pl.Int32, "value": pl.Float64})
        return pl.concat([empty, *parts]), constant, float(about["scale"])

    def measure_label(self, name: str) -> tuple[str, str]:
        """Words and unit of a measure."""
        about = self._measures[name][2]
        return str(about["label"]), str(about["unit"])

    def applies_to_nothing(self, name: str, reason: str) -> None:
        """Say that a constraint applied to no row, and why."""
        self._silent.append(f"{name}: {reason}")

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
            silent=tuple(self._silent),
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
            ordered = pl.DataFrame({"key": key, "value": value}).sort("key", maintain_order=True).get_columns()
            key, value = ordered[0].to_numpy(), ordered[1].to_numpy()
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
    if family.index.width and family.index.is_duplicated().any():
        row = family.index.filter(family.index.is_duplicated()).row(0, named=True)
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
        message = "the programme has terms that cannot be placed"
        raise FrameError(message, [fault])
