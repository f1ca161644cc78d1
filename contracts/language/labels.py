"""Labels: when two texts are one label, and which labels of a table cannot be distinguished.

Two texts are one label where they are the same once

    case, spaces and underscores                       do not count
    a hyphen between two letters or digits             does not count: "Basic-E" is "BASIC E"
    the decimals of a whole number                     do not count: 1.0 is 1

Everything else counts: A and A- are two labels, as are B and B+, 1.5 and 15, A/B and AB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")
_INNER = re.compile(r"(?<=[^\W_])[\-\u2010\u2011](?=[^\W_])")


def folded(text: str) -> str:
    """A label as it is compared.

    Example:
        "BASIC_E", "Basic E" and "basic-e" are all "BASICE"; "A-" stays "A-".
    """
    plain = _WHOLE.sub(r"\1", text.strip())
    return _INNER.sub("", re.sub(r"[\s_]+", "", plain)).upper()


def confusable(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different texts that are one label, each with the first of its kind.

    Example:
        `confusable(["A", "a", "B"])` is `[("A", "a")]`.
    """
    first: dict[str, str] = {}
    out = []
    for label in dict.fromkeys(labels):
        known = first.setdefault(folded(label), label)
        if known != label:
            out.append((known, label))
    return out


__all__ = ["confusable", "folded"]
