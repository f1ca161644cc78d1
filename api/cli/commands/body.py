"""`capitation body`: an accountable care body's whole-population contract on a run, year by year and locality by locality."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.localities_under import localities_sentence, localities_table
from api.boards.tables import console, print_json, show
from api.charts.material import names_of
from api.cli.options import DataOption, JsonOption, RunFolder
from capitation.errors import SourceError, suggest
from capitation.money.pence import board_text, pounds_text
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import Run, load_run
from contracts.options.whole_population.document import read_body
from contracts.options.whole_population.settlement import BodySettlement, settle_body


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("body")(body_command)


def body_command(
    run: RunFolder,
    body: Annotated[
        str | None, typer.Option("--body", help="Body to settle; by default the only one in the pack.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle an accountable care body's whole-population contract: weighted persons at a rate, trued up to registered lists.

    For a comparison or a plan, also its account under each option it is part of, by activity case, against its reserve.
    """
    pack = DataPack(pack_folder(data))
    known = pack.names("bodies")
    if body is None and len(known) != 1:
        message = f"{pack.root}: found {len(known)} bodies; expected one, or its name with --body ({', '.join(known) or 'bodies/ is empty'})"
        raise SourceError(message)
    name = body or known[0]
    if name not in known:
        message = f"--body: found {name!r}; expected a body of the pack. {suggest(name, known)}"
        raise SourceError(message)
    loaded = load_run(run)
    chosen = read_body(pack, name)
    under = under_options(loaded, chosen.code)
    if "service_envelope" not in loaded.frames:  # a comparison alone, or no run of a scenario
        if under.is_empty():
            raise SourceError(
                f"{run}: found no allocations to services; expected a run of a scenario, or a comparison of options with this body"
            )
        if as_json:
            below = _localities_under(loaded, chosen.code)
            print_json(
                {"body": chosen.code, "title": chosen.title, "under_options": under, "localities_under_options": below}
            )
            return
        show(under, f"{chosen.title} under contract options, by activity case, £ thousand")
        return
    done = settle_body(chosen, pack, loaded)
    frames = {
        "accounts": done.accounts, "scope": done.scope, "localities": done.localities, "hospitals": done.hospitals,
        "payments": done.payments, "supply": done.supply,
    }  # fmt: skip
    if as_json:
        more = (
            {}
            if under.is_empty()
            else {"under_options": under, "localities_under_options": _localities_under(loaded, chosen.code)}
        )
        print_json({"body": done.body.code, "title": done.body.title, **frames, **more})
        return
    for sentence in said(done):
        console.print(sentence, markup=False)
    years = done.accounts.select(
        "year", "is_shadow", "income_pence", "unearned_pence", "care_pence", "left_pence", "carried_on_pence"
    )
    show(years, "Income, care and what is left, as planned")
    rows, names = done.localities.filter(year=str(done.body.first_year)), names_of(loaded)
    console.print(localities_sentence(rows, names), markup=False, soft_wrap=True)
    show(localities_table(rows, names), f"Localities in {done.body.first_year}, as planned, £ thousand")
    if not under.is_empty():
        show(under, "Under contract options, by activity case, £ thousand")
    show(
        done.scope.filter(pl.col("year") == str(done.body.first_year)).drop("year", "pooled_with"),
        f"Scope in {done.body.first_year}",
    )


def _localities_under(run: Run, code: str) -> pl.DataFrame:
    """The localities under a body in every activity case of its options; nothing where the run has none."""
    rows = run.frames.get("body_locality", pl.DataFrame())
    return rows if rows.is_empty() else rows.filter(organisation_code=code)


def under_options(run: Run, code: str) -> pl.DataFrame:
    """A body's accounts under the options of a comparison or a plan, in £ thousand; nothing where the run has none."""
    rows = run.frames.get("body_account", pl.DataFrame())
    if rows.is_empty():
        return rows
    shown = ("income", "unearned", "care", "left", "hospitals", "pool", "carried_on", "reserve")
    thousand = [(pl.col(f"{n}_pence") / 100_000).round(0).cast(pl.Int64).alias(n.replace("_", " ")) for n in shown]
    mine = rows.filter(organisation_code=code).sort("option", "activity_case", "year")
    bears = pl.when("can_bear").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("can bear")
    return mine.select(pl.col("activity_case").alias("case"), "year", *thousand, bears)


def said(done: BodySettlement) -> list[str]:
    """A sentence for each year, and what must be settled before a signature."""
    body, sentences = done.body, [f"{done.body.title}: old contracts until {done.body.first_year}."]
    for row in done.accounts.iter_rows(named=True):
        stage = "shadow" if row["is_shadow"] else "paid"
        missed = f"improvement not earned {board_text(row['unearned_pence'])}, " if row["unearned_pence"] else ""
        bears = "" if row["can_bear"] else "; it cannot bear that"
        sentences.append(
            f"{row['year']} ({stage}): {row['listed_persons']:,.0f} persons x £{pounds_text(row['rate_pence'])} = "
            f"£{pounds_text(row['income_pence'])}; "
            f"{missed}care {board_text(row['care_pence'])}, left {board_text(row['left_pence'])}{bears}."
        )
    if not body.flags.vat_can_be_recovered:
        sentences.append("To settle first: value added tax cannot be recovered.")
    if not body.flags.parent_guarantee:
        sentences.append("To settle first: no owner stands behind its losses.")
    return sentences
