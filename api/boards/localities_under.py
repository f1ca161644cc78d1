"""Localities under an accountable care body, as a board reads them: each budget against the care of its own people."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from capitation.money.pence import board_text


def localities_table(rows: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Budget, care and what is left by locality in one year, £ thousand, the largest gain first, all together last.

    Args:
        rows: rows of one year of a body's localities.
        names: names of localities by code.
    """
    amounts = ("budget", "unearned", "care", "left", "hospitals", "carried_on")
    pence = [f"{name}_pence" for name in amounts]
    kept = rows.select("locality_code", "weighted_persons", *pence).sort(
        "left_pence", "locality_code", descending=[True, False]
    )
    whole = kept.select(pl.lit("all").alias("locality_code"), pl.col("weighted_persons", *pence).sum())
    both = pl.concat([kept, whole])
    thousand = [
        (pl.col(f"{name}_pence") / 100_000).round(0).cast(pl.Int64).alias(name.replace("_", " ")) for name in amounts
    ]
    share = (100 * pl.col("left_pence") / pl.col("budget_pence")).map_elements(
        lambda found: f"{found:+.1f}", return_dtype=pl.String
    )
    return both.select(
        pl.col("locality_code").replace(dict(names)).alias("locality"),
        pl.col("weighted_persons").round(0).cast(pl.Int64),
        *thousand,
        pl.when(pl.col("budget_pence") > 0).then(share).otherwise(pl.lit("")).alias("left %"),
    )  # fmt: skip


def localities_sentence(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    """How many localities gain and lose in one year, by how much in all, and who most."""
    year, order = rows["year"][0], rows.sort("left_pence", "locality_code")
    least, most = order.row(0, named=True), order.row(-1, named=True)
    gain, loss = (
        int(rows.filter(sign)["left_pence"].sum()) for sign in (pl.col("left_pence") > 0, pl.col("left_pence") < 0)
    )
    over = rows.filter(pl.col("left_pence") < 0).height

    def named(row: Mapping[str, object]) -> str:
        return (
            f"{names.get(str(row['locality_code']), row['locality_code'])} ({board_text(int(str(row['left_pence'])))})"
        )

    return (
        f"{year}: by the activity of their own people {over} of {rows.height} localities need more than their weighted persons bring, "
        f"{board_text(-loss)} in all; the others gain {board_text(gain)}. Most at {named(most)}, least at {named(least)}."
    )  # fmt: skip


__all__ = ["localities_sentence", "localities_table"]
