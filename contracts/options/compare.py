"""Options side by side: only where they differ, what each side expects to pay and to cost, and which terms differ.

A contract moves money between parties and cost stays where care is given, so the differences of an option add to
nothing over all organisations. The gap between what a provider expects its care to cost and what its commissioners
expect to pay for is the first thing to read: a contract signed over such a gap fails in its first year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from capitation.records.columns import ACTIVITY_CASE, CONTRACT, OPTION, ORGANISATION, PROVIDER, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from contracts.document.models import Contract
from contracts.options.document import ContractOption, ProviderGroup
from contracts.options.position import ROLES, Position


class OptionDifference(Schema):
    """By how much an organisation's position under an option differs from that under the base; rows without one are left out."""

    activity_case = ACTIVITY_CASE
    year = YEAR
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    option = OPTION.but(about="Contract option, other than the base")
    difference_pence = Column(pl.Int64, "pence", "Position under the option less position under the base")


class ExpectedGap(Schema):
    """What the two sides of a contract expect one provider to be paid and its care to cost, in a year under an option.

    Activity is as each side's case has it, without an answer to the contract, and without payments for quality.
    """

    option = OPTION
    year = YEAR
    provider_code = PROVIDER
    is_first_year = Column(pl.Boolean, "flag", "Whether it is the first year of the new contracts")
    commissioner_price_pence = Column(pl.Int64, "pence", "What the commissioners expect to pay")
    provider_price_pence = Column(pl.Int64, "pence", "What the provider expects to be paid")
    commissioner_cost_pence = Column(pl.Int64, "pence", "What the commissioners expect the care to cost")
    provider_cost_pence = Column(pl.Int64, "pence", "What the provider expects the care to cost")
    price_gap_pence = Column(
        pl.Int64, "pence", "What the provider expects to be paid beyond what is expected to be paid"
    )
    cost_gap_pence = Column(pl.Int64, "pence", "What the provider expects to spend beyond what commissioners expect")
    provider_shortfall_pence = Column(
        pl.Int64, "pence", "What the provider expects to spend beyond what it expects to be paid"
    )
    opening_gap_pence = Column(
        pl.Int64, "pence", "What the provider expects to spend beyond what the commissioners expect to pay"
    )


class OptionTerms(Schema):
    """The contract of a group of providers under an option; only groups whose contracts differ between options."""

    group = Column(pl.String, "id", "Group of providers", key=True)
    option = OPTION
    contract = CONTRACT.but(key=False)
    contract_title = Column(pl.String, "words", "Its title")
    pays = Column(pl.String, "words", "What it pays, payment by payment")


def option_differences(every: Frame[Position], base: str) -> Frame[OptionDifference]:
    """Differences of positions from the base option; organisations, years and cases without one are left out.

    Args:
        every: positions of every option.
        base: id of the option the others are compared with.
    """
    key = ["activity_case", "year", "role", "organisation_code"]
    against = every.filter(pl.col("option") == base).select(*key, base_pence="position_pence")
    rows = (
        every.filter(pl.col("option") != base)
        .join(against, on=key, how="left", validate="m:1")
        .with_columns((pl.col("position_pence") - pl.col("base_pence").fill_null(0)).alias("difference_pence"))
        .filter(pl.col("difference_pence") != 0)
    )
    return OptionDifference.validate(rows.select(*OptionDifference.columns()))


def expected_gaps(commissioner: pl.DataFrame, provider: pl.DataFrame, first_year: FinancialYear) -> Frame[ExpectedGap]:
    """What each side expects of every provider, year and option, and the gaps between them.

    Args:
        commissioner: option, year, provider_code, price_pence, cost_pence as the commissioners expect them.
        provider: the same as the providers expect them.
        first_year: first year of the new contracts.

    Example:
        Commissioners expect to pay £152m for care that costs £152m; the provider expects it to cost £182m: the
        opening gap is £30m, seen before signature and not in the eighth month.
    """
    key = ["option", "year", "provider_code"]
    both = commissioner.rename(
        {"price_pence": "commissioner_price_pence", "cost_pence": "commissioner_cost_pence"}
    ).join(
        provider.rename({"price_pence": "provider_price_pence", "cost_pence": "provider_cost_pence"}),
        on=key,
        how="full",
        coalesce=True,
        validate="1:1",
    )
    price, cost = pl.col("provider_price_pence"), pl.col("provider_cost_pence")
    return ExpectedGap.validate(
        both.with_columns(
            (pl.col("year") == str(first_year)).alias("is_first_year"),
            (price - pl.col("commissioner_price_pence")).alias("price_gap_pence"),
            (cost - pl.col("commissioner_cost_pence")).alias("cost_gap_pence"),
            (cost - price).alias("provider_shortfall_pence"),
            (cost - pl.col("commissioner_price_pence")).alias("opening_gap_pence"),
        )
    )


def option_terms(
    options: Sequence[ContractOption], groups: Sequence[ProviderGroup], contracts: Mapping[str, Contract]
) -> Frame[OptionTerms]:
    """The contracts of the groups that are contracted differently by different options.

    Args:
        options: the options.
        groups: groups of providers.
        contracts: contracts by the name that options use.
    """
    rows = []
    for group in groups:
        mine = {o.id: next(c.contract for c in o.contracts if group.id in c.groups) for o in options}
        if len(set(mine.values())) == 1:
            continue
        for option, name in mine.items():
            contract = contracts[name]
            pays = "; ".join(o.about or o.name for o in contract.outputs if o.payer is not None)
            rows.append((group.id, option, contract.id, contract.title, pays))
    return OptionTerms.validate(pl.DataFrame(rows, schema=OptionTerms.dtypes(), orient="row"))
