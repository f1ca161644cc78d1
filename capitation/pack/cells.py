"""Numbers and codes as people write them in cells, by the rule of `capitation.money.written_numbers`: what could mean two things is refused."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl

from capitation.errors import DataError
from capitation.money.written_numbers import GROUPED, NUMBER, doubt, exact_number

UNITS = {
    "£": 1, "pounds": 1, "gbp": 1,
    "£'000": 1000, "£000": 1000, "£000s": 1000, "£k": 1000, "£ thousand": 1000, "thousand pounds": 1000,
    "£m": 10**6, "£ million": 10**6, "million pounds": 10**6,
    "£bn": 10**9, "£ billion": 10**9,
}  # fmt: skip
"""Pounds in one unit of money, by the unit's name as tables print it."""

_IN_POUNDS = re.compile(r"£|pound|gbp|sterling|money|^(k|m|bn|thousand|million|billion)$")
"""Units that a pound sign says again or makes plain."""

_ENDING = re.compile(r"^(.*?)\s*(k|m|bn)$", re.IGNORECASE)
_BARE = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
"""What needs no further look: digits with or without decimals, and no sign that groups or names a unit."""
_ENDINGS = {"k": 1000, "m": 10**6, "bn": 10**9}


def numbers(cells: pl.Series, unit: str = "") -> pl.Series:
    """The cells as floats; what is not one number beyond doubt is empty, as an empty cell is.

    Args:
        cells: texts; spaces at their ends do not count.
        unit: what the numbers count; a cell with a pound sign is no number of another unit.
    """
    written = cells.str.strip_chars()
    if written.str.contains(_BARE).all():  # empty cells do not count
        return written.cast(pl.Float64)
    text = pl.col(cells.name).str.strip_chars()
    below = text.str.contains(r"^\(.*\)$")
    inner = pl.when(below).then(text.str.slice(1).str.head(-1)).otherwise(text)
    bare = inner.str.strip_chars()
    if not contradicts_pounds(unit):
        bare = bare.str.replace("£", "", literal=True).str.strip_chars()
    plain = pl.when(bare.str.contains(GROUPED)).then(bare.str.replace_all("[, \u00a0]", "")).otherwise(bare)
    value = pl.when(plain.str.contains(NUMBER)).then(plain).cast(pl.Float64, strict=False)
    signed = pl.when(below).then(-value).otherwise(value)
    return cells.to_frame().select(pl.when(signed.is_finite()).then(signed).alias(cells.name)).to_series()


def contradicts_pounds(unit: str) -> bool:
    """Whether a pound sign before a number contradicts the unit of its column.

    Example:
        "£5" in pence is a hundred times too little, and in persons nothing; in pounds, £m or without a unit it is 5.
    """
    plain = unit.strip().lower()
    return bool(plain) and not _IN_POUNDS.search(plain)


def pounds(text: str, unit: str) -> Decimal:
    """An amount of money in pounds, by the unit of its column; the text may repeat the unit, and must not contradict it.

    Example:
        "£270m" in £m, "270,000" in £'000 and "270" in £m are all 270,000,000 pounds.

    Raises:
        DataError: an unknown unit, a text that names another unit, or no number.
    """
    factor = UNITS.get(" ".join(unit.strip().lower().split()).replace("’", "'"))
    if factor is None:
        raise DataError(f"{unit!r} is no unit of money; expected one of {', '.join(UNITS)}")
    bare = text.strip()
    ending = _ENDING.match(bare)
    if ending:
        bare = ending[1]
        said = _ENDINGS[ending[2].lower()]
        if said != factor and factor != 1:
            raise DataError(f"{text!r} stands in a column of {unit}; expected one unit. Write the number alone")
        factor = said
    return exact_number(bare) * factor


def alike(codes: pl.Series) -> dict[str, list[str]]:
    """Codes that differ only by case or spaces: one code written in several ways, by the way it is compared.

    Example:
        "g1", "g1 " and "G1" are one code in three spellings; "g1" twice is one spelling.
    """
    spelt = codes.drop_nulls().cast(pl.String).unique()
    folded = spelt.str.replace_all(r"\s+", "").str.to_lowercase()
    table = pl.DataFrame({"code": spelt, "folded": folded}).group_by("folded").agg(pl.col("code").sort())
    return {row[0]: row[1] for row in table.filter(pl.col("code").list.len() > 1).sort("folded").iter_rows()}


__all__ = ["GROUPED", "NUMBER", "UNITS", "alike", "contradicts_pounds", "doubt", "exact_number", "numbers", "pounds"]
