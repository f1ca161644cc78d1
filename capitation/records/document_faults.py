"""What is wrong with a document, in words of the document: keys, what was found there and what was expected.

A key may be one of several forms (a number, a figure with its source, the name of a parameter). The reader tries all and says of each
why it does not fit; of these only the form that was meant is reported, or all forms in one sentence where none was begun.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from capitation.errors import Fault, suggest
from capitation.records import years

_LONGEST = 80
_OTHER_KIND = re.compile(r"(_type|_parsing|_parsing_size|is_instance_of|_from_date_parsing|from_attributes_type)$")
"""Kinds of error that say: this is another kind of value, not this one with a fault."""

_PLAIN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
    dt.date: "a date such as 2016-04-01",
    dt.datetime: "a date and time",
    type(None): "nothing",
}

_FORMS = {
    years.FORM: "a financial year such as 2016/17",
    r"^[a-z0-9][a-z0-9-]*$": "small letters, digits and hyphens, such as vale-2016-17",
    r"^[A-Za-z0-9][A-Za-z0-9-]*$": "letters, digits and hyphens, such as vale-2016-17",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, dots, lines and hyphens, such as primary-medical",
}

Error = Mapping[str, Any]
"""One error as the validating library reports it."""


def document_faults(errors: Sequence[Error], model: type[BaseModel], where: str) -> list[Fault]:
    """One fault for each thing wrong.

    Args:
        errors: the errors of the validating library.
        model: the model of the document.
        where: a name for the document in messages.
    """
    return list(_at(model, [(tuple(e["loc"]), e) for e in errors], (), where))


def words_of(model: type) -> str:
    """The name of a model in words: PacePolicy is a pace policy."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", model.__name__).lower()


Located = list[tuple[tuple[Any, ...], Error]]
"""Errors with what is left of their path."""


def _at(kind: Any, errors: Located, path: tuple[Any, ...], where: str) -> Iterable[Fault]:  # noqa: ANN401  # walks annotations
    kind = _bare(kind)
    here = [error for left, error in errors if not left]
    below = [(left, error) for left, error in errors if left]
    forms = _forms(kind)
    if len(forms) > 1 and below:
        yield from _of_forms(forms, errors, path, where)
        return
    if len(forms) == 1 and forms[0] is not kind:
        yield from _at(forms[0], errors, path, where)
        return
    for error in here:
        if error["type"] == "too_short" and below:
            continue  # the entries that are at fault were left out before they were counted
        yield _fault(kind, error, path, where)
    for part in dict.fromkeys(left[0] for left, _ in below):
        mine = _below(kind, part, below)
        known = _inner(kind, part)
        if all(error["type"] == "extra_forbidden" and not left for left, error in mine):
            yield Fault(
                _place(where, (*path, part)),
                "a key that is not known",
                "only known keys",
                suggest(str(part), _keys(kind)),
            )
        else:
            yield from _at(known, mine, (*path, part), where)


def _below(kind: Any, part: Any, errors: Located) -> Located:  # noqa: ANN401  # walks annotations
    """The errors at one key and below it; those at the key itself with the example that its model gives, if it gives one."""
    fields = kind.model_fields if _is_model(kind) else {}
    field = next((f for name, f in fields.items() if part in {name, f.alias}), None)
    example = next((each for each in (field.examples if field else None) or () if isinstance(each, str)), None)
    shown = {} if example is None else {"example": example}
    return [(left[1:], {**error, **shown} if len(left) == 1 else error) for left, error in errors if left[0] == part]


def _of_forms(forms: list[Any], errors: Located, path: tuple[Any, ...], where: str) -> Iterable[Fault]:
    """The faults of the form that was meant, or one that names all forms."""
    by_form: dict[Any, Located] = {}
    for left, error in errors:
        by_form.setdefault(left[0] if left else None, []).append((left[1:], error))
    begun = {
        label: mine
        for label, mine in by_form.items()
        if not any(not left and _OTHER_KIND.search(str(error["type"])) for left, error in mine)
    }
    if not begun:
        first = next(error for mine in by_form.values() for left, error in mine if not left)
        remedy = _percentage(first["input"])
        yield Fault(_place(where, path), _shown(first["input"]), _either(_described(form) for form in forms), remedy)
        return
    label, mine = min(begun.items(), key=lambda item: _distance(item[1]))
    tied = [name for name, other in begun.items() if _distance(other) == _distance(mine)]
    models = [form for form in forms if _is_model(_bare(form))]
    if len(tied) > 1 and len(models) > 1 and all(e["type"] in {"missing", "extra_forbidden"} for _, e in mine):
        first = next(error for _, error in mine)
        yield Fault(_place(where, path), _shown(first["input"]), _either(_described(form) for form in models))
        return
    form = next((f for f in forms if _named(_bare(f), str(label))), None)
    yield from _at(form, mine, path, where)


def _distance(errors: Located) -> tuple[int, int]:
    """How far a form is from what was written: unknown keys weigh most, then keys that are missing."""
    unknown = sum(error["type"] == "extra_forbidden" for _, error in errors)
    return unknown, len(errors)


def _bare(kind: Any) -> Any:  # noqa: ANN401  # walks annotations
    while True:
        if hasattr(kind, "__value__"):
            kind = kind.__value__
        elif get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        else:
            return kind


def _forms(kind: Any) -> list[Any]:  # noqa: ANN401  # walks annotations
    """The forms that a value may take, nothing left out."""
    if get_origin(kind) in {Union, UnionType}:
        return [form for form in get_args(kind) if form is not type(None)]
    return [kind]


def _named(form: Any, label: str) -> bool:  # noqa: ANN401  # walks annotations
    """Whether the library's label of a form is this one."""
    if _is_model(form):
        tags = {
            str(value)
            for field in form.model_fields.values()
            for value in (get_args(field.annotation) if get_origin(field.annotation) is Literal else ())
        }
        return re.search(rf"\b{re.escape(form.__name__)}\b", label) is not None or label in tags
    origin = get_origin(form) or form
    return label.startswith(str(getattr(origin, "__name__", origin)).lower())


def _is_model(kind: Any) -> bool:  # noqa: ANN401  # walks annotations
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inner(kind: Any, part: Any) -> Any:  # noqa: ANN401  # walks annotations
    """What stands below a key or a number of an entry; nothing where it cannot be followed."""
    if _is_model(kind):
        fields = kind.model_fields
        return next((f.annotation for name, f in fields.items() if part in {name, f.alias}), None)
    inner = [each for each in get_args(kind) if each is not Ellipsis]
    if get_origin(kind) is dict and len(inner) == 2:
        return inner[1]
    if isinstance(part, int) and get_origin(kind) is tuple and Ellipsis not in get_args(kind) and part < len(inner):
        return inner[part]
    return inner[0] if inner else None


def _keys(kind: Any) -> list[str]:  # noqa: ANN401  # walks annotations
    return [field.alias or name for name, field in kind.model_fields.items()] if _is_model(kind) else []


def _fault(kind: Any, error: Error, path: tuple[Any, ...], where: str) -> Fault:  # noqa: ANN401  # walks annotations
    place, name = _place(where, path), str(error["type"])
    if name == "missing":
        return Fault(place, "nothing", "a value", "Add the key.")
    if _OTHER_KIND.search(name) and kind is not None:
        return Fault(place, _shown(error["input"]), _described(kind), _percentage(error["input"]))
    said = str(error["msg"])
    context = error.get("ctx") or {}
    if name in {"too_short", "too_long"}:
        least = context.get("min_length", context.get("max_length"))
        said = f"at {'least' if name == 'too_short' else 'most'} {least} {'entry' if least == 1 else 'entries'}"
        count = context.get("actual_length", 0)
        return Fault(place, f"{count} {'entry' if count == 1 else 'entries'}", said)
    if name == "string_pattern_mismatch":
        said = (
            f"a text such as {error['example']!r}" if "example" in error else f"a text of the form {context['pattern']}"
        )
        said = _FORMS.get(str(context["pattern"]), said)
    if name == "string_too_short":
        said = "a text that is not empty"
    for before in ("Value error, ", "Assertion failed, ", "Input should be "):
        said = said.removeprefix(before)
    if not path and name == "value_error" and (said.startswith("found ") or "; expected " in said):
        found, _, expected = said.partition("; expected ")  # a check of several keys says itself what it found
        return Fault(place, found.removeprefix("found "), expected or "a document whose parts agree")
    if not path and name == "value_error" and "; found " in said:
        expected, _, found = said.partition("; found ")
        return Fault(place, found, expected)
    remedy = _meant_as_percentage(error["input"], context) or _near(error["input"], context)
    return Fault(place, _shown(error["input"]), said, remedy)


def _near(value: Any, context: Mapping[str, Any]) -> str:  # noqa: ANN401  # whatever stood in the document
    """The words that may be meant, where only some words are known and one of them is all but written."""
    known = re.findall(r"'([^']*)'", str(context.get("expected", ""))) if isinstance(value, str) else []
    near = suggest(value, known) if known else ""
    return near if near.startswith("Did") else ""


def _meant_as_percentage(value: Any, context: Mapping[str, Any]) -> str:  # noqa: ANN401  # whatever stood in the document
    """A remedy where a share of at most 1 was written as a percentage, such as 20 for 20%."""
    if str(context.get("le")) != "1" or isinstance(value, bool) or not isinstance(value, Decimal | float | int):
        return ""
    return f"For {value:g}% write {float(value) / 100:g}." if 1 < value <= 100 else ""


def _place(where: str, path: tuple[Any, ...]) -> str:
    return f"{where}: {'.'.join(str(part) for part in path) or 'the whole document'}"


def _described(kind: Any) -> str:  # noqa: ANN401  # walks annotations
    """What a form expects, in a few words."""
    kind = _bare(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if _is_model(kind):
        wanted = [field.alias or name for name, field in kind.model_fields.items() if field.is_required()]
        return f"{{ {', '.join(wanted or _keys(kind)[:6])} }}"
    origin = get_origin(kind)
    if origin is Literal:
        return _either(repr(value) for value in get_args(kind))
    if origin in {Union, UnionType}:
        return _either(_described(form) for form in _forms(kind))
    if origin in {tuple, list, set, frozenset}:
        return "a list"
    if origin is dict or kind is dict:
        return "keys and values"
    if isinstance(kind, type) and issubclass(kind, str):
        return "a text"
    return "a value of its kind"


def _either(forms: Iterable[str]) -> str:
    each = list(dict.fromkeys(forms))
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} or {each[-1]}"


def _shown(value: Any) -> str:  # noqa: ANN401  # whatever stood in the document
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | float | int):
        return str(value)
    if isinstance(value, Mapping):
        text = f"keys {', '.join(map(str, value))}" if value else "no keys"
        plain = [f"{key} = {each}" for key, each in value.items() if isinstance(each, Decimal | float | int | str)]
        if value and len(plain) == len(value) and len(", ".join(plain)) <= _LONGEST:
            text = ", ".join(plain)
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}: {', '.join(_shown(v) for v in value[:3])}" if value else "an empty list"
    else:
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _percentage(value: Any) -> str:  # noqa: ANN401  # whatever stood in the document
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9.]+\s*%\s*", value):
        return "Write a share as a number, such as 0.6 for 60%."
    if isinstance(value, str) and re.fullmatch(r"\s*-?£?\s*[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]+)?\s*", value):
        return f"Write it without £ and commas: {re.sub('[£, ]', '', value)}."
    return ""
