"""A made-up register of any size that looks like a nation's: ages of England, lists of 4,000 to 20,000, conditions and costs that rise with age.

Written file by file, each from its own seed, so that memory does not grow with the number of persons and the same seed gives the same
register. Every pseudonym is a permutation of a counter: none comes twice, and none is ten digits long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from capitation.errors import Faults, SourceError
from capitation.records.toml_text import toml_text
from capitation.records.whole_files import write_whole_folder
from capitation.register.document import RegisterDocument
from capitation.workers.crew import Crew, Progress

Numbers = np.ndarray[Any, Any]

FILE_PERSONS = 1_000_000
"""Persons of one file."""

CHUNK_PERSONS = 250_000
"""Persons that are made at a time."""

LIST, AREA, PLACE, SYSTEM = 9_500, 1_750, 40_000, 1_450_000
"""Persons of a practice, a small area, a locality and a system, about."""

FLAGS = ("diabetes", "heart_disease", "respiratory", "cancer", "mental_illness", "frailty")
SERVICES = ("ae", "elective", "non_elective", "outpatients", "community", "mental_health")

_LINES_EACH = 3
"""Lines of activity a person, where they are asked for."""

_BANDS = (5.4, 5.9, 6.1, 5.9, 5.9, 6.6, 7.0, 6.8, 6.5, 6.1, 6.7, 6.8, 6.0, 5.0, 4.8, 3.9, 2.5, 1.5, 0.6)
"""Percent of persons by five years of age, 90 and over last, about as in England."""

# condition: chance at 40, its growth a year of age, and its growth a point of the area's score
_CHANCE = (
    (0.035, 0.045, 0.25),
    (0.012, 0.075, 0.22),
    (0.06, 0.015, 0.28),
    (0.012, 0.06, 0.0),
    (0.09, 0.0, 0.3),
    (0.002, 0.1, 0.2),
)
_COST = (120_000, 260_000, 90_000, 480_000, 150_000, 420_000)
"""What a condition adds to the mean cost of a year, in pence."""


@dataclass(frozen=True)
class Made:
    """What was made."""

    folder: Path
    persons: int
    practices: int
    areas: int
    files: int
    lines: int


@dataclass(frozen=True)
class Plan:
    """The sizes of a register, and its tables of codes."""

    persons: int
    seed: int
    has_lines: bool
    scores: Numbers
    practices: int

    @property
    def areas(self) -> int:
        """How many small areas."""
        return int(self.scores.size)

    def first(self, practice: int) -> int:
        """The number of a practice's first person."""
        return self.persons * practice // self.practices


@dataclass(frozen=True)
class MadeFile:
    """Practices whose persons make one file."""

    plan: Plan
    number: int
    practices: range
    into: Path


def make(
    persons: int, out: Path, crew: Crew, *, seed: int = 1, has_lines: bool = False, progress: Progress | None = None
) -> Made:
    """A made-up register in the folder `out`, which appears once it is whole.

    Args:
        persons: how many.
        out: the folder; it must not stand there yet.
        crew: who makes the files.
        seed: the same seed gives the same register.
        has_lines: whether lines of activity are made too, three a person.
        progress: hears of the files made.

    Raises:
        SourceError: fewer than 1 person or more than 100 million, a negative seed, or something stands at `out`.
    """
    faults = Faults()
    if not 1 <= persons <= 100_000_000:
        faults.add("--people", f"{persons:,}", "1 to 100,000,000")
    if not 0 <= seed < 2**32:
        faults.add("--seed", str(seed), "a whole number from 0 to 4,294,967,295")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        faults.add(str(out), "something already there", "a new folder", "Remove it, or write to another.")
    faults.raise_if_any(SourceError, "no register was made")
    practices = max(1, round(persons / LIST))
    areas = max(1, round(persons / AREA))
    scores = np.round(np.random.default_rng([seed, 0]).normal(0, 1, areas), 3)
    plan = Plan(persons, seed, has_lines, scores, practices)
    files = max(1, math.ceil(persons / FILE_PERSONS))
    parts: list[range] = [range(practices * i // files, practices * (i + 1) // files) for i in range(files)]

    def fill(folder: Path) -> None:
        _tables(plan, folder)
        work = [MadeFile(plan, i, each, folder) for i, each in enumerate(parts) if len(each)]
        crew.each(_file, work, progress)

    write_whole_folder(out, fill)
    return Made(out, persons, practices, areas, len(parts), persons * _LINES_EACH if has_lines else 0)


def _tables(plan: Plan, folder: Path) -> None:
    """The document, the tables of codes, and a formula of eight components to begin with."""
    number = np.arange(plan.practices)
    lists = max(1, PLACE // LIST)
    system = number * plan.persons // plan.practices // SYSTEM
    pl.DataFrame(
        {
            "practice_code": [f"S{i:05d}" for i in number],
            "locality": [f"L{i // lists:04d}" for i in number],
            "system": [f"X{int(s):02d}" for s in system],
        }
    ).write_csv(folder / "practices.csv")
    areas = pl.DataFrame({"area_code": [f"A{i:06d}" for i in range(plan.areas)], "score": plan.scores})
    numbers = np.random.default_rng([plan.seed, 1])
    factors = {
        f"factor_{name}": np.round(np.exp(0.1 * plan.scores + numbers.normal(0, 0.05, plan.areas)), 4) for name in _NEED
    }
    areas.with_columns(pl.Series(name, values) for name, values in factors.items()).write_csv(folder / "areas.csv")
    document = RegisterDocument(
        id=f"made-up-{plan.persons}-{plan.seed}",
        title=f"A made-up register of {plan.persons:,} persons",
        about="Made by `capitation register make`; no row stands for anybody.",
        is_synthetic=True,
        source=f"capitation register make --people {plan.persons} --seed {plan.seed}",
        flags=FLAGS,
        services=SERVICES,
        lines="lines/*.parquet" if plan.has_lines else None,
    )
    (folder / "register.toml").write_text(toml_text(document), encoding="utf-8")
    for name in ("persons", *(["lines"] if plan.has_lines else [])):
        (folder / name).mkdir()
    _formula(folder)


_NEED = {
    "general_acute": ("General and acute", "0.48", 0.022, 1.0),
    "community": ("Community", "0.10", 0.030, 0.6),
    "mental_health": ("Mental health", "0.12", 0.004, 0.8),
    "maternity": ("Maternity", "0.03", 0.0, 0.1),
    "prescribing": ("Prescribing", "0.10", 0.026, 0.7),
    "primary_care": ("Primary care", "0.09", 0.015, 0.4),
    "specialised": ("Specialised", "0.05", 0.018, 1.2),
    "inequality": ("Avoidable mortality", "0.03", 0.028, 0.5),
}
"""Made-up components: title, share, growth of the weight a year of age, and how strongly conditions count."""


def _formula(folder: Path) -> None:
    """formula.toml, with made-up weights that rise with age and conditions as need does."""
    components = []
    (folder / "weights").mkdir()
    for name, (title, share, growth, condition) in _NEED.items():
        rows = []
        for sex in ("male", "female"):
            for first in range(0, 95, 5):
                weight = math.exp(growth * (first - 40))
                if name == "maternity":
                    weight = 2.5 if sex == "female" and 15 <= first < 45 else 0.02
                weight *= 1.15 if first == 0 else 1.0
                last = "" if first == 90 else first + 4
                rows.append((sex, first, last, round(weight * (1.05 if sex == "female" else 1.0), 3)))
        text = "\n".join(",".join(str(cell) for cell in row) for row in rows)
        (folder / "weights" / f"{name}.csv").write_text(f"sex,age_from,age_to,weight\n{text}\n", encoding="utf-8")
        flags = {flag: f"{condition * cost / 150_000:.3f}" for flag, cost in zip(FLAGS, _COST, strict=True)}
        lines = [f'id = "{name}"', f'title = "{title}"', f"share = {share}", f'weights = "weights/{name}.csv"']
        lines += [f'area = "factor_{name}"', f"flags = {{ {', '.join(f'{k} = {v}' for k, v in flags.items())} }}"]
        components.append("\n".join(["[[components]]", *lines]))
    head = [
        'id = "made-up-need"',
        'title = "Eight made-up components of need"',
        'about = "weighted_i = sum of share x (sum of (weight of age and sex + conditions) x factor of the area), each to the persons"',
        'source = "made up by capitation register make; no figure of it is measured"',
        'limits = ["The weights are made up; put those of your own study in their place."]',
    ]
    (folder / "formula.toml").write_text("\n".join(head) + "\n\n" + "\n\n".join(components) + "\n", encoding="utf-8")


def _file(part: MadeFile) -> int:
    """One file of persons, and one of their lines: practices in turn, persons of a chunk in any order."""
    plan = part.plan
    first, last = plan.first(part.practices.start), plan.first(part.practices.stop)
    random = np.random.default_rng([plan.seed, 2, part.number])
    writer, lines = None, None
    edges = np.asarray([plan.first(p) for p in range(part.practices.start, part.practices.stop + 1)])
    try:
        for start in range(first, last, CHUNK_PERSONS):
            number = random.permutation(np.arange(start, min(last, start + CHUNK_PERSONS)))
            practice = part.practices.start + np.searchsorted(edges, number, side="right") - 1
            table, age = _persons(plan, number, practice, random)
            writer = writer or _writer(part.into / "persons" / f"part-{part.number:05d}.parquet", table)
            writer.write_table(table)
            if plan.has_lines:
                more = _lines(number, practice, age, plan.seed, random)
                lines = lines or _writer(part.into / "lines" / f"part-{part.number:05d}.parquet", more)
                lines.write_table(more)
    finally:
        for each in (writer, lines):
            if each is not None:
                each.close()
    return last - first


def _writer(path: Path, table: pa.Table) -> pq.ParquetWriter:
    packed = [name for name in table.schema.names if name not in {"person", "cost_pence"}]
    return pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=packed)


def _persons(plan: Plan, number: Numbers, practice: Numbers, random: np.random.Generator) -> tuple[pa.Table, Numbers]:
    n = number.size
    # most persons live in the areas around their practice; areas are shared by neighbours
    near = practice * plan.areas // plan.practices
    area = (near + np.rint(random.normal(0, 6, n)).astype(np.int64)) % plan.areas
    shares = np.asarray(_BANDS)
    band = random.choice(shares.size, n, p=shares / shares.sum())
    age = np.minimum(band * 5 + random.integers(0, 5, n) + np.where(band == 18, random.integers(0, 6, n), 0), 104)
    sex = 1 + (random.random(n) < 0.49 + 0.0009 * np.maximum(age - 40, -20)).astype(np.uint8)
    score = plan.scores[area]
    flags, mean = np.zeros(n, np.int64), 22_000 * np.exp(0.018 * (age - 30)) + np.where(age < 5, 25_000, 0)
    for bit, ((chance, by_age, by_score), cost) in enumerate(zip(_CHANCE, _COST, strict=True)):
        chances = np.minimum(chance * np.exp(by_age * (age - 40) + by_score * score), 0.6) * (age >= 2)
        has = random.random(n) < chances
        flags |= has.astype(np.int64) << bit
        mean = mean + has * cost
    cost_pence = np.rint(mean * np.exp(random.normal(-0.6, 1.1, n)) * (random.random(n) < 0.85)).astype(np.int64)
    columns = {
        "person": pseudonyms(number, plan.seed),
        "practice": practice.astype(np.uint16),
        "area": area.astype(np.uint16 if plan.areas <= 65_536 else np.uint32),
        "age": age.astype(np.uint8),
        "sex": sex.astype(np.uint8),
        "flags": flags.astype(np.uint16),
        "cost_pence": cost_pence,
    }
    return pa.table(columns), age


def _lines(number: Numbers, practice: Numbers, age: Numbers, seed: int, random: np.random.Generator) -> pa.Table:
    """Three lines a person on average, more of them for the old; exactly as many as that in all."""
    n = number.size * _LINES_EACH
    chances = np.cumsum(0.5 + age / 50)
    who = np.searchsorted(chances, random.random(n) * chances[-1], side="right").clip(0, number.size - 1)
    service = random.choice(len(SERVICES), n, p=(0.12, 0.06, 0.06, 0.4, 0.26, 0.1))
    price = np.asarray((19_000, 160_000, 290_000, 14_000, 7_000, 21_000))[service]
    columns = {
        "person": pseudonyms(number, seed)[who],
        "practice": practice[who].astype(np.uint16),
        "service": service.astype(np.uint8),
        "month": random.integers(1, 13, n).astype(np.uint8),
        "cost_pence": np.rint(price * np.exp(random.normal(-0.18, 0.6, n))).astype(np.int64),
    }
    return pa.table(columns)


def pseudonyms(number: Numbers, seed: int) -> Numbers:
    """Counters as whole numbers of 19 digits or more: a permutation of 63 bits, with the highest bit set."""
    low = np.uint64(2**63 - 1)
    mixed = (number.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**63)) & low
    for shift, by in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed = (mixed * np.uint64(by)) & low
    mixed ^= mixed >> np.uint64(31)
    return mixed | np.uint64(2**63)


__all__ = ["Made", "make", "pseudonyms"]
