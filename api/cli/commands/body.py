"""`capitation body`: the whole-population contract of an accountable care body on a run, year by year and locality by locality."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.tables import console, print_json, show
from api.cli.options import DataOption, JsonOption, RunFolder
from capitation.errors import SourceError, suggest
from capitation.money.pence import board_text, pounds_text
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import load_run
from contracts.options.whole_population.document import read_body
from contracts.options.whole_population.settlement import BodySettlement, settle_body


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("body")(body_command)


def body_command(
    run: RunFolder,
    body: Annotated[str | None, typer.Option("--body", help="Body to settle; the pack's only one by default")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle the whole-population contract of an accountable care body: weighted persons at a rate, trued up to the lists."""
    pack = DataPack(pack_folder(data))
    known = pack.names("bodies")
    if body is None and len(known) != 1:
        message = f"{pack.root}: found {len(known)} bodies; expected one, or its name with --body ({', '.join(known) or 'bodies/ is empty'})"
        raise SourceError(message)
    name = body or known[0]
    if name not in known:
        message = f"--body: found {name!r}; expected a body of the pack. {suggest(name, known)}"
        raise SourceError(message)
    done = settle_body(read_body(pack, name), pack, load_run(run))
    frames = {
        "accounts": done.accounts, "scope": done.scope, "localities": done.localities, "hospitals": done.hospitals,
        "payments": done.payments, "supply": done.supply,
    }  # fmt: skip
    if as_json:
        print_json({"body": done.body.code, "title": done.body.title, **frames})
        return
    for sentence in said(done):
        console.print(sentence, markup=False)
    years = done.accounts.select("year", "is_shadow", "income_pence", "care_pence", "left_pence", "carried_on_pence")
    show(years, "Income, care and what is left")
    show(
        done.scope.filter(pl.col("year") == str(done.body.first_year)).drop("year", "pooled_with"),
        f"Scope in {done.body.first_year}",
    )


def said(done: BodySettlement) -> list[str]:
    """A sentence for each year, and what must be settled before a signature."""
    body, sentences = done.body, [f"{done.body.title}: old contracts until {done.body.first_year}."]
    for row in done.accounts.iter_rows(named=True):
        stage = "shadow" if row["is_shadow"] else "paid"
        bears = "" if row["can_bear"] else "; it cannot bear that"
        sentences.append(
            f"{row['year']} ({stage}): {row['listed_persons']:,.0f} persons x £{pounds_text(row['rate_pence'])} = "
            f"£{pounds_text(row['income_pence'])}; care {board_text(row['care_pence'])}, left {board_text(row['left_pence'])}{bears}."
        )
    if not body.flags.vat_can_be_recovered:
        sentences.append("To settle first: value added tax cannot be recovered.")
    if not body.flags.parent_guarantee:
        sentences.append("To settle first: no owner stands behind its losses.")
    return sentences
