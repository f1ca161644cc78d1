"""Money of the optimiser, which counts in pounds as floats, as it leaves the service: whole pence in tables, text in reports.

Each figure is rounded once and on its own, to the nearest penny (`money.round_pence`), so figures that add up before may differ
by a penny after. A figure that is money only where the unit beside it says "£" becomes two, of which one is empty: the money,
and the number of something else. A price, which is money a unit, is no amount of money and stays a number.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from capitation.money.pence import decimal_text
from capitation.money.rounding import round_pence
from optimiser.futures.appraisal import MONEY, Appraisal
from optimiser.futures.appraisal.green_book import GreenBook

POUNDS = "£"
"""The unit that says that a figure is money."""


def in_pence(frame: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
    """The frame with columns of pounds as whole pence under `..._pence`.

    Example:
        npv 21000.005 becomes npv_pence 2100001.
    """
    return frame.select(
        round_pence(pl.col(name)).alias(f"{name}_pence") if name in columns else pl.col(name) for name in frame.columns
    )


def apart_in_pence(frame: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
    """The frame with columns of pounds or something else, as its column `unit` says, as two columns each.

    Example:
        at 100.0 in "£" becomes an empty at and at_pence 10000; at 440.0 in "units" stays, with an empty at_pence.
    """
    is_money = pl.col("unit") == POUNDS
    parts: list[pl.Expr] = []
    for name in frame.columns:
        if name in columns:
            parts.append(pl.when(~is_money).then(pl.col(name)).alias(name))
            parts.append(round_pence(pl.when(is_money).then(pl.col(name))).alias(f"{name}_pence"))
        else:
            parts.append(pl.col(name))
    return frame.select(parts)


def pounds_text(pounds: float | None) -> str | None:
    """Pounds as text with two decimals, rounded as in tables; none where there is no finite number.

    Example:
        -0.125 becomes "-0.13".
    """
    if pounds is None or not math.isfinite(pounds):
        return None
    return decimal_text(pl.select(round_pence(pl.lit(pounds, dtype=pl.Float64))).item())


def appraisal_frames(appraisal: Appraisal) -> dict[str, pl.DataFrame]:
    """The tables of an appraisal by name, money in whole pence."""
    tables = {
        name: in_pence(frame, [column for column in frame.columns if column != key])
        for name, key, frame in (
            ("money", "measure", appraisal.money),
            ("organisations", "organisation", appraisal.organisations),
        )
    }
    return {
        "draws": in_pence(appraisal.draws, MONEY),
        **tables,
        "activity": appraisal.activity,
        "chances": apart_in_pence(appraisal.chances, ("at",)),
        "regret": in_pence(appraisal.regret, ("mean", "largest")),
    }


def book_frames(book: GreenBook) -> dict[str, pl.DataFrame]:
    """The tables of the Green Book's answers by name, those with rows, money in whole pence."""
    parts = ("benefits", "of_it_blocks", "costs", "npv", "benefits_per_head")
    tables = {
        "solutions": book.parts.by_solution,
        "localities": book.parts.by_locality,
        "fifths": book.parts.by_fifth,
        "optimism": book.optimism,
        "tornado": book.tornado,
        "unmonetised": book.unmonetised,
    }
    money = (*parts, "spend", "added", "change", "cost_per_unit")
    found = {name: in_pence(frame, [c for c in frame.columns if c in money]) for name, frame in tables.items()}
    found["switching"] = book.switching
    found["floors"] = in_pence(book.floors, ("one_more", "cost"))
    return {name: frame for name, frame in found.items() if frame.height}


def book_in_pounds(book: GreenBook) -> dict[str, Any]:
    """The Green Book's answers as plain content, money as text under `..._gbp`."""
    least = book.do_minimum
    return {
        "prices": book.prices,
        "npv_gbp": pounds_text(book.npv),
        "benefits_gbp": pounds_text(book.benefits),
        "costs_gbp": pounds_text(book.costs),
        "bcr": book.bcr,
        "payback_year": book.payback_year,
        "benefits_may_fall": book.benefits_may_fall,
        "costs_may_rise": book.costs_may_rise,
        "npv_after_bias_gbp": pounds_text(book.npv_after_bias),
        "do_nothing_gbp": "0.00",
        "do_minimum": {
            "status": least["status"],
            **{
                f"{name}_gbp": pounds_text(None if least[name] is None else float(str(least[name])))
                for name in ("npv", "spend")
            },
        },
        "sentences": book.sentences(),
    }


def price_frame(prices: pl.DataFrame) -> pl.DataFrame:
    """Prices of limits: limits in pounds and the range in which a price holds in whole pence, the prices as numbers."""
    return apart_in_pence(prices, ("at", "holds_from", "holds_to"))


def report_in_pounds(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report of an optimisation with its money as text under `..._gbp`.

    `objective`, `bound`, the `value` of goals and measures, and what limits are `at` and `must_give` stand under their own name where
    their unit is another than pounds, under `..._gbp` where it is pounds; the other name is then empty.
    """
    report_out = _apart(report, ("objective", "bound"))
    for name in ("exact_npv", "claimed_npv"):
        if name in report_out:
            report_out[f"{name}_gbp"] = pounds_text(report_out.pop(name))
    report_out["goals"] = [_apart(goal, ("value", "in_mix")) for goal in report["goals"]]
    report_out["measures"] = {name: _apart(measure, ("value",)) for name, measure in report["measures"].items()}
    reason = report["infeasible"]
    if reason is not None:
        gives = [_apart(give, ("at", "must_give")) for give in reason["must_give"]]
        report_out["infeasible"] = {**reason, "must_give": gives}
    return report_out


def _apart(entry: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    is_money = entry["unit"] == POUNDS
    out: dict[str, Any] = {}
    for name, value in entry.items():
        if name in names:
            out[name] = None if is_money else value
            out[f"{name}_gbp"] = pounds_text(value) if is_money else None
        else:
            out[name] = value
    return out
