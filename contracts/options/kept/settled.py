"""A contract settled once for the same words and the same rows, by whichever option, case or run they come."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from capitation.errors import CapitationError
from capitation.pack.stages import Stage, Stages
from contracts.document.models import Contract
from contracts.options.kept.on_run import given, written
from contracts.settlement.settle import Settlement, settle


def settled_once(contract: Contract, rows: pl.DataFrame, where: str) -> Settlement:
    """What a contract pays on rows that hold what it reads and nothing else.

    Args:
        contract: the contract.
        rows: the rows.
        where: a name for messages.

    Raises:
        ContractError: as `settle`; nothing is kept then.
    """
    return settled(written(contract), given(rows), where)


def settled(contract: Stage[Contract], rows: Stage[pl.DataFrame], where: str) -> Settlement:
    """The same, where it is known what the contract and the rows are kept by."""
    try:
        return Stages(None, None).keep("settled", settle, contract, rows).value
    except CapitationError:
        return settle(contract.value, rows.value, where=where)  # refused again, under the name that was asked for


class KnownKeys:
    """What contracts and frames are kept by, worked out once for each of them at hand."""

    def __init__(self) -> None:
        self._contracts: dict[int, Stage[Contract]] = {}
        self._rows: dict[int, Stage[pl.DataFrame]] = {}
        self._agreed: dict[tuple[int, ...], tuple[object, str]] = {}

    def of_agreed(self, things: tuple[object, ...], said: Callable[[], str]) -> str:
        """What some things at hand say together, worked out once; they are held, so that their numbers in memory stay their own."""
        at = tuple(id(each) for each in things)
        if at not in self._agreed:
            self._agreed[at] = (things, said())
        return self._agreed[at][1]

    def of_contract(self, contract: Contract) -> Stage[Contract]:
        """A contract as a stage; the stage holds it, so that its number in memory stays its own."""
        if id(contract) not in self._contracts:
            self._contracts[id(contract)] = written(contract)
        return self._contracts[id(contract)]

    def of_rows(self, rows: pl.DataFrame) -> Stage[pl.DataFrame]:
        """A frame as a stage, in the same way; the last few are known."""
        if id(rows) not in self._rows:
            while len(self._rows) >= _MOST:
                self._rows.pop(next(iter(self._rows)))
            self._rows[id(rows)] = given(rows)
        return self._rows[id(rows)]


_MOST = 16
"""Frames whose keys are known at a time."""

__all__ = ["KnownKeys", "settled", "settled_once"]
