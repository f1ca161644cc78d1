"""Gate: a clause that opens only past a threshold or when a condition holds."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.condition import Condition, columnar, holds, names_in
from contracts.language.pieces import Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Name, Row, Term, check_times, literal, number, said, value


class Gate(Term):
    """Nothing (or the else-amount) unless every test is met; then the whole amount, its excess, or a fixed sum.

    Tests: the amount is at least a threshold times a base, at most another times the base, and a condition holds. Met,
    `first_dollar` gives the whole amount, `excess` what lies beyond the threshold, `cliff` the sum in `pays`.
    """

    kind: ClassVar[Kind] = "jump"

    term: Literal["gate"] = "gate"
    """Which clause this is."""
    amount: Amount
    """What is tested and passed on."""
    base: Amount = Decimal(1)
    """What the thresholds are parts of; 1 where they are amounts themselves."""
    at_least: Amount | None = None
    """The amount must be at least this part of the base."""
    at_most: Amount | None = None
    """The amount must be at most this part of the base (a loss threshold is negative)."""
    when: Condition | None = None
    """A condition that must hold besides."""
    mode: Literal["first_dollar", "excess", "cliff"] = "first_dollar"
    """What passes: the whole amount, the part beyond the threshold, or the sum in `pays`."""
    pays: Amount | None = None
    """For a cliff: the sum paid when the tests are met."""
    otherwise: Amount = Decimal(0)
    """What is given when a test is not met."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.at_least is None and self.at_most is None and self.when is None:
            faults.add(where, "no test", "at_least, at_most or when", "A gate without a test is always open.")
        if (self.mode == "cliff") != (self.pays is not None):
            faults.add(where, f"mode {self.mode} and pays {self.pays}", "`pays` with mode cliff, and only then")
        if self.mode == "excess" and (self.at_least is None) == (self.at_most is None):
            faults.add(where, "mode excess", "exactly one of at_least and at_most")
        check_times(faults, f"{where}.at_least", self.at_least, self.base)
        check_times(faults, f"{where}.at_most", self.at_most, self.base)
        low, high = literal(self.at_least), literal(self.at_most)
        if low is not None and high is not None and high < low:
            faults.add(where, f"at_most {high:g} below at_least {low:g}", "thresholds that some amount can meet")

    def needs(self) -> tuple[str, ...]:
        """What is tested; what is then paid, or given otherwise, is missing only where it is the one that counts."""
        each = [self.amount, self.base, self.at_least, self.at_most]
        return tuple(dict.fromkeys(str(x) for x in each if isinstance(x, Name)))

    def _limit(self, threshold: Amount) -> pl.Expr:
        return value(threshold) * value(self.base)

    def _passes(self) -> pl.Expr:
        if self.mode == "cliff":
            return value(self.pays if self.pays is not None else self.otherwise)
        threshold = self.at_least if self.at_least is not None else self.at_most
        if self.mode == "excess" and threshold is not None:
            return value(self.amount) - self._limit(threshold)
        return value(self.amount)

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """What passes where every test is met, the else-amount elsewhere."""
        tests = []
        if self.at_least is not None:
            tests.append(value(self.amount) >= self._limit(self.at_least))
        if self.at_most is not None:
            tests.append(value(self.amount) <= self._limit(self.at_most))
        if self.when is not None:
            tests.append(columnar(self.when))
        met = tests[0]
        for test in tests[1:]:
            met = met & test
        return {self.step: pl.when(met).then(self._passes()).otherwise(value(self.otherwise))}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount, base = number(self.amount, row), number(self.base, row)
        met = self.when is None or holds(self.when, row)
        met = met and (self.at_least is None or amount >= number(self.at_least, row) * base)
        met = met and (self.at_most is None or amount <= number(self.at_most, row) * base)
        if not met:
            return {self.step: number(self.otherwise, row)}
        if self.pays is not None:
            return {self.step: number(self.pays, row)}
        threshold = self.at_least if self.at_least is not None else self.at_most
        if self.mode == "excess" and threshold is not None:
            return {self.step: amount - number(threshold, row) * base}
        return {self.step: amount}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """The else-amount, and between the thresholds what passes, with a leap at each; None where `when` reads the amount."""
        if self.when is not None and str(self.amount) in names_in(self.when):
            return None
        shut, base = number(self.otherwise, at), number(self.base, at)
        low = -math.inf if self.at_least is None else number(self.at_least, at) * base
        high = math.inf if self.at_most is None else number(self.at_most, at) * base
        if (self.when is not None and not holds(self.when, at)) or low > high:
            return Pieces.line(0.0, shut)
        if self.pays is not None:
            intercept, slope = number(self.pays, at), 0.0
        elif self.mode == "excess":
            intercept, slope = -(low if math.isfinite(low) else high), 1.0
        else:
            intercept, slope = 0.0, 1.0
        out = [Piece(-math.inf, shut, 0.0)] if math.isfinite(low) else []
        out.append(Piece(low, intercept, slope))
        if math.isfinite(high):
            out.append(Piece(high, shut, 0.0, holds_at_start=False))
        return Pieces(tuple(out)).simplified()

    def formula(self) -> str:
        base = "" if literal(self.base) == 1 else f" x {said(self.base)}"
        tests = []
        if self.at_least is not None:
            tests.append(f"{said(self.amount)} >= {said(self.at_least)}{base}")
        if self.at_most is not None:
            tests.append(f"{said(self.amount)} <= {said(self.at_most)}{base}")
        if self.when is not None:
            tests.append(self.when)
        threshold = self.at_least if self.at_least is not None else self.at_most
        passes = said(self.amount)
        if self.pays is not None:
            passes = said(self.pays)
        elif self.mode == "excess" and threshold is not None:
            passes = f"{said(self.amount)} - {said(threshold)}{base}"
        return f"{self.step} = {passes} if {' and '.join(tests)}, otherwise {said(self.otherwise)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a gain of 3% shares from the first dollar past a threshold of 2%",
            {"amount": "gain", "base": "benchmark", "at_least": "msr"},
            [
                {"gain": 3.0, "benchmark": 100.0, "msr": 0.02},
                {"gain": 2.0, "benchmark": 100.0, "msr": 0.02},
                {"gain": 1.99, "benchmark": 100.0, "msr": 0.02},
            ],
            {"": [3.0, 2.0, 0.0]},
            "3 >= 2; 2 >= 2; 1.99 < 2",
        ),
        Case(
            "the same gain on the excess only is a third of it",
            {"amount": "gain", "base": 100, "at_least": 0.02, "mode": "excess"},
            [{"gain": 3.0}, {"gain": 1.0}],
            {"": [1.0, 0.0]},
            "3 - 2",
        ),
        Case(
            "a loss is owed past its mirror",
            {"amount": "gap", "base": 100, "at_most": -0.02},
            [{"gap": -3.0}, {"gap": -1.0}, {"gap": 5.0}],
            {"": [-3.0, 0.0, 0.0]},
            "-3 <= -2",
        ),
        Case(
            "a fund of 1.5 is earned whole if the control total is met",
            {"amount": "result", "at_least": "control_total", "mode": "cliff", "pays": 1.5},
            [{"result": -4.9, "control_total": -5.0}, {"result": -5.1, "control_total": -5.0}],
            {"": [1.5, 0.0]},
            "-4.9 is better than -5.0",
        ),
        Case(
            "a flag shuts the gate, and an else-amount is paid",
            {"amount": "gain", "when": "quality_met", "otherwise": "half"},
            [{"gain": 8.0, "quality_met": 1.0, "half": 4.0}, {"gain": 8.0, "quality_met": 0.0, "half": 4.0}],
            {"": [8.0, 4.0]},
            "met; not met",
        ),
    )
