"""Sustainability funding: income without cost, shared by income and earned condition by condition.

    offered to a body   = fund x its income from the system / that of all bodies with conditions
    offered by condition= offered x weight of the condition (finance .70, A&E .125, 18 weeks .125, cancer .05 in 2016/17)
    earned              = offered by condition where it is met; finance is the gate: without it nothing is earned

What is not earned stays with the fund, so that earned and unearned add to the fund in every year.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from capitation.chain.book import Condition, OrganisationBook
from capitation.errors import Faults, ScenarioError
from capitation.money.apportion import split
from capitation.pack.parameters import Parameters
from capitation.records.columns import ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

WEIGHTS: dict[Condition, str] = {
    "finance": "stf.finance_share",
    "ae": "stf.ae_share",
    "rtt": "stf.rtt_share",
    "cancer": "stf.cancer_share",
}
"""Parameter of the part of the fund that each condition earns."""
GATE: Condition = "finance"
"""The condition without which nothing is earned."""


class SustainabilityFund(Schema):
    """What one body is offered and earns of sustainability funding by one condition in one year."""

    year = YEAR
    organisation_code = ORGANISATION
    condition = Column(pl.String, "id", "What earns it", key=True, one_of=tuple(WEIGHTS))
    standard = Column(pl.Float64, "as the condition", "What must be reached")
    reached = Column(pl.Float64, "as the condition", "What was reached")
    is_met = Column(pl.Boolean, "true or false", "Whether it and the gate are met")
    offered_pence = Column(pl.Int64, "pence", "What the condition can earn", ge=0)
    earned_pence = Column(pl.Int64, "pence", "What it earns; the rest stays with the fund", ge=0)
    source = Column(pl.String, "words", "Where the result stands")


def sustainability_fund(
    book: OrganisationBook,
    funds: Mapping[FinancialYear, int],
    income: Mapping[tuple[str, str], int],
    parameters: Parameters,
) -> Frame[SustainabilityFund]:
    """Who is offered and who earns the fund of each year.

    Args:
        book: the standards and how bodies stood against them.
        funds: the fund by year, in pence.
        income: income from the system by year and body, in pence.
        parameters: weights of the conditions.

    Raises:
        ScenarioError: a fund and nobody who could earn it, or a body that lacks one of the conditions.

    Example:
        £100.00 offered to one body that meets all but the A&E standard earns £87.50; without its control total, nothing.
    """
    bodies = sorted({each.organisation for each in book.standards})
    stands = {(each.organisation, each.condition): each for each in book.standards}
    faults = Faults()
    if any(funds.values()) and not bodies:
        faults.add(
            f"book {book.id}: standards", "none", "the conditions of every body that sustainability funding goes to"
        )
    for body in bodies:
        for condition in WEIGHTS:
            if (body, condition) not in stands:
                faults.add(f"book {book.id}: standards", f"no {condition!r} of {body}", "every condition of every body")
    faults.raise_if_any(ScenarioError, f"book {book.id}: sustainability funding cannot be earned")
    rows: list[tuple[object, ...]] = []
    for year, fund in funds.items():
        if not fund:
            continue
        offers = split(fund, [income.get((str(year), body), 0) for body in bodies])
        weights = [parameters.value(name, year) for name in WEIGHTS.values()]
        for body, offered in zip(bodies, offers, strict=True):
            gate = stands[body, GATE].is_met
            for condition, part in zip(WEIGHTS, split(offered, weights), strict=True):
                each = stands[body, condition]
                met = gate and each.is_met
                rows.append(
                    (str(year), body, condition, float(each.standard), float(each.value), met, part,
                     part if met else 0, f"{each.source}: {each.where}")
                )  # fmt: skip
    return SustainabilityFund.validate(pl.DataFrame(rows, schema=SustainabilityFund.dtypes(), orient="row"))
