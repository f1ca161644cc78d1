"""What a caller sees of a result: their rows of its frames, and no small numbers of people unless they make runs.

A partner sees the totals of the system and its own detail. Each kind of job names the columns that make a row of a frame one's
own, and the rows that are totals of the system; frames, content and kinds that are not named are hidden from partners.

Small numbers are left out before rows are chosen, since what is left out beside them depends on the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from api.service.kinds import KINDS
from api.service.records.hidden import NOBODY, HiddenPeople
from api.service.records.job_kind import People
from api.service.security.access import Caller
from api.service.security.parts import left_out_of_parts, without_parts
from api.service.security.people import without_people, without_rows
from capitation.errors import UnknownNameError
from capitation.records.suppression import MARK, suppressed

EVERYTHING = "everything"
"""View of those who make runs: all rows, all numbers."""

MICRO = 1_000_000

_COUNT = "__count"

SYSTEM = "system"
"""View of the system's other callers: all rows, no small numbers of people."""


def view_of(caller: Caller, system: str) -> str:
    """What decides which rows and numbers a caller sees; equal for callers who see the same."""
    if not sees_everything(caller, system):
        return f"organisation {caller.organisation}"
    return EVERYTHING if caller.role == "analyst" else SYSTEM


def sees_everything(caller: Caller, system: str) -> bool:
    """Whether all rows are the caller's to read: they act for the organisation that runs the system, not as a partner."""
    return caller.organisation == system and caller.role != "partner"


def area_codes(organisation: str, membership: pl.DataFrame) -> frozenset[str]:
    """Codes of places, localities and practices that are wholly the organisation's: a commissioner's or a place's.

    Args:
        organisation: a commissioner, place, locality or practice; another has no area of its own.
        membership: practice_code, locality_code, place_code, commissioner_code, as in a run.
    """
    levels = ["practice_code", "locality_code", "place_code"]
    is_own = pl.any_horizontal(pl.col(name) == organisation for name in [*levels, "commissioner_code"])
    return frozenset(
        code
        for level in levels
        for code in membership.group_by(level).agg(is_own.all().alias("own")).filter("own").get_column(level)
    )


def visible(
    kind: str, name: str, frame: pl.DataFrame, caller: Caller, system: str, area: Iterable[str] = ()
) -> pl.DataFrame:
    """The rows of a frame that the caller may see, in their own order.

    Args:
        kind: the kind of job that led to it.
        name: the frame's name.
        frame: its rows.
        caller: who asks.
        system: code of the organisation that runs the system.
        area: codes of the caller's area, as `area_codes` gives them.

    Raises:
        UnknownNameError: the kind does not name the frame, so it is hidden from partners.
    """
    if sees_everything(caller, system):
        return frame
    shown = KINDS[kind].frames if kind in KINDS else {}
    if name not in shown:
        raise UnknownNameError("frame that partners see", name, shown)
    rule = shown[name]
    if rule.totals == "*":
        return frame
    mine, around = [caller.organisation], sorted({caller.organisation, *area})
    tests = [pl.col(column).is_in(around if column in rule.area else mine) for column in rule.own]
    if rule.totals is not None:
        column, value = rule.totals
        tests.append(pl.col(column) == value)
    return frame.filter(pl.any_horizontal(tests))


def seen(
    kind: str,
    name: str,
    frame: pl.DataFrame,
    caller: Caller,
    system: str,
    area: Iterable[str],
    smallest_shown: int,
    hidden: HiddenPeople = NOBODY,
) -> pl.DataFrame:
    """The rows and numbers of a frame that a caller sees; `is_suppressed` marks rows in which numbers were left out.

    Args:
        kind: the kind of job that led to it.
        name: the frame's name.
        frame: its rows.
        caller: who asks.
        system: code of the organisation that runs the system.
        area: codes of the caller's area.
        smallest_shown: the smallest number of people other than 0 that is shown.
        hidden: practices of the result whose people are left out, and their areas.

    Raises:
        UnknownNameError: the frame is hidden from partners.
    """
    if kind in KINDS and view_of(caller, system) != EVERYTHING:
        if hidden.is_whole:
            return visible(kind, name, frame.clear(), caller, system, area)
        people, made_of = KINDS[kind].people.get(name), KINDS[kind].made_of_people.get(name)
        for_others = KINDS[kind].for_others.get(name)
        if for_others is not None:
            frame = for_others(frame, smallest_shown)
        if people is not None:
            frame = without_small_numbers(frame, people, smallest_shown, hidden)
        if made_of is not None and (hidden.practices or hidden.lines):
            frame = without_people(frame, made_of, hidden)
        made_of_rows = KINDS[kind].made_of_rows.get(name)
        if made_of_rows is not None and hidden.rows:
            frame = without_rows(frame, made_of_rows, hidden)
        made_of_parts = KINDS[kind].made_of_parts.get(name)
        if made_of_parts is not None:
            frame = without_parts(frame, made_of_parts, hidden)
    return visible(kind, name, frame, caller, system, area)


def sees_frame(kind: str, name: str, caller: Caller, system: str) -> bool:
    """Whether a frame is shown to the caller at all."""
    return sees_everything(caller, system) or (kind in KINDS and name in KINDS[kind].frames)


def content_seen(
    kind: str,
    content: dict[str, Any],
    caller: Caller,
    system: str,
    *,
    hides: bool = False,
    smallest_shown: int = 5,
    is_whole: bool = False,
) -> dict[str, Any]:
    """The content of a result as far as the caller sees it.

    Args:
        kind: the kind of job that led to it.
        content: the content.
        caller: who asks.
        system: code of the organisation that runs the system.
        hides: whether numbers of people are left out of its tables for them.
        smallest_shown: the smallest number of people other than 0 that is shown.
        is_whole: whether all of its numbers are left out for whoever does not make runs.
    """
    if kind in KINDS and view_of(caller, system) != EVERYTHING:
        narrowed_content = KINDS[kind].content_for_others
        content = content if narrowed_content is None else narrowed_content(content, smallest_shown)
    if sees_everything(caller, system) and not (is_whole and view_of(caller, system) != EVERYTHING):
        return _without_words(kind, _without_checksums(kind, content)) if hides else content
    if kind not in KINDS:
        return {}
    shown, narrowed = KINDS[kind].partners_see, KINDS[kind].narrowed
    return {
        name: narrowed[name](value) if name in narrowed else value for name, value in content.items() if name in shown
    }


def _without_words(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Content of a settlement without words that may hold amounts of rows that are left out."""
    rules = KINDS.get(kind)
    words = {} if rules is None or not rules.made_of_rows else rules.narrowed
    return {name: words[name](value) if name in words else value for name, value in content.items()}


def _without_checksums(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Content without the checksums of tables in which numbers are left out: whoever tries all small numbers would find theirs."""
    manifest = content.get("manifest")
    if kind not in KINDS or not isinstance(manifest, dict) or not isinstance(manifest.get("frames"), dict):
        return content
    rules = KINDS[kind]
    counted = {*rules.people, *rules.made_of_people, *rules.made_of_parts, *rules.for_others}
    frames = {
        name: {key: value for key, value in about.items() if key != "sha256"} if name in counted else about
        for name, about in manifest["frames"].items()
    }
    return {**content, "manifest": {**manifest, "frames": frames}}


def without_detail(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem without the words that may hold somebody's rows."""
    return {name: value for name, value in problem.items() if name in {"type", "title", "status"}}


def without_small_numbers(
    frame: pl.DataFrame, people: People, smallest_shown: int, hidden: HiddenPeople = NOBODY
) -> pl.DataFrame:
    """A frame without its small numbers, and without what is left out beside them; `is_suppressed` marks its rows."""
    counts = [pl.col(people.count), *(pl.col(name) for name in people.or_of)]
    names = tuple(name for name in (people.count, *people.also) if name in frame.columns)
    if people.parted_by:
        left_out = left_out_of_parts(frame, people, smallest_shown, hidden.cells, hidden.boxed).rows
        return _without(frame.with_columns(left_out), names)
    whole = [
        (count * MICRO).round() if frame.schema[name].is_float() else count
        for name, count in zip((people.count, *people.or_of), counts, strict=True)
    ]
    unit = MICRO if people.micro or frame.schema[people.count].is_float() else 1
    shown = suppressed(
        frame.with_columns(_least(whole).cast(pl.Int64).alias(_COUNT)),
        _COUNT,
        within=people.within,
        order_by=people.order_by,
        smallest_shown=smallest_shown * unit,
        also=names,
    ).rows.drop(_COUNT)
    if not people.subject:
        return shown
    return _without(shown.with_columns(pl.col(MARK).any().over(people.subject)), names)


def _without(shown: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    return shown.with_columns(pl.when(pl.col(MARK)).then(None).otherwise(pl.col(name)).alias(name) for name in names)


def _least(counts: list[pl.Expr]) -> pl.Expr:
    """The smallest of some counts, those of 0 left aside; 0 where all are."""
    return pl.min_horizontal(pl.when(count > 0).then(count) for count in counts).fill_null(0)
