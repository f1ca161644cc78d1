"""Money leaves text formats in pounds with exactly two decimals, under the heading `..._gbp`; everything else leaves as it is."""

from __future__ import annotations

import polars as pl


def in_pounds(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with each Int64 `..._pence` column as text `..._gbp`, pounds with exactly two decimals.

    Example:
        allocation_pence -123456 becomes allocation_gbp "-1234.56".
    """
    return frame.with_columns(_pounds(name) for name in money_columns(frame)).rename(headings(frame))


def money_columns(frame: pl.DataFrame) -> list[str]:
    """The columns of a frame that are money: whole pence."""
    return [name for name, dtype in frame.schema.items() if name.endswith("_pence") and dtype == pl.Int64]


def headings(frame: pl.DataFrame) -> dict[str, str]:
    """Heading in pounds by each column of pence."""
    return {name: f"{name.removesuffix('_pence')}_gbp" for name in money_columns(frame)}


def _pounds(name: str) -> pl.Expr:
    size = pl.col(name).abs()
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    text = pl.concat_str(
        sign, (size // 100).cast(pl.String), pl.lit("."), (size % 100).cast(pl.String).str.zfill(2), ignore_nulls=False
    )
    return text.alias(name)
