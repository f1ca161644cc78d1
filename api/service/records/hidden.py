"""What is left out of a result for those who do not make runs: practices and their areas, lines of activity, rows of a settlement."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import polars as pl

from api.service.records.stored import StoredFile
from capitation.records.suppression import MARK

NOTHING = 1e-6
"""What is no larger counts as 0, since a search for the best mix leaves crumbs."""


@dataclass(frozen=True)
class HiddenPeople:
    """What is left out of the tables of one result.

    Args:
        practices: practices whose people are left out.
        areas: the areas that they are in, and another locality where it would be one only.
        lines: lines whose activity of the whole system is left out.
        rows: rows of a settlement whose counts are left out, and what was worked out from them.
        accounts: period and account of those rows.
        amounts: outputs of the settlement's contract.
        pairs: commissioner and provider whose payments are left out, since a small activity may follow from them.
        ends: organisations of such pairs.
        bare: those among them whose whole money would give the payment away, and another where it would be one only.
        flows: locality, line and provider of flows that are left out.
        services: locality, service and provider of what is left out with them.
        cells: commissioner, line and provider of what is left out, with them, of what commissioners buy.
        boxed: those among them that are small and have enough beside them.
        tables: tables of which something is left out in either of two results.
        is_whole: whether every number of the result follows from a small one, so that none is shown.
    """

    practices: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    rows: frozenset[int] = frozenset()
    accounts: frozenset[tuple[str, str]] = frozenset()
    amounts: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, ...]] = frozenset()
    ends: frozenset[tuple[str, ...]] = frozenset()
    bare: frozenset[tuple[str, ...]] = frozenset()
    flows: frozenset[tuple[str, ...]] = frozenset()
    services: frozenset[tuple[str, ...]] = frozenset()
    cells: frozenset[tuple[str, ...]] = frozenset()
    boxed: frozenset[tuple[str, ...]] = frozenset()
    tables: frozenset[tuple[str, ...]] = frozenset()
    is_whole: bool = False


NOBODY = HiddenPeople()
"""Nothing is left out."""

COUNTED = "counted.parquet"
"""Name of the file of a result with the counts of its run; no address gives it out."""

MICRO = 1_000_000

_PART, _CELL = ["locality_code", "line", "provider_code"], ["commissioner_code", "line", "provider_code"]


def counted_parts(
    flow: pl.DataFrame, activity: pl.DataFrame, service_line: pl.DataFrame, membership: pl.DataFrame
) -> pl.DataFrame:
    """Activity of each locality and line at each provider, as far as it decides what is left out.

    Args:
        flow: locality_code, line, provider_code and share_ppm.
        activity: year, case, point_of_delivery, locality_code and activity.
        service_line: line and service_code.
        membership: locality_code and commissioner_code.

    Returns:
        commissioner_code, locality_code, line, service_code, provider_code; `least`, the smallest number other than 0 in any year and case;
        `low`, the smallest with 0 among them; `bought`, the smallest other than 0 that the commissioner buys of the line from the provider.
    """
    homes = membership.select("locality_code", "commissioner_code").unique(
        "locality_code", keep="first", maintain_order=True
    )
    count = (pl.col("activity") * pl.col("share_ppm") / MICRO).alias("count")
    parts = (
        activity.rename({"point_of_delivery": "line"})
        .join(flow, on=["locality_code", "line"])
        .join(homes, on="locality_code", how="left")
        .select("year", "case", pl.col("commissioner_code").fill_null(""), *_PART, count)
    )
    least = pl.when(pl.col("count") > NOTHING).then(pl.col("count")).min().fill_null(0.0)
    bought = (
        parts.group_by("year", "case", *_CELL).agg(pl.col("count").sum()).group_by(_CELL).agg(least.alias("bought"))
    )
    return (
        parts.group_by("commissioner_code", *_PART)
        .agg(least.alias("least"), pl.col("count").min().alias("low"))
        .join(bought, on=_CELL, how="left", nulls_equal=True)
        .join(service_line.select("line", "service_code").unique("line"), on="line", how="left")
        .sort("commissioner_code", *_PART)
    )


def counted_file(counted: pl.DataFrame) -> StoredFile:
    """The counts as a file of a result."""
    buffer = BytesIO()
    counted.write_parquet(buffer, compression="zstd", statistics=False)
    content = buffer.getvalue()
    return StoredFile(COUNTED, "application/vnd.apache.parquet", sha256(content).hexdigest(), content)


_COUNTED = re.compile(
    r"\b(persons?|people|patients?|members?|spells?|admissions?|attendances?|courses?|episodes?|contacts?|cases|visits|deaths|births|"
    r"appointments?|referrals?|discharges|operations|procedures|bed days|households?|number|activity|units?)\b"
)
_NO_COUNT = re.compile(r"\bper\b|pence|pounds?|dollars?|euros?|cents?|shares?|rates?|ratio|index|£|\$|€")


def is_count(unit: str, name: str = "") -> bool:
    """Whether a figure counts people or what happens to them: by its unit, or by its name where it has none.

    Example:
        Of "spells" and of actual_activity without a unit it does; of "pounds per spell" it does not.
    """
    said = (unit or name.replace("_", " ")).lower()
    return bool(_COUNTED.search(said)) and not _NO_COUNT.search(said)


def is_small(value: object, smallest_shown: int) -> bool:
    """Whether a number is one that is left out: neither 0 nor, whatever its sign, as large as the smallest shown."""
    return isinstance(value, int | float) and NOTHING < abs(value) < smallest_shown


_PEOPLE = frozenset({"persons", "persons_by_fifth", "registered_persons"})


def has_small_counts(content: Any, smallest_shown: int, name: str = "", unit: str = "") -> bool:  # noqa: ANN401  # any plain content
    """Whether a document of the optimiser lists numbers of people, or of what happens to them, that are left out elsewhere.

    Example:
        A locality with `persons` 3 is one, and so is a row of `activity` with `units` 2; a limit that counts 2 starts is none.
    """
    if isinstance(content, Mapping):
        inside = ((each, key, name) for key, each in content.items())
    elif isinstance(content, list):
        inside = ((each, name, unit) for each in content)
    else:
        counts = name in _PEOPLE or (unit, name) == ("activity", "units")
        return counts and is_small(content, smallest_shown)
    return any(has_small_counts(each, smallest_shown, key, within) for each, key, within in inside)


def left_out_of(sizes: Mapping[str, float], smallest_shown: int) -> tuple[frozenset[str], bool]:
    """Which of several numbers are left out, and whether these are enough for their sum not to give a small one away.

    Args:
        sizes: by name, the smallest number other than 0 of what is shown of each, whatever its sign; 0 where there is none.
        smallest_shown: the smallest number other than 0 that is shown.

    Example:
        Of 3, 40 and 60 where 5 is the smallest shown the first two are left out; of 3 alone nothing is enough.
    """
    small = {name for name, size in sizes.items() if is_small(size, smallest_shown)}
    beside, room = set(), 0.0
    for name in sorted(set(sizes) - small) if small else ():
        if sizes[name] > NOTHING and room < 2 * smallest_shown:
            beside.add(name)
            room += sizes[name]
    return frozenset(small | beside), not small or room >= smallest_shown


def sizes_of(frame: pl.DataFrame, columns: Collection[str], of: str) -> dict[str, float]:
    """By a column of a frame, the smallest number other than 0 in some others, whatever its sign; 0 where there is none."""
    found = [pl.col(name).abs() for name in columns if name in frame.columns]
    least = pl.min_horizontal(pl.when(each > NOTHING).then(each) for each in found)
    return dict(frame.group_by(of).agg(least.min().fill_null(0.0).cast(pl.Float64)).iter_rows())


def without_small(
    *columns: str, subject: tuple[str, ...] = (), also: tuple[str, ...] = ()
) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """What those who do not make runs see of a frame: nothing in these columns of whatever has a small number in any of its rows.

    Args:
        columns: numbers of people or events.
        subject: columns that name what is counted; each row stands for itself where there are none.
        also: columns that follow from them, left out with them.
    """

    def narrowed(frame: pl.DataFrame, smallest_shown: int) -> pl.DataFrame:
        found = [name for name in columns if name in frame.columns]
        if not found or not frame.height:
            return frame
        small = _any_small(found, smallest_shown)
        left_out = small.any().over(subject) if subject else small
        names = [*found, *(name for name in also if name in frame.columns)]
        return frame.with_columns(
            *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in names), left_out.alias(MARK)
        )

    return narrowed


def without_small_of_units(*columns: str) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """The same of a frame whose rows have a unit each, of which only those that count people or events are looked at."""

    def narrowed(frame: pl.DataFrame, smallest_shown: int) -> pl.DataFrame:
        found = [name for name in columns if name in frame.columns and frame.schema[name].is_numeric()]
        units = [each for each in frame.get_column("unit").unique() if each is not None and is_count(each)]
        if not found or not units:
            return frame
        left_out = pl.col("unit").is_in(units) & _any_small(found, smallest_shown)
        if not frame.select(left_out.any()).item():
            return frame
        return frame.with_columns(
            *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in found), left_out.alias(MARK)
        )

    return narrowed


def without_small_parts(
    *columns: str, within: tuple[str, ...] = (), parts: tuple[str, ...], also: tuple[str, ...] = ()
) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """The same of a frame whose rows add to totals that are shown elsewhere: also others beside, so that no total less the others gives one away.

    Args:
        columns: numbers of people or events.
        within: columns that name a total.
        parts: columns that name its parts; a part with a small number in any of its rows is left out in all.
        also: columns that follow from them, left out with them.

    Example:
        Parts of 3, 40 and 60 where 5 is the smallest shown: the first two are left out.
    """

    def narrowed(frame: pl.DataFrame, smallest_shown: int) -> pl.DataFrame:
        keys = [*within, *parts]
        found = [name for name in columns if name in frame.columns]
        if not found or not frame.height:
            return frame
        size = pl.max_horizontal(pl.col(name).abs() for name in found).fill_null(0)
        small = _any_small(found, smallest_shown)
        each = frame.group_by(keys).agg(small.any().alias("__small"), size.max().alias("__size")).sort(keys)

        def of_total(value: pl.Expr) -> pl.Expr:
            return value.over(list(within)) if within else value

        room = pl.when(~pl.col("__small")).then(pl.col("__size")).otherwise(0)
        beside = (
            ~pl.col("__small") & (pl.col("__size") > NOTHING) & (of_total(room.cum_sum() - room) < 2 * smallest_shown)
        )
        marked = each.select(*keys, ((pl.col("__small") | beside) & of_total(pl.col("__small").any())).alias(MARK))
        joined = frame.join(marked, on=keys, how="left", validate="m:1", maintain_order="left", nulls_equal=True)
        names = [*found, *(name for name in also if name in frame.columns)]
        return joined.with_columns(pl.when(~pl.col(MARK)).then(pl.col(name)).alias(name) for name in names)

    return narrowed


def _any_small(columns: Collection[str], smallest_shown: int) -> pl.Expr:
    """Whether any of the columns has a small number."""
    size = [pl.col(name).abs() for name in columns]
    return pl.any_horizontal(((each > NOTHING) & (each < smallest_shown)).fill_null(value=False) for each in size)


SAID_OF_COUNTS = ("binding", "closures", "drivers", "infeasible", "knife_edges", "notes", "price_sentences", "warnings")
"""What a report of a mix says in words or lists, among which there may be numbers that are left out elsewhere."""


def without_small_content(content: Mapping[str, Any], smallest_shown: int) -> dict[str, Any]:
    """Content of an optimisation without small numbers of what is avoided, measured or aimed at, and what would give them away."""
    made = dict(content)
    counts: dict[str, float] = {}
    for part in ("exact", "claimed", "measures"):
        for name, value in (made.get(part) or {}).items():
            number = value.get("value") if isinstance(value, Mapping) else value
            if name.startswith("avoided_") and isinstance(number, int | float) and abs(number) > NOTHING:
                counts[name] = min(counts.get(name, math.inf), abs(number))
    hidden, _ = left_out_of(counts, smallest_shown)
    for part in ("exact", "claimed"):
        if isinstance(made.get(part), Mapping):
            made[part] = {
                name: None if name in hidden or (name == "avoided" and is_small(value, smallest_shown)) else value
                for name, value in made[part].items()
            }
    if isinstance(made.get("measures"), Mapping):
        made["measures"] = {
            name: {**each, "value": None} if name in hidden else _without(each, ("value",), smallest_shown)
            for name, each in made["measures"].items()
        }
    if hidden:
        made |= {name: [] for name in SAID_OF_COUNTS if made.get(name)}
    if "headline" in made and (hidden or is_small(made.get("objective"), smallest_shown)):
        made["headline"] = None  # a sentence of the same numbers
    if isinstance(made.get("goals"), list):
        made["goals"] = [_without(each, ("value", "in_mix"), smallest_shown) for each in made["goals"]]
    if isinstance(made.get("optimisation"), Mapping):
        made["optimisation"] = without_small_content(made["optimisation"], smallest_shown)
    return _without(
        made,
        (
            "objective",
            "bound",
            "as_planned",
            "worst_case",
            "claimed_as_planned",
            "claimed_worst_case",
            "mean",
            "worst_mean",
        ),
        smallest_shown,
    )


def _without(entry: Mapping[str, Any], names: tuple[str, ...], smallest_shown: int) -> dict[str, Any]:
    if not is_count(str(entry.get("unit") or "money per")):
        return dict(entry)
    return {name: None if name in names and is_small(value, smallest_shown) else value for name, value in entry.items()}
