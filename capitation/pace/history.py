"""How a commissioner's opening is spread over its practices: by heads, by need, by historic use, or by published budgets.

    heads     list of the opening year
    need      weighted persons of the opening year
    use       weighted persons x supply, supply = 1 - fall per kilometre x kilometres to the nearest general hospital, at least 0
    budgets   amounts printed for each practice

Spread by heads, the distance from target of the first year is the need index turned round, which no practice's spending is: need is used.
Use is need met, and how much of it is met falls with the way to a hospital; it stands in for activity by practice x unit cost, which was
not published. Where a system has budgets by practice they go before all of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import polars as pl
from pydantic import model_validator

from capitation.errors import Faults, suggest
from capitation.pack.sources import DataPack
from capitation.records.columns import PRACTICE
from capitation.records.documents import Document, Figure, Judged
from capitation.records.frames import Column, Frame, Schema

_SHOWN = 20
"""Practices that are named one by one."""


class PracticeAmounts(Document):
    """Printed amounts by practice, whose proportions split a commissioner's opening."""

    source: str
    """Id of the source."""
    table: str
    """Table of printed cells with one row a practice."""
    column: str
    """Column that holds the amounts."""


class OpeningHistory(Judged):
    """What spreads the opening of a commissioner over its practices."""

    by: Literal["heads", "need", "use", "budgets"]
    """Heads, weighted persons, weighted persons met by the supply at hand, or published budgets."""
    distances: str = "places/hospital-distance.csv"
    """Kilometres from each practice to the nearest general hospital; read where `by` is use."""
    fall_per_kilometre: Figure | None = None
    """Share of use that each kilometre takes off; only where `by` is use."""
    budgets: PracticeAmounts | None = None
    """Printed amounts by practice; only where `by` is budgets."""
    about: str
    """Why the opening is spread so, and what that rests on."""

    @model_validator(mode="after")
    def _has_what_it_rests_on(self) -> OpeningHistory:
        wrong = []
        for name, given, kind in (
            ("fall_per_kilometre", self.fall_per_kilometre, "use"),
            ("budgets", self.budgets, "budgets"),
        ):
            if self.by == kind and given is None:
                wrong.append(f"by is {kind!r} and {name} is missing; give it, or choose another way")
            if self.by != kind and given is not None:
                wrong.append(f"{name} is given and by is {self.by!r}, which does not read it; leave it out")
        fall = self.fall_per_kilometre
        if fall is not None and not 0 <= fall.value <= 1:
            wrong.append(f"fall_per_kilometre is {fall.value}; expected a share from 0 to 1")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class HospitalDistance(Schema):
    """The way from a practice to the nearest general hospital."""

    practice_code = PRACTICE
    kilometres = Column(pl.Float64, "kilometres", "In a straight line to the nearest general hospital", ge=0)
    hospital = Column(pl.String, "name", "The hospital")
    basis = Column(pl.String, "words", "What the position of the practice rests on")


def hospital_distances(file: str, practices: Iterable[str], pack: DataPack, faults: Faults) -> Frame[HospitalDistance]:
    """Kilometres of every practice; practices of one table and not of the other are added to the faults, with file and line."""
    found, table = pack.rows(file, HospitalDistance), pack.raw(file)
    known, given = set(practices), set(found.get_column("practice_code"))
    for row, code in enumerate(table.cells.get_column("practice_code")):
        if code.strip() not in known:
            faults.add(f"{table.where}: line {table.line(row)}", f"practice {code!r}", "a practice of the map", suggest(code, known))  # fmt: skip
    for code in sorted(known - given)[:_SHOWN]:
        faults.add(f"{table.where}: practice {code}", "no row", "the kilometres of every practice of the map")
    return found


def history_weights(
    stream: str, history: OpeningHistory | None, practices: pl.DataFrame, budgets: Mapping[str, int]
) -> pl.DataFrame:
    """`practices` of a stream with the column `opening_weight`.

    Args:
        stream: the stream.
        history: its choice; none means heads.
        practices: practice_code, registered_micro, weighted_persons of the stream, kilometres (empty where not read).
        budgets: printed pence by practice, where the choice is budgets.

    Example:
        1,000 weighted persons ten kilometres from a hospital, at a fall of 0.00425 each, weigh 957.5.
    """
    by = "heads" if history is None else history.by
    if by == "heads":
        weight = pl.col("registered_micro").cast(pl.Float64)
    elif by == "budgets":
        weight = pl.col("practice_code").replace_strict(dict(budgets), return_dtype=pl.Float64)
    else:
        weight = pl.col("weighted_persons")
        if history is not None and history.fall_per_kilometre is not None:
            fall = float(history.fall_per_kilometre.value)
            weight = weight * (1.0 - fall * pl.col("kilometres")).clip(lower_bound=0.0)
    return practices.with_columns(weight.alias("opening_weight"), pl.lit(stream).alias("stream"))
