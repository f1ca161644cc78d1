"""`capitation problem`: start a problem document, regenerate one from its policy and run, or put a contract into one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import console
from api.cli.deals.payment_terms import payment_terms_command
from api.cli.templates.begin import NAME, begin
from api.cli.templates.documents import PROBLEM
from capitation.errors import CapitationError
from capitation.records.whole_files import write_all_whole
from optimiser.links.from_run import problem_from_run, written_problem


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Start a problem document, regenerate one from its policy, or put a contract into one.",
        no_args_is_help=True,
    )
    group.command("new")(new)
    group.command("write")(write)
    group.command("terms")(payment_terms_command)
    app.add_typer(group, name="problem")


def new(file: Annotated[Path, typer.Argument(help="The file to write (.toml), or the problem's id.")]) -> None:
    """Write a small, complete problem to start from; `capitation optimise FILE` solves it."""
    written = begin(file, PROBLEM, NAME)
    typer.echo(f"written: {written}")
    typer.echo(f"solve it: capitation optimise {written}")


def write(
    policy: Annotated[
        Path, typer.Argument(help="The problem's policy: a document that names its run and its solutions.")
    ],
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 2 if it is stale.")] = False,
) -> None:
    """Regenerate a problem from its policy, its run and its pack's solution files; or check that it is not stale."""
    files = written_problem(problem_from_run(policy), policy.parent.parent)
    stale = [path for path, content in files.items() if not path.is_file() or path.read_bytes() != content]
    if only_check:
        for path in stale:
            console.print(f"stale: {path}", markup=False, soft_wrap=True)
        if stale:
            raise CapitationError(
                f"{len(stale)} file(s) are older than the policy; `capitation problem write {policy}`"
            )
        console.print(f"{policy}: nothing is stale", markup=False, soft_wrap=True)
        return
    write_all_whole({path: partial(_content, content) for path, content in files.items()})
    for path in files:
        console.print(f"{'written' if path in stale else 'as it was'}: {path}", markup=False, soft_wrap=True)


def _content(content: bytes, partial_file: Path) -> None:
    partial_file.write_bytes(content)
