"""The example of a model: each of its fields at its own first example, so that an example is written once, beside its field."""

from __future__ import annotations

from typing import Any

from capitation.documents import Document


def example_of(model: type[Document]) -> dict[str, Any]:
    """A whole example of a model, made of the examples of its fields.

    Example:
        A model with the fields `id` (examples=["cap"]) and `count` (examples=[3]) gives {"id": "cap", "count": 3}.

    Raises:
        TypeError: a field has no example.
    """
    bare = [name for name, info in model.model_fields.items() if not info.examples]
    if bare:
        message = f"{model.__name__}: found no example of {', '.join(bare)}; expected one on each field"
        raise TypeError(message)
    return {info.alias or name: (info.examples or [])[0] for name, info in model.model_fields.items()}
