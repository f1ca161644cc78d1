"""`capitation schema`: the JSON Schema of any document the product reads."""

from __future__ import annotations

from typing import Annotated

import typer

from api.boards.tables import print_json
from api.schemas import DOCUMENTS
from capitation.errors import UnknownNameError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(document: Annotated[str, typer.Argument(help=f"One of {', '.join(DOCUMENTS)}.")]) -> None:
    """Print the JSON Schema of a document, with the meaning of each field."""
    if document not in DOCUMENTS:
        kind = "document"
        raise UnknownNameError(kind, document, DOCUMENTS)
    print_json(DOCUMENTS[document].model_json_schema())
