"""Answers of a design: the terms found, what each limit comes to, the trade-off, the terms that none beat, the pool and who pays."""

from __future__ import annotations

import numpy as np
import polars as pl

from capitation.chance.answers import PoolSize
from capitation.chance.estimates import Estimates
from capitation.money.apportion import split
from capitation.records.columns import LOCALITY
from capitation.records.frames import Column, Frame, Schema
from contracts.risk.design.search import Designed, words_of
from contracts.risk.design.trial import Figures, Trial


class DesignedFigure(Schema):
    """An open figure of the family and the value found."""

    name = Column(pl.String, "name", "Figure", key=True)
    value = Column(pl.Float64, "as the figure", "Value found")
    unit = Column(pl.String, "unit", "What one of it is")
    low = Column(pl.Float64, "as the figure", "Lowest value that was open")
    high = Column(pl.Float64, "as the figure", "Highest value that was open")


class LimitMet(Schema):
    """What a limit comes to under the terms found, on draws that were not searched."""

    party = Column(pl.String, "party", "Each locality, or the pool", key=True)
    measure = Column(pl.String, "words", "What is limited", key=True)
    level = Column(pl.Float64, "share of plan", "The most it can bear", ge=0)
    found = Column(pl.Float64, "share of plan", "What it bears, or the locality that bears most", ge=0)
    found_error = Column(pl.Float64, "share of plan", "Standard error of it", ge=0)
    holds = Column(pl.Boolean, "flag", "Whether it is within the level, or past it by less than two standard errors")
    binds = Column(
        pl.Boolean, "flag", "Whether a stronger incentive would break it: it comes to within 2% of the level"
    )


class TradeOffPoint(Schema):
    """The strongest incentive where the first limit is another."""

    level = Column(pl.Float64, "share of plan", "Level of the first limit", key=True)
    incentive = Column(pl.Float64, "share", "Part of the next pound saved that a locality keeps")
    terms = Column(pl.String, "words", "The figures")


class UnbeatenTerms(Schema):
    """Terms that no other tried ones beat for localities, the pool and the incentive at once."""

    terms = Column(pl.String, "words", "The figures", key=True)
    locality_loss = Column(pl.Float64, "share of plan", "1-in-20 loss of the locality that bears most")
    pool_loss = Column(pl.Float64, "share of plan", "1-in-20 payment of the pool over the system's plan", ge=0)
    incentive = Column(pl.Float64, "share", "Part of the next pound saved that a locality keeps")


class DesignedPool(Schema):
    """The pool behind the terms found."""

    basis = Column(
        pl.String,
        "basis",
        "gross: it pays and gets nothing back; net: what localities pass to it pays first",
        key=True,
        one_of=("gross", "net"),
    )
    mean_pence = PoolSize.mean_pence
    mean_error_pence = PoolSize.mean_error_pence
    cover = PoolSize.cover
    pool_pence = PoolSize.pool_pence
    pool_error_pence = PoolSize.pool_error_pence


class PoolPayer(Schema):
    """What each locality would pay into the net pool, by what it is expected to draw and by its plan."""

    locality_code = LOCALITY
    drawn_pence = Column(pl.Int64, "pence", "Mean that the pool pays it in a year", ge=0)
    by_risk_pence = Column(pl.Int64, "pence", "Its part of the pool by what it draws", ge=0)
    by_plan_pence = Column(pl.Int64, "pence", "Its part of the pool by plan", ge=0)
    difference_pence = Column(
        pl.Int64, "pence", "By risk less by plan: what dividing by plan would have others pay for it"
    )


def design_frames(found: Designed, fresh: Trial) -> dict[str, pl.DataFrame]:
    """The answers of a design by name.

    Args:
        found: the terms.
        fresh: the family on the draws by which they were verified.
    """
    return {
        "designed_figure": _figures(found, fresh),
        "limit_met": _limits(found, fresh),
        "trade_off": TradeOffPoint.validate(
            pl.DataFrame(
                [(_steady(level), _steady(kept), words(figures)) for level, kept, figures in found.trade_off],
                schema=TradeOffPoint.dtypes(), orient="row",
            )
        ),
        "unbeaten_terms": UnbeatenTerms.validate(
            pl.DataFrame(
                [(words(f), _steady(a), _steady(b), _steady(c)) for f, a, b, c in found.tried],
                schema=UnbeatenTerms.dtypes(), orient="row",
            )
        ),
        **_pool(found, fresh),
    }  # fmt: skip


def words(figures: Figures) -> str:
    """Figures as text."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _figures(found: Designed, fresh: Trial) -> Frame[DesignedFigure]:
    rows = [
        (each.name, _steady(found.figures[each.name]), each.unit, float(each.low), float(each.high))
        for each in fresh.family.open_figures
    ]
    return DesignedFigure.validate(pl.DataFrame(rows, schema=DesignedFigure.dtypes(), orient="row"))


def _limits(found: Designed, fresh: Trial) -> Frame[LimitMet]:
    rows = []
    for limit, measure in zip(fresh.family.limits, found.measures, strict=True):
        level = float(limit.level.value)
        holds = measure.value <= level + 2 * measure.error + 1e-12
        binds = measure.value >= 0.98 * level
        figures = (_steady(measure.value), _steady(measure.error))
        rows.append((limit.party, words_of(limit), level, *figures, holds, binds))
    return LimitMet.validate(pl.DataFrame(rows, schema=LimitMet.dtypes(), orient="row"))


def _pool(found: Designed, fresh: Trial) -> dict[str, pl.DataFrame]:
    book = fresh.simulation.model.books[0]
    estimates, cover = Estimates(fresh.simulation), float(fresh.family.cover)
    passed = fresh.borne(found.figures).passed_pence
    paid = np.maximum(passed, 0.0)
    rows, net = [], 0
    for basis, drawn in (("gross", paid.sum(axis=0)), ("net", np.maximum(passed.sum(axis=0), 0.0))):
        mean, pool = estimates.mean(drawn), estimates.quantile(drawn, cover)
        pence = [round(x) for x in (mean.value, mean.error, pool.value, pool.error)]
        rows.append((basis, *pence[:2], cover, *pence[2:]))
        net = pence[2]
    each = paid.mean(axis=1)
    plan = [float(share) for share in book.system_share]
    drawn_before = [float(own) for own in each]
    by_plan = split(net, plan)
    by_risk = split(net, drawn_before) if sum(drawn_before) > 0 else by_plan
    payers = [
        (code, round(own), risk, planned, risk - planned)
        for code, own, risk, planned in zip(book.localities, drawn_before, by_risk, by_plan, strict=True)
    ]
    return {
        "designed_pool": DesignedPool.validate(pl.DataFrame(rows, schema=DesignedPool.dtypes(), orient="row")),
        "pool_payer": PoolPayer.validate(pl.DataFrame(payers, schema=PoolPayer.dtypes(), orient="row")),
    }


def _steady(number: float) -> float:
    """Ten significant digits: what every machine agrees on."""
    return float(f"{float(number):.9e}")


__all__ = ["design_frames", "words"]
