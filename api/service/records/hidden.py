"""What is left out of a result for those who do not make runs: practices and their areas, lines of activity, rows of a settlement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


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
    """

    practices: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    rows: frozenset[int] = frozenset()
    accounts: frozenset[tuple[str, str]] = frozenset()
    amounts: frozenset[str] = frozenset()


NOBODY = HiddenPeople()
"""Nothing is left out."""

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
    return isinstance(value, int | float) and 0 < abs(value) < smallest_shown


def without_small(*columns: str, subject: tuple[str, ...] = ()) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """What those who do not make runs see of a frame: nothing in these columns of whatever has a small number in any of its rows.

    Args:
        columns: numbers of people or events.
        subject: columns that name what is counted; each row stands for itself where there are none.
    """

    def narrowed(frame: pl.DataFrame, smallest_shown: int) -> pl.DataFrame:
        found = [name for name in columns if name in frame.columns]
        if not found or not frame.height:
            return frame
        size = [pl.col(name).abs() for name in found]
        small = pl.any_horizontal(((each > 0) & (each < smallest_shown)).fill_null(value=False) for each in size)
        left_out = small.any().over(subject) if subject else small
        return frame.with_columns(
            *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in found), left_out.alias("is_suppressed")
        )

    return narrowed


def without_small_content(content: Mapping[str, Any], smallest_shown: int) -> dict[str, Any]:
    """Content of an optimisation without small numbers of what is avoided, measured or aimed at."""
    made = dict(content)
    for part in ("exact", "claimed"):
        if isinstance(made.get(part), Mapping):
            made[part] = {
                name: None if name.startswith("avoided") and is_small(value, smallest_shown) else value
                for name, value in made[part].items()
            }
    if isinstance(made.get("measures"), Mapping):
        made["measures"] = {name: _without(each, ("value",), smallest_shown) for name, each in made["measures"].items()}
    if isinstance(made.get("goals"), list):
        made["goals"] = [_without(each, ("value",), smallest_shown) for each in made["goals"]]
    if isinstance(made.get("optimisation"), Mapping):
        made["optimisation"] = without_small_content(made["optimisation"], smallest_shown)
    return _without(made, ("objective", "bound"), smallest_shown)


def _without(entry: Mapping[str, Any], names: tuple[str, ...], smallest_shown: int) -> dict[str, Any]:
    if not is_count(str(entry.get("unit") or "money per")):
        return dict(entry)
    return {name: None if name in names and is_small(value, smallest_shown) else value for name, value in entry.items()}
