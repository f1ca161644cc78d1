"""What a document says, apart from what it is called: whoever wrote it had a hand in every copy of it under another id or title.

Neither does it matter how it is written: 0.0480 is 0.048, "ryv " is "RYV", and a list of things says the same in another order.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from api.service.documents.kinds import SHIPPED
from api.service.records.claims import alike
from api.service.store import Store
from capitation.records.identity import canonical, digest, plain

LABELS = frozenset({"id", "title", "about", "version", "source", "licence", "owner", "notes"})
"""Parts of a document that name or describe it, and that no figure follows from."""

CHECKS = frozenset({"cases", "classification"})
"""Parts that check or order it, and that no figure follows from either."""

WORDS = frozenset({"title", "about", "owner", "notes"})
"""Parts that say nothing but words wherever they stand."""

REMARKS = frozenset({"name", "where", "source", "clause", "quality", "status"})
"""Parts by which two documents do not differ as work of different people."""

PACK_FILE = "pack.toml"
"""The file of a data pack that says what it is called."""

_MOST_PACKS = 1_000
_DIGITS = 100

MOST_KEPT = 20_000

_known: dict[str, Substance] = {}


@dataclass(frozen=True)
class Substance:
    """What a document says, as digests.

    Args:
        exact: without what it is called and texts that are words about it.
        read: however it is written and in whatever order as well, and without more of what no figure follows from.
    """

    exact: str
    read: str


def substance(text: str) -> Substance:
    """What a document says.

    Example:
        A scenario and its copy under another id and title have one; with 0.0480 for 0.048 they have one as it is read.
    """
    content = plain(text)
    return Substance(
        digest(canonical({name: _without(value, WORDS) for name, value in content.items() if name not in LABELS})),
        digest(canonical(_read({name: value for name, value in content.items() if name not in LABELS | CHECKS}))),
    )


def _without(content: Any, words: frozenset[str]) -> Any:  # noqa: ANN401  # any plain content
    """A part of a document without texts that are words about it, so that a changed remark makes no other document of it."""
    if isinstance(content, dict):
        return {
            name: _without(value, words)
            for name, value in content.items()
            if name not in words or not isinstance(value, str | None)
        }
    return [_without(each, words) for each in content] if isinstance(content, list) else content


def _read(content: Any) -> Any:  # noqa: ANN401  # any plain content
    """A part of a document without words and what is empty, however it is written and in whatever order things are listed."""
    if isinstance(content, dict):
        kept = {name: _read(value) for name, value in _without(content, WORDS | REMARKS).items()}
        return {name: value for name, value in kept.items() if value not in (None, "", [], {})}
    if isinstance(content, list):
        parts = [_read(each) for each in content]
        return sorted(parts, key=canonical) if any(isinstance(each, dict | str) for each in content) else parts
    return content if content is None or isinstance(content, bool) else _written(content)


def _written(content: Any) -> str:  # noqa: ANN401  # a text or number
    """A number with no more digits than it needs, a path without detours, and a text as its likes are compared."""
    try:
        number = Decimal(str(content))
    except InvalidOperation:
        return alike(posixpath.normpath(content) if "/" in content else content)
    return format(number.normalize(), "f") if number.is_finite() and abs(number.adjusted()) < _DIGITS else str(content)


def authors_of_the_like(store: Store, digests: Iterable[str]) -> set[str]:
    """Everyone who wrote a version of a document that says the same as one with any of these digests, whatever it is called.

    What comes with a data pack is nobody's work: whoever copied it unchanged, to change the copy, had no hand in it.
    """
    found: set[str] = set()
    asked = frozenset(digests)
    for kind in store.kinds_of(asked):
        written = store.written(kind)
        missing = sorted({each for each, _ in written} - _known.keys())
        if len(_known) + len(missing) > MOST_KEPT:
            _known.clear()
            missing = sorted({each for each, _ in written})
        for each, text in store.contents_of(missing):
            _known[each] = substance(text)
        shipped = {_known[each].exact for each, author in written if author == SHIPPED}
        own = [(each, author) for each, author in written if _known[each].exact not in shipped]
        wanted = {_known[each].read for each, _ in own if each in asked}
        found |= {author for each, author in written if each in asked}
        found |= {author for each, author in own if _known[each].read in wanted}
    return found


def senders_of_the_like(store: Store, pack_digest: str) -> set[str]:
    """Everyone who sent a data pack with a file that this one has too, and that did not come with the service.

    Another title, version or licence in its `pack.toml` makes no other pack of it.
    """
    sent, after = [], 0
    while page := store.packs(after, _MOST_PACKS):
        sent += [(each.digest, each.author, _files(each.about)) for each in page]
        after = page[-1].seq
    common = set().union(*(files for _, author, files in sent if author == SHIPPED))
    mine = set().union(*(files for each, _, files in sent if each == pack_digest)) - common
    return {author for each, author, files in sent if each == pack_digest or files & mine}


def _files(about: str) -> set[tuple[str, str]]:
    """The files of a data pack, each by its path and digest."""
    return {(name, sha256) for name, sha256 in json.loads(about)["files"].items() if name != PACK_FILE}
