"""Assumptions run to both ends of their declared range, and what a response of activity to the contract would change."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import cast

import polars as pl

from capitation.records.columns import OPTION, ORGANISATION
from capitation.records.frames import Column, Frame, Schema
from capitation.records.varied import Moved, ranged_figures, what_moves
from contracts.options.document import ContractOptions
from contracts.options.position import ROLES
from contracts.options.trials import Trials, first_year_of


class TestedRange(Schema):
    """What a party's position becomes as one assumption goes to either end of its range, in the shown case's first year."""

    figure = Column(pl.String, "words", "The assumption", key=True)
    quality = Column(pl.String, "mark", "Evidence behind it", nullable=True)
    low = Column(pl.Float64, "as the figure", "Its lowest value")
    value = Column(pl.Float64, "as the figure", "Its value")
    high = Column(pl.Float64, "as the figure", "Its highest value")
    option = OPTION
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    at_low_pence = Column(pl.Int64, "pence", "Position at the lowest value")
    position_pence = Column(pl.Int64, "pence", "Position as assumed")
    at_high_pence = Column(pl.Int64, "pence", "Position at the highest value")
    sign = Column(
        pl.String, "label", "Whether the position is a surplus or a deficit over the whole range, or turns within it",
        one_of=("surplus", "deficit", "turns", "balance"),
    )  # fmt: skip


class BehaviourResponse(Schema):
    """The extra cost of the shown case where activity answers an option's contract, over its range, in the first year."""

    option = OPTION
    low = Column(pl.Float64, "share", "Lowest response of activity")
    value = Column(pl.Float64, "share", "Response assumed")
    high = Column(pl.Float64, "share", "Highest response")
    without_pence = Column(pl.Int64, "pence", "Extra cost against plan without a response")
    at_low_pence = Column(pl.Int64, "pence", "Extra cost at the lowest response")
    with_pence = Column(pl.Int64, "pence", "Extra cost at the response assumed")
    at_high_pence = Column(pl.Int64, "pence", "Extra cost at the highest response")


def tested_ranges(trials: Trials) -> Frame[TestedRange]:
    """Positions of every party and option at both ends of every assumption that declares a range.

    A figure of one option, such as a fund for quality, moves that option alone. A response of activity has a table of its
    own.
    """
    document = trials.document
    shown = trials.by_case(document.shown_case)

    def measure(document: ContractOptions) -> dict[tuple[str, str, str], int]:
        rows = first_year_of(document, trials.positions(shown, document))
        return {
            (o, r, p): v for o, r, p, v in rows.select("option", "role", "organisation_code", "position_pence").rows()
        }

    figures = [
        each
        for each in ranged_figures(document)
        if each.place[-1] != "response" and each.place[0] not in {"tolerances", "expectations", "goals"}
    ]
    moved = what_moves(document, measure, [each for each in figures if each.place[0] != "options"])
    for number, option in enumerate(document.options):
        own = [each for each in figures if each.place[:2] == ("options", number)]
        alone = document.model_copy(update={"options": (option,)})
        moved += (
            what_moves(alone, measure, [replace(f, place=("options", 0, *f.place[2:])) for f in own]) if own else []
        )
    rows = [_row(each) for each in moved]
    return TestedRange.validate(pl.DataFrame(rows, schema=TestedRange.dtypes(), orient="row"))


def behaviour_responses(trials: Trials) -> Frame[BehaviourResponse]:
    """The extra cost of the shown case under each option: as it is, and as activity answers the contract."""
    shown, plan = trials.by_case(trials.document.shown_case), trials.by_change(Decimal(0))
    plain = trials.without_response()
    base = _costs(plain, trials.positions(plan, plain))
    without = _costs(plain, trials.positions(shown, plain))
    rows = []
    for option in trials.document.options:
        response = option.response
        if response is None:
            continue
        own = response.value
        ends = (own if response.low is None else response.low, own, own if response.high is None else response.high)
        costs = []
        for value in ends:
            answered = option.model_copy(update={"response": response.model_copy(update={"value": value})})
            alone = trials.document.model_copy(update={"options": (answered,)})
            costs.append(_costs(alone, trials.positions(shown, alone))[option.id] - base[option.id])
        low, with_, high = costs
        extra = without[option.id] - base[option.id]
        rows.append((option.id, float(ends[0]), float(own), float(ends[2]), extra, low, with_, high))
    return BehaviourResponse.validate(pl.DataFrame(rows, schema=BehaviourResponse.dtypes(), orient="row"))


def _costs(document: ContractOptions, rows: pl.DataFrame) -> dict[str, int]:
    first = first_year_of(document, rows).group_by("option").agg(pl.col("cost_pence").sum())
    return dict(first.select("option", "cost_pence").rows())


def _row(moved: Moved) -> tuple[object, ...]:
    figure = moved.figure.figure
    low, high = moved.figure.ends
    option, role, party = cast("tuple[str, str, str]", moved.measured)
    amounts = (moved.at_low, moved.base, moved.at_high)
    sign = (
        "balance" if not any(amounts)
        else "surplus" if min(amounts) >= 0
        else "deficit" if max(amounts) <= 0
        else "turns"
    )  # fmt: skip
    return (
        moved.figure.name, figure.quality, float(low), float(figure.value), float(high), option, role, party,
        moved.at_low, moved.base, moved.at_high, sign,
    )  # fmt: skip


__all__ = ["BehaviourResponse", "TestedRange", "behaviour_responses", "tested_ranges"]
