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


class StreamOpening(Judged):
    """What a stream opened with: the amounts that split it between commissioners, and what spreads each over its practices."""

    source: str | None = None
    """Id of the source of published amounts by commissioner; none means that registered persons split the total."""
    table: str | None = None
    """Table of printed cells with one row a commissioner."""
    column: str | None = None
    """Column that holds the amounts."""
    inside: Literal["heads", "need", "use", "budgets"] = "heads"
    """What spreads a commissioner's opening over its practices: heads, weighted persons, weighted persons met by supply, or published budgets."""
    distances: str = "places/hospital-distance.csv"
    """Kilometres from each practice to the nearest general hospital; read where `inside` is use."""
    fall_per_kilometre: Figure | None = None
    """Part of use that each kilometre takes off; only where `inside` is use."""
    budgets: PracticeAmounts | None = None
    """Printed amounts by practice; only where `inside` is budgets."""
    about: str = ""
    """Why the opening is spread so, and what that rests on."""

    @property
    def published(self) -> tuple[str, str, str] | None:
        """Source, table and column of the amounts by commissioner; none where registered persons split the total."""
        if self.source is None or self.table is None or self.column is None:
            return None
        return self.source, self.table, self.column

    @model_validator(mode="after")
    def _has_what_it_rests_on(self) -> StreamOpening:
        given = [name for name in ("source", "table", "column") if getattr(self, name) is not None]
        wrong = []
        if given and len(given) < 3:  # all three or none
            lost = [name for name in ("source", "table", "column") if name not in given]
            wrong.append(f"{', '.join(given)} without {', '.join(lost)}; give all three, or none")
        for name, value, kind in (
            ("fall_per_kilometre", self.fall_per_kilometre, "use"),
            ("budgets", self.budgets, "budgets"),
        ):
            if self.inside == kind and value is None:
                wrong.append(f"inside is {kind!r} and {name} is missing; give it, or choose another way")
            if self.inside != kind and value is not None:
                wrong.append(f"{name} is given and inside is {self.inside!r}, which does not read it; leave it out")
        fall = self.fall_per_kilometre
        if fall is not None and not 0 <= fall.value <= 1:
            wrong.append(f"fall_per_kilometre is {fall.value}; expected a part from 0 to 1")
        if self.inside in ("need", "use") and not (self.owner and self.quality and self.about):
            wrong.append(
                f"inside is {self.inside!r}, a judgement: it needs an owner, a quality mark and a sentence in about"
            )
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
    stream: str, opening: StreamOpening | None, practices: pl.DataFrame, budgets: Mapping[str, int]
) -> pl.DataFrame:
    """`practices` of a stream with the column `opening_weight`.

    Args:
        stream: the stream.
        opening: its choice; none means heads.
        practices: practice_code, registered_micro, weighted_persons of the stream, kilometres (empty where not read).
        budgets: printed pence by practice, where the choice is budgets.

    Example:
        1,000 weighted persons ten kilometres from a hospital, at a fall of 0.00425 each, weigh 957.5.
    """
    inside = "heads" if opening is None else opening.inside
    if inside == "heads":
        weight = pl.col("registered_micro").cast(pl.Float64)
    elif inside == "budgets":
        weight = pl.col("practice_code").replace_strict(dict(budgets), return_dtype=pl.Float64)
    else:
        weight = pl.col("weighted_persons")
        if opening is not None and opening.fall_per_kilometre is not None:
            fall = float(opening.fall_per_kilometre.value)
            weight = weight * (1.0 - fall * pl.col("kilometres")).clip(lower_bound=0.0)
    return practices.with_columns(weight.alias("opening_weight"), pl.lit(stream).alias("stream"))
