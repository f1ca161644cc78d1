"""A body between commissioners and providers in draws: what it is paid stays, what it pays for care follows the draw, and so do its shares.

The rules are those of an outturn (`options/whole_population/`), in parts of a penny: income less care is left, the hospitals share it, part
of the rest goes back to commissioners, and the body bears its part of what section 75 pools overspend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from capitation.chance.curves.normal import Floats
from contracts.options.whole_population.between import BodyBetween


@dataclass(frozen=True, eq=False)
class DrawnBody:
    """The body of one option, on the rows of the outturn at plan."""

    through: np.ndarray
    """Which rows it pays for."""
    pooled: np.ndarray
    """Which of them are of a pool with the council that they pay."""
    party: int
    """Its number among the parties."""
    due: Floats
    """What each commissioner owes it, by year and party."""
    unearned: Floats
    """What it does not earn of its improvement payment, by year."""
    sharers: tuple[int, ...]
    """Numbers of the hospitals that share with it."""
    shared: float
    """Their part of what is left."""
    returned: float
    """Part of the rest that goes back to commissioners."""
    pool: float
    """Its part of what pools overspend."""

    def add(
        self,
        out: Floats,
        year: int,
        rows: slice,
        payments: Floats,
        cost: Floats,
        payees: np.ndarray,
        payers: np.ndarray,
    ) -> None:
        """Put the body between the parties of a year's positions.

        Args:
            out: positions of the year by party and draw, with all payments as of commissioners.
            year: number of the year.
            rows: its rows among all.
            payments: what is paid by row of the year and draw.
            cost: cost by row of the year and draw.
            payees: number of the party that each row pays.
            payers: number of the commissioner of each row.
        """
        if not self.due[year].any():
            return
        mine = self.through[rows]
        paid, to = payments[mine], payees[mine]
        np.add.at(out, payers[mine], paid)
        out -= self.due[year][:, None]
        whole = float(self.due[year].sum())
        left = whole - self.unearned[year] - paid.sum(axis=0)
        weights = np.stack([np.clip(paid[to == k].sum(axis=0), 0, None) for k in self.sharers])
        total = weights.sum(axis=0)
        shares = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 0.0) * (self.shared * left)
        for k, share in zip(self.sharers, shares, strict=True):
            out[k] += share
        back = (left - shares.sum(axis=0)) * self.returned
        out += (self.due[year] / whole)[:, None] * (self.unearned[year] + back)
        pools = self.pooled[rows]
        over = (cost[pools] - payments[pools]) * self.pool
        np.add.at(out, payees[pools], over)
        out[self.party] += left - shares.sum(axis=0) - back - over.sum(axis=0)


def drawn_body(
    between: BodyBetween, rows: pl.DataFrame, years: Sequence[str], parties: Mapping[tuple[str, str], int]
) -> DrawnBody:
    """A body ready for draws.

    Args:
        between: the body on the run.
        rows: the outturn at plan, in the order of the draws.
        years: the years, in order.
        parties: number of each party by role and code.
    """
    due = np.zeros((len(years), len(parties)))
    amounts = between.due.filter(pl.col("year") >= str(between.first))
    for year, code, on_account, true_up in amounts.iter_rows():
        if year in years:
            due[years.index(year), parties["commissioner", code]] += on_account + true_up
    through = rows.select(between.goes_through()).to_series().to_numpy()
    pooled = np.zeros(rows.height, dtype=bool)
    for service, councils in between.pools.items():
        here = (pl.col("service") == service) & pl.col("provider").is_in(list(councils))
        pooled |= rows.select(here).to_series().to_numpy()
    body = between.body
    part = 0.0 if body.pool is None else float(body.pool.body_part.value)
    return DrawnBody(
        through,
        pooled & through,
        parties["provider", body.code],
        due,
        np.array([float(between.unearned.get(year, 0)) for year in years]),
        tuple(parties["provider", code] for code in body.sharers),
        float(body.sharers_part.value),
        1 - float(body.carried_forward.value),
        part,
    )


__all__ = ["DrawnBody", "drawn_body"]
