"""The chain on the terminal: the system line by line, and every organisation against its control total, in £ thousand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from api.boards.tables import console, show
from capitation.money.pence import board_text, millions_text
from capitation.money.rounding import nearest
from capitation.run.run import Run
from optimiser.links.under_contracts import UnderContracts

_SHOWN = {
    "opening": "opening",
    "growth": "cost growth",
    "allocation_growth": "income growth",
    "own_not_explained": "unexplained",
    "own_sustainability": "funding",
    "own_mix": "mix",
    "own_left": "left",
}
"""Columns of the table by organisation."""


def show_chain(run: Run, year: str) -> None:
    """Print the chain of one year: the system, what stands beside it, each organisation and its control total."""
    mine = run.bridge.filter(pl.col("year") == year)
    system = mine.filter(pl.col("level") == "system")
    show(system.select("title", "amount_pence"), f"From the opening deficit to what is left, {year}")
    beside = run.gap_bridge.filter((pl.col("year") == year) & pl.col("name").str.contains("council"))
    for name, pence in beside.select("name", "amount_pence").iter_rows():
        console.print(f"Beside it, not in it: {name} {board_text(pence)}.", markup=False)
    if mine.height > system.height:
        show(organisation_table(run, year), f"The same by organisation, deficits above nothing, {year}, £ thousand")
        console.print(targets_sentence(run, year), markup=False, soft_wrap=True)


def show_years(run: Run) -> None:
    """Print the system's chain of every year beside each other, in £ million."""
    system = run.bridge.filter(pl.col("level") == "system").sort("year", "step")
    years = system.get_column("year").unique().sort().to_list()
    lines = system.sort("step").group_by("line", maintain_order=True).agg(pl.col("title").first())
    amounts = {(line, year): pence for line, year, pence in system.select("line", "year", "amount_pence").iter_rows()}
    columns = {
        year: [f"{millions_text(amounts[line, year]) if (line, year) in amounts else '':>7}" for line in lines["line"]]
        for year in years
    }
    show(pl.DataFrame({"line": lines["title"], **columns}), "From the opening deficit to what is left, £ million")
    if "printed_do_nothing" in lines["line"]:
        console.print(
            "The printed deficit is kept as printed: a changed assumption moves what is derived, and what is not explained by as much the other way. "
            "Where the chain's document keeps what is not explained (not_explained_pounds), what is left moves with every assumption.",
            markup=False,
            soft_wrap=True,
        )


def organisation_table(run: Run, year: str) -> pl.DataFrame:
    """One row an organisation: its part of each line of the chain, and by how much it misses its control total."""
    named = organisation_names(run)
    growth = ["volume", "price", "drugs", "specialised_growth"]
    lines = run.bridge.filter((pl.col("year") == year) & (pl.col("level") == "organisation")).with_columns(
        pl.when(pl.col("line").is_in(growth)).then(pl.lit("growth")).otherwise(pl.col("line")).alias("line")
    )
    sums = lines.group_by("organisation", "line").agg(pl.col("amount_pence").sum())
    amounts: dict[tuple[str, str], int] = {(o, line): pence for o, line, pence in sums.iter_rows()}
    seen = {line for _, line in amounts}
    margins = dict(
        run.organisation_position.filter(pl.col("year") == year).select("organisation_code", "margin_pence").iter_rows()
    )
    rows = []
    for code in lines.get_column("organisation").unique().sort():
        row: dict[str, object] = {"organisation": named.get(code, code)}
        row |= {title: _thousand(amounts.get((code, line), 0)) for line, title in _SHOWN.items() if line in seen}
        margin = margins.get(code)
        row["misses target by"] = None if margin is None else _thousand(max(-margin, 0))
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def targets_sentence(run: Run, year: str) -> str:
    """How many bodies reach their control total, and by how much the others miss it."""
    tested = run.organisation_position.filter((pl.col("year") == year) & pl.col("is_met").is_not_null())
    met = tested.filter(pl.col("is_met")).height
    short = -int(tested.filter(~pl.col("is_met")).get_column("margin_pence").sum())
    missed = f"; the others miss theirs by {board_text(short)} together" if short else ""
    return f"{met} of {tested.height} bodies reach their control total when nothing is done{missed}."


def _thousand(pence: int) -> int:
    return nearest(Decimal(pence) / 100_000)


def lacking(run: Run) -> list[str]:
    """Stages of the chain that a run does not have, in words."""
    found = []
    if run.bridge.filter(pl.col("line") == "mix").is_empty():
        found.append("the mix of investments")
    if run.bridge.filter(pl.col("level") == "organisation").is_empty():
        found.append("the chain by organisation")
    if "plan_position" not in run.frames:
        found.append("positions under contract options")
    return found


def show_mix_lines(run: Run, year: str) -> None:
    """Print what each solution of the mix avoids, releases, saves and spends in a year, in £ thousand."""
    if "mix_line" not in run.frames:
        return
    rows = run.frame("mix_line").filter(pl.col("year") == year).sort("gain_pence", descending=True)
    columns = {
        "cost_released_pence": "cost released",
        "savings_pence": "savings",
        "spend_pence": "own spend",
        "gain_pence": "gain",
    }
    table = rows.select(
        pl.col("title").alias("solution"), pl.col("avoided_units").alias("avoided"),
        *(pl.Series(title, [_thousand(pence) for pence in rows[name]], dtype=pl.Int64) for name, title in columns.items()),
    )  # fmt: skip
    show(table, f"The mix by solution, {year}, £ thousand")


def ends_table(rows: pl.DataFrame, names: Mapping[str, str], titles: Mapping[str, str], year: str) -> pl.DataFrame:
    """Where each organisation ends a year under every option, beside its control total, in £ thousand.

    Args:
        rows: positions of a plan (`plan_position`).
        names: names of organisations by code.
        titles: headings of options by id; those without one are their ids in words.
        year: the year.
    """
    mine = rows.filter((pl.col("year") == year) & (pl.col("role") != "payer"))
    options = mine.get_column("option").unique().sort().to_list()
    wide = mine.pivot(
        on="option",
        on_columns=options,
        index=["role", "organisation_code", "control_total_pence"],
        values="position_pence",
    ).sort("role", "organisation_code")
    return wide.select(
        pl.col("organisation_code").replace(dict(names)).alias("organisation"),
        *(_thousands(wide[option], titles.get(option, option.replace("-", " "))) for option in options),
        _thousands(wide["control_total_pence"], "must reach"),
    )


def show_plan_ends(run: Run, year: str) -> None:
    """Print where each organisation ends a year under every option, beside its control total, in £ thousand."""
    if "plan_position" not in run.frames:
        return
    rows = run.frame("plan_position")
    table = ends_table(rows, organisation_names(run), {}, year)
    show(table, f"Positions with the mix under each contract option, surpluses above nothing, {year}, £ thousand")
    mine = rows.filter((pl.col("year") == year) & (pl.col("role") != "payer"))
    beyond = beyond_the_chain(run, year)
    for option in mine.get_column("option").unique().sort():
        said = _targets_under(mine.filter(pl.col("option") == option), option, beyond.get(option, 0))
        console.print(said, markup=False, soft_wrap=True)


def show_plan_positions(run: Run, year: str) -> None:
    """Print each option's positions against control totals in a year, in £ thousand."""
    if "plan_position" not in run.frames:
        return
    rows = run.frame("plan_position").filter((pl.col("year") == year) & (pl.col("role") != "payer"))
    beyond = beyond_the_chain(run, year)
    for option in rows.get_column("option").unique().sort():
        mine = rows.filter(pl.col("option") == option).sort("role", "organisation_code")
        columns = {
            "do_nothing_pence": "do nothing", "mix_pence": "mix", "contract_pence": "contract", "position_pence": "position",
            "control_total_pence": "must reach",
        }  # fmt: skip
        table = mine.select(
            pl.col("organisation_code").replace(organisation_names(run)).alias("organisation"),
            *(_thousands(mine[name], title) for name, title in columns.items()),
        )
        show(table, f"Positions under {option}, surpluses above nothing, {year}, £ thousand")
        console.print(_targets_under(mine, option, beyond.get(option, 0)), markup=False, soft_wrap=True)


def beyond_the_chain(run: Run, year: str) -> dict[str, int]:
    """By how much all positions of a year are above what the chain leaves, by option (pence); only options where they differ.

    They differ by what the options themselves assume of cost and activity: care that costs more or less than the chain derives
    (`cost_at_plan`), activity that answers a contract (`response`).
    """
    whole = run.bridge.filter(pl.col("year") == year, pl.col("level") == "system", pl.col("line") == "left")
    left = int(whole["amount_pence"].sum())
    every = run.frame("plan_position").filter(pl.col("year") == year, pl.col("role") != "payer")
    sums = every.group_by("option").agg(pl.col("position_pence").sum()).sort("option")
    return {option: pence + left for option, pence in sums.iter_rows() if pence != -left}


def _targets_under(rows: pl.DataFrame, option: str, beyond: int) -> str:
    tested = rows.drop_nulls("is_met")
    apart = (
        f", {board_text(beyond)} of it beyond what the chain leaves, by what the option assumes of cost and activity (cost_at_plan, response)"
        if beyond
        else ""
    )
    return (
        f"Under {option.replace('-', ' ')}: together {board_text(int(rows['position_pence'].sum()))}{apart}; "
        f"{tested.filter(pl.col('is_met')).height} of {tested.height} bodies reach their control total."
    )


def _thousands(pence: pl.Series, title: str) -> pl.Series:
    return pl.Series(title, [None if p is None else _thousand(p) for p in pence], dtype=pl.Int64)


def organisation_names(run: Run) -> dict[str, str]:
    """Names of providers and other organisations by code."""
    named = run.code_name.filter(pl.col("kind").is_in(["provider", "organisation"]))
    return dict(named.select("code", "name").iter_rows())


def show_who_gains(found: UnderContracts, year: str) -> None:
    """Print who gains and who loses by the mix under each option in a year, and what the activity that it moves is worth, in £ thousand."""
    gains = found.parties.filter(pl.col("year") == year).sort("role", "organisation_code")
    for option in gains.get_column("option").unique().sort():
        mine = gains.filter(pl.col("option") == option)
        show(_in_thousands(mine, ["role", "organisation_code"]), f"Gains by the mix under {option}, {year}, £ thousand")
    worth = found.worth.filter(pl.col("year") == year)
    show(_in_thousands(worth, ["option"]), f"What the activity it moves is worth, {year}, £ thousand")


def _in_thousands(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    amounts = [
        pl.Series(name.removesuffix("_pence").replace("_", " "), [_thousand(p) for p in rows[name]], dtype=pl.Int64)
        for name in rows.columns
        if name.endswith("_pence")
    ]
    return rows.select(*key, *amounts)
