"""Contracts in words: every term as its own docstring, fields and first worked case say it; a test compares the README with this."""

from __future__ import annotations

import inspect
from typing import Any

from capitation.records.described import sentences
from contracts.document.schema import any_term
from contracts.terms import all_terms
from contracts.terms._base import Case, Term


def terms_in_words() -> str:
    """Markdown: one part a term with what it says, its kind, its fields, its formula and a worked case."""
    return "\n".join(_term(name, term) for name, term in all_terms().items())


def _term(name: str, term: type[Term]) -> str:
    case = term.cases[0]
    built = any_term().validate_python({"term": name, "step": "result", **case.fields})
    common = set(Term.model_fields)
    fields = [
        f"- `{info.alias or field}`{'' if info.is_required() else ' (optional)'}: {' '.join(sentences(term)[field].split())}"
        for field, info in term.model_fields.items()
        if field not in common
    ]
    parts = [f"- `result.{part}` is given besides" for part in built.parts()]
    lines = [
        f"### {name}",
        "",
        inspect.cleandoc(term.__doc__ or ""),
        "",
        f"Kind: {term.kind}.",
        "",
        *fields,
        *parts,
        "",
        f"Case: {case.name}. `{built.formula()}` with {_row(case)} gives {_results(case)} ({case.arithmetic}).",
        "",
    ]
    return "\n".join(lines)


def _row(case: Case) -> str:
    return ", ".join(f"{k} {_cell(v)}" for k, v in case.rows[0].items()) or "nothing else"


def _results(case: Case) -> str:
    return ", ".join(f"{'result' if not p else f'result.{p}'} {_cell(v[0])}" for p, v in case.expected.items())


def _cell(value: Any) -> str:  # noqa: ANN401  # a cell of a worked case
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


__all__ = ["terms_in_words"]
