"""Documents on pages: what stands in one as fields by their path, one field changed with a reason and an owner, and a copy."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from capitation.errors import DocumentError, Fault


@dataclass(frozen=True)
class FieldOf:
    """A value in a document: its path, and what it says."""

    path: str
    value: str
    words: str


def fields_of(content: Any, path: str = "", words: str = "") -> Iterator[FieldOf]:  # noqa: ANN401  # any JSON
    """The numbers, texts and choices of a document that can be changed, by their path such as `money.top_slices.1.rate`."""
    if isinstance(content, dict):
        named = next(
            (str(content[n]) for n in ("name", "title", "stream", "year", "id") if content.get(n) and path), ""
        )
        for name, value in content.items():
            if not path and name in {"id", "about", "title"}:
                continue
            yield from fields_of(
                value, f"{path}.{name}" if path else name, f"{words} {named} {name}".replace("_", " ").strip()
            )
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from fields_of(value, f"{path}.{number}", words)
    elif content is not None:
        yield FieldOf(
            path,
            str(content).lower() if isinstance(content, bool) else str(content),
            " ".join(dict.fromkeys(words.split())),
        )


def changed(content: dict[str, Any], path: str, value: str, reason: str, owner: str) -> dict[str, Any]:
    """A document with one value changed, and the change with its reason and owner in its words.

    Raises:
        DocumentError: no reason, no owner, or no such value.
    """
    faults = [
        Fault(name, "nothing", f"{what}")
        for name, text, what in (("reason", reason, "why it is changed"), ("owner", owner, "who answers for it"))
        if len(text) < 3
    ]
    made: dict[str, Any] = json.loads(json.dumps(content))
    here: Any = made
    *way, last = path.split(".")
    try:
        for part in way:
            here = here[int(part)] if isinstance(here, list) else here[part]
        key: Any = int(last) if isinstance(here, list) else last
        before = here[key]
        is_leaf = not isinstance(before, dict | list)
    except (KeyError, IndexError, ValueError, TypeError):
        is_leaf, key, before = False, "", None
    if not is_leaf:
        faults.append(Fault("path", repr(path[:80]), "a value of this document"))
    if faults:
        raise DocumentError("the change cannot be made", faults)
    here[key] = value == "true" if isinstance(before, bool) else _like(before, value)
    on = dt.datetime.now(dt.UTC).strftime("%-d %B %Y")
    made["about"] = (
        f"{made.get('about', '')} Changed on {on}: {path} from {before} to {value}, because {reason.rstrip('.')} ({owner}).".strip()
    )
    return made


def _like(before: Any, value: str) -> Any:  # noqa: ANN401  # any plain value
    if isinstance(before, int | float) and not isinstance(before, bool):
        try:
            return type(before)(value)
        except ValueError:
            return value  # its own model says what is wrong with it
    return value


def copied(content: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    """A document under another id and title."""
    return {**content, "id": name, "title": title or content.get("title", name)}


__all__ = ["FieldOf", "changed", "copied", "fields_of"]
