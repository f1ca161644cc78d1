"""What each option earns for quality, worked out once for the same payments, outturns and contracts."""

from __future__ import annotations

from typing import cast

import polars as pl

from capitation.pack.stages import Stage, Stages
from capitation.records.frames import Frame
from contracts.options.document import ContractOption
from contracts.options.kept.on_run import given, written
from contracts.options.position import FurtherCost, Payment, positions
from contracts.options.trials import Trials, before_quality


def quality_of_options(
    trials: Trials, payments: Frame[Payment], outturns: pl.DataFrame, further: Frame[FurtherCost]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """What payments for quality earn, move and cost under every option, as `QualityPayments.settled` gives it; each option is kept.

    With it, what each option is kept by: all that its payments and costs rest on, those for quality among them.

    Args:
        trials: the options.
        payments: payments of every option and case without those for quality.
        outturns: outturns of every case.
        further: cost that options add.
    """
    options = sorted(trials.document.options, key=lambda option: option.id)
    parts, keys = [], {}
    for option in options:
        mine = pl.col("option") == option.id
        paid, more = cast("Frame[Payment]", payments.filter(mine)), cast("Frame[FurtherCost]", further.filter(mine))
        found = _of_option(trials, option, paid, outturns, more)
        parts.append(found.value)
        keys[option.id] = found.key
    return pl.concat(parts), keys


def _of_option(
    trials: Trials, option: ContractOption, paid: Frame[Payment], outturns: pl.DataFrame, more: Frame[FurtherCost]
) -> Stage[pl.DataFrame]:
    document = trials.document.model_copy(update={"options": (option,)})

    def earned(*_: object) -> pl.DataFrame:
        found = positions(paid, outturns, trials.money, more)
        return trials.quality.settled(document, before_quality(found, trials.margin))

    return Stages(None, None).keep("quality of an option", earned, rests_on(trials, option, paid, outturns, more))


def rests_on(trials: Trials, option: ContractOption, *frames: pl.DataFrame) -> list[object]:
    """All that an option says and agrees, whatever is done under it, and some frames, as plain content for what is kept by it."""
    spans, on = trials.starts.spans(option), trials.on
    names = {each.contract for span in spans for each in span.option.contracts}
    names |= {each.contract for span in spans for each in span.option.quality}
    agreed = {name: written(trials.contracts[name]).key for name in sorted(names)}
    held = [[s.first, s.until, None if s.body is None else s.body.rests_on] for s in spans]
    on_run = [on.lines.key, on.money.key, on.margin.key, on.fund.key]
    return [option.id, trials.said, agreed, held, on_run, [given(frame).key for frame in frames]]


__all__ = ["quality_of_options", "rests_on"]
