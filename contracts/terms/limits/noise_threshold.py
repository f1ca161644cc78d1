"""Noise threshold: how large a gain must be before chance is an unlikely cause."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class NoiseThreshold(Term):
    """A threshold that falls as the population grows: z x coefficient of variation / square root of the persons."""

    kind: ClassVar[Kind] = "curved"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "persons"

    term: Literal["noise_threshold"] = "noise_threshold"
    """Which clause this is."""
    persons: Amount
    """How many people the result rests on."""
    variation: Amount
    """Standard deviation of one person's cost over its mean."""
    z: Amount
    """How many standard errors: 1.645 for nine in ten between the limits, 1.96 for nineteen in twenty."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Z x variation / sqrt(persons)."""
        return {self.step: value(self.z) * value(self.variation) / value(self.persons).sqrt()}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.z, row) * number(self.variation, row) / math.sqrt(number(self.persons, row))}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {f"{said(self.persons)} is above 0": value(self.persons) > 0}

    def formula(self) -> str:
        return f"{self.step} = {said(self.z)} x {said(self.variation)} / square root of {said(self.persons)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "10,000 people, variation 2.5, z 1.645",
            {"persons": "n", "variation": 2.5, "z": 1.645},
            [{"n": 10_000.0}],
            {"": [0.041125]},
            "1.645 x 2.5 / 100",
        ),
        Case(
            "four times the people halve it",
            {"persons": "n", "variation": "cv", "z": 1.645},
            [{"n": 40_000.0, "cv": 2.5}],
            {"": [0.0205625]},
            "1.645 x 2.5 / 200",
        ),
    )
