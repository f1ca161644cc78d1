"""`capitation problem`: begin a problem document, or write one again from its policy and run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import console
from capitation.errors import CapitationError
from capitation.records.whole_files import write_all_whole, write_text
from optimiser.links.from_run import problem_from_run, written_problem

SMALL = """\
# A whole problem in one file. Amounts are in pounds at full scale; units of activity are a year's.
id = "small"
title = "Care at home or reviews"
years = ["2020/21"]
perspective = "system"                      # whose cash counts: the system's, or the commissioner's

activity = [{ point_of_delivery = "admission", units = 3000 }]          # if nothing is bought
prices = [{ point_of_delivery = "admission", tariff_pounds = 2000, variable_cost_pounds = 500 }]
budgets = [{ kind = "recurrent", year = "2020/21", pounds = 400000 }]   # recurrent, non_recurrent or capital

[[solutions]]
id = "care_at_home"
effects = [{ point_of_delivery = "admission", central = 0.3 }]          # share avoided at full scale
costs = [{ kind = "recurrent", pounds = 350000 }]

[[solutions]]
id = "reviews"
effects = [{ point_of_delivery = "admission", central = 0.1 }]
costs = [{ kind = "recurrent", pounds = 100000 }]
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Begin a problem document, or write one again from its policy.", no_args_is_help=True)
    group.command("new")(new)
    group.command("write")(write)
    app.add_typer(group, name="problem")


def new(file: Annotated[Path, typer.Argument(help="The file to write (.toml); it must not be there yet.")]) -> None:
    """Write a small whole problem to begin from; `capitation optimise FILE` solves it."""
    if file.exists():
        raise CapitationError(f"{file}: found a file that is already there; expected a new name")
    write_text(file, SMALL)
    typer.echo(f"written: {file}")
    typer.echo(f"solve it: capitation optimise {file}")


def write(
    policy: Annotated[Path, typer.Argument(help="The policy of the problem: a document with [run].")],
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 2 where it is stale.")] = False,
) -> None:
    """Write a problem again from its policy, its run and the solution files of its pack; or check that it is not stale."""
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
