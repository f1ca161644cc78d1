"""What is released works away from the repository: a wheel in an empty folder; the container file does what it says."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.deep
def test_a_wheel_answers_a_boards_questions_from_an_empty_folder(tmp_path):
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    made = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    if made.returncode and "No matching distribution" in made.stderr:
        pytest.skip("no package index to fetch the build backend from")
    assert made.returncode == 0, made.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    names = {path.relative_to(site).parts[0] for path in site.iterdir()}
    assert {"capitation", "contracts", "optimiser", "api"} <= names
    assert not {"tests", "docs"} & names
    assert (site / "api/papers/fonts/LICENCE.txt").is_file()
    script = "import capitation, sys; from api.cli.main import main; assert str(capitation.__file__).startswith(sys.argv.pop(1)); main()"
    done = subprocess.run(
        [sys.executable, "-c", script, str(site), "run", "blmk", "--year", "2018/19", "--out", "runs"],
        cwd=empty, env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1,535,741" in done.stdout


def test_the_container_file_runs_as_nobody_special_with_what_the_lock_names():
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in steps} <= known
    assert all(re.search(r":[\w.-]+", image) for word, image in steps if word == "FROM"), "an image without a tag"
    assert any("--require-hashes" in said for word, said in steps if word == "RUN")
    users = [said for word, said in steps if word == "USER"]
    assert users[-1:] not in ([], ["root"], ["0"])
    for word, said in steps:
        if word == "COPY" and not said.startswith("--from"):
            for name in said.split()[:-1]:
                assert (ROOT / name).exists(), f"{name} is not there to be copied"


def test_the_version_has_its_notes():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", notes, re.MULTILINE)
    assert "### Figures that moved" in notes
