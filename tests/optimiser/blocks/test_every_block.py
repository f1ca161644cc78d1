"""Every block found is whole, its rows are those of the document, and one that an installed package adds is used."""

import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

from optimiser.blocks import all_blocks, all_parts, constraints, entries, own
from optimiser.problem.document import Problem, document_model, read_problem
from optimiser.programme.core import rows
from optimiser.programme.programme import Part
from optimiser.testing import check_block

ROOT = Path(__file__).parents[3]
BLOCKS = all_blocks()


@pytest.fixture(scope="module")
def everything():
    return read_problem(ROOT / "tests" / "lp" / "everything.toml")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_whole(name, everything):
    check_block(BLOCKS[name], everything)


def test_every_file_of_the_folder_is_a_block():
    files = {p.stem for p in (ROOT / "optimiser" / "blocks").glob("*.py") if p.stem != "__init__"}
    assert set(BLOCKS) == files


def test_parts_of_a_kind_have_places_of_their_own():
    placed = [(part.kind, part.order) for part in all_parts()]
    assert len(placed) == len(set(placed))
    assert len(constraints()) == sum(part.kind == "constraint" for part in all_parts())


def test_the_document_holds_each_block_s_rows_under_its_key():
    assert document_model() is Problem
    for field, entry in entries().items():
        assert Problem.model_fields[field].annotation == entry.shape, field
        assert Problem.model_fields[field].default == entry.default, field


def test_all_that_a_module_lacks_is_listed(everything):
    bare = types.ModuleType("bare")
    with pytest.raises(AssertionError, match=r"says nothing about itself\n- no part"):
        check_block(bare)
    staff = BLOCKS["staff"]
    part = next(iter(own(staff, Part)))

    def unsaid(p):
        part.make(p)

    unsaid.__module__ = "half"
    half = types.ModuleType("half", "Half a block.")
    half.PART = Part("constraint", "unsaid", 1, unsaid, ("no_such_rows",))
    half.KEY = rows("no_such_key", Problem, "")
    with pytest.raises(AssertionError) as found:
        check_block(half, everything)
    for lack in (
        "In words:",
        "in symbols",
        "policy or physics",
        "no family 'no_such_rows'",
        "makes no row",
        "does not have it",
    ):
        assert lack in str(found.value)


CARS = '''
"""Cars for visits: how many the mix may use, and what hiring one costs.

    car_hired[t]  cars hired in year t
"""

from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from optimiser.programme.core import rows
from optimiser.programme.programme import charge, constraint, measures, variables
from optimiser.programme.tables import NUMBER, long


class Cars(Document):
    """Cars that visits need."""

    cars_at_full_scale: Decimal = Field(ge=0)
    """Cars that each solution needs at full scale."""
    owned: Decimal = Field(ge=0)
    """Cars there are."""
    hire_pounds: Decimal = Field(ge=0)
    """Recurrent cost of one more."""


CARS = rows("cars", Cars, "Cars that visits need.")


@variables(1000)
def car_hired(p):
    """Cars hired in each year, where cars are stated."""
    stated = [(float(c.owned), float(c.hire_pounds) / 1000, float(c.cars_at_full_scale)) for c in CARS.of(p.problem)]
    table = long(stated, owned=NUMBER, cost=NUMBER, each=NUMBER).join(p.tables.dates, how="cross")
    p.columns("car_hired", table, ["year"], unit="cars", label="cars hired in {year}")


@constraint(1000, "cars")
def cars(p):
    """Visits need no more cars than there are (policy).

    In words: cars that solutions need are at most those owned and hired.

        sum over s of each in_place[s,l,t] <= owned + car_hired[t]
    """
    if not p.has("car_hired"):
        p.without_effect("cars", "no cars are stated")
        return
    limits = p.rows("cars", p["car_hired"].rename({"col": "own"}), ["year"], kind="Q", unit="cars",
                    label="cars in {year}", upper="owned")
    p.add(limits.select("row", "t", "each"), p["in_place"].select("t", "col"), ["t"], pl.col("each"))
    p.put(limits, -1.0, col="own")


@charge(1000)
def car_hire(p):
    """Hired cars are paid for in their year."""
    return p["car_hired"].select(pl.lit("recurrent").alias("kind"), "t", "col", pl.col("cost").alias("each"))


@measures(1000)
def cars_hired(p):
    """Cars hired, all years."""
    p.count("cars_hired", p["car_hired"], "cars", "min", "cars hired, all years")
'''

PROBLEM = """
id = "visits"
title = "Visits by car"
years = ["2020/21"]
cars = [{ cars_at_full_scale = 10, owned = 4, hire_pounds = 500 }]
activity = [{ point_of_delivery = "admission", units = 100 }]

[[solutions]]
id = "visits"
savings = [{ pounds = 10000, evidence = "green" }]
"""

USE = """
import sys, types
from pathlib import Path
from optimiser import optimise, read_problem
from optimiser.blocks import all_blocks
from optimiser.testing import check_block
problem = read_problem(Path(sys.argv[1]))
check_block(all_blocks()["cars"], problem)
outcome = optimise(problem)
matrix = outcome.answer.matrix
print(outcome.status, round(outcome.answer.measure("cars_hired"), 6), round(outcome.answer.measure("npv"), 6))
print([label for label in matrix.row_labels() if "cars" in label])
"""


def test_a_block_that_a_package_adds_is_one_file_and_its_entry_point(tmp_path):
    """By hand: full scale needs 10 cars, 4 are owned; 6 are hired at £500, so £10,000 - £3,000 = £7,000."""
    (tmp_path / "cars_block.py").write_text(CARS, encoding="utf-8")
    record = tmp_path / "cars_block-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: cars-block\nVersion: 1.0\n", encoding="utf-8")
    (record / "entry_points.txt").write_text("[capitation.blocks]\ncars = cars_block\n", encoding="utf-8")
    (tmp_path / "visits.toml").write_text(PROBLEM, encoding="utf-8")
    (tmp_path / "use.py").write_text(textwrap.dedent(USE), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "use.py", tmp_path / "visits.toml"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["optimal 6.0 7000.0", "['cars in 2020/21']"]
