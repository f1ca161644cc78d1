"""`capitation need`: weighted persons for every practice in a file, by a need formula."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.need_recover import recover_command
from api.cli.options import (
    AcceptOption,
    DataOption,
    FileYearOption,
    HeadingOption,
    JsonOption,
    MapOption,
    NoTotalOption,
    SheetOption,
)
from capitation.errors import Faults, SourceError, UnknownNameError
from capitation.pack.layers import pack_folder
from capitation.pack.plausibility import accepted, plausibility_bands, stands
from capitation.pack.rows import RawTable
from capitation.pack.sources import DataPack
from capitation.weighting.age_sex import age_sex_formula, age_sex_formula_ids, age_sex_need, read_counts, read_scores
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import parse_column_map, read_cost_index, read_need_inputs
from capitation.weighting.plausible_need import implausible_need, implausible_targets
from capitation.weighting.weigh import NOT_BY_AREA, Need, need

LONGEST = 250
"""Areas printed on the terminal before the rest is only counted; `--json` prints all."""


def register(app: typer.Typer) -> None:
    """Add the command, and the words that stand under it."""
    group = typer.Typer(help=need_command.__doc__)
    group.callback(invoke_without_command=True)(need_command)
    group.command("recover")(recover_command)
    app.add_typer(group, name="need")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def need_command(
    ctx: typer.Context,
    formula: Annotated[
        str | None, typer.Option(help="Id of the formula, such as ccg-core-2018-19 or core-2023-24.")
    ] = None,
    practices: Annotated[
        Path | None, typer.Option(help="CSV, Excel or parquet file, one row per practice (and year).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for the result, one row a practice.")] = None,
    year: FileYearOption = None,
    column_map: MapOption = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    no_total_row: NoTotalOption = False,
    accept: AcceptOption = None,
    base: Annotated[
        str, typer.Option(help="Normalise to: published, file, or the code of a system or CCG in the file.")
    ] = "published",
    cost_index: Annotated[
        Path | None, typer.Option(help="CSV or parquet with practice_code or lad_code, and cost_index.")
    ] = None,
    contains: Annotated[
        str | None,
        typer.Option(help="Cost indices the columns already contain, such as mff, or none; as published by default."),
    ] = None,
    contributions: Annotated[
        Path | None, typer.Option(help="CSV or parquet file for what each component adds for each practice.")
    ] = None,
    waterfall: Annotated[
        Path | None, typer.Option(help="CSV or parquet file for the steps from registered to weighted persons.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Additional-need scores, for an age and sex formula: area_code, score.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Area column to sum by; the CCG or ICB by default.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Weight the practices in a file for need and unavoidable cost, by a published formula or your own."""
    if ctx.invoked_subcommand is not None:
        return
    if formula is None or practices is None:
        raise _missing(formula, practices)
    pack = DataPack(pack_folder(data))
    catalogue = need_catalogue(pack)
    mapping = parse_column_map(column_map or [])
    tables = GivenTables(sheet, heading, may_total=no_total_row)
    by_age = age_sex_formula_ids(pack)
    if formula in by_age:
        rows, areas = tables.read(practices), None if scores is None else tables.read(scores)
        tables.done()
        _by_age_and_sex(formula, pack, rows, areas, mapping, out, as_json)
        return
    if formula not in catalogue.documents:
        raise UnknownNameError("need formula", formula, {*catalogue.documents, *by_age})
    if scores is not None:
        message = (
            f"--scores: found scores for {formula}; expected them only with an age and sex formula: {', '.join(by_age)}"
        )
        raise SourceError(message)
    chosen = catalogue.formula(formula)
    contained = None if contains is None else tuple(c for c in contains.split(",") if c and c != "none")
    rows, costs = tables.read(practices), None if cost_index is None else tables.read(cost_index)
    tables.done()
    inputs = read_need_inputs(rows, chosen, year=year, column_map=mapping, contains=contained)
    given = read_cost_index(costs) if costs is not None else None
    unlikely = implausible_need(inputs, given, chosen, plausibility_bands(pack))
    found = need(chosen, inputs.components, inputs.year, base=base, cost_index=given, contains=contained)
    unlikely += implausible_targets(found, plausibility_bands(pack))
    warned = stands(unlikely, accepted(accept or []), str(practices))
    kept = found.practices.drop(_idle_columns(found, inputs.has_year_column))
    if out is not None:
        write_frame(kept, out)
    if contributions is not None:
        write_frame(found.contributions(), contributions)
    if waterfall is not None:
        write_frame(found.waterfall(), waterfall)
    notes = [*chosen.document.limits, *inputs.notes, *found.notes, *warned]
    _report(found, by, notes, as_json)


def _missing(formula: str | None, practices: Path | None) -> SourceError:
    """What to say where the formula or the practices are not named."""
    faults = Faults()
    if formula is None:
        faults.add("--formula", "none", "the id of a formula, such as core-2023-24")
    if practices is None:
        faults.add("--practices", "none", "a CSV or parquet file, one row a practice")
    return SourceError("capitation need: options are missing", faults)


def _idle_columns(found: Need, has_year_column: bool) -> list[str]:
    idle = [] if has_year_column else ["year"]
    if found.practices.get_column("target_gbp").null_count() == found.practices.height:
        idle.append("target_gbp")
    if (found.practices.get_column("cost_index_basis") == NOT_BY_AREA).all():
        idle.append("cost_index_basis")
    return idle


def _report(found: Need, by: str | None, notes: list[str], as_json: bool) -> None:
    column = by or next(
        (
            c
            for c in ("ccg19_code", "icb_code", "stp21_code")
            if found.areas.get_column(c).null_count() < found.areas.height
        ),
        None,
    )
    areas = found.by_area(column) if column is not None else None
    whole = found.practices.select(
        pl.len().alias("practices"), pl.col("registered_persons", "weighted_persons", "target_gbp").sum()
    ).row(0, named=True)
    if not found.formula.is_in_pounds:
        whole["target_gbp"] = None
        areas = None if areas is None else areas.drop("target_gbp")
    if as_json:
        print_json(
            {
                "formula": found.formula.id,
                "title": found.formula.document.title,
                "year": found.year,
                "scale": found.scale,
                "total": whole,
                "by": column,
                "areas": areas,
                "notes": notes,
            }
        )
        return
    title = f"{found.formula.document.title}, {found.year}"
    if areas is not None:
        extra = f": the first {LONGEST} of {areas.height}, see --json for all" if areas.height > LONGEST else ""
        show(_in_millions(areas.head(LONGEST)), f"{title}, by {column}{extra}", {"target_gbp": "target £m"})
    total = "" if whole["target_gbp"] is None else f", target £{whole['target_gbp']:,.0f}"
    typer.echo(
        f"{whole['practices']:,} practices, {whole['registered_persons']:,.0f} registered persons, "
        f"{whole['weighted_persons']:,.0f} weighted persons{total}"
    )
    for note in notes:
        notices.print(f"note: {note}", markup=False)


def _in_millions(areas: pl.DataFrame) -> pl.DataFrame:
    """Targets as text in millions of pounds with one decimal, which fits a narrow terminal."""
    if "target_gbp" not in areas.columns:
        return areas
    texts = [f"{value / 1_000_000:,.1f}" for value in areas.get_column("target_gbp")]
    return areas.with_columns(pl.Series("target_gbp", texts, dtype=pl.String))


def _by_age_and_sex(
    formula_id: str,
    pack: DataPack,
    practices: RawTable,
    scores: RawTable | None,
    mapping: dict[str, str],
    out: Path | None,
    as_json: bool,
) -> None:
    formula = age_sex_formula(pack, formula_id)
    found = age_sex_need(formula, read_counts(practices, mapping), read_scores(scores) if scores is not None else None)
    if out is not None:
        write_frame(found, out)
    notes = list(formula.document.limits)
    if scores is None:
        notes.append(f"No scores were given: {formula.document.additional_need.title} is left out (factor 1)")
    whole = found.select(pl.len().alias("practices"), pl.col("registered_persons", "weighted_persons").sum())
    if as_json:
        print_json({"formula": formula_id, "total": whole.row(0, named=True), "notes": notes})
        return
    shown = found.head(LONGEST)
    extra = f": the first {LONGEST} of {found.height}" if found.height > LONGEST else ""
    show(shown, f"{formula.document.title}{extra}")
    for note in notes:
        notices.print(f"note: {note}", markup=False)
