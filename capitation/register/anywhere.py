"""The count of a register's persons where the data already is: one narwhals expression, run by DuckDB, Spark, polars or whatever has the table.

The same rows come out as `build` writes; only they leave the database, never a row of a person. Needs the extra capitation[anywhere].
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from capitation.errors import Faults, SourceError
from capitation.register.cells import COLUMNS
from capitation.register.document import Codes, PersonColumns

KEY = [name for name in COLUMNS if name not in {"persons", "cost_pence"}]


def counts(table: Any, codes: Codes, columns: PersonColumns | None = None) -> pl.DataFrame:  # noqa: ANN401  # any table that narwhals knows
    """The cells of a table of persons, counted by whatever engine has it.

    Args:
        table: a DuckDB relation, a Spark, polars, Dask or Ibis frame with the columns of a register, codes as row numbers.
        codes: the register's codes.
        columns: names of its columns.

    Raises:
        SourceError: a column is missing, or some rows have unknown codes or impossible ages; how many of each, all at once.
    """
    named = columns or PersonColumns()
    given = nw.from_native(table).lazy()
    missing = sorted(set(named.model_dump().values()) - set(given.collect_schema().names()))
    faults = Faults()
    for name in missing:
        faults.add("the table", f"no column {name!r}", "the columns of a register")
    faults.raise_if_any(SourceError, "the persons cannot be counted")
    limits = {
        named.practice: (0, codes.practices.height - 1, "a known practice"),
        named.area: (0, codes.areas.height - 1, "a known small area"),
        named.age: (0, codes.oldest, f"an age from 0 to {codes.oldest}"),
        named.sex: (1, 2, "1 (male) or 2 (female)"),
        named.flags: (0, 2 ** len(codes.flags) - 1, f"flags of {len(codes.flags)} bits"),
    }
    is_bad = {
        name: ~nw.col(name).is_between(low, high) | nw.col(name).is_null() for name, (low, high, _) in limits.items()
    }
    bad = given.select(*(broken.cast(nw.Int64).sum().alias(name) for name, broken in is_bad.items())).collect("polars")
    found = bad.to_native().row(0, named=True)
    for name, (_, _, expected) in limits.items():
        if found[name]:
            faults.add(f"column {name!r}", f"{int(found[name]):,} row(s) outside", expected)
    faults.raise_if_any(SourceError, "the persons cannot be counted")
    whole = counted(given, codes, named).collect("polars").to_native()
    return pl.DataFrame(whole).cast({name: getattr(pl, _POLARS[kind]) for name, kind in COLUMNS.items()}).sort(KEY)


_POLARS = {"uint8": "UInt8", "uint16": "UInt16", "uint32": "UInt32", "int64": "Int64"}


def counted(table: nw.LazyFrame[Any], codes: Codes, named: PersonColumns) -> nw.LazyFrame[Any]:
    """The expression: persons and cost by practice, area, age band, sex and flags, in whole numbers."""
    band = nw.lit(0)
    for start in codes.age_from[1:]:
        band = band + (nw.col(named.age) >= start).cast(nw.Int64)
    return (
        table.select(
            nw.col(named.practice).alias("practice"),
            nw.col(named.area).alias("area"),
            band.alias("age_band"),
            (nw.col(named.sex).cast(nw.Int64) - 1).alias("sex"),
            nw.col(named.flags).alias("flags"),
            nw.col(named.cost).alias("cost_pence"),
        )
        .group_by(KEY)
        .agg(nw.len().alias("persons"), nw.col("cost_pence").sum().alias("cost_pence"))
        .select(list(COLUMNS))
    )


__all__ = ["counted", "counts"]
