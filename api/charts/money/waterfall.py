"""Where the control total goes: its streams, what is kept back, and the same pounds by locality and by provider."""

from __future__ import annotations

import polars as pl

from api.charts.bars import Step, amount, ranked, signed, waterfall
from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart

Amounts = list[tuple[str, int]]


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The control total of one year; the last one unless another is chosen."""
    frames, known = material.frames, _choices(material)["year"]
    year = chosen(choice.year, known, "year", known[-1], material.source)
    local = frames["allocation"].filter(pl.col("year") == year, pl.col("level") == "locality")
    streams = _sums(local, "stream", material)
    localities = _sums(local, "code", material)
    providers = _sums(frames["provider_allocation"].filter(pl.col("year") == year), "provider_code", material)
    total, paid = sum(p for _, p in streams), sum(p for _, p in providers)
    kept_back = _held(material, year)
    rest = paid - total + sum(p for _, p in kept_back)
    steps = [Step(name, pence) for name, pence in streams]
    steps.append(Step("What you see of it" if material.facts.get("is_part") else "Control total", total, True))
    steps += [Step(f"Kept back: {name}", -pence) for name, pence in kept_back]
    steps += [Step("Other", rest)] if rest else []
    steps.append(Step("Paid on to providers", paid, True))
    parts = [("Stream", streams), ("Kept back", kept_back), ("Locality", localities), ("Provider", providers)]
    table = pl.DataFrame(
        [
            pl.Series("Level", [level for level, rows in parts for _ in rows]),
            pl.Series("Name", [name for _, rows in parts for name, _ in rows]),
            pounds("Amount (£)", [pence for _, rows in parts for _, pence in rows]),
        ]
    )
    top = providers[0] if providers else ("nobody", 0)
    share = f"{top[1] / total:.0%}" if total else "none"
    kept = f"{amount(total - paid)} of it is kept back" if total > paid else "nothing of it is kept back"
    what = "The part that you see of the control total" if material.facts.get("is_part") else "The control total"
    title = f"{what} of {year} is {amount(total)}; {kept}, and {share} goes to {top[0]}"
    subtitle = f"Control total, localities and providers, {year}, £ million"
    source = (
        f"Source: {material.origin('allocation')}. Totals are published; the shares of localities are worked out by weighted capitation, "
        "those of providers by the services they deliver."
    )
    alt = (
        "Waterfall: " + "; ".join(f"{s.label}: {amount(s.pence) if s.is_total else signed(s.pence)}" for s in steps)
        + f". Bars of {len(localities)} localities, from {_ends(localities)}, which add to the control total. "
        f"Bars of {len(providers)} providers, from {_ends(providers)}."
    )  # fmt: skip

    def body(sheet: Paper) -> Spec:
        first = waterfall(steps, sheet)
        width = sheet.width - 20 if sheet.is_narrow else (sheet.width - 40) / 2
        room = sheet.width * 0.4 if sheet.is_narrow else 190
        panels = [
            {**ranked([(n, p / 1e8, amount(p)) for n, p in rows], sheet, width, "£ million", room),
             "title": {"text": f"{title}, which add to {amount(sum(p for _, p in rows))}", "anchor": "start", "frame": "bounds",
                       "fontSize": sheet.size, "offset": 4}}
            for title, rows in (("By locality", localities), ("By provider", providers))
        ]  # fmt: skip
        below = {"vconcat": panels} if sheet.is_narrow else {"hconcat": panels, "spacing": 24}
        return {"vconcat": [first, below], "spacing": 24}

    return figure_of("waterfall", (title, subtitle, source, alt), table, body)


def _sums(rows: pl.DataFrame, key: str, material: Material) -> Amounts:
    """Amounts by name, the largest first."""
    sums = (
        rows.group_by(key).agg(pl.col("allocation_pence").sum()).sort("allocation_pence", key, descending=[True, False])
    )
    return [(material.name(code), pence) for code, pence in sums.iter_rows()]


def _held(material: Material, year: str) -> Amounts:
    """What is kept back of each stream, and a stream that reaches no provider until it is earned."""
    now = pl.col("year") == year
    rows = (
        material.frames["held_money"].filter(now).select("stream", "held_pence") if material.has("held_money") else None
    )
    sums: dict[str, int] = (
        {} if rows is None else dict(rows.group_by("stream").agg(pl.col("held_pence").sum()).sort("stream").iter_rows())
    )
    found = [(f"reserves of {material.name(stream).lower()}", pence) for stream, pence in sums.items() if pence]
    paid = int(material.frames["provider_allocation"].filter(now).get_column("allocation_pence").sum())
    local = material.frames["allocation"].filter(now, pl.col("level") == "locality")
    left = int(local.get_column("allocation_pence").sum()) - paid - sum(sums.values())
    for stream, pence in local.group_by("stream").agg(pl.col("allocation_pence").sum()).sort("stream").iter_rows():
        if left and pence == left and stream not in sums:
            found.append((f"{material.name(stream).lower()}, until earned", left))
    return found


def _ends(rows: Amounts) -> str:
    if not rows:
        return "none"
    return f"{rows[0][0]} {amount(rows[0][1])} to {rows[-1][0]} {amount(rows[-1][1])}"


def _choices(material: Material) -> dict[str, tuple[str, ...]]:
    return {"year": tuple(material.frames["provider_allocation"].get_column("year").unique().sort())}


CHART = Chart(
    "waterfall",
    20,
    "Where does the control total go?",
    {
        "allocation": "the allocation of a scenario (`capitation run`)",
        "provider_allocation": "the allocation to providers (a scenario with a plan of services)",
    },
    draw,
    _choices,
)
