"""What a result rests on: the clauses, figures and dates behind a name of a contract."""

from __future__ import annotations

from contracts.document.models import Contract


def behind(contract: Contract, name: str) -> list[str]:
    """Every name that a step or output rests on: inputs, parameters, dates and earlier steps, itself included."""
    steps = {output: term for term in contract.terms for output in term.outputs()}
    dates = {date.name: date for date in contract.dates}
    parameters = {parameter.name: parameter for parameter in contract.parameters}
    inputs = contract.input_map()
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found[one] = None
        if one in steps:
            waiting += [reference for _, reference, _ in steps[one].references()]
        if one in parameters:
            own = parameters[one]
            dated = len(own.values) > 1 or own.values[0].since is not None
            waiting += [x for x in (own.by, own.dated_by if dated and own.dated_by in dates else None) if x]
        if one in dates:
            waiting += [x for x in (dates[one].input, dates[one].year) if x and x != one]
        if one in inputs and inputs[one].default in inputs:
            waiting.append(str(inputs[one].default))
        if one in inputs and contract.part_year is not None and inputs[one].type == "number":
            waiting += [x for x in (contract.part_year.months, contract.part_year.stated_in) if x]
    return list(found)


__all__ = ["behind"]
