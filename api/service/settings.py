"""Settings of the service: from the environment (`CAPITATION_...`) or a file, shown at start without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from capitation.errors import DocumentError, Fault

STORE_FILE = "capitation.db"
"""Name of the embedded store, in the folder the service is started from."""


class Settings(BaseSettings):
    """How one instance of the service is set up; every field may come from `CAPITATION_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="CAPITATION_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    store: str = ""
    """Database URL; empty means an SQLite file in the folder the service is started from."""
    data: Path | None = None
    """Folder of the data pack; the one that ships where it is not set."""
    workers: int = Field(default=1, ge=0, le=64)
    """Workers that run inside the server; 0 where `capitation worker` processes do the work."""
    lease_seconds: float = Field(default=15.0, gt=0)
    """How long a worker holds a job without a sign of life before another may take it."""
    poll_seconds: float = Field(default=0.2, gt=0)
    """How often an idle worker looks for work."""
    attempts: int = Field(default=5, ge=1)
    """How often a job is started before it is given up as failed."""
    body_bytes: int = Field(default=16_000_000, ge=1)
    """Largest request body that is read."""
    rate_requests: int = Field(default=6000, ge=1)
    """Requests a client may make in one window."""
    rate_seconds: int = Field(default=60, ge=1)
    """Length of the window of the rate limit."""
    idempotency_hours: float = Field(default=48.0, gt=0)
    """How long the answer to an Idempotency-Key is kept."""

    @property
    def store_url(self) -> str:
        """The database URL, with the default put in."""
        return self.store or f"sqlite:///{Path.cwd() / STORE_FILE}"

    def shown(self) -> dict[str, Any]:
        """The settings as they may be printed: a password in the database URL is masked.

        Raises:
            DocumentError: the database URL cannot be read.
        """
        try:
            url = make_url(self.store_url).render_as_string(hide_password=True)
        except ArgumentError as error:
            message = "the setting CAPITATION_STORE cannot be used"
            fault = Fault("CAPITATION_STORE", "a text that is no URL", "such as sqlite:///capitation.db")
            raise DocumentError(message, [fault]) from error
        return {**self.model_dump(mode="json"), "store": url}
