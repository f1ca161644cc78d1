"""Journals as files: JSON with head, totals and lines, or the lines as CSV; the same journal gives the same bytes."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from pydantic import ValidationError

from api.exports.plain_cells import plain_cells
from api.service.ledger.lines import Journal, JournalError, JournalHead, JournalLine, sealed
from capitation.errors import DataError
from capitation.money.pence import decimal_text, pence_of


def csv_bytes(journal: Journal) -> bytes:
    """The lines as CSV: one heading line, columns in their fixed order, amounts with two decimals and no separators.

    Columns are the journal's id and those of `JournalLine`, `debit` and `credit` in pounds; the side a line is not on is empty.
    """
    return plain_cells(_written(journal)).write_csv(line_terminator="\n").encode()


def json_bytes(journal: Journal) -> bytes:
    """The journal as JSON: head, totals and lines in their fixed order, amounts as two-decimal text or null."""
    lines = _written(journal).drop("journal_id").to_dicts()
    total = decimal_text(journal.total_pence)
    content = {**journal.head.written(), "debit_total": total, "credit_total": total, "lines": lines}
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
        amounts = [
            {**line, "debit": pence_of(line["debit"] or 0), "credit": pence_of(line["credit"] or 0)} for line in lines
        ]
        frame = (
            pl.DataFrame(amounts, infer_schema_length=None).rename({"debit": "debit_pence", "credit": "credit_pence"})
            if amounts
            else pl.DataFrame(schema=JournalLine.dtypes())  # a replacement that says that nothing is due
        )
        kept = JournalLine.validate(frame, where)
    except (ValueError, KeyError, TypeError, AttributeError, DataError, ValidationError, pl.exceptions.PolarsError):
        raise JournalError(f"{where}: found no journal; expected the JSON file of one as it was exported") from None
    found = sealed(head, kept)
    if found.id != head.journal_id or totals != {decimal_text(found.total_pence)}:
        raise JournalError(
            f"{where}: found content of journal {found.id}; expected {head.journal_id}. A posted journal is never changed"
        )
    return found


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
