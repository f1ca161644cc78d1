"""What a ledger must keep: the lines of every subject add to its closing sum."""

from collections.abc import Sequence

import polars as pl


def unbalanced(
    ledger: pl.DataFrame, closing: pl.DataFrame, subject: Sequence[str] = ("year", "subject_code")
) -> pl.DataFrame:
    """Subjects whose lines do not add to their closing sum: empty where the ledger holds.

    Args:
        ledger: ledger lines.
        closing: the subject columns and `closing_pence`.
        subject: columns that name a subject.
    """
    sums = ledger.group_by(subject).agg(pl.col("amount_pence").sum().alias("ledger_pence"))
    return (
        closing.join(sums, on=list(subject), how="full", coalesce=True)
        .filter(pl.col("ledger_pence").ne_missing(pl.col("closing_pence")))
        .sort(subject)
    )
