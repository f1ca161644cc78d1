"""Calibration: the sd of each locality's chance, such that a whole budget has cv / sqrt(persons).

    by person:          sd = cv / sqrt(n)
    by count and cost:  variance of a line = k x m c^2 (d + v), with m cases, c their cost, d variance over mean of the count,
                        v the squared cv of the cost; k is the same for all lines of a locality and makes their sum
                        (cv / sqrt(n) x plan)^2

Independent cases alone give about a fifth of the sd that whole budgets show; k is how many times their variance is needed,
because the same people come back and spend is not all counted. A line without figures varies by the pound as the others do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from capitation.chance.book import Book, book_faults
from capitation.chance.curves.normal import Floats
from capitation.chance.document import Chance
from capitation.errors import Faults, ScenarioError


@dataclass(frozen=True)
class Calibrated:
    """The sd of each locality's chance."""

    whole_sd: Floats
    """Sd of each locality's whole budget over its plan."""
    line_sd: Floats
    """Sd of each line over its own plan (a row a locality); one column where chance is by person."""
    cases_sd: Floats | None
    """Sd that independent cases alone would give each locality's whole budget."""
    times: Floats | None
    """How many times the variance of independent cases each locality's lines have."""


def calibrated(book: Book, chance: Chance) -> Calibrated:
    """The sd of every locality, by person or by its lines.

    Raises:
        ScenarioError: the plan contradicts itself, or cases alone vary more than the whole budget may.
    """
    faults = Faults()
    faults.extend(book_faults(book, chance))
    faults.raise_if_any(ScenarioError, f"the plan of {book.year} cannot be simulated")
    whole = float(chance.cv.value) / np.sqrt(book.persons)
    if not chance.lines or book.cases is None or book.case_pence is None:
        return Calibrated(whole, whole[:, None], None, None)
    money = book.line_share * book.plan_pence[:, None]
    variance, known = np.zeros_like(money), np.zeros(len(book.lines), dtype=bool)
    for each in chance.lines:
        at = book.lines.index(each.line)
        case = each.case
        variance[:, at] = book.cases[:, at] * book.case_pence[at] ** 2 * (each.clustering + (case.sd / case.mean) ** 2)
        known[at] = True
    by_pound = variance.sum(axis=1) / money[:, known].sum(axis=1)
    variance[:, ~known] = by_pound[:, None] * money[:, ~known]
    cases_sd = np.sqrt(variance.sum(axis=1)) / book.plan_pence
    times = (whole / cases_sd) ** 2
    for code, found, allowed in zip(book.localities, cases_sd, whole, strict=True):
        if found > allowed:
            faults.add(
                f"plan of {book.year}: {code}",
                f"cases that alone vary by {found:.2%}",
                f"at most {allowed:.2%}, which a cv of {chance.cv.value} gives",
                "Lower the dispersion or the spread of the cost, or raise the cv.",
            )
    faults.raise_if_any(ScenarioError, f"the chance of {book.year} cannot be calibrated")
    with np.errstate(divide="ignore", invalid="ignore"):
        line_sd = np.where(money > 0, np.sqrt(variance * times[:, None]) / money, 0.0)
    return Calibrated(whole, line_sd, cases_sd, times)
