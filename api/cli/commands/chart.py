"""`capitation chart`: any chart of a written run, simulation, mix or frontier, as a picture, a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.boards.tables import console, notices, print_json
from api.cli.options import DataOption, JsonOption
from api.cli.outputs import check_outputs
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_whole

if TYPE_CHECKING:
    from api.charts import Charts

_KINDS = frozenset({".svg", ".png", ".csv", ".json"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chart")(chart)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def chart(
    run: Annotated[
        Path, typer.Argument(help="Folder of a written run, or the --out folder of simulate, optimise or frontier.")
    ],
    name: Annotated[str | None, typer.Argument(help="Name of the chart; --list names them.")] = None,
    list_all: Annotated[
        bool, typer.Option("--list", help="List the charts: which can be drawn, and what the others lack.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the chart: .svg, .png, .csv (its table) or .json (all of it).")
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Another folder whose results the chart may use as well; repeat for more."),
    ] = None,
    narrow: Annotated[bool, typer.Option("--narrow", help="Draw for a phone-sized screen.")] = False,
    year: Annotated[str | None, typer.Option(help="Year to show.")] = None,
    stream: Annotated[str | None, typer.Option(help="Funding stream to show; all of them together by default.")] = None,
    option: Annotated[str | None, typer.Option(help="Contract option to show.")] = None,
    party: Annotated[str | None, typer.Option(help="Code of the organisation to show.")] = None,
    case: Annotated[str | None, typer.Option(help="Activity case to show.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a chart of a run, titled with its finding: the picture, the table behind it and a text description for those who cannot see it."""
    from api.charts import Choice, charts_of, png, svg
    from api.charts.folders import material_of

    check_outputs([out], [], _KINDS)
    pack = DataPack(pack_folder(data))
    material = material_of(run, pack)
    for folder in beside or ():
        material = material.joined(material_of(folder, pack))
    charts = charts_of(material)
    if list_all or name is None:
        _list(charts, as_json)
        return
    figure = charts.figure(name, Choice(year=year, stream=stream, option=option, party=party, case=case))
    if out is not None:
        kinds: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: svg(figure, narrow=narrow).encode(),
            ".png": lambda: png(figure, narrow=narrow),
            ".csv": lambda: figure.csv().encode(),
            ".json": lambda: (json.dumps(figure.document(), ensure_ascii=False, indent=2) + "\n").encode(),
        }
        content = kinds[out.suffix.lower()]()
        write_whole(out, lambda partial: partial.write_bytes(content))
    if as_json:
        print_json({**figure.document(), "written": [str(out)] if out is not None else []})
        return
    for line in (figure.title, figure.subtitle, figure.alt, *figure.notes, figure.source):
        console.print(line, markup=False, soft_wrap=True)
    if out is not None:
        typer.echo(f"written: {out}")
    else:
        notices.print("give --out FILE.svg, .png, .csv or .json for the picture, its table or all of it", markup=False)


def _list(charts: Charts, as_json: bool) -> None:
    from api.charts import all_charts

    lacking = charts.lacking
    if as_json:
        rows = [
            {
                "name": each.name,
                "question": each.question,
                "lacks": lacking.get(each.name, ""),
                "choices": {}
                if each.name in lacking
                else {k: list(v) for k, v in each.choices(charts.material).items()},
            }
            for each in all_charts().values()
        ]
        print_json({"of": charts.material.source, "charts": rows})
        return
    for each in all_charts().values():
        console.print(f"{each.name}: {each.question}", markup=False, soft_wrap=True)
        if each.name in lacking:
            console.print(f"    lacks {lacking[each.name]}", markup=False, soft_wrap=True)
