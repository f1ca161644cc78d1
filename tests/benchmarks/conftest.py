"""Subjects of speed: each is run once, untimed, in the deep suite; `make bench` times them and prints a table of ratios.

Those marked `large` take minutes and gigabytes, and are run by `make bench-large` only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

HERE = "tests/benchmarks/"


@dataclass(frozen=True)
class Ratio:
    """One line of the table."""

    subject: str
    ratio: float
    against: str
    limit: str
    detail: str


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
            RATIOS.append(Ratio(of or _words(request.node.name), ratio, against, limit, detail))

    return add


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


def _groups(config: pytest.Config) -> list[Ratio]:
    groups: dict[str, list[tuple[str, float]]] = {}
    for each in config._benchmarksession.benchmarks:  # type: ignore[attr-defined]  # it has no public name
        if each.group and each.stats.data:
            groups.setdefault(each.group, []).append((_words(each.name), min(each.stats.data)))
    found = []
    for group, members in groups.items():
        fastest, least = min(members, key=lambda member: member[1])
        found += [
            Ratio(f"{group}: {name}", seconds / least, fastest, "", f"{seconds:.3f} s")
            for name, seconds in members
            if name != fastest
        ]
    return found


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")
