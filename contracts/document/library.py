"""Library: the real deals that the data pack carries, each with its source, its marks of verification and a worked case.

A deal is complete when it names its source and licence, has a category in the LAN framework, marks every parameter, marks
every clause or says what it is for, and has a worked case with its arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from capitation.errors import ContractError, Fault, Faults
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.terms._base import Mark

LAN = (
    "1", "2A", "2B", "2C", "3A", "3B", "3N", "4A", "4B", "4C", "4N",
)  # fmt: skip
"""Categories of the Health Care Payment Learning & Action Network; 1 is fee for service, N has no link to quality."""

_LAN = re.compile(r"\bLAN (?:category )?([1-4][A-CN]?(?:/[1-4][A-CN]?)*)\b")
_MARKS: tuple[Mark, ...] = ("published", "read", "unverified")


class Deal(Schema):
    """One deal of the library."""

    id = Column(pl.String, "id", "Contract", key=True)
    title = Column(pl.String, "words", "Title")
    lan = Column(pl.String, "category", "Categories of the LAN framework, in order")
    source = SOURCE.but(unit="words", about="Where the deal is published")
    parameters = Column(pl.Int64, "number", "Figures of the contract", ge=0)
    published = Column(pl.Int64, "number", "Of these, checked against published figures", ge=0)
    read = Column(pl.Int64, "number", "Of these, read in the cited text", ge=0)
    unverified = Column(pl.Int64, "number", "Of these, to be confirmed", ge=0)
    unverified_clauses = Column(pl.Int64, "number", "Clauses to be confirmed", ge=0)
    cases = Column(pl.Int64, "number", "Worked cases", ge=1)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Every parameter is marked once."""
        marked = cls.published.col + cls.read.col + cls.unverified.col
        return {"every parameter has one mark": marked == cls.parameters.col}


def read_library(folder: Path) -> dict[str, Contract]:
    """Every contract document of a folder by id, once each of them is complete.

    Raises:
        ContractError: no document, two with one id, or what each one lacks; all together.
    """
    paths = sorted(folder.glob("*.toml"))
    faults = Faults()
    found: dict[str, Contract] = {}
    for path in paths:
        try:
            contract = read_contract(path)
        except ContractError as error:
            faults.extend(error.faults)
            continue
        if contract.id in found:
            faults.add(str(path), f"the id {contract.id!r} again", "each id once")
        if contract.id != path.stem:
            faults.add(str(path), f"the id {contract.id!r}", f"{path.stem!r}, as the file is named")
        found[contract.id] = contract
        faults.extend(lacking(contract))
    if not paths:
        faults.add(str(folder), "no contract documents", "TOML files, one for each deal")
    faults.raise_if_any(ContractError, f"{folder}: the library is not complete")
    return found


def lacking(contract: Contract) -> Iterator[Fault]:
    """What a document lacks to stand in the library, one fault each."""
    where = f"contract {contract.id}"
    for field in ("about", "source", "licence", "classification"):
        if not getattr(contract, field).strip():
            yield Fault(f"{where}: {field}", "nothing", "a sentence")
    unknown = [category for category in lan_categories(contract) if category not in LAN]
    if contract.classification and (unknown or not lan_categories(contract)):
        yield Fault(f"{where}: classification", repr(contract.classification), f"LAN and one of {', '.join(LAN)}")
    if not contract.cases:
        yield Fault(f"{where}: cases", "none", "at least one worked case")
    for case in contract.cases:
        if not case.arithmetic or not case.source or not case.expected:
            yield Fault(f"{where}: case {case.name!r}", "no arithmetic, source or figures", "all three")
    for term in contract.terms:
        if term.status is None and not term.clause and not term.about:
            yield Fault(
                f"{where}: step {term.step}", "no status, clause or sentence", "a mark, or what the step is for"
            )
    for parameter in contract.parameters:
        for given in parameter.values:
            if parameter.status != "unverified" and not given.source:
                yield Fault(
                    f"{where}: parameter {parameter.name}",
                    f"a value that is {parameter.status} without a source",
                    "a source, or the mark unverified",
                )


def lan_categories(contract: Contract) -> tuple[str, ...]:
    """The LAN categories that a contract's classification names, in order.

    Example:
        "LAN 3A/3B: shared savings" gives ("3A", "3B").
    """
    return tuple(part for match in _LAN.findall(contract.classification) for part in match.split("/"))


def deals(library: Mapping[str, Contract]) -> Frame[Deal]:
    """One row a deal: category, source, and how many of its figures are checked, read and to be confirmed."""
    rows = [
        {
            "id": contract.id,
            "title": contract.title,
            "lan": ", ".join(lan_categories(contract)),
            "source": contract.source,
            "parameters": len(contract.parameters),
            **{mark: sum(p.status == mark for p in contract.parameters) for mark in _MARKS},
            "unverified_clauses": sum(term.status == "unverified" for term in contract.terms),
            "cases": len(contract.cases),
        }
        for contract in library.values()
    ]
    return Deal.validate(pl.DataFrame(rows, schema=Deal.dtypes()), "library")


def deals_markdown(library: Mapping[str, Contract]) -> str:
    """The library as a table in Markdown, one line a deal, as it stands in the folder's README."""
    lines = [
        "| Contract | What it is | LAN | Source | Parameters: published / read / unverified | Clauses unverified | Cases |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in deals(library).iter_rows(named=True):
        marks = f"{row['published']} / {row['read']} / {row['unverified']}"
        source = row["source"].replace("|", "/")
        lines.append(
            f"| `{row['id']}` | {row['title']} | {row['lan']} | {source} | {marks} | {row['unverified_clauses']} | {row['cases']} |"
        )
    return "\n".join(lines)


__all__ = ["LAN", "Deal", "deals", "deals_markdown", "lacking", "lan_categories", "read_library"]
