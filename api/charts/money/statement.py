"""The statement: how one organisation comes from its allocation or income to its position under a contract option, as a waterfall."""

from __future__ import annotations

import polars as pl

from api.charts.bars import Step, amount, signed, waterfall
from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, pounds
from api.charts.look import figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.sentences import capital


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The statement of one organisation, option, case and year; that which moves most in the year of the new contracts first."""
    rows = material.frames["position_bridge"]
    years = rows.get_column("year").unique().sort().to_list()
    known = _choices(material)
    first = material.facts.get("first_year", years[0])
    year = chosen(choice.year, years, "year", first if first in years else years[0], material.source)
    option = chosen(choice.option, known["option"], "option", known["option"][-1], material.source)
    shown = material.facts.get("shown_case", known["case"][0])
    case = chosen(
        choice.case, known["case"], "case", shown if shown in known["case"] else known["case"][0], material.source
    )
    mine = rows.filter(pl.col("year") == year, pl.col("option") == option, pl.col("activity_case") == case)
    parties = mine.get_column("subject_code").unique().sort().to_list()
    moved = (
        mine.filter(pl.col("step") > 0).group_by("subject_code").agg(pl.col("amount_pence").abs().sum().alias("moved"))
    )
    providers = set(mine.filter(pl.col("subject_kind") == "provider").get_column("subject_code"))
    best = moved.filter(pl.col("subject_code").is_in(list(providers)) | (not providers)).sort(
        "moved", "subject_code", descending=[True, False]
    )
    party = chosen(choice.party, parties, "party", best.row(0)[0] if best.height else parties[0], material.source)
    lines = mine.filter(pl.col("subject_code") == party).sort("step")
    steps = [
        Step(capital(name), pence, number == 0)
        for number, (name, pence) in enumerate(lines.select("name", "amount_pence").iter_rows())
        if pence or number == 0
    ]
    end = sum(step.pence for step in steps)
    steps.append(Step("Position", end, True))
    table = pl.DataFrame(
        [pl.Series("Line", [step.label for step in steps]), pounds("Amount (£)", [step.pence for step in steps])]
    )
    who, how = material.name(party), material.short(option)
    state = "breaks even" if end == 0 else f"ends with a {'surplus' if end > 0 else 'deficit'} of {amount(abs(end))}"
    title = f"{who} {state} in {year} under {how}"
    subtitle = f"From what it is given to its position, {material.name(case).lower()}, £ million"
    source = f"Source: {material.origin('position_bridge')}. Worked out from the contract option's terms; what is assumed is in its document."
    alt = f"Waterfall: {'; '.join(f'{s.label}: {amount(s.pence) if s.is_total else signed(s.pence)}' for s in steps)}."
    return figure_of("statement", (title, subtitle, source, alt), table, lambda sheet: waterfall(steps, sheet))


def _choices(material: Material) -> dict[str, tuple[str, ...]]:
    rows = material.frames["position_bridge"]
    columns = {"year": "year", "option": "option", "case": "activity_case", "party": "subject_code"}
    return {key: tuple(rows.get_column(name).unique().sort()) for key, name in columns.items()}


CHART = Chart(
    "statement",
    30,
    "How does one organisation come to its position under a contract option?",
    {"position_bridge": "contract options settled on the allocation (`capitation compare` or `capitation plan`)"},
    draw,
    _choices,
)
