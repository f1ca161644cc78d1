"""The sentence under each field of a document, read from its source when it is first asked for.

Schemas, pages and READMEs show these sentences; a run shows none. So the sources are not read where a model is made, but here, once.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


@cache
def sentences(model: type[BaseModel]) -> Mapping[str, str]:
    """The sentence of each field of a model: that of the last class in its line that names the field; empty where it has none."""
    written: dict[str, str] = {}
    for base in reversed(model.__mro__):
        own = _of_module(base.__module__).get(base.__qualname__, {}) if issubclass(base, BaseModel) else {}
        written |= {name: own.get(name, "") for name in vars(base).get("__annotations__", ())}
    return {name: info.description or written.get(name, "") for name, info in model.model_fields.items()}


def describe(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Put the sentence of each field into the JSON Schema of its model."""
    properties = schema.get("properties", {})
    for name, sentence in sentences(model).items():
        key = name if name in properties else model.model_fields[name].alias
        if sentence and key in properties:
            properties[key] = dict(sorted({**properties[key], "description": sentence}.items()))


@cache
def _of_module(module: str) -> Mapping[str, Mapping[str, str]]:
    """Sentences of the fields of each class of a module, by the qualified name of the class; none without its source."""
    try:
        return dict(_of_classes(ast.parse(inspect.getsource(sys.modules[module])).body, ""))
    except (KeyError, OSError, TypeError):
        return {}


def _of_classes(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            name = prefix + statement.name
            yield name, dict(_of_fields(statement.body))
            yield from _of_classes(statement.body, f"{name}.")
        elif isinstance(statement, ast.FunctionDef):
            yield from _of_classes(statement.body, f"{prefix}{statement.name}.<locals>.")


def _of_fields(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            said = below.value
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                yield field.target.id, inspect.cleandoc(said.value)
