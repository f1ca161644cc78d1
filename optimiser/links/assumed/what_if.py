"""A headline with a corridor, a price or a pace of change at another value, quick enough to be asked while somebody waits.

    pace     -> the parameters of the policy    -> allocations, positions
    terms    -> the parameters of a contract    -> positions

Only what reads the value that changed is worked out again: stages of the run are kept by what they read (`capitation/pack/stages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar, cast

from capitation.errors import ContractError, Faults, UnknownNameError
from capitation.pack.parameters import Parameter, Parameters
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from contracts.document.models import Contract, ContractParameter
from contracts.options.document import read_contracts
from optimiser.links.assumed.headlines import Amounts, Headlines
from optimiser.links.assumed.inputs import PlanInputs, put

D = TypeVar("D", Parameter, ContractParameter)


def what_if(
    inputs: PlanInputs,
    *,
    pace: Mapping[str, Decimal] | None = None,
    terms: Mapping[str, Mapping[str, Decimal]] | None = None,
    run: Run | None = None,
    moved: Run | None = None,
) -> Amounts:
    """The headlines of allocations and contract options, in pence by id, with some values changed.

    Args:
        inputs: the plan as it stands.
        pace: values by the name of a dated parameter, such as `{"pace.floor_growth": Decimal("0.02")}`; they hold in every year.
        terms: values of parameters by the name of a contract, such as `{"our-corridor": {"inner_edge": Decimal("0.02")}}`.
        run: the run of the plan as it stands, where it is at hand.
        moved: the run of the plan with the pace changed, where it is at hand.

    Raises:
        UnknownNameError: a parameter or contract that there is not.
        CapitationError: the changed plan cannot be worked out.
    """
    base = run if run is not None else evaluate(inputs.scenario, inputs.pack)
    changed = replace(inputs, pack=paced(inputs.pack, pace or {}))
    headlines = Headlines(inputs, base)
    now = (moved or evaluate(inputs.scenario, changed.pack)) if pace else base
    given = _contracts(inputs, terms or {})
    return headlines.of_run(now) | headlines.of_options(changed, now, given)


def paced(pack: DataPack, values: Mapping[str, Decimal]) -> DataPack:
    """The pack with dated parameters at other values."""
    for name, value in values.items():
        content = _always(Parameters(pack).parameter(name), value)
        pack = pack.with_reading(f"parameters/{name.replace('.', '/')}.toml", Parameter, content)
    return pack


def _contracts(inputs: PlanInputs, terms: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Contract] | None:
    """The contracts that change, by the name that the options use; None where none does."""
    if not terms or inputs.options is None:
        return None
    faults = Faults()
    folder = None if inputs.options_file is None else inputs.options_file.parent
    contracts, _ = read_contracts(inputs.options, inputs.pack, folder, faults)
    faults.raise_if_any(ContractError, f"options {inputs.options.id}: contracts cannot be read")
    return {name: _with_values(name, values, contracts) for name, values in terms.items()}


def _with_values(name: str, values: Mapping[str, Decimal], contracts: Mapping[str, Contract]) -> Contract:
    if name not in contracts:
        raise UnknownNameError("contract", name, contracts, where="the options")
    contract = contracts[name]
    known = {each.name for each in contract.parameters}
    for parameter in values:
        if parameter not in known:
            raise UnknownNameError("parameter", parameter, known, where=f"contract {name}")
    changed = tuple(_always(each, values[each.name]) if each.name in values else each for each in contract.parameters)
    return contract.model_copy(update={"parameters": changed})


def _always(dated: D, value: Decimal) -> D:
    """A dated parameter, of a pack or of a contract, with one value at all its dates."""
    return cast("D", put(dated, ("values",), tuple(put(each, ("value",), value) for each in dated.values)))


__all__ = ["paced", "what_if"]
