"""Versions of a statement: provisional, final, restated; nothing is edited in place, and one outturn has one in force.

A later version reverses the entries that moved and puts new ones in their place, each linked to the entry it answers.
So at any time the entries that neither reverse nor are reversed are what stands, and all entries together add to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal

import polars as pl
from pydantic import Field

from capitation.errors import ContractError, Fault, Faults
from capitation.records.columns import ACCOUNT, CONTRACT, COUNTERPARTY, PARTY, PERIOD, SCENARIO, SOURCE
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from contracts.language.currency import CURRENCIES

StatementStatus = Literal["provisional", "final", "restated"]

_FOLLOWS: dict[str | None, tuple[StatementStatus, ...]] = {
    None: ("provisional", "final"),
    "provisional": ("provisional", "final"),
    "final": ("restated",),
    "restated": ("restated",),
}

OUTTURN = ["contract", "scenario", "period", "account"]
"""Columns that name one outturn."""

LINE = [*OUTTURN, "line", "party", "counterparty"]
"""Columns that name what one party has from one line of one outturn."""

_SHOWN = 5


class Version(Document):
    """Which version of a statement this is."""

    number: int = Field(ge=1)
    """1 for the first, one more for each later one."""
    status: StatementStatus
    """"provisional": on figures that will change; "final": on settled figures; "restated": a final one put right."""
    issued: dt.date | None = None
    """When it was issued."""
    reason: str = ""
    """Why there is a later version; required where one is restated."""


class Entry(Schema):
    """One entry of a statement: what one party receives or pays on one line; never changed once it is made."""

    entry = Column(pl.String, "id", "What the entry is about and the version that made it", key=True)
    contract = CONTRACT.but(key=False)
    version = Column(pl.Int64, "number", "Version of the statement that made the entry", ge=1)
    status = Column(pl.String, "label", "StatementStatus of that version", one_of=("provisional", "final", "restated"))
    standing = Column(
        pl.String,
        "label",
        "original: made by a first version; reversal: takes an earlier entry back; replacement: stands in its place",
        one_of=("original", "reversal", "replacement"),
    )
    linked_to = Column(pl.String, "id", "Entry that is taken back or stood in for", nullable=True)
    scenario = SCENARIO.but(key=False)
    period = PERIOD.but(key=False)
    account = ACCOUNT.but(key=False)
    line = Column(pl.String, "name", "Output of the contract")
    party = PARTY.but(key=False)
    counterparty = COUNTERPARTY.but(key=False)
    currency = Column(pl.String, "code", "Currency; amounts are in its smallest unit", one_of=CURRENCIES)
    amount_pence = Column(pl.Int64, "pence, or cents", "What the party receives (above 0) or pays (below 0)")
    direction = Column(pl.String, "label", "The sign of the amount in a word", one_of=("receives", "pays", "nothing"))
    rule = Column(pl.String, "words", "The clause in symbols, as the contract gives it")
    clause = Column(pl.String, "words", "Where the contract says so")
    source = SOURCE.but(unit="words", about="Where the rule was read")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """An original is linked to nothing, a reversal to what it takes back; the word agrees with the sign."""
        linked = cls.linked_to.col.is_not_null()
        return {
            "a reversal is linked to an entry": linked | (cls.standing.col != "reversal"),
            "an original is linked to none": ~linked | (cls.standing.col != "original"),
            "the direction agrees with the sign": cls.direction.col == direction_of(cls.amount_pence.col),
        }


def direction_of(amount: pl.Expr) -> pl.Expr:
    """The sign of an amount in a word."""
    return (
        pl.when(amount > 0).then(pl.lit("receives")).when(amount < 0).then(pl.lit("pays")).otherwise(pl.lit("nothing"))
    )


def check_follows(version: Version, before: Version | None) -> None:
    """Refuse a version that cannot follow the one before it.

    Raises:
        ContractError: its number or status does not follow, or a restatement gives no reason.
    """
    faults = Faults()
    number = 1 if before is None else before.number + 1
    last = None if before is None else before.status
    if version.number != number:
        faults.add("version.number", str(version.number), str(number), "Versions are numbered without gaps.")
    if version.status not in _FOLLOWS[last]:
        after = "a first version" if last is None else f"a version after a {last} one"
        faults.add("version.status", version.status, f"{' or '.join(_FOLLOWS[last])} for {after}")
    if version.status == "restated" and not version.reason:
        faults.add("version.reason", "nothing", "why the final statement is corrected")
    faults.raise_if_any(ContractError, f"version {version.number} cannot be issued")


def standing(entries: Frame[Entry]) -> Frame[Entry]:
    """The entries that stand: those that neither take another back nor have been taken back."""
    taken_back = entries.filter(Entry.standing.col == "reversal").select(Entry.linked_to.col.alias("entry"))
    live = entries.filter(Entry.standing.col != "reversal").join(taken_back, on="entry", how="anti")
    return Entry.validate(live, "entries that stand")


def post(ledger: Frame[Entry], entries: Frame[Entry]) -> Frame[Entry]:
    """The ledger with further entries, once every outturn still has one version that stands.

    Raises:
        ContractError: two versions of one outturn, a reversal without or unlike its original, or a second reversal of
            one entry; all together.
    """
    both = pl.concat([ledger, entries])
    faults = Faults()
    faults.extend(_history_faults(both))
    faults.raise_if_any(ContractError, "these entries cannot be posted")
    return Entry.validate(both, "ledger")


def _history_faults(entries: pl.DataFrame) -> Iterator[Fault]:
    reversals = entries.filter(pl.col("standing") == "reversal")
    originals = entries.filter(pl.col("standing") != "reversal")
    again = reversals.filter(pl.col("linked_to").is_duplicated()).unique("linked_to", maintain_order=True)
    for row in again.head(_SHOWN).iter_rows(named=True):
        yield Fault(f"entry {row['linked_to']}", "reversed more than once", "one reversal at most")
    met = reversals.join(
        originals.unique("entry", maintain_order=True).select("entry", *LINE, "amount_pence"),
        left_on="linked_to",
        right_on="entry",
        how="left",
        suffix="_was",
    )
    lost = met.filter(pl.col("amount_pence_was").is_null())
    for row in lost.head(_SHOWN).iter_rows(named=True):
        yield Fault(f"entry {row['entry']}", f"a reversal of {row['linked_to']}, which is not there", "its original")
    same = [pl.col(name) == pl.col(f"{name}_was") for name in LINE]
    unlike = met.filter(
        pl.col("amount_pence_was").is_not_null()
        & ~pl.all_horizontal(*same, pl.col("amount_pence") == -pl.col("amount_pence_was"))
    )
    for row in unlike.head(_SHOWN).iter_rows(named=True):
        yield Fault(
            f"entry {row['entry']}",
            f"{row['amount_pence']} pence on {row['line']} of {row['party']} against {row['linked_to']}",
            f"{-row['amount_pence_was']} pence on {row['line_was']} of {row['party_was']}",
        )
    live = originals.join(reversals.select(pl.col("linked_to").alias("entry")), on="entry", how="anti")
    clash = (
        live.filter(pl.struct(LINE).is_duplicated())
        .group_by(OUTTURN, maintain_order=True)
        .agg(pl.col("version").unique().sort(), pl.col("line").first())
    )
    for row in clash.head(_SHOWN).iter_rows(named=True):
        shown = ", ".join(f"{name} {row[name]}" for name in OUTTURN if row[name])
        versions = " and ".join(str(v) for v in row["version"])
        yield Fault(
            shown,
            f"two versions of one outturn that are both in force (version {versions}, on line {row['line']})",
            "one in force",
            "Restate the earlier one, which reverses it.",
        )
    if clash.height > _SHOWN:
        yield Fault("ledger", f"{clash.height - _SHOWN} more outturns with two versions", "one in force")


__all__ = [
    "LINE",
    "OUTTURN",
    "Entry",
    "StatementStatus",
    "Version",
    "check_follows",
    "direction_of",
    "post",
    "standing",
]
