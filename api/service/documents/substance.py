"""What a document says, apart from what it is called: whoever wrote it had a hand in every copy of it under another id or title."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.service.documents.kinds import SHIPPED
from api.service.store import Store
from capitation.records.identity import canonical, digest, plain

LABELS = frozenset({"id", "title", "about", "version", "source", "licence", "owner", "notes"})
"""Parts of a document that name or describe it, and that no figure follows from."""

WORDS = frozenset({"title", "about", "owner", "notes"})
"""Parts that say nothing but words wherever they stand."""

MOST_KEPT = 20_000

_known: dict[str, str] = {}


def substance(text: str) -> str:
    """The digest of what a document says, without its labels.

    Example:
        A scenario and its copy under another id and title have one.
    """
    content = plain(text)
    return digest(canonical({name: _without_words(value) for name, value in content.items() if name not in LABELS}))


def _without_words(content: Any) -> Any:  # noqa: ANN401  # any plain content
    """A part of a document without texts that are words about it, so that a changed remark makes no other document of it."""
    if isinstance(content, dict):
        return {
            name: _without_words(value)
            for name, value in content.items()
            if name not in WORDS or not isinstance(value, str | None)
        }
    return [_without_words(each) for each in content] if isinstance(content, list) else content


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
        shipped = {_known[each] for each, author in written if author == SHIPPED}
        wanted = {_known[each] for each, _ in written if each in asked} - shipped
        found |= {author for each, author in written if each in asked or _known[each] in wanted}
    return found
