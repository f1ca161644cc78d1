"""Subjects of speed: each is run once, untimed, in the deep suite; `make bench` times them and prints a table of ratios.

Those marked `large` take minutes and gigabytes, and are run by `make bench-large` only.
"""

import datetime as dt
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks import table

STORED = Path(__file__).parents[2] / "docs" / "benchmarks.md"

HERE = "tests/benchmarks/"


@dataclass(frozen=True)
class Ratio:
    """One line of the table."""

    subject: str
    ratio: float
    against: str
    limit: str
    detail: str
    file: str = ""


RATIOS: list[Ratio] = []
"""What was measured in this process, in order."""


def is_timed(config: pytest.Config) -> bool:
    """Whether subjects are to be measured, and not only run."""
    return bool(config.getoption("benchmark_enable"))


@pytest.fixture
def timed(request: pytest.FixtureRequest) -> bool:
    """Whether this subject is to be measured, and not only run."""
    return is_timed(request.config)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Adds a line to the table: how many times as long (or as many) as what it is measured against."""

    def add(ratio: float, against: str, *, limit: str = "", detail: str = "", of: str = "") -> None:
        if is_timed(request.config):
            RATIOS.append(Ratio(of or _words(request.node.name), ratio, against, limit, detail, request.node.path.stem))

    return add


@pytest.fixture
def alternating(timed):
    """Gives the least seconds of processor time of several works, all threads added up; they take turns, since the machine may be shared."""

    def run(works, times=5):
        least, results = [math.inf] * len(works), [None] * len(works)
        for _ in range(times if timed else 1):
            for i, work in enumerate(works):
                began = time.process_time()
                results[i] = work()
                least[i] = min(least[i], time.process_time() - began)
        return least, results

    return run


def peak_gigabytes() -> float:
    """The most memory that this program has had at once, in GB."""
    kept = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kept[1]) / 1e6 if kept else math.nan


@pytest.fixture
def in_a_process(tmp_path):
    """Runs Python text in a process of its own; gives what it printed and its peak memory in GB.

    The peak is read where Linux keeps that of the program alone: `ru_maxrss` starts from what the process that started it had reached.
    """

    def run(code, *words):
        file = tmp_path / "measured.py"
        file.write_text(code + "\nfrom tests.benchmarks.conftest import peak_gigabytes\nprint(peak_gigabytes())\n")
        done = subprocess.run(
            [sys.executable, file, *map(str, words)], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        *printed, memory = done.stdout.split()
        return printed, float(memory)

    return run


def exponent(sizes, seconds):
    """The power of the size with which seconds grow, fitted by least squares."""
    xs, ys = [math.log(n) for n in sizes], [math.log(s) for s in seconds]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the subjects of this folder; those that are not large belong to the deep suite."""
    for item in items:
        if item.nodeid.startswith(HERE):
            item.add_marker(pytest.mark.benchmark_subject)
            if item.get_closest_marker("large") is None:
                item.add_marker(pytest.mark.deep)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what has a size at 1,000 columns, and at 10,000 as well where it is measured."""
    if "size" in metafunc.fixturenames:
        metafunc.parametrize("size", ["1k", "10k"] if is_timed(metafunc.config) else ["1k"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table: groups of pytest-benchmark as ratios to their fastest member, and what the subjects measured themselves."""
    lines = [*_groups(config), *RATIOS]
    if not is_timed(config) or not lines:
        return
    terminalreporter.section("ratios")
    width = max(len(line.subject) for line in lines)
    for line in lines:
        limit = f" (limit {line.limit})" if line.limit else ""
        detail = f"; {line.detail}" if line.detail else ""
        terminalreporter.write_line(f"{line.subject:{width}}  {line.ratio:9.3f} x {line.against}{limit}{detail}")
    today = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    new = [table.Line(r.subject, r.ratio, r.against, r.limit, r.detail, r.file, today) for r in lines]
    every = table.merged(table.read(STORED), new)
    STORED.write_text(table.text(every, table.machine()), encoding="utf-8")
    for line in every:
        if line.is_worse and line.on == today:
            terminalreporter.write_line(f"WORSE: {line.subject}: {line.before:.3f} before, {line.ratio:.3f} now")
    terminalreporter.write_line(f"written: {STORED}")


def _groups(config: pytest.Config) -> list[Ratio]:
    groups: dict[str, list[tuple[str, float]]] = {}
    files: dict[str, str] = {}
    for each in config._benchmarksession.benchmarks:  # type: ignore[attr-defined]  # it has no public name
        if each.group and each.stats.data:
            groups.setdefault(each.group, []).append((_words(each.name), min(each.stats.data)))
            files[each.group] = Path(each.fullname.split("::")[0]).stem
    found = []
    for group, members in groups.items():
        fastest, least = min(members, key=lambda member: member[1])
        found += [
            Ratio(f"{group}: {name}", seconds / least, fastest, "", f"{seconds:.3f} s", files[group])
            for name, seconds in members
            if name != fastest
        ]
    return found


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")
