"""What content is called: canonical JSON, one text for one content, and the hash that names it.

Keys are sorted, nothing is spaced, numbers keep their printed digits (a Decimal is written as a number), dates are ISO text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

LONGEST_NUMBER = 400
"""Most digits of a number before or after its point; what a float can hold fits."""


def canonical(content: Any) -> str:  # noqa: ANN401  # any plain content
    """The content as canonical JSON text.

    Example:
        {"b": Decimal("1.50"), "a": [True, None]} becomes '{"a":[true,null],"b":1.50}'.

    Raises:
        TypeError: a value JSON has no word for.
    """
    kind = type(content)
    if kind is str:
        return _quoted(content)
    if kind is dict and all(type(key) is str for key in content):
        return f"{{{','.join([f'{_quoted(key)}:{canonical(content[key])}' for key in sorted(content)])}}}"
    if isinstance(content, Mapping):
        inner = ",".join(f"{json.dumps(str(k))}:{canonical(content[k])}" for k in sorted(content, key=str))
        return f"{{{inner}}}"
    if isinstance(content, list | tuple):
        return f"[{','.join(canonical(each) for each in content)}]"
    if isinstance(content, set | frozenset):
        return f"[{','.join(sorted(canonical(each) for each in content))}]"
    if isinstance(content, BaseModel):
        return canonical(content.model_dump(mode="python", by_alias=True))
    if isinstance(content, Enum):
        return canonical(content.value)
    if isinstance(content, Decimal):
        return format(content, "f")
    if isinstance(content, dt.date | dt.datetime):
        return json.dumps(content.isoformat())
    if isinstance(content, PurePath):
        return json.dumps(str(content))
    if isinstance(content, str):
        return json.dumps(str(content))
    return json.dumps(content, allow_nan=False)


def plain(text: str, *, keys_once: bool = False) -> Any:  # noqa: ANN401  # any plain content
    """The content of a JSON text, numbers with decimals as Decimal so that their digits stay.

    Args:
        text: the JSON.
        keys_once: whether an object that names a key twice is refused; otherwise the last one counts.

    Raises:
        KeyTwiceError: an object names a key twice, where that is refused.
        ValueError: the text is no JSON, or holds a number too large or too small to be written out.
    """
    hook = _each_once if keys_once else None
    return json.loads(text, parse_float=_number, parse_constant=_no_number, object_pairs_hook=hook)


class KeyTwiceError(ValueError):
    """An object of JSON names a key more than once, and readers differ in which one they take.

    Args:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"an object names the key {key[:80]!r} more than once")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise KeyTwiceError(key)
            seen.add(key)
    return made


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if number and abs(number.adjusted()) > LONGEST_NUMBER:
        raise ValueError(f"the number {text[:40]} has more than {LONGEST_NUMBER} digits")
    return number


def _no_number(text: str) -> Any:  # noqa: ANN401  # it never returns
    raise ValueError(f"{text} is no number of JSON")


def digest(text: str) -> str:
    """The SHA-256 of a text in 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
