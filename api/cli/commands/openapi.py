"""`capitation openapi`: the description of the web service (OpenAPI 3.1), from which clients are generated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capitation.records.whole_files import write_text


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("openapi")(openapi)


def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; printed if not given.")] = None,
) -> None:
    """Describe the web service as /openapi.json does, keys sorted; api/openapi.json is written by it."""
    from api.service.app import addresses
    from api.service.describe.openapi import text_of

    text = text_of(addresses().openapi())
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"written: {write_text(out, text)}")
