"""`capitation demo`: run the Bedfordshire, Luton and Milton Keynes scenario, try its contract options, find its best mix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.mix import mix_story, show_mix
from api.boards.options import show_options
from api.boards.run import show_run
from api.cli.options import DataOption
from api.cli.written_run import evaluate_and_write
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import save_run
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder below which the run is written.")] = Path("demo"),
    data: DataOption = None,
) -> None:
    """Run the Bedfordshire, Luton and Milton Keynes scenario, show 2018/19, try its four contract options, find its best mix."""
    pack = DataPack(pack_folder(data))
    done, written = evaluate_and_write(
        read_scenario(pack.root / "scenarios" / "blmk.toml"), pack, out, csv=True, xlsx=True
    )
    show_run(done, pack, "2018/19")
    document = read_options(pack.path("options/blmk.toml"))
    options = evaluate_options(document, pack, run=done)
    show_options(options, document, pack, differences=False)
    story = mix_story(
        read_problem(pack.path("problems/blmk.toml")), done, document, pack, ("do-minimum", "capitation-corridor")
    )
    show_mix(story, document, pack)
    for path in [*written, save_run(options, out)]:
        typer.echo(f"written: {path}")
    typer.echo(
        f"explain any figure: capitation trace {written[0]} "
        "'allocation.allocation_pence year=2018/19 stream=ccg level=practice code=E81002'"
    )
