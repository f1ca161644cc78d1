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
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import polars as pl
from pydantic import Field, ValidationError

from capitation.errors import CapitationError, DataError, Fault, Faults
from capitation.money.pence import decimal_text, pence_of
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.books.entries import Entry
from contracts.language.currency import CURRENCIES

Source = Literal["provider_allocation", "locality_total", "statement"]
"""What a journal is made from."""

Kind = Literal["original", "reversal", "replacement"]
"""A first posting, one that takes an earlier one back, or one that stands in its place."""

ANY = "*"
"""In a mapping: every service, or every area."""

_SOURCES = ("provider_allocation", "locality_total", "statement")
_KINDS = ("original", "reversal", "replacement")
_CODE = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"
_SHOWN = 20


class JournalError(CapitationError):
    """A journal cannot be made or read: no approval, no account, or lines that do not balance."""


class Account(Schema):
    """A pair of accounts for movements of one kind; the row that names service and area is taken before one with *."""

    journal_source = Column(pl.String, "name", "What the journal is made from", key=True, one_of=_SOURCES)
    direction = Column(
        pl.String, "word", "Whether the ledger's owner pays or receives", key=True, one_of=("pays", "receives")
    )
    service_code = Column(pl.String, "code", "Service, stream or line of a contract; * for every one", key=True)
    area_code = Column(pl.String, "code", "Locality, or account of a contract; * for every one", key=True)
    debit_account = Column(pl.String, "code", "Account code that is debited")
    credit_account = Column(pl.String, "code", "Account code that is credited")
    about = Column(pl.String, "words", "What the two accounts are")
    source = Column(pl.String, "id", "Where the codes were read, or assumption")
    owner = Column(pl.String, "words", "Who answers for them")
    quality = Column(pl.String, "mark", "Evidence", one_of=("red", "amber", "green"))
    impact = Column(pl.String, "mark", "Effect", one_of=("red", "amber", "green"))
    where = Column(pl.String, "words", "Locator, or what an assumption rests on")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Codes are letters, digits, dots, strokes and hyphens, and a pair is two accounts."""
        return {
            "the debit account is a code": cls.debit_account.col.str.contains(_CODE),
            "the credit account is a code": cls.credit_account.col.str.contains(_CODE),
            "debit and credit are two accounts": cls.debit_account.col != cls.credit_account.col,
        }


class ChartAccount(Schema):
    """An account that the ledger knows."""

    account_code = Column(pl.String, "code", "Account code as the ledger writes it", key=True)


class JournalLine(Schema):
    """One line of a journal: a debit or a credit of one account of one organisation's ledger."""

    line_number = Column(pl.Int64, "order", "Place in the journal, from 1", key=True, ge=1)
    run_id = Column(pl.String, "id", "Run the figure comes from")
    period = Column(pl.String, "year", "Period the figure is of")
    accounting_date = Column(pl.String, "date YYYY/MM/DD", "Date it is posted on")
    kind = Column(pl.String, "word", "Original, reversal or replacement", one_of=_KINDS)
    linked_to = Column(pl.String, "id", "Journal, or entry of a statement, that it answers; empty for an original")
    journal_source = Column(pl.String, "name", "What it is made from", one_of=_SOURCES)
    organisation_code = Column(pl.String, "code", "Whose ledger it is for")
    counterparty_code = Column(pl.String, "code", "The other side; empty where there is none")
    area_code = Column(pl.String, "code", "Locality, or account of a contract")
    service_code = Column(pl.String, "code", "Service, stream or line of a contract")
    account_code = Column(pl.String, "code", "Account, from the mapping")
    debit_pence = Column(pl.Int64, "pence, or cents", "Debit; 0 on a credit line", ge=0)
    credit_pence = Column(pl.Int64, "pence, or cents", "Credit; 0 on a debit line", ge=0)
    currency = Column(pl.String, "code", "Currency", one_of=CURRENCIES)
    reference = Column(pl.String, "id", "What names the movement; its debit and its credit share it")
    description = Column(pl.String, "words", "What the line is for")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """A line is a debit or a credit, and an original answers nothing."""
        return {
            "a line is a debit or a credit": (cls.debit_pence.col == 0) != (cls.credit_pence.col == 0),
            "an original is linked to nothing": (cls.kind.col != "original") | (cls.linked_to.col == ""),
            "a reversal is linked to what it takes back": (cls.kind.col != "reversal") | (cls.linked_to.col != ""),
        }


class Approval(Document):
    """That a run was approved, and by whom: without it nothing is exported."""

    run_id: str = Field(min_length=1)
    """The run that was approved."""
    made_by: str = Field(min_length=1)
    """Who made the run."""
    approved_by: str = Field(min_length=1)
    """Who approved it: somebody else."""
    approved_on: dt.date
    """When."""


class JournalHead(Document):
    """What names a journal and says where it comes from."""

    journal_id: str
    """First 16 hexadecimal digits of the hash of everything else in the journal."""
    run_id: str
    """Run the figures come from."""
    period: str
    """Period the figures are of."""
    accounting_date: dt.date
    """Date the journal is posted on."""
    journal_source: Source
    """What it is made from."""
    kind: Kind
    """Original, reversal or replacement."""
    linked_to: str
    """Journal that it reverses or replaces; empty for an original."""
    currency: str
    """Currency of all its lines."""
    accounts_sha256: str
    """Checksum of the mapping that gave the account codes."""
    approval: Approval
    """Who made and who approved the run."""


@dataclass(frozen=True)
class Journal:
    """A balanced journal: its head, and its lines in their fixed order."""

    head: JournalHead
    lines: Frame[JournalLine]

    @property
    def id(self) -> str:
        """The journal's id."""
        return self.head.journal_id

    @property
    def total_pence(self) -> int:
        """The sum of its debits, which is the sum of its credits."""
        return int(self.lines.get_column("debit_pence").sum())


@dataclass(frozen=True)
class Restatement:
    """What puts a posted journal right: its reversal, and what stands in its place."""

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
) -> Journal:
    """The journal of one year of a run's allocations.

    Args:
        run: an evaluated scenario.
        period: one of its years.
        accounts: the mapping to account codes.
        approval: who made and who approved the run.
        source: allocations to providers, in commissioners' ledgers, or totals of localities, in the system's.
        accounting_date: when it is posted; the last day of the year by default.

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
    return _journal(moves, run.id, period, source, accounts, approved, accounting_date)


def journal_of_statement(
    entries: Frame[Entry],
    run_id: str,
    period: str,
    accounts: Frame[Account],
    approval: Approval | None,
    *,
    accounting_date: dt.date | None = None,
) -> Journal:
    """The journal of the entries of one period of a statement; reversals and replacements stay linked to their entries.

    Args:
        entries: those of one issued version, so that each is posted once, or those that stand.
        run_id: the settlement they come from.
        period: the period, as the entries name it.
        accounts: the mapping to account codes.
        approval: who made and who approved the settlement.
        accounting_date: when it is posted; the last day of the period by default where that is a financial year.

    Raises:
        JournalError: no approval, no such period, several currencies, or a movement without account.
    """
    approved = check_approval(approval, run_id)
    found = entries.filter(Entry.period.col == period)
    if found.is_empty():
        periods = ", ".join(entries.get_column("period").unique().sort()) or "none"
        raise JournalError(f"settlement {run_id}: found no entry of period {period!r}; expected one of {periods}")
    is_reversal = Entry.standing.col == "reversal"
    moves = found.select(
        pl.col("party").alias("organisation_code"),
        pl.col("counterparty").alias("counterparty_code"),
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
    return _journal(moves, run_id, period, "statement", accounts, approved, accounting_date)


def restate(old: Journal, new: Journal) -> Restatement:
    """The reversal of a posted journal and the replacement by a new one, both linked to it, posted on the new one's date.

    The posted journal, its reversal and the replacement together are the new journal, account by account.

    Raises:
        JournalError: the two are not of one source, period and currency, the old one is itself a reversal, or nothing moved.
    """
    faults = Faults()
    for name in ("journal_source", "period", "currency"):
        was, given = getattr(old.head, name), getattr(new.head, name)
        if was != given:
            faults.add(f"new journal: {name}", given, f"{was}, as in journal {old.id}")
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
        _sealed(old.head.model_copy(update={"kind": "reversal", "linked_to": old.id, "accounting_date": date}), turned),
        _sealed(new.head.model_copy(update={"kind": "replacement", "linked_to": old.id}), new.lines),
    )


def net(journals: Iterable[Journal]) -> pl.DataFrame:
    """What journals add up to: debit less credit of each account of each ledger, counterparty, area and service, without 0."""
    keys = ["organisation_code", "counterparty_code", "area_code", "service_code", "account_code", "currency"]
    return (
        pl.concat([journal.lines for journal in journals])
        .group_by(keys)
        .agg((pl.col("debit_pence") - pl.col("credit_pence")).sum().alias("net_pence"))
        .filter(pl.col("net_pence") != 0)
        .sort(keys)
    )


def check_approval(approval: Approval | None, run_id: str) -> Approval:
    """The approval, once it is of this run and by a second hand.

    Raises:
        JournalError: there is none, it is of another run, or maker and approver are one.
    """
    if approval is None:
        raise JournalError(
            f"run {run_id}: found no approval; expected one by somebody other than its maker before its journals leave"
        )
    faults = Faults()
    if approval.run_id != run_id:
        faults.add("approval.run_id", approval.run_id, run_id)
    if approval.made_by.strip().casefold() == approval.approved_by.strip().casefold():
        faults.add("approval.approved_by", f"{approval.approved_by}, who made it", "somebody else")
    faults.raise_if_any(JournalError, f"run {run_id}: its journals cannot leave")
    return approval


def check_chart(accounts: Frame[Account], chart: Frame[ChartAccount]) -> None:
    """Refuse a mapping with codes that the ledger does not know, since most journals that fail to import fail on that.

    Raises:
        JournalError: every unknown code, with the rows it stands in.
    """
    both = pl.concat(
        [accounts.select("about", pl.col(f"{side}_account").alias("account_code")) for side in ("debit", "credit")]
    )
    lost = both.join(chart, on="account_code", how="anti").group_by("account_code").agg("about").sort("account_code")
    faults = Faults()
    for code, about in lost.iter_rows():
        faults.add(f"account {code} ({'; '.join(sorted(set(about)))})", "no such account", "one of the chart's")
    faults.raise_if_any(JournalError, "the mapping names accounts that the chart of accounts does not have")


def assumed_codes(journal: Journal, accounts: Frame[Account]) -> list[str]:
    """Account codes of the journal that the mapping marks as assumptions."""
    assumed = accounts.filter(Account.source.col == "assumption")
    codes = pl.concat([assumed.get_column("debit_account"), assumed.get_column("credit_account")]).unique()
    return (
        journal.lines.get_column("account_code")
        .unique()
        .sort()
        .filter(journal.lines.get_column("account_code").unique().sort().is_in(codes.implode()))
        .to_list()
    )


def csv_bytes(journal: Journal) -> bytes:
    """The lines as CSV: one heading line, columns in their fixed order, amounts with two decimals and no separators.

    Columns are the journal's id and those of `JournalLine`, `debit` and `credit` in pounds; the side a line is not on is empty.
    """
    return _written(journal).write_csv(line_terminator="\n").encode()


def json_bytes(journal: Journal) -> bytes:
    """The journal as JSON: head, totals and lines in their fixed order, amounts as two-decimal text or null."""
    lines = _written(journal).drop("journal_id").to_dicts()
    total = decimal_text(journal.total_pence)
    content = {**journal.head.model_dump(mode="json"), "debit_total": total, "credit_total": total, "lines": lines}
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def read_journal(content: bytes, where: str) -> Journal:
    """The journal in bytes that `json_bytes` gave, once it balances and its id is that of its content.

    Raises:
        JournalError: not a journal, or one that was changed.
    """
    try:
        raw: dict[str, Any] = json.loads(content)
        lines, totals = raw.pop("lines"), {raw.pop("debit_total"), raw.pop("credit_total")}
        head = JournalHead.model_validate(raw)
        frame = pl.DataFrame(
            [
                {**line, "debit": pence_of(line["debit"] or 0), "credit": pence_of(line["credit"] or 0)}
                for line in lines
            ],
            infer_schema_length=None,
        ).rename({"debit": "debit_pence", "credit": "credit_pence"})
        kept = JournalLine.validate(frame, where)
    except (ValueError, KeyError, TypeError, AttributeError, DataError, ValidationError, pl.exceptions.PolarsError):
        raise JournalError(f"{where}: found no journal; expected the JSON file of one as it was exported") from None
    found = _sealed(head, kept)
    if found.id != head.journal_id or totals != {decimal_text(found.total_pence)}:
        raise JournalError(
            f"{where}: found content of journal {found.id}; expected {head.journal_id}. A posted journal is never changed"
        )
    return found


def _journal(
    moves: pl.DataFrame,
    run_id: str,
    period: str,
    source: Source,
    accounts: Frame[Account],
    approval: Approval,
    accounting_date: dt.date | None,
) -> Journal:
    faults = Faults()
    currencies = moves.get_column("currency").unique().sort().to_list()
    if len(currencies) > 1:
        faults.add("currency", " and ".join(currencies), "one currency a journal")
    date = accounting_date
    if date is None:
        try:
            date = FinancialYear(period).end
        except DataError:
            faults.add("accounting_date", f"none, and period {period!r} is no financial year", "a date")
    coded = _with_accounts(moves.filter(pl.col("amount_pence") != 0), source, accounts)
    faults.extend(_unmapped(coded))
    faults.extend(_unsafe(moves))
    if coded.is_empty():
        faults.add(f"{source} of {period}", "no amount other than 0", "at least one, to post")
    faults.raise_if_any(JournalError, f"run {run_id}: the journal of {source} cannot be made")
    head = JournalHead(
        journal_id="",
        run_id=run_id,
        period=period,
        accounting_date=cast("dt.date", date),
        journal_source=source,
        kind="original",
        linked_to="",
        currency=str(currencies[0]),
        accounts_sha256=hashlib.sha256(accounts.write_csv().encode()).hexdigest(),
        approval=approval,
    )
    return _sealed(head, _sides(coded, run_id, period, source))


def _with_accounts(moves: pl.DataFrame, source: Source, accounts: Frame[Account]) -> pl.DataFrame:
    """Movements with the accounts of the most exact row: service and area, then service, then area, then neither."""
    pairs = accounts.filter(Account.journal_source.col == source).select(
        "direction", "service_code", "area_code", "debit_account", "credit_account"
    )
    coded, found = moves, 0
    for by_service, by_area in ((True, True), (True, False), (False, True), (False, False)):
        exact = pairs.filter(
            ((pl.col("service_code") != ANY) == by_service) & ((pl.col("area_code") != ANY) == by_area)
        )
        on = ["direction", *(["service_code"] if by_service else []), *(["area_code"] if by_area else [])]
        named = exact.select(*on, *(pl.col(f"{s}_account").alias(f"__{s}{found}") for s in ("debit", "credit")))
        coded, found = coded.join(named, on=on, how="left", validate="m:1"), found + 1
    return coded.with_columns(
        pl.coalesce(f"__{side}{i}" for i in range(found)).alias(f"{side}_account") for side in ("debit", "credit")
    ).drop(f"__{side}{i}" for side in ("debit", "credit") for i in range(found))


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


def _sealed(head: JournalHead, lines: pl.DataFrame) -> Journal:
    """The journal of a head and its lines, balanced, with the id that its content gives."""
    kind, linked = pl.col("kind"), pl.col("linked_to")
    if head.kind != "original":
        kind, linked = pl.lit(head.kind), pl.lit(head.linked_to)
    dated = lines.with_columns(
        pl.lit(head.accounting_date.strftime("%Y/%m/%d")).alias("accounting_date"),
        kind.alias("kind"),
        linked.alias("linked_to"),
    )
    kept = JournalLine.validate(dated.select(list(JournalLine.columns())), "journal")
    _check_balance(kept)
    named = {**head.model_dump(mode="json"), "journal_id": ""}
    text = json.dumps(named, sort_keys=True, ensure_ascii=True, separators=(",", ":")) + "\n" + kept.write_csv()
    journal_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Journal(head.model_copy(update={"journal_id": journal_id}), kept)


def _check_balance(lines: Frame[JournalLine]) -> None:
    sums = lines.group_by("organisation_code", "reference").agg(pl.col("debit_pence", "credit_pence").sum())
    faults = Faults()
    for row in sums.filter(pl.col("debit_pence") != pl.col("credit_pence")).sort("reference").iter_rows(named=True):
        place = f"ledger of {row['organisation_code']}, {row['reference']}"
        faults.add(place, f"debits of {row['debit_pence']} and credits of {row['credit_pence']}", "the same pence")
    faults.raise_if_any(JournalError, "the journal does not balance")


def _unmapped(coded: pl.DataFrame) -> Iterator[Fault]:
    keys = ["direction", "service_code", "area_code"]
    lost = coded.filter(pl.col("debit_account").is_null()).select(keys).unique().sort(keys)
    remedy = "Add a row for it, or one with * for every area."
    for row in lost.head(_SHOWN).iter_rows(named=True):
        place = f"accounts: {row['direction']}, service {row['service_code']}, area {row['area_code']}"
        yield Fault(place, "no row", "a pair of accounts", remedy)
    if lost.height > _SHOWN:
        yield Fault("accounts", f"{lost.height - _SHOWN} more movements without a row", "a pair of accounts for each")


def _unsafe(moves: pl.DataFrame) -> Iterator[Fault]:
    """Text that a spreadsheet would take for a formula when the CSV is opened."""
    for name in ("organisation_code", "counterparty_code", "area_code", "service_code", "reference", "description"):
        bad = moves.get_column(name).filter(moves.get_column(name).str.contains(r"^[=+\-@\t\r]")).unique().sort()
        for text in bad.head(5):
            yield Fault(f"column {name!r}", repr(text), "text that does not begin with =, +, -, @ or a tab")


def _written(journal: Journal) -> pl.DataFrame:
    """The lines with the journal's id in front and amounts as text, empty on the side a line is not on."""

    def text(name: str) -> pl.Expr:
        value = pl.col(f"{name}_pence")
        shown = pl.concat_str((value // 100).cast(pl.String), pl.lit("."), (value % 100).cast(pl.String).str.zfill(2))
        return pl.when(value > 0).then(shown).alias(name)

    columns: list[str | pl.Expr] = [
        text(c.removesuffix("_pence")) if c in {"debit_pence", "credit_pence"} else c for c in JournalLine.columns()
    ]
    return journal.lines.select(pl.lit(journal.id).alias("journal_id"), *columns)


__all__ = [
    "Account",
    "Approval",
    "ChartAccount",
    "Journal",
    "JournalError",
    "JournalHead",
    "JournalLine",
    "Kind",
    "Restatement",
    "Source",
    "assumed_codes",
    "check_approval",
    "check_chart",
    "csv_bytes",
    "journal_of_run",
    "journal_of_statement",
    "json_bytes",
    "net",
    "read_journal",
    "restate",
]
