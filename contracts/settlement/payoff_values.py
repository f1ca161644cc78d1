"""The amounts behind a payoff: one figure of one row varied, all others as they stand, many values at once.

Rows that settle together (a pool, an account's periods) are repeated whole for each value and kept apart, so that only
the varied row's figure differs. Where a clause needs the figure to be one and the same on all of them, it varies on all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from capitation.errors import CapitationError, ContractError
from contracts.document.models import Contract
from contracts.language.condition import columnar
from contracts.settlement.compile import Steps, compile_contract
from contracts.settlement.rows import read_rows
from contracts.settlement.settle import settle
from contracts.terms._base import Term

_APART, _AT = "__value", "__at"
_FINEST = 1e14
"""Sums shared in units this far below their size are the line of the staircase, to the last digits of a float."""


@dataclass(frozen=True)
class Settled:
    """Values of a contract as one figure varies.

    Args:
        contract: the contract.
        steps: its clauses; sums shared in whole units are shared in units too small to see.
        whole: its clauses as they settle.
        rows: the rows as they were read, without the varied figure.
        raw: the rows as they were given.
        varied: the input that varies.
        own: its value on each row, where it has one.
        everywhere: whether it varies on all rows, or on the first alone.
        step: the step that is followed.
        shared: a sentence where the line of a staircase is followed.
    """

    contract: Contract
    steps: Steps
    whole: Steps
    rows: pl.DataFrame
    raw: tuple[Mapping[str, Any], ...]
    varied: str
    own: tuple[float | None, ...]
    everywhere: bool
    step: str
    shared: str = ""

    def frame(self, xs: Sequence[float], steps: Steps | None = None) -> pl.DataFrame:
        """Every named value of the followed row, one row a value of the figure.

        Raises:
            ContractError: a value at which the contract cannot be settled, in its own words.
        """
        run = steps or self.steps
        done = self._run(xs, run)
        if done is None or run.refused(done) or self._lacking(done):
            self._refuse(xs)
        assert done is not None
        return done.filter(pl.col(_AT) == 0).sort(_APART)

    def followed(self, xs: Sequence[float]) -> list[float]:
        """The followed step at each value of the figure, on the line of any staircase."""
        return [] if not xs else [float(y) for y in self.frame(xs).get_column(self.step).to_list()]

    def settled(self, xs: Sequence[float]) -> list[float]:
        """The followed step at each value of the figure as a settlement has it."""
        return [float(y) for y in self.frame(xs, self.whole).get_column(self.step).to_list()]

    def holds(self, xs: Sequence[float]) -> bool:
        """Whether the contract can be settled at all these values."""
        done = self._run(xs, self.whole)
        return done is not None and not self.whole.refused(done)

    def _run(self, xs: Sequence[float], steps: Steps) -> pl.DataFrame | None:
        many = pl.DataFrame(
            {_APART: range(len(xs)), "__x": [float(x) for x in xs]}, schema_overrides={_APART: pl.Int64}
        )
        own = pl.lit(pl.Series(self.own, dtype=pl.Float64)).gather(pl.col(_AT))
        mine = pl.lit(value=True) if self.everywhere else pl.col(_AT) == 0
        frame = many.join(self.rows.with_row_index(_AT), how="cross").with_columns(
            pl.when(mine).then(pl.col("__x")).otherwise(own).alias(self.varied)
        )
        try:
            return steps.on_frame(frame.drop("__x"))
        except CapitationError:
            return None

    def _lacking(self, frame: pl.DataFrame) -> bool:
        blank = [e for e in self.contract.inputs if e.name != self.varied and self.rows.get_column(e.name).null_count()]
        needed = [c for e in blank for c in (e.needed_when, e.column_needed_when) if c]
        return bool(needed) and bool(frame.select(pl.any_horizontal(map(columnar, needed)).any()).item())

    def _refuse(self, xs: Sequence[float]) -> None:
        """Settle the rows with each value in turn, so that the contract says what it refuses."""
        heading = self.contract.input_map()[self.varied].heading
        for x in xs:
            changed = [{**r, heading: x} if self.everywhere or not i else dict(r) for i, r in enumerate(self.raw)]
            settle(self.contract, typed_rows(changed), where=f"payoff over {self.varied}, {self.varied} {x:,.10g}")
        raise ContractError(
            f"contract {self.contract.id}: {self.varied} cannot vary alone between {min(xs):g} and {max(xs):g}"
        )


def values_of(
    contract: Contract, rows: Sequence[Mapping[str, Any]], varied: str, ends: tuple[float, float], step: str
) -> Settled:
    """The contract's values as a figure varies, once the rows are read and both ends can be settled.

    Raises:
        ContractError: rows that cannot be read, or a figure that cannot vary between the ends.
    """
    heading = contract.input_map()[varied].heading
    across = any(term.runs_across_rows() for term in contract.terms)
    given = tuple(rows if across else rows[:1])
    where = f"payoff over {varied}"
    for end in ends:
        read = read_rows(contract, typed_rows([{**given[0], heading: end}, *given[1:]]), where).inputs
    own = [None, *read.get_column(varied).to_list()[1:]]
    apart = _APART if across else None
    whole = compile_contract(contract, apart=apart)
    made = Settled(contract, whole, whole, read.drop(varied), given, varied, tuple(own), everywhere=False, step=step)
    if len(given) > 1 and not made.holds(ends):
        alike = Settled(contract, whole, whole, made.rows, given, varied, tuple(own), everywhere=True, step=step)
        made = alike if alike.holds(ends) else made
    try:
        frame = made.frame(ends, whole)
    except ContractError as error:
        if len(given) == 1:
            raise
        message = (
            f"contract {contract.id}: {varied} cannot vary while the other figures of its rows stay: {error.message}"
        )
        raise ContractError(message, error.faults) from error
    fine, shared = _finer(contract, frame)
    if shared is None:
        return made
    steps = compile_contract(fine, apart=apart)
    return Settled(
        contract,
        steps,
        whole,
        made.rows,
        given,
        varied,
        tuple(own),
        everywhere=made.everywhere,
        step=step,
        shared=shared,
    )


def typed_rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a contract or a file gives them, as a frame; exact decimals as floats."""
    frame = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


def _finer(contract: Contract, frame: pl.DataFrame) -> tuple[Contract, str | None]:
    """The contract with its whole units too small to see, and a sentence that says so; itself where it shares none."""
    terms: list[Term] = []
    units = set()
    for term in contract.terms:
        smallest = getattr(term, "smallest", None)
        if not isinstance(smallest, Decimal):
            terms.append(term)
            continue
        names = [n for n in (*term.outputs(), str(term.before())) if n in frame.columns]
        sizes = [float(s) for n in names for s in frame.get_column(n).abs().drop_nulls().to_list()]
        size = max([1.0, *sizes])
        digits = max(0, math.floor(math.log10(_FINEST * float(smallest) / size)))
        terms.append(term.model_copy(update={"smallest": smallest / (Decimal(10) ** digits)}))
        units.add(smallest)
    if not units:
        return contract, None
    sizes_said = " and ".join(f"{unit:f}" for unit in sorted(units))
    said = (
        f"Sums are shared in whole units of {sizes_said} ({contract.amounts}): the curve is the line of that staircase."
    )
    return contract.model_copy(update={"terms": tuple(terms)}), said


__all__ = ["Settled", "typed_rows", "values_of"]
