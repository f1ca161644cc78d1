"""`capitation problem terms`: a contract as the payment terms that a problem takes, or why it cannot be written so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json
from api.cli.deals.payoff import first_figures
from api.cli.options import ContractFile, DataOption, JsonOption
from api.cli.shipped import shipped
from capitation.errors import CapitationError
from contracts.document.contract import Contract, read_contract
from optimiser.blocks.income import PaymentTerms
from optimiser.links.contract_terms import contract_terms

MONEY = {"pence", "pounds", "dollars", "euros"}
"""Units of inputs that are money as tariff value is."""


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def payment_terms_command(
    contract: ContractFile,
    provider: Annotated[str, typer.Option(help="Who is paid, by its code in the problem.")],
    vary: Annotated[
        str, typer.Option(help="The input that falls as activity moves, such as the value of what is done.")
    ],
    rows: Annotated[
        Path | None,
        typer.Option(
            help="CSV or parquet whose first row gives the figures if nothing is bought; else the first worked case."
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--point-of-delivery", help="A kind of activity under the terms; all where none is given. Repeatable."
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-9, help="How much the input falls for each pound of tariff value not done; 1 where it is money."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """A contract as a problem's payment terms: what a provider loses as tariff value goes, exactly, ready to paste.

    A payment that leaps, is curved, rises as activity falls, or pools rows cannot be written so and is refused by its clause.
    """
    agreed = read_contract(shipped(contract, "contracts", data))
    row = first_figures(agreed, rows)[0]
    found = contract_terms(
        agreed,
        row,
        vary,
        provider=provider,
        points_of_delivery=tuple(kind or ()),
        per_tariff_pound=_in_money(agreed, vary) if rate is None else rate,
    )
    if as_json:
        terms = found.terms.model_dump(mode="json", exclude_defaults=True)
        print_json({"contract": agreed.id, "varied": vary, "kind": found.kind, "flags": found.flags, **terms})
        return
    for flag in found.flags:
        typer.echo(f"# {flag}")
    typer.echo(_toml(found.terms))


def _in_money(agreed: Contract, varied: str) -> float:
    """The rate of an input in money, 1; what counts something else needs a rate that its user knows."""
    given = agreed.input_map().get(varied)
    if given is None or given.unit in MONEY:
        return 1.0
    message = (
        f"--rate: found none, and {varied!r} of contract {agreed.id} is in {given.unit or 'no unit'}; expected how much it falls "
        "for each pound of tariff value not done, such as 0.00125 for spells of £800"
    )
    raise CapitationError(message)


def _toml(terms: PaymentTerms) -> str:
    lines = ["[[payment_terms]]", f'provider = "{terms.provider}"']
    if terms.points_of_delivery:
        lines.append("points_of_delivery = [" + ", ".join(f'"{name}"' for name in terms.points_of_delivery) + "]")
    pieces = ", ".join(f"{{ from_pounds = {piece.from_pounds}, slope = {piece.slope:f} }}" for piece in terms.pieces)
    return "\n".join([*lines, f"pieces = [{pieces}]"])


__all__ = ["payment_terms_command"]
