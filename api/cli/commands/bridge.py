"""`capitation bridge`: from the opening deficit, through doing nothing, to the gap that is left, line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.chain.stages import lacking, show_chain, show_mix_lines, show_plan_ends, show_plan_positions, show_years
from api.boards.tables import notices, print_json
from api.cli.options import JsonOption
from capitation.chain.bridge import unclosed
from capitation.errors import ScenarioError
from capitation.money.pence import decimal_text
from capitation.records.whole_files import write_whole
from capitation.run.run import load_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bridge")(bridge_command)


def bridge_command(
    run: Annotated[Path, typer.Argument(help="Folder of a written run.")],
    year: Annotated[
        str | None,
        typer.Option(
            help="One year, with every part of each position; by default every year in short and the last one in full."
        ),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Also write the waterfall of the year as an SVG picture.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the bridge from the opening deficit to the gap that is left: what is derived, what is unexplained and what the plan prints."""
    found = load_run(run)
    lines = found.bridge
    if lines.is_empty():
        raise ScenarioError(
            f"{run}: this run has no chain; name one in its scenario (key chain) to lead from its opening deficit to what is left"
        )
    broken = unclosed(lines)
    if not broken.is_empty():
        at = broken.row(0, named=True)
        raise ScenarioError(
            f"{run}: the chain does not close: {at['line']} of {at['organisation']} in {at['year']} is {at['difference_pence']} pence off the lines above it"
        )
    years = lines.get_column("year").unique().sort().to_list()
    if year is not None and year not in years:
        raise ScenarioError(f"{run}: found no year {year!r} in the chain; expected one of {', '.join(years)}")
    shown = lines if year is None else lines.filter(lines["year"] == year)
    lacks = lacking(found)
    if svg is not None:
        from api.charts import Choice, charts_of, of_run
        from api.charts import svg as drawn

        picture = drawn(charts_of(of_run(found)).figure("bridge", Choice(year=year)))
        write_whole(svg, lambda partial: partial.write_text(picture, encoding="utf-8"))
    if as_json:
        print_json(
            {
                "run": found.id,
                "lacks": lacks,
                "lines": [
                    {
                        "year": y,
                        "organisation": o,
                        "level": level,
                        "line": line,
                        "title": title,
                        "amount_gbp": decimal_text(pence),
                        "is_total": total,
                        "source": source,
                    }
                    for y, o, level, line, title, pence, total, source in shown.select(
                        "year", "organisation", "level", "line", "title", "amount_pence", "is_total", "source"
                    ).iter_rows()
                ],
            }
        )
        return
    if year is None:
        show_years(found)
    show_chain(found, year or years[-1])
    show_mix_lines(found, year or years[-1])
    if year is None:
        show_plan_ends(found, years[-1])
        if len(years) > 1:
            notices.print("one year with every part of each position: --year", markup=False)
    else:
        show_plan_positions(found, year)
    if lacks:
        notices.print(
            f"This run lacks {', '.join(lacks)}; `capitation plan` makes one run of all stages.", markup=False
        )
