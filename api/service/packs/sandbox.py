"""A data pack that was sent is first read in a process of its own, limited to some memory and time.

A file that was made for it can end the process that reads it (parquet with one byte changed does), fill its memory, or keep
it busy for hours. The trial reads every file with the readers that the engine uses; what it lives through, the service can
read, and what it does not is a fault of the file that was being read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api.service.packs.paths import Reading, document_faults, inside, table_faults, unreported
from api.service.records.pack import Pack
from capitation.errors import CapitationError, Fault, SourceError
from capitation.run.checks import PACK_KEYS, check_pack

TRIAL_SECONDS = 60.0
"""How long a trial may take."""

TRIAL_BYTES = 4 * 1024**3
"""Memory that its process may ask for, where the system can hold it to that."""

ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
"""What the id of a pack looks like, so that it can stand in an address."""

LONGEST_TEXT = 5_000
"""Most characters of a text of pack.toml."""


def trial_faults(folder: Path) -> list[Fault]:
    """Every fault of what the files of a pack hold, read in another process; none where the pack can be used.

    Args:
        folder: the pack; in it are folders and plain files only.

    Raises:
        SourceError: the other process cannot be started.
    """
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    try:
        output = subprocess.run(
            [sys.executable, "-m", __name__, str(folder)],
            env={**os.environ, "PYTHONPATH": path, "POLARS_MAX_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TRIAL_SECONDS,
            check=False,
        ).stdout
        found = "content that ends the process that reads it"
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
        found = f"content that takes longer than {TRIAL_SECONDS:g} seconds to read"
    reading_now = ""
    for line in output.splitlines():
        reported = json.loads(line)
        if isinstance(reported, list):
            return [Fault(*each) for each in reported]
        reading_now = str(reported)
    if not reading_now:
        raise SourceError("data packs cannot be tried: the process that reads them does not start")
    return [Fault(reading_now, found, "a file that can be read")]


def pack_faults(folder: Path, reading: Reading = unreported) -> list[Fault]:
    """Every fault of what the files of a pack hold; where there is none, every fault that the engine's checks find.

    Args:
        folder: the pack.
        reading: called with the path of each file, inside the pack, before it is read.
    """
    reading("the data pack")
    found = [*document_faults(folder, reading), *table_faults(folder, reading)]
    if found or not (folder / "pack.toml").is_file():
        return found
    reading("the data pack")
    try:
        pack = Pack(folder)
        checked = [*check_pack(pack.opened()), *_text_faults(pack)]
    except CapitationError as error:  # such as that it extends a pack that is not here
        said = error.message.replace(f"{folder}{os.sep}", "")
        return [inside(fault, folder) for fault in error.faults] or [
            Fault("pack.toml", said, "a pack that can be opened")
        ]
    if not checked:  # the engine is imported where there is something for it to use
        from api.service.packs.rehearsal import use_faults

        checked = [*use_faults(pack, reading)]
    return [inside(fault, folder) for fault in checked]


def _text_faults(pack: Pack) -> Iterator[Fault]:
    """Faults of pack.toml that matter where packs are listed: texts that are none or too long, an id for no address."""
    for key in PACK_KEYS:
        value = pack.about.get(key, "")
        shown = repr(value)[:80]
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            yield Fault(f"pack.toml: {key}", shown, f"a text of at most {LONGEST_TEXT:,} characters")
        elif key == "id" and value and not re.fullmatch(ID, value):
            yield Fault("pack.toml: id", shown, "1 to 128 letters, digits, '.', '_' and '-', a letter or digit first")


def _report(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def _try(folder: Path) -> None:
    """Report which file is being read, and at the end the faults; this is what the other process does."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(
            ValueError, OSError
        ):  # it may be limited to less already, or the system knows no such limit
            resource.setrlimit(resource.RLIMIT_AS, (TRIAL_BYTES, TRIAL_BYTES))
    _report([dataclasses.astuple(fault) for fault in pack_faults(folder, _report)])


if __name__ == "__main__":
    _try(Path(sys.argv[1]))
