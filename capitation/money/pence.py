"""Money is whole pence: reading an amount exactly, and printing it for machines, tables and boards."""

from __future__ import annotations

from decimal import Decimal

from capitation.errors import DataError
from capitation.money.rounding import nearest
from capitation.money.written_numbers import doubt, exact_number

_MOST_DIGITS = 24


def pence_of(pounds: str | int | Decimal) -> int:
    """Whole pence in an amount of pounds written exactly, such as "1,234.56".

    Raises:
        DataError: the text is not an amount beyond doubt ("1234,50" and "12,34" are not), or has parts of a penny.
    """
    if isinstance(pounds, Decimal) and not pounds.is_finite():
        raise DataError(f"{pounds!r} is not an amount in pounds; write it as '1234.56'")
    try:
        exact = exact_number(pounds) if isinstance(pounds, str) else Decimal(pounds)
    except DataError:
        raise DataError(f"{pounds!r} is not an amount in pounds; {doubt(str(pounds))}") from None
    if exact.adjusted() > _MOST_DIGITS:
        raise DataError(f"{pounds!r} is more than any budget; write pounds, such as '1234.56'")
    pence = exact * 100
    if pence != pence.to_integral_value():
        raise DataError(f"{pounds!r} has parts of a penny; give at most two decimals")
    return int(pence)


def decimal_text(pence: int) -> str:
    """Pounds with two decimals and no separators, for machines: -123456 pence is "-1234.56"."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def pounds_text(pence: int) -> str:
    """Pounds with separators and two decimals, for tables: 123456 pence is "1,234.56"."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100:,}.{abs(pence) % 100:02d}"


def millions_text(pence: int) -> str:
    """Millions of pounds with one decimal and separators, for tables of a board: 153574100000 pence is "1,535.7"."""
    return f"{Decimal(nearest(Decimal(pence) / 10_000_000)) / 10:,.1f}"


def board_text(pence: int) -> str:
    """A short amount for a board: "£51.2m", "£1,535.7m", "£12.3k", "£9.50"."""
    sign, size = ("-" if pence < 0 else ""), abs(pence)
    if size < 100_000:
        return f"{sign}£{size // 100}.{size % 100:02d}"
    tenths = nearest(Decimal(size) / 10_000)  # of a thousand pounds
    if tenths < 10_000:
        return f"{sign}£{Decimal(tenths) / 10:,.1f}k"
    return f"{sign}£{millions_text(size)}m"
