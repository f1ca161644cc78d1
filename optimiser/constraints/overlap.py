"""Effects of several solutions on the same patients multiply; they never add up (physics).

In words: what one solution avoids the next cannot avoid again. With one solution on a cell, credit is its effect. With
several, hazard adds up and avoided activity follows the concave curve 1 - exp(-hazard), which the programme sees through
chords: exact where every solution is on or off (up to 2^n - 1 chords), below the curve between. Each solution's credit lies between what it
would add first and what it adds last. Avoided activity may not be hidden below the chord from nothing to everything.

    beta_s = -ln(1 - e_s)     hazard[l,p,c,t] = sum over s of beta_s effective[s,l,t]       (strict: beta_s = e_s)
    sum over s of credit[s] <= eligible (alpha_j + gamma_j hazard)   for each chord j
    sum over s of credit[s] >= eligible (1 - exp(-U)) / U hazard     U the largest hazard
    eligible e_s last_s effective[s] <= credit[s] <= eligible e_s effective[s]      last_s = product of (1 - e_o) over others
    alone: credit[s,l,p,c,t] = eligible e_s effective[s,l,t]

Scale between off and full is over-stated a little by the hazard form (never in strict mode); the exact product is
worked out after the solve and the difference printed.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 50
FAMILIES = ("effect_alone", "hazard_sum", "overlap_chord", "overlap_not_hidden", "credit_first", "credit_last")

_ALMOST_ALL = 1 - 1e-9
"""An effect of all activity has no finite hazard; it is taken as this share."""


def apply(p: Programme) -> None:
    """Rows for each locality, point of delivery, cell and year that some solution reaches."""
    cell = ["locality", "point_of_delivery", "cell", "t"]
    index = ["locality", "point_of_delivery", "cell", "year"]
    credit = p.columns["credit"]
    if not credit.height:
        p.nothing("overlap", "no solution avoids activity")
        return
    acting = credit.join(
        p.columns["effective"].select("solution", "place", "t", pl.col("col").alias("scale")),
        on=["solution", "place", "t"],
        validate="m:1",
    ).with_columns(pl.len().over(cell).alias("solutions"), _top(p).alias("top"))
    alone = acting.filter(pl.col("solutions") == 1)
    rows = p.rows(
        "effect_alone", alone, ["solution", *index], kind="P", unit="units",
        label="{point_of_delivery} avoided by {solution} in {locality} in {year}", lower=0.0, upper=0.0,
    )  # fmt: skip
    _pair(p, rows, pl.lit(1.0), -pl.col("eligible") * pl.col("share"))
    shared = acting.filter(pl.col("solutions") > 1)
    if shared.height:
        _shared(p, shared, cell, index)


def _top(p: Programme) -> pl.Expr:
    """The largest effective scale of each solution."""
    tops = {s.id: sum(width * slope for width, slope in s.curve) for s in p.problem.solutions}
    return pl.col("solution").replace_strict(tops, return_dtype=pl.Float64)


def _pair(p: Programme, rows: pl.DataFrame, credit: pl.Expr, scale: pl.Expr) -> None:
    p.builder.terms(rows.select("row", "col", credit.cast(pl.Float64).alias("value")))
    p.builder.terms(rows.select("row", pl.col("scale").alias("col"), scale.cast(pl.Float64).alias("value")))


def _shared(p: Programme, shared: pl.DataFrame, cell: list[str], index: list[str]) -> None:
    strict = p.problem.overlap.mode == "strict"
    full = (pl.col("share") * pl.col("top")).clip(upper_bound=_ALMOST_ALL)
    beta = pl.col("share") if strict else -(1 - full).log() / pl.col("top")
    shared = shared.with_columns(beta.alias("beta"), full.alias("full")).with_columns(
        ((1 - pl.col("full")).log().sum().over(cell) - (1 - pl.col("full")).log()).exp().alias("last")
    )
    hazard = p.columns["hazard"].rename({"col": "own"})
    sums = p.rows(
        "hazard_sum", hazard, index, kind="P", unit="-ln(1 - share)",
        label="hazard on {point_of_delivery} in {locality} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(sums.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.add(
        sums.select("row", *cell),
        shared.select(*cell, "beta", pl.col("scale").alias("col")),
        cell,
        -pl.col("beta"),
    )
    lines = _lines(p, shared, cell)
    chords = p.rows(
        "overlap_chord", hazard.join(lines, on=cell).with_columns((pl.col("alpha") * pl.col("eligible")).alias("top")),
        [*index, "chord"], kind="P", unit="units",
        label="{point_of_delivery} avoided by all solutions together in {locality} in {year} (chord {chord})", upper="top",
    )  # fmt: skip
    p.builder.terms(
        chords.select("row", pl.col("own").alias("col"), (-pl.col("gamma") * pl.col("eligible")).alias("value"))
    )
    p.add(chords.select("row", *cell), p.columns["credit"].select(*cell, "col"), cell)
    secant = shared.group_by(cell, maintain_order=True).agg((pl.col("beta") * pl.col("top")).sum().alias("most"))
    hidden = hazard.join(secant, on=cell).with_columns(
        ((1 - (-pl.col("most")).exp()) / pl.col("most") * pl.col("eligible")).alias("rate")
    )
    floors = p.rows(
        "overlap_not_hidden", hidden, index, kind="P", unit="units",
        label="{point_of_delivery} avoided in {locality} in {year} is not hidden", lower=0.0,
    )  # fmt: skip
    p.builder.terms(floors.select("row", pl.col("own").alias("col"), (-pl.col("rate")).alias("value")))
    p.add(floors.select("row", *cell), p.columns["credit"].select(*cell, "col"), cell)
    first = p.rows(
        "credit_first", shared, ["solution", *index], kind="P", unit="units",
        label="{point_of_delivery} credited to {solution} in {locality} in {year} at most as if alone", upper=0.0,
    )  # fmt: skip
    _pair(p, first, pl.lit(1.0), -pl.col("eligible") * pl.col("share"))
    last = p.rows(
        "credit_last", shared, ["solution", *index], kind="P", unit="units",
        label="{point_of_delivery} credited to {solution} in {locality} in {year} at least as if last", lower=0.0,
    )  # fmt: skip
    scale = pl.lit(1.0) if not strict else pl.lit(0.0)
    _pair(p, last, pl.lit(1.0), -pl.col("eligible") * pl.col("share") * pl.col("last") * scale)


def _lines(p: Programme, shared: pl.DataFrame, cell: list[str]) -> pl.DataFrame:
    """The chords of each cell: alpha + gamma hazard through points of 1 - exp(-hazard)."""
    groups = shared.group_by(cell, maintain_order=True).agg((pl.col("beta") * pl.col("top")).alias("hazards"))
    known: dict[tuple[float, ...], list[tuple[float, float]]] = {}
    rows = []
    for *keys, hazards in groups.iter_rows():
        sizes = tuple(hazards)
        if sizes not in known:
            known[sizes] = chords(sizes, p.problem.overlap.pieces)
        rows += [(*keys, j, alpha, gamma) for j, (alpha, gamma) in enumerate(known[sizes], start=1)]
    schema = {k: shared.schema[k] for k in cell} | {"chord": pl.Int32, "alpha": pl.Float64, "gamma": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def chords(hazards: tuple[float, ...], pieces: int) -> list[tuple[float, float]]:
    """Chords (alpha, gamma) of 1 - exp(-u) from 0 to the sum of `hazards`, at most `pieces` where that can be exact.

    The points are every sum of some of the hazards (exact for on and off) where that takes no more than `pieces`
    chords; otherwise they lie evenly in exp(-u/2), which spreads the error evenly.
    """
    most = sum(hazards)
    if 2 ** len(hazards) - 1 <= pieces:
        sums = {
            round(sum(chosen), 12) for n in range(len(hazards) + 1) for chosen in itertools.combinations(hazards, n)
        }
        points = sorted(sums)
    else:
        points = [-2 * math.log(x) for x in np.linspace(1.0, math.exp(-most / 2), pieces + 1)]
    kept = [points[0]]
    for u in points[1:]:
        if u - kept[-1] > 1e-9:
            kept.append(u)
    lines = []
    for a, b in itertools.pairwise(kept):
        gamma = (math.exp(-a) - math.exp(-b)) / (b - a)
        lines.append(((1 - math.exp(-a)) - gamma * a, gamma))
    return lines
