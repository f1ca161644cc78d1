"""`capitation contract restate`, `carry`, `split`: later figures, balances into the next period, one period in two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import print_json, show, write_frame
from api.cli.options import ContractFile, DataOption, JsonOption
from api.cli.outputs import check_outputs
from api.cli.shipped import shipped
from api.exports.pounds import in_pounds
from capitation.errors import Faults, SourceError
from capitation.pack.tables import read_table
from capitation.records.frames import Frame
from capitation.records.whole_files import write_whole_folder
from contracts.books.carry_forward import CarriedBalance, brought_forward, carried, carry_on
from contracts.books.entries import Version
from contracts.books.restatement import differences, restate
from contracts.books.split_period import split_period
from contracts.books.statements import settle_statement
from contracts.document.contract import read_contract
from contracts.settlement.settle import settle


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def restate_command(
    contract: ContractFile,
    before: Annotated[Path, typer.Argument(help="Rows of the current version, CSV or parquet.")],
    after: Annotated[Path, typer.Argument(help="All rows of the later figures, CSV or parquet.")],
    out: Annotated[Path, typer.Option(help="Folder for the entries, the differences and each party's total.")],
    reason: Annotated[str, typer.Option(help="Why there is a later version.")] = "",
    status: Annotated[
        str, typer.Option(help="`final` after provisional figures, `restated` after final ones.")
    ] = "final",
    issued: Annotated[str | None, typer.Option(help="Date of the later version, such as 2020-07-01.")] = None,
    corrected: Annotated[
        Path | None,
        typer.Option("--contract", help="The corrected contract, if that changed too; the same one by default."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restate a settlement: entries that moved are reversed and replaced, nothing is edited; what moved, and why, is reported."""
    faults = Faults()
    if status not in {"final", "restated"}:
        faults.add("--status", repr(status), "final or restated")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        faults.add(str(out), "a file" if out.is_file() else "a folder with files in it", "a new or empty folder")
    if status == "restated" and not reason.strip():
        faults.add("--reason", "none", "why final figures are restated")
    day = _date(issued, faults)
    faults.raise_if_any(SourceError, "nothing was written")
    agreed = read_contract(shipped(contract, "contracts", data))
    later = agreed if corrected is None else read_contract(shipped(corrected, "contracts", data))
    first = Version(number=1, status="provisional" if status == "final" else "final")
    old = settle_statement(agreed, read_table(before).frame, first, where=str(before))
    second = Version(number=2, status="restated" if status == "restated" else "final", issued=day, reason=reason)
    new = restate(old, read_table(after).frame, second, later, where=str(after))
    moved = differences(old, new)
    frames: dict[str, pl.DataFrame] = {"entries": new.entries, "differences": moved, "net": new.net()}

    def fill(folder: Path) -> None:
        for name, frame in frames.items():
            in_pounds(frame).write_csv(folder / f"{name}.csv")

    write_whole_folder(out, fill)
    written = [str(out / f"{name}.csv") for name in frames]
    if as_json:
        print_json({"contract": later.id, "moved": moved, "entries_issued": new.issued().height, "written": written})
        return
    if moved.is_empty():
        typer.echo("nothing moved: every entry of the version that stands stays as it is")
    else:
        show(moved, f"{later.title}: what moved from version 1 to version 2 ({status})")
    typer.echo(f"entries of version 1: {old.entries.height}; issued by version 2: {new.issued().height}")
    for path in written:
        typer.echo(f"written: {path}")


def carry_command(
    contract: ContractFile,
    rows: Annotated[list[Path], typer.Argument(help="Rows of one or more periods, in order.")],
    out: Annotated[Path, typer.Option(help="CSV or parquet file for the ledger.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """The balances a contract carries from period to period, and what each account brings forward into the next."""
    check_outputs([out], [*rows, shipped(contract, "contracts", data)])
    agreed = read_contract(shipped(contract, "contracts", data))
    ledger: Frame[CarriedBalance] | None = None
    for path in rows:
        table = read_table(path)
        found = carried(settle(agreed, table.frame, where=table.where, lines=table.lines))
        ledger = found if ledger is None else carry_on(ledger, found, table.where)
    if ledger is None:
        message = "found no rows; expected at least one file"
        raise SourceError(message)
    opening = brought_forward(ledger)
    write_frame(ledger, out)
    _say(
        as_json, {"contract": agreed.id, "ledger": ledger, "next": opening, "written": [str(out)]},
        [(ledger, f"{agreed.title}: balances carried"), (opening, "Opening balances of the next period")], out,
    )  # fmt: skip


def split_command(
    contract: ContractFile,
    first: Annotated[Path, typer.Argument(help="Rows of the first part of the period.")],
    second: Annotated[Path, typer.Argument(help="Rows of the second part, with the same keys.")],
    flows: Annotated[
        str, typer.Option(help="Inputs that add up across the parts, separated by commas, such as spend,activity.")
    ],
    out: Annotated[Path, typer.Option(help="CSV or parquet file for each output settled once and in two parts.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a period pays settled as one, what its two parts pay separately, and the difference made by a limit or gate."""
    check_outputs([out], [first, second, shipped(contract, "contracts", data)])
    agreed = read_contract(shipped(contract, "contracts", data))
    names = [name.strip() for name in flows.split(",") if name.strip()]
    found = split_period(agreed, read_table(first).frame, read_table(second).frame, names)
    write_frame(found, out)
    _say(
        as_json, {"contract": agreed.id, "split": found.to_dicts(), "written": [str(out)]},
        [(found, f"{agreed.title}: one period, and the same in two parts (whole units of each output)")], out,
    )  # fmt: skip


def register_books(add: Callable[[str], Callable[..., object]]) -> None:
    """Add the three commands to the group of contract commands."""
    add("restate")(restate_command)
    add("carry")(carry_command)
    add("split")(split_command)


def _say(as_json: bool, content: object, boards: Sequence[tuple[pl.DataFrame, str]], out: Path) -> None:
    if as_json:
        print_json(content)
        return
    for frame, title in boards:
        show(frame, title)
    typer.echo(f"written: {out}")


def _date(text: str | None, faults: Faults) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        faults.add("--issued", repr(text), "a date such as 2020-07-01")
        return None


__all__ = ["register_books"]
