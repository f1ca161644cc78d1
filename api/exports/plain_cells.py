"""Texts in CSV files that a spreadsheet would run as a formula leave with an apostrophe before them, which it shows as text."""

from __future__ import annotations

import polars as pl

RUN = r"^[\s\p{Z}\p{C}]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r]"
"""Signs with which a formula begins, as wide ones too, behind whatever cannot be seen."""

_NO_FORMULA = r"^([+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|-+)$"


def plain_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with an apostrophe before each text that begins as a formula does and is neither a number nor a dash, in cells and headings.

    Example:
        "=1+1" becomes "'=1+1"; "-5.00" and "A-1" stay.
    """
    texts = [name for name, dtype in frame.schema.items() if dtype in (pl.String, pl.Categorical) or dtype == pl.Enum]
    at_risk = [
        name for name in texts if frame.get_column(name).cast(pl.String).str.contains(RUN).any(ignore_nulls=True)
    ]
    if at_risk:
        frame = frame.with_columns(_plain(pl.col(name).cast(pl.String)).alias(name) for name in at_risk)
    headings = pl.Series(frame.columns, dtype=pl.String)
    named = {name: f"'{name}" for name in headings.filter(headings.str.contains(RUN))}
    return frame.rename(named) if named else frame


def _plain(text: pl.Expr) -> pl.Expr:
    is_run = text.str.contains(RUN) & ~text.str.contains(_NO_FORMULA)
    return pl.when(is_run).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
