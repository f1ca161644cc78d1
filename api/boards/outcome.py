"""What a search for the best mix says on the terminal: how far it is, the mix, its prices, or which limits would have to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from api.boards.tables import console, notices, show
from capitation.errors import CapitationError
from optimiser.answers.mix_run import mix_frames
from optimiser.answers.optimise import Outcome
from optimiser.engines.answer import Answer
from optimiser.engines.highs import Progress
from optimiser.programme.core import ALL
from optimiser.programme.family import ALL_PROVIDERS


def show_outcome(title: str, outcome: Outcome, report: dict[str, Any]) -> None:
    """Print the mix with its worth, activity and prices, or which limits would have to give where there is none."""
    console.print(f"{title}: {report['status']} ({report['meaning']})", markup=False)
    show_what_must_give(report)
    if outcome.answer.has_mix:
        console.print(f"  {report['headline']}", markup=False, soft_wrap=True)
        for goal in report["goals"]:
            console.print(f"  {_goal_line(goal)}", markup=False, soft_wrap=True)
        if report["gap"]:
            of = f" of {report['goal']}" if len(report["goals"]) > 1 else ""
            console.print(f"  bound{of} {report['bound']:,.2f}, gap {report['gap']:.3%}", markup=False)
        if report["bound_with_parts_of_blocks"] is not None:
            console.print(
                f"  with part-closures of wards, theatres and clinics, at most {report['bound_with_parts_of_blocks']:,.2f}; "
                "here only whole ones close",
                markup=False,
            )
        for sentence in report["knife_edges"]:
            console.print(f"  finely balanced: {sentence}", markup=False)
        for plan in report.get("near_plans", ()):
            console.print(f"  nearly as good: {plan['sentence']}", markup=False)
        rows = [
            {
                "solution": m["title"],
                "scale": m["scale"],
                "starts": m.get("cannot_start") or _starts(m["starts"]),
            }
            for m in report["mix"].values()
        ]
        show(pl.DataFrame(rows), "The mix")
        last = str(outcome.problem.years[-1])
        shut = [row for row in report["closures"] if row["year"] == last]
        if shut:
            show(
                pl.DataFrame(shut).drop("year"),
                f"Closed by {last}: activity gone, capacity of the closed blocks, and the margin",
            )
        if report["activity"]:
            activity = pl.DataFrame(report["activity"]).filter(pl.col("year") == last)
            show(activity, f"Activity avoided in {last}: as claimed, and with overlaps worked out exactly")
            console.print(
                f"  npv as claimed {report['claimed_npv']:,.0f}, with exact overlap {report['exact_npv']:,.0f}",
                markup=False,
            )
        _show_what_it_uses(outcome)
        for driver in report["drivers"]:
            if "pounds" in driver:
                console.print(f"  of which {driver['driver']}: {pounds(driver['pounds'])}", markup=False)
            elif driver["one_more"] is not None:
                console.print(
                    f"  {driver['driver']}: one more changes npv by {pounds(driver['one_more'], 2)}", markup=False
                )
        if report["prices"]:
            columns = ["limit", "at", "unit", "price", "one_more", "one_less", "basis"]
            show(
                pl.DataFrame(report["prices"], infer_schema_length=None).select(columns),
                "What one more of each limit is worth",
            )
        elif report["no_prices_because"]:
            console.print(f"  prices not available: {report['no_prices_because']}", markup=False)
        if report.get("futures"):
            show(
                pl.DataFrame(report["futures"]),
                "This mix in the futures that the problem names (empty: it breaks a limit)",
            )
    for said in report["silent"]:
        notices.print(f"without effect: {said}", markup=False)
    for warning in report["warnings"]:
        notices.print(f"warning: {warning}", markup=False)
    for note in report["notes"]:
        notices.print(f"note: {note}", markup=False)
    spent = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in report["seconds"].items())
    console.print(f"  seconds: {spent}; {report['engine']}; matrix {report['matrix_hash']}", markup=False)


def _goal_line(goal: dict[str, Any]) -> str:
    """A goal with what the mix gives of it, and what it was at its best where later goals were let take some of it."""
    best, mine, unit = goal["value"], goal["in_mix"], goal["unit"]
    if best is None:
        return f"{goal['measure']}: {'none' if mine is None else amount(mine, unit)} ({goal['status']})"
    line = f"{goal['measure']}: {amount(best if mine is None else mine, unit)}"
    if mine is not None and abs(mine - best) > 1e-6 * max(1.0, abs(best)):
        line += f"; at its best {amount(best, unit)}"
    return f"{line} ({goal['status']})"


_TIGHT = 12
"""How many limits are shown, those with the least room first."""


def _show_what_it_uses(outcome: Outcome) -> None:
    """Print launches, purses, staff, contacts and positions by year, and the limits with the least room."""
    frames = mix_frames(outcome)
    launched = frames["launches"].filter(pl.col("launched").abs() > 1e-9)
    if launched.height:
        shown = launched.group_by("solution", "year", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("places"), pl.col("launched").mean().alias("mean_scale_launched")
        )
        show(shown.sort("year", maintain_order=True), "Launches by year")
    for name, title in (
        ("spend", "Spend by purse against budget, £"),
        ("staff", "Staff against supply, WTE"),
        ("contacts", "Contacts against room"),
    ):
        frame = frames[name]
        if frame.height:
            show(frame.drop("limit", strict=False), title)
    positions = named_parties(frames["positions"], "party").with_columns(
        pl.col("cash").round().cast(pl.Int64, strict=False)
    )
    show(
        positions.pivot("year", index="party", values="cash", aggregate_function="sum"),
        "Each party's position by year against buying nothing, £ (not discounted, but for what comes after the last year)",
    )
    limits = frames["limits"]
    if limits.height:
        part = pl.col("slack") / pl.max_horizontal(pl.col("value").abs(), pl.lit(1.0))
        tight = limits.sort(part).head(_TIGHT).select("limit", "unit", "value", "at_least", "at_most", "slack")
        show(tight, f"Limits with the least room ({limits.height:,} in all; the files list every one)")


BY_CLAIM = "values are as the search counts overlapping effects; at part scale the exact figure may differ: `capitation optimise` shows by how much"


def overlap_note(answer: Answer) -> str | None:
    """What to say of results that are not worked out again by the exact product; None where no two solutions reach one patient."""
    shared = any(family.name == "hazard" and family.count for family in answer.matrix.columns)
    return BY_CLAIM if shared else None


def pounds(amount: float, decimals: int = 0) -> str:
    """Pounds with the sign before the mark."""
    text = f"£{abs(amount):,.{decimals}f}"
    return f"-{text}" if amount < 0 and text.strip("£0.,") else text


def amount(value: float, unit: str, decimals: int = 2) -> str:
    """A value with its unit; pounds with the mark before the figure."""
    return pounds(value, decimals) if unit == "£" else f"{value:,.{decimals}f} {unit}"


def named_parties(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The frame with words for the party that stands for every provider, where none is named."""
    return frame.with_columns(pl.col(column).replace(ALL, ALL_PROVIDERS))


def _starts(starts: dict[str, str]) -> str:
    """Where and when a solution starts, in words; what is started once for all starts nowhere in particular."""
    return ", ".join(year if place == ALL else f"{place} {year}" for place, year in starts.items())


def show_what_must_give(report: dict[str, Any]) -> None:
    """Print which limits cannot all be kept and the smallest change that would allow a mix; nothing where there is one."""
    reason = report["infeasible"]
    if reason is None:
        return
    if reason["physics"]:
        console.print("No policy limit is to blame; these contradict each other:", markup=False)
        for label in reason["physics"]:
            console.print(f"  {label}", markup=False)
        return
    console.print("The limits cannot all be met. The smallest change that would allow a mix:", markup=False)
    for give in reason["must_give"]:
        console.print(
            f"  {give['limit']}: {give['must_give']:,.6g} {give['unit']} {give['side']} than {give['at']:,.6g}",
            markup=False,
        )
    console.print("These cannot all be met together:", markup=False)
    for label in reason["cannot_all_be_kept"]:
        console.print(f"  {label}", markup=False)


def mix_of(outcome: Outcome) -> Answer:
    """The answer of a search that found a mix.

    Raises:
        CapitationError: there is none.
    """
    if not outcome.headline.has_mix:
        message = f"there is no mix: {outcome.answer.meaning}. `capitation optimise` shows what would have to give"
        raise CapitationError(message)
    return outcome.headline


def progress_lines() -> Callable[[Progress], None]:
    """What prints how far the search is, at most once a second."""
    last = [0.0]

    def say(at: Progress) -> None:
        if at.seconds - last[0] >= 1.0:
            last[0] = at.seconds
            notices.print(f"{at.seconds:6.0f} s  best {at.objective:,.1f}  bound {at.bound:,.1f}  gap {at.gap:.2%}")

    return say
