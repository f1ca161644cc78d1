"""A mix made ready for draws: what each solution moves, and how what the mix releases, saves and spends divides over solutions."""

from __future__ import annotations

import polars as pl

from capitation.run.run import Run
from contracts.options.document import ContractOptions
from contracts.risk.mix import MixInDraws
from optimiser.answers.optimise import Outcome
from optimiser.links.plan import COST_NAMES, bought
from optimiser.links.under_contracts import MIX


def drawn_mix(outcome: Outcome, run: Run, document: ContractOptions) -> MixInDraws:
    """The mix of `outcome` as a simulation of contract options takes it.

    Args:
        outcome: a problem made from that run, and its mix.
        run: the run of the scenario.
        document: the contract options.

    Raises:
        CapitationError: nothing is bought; or as `bought`.
    """
    shift, activity, _, money = bought(outcome, run, document)
    key = ["year", "locality_code", "line", "solution"]
    avoided = shift.avoided.rename({"point_of_delivery": "line"}).select(*key, units="avoided")
    sent = shift.received.rename({"point_of_delivery": "line"}).select(*key, units=-pl.col("received"))
    moved = pl.concat([avoided, sent]).group_by(key).agg(pl.col("units").sum()).sort(key)
    saves = pl.col("name") == COST_NAMES["savings"]
    spends = pl.col("name") == COST_NAMES["spend"]
    sums = (
        money.costs.rename({"provider_code": "organisation_code"})
        .group_by("year", "organisation_code")
        .agg(
            (-pl.col("cost_pence").filter(~saves & ~spends).sum()).alias("released_pence"),
            (-pl.col("cost_pence").filter(saves).sum()).alias("saved_pence"),
            pl.col("cost_pence").filter(spends).sum().alias("spent_pence"),
        )
        .sort("year", "organisation_code")
    )
    parts = money.lines.select(
        "year", "solution", released_pence="cost_released_pence", saved_pence="savings_pence", spent_pence="spend_pence"
    )
    return MixInDraws(tuple(s.id for s in outcome.problem.solutions), activity[MIX], moved, sums, parts)


__all__ = ["drawn_mix"]
