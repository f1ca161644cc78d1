"""The words that run the tests: one command in the Makefile and in the README, and a word for each kind of test."""

import re
from pathlib import Path

import pytest

from tests.conftest import FIRST, TOGETHER, group_of

ROOT = Path(__file__).parents[2]


def recipe(word):
    """The pytest command of a word of the Makefile, with its variables put in."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^(\w+) [?:]?= (.*)$", makefile, re.MULTILINE))
    (line,) = re.findall(rf"^{word}:.*\n\t(.*)$", makefile, re.MULTILINE)
    while "$(" in line:
        line = re.sub(r"\$\((\w+)\)", lambda match: variables[match[1]], line)
    return line


def test_the_readme_runs_the_tests_as_make_does():
    assert recipe("test") in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_gate_runs_what_the_readme_runs_and_then_the_deep_tests():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert 0 < gate.index("make check") < gate.index("make test |") < gate.index("make test-deep |")


@pytest.mark.parametrize(("word", "chosen"), [("test-deep", "-m deep"), ("bench-large", "-m large")])
def test_what_make_test_leaves_out_has_a_word_of_its_own(pytestconfig, word, chosen):
    assert recipe(word).endswith(chosen)
    assert f"not {chosen.removeprefix('-m ')}" in " ".join(pytestconfig.getini("addopts"))


def test_groups_of_tests_are_kept_together_and_name_files_that_are_there():
    store = "tests/api/service/test_store.py::test_two_writers_keep_one_unbroken_chain"
    assert group_of(f"{store}[postgresql]") == "PostgreSQL"
    assert group_of(f"{store}[sqlite]") == "tests/api/service/test_store.py"
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    found = {group_of(f"{each}::test_x") for each in files} - set(files)
    assert found == set(TOGETHER) - {"PostgreSQL"}


def test_what_begins_first_is_there():
    assert [name for name in FIRST if name not in TOGETHER and not (ROOT / name).is_file()] == []
