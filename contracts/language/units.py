"""Units of a contract's figures: which are money, and between which values a figure of a unit can lie."""

from __future__ import annotations

import re

_MONEY = re.compile(
    r"^(£|\$|€|(thousand|million|billion)\s+)?(pounds?|pence|dollars?|cents?|euros?|euro[_ ]cents?|k|m|bn|thousand|million|billion|'000|000s?|)$"
)
_SIGNS = re.compile(r"^(£|\$|€)\s*")
_COUNTS = ("persons", "people", "members", "spells", "admissions", "attendances", "weighted persons", "years")
_PARTS = ("share", "rate", "fraction", "part", "proportion", "probability")


def is_money(unit: str) -> bool:
    """Whether a unit is a sum of money, such as "dollars" or "£ million"; a sum per person is a price and is not.

    Example:
        `is_money("million euros")` is true, `is_money("pounds per person")` is false.
    """
    plain = " ".join(unit.strip().lower().split())
    sign = _SIGNS.match(plain)
    bare = plain[sign.end() :] if sign else plain
    return bool(plain) and bool(_MONEY.match(bare)) and (sign is not None or bare not in {"", "k", "m", "bn"})


def range_of(unit: str) -> tuple[float, float] | None:
    """The lowest and highest value that a figure of a unit can have; none where the unit says nothing about it.

    Example:
        `range_of("share")` is `(0.0, 1.0)`, `range_of("months")` is `(0.0, 12.0)`.
    """
    plain = " ".join(unit.strip().lower().split())
    if plain in _PARTS:
        return 0.0, 1.0
    if plain in {"percent", "per cent", "%"}:
        return 0.0, 100.0
    if plain == "months":
        return 0.0, 12.0
    return (0.0, float("inf")) if plain in _COUNTS else None


def meant(value: float, unit: str) -> str:
    """What a figure outside the range of its unit may mean, and how to write it; nothing where that is not plain.

    Example:
        `meant(60, "share")` is "60 per cent is written as 0.6."
    """
    low, high = range_of(unit) or (0.0, 0.0)
    if high == 1.0 and 2.0 <= value <= 100.0:
        return f"{value:g} per cent is written as {value / 100:g}."
    if low == 0.0 and value < 0.0:
        return "If it can be below 0, declare `at_least`."
    return "If it can be, declare `at_most`." if value > high else ""


__all__ = ["is_money", "meant", "range_of"]
