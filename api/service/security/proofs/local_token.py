"""The token of local mode: made anew at each start of `capitation serve`, kept in a file that only its user can read.

Whoever can read the file is the user who started the service, whatever stands between them and it; nothing that a request says
of its host or of those who passed it on can stand for that. The token is looked up in the file at each check, so that all
processes of a server, and a server that was started again, know the same one.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from capitation.errors import SourceError

TOKEN_FILE = "capitation-local-token"  # the name of the file, not the token
"""Name of the file, in the folder the service is started from."""

COOKIE = "capitation_local"
"""The cookie in which a browser keeps it."""

_START = "cap_local_"


class LocalToken:
    """The token in one file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def renew(self) -> str:
        """A new token, which takes the place of the one before.

        Raises:
            SourceError: the file cannot be written.
        """
        text = _START + secrets.token_urlsafe(32)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                partial.unlink()
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            partial.replace(self.path)
        except OSError as error:
            raise SourceError(
                f"{self.path.name}: the token of local access cannot be written: {error.strerror}"
            ) from error
        return text

    def remove(self) -> None:
        """Take the token away: there is no local access any more."""
        with suppress(OSError):
            self.path.unlink()

    def is_this(self, text: str) -> bool:
        """Whether `text` is the token; never where others than its user could have read or put there the file."""
        if not text.startswith(_START):
            return False
        try:
            with self.path.open(encoding="ascii") as file:
                about = os.fstat(file.fileno())
                kept = file.read(200).strip()
        except (OSError, ValueError):
            return False
        is_private = os.name == "nt" or (  # Windows has no such modes
            not stat.S_IMODE(about.st_mode) & 0o077 and about.st_uid == os.geteuid()
        )
        return is_private and bool(kept) and hmac.compare_digest(kept.encode(), text.encode(errors="replace"))
