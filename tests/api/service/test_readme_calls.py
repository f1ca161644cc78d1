"""The four calls of the README, typed as they stand there, in an empty folder: from nothing to a balanced journal."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

README = Path(__file__).parents[3] / "api" / "README.md"
READY = "until curl -sf -o ready.json localhost:8000/readyz; do sleep 0.1; done"


def commands(heading: str) -> list[str]:
    block = re.search(rf"### {heading}.*?```console\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ") for line in block[1].splitlines()]


def typed(folder: Path, listed: list[str]) -> subprocess.CompletedProcess[str]:
    """The lines as somebody types them in an empty folder, the first of which starts the server."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl and bash are needed to type the README's calls")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serve, *rest = listed
    script = "\n".join(["set -eu", serve, "trap 'kill %1; wait %1 || true' EXIT", READY, *rest]).replace("8000", port)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "capitation").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from api.cli.main import main; main()" "$@"\n'
    )
    (tools / "capitation").chmod(0o755)
    root = str(README.parents[1])
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": root}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_the_readme_leads_from_nothing_to_a_run_without_a_key(tmp_path):
    listed = commands("Trying it out")
    typed(tmp_path, listed)
    assert json.loads((tmp_path / "scenario.json").read_text())["id"] == "blmk"
    assert json.loads((tmp_path / "job.json").read_text())["status"] == "done"


def test_the_readme_leads_from_nothing_to_a_balanced_journal_in_four_calls(tmp_path, blmk_run):
    listed = commands("From nothing to a journal in four calls")
    assert sum("curl" in line for line in listed) == 4
    typed(tmp_path, listed)
    with (tmp_path / "journal.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    debits, credited = (sum(Decimal(row[side] or 0) for row in rows) for side in ("debit", "credit"))
    pence = blmk_run.frame("provider_allocation").filter(pl.col("year") == "2018/19")["allocation_pence"].sum()
    assert debits == credited == Decimal(pence) / 100
    told = re.search(r"holds (\d+) lines: debits of £([\d,.]+),", README.read_text())
    assert (len(rows), debits) == (int(told[1]), Decimal(told[2].replace(",", "")))
