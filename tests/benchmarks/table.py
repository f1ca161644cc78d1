"""The table of `make bench`: written to docs/benchmarks.md, and compared with the one that stood there before.

A ratio is of one run on one machine, so it can be compared between runs; seconds beside it only say what was measured. Lines that were
not measured this time stay as they were.
"""

import datetime as dt
import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

WORSE = 1.15
"""Times its former self above which a ratio is flagged."""

PEERS = ("polars", "numpy", "pandas", "duckdb", "highspy", "PuLP", "linopy", "numba", "distributed", "fastapi")

HEADINGS = ("Subject", "Ratio", "Against", "Limit", "Before", "What was measured", "Measured on")


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    subject: str
    ratio: float
    against: str
    limit: str = ""
    detail: str = ""
    file: str = ""
    on: str = ""
    before: float | None = None

    @property
    def key(self):
        """What makes it the same line in another run."""
        return (self.file, self.subject, self.against)

    @property
    def is_worse(self):
        """Whether its ratio worsened by more than is allowed."""
        return self.before is not None and self.ratio > self.before * WORSE


def read(path: Path) -> list[Line]:
    """The lines of a stored table; none where there is none."""
    if not path.is_file():
        return []
    found, file = [], ""
    for row in path.read_text(encoding="utf-8").splitlines():
        if row.startswith("## "):
            file = row[3:].strip()
        cells = [cell.strip().replace("&#124;", "|") for cell in row.strip().strip("|").split(" | ")]
        if row.startswith("| ") and len(cells) == len(HEADINGS) and re.fullmatch(r"[\d.]+!?", cells[1]):
            subject, ratio, against, limit, before, detail, on = cells
            former = float(before) if before else None
            found.append(Line(subject, float(ratio.strip("!")), against, limit, detail, file, on, former))
    return found


def merged(old: list[Line], new: list[Line]) -> list[Line]:
    """New lines with what stood before, and old lines that were not measured this time."""
    former = {line.key: line for line in old}
    made = [Line(**{**line.__dict__, "before": former[line.key].ratio if line.key in former else None}) for line in new]
    keys = {line.key for line in made}
    return sorted([*made, *(line for line in old if line.key not in keys)], key=lambda line: line.key)


def text(lines: list[Line], machine: str) -> str:
    """The page."""
    worse = [line for line in lines if line.is_worse]
    head = [
        "# Benchmarks",
        "",
        "Written by `make bench` (and `make bench-large`); one part a file of `tests/benchmarks`. A ratio says how many times as long, or as",
        "much, the subject takes as what stands beside it, measured in the same run on the same machine; below 1 is quicker. Seconds are of that",
        f"machine alone. `!` marks a ratio that worsened by more than {WORSE - 1:.0%} since the table before, which stands in the column Before.",
        "",
        f"Last run: {machine}.",
        "",
        f"Worse than before: {len(worse)}."
        + "".join(f" {line.subject} ({line.before:.3f} to {line.ratio:.3f})." for line in worse),
    ]
    file = None
    for line in lines:
        if line.file != file:
            file = line.file
            head += ["", f"## {file}", "", "| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
        before = "" if line.before is None else f"{line.before:.3f}"
        cells = (
            line.subject,
            f"{line.ratio:.3f}{'!' if line.is_worse else ''}",
            line.against,
            line.limit,
            before,
            line.detail,
            line.on,
        )
        head.append("| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |")
    return "\n".join(head) + "\n"


def machine() -> str:
    """The machine and the versions that were measured."""
    model = ""
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        found = re.search(r"model name\s*:\s*(.+)", cpu.read_text(encoding="utf-8"))
        model = found[1].strip() if found else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = [f"{name} {number}" for name in PEERS if (number := _version(name))]
    load = f"load {os.getloadavg()[0]:.1f}"
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} processors{f' ({model})' if model else ''}, {memory:.0f} GB, {load}, "
        f"Python {platform.python_version()}, {', '.join(names)}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
