"""The stated calibration: all solutions at full scale reproduce the plan's activity after channel shift, line by line.

The plan prints what all its solutions together do to each point of delivery, and no effect of any one of them. The effects
of the solution files are assumptions and expert ranges; they say how the solutions share the work, not how much there is.

    a line that falls    hazard'_s = factor x hazard_s       with hazard_s = -ln(1 - eligible_s effect_s), so that
                         activity x product of (1 - effect_s)^factor = mitigated - received
    a line that rises    contacts'_s = factor x contacts_s   received after each unit avoided, and created, so that
                         activity - avoided + contacts = mitigated

One factor a line, the same for every solution and for low, central and high; 1 would mean that the plan claims what the
files assume. A line that receives contacts from others is set after them. Contacts of a line that falls stay as stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from capitation.activity.printed_plan import PlannedActivity
from capitation.errors import Faults, ScenarioError, suggest
from capitation.money.rounding import nearest
from capitation.records.columns import POINT_OF_DELIVERY
from capitation.records.frames import Column, Frame, Schema
from capitation.shift.effects import Level, programme_name
from capitation.shift.shared_credit import with_credit
from capitation.shift.solution import Effect, Solution

_DIGITS = Decimal("1e-18")
_LEVELS: tuple[Level, ...] = ("low", "central", "high")


class LineCalibration(Schema):
    """How one point of delivery was set to the plan: what the files alone would give, and the factor that was needed."""

    point_of_delivery = POINT_OF_DELIVERY
    unmitigated = Column(pl.Int64, "units of activity", "Printed activity of 2020/21 on current trends", ge=0)
    printed = Column(pl.Int64, "units of activity", "Printed activity of 2020/21 after channel shift", ge=0)
    uncalibrated = Column(
        pl.Int64, "units of activity", "Activity after all solutions by the files, this line not yet set", ge=0
    )
    factor = Column(pl.Float64, "times", "What the line's hazards or contacts were multiplied by", ge=0)
    factor_on = Column(pl.String, "words", "What the factor multiplies", one_of=("hazards", "contacts", "nothing"))
    avoided = Column(pl.Int64, "units of activity", "Avoided by all solutions at full scale", ge=0)
    received = Column(pl.Int64, "contacts", "Received from other lines and created, at full scale")
    mitigated = Column(pl.Int64, "units of activity", "Activity after all solutions, once the line is set", ge=0)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The line adds up and reproduces the plan."""
        left = pl.col("unmitigated") - pl.col("avoided") + pl.col("received")
        return {
            "mitigated is unmitigated less avoided plus received": pl.col("mitigated") == left,
            "mitigated is as printed": pl.col("mitigated") == pl.col("printed"),
        }


@dataclass(frozen=True)
class Calibration:
    """Solutions that reproduce the plan together, and how each line was set."""

    solutions: tuple[Solution, ...]
    lines: Frame[LineCalibration]


def calibrate(solutions: Sequence[Solution], plan: Frame[PlannedActivity]) -> Calibration:
    """`solutions` with effects and contacts scaled, one factor a line, so that full scale gives the plan's activity.

    Args:
        solutions: all solutions of the plan.
        plan: printed activity of the last year on current trends and after channel shift.

    Raises:
        ScenarioError: a line changes in the plan but no solution moves it, lines receive from each other in a circle, a
            line cannot reach its figure, or a solution names a point of delivery that the plan does not have; all at
            once.

    Example:
        Activity 1,000 that the plan takes to 810; two solutions of 5% each leave 902.5. The factor is
        ln(0.81) / ln(0.9025) = 2.054: each avoids 1 - 0.95^2.054 = 10% and 0.9 x 0.9 = 0.81.
    """
    codes = {programme_name(c): c for c in plan.get_column("point_of_delivery").to_list()}
    printed = {
        code: (before, after)
        for code, before, after in plan.select(
            "point_of_delivery", "unmitigated_activity", "mitigated_activity"
        ).iter_rows()
    }
    faults = Faults()
    for s in solutions:
        for name in _named(s):
            if name not in codes:
                faults.add(f"solution {s.id!r}", f"point of delivery {name!r}", "one of the plan", suggest(name, codes))
        for e in s.effects:
            if e.cell != "all":
                faults.add(
                    f"solution {s.id!r}", f"an effect on the group {e.cell!r}", "effects on all patients of a line"
                )
    faults.raise_if_any(ScenarioError, "solutions cannot be set to the plan")
    made = list(solutions)
    rows: list[tuple[object, ...]] = []
    for name in _in_order(solutions, codes, faults):
        before, after = printed[codes[name]]
        with localcontext(prec=50):
            made, row = _set_line(made, name, before, after, printed, codes, faults)
        rows.append((codes[name], *row))
    faults.raise_if_any(ScenarioError, "solutions cannot be set to the plan")
    frame = pl.DataFrame(rows, schema=LineCalibration.dtypes(), orient="row")
    return Calibration(solutions=tuple(made), lines=LineCalibration.validate(frame))


def _named(s: Solution) -> list[str]:
    return [
        *(e.point_of_delivery for e in s.effects),
        *(r.received_at for r in s.receiving),
        *(c.point_of_delivery for c in s.creates),
    ]


def _in_order(solutions: Sequence[Solution], codes: Iterable[str], faults: Faults) -> list[str]:
    """Points of delivery so that each comes after those from which it receives contacts."""
    givers = {name: {r.avoided_at for s in solutions for r in s.receiving if r.received_at == name} for name in codes}
    done: list[str] = []
    while len(done) < len(givers):
        ready = sorted(name for name in givers if name not in done and givers[name] <= set(done))
        if not ready:
            left = sorted(set(givers) - set(done))
            faults.add(f"receiving at {', '.join(left)}", "lines that receive from each other", "no circle")
            break
        done += ready
    return done


def _set_line(
    solutions: list[Solution],
    name: str,
    before: int,
    after: int,
    printed: dict[str, tuple[int, int]],
    codes: dict[str, str],
    faults: Faults,
) -> tuple[list[Solution], tuple[object, ...]]:
    left = _left(solutions, name)
    contacts = _contacts(solutions, name, printed, codes)
    avoided, received = before * (1 - left), contacts
    uncalibrated = before - nearest(avoided) + nearest(received)
    factor, factor_on = Decimal(1), "nothing"
    if after < before:
        wanted = Decimal(after - nearest(received)) / before
        if left == 1:
            faults.add(f"line {codes[name]}", f"a fall from {before} to {after}", "a solution that avoids it")
        elif not 0 < wanted < 1 or left <= 0:
            faults.add(f"line {codes[name]}", f"a share of {wanted:.3f} that must remain", "a share between 0 and 1")
        else:
            factor, factor_on = wanted.ln() / left.ln(), "hazards"
            solutions = [_with_effects(s, name, factor) for s in solutions]
    elif after > before:
        wanted = Decimal(after - before + nearest(avoided))
        if contacts <= 0:
            faults.add(f"line {codes[name]}", f"a rise from {before} to {after}", "a solution that adds contacts to it")
        else:
            factor, factor_on = wanted / contacts, "contacts"
            solutions = [_with_contacts(s, name, factor) for s in solutions]
    avoided = before * (1 - _left(solutions, name))
    received = _contacts(solutions, name, printed, codes)
    whole_avoided, whole_received = nearest(avoided), nearest(received)
    row = (
        before, after, uncalibrated, float(factor), factor_on, whole_avoided, whole_received,
        before - whole_avoided + whole_received,
    )  # fmt: skip
    return solutions, row


def _left(solutions: Sequence[Solution], name: str) -> Decimal:
    """The share of a line that remains when every solution works in full."""
    left = Decimal(1)
    for s in solutions:
        for e in s.effects:
            if e.point_of_delivery == name:
                left *= 1 - e.at("central") * _top(s)
    return left


def _top(s: Solution) -> Decimal:
    """The largest effective scale of a solution."""
    return Decimal(str(s.effective_scale(s.ceiling)))


def _contacts(
    solutions: Sequence[Solution], name: str, printed: dict[str, tuple[int, int]], codes: dict[str, str]
) -> Decimal:
    """Contacts that a line receives when every solution works in full."""
    total = sum((c.contacts * _top(s) for s in solutions for c in s.creates if c.point_of_delivery == name), Decimal(0))
    givers = sorted({r.avoided_at for s in solutions for r in s.receiving if r.received_at == name})
    for giver in givers:
        acting = [(s, e) for s in solutions for e in s.effects if e.point_of_delivery == giver]
        effects = [float(e.at("central") * _top(s)) for s, e in acting]
        frame = pl.DataFrame({"group": [0] * len(effects), "effect": effects})
        credit = with_credit(frame, effect="effect", within=["group"], into="credit").get_column("credit").to_list()
        rates = {s.id: r.contacts_per_unit for s in solutions for r in s.receiving if (r.avoided_at, r.received_at) == (giver, name)}  # fmt: skip
        units = printed[codes[giver]][0]
        total += sum((units * Decimal(c) * rates.get(s.id, Decimal(0)) for (s, _), c in zip(acting, credit, strict=True)), Decimal(0))  # fmt: skip
    return total


def _with_effects(s: Solution, name: str, factor: Decimal) -> Solution:
    """The solution with the hazards of one line times `factor`, at every level.

    Where so many must be reached that the eligible part is too small for the high end, the eligible part grows with it.
    """
    top = _top(s)
    changed = []
    for e in s.effects:
        if e.point_of_delivery != name or e.eligible == 0 or top == 0:
            changed.append(e)
            continue
        shares = {level: _share(e, level, top, factor) for level in _LEVELS}
        eligible = max(e.eligible, shares["high"].quantize(_DIGITS))
        update: dict[str, Any] = {"eligible": eligible, "where": _told(e.where, "hazard", factor)}
        for level, share in shares.items():
            update[level] = min(Decimal(1), (share / eligible).quantize(_DIGITS))
        changed.append(e.model_copy(update=update))
    return s.model_copy(update={"effects": tuple(changed)})


def _share(e: Effect, level: Level, top: Decimal, factor: Decimal) -> Decimal:
    """The share of all activity of the line that one unit of effective scale avoids, its hazard times `factor`."""
    return (1 - (1 - e.at(level) * top) ** factor) / top


def _with_contacts(s: Solution, name: str, factor: Decimal) -> Solution:
    """The solution with the contacts that one line receives because of it times `factor`."""
    return s.model_copy(
        update={
            "receiving": tuple(
                r.model_copy(
                    update={
                        "contacts_per_unit": (r.contacts_per_unit * factor).quantize(_DIGITS),
                        "where": _told(r.where, "contacts", factor),
                    }
                )
                if r.received_at == name
                else r
                for r in s.receiving
            ),
            "creates": tuple(
                c.model_copy(
                    update={
                        "contacts": (c.contacts * factor).quantize(_DIGITS),
                        "where": _told(c.where, "contacts", factor),
                    }
                )
                if c.point_of_delivery == name
                else c
                for c in s.creates
            ),
        }
    )


def _told(where: str, what: str, factor: Decimal) -> str:
    """The ground of a figure, with the factor that set it to the plan."""
    return f"{where}; {what} times {factor:.4f}, so that all solutions reproduce the plan".removeprefix("; ")
