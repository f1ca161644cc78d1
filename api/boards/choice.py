"""What the study of contract options says to the person who must choose: sentences, turning points, limits, leaps."""

from __future__ import annotations

import polars as pl

from api.boards.options import names_of_organisations
from api.boards.tables import console, listed, show
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from contracts.options.document import ContractOptions

_SAID = {"activity": "activity against plan", "cost": "cost of planned activity", "shift": "channel shift delivered"}


def show_choice(run: Run, document: ContractOptions, pack: DataPack) -> None:
    """Print one sentence for each option, where a party's order of options turns, who could not bear what, and leaps."""
    if "option_sentence" not in run.frames:
        return
    for says in _ordered(run.frame("option_sentence"), document).get_column("says"):
        console.print(says, soft_wrap=True, markup=False)
    names = names_of_organisations(pack)
    for line in turning_lines(run, names, document.first_year):
        console.print(line, soft_wrap=True, markup=False)
    beyond = bearing_table(run, document, names)
    if beyond.height:
        show(beyond, "Parties whose worst case is deeper than they can bear, £m (empty: they can bear it)")
    leaps = run.frame("leap").filter(pl.col("option") == document.base)
    for row in leaps.iter_rows(named=True):
        name = names.get(row["organisation_code"], row["organisation_code"])
        console.print(
            f"{name}, {row['year']}: position moves by £{row['change_pence'] / 1e8:,.1f}m from the year before"
            f"{': ' if row['because'] else ''}{row['because']}.",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    turns = run.frame("tested_range").filter(pl.col("sign") == "turns")
    for figure, count in turns.group_by("figure", maintain_order=True).agg(pl.len()).rows():
        console.print(
            f"Within the range of {figure}, {count} position(s) turn between surplus and deficit in {document.first_year}.",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    for row in run.frame("behaviour_response").iter_rows(named=True):
        console.print(
            f"{row['option']}: extra cost of £{row['without_pence'] / 1e8:,.1f}m as the case has it; "
            f"£{row['at_low_pence'] / 1e8:,.1f}m to £{row['at_high_pence'] / 1e8:,.1f}m as activity answers the contract by "
            f"{row['low']:+.1%} to {row['high']:+.1%} (assumed {row['value']:+.1%}).",
            soft_wrap=True, markup=False,
        )  # fmt: skip


def turning_lines(run: Run, names: dict[str, str], year: str) -> list[str]:
    """Switching values in sentences: what turns at which value, for the parties whose orders of options turn alike."""
    rows = run.frame("switching").with_columns(
        pl.col("value").round(4), pl.concat_str("better_below", "better_above", separator="\n").alias("turn")
    )
    if rows.is_empty():
        return []
    alike = (
        rows.group_by("driver", "value", "party", maintain_order=True)
        .agg(pl.col("turn").sort().str.join("\t"))
        .group_by("driver", "value", "turn", maintain_order=True)
        .agg("party")
    )
    lines = [f"Where a party's order of options turns, {year}:"]
    for driver, value, turns, parties in alike.rows():
        at = f"{value:+.2%}" if driver == "activity" else f"{value:,.4f}"
        lines.append(f"  {_SAID[driver]} at {at}, for {listed([names.get(code, code) for code in parties])}:")
        better: dict[str, list[str]] = {}
        for turn in turns.split("\t"):
            below, above = turn.split("\n")
            better.setdefault(below, []).append(above)
        lines += [f"    below it {below} is better, above it {listed(above)}" for below, above in better.items()]
    return lines


def bearing_table(run: Run, document: ContractOptions, names: dict[str, str]) -> pl.DataFrame:
    """Parties whose lowest position lies beyond what they can bear, the deepest first: a column an option, in £m."""
    rows = run.frame("worst_case").filter(~pl.col("bearable").fill_null(value=True))
    if rows.is_empty():
        return rows
    own = (pl.col("tolerance_pence") / 1e8).round(1)
    bears = rows.group_by("organisation_code").agg(own.max().alias("least"), own.min().alias("most"))
    wide = rows.with_columns((pl.col("position_pence") / 1e8).round(1)).pivot(
        "option", index="organisation_code", values="position_pence", aggregate_function="min"
    )
    options = [option.id for option in document.options if option.id in wide.columns]
    said = pl.when(pl.col("least") == pl.col("most")).then(pl.format("{}", "least")).otherwise(
        pl.format("{} to {}", "least", "most")
    )  # fmt: skip
    return wide.join(bears, on="organisation_code", validate="1:1").sort(pl.min_horizontal(options)).select(
        pl.col("organisation_code").replace(names).alias("party"),
        said.fill_null("").alias("can bear"),
        *(_millions(option) for option in options),
    )  # fmt: skip


def _millions(column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda value: f"{value:,.1f}", return_dtype=pl.String).fill_null("")


def _ordered(frame: pl.DataFrame, document: ContractOptions) -> pl.DataFrame:
    places = {option.id: i for i, option in enumerate(document.options)}
    return frame.sort(pl.col("option").replace_strict(places, return_dtype=pl.Int64), maintain_order=True)


__all__ = ["bearing_table", "show_choice", "turning_lines"]
