"""Deals: a contract of an option made ready for draws: its compiled clauses on rows by draws, and what its limits cut.

The clauses are those of `compile_contract`. One thing differs from a settlement: what a clause divides over rows in whole pence
(`allocate`) is divided here in exact parts, less than a penny a row apart, because draws are not paid out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.errors import CapitationError, ContractError, Faults
from contracts.document.behind import behind
from contracts.document.models import Contract
from contracts.risk.outturns import KEY, STOCHASTIC
from contracts.settlement.compile import Steps, compile_contract, result_of
from contracts.terms._base import Term, value
from contracts.terms.between_rows.aggregate import Aggregate
from contracts.terms.between_rows.allocate import Allocate

DRAW = "draw"
"""Column that keeps draws apart."""

LIMITS = ("cap", "collar", "floor", "truncate")
"""Clauses that cut an amount."""

PENNY = 0.5
"""Less than this is rounding, not a cut."""


@dataclass(frozen=True)
class Cut:
    """What one limiting clause of a contract cut, whichever way, by year and draw: nil where it does not bind."""

    contract: str
    step: str
    term: str
    by_year: Mapping[str, Floats]
    deal: int = 0
    """Number of the deal: the contract with some of the providers."""
    answer: float = 0.0
    """How activity answered the contract, as a share of it."""


@dataclass(frozen=True, eq=False)
class DrawnDeal:
    """One contract on the rows of its providers.

    Args:
        contract: the contract.
        steps: its clauses, with draws kept apart.
        rows: rows of the outturn at plan that it settles, in the order of its key.
        base: those rows with inputs, dates and parameters, as they stand where no draw moves them.
        moved: columns that draws move and the contract uses; none where it pays whatever happens.
        paid: by output, 1 where the commissioner pays and -1 where the provider does.
    """

    contract: Contract
    steps: Steps
    rows: np.ndarray
    base: pl.DataFrame
    moved: tuple[str, ...]
    paid: Mapping[str, int]
    repeated: dict[int, pl.DataFrame] = field(default_factory=dict)
    """The rows repeated for so many draws, once for each number of draws."""

    def payments(self, columns: Mapping[str, Floats], first: int, cuts: list[Cut] | None = None) -> Floats:
        """What commissioners pay providers, by row of the deal and draw; without draws where nothing moves it.

        Args:
            columns: what draws move, by row of the whole outturn and draw.
            first: number of the first of the draws, for messages.
            cuts: takes what limiting clauses cut.

        Raises:
            ContractError: a clause refuses a draw; its values are shown.
        """
        count = next(iter(columns.values())).shape[1] if self.moved else 1
        frame = self._frame(columns, count)
        self._check(frame, first)
        try:
            done = self.steps.run(frame)
        except CapitationError as error:
            raise ContractError(f"draw {first + 1} or one soon after: {error.message}", error.faults) from error
        amounts = done.select(
            (sign * result_of(output, self.contract, rounded=False)).alias(output.name)
            for output in self.contract.outputs
            for sign in [self.paid.get(output.name, 0)]
            if sign
        )
        total = amounts.select(pl.sum_horizontal(pl.all(), ignore_nulls=False)).to_series()
        if total.null_count() or not bool(total.is_finite().all()):
            self._refuse(frame, first)
        if cuts is not None:
            cuts += [found for term in self.contract.terms for found in self._cut(term, done, count)]
        return cast("Floats", total.to_numpy().reshape(len(self.rows), count))

    def _frame(self, columns: Mapping[str, Floats], count: int) -> pl.DataFrame:
        if count not in self.repeated:
            draws = pl.Series(DRAW, np.tile(np.arange(count, dtype=np.int32), len(self.rows)))
            self.repeated[count] = self.base[np.repeat(np.arange(len(self.rows)), count)].with_columns(draws)
        series = []
        for name in self.moved:
            drawn = pl.Series(name, np.ascontiguousarray(columns[name][self.rows]).ravel())
            series.append(drawn.fill_nan(None) if bool(drawn.is_nan().any()) else drawn)
        return self.repeated[count].with_columns(series)

    def _check(self, frame: pl.DataFrame, first: int) -> None:
        """Refuse draws in which an amount is below or above what it can be."""
        faults = Faults()
        inputs = self.contract.input_map()
        for name in self.moved:
            low, high = inputs[name].at_least, inputs[name].at_most
            column = frame.get_column(name)
            worst, best = column.min(), column.max()
            if low is not None and worst is not None and worst < float(low):  # type: ignore[operator]
                self._name(frame, column.arg_min() or 0, name, f"at least {low}", first, faults)
            if high is not None and best is not None and best > float(high):  # type: ignore[operator]
                self._name(frame, column.arg_max() or 0, name, f"at most {high}", first, faults)
        faults.raise_if_any(ContractError, f"contract {self.contract.id}: a draw could not be settled")

    def _name(self, frame: pl.DataFrame, at: int, name: str, expected: str, first: int, faults: Faults) -> None:
        row = frame.row(at, named=True)
        key = ", ".join(str(row[k]) for k in self.contract.key if k in row)
        faults.add(
            f"draw {first + row[DRAW] + 1:,} of {key}", f"{name} of {row[name]:,.0f}", expected,
            "Lower the spread of the uncertainty, or raise the plan.",
        )  # fmt: skip

    def _refuse(self, frame: pl.DataFrame, first: int) -> None:
        """Name the first draw on which a clause gives no amount, with the values that it works on."""
        full = compile_contract(self.contract, apart=DRAW)
        done = full.run(frame)
        outputs = [result_of(o, self.contract, rounded=False).is_null() for o in self.contract.outputs]
        found = done.select(DRAW, pl.any_horizontal(outputs).alias("lost")).filter(pl.col("lost"))
        number = int(found.get_column(DRAW)[0]) if found.height else 0
        one = frame.filter(pl.col(DRAW) == number)
        names = [i.name for i in self.contract.inputs if i.name in one.columns]
        values = {n: one.get_column(n).to_numpy() for n in (*names, DRAW)}
        try:
            full.on_arrays(values, checked=True)
        except CapitationError as error:
            message = f"draw {first + number + 1:,}: {error.message}"
            raise ContractError(message, error.faults) from error
        message = (
            f"contract {self.contract.id}, draw {first + number + 1:,}: found no amount; expected one for every output"
        )
        raise ContractError(message)

    def _cut(self, term: Term, done: pl.DataFrame, count: int) -> list[Cut]:
        if term.term not in LIMITS or "year" not in done.columns:
            return []
        amount = getattr(term, "amount", None)
        if amount is None:
            return []
        groups = _groups(self.contract, term)
        rows = done.select(
            "year", DRAW, *(g for g in groups if g not in {"year", DRAW}), cut=pl.col(term.step) - value(amount)
        )
        if groups:
            rows = rows.unique(["year", DRAW, *groups], maintain_order=True)
        cut = pl.when(pl.col("cut").abs() > PENNY).then(pl.col("cut")).otherwise(0.0)
        sums = rows.group_by("year", DRAW).agg(cut.abs().sum().alias("cut")).sort("year", DRAW)
        years = sums.get_column("year").unique().sort().to_list()
        found = {y: sums.filter(pl.col("year") == y).get_column("cut").to_numpy() for y in years}
        return (
            [Cut(self.contract.id, term.step, term.term, found)] if all(len(x) == count for x in found.values()) else []
        )


def _groups(contract: Contract, term: Term) -> list[str]:
    """Columns over whose rows the amount of a clause repeats, because it rests on a sum over rows."""
    names = {name for reference in term.references() for name in behind(contract, reference[1])}
    within: list[str] = []
    for other in contract.terms:
        if isinstance(other, Aggregate) and other.within is not None and other.step in names:
            within = [str(k) for k in other.within]
    return within


def make_deal(contract: Contract, at_plan: pl.DataFrame, providers: Sequence[str]) -> DrawnDeal:
    """A contract on the rows of its providers, its clauses compiled once.

    Raises:
        ContractError: the contract cannot be compiled, or a clause across rows cannot keep draws apart.
    """
    steps = compile_contract(contract, apart=DRAW)
    clauses = tuple((term, _parts(term) or results) for term, results in steps.clauses)
    steps = replace(steps, clauses=clauses)
    numbered = at_plan.with_row_index("__at").filter(pl.col("provider").is_in(list(providers)))
    if "__held" in numbered.columns:  # only the years in which the contract holds
        numbered = numbered.filter("__held")
    key = [name for name in dict.fromkeys([*contract.key, *KEY]) if name in numbered.columns]
    mine = numbered.sort(key)
    inputs = [i.name for i in contract.inputs if i.name in mine.columns]
    numbers = [i.name for i in contract.inputs if i.type in {"number", "flag", "year"}]
    given = mine.select(
        pl.col(name).cast(pl.Float64) if name in numbers else pl.col(name) for name in dict.fromkeys([*inputs, *KEY])
    )
    whole = compile_contract(contract).on_frame(given.select(inputs))
    kept = [*contract.input_map(), *(d.name for d in contract.dates), *(p.name for p in contract.parameters)]
    base = whole.select(name for name in dict.fromkeys(kept) if name in whole.columns)
    base = base.with_columns(given.get_column(name) for name in KEY if name not in base.columns)
    roles = {party.code: party.role for party in contract.parties}
    paid = {
        o.name: (1 if roles[str(o.payer)] == "commissioner" else -1) for o in contract.outputs if o.payer is not None
    }
    behind_paid = {n for o in contract.outputs if o.name in paid for n in behind(contract, o.of)}
    moved = tuple(name for name in STOCHASTIC if name in contract.input_map() and name in behind_paid)
    return DrawnDeal(contract, steps, mine.get_column("__at").to_numpy(), base, moved, paid)


def _parts(term: Term) -> Mapping[str, pl.Expr] | None:
    """The results of a clause that divides a total over rows, in exact parts; None for every other clause."""
    if not isinstance(term, Allocate) or term.at_most is not None:
        return None
    within = [str(name) for name in term.within]
    weight = value(term.weight)
    return {term.step: value(term.amount) * weight / weight.sum().over(within)}


__all__ = ["DRAW", "Cut", "DrawnDeal", "make_deal"]
