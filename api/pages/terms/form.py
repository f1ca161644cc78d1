"""The form of a contract: a field for every figure and every field of every clause, made from the schema of the clauses, and what was typed read back.

A field is named by its path in the document, such as `terms.5.gains.0.share`, counted from 0; a fault names the same path counted from 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from capitation.errors import Fault
from capitation.sentences import capital, small
from contracts.terms import all_terms

_FIXED = frozenset({"term", "source", "clause", "status"})
"""Fields of a clause that say where it was read; they are not for the form."""


@dataclass(frozen=True)
class FormField:
    """One field: its path, its label and hint, what stands in it, and what can be chosen."""

    path: str
    label: str
    hint: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class FormGroup:
    """Fields that belong together: a clause, or one item of a list in it."""

    title: str
    about: str
    path: str
    fields: tuple[FormField, ...]
    groups: tuple[FormGroup, ...] = ()
    kind: str = ""


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a clause; of none where there is no such clause."""
    found = all_terms().get(kind)
    return {} if found is None else found.model_json_schema(by_alias=True)


def figures(content: Mapping[str, Any], faults: Mapping[str, str]) -> list[FormField]:
    """A field for every value of every parameter of a contract."""
    found = []
    for number, each in enumerate(content.get("parameters") or ()):
        for at, dated in enumerate(each.get("values") or ()):
            path = f"parameters.{number}.values.{at}.value"
            if isinstance(dated.get("value"), dict):
                continue
            since = f", from {dated['from']}" if dated.get("from") else ""
            about = str(each.get("about") or each.get("name", ""))
            unit = str(each.get("unit") or "number")
            hint = (
                f"{'A share: 0.02 is 2%' if unit == 'share' else f'In {unit}'}{since}; now resting on {_rests(dated)}"
            )
            found.append(FormField(path, about, hint, _text(dated.get("value")), fault=faults.get(path, "")))
    return found


def _rests(dated: Mapping[str, Any]) -> str:
    source, where = str(dated.get("source", "")), str(dated.get("where", ""))
    return (
        f"an assumption: {where}"
        if source == "assumption"
        else (f"{source}, {where}".strip(", ") or "nothing that is named")
    )


def clauses(content: Mapping[str, Any], faults: Mapping[str, str]) -> list[FormGroup]:
    """A group of fields for every clause of a contract, in order."""
    return [
        _group(each, schema_of(str(each.get("term", ""))), f"terms.{number}", faults, f"{number + 1}. {_title(each)}")
        for number, each in enumerate(content.get("terms") or ())
        if isinstance(each, dict)
    ]


def _title(clause: Mapping[str, Any]) -> str:
    words = str(clause.get("step", "clause")).replace("_", " ")
    about = str(clause.get("about", "")).rstrip(".")
    return f"{capital(words)}{': ' if about else ''}{small(about)} ({str(clause.get('term', '')).replace('_', ' ')})"


def _group(
    value: Mapping[str, Any], schema: Mapping[str, Any], path: str, faults: Mapping[str, str], title: str
) -> FormGroup:
    definitions = schema.get("$defs", {})
    fields, groups = [], []
    for name, own in schema.get("properties", {}).items():
        if name in _FIXED or (name == "about" and "." in path and path.count(".") > 1):
            continue
        item = _item(own, definitions)
        at = f"{path}.{name}"
        if item is not None:
            rows = value.get(name) or ()
            for number, row in enumerate([*rows, {}]):
                words = f"{name.replace('_', ' ').capitalize()} {number + 1}{'' if number < len(rows) else ' (new; leave it empty for none)'}"
                groups.append(_group(row, {**item, "$defs": definitions}, f"{at}.{number}", faults, words))
            continue
        label = name.replace("_", " ").capitalize() + ("" if name in schema.get("required", ()) else " (optional)")
        fields.append(
            FormField(
                at, label, str(own.get("description", "")), _text(value.get(name)), _choices(own), faults.get(at, "")
            )
        )
    about = str(schema.get("description", "")).split("\n\n")[0].replace("\n", " ")
    return FormGroup(title, about, path, tuple(fields), tuple(groups), str(value.get("term", "")))


def _item(own: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of the tables in a list; None where the field is no list of tables."""
    for each in (own, *own.get("anyOf", ())):
        named = each.get("items", {}).get("$ref", "") if each.get("type") == "array" else ""
        found: Mapping[str, Any] | None = definitions.get(named.rpartition("/")[2])
        if found is not None and "properties" in found:
            return found
    return None


def _choices(own: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a field can be, where that is a short list."""
    words: list[str] = []
    for each in (own, *own.get("anyOf", ())):
        words += [str(value) for value in each.get("enum", ())]
        words += ["true", "false"] if each.get("type") == "boolean" else []
    empty = [("", "as usual")] if "default" in own else []
    return (*empty, *((word, {"true": "yes", "false": "no"}.get(word, word)) for word in words)) if words else ()


def _text(value: Any) -> str:  # noqa: ANN401  # any JSON
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def read(content: Mapping[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """A contract with what was typed into its form."""
    made: dict[str, Any] = json.loads(json.dumps(content))
    for field in figures(made, {}):
        if field.path in typed:
            number, at = (int(part) for part in field.path.split(".")[1:4:2])
            made["parameters"][number]["values"][at]["value"] = _number(typed[field.path])
    stored, terms = made.get("terms") or [], []
    for origin, kind, number in _typed_clauses(stored, typed):
        known = stored[int(origin)] if origin else {"term": kind, "status": "unverified"}
        path = f"terms.{number}"
        is_typed = any(name.startswith(f"{path}.") for name in typed)
        terms.append(_read_group(known, schema_of(kind), path, typed) if is_typed else known)
    if typed.get("add"):
        terms.append({"term": typed["add"], "step": typed.get("add_step") or typed["add"], "status": "unverified"})
    made["terms"] = terms
    return made


def origins(content: Mapping[str, Any], typed: Mapping[str, str]) -> list[str]:
    """For each clause of a contract as it was typed, its number in the stored contract; empty for a new one."""
    found = [origin for origin, _, _ in _typed_clauses(content.get("terms") or [], typed)]
    return [*found, ""] if typed.get("add") else found


def _typed_clauses(stored: list[Any], typed: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Number in the stored contract, kind, and number in the form of each clause that stays; the form names them where clauses came or went."""
    numbers = sorted(int(name.removeprefix("kind.")) for name in typed if re.fullmatch(r"kind\.\d+", name))
    if not numbers:
        rows = [(str(number), str(clause.get("term", "")), number) for number, clause in enumerate(stored)]
    else:
        rows = [(typed.get(f"from.{number}", ""), typed[f"kind.{number}"], number) for number in numbers]
    found = []
    for origin, kind, number in rows:
        is_known = origin.isdigit() and int(origin) < len(stored) and stored[int(origin)].get("term") == kind
        if not typed.get(f"remove.{number}"):
            found.append((origin if is_known else "", kind, number))
    return found


def _read_group(
    value: Mapping[str, Any], schema: Mapping[str, Any], path: str, typed: Mapping[str, str]
) -> dict[str, Any]:
    definitions, made = schema.get("$defs", {}), dict(value)
    for name, own in schema.get("properties", {}).items():
        item, at = _item(own, definitions), f"{path}.{name}"
        if item is not None:
            numbers = sorted(
                {int(found[1]) for each in typed if (found := re.match(rf"{re.escape(at)}\.(\d+)\.", each))}
            )
            before = value.get(name) or []
            rows = [
                _read_group(before[n] if n < len(before) else {}, {**item, "$defs": definitions}, f"{at}.{n}", typed)
                for n in numbers
            ]
            rows = [row for row in rows if any(cell is not None and cell != "" for cell in row.values())]
            if numbers:
                made[name] = rows
                if not rows and name not in schema.get("required", ()):
                    del made[name]
        elif at in typed:
            text = typed[at].strip()
            if not text and name not in schema.get("required", ()):
                made.pop(name, None)
            else:
                made[name] = _value(text, own, value.get(name))
    return made


def _value(text: str, own: Mapping[str, Any], before: Any) -> Any:  # noqa: ANN401  # any JSON
    """What a text means in a field: a list, yes or no, a number where the field takes one, or the text itself."""
    kinds = {str(each.get("type", "")) for each in (own, *own.get("anyOf", ()))}
    if text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    if "array" in kinds and ("string" not in kinds or isinstance(before, list) or "," in text):
        return [_number(part.strip()) for part in text.split(",") if part.strip()]
    if "boolean" in kinds and text in {"true", "false"}:
        return text == "true"
    return _number(text) if kinds & {"number", "integer"} else text


def _number(text: str) -> Any:  # noqa: ANN401  # a number, or the text as it is
    if re.fullmatch(r"-?\d+", text.strip()):
        return int(text)
    if re.fullmatch(r"-?\d*\.\d+", text.strip()):
        return float(text)
    return text.strip()


def faults_by_path(
    faults: tuple[Fault, ...] | list[Fault], paths: set[str]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Each fault as a sentence at the field that it is about, and all of them with that field's path; empty where there is none."""
    by_path: dict[str, str] = {}
    listed = []
    for fault in faults:
        key = re.sub(r" \([^)]*\)", "", fault.where.rpartition(": ")[2])
        parts = [str(int(part) - 1) if part.isdigit() else part for part in re.split(r"[.\s]+", key.strip()) if part]
        path = ".".join(parts)
        while path and path not in paths:
            deeper = sorted(each for each in paths if each.startswith(f"{path}."))
            if deeper:
                path = deeper[0]
                break
            path = path.rpartition(".")[0]
        said = f"found {fault.found}; expected {fault.expected}.{' ' + fault.remedy if fault.remedy else ''}"
        by_path.setdefault(path, capital(said))
        listed.append((path, f"{_words(key)}: {said}"))
    return by_path, listed


def _words(key: str) -> str:
    words = re.sub(r"[._]+", " ", key).strip() or "the contract"
    return capital(words)


def paths_of(fields: list[FormField], groups: list[FormGroup]) -> Iterator[str]:
    """The path of every field of a form."""
    yield from (each.path for each in fields)
    for group in groups:
        yield from paths_of(list(group.fields), list(group.groups))


__all__ = ["FormField", "FormGroup", "clauses", "faults_by_path", "figures", "origins", "paths_of", "read"]
