"""Strong ETags: a resource's tag is the hash of what is sent, so equal tags mean equal bytes."""

from __future__ import annotations

from api.service.records.failures import ServiceError


def strong(*parts: str) -> str:
    """The tag made of the given hashes and words, in quotes."""
    return f'"{"-".join(parts)}"'


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller has this version already: the answer is then 304."""
    return if_none_match is not None and ("*" in _tags(if_none_match) or tag in _tags(if_none_match))


def expected_version(if_match: str | None) -> str:
    """The digest that a change is to follow, from the If-Match header.

    Raises:
        ServiceError: 428 where the header is missing; 412 where it does not hold one strong tag.
    """
    if if_match is None:
        raise ServiceError("precondition-required", "Read the resource first and send its ETag as If-Match")
    tags = [tag.strip() for tag in if_match.split(",")]
    if len(tags) != 1 or not tags[0].startswith('"') or not tags[0].endswith('"'):
        raise ServiceError(
            "changed-meanwhile", f"If-Match holds {if_match!r}; expected the one strong ETag of the resource"
        )
    return tags[0].strip('"')


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") if tag.strip() != "*" else "*" for tag in header.split(",")]
