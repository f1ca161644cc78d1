"""What is wrong with an address, its query or a header, in the words in which faults of bodies are said: what to write, with an example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.service.runtime.queries import needs_of
from capitation.errors import Fault, suggest

_LONGEST = 80
_DESCRIPTION = "/openapi.json describes every address"

_WORDS = {
    "missing": "a value",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a text of at most {max_length} characters",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def parameter_faults(errors: Iterable[Mapping[str, Any]], route: BaseRoute | None) -> list[Fault]:
    """One fault for each parameter of a path, query or header that does not fit its description.

    Args:
        errors: the errors of the framework.
        route: the address that was asked for, whose examples show what fits.
    """
    examples = _examples(route) if isinstance(route, APIRoute) else {}
    return [_fault(each, examples) for each in errors]


def no_such_address(method: str, path: str, paths: Iterable[str]) -> str:
    """What to say where an address does not exist: those that may be meant, where it looks like one of the service's own."""
    said = f"{method} {path}: there is no such address"
    parts = path.strip("/").split("/")
    if parts[0] != "v1":
        return said
    known = [each for each in paths if each.startswith("/v1/")]
    below = {each.split("/")[2] for each in known}
    if len(parts) == 1 or parts[1] not in below:
        near = suggest(parts[1][:64], below).replace(" '", " '/v1/") if len(parts) > 1 else ""
        return f"{said}. {f'{near} ' if near.startswith('Did') else ''}{_DESCRIPTION}"
    inside = [each for each in known if each.split("/")[2] == parts[1]]
    return f"{said}. Known below /v1/{parts[1]}: {', '.join(inside)}"


def no_such_method(method: str, path: str, allowed: Sequence[str]) -> str:
    """What to say where an address does not take a method: those that it takes."""
    return f"{method} {path}: this address takes {' and '.join(filter(None, [', '.join(allowed[:-1]), *allowed[-1:]]))}"


def in_words(error: Mapping[str, Any]) -> str:
    """What a value must be, in the words of the product; the framework's own where there are none."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _WORDS:
        return _WORDS[kind].format_map({**context})
    return str(error["msg"]).removeprefix("Value error, ")


def _fault(error: Mapping[str, Any], examples: Mapping[tuple[str, str], Any]) -> Fault:
    place, name, *_ = (*map(str, error["loc"]), "")
    kind, given, context = str(error["type"]), error.get("input"), error.get("ctx") or {}
    example = examples.get((place, name.lower()))
    said = in_words(error)
    if kind == "string_pattern_mismatch":
        said = f"a text of the form {context.get('pattern')}" if example is None else f"a text such as {example!r}"
    found = "nothing" if kind == "missing" else repr(given)[:_LONGEST]
    near = ""
    if kind in {"literal_error", "enum"}:
        near = suggest(str(given), re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return Fault(f"{place}: {name}" if name else place, found, said, near)


def _examples(route: APIRoute) -> dict[tuple[str, str], Any]:
    """An example of every parameter that has one, by where it stands and its name in small letters."""
    return {
        (place, str(field.alias).lower()): example
        for below in needs_of(route.dependant)
        for place in ("path", "query", "header")
        for field in getattr(below, f"{place}_params")
        for example in _first(field.field_info.examples)
    }


def _first(examples: Sequence[Any] | None) -> Iterator[Any]:
    yield from [each for each in examples or () if each is not None][:1]


__all__ = ["in_words", "no_such_address", "no_such_method", "parameter_faults"]
