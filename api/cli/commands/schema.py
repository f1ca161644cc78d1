"""`capitation schema`: the JSON Schema of any document the product reads."""

from __future__ import annotations

from typing import Annotated

import typer

from api.boards.tables import print_json
from capitation.errors import UnknownNameError
from capitation.pace.policy import PacePolicy
from capitation.pack.parameters import Parameter
from capitation.pack.sources import Source
from capitation.records.documents import Document
from capitation.run.run import RunManifest
from capitation.run.scenario import Scenario
from capitation.shift.solution import Solution
from capitation.weighting.formula import Component, CostIndex, FormulaDocument, Vintage
from contracts.options.document import ContractOptions
from optimiser.problem.document import Problem

DOCUMENTS: dict[str, type[Document]] = {
    "contract-options": ContractOptions,
    "cost-index": CostIndex,
    "need-component": Component,
    "need-formula": FormulaDocument,
    "need-vintage": Vintage,
    "pace-policy": PacePolicy,
    "parameter": Parameter,
    "problem": Problem,
    "run-manifest": RunManifest,
    "scenario": Scenario,
    "solution": Solution,
    "source": Source,
}
"""Documents by name; `capitation contract schema` has that of contracts, built from the terms found."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(document: Annotated[str, typer.Argument(help=f"One of {', '.join(DOCUMENTS)}.")]) -> None:
    """Print the JSON Schema of a document, with the meaning of each field."""
    if document not in DOCUMENTS:
        kind = "document"
        raise UnknownNameError(kind, document, DOCUMENTS)
    print_json(DOCUMENTS[document].model_json_schema())
