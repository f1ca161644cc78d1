"""What a server process is started with: logs as JSON lines on standard error, and the application with its settings."""

from __future__ import annotations

import gc
import logging
import sys

from fastapi import FastAPI

from api.service.app import create_app
from api.service.http.access_log import JsonLines, Lines
from api.service.http.connections import Connection, Limits
from api.service.settings import Settings

SWITCH_SECONDS = 0.0005
"""How long a thread computes before another that waits has its turn: requests that are answered at once wait no longer for work."""


def application() -> FastAPI:
    """The application of one server process, set up by file and environment."""
    log_as_json()
    sys.setswitchinterval(SWITCH_SECONDS)
    setting = Settings()
    Connection.limits = Limits(
        header_seconds=setting.header_seconds,
        header_bytes=setting.header_bytes,
        body_seconds=setting.body_seconds,
        write_seconds=setting.write_seconds,
        connections=setting.connections,
    )
    app = create_app(setting)
    gc.freeze()  # what a process is made of stays as long as it does
    Connection.again = None if app.again is None else staticmethod(app.again.at_once)
    return app


def log_as_json() -> None:
    """Write the logs of the service and its workers as one line of JSON each."""
    handler = Lines(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("capitation", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO)
