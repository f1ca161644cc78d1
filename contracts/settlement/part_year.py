"""Rows that cover a part of a year: every sum of money brought to the row's own period by its declared basis.

    of the period     as it stands
    of 12 months      times months / 12
    at a date         as it stands: a balance covers no time

A row may state the basis of its sums in the input that `part_year.stated_in` names; a sum without a basis on a row of
fewer than twelve months is refused, as it could be read either way.
"""

from __future__ import annotations

import polars as pl

from contracts.document.models import Contract, Input
from contracts.language.units import is_money

BASES = ("period", "12 months")
"""What a row may state."""

_YEAR = 12.0


def stated(given: pl.Series) -> pl.Series:
    """Bases as rows state them, without regard to case and spaces; empty where a cell states none that is known."""
    plain = given.cast(pl.String).str.to_lowercase().str.replace_all(r"[\s_-]+", "")
    return plain.replace_strict({"period": BASES[0], "12months": BASES[1]}, default=None, return_dtype=pl.String)


def on_period(contract: Contract) -> list[pl.Expr]:
    """The sums of money of each row, brought to the row's own period; nothing where the contract has no part years."""
    if contract.part_year is None:
        return []
    months = pl.col(contract.part_year.months)
    return [
        pl.when(_of_year(each, contract))
        .then(pl.col(each.name) * months / _YEAR)
        .otherwise(pl.col(each.name))
        .alias(each.name)
        for each in _sums(contract)
        if each.basis == "12 months" or (each.basis_by_row and contract.part_year.stated_in is not None)
    ]


def undeclared(contract: Contract, given: pl.DataFrame) -> list[tuple[Input, pl.Series]]:
    """Sums of money without a basis, each with the rows of a part year on which it has a value."""
    if contract.part_year is None:
        return []
    part = pl.col(contract.part_year.months) != _YEAR
    out = []
    for each in _sums(contract):
        if each.basis is not None:
            continue
        hit = part & pl.col(each.name).is_not_null()
        if each.basis_by_row and contract.part_year.stated_in is not None:
            hit = hit & pl.col(contract.part_year.stated_in).is_null()
        out.append((each, given.select(hit.fill_null(False)).to_series()))
    return out


def _sums(contract: Contract) -> list[Input]:
    return [
        each for each in contract.inputs if each.type == "number" and (is_money(each.unit) or each.basis is not None)
    ]


def _of_year(each: Input, contract: Contract) -> pl.Expr:
    declared = pl.lit(each.basis == BASES[1])
    if contract.part_year is None or contract.part_year.stated_in is None or not each.basis_by_row:
        return declared
    return (pl.col(contract.part_year.stated_in) == BASES[1]).fill_null(declared)


__all__ = ["BASES", "on_period", "stated", "undeclared"]
