"""Numbers and codes as people write them in cells: read where they mean one thing only, refused where they could mean two.

1234.5   -12   +3   1e-9            as they stand
1,234.50   £1,234   1 234           with separators where every group but the first has three digits
(1,234)                             below nothing, as accounts write it
1234,50   12,34   1.234.567   12%   refused: a decimal comma, a broken grouping or a percentage could be meant
N/A  -  ..  *                       refused as numbers; a column that may be empty says so in its own document
"""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl

from capitation.errors import DataError

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number without separators."""

GROUPED = r"^[+-]?[0-9]{1,3}([, \x{00a0}][0-9]{3})+(\.[0-9]+)?$"
"""A number with separators between thousands."""

UNITS = {
    "£": 1, "pounds": 1, "gbp": 1,
    "£'000": 1000, "£000": 1000, "£000s": 1000, "£k": 1000, "£ thousand": 1000, "thousand pounds": 1000,
    "£m": 10**6, "£ million": 10**6, "million pounds": 10**6,
    "£bn": 10**9, "£ billion": 10**9,
}  # fmt: skip
"""Pounds in one unit of money, by the unit's name as tables print it."""

_ENDING = re.compile(r"^(.*?)\s*(k|m|bn)$", re.IGNORECASE)
_ENDINGS = {"k": 1000, "m": 10**6, "bn": 10**9}


def numbers(cells: pl.Series) -> pl.Series:
    """The cells as floats; what is not one number beyond doubt is empty, as an empty cell is.

    Args:
        cells: texts; spaces at their ends do not count.
    """
    text = pl.col(cells.name).str.strip_chars()
    below = text.str.contains(r"^\(.*\)$")
    inner = pl.when(below).then(text.str.slice(1).str.head(-1)).otherwise(text)
    bare = inner.str.strip_chars().str.replace("£", "", literal=True).str.strip_chars()
    plain = pl.when(bare.str.contains(GROUPED)).then(bare.str.replace_all("[, \u00a0]", "")).otherwise(bare)
    value = pl.when(plain.str.contains(NUMBER)).then(plain).cast(pl.Float64, strict=False)
    signed = pl.when(below).then(-value).otherwise(value)
    return cells.to_frame().select(pl.when(signed.is_finite()).then(signed).alias(cells.name)).to_series()


def exact_number(text: str) -> Decimal:
    """One number as it is written, under the same rule.

    Raises:
        DataError: the text is not one number beyond doubt.
    """
    bare = text.strip()
    sign = 1
    if bare.startswith("(") and bare.endswith(")"):
        sign, bare = -1, bare[1:-1].strip()
    bare = bare.replace("£", "", 1).strip()
    if re.match(GROUPED.replace(r"\x{00a0}", "\u00a0"), bare):
        bare = re.sub("[, \u00a0]", "", bare)
    if not re.match(NUMBER, bare):
        raise DataError(f"{text!r} is not one number beyond doubt; {doubt(text)}")
    return sign * Decimal(bare)


def doubt(text: str) -> str:
    """What a cell that is not a number might mean, and how to write it."""
    bare = text.strip().replace("£", "")
    if re.match(r"^[+-]?[0-9]+,[0-9]{1,2}$", bare) or re.match(r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$", bare):
        return "a decimal comma? Write a point, such as 1234.50"
    if "," in bare and re.match(r"^[+-]?[0-9,]+(\.[0-9]+)?$", bare):
        return "commas stand between thousands only, such as 1,234,567"
    if bare.endswith("%"):
        return "a percentage? Write the share, such as 0.05 for 5%"
    if bare.upper() in {"*", "C", "[C]", "..", ":"}:
        return "a number that was held back? Give one, or leave the row out and say so"
    return "write it as 1234.56"


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
