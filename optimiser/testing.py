"""A kit for whoever writes a block: `check_block` says what a module still lacks to be one.

from optimiser.testing import check_block
check_block(my_block, problem)      # problem: a small one in which every constraint of the block applies
"""

from __future__ import annotations

from types import ModuleType
from typing import get_args

from capitation.records.described import sentences
from capitation.records.documents import Document
from optimiser.blocks import all_parts, own
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem, document_model
from optimiser.programme.core import DocumentKey
from optimiser.programme.programme import Part

_SIGNS = ("<=", ">=", " = ")


def check_block(module: ModuleType, problem: Problem | None = None) -> None:
    """Check that a module is a whole block: words, rows of the document, order, and that its limits apply.

    Args:
        module: the block.
        problem: a small problem in which each of its constraints makes a row; without, that is not looked at.

    Raises:
        AssertionError: what is missing, all of it together.
    """
    parts: list[Part] = list(own(module, Part))
    missing = [] if (module.__doc__ or "").strip() else ["the module says nothing about itself"]
    if not parts:
        missing.append("no part: expected variables, constraints, charges or measures")
    for part in parts:
        missing += [f"{part.kind} {part.name}: {lack}" for lack in _lacks(part)]
    for entry in own(module, DocumentKey):
        missing += _undescribed(entry)
    if problem is not None:
        made = {family.name: family for family in programme_matrix(problem).rows}
        for part in parts:
            applied = [made[family] for family in part.families if family in made]
            missing += [f"constraint {part.name}: no family {f!r} of rows" for f in part.families if f not in made]
            if part.kind == "constraint" and not any(family.count for family in applied):
                missing.append(f"constraint {part.name}: makes no row in problem {problem.id!r}")
            missing += [f"constraint {part.name}: {f.name!r} has no unit" for f in applied if not f.unit]
    if missing:
        raise AssertionError(f"{module.__name__} is no whole block:\n" + "\n".join(f"- {lack}" for lack in missing))


def _lacks(part: Part) -> list[str]:
    lacks = [] if part.words.strip() else ["no docstring"]
    if [p for p in all_parts() if p.kind == part.kind and p.name == part.name and p is not part]:
        lacks.append("another part of that kind has the name")
    if part.kind != "constraint":
        return lacks
    if not part.families:
        lacks.append("names no family of rows")
    if "In words:" not in part.words:
        lacks.append('does not say its inequality after "In words:"')
    if not any(sign in part.words for sign in _SIGNS):
        lacks.append("does not write its inequality in symbols")
    if not any(word in part.words for word in ("(policy)", "(physics", "policy by choice")):
        lacks.append("does not say whether it is policy or physics")
    return lacks


def _undescribed(entry: DocumentKey[object]) -> list[str]:
    lacks = [] if entry.about else [f"key {entry.field}: no sentence about it"]
    if entry.field not in document_model().model_fields:
        lacks.append(f"key {entry.field}: the problem document does not have it")
    for model in (entry.shape, *get_args(entry.shape)):
        if isinstance(model, type) and issubclass(model, Document):
            silent = [name for name, sentence in sentences(model).items() if not sentence]
            lacks += [f"key {entry.field}: {model.__name__}.{name} has no sentence" for name in silent]
    return lacks
