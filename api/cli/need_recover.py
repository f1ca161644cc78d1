"""`capitation need recover`: the cost coefficient of every district, from a published overall column."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.options import DataOption, FileYearOption, HeadingOption, JsonOption, MapOption, NoTotalOption, SheetOption
from capitation.errors import SourceError
from capitation.pack.layers import pack_folder
from capitation.pack.rows import RawTable
from capitation.pack.sources import DataPack
from capitation.weighting.formula import Formula, need_catalogue
from capitation.weighting.inputs import NeedInputs, parse_column_map, read_need_inputs
from capitation.weighting.published import read_published
from capitation.weighting.recover import CLOSE, NEAR, Recovery, recover

WORST = 20
"""Areas printed on the terminal, those that fit worst first; `--json` and `--out` have all."""


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def recover_command(
    published: Annotated[
        Path, typer.Option(help="CSV or parquet file with practice_code and the published overall, such as Final WP.")
    ],
    practices: Annotated[
        Path | None, typer.Option(help="File with the components of each practice; the published file by default.")
    ] = None,
    formula: Annotated[str | None, typer.Option(help="Id of the formula; that of the year by default.")] = None,
    column: Annotated[
        str | None, typer.Option(help="Heading of the published column, if it is a different one.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Area column to follow; the district by default.")] = None,
    year: FileYearOption = None,
    column_map: MapOption = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    no_total_row: NoTotalOption = False,
    out: Annotated[
        Path | None, typer.Option(help="CSV or parquet file for the coefficients; `need --cost-index` takes it.")
    ] = None,
    residuals: Annotated[
        Path | None, typer.Option(help="CSV or parquet file for each practice: published, fitted, difference.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recover each district's cost coefficient from a published overall column.

    With the formula's national weights known, the coefficient of a district is the median over its practices of
    (published - prescribing and inequality terms) / blend. How far each practice is from it is reported.
    """
    catalogue = need_catalogue(DataPack(pack_folder(data)))
    mapping = parse_column_map(column_map or [])
    chosen = catalogue.formula(formula) if formula is not None else None
    tables = GivenTables(sheet, heading, may_total=no_total_row)
    rows = tables.read(published)
    parts = None if practices is None else tables.read(practices)
    tables.done()
    used, its_year, overall = read_published(
        rows, catalogue, formula=chosen, year=year, column=column, column_map=mapping
    )
    inputs = _components(rows, parts, used, str(its_year), mapping)
    found = recover(used, inputs.components, overall, inputs.year, level=by)
    areas = found.areas.rename({"area_code": found.level})
    if out is not None:
        write_frame(areas, out)
    if residuals is not None:
        write_frame(found.practices, residuals)
    _report(found, areas, [*inputs.notes, *found.notes], as_json)


def _components(
    published: RawTable, practices: RawTable | None, formula: Formula, year: str, mapping: dict[str, str]
) -> NeedInputs:
    """The components of the published file itself, or of the file that goes with it."""
    try:
        return read_need_inputs(practices or published, formula, year=year, column_map=mapping)
    except SourceError as error:
        if practices is not None:
            raise
        message = f"{error.message}. If the components are in another file, name it with --practices"
        raise SourceError(message, error.faults) from error


def _report(found: Recovery, areas: pl.DataFrame, notes: list[str], as_json: bool) -> None:
    whole = found.practices.height
    if as_json:
        print_json(
            {
                "formula": found.formula.id,
                "year": found.year,
                "by": found.level,
                "practices": whole,
                "within_0_1_percent": found.within(NEAR),
                "within_1_percent": found.within(CLOSE),
                "largest_difference": found.practices.get_column("difference").abs().max(),
                "areas": areas,
                "notes": notes,
            }
        )
        return
    worst = areas.sort("largest_difference", found.level, descending=[True, False]).head(WORST)
    extra = f": the {WORST} of {areas.height} that fit worst, see --json for all" if areas.height > WORST else ""
    title = f"{found.formula.document.title}: cost coefficients recovered, by {found.level}{extra}"
    percent = worst.with_columns((100 * pl.col("largest_difference")).alias("largest_difference"))
    show(percent, title, {"largest_difference": "largest difference %"})
    near, close = found.within(NEAR), found.within(CLOSE)
    typer.echo(
        f"{whole:,} practices in {areas.height} areas: {near:,} ({near / whole:.1%}) within 0.1% of the published figure, "
        f"{close:,} ({close / whole:.1%}) within 1%"
    )
    for note in notes:
        notices.print(f"note: {note}", markup=False)
