"""Blend: a weighted average whose weights add to 1."""

from __future__ import annotations

import math
from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class Blend(Term):
    """The weighted average of several amounts, such as base years or a regional and an own rate; the weights add to 1."""

    kind: ClassVar[Kind] = "linear"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "of"

    term: Literal["blend"] = "blend"
    """Which clause this is."""
    of: tuple[Amount, ...] = Field(min_length=1)
    """What is blended."""
    weights: tuple[Amount, ...] = Field(min_length=1)
    """A weight for each; they add to 1."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if len(self.weights) != len(self.of):
            faults.add(f"{where}.weights", f"{len(self.weights)} weights for {len(self.of)} amounts", "one for each")
        written = [literal(w) for w in self.weights]
        known = [w for w in written if w is not None]
        if len(known) == len(written) and abs(math.fsum(known) - 1.0) > 1e-9:
            faults.add(f"{where}.weights", f"shares that add to {math.fsum(known):g}", "shares that add to 1")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The weighted average."""
        each = [value(x) * value(w) for x, w in zip(self.of, self.weights, strict=True)]
        return {self.step: reduce(lambda a, b: a + b, each)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        each = [number(x, row) * number(w, row) for x, w in zip(self.of, self.weights, strict=True)]
        return {self.step: reduce(lambda a, b: a + b, each)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        if all(literal(w) is not None for w in self.weights):
            return {}
        total = reduce(lambda a, b: a + b, (value(w) for w in self.weights))
        return {f"the weights {', '.join(map(said, self.weights))} add to 1": (total - 1.0).abs() <= 1e-9}

    def formula(self) -> str:
        return f"{self.step} = " + " + ".join(
            f"{said(w)} x {said(x)}" for x, w in zip(self.of, self.weights, strict=True)
        )

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "three base years at 10%, 30% and 60%",
            {"of": ["first", "second", "third"], "weights": [0.1, 0.3, 0.6]},
            [{"first": 9000.0, "second": 9500.0, "third": 10_000.0}],
            {"": [9750.0]},
            "900 + 2,850 + 6,000",
        ),
        Case(
            "own and regional rate, weights by row",
            {"of": ["own", "region"], "weights": ["w", "v"]},
            [{"own": 100.0, "region": 120.0, "w": 0.65, "v": 0.35}],
            {"": [107.0]},
            "65 + 42",
        ),
    )
