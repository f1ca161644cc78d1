"""Files that appear once they are whole: written beside their place under another name, then renamed; nothing half-written stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from capitation.errors import SourceError


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """The file at `path`, once `write` has filled it under a partial name beside it.

    Args:
        path: where the file is to stand; folders on the way are made.
        write: writes the content to the path it is given.

    Raises:
        SourceError: the file cannot be written; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.rename(path)
    except OSError as error:
        if partial.exists():
            partial.unlink()
        message = f"{path}: cannot be written: {error}"
        raise SourceError(message) from error
    return path


def write_text(path: Path, text: str) -> Path:
    """A UTF-8 text file that appears once it is whole.

    Raises:
        SourceError: as `write_whole`.
    """
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))
