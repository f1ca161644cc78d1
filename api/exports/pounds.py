"""Money leaves text formats in pounds with exactly two decimals, under the heading `..._gbp`; everything else leaves as it is."""

from __future__ import annotations

import polars as pl

from capitation.money.pence import decimal_text


def in_pounds(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with each Int64 `..._pence` column as text `..._gbp`, pounds with exactly two decimals.

    Example:
        allocation_pence -123456 becomes allocation_gbp "-1234.56".
    """
    named = headings(frame)
    if frame.height > _FEW:
        return frame.with_columns(_pounds(name) for name in named).rename(named)
    columns = [_few_pounds(each, named[each.name]) if each.name in named else each for each in frame.get_columns()]
    return pl.DataFrame(columns)


def money_columns(frame: pl.DataFrame) -> list[str]:
    """The columns of a frame that are money: whole pence."""
    return [name for name, dtype in frame.schema.items() if name.endswith("_pence") and dtype == pl.Int64]


def headings(frame: pl.DataFrame) -> dict[str, str]:
    """Heading in pounds by each column of pence."""
    return {name: f"{name.removesuffix('_pence')}_gbp" for name in money_columns(frame)}


_FEW = 1_000
"""Rows up to which each amount is written by itself: for a page of them that takes less time than to plan a query."""


def _few_pounds(pence: pl.Series, heading: str) -> pl.Series:
    texts = [None if each is None else decimal_text(each) for each in pence]
    return pl.Series(heading, texts, dtype=pl.String)


def _pounds(name: str) -> pl.Expr:
    size = pl.col(name).abs()
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    text = pl.concat_str(
        sign, (size // 100).cast(pl.String), pl.lit("."), (size % 100).cast(pl.String).str.zfill(2), ignore_nulls=False
    )
    return text.alias(name)
