"""Small plans and uncertainties for the tests of chance, built by functions."""

import numpy as np

from capitation.chance.book import Book
from capitation.chance.document import Uncertainty
from capitation.records.years import FinancialYear


def figure(value, unit="share"):
    return {"value": value, "unit": unit, "source": "assumption", "where": "a test", "owner": "us", "quality": "green"}


def by_person(cv=3.68, shape="normal", **parts):
    """Uncertainty of whole budgets, with whatever other parts are given."""
    content = {"id": "small", "title": "Small", "about": "A test", "from": "2016/17"}
    return Uncertainty.model_validate({**content, "chance": {"cv": figure(cv), "shape": shape}, **parts})


def book(persons, pounds_a_head=1_500, year="2018/19"):
    """Localities of so many persons, all their spend in one line."""
    people = np.asarray(persons, dtype=float)
    codes = tuple(f"L{number:02d}" for number in range(len(people)))
    return Book(FinancialYear(year), codes, people, np.round(people * pounds_a_head * 100).astype(np.int64))


def by_line(persons, lines=10, cases_a_person=0.4, pounds_a_case=300.0):
    """Localities whose spend stands in several lines, each with cases of its own, and the uncertainty that goes with them."""
    people = np.asarray(persons, dtype=float)
    names = tuple(f"line-{number}" for number in range(lines))
    cases = np.repeat((people * cases_a_person)[:, None], lines, axis=1)
    cost = pounds_a_case * 100 * (1 + np.arange(lines) / lines)
    plan = (cases * cost).sum(axis=1)
    plans = Book(
        year=FinancialYear("2018/19"),
        localities=tuple(f"L{number:02d}" for number in range(len(people))),
        persons=people,
        plan_pence=np.round(plan).astype(np.int64),
        lines=names,
        line_share=cases * cost / plan[:, None],
        cases=cases,
        case_pence=cost,
    )
    each = [
        {"line": name, "counts": "negative-binomial", "dispersion": figure(1.5), "cost_cv_squared": figure(1.4)}
        for name in names
    ]
    shocks = [{"line": name, "sd": figure(0.01 + 0.002 * k)} for k, name in enumerate(names)]
    document = by_person(chance={"cv": figure(3.68), "lines": each}, shocks=shocks)
    return plans, document
