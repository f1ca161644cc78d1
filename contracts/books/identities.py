"""The identities that a settlement must keep: what must add up, each worked out from its own steps and compared in whole pence.

    layer, truncate, withhold, levy, recoup     amount = result + other part
    earn back                                   held = earned + unearned
    distribute, waterfall                       pool = parts + what is left
    allocate                                    total = sum of the parts over its group
    neutralise                                  total asked for = sum of the results over its group
    transfer                                    received = net + paid

The whole is rounded once and so is the sum of its parts; they must be the same whole number of pence (or cents).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.records.frames import Column, Frame, Schema
from contracts.language.currency import smallest_unit
from contracts.language.rounding import nearest_units, units_per
from contracts.settlement.settle import Settlement
from contracts.terms._base import Term, value


class IdentityCheck(Schema):
    """One identity on one row or group of rows: the whole, its parts, and the difference."""

    step = Column(pl.String, "name", "Step of the contract", key=True)
    row = Column(pl.Int64, "number", "Row, or first row of the group, from 0", key=True)
    identity = Column(pl.String, "words", "What must be equal")
    whole_pence = Column(pl.Int64, "pence, or cents", "The whole")
    parts_pence = Column(pl.Int64, "pence, or cents", "The sum of its parts")
    difference_pence = Column(pl.Int64, "pence, or cents", "Whole less parts")


@dataclass(frozen=True)
class _Identity:
    words: str
    whole: pl.Expr
    parts: pl.Expr
    within: tuple[str, ...] | None = None


def _with_part(part: str, field: str = "amount") -> Callable[[Term], _Identity]:
    def identity(term: Term) -> _Identity:
        whole = getattr(term, field)
        words = f"{whole} = {term.step} + {term.step}.{part}"
        return _Identity(words, value(whole), pl.col(term.step) + pl.col(f"{term.step}.{part}"))

    return identity


def _all_parts(field: str) -> Callable[[Term], _Identity]:
    def identity(term: Term) -> _Identity:
        parts = reduce(lambda a, b: a + b, (pl.col(name) for name in term.outputs()[1:]))
        whole = value(getattr(term, field))
        if field == "need":
            whole = pl.max_horizontal(whole, 0.0)
        else:
            unit = float(getattr(term, "smallest", 0.01))
            whole = nearest_units(whole, 1.0 / unit) * unit
        return _Identity(f"{getattr(term, field)} = {' + '.join(term.outputs()[1:])}", whole, parts)

    return identity


def _allocated(term: Term) -> _Identity:
    unit, amount = float(getattr(term, "smallest", 0.01)), getattr(term, "amount", term.step)
    whole = nearest_units(value(amount), 1.0 / unit) * unit
    return _Identity(
        f"{amount} = sum of {term.step}", whole, pl.col(term.step), tuple(map(str, getattr(term, "within", ())))
    )


def _neutral(term: Term) -> _Identity | None:
    if getattr(term, "how", "") == "scale_down":
        return None
    to = getattr(term, "to", Decimal(0))
    return _Identity(
        f"{to} = sum of {term.step}", value(to), pl.col(term.step), tuple(map(str, getattr(term, "within", ())))
    )


def _transferred(term: Term) -> _Identity:
    step = term.step
    parts = pl.col(step) + pl.col(f"{step}.paid")
    return _Identity(f"{step}.received = {step} + {step}.paid", pl.col(f"{step}.received"), parts)


IDENTITIES: dict[str, Callable[[Term], _Identity | None]] = {
    "allocate": _allocated,
    "distribute": _all_parts("amount"),
    "earn_back": _with_part("unearned", "held"),
    "layer": _with_part("net"),
    "levy": _with_part("kept"),
    "neutralise": _neutral,
    "recoup": _with_part("recouped"),
    "transfer": _transferred,
    "truncate": _with_part("cut"),
    "waterfall": _all_parts("need"),
    "withhold": _with_part("held"),
}
"""The identity of each kind of term that has one."""


def identities_of(settlement: Settlement) -> Frame[IdentityCheck]:
    """Every identity of a settlement, one row for each row or group of rows it holds on."""
    frame = settlement.values.with_row_index("__row").with_columns(pl.col("__row").cast(pl.Int64))
    amounts = settlement.contract.amounts
    per = units_per(smallest_unit(amounts), amounts)
    found = [_checked(frame, term.step, identity, per) for term, identity in _identities(settlement)]
    return IdentityCheck.validate(pl.concat(found) if found else IdentityCheck.empty(), "identities")


def check_closes(settlement: Settlement, where: str = "statement") -> Frame[IdentityCheck]:
    """The identities of a settlement, once all of them hold to the penny.

    Raises:
        ContractError: each identity that does not, with its step, its row and by how much.
    """
    found = identities_of(settlement)
    broken = found.filter(IdentityCheck.difference_pence.col != 0)
    faults = Faults()
    for row in broken.head(10).iter_rows(named=True):
        faults.add(
            f"{where}: step {row['step']}, row {row['row'] + 1}",
            f"{row['whole_pence']} pence against parts of {row['parts_pence']}",
            f"{row['identity']} to the penny",
        )
    if broken.height > 10:
        faults.add(where, f"{broken.height - 10} more identities that do not hold", "none")
    faults.raise_if_any(ContractError, f"{where} does not close")
    return found


def _identities(settlement: Settlement) -> Iterator[tuple[Term, _Identity]]:
    for term in settlement.contract.terms:
        make = IDENTITIES.get(term.term)
        identity = make(term) if make is not None else None
        if identity is not None:
            yield term, identity


def _checked(frame: pl.DataFrame, step: str, identity: _Identity, per: float) -> pl.DataFrame:
    work = frame.select(
        pl.col("__row"),
        *(pl.col(name) for name in identity.within or ()),
        (identity.whole + 0.0 * pl.col("__row")).alias("__whole"),
        identity.parts.alias("__parts"),
    )
    if identity.within is not None:
        summed = [pl.col("__row").min(), pl.col("__whole").first(), pl.col("__parts").sum()]
        work = (
            work.group_by(identity.within, maintain_order=True).agg(summed) if identity.within else work.select(summed)
        )
    whole, parts = nearest_units(pl.col("__whole"), per), nearest_units(pl.col("__parts"), per)
    return work.select(
        pl.lit(step).alias("step"),
        pl.col("__row").alias("row"),
        pl.lit(identity.words).alias("identity"),
        whole.alias("whole_pence"),
        parts.alias("parts_pence"),
        (whole - parts).alias("difference_pence"),
    )


__all__ = ["IDENTITIES", "IdentityCheck", "check_closes", "identities_of"]
