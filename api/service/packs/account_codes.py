"""The mapping from movements to account codes that a data pack may bring: which two accounts a movement of a kind debits and credits."""

from __future__ import annotations

import polars as pl

from capitation.records.frames import Column, Schema

MAPPING_FILE = "journals/accounts.csv"
"""Where a pack has it."""

ANY = "*"
"""In a mapping: every service, or every area."""

SOURCES = ("provider_allocation", "locality_total", "statement")
"""What journals are made from."""

_CODE = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"


class Account(Schema):
    """A pair of accounts for movements of one kind; the row that names service and area is taken before one with *."""

    journal_source = Column(pl.String, "name", "What the journal is made from", key=True, one_of=SOURCES)
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


__all__ = ["ANY", "MAPPING_FILE", "SOURCES", "Account"]
