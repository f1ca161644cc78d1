"""Many formulas at once: weight sets over one register as a product of matrices, and how firmly each locality stands under them.

    Y = X S'      X: practices x components, counted once;  S: sets x components;  Y: weighted persons of practices under each set

A stability table says for each locality how far its need index moves between sets (formula noise) beside how far it is from 1 (need):
where the whole range of sets lies on one side of 1, the locality's need is real whatever the formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from capitation.errors import Faults, SourceError, suggest
from capitation.pack.rows import raw_table
from capitation.register.weigh import Weighed, with_index

Numbers = np.ndarray[Any, Any]

LARGEST_BYTES = 256_000_000
"""The largest block of a product."""

LOW, HIGH = 0.05, 0.95
"""Between these shares of the sets is the range that a stability table shows."""


@dataclass(frozen=True)
class WeightSets:
    """Sets of shares of components; the shares of a set add to 1."""

    names: tuple[str, ...]
    components: tuple[str, ...]
    shares: Numbers
    """Set x component."""


def products(x: Numbers, sets: WeightSets, largest_bytes: int = LARGEST_BYTES) -> Iterator[tuple[slice, Numbers]]:
    """Weighted persons of practices under every set, block by block of practices.

    Args:
        x: weighted persons by component, a row a practice.
        sets: the sets.
        largest_bytes: size of the largest block, which is written over by the next.
    """
    step = max(1, min(x.shape[0], largest_bytes // max(1, 8 * len(sets.names))))
    right = np.ascontiguousarray(sets.shares.T)
    block = np.empty((step, len(sets.names)))
    for first in range(0, x.shape[0], step):
        rows = slice(first, min(first + step, x.shape[0]))
        out = block[: rows.stop - first]
        np.matmul(x[rows], right, out=out)
        yield rows, out


def drawn_sets(
    components: tuple[str, ...], shares: tuple[float, ...], count: int, spread: float, seed: int
) -> WeightSets:
    """Sets around a formula's own shares: each share times a draw of mean 1 and this spread, then all to 1.

    Raises:
        SourceError: no set, more than a million, or a spread that is not between 0 and 2.
    """
    faults = Faults()
    if not 1 <= count <= 1_000_000:
        faults.add("--sets", f"{count:,}", "1 to 1,000,000 sets")
    if not 0 < spread <= 2:
        faults.add("--spread", str(spread), "a number above 0, at most 2", "0.1 moves shares by about a tenth.")
    faults.raise_if_any(SourceError, "no weight set was drawn")
    random = np.random.default_rng(seed)
    width = np.sqrt(np.log1p(spread**2))
    given = np.asarray(shares) * np.exp(random.normal(-(width**2) / 2, width, (count, len(shares))))
    return WeightSets(tuple(f"set-{i + 1}" for i in range(count)), components, given / given.sum(axis=1, keepdims=True))


def read_sets(path: Path, components: tuple[str, ...]) -> WeightSets:
    """The sets of a file: a column `set`, and a column with the share of each component; shares of a set are scaled to 1.

    Raises:
        SourceError: a component without a column or a column without a component, a share that is no number or below 0, a set
            twice or that adds to 0; every fault at once.
    """
    table = raw_table(path)
    cells, faults = table.cells, Faults()
    if "set" not in cells.columns:
        faults.add(f"{path}: columns", ", ".join(cells.columns), "a column set with the names of the sets")
    for name in components:
        if name not in cells.columns:
            faults.add(
                f"{path}: columns", f"no column {name!r}", "a column for each component", suggest(name, cells.columns)
            )
    for name in cells.columns:
        if name not in {"set", *components}:
            faults.add(f"{path}: column {name!r}", "no component of the formula", ", ".join(components))
    faults.raise_if_any(SourceError, f"{path}: the weight sets cannot be read")
    shares = cells.select(pl.col(name).cast(pl.Float64, strict=False) for name in components)
    names = cells.get_column("set").cast(pl.String)
    for name in components:
        bad = (
            shares[name].is_null()
            | ~(shares[name].fill_null(0) >= 0)
            | shares[name].is_infinite().fill_null(value=False)
        )
        if bad.any():
            line = table.line(int(bad.arg_true()[0]))
            faults.add(
                f"{path}: column {name!r}",
                f"{int(bad.sum())} row(s) that are no share, the first in line {line}",
                "at least 0",
            )
    for name in names.filter(names.is_duplicated()).unique().sort().head(10):
        faults.add(f"{path}: set {name}", "more than one row", "each set once")
    if cells.height == 0:
        faults.add(str(path), "no row", "at least one set")
    faults.raise_if_any(SourceError, f"{path}: the weight sets cannot be read")
    values = shares.to_numpy()
    total = values.sum(axis=1, keepdims=True)
    for name in names.filter(pl.Series(total[:, 0] <= 0)).head(10):
        faults.add(f"{path}: set {name}", "shares that add to 0", "some share above 0")
    faults.raise_if_any(SourceError, f"{path}: the weight sets cannot be read")
    return WeightSets(tuple(names.to_list()), components, values / total)


@dataclass(frozen=True)
class Stability:
    """How firmly localities stand under many weight sets."""

    rows: pl.DataFrame
    sets: int
    need_sd: float
    """Spread of the need indices of localities under the formula itself, each counted by its persons."""
    noise_sd: float
    """Spread of a locality's need index between sets, on average."""

    @property
    def noise_share(self) -> float:
        """Noise in what is seen: noise variance over the sum of both variances."""
        whole = self.need_sd**2 + self.noise_sd**2
        return self.noise_sd**2 / whole if whole else 0.0


def stability(weighed: Weighed, sets: WeightSets, level: str) -> Stability:
    """The stability table of a level, those that move most first.

    Args:
        weighed: the register under the formula itself.
        sets: the sets, with the formula's components in its order.
        level: a level above practices, or practice_code.
    """
    x, persons = weighed.components(), weighed.sums.persons
    places = weighed.codes.practices.get_column(level)
    names = places.unique().sort()
    at = np.searchsorted(names.to_numpy(), places.to_numpy())
    sums = np.stack([np.bincount(at, x[:, c], len(names)) for c in range(x.shape[1])], axis=1)
    heads = np.bincount(at, persons, len(names))
    own = sums @ np.asarray(weighed.tables.shares)
    low, high, sd = (np.zeros(len(names)) for _ in range(3))
    ranks = int(LOW * (len(sets.names) - 1)), int(np.ceil(HIGH * (len(sets.names) - 1)))
    for rows, block in products(sums, sets):
        ordered = np.partition(block, sorted(set(ranks)), axis=1)
        low[rows], high[rows], sd[rows] = ordered[:, ranks[0]], ordered[:, ranks[1]], block.std(axis=1)
    per = np.maximum(heads, 1)
    counts = pl.DataFrame({level: places, "persons": persons}).group_by(level).agg(pl.len().alias("practices"))
    frame = pl.DataFrame({level: names, "persons": heads.astype(np.int64), "weighted_persons": own})
    frame = with_index(frame.join(counts, on=level, how="left", maintain_order="left")).with_columns(
        pl.Series("index_low", low / per),
        pl.Series("index_high", high / per),
        pl.Series("moves_down", low - own),
        pl.Series("moves_up", high - own),
        pl.Series("noise_sd", sd / per),
    )
    beyond = (pl.col("index_low") > 1) | (pl.col("index_high") < 1)
    frame = frame.with_columns(
        (pl.col("need_index") - 1).alias("distance"),
        pl.when(pl.col("noise_sd") > 0)
        .then((pl.col("need_index") - 1).abs() / pl.col("noise_sd"))
        .alias("times_noise"),
        beyond.alias("is_beyond_noise"),
    )
    whole = max(1.0, float(heads.sum()))
    index = own / per
    need_sd = float(np.sqrt((heads * (index - own.sum() / whole) ** 2).sum() / whole))
    noise_sd = float(np.sqrt((heads * (sd / per) ** 2).sum() / whole))
    by = pl.max_horizontal(pl.col("moves_down").abs(), pl.col("moves_up").abs()) / pl.max_horizontal(
        pl.col("persons"), 1
    )
    return Stability(frame.sort(by, level, descending=[True, False]), len(sets.names), need_sd, noise_sd)


__all__ = ["Stability", "WeightSets", "drawn_sets", "products", "read_sets", "stability"]
