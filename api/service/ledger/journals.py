"""Journals: what an approved run means for a ledger, as balanced double-entry lines in a fixed order.

    allocation to a provider   the commissioner's ledger   debit  expenditure on the service    credit payable to the provider
    total of a locality        the system's ledger         debit  budget of the locality        credit allocation received
    statement, a party pays    the party's ledger          debit  expenditure                   credit payable
    statement, it receives     the party's ledger          debit  receivable                    credit income

Each movement makes one debit and one credit of the same pence, so debits equal credits in every journal and in every
organisation's part of it. Amounts below 0 and reversals keep their accounts and change sides. A movement of 0 makes no line.
Account codes come from a mapping file; nothing is exported where a movement has no account or the run no approval.

A posted journal is never changed: a restatement is its reversal and a replacement, both linked to it. The journal's id
is the hash of its content, and the same run, mapping, approval and date give the same bytes again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import polars as pl

from api.exports.plain_cells import RUN
from api.service.ledger.accounts import unmapped, with_accounts
from api.service.ledger.lines import Approval, Journal, JournalError, JournalHead, Source, net, sealed
from api.service.ledger.parts import YearPart
from api.service.packs.account_codes import Account
from api.service.records.periods import period_of
from api.service.security.hands import same_hand
from capitation.errors import DataError, Fault, Faults
from capitation.records.frames import Frame
from capitation.records.identity import digest
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.books.entries import Entry

_WHOLE = "none, the period is posted whole"
"""What is said of the profile of a journal that is of no part of a year."""

_REMEDIES = {"period": "Send the period and the part of the journal that is put right."}


@dataclass(frozen=True)
class Restatement:
    """What puts a posted journal right: its reversal, and its replacement."""

    reversal: Journal
    replacement: Journal


def journal_of_run(
    run: Run,
    period: str,
    accounts: Frame[Account],
    approval: Approval | None,
    *,
    source: Literal["provider_allocation", "locality_total"] = "provider_allocation",
    accounting_date: dt.date | None = None,
    part: YearPart | None = None,
    replaces: bool = False,
) -> Journal:
    """The journal of one year of a run's allocations, or of a part of it.

    Args:
        run: an evaluated scenario.
        period: one of its years.
        accounts: the mapping to account codes.
        approval: who made and who approved the run.
        source: allocations to providers, in commissioners' ledgers, or totals of localities, in the system's.
        accounting_date: when it is posted; the last day of the period by default.
        part: the month or quarter of the year to post; the whole year by default.
        replaces: whether it takes the place of a posted journal, and so may say that nothing is due.

    Raises:
        JournalError: the run is not approved, has no such year, or a movement has no account; all faults together.
    """
    approved = check_approval(approval, run.id)
    frame = run.frame(source).filter(pl.col("year") == period)
    if frame.is_empty():
        years = ", ".join(run.frame(source).get_column("year").unique().sort())
        raise JournalError(f"run {run.id}: found no {source} of {period}; expected one of {years}")
    if source == "provider_allocation":
        named = frame.select(
            pl.col("commissioner_code").alias("organisation_code"),
            pl.col("provider_code").alias("counterparty_code"),
            pl.col("locality_code").alias("area_code"),
            "service_code",
            pl.col("allocation_pence").alias("amount_pence"),
        )
    else:
        named = frame.select(
            pl.lit(str(run.manifest.scenario["system_code"])).alias("organisation_code"),
            pl.lit("").alias("counterparty_code"),
            "area_code",
            pl.col("stream").alias("service_code"),
            pl.col("total_pence").alias("amount_pence"),
        )
    parts = ["organisation_code", "counterparty_code", "area_code", "service_code"]
    moves = named.with_columns(
        pl.lit("pays").alias("direction"),
        (pl.col("amount_pence") < 0).alias("is_turned"),
        pl.lit("original").alias("kind"),
        pl.lit("").alias("linked_to"),
        pl.lit("GBP").alias("currency"),
        pl.concat_str(pl.lit(f"{run.id}|{period}"), *parts, separator="|").alias("reference"),
        pl.format(
            "{} {} of {} for {}", pl.lit(source.replace("_", " ")), "service_code", "organisation_code", "area_code"
        ).alias("description"),
    )
    return _journal(moves, run.id, period, source, accounts, approved, accounting_date, part, replaces=replaces)


def journal_of_statement(
    entries: Frame[Entry],
    run_id: str,
    period: str,
    accounts: Frame[Account],
    approval: Approval | None,
    *,
    accounting_date: dt.date | None = None,
    part: YearPart | None = None,
    replaces: bool = False,
) -> Journal:
    """The journal of the entries of one period of a statement; reversals and replacements stay linked to their entries.

    Args:
        entries: those of one issued version, so that each is posted once, or those that stand.
        run_id: the settlement they come from.
        period: the period, as the entries name it.
        accounts: the mapping to account codes.
        approval: who made and who approved the settlement.
        accounting_date: when it is posted; the last day of the period by default where that is a financial year.
        part: the month or quarter of the year to post; the whole period by default.
        replaces: whether it takes the place of a posted journal, and so may say that nothing is due.

    Raises:
        JournalError: no approval, no such period, several currencies, or a movement without account.
    """
    approved = check_approval(approval, run_id)
    found = entries.filter(Entry.period.col == period)
    if found.is_empty():
        periods = ", ".join(entries.get_column("period").unique().sort()) or "none"
        raise JournalError(f"settlement {run_id}: found no entry of period {period!r}; expected one of {periods}")
    scenarios = found.get_column("scenario").unique().sort().to_list()
    if len(scenarios) > 1:
        raise JournalError(
            f"settlement {run_id}: found scenarios {', '.join(map(repr, scenarios))} of period {period}; expected one: the others are "
            "not what is paid. Settle the rows of the one that is"
        )
    is_reversal = Entry.standing.col == "reversal"
    moves = found.select(
        pl.col("party").alias("organisation_code"),
        _other_party().alias("counterparty_code"),
        pl.col("account").alias("area_code"),
        pl.col("line").alias("service_code"),
        "amount_pence",
        pl.when((Entry.amount_pence.col < 0) != is_reversal)
        .then(pl.lit("pays"))
        .otherwise(pl.lit("receives"))
        .alias("direction"),
        is_reversal.alias("is_turned"),
        pl.col("standing").alias("kind"),
        pl.when(Entry.standing.col == "original")
        .then(pl.lit(""))
        .otherwise(Entry.linked_to.col.fill_null(""))
        .alias("linked_to"),
        "currency",
        pl.col("entry").alias("reference"),
        pl.format("{} of {}, version {}, {}", "line", "contract", "version", "status").alias("description"),
    )
    return _journal(moves, run_id, period, "statement", accounts, approved, accounting_date, part, replaces=replaces)


def _other_party() -> pl.Expr:
    """Who stands on the other side of each entry: the other party of its line by its code, or its role where a line has more than two."""
    line = ["scenario", "account", "line", "standing", "version"]
    party = pl.col("party")
    first, last = party.min().over(line), party.max().over(line)
    other = pl.when(party == first).then(last).otherwise(first)
    return pl.when(party.n_unique().over(line) == 2).then(other).otherwise(pl.col("counterparty"))


def restate(old: Journal, new: Journal) -> Restatement:
    """The reversal of a posted journal and the replacement by a new one, both linked to it, posted on the new one's date.

    The posted journal, its reversal and the replacement together are the new journal, account by account.

    Raises:
        JournalError: the two are not of one source, period and currency, the old one is itself a reversal, or nothing moved.
    """
    faults = Faults()
    for name in ("journal_source", "period", "currency", "profile"):
        was, given = (getattr(head, name) or _WHOLE for head in (old.head, new.head))
        if was != given:
            faults.add(f"new journal: {name}", given, f"{was}, as in journal {old.id}", _REMEDIES.get(name, ""))
    if old.head.kind == "reversal":
        faults.add(f"journal {old.id}", "a reversal", "a journal that stands", "Restate the one it was replaced by.")
    if not len(faults) and net([old]).equals(net([new])):
        faults.add("new journal", "the same amounts on the same accounts", "a difference; nothing is restated")
    faults.raise_if_any(JournalError, f"journal {old.id} cannot be restated")
    date = new.head.accounting_date
    turned = old.lines.with_columns(
        pl.col("credit_pence").alias("debit_pence"), pl.col("debit_pence").alias("credit_pence")
    )
    return Restatement(
        sealed(old.head.model_copy(update={"kind": "reversal", "linked_to": old.id, "accounting_date": date}), turned),
        sealed(new.head.model_copy(update={"kind": "replacement", "linked_to": old.id}), new.lines),
    )


def check_approval(approval: Approval | None, run_id: str) -> Approval:
    """The approval, once it is of this run and by a second hand.

    Raises:
        JournalError: there is none, it is of another run, or maker and approver are one.
    """
    if approval is None:
        raise JournalError(
            f"result {run_id}: found no approval; expected one by somebody other than its maker before its journals leave"
        )
    faults = Faults()
    if approval.run_id != run_id:
        faults.add("approval.run_id", approval.run_id, run_id)
    if same_hand(approval.made_by, approval.approved_by):
        faults.add("approval.approved_by", f"{approval.approved_by}, who made it", "somebody else")
    faults.raise_if_any(JournalError, f"result {run_id}: its journals cannot leave")
    return approval


# Reason: each is a part of what a journal says, and the last whether it may say that nothing is due.
def _journal(
    moves: pl.DataFrame,
    run_id: str,
    period: str,
    source: Source,
    accounts: Frame[Account],
    approval: Approval,
    accounting_date: dt.date | None,
    part: YearPart | None,
    *,
    replaces: bool,
) -> Journal:
    faults = Faults()
    if part is not None:
        moves, period, year = part.of(moves, period), part.period, period
    currencies = moves.get_column("currency").unique().sort().to_list()
    if len(currencies) > 1:
        faults.add("currency", " and ".join(currencies), "one currency a journal")
    date = accounting_date
    if date is None:
        try:
            date = FinancialYear(period).end if part is None else part.last_day
        except DataError:
            faults.add("accounting_date", f"none, and period {period!r} is no financial year", "a date")
    coded = with_accounts(moves.filter(pl.col("amount_pence") != 0), source, accounts)
    faults.extend(unmapped(coded))
    faults.extend(_unsafe(moves))
    if coded.is_empty() and not replaces:
        faults.add(f"{source} of {period}", "no amount other than 0", "at least one, to post")
    faults.raise_if_any(
        JournalError,
        f"{'settlement' if source == 'statement' else 'run'} {run_id}: the journal of {source} cannot be made",
    )
    head = JournalHead(
        journal_id="",
        run_id=run_id,
        period=period,
        accounting_date=cast("dt.date", date),
        journal_source=source,
        kind="original",
        linked_to="",
        currency=str(currencies[0]),
        accounts_sha256=digest(accounts.write_csv()),
        approval=approval,
        year=None if part is None else year,
        profile=None if part is None else part.profile,
    )
    covered = moves.select("organisation_code", "area_code", "service_code", "amount_pence")
    return replace(sealed(head, _sides(coded, run_id, period, source)), covered=covered)


def check_accounting_date(period: str, date: dt.date | None) -> None:
    """Refuse to post on a day on which the ledger of the period is not open.

    Raises:
        JournalError: the day is before the period, or after it has closed.
    """
    found = period_of(period)
    if date is None or found is None or found.first_day <= date <= found.closes:
        return
    expected = f"a day from {found.first_day} to {found.closes}, when {period} has closed"
    raise JournalError(f"the accounting date does not lie in {period}", [Fault("accounting_date", str(date), expected)])


def _sides(coded: pl.DataFrame, run_id: str, period: str, source: Source) -> pl.DataFrame:
    """Two lines a movement: its debit, then its credit, sides changed where it is turned; ordered by what names them."""
    order = ["organisation_code", "counterparty_code", "service_code", "area_code", "reference"]
    size, none = pl.col("amount_pence").abs(), pl.lit(0, dtype=pl.Int64)
    halves = [
        coded.with_columns(
            pl.col(f"{account}_account").alias("account_code"),
            pl.when(pl.col("is_turned") == is_credit).then(size).otherwise(none).alias("debit_pence"),
            pl.when(pl.col("is_turned") == is_credit).then(none).otherwise(size).alias("credit_pence"),
            pl.lit(run_id).alias("run_id"),
            pl.lit(period).alias("period"),
            pl.lit(source).alias("journal_source"),
        )
        for account, is_credit in (("debit", False), ("credit", True))
    ]
    return (
        pl.concat(halves)
        .sort([*order, "credit_pence"])
        .with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line_number"))
    )


def _unsafe(moves: pl.DataFrame) -> Iterator[Fault]:
    """Text that a spreadsheet would take for a formula when the CSV is opened."""
    for name in ("organisation_code", "counterparty_code", "area_code", "service_code", "reference", "description"):
        bad = moves.get_column(name).filter(moves.get_column(name).str.contains(RUN)).unique().sort()
        for text in bad.head(5):
            yield Fault(f"column {name!r}", repr(text), "text that does not begin with =, +, -, @ or a tab")
