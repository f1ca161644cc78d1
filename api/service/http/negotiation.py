"""Formats: a frame leaves as JSON, NDJSON, CSV, Arrow IPC or Parquet, whichever the Accept header asks for.

Text formats carry money in pounds as texts with exactly two decimals under `..._gbp`; Arrow and Parquet carry whole pence under
`..._pence`, with currency and unit in the field's metadata.
"""

from __future__ import annotations

import io
import json
import math
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from api.service.records.failures import ServiceError

if TYPE_CHECKING:
    import pyarrow as pa

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

FRAME_FORMATS = (JSON, NDJSON, CSV, ARROW, PARQUET)
"""Formats in which rows leave, the default first."""


@lru_cache(maxsize=1024)
def chosen(accept: str | None, offered: tuple[str, ...] = FRAME_FORMATS) -> str:
    """The offered format that the Accept header prefers; the first one where it has no preference.

    Raises:
        ServiceError: 406 where none of those asked for is offered.
    """
    if not accept or not accept.strip():
        return offered[0]
    best: tuple[float, int] | None = None
    for index, media in enumerate(offered):
        quality = _quality(accept, media)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, index)
    if best is None:
        raise ServiceError("not-acceptable", f"Accept asks for {accept!r}; offered are {', '.join(offered)}")
    return offered[best[1]]


def _quality(accept: str, media: str) -> float:
    """The quality of the most exact range of the header that covers `media`."""
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *rest = (word.strip() for word in part.split(";"))
        quality = 1.0
        for word in rest:
            key, _, value = word.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = min(1.0, max(0.0, float(value)))
                except ValueError:
                    quality = 0.0
        ranges = ["*/*", f"{media.partition('/')[0]}/*", media]
        if name.lower() in ranges:
            found = max(found, (ranges.index(name.lower()), quality), key=lambda each: each[0])
    return found[1]


def rendered(frame: pl.DataFrame, media: str, next_cursor: str | None = None) -> bytes:
    """The rows in a format; JSON also says where the next page begins."""
    if media == JSON:
        rows = _text_rows(frame).write_json()
        return f'{{"rows":{rows},"next":{json.dumps(next_cursor)}}}'.encode()
    if media == NDJSON:
        return _text_rows(frame).write_ndjson().encode()
    if media == CSV:
        return plain_cells(_in_pounds(frame)).write_csv().encode()
    table = _marked(frame)
    buffer = io.BytesIO()
    if media == ARROW:
        import pyarrow.ipc as arrow_ipc

        with arrow_ipc.new_stream(buffer, table.schema) as stream:
            stream.write_table(table)
    else:
        import pyarrow.parquet as parquet

        parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _text_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Money as texts; a number that is not finite, which JSON has no word for, as nothing."""
    floats = [each for each in frame.get_columns() if each.dtype.is_float()]
    numbers = [each.name for each in floats if not math.isfinite(each.sum())]  # of finite numbers, unless they are huge
    finite = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers]
    return _in_pounds(frame.with_columns(finite) if finite else frame)


def _in_pounds(frame: pl.DataFrame) -> pl.DataFrame:
    """Money in pounds, where the column's name says that it is money and where the unit beside it does.

    An `amount` in pence or pounds leaves as `amount_gbp`; one of anything else, such as cents, stays as it is. Where a table has
    both, the one that a row is not is empty.
    """
    if frame.schema.get("amount") != pl.Int64 or frame.schema.get("unit") != pl.String:
        return in_pounds(frame)
    unit, amount = pl.col("unit"), pl.col("amount")
    is_money = unit.is_in([*_PENCE_IN]).fill_null(value=False)
    pence = pl.when(is_money).then(amount * unit.replace_strict(_PENCE_IN, default=None, return_dtype=pl.Int64))
    has_money, has_other = (not frame.filter(each).is_empty() for each in (is_money, ~is_money))
    if not has_money:
        return in_pounds(frame)
    shown: list[pl.Expr] = []
    for name in frame.columns:
        if name == "unit":
            shown.append(pl.when(is_money).then(pl.lit("pounds")).otherwise(unit).alias(name))
        elif name != "amount":
            shown.append(pl.col(name))
        else:
            shown += [pence.alias("amount_pence")]
            shown += [pl.when(~is_money).then(amount).alias(name)] if has_other else []
    return in_pounds(frame.select(shown))


_PENCE_IN = {"pence": 1, "pounds": 100}
"""Pence in one of each unit of this currency."""


def _marked(frame: pl.DataFrame) -> pa.Table:
    import pyarrow as pa

    table = frame.to_arrow()
    fields = []
    for field in table.schema:
        if field.name.endswith("_pence"):
            fields.append(field.with_metadata({"currency": "GBP", "unit": "penny"}))
        else:
            fields.append(field)
    return table.cast(pa.schema(fields))
