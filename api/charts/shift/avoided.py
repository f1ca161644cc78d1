"""What a mix avoids: activity by solution in the last year, the largest first."""

from __future__ import annotations

import polars as pl

from api.charts.bars import ranked
from api.charts.choice import Choice
from api.charts.figure import ChartFigure
from api.charts.look import figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.sentences import capital

_MOST = 12


def draw(material: Material, _choice: Choice) -> ChartFigure:
    """A bar a solution."""
    rows = material.frames["credit"]
    year = max(str(each) for each in rows.get_column("year"))
    sums = (
        rows.filter(pl.col("year") == year)
        .group_by("solution")
        .agg(pl.col("units").sum())
        .filter(pl.col("units") > 0)
        .sort("units", "solution", descending=[True, False])
    )
    found = [(capital(material.name(code)), float(units)) for code, units in sums.iter_rows()]
    table = pl.DataFrame(
        [pl.Series("Solution", [n for n, _ in found], dtype=pl.String), pl.Series(f"Activity avoided in {year} (units)", [round(u) for _, u in found], dtype=pl.Int64)]
    )  # fmt: skip
    whole = sum(units for _, units in found)
    title = f"No solution avoids activity in {year}"
    if found:
        title = f"{found[0][0]} avoids most activity in {year}: {found[0][1]:,.0f} of {whole:,.0f} units"
    more = len(found) - _MOST
    source = f"Source: {material.origin('credit')}. Worked out by the optimiser; effects of solutions are published or assumed." + (
        f" {more} more avoid less." if more > 0 else ""
    )  # fmt: skip
    subtitle = f"Activity that the mix avoids, {year}, thousand units, by solution; overlaps counted once"
    alt = "Bars: " + "; ".join(f"{name} {units:,.0f}" for name, units in found) + "."
    bars = [(name, units / 1e3, f"{units / 1e3:,.1f}k") for name, units in found[:_MOST]]
    return figure_of(
        "avoided", (title, subtitle, source, alt), table,
        lambda sheet: ranked(bars, sheet, sheet.width - 24, "thousand units", sheet.width * 0.42),
    )  # fmt: skip


CHART = Chart(
    "avoided",
    76,
    "Which investments avoid most activity?",
    {"credit": "a mix that was searched for (`capitation optimise`)"},
    draw,
)
