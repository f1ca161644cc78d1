"""What must hold of rows that were settled: each clause's promises, and an amount for every output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from capitation.errors import ContractError, Faults
from contracts.document.models import Contract
from contracts.settlement.rows import RowNames
from contracts.terms._base import Term


class Promise(NamedTuple):
    """What a clause promises of every row, in words, with an expression that is true where it holds."""

    term: Term
    words: str
    holds: pl.Expr


def unknown(contract: Contract) -> dict[str, pl.Expr]:
    """For each output, whether some row has no amount for it."""
    return {o.name: pl.col(o.of).is_null().any() | ~pl.col(o.of).is_finite().all() for o in contract.outputs}


def broken(promise: Promise) -> pl.Expr:
    """True on the rows on which a promise does not hold."""
    return ~promise.holds.fill_null(False)


def check_promises(promises: Sequence[Promise], frame: pl.DataFrame, names: RowNames) -> None:
    """Refuse rows on which a clause cannot be applied, each with the values the clause works on.

    Raises:
        ContractError: the first such rows of each promise, all together.
    """
    if not promises:
        return
    asked = (broken(promise).any().alias(str(i)) for i, promise in enumerate(promises))
    answers = frame.lazy().select(asked).collect().row(0)
    if not any(answers):
        return
    faults = Faults()
    for hit, promise in zip(answers, promises, strict=True):
        if hit:
            term = promise.term
            names.add(
                faults,
                frame.select(broken(promise)).to_series(),
                _shown(term, frame),
                f"step {term.step} ({term.term})",
                f"that {promise.words}",
            )
    faults.raise_if_any(ContractError, f"{names.where}: a clause cannot be applied")


def _shown(term: Term, frame: pl.DataFrame) -> pl.Series:
    """The values a clause works on, row by row."""
    used = sorted({name for _, name, _ in term.references() if name in frame.columns})
    if not used:
        return pl.Series(["nothing"]).new_from_index(0, frame.height)
    each = [pl.lit(f"{name} ") + pl.col(name).cast(pl.String).fill_null("empty") for name in used]
    return frame.select(pl.concat_str(each, separator=", ")).to_series()


def check_known(contract: Contract, frame: pl.DataFrame, names: RowNames) -> None:
    """Refuse rows that have no amount for an output.

    Raises:
        ContractError: the first such rows of each output, with the first step that has no amount; all together.
    """
    answers = frame.lazy().select(**unknown(contract)).collect().row(0)
    faults = Faults()
    for hit, output in zip(answers, contract.outputs, strict=True):
        if hit:
            column = frame.get_column(output.of)
            first = [o for term in contract.terms for o in term.outputs() if _incomplete(frame.get_column(o))]
            names.add(
                faults,
                column.is_null() | ~column.is_finite().fill_null(True),
                column.fill_null(math.nan),
                f"output {output.name!r}",
                "a number",
                f"The first step without one is {first[0]!r}." if first else "",
            )
    faults.raise_if_any(ContractError, f"{names.where}: some rows have no settlement")


def _incomplete(column: pl.Series) -> bool:
    return bool(column.is_null().any()) or not column.is_finite().fill_null(True).all()


__all__ = ["Promise", "broken", "check_known", "check_promises", "unknown"]
