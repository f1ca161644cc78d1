"""Pictures of risk: the fan of a party's years, its S-curve under every option, the tornado of layers, and the trade-off of a design."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from api.boards.svg import COLOURS, INK, LEFT, TOP, Plot, cell, page, page_height, round_ticks, table

_POUNDS = 1e8
"""Pence in a million pounds."""

_DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 5", "1 4")


def fan_svg(chances: pl.DataFrame, option: str, title: str, role: str, code: str) -> str:
    """A party's position from year to year under an option: the middle, and where 50 and 90 years of 100 lie.

    Args:
        chances: rows of `party_chance`.
        option: the option.
        title: its name.
        role: commissioner or provider.
        code: the party.
    """
    rows = chances.filter(pl.col("option") == option, pl.col("role") == role, pl.col("organisation_code") == code).sort(
        "year"
    )
    names = [f"p{p}_pence" for p in (5, 25, 50, 75, 95)]
    bands = [[x / _POUNDS for x in rows.get_column(name)] for name in names]
    years, at = rows.get_column("year").to_list(), list(range(rows.height))
    plot, parts = _plot(
        f"{code}: position under {title}", f"Fan of the {role}'s position by year, in £m: the middle line is passed in every other year, the "
        "inner band covers 50 and the outer band 90 years of 100. Values are in the table beside.",
        (0.0, max(len(at) - 1.0, 1.0)), [x for band in bands for x in band], rows.height,
    )  # fmt: skip
    for low, high, opacity in ((0, 4, 0.18), (1, 3, 0.35)):
        there = [f"{plot.px(x):.1f},{plot.py(y):.1f}" for x, y in zip(at, bands[low], strict=True)]
        back = [f"{plot.px(x):.1f},{plot.py(y):.1f}" for x, y in zip(at[::-1], bands[high][::-1], strict=True)]
        parts.append(f'<polygon points="{" ".join([*there, *back])}" fill="{INK}" fill-opacity="{opacity}"/>')
    parts.append(plot.line(at, bands[2]))
    for x, year in zip(at, years, strict=True):
        parts += plot.x_rule(x, year)
    cells = [[year, *(f"{band[k]:,.1f}" for band in bands)] for k, year in enumerate(years)]
    return _done(
        plot, parts, ("financial year", "position (£m)"), table(("year", "p5", "p25", "p50", "p75", "p95"), cells)
    )


def s_curve_svg(positions: Sequence[tuple[str, np.ndarray]], title: str) -> str:
    """The chance of a position no better than each amount, a curve an option.

    Args:
        positions: name and draws in pence of each option.
        title: whose position in which year.
    """
    shares = np.array([0.01, 0.05, *np.arange(0.1, 0.91, 0.1), 0.95, 0.99])
    curves = [(name, np.quantile(drawn, shares) / _POUNDS) for name, drawn in positions]
    lows, highs = min(float(c[0]) for _, c in curves), max(float(c[-1]) for _, c in curves)
    ticks = round_ticks(lows, highs)
    about = "S-curves: the chance that the position is no better than each amount, a line an option. Values are in the table beside."
    parts = page(title, about, page_height(len(shares)))
    plot = Plot(ticks[0], ticks[-1], 0.0, 1.0)
    for x in ticks:
        parts += plot.x_rule(x, f"{x:,g}")
    for y in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += plot.y_rule(y, f"{y:.0%}")
    for k, (name, curve) in enumerate(curves):
        colour, dash = COLOURS[k % len(COLOURS)], _DASHES[k % len(_DASHES)]
        parts.append(plot.line(curve.tolist(), shares.tolist(), colour, dash))
        parts.append(_key(k, name, colour, dash))
    cells = [[f"{share:.0%}", *(f"{c[k]:,.1f}" for _, c in curves)] for k, share in enumerate(shares)]
    headings = ("chance", *(f"{k + 1}" for k in range(len(curves))))
    return _done(plot, parts, ("position (£m); below nil a deficit", "chance of no better"), table(headings, cells))


def tornado_svg(layers: pl.DataFrame, title: str) -> str:
    """How far each layer alone moves a position: from one year in ten to nine in ten, the widest on top.

    Args:
        layers: rows of `party_layer` of one party, option and year.
        title: whose position under which option in which year.
    """
    rows = (
        layers.filter(pl.col("p10_pence").is_not_null())
        .with_columns((pl.col("p90_pence") - pl.col("p10_pence")).alias("span"))
        .sort("span", "layer", descending=[True, False])
    )
    low = [x / _POUNDS for x in rows.get_column("p10_pence")]
    high = [x / _POUNDS for x in rows.get_column("p90_pence")]
    names = rows.get_column("layer").to_list()
    ticks = round_ticks(min([*low, 0.0]), max([*high, 0.0]))
    about = "Tornado: each bar is where the position lies in eight years of ten were only that layer to vary. Values are in the table beside."
    parts = page(title, about, page_height(len(names)))
    plot = Plot(ticks[0], ticks[-1], 0.0, float(max(len(names), 1)))
    for x in ticks:
        parts += plot.x_rule(x, f"{x:,g}")
    for k, name in enumerate(names):
        top, bottom = plot.py(len(names) - k - 0.15), plot.py(len(names) - k - 0.85)
        width = max(plot.px(high[k]) - plot.px(low[k]), 1.0)
        parts.append(
            f'<rect x="{plot.px(low[k]):.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" fill="{INK}"/>'
        )
        parts.append(cell(LEFT - 8, (top + bottom) / 2 + 4, name))
    shares = rows.get_column("variance_share").to_list()
    cells = [[n, f"{a:,.1f}", f"{b:,.1f}", f"{s:.0%}"] for n, a, b, s in zip(names, low, high, shares, strict=True)]
    return _done(plot, parts, ("position (£m)", ""), table(("layer", "p10", "p90", "of variance"), cells))


def trade_off_svg(points: Sequence[tuple[float, float]], title: str, risk: str, incentive: str) -> str:
    """The strongest incentive at each limit of risk.

    Args:
        points: limit and incentive, as shares, in order.
        title: of which family.
        risk: what is limited.
        incentive: what is kept.
    """
    xs, ys = [x for x, _ in points], [y for _, y in points]
    ticks = round_ticks(min([*xs, 0.0]), max(xs))
    about = f"Trade-off: {incentive} against {risk}. Values are in the table beside."
    parts = page(title, about, page_height(len(xs)))
    plot = Plot(ticks[0], ticks[-1], 0.0, max([1.0, *ys]))
    for x in ticks:
        parts += plot.x_rule(x, f"{x:.3%}".rstrip("0").rstrip(".%") + "%" if x else "0%")
    for y in round_ticks(0.0, max([1.0, *ys])):
        parts += plot.y_rule(y, f"{y:.0%}")
    parts.append(plot.line(xs, ys))
    parts += [f'<circle cx="{plot.px(x):.1f}" cy="{plot.py(y):.1f}" r="4" fill="{INK}"/>' for x, y in points]
    cells = [[f"{x:.2%}", f"{y:.1%}"] for x, y in points]
    return _done(plot, parts, (risk, incentive), table(("limit", "incentive"), cells, 240))


def _plot(
    title: str, about: str, across: tuple[float, float], values: Sequence[float], rows: int
) -> tuple[Plot, list[str]]:
    ticks = round_ticks(min(*values, 0.0), max(*values, 0.0))
    plot = Plot(*across, ticks[0], ticks[-1])
    parts = page(title, about, page_height(rows))
    for y in ticks:
        parts += plot.y_rule(y, f"{y:,g}")
    return plot, parts


def _key(k: int, name: str, colour: str, dash: str) -> str:
    """One line of the key, inside the plot at the upper left."""
    y = TOP + 16 + 18 * k
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{LEFT + 10}" y1="{y - 4}" x2="{LEFT + 46}" y2="{y - 4}" stroke="{colour}" stroke-width="2.5"{dashed}/>'
        + cell(LEFT + 54, y, f"{k + 1} {name}", anchor="start")
    )


def _done(plot: Plot, parts: list[str], titles: tuple[str, str], beside: Sequence[str]) -> str:
    parts += [*plot.axes(), *plot.titles(*titles), *beside, "</svg>"]
    return "\n".join(parts) + "\n"


__all__ = ["fan_svg", "s_curve_svg", "tornado_svg", "trade_off_svg"]
