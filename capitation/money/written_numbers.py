"""Numbers as people write them: read where they mean one thing only, refused where they could mean two.

1234.5   -12   +3   1e-9            as they stand
1,234.50   £1,234   1 234           with separators where every group but the first has three digits
(1,234)                             below nothing, as accounts write it
1234,50   12,34   1.234.567   12%   refused: a decimal comma, a broken grouping or a percentage could be meant
N/A  -  ..  *                       refused as numbers; a column that may be empty says so in its own document
"""

from __future__ import annotations

import re
from decimal import Decimal

from capitation.errors import DataError

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number without separators."""

GROUPED = r"^[+-]?[0-9]{1,3}([, \x{00a0}][0-9]{3})+(\.[0-9]+)?$"
"""A number with separators between thousands."""

_GROUPED = re.compile(GROUPED.replace(r"\x{00a0}", "\u00a0"), re.ASCII)
_NUMBER = re.compile(NUMBER, re.ASCII)


def exact_number(text: str) -> Decimal:
    """One number as it is written.

    Raises:
        DataError: the text is not one number beyond doubt.
    """
    bare = text.strip()
    sign = 1
    if bare.startswith("(") and bare.endswith(")"):
        sign, bare = -1, bare[1:-1].strip()
    bare = bare.replace("£", "", 1).strip()
    if _GROUPED.match(bare):
        bare = re.sub("[, \u00a0]", "", bare)
    if not _NUMBER.match(bare):
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
