"""Strong ETags: a resource's tag is the hash of what is sent, so equal tags mean equal bytes."""

from __future__ import annotations

import re

from api.service.records.failures import ServiceError


def strong(*parts: str) -> str:
    """The tag made of the given hashes and words, in quotes."""
    return f'"{"-".join(parts)}"'


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller has this version already: the answer is then 304."""
    if if_none_match is None:
        return False
    if if_none_match == tag:  # as most clients send it
        return True
    tags = _tags(if_none_match)
    return ANY in tags or tag in tags


READ_AGAIN = "Read it again, and change what is there now"
"""What to do where somebody else has changed a resource meanwhile."""

ANY = "*"
"""If-Match: whatever version is there."""


def expected_versions(if_match: str | None) -> frozenset[str]:
    """The digests one of which a change is to follow, from the If-Match header; `ANY` alone where whatever is there will do.

    A tag that a proxy made weak, or to which it added the name of its compression, counts as the tag that was sent: tags are
    hashes of what a document says, so nothing else can have the same one.

    Raises:
        ServiceError: 428 where the header is missing; 412 where it holds neither tags nor `*`.
    """
    if if_match is None:
        raise ServiceError("precondition-required", "Read the resource first and send its ETag as If-Match")
    if if_match.strip() == ANY:
        return frozenset({ANY})
    tags = _tags(if_match)
    if not tags:
        raise ServiceError(
            "changed-meanwhile",
            f"If-Match is {if_match[:200]!r}; expected ETags of the resource as they were sent, in double quotes, or *",
        )
    return frozenset(tag.strip('"') for tag in tags)


def _tags(header: str) -> set[str]:
    """The tags of a header as they were sent from here: without what a compressing proxy makes of them."""
    if header.strip() == ANY:
        return {ANY}
    return {f'"{_COMPRESSED.sub("", tag)}"' for tag in _TAG.findall(header)}


_TAG = re.compile(r'(?:^|,)\s*(?:W/)?"([^"]*)"\s*(?=,|$)')
_COMPRESSED = re.compile(r"(?:--|-|;|:)(?:gzip|br|zstd|deflate)$")
