"""One canonical sparse matrix: the only form in which a programme reaches a solver.

    optimise  cost . v + constant      subject to      row_lower <= A v <= row_upper,   lower <= v <= upper,
    v_j whole for the columns marked integer.

The column order is ours: the order in which families and their rows arrive at the builder. A `Matrix` is frozen and
named by the checksum of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.errors import UnknownNameError
from optimiser.programme.family import Family, Flags, Floats, Ints, Measure, Sense

SMALLEST_COEFFICIENT = 1e-4
"""Coefficients below this size are warned about: a solver's tolerance may swallow them."""
LARGEST_COEFFICIENT = 1e5
"""Coefficients above this size are warned about: they drown the others of their row."""


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
    sense: Sense
    constant: float
    columns: tuple[Family, ...]
    rows: tuple[Family, ...]
    objective: str = "objective"
    unit: str = ""
    scale: float = 1.0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    no_effect: tuple[str, ...] = ()
    """Limits that had no effect, each with the reason."""

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
                + "; the solver may take it for zero. State it in larger or smaller units"
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
