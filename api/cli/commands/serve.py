"""`capitation serve`: the web service, in one process or several that share a port."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from api.boards.tables import notices, print_json
from api.cli.options import DataOption, StoreOption
from api.cli.service_store import STOP_SECONDS, opened_store, settings_of
from api.service.http.connections import Connection
from api.service.http.local_access import ADDRESS
from api.service.http.shared_counts import make_counts
from api.service.security.proofs.local_token import LocalToken
from api.service.serving import application, log_as_json
from api.service.settings import Settings, unknown_variables
from capitation.errors import DocumentError, Fault, SourceError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; only this machine by default.")] = "127.0.0.1",
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Workers for jobs inside each server process; 1 by default.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Server processes that share the port.")] = 1,
    store: StoreOption = None,
    data: DataOption = None,
) -> None:
    """Serve the API; the store is created in this folder, or migrated to this version."""
    setting = settings_of(store=store, data=data, workers=workers)
    for note in unknown_variables():
        notices.print(f"note: {note}")
    _check_address(host, port)
    with opened_store(setting) as kept:
        access = _access(setting, has_keys=kept.has_keys())
        local = _local_address(setting, host, port, has_keys=kept.has_keys())
    log_as_json()
    started = {"settings": setting.shown(), "host": host, "port": port, "processes": processes, "access": access}
    print_json(started | ({"open": local} if local else {}))
    if processes > 1 and port == 0:
        message = "--port 0 gives each process a port of its own; name one port for several processes"
        raise DocumentError(message)
    os.environ |= {name: str(value) for name, value in _given(store=store, data=data, workers=workers).items()}
    with _counts(processes) as counts:
        os.environ |= {name: str(value) for name, value in _given(rate_counts=counts).items()}
        uvicorn.run(
            application() if processes == 1 else "api.service.serving:application",
            factory=processes > 1,
            workers=processes,
            host=host,
            port=port,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )


def _check_address(host: str, port: int) -> None:
    """Refuse to start where nothing can listen, before anything of a server that may run here is changed.

    Raises:
        DocumentError: the port is in use, or the address is none of this machine.
    """
    failed: list[OSError] = []
    found: list[Any] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        failed.append(error)
    for family, kind, protocol, _, address in found:
        try:
            _bind(family, kind, protocol, address)
        except OSError as error:
            failed.append(error)
    lost = [each for each in failed if each.errno not in _NOT_HERE] or (failed if len(failed) == len(found) else [])
    if not failed or (found and not lost):
        return
    cause = (lost or failed)[0]
    if cause.errno == errno.EADDRINUSE:
        remedy = "Stop what serves there, or name another port."
        fault = Fault("--port", f"{port}, which is in use", "a port that is free", remedy)
    elif cause.errno == errno.EACCES:
        fault = Fault("--port", f"{port}, which this user may not listen on", "a port from 1024 on")
    else:
        fault = Fault("--host", repr(host), "an address of this machine", f"{cause.strerror}.")
    message = "the service cannot listen there"
    raise DocumentError(message, [fault]) from cause


def _bind(family: int, kind: int, protocol: int, address: Any) -> None:  # noqa: ANN401  # of any family
    with socket.socket(family, kind, protocol) as tried:
        if os.name == "posix":
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        tried.bind(address)


_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What binding says where a machine has no addresses of a family."""


@contextmanager
def _counts(processes: int) -> Iterator[Path | None]:
    """The file in which several processes count requests together, while they serve."""
    if processes == 1 or os.name == "nt":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="capitation-") as folder:
        path = Path(folder) / "rate-counts"
        make_counts(path, processes)
        yield path


def _given(**given: str | Path | int | None) -> dict[str, object]:
    """What was given on the command line, as variables of the environment, for processes that are started."""
    return {f"CAPITATION_{name.upper()}": value for name, value in given.items() if value is not None}


def _local_address(setting: Settings, host: str, port: int, *, has_keys: bool) -> str:
    """The address that lets a browser in until the first key is issued, with a new token; empty where there is no such access."""
    token = LocalToken(setting.local_token_file)
    if has_keys or setting.token_issuer or not setting.local_access:
        token.remove()
        return ""
    try:
        text = token.renew()
    except SourceError as error:
        notices.print(f"note: {error.message}; issue a key with capitation keys issue")
        return ""
    named = (
        "127.0.0.1" if host in {"0.0.0.0", "::", ""} else f"[{host}]" if ":" in host else host
    )  # compared, not bound
    return f"http://{named}:{port}{ADDRESS}?token={text}"


def _access(setting: Settings, *, has_keys: bool) -> str:
    """Who may enter, in words."""
    ways = ["API keys"] if has_keys else []
    if setting.token_issuer:
        ways.append(f"access tokens of {setting.token_issuer}")
    if ways:
        return " and ".join(ways)
    if setting.local_access:
        return f"no key was issued yet: whoever shows the token in {setting.local_token_file.name}, as an analyst; nobody else"
    return "nobody: no key was issued yet. Issue one with capitation keys issue"
