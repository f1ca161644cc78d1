"""`capitation contract`: start a contract, check it, read it in words, see what it pays, restate it, export its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.boards.tables import console, print_json, show
from api.cli.deals.books import register_books
from api.cli.deals.payoff import payoff_command
from api.cli.options import ContractFile, DataOption, JsonOption
from api.cli.shipped import shipped
from api.cli.templates.begin import begin
from api.cli.templates.documents import CONTRACT
from capitation.records.whole_files import write_text
from contracts.document.contract import Contract, read_contract
from contracts.document.schema import contract_schema
from contracts.settlement.worked_cases import run_cases
from contracts.terms import all_terms


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Start, check, read and try a contract.", no_args_is_help=True)
    group.command("check")(check)
    group.command("new")(new)
    group.command("show")(show_contract)
    group.command("payoff")(payoff_command)
    register_books(group.command)
    group.command("schema")(schema)
    group.command("terms")(terms)
    app.add_typer(group, name="contract")


def new(file: Annotated[Path, typer.Argument(help="The file to write (.toml), or the contract's id.")]) -> None:
    """Write a complete, commented contract to start from; its file name becomes its id."""
    written = begin(file, CONTRACT)
    typer.echo(f"written: {written}")
    typer.echo(f"check it: capitation contract check {written}")


def check(contract: ContractFile, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Report every fault in a contract at once and run its worked cases; exit code 2 if there is a fault."""
    agreed = read_contract(shipped(contract, "contracts", data))
    passed = run_cases(agreed)
    unverified = [p.name for p in agreed.parameters if p.status == "unverified"]
    if as_json:
        print_json({"contract": agreed.id, "version": agreed.version, "cases": passed, "unverified": unverified})
        return
    typer.echo(
        f"{agreed.id} version {agreed.version}: no fault; {len(agreed.terms)} terms, {len(agreed.parameters)} parameters, "
        f"{len(passed)} worked case{'' if len(passed) == 1 else 's'} to the unit"
    )
    if unverified:
        typer.echo(f"unverified parameters: {', '.join(unverified)}")


def show_contract(contract: ContractFile, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print a contract in words: parties, inputs, dated parameters, terms in order, outputs."""
    agreed = read_contract(shipped(contract, "contracts", data))
    if as_json:
        print_json(agreed.model_dump(mode="json", by_alias=True))
        return
    console.print(f"{agreed.title} ({agreed.id}, version {agreed.version})", style="bold", markup=False)
    if agreed.about:
        console.print(" ".join(agreed.about.split()), markup=False)
    if agreed.parties:
        show(_frame([{"code": p.code, "name": p.name, "role": p.role} for p in agreed.parties]), "Parties")
    if agreed.inputs:
        show(
            _frame([{"name": i.name, "type": i.type, "unit": i.unit, "about": i.about} for i in agreed.inputs]),
            "Inputs",
        )
    if agreed.parameters:
        show(_frame(_parameter_rows(agreed)), "Parameters")
    show(
        _frame(
            [
                {"step": str(i), "kind": t.kind, "formula": t.formula(), "clause": t.clause}
                for i, t in enumerate(agreed.terms, start=1)
            ]
        ),
        "Terms, in order",
    )
    show(
        _frame(
            [
                {
                    "output": o.name,
                    "of": o.of,
                    "rounded to": o.rounded_to or "not rounded",
                    "payer": o.payer or "",
                    "payee": o.payee or "",
                }
                for o in agreed.outputs
            ]
        ),
        "Outputs",
    )


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def _parameter_rows(agreed: Contract) -> list[dict[str, Any]]:
    out = []
    for parameter in agreed.parameters:
        for dated in parameter.values:
            value = dated.value
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            out.append(
                {
                    "name": parameter.name,
                    "from": str(dated.since or "always"),
                    "value": text,
                    "unit": parameter.unit,
                    "status": parameter.status,
                    "source": dated.source,
                }
            )
    return out


def schema(
    out: Annotated[Path | None, typer.Option(help="JSON file; printed if not given.")] = None,
) -> None:
    """Export the JSON Schema of a contract document, with a description of every field."""
    text = json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"written: {out}")


def terms(as_json: JsonOption = False) -> None:
    """List every clause a contract can use."""
    rows = [
        {
            "term": name,
            "kind": term.kind,
            "works on": term.primary,
            "says": " ".join((term.__doc__ or "").split("\n\n")[0].split()),
        }
        for name, term in all_terms().items()
    ]
    if as_json:
        print_json(rows)
    else:
        show(_frame(rows), "Terms")
