"""`capitation places`: define localities, check a map, trace practices between two lists, and index places by need."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.options import (
    DataOption,
    FileYearOption,
    HeadingOption,
    JsonOption,
    MapOption,
    NoTotalOption,
    SheetOption,
    TableOption,
)
from capitation.errors import Faults, FrameError, ScenarioError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.places import lineage as lineages
from capitation.places import membership as maps
from capitation.places.locality_rule import Start, build_localities
from capitation.places.own_map import across_districts, named_localities
from capitation.records.years import FinancialYear
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import parse_column_map
from capitation.weighting.place_index import place_indices_from_files

Low = Annotated[int | None, typer.Option(help="Fewest registered persons in a locality; the plan's by default.")]
High = Annotated[int | None, typer.Option(help="Most registered persons in a locality; the plan's by default.")]
Year = Annotated[str, typer.Option(help="Financial year of the lists.")]


class LocalityRule(StrEnum):
    """How localities are made where no map is given."""

    pcn = "pcn"
    nearest = "nearest"


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        help="Practices, localities and places: define, check, trace and index them.", no_args_is_help=True
    )
    group.command("define")(define)
    group.command("check")(check)
    group.command("lineage")(lineage)
    group.command("index")(index)
    app.add_typer(group, name="places")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def define(
    practices: Annotated[
        Path, typer.Argument(help="CSV, Excel or parquet file, one row per practice with its list size.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="CSV or parquet file for the map, or a folder for everything a run needs: map, localities, practices."
        ),
    ],
    given: Annotated[
        Path | None, typer.Option("--from", help="CSV, Excel or parquet with practice_code and locality_code.")
    ] = None,
    rule: Annotated[
        LocalityRule | None,
        typer.Option(help="pcn: from primary care networks; nearest: whole places divided by distance."),
    ] = None,
    low: Low = None,
    high: High = None,
    number: Annotated[int | None, typer.Option(help="Number of localities, with --rule nearest.")] = None,
    across: Annotated[
        bool, typer.Option("--across-districts", help="Localities may cross districts, inside one commissioner.")
    ] = False,
    year: Year = "2018/19",
    steps: Annotated[Path | None, typer.Option(help="CSV or parquet file for the rule's steps.")] = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    no_total_row: NoTotalOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Define localities from a map or by a rule, and report gaps, overlaps and sizes; if any is found, nothing is written."""
    if (given is None) == (rule is None):
        message = "found both or neither of --from and --rule; expected one of them"
        raise ScenarioError(message)
    if number is not None and rule is not LocalityRule.nearest:
        raise ScenarioError(
            f"--number: found {number} without --rule nearest; expected the rule that divides places by distance"
        )
    pack, financial_year = DataPack(pack_folder(data)), FinancialYear(year)
    band = _band(pack, financial_year, low, high)
    tables = GivenTables(sheet, heading, column_map, may_total=no_total_row)
    rows, mapped = tables.read(practices), None if given is None else tables.read(given)
    tables.done()
    published = maps.read_practices(rows)
    carried = maps.practices(pack) if pack.files(maps.PRACTICES_FILES) else published.clear()
    resolved, notes = maps.completed_practices(published, maps.Practice.validate(carried), maps.resolutions(pack))
    if across:
        resolved = across_districts(resolved)
    for note in notes:
        notices.print(f"note: {note}", markup=False)
    if mapped is not None:
        members = maps.checked_membership(maps.read_map(mapped), resolved, year, where=str(given))
        sizes: pl.DataFrame = maps.locality_sizes(members, resolved, *band)
        taken, homes = None, named_localities(members, mapped.cells, resolved, band, str(given))
    else:
        start: Start = "networks" if rule is LocalityRule.pcn else "places"
        plan = build_localities(resolved, year=year, low=band[0], high=band[1], start=start, number=number)
        members, taken, homes = plan.membership, plan.steps, plan.localities
        sizes = plan.localities.drop("origin")
    if out.suffix:
        written = [write_frame(members, out)]
    else:
        listed = maps.Practice.validate(resolved.select(*maps.Practice.columns()))
        names: dict[str, pl.DataFrame] = {
            maps.MEMBERSHIP_FILE: members,
            maps.LOCALITIES_FILE: homes,
            "places/practices.csv": listed,
        }
        written = [write_frame(frame, out / Path(name).name) for name, frame in names.items()]
    if steps is not None and taken is not None:
        written.append(write_frame(taken, steps))
    outside = sizes.filter(_is_outside(sizes))
    if as_json:
        content = {
            "practices": members.height,
            "low_persons": band[0],
            "high_persons": band[1],
            "localities": sizes,
            "outside_band": outside.get_column("locality_code").to_list(),
            "written": [str(path) for path in written],
        }
        print_json(content)
        return
    show(sizes, f"Localities, {year}")
    typer.echo(
        f"{members.height} practices in {sizes.height} localities, no gap and no overlap; "
        f"{outside.height} outside {band[0]:,} to {band[1]:,} persons"
    )
    for path in written:
        typer.echo(f"written: {path}")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def check(
    places: Annotated[Path, typer.Argument(help="CSV, Excel or parquet with practice_code and locality_code.")],
    practices: Annotated[
        Path, typer.Option(help="CSV, Excel or parquet file, one row per practice with its list size.")
    ],
    low: Low = None,
    high: High = None,
    year: Year = "2018/19",
    allow_outside: Annotated[bool, typer.Option(help="Report sizes outside the band, but not as faults.")] = False,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    no_total_row: NoTotalOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a map puts every practice in exactly one locality; all faults are reported at once, with exit code 2."""
    pack = DataPack(pack_folder(data))
    band = _band(pack, FinancialYear(year), low, high)
    tables = GivenTables(sheet, heading, column_map, may_total=no_total_row)
    mapped, lists = tables.read(places), tables.read(practices)
    tables.done()
    rows, published = maps.read_map(mapped), maps.read_practices(lists)
    judged: tuple[int | None, int | None] = (None, None) if allow_outside else band
    faults = maps.partition_faults(rows, published, low=judged[0], high=judged[1], where=str(places))
    faults.raise_if_any(FrameError, f"{places}: not a partition of the practices into localities")
    sizes = maps.locality_sizes(rows, published, *band)
    if as_json:
        print_json({"practices": published.height, "localities": sizes, "faults": []})
        return
    show(sizes, f"Localities of {places.name}")
    outside = sizes.filter(_is_outside(sizes)).height
    typer.echo(
        f"{published.height} practices in {sizes.height} localities, no gap and no overlap; "
        f"{outside} outside {band[0]:,} to {band[1]:,} persons"
    )


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def lineage(
    old: Annotated[Path, typer.Argument(help="CSV, Excel or parquet with the earlier practice lists.")],
    new: Annotated[Path, typer.Argument(help="CSV, Excel or parquet with the later practice lists.")],
    events: Annotated[
        Path | None,
        typer.Option(
            "--lineage", help="CSV, Excel or parquet with mergers, closures and openings; the pack's by default."
        ),
    ] = None,
    out: TableOption = None,
    strict: Annotated[bool, typer.Option(help="Exit code 2 if a practice is unexplained or appears twice.")] = False,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    no_total_row: NoTotalOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report what became of each practice between two lists: continued, merged, closed, new, or unexplained."""
    tables = GivenTables(sheet, heading, column_map, may_total=no_total_row)
    earlier, later, happened = tables.read(old), tables.read(new), tables.read(events) if events else None
    tables.done()
    table = lineages.read_lineage(happened) if happened else lineages.lineage_events(DataPack(pack_folder(data)))
    lists = lineages.read_lists(later)
    found = lineages.practice_lineage(lineages.read_lists(earlier), lists, table)
    unexplained = lineages.unexplained_faults(found)
    twice = lineages.still_listed_faults(found, table) if events else Faults()
    unexplained.extend(twice)
    if strict:
        unexplained.raise_if_any(
            FrameError, f"{old} to {new}: practices the lineage table does not explain, or contradicts"
        )
    if out is not None:
        write_frame(found, out)
    totals = lineages.outcome_totals(found)
    moved = found.filter(pl.col("outcome") != "continued")
    if as_json:
        print_json({"totals": totals, "practices": found, "unexplained": [str(fault) for fault in unexplained]})
        return
    show(totals, "Practices by what became of them")
    show(moved, "Practices that did not simply continue")
    for fault in unexplained:
        notices.print(f"{'contradiction' if fault in twice else 'unexplained'}: {fault}", markup=False)
    if out is not None:
        typer.echo(f"written: {out}")


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def index(
    places: Annotated[
        Path, typer.Option(help="CSV, Excel or parquet with practice_code and place (or locality_code).")
    ],
    practices: Annotated[
        Path, typer.Option(help="CSV, Excel or parquet with each practice's list and columns wp_....")
    ],
    out: Annotated[Path, typer.Option(help="CSV or parquet file, one row a place and component.")],
    year: FileYearOption = None,
    system: Annotated[str | None, typer.Option(help="Code of the system, if the practices are in several.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Column of the map that names the place, such as locality_code.")
    ] = None,
    formula: Annotated[
        list[str] | None, typer.Option(help="Formula whose overall need is also indexed; repeat for more.")
    ] = None,
    column_map: MapOption = None,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    no_total_row: NoTotalOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index each place's need per head against its system, to three decimals (half up), with the unrounded number."""
    catalogue = need_catalogue(DataPack(pack_folder(data)))
    tables = GivenTables(sheet, heading, may_total=no_total_row)
    mapped, lists = tables.read(places), tables.read(practices)
    tables.done()
    found = place_indices_from_files(
        mapped, lists, year, system, parse_column_map(column_map or []), tuple(formula or ()), catalogue, by
    )
    rows = found.indices.select(
        "kind",
        "place",
        "component",
        "practices",
        place_persons="registered_persons",
        place_weighted_persons="weighted_persons",
        need_index_3dp=_three("index_vs_system_3dp"),
        need_index="index_vs_system",
        need_index_vs_file_3dp=_three("index_vs_file_3dp"),
        need_index_vs_file="index_vs_file",
    )
    write_frame(rows, out)
    for note in found.notes:
        notices.print(f"note: {note}", markup=False)
    if as_json:
        print_json({"indices": rows, "unplaced": found.unplaced, "notes": list(found.notes), "written": str(out)})
        return
    wide = rows.pivot(on="component", index=["kind", "place"], values="need_index_3dp", maintain_order=True)
    show(wide, "Need index against the system, three decimals")
    typer.echo(f"written: {out}")


def _band(pack: DataPack, year: FinancialYear, low: int | None, high: int | None) -> tuple[int, int]:
    """The band asked for, each end from the plan where it was not given."""
    if low is not None and high is not None:
        return low, high
    plan = maps.locality_band(pack, year)
    return (plan[0] if low is None else low, plan[1] if high is None else high)


def _is_outside(sizes: pl.DataFrame) -> pl.Expr:
    if "outside_band" in sizes.columns:
        return pl.col("outside_band").is_not_null()
    return pl.col("outside_persons") != 0


def _three(name: str) -> pl.Expr:
    """A rounded number as text with three decimals, so that 1.02 is written 1.020."""
    thousandths = (pl.col(name) * 1000).round().cast(pl.Int64)
    return pl.format("{}.{}", thousandths // 1000, (thousandths % 1000).cast(pl.String).str.zfill(3)).alias(name)
