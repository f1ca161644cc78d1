"""Other systems that the service may call: their addresses, what is shared with them, and how they are asked.

They are asked at the address that was set and at no other: no redirection is followed. What is on this machine is asked without a
gate for the way out, which would see what is sent. An answer that does not come in time, however slowly its bytes drip, is none.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

SECRET_START = "whsec_"
"""What a shared secret begins with; the rest is base64."""

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"[!-~]+")


def is_local_or_https(url: str) -> bool:
    """Whether nobody between can read or change what is sent: https, or http on this machine; and no password in it.

    An address with a port that is none, or with characters that an address does not have, could never be asked.
    """
    if not _ADDRESS.fullmatch(url):
        return False
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.port == 0 or "@" in parts.netloc:
            return False
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    except ValueError:
        return False
    return is_safe and bool(parts.hostname)


def secret_bytes(secret: str) -> bytes:
    """The key in a shared secret.

    Raises:
        ValueError: it has not the form of one.
    """
    try:
        found = base64.b64decode(secret.removeprefix(SECRET_START), validate=True)
    except binascii.Error:
        found = b""
    if not secret.startswith(SECRET_START) or not 24 <= len(found) <= 64:
        raise ValueError(f"expected {SECRET_START} and 24 to 64 bytes in base64")
    return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirection."""


class _Timed(urllib.request.AbstractHTTPHandler):
    """Notes the sockets that are opened, so that they can be cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[socket.socket] = []

    def do_open(self, http_class: Any, req: Any, **more: Any) -> Any:  # noqa: ANN401  # as the library has it
        """Open a connection, and note its socket."""

        def noted(*given: Any, **named: Any) -> Any:  # noqa: ANN401  # as the library has it
            connection = http_class(*given, **named)
            connect = connection.connect

            def connected() -> None:
                connect()
                self.opened.append(connection.sock)

            connection.connect = connected
            return connection

        return super().do_open(noted, req, **more)

    def cut_off(self) -> None:
        """End what is under way: whoever waits for it goes on."""
        for each in self.opened:
            with suppress(OSError):  # it has ended
                each.shutdown(socket.SHUT_RDWR)


class _Http(_Timed, urllib.request.HTTPHandler):
    pass


class _Https(_Timed, urllib.request.HTTPSHandler):
    pass


def answer_of(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, seconds: float, most_bytes: int
) -> tuple[int, bytes]:
    """The status and the first bytes of the answer of another system, asked once and within so many seconds, whatever it does.

    Args:
        url: an address that `is_local_or_https`.
        body: what is sent with POST; with GET where there is none.
        headers: what is said with it.
        seconds: how long the whole of it may take.
        most_bytes: how many bytes of the answer are read.

    Raises:
        OSError: there was no answer in time.
        ValueError: what came is no answer, or the address cannot be asked.
    """
    plain, safe = _Http(), _Https()
    is_here = urllib.parse.urlsplit(url).hostname in _HERE
    gate = [urllib.request.ProxyHandler({})] if is_here else []
    opener = urllib.request.build_opener(_NoRedirect, plain, safe, *gate)
    asked = urllib.request.Request(url, data=body, headers=dict(headers or {}))  # checked by whoever set it
    late = threading.Event()

    def cut_off() -> None:
        late.set()
        plain.cut_off()
        safe.cut_off()

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        with opener.open(asked, timeout=seconds) as answer:
            content = bytes(answer.read(most_bytes)) if most_bytes else b""
            status = int(answer.status)
    except urllib.error.HTTPError as error:
        status, content = error.code, b""
        error.close()
    except (http.client.HTTPException, OSError) as error:
        if late.is_set():
            raise TimeoutError("the answer did not come in time") from error
        if isinstance(error, OSError):
            raise
        raise ValueError(f"found no answer of HTTP ({type(error).__name__})") from error
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError("the answer did not come in time")
    return status, content
