"""Going on: where a command that was stopped keeps what it has done, said to whoever stopped it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.boards.tables import notices


@contextmanager
def says_where(*states: Path | None) -> Iterator[None]:
    """Say which of these files keep what was done, where the work within is stopped by Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        kept = [str(state) for state in states if state is not None and state.is_file()]
        if kept:
            notices.print(f"kept in {' and '.join(kept)}: run it again to go on", markup=False)
        raise


__all__ = ["says_where"]
