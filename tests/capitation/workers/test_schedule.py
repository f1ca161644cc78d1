"""The play of a schedule: by hand, and never better than can be."""

import pytest

from capitation.workers.schedule import Costs, makespan

FREE = Costs(0, 0)


def test_schedules_by_hand():
    assert makespan([1.0] * 10, 2, FREE) == 5
    assert makespan([3, 1, 1, 1], 2, FREE) == 3
    assert makespan([], 4, Costs(1, 1, 2)) == 2
    assert makespan([1.0] * 4, 4, Costs(handing=0.5, placing=0.25, starting=2)) == 2 + 4 * 0.5 + 0.25 + 1
    with pytest.raises(ValueError, match="expected at least 1"):
        makespan([1], 0, FREE)


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
def test_a_schedule_is_between_the_best_that_can_be_and_one_worker(workers):
    parts = [0.1 * (1 + i % 5) for i in range(200)]
    costs = Costs(0.001, 0.002, 0.5)
    found = makespan(parts, workers, costs)
    assert found >= max(sum(parts) / workers, max(parts)) + 0.5
    assert found >= 0.5 + 200 * 0.002
    assert found <= 0.5 + sum(parts) / workers + max(parts) + 200 * 0.003
