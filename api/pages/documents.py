"""Documents on pages: what stands in one as fields by their path, one field changed with a reason and an owner, and a copy."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capitation.errors import DocumentError, Fault
from capitation.sentences import capital, small

_POUNDS, _PENCE = ("pounds", "_gbp"), ("pence",)
_WHOLE = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class FieldOf:
    """A value in a document: its path, what it says, and what it is of in words."""

    path: str
    value: str
    words: str

    @property
    def shown(self) -> str:
        """What it says, for a reader: money with its sign, choices as yes and no."""
        if self.value in {"true", "false"}:
            return "yes" if self.value == "true" else "no"
        name = self.path.rpartition(".")[2]
        if not _WHOLE.fullmatch(self.value) or not name.endswith((*_POUNDS, *_PENCE)):
            return self.value
        amount = Decimal(self.value) / (1 if name.endswith(_POUNDS) else 100)
        return f"{'-' if amount < 0 else ''}£{abs(amount):,}"


def fields_of(content: Any, path: str = "", trail: tuple[str, ...] = ()) -> Iterator[FieldOf]:  # noqa: ANN401  # any JSON
    """The numbers, texts and choices of a document that can be changed, by their path such as `money.top_slices.1.rate`."""
    if isinstance(content, dict):
        named = next(
            (str(content[n]) for n in ("title", "name", "stream", "year", "id") if content.get(n) and path), ""
        )
        here = (*trail, named) if named and named not in trail else trail
        for name, value in content.items():
            if not path and name in {"id", "about", "title"}:
                continue
            yield from fields_of(value, f"{path}.{name}" if path else name, (*here, name.replace("_", " ")))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            is_bare = not isinstance(value, dict) and len(content) > 1
            yield from fields_of(value, f"{path}.{number}", (*trail, str(number + 1)) if is_bare else trail)
    elif content is not None:
        said = str(content).lower() if isinstance(content, bool) else str(content)
        yield FieldOf(path, said, " › ".join(capital(each) for each in trail))


def field_at(content: Any, where: str) -> FieldOf | None:  # noqa: ANN401  # any JSON
    """The value of a document that a fault is at: its path, with words before it or not, or its pointer; None where it is at none."""
    path = where.rpartition(" ")[2].strip("/").replace("/", ".").replace("[", ".").replace("]", "")
    return next((each for each in fields_of(content) if path and each.path == path), None)


def changed(content: dict[str, Any], path: str, value: str, reason: str, owner: str) -> dict[str, Any]:
    """A document with one value changed, and the change with its reason and owner in its words.

    Raises:
        DocumentError: no reason, no owner, or no such value.
    """
    faults = [
        Fault(name, repr(text) if text else "nothing", f"{what}, in three letters or more")
        for name, text, what in (("reason", reason, "why it is changed"), ("owner", owner, "who answers for it"))
        if len(text) < 3
    ]
    made: dict[str, Any] = json.loads(json.dumps(content))
    field = field_at(content, path)
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
        f"{made.get('about', '')} Changed on {on}: {path if field is None else small(field.words)} from {before} to {value}, because {reason.rstrip('.')} ({owner}).".strip()
    )
    return made


def _like(before: Any, value: str) -> Any:  # noqa: ANN401  # any plain value
    if isinstance(before, int | float) and not isinstance(before, bool):
        try:
            return type(before)(value)
        except ValueError:
            return value  # its own model says what is wrong with it
    return value


def with_option(
    content: dict[str, Any],
    names: tuple[str, str, str],
    like: str,
    contract: str,
    groups: list[str],
    why: tuple[str, str],
) -> dict[str, Any]:
    """A document of contract options with one more: another one's contracts, but for some groups another contract.

    Args:
        content: the document.
        names: short name and title of the new option, and the year in which it starts, empty for the first.
        like: the option whose other contracts and payments it keeps.
        contract: the contract of the groups below.
        groups: groups of providers that it pays.
        why: reason and owner.

    Raises:
        DocumentError: no name, no group, no reason or no owner, or there is no such option.
    """
    wanted = (("option", names[0], "a short name of small letters, digits and hyphens"), ("option_title", names[1], "a title"),
              ("groups", ",".join(groups), "at least one group of providers"), ("option_reason", why[0], "why it is added"), ("option_owner", why[1], "who answers for it"))  # fmt: skip
    faults = [
        Fault(name, repr(text) if text else "nothing", f"{what}, in three letters or more")
        for name, text, what in wanted
        if len(text) < 3
    ]
    made: dict[str, Any] = json.loads(json.dumps(content))
    from_option = next((each for each in made.get("options", ()) if each["id"] == like), None)
    if from_option is None:
        faults.append(Fault("like", repr(like[:80]), "an option of this document"))
    if any(each["id"] == names[0] for each in made.get("options", ())):
        faults.append(Fault("option", repr(names[0]), "a name that no option of this document has"))
    if faults or from_option is None:
        raise DocumentError("the option cannot be added", faults)
    rest = [{**each, "groups": [g for g in each["groups"] if g not in groups]} for each in from_option["contracts"]]
    contracts = [{"contract": contract, "groups": groups}, *(each for each in rest if each["groups"])]
    quality = [{**each, "groups": kept} for each in from_option.get("quality", ()) if (kept := [g for g in each["groups"] if g in {h for c in contracts for h in c["groups"]}])]  # fmt: skip
    about = f"As {from_option['title']}, but with {contract}. Added because {why[0].rstrip('.')} ({why[1]})."
    new = {**from_option, "id": names[0], "title": names[1], "about": about, "contracts": contracts}
    if names[2]:
        new["since"] = names[2]
    made["options"].append({**new, "quality": quality} if quality else new)
    return made


def copied(content: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    """A document under another id and title."""
    return {**content, "id": name, "title": title or content.get("title", name)}


__all__ = ["FieldOf", "changed", "copied", "field_at", "fields_of", "with_option"]
