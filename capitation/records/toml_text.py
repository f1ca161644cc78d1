"""A document as TOML text that reads back as the same document: values first, then tables, then lists of tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capitation.errors import DocumentError
from capitation.records.documents import Document


def toml_text(document: Document) -> str:
    """The TOML text of a document; keys that hold their default are left out.

    Raises:
        DocumentError: the document holds a value that TOML has no form for.

    Example:
        A document with title "Hub" and costs of £5 gives `title = "Hub"` and a `[[costs]]` table with `pounds = 5`.
    """
    return "\n".join(_lines(document.model_dump(exclude_defaults=True), ())).strip() + "\n"


def _lines(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{key} = {_value(value, (*path, key))}" for key, value in content.items() if not _is_table(value)]
    for key, value in content.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            lines += ["", f"[{'.'.join(here)}]", *_lines(value, here)]
        elif _is_table(value):
            for row in value:
                lines += ["", f"[[{'.'.join(here)}]]", *_lines(row, here)]
    return lines


def _is_table(value: object) -> bool:
    """Whether a value is a table or a list of tables."""
    return isinstance(value, Mapping) or (
        isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and isinstance(value[0], Mapping)
    )


def _value(value: object, path: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{"".join(_escaped(c) for c in value)}"'
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(v, path) for v in value)}]"
    raise DocumentError(f"{'.'.join(path)}: found {value!r}; expected text, a number, true or false, a list or a table")


def _escaped(c: str) -> str:
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c)
