"""`capitation demo --open`: a service of its own in a folder, a run asked for by its own address, and Home in the browser."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path

from api.boards.tables import notices
from api.service.http.local_access import ADDRESS
from api.service.settings import STORE_FILE

_LOOKS, _SECONDS = 240, 0.25


def open_pages(
    folder: Path, scenario: str, serve: Callable[[int], None], browse: Callable[[str], object] = webbrowser.open
) -> None:
    """Serve from a folder until stopped; once the server answers, ask for the run of a scenario and open Home.

    Args:
        folder: where the store and the token are kept.
        scenario: what is run.
        serve: serves on a port until it is stopped.
        browse: opens an address in a browser.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / "local-token"
    os.environ |= {
        "CAPITATION_STORE": f"sqlite:///{folder.resolve() / STORE_FILE}",
        "CAPITATION_LOCAL_TOKEN": str(token.resolve()),
        "CAPITATION_PACKS": str(folder.resolve() / "packs"),
    }
    port = _free_port()
    threading.Thread(target=_ask_and_open, args=(port, token, scenario, browse), daemon=True).start()
    serve(port)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _ask_and_open(port: int, token: Path, scenario: str, browse: Callable[[str], object]) -> None:
    """Wait for the server, ask for the run, and open Home."""
    root = f"http://127.0.0.1:{port}"
    for _ in range(_LOOKS):
        try:
            with urllib.request.urlopen(f"{root}/livez", timeout=5):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(_SECONDS)
    else:
        notices.print("note: the server did not answer; open its address by hand")
        return
    shown = token.read_text(encoding="ascii").strip()
    headers = {"X-API-Key": shown, "Idempotency-Key": "demo", "Prefer": "wait=60", "Content-Type": "application/json"}
    body = json.dumps({"scenario": scenario}).encode()
    try:
        asked = urllib.request.Request(f"{root}/v1/runs", body, headers, method="POST")
        with urllib.request.urlopen(asked, timeout=90):
            notices.print(f"Home: {root}/ (stop with Ctrl-C)")
    except (urllib.error.URLError, OSError) as error:
        notices.print(f"note: the run could not be asked for: {error}; start it from Home")
    browse(f"{root}{ADDRESS}?token={shown}")
