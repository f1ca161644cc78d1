"""What a mix of solutions does to activity: the scale in place, what is avoided and by whom, and what is received.

Amounts are worked out exactly and rounded once to whole units, by largest remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from capitation.money.rounding import MICRO, micro
from capitation.records.columns import LOCALITY, POINT_OF_DELIVERY, SOLUTION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.shift.shared_credit import with_credit
from capitation.shift.solution import Solution

EVERYWHERE = "ALL"
"""In a mix, stands for every locality in which the solution may run."""

Level = Literal["low", "central", "high"]

TINY = 1e-12


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


def system_scale(
    solutions: Sequence[Solution], scales: Frame[ScaleInPlace], localities: Frame[ShiftLocality], column: str
) -> pl.DataFrame:
    """year, solution and the mean of `column` over localities, each weighing as its part of the solution's amounts."""
    return (
        scales.join(parts_of(solutions, localities), on=["solution", "locality_code"])
        .sort("year", "solution", "locality_code")
        .group_by("year", "solution", maintain_order=True)
        .agg((pl.col(column) * pl.col("part")).sum())
    )


def parts_of(solutions: Sequence[Solution], localities: Frame[ShiftLocality]) -> pl.DataFrame:
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


def credits_of(
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
        .filter(pl.col("effect") > TINY)
        .sort(*key, "cell", "solution")
    )
    credited = with_credit(acting, effect="effect", within=[*key, "cell"], into="credit_share")
    units = pl.col("activity") * pl.col("share")
    return (
        credited.with_columns((units * pl.col("credit_share")).alias("credit"), (units * pl.col("effect")).alias("alone"))
        .group_by([*key, "solution"], maintain_order=True)
        .agg(pl.col("credit", "alone").sum())
    )  # fmt: skip


def contacts_of(
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
        .join(parts_of(solutions, localities), on=["solution", "locality_code"])
        .select(*columns, (pl.col("rate") * pl.col("effective_scale") * pl.col("part")).alias("contacts"))
    )
    return (
        pl.concat([follow, created])
        .rename({"received_at": "point_of_delivery"})
        .sort("year", "point_of_delivery", "locality_code", "solution", "contacts")
        .group_by("year", "point_of_delivery", "locality_code", "solution", maintain_order=True)
        .agg(pl.col("contacts").sum())
    )


def whole_units(
    before: pl.DataFrame, credits_: pl.DataFrame, contacts: pl.DataFrame
) -> tuple[Frame[ShiftedActivity], Frame[AvoidedBySolution], Frame[ReceivedBySolution]]:
    """Activity before and after, and the parts of solutions, as whole units that add up."""
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
    whole = by_remainder(sums.with_columns(nearest_whole.alias("whole")), line, ["locality_code"], into).select(
        *key, into
    )
    named = parts.join(whole.rename({into: "whole"}), on=key, validate="m:1")
    return whole, by_remainder(named, key, ["solution"], into).select(*key, "solution", into)


def by_remainder(frame: pl.DataFrame, within: list[str], order_by: list[str], into: str) -> pl.DataFrame:
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
