"""Currency of a contract's money: its code and the smallest unit in which statements are kept."""

from __future__ import annotations

from contracts.language.rounding import Unit

_MONEY: dict[Unit, tuple[str, Unit]] = {
    "pence": ("GBP", "pence"),
    "pounds": ("GBP", "pence"),
    "cents": ("USD", "cents"),
    "dollars": ("USD", "cents"),
    "euro_cents": ("EUR", "euro_cents"),
    "euros": ("EUR", "euro_cents"),
}

CURRENCIES = ("EUR", "GBP", "USD")
"""Currencies that a statement can be in."""


def currency_of(unit: Unit) -> str:
    """The currency's code: "GBP", "USD" or "EUR"."""
    return _MONEY[unit][0]


def smallest_unit(unit: Unit) -> Unit:
    """The smallest unit of a unit's currency: pence for pounds, cents for dollars, euro cents for euros."""
    return _MONEY[unit][1]


__all__ = ["CURRENCIES", "currency_of", "smallest_unit"]
