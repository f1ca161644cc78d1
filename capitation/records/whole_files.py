"""Files and folders that appear once they are whole: written beside their place under another name, then renamed.

Where writing fails, what stood before stands still, and nothing half-written stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
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
    return write_all_whole({path: write})[0]


def write_text(path: Path, text: str) -> Path:
    """A UTF-8 text file that appears once it is whole.

    Raises:
        SourceError: as `write_whole`.
    """
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_all_whole(files: Mapping[Path, Callable[[Path], object]]) -> list[Path]:
    """Several files, all or none: each is filled under a partial name, and they are renamed once all are whole.

    Raises:
        SourceError: one of them cannot be written; nothing is left behind.
    """
    if not files:
        return []
    partials = {path: path.with_name(f".{path.name}.partial") for path in files}
    at = next(iter(files))
    try:
        for at, write in files.items():
            if at.is_dir():
                raise SourceError(f"{at}: cannot be written: a folder has that name")
            at.parent.mkdir(parents=True, exist_ok=True)
            write(partials[at])
        for at, partial in partials.items():
            partial.rename(at)
    except OSError as error:
        raise SourceError(f"{at}: cannot be written: {error}") from error
    finally:
        for partial in partials.values():
            if partial.exists():
                partial.unlink()
    return list(files)


def write_whole_folder(place: Path, fill: Callable[[Path], object]) -> Path:
    """The folder at `place`, in the stead of an older one, once `fill` has filled it under a partial name beside it.

    Raises:
        SourceError: it cannot be written; nothing is left behind.
    """
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        fill(partial)
        if place.exists():
            shutil.rmtree(place)
        partial.rename(place)
    except OSError as error:
        raise SourceError(f"{place}: the folder could not be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return place
