"""Whether a written problem still is what was written: a checksum in its head says whether anybody has changed it by hand since."""

from __future__ import annotations

import hashlib
from pathlib import Path

_MARK = (
    "# Checksum of what follows; a file that is changed by hand no longer agrees with it, and keeps its own figures: "
)


def with_checksum(head: str, body: str) -> str:
    """A written file: its head, the checksum of its body, and the body."""
    return f"{head}{_MARK}{_checksum(body)}\n{body}"


def is_as_written(file: Path) -> bool:
    """Whether the body of a file is the one that was written; no for a file without a checksum."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    _, mark, rest = text.partition(_MARK)
    said, _, body = rest.partition("\n")
    return bool(mark) and said.strip() == _checksum(body)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.replace("\r\n", "\n").encode()).hexdigest()


__all__ = ["is_as_written", "with_checksum"]
