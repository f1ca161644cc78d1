"""What the store gives back, and what whoever looks into it may ask: documents, results, frames and files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoredDocument:
    """One version of a document; `digest` names its content."""

    seq: int
    kind: str
    name: str
    version: int
    digest: str
    title: str
    content: str
    author: str
    created: float


@dataclass(frozen=True)
class StoredFrame:
    """One frame of a result as parquet bytes, with the checksum of its content."""

    name: str
    rows: int
    sha256: str
    parquet: bytes


@dataclass(frozen=True)
class StoredFile:
    """One file of a result, such as a workbook, with the checksum of its bytes."""

    name: str
    media: str
    sha256: str
    content: bytes


class StoredThings(Protocol):
    """What may be looked up of what is stored; the store itself answers."""

    def document(self, kind: str, name: str, content_digest: str | None = None) -> StoredDocument | None:
        """One version of a document, the newest where none is named; None where there is none."""

    def document_names(self, kind: str) -> list[str]:
        """Names of the documents of a kind, in order."""

    def result(self, kind: str, result_id: str) -> object | None:
        """One result; None where there is none."""

    def frame(self, kind: str, result_id: str, name: str) -> StoredFrame | None:
        """One frame of a result; None where there is none."""

    def frame_names(self, kind: str, result_id: str) -> list[str]:
        """Names of a result's frames, in order."""

    def file(self, kind: str, result_id: str, name: str) -> StoredFile | None:
        """One file of a result; None where there is none."""
