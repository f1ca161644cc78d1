"""The contract document: who agrees, for what, from when, on which figures, and what is paid, clause by clause in order.

A contract names inputs, dated parameters and tables, then an ordered list of terms. Each term names its result; later
terms and the outputs refer to earlier names only. The order is the contract's and never the engine's, because order is
where money moves: a levy before a cap and a levy after it pay different sums.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import Field, SerializeAsAny, TypeAdapter

from capitation.errors import ContractError, DocumentError, Faults, SourceError, suggest
from capitation.pack.sources import read_raw
from capitation.records.documents import Document, Figure, parse_document, read_mapping
from contracts.language.condition import Condition, misfits, names_in
from contracts.language.rounding import Unit, units_per
from contracts.language.tables import Table
from contracts.terms import all_terms
from contracts.terms._base import NAME, Status, Term

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Party(Document):
    """One of those who agree, or the pool between them."""

    code: Code
    """Short code by which outputs and shares refer to the party."""
    name: str
    """Name in full."""
    role: Literal["commissioner", "provider", "payer", "account", "pool", "partner", "member", "other"]
    """What the party does in the contract; "account": whoever a row is about; "pool": money held between the parties."""
    named_by: str | None = None
    """Input whose text names the party row by row, such as the account's code."""


class Scope(Document):
    """What the contract covers."""

    services: tuple[str, ...] = ()
    """Services or points of delivery."""
    localities: tuple[str, ...] = ()
    """Localities whose people are covered."""
    providers: tuple[str, ...] = ()
    """Providers whose activity is covered."""
    populations: tuple[str, ...] = ()
    """Groups of people covered, where not all."""


class Period(Document):
    """When the contract holds, by service date."""

    start: dt.date
    """First day."""
    end: dt.date | None = None
    """Last day; none while it is open."""


class NamedDate(Document):
    """A date of each row, by which parameters are chosen: when care was given, when money is paid, when an agreement began."""

    name: str = Field(pattern=NAME)
    """Name; `service_date` is the date held against the contract's period and the usual date of parameters."""
    about: str
    """What happens on the date."""
    input: str | None = None
    """Date input that gives it; where a row has none, the year below is used."""
    year: str | None = None
    """Input that holds the year: a calendar year, or a financial year such as 2016/17 (counted from its first April)."""
    plus_years: int = 0
    """Years added to it."""
    month: int = Field(default=1, ge=1, le=12)
    """Month of the date."""
    day: int = Field(default=1, ge=1, le=28)
    """Day of the date."""


class Input(Document):
    """One figure that the rows bring."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name by which terms refer to it."""
    about: str
    """What it is."""
    unit: str = ""
    """What one of it is, such as "dollars", "persons", "share"."""
    type: Literal["number", "flag", "text", "date", "year", "financial_year"] = "number"
    """"number"; "flag": yes or no; "text"; "date": 2023-12-31 or 12/31/2023; "year": 2023; "financial_year": 2016/17."""
    column: str | None = None
    """Heading of its column in the rows; the name itself where empty."""
    required: bool = True
    """True: the column must be there and every row must have a value (unless `default` is given)."""
    needed_when: Condition | None = None
    """For an input that is not required: rows on which it must have a value all the same."""
    column_needed_when: Condition | None = None
    """For an input that is not required: rows for which its column must be there, though a cell may be empty."""
    default: Decimal | str | None = None
    """Value of an empty cell, as a number or the name of another input; how many rows took it is reported."""
    default_says: str = ""
    """Why an empty cell may be read so."""
    table: str | None = None
    """For a text: the label table that turns what files print into the contract's own labels; others are refused."""
    at_least: Decimal | None = None
    """Lowest value that can be right."""
    at_most: Decimal | None = None
    """Highest value that can be right."""
    month_first: bool = False
    """For a date with slashes: 12/31/2023 (true) or 31/12/2023 (false)."""

    @property
    def heading(self) -> str:
        """The column's heading."""
        return self.column or self.name


class ParameterValue(Document):
    """A parameter's value from a date on."""

    since: dt.date | None = Field(default=None, alias="from")
    """First date for which it holds; none for a value that always held."""
    value: Decimal | bool | dict[str, Decimal | bool]
    """The value, or one for each label of `by`; yes and no count as 1 and 0."""
    source: str = ""
    """The document in which it was read, or "assumption"."""
    where: str = ""
    """Page, section or paragraph; for an assumption what it rests on."""


class ContractParameter(Document):
    """A figure of the contract, with its history and how sure we are of it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name by which terms refer to it."""
    about: str
    """What it is."""
    unit: str = ""
    """What one of it is."""
    status: Status
    """"published": checked against published figures; "read": read in the cited text; "unverified": to be confirmed."""
    dated_by: str = "service_date"
    """The date that chooses among the values: a named date or a date input."""
    by: str | None = None
    """Text input that chooses among the labels of a value."""
    ends: dt.date | None = None
    """First date for which it no longer has a value."""
    values: tuple[ParameterValue, ...] = Field(min_length=1)
    """Values by the date from which each holds, earliest first."""


class Output(Document):
    """An amount the contract settles, who pays it to whom, and to what it is rounded."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the column of results."""
    about: str = ""
    """What it is."""
    of: str = Field(pattern=NAME)
    """The step whose value it is."""
    rounded_to: Unit | None = None
    """Whole pence, pounds, cents, dollars, euro cents or euros, nearest, halves away from zero; none leaves a number that is not money."""
    payer: str | None = None
    """Party that pays where the amount is above 0."""
    payee: str | None = None
    """Party that receives where the amount is above 0."""
    detail: bool = False
    """True: shown in statements and with all outputs, left out of the short table of results."""


class Notice(Document):
    """Something a reader of the settlement should know, and on which rows."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Short name."""
    when: Condition
    """The rows it is about."""
    says: str
    """The sentence."""


class WorkedCase(Document):
    """A worked case that ships with the contract and is run by the tests."""

    name: str
    """What it shows, in a sentence."""
    arithmetic: str = ""
    """How to redo it by hand."""
    source: str = ""
    """Where the case or its figures are published."""
    rows: tuple[dict[str, Any], ...]
    """Rows in, by column."""
    expected: dict[str, tuple[Decimal, ...]]
    """Results by output or step name, one a row."""


@cache
def any_term() -> TypeAdapter[Term]:
    """A validator of any registered term, told apart by its `term`."""
    kinds = tuple(all_terms().values())
    return TypeAdapter(Annotated[Union[kinds], Field(discriminator="term")])  # type: ignore[arg-type,unused-ignore]  # noqa: UP007


class Contract(Document):
    """What the parties agree: an ordered list of terms over named inputs, dated parameters and tables."""

    id: Code
    """Short name of the contract."""
    version: str
    """Version of the document."""
    title: str
    """Title."""
    about: str = ""
    """What kind of deal it is and how it works, in a few sentences."""
    source: str = ""
    """Where the deal is published."""
    licence: str = ""
    """Licence or terms under which its figures are carried."""
    classification: str = ""
    """Category in exchange vocabularies, such as a payment stream code."""
    amounts: Unit = "pounds"
    """Unit of the money in inputs, parameters and steps."""
    parties: tuple[Party, ...] = ()
    """Who agrees."""
    scope: Scope = Scope()
    """What it covers."""
    period: Period | None = None
    """When it holds."""
    key: tuple[str, ...] = ()
    """Inputs that together name one row; two rows with one key are two versions of one outturn and refused."""
    shown: tuple[str, ...] | None = None
    """Key inputs shown beside short results; all of them where none are listed."""
    empty_marks: tuple[str, ...] = ()
    """Texts that files print for an empty cell, such as "-"."""
    dates: tuple[NamedDate, ...] = ()
    """Dates of each row."""
    inputs: tuple[Input, ...] = ()
    """Figures that rows bring."""
    parameters: tuple[ContractParameter, ...] = ()
    """Figures of the contract, dated."""
    tables: tuple[Table, ...] = ()
    """Look-up tables."""
    terms: tuple[SerializeAsAny[Term], ...] = ()
    """The clauses, in the order in which they apply."""
    outputs: tuple[Output, ...] = ()
    """What is settled."""
    notices: tuple[Notice, ...] = ()
    """What a reader should know about some rows."""
    cases: tuple[WorkedCase, ...] = ()
    """Worked cases."""
    facts: tuple[Figure, ...] = ()
    """Printed figures about the deal that no term uses."""

    def table_map(self) -> dict[str, Table]:
        """Tables by name."""
        return {table.name: table for table in self.tables}

    def input_map(self) -> dict[str, Input]:
        """Inputs by name."""
        return {each.name: each for each in self.inputs}

    def step(self, name: str) -> Term:
        """The term that names a result.

        Raises:
            ContractError: there is none.
        """
        for term in self.terms:
            if name in term.outputs():
                return term
        message = f"contract {self.id}: no step {name!r}. {suggest(name, (o for t in self.terms for o in t.outputs()))}"
        raise ContractError(message)


def read_contract(path: Path) -> Contract:
    """The contract in a TOML, YAML or JSON file, with the tables beside it, once it has no fault.

    Raises:
        DocumentError: the file cannot be read as a mapping.
        ContractError: every fault of form and meaning, each with its place in the document.
    """
    return parse_contract(read_mapping(path), where=str(path), folder=path.parent)


def parse_contract(content: Mapping[str, Any], where: str = "contract", folder: Path | None = None) -> Contract:
    """The contract in a plain mapping; `folder` is where its table files stand.

    Raises:
        ContractError: every fault of form and meaning, each with its place in the document.
    """
    faults = Faults()
    content = dict(content)
    raw_terms = content.pop("terms", [])
    terms, broken = _parse_terms(raw_terms, faults, where)
    content["tables"] = _with_rows(content.get("tables", []), folder, faults, where)
    try:
        contract = parse_document(content, Contract, where)
    except DocumentError as error:
        faults.extend(error.faults)
        faults.raise_if_any(ContractError, f"{where}: not a valid contract")
        raise
    contract = contract.model_copy(update={"terms": tuple(terms)})
    _check(contract, broken, faults, where)
    faults.raise_if_any(ContractError, f"{where}: not a valid contract")
    return contract


def term_schema() -> dict[str, Any]:
    """JSON Schema of any registered term, told apart by its `term`, which every one must name."""
    schema: dict[str, Any] = any_term().json_schema(by_alias=True, ref_template="#/$defs/{model}")
    for place in schema["discriminator"]["mapping"].values():
        kind = schema["$defs"][place.removeprefix("#/$defs/")]
        kind["required"] = ["term", *kind.get("required", ())]
    return schema


def contract_schema() -> dict[str, Any]:
    """JSON Schema of a contract document, with the sentence of each field and of each registered term."""
    schema = Contract.model_json_schema(by_alias=True)
    terms = term_schema()
    schema["$defs"] = {**schema.get("$defs", {}), **terms.pop("$defs", {})}
    schema["properties"]["terms"]["items"] = terms
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _parse_terms(raw: Any, faults: Faults, where: str) -> tuple[list[Term], set[str]]:  # noqa: ANN401  # as read
    """The terms that can be read, and the names of the results of those that cannot."""
    out: list[Term] = []
    broken: set[str] = set()
    if not isinstance(raw, list | tuple):
        faults.add(f"{where}: terms", type(raw).__name__, "a list of terms, in order")
        return out, broken
    known = all_terms()
    for i, item in enumerate(raw):
        if isinstance(item, Term):
            out.append(item)
            continue
        place = f"{where}: terms.{i + 1}"
        if not isinstance(item, Mapping):
            faults.add(place, repr(item)[:60], "a term: keys and values")
            continue
        place = f"{place} ({item.get('step', 'no step name')})"
        broken.add(str(item.get("step", "")))
        name = item.get("term")
        if name is None:
            faults.add(place, "no `term`", f"the name of a term: {', '.join(known)}")
        elif not isinstance(name, str) or name not in known:
            faults.add(f"{place}.term", f"unknown term {name!r}"[:80], "a registered term", suggest(str(name), known))
        else:
            try:
                term = parse_document(dict(item), known[name], place)
            except DocumentError as error:
                faults.extend(error.faults)
            else:
                out.append(term)
                broken.discard(term.step)
    return out, broken


def _with_rows(raw: Any, folder: Path | None, faults: Faults, where: str) -> Any:  # noqa: ANN401  # as read
    """Raw tables with the rows of the files they name."""
    if not isinstance(raw, list | tuple):
        return raw
    out = []
    for i, item in enumerate(raw):
        if isinstance(item, Table) or not isinstance(item, Mapping) or not item.get("file") or item.get("rows"):
            out.append(item)
            continue
        place = f"{where}: tables.{i + 1} ({item.get('name', 'no name')}).file"
        if folder is None:
            faults.add(place, repr(item["file"]), "rows in the document, as it has no folder")
            continue
        path = (folder / str(item["file"])).resolve()
        try:
            frame = read_raw(path)
        except SourceError as error:
            faults.add(place, error.message, "a CSV file beside the contract")
            continue
        texts = {item.get("label"), "code"} if item.get("kind") == "labels" else set()
        rows = [{k: (v if k in texts else _cell(v)) for k, v in row.items()} for row in frame.iter_rows(named=True)]
        out.append({**item, "rows": rows})
    return out


def _cell(text: Any) -> str | float | None:  # noqa: ANN401  # a cell of a CSV or parquet file
    if text is None or text == "":
        return None
    try:
        return float(text)
    except (TypeError, ValueError):
        return str(text)


def _check(contract: Contract, broken: set[str], faults: Faults, where: str) -> None:
    """Add a fault for each name, party, parameter, table or output that contradicts another."""
    tables = contract.table_map()
    kinds: dict[str, str] = {}
    _check_names(contract, faults, where)
    for each in contract.inputs:
        kinds[each.name] = {"text": "text", "financial_year": "text", "date": "date"}.get(each.type, "number")
    for date in contract.dates:
        kinds[date.name] = "date"
    _check_inputs(contract, kinds, faults, where)
    for table in contract.tables:
        table.check(faults, f"{where}: table {table.name}")
    for parameter in contract.parameters:
        _check_parameter(contract, parameter, kinds, faults, where)
        kinds[parameter.name] = "number"
    all_steps = {o for term in contract.terms for o in term.outputs()} | broken
    for place, term in _places(contract, where):
        for field, name, needs in term.references():
            _check_reference(name, f"{place}.{field}", kinds, all_steps, broken, faults, needs=needs)
        for field, condition in term.conditions():
            _check_condition(condition, f"{place}.{field}", kinds, faults)
        term.check(faults, place, tables)
        for party in term.parties():
            if party not in {p.code for p in contract.parties}:
                faults.add(
                    place, f"unknown party {party!r}", "a party of the contract", suggest(party, _codes(contract))
                )
        kinds.update(dict.fromkeys(term.outputs(), "number"))
    for i, output in enumerate(contract.outputs, start=1):
        place = f"{where}: outputs.{i} ({output.name})"
        if output.of not in kinds and output.of not in broken and output.of.split(".")[0] not in broken:
            faults.add(
                f"{place}.of", f"unknown name {output.of!r}", "the name of a step", suggest(output.of, all_steps)
            )
        for field, code in (("payer", output.payer), ("payee", output.payee)):
            if code is not None and code not in _codes(contract):
                faults.add(
                    f"{place}.{field}",
                    f"unknown party {code!r}",
                    "a party of the contract",
                    suggest(code, _codes(contract)),
                )
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
    if not contract.outputs:
        faults.add(f"{where}: outputs", "none", "at least one output")
    for i, notice in enumerate(contract.notices, start=1):
        _check_condition(notice.when, f"{where}: notices.{i}.when", kinds, faults)
        for name in names_in(notice.when):
            if name not in kinds and name not in broken:
                faults.add(f"{where}: notices.{i}.when", f"unknown name {name!r}", "a known name", suggest(name, kinds))
    for name in (*contract.key, *(contract.shown or ())):
        if name not in contract.input_map():
            faults.add(f"{where}: key", f"unknown input {name!r}", "an input", suggest(name, contract.input_map()))
    if contract.period is not None and contract.period.end is not None and contract.period.end < contract.period.start:
        faults.add(f"{where}: period.end", str(contract.period.end), f"a day after {contract.period.start}")


def _check_condition(condition: str, place: str, kinds: Mapping[str, str], faults: Faults) -> None:
    for words in misfits(condition, kinds):
        faults.add(place, f"a comparison of {words}", "like with like: texts in quotes, dates as '2023-12-31'")


def _codes(contract: Contract) -> list[str]:
    return [party.code for party in contract.parties]


def _places(contract: Contract, where: str) -> list[tuple[str, Term]]:
    return [(f"{where}: terms.{i} ({term.step})", term) for i, term in enumerate(contract.terms, start=1)]


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
                faults.add(f"{place}.table", f"a {each.type}", "a label table only for a text")
            if each.table not in tables:
                faults.add(f"{place}.table", repr(each.table), "a table of the contract", suggest(each.table, tables))
            elif "code" not in tables[each.table].columns():
                faults.add(f"{place}.table", f"table {each.table!r} without a column 'code'", "a column of labels used")
        if isinstance(each.default, str) and each.type in {"number", "flag", "year"} and each.default not in inputs:
            faults.add(f"{place}.default", repr(each.default), "a number or an input", suggest(each.default, inputs))
        if each.default is not None and not each.default_says:
            faults.add(f"{place}.default_says", "nothing", "why an empty cell may be read so")
        for name in [n for c in (each.needed_when, each.column_needed_when) if c for n in names_in(c)]:
            known = [*kinds, *(p.name for p in contract.parameters)]
            if name not in known:
                faults.add(
                    f"{place}.needed_when", f"unknown name {name!r}", "an input or parameter", suggest(name, known)
                )
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
    if parameter.status == "published" and not all(v.source for v in parameter.values):
        faults.add(f"{place}.values", "a published value without a source", "a source on every published value")


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
            "A circular input: move the step that gives it up, or refer to an earlier one.",
        )
    else:
        faults.add(place, f"unknown name {name!r}", "an input, a parameter or an earlier step", suggest(name, [*kinds]))


__all__ = [
    "Contract",
    "ContractParameter",
    "Input",
    "NamedDate",
    "Notice",
    "Output",
    "ParameterValue",
    "Party",
    "Period",
    "Scope",
    "WorkedCase",
    "any_term",
    "contract_schema",
    "parse_contract",
    "read_contract",
]
