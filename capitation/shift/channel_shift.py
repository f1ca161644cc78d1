"""Channel shift: what a given mix of solutions moves, creates, costs and employs, worked out without any optimiser.

    effective[s,l,t]   = sum over launches tau <= t of maturity[s, t - tau] x (curve(scale after) - curve(scale before))
    avoided[l,p,t]     = sum over cells c of activity[l,p,t] x cell[p,c] x (1 - product over s of (1 - effect[s,p,c] effective[s,l,t]))
    credit[s,l,p,t]    = Shapley part of solution s, so that solutions add to the whole (`capitation.shift.shared_credit`)
    received[l,r,t]    = sum over s, p of contacts[s,p,r] credit[s,l,p,t] + sum over s of created[s,r] effective[s,l,t] x locality's part
    mitigated[l,p,t]   = activity - avoided + received

What one solution avoids the next cannot avoid again, so effects multiply and never add up. Activity is whole units: the
system's figure of a point of delivery and year is rounded once, and its parts by locality and by solution are rounded
down or up by largest remainder so that they add to it. Money is whole pence on the same rule. Solutions name points of
delivery as programmes do, with underscores; tables keep the codes of the activity they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from capitation.activity.spread import LocalityActivity
from capitation.errors import Faults, FrameError, suggest
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear
from capitation.shift.costs import MixCost, MixSaving, mix_costs, mix_savings
from capitation.shift.effects import (
    EVERYWHERE,
    TINY,
    AvoidedBySolution,
    CellShare,
    Launch,
    Level,
    ReceivedBySolution,
    ScaleInPlace,
    ShiftedActivity,
    ShiftLocality,
    contacts_of,
    credits_of,
    programme_name,
    scales_in_place,
    whole_units,
)
from capitation.shift.solution import Solution
from capitation.shift.workforce import MixWorkforce, mix_workforce


@dataclass(frozen=True)
class ChannelShift:
    """Everything a mix does."""

    scales: Frame[ScaleInPlace]
    activity: Frame[ShiftedActivity]
    avoided: Frame[AvoidedBySolution]
    received: Frame[ReceivedBySolution]
    costs: Frame[MixCost]
    savings: Frame[MixSaving]
    workforce: Frame[MixWorkforce]


def channel_shift(
    solutions: Sequence[Solution],
    mix: Frame[Launch],
    activity: Frame[LocalityActivity],
    localities: Frame[ShiftLocality],
    *,
    cells: Frame[CellShare] | None = None,
    level: Level = "central",
) -> ChannelShift:
    """What a mix does to the activity given, and what it costs.

    Args:
        solutions: the solutions that the mix names.
        mix: scale added by solution, place and year.
        activity: activity before any solution; only the unmitigated case is read.
        localities: places and their persons.
        cells: groups of patients that effects distinguish; everyone together where none is given.
        level: which end of every effect and saving.

    Raises:
        FrameError: the mix names an unknown solution, locality, point of delivery or group, starts a solution outside
            its years, or goes above its largest scale; every fault at once.

    Example:
        100 attendances, one solution avoiding 30% and one 20%, both in full: 100 x (1 - 0.7 x 0.8) = 44 avoided, not 50.
    """
    before = activity.filter(pl.col("case") == "unmitigated").drop("case")
    years = before.get_column("year").unique().sort().to_list()
    _check(solutions, mix, before, localities, cells, years)
    scales = scales_in_place(solutions, mix, localities, years)
    credits_ = credits_of(solutions, scales, before, cells, level)
    contacts = contacts_of(solutions, scales, credits_, before, localities)
    shifted, avoided, received = whole_units(before, credits_, contacts)
    return ChannelShift(
        scales=scales,
        activity=shifted,
        avoided=avoided,
        received=received,
        costs=mix_costs(solutions, mix, scales, localities),
        savings=mix_savings(solutions, scales, localities, level),
        workforce=mix_workforce(solutions, scales, localities),
    )


def full_mix(solutions: Sequence[Solution], first: FinancialYear) -> Frame[Launch]:
    """Every solution at its largest scale everywhere, as early and as fast as it can be.

    Each starts in `first` or in the first year in which it can, and adds one step a year until it is at its largest;
    solutions without a largest scale are left out.
    """
    rows: list[tuple[str, str, str, float]] = []
    for s in solutions:
        if s.ceiling == float("inf"):
            continue
        year = first if s.earliest_start is None else max(first, FinancialYear(s.earliest_start))
        left = s.ceiling
        while left > TINY:
            added = left if s.step is None else min(left, float(s.step))
            rows.append((s.id, EVERYWHERE, str(year), added))
            left -= added
            year = year.next
    return Launch.validate(pl.DataFrame(rows, schema=Launch.dtypes(), orient="row"))


def _check(
    solutions: Sequence[Solution],
    mix: Frame[Launch],
    before: pl.DataFrame,
    localities: Frame[ShiftLocality],
    cells: Frame[CellShare] | None,
    years: Sequence[str],
) -> None:
    faults = Faults()
    by_id = {s.id: s for s in solutions}
    places = localities.get_column("locality_code").to_list()
    pods = {programme_name(c) for c in before.get_column("point_of_delivery").unique().to_list()}
    groups = (
        set()
        if cells is None
        else {(programme_name(p), c) for p, c in cells.select("point_of_delivery", "cell").iter_rows()}
    )
    for code in before.filter(~pl.col("locality_code").is_in(places)).get_column("locality_code").unique().sort():
        faults.add(f"activity of {code}", "a locality without persons", "one of the localities", suggest(code, places))
    for s in solutions:
        for name in (
            *(e.point_of_delivery for e in s.effects),
            *(r.received_at for r in s.receiving),
            *(c.point_of_delivery for c in s.creates),
        ):
            if name not in pods:
                faults.add(
                    f"solution {s.id!r}",
                    f"unknown point of delivery {name!r}",
                    "one with activity",
                    suggest(name, pods),
                )
        for e in s.effects:
            if e.cell != "all" and (e.point_of_delivery, e.cell) not in groups:
                faults.add(
                    f"solution {s.id!r}", f"unknown group {e.cell!r} of {e.point_of_delivery}", "a group of `cells`"
                )
    for solution, place, year, scale in mix.iter_rows():
        where = f"mix: {solution} in {place} in {year}"
        known = by_id.get(solution)
        if known is None:
            faults.add(where, f"unknown solution {solution!r}", "a solution that is given", suggest(solution, by_id))
            continue
        allowed = [p for p in places if not known.localities or programme_name(p) in known.localities]
        if place != EVERYWHERE and place not in allowed:
            faults.add(where, f"locality {place!r}", "a locality in which it may run, or ALL", suggest(place, allowed))
        if year not in years:
            faults.add(where, f"year {year}", f"one of {', '.join(years)}")
        if known.earliest_start and scale > 0 and year < known.earliest_start:
            faults.add(where, "a launch before its earliest start", f"{known.earliest_start} or later")
    faults.extend(_scale_faults(by_id, mix))
    faults.extend(_logic_faults(by_id, mix))
    faults.raise_if_any(FrameError, "this mix cannot be valued")


def _scale_faults(by_id: dict[str, Solution], mix: Frame[Launch]) -> Faults:
    """Launches below the smallest or above the largest scale, faster than a step a year, or parts of what is all or nothing."""
    faults = Faults()
    bought = mix.filter((pl.col("scale") > 0) & pl.col("solution").is_in(list(by_id))).sort(*Launch.key())
    sums = bought.group_by("solution", "locality_code", maintain_order=True).agg(
        pl.col("scale").sum(),
        pl.col("scale").sort_by("year").first().alias("opening"),
        pl.col("scale").max().alias("fastest"),
    )
    everywhere = {
        solution for solution, place in sums.select("solution", "locality_code").iter_rows() if place == EVERYWHERE
    }
    for solution, place, scale, opening, fastest in sums.iter_rows():
        s, where = by_id[solution], f"mix: {solution} in {place}"
        if place != EVERYWHERE and solution in everywhere:
            faults.add(where, "launches both in ALL and in one locality", "one or the other")
        if place != EVERYWHERE and s.rollout == "system":
            faults.add(where, "a launch in one locality", "launches in ALL: it is started once for the system")
        if scale > s.ceiling + 1e-9:
            faults.add(where, f"a scale of {scale:g} in all", f"at most {s.ceiling:g}")
        if s.whole and abs(scale - s.ceiling) > 1e-9:
            faults.add(where, f"a scale of {scale:g}", f"{s.ceiling:g}: it is all or nothing")
        elif opening < float(s.smallest_scale) - 1e-9:
            faults.add(where, f"a first scale of {opening:g}", f"at least {s.smallest_scale}")
        if s.step is not None and fastest > float(s.step) + 1e-9:
            faults.add(where, f"{fastest:g} added in one year", f"at most {s.step} a year")
    return faults


def _logic_faults(by_id: dict[str, Solution], mix: Frame[Launch]) -> Faults:
    """Solutions bought beside what they exclude, or before what they need is in place."""
    faults = Faults()
    bought = mix.filter((pl.col("scale") > 0) & pl.col("solution").is_in(list(by_id)))
    starts = dict(bought.group_by("solution").agg(pl.col("year").min()).iter_rows())
    for solution in sorted(starts):
        s, began = by_id[solution], FinancialYear(starts[solution])
        for other in s.excludes:
            if other in starts:
                faults.add(f"mix: {solution}", f"{other} too", "one of the two: they exclude each other")
        for need in s.requires:
            at = starts.get(need.solution)
            if at is None or began.years_after(FinancialYear(at)) < need.years_before:
                found = "nothing of it" if at is None else f"it from {at}"
                faults.add(
                    f"mix: {solution} from {began}",
                    f"{found}: {need.solution}",
                    f"{need.solution} started {need.years_before} year(s) before, or with it where 0",
                )
    return faults
