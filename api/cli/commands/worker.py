"""`capitation worker`: an extra worker for the service's jobs, until it is stopped."""

from __future__ import annotations

import signal
import threading

import typer

from api.cli.options import DataOption, StoreOption
from api.cli.service_store import STOP_SECONDS, opened_store, settings_of
from api.service.jobs.worker import Worker
from api.service.packs.packs import Packs
from api.service.records.pack import pack_at
from api.service.serving import log_as_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(store: StoreOption = None, data: DataOption = None) -> None:
    """Work on the service's jobs until stopped."""
    setting = settings_of(store=store, data=data)
    log_as_json()
    with opened_store(setting) as kept:
        packs = Packs(pack_at(setting.data), setting.packs_folder, kept.pack_archive)
        working, stop = Worker(kept, packs, setting), threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda _number, _frame: stop.set())
        thread = threading.Thread(target=working.work_until, args=(stop,), daemon=True)
        thread.start()
        working.webhooks.start(stop)
        stop.wait()
        thread.join(STOP_SECONDS / 2)
        if thread.is_alive():
            working.stop_work()
