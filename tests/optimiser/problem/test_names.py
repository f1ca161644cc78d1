"""Names of a large problem are checked in time proportional to its length, right or wrong."""

import time

import pytest

from capitation.errors import DocumentError
from optimiser.blocks.flows import ActivityRow
from optimiser.problem.document import problem_of
from optimiser.problem.names import SUGGESTED
from optimiser.problem.tables import tables_of
from optimiser.programme.core import LocalityPersons


def problem(places, *, suffix=""):
    """A problem of many localities; `suffix` makes the localities of its activity unknown."""
    small = problem_of(
        {
            "id": "wide",
            "title": "Many localities",
            "years": ["2019/20"],
            "activity": [{"point_of_delivery": "admission", "units": 1}],
            "solutions": [{"id": "s", "effects": [{"point_of_delivery": "admission", "central": "0.1"}]}],
        },
        "test",
        None,
    )
    return small.model_copy(
        update={
            "localities": tuple(LocalityPersons(id=f"l{i}", persons=10) for i in range(places)),
            "activity": tuple(
                ActivityRow(locality=f"l{i}{suffix}", point_of_delivery="admission", units=1) for i in range(places)
            ),
        }
    )


def seconds(places):
    asked, best = problem(places), float("inf")
    for _ in range(5):
        started = time.process_time()
        tables_of(asked)
        best = min(best, time.process_time() - started)
    return best


def test_four_times_the_localities_take_about_four_times_as_long():
    """Looking through a list instead would take sixteen times as long."""
    tables_of(problem(10))
    few, many = seconds(8_000), seconds(32_000)
    assert many <= 8 * few, f"{few:.4f} s for 8,000 localities, {many:.4f} s for 32,000"


def test_near_names_are_looked_for_only_a_few_times():
    with pytest.raises(DocumentError) as found:
        tables_of(problem(8_000, suffix="x"))
    faults = found.value.faults
    assert len(faults) == 8_000
    assert faults[0].found == "unknown locality 'l0x'"
    assert "Did you mean" in faults[0].remedy
    assert [bool(fault.remedy) for fault in faults].count(True) == SUGGESTED
