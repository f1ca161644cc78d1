"""A contract document read: every term by its name, every table from its file, and every fault of form and meaning at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from capitation.errors import ContractError, DocumentError, Fault, Faults, SourceError, suggest
from capitation.pack.sources import read_raw
from capitation.records.documents import parse_document, read_mapping
from contracts.document.checks import check_contract
from contracts.document.models import CODE_FORM, Contract
from contracts.language.tables import Table
from contracts.terms import all_terms
from contracts.terms._base import NAME as AMOUNT_FORM
from contracts.terms._base import Term


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
        faults.extend(_counted_from_one(error.faults, where))
        faults.raise_if_any(ContractError, f"{where}: not a valid contract")
        raise
    contract = contract.model_copy(update={"terms": tuple(terms)})
    check_contract(contract, broken, faults, where)
    faults.raise_if_any(ContractError, f"{where}: not a valid contract")
    return contract


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
                faults.extend(_counted_from_one(error.faults, place))
            else:
                out.append(term)
                broken.discard(term.step)
    return out, broken


def _counted_from_one(faults: Iterable[Fault], where: str) -> Iterator[Fault]:
    """Faults whose places count the entries of a list from 1, as people do."""
    for fault in faults:
        key = fault.where.removeprefix(where)
        counted = re.sub(r"(?<=[.\s])(\d+)(?=\.|$)", lambda found: str(int(found[1]) + 1), key)
        own = _in_contract_words(fault)
        yield replace(own, where=f"{fault.where[: len(fault.where) - len(key)]}{counted}")


_FORMS = {
    AMOUNT_FORM: "a number, or the name of an input, a parameter or an earlier step (small letters, digits, underscores)",
    r"^[a-z][a-z0-9_]*$": "a name of small letters, digits and underscores, such as shared_gain",
    CODE_FORM: "a short code of letters, digits, hyphens and underscores",
}


def _in_contract_words(fault: Fault) -> Fault:
    """A fault of form in the words of contracts, with how a percentage or a fraction is written."""
    form = next((said for form, said in _FORMS.items() if form in fault.expected), None)
    if form is None and fault.expected == "a number or a text":
        form = _FORMS[AMOUNT_FORM]
    remedy = fault.remedy
    percent = re.fullmatch(r"'(-?\d+(?:\.\d+)?) ?%'", fault.found)
    fraction = re.fullmatch(r"'(\d+)/(\d+)'", fault.found)
    if percent and not remedy:
        remedy = f"{percent[1]}% is written as {float(percent[1]) / 100:g}."
    elif fraction and float(fraction[2]) and not remedy:
        remedy = f"{fraction[1]}/{fraction[2]} is written as {int(fraction[1]) / int(fraction[2]):.12g}."
    return replace(fault, expected=form or fault.expected, remedy=remedy)


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


__all__ = ["Contract", "parse_contract", "read_contract"]
