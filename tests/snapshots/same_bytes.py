"""Every frame, settlement, programme and mix of the shipped documents as a checksum, to compare before and after a change.

python tests/snapshots/same_bytes.py            compare with the stored checksums and name what differs
python tests/snapshots/same_bytes.py --store    store them anew; the commit then says which figures moved and why
"""

import contextlib
import hashlib
import io
import json
import sys
import tempfile
import tomllib
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path

import polars as pl

ROOT = Path(__file__).parents[2]
STORED = Path(__file__).with_name("same_bytes.json")
UNSTEADY = {"seconds", "bound", "run_id"}  # what a clock, a search on the way or another version of the code changes


def capitation(*words):
    """Exit code and output of one command line, run in this process."""
    command = next(e for e in entry_points(group="console_scripts") if e.name == "capitation").load()
    before, sys.argv = sys.argv, ["capitation", *map(str, words)]
    out, code = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            command()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    return code, out.getvalue()


def digest(content):
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()[:32]


def frames_of(command, document, folder):
    """Checksums of all frames that a command writes for one document."""
    code, out = capitation(command, document, "--out", folder)
    assert code == 0, out
    (manifest,) = folder.glob("*/manifest.json")
    frames = json.loads(manifest.read_text(encoding="utf-8"))["frames"]
    return {f"{command} {document.stem}: {name}": record["sha256"][:32] for name, record in frames.items()}


def settlements(folder):
    """Checksums of the results and the steps of every shipped contract on the rows of its worked cases."""
    found = {}
    for path in documents("contracts"):
        cases = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["cases"]
        for number, case in enumerate(cases, start=1):
            rows = folder / "rows.csv"
            pl.DataFrame(case["rows"], infer_schema_length=None).with_columns(
                pl.col(pl.Decimal).cast(pl.Float64)
            ).write_csv(rows)
            result, steps = folder / "result.csv", folder / "steps.csv"
            code, out = capitation("settle", path, rows, "--out", result, "--explain", steps, "--all")
            assert code == 0, f"{path.stem}, case {number}: {out}"
            found[f"settle {path.stem} case {number}: results"] = digest(result.read_bytes())
            found[f"settle {path.stem} case {number}: steps"] = digest(steps.read_bytes())
    return found


def steady(value):
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in UNSTEADY}
    return [steady(v) for v in value] if isinstance(value, list) else value


def mixes(folder):
    """Checksums of the programme of every shipped problem as LP text, and of the answer of the small ones."""
    found = {}
    for path in documents("problems"):
        lp = folder / f"{path.stem}.lp"
        limit = ("--time-limit", 1) if path.stem == "blmk" else ()
        _, out = capitation("optimise", path, "--json", "--write-lp", lp, *limit)
        found[f"optimise {path.stem}: programme"] = digest(lp.read_bytes())
        if not limit:
            found[f"optimise {path.stem}: answer"] = digest(json.dumps(steady(json.loads(out)), sort_keys=True))
    return found


def documents(folder):
    return sorted(p for p in (ROOT / "data").rglob(f"{folder}/*.toml"))


def checksums():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {}
        for command, kind in (("run", "scenarios"), ("compare", "options")):
            for path in documents(kind):
                found |= frames_of(command, path, folder / f"{command}-{path.stem}")
        return dict(sorted((found | settlements(folder) | mixes(folder)).items()))


def differences(found, stored):
    """What is missing, new or other, one line each."""
    return (
        [f"missing: {name}" for name in stored if name not in found]
        + [f"new: {name}" for name in found if name not in stored]
        + [f"other: {name}" for name in found if name in stored and found[name] != stored[name]]
    )


if __name__ == "__main__":
    now = checksums()
    if "--store" in sys.argv:
        STORED.write_text(json.dumps(now, indent=0) + "\n", encoding="utf-8")
    else:
        different = differences(now, json.loads(STORED.read_text(encoding="utf-8")))
        sys.stdout.write("\n".join([*different, f"{len(now)} checksums, {len(different)} differ"]) + "\n")
        sys.exit(bool(different))
