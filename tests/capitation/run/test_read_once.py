"""One run opens each file of the data pack once, and names every file it opened."""

import collections
import os
import sys

from capitation import DataPack, evaluate, read_scenario
from capitation.pack.layers import PACK_FILE, default_data_folder, files_of, layers

OPENED = collections.Counter()
COUNTING = []


def _count(event, arguments):
    if COUNTING and event == "open" and isinstance(arguments[0], str | os.PathLike):
        OPENED[os.fspath(arguments[0])] += 1


def test_a_run_opens_each_file_of_the_pack_once_and_names_it():
    root = default_data_folder()
    roots = layers(root)
    scenario, pack = read_scenario(root / "scenarios/blmk.toml"), DataPack(root)
    sys.addaudithook(_count)
    COUNTING.append(True)
    try:
        run = evaluate(scenario, pack)
    finally:
        COUNTING.clear()
    files = {path: count for path, count in OPENED.items() if any(path.startswith(f"{r}{os.sep}") for r in roots)}
    assert len(files) > 100
    assert {path: count for path, count in files.items() if count > 1 and not path.endswith(PACK_FILE)} == {}
    named = {str(files_of(roots, path)[path]) for path in run.manifest.inputs}
    heads = {str(path) for r in roots for path in (*r.glob("sources/*/source.toml"), r / PACK_FILE)}
    assert named == set(files) - heads
    assert evaluate(scenario, pack).manifest.inputs == run.manifest.inputs, "a pack used before names other files"
