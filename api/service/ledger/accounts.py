"""Account codes: a mapping names the debit and the credit of each kind of movement, and may be checked against the ledger's chart."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from api.service.ledger.lines import Journal, JournalError, Source
from api.service.packs.account_codes import ANY, Account
from capitation.errors import Fault, Faults
from capitation.records.frames import Column, Frame, Schema

_SHOWN = 20


class ChartAccount(Schema):
    """An account that the ledger knows."""

    account_code = Column(pl.String, "code", "Account code as the ledger writes it", key=True)


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


def with_accounts(moves: pl.DataFrame, source: Source, accounts: Frame[Account]) -> pl.DataFrame:
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


def unmapped(coded: pl.DataFrame) -> Iterator[Fault]:
    """Movements that no row of the mapping is for."""
    keys = ["direction", "service_code", "area_code"]
    lost = coded.filter(pl.col("debit_account").is_null()).select(keys).unique().sort(keys)
    remedy = "Add a row for it, or one with * for every area."
    for row in lost.head(_SHOWN).iter_rows(named=True):
        where = f"accounts: {row['direction']}, service {row['service_code']}, area {row['area_code']}"
        yield Fault(where, "no row", "a pair of accounts", remedy)
    if lost.height > _SHOWN:
        yield Fault("accounts", f"{lost.height - _SHOWN} more movements without a row", "a pair of accounts for each")
