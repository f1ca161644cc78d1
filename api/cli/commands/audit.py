"""`capitation audit`: the log of who did what: verify its chain, or export it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json
from api.cli.options import JsonOption, StoreOption
from api.cli.service_store import opened_store, settings_of
from api.service.security.audit import Verdict, export_text, parse_head, verify_file, verify_log
from capitation.errors import Fault, SourceError
from capitation.records.whole_files import write_whole


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="The audit log: who did what, chained so that tampering shows.")
    group.command("verify")(verify_command)
    group.command("export")(export_command)
    app.add_typer(group, name="audit")


def verify_command(
    log: Annotated[
        Path | None, typer.Argument(help="Exported log (NDJSON); the log in the service's store by default.")
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="A head noted elsewhere earlier, NUMBER:CHECKSUM; it must be in the chain."),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no record was changed, lost, added or moved, and that all postings agree; exit code 1 if not."""
    faults: list[Fault] = []
    noted = [parse_head(text) for text in head or []]
    if log is not None:
        verdict = verify_file(log, noted)
    else:
        with opened_store(settings_of(store=store), is_there=True) as kept, kept.at_one_moment():
            verdict = verify_log(kept, noted)
            if verdict.holds:  # a log that does not hold says nothing of what was posted
                from api.service.ledger.invariants import ledger_faults

                faults = ledger_faults(kept)
    if as_json:
        shown = [{"where": each.where, "found": each.found, "expected": each.expected} for each in faults]
        print_json({"holds": verdict.holds and not faults, **verdict.model_dump(), "ledger": shown})
    else:
        for line in verdict_lines(verdict):
            typer.echo(line)
        for each in faults:
            typer.echo(f"{each.where}: found {each.found}; expected {each.expected}")
    if not verdict.holds or faults:
        raise typer.Exit(1)


def export_command(
    out: Annotated[Path, typer.Argument(help="File to write (NDJSON).")],
    store: StoreOption = None,
) -> None:
    """Write the log of the service's store as a file that `capitation audit verify` reads, its head in the last line."""
    with opened_store(settings_of(store=store), is_there=True) as kept:
        if out.exists() and not _is_log(out):
            raise SourceError(f"{out}: is no earlier log, and is not replaced. Name another file, or remove it")
        head = kept.head()
        records = (record for record in kept.read() if record.number <= head.number)
        write_whole(out, lambda partial: _write_lines(partial, export_text(records, head)))
    typer.echo(f"written: {out}")
    typer.echo(f"head to note elsewhere: {head.number}:{head.sha256}")


def _is_log(path: Path) -> bool:
    """Whether a file is a log that was exported before: whatever else it is stays as it is."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline(100_000).startswith((b'{"event":', b'{"head":'))


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def verdict_lines(verdict: Verdict) -> list[str]:
    """What the walk found, in lines for a person."""
    if verdict.broken is None:
        return [
            f"the chain holds: {verdict.records} record(s)",
            f"head to note elsewhere: {verdict.head.number}:{verdict.head.sha256}",
        ]
    return [
        f"the chain breaks at record {verdict.broken.position}",
        f"  found:    {verdict.broken.found}",
        f"  expected: {verdict.broken.expected}",
        f"  {verdict.records} record(s) before it hold",
    ]
