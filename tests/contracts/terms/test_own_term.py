"""A system's own clause: one file beside its entry point, or in a folder, found without touching the installed package."""

import os
import sys

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts import all_terms, parse_contract, settle
from contracts.document.schema import any_term, contract_schema
from contracts.testing import check_term

CLAUSE = '''
"""Loyalty: a bonus for each year that a provider has stayed."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from contracts.language.pieces import Pieces
from contracts.terms._base import Amount, Case, Term, number, said, value


class Loyalty(Term):
    """An amount raised by a rate for each year that a provider has stayed in the network."""

    kind: ClassVar[str] = "linear"

    term: Literal["loyalty"] = "loyalty"
    """Which clause this is."""
    amount: Amount
    """What is raised."""
    years: Amount
    """Years stayed."""
    rate: Amount = Decimal("0.01")
    """Rate for each year."""

    def evaluate(self, tables):
        return {self.step: value(self.amount) * (1.0 + value(self.rate) * value(self.years))}

    def reference(self, row, tables):
        return {self.step: number(self.amount, row) * (1.0 + number(self.rate, row) * number(self.years, row))}

    def pieces(self, at, tables=None):
        return Pieces.line(1.0 + number(self.rate, at) * number(self.years, at))

    def formula(self):
        return f"{self.step} = {said(self.amount)} x (1 + {said(self.rate)} x {said(self.years)})"

    cases: ClassVar = (
        Case("three years at 1%", {"amount": "fee", "years": "y"}, [{"fee": 100.0, "y": 3.0}], {"": [103.0]}, "100 x 1.03"),
        Case("none", {"amount": "fee", "years": 0, "rate": "r"}, [{"fee": 50.0, "r": 0.2}], {"": [50.0]}, "50 x 1"),
    )
'''
ENTRY = "[capitation.terms]\nloyalty = our_clauses:Loyalty\n"
DEAL = {
    "id": "loyal",
    "version": "1",
    "title": "A fee with a bonus for loyalty",
    "inputs": [{"name": "fee", "about": "Fee", "unit": "pounds"}, {"name": "stayed", "about": "Years stayed"}],
    "terms": [
        {"step": "raised", "term": "loyalty", "amount": "fee", "years": "stayed", "rate": 0.02},
        {"step": "paid", "term": "cap", "amount": "raised", "limits": [{"base": 120}]},
    ],
    "outputs": [{"name": "paid_pence", "of": "paid", "rounded_to": "pence"}],
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder on the path, as an installed package would stand in; all terms are looked for anew."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    _forget()
    yield tmp_path
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if name == "our_clauses" or name.startswith("capitation_terms"):
            del sys.modules[name]
    _forget()


def _forget():
    all_terms.cache_clear()
    any_term.cache_clear()


def installed(folder, clause=CLAUSE, entry=ENTRY):
    """Write a package of one file as an installer would: its source, and the record of its entry point."""
    (folder / "our_clauses.py").write_text(clause, encoding="utf-8")
    record = folder / "our_clauses-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: our-clauses\nVersion: 1.0\n", encoding="utf-8")
    (record / "entry_points.txt").write_text(entry, encoding="utf-8")


def test_a_clause_of_another_package_settles_a_contract(site):
    with pytest.raises(ContractError, match="unknown term 'loyalty'"):
        parse_contract(DEAL)
    installed(site)
    _forget()
    assert [p.name for p in site.rglob("*.py")] == ["our_clauses.py"], "one file; its cases stand in it"
    check_term(all_terms()["loyalty"])
    done = settle(parse_contract(DEAL), pl.DataFrame({"fee": [100.0, 119.0], "stayed": [3, 5]}), explain=True)
    assert done.results["paid_pence"].to_list() == [10_600, 12_000]
    assert "raised = fee x (1 + 0.02 x stayed)" in done.steps["formula"].to_list()
    assert "Loyalty" in contract_schema()["$defs"]


def test_a_clause_in_a_folder_that_the_system_names_settles_a_contract(site, monkeypatch):
    folder = site / "clauses"
    folder.mkdir()
    (folder / "loyalty.py").write_text(CLAUSE, encoding="utf-8")
    (folder / "_notes.py").write_text("not a clause", encoding="utf-8")
    monkeypatch.setenv("CAPITATION_TERMS", str(folder))
    _forget()
    check_term(all_terms()["loyalty"])
    assert settle(parse_contract(DEAL), pl.DataFrame({"fee": [100.0], "stayed": [3]})).results.item() == 10_600


@pytest.mark.parametrize(
    ("clause", "entry", "message"),
    [
        (CLAUSE, ENTRY.replace("Loyalty", "Lyalty"), r"entry point loyalty = our_clauses:Lyalty .*AttributeError"),
        ("import nothing_of_the_kind", ENTRY, r"ModuleNotFoundError: No module named 'nothing_of_the_kind'; expected"),
        (CLAUSE, ENTRY.replace("loyalty =", "faith ="), r"found the term 'loyalty'; expected 'faith'"),
        (
            CLAUSE.replace('"loyalty"', '"cap"'),
            ENTRY.replace("loyalty =", "cap ="),
            r"'cap' again \(contracts.terms.limits.cap\)",
        ),
        (CLAUSE, ENTRY.replace(":Loyalty", ""), r"expected a class derived from contracts.Term"),
        (CLAUSE, ENTRY.replace(":Loyalty", ":Term"), r"expected a class derived from contracts.Term"),
    ],
)
def test_a_clause_that_cannot_be_used_is_refused_by_name(site, clause, entry, message):
    installed(site, clause, entry)
    _forget()
    with pytest.raises(ContractError, match=message):
        all_terms()


def test_a_folder_that_is_none_or_open_to_all_is_refused(site, monkeypatch):
    monkeypatch.setenv("CAPITATION_TERMS", str(site / "none"))
    with pytest.raises(ContractError, match="expected a folder of Python files, one clause each"):
        all_terms()
    folder = site / "clauses"
    folder.mkdir()
    (folder / "two.py").write_text("x = 1", encoding="utf-8")
    monkeypatch.setenv("CAPITATION_TERMS", str(folder))
    with pytest.raises(ContractError, match="found 0 terms in one file; expected one"):
        all_terms()
    if os.name == "posix":
        folder.chmod(0o777)
        with pytest.raises(ContractError, match="which anyone can write to"):
            all_terms()
