"""Options and arguments that several commands take, declared once: a flag reads and behaves the same wherever it stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from capitation.errors import CapitationError

Number = TypeVar("Number", int, float)


def number(
    words: str, least: float, most: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[typer.CallbackParam, Number | None], Number | None]:
    """What refuses a number of an option outside `least` to `most` (the ends left out with `above` and `below`), nan and infinity.

    `words` says what is expected, such as "a share from 0 to below 1, such as 0.005 for half a percent".
    """

    def checked(option: typer.CallbackParam, value: Number | None) -> Number | None:
        if value is None:
            return None
        low = value > least if above else value >= least
        high = value < most if below else value <= most
        if not (math.isfinite(value) and low and high):
            raise CapitationError(f"{option.opts[0]}: found {value:g}; expected {words}")
        return value

    return checked


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

DataOption = Annotated[Path | None, typer.Option("--data", help="Data pack folder; by default the one that ships.")]

RunsOption = Annotated[
    Path, typer.Option("--out", help="Folder under which the run is written, in a folder named by its id.")
]

TableOption = Annotated[Path | None, typer.Option("--out", help="CSV or parquet file for the result.")]

CsvOption = Annotated[bool, typer.Option("--csv", help="Also export every frame as CSV.")]

XlsxOption = Annotated[bool, typer.Option("--xlsx", help="Also export one accessible workbook.")]

FileYearOption = Annotated[str | None, typer.Option("--year", help="Year to use, if the file has several.")]

MapOption = Annotated[
    list[str] | None, typer.Option("--map", help="OURS=THEIRS: our column name and the file's; repeat for more.")
]

SheetOption = Annotated[
    list[str] | None,
    typer.Option("--sheet", help="Sheet of a workbook; FILE=SHEET if several tables are given."),
]

HeadingOption = Annotated[
    list[str] | None,
    typer.Option("--heading", help="Row of the headings, counted from 1; FILE=ROW if several tables are given."),
]

NoTotalOption = Annotated[
    bool, typer.Option("--no-total-row", help="Treat no row as a total, whatever it is called or adds up to.")
]

AcceptOption = Annotated[
    list[str] | None,
    typer.Option("--accept", help="NAME=REASON: an implausible number to accept, and why; repeat for more."),
]

RunFolder = Annotated[Path, typer.Argument(help="Folder of a written run.")]

ContractFile = Annotated[
    Path, typer.Argument(help="Contract document (TOML, YAML or JSON), or the id of one that ships.")
]

ProblemFile = Annotated[Path, typer.Argument(help="A problem document (.toml, .json or .yaml).")]

UncertaintyOption = Annotated[
    Path | None,
    typer.Option(
        "--uncertainty",
        help="Uncertainty document, or the id of one that ships: delivery of solutions is drawn from it, as `simulate` does.",
    ),
]

GapOption = Annotated[
    float | None,
    typer.Option(
        help="Relative gap at which the search may stop, below 1; 0 proves the optimum. The problem's own by default.",
        callback=number("a share from 0 to below 1, such as 0.005 for half a percent", 0, 1, below=True),
    ),
]

TimeOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds after which the search stops.", callback=number("seconds, above 0, such as 60", 0, above=True)
    ),
]

StartOption = Annotated[
    Path | None,
    typer.Option("--start", help="An earlier mix (start.json in an earlier --out folder) to start the search from."),
]

ResultsOption = Annotated[Path | None, typer.Option("--out", help="Folder for the results.")]

StoreOption = Annotated[
    str | None, typer.Option(help="Database URL; an SQLite file in this folder by default, or CAPITATION_STORE.")
]


class EngineName(StrEnum):
    """The engines that can search for the best mix."""

    HIGHS = "highs"
    PULP = "pulp"


EngineOption = Annotated[EngineName, typer.Option(help="highs: highspy directly; pulp: any solver PuLP can run.")]

SolverOption = Annotated[str | None, typer.Option(help="With --engine pulp: which solver, such as HiGHS or COIN_CMD.")]
