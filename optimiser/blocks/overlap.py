"""Overlap of solutions on the same patients: effects multiply.

hazard[l,p,c,t]  accumulated -ln(1 - effect) of all solutions on a cell that several reach
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from optimiser.blocks.scale import top_scale
from optimiser.programme.core import DocumentKey
from optimiser.programme.programme import Programme, constraint, variables

_ALMOST_ALL = 1 - 1e-9
"""An effect of all activity has no finite hazard; it is taken as this share."""
_CELL = ["locality", "point_of_delivery", "cell", "t"]
_INDEX = ["locality", "point_of_delivery", "cell", "year"]


class Overlap(Document):
    """How effects of several solutions on the same activity are put together."""

    mode: Literal["multiplicative", "strict", "exact"] = "multiplicative"
    """"multiplicative": chords of 1 - product of (1 - effect), exact for on and off. "strict": never claims too much. "exact": as
    multiplicative for the search and its bound; the mix is then chosen near it by the exact product, and claims no more."""
    pieces: int = Field(default=8, ge=1, le=64)
    """Most chords for one group of solutions; the more, the closer."""


OVERLAP = DocumentKey("overlap", Overlap, Overlap(), "How effects combine.")


@variables(60)
def hazard(p: Programme) -> None:
    """The hazard of each cell that several solutions reach."""
    shared = (
        p["credit"]
        .group_by([*_CELL, "year"], maintain_order=True)
        .agg(pl.col("eligible").first(), pl.len().alias("solutions"))
        .filter(pl.col("solutions") > 1)
    )
    p.columns(
        "hazard", shared, _INDEX, unit="-ln(1 - share)",
        label="accumulated hazard on {point_of_delivery} in {locality} in {year} (cell {cell})",
    )  # fmt: skip


@constraint(50, "effect_alone", "hazard_sum", "overlap_chord", "overlap_not_hidden", "credit_first", "credit_last")
def overlap(p: Programme) -> None:
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
    credit = p["credit"]
    if not credit.height:
        p.without_effect("overlap", "no solution avoids activity")
        return
    acting = credit.join(
        p["effective"].select("solution", "place", "t", pl.col("col").alias("scale")),
        on=["solution", "place", "t"],
        validate="m:1",
    ).with_columns(pl.len().over(_CELL).alias("solutions"), top_scale(p.tables).alias("top"))
    rows = p.rows(
        "effect_alone", acting.filter(pl.col("solutions") == 1), ["solution", *_INDEX], kind="P", unit="units",
        label="{point_of_delivery} avoided by {solution} in {locality} in {year}", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.put(rows)
    p.put(rows, -pl.col("eligible") * pl.col("share"), col="scale")
    shared = acting.filter(pl.col("solutions") > 1)
    if shared.height:
        strict = OVERLAP.of(p.problem).mode == "strict"
        shared = _with_hazards(shared, strict=strict)
        _shared_credit(p, shared)
        _first_and_last(p, shared, strict=strict)


def _with_hazards(shared: pl.DataFrame, *, strict: bool) -> pl.DataFrame:
    full = (pl.col("share") * pl.col("top")).clip(upper_bound=_ALMOST_ALL)
    beta = pl.col("share") if strict else -(1 - full).log() / pl.col("top")
    return shared.with_columns(beta.alias("beta"), full.alias("full")).with_columns(
        ((1 - pl.col("full")).log().sum().over(_CELL) - (1 - pl.col("full")).log()).exp().alias("last")
    )


def _shared_credit(p: Programme, shared: pl.DataFrame) -> None:
    """Hazard adds up; the credit of all solutions together lies below each chord and above the secant."""
    label = "hazard on {point_of_delivery} in {locality} in {year} adds up"
    sums = p.sums("hazard_sum", "hazard", _INDEX, unit="-ln(1 - share)", label=label)
    terms = shared.select(*_CELL, "beta", pl.col("scale").alias("col"))
    p.add(sums.select("row", *_CELL), terms, _CELL, -pl.col("beta"))
    hazard = p["hazard"].rename({"col": "own"})
    credit = p["credit"].select(*_CELL, "col")
    lines = hazard.join(_lines(p, shared), on=_CELL)
    chorded = p.rows(
        "overlap_chord", lines.with_columns((pl.col("alpha") * pl.col("eligible")).alias("top")), [*_INDEX, "chord"],
        kind="P", unit="units", upper="top",
        label="{point_of_delivery} avoided by all solutions together in {locality} in {year} (chord {chord})",
    )  # fmt: skip
    p.put(chorded, -pl.col("gamma") * pl.col("eligible"), col="own")
    p.add(chorded.select("row", *_CELL), credit, _CELL)
    secant = shared.group_by(_CELL, maintain_order=True).agg((pl.col("beta") * pl.col("top")).sum().alias("most"))
    rate = (1 - (-pl.col("most")).exp()) / pl.col("most") * pl.col("eligible")
    floors = p.rows(
        "overlap_not_hidden", hazard.join(secant, on=_CELL).with_columns(rate.alias("rate")), _INDEX, kind="P",
        unit="units", label="{point_of_delivery} avoided in {locality} in {year} is not hidden", lower=0.0,
    )  # fmt: skip
    p.put(floors, -pl.col("rate"), col="own")
    p.add(floors.select("row", *_CELL), credit, _CELL)


def _first_and_last(p: Programme, shared: pl.DataFrame, *, strict: bool) -> None:
    """The credit of one solution lies between what it adds last and what it would add first."""
    first = p.rows(
        "credit_first", shared, ["solution", *_INDEX], kind="P", unit="units",
        label="{point_of_delivery} credited to {solution} in {locality} in {year} at most as if alone", upper=0.0,
    )  # fmt: skip
    p.put(first)
    p.put(first, -pl.col("eligible") * pl.col("share"), col="scale")
    last = p.rows(
        "credit_last", shared, ["solution", *_INDEX], kind="P", unit="units",
        label="{point_of_delivery} credited to {solution} in {locality} in {year} at least as if last", lower=0.0,
    )  # fmt: skip
    p.put(last)
    scale = pl.lit(0.0 if strict else 1.0)
    p.put(last, -pl.col("eligible") * pl.col("share") * pl.col("last") * scale, col="scale")


def _lines(p: Programme, shared: pl.DataFrame) -> pl.DataFrame:
    """The chords of each cell: alpha + gamma hazard through points of 1 - exp(-hazard)."""
    groups = shared.group_by(_CELL, maintain_order=True).agg((pl.col("beta") * pl.col("top")).alias("hazards"))
    pieces = OVERLAP.of(p.problem).pieces
    known: dict[tuple[float, ...], list[tuple[float, float]]] = {}
    rows = []
    for *keys, hazards in groups.iter_rows():
        sizes = tuple(hazards)
        if sizes not in known:
            known[sizes] = chords(sizes, pieces)
        rows += [(*keys, j, alpha, gamma) for j, (alpha, gamma) in enumerate(known[sizes], start=1)]
    schema = {k: shared.schema[k] for k in _CELL} | {"chord": pl.Int32, "alpha": pl.Float64, "gamma": pl.Float64}
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
