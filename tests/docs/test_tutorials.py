"""Every tutorial runs as it stands, and the site builds without a broken link."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def commands_of(page):
    """The lines of a page that begin with a prompt, in their order."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_every_tutorial_has_commands_and_is_in_the_site():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert len(TUTORIALS) == 5
    for page in TUTORIALS:
        assert any(line.startswith("capitation ") for line in commands_of(page))
        assert f"tutorials/{page.name}" in listed


@pytest.mark.deep
@pytest.mark.parametrize("page", TUTORIALS, ids=[page.stem for page in TUTORIALS])
def test_a_tutorial_runs_as_it_stands(page, tmp_path):
    if "curl" in page.read_text(encoding="utf-8") and shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    entry = tmp_path / "bin" / "capitation"
    entry.parent.mkdir()
    entry.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from api.cli.main import main; main()" "$@"\n')
    entry.chmod(0o755)
    script = "\n".join(["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *commands_of(page)])
    kept = {
        "PATH": f"{entry.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


ANSWERS = {
    "own system": ("tutorials/another-system.html", "capitation new"),
    "own contract": ("tutorials/own-contract.html", "contract new"),
    "adding a term": ("packages/contracts.html", "entry-points"),
    "own solution": ("tutorials/own-solution.html", "solution new"),
    "£ a head": ("questions.html", "divided by its registered persons"),
    "column": ("reference/data-dictionary.html", "distance"),
    "container": ("running.html", "podman build"),
    "upgrade": ("running.html", "capitation backup"),
    "figures that moved": ("releases.html", "Figures that moved"),
    "assumed": ("reference/assumptions.html", "weak evidence"),
    "how sure": ("questions.html", "capitation simulate"),
    "formats": ("running.html", "Parquet"),
    "finance systems": ("tutorials/finance-client.html", "journal.csv"),
    "licence": ("licence.html", "MIT License"),
    "cite": ("licence.html", "CITATION.cff"),
    "fast": ("benchmarks.html", "ratio"),
    "data": ("reference/sources.html", "Open Government Licence"),
    "who may do what": ("packages/api.html", "approver"),
}
"""What a newcomer asks, the page that answers it, and words of the answer."""


class Addresses(HTMLParser):
    """Addresses that a page refers to, and its anchors."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = [], set()

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if said.get("id"):
            self.anchors.add(said["id"])
        for name in ("href", "src"):
            if said.get(name) and tag in ("a", "link", "script", "img"):
                self.links.append(said[name])


@pytest.mark.deep
def test_the_site_builds_and_no_link_of_it_is_broken(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {}
    for path in (tmp_path / "site").rglob("*.html"):
        pages[path] = Addresses()
        pages[path].feed(path.read_text(encoding="utf-8"))
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link) or path.name == "404.html":
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                broken.append(f"{path.relative_to(tmp_path)}: {link}")
    assert not broken
    whole = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site" / "reference").glob("*.html"))
    for word in ("capitation paper", "/v1/runs", "allocation_pence"):
        assert word in whole
    found = json.loads((tmp_path / "site" / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    for asked, (page, said) in ANSWERS.items():
        text = " ".join(
            f"{each['title']} {each['text']}" for each in found if each["location"].partition("#")[0] == page
        )
        assert said in re.sub(r"<[^>]+>", "", text), f"{asked}: {page} does not say {said!r}"
    assert {page for page, _ in ANSWERS.values()} - {"questions.html"} <= {
        link.partition("#")[0] for link in pages[tmp_path / "site" / "questions.html"].links
    }
