"""One figure of a document varied: found by its range, changed alone, measured at both ends."""

from decimal import Decimal

import pytest

from capitation.records.documents import Document, Figure
from capitation.records.varied import ranged, ranged_figures, what_moves, with_value


class Part(Document):
    id: str
    price: Figure


class Plan(Document):
    units: int
    growth: Figure
    parts: tuple[Part, ...]


def figure(value, low=None, high=None, quality="red"):
    ends = {k: None if v is None else Decimal(v) for k, v in (("low", low), ("high", high))}
    return Figure(
        value=Decimal(value), unit="x", source="assumption", where="test", owner="us", quality=quality, **ends
    )


PLAN = Plan(
    units=10,
    growth=figure("0.5", "0.1", "0.9", quality="amber"),
    parts=(Part(id="a", price=figure("2", "1", None)), Part(id="b", price=figure("7"))),
)


def cost(plan):
    return {part.id: int(plan.units * part.price.value * (1 + plan.growth.value)) for part in plan.parts}


def test_figures_with_a_range_are_found_by_name_in_order():
    assert [f.name for f in ranged_figures(PLAN)] == ["growth", "parts (a).price"]
    assert [f.name for f in ranged_figures(PLAN, quality=("red",))] == ["parts (a).price"]
    assert ranged_figures(PLAN)[1].ends == (1, 2)


def test_one_figure_changes_and_nothing_else():
    changed = with_value(PLAN, ("parts", 0, "price"), Decimal(9))
    assert changed.parts[0].price.value == 9
    assert changed.parts[1] == PLAN.parts[1]
    assert PLAN.parts[0].price.value == 2
    with pytest.raises(KeyError):
        with_value(PLAN, ("units",), Decimal(1))


def test_what_moves_is_measured_at_both_ends():
    found = {(m.figure.name, m.measured): (m.at_low, m.base, m.at_high) for m in what_moves(PLAN, cost)}
    assert found == {
        ("growth", "a"): (22, 30, 38),
        ("growth", "b"): (77, 105, 133),
        ("parts (a).price", "a"): (15, 30, 30),
        ("parts (a).price", "b"): (105, 105, 105),
    }


def test_a_figure_of_any_place_is_varied_between_ends_of_ones_own():
    wider = ranged(PLAN, ("parts", 1, "price"), Decimal(5), Decimal(8))
    assert wider.ends == (5, 8)
    assert [(m.measured, m.at_low, m.base, m.at_high) for m in what_moves(PLAN, cost, [wider])] == [
        ("a", 30, 30, 30),
        ("b", 75, 105, 120),
    ]
    for place, low, high in ((("units",), 1, 2), (("growth",), 2, 1)):
        with pytest.raises(KeyError):
            ranged(PLAN, place, Decimal(low), Decimal(high))
