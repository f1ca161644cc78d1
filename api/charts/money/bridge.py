"""The bridge: from the opening deficit through doing nothing to what is left, as a waterfall of one year."""

from __future__ import annotations

import polars as pl

from api.charts.bars import Step, amount, signed, waterfall
from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, pounds
from api.charts.look import figure_of
from api.charts.material import Material
from api.charts.registry import Chart

_SHORT = {
    "opening": "Opening deficit, before sustainability funding", "mix": "The mix of investments, less its own spend",
    "volume": "More people, more care", "price": "Pay and other prices", "drugs": "Drugs bill",
    "specialised_growth": "Growth of specialised services", "allocation_growth": "Growth of the allocations",
    "derived_do_nothing": "Do nothing, worked out", "printed_do_nothing": "Do nothing, as the plan prints it",
    "not_explained": "Not explained by published figures", "sustainability": "Sustainability funding",
}  # fmt: skip


def basis(source: str) -> str:
    """Whether a line is published, worked out or assumed, by what its source says."""
    if source.startswith("assumption"):
        return "assumed"
    if "assumption" in source:
        return "worked out, in part assumed"
    return "published" if ", column " in source or ", row " in source else "worked out"


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The bridge of one year; the last one unless another is chosen."""
    bridge = material.frames["bridge"].filter(pl.col("level") == "system")
    years = bridge.get_column("year").unique().sort().to_list()
    year = chosen(choice.year, years, "year", years[-1], material.source)
    lines = bridge.filter(pl.col("year") == year).sort("step")
    amounts: dict[str, int] = dict(lines.select("line", "amount_pence").iter_rows())
    assumed = [basis(str(s)).endswith("assumed") for s in lines.get_column("source")]
    steps = [
        Step(_SHORT.get(line, title), pence, is_total, "†" if is_assumed else "")
        for (line, title, pence, is_total), is_assumed in zip(
            lines.select("line", "title", "amount_pence", "is_total").iter_rows(), assumed, strict=True
        )
    ]
    table = pl.DataFrame(
        [
            lines.get_column("title").alias("Line"),
            pounds("Amount (£; deficit above nothing)", lines.get_column("amount_pence")),
            pl.Series("Total", ["yes" if t else "" for t in lines.get_column("is_total")]),
            pl.Series("Basis", [basis(str(s)) for s in lines.get_column("source")]),
            lines.get_column("source").alias("Source"),
        ]
    )
    title = _title(amounts, year)
    subtitle = f"From the opening deficit to what is left, {year}, £ million; + makes the deficit larger, - smaller"
    source = f"Source: {material.origin('bridge')}. Lines are published or worked out as the table says" + (
        "; † assumed, in whole or in part." if any(assumed) else "; none is assumed."
    )
    alt = (
        f"Waterfall of {year}. "
        + "; ".join(f"{step.label}: {amount(step.pence) if step.is_total else signed(step.pence)}" for step in steps)
        + "."
    )

    return figure_of(
        "bridge", (title, subtitle, source, alt), table, lambda sheet: waterfall(steps, sheet, of_deficit=True)
    )


def _title(amounts: dict[str, int], year: str) -> str:
    nothing = amounts.get("printed_do_nothing", amounts.get("derived_do_nothing", 0))
    left = amounts.get("left", nothing)
    cures = [words for line, words in (("sustainability", "funding"), ("mix", "the mix")) if amounts.get(line, 0) < 0]
    before = f"Doing nothing leaves {_position(nothing)} in {year}"
    if not cures:
        return (
            f"{before}, and nothing yet reduces it"
            if nothing > 0 and left == nothing
            else f"{before}; {_position(left)} is left"
        )
    by = " and ".join(cures)
    if left > 0:
        return f"{before}; {by} {'bring' if len(cures) > 1 else 'brings'} it to {amount(left)}"
    return f"{before}; {by} {'turn' if len(cures) > 1 else 'turns'} it into {_position(left)}"


def _position(pence: int) -> str:
    if pence == 0:
        return "neither deficit nor surplus"
    return f"a {'deficit' if pence > 0 else 'surplus'} of {amount(abs(pence))}"


def _choices(material: Material) -> dict[str, tuple[str, ...]]:
    return {"year": tuple(material.frames["bridge"].get_column("year").unique().sort())}


CHART = Chart(
    "bridge",
    10,
    "How large is the gap if nothing is done, and what is left of it?",
    {"bridge": "the chain from the opening deficit (a scenario with the key chain; `capitation plan` adds the mix)"},
    draw,
    _choices,
)
