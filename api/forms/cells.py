"""What a cell of a filled template says, and what each kind of cell has to look like."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from decimal import Decimal
from typing import get_args

from capitation.errors import DataError, suggest
from capitation.money.written_numbers import exact_number
from capitation.records.documents import Rating
from capitation.records.years import FinancialYear

_LONGEST_CODE, _LONGEST_NAME, _LONGEST_TEXT = 60, 200, 2000
"""Characters of a code, a name and a text."""
_ALIKE = str.maketrans("OoIlSs", "001155")
"""Letters that are taken for digits."""
_FORMULA = re.compile(r"^[=+@]|^-(?![0-9. ])")
"""Signs with which a spreadsheet begins a formula."""


def said(value: object, formula: object) -> tuple[str, str]:
    """A cell as text, and what is expected instead where it is no word and no number.

    Args:
        value: its value.
        formula: the same cell with formulas in place of their values.
    """
    if value is None and isinstance(formula, str) and formula.startswith("="):
        return formula, "a value; open the file in Excel and save it, so that its formulas have values"
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value), "a word or a number"
    if isinstance(value, (dt.datetime, dt.date, dt.time, dt.timedelta)):
        return str(value), "a word or a number; found a date (format the cell as text)"
    if isinstance(value, float):
        return (f"{Decimal(repr(value)):f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))), ""
    text = str(value).strip()
    return text, "a value; the cell contains a spreadsheet error" if text.startswith("#") else ""


def year(text: str) -> str:
    """What is expected instead of a year; nothing where it is one."""
    try:
        FinancialYear(text)
    except DataError:
        return "a financial year such as 2016/17"
    return ""


def number(text: str) -> str:
    """What is expected instead of a number."""
    try:
        exact_number(text)
    except DataError as error:
        shown = str(error) if len(text) <= _LONGEST_CODE else f"found {len(text)} characters"
        return f"a number: {shown}"
    return ""


def not_negative(text: str) -> str:
    """What is expected instead of a number that is not negative."""
    return number(text) or ("" if exact_number(text) >= 0 else "a number that is not negative")


def code(text: str) -> str:
    """What is expected instead of a code."""
    if any(sign.isspace() for sign in text):
        return "a code without spaces"
    if not text.isprintable():
        return "a code without signs that cannot be seen; type it again"
    if len(text) > _LONGEST_CODE:
        return f"a code of at most {_LONGEST_CODE} characters"
    return "a code, not a formula" if _FORMULA.match(text) else ""


def likest_code(text: str, known: Collection[str]) -> str:
    """A sentence that names the codes which `text` most likely stands for: one that looks the same, else those that differ in one sign."""
    same = sorted(each for each in known if each.translate(_ALIKE).upper() == text.translate(_ALIKE).upper())
    near = same or sorted(
        each for each in known if len(each) == len(text) and sum(a != b for a, b in zip(each, text, strict=True)) == 1
    )
    return f"Did you mean {' or '.join(repr(each) for each in near[:3])}?" if near else suggest(text, known)


def name(text: str) -> str:
    """What is expected instead of a name."""
    if "\n" in text or "\r" in text:
        return "a name on one line"
    if not text.isprintable():
        return "a name without signs that cannot be seen; type it again"
    if len(text) > _LONGEST_NAME:
        return f"a name of at most {_LONGEST_NAME} characters"
    return "a name, not a formula" if _FORMULA.match(text) else ""


def words(text: str) -> str:
    """What is expected instead of a text."""
    return "" if len(text) <= _LONGEST_TEXT else f"a text of at most {_LONGEST_TEXT:,} characters"


def parameter(text: str) -> str:
    """What is expected instead of the name of a parameter."""
    ok = text.count(".") == 1 and all(text.split(".")) and not code(text)
    return "" if ok else "topic.name, such as growth.registered"


def rating(text: str) -> str:
    """What is expected instead of a mark."""
    return "" if text in ("", *get_args(Rating)) else "red, amber or green"
