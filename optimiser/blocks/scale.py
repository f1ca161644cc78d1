"""Scale of a solution: launched by segments of its curve of returns, in place, and effective once matured.

launch[s,l,tau,k]  scale added in year tau on segment k        in_place[s,l,t]  scale in place
effective[s,l,t]   scale x maturity x returns
"""

from __future__ import annotations

import math

import polars as pl

from capitation.errors import DocumentError, Faults
from optimiser.blocks.money import BUDGETS, may_be_paid_back, solution_costs
from optimiser.blocks.staff import RECEIVING_STAFF, posts, supply
from optimiser.blocks.start import can_start, must_start, starts
from optimiser.blocks.wards import wards
from optimiser.programme.programme import Programme, constraint, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long, table

_KEY = ["solution", "place"]
_INDEX = [*_KEY, "year"]
_SO_FAR = pl.col("tau") <= pl.col("t")


@table
def curve_segments(t: ProblemTables) -> pl.DataFrame:
    """solution, k, width, slope of the curve of returns."""
    curves = [(s.id, k, *piece) for s in t.problem.solutions for k, piece in enumerate(s.curve, start=1)]
    return long(curves, solution=TEXT, k=WHOLE, width=NUMBER, slope=NUMBER)


@table
def maturity(t: ProblemTables) -> pl.DataFrame:
    """solution, age, share of the full effect."""
    ages = [(s.id, a, s.matured(a)) for s in t.problem.solutions for a in range(t.horizon)]
    return long(ages, solution=TEXT, age=WHOLE, share=NUMBER)


def bent_up(t: ProblemTables) -> set[str]:
    """Solutions whose returns rise somewhere, so that segments must be forced to fill in order."""
    return {
        s.id
        for s in t.problem.solutions
        if any(b[1] > a[1] + 1e-12 for a, b in zip(s.curve, s.curve[1:], strict=False))
    }


def top_scale(t: ProblemTables) -> pl.Expr:
    """The largest effective scale of each solution."""
    tops = {s.id: sum(width * slope for width, slope in s.curve) for s in t.problem.solutions}
    return pl.col("solution").replace_strict(tops, return_dtype=pl.Float64)


def _several(t: ProblemTables) -> pl.DataFrame:
    return curve_segments(t).filter(pl.len().over("solution") > 1)


@variables(20)
def scales(p: Programme) -> None:
    """Scale launched, in place and effective, for each solution, place and year in which it can occur."""
    t = p.tables
    launch = (
        can_start(t)
        .join(curve_segments(t), on="solution")
        .with_columns(pl.min_horizontal("width", "step").alias("most"))
    )
    p.columns(
        "launch", launch, [*_INDEX, "k"], unit="scale",
        label="scale of {solution} added in {place} in {year} (segment {k})", upper="most", first_stage=True,
    )  # fmt: skip
    running = starts(t).join(t.dates, how="cross").filter(pl.col("t") >= pl.col("first"))
    most = pl.when(pl.col("ceiling") <= 1).then(pl.col("ceiling")).otherwise(pl.lit(math.inf))
    running = running.with_columns(most.alias("most"))
    for family, words in (("in_place", "scale of {solution} in place"), ("effective", "effective scale of {solution}")):
        label = f"{words} in {{place}} in {{year}}"
        p.columns(family, running, _INDEX, unit="scale", label=label, first_stage=True)


@constraint(20, "scale_sum", "scale_ceiling", "scale_floor", "scale_step")
def scale_in_place(p: Programme) -> None:
    """Scale in place is what has been launched so far, between its floor and its ceiling once started (physics).

    In words: the scale in place adds up the launches; it is nothing before the start and at least the smallest scale
    after it; no year adds more than one step.

        in_place[s,l,t] = sum over tau <= t, k of launch[s,l,tau,k]
        floor_s on[s,l,t] <= in_place[s,l,t] <= ceiling_s on[s,l,t]       on[s,l,t] = sum over tau <= t of start[s,l,tau]
        sum over k of launch[s,l,tau,k] <= step_s

    Where a solution is bought without limit and its start counts for something, the ceiling is the most that its staff,
    its budgets or its step allow; where its start counts for nothing, only the sum is stated.
    """
    launch = p["launch"].select(*_KEY, pl.col("t").alias("tau"), "col")
    start = p["start"].select(*_KEY, pl.col("t").alias("tau"), "col")
    sums = p.sums(
        "scale_sum", "in_place", _INDEX, unit="scale", label="scale of {solution} in {place} in {year} adds up"
    )
    p.put(sums.join(launch, on=_KEY).filter(_SO_FAR), -1.0)
    running = p["in_place"].rename({"col": "own"}).join(_links(p), on=_KEY, how="left", maintain_order="left")
    limited = running.filter(pl.col("link").is_finite())
    tops = p.rows(
        "scale_ceiling", limited, _INDEX, kind="P", unit="scale",
        label="{solution} in {place} runs in {year} only if started", upper=0.0,
    )  # fmt: skip
    p.put(tops, col="own")
    p.put(tops.join(start, on=_KEY).filter(_SO_FAR), -pl.col("link"))
    floors = p.rows(
        "scale_floor", running.filter(pl.col("floor") > 0), _INDEX, kind="P", unit="scale",
        label="{solution} in {place} runs in {year} at its smallest scale at least", lower=0.0,
    )  # fmt: skip
    p.put(floors, col="own")
    p.put(floors.join(start, on=_KEY).filter(_SO_FAR), -pl.col("floor"))
    stepped = p["launch"].filter(pl.col("step").is_finite() & (pl.col("step") < pl.col("ceiling")))
    if not stepped.height:
        p.without_effect("scale_step", "no solution says how fast it can be rolled out")
        return
    years = stepped.select(*_INDEX, "t", "step").unique(maintain_order=True)
    steps = p.rows(
        "scale_step", years, _INDEX, kind="P", unit="scale",
        label="most scale of {solution} added in {place} in {year}", upper="step",
    )  # fmt: skip
    p.add(steps.select("row", *_KEY, "t"), p["launch"].select(*_KEY, "t", "col"), [*_KEY, "t"])


def _links(p: Programme) -> pl.DataFrame:
    """solution, place, link: the most scale that one start opens; infinite where nothing depends on the start."""
    known = starts(p.tables).select(*_KEY, "weight", "ceiling")
    counting = must_start(p)
    faults = Faults()
    found = []
    for solution, place, weight, ceiling in known.iter_rows():
        link = ceiling
        if not math.isfinite(ceiling) and solution in counting:
            link = _most_in_place(p, solution, weight)
            if not math.isfinite(link):
                faults.add(
                    f"solution {solution!r}", "no largest scale, and a start that counts",
                    "something that bounds its scale: largest_scale, a step, staff it needs or a budget",
                    "State one of them in the last year.",
                )  # fmt: skip
        found.append((solution, place, link))
    faults.raise_if_any(DocumentError, f"problem {p.problem.id!r} links a start to a scale without end")
    return long(found, solution=TEXT, place=TEXT, link=NUMBER)


def _most_in_place(p: Programme, solution: str, weight: float) -> float:
    """The most scale of a solution without a ceiling that its step, the last year's staff and the budgets leave room for."""
    t, last = p.tables, p.tables.horizon - 1
    stated = next(s for s in p.problem.solutions if s.id == solution)
    most = [math.inf if stated.step is None else float(stated.step) * t.horizon]
    fewer = any(
        c.contacts < 0 for s in p.problem.solutions for c in s.creates
    )  # contacts taken away free staff as well
    seeing = sorted({r.staff_group for r in RECEIVING_STAFF.of(p.problem)} if fewer else set())
    needed = posts(t).filter((pl.col("solution") == solution) & (pl.col("wte") > 0))
    freed = wards(t).group_by("staff_group").agg((pl.col("most") * pl.col("staff_wte")).sum().alias("freed"))
    taken = supply(t).group_by("staff_group").agg(pl.col("pipeline").sum().alias("taken"))
    there = supply(t).filter((pl.col("t") == last) & ~pl.col("staff_group").is_in(seeing)).join(taken, on="staff_group")
    there = there.join(freed, on="staff_group", how="left").join(needed, on="staff_group")
    room = (pl.col("supply") + pl.col("taken") + pl.col("freed").fill_null(0.0)) / (pl.col("wte") * weight)
    most += there.select(room.alias("room"))["room"].to_list()
    if not may_be_paid_back(p):
        most += _affordable(p, solution, weight)
    return min(most)


def _affordable(p: Programme, solution: str, weight: float) -> list[float]:
    """The most scale that each budget leaves money for: the last year's for running it, all years' for adding it."""
    t = p.tables
    money = long(
        [(b.kind, t.each_year(b.year)[0], float(b.pounds) / THOUSAND) for b in BUDGETS.of(p.problem)],
        kind=TEXT, t=WHOLE, budget=NUMBER,
    )  # fmt: skip
    per_scale = solution_costs(t).filter((pl.col("solution") == solution) & (pl.col("basis") == "scale"))
    found = []
    for kind, spread, thousand in (
        per_scale.filter(pl.col("thousand") > 0).select("kind", "spread", "thousand").iter_rows()
    ):
        mine = money.filter(pl.col("kind") == kind)
        years = {t.horizon - 1} if kind == "recurrent" else set(range(t.horizon))
        if years <= set(mine["t"]):
            found.append(float(mine["budget"].sum()) * (1 if kind == "recurrent" else spread) / (thousand * weight))
    return found


@constraint(30, "effective_scale")
def effective_scale(p: Programme) -> None:
    """Effective scale: what was launched, matured by its age and bent by the curve of returns (physics).

    In words: each launch counts with the share of its full effect reached at its age, and with the slope of its segment.

        effective[s,l,t] = sum over tau <= t, k of maturity[s, t - tau] slope[s,k] launch[s,l,tau,k]
    """
    rows = p.sums(
        "effective_scale", "effective", _INDEX, unit="scale", label="effective scale of {solution} in {place} in {year}"
    )
    launch = p["launch"].select(*_KEY, pl.col("t").alias("tau"), "slope", "col")
    aged = (
        rows.select("row", *_KEY, "t")
        .join(launch, on=_KEY)
        .filter(_SO_FAR)
        .with_columns((pl.col("t") - pl.col("tau")).cast(pl.Int32).alias("age"))
        .join(maturity(p.tables), on=["solution", "age"])
    )
    p.put(aged, -pl.col("share") * pl.col("slope"))


@constraint(40, "segment_width", "segment_full_before_next", "segment_open")
def segments(p: Programme) -> None:
    """A segment of the curve of returns is used at most to its width, and in order (physics).

    In words: over all years no more scale is launched on a segment than it is wide. Where returns fall from segment to
    segment the best order is the natural one; where they rise (set-up effects), or where a solved mix was found to skip a
    cheap segment, a yes-or-no variable opens a segment only when the one before is full.

        sum over tau of launch[s,l,tau,k] <= width[s,k]
        launched by t on k  >= width[s,k] open[s,l,k+1,t]            launched by t on k+1 <= width[s,k+1] open[s,l,k+1,t]
    """
    several = _several(p.tables)
    if not several.height:
        p.without_effect("segments", "no solution has a curve of returns")
        return
    wide = starts(p.tables).join(several, on="solution")
    rows = p.rows(
        "segment_width", wide, [*_KEY, "k"], kind="P", unit="scale",
        label="width of segment {k} of {solution} in {place}", upper="width",
    )  # fmt: skip
    p.add(rows.select("row", *_KEY, "k"), p["launch"].select(*_KEY, "k", "col"), [*_KEY, "k"])
    if not p.has("segment_opened"):
        return
    launch = p["launch"].select(*_KEY, pl.col("t").alias("tau"), pl.col("k").alias("segment"), "col")
    before = several.select("solution", (pl.col("k") + 1).cast(pl.Int32).alias("k"), pl.col("width").alias("before"))
    opened = p["segment_opened"].rename({"col": "own"}).join(before, on=["solution", "k"])
    index = [*_KEY, "k", "year"]
    full = p.rows(
        "segment_full_before_next", opened, index, kind="P", unit="scale",
        label="{solution} in {place}: the segment before {k} is full in {year}", lower=0.0,
    )  # fmt: skip
    p.put(full, -pl.col("before"), col="own")
    p.put(_launched(full, launch, -1))
    used = p.rows(
        "segment_open", opened, index, kind="P", unit="scale",
        label="{solution} in {place}: segment {k} is used in {year} only if opened", upper=0.0,
    )  # fmt: skip
    p.put(used, -pl.col("width"), col="own")
    p.put(_launched(used, launch, 0))


@variables(240)
def segment_opened(p: Programme) -> None:
    """Whether a segment is opened, where the order of the segments must be forced."""
    t = p.tables
    several = _several(t)
    wide = starts(t).join(several, on="solution")
    pairs = long(sorted(p.in_order), solution=TEXT, place=TEXT)
    forced = wide.filter(pl.col("solution").is_in(sorted(bent_up(t))))
    forced = pl.concat([forced, wide.join(pairs, on=_KEY, how="semi")]).unique([*_KEY, "k"], maintain_order=True)
    if not forced.height:
        return
    later = forced.filter(pl.col("k") > 1).join(t.dates, how="cross").filter(pl.col("t") >= pl.col("first"))
    p.columns(
        "segment_opened", later, [*_KEY, "k", "year"], unit="yes or no",
        label="whether {solution} in {place} uses segment {k} in {year}", upper=1.0, integer=True, first_stage=True,
    )  # fmt: skip


def _launched(rows: pl.DataFrame, launch: pl.DataFrame, shift: int) -> pl.DataFrame:
    wanted = rows.select("row", "solution", "place", "t", (pl.col("k") + shift).cast(pl.Int32).alias("segment"))
    return wanted.join(launch, on=["solution", "place", "segment"]).filter(_SO_FAR)
