"""Localities under a contract: what it passes to each of them in every draw, through its compiled clauses, in chunks.

A row is a locality in a draw: its plan, its spend, and what else the contract asks of the inputs that are known of a locality.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.chance.scores.draws import BLOCK
from capitation.chance.simulate import Simulation
from capitation.errors import CapitationError, ContractError
from contracts.document.models import Contract
from contracts.risk.deals import DRAW
from contracts.settlement.compile import Steps, compile_contract, result_of

INPUTS = ("year", "locality", "persons", "plan_pence", "spend_pence", "plan_share", "sd_pence")
"""What a contract may ask of a locality: spend is drawn; sd is what chance alone does to its plan."""


def payment_of(contract: Contract) -> tuple[Steps, pl.Expr]:
    """A contract's clauses, draws kept apart, and what it passes to a locality: above nil the locality gets it.

    Raises:
        ContractError: the contract has not one payment.
    """
    paid = [output for output in contract.outputs if output.payer is not None]
    if len(paid) != 1:
        message = f"contract {contract.id}: found {len(paid)} payments; expected one, what is passed to a locality"
        raise ContractError(message)
    roles = {party.code: party.role for party in contract.parties}
    sign = -1.0 if roles[str(paid[0].payer)] == "provider" else 1.0
    return compile_contract(contract, apart=DRAW), sign * result_of(paid[0], contract, rounded=False)


def locality_rows(simulation: Simulation, contract: Contract, draws: int, year: int = 0) -> pl.DataFrame:
    """Rows by locality and draw, with all that a contract asks of them but spend.

    Args:
        simulation: whose localities.
        contract: the contract.
        draws: how many draws of each.
        year: number of the year among those that were simulated.

    Raises:
        ContractError: the contract asks for something that is not known of a locality.
    """
    book, sd = simulation.model.books[year], simulation.model.chances[year].whole_sd
    plan, count = book.plan_pence.astype(float), len(book.localities)
    wanted = {name for name, each in contract.input_map().items() if each.required or name in INPUTS}
    lost = sorted(wanted - set(INPUTS))
    if lost:
        message = f"contract {contract.id}: found the inputs {', '.join(lost)}; expected of {', '.join(INPUTS)}"
        raise ContractError(message)
    each = {"persons": book.persons, "plan_pence": plan, "plan_share": book.system_share, "sd_pence": sd * plan}
    columns = {name: pl.Series(np.repeat(values, draws)) for name, values in each.items() if name in wanted}
    if "year" in wanted:
        columns["year"] = pl.Series([str(book.year)]).new_from_index(0, count * draws)
    if "locality" in wanted:
        columns["locality"] = pl.Series(list(book.localities))[np.repeat(np.arange(count), draws)]
    return pl.DataFrame({**columns, DRAW: np.tile(np.arange(draws, dtype=np.int32), count)})


def settled(steps: Steps, result: pl.Expr, rows: pl.DataFrame, spend: Floats, first: int = 0) -> Floats:
    """What is passed, by locality and draw.

    Args:
        steps: the clauses.
        result: what is passed, of their results.
        rows: from `locality_rows`, with figures to be tried in the place of parameters.
        spend: by locality and draw.
        first: number of the first draw, for messages.

    Raises:
        ContractError: a clause refuses a draw; its values are shown.
    """
    given = rows.with_columns(pl.Series("spend_pence", spend.ravel()))
    _check_spend(steps.contract, spend, first)
    try:
        out = steps.on_frame(given).select(result.alias("passed")).to_series()
    except CapitationError as error:
        raise ContractError(f"contract {steps.contract.id}: {error.message}", error.faults) from error
    if out.null_count() or not bool(out.is_finite().all()):
        row = int((out.is_null() | ~out.is_finite()).arg_true()[0])
        values = ", ".join(f"{key} {value}" for key, value in given.row(row, named=True).items() if key != DRAW)
        number = first + row % spend.shape[1] + 1
        message = f"contract {steps.contract.id}, draw {number:,}: found no amount with {values}"
        raise ContractError(message)
    found: Floats = out.to_numpy().reshape(spend.shape)
    return found


def _check_spend(contract: Contract, spend: Floats, first: int) -> None:
    """Refuse draws in which a locality's spend is below or above what the contract takes."""
    given = contract.input_map().get("spend_pence")
    if given is None:
        return
    for limit, worst, words in (
        (given.at_least, int(spend.argmin()), "at least"),
        (given.at_most, int(spend.argmax()), "at most"),
    ):
        place, draw = np.unravel_index(worst, spend.shape)
        found = float(spend[place, draw])
        if limit is not None and (found < float(limit) if words == "at least" else found > float(limit)):
            message = (
                f"contract {contract.id}, draw {first + int(draw) + 1:,}, locality {int(place) + 1}: found spend_pence of "
                f"{found:,.0f}; expected {words} {limit}. Lower the spread of the uncertainty, or raise the plan."
            )
            raise ContractError(message)


def passed(
    simulation: Simulation, contract: Contract, *, year: int = 0, threads: int = 1, at_once: int = BLOCK
) -> Floats:
    """What a contract passes to each locality over its plan, in every draw of a simulation, in the draws' own precision.

    Args:
        simulation: the draws.
        contract: a contract on localities, with one payment.
        year: number of the year among those that were simulated.
        threads: threads; they change no figure.
        at_once: draws settled at a time; no more does this.
    """
    steps, result = payment_of(contract)
    positions = simulation.positions[year]
    plan = simulation.model.books[year].plan_pence.astype(float)[:, None]
    out: Floats = np.empty_like(positions)
    rows = locality_rows(simulation, contract, min(at_once, simulation.draws), year)

    def part(first: int) -> None:
        mine = positions[:, first : first + at_once]
        spend = np.rint(plan * (1 + mine.astype(float)))
        here = (
            rows
            if mine.shape[1] == rows.height // len(plan)
            else locality_rows(simulation, contract, mine.shape[1], year)
        )
        out[:, first : first + at_once] = settled(steps, result, here, spend, first) / plan

    starts = range(0, simulation.draws, at_once)
    if threads == 1:
        for first in starts:
            part(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(part, starts):
                pass
    return out


__all__ = ["INPUTS", "locality_rows", "passed", "payment_of", "settled"]
