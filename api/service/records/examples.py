"""The example of a model: each of its fields at its own first example, so that an example is written once, beside its field.

A field that holds another model, or a list of them, needs no example of its own: it is made of the other's.
"""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """A whole example of a model as plain JSON, made of the examples of its fields.

    Example:
        A model with the fields `id` (examples=["cap"]) and `parts` (a list of models with one field, `count`, examples=[3])
        gives {"id": "cap", "parts": [{"count": 3}]}.

    Raises:
        TypeError: a field has no example.
    """
    found, bare = {}, []
    for name, info in model.model_fields.items():
        if info.examples:
            found[info.alias or name] = info.examples[0]
            continue
        inner, is_list = _inner(info.annotation)
        if inner is None:
            bare.append(name)
        else:
            found[info.alias or name] = [example_of(inner)] if is_list else example_of(inner)
    if bare:
        raise TypeError(f"{model.__name__}: found no example of {', '.join(bare)}; expected one on each field")
    return found


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:  # noqa: ANN401  # any annotation
    """The model that a field holds, and whether it holds a list of them; None where it holds something else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    parts = [part for part in get_args(annotation) if part not in {NoneType, Ellipsis}]
    if len(parts) != 1 or get_origin(annotation) is dict:
        return None, False
    inner, is_list = _inner(parts[0])
    return inner, is_list or get_origin(annotation) in {list, tuple}
