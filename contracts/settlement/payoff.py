"""Payoff: what a contract pays as one figure varies and all others stay, with every bend and leap found exactly.

    rows read once -> the clauses run on many values of the figure at once (`payoff_values`)
    -> straight stretches between the clauses' own bends and leaps (`payoff_stretches`) -> a table in the declared unit

The table's amounts are those of a settlement, in the unit the output declares (whole pence where it says pence). Sums
shared in whole pence are a staircase; the curve is drawn as the staircase's line, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from capitation.errors import ContractError, suggest
from contracts.document.models import Contract, Output
from contracts.language.pieces import Piece, Pieces
from contracts.language.rounding import nearest_unit, units_per
from contracts.settlement.payoff_stretches import Stretches, stretches
from contracts.settlement.payoff_values import values_of


@dataclass(frozen=True)
class Payoff:
    """How one output answers to one input.

    Args:
        contract: id of the contract.
        varied: the input.
        output: the output.
        unit: unit of the table's amounts: what the output declares, else the contract's.
        table: one row a value of the input: the ends, every bend, both sides of every leap, and evenly spaced values.
        pieces: the exact straight stretches between `low` and `high`, before rounding and in the contract's amounts;
            outside them the first and last are carried on.
        low: lowest value of the input.
        high: highest value of the input.
        per: how many of `unit` one of the contract's amounts is.
        bends: values of the input at which the clauses bend or leap; joints of a curve drawn through points are none.
        note: how the curve is drawn where it is not straight between bends; empty where it is.
        through: how many points a curve is drawn through; 0 where every stretch is straight.
    """

    contract: str
    varied: str
    output: str
    unit: str
    table: pl.DataFrame
    pieces: Pieces
    low: float
    high: float
    per: float = 1.0
    bends: tuple[float, ...] = ()
    note: str = ""
    through: int = 0

    @property
    def stated(self) -> Pieces:
        """The stretches in the unit of the table."""
        return Pieces(
            tuple(
                Piece(p.start, p.intercept * self.per, p.slope * self.per, p.holds_at_start) for p in self.pieces.pieces
            )
        )

    @property
    def kind(self) -> str:
        """Linear, concave, convex, piecewise or jump; "curved" where it is drawn through points."""
        return "curved" if self.through else self.pieces.kind


def payoff(
    contract: Contract,
    row: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    varied: str,
    low: float,
    high: float,
    output: str | None = None,
    points: int = 21,
) -> Payoff:
    """How an output of the contract answers to one input of a row, between two values of it.

    Args:
        contract: the contract.
        row: one row's figures, by the names of the inputs' columns; or the rows that settle together, of which the first
            is varied and followed.
        varied: name of a number input.
        low: lowest value.
        high: highest value.
        output: name of an output; the first by default.
        points: how many evenly spaced values the table shows besides bends and leaps.

    Raises:
        ContractError: an unknown input or output, an empty range, a row the contract refuses, or a figure that cannot vary
            while all others stay.
    """
    inputs = contract.input_map()
    if varied not in inputs or inputs[varied].type != "number":
        numbers = [name for name, each in inputs.items() if each.type == "number"]
        raise ContractError(f"contract {contract.id}: {varied!r} is not a number input. {suggest(varied, numbers)}")
    outputs = {o.name: o for o in contract.outputs}
    name = output or contract.outputs[0].name
    if name not in outputs:
        raise ContractError(f"contract {contract.id}: no output {name!r}. {suggest(name, outputs)}")
    if not low < high:
        raise ContractError(
            f"payoff of {name} over {varied}: found a range from {low:g} to {high:g}; expected low below high"
        )
    asked = outputs[name]
    given = [row] if isinstance(row, Mapping) else list(row)
    values = values_of(contract, given, varied, (low, high), asked.of)
    found = stretches(values, low, high)
    even = [low + (high - low) * i / (points - 1) for i in range(points)]
    per = 1.0 if asked.rounded_to is None else units_per(asked.rounded_to, contract.amounts)
    table = _table(found, dict(zip(even, values.settled(even), strict=True)), (varied, asked, per))
    notes = [values.shared] if values.shared else []
    if found.through:
        notes.append(f"A curve, drawn through {found.through} points.")
    return Payoff(
        contract.id, varied, name, asked.rounded_to or contract.amounts, table, found.pieces, low, high, per,
        found.bends, " ".join(notes), found.through,
    )  # fmt: skip


def _table(found: Stretches, even: Mapping[float, float], of: tuple[str, Output, float]) -> pl.DataFrame:
    """The evenly spaced values as they settle, and every bend and leap between them, in the output's unit."""
    varied, output, per = of
    low, high = min(even), max(even)
    inside = [b for b in found.bends if low < b < high]
    rows = [(x, y, "") for x, y in even.items() if not any(math.isclose(x, b, rel_tol=1e-12) for b in inside)]
    leaps = {at for at, _ in found.pieces.jumps}
    for before, after in zip(found.pieces.pieces, found.pieces.pieces[1:], strict=False):
        if after.start not in inside:
            continue
        if after.start in leaps:
            rows.append((after.start, before.at(after.start), "leap from"))
            rows.append((after.start, after.at(after.start), "leap to"))
        else:
            rows.append((after.start, after.at(after.start), "bend"))
    rows.sort(key=lambda r: (r[0], r[2] == "leap to"))
    whole = output.rounded_to is not None
    stated = [(x, nearest_unit(y, per) if whole else y, note) for x, y, note in rows]
    kind = pl.Int64 if whole else pl.Float64
    return pl.DataFrame(stated, schema={varied: pl.Float64, output.name: kind, "note": pl.String}, orient="row")


__all__ = ["Payoff", "payoff"]
