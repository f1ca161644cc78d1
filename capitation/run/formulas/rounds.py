"""Formulas of a round of pace of change: its sums and counts, the bounds of its areas, and what the place rule lifted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from capitation.run.formulas.derived import AREA, Find, own
from capitation.run.formulas.leaves import Row, at, choice, gross_pence, policy_of, published, rules_of
from capitation.run.formulas.pace import lower_bound
from capitation.run.trace import Context, FigureAddress, Node, Worked


def _summary(column: str, find: Callable[[Sequence[Row]], int], of: str, words: str) -> None:
    """Enter a figure of a round that is a sum or a count over its areas."""

    def work(context: Context, row: Row) -> Worked:
        peers = context.rows("pace", year=row["year"], stream=row["stream"])
        parts: list[FigureAddress | Node] = [at("pace", of, **{k: p[k] for k in AREA}) for p in peers]
        return Worked(find(peers), parts)

    published("pace_summary", column, words)(work)


_summary("opening_pence", lambda rows: sum(r["opening_pence"] for r in rows), "opening_pence", "openings of all areas")
_summary("floors_pence", lambda rows: sum(r["floor_pence"] for r in rows), "floor_pence", "floors of all areas")
_summary(
    "lower_bounds_pence", lambda rows: sum(r["lower_pence"] for r in rows), "lower_pence", "lower bounds of all areas"
)
_summary("areas", len, "allocation_pence", "how many areas the round has")
_summary(
    "areas_capped", lambda rows: sum(r["is_capped"] for r in rows), "allocation_pence", "areas to which the cap applies"
)
_summary(
    "areas_lifted",
    lambda rows: sum(r["is_lifted"] for r in rows),
    "allocation_pence",
    "areas that receive more than their floor",
)


@published("pace_summary", "quantum_pence", "the stream's recurrent money of the year")
def _quantum(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "recurrence": "recurrent"}
    parts: list[FigureAddress | Node] = [
        at("stream_total", "total_pence", **key) for _ in context.rows("stream_total", **key)
    ]
    return Worked(gross_pence(context, **key), parts)


def _lift(column: str, find: Find, words: str) -> None:
    published("place_lift", column, words)(find)


def _core(context: Context, row: Row) -> str:
    """The stream that the place rule lifts in a year."""
    place = policy_of(context).place_for(row["year"])
    return "" if place is None else place.core_stream


def _place_target(context: Context, row: Row) -> Worked:
    mine = context.rows("pace", year=row["year"], area_code=row["area_code"])
    return Worked(
        sum(r["target_pence"] for r in mine), [at("pace", "target_pence", **{k: r[k] for k in AREA}) for r in mine]
    )


def _others(context: Context, row: Row) -> Worked:
    mine = [
        r
        for r in context.rows("pace", year=row["year"], area_code=row["area_code"])
        if r["stream"] != _core(context, row)
    ]
    return Worked(
        sum(r["paced_pence"] for r in mine),
        [at("pace", "paced_pence", **{k: r[k] for k in AREA}) for r in mine],
    )


def _core_after(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": _core(context, row), "area_code": row["area_code"]}
    return Worked(context.row("pace", **key)["paced_pence"], [at("pace", "paced_pence", **key)])


_lift("place_target_pence", _place_target, "targets of all paced streams of the area")
_lift("other_streams_pence", _others, "allocations of the area's other paced streams")
_lift("core_after_pence", _core_after, "what the round gives of the core stream in the table 'pace'")


def _lift_share(moment: str) -> None:
    def work(_context: Context, row: Row) -> Worked:
        money = row[f"core_{moment}_pence"] + row["other_streams_pence"]
        found = money / row["place_target_pence"] - 1 if row["place_target_pence"] else None
        return Worked(
            found,
            own("place_lift", row, f"core_{moment}_pence", "other_streams_pence", "place_target_pence")
            if moment == "after"
            else own("place_lift", row, "other_streams_pence", "place_target_pence"),
        )

    published(
        "place_lift",
        f"place_dft_{moment}_share",
        f"money of all streams {moment} the place rule over the place target, less 1",
    )(work)


_lift_share("before")
_lift_share("after")


@published("pace", "floor_pence", "the highest of the floors, or the fixed amount of a capped area")
def _floor(context: Context, row: Row) -> Worked:
    found = lower_bound(context, row, guarantees=False)
    return Worked(found.value, found.parts, found.words)


@published(
    "pace", "upper_pence", "the fixed amount of a capped area, or the most it may grow; empty where nothing limits it"
)
def _upper(context: Context, row: Row) -> Worked:
    rules = rules_of(context, row["year"], row["stream"])
    if row["is_capped"]:
        return Worked(row["floor_pence"], own("pace", row, "floor_pence"), "the over-target cap fixes the area")
    if rules.max_growth is None:
        return Worked(
            None, [choice("upper bound", "none", f"the policy limits no growth of {row['stream']} in {row['year']}")]
        )
    return Worked(
        row["upper_pence"],
        own("pace", row, "opening_pence", "target_pence"),
        "a growth limit applies: shown as the engine has it, not recomputed",
    )


def _core_before(context: Context, row: Row) -> Worked:
    found = _core_after(context, row)
    if any(r["was_too_far_under"] for r in context.rows("place_lift", year=row["year"])):
        return Worked(
            row["core_before_pence"],
            found.parts,
            "the place rule lifted areas in this year: shown as the engine has it, not recomputed",
        )
    return found


_lift("core_before_pence", _core_before, "the core stream's allocation before the place rule")
