"""The values that a row has besides what it brings: empty cells as declared, dates, and each parameter on the row's own date.

A parameter takes the value that holds on the row's own date and for the row's own label, so one file may mix years,
agreements and tracks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from typing import Any

import polars as pl

from contracts.document.models import Contract, ContractParameter, Input, NamedDate, ParameterValue

ROW = "__row"
"""Where each row stood in the rows as they were given, from 0."""

_NOTHING = pl.lit(None, dtype=pl.Float64)


def dtype_of(each: Input) -> pl.DataType:
    """How an input's values are kept."""
    kinds = {"text": pl.String(), "financial_year": pl.String(), "date": pl.Date()}
    return kinds.get(each.type, pl.Float64())


def default_of(each: Input) -> pl.Expr:
    """An input that declares a default, its empty cells filled with it."""
    given, default = pl.col(each.name), each.default
    if isinstance(default, str) and each.type in {"number", "year"}:
        return given.fill_null(pl.col(default))
    if isinstance(default, str) and each.type == "flag":
        return given.fill_null((pl.col(default) != 0).cast(pl.Float64))
    if each.type == "date":
        return given.fill_null(dt.date.fromisoformat(str(default)))
    if each.type in {"text", "financial_year"}:
        return given.fill_null(pl.lit(str(default)))
    return given.fill_null(float(default))  # type: ignore[arg-type]  # asked only where there is one


def date_of(date: NamedDate, contract: Contract) -> pl.Expr:
    """A named date: the row's own, or the day and month of its year."""
    from_year = None
    if date.year is not None:
        if contract.input_map()[date.year].type == "financial_year":
            start = pl.col(date.year).str.slice(0, 4).cast(pl.Int32, strict=False)
            # A month before April belongs to the next calendar year of a financial year; 1 January as written means April.
            month = 4 if date.month == 1 and date.day == 1 else date.month
            start = start + 1 if month < 4 else start
        else:
            start, month = pl.col(date.year).cast(pl.Int32, strict=False), date.month
        from_year = pl.date(start + date.plus_years, month, date.day)
    if date.input is None:
        return (from_year if from_year is not None else pl.lit(None, dtype=pl.Date)).alias(date.name)
    own = pl.col(date.input)
    return (own if from_year is None else own.fill_null(from_year)).alias(date.name)


def parameter_of(parameter: ContractParameter) -> pl.Expr:
    """A parameter's value on each row, empty where it has none."""
    date = pl.col(parameter.dated_by)

    def later(before: pl.Expr, dated: ParameterValue) -> pl.Expr:
        own = _value(dated, parameter.by)
        return own if dated.since is None else pl.when(date >= dated.since).then(own).otherwise(before)

    known = reduce(later, parameter.values, _NOTHING)
    if parameter.ends is not None:
        known = pl.when(date < parameter.ends).then(known).otherwise(_NOTHING)
    return known.alias(parameter.name)


def _value(dated: ParameterValue, by: str | None) -> pl.Expr:
    if by is None:
        return pl.lit(float(dated.value))  # type: ignore[arg-type]  # values by label have `by`
    labels = dated.value if isinstance(dated.value, dict) else {}
    found = {str(label): float(x) for label, x in labels.items()}
    return pl.col(by).replace_strict(found, default=None, return_dtype=pl.Float64)


def parameter_on(parameter: ContractParameter, row: Mapping[str, Any]) -> float | None:
    """A parameter's value on one row in plain Python: the second way to the column of it."""
    date = row.get(parameter.dated_by)
    if parameter.ends is not None and (date is None or date >= parameter.ends):
        return None
    known: Any = None
    for dated in parameter.values:
        if dated.since is None or (date is not None and date >= dated.since):
            known = dated.value
    if parameter.by is not None:
        known = None if known is None else known.get(str(row[parameter.by]))
    return None if known is None else float(known)


__all__ = ["ROW", "date_of", "default_of", "dtype_of", "parameter_of", "parameter_on"]
