"""Statements: what a settlement means for each party, line by line, in whole pence, closed before it is issued.

    settlement -> identities of its steps hold -> one entry a party and line -> parties of each line add to 0

Nothing is issued where an identity fails. A statement is a list of entries that is only ever added to: see versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from capitation.errors import ContractError, Fault, Faults
from capitation.records.columns import ACCOUNT, CONTRACT, COST_LINE, COUNTERPARTY, PARTY, PERIOD, SCENARIO
from capitation.records.frames import Column, Frame, Schema
from contracts.books.entries import LINE, Entry, Version, check_follows, direction_of, post, standing
from contracts.books.identities import IdentityCheck, check_closes
from contracts.document.models import Contract, Output
from contracts.language.currency import currency_of, smallest_unit
from contracts.language.rounding import units_per
from contracts.settlement.settle import Settlement, settle


class PartyPosition(Schema):
    """What one party has in all from one line of one outturn."""

    contract = CONTRACT
    scenario = SCENARIO
    period = PERIOD
    account = ACCOUNT
    line = COST_LINE.but(unit="name", about="Output of the contract")
    party = PARTY
    counterparty = COUNTERPARTY
    amount_pence = Column(pl.Int64, "pence, or cents", "What the party receives (above 0) or pays (below 0)")


class PoolBalance(Schema):
    """What a pool was paid, what it paid, and what is left in it."""

    scenario = SCENARIO
    period = PERIOD
    account = ACCOUNT
    pool = Column(pl.String, "code", "Pool", key=True)
    paid_in_pence = Column(pl.Int64, "pence, or cents", "What the pool received")
    paid_out_pence = Column(pl.Int64, "pence, or cents", "What the pool paid")
    left_pence = Column(pl.Int64, "pence, or cents", "What is left in it; below 0 where it paid more than it was paid")


@dataclass(frozen=True)
class StatementSet:
    """The statements of one version of an outturn, with all entries to date.

    Args:
        contract: the contract they were settled under.
        version: which version this is.
        settlement: the settlement they come from.
        entries: every entry to date, those of earlier versions unchanged.
        identities: the identities of the settlement, all of which hold.
    """

    contract: Contract
    version: Version
    settlement: Settlement
    entries: Frame[Entry]
    identities: Frame[IdentityCheck]

    def issued(self) -> Frame[Entry]:
        """The entries that this version made."""
        return Entry.validate(self.entries.filter(Entry.version.col == self.version.number), "entries issued")

    def standing(self) -> Frame[Entry]:
        """The entries that stand after this version."""
        return standing(self.entries)

    def net(self) -> Frame[PartyPosition]:
        """All entries to date added up, reversals included: what each party has from each line."""
        added = self.entries.group_by(LINE).agg(Entry.amount_pence.col.sum())
        return PartyPosition.validate(added, "net of all entries")

    def pools(self) -> Frame[PoolBalance]:
        """What each pool among the parties was paid, paid, and has left, from the entries that stand."""
        pools: list[str] = []
        for party in self.contract.parties:
            if party.role == "pool" and party.named_by is None:
                pools.append(party.code)
            elif party.role == "pool":
                pools += self.settlement.values.get_column(str(party.named_by)).unique().to_list()
        amount = Entry.amount_pence.col
        found = (
            self.standing()
            .filter(Entry.party.col.is_in(pools))
            .group_by("scenario", "period", "account", pl.col("party").alias("pool"))
            .agg(
                amount.clip(lower_bound=0).sum().alias("paid_in_pence"),
                -amount.clip(upper_bound=0).sum().alias("paid_out_pence"),
                amount.sum().alias("left_pence"),
            )
        )
        return PoolBalance.validate(found, "pools")


def settle_statement(
    contract: Contract, rows: pl.DataFrame, version: Version | None = None, where: str = "rows"
) -> StatementSet:
    """The statements of a first version of these outturns.

    Args:
        contract: a contract without faults, with outputs that one party pays another.
        rows: one row each, as for `settle`.
        version: which version this is; a first, provisional one where none is given.
        where: a name for messages, such as the file.

    Raises:
        ContractError: the rows do not fit the contract, the version cannot be a first one, no output moves money
            between parties, or the statement does not close; nothing is issued then.
    """
    return statement_of(settle(contract, rows, where=where), version, where)


def statement_of(settlement: Settlement, version: Version | None = None, where: str = "rows") -> StatementSet:
    """The statements of a first version of outturns that were settled, as `settle_statement` gives them.

    Raises:
        ContractError: as `settle_statement`.
    """
    version = Version(number=1, status="provisional") if version is None else version
    check_follows(version, None)
    closed = check_closes(settlement, where)
    original = [pl.lit("original").alias("standing"), pl.lit(None, pl.String).alias("linked_to")]
    entries = named(lines_of(settlement).with_columns(original), version)
    return StatementSet(settlement.contract, version, settlement, post(Entry.empty(), entries), closed)


def lines_of(settlement: Settlement) -> pl.DataFrame:
    """One row a party and line of a settlement, without number and version, parties of each line adding to 0.

    Raises:
        ContractError: the contract moves no money between parties, a party has no name, or a line does not add to 0.
    """
    contract = settlement.contract
    paid = [output for output in contract.outputs if output.payer is not None]
    if not paid:
        raise ContractError(f"contract {contract.id}: no output has a payer and a payee; expected at least one")
    about = pl.DataFrame([_about(contract, output) for output in paid])
    lines = (
        settlement.positions()
        .select("row", pl.col("output").alias("line"), "party", "counterparty", "amount")
        .join(about, on="line", how="left", validate="m:1")
        .join(outturns(settlement), on="row", how="left", validate="m:1")
        .with_columns((pl.col("amount") * pl.col("minor_units")).alias("amount_pence"))
        .with_columns(direction_of(pl.col("amount_pence")).alias("direction"))
        .drop("amount", "minor_units", "row")
    )
    faults = Faults()
    faults.extend(_line_faults(lines))
    faults.raise_if_any(ContractError, f"contract {contract.id}: the statement does not close")
    return lines


def outturns(settlement: Settlement) -> pl.DataFrame:
    """Each row's number with the scenario, period and account that name its outturn.

    The period is the key input that is a year; the scenario is the key input of that name; the account is the rest.
    """
    contract = settlement.contract
    inputs = contract.input_map()
    years = [name for name in contract.key if inputs[name].type in {"year", "financial_year"}]
    period = years[0] if years else None
    scenario = "scenario" if "scenario" in contract.key else None
    rest = [name for name in contract.key if name not in {period, scenario}]

    def shown(name: str) -> pl.Expr:
        kind = inputs[name].type
        whole = pl.col(name).cast(pl.Int64) if kind == "year" else pl.col(name)
        return whole.cast(pl.String).fill_null("")

    rows = settlement.values.with_row_index("row").select(
        pl.col("row").cast(pl.Int64),
        pl.lit(contract.id).alias("contract"),
        (shown(scenario) if scenario else pl.lit("")).alias("scenario"),
        (shown(period) if period else pl.lit("")).alias("period"),
        (pl.concat_str([shown(name) for name in rest], separator=" / ") if rest else pl.lit("")).alias("account"),
    )
    if contract.key:
        return rows
    return rows.with_columns((pl.lit("row ") + (pl.col("row") + 1).cast(pl.String)).alias("account"))


def named(lines: pl.DataFrame, version: Version) -> Frame[Entry]:
    """Lines as entries of a version; an entry's id says what it is about, so it does not depend on the order of rows."""
    about = pl.concat_str([pl.col(name) for name in LINE], separator="|")
    reversal = pl.when(pl.col("standing") == "reversal").then(pl.lit("|reversal")).otherwise(pl.lit(""))
    entries = lines.with_columns(
        (about + pl.lit(f"|{version.number}") + reversal).alias("entry"),
        pl.lit(version.number, dtype=pl.Int64).alias("version"),
        pl.lit(version.status).alias("status"),
    )
    return Entry.validate(entries.select(list(Entry.columns())), "entries")


def _about(contract: Contract, output: Output) -> dict[str, object]:
    steps = {name: term for term in contract.terms for name in term.outputs()}
    term = steps.get(output.of)
    unit = output.rounded_to or contract.amounts
    return {
        "line": output.name,
        "currency": currency_of(unit),
        "minor_units": int(units_per(smallest_unit(unit), unit)),
        "rule": f"{output.name} = {output.of}" if term is None else term.formula(),
        "clause": "" if term is None else term.clause,
        "source": contract.source if term is None or not term.source else term.source,
    }


def _line_faults(lines: pl.DataFrame) -> Iterator[Fault]:
    nameless = lines.filter(pl.col("party").is_null())
    for row in nameless.head(5).iter_rows(named=True):
        yield Fault(f"line {row['line']}, {row['period']} {row['account']}", "a party without a name", "a name")
    sums = lines.group_by("scenario", "period", "account", "line").agg(pl.col("amount_pence").sum())
    for row in sums.filter(pl.col("amount_pence") != 0).head(5).iter_rows(named=True):
        place = f"line {row['line']}, {row['period']} {row['account']}"
        yield Fault(place, f"parties that add to {row['amount_pence']} pence", "0")


__all__ = ["PartyPosition", "PoolBalance", "StatementSet", "lines_of", "named", "outturns", "settle_statement"]
