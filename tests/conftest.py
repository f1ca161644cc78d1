"""Shared fixtures: hypothesis profiles, the data pack, and the optional folder of reference data."""

import faulthandler
import fcntl
import gc
import json
import os
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from api.cli.main import main
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack
from capitation.records.identity import digest
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, load_run, save_run
from capitation.run.scenario import read_scenario
from contracts.options import study as study_module
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options
from contracts.options.trials import Trials
from optimiser.answers.optimise import Outcome, optimise
from optimiser.answers.whole.former import read_former
from optimiser.problem.document import read_problem

settings.register_profile("quick", max_examples=15, deadline=None)
settings.register_profile(
    "gate", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

ROOT = Path(__file__).parent.parent

gc.disable()  # until all tests are collected

TOGETHER = {
    "PostgreSQL": r"\[(postgresql|on_small_postgresql_disk)",
    "the best mix": r"/test_(blmk_problem|under_contracts|demo_command)\.py::",
    "options compared": r"/(options/test_(study|quality)|test_(comparisons|(body|compare|diff)_command)|pages/test_doing)\.py::",
}
"""Groups of tests, by their ids, that one process runs, so that what they share is made once; the first that fits counts.
All others stay with their file."""

FIRST = (
    "PostgreSQL",
    "the best mix",
    "options compared",
    *(f"tests/api/service/test_{name}.py" for name in ("pack_archive", "readme_calls", "serve_command", "openapi")),
    *(f"tests/api/service/test_{name}.py" for name in ("failures", "data_packs", "every_address", "connections")),
    "tests/contracts/terms/test_laws.py",
    "tests/api/service/test_jobs.py",
    "tests/api/charts/test_charts.py",
    "tests/contracts/risk/test_parties.py",
    "tests/optimiser/links/test_assumption_log.py",
    "tests/optimiser/test_independent.py",
    "tests/optimiser/engines/test_exhaustive.py",
    "tests/api/service/test_exports.py",
    "tests/house/test_walls.py",
    "tests/api/service/test_generated_client.py",
)
"""Groups and files that take longest, which begin first, so that no process ends long after the others."""


def group_of(nodeid: str) -> str:
    """The group of a test; its file where it has no other."""
    return next((name for name, pattern in TOGETHER.items() if re.search(pattern, nodeid)), nodeid.split("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send each group of tests to one process: those that take longest first, then those of most tests, to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            for name in reversed(FIRST):
                if name in self.workqueue:
                    self.workqueue.move_to_end(name, last=False)
            super()._assign_work_unit(node)

    return Grouped(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the collector of garbage the modules and tests that stay to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give deep tests more time, and speed comparisons of minutes all that they want, before they count as waiting for ever."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            if item.get_closest_marker("large") is not None:
                item.add_marker(pytest.mark.timeout(0))
            elif item.get_closest_marker("deep") is not None:
                item.add_marker(pytest.mark.timeout(1500))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Let no thread or child that a test left behind keep this process from ending: it says where it waits, and ends."""
    faulthandler.dump_traceback_later(60, exit=True)


@pytest.fixture(scope="session")
def pack() -> DataPack:
    """The data pack that the product carries."""
    return DataPack(default_data_folder())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data and worked cases that is not part of the project; skips where it is absent."""
    folder = Path(os.environ.get("CAPITATION_SHARED", ROOT.parent / "shared"))
    if not (folder / "cases").is_dir():
        pytest.skip(f"no folder of reference data at {folder}; set CAPITATION_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def blmk_run(pack) -> Run:
    """The run of the BLMK scenario, made once for all tests that read it."""
    return evaluate(read_scenario(pack.path("scenarios/blmk.toml")), pack)


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all processes of one run of the tests share."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    home.mkdir(exist_ok=True)
    return home


@contextmanager
def made_by_one(home: Path) -> Iterator[None]:
    """What is made meanwhile is made by the first process that comes here; the others wait for it."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def studied_folder(pack, tmp_path_factory) -> Path:
    """The shipped options compared and studied, written as a run by the first process that asks; the others wait for it."""
    home = shared_folder(tmp_path_factory, "studied")
    with made_by_one(home):
        done = [each.parent for each in home.glob("*/manifest.json")]
        if not done:
            document = read_options(pack.path("options/blmk.toml"))
            done = [save_run(evaluate_options(document, pack, studied=True), home)]
    return done[0]


@pytest.fixture(scope="session")
def studied_blmk(studied_folder) -> Run:
    """The shipped options compared and studied."""
    return load_run(studied_folder)


@pytest.fixture(scope="session", autouse=True)
def options_studied_once(tmp_path_factory) -> Iterator[None]:
    """Try the same options on the same run once in all processes; whatever leads to them is worked out each time."""
    home = shared_folder(tmp_path_factory, "studies")
    parts = ("behaviour_responses", "below_plan", "switching", "tested_ranges")

    def once(part: str, real: Callable[[Trials], pl.DataFrame]) -> Callable[[Trials], pl.DataFrame]:
        def shared(trials: Trials) -> pl.DataFrame:
            rests_on = [
                trials.document.model_dump_json(),
                *(f"{name} {contract.model_dump_json()}" for name, contract in sorted(trials.contracts.items())),
                *(frame.write_json() for frame in (trials.money, trials.lines, trials.fund)),
                trials.run.id,
            ]
            of_these = home / digest(json.dumps(rests_on))
            of_these.mkdir(exist_ok=True)
            kept = of_these / f"{part}.pickle"
            with made_by_one(of_these):  # others are studied meanwhile
                if not kept.exists():
                    kept.write_bytes(pickle.dumps(real(trials)))
            return pickle.loads(kept.read_bytes())

        return shared

    real = {part: getattr(study_module, part) for part in parts}
    for part, work in real.items():
        setattr(study_module, part, once(part, work))
    yield
    for part, work in real.items():
        setattr(study_module, part, work)


@dataclass(frozen=True)
class Mix:
    """The best mix of a problem, and how long it took to find."""

    outcome: Outcome
    seconds: float


@pytest.fixture(scope="session")
def blmk_mix(pack) -> Mix:
    """The best mix of the shipped BLMK problem, from its shipped start, looked for once."""
    problem = read_problem(pack.path("problems/blmk.toml"))
    former = read_former(pack.path("problems/blmk/start.json"))
    began = time.perf_counter()
    return Mix(optimise(problem, gap=0.005, time_limit=20, former=former), time.perf_counter() - began)


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def capitation(monkeypatch, capfd) -> Callable[..., Answer]:
    """Runs the command line in this process: `capitation("allocate", "--total", "1")` gives its exit code and output."""

    def run(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["capitation", *map(str, words)])
        capfd.readouterr()
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        else:
            code = 0
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run
