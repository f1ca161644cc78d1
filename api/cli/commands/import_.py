"""`capitation import`: published files read into the tables the engine uses, such as NHS England's place-based tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.deals.import_mssp import import_mssp
from api.cli.given import GivenTables
from api.cli.options import AcceptOption, DataOption, HeadingOption, JsonOption, MapOption, NoTotalOption, SheetOption
from capitation.pack.layers import pack_folder
from capitation.pack.plausibility import accepted, plausibility_bands, stands
from capitation.pack.sources import DataPack
from capitation.places.nhs_lists import read_nhs_lists
from capitation.weighting.age_sex import age_sex_formula, age_sex_formula_ids
from capitation.weighting.formula import need_catalogue
from capitation.weighting.place_tool import read_place_tool
from capitation.weighting.plausible_need import implausible_size
from capitation.weighting.published import published_columns


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Read published files into the tables the engine uses.", no_args_is_help=True)
    group.command("place-tool")(import_place_tool)
    group.command("mssp")(import_mssp)
    group.command("nhs-lists")(import_nhs_lists)
    app.add_typer(group, name="import")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def import_place_tool(
    file: Annotated[Path, typer.Argument(help="File of the place-based tool as published, such as 2023_2024.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the practices, the traps and the rows set aside.")],
    year: Annotated[str | None, typer.Option(help="Year of the file; read from its name by default.")] = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    no_total_row: NoTotalOption = False,
    accept: AcceptOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a published file of NHS England's place-based tool and report every anomaly found in it."""
    pack = DataPack(pack_folder(data))
    catalogue = need_catalogue(pack)
    at = GivenTables(sheet, heading).place(file)
    found = read_place_tool(file, pack, catalogue, year, may_total=no_total_row, sheet=at)
    overalls = published_columns(found.practices, catalogue, found.year)
    unlikely = implausible_size(found, catalogue, plausibility_bands(pack))
    warned = stands(unlikely, accepted(accept or []), str(file))
    stem = f"place-tool-{found.year.replace('/', '-')}"
    written = [write_frame(found.practices, out / f"{stem}.csv"), write_frame(found.traps, out / f"{stem}-traps.csv")]
    if found.set_aside.height:
        written.append(write_frame(found.set_aside, out / f"{stem}-set-aside.csv"))
    persons = found.practices.get_column("registered_projected").sum()
    if as_json:
        content = {
            "year": found.year,
            "practices": found.practices.height,
            "registered_persons": persons,
            "published": [vars(overall) for overall in overalls],
            "traps": found.traps,
            "set_aside": found.set_aside,
            "notes": warned,
            "written": [str(path) for path in written],
        }
        print_json(content)
        return
    show(found.traps, f"Traps in {file.name}, {found.year}")
    typer.echo(
        f"{found.practices.height:,} practices, {persons:,.0f} registered persons, {found.set_aside.height} rows set aside"
    )
    for note in warned:
        notices.print(f"note: {note}", markup=False)
    for path in written:
        typer.echo(f"written: {path}")
    for overall in overalls:
        typer.echo(f"{overall.column}: {overall.practices:,} practices carry the overall NHS England published")
        for formula in overall.taken_by:
            typer.echo(f"  taken as it stands: capitation need --formula {formula} --practices {written[0]}")
        for formula in overall.recovers:
            typer.echo(f"  cost coefficients of {formula}: capitation need recover --published {written[0]}")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def import_nhs_lists(
    file: Annotated[
        Path, typer.Argument(help="Registered lists as NHS Digital publishes them, one row per sex and age.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for practice-lists.csv and age-sex.csv, or a file for the lists.")],
    bands: Annotated[
        str | None, typer.Option(help="Age and sex formula whose bands are used; the pack's first by default.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Extract date to use, if the file has several.")] = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read registered lists in NHS Digital's long layouts: ALL rows are totals and never added in, suppressed counts are named."""
    pack = DataPack(pack_folder(data))
    formula = age_sex_formula(pack, bands or age_sex_formula_ids(pack)[0])
    tables = GivenTables(sheet, heading, column_map)
    table = tables.read(file)
    tables.done()
    found = read_nhs_lists(replace(table, notes=()), formula.weights, date)
    is_file = out.suffix.lower() in {".csv", ".parquet"}
    written = [write_frame(found.lists, out if is_file else out / "practice-lists.csv")]
    if found.counts.height:
        beside = out.with_name(f"{out.stem}-age-sex{out.suffix}") if is_file else out / "age-sex.csv"
        written.append(write_frame(found.counts, beside))
    persons = found.lists.get_column("registered_persons").sum()
    if as_json:
        print_json(
            {
                "practices": found.lists.height,
                "registered_persons": persons,
                "with_ages": found.counts.get_column("practice_code").n_unique(),
                "bands": formula.document.id,
                "notes": list(found.notes),
                "written": [str(path) for path in written],
            }
        )
        return
    typer.echo(f"{found.lists.height:,} practices, {persons:,.0f} registered persons")
    for note in found.notes:
        notices.print(f"note: {note}", markup=False)
    for path in written:
        typer.echo(f"written: {path}")
