"""What the person who must choose wants to know of contract options: where the order turns, how far it can be trusted, who can bear it.

positions -> switching values, ranges of assumptions, activity below plan, worst cases, leaps, one sentence for each option
"""

from __future__ import annotations

import polars as pl

from capitation.records.columns import OPTION
from capitation.records.frames import Column, Frame, Schema
from capitation.sentences import small
from contracts.options.document import ContractOptions
from contracts.options.position import Position
from contracts.options.quality import QualityEarned
from contracts.options.ranges import BehaviourResponse, TestedRange, behaviour_responses, tested_ranges
from contracts.options.switching import Switching, switching
from contracts.options.trials import Trials, first_year_of
from contracts.options.worst import BelowPlan, Leap, WorstCase, below_plan, leaps, worst_cases


class OptionSentence(Schema):
    """What one option means, in a sentence."""

    option = OPTION
    says = Column(pl.String, "words", "The sentence")


STUDY: dict[str, type[Schema]] = {
    "behaviour_response": BehaviourResponse,
    "below_plan": BelowPlan,
    "leap": Leap,
    "option_sentence": OptionSentence,
    "quality_earned": QualityEarned,
    "switching": Switching,
    "tested_range": TestedRange,
    "worst_case": WorstCase,
}
"""Schemas of the study's frames by name."""


def study(trials: Trials, every: Frame[Position], earned: Frame[QualityEarned]) -> dict[str, pl.DataFrame]:
    """The frames of the study.

    Args:
        trials: the options, ready to be tried.
        every: positions of every option and case.
        earned: what payments for quality earn in the shown case.
    """
    below = below_plan(trials)
    bodies = trials.starts.bodies.items()
    reserves = {(option, between.body.code): between.body.reserve.value for option, between in bodies}
    worst = worst_cases(trials.document, every, below, reserves)
    return {
        "behaviour_response": behaviour_responses(trials),
        "below_plan": below,
        "leap": leaps(trials, every, earned),
        "option_sentence": _sentences(trials.document, every, worst),
        "quality_earned": earned,
        "switching": switching(trials),
        "tested_range": tested_ranges(trials),
        "worst_case": worst,
    }


def _sentences(document: ContractOptions, every: Frame[Position], worst: Frame[WorstCase]) -> Frame[OptionSentence]:
    case = document.case_of(document.shown_case)
    shown = first_year_of(document, every.filter(pl.col("activity_case") == document.shown_case))
    rows = []
    for option in document.options:
        mine = shown.filter(pl.col("option") == option.id)
        if mine.is_empty():
            continue
        borne = dict(mine.group_by("role").agg(-pl.col("change_pence").sum()).rows())
        lowest = worst.filter(pl.col("option") == option.id).sort("position_pence").row(0, named=True)
        beyond = worst.filter((pl.col("option") == option.id) & ~pl.col("bearable").fill_null(True)).height
        known = worst.filter(pl.col("option") == option.id).get_column("bearable").null_count() == 0
        outside = borne.get("payer", 0)
        fund = f", the funds that pay for quality {_bear(outside)}" if outside else ""
        ends = f"; {beyond} of the parties could not bear their worst case" if known else ""
        rows.append(
            (
                option.id,
                f"{option.title}: with {small(case.title)} in {document.first_year}, commissioners "
                f"{_bear(borne.get('commissioner', 0))} and providers {_bear(borne.get('provider', 0))}{fund}; "
                f"the deepest position of all is that of {lowest['organisation_code']}, {_million(lowest['position_pence'])} "
                f"in {lowest['year']} ({lowest['activity_case']}){ends}.",
            )
        )
    return OptionSentence.validate(pl.DataFrame(rows, schema=OptionSentence.dtypes(), orient="row"))


def _bear(pence: int) -> str:
    return f"bear {_million(pence)}" if pence >= 0 else f"gain {_million(-pence)}"


def _million(pence: int) -> str:
    sign = "-" if pence < 0 else ""
    return f"{sign}£{abs(pence) / 1e8:,.1f}m"


__all__ = ["STUDY", "OptionSentence", "study"]
