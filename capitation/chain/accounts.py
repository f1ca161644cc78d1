"""Accounts of organisations: income by source, cost, sustainability funding, and the position against the control total.

    income      from the system's commissioners (the run), specialised, others (the book), running costs, not published
    cost        income of the base year less its opening surplus, grown by its part of volume, price, drugs and specialised growth
    position    income + sustainability funding earned - cost;   a body meets its control total where position >= control total

Income from others costs what it earns and grows with prices, so it moves no position. What a hospital's printed size has beyond all
income that has a source is its own line, "not published".
"""

from __future__ import annotations

import polars as pl

from capitation.records.columns import ORGANISATION, YEAR
from capitation.records.frames import Column, Schema

ROLES = ("commissioner", "provider", "fund", "unshared")
"""What a line stands for: who holds an allocation, who gives care, the fund that is not earned, and what nobody can be shown to bear."""

INCOME = {
    "allocation": "Allocation",
    "running_costs": "Running cost allowance",
    "system": "From the commissioning groups of the system",
    "specialised": "From specialised commissioning",
    "other commissioners": "From commissioners of other systems",
    "education and training": "Education, training and services to others",
    "private and other": "Private patients and other income",
    "not_published": "Not published: left over from its printed size",
}
"""Sources of income, with their titles."""

ACCOUNT = {
    **INCOME,
    "planned_payments": "Planned payments to providers",
    "other_cost": "Other cost, and what is planned to be saved",
    "cost": "Cost of care",
    "sustainability": "Sustainability funding earned",
    "position": "Surplus, below nothing a deficit",
}
"""Lines of an account in order, with their titles."""


class OrganisationAccount(Schema):
    """One line of the account of one organisation in one year when nothing is done."""

    year = YEAR
    organisation_code = ORGANISATION
    role = Column(pl.String, "role", "What it is", one_of=ROLES)
    step = Column(pl.Int64, "order", "Place of the line in the account", key=True, ge=1)
    line = Column(pl.String, "id", "Line of the account", one_of=tuple(ACCOUNT))
    title = Column(pl.String, "words", "What the line is")
    amount_pence = Column(pl.Int64, "pence", "Income above nothing, cost below; on the last line the position")
    source = Column(pl.String, "words", "Where the line comes from")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The account adds up."""
        amount, last = pl.col("amount_pence"), pl.col("line") == "position"
        key = ["year", "organisation_code"]
        added, position = amount.filter(~last).sum().over(key), amount.filter(last).sum().over(key)
        return {"the lines of an account add to its position": added == position}


class OrganisationPosition(Schema):
    """Where one organisation stands in one year when nothing is done, against what it must reach."""

    year = YEAR
    organisation_code = ORGANISATION
    role = Column(pl.String, "role", "What it is", one_of=ROLES)
    income_pence = Column(pl.Int64, "pence", "Income from all sources, without sustainability funding")
    cost_pence = Column(pl.Int64, "pence", "Cost, of a commissioner what it plans to spend")
    sustainability_pence = Column(pl.Int64, "pence", "Sustainability funding earned")
    position_pence = Column(pl.Int64, "pence", "Surplus after funding, below nothing a deficit")
    control_total_pence = Column(
        pl.Int64, "pence", "Surplus that it must reach; empty where it has none", nullable=True
    )
    margin_pence = Column(pl.Int64, "pence", "Position less control total; below nothing it is missed", nullable=True)
    is_met = Column(pl.Boolean, "true or false", "Whether the control total is reached", nullable=True)
    control_total_source = Column(pl.String, "words", "What the control total rests on", nullable=True)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The position is what it says it is."""
        left = pl.col("income_pence") + pl.col("sustainability_pence") - pl.col("cost_pence")
        margin = pl.col("position_pence") - pl.col("control_total_pence")
        return {
            "position = income + funding - cost": pl.col("position_pence") == left,
            "margin = position - control total": pl.col("margin_pence").eq_missing(margin),
        }
