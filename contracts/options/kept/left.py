"""What each option leaves everybody with, worked out once for the same payments, outturns and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

import polars as pl

from capitation.pack.stages import Stage
from capitation.records.frames import Frame, joined_digest, rows_text
from contracts.options.kept.on_run import OnRun, given
from contracts.options.position import (
    CommissionerMoney,
    FurtherCost,
    PartyTransfer,
    Payment,
    Position,
    PositionBridge,
    outside_payers,
    position_bridge,
    positions,
    transfers,
)
from contracts.options.who_pays import WhoPays, who_pays


@dataclass(frozen=True)
class Left:
    """What one option, or all of them, leave."""

    position: Frame[Position]
    position_bridge: Frame[PositionBridge]
    transfer: Frame[PartyTransfer]
    who_pays: Frame[WhoPays]


NAMES = tuple(field.name for field in fields(Left))


def left_by_options(
    on: OnRun,
    payments: Frame[Payment],
    further: Frame[FurtherCost],
    outturns: pl.DataFrame,
    keys: Mapping[str, str],
) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """Frames of what all options leave by name, and their checksums; each option is worked out alone, and kept.

    Args:
        on: the run that the options are tried on.
        payments: payments of every option and case.
        further: cost that options add.
        outturns: outturns of every case.
        keys: what the payments and the further cost of each option are kept by.
    """
    rows = given(outturns)
    outside = given(outside_payers(payments, on.money.value))
    parts = [
        on.stages.keep(
            "option left", _left,
            Stage(cast("Frame[Payment]", payments.filter(option=option)), keys[option]),
            Stage(cast("Frame[FurtherCost]", further.filter(option=option)), keys[option]),
            rows, on.money, outside,
        )
        for option in payments.get_column("option").unique().sort()
    ]  # fmt: skip
    frames: dict[str, pl.DataFrame] = {}
    digests: dict[str, str] = {}
    for name in NAMES:
        each = [part.part(name) for part in parts]
        # the rows of each option are checked and in key order, of which the option is the first part
        frames[name] = pl.concat([part.value for part in each])
        texts: list[Stage[bytes]] = [on.stages.keep("text", rows_text, part) for part in each]
        digests[name] = joined_digest(frames[name], (text.value for text in texts))
    return frames, digests


def _left(
    payments: Frame[Payment],
    further: Frame[FurtherCost],
    outturns: pl.DataFrame,
    money: Frame[CommissionerMoney],
    outside: pl.DataFrame,
) -> Left:
    every = positions(payments, outturns, money, further, outside)
    bridge = position_bridge(payments, outturns, money, further, outside)
    return Left(every, bridge, transfers(payments), who_pays(every))


__all__ = ["left_by_options"]
