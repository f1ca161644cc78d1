"""Restatement: a later version of a statement, as reversals of the entries that moved and new ones in their place.

    entries before + reversals + replacements = the statement of the later figures

An entry that did not move stays as it is. `differences` says which line moved between two versions, by how much and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import polars as pl

from capitation.records.columns import ACCOUNT, COST_LINE, COUNTERPARTY, PARTY, PERIOD, SCENARIO
from capitation.records.frames import Column, Frame, Schema
from contracts.books.entries import LINE, Version, check_follows, post
from contracts.books.identities import check_closes
from contracts.books.statements import StatementSet, lines_of, named, outturns
from contracts.document.behind import behind
from contracts.document.models import Contract
from contracts.settlement.settle import Settlement, settle

_ROW = ["contract", "scenario", "period", "account"]


class LineDifference(Schema):
    """What moved between two versions on one line of one party, and why."""

    scenario = SCENARIO
    period = PERIOD
    account = ACCOUNT
    line = COST_LINE.but(unit="name", about="Output of the contract")
    party = PARTY
    counterparty = COUNTERPARTY
    before_pence = Column(pl.Int64, "pence, or cents", "In the earlier version; 0 where it had no such line")
    after_pence = Column(pl.Int64, "pence, or cents", "In the later version; 0 where it has no such line")
    change_pence = Column(pl.Int64, "pence, or cents", "After less before")
    first_step = Column(pl.String, "name", "First step of the contract, in its order, that moved", nullable=True)
    because = Column(pl.String, "words", "Figures behind the line that changed, each with before and after")


def restate(
    old: StatementSet, rows: pl.DataFrame, version: Version, contract: Contract | None = None, where: str = "rows"
) -> StatementSet:
    """The statement of later figures: earlier entries unchanged, then reversals and replacements of those that moved.

    Args:
        old: the version that stands.
        rows: all rows of the later figures; one that is no longer there is reversed and not replaced.
        version: the next version, final or restated.
        contract: the contract where it was put right too; the old one where none is given.
        where: a name for messages, such as the file.

    Raises:
        ContractError: the version does not follow, the rows do not fit, or the statement does not close; nothing is
            issued then and the old version stands.
    """
    check_follows(version, old.version)
    contract = old.contract if contract is None else contract
    settlement = settle(contract, rows, where=where)
    closed = check_closes(settlement, where)
    lines, before = lines_of(settlement), old.standing()
    met = lines.join(before.select(*LINE, "entry", "amount_pence"), on=LINE, how="left", suffix="_was")
    moved = met.filter(pl.col("amount_pence").ne_missing(pl.col("amount_pence_was")))
    replacements = moved.with_columns(
        pl.when(pl.col("entry").is_null()).then(pl.lit("original")).otherwise(pl.lit("replacement")).alias("standing"),
        pl.col("entry").alias("linked_to"),
    ).drop("entry", "amount_pence_was")
    unmoved = met.filter(pl.col("amount_pence").eq_missing(pl.col("amount_pence_was"))).select("entry")
    reversals = (
        before.join(unmoved, on="entry", how="anti")
        .with_columns(
            pl.col("entry").alias("linked_to"),
            pl.lit("reversal").alias("standing"),
            (-pl.col("amount_pence")).alias("amount_pence"),
            pl.col("direction").replace({"receives": "pays", "pays": "receives"}),
        )
        .select(replacements.columns)
    )
    entries = post(old.entries, named(pl.concat([reversals, replacements]), version))
    return StatementSet(contract, version, settlement, entries, closed)


def differences(old: StatementSet, new: StatementSet) -> Frame[LineDifference]:
    """The lines that moved between two versions, each with the change and the figures behind it that changed."""
    keys = LINE[1:]
    before = lines_of(old.settlement).select(*keys, pl.col("amount_pence").alias("before_pence"))
    after = lines_of(new.settlement).select(*keys, pl.col("amount_pence").alias("after_pence"))
    both = before.join(after, on=keys, how="full", coalesce=True)
    moved = both.filter(pl.col("before_pence").ne_missing(pl.col("after_pence")))
    reasons = _reasons(old, new)
    found = moved.join(reasons, on=["scenario", "period", "account", "line"], how="left", validate="m:1").with_columns(
        pl.when(pl.col("before_pence").is_null())
        .then(pl.lit(f"not in version {old.version.number}"))
        .when(pl.col("after_pence").is_null())
        .then(pl.lit(f"no longer in version {new.version.number}"))
        .otherwise(pl.col("because"))
        .alias("because"),
        pl.col("before_pence").fill_null(0),
        pl.col("after_pence").fill_null(0),
    )
    found = found.with_columns((pl.col("after_pence") - pl.col("before_pence")).alias("change_pence"))
    return LineDifference.validate(found.select(list(LineDifference.columns())), "differences")


def _reasons(old: StatementSet, new: StatementSet) -> pl.DataFrame:
    """One row an outturn and line that both versions have: the first step that moved, and the figures behind it."""
    here, there = _values(new.settlement), _values(old.settlement)
    rows = here.join(there, on=_ROW, how="inner", suffix="__was")
    parts = [
        rows.select(
            "scenario",
            "period",
            "account",
            pl.lit(output.name).alias("line"),
            _first_step(new.contract, output.of, rows).alias("first_step"),
            _because(old, new, output.of, rows).alias("because"),
        )
        for output in new.contract.outputs
        if output.payer is not None
    ]
    return pl.concat(parts)


def _values(settlement: Settlement) -> pl.DataFrame:
    """All named values of each row beside what names its outturn; names of values are marked so that none clash."""
    marked = settlement.values.rename(lambda name: f"={name}")
    return pl.concat([outturns(settlement).select(_ROW), marked], how="horizontal")


def _changed(name: str, rows: pl.DataFrame) -> pl.Expr | None:
    """Whether a value differs between the versions; None where the two do not both have it."""
    was = f"={name}__was"
    if f"={name}" not in rows.columns or was not in rows.columns:
        return None
    return pl.col(f"={name}").ne_missing(pl.col(was))


def _first_step(contract: Contract, of: str, rows: pl.DataFrame) -> pl.Expr:
    names = set(behind(contract, of))
    steps = [name for term in contract.terms for name in term.outputs() if name in names]
    tests = [(name, changed) for name in steps if (changed := _changed(name, rows)) is not None]
    nothing = pl.lit(None, dtype=pl.String)
    return reduce(lambda later, one: pl.when(one[1]).then(pl.lit(one[0])).otherwise(later), reversed(tests), nothing)


def _because(old: StatementSet, new: StatementSet, of: str, rows: pl.DataFrame) -> pl.Expr:
    said: list[pl.Expr] = [
        pl.when(changed).then(
            pl.lit(f"{name} ") + _text(f"={name}__was", rows) + pl.lit(" -> ") + _text(f"={name}", rows)
        )
        for name in _figures(new.contract, of)
        if (changed := _changed(name, rows)) is not None
    ]
    said += [pl.lit(text) for text in _rewritten(old.contract, new.contract, of)]
    if not said:
        return pl.lit("another row of its group changed")
    joined = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return pl.when(joined == "").then(pl.lit("another row of its group changed")).otherwise(joined)


def _figures(contract: Contract, of: str) -> list[str]:
    """Inputs and parameters that a result rests on, in the order of the document."""
    names = set(behind(contract, of))
    known = [*(each.name for each in contract.inputs), *(each.name for each in contract.parameters)]
    return [name for name in known if name in names]


def _text(name: str, rows: pl.DataFrame) -> pl.Expr:
    column = pl.col(name)
    if rows.schema[name].is_float():
        whole = column.cast(pl.Int64, strict=False)
        shown = pl.when(column == whole).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    else:
        shown = column.cast(pl.String)
    return shown.fill_null("nothing")


def _rewritten(old: Contract, new: Contract, of: str) -> Iterator[str]:
    """Clauses behind a result that read otherwise in the two contracts."""
    if old == new:
        return
    was = {term.step: term for term in old.terms}
    names = set(behind(new, of))
    for term in new.terms:
        if not names.intersection(term.outputs()):
            continue
        if term.step not in was:
            yield f"clause {term.step} is new"
        elif was[term.step].formula() != term.formula():
            yield f"clause {term.step}: {was[term.step].formula()} -> {term.formula()}"


__all__ = ["LineDifference", "differences", "restate"]
