"""A paper as a file, by its ending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from api.papers.model import BoardPaper
from capitation.errors import CapitationError, SourceError
from capitation.records.whole_files import write_all_whole


def _pdf(paper: BoardPaper) -> bytes:
    from api.papers.pdf import pdf

    return pdf(paper)


def _source(paper: BoardPaper) -> bytes:
    from api.papers.pdf import source

    return source(paper).encode()


def _pictures(paper: BoardPaper) -> dict[str, str]:
    from api.papers.pdf import pictures

    return pictures(paper)


def _html(paper: BoardPaper) -> bytes:
    from api.papers.html import html

    return html(paper).encode()


def _slides(paper: BoardPaper) -> bytes:
    from api.papers.slides import slides

    return slides(paper)


KINDS: dict[str, Callable[[BoardPaper], bytes]] = {".pdf": _pdf, ".html": _html, ".pptx": _slides, ".typ": _source}
"""What a paper can be written as, by the ending of the file."""

_NEEDS = "expected the extra that sets papers: pip install 'capitation[paper]'"


def checked_kind(path: Path) -> str:
    """The ending of a file, where a paper can be written as that.

    Raises:
        SourceError: it is none of them.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise SourceError(f"{path}: found the ending {path.suffix or 'none'!r}; expected one of {', '.join(KINDS)}")
    return kind


def paper_bytes(paper: BoardPaper, kind: str) -> bytes:
    """The paper as a file of a kind of `KINDS`.

    Raises:
        CapitationError: a library that sets papers is not installed.
    """
    try:
        return KINDS[kind](paper)
    except ModuleNotFoundError as error:
        raise CapitationError(
            f"a paper cannot be written as {kind}: found no library {error.name!r}; {_NEEDS}"
        ) from None


def write_paper(paper: BoardPaper, path: Path) -> Path:
    """Write a paper; the file appears only once it is whole, as a .typ with the charts that it refers to beside it.

    Raises:
        SourceError: the ending is none of `KINDS`, or the file cannot be written.
        CapitationError: a library that sets papers is not installed.
    """
    return write_papers(paper, [path])[0]


def write_papers(paper: BoardPaper, paths: Sequence[Path]) -> list[Path]:
    """Write a paper as several files, all of them or none.

    Raises:
        SourceError: an ending is none of `KINDS`, or a file cannot be written.
        CapitationError: a library that sets papers is not installed.
    """
    kinds = {path: checked_kind(path) for path in paths}
    files = {path: paper_bytes(paper, kind) for path, kind in kinds.items()}
    for path in [path for path, kind in kinds.items() if kind == ".typ"]:
        files |= {path.with_name(name): text.encode() for name, text in _pictures(paper).items()}
    write_all_whole({each: partial(_fill, bytes_of) for each, bytes_of in files.items()})
    return list(kinds)


def _fill(content: bytes, path: Path) -> None:
    path.write_bytes(content)
