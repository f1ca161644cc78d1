"""Several trials at once: positions where activity or cost differ, with every contract settled on the rows of all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.records.frames import Frame
from contracts.options.document import PLAN, ContractOptions
from contracts.options.outturn import CaseActivity
from contracts.options.position import Payment, funding_payments
from contracts.options.starts.settling import settle_levels
from contracts.options.trials import PARTY, Trials, by_response

AT_ONCE = 12
"""Trials worked out together; more take memory and little less time."""


def positions_of_several(
    trials: Trials, tries: Sequence[tuple[Frame[CaseActivity], ContractOptions]]
) -> list[pl.DataFrame]:
    """What `Trials.positions` gives for each of several trials, worked out together.

    Args:
        trials: the options.
        tries: activity, and the options with another cost of care; all else of them is as the document of the trials has it.

    Raises:
        ContractError: rows that a contract cannot settle.
    """
    if len(tries) < 2 or any(change for change, _ in by_response(trials.document, trials.starts)):
        return [trials.positions(activity, document) for activity, document in tries]
    found: list[pl.DataFrame] = []
    for first in range(0, len(tries), AT_ONCE):
        found += _together(trials, tries[first : first + AT_ONCE])
    return found


def _together(trials: Trials, tries: Sequence[tuple[Frame[CaseActivity], ContractOptions]]) -> list[pl.DataFrame]:
    document, names = trials.document, [PLAN, *(f"trial {number}" for number in range(1, len(tries)))]
    rows = pl.concat(
        trials.outturn(activity, costing).with_columns(pl.lit(name).alias("activity_case"))
        for name, (activity, costing) in zip(names, tries, strict=True)
    )
    paid = settle_levels(document, trials.contracts, rows, trials.starts)
    both = pl.concat([paid, funding_payments(document.options, names, trials.fund)])
    found = trials.with_quality(document, Payment.validate(both), rows)
    parts = found.filter(pl.col("role") != "payer").partition_by("activity_case", as_dict=True)
    return [parts[name,].select("option", *PARTY, "year", "position_pence", "cost_pence") for name in names]


__all__ = ["positions_of_several"]
