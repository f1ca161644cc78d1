"""`capitation register`: person-level registers of any size: count them to cells, weight them, and test how stable many formulas are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.progress import Progress

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.options import DataOption, JsonOption
from api.cli.outputs import check_outputs
from capitation.errors import UnknownNameError
from capitation.money.pence import pence_of
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.suppression import MARK
from capitation.register import cells as stored_cells
from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import RegisterFormula, read_formula, tables
from capitation.register.make import make
from capitation.register.sets import WeightSets, drawn_sets, read_sets, stability
from capitation.register.weigh import Weighed, shared, shown, weigh_cells, weigh_persons
from capitation.workers.crew import Progress as Report
from capitation.workers.crew import crew, scheduler_of_environment

LONGEST = 40
"""Rows printed before the rest is only counted."""

FormulaOption = Annotated[
    str, typer.Option("--formula", help="An age and sex formula of the data pack, or a formula document (.toml).")
]
ThreadsOption = Annotated[
    int | None, typer.Option(help="Threads; all processors by default. The number changes no figure.", min=1)
]
SmallestOption = Annotated[int, typer.Option(help="Smallest number of persons shown, other than 0.", min=3)]
ByOption = Annotated[str | None, typer.Option(help="Level above practice to total by, such as locality or system.")]
CellsArgument = Annotated[Path, typer.Argument(help="Folder of cells, or of a register (read in one pass).")]


def register(app: typer.Typer) -> None:
    """Add the command, and the words that stand under it."""
    group = typer.Typer(
        no_args_is_help=True, help="Person-level registers: synthesise one, count it to cells, weight it by formulas."
    )
    group.command("make")(make_command)
    group.command("build")(build_command)
    group.command("weigh")(weigh_command)
    group.command("sets")(sets_command)
    app.add_typer(group, name="register")


def make_command(
    people: Annotated[int, typer.Option("--people", help="How many persons.")],
    out: Annotated[Path, typer.Option(help="Folder for the register.")],
    seed: Annotated[int, typer.Option(help="Seed; the same seed makes the same register.")] = 1,
    lines: Annotated[bool, typer.Option("--lines", help="Also make activity lines, three per person.")] = False,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a synthetic register of any size, with practices, areas, ages, conditions and costs like a nation's, and a formula for it."""
    with _progress("making persons") as report, crew(threads=threads) as workers:
        made = make(people, out, workers, seed=seed, has_lines=lines, progress=report)
    if as_json:
        print_json({"folder": made.folder, "persons": made.persons, "practices": made.practices, "lines": made.lines})
        return
    typer.echo(
        f"{made.persons:,} persons of {made.practices:,} practices and {made.areas:,} areas in {made.files:,} file(s)"
        + (f", {made.lines:,} lines of activity" if made.lines else "")
    )
    typer.echo(f"written: {out}")


def build_command(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the register: register.toml, tables of codes, parquet files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the cells.")],
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count a register's persons to cells of practice, area, age band, sex and flags; an interrupted build resumes where it stopped."""
    given = read_register(folder)
    with crew(scheduler_of_environment(), threads) as workers, _progress("counting persons") as report:
        built = build(given, out, workers, report)
    if as_json:
        print_json({"folder": out, **built.about, "notes": list(built.notes)})
        return
    typer.echo(
        f"{built.about['persons']:,} persons in {built.about['cells']:,} cells, digest {built.about['digest'][:16]}"
    )
    if "lines" in built.about:
        typer.echo(f"{built.about['lines']:,} lines of activity by practice, service and month")
    for note in built.notes:
        notices.print(f"note: {note}", markup=False)
    typer.echo(f"written: {out}; cells are a working file: they are not to be handed on, what weigh writes may be")


# Reason: each of its parameters is an option of the command line
def weigh_command(
    cells: CellsArgument,
    formula: FormulaOption,
    out: Annotated[Path, typer.Option(help="CSV or parquet file for the result, one row per practice or level.")],
    by: ByOption = None,
    total: Annotated[str | None, typer.Option(help="Pounds to share by weighted persons, exact to the penny.")] = None,
    smallest_shown: SmallestOption = 5,
    threads: ThreadsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Weight a register's practices by a formula; small numbers of persons, and anything that would reveal them, are suppressed."""
    check_outputs([out], [cells])
    chosen = read_formula(formula, DataPack(pack_folder(data)))
    pence = None if total is None else pence_of(total)
    weighed = _weighed(cells, chosen, threads)
    practices = weighed.practices()
    level = _level(by, weighed)
    if pence is not None:
        practices = shared(practices, pence, "practice_code")
    found = shown(practices, level, smallest_shown)
    write_frame(found.rows, out)
    notes = list(weighed.tables.notes)
    if found.left_out:
        notes.append(
            f"{found.left_out} row(s) are left out: fewer than {smallest_shown} persons, or next to such a row"
        )
    if as_json:
        whole = {"persons": found.persons, "rows": found.rows.height, "left_out": found.left_out}
        print_json({"formula": chosen.id, **whole, "hash": weighed.hash, "notes": notes, "out": out})
        return
    _show(found.rows, chosen.title)
    persons = "a number that is not shown" if found.persons is None else f"{found.persons:,}"
    typer.echo(f"{found.rows.height:,} rows, {persons} persons, sums {weighed.hash[:16]}")
    for note in notes:
        notices.print(f"note: {note}", markup=False)
    typer.echo(f"written: {out}")


# Reason: each of its parameters is an option of the command line
def sets_command(
    cells: CellsArgument,
    formula: FormulaOption,
    out: Annotated[Path, typer.Option(help="CSV or parquet file for the stability table.")],
    sets: Annotated[
        str, typer.Option(help="File of weight sets (set, then a share per component), or how many to draw.")
    ] = "1000",
    spread: Annotated[float, typer.Option(help="Spread of drawn shares around the formula's; 0.1 is a tenth.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of drawn sets.", min=0)] = 1,
    by: ByOption = None,
    smallest_shown: SmallestOption = 5,
    threads: ThreadsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Weight a register by thousands of weight sets at once, and report how far each locality moves: formula noise or real need."""
    given = Path(sets)
    is_count = sets.replace(",", "").isdecimal()
    check_outputs([out], [cells, *([] if is_count else [given])])
    chosen = read_formula(formula, DataPack(pack_folder(data)))
    weighed = _weighed(cells, chosen, threads)
    names, shares = weighed.tables.components, weighed.tables.shares
    many: WeightSets
    many = drawn_sets(names, shares, int(sets.replace(",", "")), spread, seed) if is_count else read_sets(given, names)
    level = _level(by or next(iter(weighed.codes.levels), None), weighed) or "practice_code"
    found = stability(weighed, many, level)
    few = shown(weighed.practices(), None if level == "practice_code" else level, smallest_shown)
    hidden = few.rows.filter(pl.col(MARK)).get_column(level)
    rows = found.rows.with_columns(
        pl.when(~pl.col(level).is_in(hidden.implode())).then(pl.col(c)).alias(c)
        for c in found.rows.columns
        if c != level
    )
    write_frame(rows, out)
    firm = rows.get_column("is_beyond_noise").sum()
    if as_json:
        figures = {"need_sd": found.need_sd, "noise_sd": found.noise_sd, "noise_share": found.noise_share}
        print_json({"formula": chosen.id, "sets": found.sets, "by": level, **figures, "firm": firm, "out": out})
        return
    _show(
        rows.drop("weighted_persons", "distance", "noise_sd"), f"{chosen.title}: {found.sets:,} weight sets, by {level}"
    )
    typer.echo(
        f"need spreads by {found.need_sd:.4f} between places, the formula moves one by {found.noise_sd:.4f}: "
        f"{found.noise_share:.1%} of what is seen is noise; {firm:,} of {rows.height:,} stand on one side of 1 in nine sets of ten"
    )
    typer.echo(f"written: {out}")


def _weighed(folder: Path, chosen: RegisterFormula, threads: int | None) -> Weighed:
    is_register = not (folder / stored_cells.FILE).is_file() and (folder / "register.toml").is_file()
    with crew(scheduler_of_environment(), threads) as workers, _progress("weighing persons") as report:
        if is_register:
            given = read_register(folder)
            return weigh_persons(given, tables(chosen, given.codes), workers, report)
        found = read_cells(folder)
        return weigh_cells(found, tables(chosen, found.codes), workers, report)


def _level(by: str | None, weighed: Weighed) -> str | None:
    known = weighed.codes.levels
    if by in {None, "practice", "practice_code"}:
        return None
    if by not in known:
        raise UnknownNameError("level of practices", str(by), ["practice", *known])
    return by


def _show(rows: pl.DataFrame, title: str) -> None:
    more = f": the first {LONGEST} of {rows.height:,}" if rows.height > LONGEST else ""
    first = rows.head(LONGEST)
    parts = [c for c in first.columns if c.startswith("weighted_") and c != "weighted_persons"]
    show(first.drop(*parts), f"{title}{more}")


@contextmanager
def _progress(words: str) -> Iterator[Report]:
    with Progress(console=notices, transient=True) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
