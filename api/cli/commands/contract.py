"""`capitation contract`: check a contract, read it in words, see what it pays as one figure varies, export its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.boards.payoff_svg import payoff_svg
from api.boards.tables import console, print_json, show, write_frame
from api.cli.options import ContractFile, DataOption, JsonOption
from api.cli.shipped import shipped
from capitation.errors import ContractError
from capitation.pack.sources import read_raw
from capitation.records.whole_files import write_text
from contracts.document.contract import Contract, read_contract
from contracts.document.schema import contract_schema
from contracts.settlement.payoff import payoff
from contracts.settlement.worked_cases import run_cases
from contracts.terms import all_terms


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Check, read and try a contract.", no_args_is_help=True)
    group.command("check")(check)
    group.command("show")(show_contract)
    group.command("payoff")(payoff_command)
    group.command("schema")(schema)
    group.command("terms")(terms)
    app.add_typer(group, name="contract")


def check(contract: ContractFile, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say every fault of a contract at once and run its worked cases; exit code 2 where there is a fault."""
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
    """Print a contract in words: parties, inputs, dated parameters, the terms in order, outputs."""
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


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def payoff_command(
    contract: ContractFile,
    vary: Annotated[
        str | None, typer.Option(help="Number input that varies; the last one of the first gap by default.")
    ] = None,
    low: Annotated[float | None, typer.Option(help="Its lowest value; four fifths of the row's by default.")] = None,
    high: Annotated[float | None, typer.Option(help="Its highest value; six fifths of the row's by default.")] = None,
    output: Annotated[str | None, typer.Option(help="Output to follow; the first by default.")] = None,
    rows: Annotated[
        Path | None,
        typer.Option(help="CSV or parquet whose first row gives the other figures; else the first worked case."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="SVG file for the curve with its table beside it.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for the table.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a contract pays as one figure varies: every bend and leap, as a table and as SVG."""
    agreed = read_contract(shipped(contract, "contracts", data))
    row = _row(agreed, rows)
    varied = vary or _default_input(agreed)
    heading = agreed.input_map()[varied].heading if varied in agreed.input_map() else varied
    middle = _as_number(row.get(heading))
    if (low is None or high is None) and not middle:
        message = f"contract {agreed.id}: found no value of {varied!r} to vary around; give --low and --high"
        raise ContractError(message)
    around = sorted((0.8 * middle, 1.2 * middle))
    curve = payoff(agreed, row, varied, around[0] if low is None else low, around[1] if high is None else high, output)
    if svg is not None:
        write_text(svg, payoff_svg(curve))
    if out is not None:
        write_frame(curve.table, out)
    if as_json:
        print_json(
            {
                "contract": curve.contract,
                "varied": curve.varied,
                "output": curve.output,
                "kind": curve.pieces.kind,
                "breakpoints": list(curve.pieces.breakpoints),
                "slopes": list(curve.pieces.slopes),
                "jumps": [{"at": at, "leap": leap} for at, leap in curve.pieces.jumps],
                "table": curve.table,
            }
        )
        return
    show(
        curve.table, f"{agreed.title}: {curve.output} as {curve.varied} varies ({curve.unit}); kind {curve.pieces.kind}"
    )
    for path in (svg, out):
        if path is not None:
            typer.echo(f"written: {path}")


def schema(
    out: Annotated[Path | None, typer.Option(help="JSON file; printed where none is given.")] = None,
) -> None:
    """Export the JSON Schema of a contract document, with the sentence of every field."""
    text = json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"written: {out}")


def terms(as_json: JsonOption = False) -> None:
    """List every clause that a contract can use."""
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


def _row(agreed: Contract, rows: Path | None) -> dict[str, Any]:
    if rows is not None:
        return read_raw(rows).row(0, named=True)
    if not agreed.cases:
        message = f"contract {agreed.id}: it ships no worked case to start from; give --rows"
        raise ContractError(message)
    return dict(agreed.cases[0].rows[0])


def _default_input(agreed: Contract) -> str:
    numbers = [name for name, each in agreed.input_map().items() if each.type == "number"]
    for term in agreed.terms:
        if term.before() in numbers:
            return str(term.before())
    if not numbers:
        message = f"contract {agreed.id}: it has no number input to vary"
        raise ContractError(message)
    return numbers[0]


def _as_number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return 0.0
