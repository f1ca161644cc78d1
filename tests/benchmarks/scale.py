"""The study docs/at-national-scale.md, made from the constants it lists: `python -m tests.benchmarks.scale` writes it again."""

import re
from pathlib import Path

from capitation.workers.schedule import Costs, makespan

PAGE = Path(__file__).parents[2] / "docs" / "at-national-scale.md"

PERSONS, SYSTEMS, SCENARIOS = 60_000_000, 42, 1_000

CONSTANTS = {
    "read_ns": "nanoseconds a person: the fastest reader of practice, area, age, sex and flags",
    "weigh_ns": "nanoseconds a person: to weighted totals of eight components, compiled loop",
    "plain_ns": "nanoseconds a person: the same without the compiled loop",
    "build_ns": "nanoseconds a person: to cells, ids and duplicates checked",
    "make_ns": "nanoseconds a person: a made-up register written",
    "disk_bytes": "bytes a person in the register's files",
    "cell_bytes": "bytes a cell in the files of cells",
    "weigh_gb": "GB at most while persons are weighed",
    "product_ns": "nanoseconds a practice and weight set: the product of eight components",
    "evaluate_s": "seconds: one scenario of one system, five years, the pack read once",
    "lp_s": "seconds: one optimisation of 3,321 columns in a warm batch",
    "handing_s": "seconds: a batch of ten packed and handed over by the client",
    "placing_s": "seconds: a part placed by the scheduler",
    "starting_s": "seconds: connecting, comparing versions, first import",
    "one_s": "seconds: 400 optimisations on a cluster of one process, measured",
    "two_s": "seconds: the same on a cluster of two processes, measured",
    "pence_hour": "pence for a processor's hour: an assumption, owner: whoever buys; list prices of general-purpose machines run from 2 to 8",
}


def constants(page: str) -> dict[str, float]:
    """The constants that stand in a page."""
    return {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| ([\d.e-]+) \|", page, flags=re.MULTILINE)}


def two_predicted(c, batches=40):
    """Seconds of 400 optimisations on two processes, from what one took: its batches came one after another."""
    costs = Costs(c["handing_s"], c["placing_s"])
    low, high = 0.0, c["one_s"] / batches
    for _ in range(60):  # what a batch takes so that one process takes what it took
        each = (low + high) / 2
        low, high = (each, high) if makespan([each] * batches, 1, costs) < c["one_s"] else (low, each)
    return makespan([low] * batches, 2, costs)


def text(c):
    """The page from its constants."""
    costs = Costs(c["handing_s"], c["placing_s"], c["starting_s"])
    lines = [HEAD, "| Constant | Value | What it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {c[name]:g} | {about} |" for name, about in CONSTANTS.items()]
    lines += [
        AFTER_CONSTANTS,
        "| Persons | Disk, GB | Read, s | Weigh, s | Without the compiled loop, s | To cells, s | Memory, GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for persons in (500_000, 1_000_000, 10_000_000, PERSONS):
        cells = [persons * c[k] / 1e9 for k in ("disk_bytes", "read_ns", "weigh_ns", "plain_ns", "build_ns")]
        lines.append(f"| {persons:,} | " + " | ".join(f"{x:.2f}" for x in cells) + f" | {c['weigh_gb']:.2f} |")
    sets = [(1, 0.0), (100, 0.0), (10_000, 0.0)]
    lines += [MANY, "| Weight sets over 6,500 practices | Seconds | Block in memory, GB |", "|---|---|---|"]
    for count, _ in sets:
        lines.append(
            f"| {count:,} | {6_500 * count * c['product_ns'] / 1e9:.3f} | {min(0.256, 6_500 * count * 8 / 1e9):.3f} |"
        )
    lines += [SWEEPS, "| Work | Processors | Predicted | Processor hours | Cost |", "|---|---|---|---|---|"]
    works = [
        (
            f"{SYSTEMS} systems x {SCENARIOS:,} scenarios, one part a system and ten scenarios",
            [10 * c["evaluate_s"]] * (SYSTEMS * SCENARIOS // 10),
        ),
        ("10,000 optimisations, batches of ten", [10 * c["lp_s"]] * 1_000),
        (f"{PERSONS:,} persons weighed, one part a million", [c["weigh_ns"] * 1e6 * 2 / 1e9] * 60),
    ]
    for about, parts in works:
        for workers in (1, 2, 8, 32, 96):
            seconds = makespan(parts, workers, costs)
            hours = seconds * workers / 3600
            lines.append(
                f"| {about} | {workers} | {_time(seconds)} | {hours:.2f} | £{hours * c['pence_hour'] / 100:.2f} |"
            )
    predicted = two_predicted(c)
    off = predicted / c["two_s"] - 1
    lines += [
        CHECK.format(
            one=c["one_s"], two=c["two_s"], predicted=predicted, off=abs(off), way="below" if off < 0 else "above"
        ),
        BUY,
    ]
    return "\n".join(lines) + "\n"


def _time(seconds):
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


HEAD = """# At national scale: sizes, costs and limits

What 60 million persons, 42 systems and 1,000 scenarios take, on one machine and on a cluster, worked out from constants measured on a
small machine. Ratios within one run are firm; seconds are those of that machine (two processors, shared). The latest measurements are in
[Benchmarks](benchmarks.md). Sizes that were not run are marked "predicted". `python -m tests.benchmarks.scale` makes this page from its
table of constants, and a test checks that it still follows from them.

## Constants
"""

AFTER_CONSTANTS = """
A person is a row of seven columns; codes are whole numbers. Time grows in proportion to persons (for the fitted growth exponents see
[Benchmarks](benchmarks.md)), because each file is read once, its rows are added up in one pass, and only sums by practice are kept. One
million and ten million persons were run; half a million and sixty million are predicted.

## Registers on one machine
"""

MANY = """
Limits: 2^62 cells (6,500 practices x 34,000 areas x 38 age and sex classes x 16 flags make 2^37), 100 million persons, and sums of weights
of any size, since they are kept in two halves. Memory grows not with persons but with the tables (areas x components) and one chunk per
thread. The fewer people have a flag, the fewer cells there are; with many flags and areas most cells contain one person, so cells save time
on further formulas rather than disk.

## Many formulas at once
"""

SWEEPS = """
The register is summed once to practices x components; a weight set is then one row of a matrix product. Working in blocks of practices
keeps memory below the figure shown, whatever the number of sets.

## Sweeps on a cluster, predicted

The schedule is simulated part by part (`capitation/workers/schedule.py`): the client hands parts over in turn, and the scheduler places
each on the first free worker.
"""

CHECK = """
## Is the prediction right?

400 optimisations in 40 batches took {one:.2f} s on a cluster of one process, and {two:.2f} s on one of two. From the first, the
simulation predicts {predicted:.2f} s for the second: {off:.0%} {way} the measurement. It leaves out one thing: on a machine of two processors
the client and the scheduler share them with the two workers.
"""

BUY = """## What to buy when

| You have | Buy |
|---|---|
| one system, a handful of scenarios | nothing: a laptop with two processors and 4 GB |
| one system, thousands of scenarios or draws | one machine of 8 processors; threads, no cluster |
| a region, or occasionally a nation's register | the same machine with 50 GB of disk; add `capitation[compiled]` |
| 42 systems x 1,000 scenarios within the hour | one machine of 8 processors; threads, no cluster |
| 10,000 optimisations within minutes | one machine of 32 processors, or a cluster of four machines of 8 |
| the same within minutes, all day | a cluster of 96 processors with a shared folder; `capitation[cluster]`, TLS |
| data that may not leave its database | nothing more: `capitation.register.anywhere` counts the cells there (DuckDB, Spark) |

A cluster does not help with one large whole-number optimisation (it is one part), a register in a single file (also one part: split it into
files of a million persons), or anything under ten seconds (starting up costs more). All workers must see the same folders; on a cluster
without a shared folder, copy the register once to each machine.
"""

if __name__ == "__main__":
    PAGE.write_text(text(constants(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
