"""Allocation down the tree: a total becomes whole pence at every level, and all levels add up at once.

    level 0 (system) -> level 1 (place) -> level 2 (locality) -> level 3 (practice)

At each level a parent's pence are shared among its children by the sum of the leaf weights below them (largest
remainder, ties by code). Because every level is cut out of the one above, children add to their parent to the penny
at every level, whatever the depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.money.apportion import apportion
from capitation.money.weights import exact_sums, whole_and_unit
from capitation.records.columns import ALLOCATION_PENCE, STREAM, WEIGHTED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema

_PERSONS = "weighted_persons"
"""Column of the weights."""


class LevelAllocation(Schema):
    """What one node of the tree receives, at any level."""

    year = YEAR
    stream = STREAM
    level = Column(pl.String, "level", "Level of the tree, such as place, locality or practice", key=True)
    code = Column(pl.String, "code", "Code of the node at that level", key=True)
    parent_code = Column(pl.String, "code", "Code of the node it was cut out of; empty at the top level", nullable=True)
    weighted_persons = WEIGHTED_PERSONS.but(about="Weight below the node")
    allocation_pence = ALLOCATION_PENCE.but(about="Money the node receives", ge=None)


def allocate_down(
    parents: pl.DataFrame, leaves: pl.DataFrame, levels: Sequence[str], *, top: str = "system"
) -> Frame[LevelAllocation]:
    """The allocation of every node at every level below the given totals.

    Args:
        parents: year, stream, code of the node at the first of `levels`' parent (column named by `top`), and
            `allocation_pence`; a total for the whole system has one row a year and stream.
        leaves: year, stream, one column for `top` and one for each of `levels` (codes), and `weighted_persons`; one row
            a leaf, which is the last of `levels`.
        levels: names of the levels below `top`, from the coarsest to the leaf.
        top: name of the level whose totals are given.

    Returns:
        One row a node and level, the given totals included, in key order.

    Raises:
        FrameError: a node has two parents, or a leaf's parent has no total.
        NothingToShareError: a node has money but no weight below it.

    Rule: largest remainder at each level (see `capitation.money.pence`).

    Example:
        100 pence over place A (weights 1 and 1) and B (weight 1): A has 67 and B 33; A's leaves have 34 and 33.
    """
    return allocate_levels(parents, leaves, [top, *levels], given=top)


def allocate_levels(
    totals: pl.DataFrame, leaves: pl.DataFrame, path: Sequence[str], *, given: str
) -> Frame[LevelAllocation]:
    """The allocation of every node of every level of a tree: below the given totals cut out of them, above added up.

    Args:
        totals: year, stream, code of the node (column named by `given`) and `allocation_pence`.
        leaves: year, stream, one column for each level of `path` (codes), and `weighted_persons`; one row a leaf.
        path: names of the levels from the coarsest to the leaf.
        given: the level of `path` whose totals are given.

    Returns:
        One row a node and level, in key order.

    Raises:
        FrameError: a node has two parents, or a leaf's node at the given level has no total.
        NothingToShareError: a node has money but no weight below it.

    Example:
        Localities of 60 and 40 pence in one place: their practices share 60 and 40, the place has 100.
    """
    _check_weights(leaves, path[-1])
    exact = whole_and_unit(leaves.get_column(_PERSONS))
    whole, unit = (leaves.get_column(_PERSONS), 1.0) if exact is None else exact
    nodes = _levels(totals, leaves.with_columns(whole.alias(_PERSONS)), path, given, _PERSONS)
    return LevelAllocation.validate(nodes.with_columns(pl.col(_PERSONS).cast(pl.Float64) / unit))


def add_levels(
    own: pl.DataFrame, beside: pl.DataFrame, leaves: pl.DataFrame, path: Sequence[str], *, given: str
) -> pl.DataFrame:
    """Every level added up from leaves that have money of their own, with their part of other money that is cut out of a level.

    Args:
        own: year, stream, code of the leaf (column named by the last of `path`) and `allocation_pence`.
        beside: year, stream, code of the node at the level `given` and `allocation_pence`.
        leaves: as `allocate_levels` reads them.
        path: names of the levels from the coarsest to the leaf.
        given: the level of the other money.

    Example:
        Leaves of 60 and 40 pence with equal weights, 10 pence beside for their parent: 65 and 45, the parent has 110.
    """
    if own.is_empty():
        return LevelAllocation.empty()
    leaf = path[-1]
    key = ["year", "stream", leaf]
    more = (
        allocate_levels(beside, leaves, path, given=given)
        .filter(pl.col("level") == leaf)
        .select("year", "stream", pl.col("code").alias(leaf), more="allocation_pence")
    )
    both = own.join(more, on=key, how="left", validate="1:1")
    whole = both.select(*key, pl.col("allocation_pence") + pl.col("more"))
    return allocate_levels(whole, leaves, path, given=leaf)


def shared_down(
    parents: pl.DataFrame, leaves: pl.DataFrame, path: Sequence[str], *, weight: str, shown: Mapping[str, str]
) -> pl.DataFrame:
    """`allocate_down` for weights of another name, and levels whose columns go by another name than is shown.

    Args:
        parents: year, stream, code of the node at the first of `path`, and `allocation_pence`.
        leaves: year, stream, one column for each of `path`, and the weight; one row a leaf.
        path: columns of the levels from the coarsest to the leaf.
        weight: column of whole numbers.
        shown: what each level is called.

    Raises:
        FrameError: a node has two parents, or a leaf's parent has no total.
        NothingToShareError: a node has money but no weight below it.
    """
    nodes = _levels(parents, leaves, path, path[0], weight, shown)
    return nodes.with_columns(pl.col("level").replace(dict(shown)))


def _levels(
    totals: pl.DataFrame,
    leaves: pl.DataFrame,
    path: Sequence[str],
    given: str,
    weight: str,
    shown: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    at = list(path).index(given)
    _check_tree(totals, leaves, list(path), given, shown or {})
    weights = _sums(leaves, ["year", "stream", given], weight)
    start = totals.select("year", "stream", given, "allocation_pence").join(
        weights, on=["year", "stream", given], how="left"
    )
    start = start.with_columns(pl.col(weight).fill_null(0))
    levels, nodes = [], start
    for parent, level in pairwise(path[at:]):
        above = nodes.select("year", "stream", parent, pl.col("allocation_pence").alias("parent_pence"))
        below = _sums(leaves, ["year", "stream", parent, level], weight)
        nodes = apportion(
            below.join(above, on=["year", "stream", parent], how="left", validate="m:1"),
            total="parent_pence",
            weight=weight,
            within=["year", "stream", parent],
            order_by=[level],
            into="allocation_pence",
        )
        levels.append(_level(nodes, level, parent, weight))
    nodes = start
    for level, parent in pairwise(reversed(path[: at + 1])):
        homes = leaves.select("year", "stream", level, parent).unique()
        nodes = nodes.join(homes, on=["year", "stream", level], how="left", validate="m:1")
        levels.append(_level(nodes, level, parent, weight))
        group = ["year", "stream", parent]
        money = nodes.group_by(group).agg(pl.col("allocation_pence").sum())
        nodes = _sums(nodes, group, weight).join(money, on=group, how="left", validate="1:1")
    levels.append(_level(nodes, path[0], None, weight))
    return pl.concat(levels)


def _sums(rows: pl.DataFrame, by: Sequence[str], weight: str) -> pl.DataFrame:
    """Weights added up by group, whole numbers as they are and floats exactly, whatever the order of rows."""
    if rows.schema[weight].is_float():
        return exact_sums(rows, by, weight)
    return rows.group_by(by).agg(pl.col(weight).sum())


def _check_weights(leaves: pl.DataFrame, leaf: str) -> None:
    """Refuse weights that are empty, negative or no numbers."""
    weight = pl.col(_PERSONS).cast(pl.Float64)
    bad = leaves.filter(weight.is_null() | ~weight.is_finite() | (weight < 0))
    if bad.height:
        faults = [
            Fault(
                f"{leaf} {row[leaf]} in {row['year']}, stream {row['stream']}",
                f"{_PERSONS} {row[_PERSONS]}",
                "a number of 0 or more",
            )
            for row in bad.head(10).iter_rows(named=True)
        ]
        raise FrameError("the tree cannot be allocated over", faults)


def _level(nodes: pl.DataFrame, level: str, parent: str | None, weight: str) -> pl.DataFrame:
    above = pl.lit(None, dtype=pl.String) if parent is None else pl.col(parent)
    return nodes.select(
        "year",
        "stream",
        pl.lit(level).alias("level"),
        pl.col(level).alias("code"),
        above.alias("parent_code"),
        weight,
        "allocation_pence",
    )


def _check_tree(
    parents: pl.DataFrame, leaves: pl.DataFrame, path: list[str], top: str, shown: Mapping[str, str]
) -> None:
    faults = []
    for parent, level in pairwise(path):
        split = (
            leaves.group_by("year", "stream", level)
            .agg(pl.col(parent).unique().sort().alias("parents"))
            .filter(pl.col("parents").list.len() > 1)
            .sort("year", "stream", level)
        )
        faults += [
            Fault(
                f"{shown.get(level, level)} {row[level]} in {row['year']}",
                f"{shown.get(parent, parent)}s {', '.join(row['parents'])}",
                f"one {shown.get(parent, parent)}",
            )
            for row in split.head(10).iter_rows(named=True)
        ]
    lost = leaves.join(parents, on=["year", "stream", top], how="anti").select("year", "stream", top).unique()
    faults += [
        Fault(
            f"{top} {row[top]}",
            f"no {row['stream']} total for {row['year']}",
            "a total for every year, stream and node",
        )
        for row in lost.sort("year", "stream", top).head(10).iter_rows(named=True)
    ]
    barren = parents.filter(pl.col("allocation_pence") != 0).join(leaves, on=["year", "stream", top], how="anti")
    faults += [
        Fault(
            f"{top} {row[top]} in {row['year']}",
            f"{row['allocation_pence']} pence of stream {row['stream']} and nothing below it",
            "at least one leaf to receive it",
        )
        for row in barren.head(10).iter_rows(named=True)
    ]
    if faults:
        raise FrameError("the tree cannot be allocated over", faults)
