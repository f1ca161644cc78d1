"""Switching values: where on the way from one value of a driver to another a party comes to prefer another option.

Positions are tried on an even grid of each driver; where the difference between two options changes its sign, the two
values beside it are tried again at the crossing of the straight line between them. Where two options are equal over a
stretch, the value nearest to plan is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, pairwise

import polars as pl

from capitation.records.frames import Column, Frame, Schema
from contracts.options.document import ContractOptions
from contracts.options.outturn import CaseActivity
from contracts.options.position import ROLES
from contracts.options.starts.several import positions_of_several
from contracts.options.trials import Trials, first_year_of, ids

_REACH, _STEPS, _ROUNDS, _TRIED = Decimal("0.10"), 4, 2, 40
_DIGITS = Decimal("0.000001")

DRIVERS = ("activity", "cost", "shift")
"""What is varied: activity against plan, cost of planned activity, part of the channel shift delivered."""


class Switching(Schema):
    """The value of a driver at which one party comes to prefer the other of two options, in the first year."""

    driver = Column(pl.String, "name", "What is varied", key=True, one_of=DRIVERS)
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    party = Column(pl.String, "code", "Organisation", key=True)
    option_a = Column(pl.String, "id", "First option", key=True)
    option_b = Column(pl.String, "id", "Second option", key=True)
    value = Column(
        pl.Float64, "share", "Activity: change against plan; cost: part of plan income; shift: part delivered", key=True
    )
    better_below = Column(pl.String, "id", "Option that is better for the party below the value")
    better_above = Column(pl.String, "id", "Option that is better for the party above the value")


@dataclass(frozen=True)
class _Driver:
    name: str
    grid: tuple[Decimal, ...]
    at: Callable[[Decimal], tuple[Frame[CaseActivity], ContractOptions]]
    """The activity and the options to try a value on."""
    home: Decimal


def switching(trials: Trials) -> Frame[Switching]:
    """Every switching value of every pair of options, for each party and driver.

    Args:
        trials: the options, ready to be tried.
    """
    rows = [row for driver in _drivers(trials) for row in _of(driver, trials)]
    return Switching.validate(pl.DataFrame(rows, schema=Switching.dtypes(), orient="row"))


def _drivers(trials: Trials) -> list[_Driver]:
    document = trials.document
    shown = trials.by_case(document.shown_case)
    cost = document.cost_at_plan
    low = cost.value - Decimal("0.05") if cost.low is None else cost.low
    high = cost.value + Decimal("0.05") if cost.high is None else cost.high

    def at_cost(x: Decimal) -> tuple[Frame[CaseActivity], ContractOptions]:
        return shown, document.model_copy(update={"cost_at_plan": cost.model_copy(update={"value": x})})

    out = [
        _Driver("activity", _grid(-_REACH, _REACH, 2 * _STEPS), lambda x: (trials.by_change(x), document), Decimal(0)),
        _Driver("cost", _grid(low, high, _STEPS), at_cost, cost.value),
    ]
    trends = next((c.of for c in document.cases if c.of != "plan" and not c.change and not c.lines), None)
    if trends is not None:
        out.append(
            _Driver(
                "shift", _grid(Decimal(0), Decimal(1), _STEPS),
                lambda x: (trials.by_shift(trends, x), document), Decimal(1),
            )
        )  # fmt: skip
    return out


def _grid(low: Decimal, high: Decimal, steps: int) -> tuple[Decimal, ...]:
    return tuple((low + (high - low) * i / steps).quantize(_DIGITS) for i in range(steps + 1))


def _of(driver: _Driver, trials: Trials) -> list[tuple[object, ...]]:
    document = trials.document
    tried: dict[Decimal, dict[tuple[str, str, str], int]] = {}

    def look(xs: set[Decimal]) -> None:
        new = sorted(xs - set(tried))
        for x, every in zip(new, positions_of_several(trials, [driver.at(x) for x in new]), strict=True):
            found = first_year_of(document, every)
            tried[x] = {
                (o, r, p): v
                for o, r, p, v in found.select("option", "role", "organisation_code", "position_pence").rows()
            }

    look(set(driver.grid))
    # a body that stands between under one option only has nothing to compare
    seen = Counter((r, p) for _, r, p in tried[driver.grid[0]])
    parties = sorted(party for party, times in seen.items() if times == len(document.options))
    pairs = list(combinations(ids(document.options), 2))

    def gaps(party: tuple[str, str], pair: tuple[str, str]) -> list[tuple[Decimal, int]]:
        return [(x, tried[x][pair[1], *party] - tried[x][pair[0], *party]) for x in sorted(tried)]

    for _ in range(_ROUNDS):
        wanted = [x for party in parties for pair in pairs for x in _between(gaps(party, pair))]
        look({x.quantize(_DIGITS) for x in wanted[:_TRIED]})
    out: list[tuple[object, ...]] = []
    for role, party in parties:
        for a, b in pairs:
            for value, sign in _turns(gaps((role, party), (a, b)), driver.home):
                below, above = (a, b) if sign > 0 else (b, a)
                out.append((driver.name, role, party, a, b, float(value), below, above))
    return out


def _between(points: list[tuple[Decimal, int]]) -> list[Decimal]:
    """Where the straight line between neighbours of opposite sign crosses 0."""
    return [xa + (xb - xa) * ga / (ga - gb) for (xa, ga), (xb, gb) in pairwise(points) if ga * gb < 0]


def _turns(points: list[tuple[Decimal, int]], home: Decimal) -> list[tuple[Decimal, int]]:
    """Each value at which the sign changes, with the sign above it; over a stretch of 0, its value nearest to plan."""
    out = []
    last: tuple[Decimal, int] | None = None
    equal: list[Decimal] = []
    for x, gap in points:
        if gap == 0:
            equal.append(x)
            continue
        sign = 1 if gap > 0 else -1
        if last is not None and last[1] * sign < 0:
            if equal:
                at = min(equal, key=lambda e: abs(e - home))
            else:
                at = last[0] + (x - last[0]) * abs(last[1]) / (abs(last[1]) + abs(gap))
            out.append((at.quantize(_DIGITS), sign))
        last, equal = (x, gap), []
    return out


__all__ = ["DRIVERS", "Switching", "switching"]
