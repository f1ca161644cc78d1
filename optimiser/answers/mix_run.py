"""A mix as a run of its own: frames from which its worth and every limit can be worked out again without the optimiser.

launches    what starts where and when, and at what scale        spend      each purse against its budget
staff       posts used against supply                            contacts   received against room
blocks      wards, theatres and clinics closed                   positions  everyone's cash by year
limits      every policy limit with its slack                    variables  every variable that is not 0
worth       what each variable adds to net present value         limit_terms  what each limit counts of each variable

npv = sum of worth.pounds = sum over years of positions.cash x discount (for whom the problem counts it)
limit.value = sum of limit_terms.each x variables.amount, in the limit's own unit;  slack = room to the nearer end
"""

from __future__ import annotations

import numpy as np
import polars as pl

from optimiser.answers.optimise import Outcome
from optimiser.answers.prices import price_report
from optimiser.answers.whole.closures import closures
from optimiser.blocks.cash import solution_savings
from optimiser.blocks.start import starts
from optimiser.engines.answer import Answer
from optimiser.problem.tables import tables_of
from optimiser.programme.core import COMMISSIONER, SYSTEM
from optimiser.programme.matrix import Matrix
from optimiser.programme.tables import THOUSAND, ProblemTables

AFTER = "after the last year"
_NONE = 1e-9


def mix_frames(outcome: Outcome) -> dict[str, pl.DataFrame]:
    """The frames of a mix by name; none where there is no mix. Money is in pounds."""
    answer = outcome.answer
    if not answer.has_mix:
        return {}
    tables = tables_of(outcome.problem, outcome.future)
    every = limits(answer)
    return {
        "launches": _launches(answer),
        "spend": _spend(answer),
        "staff": _against(answer, every, "workforce", ("used", "supply")),
        "contacts": _against(answer, every, "receiving_capacity", ("contacts", "room")),
        "blocks": closures(outcome.problem, answer, outcome.exact),
        "positions": _positions(outcome, answer, tables),
        "activity": pl.DataFrame() if outcome.exact is None else outcome.exact.avoided,
        "limits": every,
        "variables": _variables(answer),
        "worth": _worth(answer),
        "limit_terms": _limit_terms(answer),
    }


def drivers(outcome: Outcome) -> list[dict[str, object]]:
    """What the headline rests on: discounted pounds by kind of cash for whom the problem counts it, and floors that bind.

    driver, pounds (they add up to net present value) and of_npv; a floor has `one_more` instead: what one more of it costs.
    """
    answer = outcome.answer
    if not answer.has_mix:
        return []
    mine = _positions(outcome, answer, tables_of(outcome.problem, outcome.future)).filter(
        pl.col("party") == outcome.problem.perspective
    )
    within = mine.filter(pl.col("year") != AFTER)
    npv = answer.measure("npv")
    words = {
        "savings": "savings that solutions promise themselves",
        "cost_saved": "cost that providers save: variable cost, and wards, theatres and clinics closed",
        "income": "income that providers lose",
        "support": "support to providers",
        "spend": "spend on the mix",
    }
    found = [(said, float((within[name] * within["discount"]).sum())) for name, said in words.items()]
    found.append(
        ("value and instalments after the last year", float(mine.filter(pl.col("year") == AFTER)["cash"].sum()))
    )
    rows: list[dict[str, object]] = [
        {"driver": said, "pounds": pounds, "of_npv": pounds / npv if npv else None} for said, pounds in found if pounds
    ]
    prices = price_report(outcome.headline)
    floors = {f"limit on {m.label}" for m in answer.matrix.measures.values()}
    for row in prices.iter_rows(named=True):
        if row["limit"] in floors:
            rows.append({"driver": row["limit"], "at": row["at"], "one_more": row["price"]})
    return rows


def _money(unit: str) -> tuple[str, float]:
    """The unit a reader meets, and how many of it one of the programme's is."""
    return ("£", THOUSAND) if unit == "£ thousand" else (unit, 1.0)


def limits(answer: Answer) -> pl.DataFrame:
    """limit, family, group, unit, value, at_least, at_most, slack: every policy row of the mix."""
    matrix, values = answer.matrix, answer.values
    if values is None:
        return pl.DataFrame()
    activity = matrix.product(values)
    frames = []
    for family in matrix.rows:
        if family.kind != "Q" or not family.count:
            continue
        unit, each = _money(family.unit)
        at = slice(family.first, family.last)
        value, low, high = activity[at] * each, matrix.row_lower[at] * each, matrix.row_upper[at] * each
        frames.append(
            pl.DataFrame(
                {
                    "limit": family.labels(),
                    "family": [family.name] * family.count,
                    "group": [family.group] * family.count,
                    "unit": [unit] * family.count,
                    "value": value,
                    "at_least": _finite(low),
                    "at_most": _finite(high),
                    "slack": np.minimum(high - value, value - low),
                }
            )
        )
    return pl.concat(frames) if frames else pl.DataFrame({"limit": [], "family": []})


def _finite(values: np.ndarray) -> pl.Series:
    return pl.Series(np.where(np.isfinite(values), values, np.nan)).fill_nan(None)


def _against(answer: Answer, every: pl.DataFrame, family: str, words: tuple[str, str]) -> pl.DataFrame:
    """limit, whose and when it is, unit, what is used, what there is, slack."""
    used, room = words
    mine = every.filter(pl.col("family") == family)
    if not mine.height:
        return pl.DataFrame()
    about = next(f for f in answer.matrix.rows if f.name == family).index
    table = mine.select("limit", "unit", pl.col("value").alias(used), pl.col("at_most").alias(room), "slack")
    return pl.concat([table.select("limit"), about, table.drop("limit")], how="horizontal")


def _launches(answer: Answer) -> pl.DataFrame:
    added = (
        answer.column("launch")
        .group_by("solution", "place", "year", maintain_order=True)
        .agg(pl.col("value").sum().alias("launched"))
    )
    key = ["solution", "place", "year"]
    table = answer.column("in_place").rename({"value": "in_place"})
    for frame in (
        added,
        answer.column("start").rename({"value": "start"}),
        answer.column("effective").rename({"value": "effective"}),
    ):
        table = table.join(frame, on=key, how="left", maintain_order="left")
    table = table.with_columns(pl.col("launched", "start", "effective").fill_null(0.0))
    return table.filter(pl.any_horizontal(pl.col("in_place", "launched", "start").abs() > _NONE)).select(
        *key, "start", "launched", "in_place", "effective"
    )


def _spend(answer: Answer) -> pl.DataFrame:
    matrix = answer.matrix
    table = answer.column("spend").select("kind", "year", (pl.col("value") * THOUSAND).alias("spend"))
    carried = answer.column("carried") if any(f.name == "carried" for f in matrix.columns) else None
    out = pl.DataFrame(schema={"kind": pl.String, "year": pl.String, "carried_out": pl.Float64})
    if carried is not None and carried.height:
        out = carried.select("kind", "year", (pl.col("value") * THOUSAND).alias("carried_out"))
    table = table.join(out, on=["kind", "year"], how="left", maintain_order="left")
    family = next((f for f in matrix.rows if f.name == "budget"), None)
    budget = pl.DataFrame(schema={"kind": pl.String, "year": pl.String, "budget": pl.Float64})
    if family is not None:
        at = matrix.row_upper[family.first : family.last] * THOUSAND
        budget = family.index.select("kind", "year").with_columns(pl.Series("budget", at))
    before = pl.col("carried_out").shift(1).over("kind").fill_null(0.0).alias("carried_in")
    return (
        table.with_columns(pl.col("carried_out").fill_null(0.0))
        .sort("kind", "year", maintain_order=True)
        .with_columns(before)
        .join(budget, on=["kind", "year"], how="left", maintain_order="left")
        .with_columns(
            (pl.col("budget") + pl.col("carried_in") - pl.col("spend") - pl.col("carried_out")).alias("slack")
        )
        .select("kind", "year", "spend", "budget", "carried_in", "carried_out", "slack")
    )


def _positions(outcome: Outcome, answer: Answer, tables: ProblemTables) -> pl.DataFrame:
    """party, year, discount, income, cost_saved, savings, support, spend, cash: cash is the sum of those before it."""
    years = [str(year) for year in outcome.problem.years]
    discount = dict(tables.years.select("year", "discount").iter_rows())
    spend = _by(answer, "spend", None)
    lost, stranded, support = (_by(answer, name, "provider") for name in ("income_lost", "stranded", "support"))
    saved = _savings(answer, tables)
    providers = sorted({party for party, _ in lost} | {party for party, _ in saved} - {COMMISSIONER})
    rows: list[dict[str, object]] = []

    def line(party: str, year: str, income: float, cost: float, savings: float, help_: float, spent: float) -> None:
        cash = income + cost + savings + help_ + spent
        rows.append(
            {"party": party, "year": year, "discount": discount[year], "income": income, "cost_saved": cost,
             "savings": savings, "support": help_, "spend": spent, "cash": cash}
        )  # fmt: skip

    for year in years:
        gone = sum(lost.get((h, year), 0.0) for h in providers)
        cost = sum(lost.get((h, year), 0.0) - stranded.get((h, year), 0.0) for h in providers)
        paid = sum(support.get((h, year), 0.0) for h in providers)
        line(COMMISSIONER, year, gone, 0.0, saved.get((COMMISSIONER, year), 0.0), -paid, -spend.get(("", year), 0.0))
        for h in providers:
            at = (h, year)
            own = lost.get(at, 0.0)
            line(h, year, -own, own - stranded.get(at, 0.0), saved.get(at, 0.0), support.get(at, 0.0), 0.0)
        every = sum(value for (_, y), value in saved.items() if y == year)
        line(SYSTEM, year, 0.0, cost, every, 0.0, -spend.get(("", year), 0.0))
    if "value_after" in answer.matrix.measures:
        value = answer.measure("value_after")
        rows += [
            {"party": party, "year": AFTER, "discount": 1.0, "income": 0.0, "cost_saved": 0.0, "savings": 0.0,
             "support": 0.0, "spend": value, "cash": value}
            for party in (COMMISSIONER, SYSTEM)
        ]  # fmt: skip
    return pl.DataFrame(rows)


def _by(answer: Answer, family: str, party: str | None) -> dict[tuple[str, str], float]:
    """Pounds of a family of variables by party ("" where it has none) and year."""
    if not any(f.name == family and f.count for f in answer.matrix.columns):
        return {}
    found: dict[tuple[str, str], float] = {}
    for row in answer.column(family).iter_rows(named=True):
        key = (row[party] if party else "", row["year"])
        found[key] = found.get(key, 0.0) + row["value"] * THOUSAND
    return found


def _savings(answer: Answer, tables: ProblemTables) -> dict[tuple[str, str], float]:
    weights = starts(tables).select("solution", "place", "weight")
    table = (
        answer.column("effective")
        .join(weights, on=["solution", "place"], maintain_order="left")
        .join(solution_savings(tables), on="solution")
        .group_by("falls_to", "year", maintain_order=True)
        .agg((pl.col("value") * pl.col("weight") * pl.col("thousand")).sum() * THOUSAND)
    )
    return {(party, year): value for party, year, value in table.iter_rows()}


def _used(answer: Answer) -> np.ndarray:
    values = answer.values
    return np.flatnonzero(np.abs(values) > 0) if values is not None else np.zeros(0, dtype=np.int64)


def _units(matrix: Matrix) -> list[str]:
    return [unit for family in matrix.columns for unit in [family.unit] * family.count]


def _variables(answer: Answer) -> pl.DataFrame:
    matrix, used = answer.matrix, _used(answer)
    names, units = matrix.names("columns", numbered=False), _units(matrix)
    values = answer.values if answer.values is not None else np.zeros(matrix.column_count)
    return pl.DataFrame(
        {
            "variable": [names[j] for j in used],
            "amount": values[used],
            "unit": [units[j] for j in used],
            "meaning": _meanings(matrix, used),
        }
    )


def _meanings(matrix: Matrix, used: np.ndarray) -> list[str]:
    """What the columns mean, the labels of each family made once."""
    found: list[str] = []
    for family in matrix.columns:
        mine = used[(used >= family.first) & (used < family.last)]
        if len(mine):
            labels = family.labels()
            found += [labels[int(j) - family.first] for j in mine]
    return found


def _worth(answer: Answer) -> pl.DataFrame:
    """variable, each (pounds a unit, discounted), pounds: they add up to net present value."""
    matrix, values = answer.matrix, answer.values
    measure = matrix.measures["npv"]
    if values is None:
        return pl.DataFrame()
    used = np.flatnonzero((measure.vector != 0) & (values != 0))
    names = matrix.names("columns", numbered=False)
    each = measure.vector[used] * measure.scale
    frame = pl.DataFrame({"variable": [names[j] for j in used], "each": each, "pounds": each * values[used]})
    if measure.constant:
        constant = measure.constant * measure.scale
        frame = frame.vstack(pl.DataFrame({"variable": ["constant"], "each": [constant], "pounds": [constant]}))
    return frame


def _limit_terms(answer: Answer) -> pl.DataFrame:
    """limit, variable, each: what one unit of the variable counts in the limit, in the limit's own unit."""
    matrix = answer.matrix
    kept = np.isin(matrix.row_of, matrix.policy_rows)
    rows, cols = matrix.row_of[kept], matrix.index[kept]
    names, labels = matrix.names("columns", numbered=False), matrix.row_labels()
    times = np.ones(matrix.row_count)
    for family in matrix.rows:
        times[family.first : family.last] = _money(family.unit)[1]
    return pl.DataFrame(
        {
            "limit": [labels[r] for r in rows],
            "variable": [names[c] for c in cols],
            "each": matrix.value[kept] * times[rows],
        }
    )
