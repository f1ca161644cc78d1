"""What the study of contract options says to the person who must choose: sentences, turning points, limits, leaps."""

from __future__ import annotations

import polars as pl

from api.boards.tables import console, show
from capitation.allocation.providers import providers
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
    names = dict(providers(pack).select("provider_code", "provider_name").iter_rows())
    turning = turning_table(run, names)
    if turning.height:
        show(turning, f"Where a party's order of two options turns, {document.first_year}")
    beyond = bearing_table(run, document, names)
    if beyond.height:
        show(beyond, "Worst cases that a party could not bear")
    leaps = run.frame("leap").filter(pl.col("option") == document.base)
    for row in leaps.iter_rows(named=True):
        name = names.get(row["organisation_code"], row["organisation_code"])
        console.print(
            f"{name}, {row['year']}: position moves by £{row['change_pence'] / 1e8:,.1f}m from the year before: {row['because']}.",
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


def turning_table(run: Run, names: dict[str, str]) -> pl.DataFrame:
    """Switching values, one line for the parties that turn alike."""
    rows = run.frame("switching").with_columns(pl.col("party").replace(names))
    per = ["driver", "better_below", "better_above", "value"]
    grouped = (
        rows.with_columns(pl.col("value").round(4))
        .group_by("role", *per, maintain_order=True)
        .agg(pl.col("party").unique(maintain_order=True))
    )
    return grouped.select(
        pl.col("driver").replace_strict(_SAID, return_dtype=pl.String).alias("as this changes"),
        pl.when(pl.col("driver") == "activity")
        .then((pl.col("value") * 100).round(2).cast(pl.String) + "%")
        .otherwise(pl.col("value").round(4).cast(pl.String))
        .alias("at"),
        pl.col("better_below").alias("below it better"),
        pl.col("better_above").alias("above it better"),
        pl.col("party").list.join(", ").alias("for"),
    )


def bearing_table(run: Run, document: ContractOptions, names: dict[str, str]) -> pl.DataFrame:
    """Parties whose lowest position lies beyond what they can bear, by option."""
    rows = _ordered(run.frame("worst_case").filter(~pl.col("bearable").fill_null(value=True)), document)
    return rows.select(
        "option", pl.col("organisation_code").replace(names).alias("party"), pl.col("activity_case").alias("case"),
        "year", "position_pence", "tolerance_pence",
    )  # fmt: skip


def _ordered(frame: pl.DataFrame, document: ContractOptions) -> pl.DataFrame:
    places = {option.id: i for i, option in enumerate(document.options)}
    return frame.sort(pl.col("option").replace_strict(places, return_dtype=pl.Int64), maintain_order=True)


__all__ = ["bearing_table", "show_choice", "turning_table"]
