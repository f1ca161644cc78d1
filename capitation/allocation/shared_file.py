"""One total shared over the rows of a file, at every level, by weights of any scale.

Weights are read digit by digit as they are written, so shares depend on their proportions alone: 0.0000014 and 0.0000006 are 70% and
30%, as 1.4 and 0.6 are.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

import polars as pl

from capitation.allocation.tree import shared_down
from capitation.errors import Faults, FrameError, ScenarioError, SourceError
from capitation.money.written_numbers import exact_number
from capitation.pack.rows import Given, RawTable, raw_table, rows_of, spelling_faults
from capitation.pack.total_rows import total_faults
from capitation.records.columns import ALLOCATION_PENCE, STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

_WHOLE, _TOP = "__whole", "__top"
_BITS = 2**120
"""What the weights of a file may add to once they are whole numbers of one scale."""


class SharedTotal(Schema):
    """What one node of the tree of a file receives, at any level."""

    year = YEAR
    stream = STREAM
    level = Column(pl.String, "level", "Level of the tree: a column of the file, or the whole", key=True)
    code = Column(pl.String, "code", "Code of the node at that level", key=True)
    parent_code = Column(pl.String, "code", "Code of the node it was cut out of; empty at the top level", nullable=True)
    weight = Column(pl.Float64, "weight as given", "Weight below the node", ge=0)
    allocation_pence = ALLOCATION_PENCE.but(about="Money the node receives", ge=None)


def allocate_file(
    total_pence: int, weights: Given, levels: Sequence[str], *, weight: str, year: FinancialYear, stream: str = "total"
) -> Frame[SharedTotal]:
    """The allocation of one total over the rows of a file, at every level.

    Args:
        total_pence: the total.
        weights: a table, one row a leaf, with a column for each level and the weight column.
        levels: column names from the coarsest level to the leaf; the leaf's codes are unique.
        weight: name of the weight column, such as `weighted_persons`.
        year: year the total is for.
        stream: a name for the money.

    Returns:
        One row a node and level; the top is the level "system", or "whole" where the file has a level of that name.

    Raises:
        ScenarioError: no level is given, or one twice.
        SourceError: the file cannot be read or has other columns, a row is the sum of the others, or a code has two
            spellings.
        FrameError: a leaf is repeated, a weight is negative, or a node has two parents.
        NothingToShareError: all weights are 0.
    """
    if not levels or len(set(levels)) < len(levels) or weight in levels:
        raise ScenarioError(
            f"found the levels {', '.join(levels) or 'none'} and the weight {weight!r}; expected different column names"
        )
    table = raw_table(weights)
    read = _rows(table, levels, weight)
    if read.is_empty():
        raise SourceError(f"{table.where}: found headings and no row; expected one row for each receiver")
    whole, scale = _whole(read.get_column(weight), table, weight)
    names = [f"__level{n}" for n in range(len(levels))]
    leaves = read.select(
        pl.lit(str(year)).alias("year"),
        pl.lit(stream).alias("stream"),
        pl.lit("system").alias(_TOP),
        *(pl.col(level).alias(name) for level, name in zip(levels, names, strict=True)),
        whole.alias(_WHOLE),
    )
    parents = pl.DataFrame(
        {"year": [str(year)], "stream": [stream], _TOP: ["system"], "allocation_pence": [total_pence]}
    )
    top = next(word for word in ("system", "whole", "whole total") if word not in levels)
    shown = dict(zip([_TOP, *names], [top, *levels], strict=True))
    nodes = shared_down(parents, leaves, [_TOP, *names], weight=_WHOLE, shown=shown)
    return SharedTotal.validate(
        nodes.with_columns((pl.col(_WHOLE).cast(pl.Float64) / float(scale)).alias("weight")).select(
            *SharedTotal.columns()
        )
    )


def _rows(table: RawTable, levels: Sequence[str], weight: str) -> pl.DataFrame:
    """Codes and weights in the order of the file, once no row is a total and every code has one spelling."""
    columns = {name: Column(pl.String, "code", f"Code at level {name}", key=name == levels[-1]) for name in levels}
    columns[weight] = Column(pl.Float64, "weight", "Weight of the leaf", ge=0)
    for name, column in columns.items():
        column.name = name
    leaf: type[Schema] = type("Leaf", (Schema,), columns)
    checked = rows_of(table, leaf, keep_extra=True)
    faults = Faults()
    cells = table.cells.select(*(pl.col(level).cast(pl.String) for level in levels), weight)
    for level in levels[:-1]:
        faults.extend(
            spelling_faults(cells.unique(level, keep="first", maintain_order=True), [level], _first(table, level))
        )
    if not table.may_total:
        numbers = checked.select(levels[-1], weight)
        lined = cells.select(levels[-1]).join(numbers, on=levels[-1], how="left", maintain_order="left")
        faults.extend(total_faults(lined, [levels[-1]], [weight], table.where, table.lines, "--no-total-row"))
    faults.raise_if_any(SourceError, f"{table.where}: some rows cannot be shared over")
    return cells


def _first(table: RawTable, level: str) -> RawTable:
    """The first row of each code of a level, on the lines of the file."""
    rows = table.cells.with_row_index("__row").unique(level, keep="first", maintain_order=True)
    lines = [table.line(row) for row in rows["__row"]]
    return RawTable(table.where, rows.drop("__row"), _lines=lambda: lines)


def _whole(cells: pl.Series, table: RawTable, weight: str) -> tuple[pl.Series, int]:
    """The weights as whole numbers of one scale, and what one of them is divided by.

    Raises:
        FrameError: weights so far apart that 128 bits cannot hold them all.
    """
    exact = [Fraction(exact_number(c) if isinstance(c, str) else Decimal(repr(c))) for c in cells]
    under = lcm(*(f.denominator for f in exact)) if exact else 1
    whole = [f.numerator * (under // f.denominator) for f in exact]
    if sum(whole) >= _BITS:
        smallest = min(float(f) for f in exact if f)
        raise FrameError(
            f"{table.where}: column {weight!r}: found weights from {smallest:g} to {float(max(exact)):g} "
            f"with {len(str(under)) - 1} decimals; expected weights within 36 digits of each other. Round them first"
        )
    return pl.Series(weight, whole, dtype=pl.Int128), under
