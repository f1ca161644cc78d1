"""`capitation journal`: a written run's allocations as balanced double-entry journals, for a ledger and without a server."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, cast

import polars as pl
import typer

from api.boards.tables import notices, print_json, show
from api.cli.options import DataOption, JsonOption, RunFolder
from api.service.ledger.accounts import ChartAccount, assumed_codes, check_chart
from api.service.ledger.journal_files import csv_bytes, json_bytes, read_journal
from api.service.ledger.journals import check_accounting_date, journal_of_run, restate
from api.service.ledger.lines import Approval, Journal, JournalError
from api.service.ledger.parts import part_of, parts_of
from api.service.packs.account_codes import Account
from capitation.errors import SourceError
from capitation.money.pence import decimal_text
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack, read_rows
from capitation.profiles.phase import Every
from capitation.records.documents import read_document
from capitation.records.whole_files import write_all_whole
from capitation.run.run import load_run

_EVERY = ("year", "quarter", "month")
_SOURCES = ("provider_allocation", "locality_total")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("journal")(journal_command)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def journal_command(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Folder for the journals, a CSV and a JSON file each.")],
    approval: Annotated[
        Path, typer.Option(help="Document that says who made and who approved the run (TOML, JSON or YAML).")
    ],
    accounts: Annotated[
        Path | None, typer.Option(help="CSV file of account codes; the pack's example mapping by default.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="CSV file of the ledger's account codes; any code not in it is refused.")
    ] = None,
    year: Annotated[str | None, typer.Option(help="Year to export; every year of the run by default.")] = None,
    source: Annotated[str, typer.Option(help="provider_allocation or locality_total.")] = "provider_allocation",
    every: Annotated[str, typer.Option(help="year, quarter or month: the length of a journal's period.")] = "year",
    profile: Annotated[
        str, typer.Option(help="Profile in the data pack that spreads a year over its months.")
    ] = "twelfths",
    date: Annotated[str | None, typer.Option(help="Posting date YYYY-MM-DD; the year's last day by default.")] = None,
    restates: Annotated[
        Path | None, typer.Option(help="JSON file of a posted journal that these figures correct.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write journals of an approved run: debits equal credits to the penny, and the same run gives the same bytes."""
    if source not in _SOURCES:
        message = f"--source: found {source!r}; expected {' or '.join(_SOURCES)}"
        raise JournalError(message)
    if every not in _EVERY:
        message = f"--every: found {every!r}; expected {', '.join(_EVERY)}"
        raise JournalError(message)
    made, pack = load_run(run), DataPack(pack_folder(data))
    mapping = pack.rows("journals/accounts.csv", Account) if accounts is None else read_rows(accounts, Account)
    if chart is not None:
        check_chart(mapping, read_rows(chart, ChartAccount, keep_extra=True))
    approved = read_document(approval, Approval)
    old = None if restates is None else read_journal(_bytes(restates), str(restates))
    years = made.frame(source).get_column("year").unique().sort().to_list() if year is None else [year]
    kind = cast("Literal['provider_allocation', 'locality_total']", source)
    periods = [old.head.year or old.head.period] if old is not None and year is None else years
    wanted = [
        (each, None if part == each else part_of(each, part, profile, pack))
        for each in periods
        for part in ([old.head.period] if old is not None else parts_of(each, cast("Every", every)))
    ]
    journals = [
        journal_of_run(
            made,
            each,
            mapping,
            approved,
            source=kind,
            accounting_date=_date(date),
            part=part,
            replaces=old is not None,
        )
        for each, part in wanted
    ]
    for journal in journals:
        check_accounting_date(journal.head.period, _date(date))
    if old is not None:
        answer = restate(old, journals[0])
        journals = [answer.reversal, answer.replacement]
    written = [path for journal in journals for path in _write(journal, out)]
    examples = sorted({code for journal in journals for code in assumed_codes(journal, mapping)})
    if as_json:
        print_json(
            {
                "journals": [
                    {**j.head.model_dump(mode="json"), "lines": j.lines.height, "total": decimal_text(j.total_pence)}
                    for j in journals
                ],
                "assumed_accounts": examples,
                "written": [str(path) for path in written],
            }
        )
        return
    table = {
        "journal": [j.id for j in journals],
        "period": [j.head.period for j in journals],
        "kind": [j.head.kind for j in journals],
        "lines": [j.lines.height for j in journals],
        "debits_pence": [j.total_pence for j in journals],
        "credits_pence": [int(j.lines.get_column("credit_pence").sum()) for j in journals],
    }
    show(pl.DataFrame(table), f"Journals of run {made.id}, {source.replace('_', ' ')}")
    if examples:
        notices.print(f"note: {len(examples)} account code(s) are assumptions of the mapping; put the ledger's own")
    for path in written:
        typer.echo(f"written: {path}")


def _date(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        message = f"--date: found {text!r}; expected a date such as 2019-03-31"
        raise JournalError(message) from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({type(error).__name__})"
        raise SourceError(message) from None


def _write(journal: Journal, folder: Path) -> list[Path]:
    """Write a journal's two files, both or neither; a file that is there already holds the same bytes."""
    name = f"journal-{journal.head.period.replace('/', '-')}-{journal.head.kind}-{journal.id}"
    contents = {folder / f"{name}.csv": csv_bytes(journal), folder / f"{name}.json": json_bytes(journal)}
    return write_all_whole({path: partial(_put, content) for path, content in contents.items()})


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)
