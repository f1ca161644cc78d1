"""What must hold of rows that were settled: each clause's promises, and an amount for every output.

A row without an amount is refused by its line and the column whose cell is empty, found by going back from the output
through the clauses that it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl

from capitation.errors import ContractError, Faults
from contracts.document.models import Contract, Input, Output
from contracts.language.rounding import EXACT_UNITS, units_per
from contracts.settlement.known import asked, empty_in, known_rows, meaningful, rests_on
from contracts.settlement.rows import RowNames, described
from contracts.terms._base import Term


class Promise(NamedTuple):
    """What a clause promises of every row, in words, with an expression that is true where it holds.

    Args:
        term: the clause.
        words: what holds.
        holds: true on rows on which it does.
        first: what must hold before the clause can work on a row; the promise is asked for only where it does.
    """

    term: Term
    words: str
    holds: pl.Expr
    first: pl.Expr | None = None


MANY = 50_000
"""From this many rows on, questions about all of them are asked in morsels, by several threads."""


def answers_of(frame: pl.DataFrame, questions: Iterable[pl.Expr]) -> tuple[Any, ...]:
    """One answer to each question about all rows of a frame; few rows are asked in one piece, which takes a third of the time."""
    asked = frame.lazy().select(each.alias(str(i)) for i, each in enumerate(questions))
    return asked.collect(engine="in-memory" if frame.height < MANY else "auto").row(0)


def unknown(contract: Contract) -> dict[str, pl.Expr]:
    """For each output, whether some row has no amount for it."""
    return {o.name: pl.col(o.of).is_null().any() | ~pl.col(o.of).is_finite().all() for o in contract.outputs}


def broken(promise: Promise, empty: frozenset[str] = frozenset(), meant: frozenset[str] = frozenset()) -> pl.Expr:
    """True on the rows on which a promise does not hold, though the clause knows all that it needs."""
    out = ~promise.holds.fill_null(False)
    known = known_rows(promise.term, empty, meant) if empty else None
    for test in (promise.first, known):
        out = out if test is None else out & test.fill_null(False)
    return out


def check_settled(contract: Contract, promises: Sequence[Promise], frame: pl.DataFrame, names: RowNames) -> None:
    """Refuse rows on which a clause cannot be applied, or that have no amount for an output.

    Raises:
        ContractError: the first such rows of each promise, amount and empty cell, all together.
    """
    faults = Faults()
    broken_on = _check_promises(contract, promises, frame, names, faults)
    kept = not len(faults)
    _check_amounts(contract, frame, names, faults, broken_on)
    message = "some rows have no settlement" if kept else "a clause cannot be applied"
    faults.raise_if_any(ContractError, f"{names.where}: {message}")


def _check_promises(
    contract: Contract, promises: Sequence[Promise], frame: pl.DataFrame, names: RowNames, faults: Faults
) -> pl.Series | None:
    """One fault for each of the first rows on which a promise is broken, with the values its clause works on.

    A row on which a clause's promise is broken is not asked for that clause's further promises.

    Returns:
        The rows on which some promise is broken; None where there are none.
    """
    every: pl.Series | None = None
    of_term: dict[str, pl.Series] = {}
    if not promises:
        return every
    empty, meant = empty_in(frame), meaningful(contract)
    tests = [broken(promise, empty, meant) for promise in promises]
    answers = answers_of(frame, (test.any() for test in tests))
    for hit, promise, test in zip(answers, promises, tests, strict=True):
        if hit:
            term = promise.term
            rows = frame.select(test).to_series()
            rows = rows if len(rows) == frame.height else rows.new_from_index(0, frame.height)
            rows = rows.fill_null(value=False)
            mine = of_term.get(term.step)
            new = rows if mine is None else rows & ~mine
            of_term[term.step] = rows if mine is None else rows | mine
            every = rows if every is None else every | rows
            if not new.any():
                continue
            rows = new
            names.add(
                faults, rows, _shown(term, frame).to_list(), f"step {term.step} ({term.term})", f"that {promise.words}"
            )
    return every


def _shown(term: Term, frame: pl.DataFrame) -> pl.Series:
    """The values a clause works on, row by row."""
    used = sorted({name for _, name, _ in term.references() if name in frame.columns})
    if not used:
        return pl.Series(["nothing"]).new_from_index(0, frame.height)
    each = [
        pl.lit(f"{name} ") + pl.col(name).cast(pl.String).str.replace(r"\.0$", "").fill_null("empty") for name in used
    ]
    return frame.select(pl.concat_str(each, separator=", ")).to_series()


def _check_amounts(
    contract: Contract, frame: pl.DataFrame, names: RowNames, faults: Faults, broken_on: pl.Series | None
) -> None:
    """Faults for rows without an amount and for amounts that are no number or too large, where no promise is broken."""
    kept = broken_on is None
    steps = [name for term in contract.terms for name in term.outputs() if name in frame.columns]
    if _all_plain(contract, steps, frame):
        return
    endless = {f"endless {name}": ~pl.col(name).is_finite().all() for name in steps}
    beyond = {f"beyond {o.name}": _beyond(o, contract).any() for o in contract.outputs if o.rounded_to is not None}
    questions = {**unknown(contract), **endless, **beyond}
    answers = dict(zip(questions, answers_of(frame, questions.values()), strict=True))
    if not any(answers.values()):
        return
    before = len(faults)
    for term in contract.terms:
        for name in term.outputs():
            if answers.get(f"endless {name}"):
                column = frame.get_column(name)
                hit = ~column.is_finite().fill_null(True)
                hit = hit if broken_on is None else hit & ~broken_on
                if not hit.any():
                    continue
                names.add(
                    faults, hit, _shown(term, frame).to_list(), f"step {term.step} ({term.term})",
                    f"that {name} is a number; it is {column.filter(hit)[0]}",
                )  # fmt: skip
    for output in contract.outputs:
        if answers.get(f"beyond {output.name}"):
            names.add(
                faults, frame.select(_beyond(output, contract)).to_series(), frame.get_column(output.of).to_list(),
                f"output {output.name!r}",
                f"at most {EXACT_UNITS:,.0f} {output.rounded_to}, up to which amounts are exact to the unit",
            )  # fmt: skip
    if len(faults) == before:
        _check_empty(contract, frame, names, faults, kept=kept)


def _all_plain(contract: Contract, steps: Sequence[str], frame: pl.DataFrame) -> bool:
    """Whether every amount is there, finite and small enough, by sums and extremes alone: nearly always it is."""
    ends = {o.of: max(1.0, _per(o, contract)) for o in contract.outputs}
    if any(frame.get_column(name).null_count() for name in ends):
        return False
    questions = {f"sum {name}": pl.col(name).sum() for name in steps}
    questions |= {f"{i} {name}": end(name).abs() for name in ends for i, end in enumerate((pl.max, pl.min))}
    found = dict(zip(questions, answers_of(frame, questions.values()), strict=True))
    if not all(math.isfinite(x) for x in found.values() if x is not None):
        return False
    return all(found[f"{i} {name}"] * per <= EXACT_UNITS for name, per in ends.items() for i in (0, 1))


def _per(output: Output, contract: Contract) -> float:
    return 1.0 if output.rounded_to is None else units_per(output.rounded_to, contract.amounts)


def _beyond(output: Output, contract: Contract) -> pl.Expr:
    return (pl.col(output.of).abs() * _per(output, contract) > EXACT_UNITS) & pl.col(output.of).is_finite()


def _check_empty(contract: Contract, frame: pl.DataFrame, names: RowNames, faults: Faults, *, kept: bool) -> None:
    """One fault for each empty cell that an output rests on, and, where promises are kept, for each step without a value."""
    steps = {name: term for term in contract.terms for name in term.outputs()}
    inputs = contract.input_map()
    reached: dict[str, pl.Series] = {}
    users: dict[str, Term] = {}
    waiting: list[tuple[str, pl.Series]] = [(o.of, frame.get_column(o.of).is_null()) for o in contract.outputs]
    while waiting:
        name, rows = waiting.pop()
        before = reached.get(name)
        reached[name] = rows if before is None else before | rows
        if name not in steps or (before is not None and (reached[name] == before).all()):
            continue
        term = steps[name]
        over = term.runs_across_rows()
        for other in rests_on(term):
            column = frame.get_column(other)
            here = column.is_null() if over else column.is_null() & rows
            if column.null_count() and here.any():
                users.setdefault(other, term)
                waiting.append((other, here))
    for name, rows in reached.items():
        if name in inputs:
            _add_empty(inputs[name], users.get(name), rows, names, faults)
        elif not kept:
            continue
        elif name in steps and not any(frame.get_column(other).null_count() for other in rests_on(steps[name])):
            what = f"step {name} ({steps[name].term})"
            names.add(faults, rows, _shown(steps[name], frame).to_list(), what, f"that {name} has a value")
        elif name not in steps:
            names.add(faults, rows, ["no value"], repr(name), "a value on every row on which it is used")
    if kept and not len(faults):
        for output in contract.outputs:
            column = frame.get_column(output.of)
            names.add(
                faults, column.is_null(), column.fill_null(math.nan).to_list(), f"output {output.name!r}", "a number"
            )


def _add_empty(each: Input, user: Term | None, rows: pl.Series, names: RowNames, faults: Faults) -> None:
    absent = each.heading not in names.rows.columns
    asks = user is not None and each.name in asked(user)
    use = "which is settled" if user is None else f"which step {user.step} ({user.term}) uses"
    declared = "`fails_where_empty`" if asks else "`default`"
    names.add(
        faults, rows, [f"no column {each.heading!r}" if absent else "an empty cell"], f"column {each.heading!r}",
        f"{described(each)}, {use}", f"Give it, or declare in the contract what an empty cell means ({declared}).",
    )  # fmt: skip


__all__ = ["Promise", "answers_of", "broken", "check_settled", "unknown"]
