"""`capitation new`: the folder for another system, from published tables or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json
from api.cli.options import DataOption, JsonOption
from capitation.errors import ScenarioError
from capitation.pack.layers import pack_folder, shipped_packs
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from capitation.run.systems.folder import BELOW, write_empty_system, write_system
from capitation.run.systems.new_system import WantedSystem, new_system


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new")(new)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def new(
    system: Annotated[str, typer.Argument(help="Name of the system: letters, digits and hyphens, such as norfolk.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist yet.")],
    area: Annotated[
        str | None, typer.Option(help="Code of a system or commissioner in the tables; ENG for all practices.")
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Folder of published tables: need components by practice, maps of practices.")
    ] = None,
    practices: Annotated[
        Path | None, typer.Option(help="Your own table: practices, lists and need components.")
    ] = None,
    places: Annotated[
        Path | None, typer.Option(help="Your own map: practice_code, locality_code, place_code and their names.")
    ] = None,
    totals: Annotated[Path | None, typer.Option(help="Money: a table of year, stream and pounds.")] = None,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    year: Annotated[
        str | None, typer.Option(help="First year to allocate, whose need is used; by default the first in the tables.")
    ] = None,
    last_year: Annotated[str | None, typer.Option(help="Last year to allocate; three years in all by default.")] = None,
    low: Annotated[int | None, typer.Option(help="Fewest registered persons in a locality.")] = None,
    high: Annotated[int | None, typer.Option(help="Most registered persons in a locality.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Write only commented templates of the tables.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the folder for another system: practices, localities, money, policy and scenario, ready to check and run."""
    if empty:
        given = [
            f"--{n}" for n, v in (("area", area), ("inputs", inputs), ("practices", practices), ("places", places)) if v
        ]
        if given:
            raise ScenarioError(f"found --empty with {', '.join(given)}; expected --empty alone")
        folder = write_empty_system(system, out)
        typer.echo(f"written: {folder}; {folder / 'README.md'} says what to fill in next")
        return
    pack = DataPack(shipped_packs() / BELOW if data is None else pack_folder(data))
    wanted = WantedSystem(
        system=system, area=area, inputs=inputs, practices=practices, places=places, totals=totals, name=name,
        year=FinancialYear(year) if year else None, last_year=FinancialYear(last_year) if last_year else None,
        band=(low, high),
    )  # fmt: skip
    made = new_system(wanted, pack)
    folder = write_system(made, out, pack)
    document = folder / "scenarios" / f"{system}.toml"
    if as_json:
        print_json({
            "written": str(folder), "scenario": str(document), "practices": made.found.practices.height,
            "localities": made.localities.height, "years": [str(y) for y in made.scenario.years],
            "streams": [r.stream for r in made.scenario.streams], "notes": made.notes,
        })  # fmt: skip
        return
    streams = ", ".join(rule.stream for rule in made.scenario.streams)
    typer.echo(
        f"{made.scenario.title}: {made.found.practices.height} practices in {made.localities.height} localities, streams "
        f"{streams}, {made.scenario.years[0]} to {made.scenario.years[-1]}"
    )
    for note in made.notes:
        typer.echo(f"To note: {note}.")
    typer.echo(f"written: {folder}")
    typer.echo("Next:")
    typer.echo(f"  capitation check --data {folder}")
    typer.echo(f"  capitation run {document} --out runs")
    typer.echo(f"  fill in your own money, persons and pace of change in {document} and {folder / 'policies'}")
