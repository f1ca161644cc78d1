"""What contradicts itself in a contract document: names, inputs, parameters, clauses, outputs; each with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping

from capitation.errors import Faults, suggest
from contracts.document.models import Contract, ContractParameter, Output
from contracts.document.named_labels import check_labels
from contracts.language.condition import misfits, names_in
from contracts.language.rounding import units_per
from contracts.language.units import meant, range_of
from contracts.terms._base import Term, check_part


def check_contract(contract: Contract, broken: set[str], faults: Faults, where: str) -> None:
    """Add a fault for each name, party, parameter, table or output that contradicts another.

    Args:
        contract: the document.
        broken: names of the results of terms that could not be read, which later ones may refer to.
        faults: where faults are gathered.
        where: a name for messages, such as the file.
    """
    kinds: dict[str, str] = {}
    _check_names(contract, faults, where)
    for each in contract.inputs:
        kinds[each.name] = {"text": "text", "financial_year": "text", "date": "date"}.get(each.type, "number")
    kinds.update(dict.fromkeys((date.name for date in contract.dates), "date"))
    _check_inputs(contract, kinds, faults, where)
    _check_part_year(contract, kinds, faults, where)
    before = len(faults)
    for table in contract.tables:
        table.check(faults, f"{where}: table {table.name}")
    if len(faults) == before:
        check_labels(contract, faults, where)
    for parameter in contract.parameters:
        _check_parameter(contract, parameter, kinds, faults, where)
        kinds[parameter.name] = "number"
    all_steps = {o for term in contract.terms for o in term.outputs()} | broken
    for i, term in enumerate(contract.terms, start=1):
        _check_term(contract, term, f"{where}: terms.{i} ({term.step})", kinds, all_steps, broken, faults)
        kinds.update(dict.fromkeys(term.outputs(), "number"))
    for i, output in enumerate(contract.outputs, start=1):
        place = f"{where}: outputs.{i} ({output.name})"
        if output.of not in kinds and output.of not in broken and output.of.split(".")[0] not in broken:
            faults.add(
                f"{place}.of", f"unknown name {output.of!r}", "the name of a step", suggest(output.of, all_steps)
            )
        _check_output(contract, output, place, faults)
    if not contract.outputs:
        faults.add(f"{where}: outputs", "none", "at least one output")
    _check_notices(contract, {**kinds, **dict.fromkeys(broken, "number")}, kinds, faults, where)
    for name in (*contract.key, *(contract.shown or ())):
        if name not in contract.input_map():
            faults.add(f"{where}: key", f"unknown input {name!r}", "an input", suggest(name, contract.input_map()))
    if contract.period is not None and "service_date" not in kinds:
        dates = [name for name, kind in kinds.items() if kind == "date"]
        known = f"Its dates are {', '.join(dates)}." if dates else "It has no dates."
        faults.add(
            f"{where}: period",
            "no date that could fall in it",
            "a date named service_date, which must fall in the period",
            f"{known} Name one service_date, or leave the period out.",
        )
    if contract.period is not None and contract.period.end is not None and contract.period.end < contract.period.start:
        faults.add(f"{where}: period.end", str(contract.period.end), f"a day after {contract.period.start}")


def _check_term(
    contract: Contract,
    term: Term,
    place: str,
    kinds: Mapping[str, str],
    all_steps: set[str],
    broken: set[str],
    faults: Faults,
) -> None:
    for field, name, needs in term.references():
        _check_reference(name, f"{place}.{field}", kinds, all_steps, broken, faults, needs=needs)
    for field, condition in term.conditions():
        _check_condition(condition, f"{place}.{field}", kinds, faults)
    term.check(faults, place, contract.table_map())
    for field in term.parts_of_one:
        check_part(faults, f"{place}.{field}", getattr(term, field))
    for party in term.parties():
        if party not in _codes(contract):
            faults.add(place, f"unknown party {party!r}", "a party of the contract", suggest(party, _codes(contract)))


def _check_output(contract: Contract, output: Output, place: str, faults: Faults) -> None:
    codes = _codes(contract)
    for field, code in (("payer", output.payer), ("payee", output.payee)):
        if code is not None and code not in codes:
            faults.add(f"{place}.{field}", f"unknown party {code!r}", "a party of the contract", suggest(code, codes))
    if (output.payer is None) != (output.payee is None) or (output.payer and output.payer == output.payee):
        faults.add(place, f"payer {output.payer!r}, payee {output.payee!r}", "two parties, or neither")
    if output.payer is not None and output.rounded_to is None:
        faults.add(f"{place}.rounded_to", "nothing", "the unit that payments between parties are rounded to")
    if output.rounded_to is not None:
        try:
            units_per(output.rounded_to, contract.amounts)
        except ValueError as error:
            faults.add(f"{place}.rounded_to", str(error), f"a unit of the money in {contract.amounts}")
    if output.rounded_to == "pence" and not output.name.endswith("_pence"):
        faults.add(f"{place}.name", repr(output.name), "a name that ends in _pence, as it is rounded to pence")


def _check_notices(
    contract: Contract, known: Mapping[str, str], kinds: Mapping[str, str], faults: Faults, where: str
) -> None:
    for i, notice in enumerate(contract.notices, start=1):
        _check_condition(notice.when, f"{where}: notices.{i}.when", kinds, faults)
        for name in names_in(notice.when):
            if name not in known:
                faults.add(f"{where}: notices.{i}.when", f"unknown name {name!r}", "a known name", suggest(name, kinds))


def _check_condition(condition: str, place: str, kinds: Mapping[str, str], faults: Faults) -> None:
    for words in misfits(condition, kinds):
        faults.add(place, f"a comparison of {words}", "like with like: texts in quotes, dates as '2023-12-31'")


def _codes(contract: Contract) -> list[str]:
    return [party.code for party in contract.parties]


def _check_names(contract: Contract, faults: Faults, where: str) -> None:
    """Every name stands once."""
    seen: dict[str, str] = {}
    named = [
        *((f"inputs.{i} ({x.name})", (x.name,)) for i, x in enumerate(contract.inputs, start=1)),
        *((f"dates.{i} ({x.name})", (x.name,)) for i, x in enumerate(contract.dates, start=1) if x.input != x.name),
        *((f"parameters.{i} ({x.name})", (x.name,)) for i, x in enumerate(contract.parameters, start=1)),
        *((f"terms.{i} ({x.step})", x.outputs()) for i, x in enumerate(contract.terms, start=1)),
    ]
    for place, names in named:
        for name in names:
            if name in seen:
                faults.add(f"{where}: {place}", f"the name {name!r} again ({seen[name]})", "each name once")
            seen.setdefault(name, place)
    for group, names in (
        ("parties", tuple(_codes(contract))),
        ("tables", tuple(t.name for t in contract.tables)),
        ("outputs", tuple(o.name for o in contract.outputs)),
    ):
        for name in sorted({n for n in names if names.count(n) > 1}):
            faults.add(f"{where}: {group}", f"{name!r} more than once", "each once")


def _check_inputs(contract: Contract, kinds: Mapping[str, str], faults: Faults, where: str) -> None:
    inputs, tables = contract.input_map(), contract.table_map()
    for i, each in enumerate(contract.inputs, start=1):
        place = f"{where}: inputs.{i} ({each.name})"
        if each.table is not None:
            if each.type != "text":
                faults.add(f"{place}.table", f"a {each.type}", "a table of labels only on a text")
            if each.table not in tables:
                faults.add(f"{place}.table", repr(each.table), "a table of the contract", suggest(each.table, tables))
            elif tables[each.table].is_dated():
                faults.add(
                    f"{place}.table",
                    f"table {each.table!r}, whose rows are valid from dates",
                    "labels that are valid on every date",
                )
            elif "code" not in tables[each.table].columns():
                faults.add(f"{place}.table", f"table {each.table!r} without a column 'code'", "a column of labels used")
        if isinstance(each.default, str) and each.type in {"number", "flag", "year"} and each.default not in inputs:
            faults.add(f"{place}.default", repr(each.default), "a number or an input", suggest(each.default, inputs))
        if each.default is not None and not each.default_says:
            faults.add(f"{place}.default_says", "nothing", "why an empty cell may be read so")
        for name in [n for c in (each.needed_when, each.column_needed_when) if c for n in names_in(c)]:
            steps = [o for t in contract.terms for o in t.outputs()]
            known = [*kinds, *(p.name for p in contract.parameters), *steps]
            if name not in known:
                expected = "an input, a parameter or a step"
                faults.add(f"{place}.needed_when", f"unknown name {name!r}", expected, suggest(name, known))
        if each.words and each.type != "number":
            faults.add(f"{place}.words", f"a {each.type}", "`words` only on a number")
    for i, date in enumerate(contract.dates, start=1):
        place = f"{where}: dates.{i} ({date.name})"
        if date.input is None and date.year is None:
            faults.add(place, "neither `input` nor `year`", "where the date comes from")
        if date.input is not None and (date.input not in inputs or inputs[date.input].type != "date"):
            faults.add(f"{place}.input", repr(date.input), "a date input", suggest(date.input, inputs))
        if date.year is not None and (
            date.year not in inputs or inputs[date.year].type not in {"year", "financial_year"}
        ):
            faults.add(
                f"{place}.year", repr(date.year), "an input of type year or financial_year", suggest(date.year, inputs)
            )
    for i, party in enumerate(contract.parties, start=1):
        if party.named_by is not None and (party.named_by not in inputs or inputs[party.named_by].type != "text"):
            faults.add(
                f"{where}: parties.{i} ({party.code}).named_by",
                repr(party.named_by),
                "a text input",
                suggest(party.named_by, inputs),
            )


def _check_part_year(contract: Contract, kinds: Mapping[str, str], faults: Faults, where: str) -> None:
    inputs, part = contract.input_map(), contract.part_year
    for i, each in enumerate(contract.inputs, start=1):
        if (each.basis is not None or each.basis_by_row) and each.type != "number":
            faults.add(f"{where}: inputs.{i} ({each.name}).basis", f"a {each.type}", "`basis` only on a sum of money")
        if each.basis_by_row and (part is None or part.stated_in is None):
            faults.add(
                f"{where}: inputs.{i} ({each.name}).basis_by_row",
                "true",
                "a column that states it: `part_year.stated_in`",
            )
    if part is None:
        return
    if part.months not in inputs or kinds[part.months] != "number":
        faults.add(
            f"{where}: part_year.months", repr(part.months), "an input measured in months", suggest(part.months, inputs)
        )
    if part.stated_in is not None and (part.stated_in not in inputs or inputs[part.stated_in].type != "text"):
        faults.add(
            f"{where}: part_year.stated_in", repr(part.stated_in), "a text input", suggest(part.stated_in, inputs)
        )


def _check_parameter(
    contract: Contract, parameter: ContractParameter, kinds: Mapping[str, str], faults: Faults, where: str
) -> None:
    place = f"{where}: parameter {parameter.name}"
    since = [v.since for v in parameter.values]
    dated = [d for d in since if d is not None]
    if None in since[1:] or dated != sorted(set(dated)):
        faults.add(f"{place}.values", "dates not in order", "values by date, earliest first, one for each date")
    if (dated or parameter.ends) and kinds.get(parameter.dated_by) != "date":
        dates = [name for name, kind in kinds.items() if kind == "date"]
        faults.add(
            f"{place}.dated_by",
            repr(parameter.dated_by),
            "a named date or a date input",
            suggest(parameter.dated_by, dates),
        )
    keyed = [isinstance(v.value, dict) for v in parameter.values]
    if any(keyed) != (parameter.by is not None):
        faults.add(f"{place}.by", repr(parameter.by), "a text input if values are given by label, and only then")
    if parameter.by is not None and kinds.get(parameter.by) != "text":
        faults.add(
            f"{place}.by",
            repr(parameter.by),
            "a text input",
            suggest(parameter.by, [k for k, v in kinds.items() if v == "text"]),
        )
    if parameter.by is not None:
        of = contract.input_map().get(parameter.by)
        table = contract.table_map().get(of.table) if of is not None and of.table else None
        if table is not None and "code" in table.columns():
            labels = {str(row["code"]) for row in table.rows}
            for v in parameter.values:
                for label in sorted(set(v.value if isinstance(v.value, dict) else ()) - labels):
                    faults.add(
                        f"{place}.values",
                        f"unknown label {label!r}",
                        f"a code of table {table.name}",
                        suggest(label, labels),
                    )
    _check_unit(parameter, place, faults)
    if parameter.status == "published" and not all(v.source for v in parameter.values):
        faults.add(f"{place}.values", "a published value without a source", "a source on every published value")


def _check_unit(parameter: ContractParameter, place: str, faults: Faults) -> None:
    """Every value lies within the limits that the parameter declares, or else within those of its unit."""
    low, high = range_of(parameter.unit) or (-math.inf, math.inf)
    low = low if parameter.at_least is None else float(parameter.at_least)
    high = high if parameter.at_most is None else float(parameter.at_most)
    for i, dated in enumerate(parameter.values, start=1):
        labelled = dated.value.items() if isinstance(dated.value, dict) else [("", dated.value)]
        for label, figure in labelled:
            if not low <= float(figure) <= high:
                top = "" if high == math.inf else f" and at most {high:g}"
                faults.add(
                    f"{place}.values.{i}{f' ({label})' if label else ''}",
                    f"{figure} {parameter.unit}".rstrip(),
                    f"at least {low:g}{top}",
                    meant(float(figure), parameter.unit),
                )


def _check_reference(
    name: str,
    place: str,
    kinds: Mapping[str, str],
    all_steps: set[str],
    broken: set[str],
    faults: Faults,
    *,
    needs: str,
) -> None:
    if name in kinds:
        if needs != "any" and kinds[name] != needs:
            faults.add(place, f"{name!r}, a {kinds[name]}", f"a {needs}")
    elif name in broken or name.split(".")[0] in broken:
        return
    elif name in all_steps:
        faults.add(
            place,
            f"{name!r}, which is this step or a later one",
            "a name from before this step",
            "A circular input: move the step that produces it up, or refer to an earlier one.",
        )
    else:
        faults.add(place, f"unknown name {name!r}", "an input, a parameter or an earlier step", suggest(name, [*kinds]))


__all__ = ["check_contract"]
