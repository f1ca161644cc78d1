"""What surrounds the code is true: decisions name tests that exist, the glossary names words of the code, locks match the metadata."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ["capitation", "contracts", "optimiser", "api"]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def metadata():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    # on which systems a package is needed may differ between locks, its version and files may not
    blocks = re.finditer(r"^([a-z0-9-]+)==.*?(?=^[a-z]|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    return {m[1]: re.sub(r" ; [^\\]*", " ", m[0]) for m in blocks}


def plain(requirement):
    return re.match(r"[A-Za-z0-9_-]+", requirement)[0].lower().replace("_", "-")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_there_are_ten_decisions_and_the_index_names_each():
    assert [p.name[:4] for p in DECISIONS] == [f"{n:04d}" for n in range(1, 11)]
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in DECISIONS if f"({p.name})" not in index] == []


@pytest.mark.parametrize("record", DECISIONS, ids=lambda p: p.stem)
def test_a_decision_names_a_test_that_exists(record):
    named = re.findall(r"`(test_\w+)` in `(tests/[\w/]+\.py)`", record.read_text(encoding="utf-8"))
    assert named, "names no test"
    missing = [
        f"{name} in {path}"
        for name, path in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_each_word_of_the_glossary_is_a_word_of_the_code():
    text = (ROOT / "docs" / "symbols.md").read_text(encoding="utf-8")
    words = [w for row in re.findall(r"^\| (`.*?`) \|", text, flags=re.MULTILINE) for w in re.findall(r"`(\w+)`", row)]
    assert len(words) > 50
    code = "\n".join(p.read_text(encoding="utf-8") for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
    used = {f"_{name.lower()}_" for name in re.findall(r"[A-Za-z]\w*", code)}
    assert [w for w in words if not any(f"_{w}_" in name for name in used)] == []
    assert len(words) == len(set(words)), "a word has two meanings"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_hash_for_each_package_and_names_no_host(name):
    packages = locked(name)
    assert len(packages) > 30
    assert [package for package, block in packages.items() if "--hash=sha256:" not in block] == []
    assert re.findall(r"https?:|index-url|find-links|file:", (ROOT / name).read_text(encoding="utf-8")) == []


def test_the_locks_have_what_the_metadata_asks_for_in_the_same_versions():
    running, developing = locked("requirements.lock"), locked("requirements-dev.lock")
    about = metadata()
    assert {plain(r) for r in about["dependencies"]} <= set(running)
    extras = {plain(r) for extra in about["optional-dependencies"].values() for r in extra}
    assert extras <= set(developing)
    assert [p for p, block in running.items() if developing.get(p) != block] == []
    assert "scipy" not in running


def test_the_product_imports_only_what_it_declares():
    aliases = {"yaml": "pyyaml", "jwt": "pyjwt", "vl_convert": "vl-convert-python", "pptx": "python-pptx"}
    # parts of a declared package that its users are meant to import
    brought = {"starlette": "fastapi", "anyio": "fastapi", "pydantic_core": "pydantic"}
    about = metadata()
    # extras that add to what the product can do; those of tests and checks are not for it to import
    extras = [
        r
        for name, extra in about["optional-dependencies"].items()
        if name not in {"test", "check", "bench"}
        for r in extra
    ]
    declared = {plain(r) for r in [*about["dependencies"], *extras]}
    found = {module for package in PACKAGES for path in (ROOT / package).rglob("*.py") for module in imported(path)}
    outside = {m for m in found if m not in sys.stdlib_module_names and m not in PACKAGES}
    assert len(outside) > 10
    assert sorted(m for m in outside if (aliases | brought).get(m, m.replace("_", "-")) not in declared) == []


def test_the_metadata_says_who_where_and_for_which_python():
    about = metadata()
    assert about["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert about["authors"]
    assert {"Source", "Issues", "Documentation", "Changes"} <= set(about["urls"])
    for version in ("3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in about["classifiers"]
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file()


def test_the_gate_of_the_forge_is_our_own_and_runs_every_python():
    gate = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text(encoding="utf-8"))
    job = gate["jobs"]["gate"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_hooks_before_a_commit_are_words_of_make_check():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    check = (ROOT / "Makefile").read_text(encoding="utf-8")
    tools = {hook["entry"].split()[0].rpartition("/")[2] for hook in hooks}
    assert tools == {"ruff", "lint-imports", "mypy", "capitation"}
    assert [tool for tool in tools if f"$(BIN)/{tool}" not in check] == []


@pytest.mark.parametrize("form", ["wrong-figure", "fault", "idea"])
def test_a_form_for_issues_says_what_it_is_for(form):
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert set(head) == {"name", "about", "labels"}
