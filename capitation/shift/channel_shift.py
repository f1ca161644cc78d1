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
from typing import Literal

import polars as pl

from capitation.activity.activity import LocalityActivity
from capitation.errors import Faults, FrameError, suggest
from capitation.money.rounding import MICRO, micro, nearest_whole
from capitation.records.columns import LOCALITY, POINT_OF_DELIVERY, SOLUTION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.shift.shared_credit import with_credit
from capitation.shift.solution import Solution

EVERYWHERE = "ALL"
"""In a mix, stands for every locality in which the solution may run."""

Level = Literal["low", "central", "high"]

KINDS = ("recurrent", "non_recurrent", "capital")
"""The purses that costs are paid from."""

_TINY = 1e-12


class Launch(Schema):
    """Scale of one solution added in one place in one year: a mix is a table of launches."""

    solution = SOLUTION
    locality_code = LOCALITY.but(about="Locality, or ALL for every one in which it may run")
    year = YEAR.but(about="Year in which the scale is added")
    scale = Column(pl.Float64, "scale, 1 is full", "Scale added in the year", ge=0)


class ShiftLocality(Schema):
    """A locality and its persons, by which amounts stated for the whole system are spread."""

    locality_code = LOCALITY
    persons = Column(pl.Int64, "persons", "Registered persons", ge=1)


class ScaleInPlace(Schema):
    """How far one solution is rolled out in one locality and year, and how much of its full effect that gives."""

    year = YEAR
    solution = SOLUTION
    locality_code = LOCALITY
    scale = Column(pl.Float64, "scale, 1 is full", "Scale in place", ge=0)
    effective_scale = Column(pl.Float64, "scale, 1 is full", "Scale after its maturity and curve of returns", ge=0)


class CellShare(Schema):
    """A group of patients within a point of delivery that the same solutions reach."""

    point_of_delivery = POINT_OF_DELIVERY
    cell = Column(pl.String, "id", "Group of patients", key=True)
    share = Column(pl.Float64, "share", "Part of the activity that the group makes up", ge=0, le=1)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Groups of one point of delivery are parts of it."""
        return {
            "groups of a point of delivery add to at most 1": pl.col("share").sum().over("point_of_delivery")
            <= 1 + 1e-9
        }


class ShiftedActivity(Schema):
    """Activity of one locality at one point of delivery in one year, before and after the mix."""

    year = YEAR
    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    activity = Column(pl.Int64, "units of activity", "Activity before any solution", ge=0)
    avoided = Column(pl.Int64, "units of activity", "Avoided by the mix, by the exact product", ge=0)
    received = Column(pl.Int64, "contacts", "Contacts that appear here because of the mix")
    mitigated = Column(pl.Int64, "units of activity", "Activity after the mix: before, less avoided, plus received")
    added_up = Column(
        pl.Float64, "units of activity", "What the same effects would claim if they were added up instead", ge=0
    )

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """What is left adds up, and no more is avoided than there is."""
        left = pl.col("activity") - pl.col("avoided") + pl.col("received")
        return {
            "mitigated is activity less avoided plus received": pl.col("mitigated") == left,
            "no more is avoided than there is": pl.col("avoided") <= pl.col("activity"),
        }


class AvoidedBySolution(Schema):
    """Activity that one solution avoids: its Shapley part, so that solutions add to the whole."""

    year = YEAR
    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    solution = SOLUTION
    avoided = Column(pl.Int64, "units of activity", "Credited to the solution", ge=0)


class ReceivedBySolution(Schema):
    """Contacts that appear because of one solution."""

    year = YEAR
    point_of_delivery = POINT_OF_DELIVERY.but(about="Point of delivery that receives them")
    locality_code = LOCALITY
    solution = SOLUTION
    received = Column(pl.Int64, "contacts", "Contacts that follow what it avoids, and those it creates")


class MixCost(Schema):
    """What one solution costs in one locality and year, by purse."""

    year = YEAR
    solution = SOLUTION
    kind = Column(pl.String, "purse", "Recurrent, non-recurrent or capital", key=True, one_of=KINDS)
    locality_code = LOCALITY.but(about="Locality that the cost is for")
    cost_pence = Column(pl.Int64, "pence", "Cost", ge=0)


class MixSaving(Schema):
    """Cash that one solution releases directly in one year, apart from the activity it avoids."""

    year = YEAR
    solution = SOLUTION
    saving = Column(pl.String, "id", "Which of its savings", key=True)
    falls_to = Column(pl.String, "code", "Organisation that keeps it; empty for the commissioner")
    saving_pence = Column(pl.Int64, "pence", "Saving", ge=0)


class MixWorkforce(Schema):
    """Staff that one solution employs in one year."""

    year = YEAR
    solution = SOLUTION
    staff_group = Column(pl.String, "id", "Staff group", key=True)
    workforce_wte = Column(pl.Float64, "whole-time equivalents", "Staff at the scale in place", ge=0)


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
        cells: groups of patients that effects tell apart; everyone together where none is given.
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
    credits_ = _credits(solutions, scales, before, cells, level)
    contacts = _contacts(solutions, scales, credits_, before, localities)
    shifted, avoided, received = _whole_units(before, credits_, contacts)
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
        while left > _TINY:
            added = left if s.step is None else min(left, float(s.step))
            rows.append((s.id, EVERYWHERE, str(year), added))
            left -= added
            year = year.next
    return Launch.validate(pl.DataFrame(rows, schema=Launch.dtypes(), orient="row"))


def programme_name(code: str) -> str:
    """The name by which solutions and programmes call a code of the run: "non-elective" is "non_elective"."""
    return code.replace("-", "_")


def scales_in_place(
    solutions: Sequence[Solution], mix: Frame[Launch], localities: Frame[ShiftLocality], years: Sequence[str]
) -> Frame[ScaleInPlace]:
    """Scale and effective scale of every solution of the mix in every locality and year from its first launch on.

    Each launch counts with the share of its full effect reached at its age; a bent curve of returns is walked along in
    the order of launches.
    """
    by_id = {s.id: s for s in solutions}
    codes = localities.get_column("locality_code").to_list()
    rows: list[tuple[str, str, str, float, float]] = []
    for (solution, place), launches in mix.sort("year").group_by("solution", "locality_code", maintain_order=True):
        s = by_id[str(solution)]
        steps: list[tuple[FinancialYear, float, float]] = []
        total = 0.0
        for year, scale in launches.select("year", "scale").iter_rows():
            gained = s.effective_scale(total + scale) - s.effective_scale(total)
            total += scale
            steps.append((FinancialYear(year), scale, gained))
        chosen = (
            [c for c in codes if not s.localities or programme_name(c) in s.localities]
            if place == EVERYWHERE
            else [str(place)]
        )
        for text in years:
            year = FinancialYear(text)
            done = [(year.years_after(at), scale, gained) for at, scale, gained in steps if at <= year]
            if done:
                in_place = sum(scale for _, scale, _ in done)
                effective = sum(s.matured(age) * gained for age, _, gained in done)
                rows += [(text, s.id, code, in_place, effective) for code in chosen]
    frame = pl.DataFrame(rows, schema=ScaleInPlace.dtypes(), orient="row")
    key = ["year", "solution", "locality_code"]
    return ScaleInPlace.validate(frame.group_by(key).agg(pl.col("scale", "effective_scale").sum()))


def mix_costs(
    solutions: Sequence[Solution],
    mix: Frame[Launch],
    scales: Frame[ScaleInPlace],
    localities: Frame[ShiftLocality],
) -> Frame[MixCost]:
    """Costs by year, solution, purse and locality, in whole pence.

    Recurrent cost follows the scale in place; non-recurrent and capital cost follow the scale added, spent evenly over
    the years stated; a cost of starting falls in full at the first launch (each year from then on where it is
    recurrent), whatever the scale. Amounts are the whole system's at full scale, and a locality bears its persons' part.
    """
    if scales.is_empty():
        return MixCost.empty()
    years = scales.get_column("year").unique().sort().to_list()
    parts = _parts(solutions, localities)
    added = scales.sort("year").with_columns(
        (pl.col("scale") - pl.col("scale").shift(1).over("solution", "locality_code").fill_null(0.0)).alias("added")
    )
    first = scales.group_by("solution", "locality_code").agg(pl.col("year").min().alias("started"))
    table = pl.DataFrame(
        [(s.id, c.kind, c.basis, c.pence, c.years) for s in solutions for c in s.costs],
        schema={"solution": pl.String, "kind": pl.String, "basis": pl.String, "amount": pl.Int64, "spread": pl.Int64},
        orient="row",
    ).with_row_index("entry")
    rows = added.join(first, on=["solution", "locality_code"]).join(parts, on=["solution", "locality_code"])
    rows = rows.join(table, on="solution")
    place = {y: i for i, y in enumerate(years)}
    at = pl.col("year").replace_strict(place, return_dtype=pl.Int64)
    starts = pl.col("started").replace_strict(place, return_dtype=pl.Int64)
    rows = rows.with_columns(at.alias("t"), (at == starts).alias("starts"))
    running = rows.filter(pl.col("kind") == "recurrent").with_columns(
        pl.when(pl.col("basis") == "start").then(1.0).otherwise(pl.col("scale")).alias("times")
    )
    once = (
        rows.filter(pl.col("kind") != "recurrent")
        .with_columns(
            pl.when(pl.col("basis") == "start")
            .then(pl.col("starts").cast(pl.Float64))
            .otherwise(pl.col("added"))
            .alias("times")
        )
        .with_columns(pl.int_ranges(0, pl.col("spread")).alias("later"))
        .explode("later")
        .with_columns((pl.col("t") + pl.col("later")).alias("t"), (pl.col("times") / pl.col("spread")).alias("times"))
        .filter(pl.col("t") < len(years))
    )
    columns = ["solution", "kind", "entry", "amount", "t", "locality_code", "times", "part"]
    due = pl.concat([running.select(columns), once.select(columns)]).filter(pl.col("times") > 0)
    named = pl.DataFrame({"t": range(len(years)), "year": years}, schema={"t": pl.Int64, "year": pl.String})
    pence = pl.col("amount") * pl.col("times") * pl.col("part")
    group = ["year", "solution", "kind"]
    summed = (
        due.join(named, on="t")
        .with_columns(micro(pence).alias("micro"))
        .group_by([*group, "locality_code"])
        .agg(pl.col("micro").sum())
        .with_columns(((pl.col("micro").sum().over(group) + MICRO // 2) // MICRO).alias("whole"))
    )
    whole = _by_remainder(summed, group, ["locality_code"], "cost_pence")
    return MixCost.validate(whole.select(*MixCost.columns()))


def mix_savings(
    solutions: Sequence[Solution],
    scales: Frame[ScaleInPlace],
    localities: Frame[ShiftLocality],
    level: Level = "central",
) -> Frame[MixSaving]:
    """Direct savings by year and solution at the effective scale, in whole pence."""
    table = pl.DataFrame(
        [(s.id, v.id, v.falls_to, float(v.at(level)) * 100) for s in solutions for v in s.savings],
        schema={"solution": pl.String, "saving": pl.String, "falls_to": pl.String, "amount": pl.Float64},
        orient="row",
    )
    rows = _system_scale(solutions, scales, localities, "effective_scale").join(table, on="solution")
    pence = nearest_whole(pl.col("amount") * pl.col("effective_scale"))
    return MixSaving.validate(rows.with_columns(pence.alias("saving_pence")).select(*MixSaving.columns()))


def mix_workforce(
    solutions: Sequence[Solution], scales: Frame[ScaleInPlace], localities: Frame[ShiftLocality]
) -> Frame[MixWorkforce]:
    """Staff by year, solution and group at the scale in place."""
    table = pl.DataFrame(
        [(s.id, w.staff_group, float(w.wte)) for s in solutions for w in s.workforce],
        schema={"solution": pl.String, "staff_group": pl.String, "wte": pl.Float64},
        orient="row",
    )
    rows = _system_scale(solutions, scales, localities, "scale").join(table, on="solution")
    wte = (pl.col("wte") * pl.col("scale")).alias("workforce_wte")
    return MixWorkforce.validate(rows.with_columns(wte).select(*MixWorkforce.columns()))


def _system_scale(
    solutions: Sequence[Solution], scales: Frame[ScaleInPlace], localities: Frame[ShiftLocality], column: str
) -> pl.DataFrame:
    """year, solution and the mean of `column` over localities, each weighing as its part of the solution's amounts."""
    return (
        scales.join(_parts(solutions, localities), on=["solution", "locality_code"])
        .sort("year", "solution", "locality_code")
        .group_by("year", "solution", maintain_order=True)
        .agg((pl.col(column) * pl.col("part")).sum())
    )


def _parts(solutions: Sequence[Solution], localities: Frame[ShiftLocality]) -> pl.DataFrame:
    """solution, locality_code, part: how much of a solution's amounts falls in each locality, by persons."""
    named = pl.DataFrame(
        [
            (s.id, code, persons)
            for s in solutions
            for code, persons in localities.iter_rows()
            if not s.localities or programme_name(code) in s.localities
        ],
        schema={"solution": pl.String, "locality_code": pl.String, "persons": pl.Int64},
        orient="row",
    )
    part = pl.col("persons") / pl.col("persons").sum().over("solution")
    return named.select("solution", "locality_code", part.alias("part"))


def _credits(
    solutions: Sequence[Solution],
    scales: Frame[ScaleInPlace],
    before: pl.DataFrame,
    cells: Frame[CellShare] | None,
    level: Level,
) -> pl.DataFrame:
    """year, point_of_delivery, locality_code, solution, credit and alone: units avoided, exact, before any rounding."""
    codes = {programme_name(c): c for c in before.get_column("point_of_delivery").unique().to_list()}
    effects = pl.DataFrame(
        [
            (s.id, codes[e.point_of_delivery], e.cell, float(e.at(level)))
            for s in solutions
            for e in s.effects
            if e.at(level) > 0
        ],
        schema={"solution": pl.String, "point_of_delivery": pl.String, "cell": pl.String, "effect": pl.Float64},
        orient="row",
    )
    shares = pl.DataFrame(schema=CellShare.dtypes()) if cells is None else cells
    key = ["year", "point_of_delivery", "locality_code"]
    acting = (
        effects.join(shares, on=["point_of_delivery", "cell"], how="left")
        .with_columns(pl.col("share").fill_null(1.0))
        .join(before, on="point_of_delivery")
        .join(scales, on=["year", "solution", "locality_code"])
        .with_columns((pl.col("effect") * pl.col("effective_scale")).clip(0.0, 1.0).alias("effect"))
        .filter(pl.col("effect") > _TINY)
        .sort(*key, "cell", "solution")
    )
    credited = with_credit(acting, effect="effect", within=[*key, "cell"], into="credit_share")
    units = pl.col("activity") * pl.col("share")
    return (
        credited.with_columns((units * pl.col("credit_share")).alias("credit"), (units * pl.col("effect")).alias("alone"))
        .group_by([*key, "solution"], maintain_order=True)
        .agg(pl.col("credit", "alone").sum())
    )  # fmt: skip


def _contacts(
    solutions: Sequence[Solution],
    scales: Frame[ScaleInPlace],
    credits_: pl.DataFrame,
    before: pl.DataFrame,
    localities: Frame[ShiftLocality],
) -> pl.DataFrame:
    """year, point_of_delivery, locality_code, solution, contacts: received, exact, before any rounding."""
    codes = {programme_name(c): c for c in before.get_column("point_of_delivery").unique().to_list()}
    moved = pl.DataFrame(
        [
            (s.id, codes[r.avoided_at], codes[r.received_at], float(r.contacts_per_unit))
            for s in solutions
            for r in s.receiving
        ],
        schema={"solution": pl.String, "point_of_delivery": pl.String, "received_at": pl.String, "rate": pl.Float64},
        orient="row",
    )
    made = pl.DataFrame(
        [(s.id, codes[c.point_of_delivery], float(c.contacts)) for s in solutions for c in s.creates],
        schema={"solution": pl.String, "received_at": pl.String, "rate": pl.Float64},
        orient="row",
    )
    columns = ["year", "locality_code", "solution", "received_at"]
    follow = credits_.join(moved, on=["solution", "point_of_delivery"]).select(
        *columns, (pl.col("credit") * pl.col("rate")).alias("contacts")
    )
    created = (
        scales.join(made, on="solution")
        .join(_parts(solutions, localities), on=["solution", "locality_code"])
        .select(
            *columns,
            (pl.col("rate") * pl.col("effective_scale") * pl.col("part")).alias("contacts"),
        )
    )
    return (
        pl.concat([follow, created])
        .rename({"received_at": "point_of_delivery"})
        .sort("year", "point_of_delivery", "locality_code", "solution", "contacts")
        .group_by("year", "point_of_delivery", "locality_code", "solution", maintain_order=True)
        .agg(pl.col("contacts").sum())
    )


def _whole_units(
    before: pl.DataFrame, credits_: pl.DataFrame, contacts: pl.DataFrame
) -> tuple[Frame[ShiftedActivity], Frame[AvoidedBySolution], Frame[ReceivedBySolution]]:
    key = ["year", "point_of_delivery", "locality_code"]
    avoided, by_solution = _whole_and_parts(credits_, "credit", "avoided")
    received, received_by = _whole_and_parts(contacts, "contacts", "received")
    claims = credits_.group_by(key, maintain_order=True).agg(pl.col("alone").sum().alias("added_up"))
    rows = (
        before.join(avoided, on=key, how="left", validate="1:1")
        .join(received, on=key, how="left", validate="1:1")
        .join(claims, on=key, how="left", validate="1:1")
        .with_columns(pl.col("avoided", "received").fill_null(0), pl.col("added_up").fill_null(0.0))
        .with_columns((pl.col("activity") - pl.col("avoided") + pl.col("received")).alias("mitigated"))
    )
    return (
        ShiftedActivity.validate(rows.select(*ShiftedActivity.columns())),
        AvoidedBySolution.validate(by_solution.select(*AvoidedBySolution.columns())),
        ReceivedBySolution.validate(received_by.select(*ReceivedBySolution.columns())),
    )


def _whole_and_parts(exact: pl.DataFrame, amount: str, into: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Whole units by locality, and by solution within each locality, of exact amounts by solution."""
    line, key = ["year", "point_of_delivery"], ["year", "point_of_delivery", "locality_code"]
    parts = exact.select(*key, "solution", micro(pl.col(amount)).alias("micro"))
    sums = parts.group_by(key, maintain_order=True).agg(pl.col("micro").sum())
    nearest_whole = (pl.col("micro").sum().over(line) + MICRO // 2) // MICRO
    whole = _by_remainder(sums.with_columns(nearest_whole.alias("whole")), line, ["locality_code"], into).select(
        *key, into
    )
    named = parts.join(whole.rename({into: "whole"}), on=key, validate="m:1")
    return whole, _by_remainder(named, key, ["solution"], into).select(*key, "solution", into)


def _by_remainder(frame: pl.DataFrame, within: list[str], order_by: list[str], into: str) -> pl.DataFrame:
    """`frame` with `into`: `micro` millionths in whole ones, each rounded down, or up for those with the largest rest.

    Each group's rows add to its `whole`; ties go by `order_by`. No row moves by one or more, so that a locality in which
    everything is avoided never gives back more than it has.
    """
    work = frame.with_columns((pl.col("micro") // MICRO).alias("down"), (pl.col("micro") % MICRO).alias("rest"))
    work = work.with_columns((pl.col("whole") - pl.col("down").sum().over(within)).alias("odd"))
    falling = [*(False for _ in within), True, *(False for _ in order_by)]
    ranked = work.sort([*within, "rest", *order_by], descending=falling)
    up = (pl.int_range(pl.len(), dtype=pl.Int64).over(within) < pl.col("odd")).cast(pl.Int64)
    return ranked.with_columns((pl.col("down") + up).alias(into)).drop("down", "rest", "odd")


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
