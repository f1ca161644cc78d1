"""`capitation audit verify`: walks an audit log's chain and names the first record that does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.service.audit import Verdict, parse_head, verify_file
from api.tables import print_json


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="The audit log: who did what, chained so that a change shows.")
    group.command("verify")(verify_command)
    app.add_typer(group, name="audit")


def verify_command(
    log: Annotated[Path, typer.Argument(help="Exported log (NDJSON).")],
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="A head noted earlier elsewhere, NUMBER:CHECKSUM; it must stand in the chain."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Check that no record was changed, lost, added or moved; exit code 1 and the first break where one was."""
    verdict = verify_file(log, [parse_head(text) for text in head or []])
    if as_json:
        print_json({"holds": verdict.holds, **verdict.model_dump()})
    else:
        for line in told(verdict):
            typer.echo(line)
    if not verdict.holds:
        raise typer.Exit(1)


def told(verdict: Verdict) -> list[str]:
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
