"""Ages, costs by age and ways to hospitals that the pack carries are those that published data gives."""

import csv
import importlib.util
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("derived_people", Path(__file__).with_name("derived_people.py"))
derived = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(derived)


def cells(path, *columns):
    with path.open(encoding="utf-8", newline="") as text:
        return [tuple(row[c] for c in columns) for row in csv.DictReader(text)]


def test_ways_to_hospitals_follow_from_where_practices_stand():
    stored = cells(derived.PLACES / "hospital-distance.csv", "practice_code", "kilometres", "hospital", "basis")
    assert stored == derived.distances()


def test_ages_of_practices_and_cost_by_age_follow_from_published_data(shared):
    reference = shared / "reference"
    stored = cells(derived.PLACES / "practice-ages.csv", "year", "practice_code", "age_from", "persons")
    made = derived.ages(reference)
    assert [(y, c, int(a)) for y, c, a, _ in stored] == [row[:3] for row in made]
    assert max(abs(int(s[3]) - m[3]) for s, m in zip(stored, made, strict=True)) <= 1  # last digits of another machine
    costs = cells(derived.COSTS, "age_from", "age_to", "pence_per_head")
    assert costs == [
        (str(low), "" if high is None else str(high), str(pence)) for low, high, pence in derived.costs(reference)
    ]
