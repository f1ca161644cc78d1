"""Kinds of documents that the service keeps: how a body becomes one, what its id and title are, and which ones ship.

A document is kept as the canonical text of its checked content, so two bodies that mean the same have one digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from api.service.canonical import canonical, digest, plain
from api.service.packs import Pack
from api.service.problems import BODY
from api.service.store import ChangedError, Store
from capitation.documents import parse_document, read_document, read_mapping
from capitation.errors import DocumentError, Fault
from capitation.need_formula import FormulaDocument, need_catalogue
from capitation.scenario import Scenario
from contracts.document import Contract, contract_schema, parse_contract, read_contract
from optimiser.problem import Problem

SHIPPED = "data-pack"
"""Author of the documents that come with the data pack."""

FILE_KEYS = ("solutions_folder", "activity_file", "flows_file", "prices_file", "run")
"""Keys with which a problem names files; a body names none, since files of the server are not the caller's to read."""


@dataclass(frozen=True)
class Noun:
    """One kind of document.

    Args:
        kind: its name in the store and in errors.
        plural: its name in addresses.
        checked: the canonical content of a body, once it has no fault; the pack is what names in it refer to.
        shipped: canonical contents of the documents of a pack by id.
        schema: its JSON Schema.
    """

    kind: str
    plural: str
    checked: Callable[[dict[str, Any], Pack], str]
    shipped: Callable[[Pack], Mapping[str, str]]
    schema: Callable[[], dict[str, Any]]


def seed(store: Store, pack: Pack) -> int:
    """Put the documents of a pack into the store; how many versions were added.

    A document that a user changed is left as the user has it.
    """
    added = 0
    for noun in NOUNS.values():
        for name, content in _shipped(noun, pack, pack.digest):
            newest = store.document(noun.kind, name)
            if newest is not None and newest.author != SHIPPED:
                continue
            try:
                _, is_new = store.add_document(
                    noun.kind,
                    name,
                    title_of(content_of(content)),
                    content,
                    digest(content),
                    SHIPPED,
                    None if newest is None else newest.digest,
                )
            except ChangedError:  # another server that starts at the same moment added it
                continue
            added += is_new
    return added


@lru_cache(maxsize=16)
def _shipped(noun: Noun, pack: Pack, _content: str) -> tuple[tuple[str, str], ...]:
    """The documents of a pack with this content, read once a process."""
    return tuple(noun.shipped(pack).items())


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
    paths = sorted((pack.folder / "scenarios").glob("*.toml"))
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
    contracts = (read_contract(path) for path in sorted((pack.folder / "contracts").glob("*.toml")))
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
        message = "a problem that is sent cannot name files of the server"
        raise DocumentError(message, faults)
    return canonical(parse_document(content, Problem, BODY))


def _problems(pack: Pack) -> dict[str, str]:
    contents = (read_mapping(path) for path in sorted((pack.folder / "problems").glob("*.toml")))
    return {str(content["id"]): canonical(content) for content in contents}


NOUNS: dict[str, Noun] = {
    noun.plural: noun
    for noun in (
        Noun("scenario", "scenarios", _scenario, _scenarios, Scenario.model_json_schema),
        Noun("formula", "formulas", _formula, _formulas, FormulaDocument.model_json_schema),
        Noun("contract", "contracts", _contract, _contracts, contract_schema),
        Noun("problem", "problems", _problem, _problems, Problem.model_json_schema),
    )
}
"""Kinds of documents by their name in addresses."""
