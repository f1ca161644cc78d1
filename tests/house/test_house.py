"""The house keeps its own rules: layers, names, READMEs that run, nothing of any one machine."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["capitation", "contracts", "optimiser", "api"]
ROOMS = ["capitation/chance", "data"]
READMES = [ROOT / "README.md", *(ROOT / p / "README.md" for p in [*PACKAGES, *ROOMS])]


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list of the project's files")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules():
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}."):
            if ".migrations" not in found.name:  # run by the migration tool, which gives them their surroundings
                yield found.name


@pytest.mark.parametrize("name", sorted(set(modules())))
def test_every_module_imports_says_what_it_is_for_and_its_examples_hold(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    examples = ">>>" in Path(module.__file__).read_text(
        encoding="utf-8"
    )  # to look for them where there are none takes long
    assert not examples or doctest.testmod(module).failed == 0


def test_imports_go_one_way():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_a_drawer_for_odds_and_ends():
    odd = {"utils", "helpers", "common", "misc"}
    assert [str(p) for p in tracked() if p.stem in odd] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_python_in_a_readme_runs(readme):
    blocks = re.findall(r"^```python\n(.*?)^```", readme.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        if ">>>" in block:
            parsed = doctest.DocTestParser().get_doctest(block, names, f"{readme.name}[{number}]", str(readme), 0)
            result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(parsed, clear_globs=False)
            assert result.failed == 0
            names.update(parsed.globs)
        else:
            exec(compile(block, str(readme), "exec"), names)


@pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_a_readme_names_exist(readme):
    text = readme.read_text(encoding="utf-8")
    named = re.findall(r"`((?:capitation|contracts|optimiser|api|data|tests)/[\w./-]+)`", text)
    missing = [n for n in named if not (ROOT / n).exists()]
    assert missing == []


def rooms_of(package):
    return [d for d in (ROOT / package).iterdir() if d.is_dir() and any(d.rglob("*.py"))]


@pytest.mark.parametrize("package", ["capitation", "contracts", "optimiser", "api", "api/service"])
def test_a_readme_lists_every_room_of_its_package(package):
    text = (ROOT / package.split("/")[0] / "README.md").read_text(encoding="utf-8")
    assert [room.name for room in rooms_of(package) if f"{room.name}/`" not in text] == []


def test_the_readme_of_the_engine_lists_every_file_and_no_other():
    rows = dict(
        re.findall(r"^\| `(\w+)/` \|[^|]*\|(.*)\|$", (ROOT / "capitation/README.md").read_text(encoding="utf-8"), re.M)
    )
    for room in rooms_of("capitation"):
        there = {path.stem for path in room.glob("*.py")} - {"__init__"}
        assert there == set(re.findall(r"`(\w+)`", rows[room.name])), room.name


def test_nothing_names_one_machine():
    pattern = re.compile(r"/" + r"work/|/opt/" + r"(pypi|wheels)|/" + r"root/|/home/\w+")
    found = []
    for path in tracked():
        if path.suffix in {".parquet", ".xlsx", ".png", ".ttf"}:
            continue
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(ROOT)}: {m.group()}" for m in pattern.finditer(text)]
    assert found == []


OF_ONE_SYSTEM = re.compile(
    r"\b(blmk[a-z0-9-]*|bedford(shire)?|luton|milton keynes|06F|06P|04F|RC1|RC9|RD8|BHT|LDUH|MKUH|QHG|M1J4Y|E06000(032|042|055|056)"
    r"|E81\d{3}|K82\d{3}|(L-)?U\d{5})\b",
    re.IGNORECASE,
)
"""Names and codes of the first system: its places, commissioners, trusts, districts, practices, networks and localities."""


def test_product_code_names_no_system():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if OF_ONE_SYSTEM.search(line)
    ]
    assert found == []
