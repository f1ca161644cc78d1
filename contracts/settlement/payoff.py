"""Payoff: what a contract pays as one input varies and all others stay, with every bend and leap found exactly.

The contract is evaluated on many values of the input at once. A stretch on which it is straight is kept; any other is
halved until the bend lies between two neighbouring values. Two straight stretches that meet give the bend as their
crossing; two that do not meet give a leap. A bend and its return within a hundredth of the range can be stepped over;
a narrower range shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from capitation.errors import ContractError, suggest
from contracts.document.models import Contract
from contracts.language.condition import columnar
from contracts.language.pieces import Piece, Pieces
from contracts.settlement.compile import compile_contract
from contracts.settlement.rows import read_rows
from contracts.settlement.settle import settle

_FIRST, _DEPTH, _STRAIGHT, _UNEVEN = 128, 60, 1e-11, (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Payoff:
    """How one output answers to one input.

    Args:
        contract: id of the contract.
        varied: the input.
        output: the output, before it is rounded.
        unit: unit of the output's amounts.
        table: one row a value of the input: the ends, every bend, both sides of every leap, and evenly spaced values.
        pieces: the exact straight stretches between `low` and `high`; outside them the first and last are carried on.
        low: lowest value of the input.
        high: highest value of the input.
    """

    contract: str
    varied: str
    output: str
    unit: str
    table: pl.DataFrame
    pieces: Pieces
    low: float
    high: float


def payoff(
    contract: Contract,
    row: Mapping[str, Any],
    varied: str,
    low: float,
    high: float,
    output: str | None = None,
    points: int = 21,
) -> Payoff:
    """How an output of the contract answers to one input of a row, between two values of it.

    Args:
        contract: the contract.
        row: one row's figures, by the names of the inputs' columns.
        varied: name of a number input.
        low: lowest value.
        high: highest value.
        output: name of an output; the first by default.
        points: how many evenly spaced values the table shows besides bends and leaps.

    Raises:
        ContractError: an unknown input or output, an empty range, or a row the contract refuses.
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
    values = _values(contract, row, varied, (low, high), outputs[name].of)
    pieces = _stretches(values, low, high)
    inside = [b for b in pieces.breakpoints if low < b < high]
    leaps = {at for at, _ in pieces.jumps}
    even = [low + (high - low) * i / (points - 1) for i in range(points)]
    rows = [(x, pieces.at(x), "") for x in even if not any(math.isclose(x, b, rel_tol=1e-12) for b in inside)]
    for before, after in zip(pieces.pieces, pieces.pieces[1:], strict=False):
        if low < after.start < high and after.start in leaps:
            rows += [
                (after.start, before.at(after.start), "leap from"),
                (after.start, after.at(after.start), "leap to"),
            ]
        elif low < after.start < high:
            rows.append((after.start, after.at(after.start), "bend"))
    rows.sort(key=lambda r: (r[0], r[2] == "leap to"))
    table = pl.DataFrame(rows, schema={varied: pl.Float64, name: pl.Float64, "note": pl.String}, orient="row")
    return Payoff(contract.id, varied, name, contract.amounts, table, pieces, low, high)


def _values(
    contract: Contract, row: Mapping[str, Any], varied: str, ends: tuple[float, float], step: str
) -> Callable[[list[float]], list[float]]:
    """A step's value at many values of an input: the row is read once, and its clauses run on each."""
    alone = contract.model_copy(update={"key": (), "shown": ()})
    heading = contract.input_map()[varied].heading
    where = f"payoff over {varied}"
    fixed = pl.DataFrame([{k: v for k, v in row.items() if k != heading}], infer_schema_length=None)

    def rows(xs: Sequence[float]) -> pl.DataFrame:
        many = pl.DataFrame({heading: xs})
        return many if fixed.width == 0 else fixed.join(many, how="cross")

    steps = compile_contract(alone)
    read = read_rows(alone, rows(ends), where).inputs.drop(varied).head(1)
    blank = [each for each in alone.inputs if each.name != varied and read.get_column(each.name).null_count()]
    needed = [condition for each in blank for condition in (each.needed_when, each.column_needed_when) if condition]

    def values(xs: list[float]) -> list[float]:
        many = pl.DataFrame({varied: xs})
        frame = steps.on_frame(many if read.width == 0 else read.join(many, how="cross"))
        if steps.refused(frame) or (needed and frame.select(pl.any_horizontal(map(columnar, needed)).any()).item()):
            settle(alone, rows(xs), where=where)  # says which value is refused, and why
        return frame.get_column(step).to_list()

    return values


def _stretches(values: Callable[[list[float]], list[float]], low: float, high: float) -> Pieces:
    """The straight stretches of a function between two values."""
    # Uneven values, because bends sit on round numbers and a round grid can step over them.
    xs = sorted({low, high, *(low + (high - low) * math.modf(i * _UNEVEN)[0] for i in range(1, _FIRST))})
    ys = values(xs)
    size = max(*(abs(y) for y in ys), 1e-9)
    span = high - low
    waiting = [((xs[i], ys[i]), (xs[i + 1], ys[i + 1])) for i in range(len(xs) - 1)]
    straight: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for _ in range(_DEPTH):
        if not waiting:
            break
        probes = [a[0] + (b[0] - a[0]) * part for a, b in waiting for part in (0.25, 0.5, 0.75)]
        found = values(probes)
        halves = []
        for i, (a, b) in enumerate(waiting):
            mine = found[3 * i : 3 * i + 3]
            expected = [a[1] + (b[1] - a[1]) * part for part in (0.25, 0.5, 0.75)]
            if all(abs(y - e) <= _STRAIGHT * max(size, abs(y)) for y, e in zip(mine, expected, strict=True)):
                straight.append((a, b))
            elif b[0] - a[0] > span * 1e-12:
                middle = (probes[3 * i + 1], mine[1])
                halves += [(a, middle), (middle, b)]
        waiting = halves
    straight.sort()
    return _joined(straight, span, size)


def _joined(straight: list[tuple[tuple[float, float], tuple[float, float]]], span: float, size: float) -> Pieces:
    """Neighbouring stretches of one line made one; the wider of them gives the line."""
    runs: list[list[tuple[tuple[float, float], tuple[float, float]]]] = []
    for stretch in straight:
        if runs and _same_line(runs[-1], stretch, size):
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    # Slivers beside a bend or a leap are narrower than the straight parts they border on.
    wide = [run for run in runs if run[-1][1][0] - run[0][0][0] > span * 1e-6] or runs
    out: list[Piece] = []
    for i, run in enumerate(wide):
        (xa, ya), (xb, yb) = run[0][0], run[-1][1]
        slope = (yb - ya) / (xb - xa)
        intercept = ya - slope * xa
        start = -math.inf if i == 0 else xa
        if out:
            before = out[-1]
            crossing = (intercept - before.intercept) / (before.slope - slope) if before.slope != slope else math.inf
            if abs(crossing - xa) <= span * 1e-6:
                start = crossing
        out.append(Piece(start, intercept, slope))
    return Pieces(tuple(out))


def _same_line(
    run: list[tuple[tuple[float, float], tuple[float, float]]],
    stretch: tuple[tuple[float, float], tuple[float, float]],
    size: float,
) -> bool:
    (xa, ya), (xb, yb) = max(run, key=lambda s: s[1][0] - s[0][0])
    (xc, yc), (xd, yd) = stretch
    slope = (yb - ya) / (xb - xa)
    near = 1e-9 * size
    if xd - xc < xb - xa:
        return abs(ya + slope * (xc - xa) - yc) <= near and abs(ya + slope * (xd - xa) - yd) <= near
    other = (yd - yc) / (xd - xc)
    return abs(yc + other * (xa - xc) - ya) <= near and abs(yc + other * (xb - xc) - yb) <= near


__all__ = ["Payoff", "payoff"]
