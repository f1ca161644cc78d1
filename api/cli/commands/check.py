"""`capitation check`: every fault of a data pack at once."""

from __future__ import annotations

import typer

from api.boards.tables import notices, print_json
from api.cli.options import DataOption, JsonOption
from api.cli.pack_documents import document_faults
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.checks import check_pack
from capitation.run.unread import assumed_index_notes, unread_faults, unread_notes
from optimiser.links.stale import stale_problems


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a data pack and report every fault; exit code 2 if there are any.

    A file that nothing reads, given its folder or ending, is a fault; one that no scenario uses is a note.
    """
    folder = pack_folder(data)
    pack = DataPack(folder)
    faults = list(dict.fromkeys([*check_pack(pack), *document_faults(pack), *unread_faults(pack)]))
    notes = [
        *unread_notes(pack),
        *assumed_index_notes(pack),
        *stale_problems(pack),
    ]
    if as_json:
        print_json({"data": str(folder), "faults": [vars(f) for f in faults], "notes": notes})
    else:
        for fault in faults:
            typer.echo(f"- {fault}", err=True)
        for note in notes:
            notices.print(f"note: {note}", markup=False)
        typer.echo(f"{folder}: {len(faults)} fault{'' if len(faults) == 1 else 's'}, {len(pack.sources)} sources")
    if faults:
        raise typer.Exit(2)
