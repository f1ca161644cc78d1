"""The ledger: signed movements that lead from one sum to another and add up exactly.

A bridge is a list of named stages with the subject's pence at each; its movements are the differences, so opening plus
movements equals closing by construction, to the penny, for every subject and year.
"""

from __future__ import annotations

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Frame, Schema


class LedgerLine(Schema):
    """One line of a waterfall: an amount that moves a subject's balance, and the balance after it."""

    year = YEAR
    subject_kind = Column(
        pl.String, "kind", "What the subject is: system, place, locality, practice or provider", key=True
    )
    subject_code = Column(pl.String, "code", "Code of the subject", key=True)
    step = Column(pl.Int64, "order", "Order of the line, 0 for the opening line", key=True, ge=0)
    name = Column(pl.String, "words", "What the line is")
    amount_pence = Column(pl.Int64, "pence", "Signed movement; on line 0 the opening sum")
    balance_pence = Column(pl.Int64, "pence", "Sum of this and all earlier lines of the subject and year")


def waterfall(stages: pl.DataFrame, *, subject_kind: str) -> Frame[LedgerLine]:
    """The lines of the waterfall of every subject and year.

    Args:
        stages: year, subject_code, step (0, 1, 2 ... without a gap), name, balance_pence: the subject's sum once the
            named step has been taken.
        subject_kind: what the subjects are.

    Raises:
        FrameError: a subject's steps have a gap, a repeat or an empty balance.

    Example:
        Balances 100, 90, 95 give amounts 100, -10, +5.
    """
    per_subject = ["year", "subject_code"]
    ordered = stages.sort(*per_subject, "step")
    broken = ordered.group_by(per_subject, maintain_order=True).agg(
        (pl.col("step").cast(pl.Int64) == pl.int_range(pl.len(), dtype=pl.Int64)).all().alias("whole"),
        pl.col("balance_pence").null_count().alias("empty"),
    )
    bad = broken.filter(~pl.col("whole") | (pl.col("empty") > 0))
    if bad.height:
        faults = [
            Fault(
                f"{subject_kind} {row['subject_code']} in {row['year']}",
                "a step that is missing, repeated or empty",
                "steps 0, 1, 2 ...",
            )
            for row in bad.head(10).iter_rows(named=True)
        ]
        raise FrameError("the stages do not make a waterfall", faults)
    previous = pl.col("balance_pence").shift(1).over(per_subject).fill_null(0)
    return LedgerLine.validate(
        ordered.select(
            "year",
            pl.lit(subject_kind).alias("subject_kind"),
            "subject_code",
            pl.col("step").cast(pl.Int64),
            "name",
            (pl.col("balance_pence") - previous).alias("amount_pence"),
            "balance_pence",
        )
    )
