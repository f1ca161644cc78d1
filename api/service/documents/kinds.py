"""Kinds of documents that the service keeps: how a body becomes one, what its id and title are, and which ones ship.

A document is kept as the canonical text of its checked content, so two bodies that mean the same have one digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from api.service.records.failures import BODY
from api.service.records.pack import Pack
from api.service.store import ChangedError, ShippedDocument, Store
from capitation.errors import ContractError, DocumentError, Fault
from capitation.records.documents import parse_document, read_document, read_mapping
from capitation.records.identity import canonical, digest, plain
from capitation.run.scenario import Scenario
from capitation.weighting.formula import FormulaDocument, need_catalogue
from contracts.document.contract import Contract, parse_contract, read_contract
from contracts.document.schema import contract_schema
from contracts.options.document import ContractOptions, option_faults, read_options
from optimiser.problem.document import Problem

SHIPPED = "data-pack"
"""Author of the documents that come with the data pack."""

FILE_KEYS = ("solutions_folder", "activity_file", "flows_file", "prices_file", "run")
"""Keys with which a problem names files; a body names none, since files of the server are not the caller's to read."""


@dataclass(frozen=True)
class DocumentKind:
    """One kind of document.

    Args:
        kind: its name in the store and in errors.
        words: its name in a sentence, with its article.
        plural: its name in addresses.
        checked: the canonical content of a body, once it has no fault; the pack is what names in it refer to.
        shipped: canonical contents of the documents of a pack by id.
        schema: its JSON Schema.
    """

    kind: str
    words: str
    plural: str
    checked: Callable[[dict[str, Any], Pack], str]
    shipped: Callable[[Pack], Mapping[str, str]]
    schema: Callable[[], dict[str, Any]]


def seed(store: Store, pack: Pack) -> int:
    """Put the documents of a pack into the store; how many versions were added.

    A document that a user changed is left as the user has it.
    """
    shipped = _all_shipped(pack, pack.digest)
    try:
        return store.ship(shipped, SHIPPED)
    except ChangedError:  # somebody changed one of them at the same moment
        return store.ship(shipped, SHIPPED)


@lru_cache(maxsize=8)
def _all_shipped(pack: Pack, _content: str) -> tuple[ShippedDocument, ...]:
    return tuple(
        ShippedDocument(noun.kind, name, digest(content), title_of(content_of(content)), content)
        for noun in DOCUMENT_KINDS.values()
        for name, content in shipped_documents(noun, pack).items()
    )


def shipped_documents(noun: DocumentKind, pack: Pack) -> Mapping[str, str]:
    """Canonical contents of the documents of a kind in a pack by id, read once a process."""
    return _shipped(noun, pack, pack.digest)


@lru_cache(maxsize=32)
def _shipped(noun: DocumentKind, pack: Pack, _content: str) -> Mapping[str, str]:
    return MappingProxyType(dict(noun.shipped(pack)))


def content_of(text: str) -> dict[str, Any]:
    """The content of a stored document."""
    found: dict[str, Any] = plain(text)
    return found


def title_of(content: Mapping[str, Any]) -> str:
    """The title of a document for people; its id where it has none. Characters that no database keeps become "?"."""
    title = str(content.get("title") or content.get("id") or "")
    return title.encode("utf-8", "replace").decode().replace("\x00", "?")


def _scenario(content: dict[str, Any], _pack: Pack) -> str:
    return canonical(parse_document(content, Scenario, BODY))


def _scenarios(pack: Pack) -> dict[str, str]:
    paths = pack.documents("scenarios")
    return {d.id: canonical(d) for d in (read_document(path, Scenario) for path in paths)}


def _formula(content: dict[str, Any], pack: Pack) -> str:
    document = parse_document(content, FormulaDocument, BODY)
    need_catalogue(pack.opened()).resolve(document)
    return canonical(document)


def _formulas(pack: Pack) -> dict[str, str]:
    return {name: canonical(document) for name, document in need_catalogue(pack.opened()).documents.items()}


def _contract(content: dict[str, Any], _pack: Pack) -> str:
    return _contract_text(parse_contract(content, where=BODY))


def _contracts(pack: Pack) -> dict[str, str]:
    contracts = (read_contract(path) for path in pack.documents("contracts"))
    return {contract.id: _contract_text(contract) for contract in contracts}


def _contract_text(contract: Contract) -> str:
    content = contract.model_dump(mode="python", by_alias=True)
    content["terms"] = [term.model_dump(mode="python", by_alias=True) for term in contract.terms]
    return canonical(content)


def _problem(content: dict[str, Any], _pack: Pack) -> str:
    faults = [
        Fault(f"{BODY}: {key}", "the name of a file", "the rows themselves", "Give the content in the document.")
        for key in FILE_KEYS
        if content.get(key) is not None
    ]
    if faults:
        raise DocumentError("a problem that is sent cannot name files of the server", faults)
    return canonical(parse_document(content, Problem, BODY))


def _problems(pack: Pack) -> dict[str, str]:
    contents = (read_mapping(path) for path in pack.documents("problems"))
    return {str(content["id"]): _problem_text(content) for content in contents}


def _problem_text(content: dict[str, Any]) -> str:
    """A problem that ships as it would be kept if it were sent; one that names files of the pack as it stands there."""
    if any(content.get(key) is not None for key in FILE_KEYS):
        return canonical(content)
    return canonical(parse_document(content, Problem, "data pack"))


def _options(content: dict[str, Any], _pack: Pack) -> str:
    document = parse_document(content, ContractOptions, BODY)
    faults = [replace(fault, where=f"{BODY}: {fault.where}") for fault in option_faults(document, None, {})]
    if faults:
        raise ContractError("the options contradict themselves", faults)
    return canonical(document)


def _all_options(pack: Pack) -> dict[str, str]:
    documents = (read_options(path) for path in pack.documents("options"))
    return {document.id: canonical(document) for document in documents}


DOCUMENT_KINDS: dict[str, DocumentKind] = {
    noun.plural: noun
    for noun in (
        DocumentKind("scenario", "a scenario", "scenarios", _scenario, _scenarios, Scenario.model_json_schema),
        DocumentKind("formula", "a formula", "formulas", _formula, _formulas, FormulaDocument.model_json_schema),
        DocumentKind("contract", "a contract", "contracts", _contract, _contracts, contract_schema),
        DocumentKind("problem", "a problem", "problems", _problem, _problems, Problem.model_json_schema),
        DocumentKind(
            "options", "a set of contract options", "options", _options, _all_options, ContractOptions.model_json_schema
        ),
    )
}
"""Kinds of documents by their name in addresses."""
